package mixin

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

func TestMe(t *testing.T) {
	t.Parallel()
	const body = `{"data":{"type":"user","user_id":"` + newUserID + `","session_id":"` + newSessionID +
		`","has_pin":true,"has_safe":false,"tip_key_base64":"nSio3_XjixZ","tip_counter":1}}`
	c, got := userClient(t, nil, answering(200, body))
	me, err := c.Users.Me(t.Context())
	require.NoError(t, err)
	assert.Equal(t, newUserID, me.UserID)
	assert.True(t, *me.HasPin)
	assert.False(t, *me.HasSafe)
	assert.Equal(t, "nSio3_XjixZ", *me.TipKeyBase64)
	counter, ok := me.TipCounter.Int64()
	assert.True(t, ok)
	assert.EqualValues(t, 1, counter)
	assert.Equal(t, body, string(me.Raw()))
	require.Len(t, *got, 1)
	in := (*got)[0]
	assert.Equal(t, "GET /me", in.method+" "+in.uri)
	assert.Empty(t, in.body)
	in.verifyToken(t, readVectors(t).key(t, "ed25519").Public().(ed25519.PublicKey))

	// The client knows the session's key.
	_, err = me.Credentials(readVectors(t).key(t, "ed25519"))
	require.NoError(t, err)
	_, other, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	_, err = me.Credentials(other)
	requireLocal(t, err, "make credentials", "session_secret")
}

func TestSafeMe(t *testing.T) {
	t.Parallel()
	c, got := userClient(t, nil, answering(200, `{"data":{"user_id":"`+newUserID+`","has_safe":true,"tip_key_base64":"nSio3_XjixZ"}}`))
	me, err := c.Safe.Me(t.Context())
	require.NoError(t, err)
	assert.True(t, *me.HasSafe)
	require.Len(t, *got, 1)
	assert.Equal(t, "GET /safe/me", (*got)[0].method+" "+(*got)[0].uri)
	c, _ = userClient(t, nil, answering(202, `{"error":{"status":202,"code":403}}`))
	_, err = c.Safe.Me(t.Context())
	require.ErrorIs(t, err, userapi.ErrForbidden)
}

func TestMeFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		kind   userapi.Kind
		calls  int
	}{
		"401":          {202, `{"error":{"status":202,"code":401}}`, userapi.KindUnauthorized, 1},
		"403":          {202, `{"error":{"status":202,"code":403}}`, userapi.KindForbidden, 1},
		"500":          {500, `{"error":{"status":500,"code":500}}`, userapi.KindUnavailable, 4},
		"429":          {202, `{"error":{"status":202,"code":429}}`, userapi.KindRateLimited, 4},
		"another user": {200, `{"data":{"user_id":"` + testUserID + `"}}`, userapi.KindProtocol, 1},
		"nobody":       {200, `{}`, userapi.KindProtocol, 1},
		"a page":       {200, `<html>`, userapi.KindProtocol, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, got := userClient(t, nil, answering(tt.status, tt.body))
			me, err := c.Users.Me(t.Context())
			assert.Nil(t, me)
			e := asError(t, err)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
			assert.Equal(t, newUserID, e.UserID)
			assert.Equal(t, "look up user", e.Op)
			assert.Len(t, *got, tt.calls)
		})
	}
	// A TokenSigner does not show its key.
	key := readVectors(t).key(t, "ed25519")
	c, _ := userClient(t, func(cfg *Config) { cfg.TokenSigner, cfg.Keystore.PrivateKey = remote(key), nil }, answering(200, own))
	me, err := c.Users.Me(t.Context())
	require.NoError(t, err)
	_, err = me.Credentials(kms{key})
	require.NoError(t, err)
}

// TestTIPKeyOfSafeMe: if /me has no TIP key, a PIN is compared with the one in /safe/me.
func TestTIPKeyOfSafeMe(t *testing.T) {
	t.Parallel()
	tip := readPINVectors(t).spendKey(t)
	_, another, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	for _, text := range []string{
		base64.RawURLEncoding.EncodeToString(tip[32:]), base64.StdEncoding.EncodeToString(tip[32:]),
		base64.RawURLEncoding.EncodeToString(append(slices.Clone(tip[32:]), 0, 0, 0, 0, 0, 0, 0, 1)), // with its counter
	} {
		c, got := userClient(t, nil, func(n int, r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/safe/me" {
				return answering(200, `{"data":{"user_id":"`+newUserID+`","has_safe":false,"tip_key_base64":"`+text+`"}}`)(n, r)
			}
			return answering(200, own)(n, r)
		})
		_, err = c.PIN.Verify(t.Context(), TIPPIN(another))
		requireLocal(t, err, "verify PIN", "pin_base64")
		_, err = c.PIN.Verify(t.Context(), TIPPIN(tip))
		require.NoError(t, err)
		assert.Equal(t, "GET /me, GET /safe/me, POST /pin/verify", paths(got), "it is read once")
	}
}
