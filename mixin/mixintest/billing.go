package mixintest

import (
	"errors"
	"math/big"
	"regexp"
	"strings"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

const (
	// defaultPrice is the price of a user in Mixin's docs, "Create Network Users".
	defaultPrice = "0.5"
	// plenty is the default credit, without WithCredit.
	plenty = 1_000_000
)

var decimal = regexp.MustCompile(`^[0-9]{1,20}(\.[0-9]{1,20})?$`)

// parsePrice parses a non-negative decimal.
func parsePrice(text string) (*big.Rat, error) {
	price, ok := new(big.Rat).SetString(text)
	if !ok || !decimal.MatchString(text) {
		return nil, errors.New(`the price must be a decimal, such as "0.5"`)
	}
	return price, nil
}

// times returns n times a price, without trailing zeros.
func times(price *big.Rat, n int) string {
	amount := new(big.Rat).Mul(price, new(big.Rat).SetInt64(int64(n)))
	digits, exact := amount.FloatPrec()
	if !exact {
		panic("mixintest: a decimal times a number is a decimal")
	}
	return amount.FloatString(digits)
}

// billing shows the application's payments and costs. The credit stays the same, and the cost
// grows. Source: Mixin's Kotlin client.
func (s *Server) billing(r *fakehttp.Request, by session) (any, *apiError) {
	if !by.application || by.limited || !strings.EqualFold(r.PathValue("id"), by.userID) {
		return nil, errForbidden
	}
	type cost struct {
		Users     string `json:"users"`
		Resources string `json:"resources"`
	}
	users, credit := s.store.bill()
	return struct {
		AppID  string `json:"app_id"`
		Cost   cost   `json:"cost"`
		Credit string `json:"credit"`
	}{by.userID, cost{users, "0"}, credit}, nil
}

// bill returns the users' cost and the credit.
func (s *store) bill() (users, credit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if users = times(s.price, len(s.order)); s.credit == nil {
		return users, times(big.NewRat(1, 1), plenty)
	}
	return users, times(s.price, *s.credit)
}

// property returns the price, only to an official application. Source: Mixin's Node SDK, where
// count is the number of applications.
func (s *Server) property(_ *fakehttp.Request, by session) (any, *apiError) {
	switch {
	case !by.application || by.limited:
		return nil, errForbidden
	case !s.official:
		return nil, errForbidden.because("the price is shown to official applications alone: WithOfficialApp")
	}
	return struct {
		Count int    `json:"count"`
		Price string `json:"price"`
	}{1, times(s.store.price, 1)}, nil
}
