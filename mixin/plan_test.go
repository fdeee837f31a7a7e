package mixin_test

import (
	"context"
	"crypto"
	"path/filepath"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
)

// A plan reads no bill, requests no session key, and writes nothing to a directory of keys.
func TestPlanTouchesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	for _, keys := range []mixin.SessionKeys{mixin.KeyDir(dir), sessionKeys(func(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
		assert.Fail(t, "a plan asks for a session key")
		return userKey(), nil
	})} {
		mock := httpmock.NewMockTransport()
		cfg := config(mock)
		cfg.SessionKeys, cfg.RequireCredit = keys, true
		plan, err := clientOf(t, cfg).PlanUser(userapi.CreateUserRequest{IdempotencyKey: "signup-1", FullName: "Böt <User> & \"co\"\u2028"})
		require.NoError(t, err)
		assert.Equal(t, `{"full_name":"Böt \u003cUser\u003e \u0026 \"co\"\u2028","session_secret":"[REDACTED]"}`, string(plan.Body))
		assert.Zero(t, mock.GetTotalCallCount())
		assert.NoDirExists(t, dir)
	}
}
