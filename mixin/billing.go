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
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

const opBilling = "read billing"

// Billing is an application's bill. Amounts are in US dollars, decimals as Mixin writes them,
// such as "0.5". Sources: Mixin's bot-api-kotlin-client; for UserPrice its Node SDK.
type Billing struct {
	// Credit is what was paid in, Cost what was used of it.
	Credit Decimal     `json:"credit"`
	Cost   BillingCost `json:"cost"`
	// UserPrice is Config.UserPrice or, if that is "", the price of GET /apps/property; ""
	// where Mixin refuses to show it.
	UserPrice Decimal `json:"user_price"`

	meta provider.Meta
}

// StatusCode returns the reply's HTTP status; 0 for a value that no call returned.
func (b *Billing) StatusCode() int { return b.meta.StatusCode() }

// RequestID returns the reply's X-Request-Id or, where it has none, the one that was sent.
func (b *Billing) RequestID() string { return b.meta.RequestID() }

// Raw returns the reply byte for byte.
func (b *Billing) Raw() json.RawMessage { return b.meta.Raw() }

// Warnings returns oddities of the reply that are not failures.
func (b *Billing) Warnings() []string { return b.meta.Warnings() }

// BillingCost is what an application has used: by its users, and by the rest.
type BillingCost struct {
	Users     Decimal `json:"users"`
	Resources Decimal `json:"resources"`
}

// Billing reads the application's bill, by GET /safe/apps/{app_id}/billing, and the price of a
// user, by GET /apps/property unless Config.UserPrice is set. The client is the application's
// own. A reply in which an amount is missing, or not a plain decimal, is an error of
// KindProtocol. A price that Mixin refuses to show is "", without an error. An error's Outcome
// says nothing of any user. Passing failures are tried again.
func (c *Client) Billing(ctx context.Context) (*Billing, error) {
	bill, err := c.core.bill(ctx)
	if err != nil {
		return nil, err
	}
	// Mixin's Node SDK has the price for official applications alone.
	bill.UserPrice, err = c.core.price(ctx)
	if err != nil && !errors.Is(err, userapi.ErrForbidden) && !errors.Is(err, userapi.ErrNotFound) && !errors.Is(err, userapi.ErrUnauthorized) {
		return nil, err
	}
	return bill, nil
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
	bill, err := c.bill(ctx)
	if err == nil {
		bill.UserPrice, err = c.price(ctx)
	}
	if err != nil {
		return provider.NotPrepared(ctx, Name, provider.OpCreate, err)
	}
	if !bill.covers() {
		return &userapi.Error{
			Provider: Name, Op: provider.OpCreate, Kind: userapi.KindForbidden,
			Outcome: userapi.OutcomeNotSent, Code: codeNoCredit, Err: errCredit,
		}
	}
	return nil
}

// covers reports whether the credit is enough for one more user. All amounts are decimals.
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

func (c *core) bill(ctx context.Context) (*Billing, error) {
	var reply struct {
		AppID lenient.Text `json:"app_id"`
		Billing
	}
	path := "/safe/apps/" + c.auth.userID + "/billing"
	err := c.read(ctx, "/safe/apps/{app_id}/billing", path, func(data json.RawMessage, meta provider.Meta) error {
		bad := json.Unmarshal(data, &reply)
		reply.meta = meta
		// Credit alone may be negative.
		if _, ok := amountOf(reply.Credit); bad != nil || !ok || !isPrice(reply.Cost.Users) || !isPrice(reply.Cost.Resources) {
			return errNoBill
		}
		if reply.AppID != "" && !strings.EqualFold(string(reply.AppID), c.auth.userID) {
			return errOtherApp
		}
		return nil
	})
	reply.UserPrice = ""
	return &reply.Billing, err
}

func (c *core) price(ctx context.Context) (Decimal, error) {
	if c.userPrice != "" {
		return c.userPrice, nil
	}
	var reply struct {
		Price Decimal `json:"price"`
	}
	err := c.read(ctx, "/apps/property", "/apps/property", func(data json.RawMessage, _ provider.Meta) error {
		if json.Unmarshal(data, &reply) != nil || !isPrice(reply.Price) {
			reply.Price = ""
			return errNoPrice
		}
		return nil
	})
	return reply.Price, err
}

// read gets what decode finds under "data" in a reply.
func (c *core) read(ctx context.Context, route, path string, decode func(json.RawMessage, provider.Meta) error) error {
	call := &provider.Call{Call: transport.Call{
		Operation: opBilling, Route: route, Method: http.MethodGet, Path: path, Repeatable: true,
	}}
	_, err := provider.Read(ctx, c.Vendor, call, &dataReply{decode: decode}, nil)
	if e, ok := err.(*userapi.Error); ok {
		e.Subject = userapi.SubjectNone
		if e.Attempts > 0 {
			e.Outcome = userapi.OutcomeUnknown
		}
	}
	return err
}

// A dataReply is a reply whose "data" decode reads.
type dataReply struct {
	decode func(json.RawMessage, provider.Meta) error
}

// Receive reads the data, for provider.Reply.
func (r *dataReply) Receive(from *transport.Reply, m provider.Meta) error {
	var in struct {
		Data   json.RawMessage `json:"data"`
		Errors json.RawMessage `json:"errors"`
	}
	switch {
	case errorMember(from.Body) != nil:
		return fmt.Errorf("%w: %w", provider.ErrErrorInSuccess, decodeError(from.Status, from.Header, from.Body))
	case json.Unmarshal(from.Body, &in) != nil || !bytes.HasPrefix(bytes.TrimSpace(in.Data), []byte("{")):
		return errNoData
	case provider.HasContent(in.Errors):
		return provider.ErrErrorInSuccess
	}
	return r.decode(in.Data, m)
}

// Neutral returns nil: a bill is not a user.
func (r *dataReply) Neutral() *userapi.User { return nil }

var errNoData = errors.New("mixin: the reply is not a JSON object with data in it")
