package mixin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

const opBilling = "read billing"

// Billing is an application's bill. Its amounts are in US dollars, decimals as Mixin
// writes them, such as "0.5". Sources: Mixin's bot-api-kotlin-client; for UserPrice
// its Node SDK.
type Billing struct {
	// Credit is what was paid in, Cost what was used of it.
	Credit Decimal     `json:"credit"`
	Cost   BillingCost `json:"cost"`
	// UserPrice is Config.UserPrice or, if that is "", the price that GET
	// /apps/property tells; "" where Mixin refuses to tell it.
	UserPrice Decimal `json:"user_price"`

	// Meta gives the bill the methods StatusCode, RequestID, Raw, which is the reply byte
	// for byte, and Warnings.
	*provider.Meta `json:"-"`
}

// BillingCost is what an application has used: by users that it made, and by the rest.
type BillingCost struct {
	Users     Decimal `json:"users"`
	Resources Decimal `json:"resources"`
}

// Billing reads the application's bill, by GET /safe/apps/{app_id}/billing, and the
// price of a user, by GET /apps/property unless Config.UserPrice is set. The client is
// the application's own. A reply in which an amount is missing, or is no plain decimal,
// is an error of KindProtocol. A price that Mixin refuses to tell is no failure, and is
// "". An error's Outcome says nothing of any user. Passing failures are tried again.
func (c *Client) Billing(ctx context.Context) (*Billing, error) {
	bill, failure := c.core.bill(ctx)
	if failure != nil {
		return nil, failure
	}
	if bill.UserPrice, failure = c.core.price(ctx); failure != nil && !refusesPrice(failure.Kind) {
		return nil, failure
	}
	return bill, nil
}

// refusesPrice: Mixin's Node SDK has the price for official applications alone.
func refusesPrice(kind userapi.Kind) bool {
	return kind == userapi.KindForbidden || kind == userapi.KindNotFound || kind == userapi.KindUnauthorized
}

// codeNoCredit is the Error.Code, ours, of a create that RequireCredit refuses.
const codeNoCredit = "insufficient_credit"

// errCredit holds no amounts: errors show none of an account's values.
var errCredit = errors.New("mixin: the application's credit does not cover what its users and resources have cost and the price of one more user")

// checkCredit is asked before a user is created, if Config.RequireCredit is set.
func (c *core) checkCredit(ctx context.Context) error {
	if !c.requireCredit {
		return nil
	}
	bill, failure := c.bill(ctx)
	if failure == nil {
		bill.UserPrice, failure = c.price(ctx)
	}
	if failure != nil {
		return provider.NotPrepared(ctx, Name, provider.OpCreate, failure)
	}
	if !bill.covers() {
		return &userapi.Error{
			Provider: Name, Op: provider.OpCreate, Kind: userapi.KindForbidden,
			Outcome: userapi.OutcomeNotSent, Code: codeNoCredit, Err: errCredit,
		}
	}
	return nil
}

// covers reports whether the credit is enough for one more user. All amounts have been
// checked.
func (b *Billing) covers() bool {
	sum := new(big.Rat)
	for _, amount := range [...]Decimal{b.Cost.Users, b.Cost.Resources, b.UserPrice} {
		r, _ := amountOf(amount)
		sum.Add(sum, r)
	}
	credit, _ := amountOf(b.Credit)
	return credit.Cmp(sum) >= 0
}

// maxAmount bounds the digits of an amount.
const maxAmount = 64

// amountOf returns the value of a plain decimal, zero and false for anything else.
func amountOf(d Decimal) (*big.Rat, bool) {
	text := strings.TrimPrefix(string(d), "-")
	whole, part, hasPart := strings.Cut(text, ".")
	isDigits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	if len(text) > maxAmount || !isDigits(whole) || hasPart && !isDigits(part) {
		return new(big.Rat), false
	}
	return new(big.Rat).SetString(string(d))
}

// isPrice reports whether an amount is one that is not negative.
func isPrice(d Decimal) bool {
	r, ok := amountOf(d)
	return ok && r.Sign() >= 0
}

var (
	errNoBill   = errors.New("mixin: the reply holds no bill with each amount as a decimal")
	errOtherApp = errors.New("mixin: the reply holds the bill of another application")
	errNoPrice  = errors.New("mixin: the reply holds no price as a decimal")
)

func (c *core) bill(ctx context.Context) (*Billing, *userapi.Error) {
	bill := &Billing{}
	failure := c.read(ctx, "/safe/apps/{app_id}/billing", "/safe/apps/"+c.auth.userID+"/billing", func(data json.RawMessage, meta *provider.Meta) error {
		var reply struct {
			AppID wire.Text `json:"app_id"`
			*Billing
		}
		reply.Billing = bill
		bill.Meta = meta
		if json.Unmarshal(data, &reply) != nil {
			return errNoBill
		}
		// Credit alone may be negative.
		if _, ok := amountOf(bill.Credit); !ok || !isPrice(bill.Cost.Users) || !isPrice(bill.Cost.Resources) {
			return errNoBill
		}
		if reply.AppID != "" && !strings.EqualFold(string(reply.AppID), c.auth.userID) {
			return errOtherApp
		}
		return nil
	})
	bill.UserPrice = ""
	return bill, failure
}

func (c *core) price(ctx context.Context) (Decimal, *userapi.Error) {
	if c.userPrice != "" {
		return c.userPrice, nil
	}
	var reply struct {
		Price Decimal `json:"price"`
	}
	failure := c.read(ctx, "/apps/property", "/apps/property", func(data json.RawMessage, _ *provider.Meta) error {
		if json.Unmarshal(data, &reply) != nil || !isPrice(reply.Price) {
			return errNoPrice
		}
		return nil
	})
	if failure != nil {
		return "", failure
	}
	return reply.Price, nil
}

// read gets what decode finds under "data" in a reply.
func (c *core) read(ctx context.Context, route, path string, decode func(json.RawMessage, *provider.Meta) error) *userapi.Error {
	attempt := &attempt{auth: c.auth, call: transport.Call{
		Operation: opBilling, Route: route,
		Method: http.MethodGet, Path: path, Repeatable: true,
	}}
	attempt.call.Sign, attempt.call.Classify = attempt.sign, provider.Repeatable(attempt.classify, saysAbsent)
	res := c.http.Do(ctx, &attempt.call)
	var warnings []string
	res.RequestID, warnings = attempt.requestID(res)
	if !res.OK {
		return notOfUsers(newError(opBilling, res, attempt.mask()))
	}
	var reply struct {
		Data   json.RawMessage `json:"data"`
		Errors json.RawMessage `json:"errors"`
	}
	bad := res.Reply.ReadErr
	switch {
	case bad != nil:
	case errorMember(res.Reply.Body) != nil:
		bad = fmt.Errorf("%w: %w", errErrorInSuccess, decodeError(res.Reply.Status, res.Reply.Header, res.Reply.Body))
	case json.Unmarshal(res.Reply.Body, &reply) != nil || !bytes.HasPrefix(bytes.TrimSpace(reply.Data), []byte("{")):
		bad = errNoData
	case wire.HasValue(reply.Errors):
		bad = errErrorInSuccess
	default:
		bad = decode(reply.Data, provider.NewMeta(res, warnings...))
	}
	if bad != nil {
		return notOfUsers(provider.MalformedSuccess(Name, opBilling, res, attempt.mask(), bad, nil))
	}
	return nil
}

var errNoData = errors.New("mixin: the reply is no JSON object with data in it")

// notOfUsers gives a failed read the outcome that it shows of any user: none. What was
// refused here was not sent.
func notOfUsers(e *userapi.Error) *userapi.Error {
	e.Subject = userapi.SubjectNone
	if e.Attempts > 0 {
		e.Outcome = userapi.OutcomeUnknown
	}
	return e
}
