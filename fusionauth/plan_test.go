package fusionauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

// fullPlan sets every secret, with texts that JSON must escape.
func fullPlan() userapi.CreateUserRequest {
	req := fullRequest()
	req.Password = `<pass> & "wörd" \ 7!`
	req.FullName = "Jane <Q.> & Dœ\u2028"
	req.Attributes["html"] = "<b>&"
	req.Extensions = []userapi.Extension{&fusionauth.Extra{
		TwoFactor: fusionauth.TwoFactor{
			Methods: []fusionauth.TwoFactorMethod{
				{Method: fusionauth.TwoFactorAuthenticator, Secret: "<otp-secret>"}, {Method: fusionauth.TwoFactorEmail, Email: new("j@example.com")},
			},
			RecoveryCodes: []userapi.Secret{"<code-1>", "<code-2>"},
		},
		VerificationIDs: []userapi.Secret{"<verification>"}, Factor: new(0),
	}}
	return req
}

func TestPlanIsWhatIsSent(t *testing.T) {
	t.Parallel()
	// The rate limit allows only one request, and the plan does not use it.
	c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.HTTP.RateLimit = userapi.RateLimit{PerSecond: 1e-6, Burst: 1} })
	got := reply(mock, 200, `{"user":{"id":"{id}"}}`)
	req := fullPlan()
	plan, err := c.PlanUser(req)
	require.NoError(t, err)
	assert.Zero(t, mock.GetTotalCallCount())
	assert.Equal(t, http.MethodPost, plan.Method)
	assert.Equal(t, "/api/user/"+customerID, plan.Route)
	assert.Equal(t, customerID, plan.UserID)
	assert.Empty(t, plan.Next)
	assert.True(t, string(plan.Body) == `{"user":{"preferredLanguages":["es_MX"],"data":{"big":9007199254740993,"exact":1.10,"html":"\u003cb\u003e\u0026","plan":"gold"},`+
		`"email":"Jane@Example.com","firstName":"Jane","fullName":"Jane \u003cQ.\u003e \u0026 Dœ\u2028","lastName":"Doe","mobilePhone":"+13035551212",`+
		`"timezone":"America/Denver","factor":0,"username":"Jane",`+
		`"twoFactor":{"methods":[{"method":"authenticator","secret":"[REDACTED]"},{"email":"j@example.com","method":"email"}],`+
		`"recoveryCodes":["[REDACTED]","[REDACTED]"]},"password":"[REDACTED]"},"verificationIds":["[REDACTED]"]}`, "the plan is not as expected")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	u, err := c.CreateUser(ctx, req)
	require.NoError(t, err)
	assert.Equal(t, u.ID, plan.UserID)
	assert.Equal(t, got.path, plan.Route)
	assert.Equal(t, u.Unmapped, plan.Unmapped)
	sent := string(got.body)
	for _, secret := range []string{req.Password.Reveal(), "<otp-secret>", "<code-1>", "<code-2>", "<verification>"} {
		quoted, err := json.Marshal(secret)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(sent, string(quoted)))
		sent = strings.Replace(sent, string(quoted), `"[REDACTED]"`, 1)
	}
	assert.True(t, sent == string(plan.Body), "the plan is not what is sent")
}

func TestPlannedID(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*userapi.CreateUserRequest)
		tenant string
		want   string // "" for a random id
	}{
		"none":            {func(*userapi.CreateUserRequest) {}, "", ""},
		"external id":     {func(r *userapi.CreateUserRequest) { r.ExternalID, r.IdempotencyKey = "customer-42", "key" }, "", customerID},
		"external UUID":   {func(r *userapi.CreateUserRequest) { r.ExternalID = strings.ToUpper(userID) }, "", userID},
		"idempotency key": {func(r *userapi.CreateUserRequest) { r.IdempotencyKey = userID }, tenantA, userID},
		"Extra's": {func(r *userapi.CreateUserRequest) {
			r.ExternalID, r.Extensions = "customer-42", []userapi.Extension{fusionauth.Extra{UserID: strings.ToUpper(userID), TenantID: tenantB}}
		}, tenantA, userID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.TenantID = tt.tenant })
			got := reply(mock, 200, `{"user":{"id":"{id}"}}`)
			req := userapi.CreateUserRequest{Email: "jane@example.com", Password: password}
			tt.change(&req)
			plan, err := c.PlanUser(req)
			require.NoError(t, err)
			u, err := c.CreateUser(t.Context(), req)
			require.NoError(t, err)
			assert.Equal(t, u.Unmapped, plan.Unmapped)
			assert.Equal(t, tt.want, plan.UserID)
			if tt.want == "" {
				assert.Equal(t, "/api/user/{userId}", plan.Route)
				return
			}
			assert.Equal(t, u.ID, plan.UserID)
			assert.Equal(t, got.path, plan.Route)
		})
	}
}

// A fickle can be encoded only this many times.
type fickle struct{ times int }

func (f *fickle) MarshalJSON() ([]byte, error) {
	if f.times--; f.times < 0 {
		return nil, errors.New("no more")
	}
	return []byte("1"), nil
}

func TestPlanOfWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	for _, req := range []userapi.CreateUserRequest{
		{ExternalID: "customer-42"},
		{Email: "jane@example.com", Password: userapi.Redacted, Language: "-?"},
		{Email: "jane@example.com", Password: password, Tags: []string{"a"}, Strict: true},
		{Email: "jane@example.com", Password: password, Extensions: []userapi.Extension{fusionauth.Extra{VerificationIDs: []userapi.Secret{"\xff"}}}},
	} {
		plan, err := c.PlanUser(req)
		assert.Equal(t, userapi.Plan{}, plan)
		assert.Equal(t, c.PreflightUser(req), err)
		e := asError(t, err)
		assert.Equal(t, userapi.KindInvalid, e.Kind)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	}
	for times := range 3 {
		plan, err := c.PlanUser(userapi.CreateUserRequest{
			ExternalID: "customer-42", Email: "jane@example.com", Password: password, Attributes: map[string]any{"a": &fickle{times}},
		})
		assert.Equal(t, userapi.Plan{}, plan)
		e := asError(t, err)
		assert.Equal(t, userapi.KindInvalid, e.Kind)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
		assert.Equal(t, customerID, e.UserID)
	}
	assert.Zero(t, mock.GetTotalCallCount())
}
