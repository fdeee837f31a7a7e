package mixin

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

const opBilling = "read billing"

// DefaultUserPrice is what a user costs in US dollars (Mixin's docs, "Create Network
// Users", of 2025-09-30). Config.UserPrice overrides it. GET /apps/property is not
// used: it is for official applications, and returns the price of one more application
// (Mixin's Node SDK).
const DefaultUserPrice Decimal = "0.5"

// Billing is an application's bill. Amounts are in US dollars, decimals as Mixin writes them,
// such as "0.5". Source: Mixin's bot-api-kotlin-client.
type Billing struct {
	// Credit is what was paid in, Cost what was used of it.
	Credit Decimal     `json:"credit"`
	Cost   BillingCost `json:"cost"`
	// UserPrice is Config.UserPrice or, without it, DefaultUserPrice.
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

// Billing reads the application's bill, by GET /safe/apps/{app_id}/billing. The client
// is the application's own. A reply in which an amount is missing, or not a plain
// decimal, is an error of KindProtocol. An error's Outcome is not about a user.
// Temporary failures are retried.
func (c *Client) Billing(ctx context.Context) (*Billing, error) { return c.core.bill(ctx) }

// codeNoCredit is the Error.Code, ours, of a create that RequireCredit refuses.
const codeNoCredit = "insufficient_credit"

// errCredit holds no amounts: errors show none of an account's values.
var errCredit = errors.New("mixin: the application's credit does not cover what its users and resources have cost and the price of one more user")

// checkCredit refuses a create that the credit does not cover, if Config.RequireCredit is set.
func (c *core) checkCredit(ctx context.Context) error {
	if !c.requireCredit {
		return nil
	}
	bill, err := c.bill(ctx)
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

// isPrice reports whether an amount is a decimal that is not negative.
func isPrice(d Decimal) bool {
	r, ok := amountOf(d)
	return ok && r.Sign() >= 0
}

var (
	errNoBill   = errors.New("mixin: the reply has no bill with each amount as a decimal")
	errOtherApp = errors.New("mixin: the reply has the bill of another application")
)

func (c *core) bill(ctx context.Context) (*Billing, error) {
	type data struct {
		AppID  lenient.Text    `json:"app_id"`
		Credit Decimal         `json:"credit"`
		Cost   json.RawMessage `json:"cost"`
	}
	bill := &Billing{UserPrice: c.userPrice}
	call := &provider.Call{Call: transport.Call{
		Operation: opBilling, Route: "/safe/apps/{app_id}/billing", Method: http.MethodGet, Path: "/safe/apps/" + c.auth.userID + "/billing",
	}}
	r, err := read(ctx, c, call, []string{"app_id", "credit", "cost"}, func(in *data) error {
		bill.Credit = in.Credit
		bad := wire.Decode(in.Cost, &bill.Cost, wire.Path{Names: []string{"users", "resources"}})
		// Credit alone may be negative.
		if _, ok := amountOf(bill.Credit); bad != nil || !ok || !isPrice(bill.Cost.Users) || !isPrice(bill.Cost.Resources) {
			return errNoBill
		}
		if in.AppID != "" && !strings.EqualFold(string(in.AppID), c.auth.userID) {
			return errOtherApp
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	bill.meta = r.meta
	return bill, nil
}

// read gets a reply whose data passes a check. An error is not about a user.
func read[T any](ctx context.Context, c *core, call *provider.Call, believed []string, check func(*T) error) (*dataReply[T], error) {
	call.Repeatable = true
	accept := func(r *dataReply[T], _ *transport.Result) error { return check(&r.data) }
	r, err := provider.Read(ctx, c.Vendor, call, &dataReply[T]{believed: believed}, accept)
	if e, ok := err.(*userapi.Error); ok {
		e.Subject = userapi.SubjectNone
		if e.Attempts > 0 {
			e.Outcome = userapi.OutcomeUnknown
		}
	}
	return r, err
}
