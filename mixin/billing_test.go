package mixin

import (
	"context"
	"crypto"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// bill returns a reply in the form of Mixin's Kotlin client.
func bill(credit, users, resources string) string {
	return `{"data":{"type":"billing","app_id":"` + newUserID + `","cost":{"users":` + users + `,"resources":` + resources + `},"credit":` + credit + `}}`
}

// billed answers the requests of a create with RequireCredit.
func billed(billing, create string) func(int, *http.Request) (*http.Response, error) {
	return func(n int, r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/users" {
			return answering(200, create)(n, r)
		}
		return answering(200, billing)(n, r)
	}
}

func paths(got *[]sent) string {
	var all []string
	for _, in := range *got {
		all = append(all, in.method+" "+in.uri)
	}
	return strings.Join(all, ", ")
}

const (
	billPath   = "GET /safe/apps/" + newUserID + "/billing"
	createPath = "POST /users"
	madeUser   = `{"data":{"user_id":"06aed1e3-bd77-4a59-991a-5bb5ae6fbb09"}}`
)

func TestBilling(t *testing.T) {
	t.Parallel()
	reply := bill(`"100.25"`, `"12.5"`, `0`)
	c, got := userClient(t, nil, billed(reply, ""))
	b, err := c.Billing(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Decimal("100.25"), b.Credit)
	assert.Equal(t, BillingCost{Users: "12.5", Resources: "0"}, b.Cost)
	assert.Equal(t, Decimal("0.5"), b.UserPrice)
	assert.Equal(t, reply, string(b.Raw()))
	assert.Equal(t, 200, b.StatusCode())
	assert.Equal(t, (*got)[0].header.Get("X-Request-Id"), b.RequestID())
	assert.Equal(t, billPath, paths(got), "the price is not asked for")

	c, got = userClient(t, func(cfg *Config) { cfg.UserPrice = "0.75" }, billed(reply, ""))
	b, err = c.Billing(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Decimal("0.75"), b.UserPrice)
	assert.Equal(t, billPath, paths(got))
}

func TestBillingFails(t *testing.T) {
	t.Parallel()
	good := bill(`"1"`, `"0"`, `"0"`)
	for name, tt := range map[string]struct {
		billing string
		kind    userapi.Kind
		calls   int
	}{
		"403":                 {`{"error":{"status":202,"code":403}}`, userapi.KindForbidden, 1},
		"500":                 {`{"error":{"status":500,"code":500}}`, userapi.KindUnavailable, 4},
		"an error, no code":   {strings.Replace(good, `{"data"`, `{"error":"x","data"`, 1), userapi.KindProtocol, 1},
		"nothing":             {`{}`, userapi.KindProtocol, 1},
		"a list":              {`{"data":[]}`, userapi.KindProtocol, 1},
		"a page":              {`<html>`, userapi.KindProtocol, 1},
		"no credit":           {`{"data":{"cost":{"users":"1","resources":"1"}}}`, userapi.KindProtocol, 1},
		"no cost":             {`{"data":{"credit":"1"}}`, userapi.KindProtocol, 1},
		"a cost of a text":    {`{"data":{"credit":"1","cost":"1"}}`, userapi.KindProtocol, 1},
		"no number":           {bill(`"much"`, `"0"`, `"0"`), userapi.KindProtocol, 1},
		"an exponent":         {bill(`1e999999999`, `"0"`, `"0"`), userapi.KindProtocol, 1},
		"a fraction":          {bill(`"1/3"`, `"0"`, `"0"`), userapi.KindProtocol, 1},
		"null":                {bill(`null`, `"0"`, `"0"`), userapi.KindProtocol, 1},
		"too long":            {bill(`"`+strings.Repeat("9", 65)+`"`, `"0"`, `"0"`), userapi.KindProtocol, 1},
		"another application": {strings.Replace(good, newUserID, testUserID, 1), userapi.KindProtocol, 1},
		"errors twice":        {strings.Replace(good, `{"data"`, `{"errors":["x"],"errors":[],"data"`, 1), userapi.KindProtocol, 1},
		"data twice":          {strings.Replace(good, `{"data"`, `{"data":{"credit":"1","cost":{"users":"0","resources":"0"}},"data"`, 1), userapi.KindProtocol, 1},
		"credit twice":        {`{"data":{"credit":"0","cost":{"users":"0","resources":"0"},"credit":"9"}}`, userapi.KindProtocol, 1},
		"cost twice":          {`{"data":{"credit":"1","cost":{"users":"9","resources":"9"},"cost":{"users":"0","resources":"0"}}}`, userapi.KindProtocol, 1},
		"users twice":         {`{"data":{"credit":"1","cost":{"users":"9","resources":"0","users":"0"}}}`, userapi.KindProtocol, 1},
		"resources twice":     {`{"data":{"credit":"1","cost":{"users":"0","resources":"9","resources":"0"}}}`, userapi.KindProtocol, 1},
		"DATA":                {strings.Replace(good, `"data"`, `"DATA"`, 1), userapi.KindProtocol, 1},
		"CREDIT":              {`{"data":{"CREDIT":"1","cost":{"users":"0","resources":"0"}}}`, userapi.KindProtocol, 1},
		"Cost":                {`{"data":{"credit":"1","Cost":{"users":"0","resources":"0"}}}`, userapi.KindProtocol, 1},
		"uſers":               {`{"data":{"credit":"1","cost":{"uſers":"0","resources":"0"}}}`, userapi.KindProtocol, 1},
		"RESOURCES":           {`{"data":{"credit":"1","cost":{"users":"0","RESOURCES":"0"}}}`, userapi.KindProtocol, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, got := userClient(t, nil, billed(tt.billing, ""))
			b, err := c.Billing(t.Context())
			assert.Nil(t, b)
			e := asError(t, err)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
			assert.Equal(t, "read billing", e.Op)
			assert.Len(t, *got, tt.calls)

			// A create does not use a bill that could not be parsed.
			c, got = userClient(t, func(cfg *Config) { cfg.RequireCredit = true }, billed(tt.billing, madeUser))
			_, err = c.Users.Create(t.Context(), CreateUserRequest{SessionSecret: readVectors(t).Keys.Ed25519.SessionSecret})
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Equal(t, "create user", e.Op)
			assert.Contains(t, e.Error(), "read billing", "the text says what could not be read")
			assert.Len(t, *got, tt.calls)
		})
	}
	// A member with another spelling is another member.
	c, _ := userClient(t, nil, billed(`{"data":{"credit":"1","CREDIT":"9","cost":{"users":"0","Users":"5","resources":"0"},"App_ID":"x"}}`, ""))
	b, err := c.Billing(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []Decimal{"1", "0", "0.5"}, []Decimal{b.Credit, b.Cost.Users, b.UserPrice})

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, got := userClient(t, nil, billed(good, ""))
	_, err = c.Billing(ctx)
	e := asError(t, err)
	assert.Equal(t, userapi.KindCanceled, e.Kind)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	assert.Empty(t, *got)
}

// TestNegativeCostIsNoBill: a negative cost does not raise the credit.
func TestNegativeCostIsNoBill(t *testing.T) {
	t.Parallel()
	for _, costs := range [][2]string{{`"-100"`, `"0"`}, {`"0"`, `"-100"`}} {
		c, got := userClient(t, func(cfg *Config) { cfg.RequireCredit = true }, billed(bill(`"0"`, costs[0], costs[1]), madeUser))
		_, err := c.Users.Create(t.Context(), CreateUserRequest{SessionSecret: readVectors(t).Keys.Ed25519.SessionSecret})
		require.ErrorIs(t, err, userapi.ErrProtocol)
		assert.False(t, userapi.MayHaveCreated(err))
		for _, in := range *got {
			assert.Equal(t, "GET", in.method)
		}
	}
}

// TestRequireCredit: the comparison is exact, and comes before a key is made.
func TestRequireCredit(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		credit, users, resources string
		price                    Decimal
		creates                  bool
	}{
		"enough":             {`"100"`, `"1"`, `"2.5"`, "", true},
		"to the cent":        {`"0.8"`, `"0.1"`, `"0.2"`, "", true}, // 0.1+0.2 is exactly 0.3
		"a hair too little":  {`"0.79999999999999999999"`, `"0.1"`, `"0.2"`, "", false},
		"nothing":            {`"0"`, `"0"`, `"0"`, "", false},
		"free":               {`"0"`, `"0"`, `"0"`, "0", true},
		"in debt":            {`"-1"`, `"0"`, `"0"`, "", false},
		"by the given price": {`"1"`, `"0"`, `"0"`, "1.01", false},
		"numbers for texts":  {`1`, `0`, `0.5`, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			c, got := userClient(t, func(cfg *Config) {
				cfg.RequireCredit, cfg.UserPrice = true, tt.price
				cfg.SessionKeys = countKeys{&asked, readVectors(t).key(t, "ed25519")}
			}, billed(bill(tt.credit, tt.users, tt.resources), madeUser))
			want := billPath
			if tt.creates {
				want += ", " + createPath
			}
			native := CreateUserRequest{SessionSecret: readVectors(t).Keys.Ed25519.SessionSecret}
			for portable, create := range map[bool]func() error{
				true: func() error {
					_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "Bot User"})
					return err
				},
				false: func() error { _, err := c.Users.Create(t.Context(), native); return err },
			} {
				*got = nil
				err := create()
				assert.Equal(t, want, paths(got), portable)
				if tt.creates {
					require.NoError(t, err)
					continue
				}
				e := asError(t, err)
				assert.Equal(t, userapi.KindForbidden, e.Kind)
				assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
				assert.Equal(t, "create user", e.Op)
				assert.False(t, userapi.MayHaveCreated(err))
			}
			if tt.creates {
				assert.Equal(t, 1, asked)
			} else {
				assert.Zero(t, asked, "a key was made for nobody")
			}
			require.NoError(t, c.PreflightUser(userapi.CreateUserRequest{FullName: "Bot User"}))
		})
	}
}

type countKeys struct {
	asked *int
	key   crypto.Signer
}

func (k countKeys) SessionKey(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
	*k.asked++
	return k.key, nil
}

func TestUserPriceFaults(t *testing.T) {
	t.Parallel()
	for _, bad := range []Decimal{"-1", "x", "1e3", "1.", ".5", "0x1", "1/2", " 1", "+1", "1_0"} {
		_, err := New(Config{Keystore: Keystore{UserID: testUserID, SessionID: testSessionID, PrivateKey: readVectors(t).key(t, "ed25519")}, UserPrice: bad})
		requireLocal(t, err, "new client", "Config.UserPrice")
	}
}
