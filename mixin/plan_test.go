package mixin_test

import (
	"context"
	"crypto"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
)

// mustNotAsk is a Config.SessionKeys that fails the test until it may be asked.
func mustNotAsk(t *testing.T, may *bool) mixin.SessionKeys {
	return sessionKeys(func(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
		assert.True(t, *may, "a plan asks for a session key")
		return userKey(), nil
	})
}

func TestPlanIsWhatIsSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*userapi.CreateUserRequest)
		golden string
	}{
		"Extra.SessionKey":   {func(*userapi.CreateUserRequest) {}, `{"full_name":"Böt \u003cUser\u003e \u0026 \"co\"\u2028","session_secret":"[REDACTED]"}`},
		"Config.SessionKeys": {func(r *userapi.CreateUserRequest) { r.Extensions = nil }, `{"full_name":"Böt \u003cUser\u003e \u0026 \"co\"\u2028","session_secret":"[REDACTED]"}`},
		"no name":            {func(r *userapi.CreateUserRequest) { r.FullName, r.GivenName, r.FamilyName = "", "", "" }, `{"session_secret":"[REDACTED]"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mock, may := httpmock.NewMockTransport(), false
			cfg := config(mock)
			cfg.SessionKeys = mustNotAsk(t, &may)
			// One request is all that the rate limit allows: the plan takes none of it.
			cfg.HTTP.RateLimit = userapi.RateLimit{PerSecond: 1e-6, Burst: 1}
			c := clientOf(t, cfg)
			got := answer(mock, usersURL, 200, testdata(t, "create_user_response.json"))
			req := full()
			req.FullName = "Böt <User> & \"co\"\u2028"
			tt.change(&req)
			plan, err := c.PlanUser(req)
			require.NoError(t, err)
			assert.Zero(t, mock.GetTotalCallCount())
			assert.Equal(t, http.MethodPost, plan.Method)
			assert.Equal(t, "/users", plan.Route)
			assert.Empty(t, plan.UserID)
			assert.Empty(t, plan.Next)
			assert.Equal(t, tt.golden, string(plan.Body))

			may = true
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			u, err := c.CreateUser(ctx, req)
			require.NoError(t, err)
			assert.Equal(t, u.Unmapped, plan.Unmapped)
			require.Len(t, *got, 1)
			assert.Equal(t, strings.Replace((*got)[0].body, userSecret(t), userapi.Redacted, 1), string(plan.Body))
		})
	}
}

// A plan reads no bill, and leaves nothing in a directory of keys.
func TestPlanTouchesNothing(t *testing.T) {
	t.Parallel()
	mock := httpmock.NewMockTransport()
	dir := filepath.Join(t.TempDir(), "keys")
	cfg := config(mock)
	cfg.SessionKeys, cfg.RequireCredit = mixin.KeyDir(dir), true
	c := clientOf(t, cfg)
	plan, err := c.PlanUser(userapi.CreateUserRequest{IdempotencyKey: "signup-1", FullName: "Ada"})
	require.NoError(t, err)
	assert.Equal(t, `{"full_name":"Ada","session_secret":"[REDACTED]"}`, string(plan.Body))
	assert.Zero(t, mock.GetTotalCallCount())
	assert.NoDirExists(t, dir)
}
