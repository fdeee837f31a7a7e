package mixin

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

func sessionPublic(t testing.TB) ed25519.PublicKey {
	t.Helper()
	public, ok := readVectors(t).key(t, "ed25519").Public().(ed25519.PublicKey)
	require.True(t, ok)
	return public
}

// TestUpdateWire compares the call byte for byte: unset members are not sent.
func TestUpdateWire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		req  UpdateUserRequest
		body string
	}{
		{UpdateUserRequest{FullName: new("Ada <b>")}, `{"full_name":"Ada \u003cb\u003e"}`},
		{UpdateUserRequest{AvatarBase64: new("iVBORw0KGgo=")}, `{"avatar_base64":"iVBORw0KGgo="}`},
		{UpdateUserRequest{FullName: new("Ada"), AvatarBase64: new("iVBORw0KGgo")}, `{"full_name":"Ada","avatar_base64":"iVBORw0KGgo"}`},
	} {
		c, got := userClient(t, nil, answering(200, own))
		u, err := c.Users.Update(t.Context(), tt.req)
		require.NoError(t, err)
		assert.Equal(t, newUserID, u.UserID)
		assert.Equal(t, "Bot User", *u.FullName)
		require.Equal(t, "POST /me", paths(got))
		in := (*got)[0]
		assert.Equal(t, tt.body, in.body)
		assert.Equal(t, "application/json", in.header.Get("Content-Type"))
		in.verifyToken(t, sessionPublic(t))
	}
}

func TestUpdateFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		req    UpdateUserRequest
		fields []string
	}{
		"nothing":         {UpdateUserRequest{}, []string{"full_name"}},
		"no name":         {UpdateUserRequest{FullName: new("")}, []string{"full_name"}},
		"no UTF-8":        {UpdateUserRequest{FullName: new("a\xff")}, []string{"full_name"}},
		"no image":        {UpdateUserRequest{AvatarBase64: new("")}, []string{"avatar_base64"}},
		"not base64":      {UpdateUserRequest{AvatarBase64: new("data:image/png;base64,iVBORw0KGgo=")}, []string{"avatar_base64"}},
		"line breaks":     {UpdateUserRequest{AvatarBase64: new("iVBO\nRw0KGgo=")}, []string{"avatar_base64"}},
		"both are wrong":  {UpdateUserRequest{FullName: new(""), AvatarBase64: new("*")}, []string{"full_name", "avatar_base64"}},
		"one of the both": {UpdateUserRequest{FullName: new("Ada"), AvatarBase64: new("*")}, []string{"avatar_base64"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, got := userClient(t, nil, answering(200, own))
			_, err := c.Users.Update(t.Context(), tt.req)
			requireLocal(t, err, "update user", tt.fields...)
			assert.Empty(t, *got)
		})
	}
}

// listOf returns the data of a reply with users.
func listOf(ids ...string) string {
	var users []string
	for _, id := range ids {
		users = append(users, `{"type":"user","user_id":"`+id+`","identity_number":"0","full_name":"Bot User"}`)
	}
	return `{"data":[` + strings.Join(users, ",") + `]}`
}

func TestFetchWire(t *testing.T) {
	t.Parallel()
	reply := listOf(testUserID, newUserID)
	c, got := userClient(t, nil, answering(200, reply))
	users, err := c.Users.Fetch(t.Context(), []string{newUserID, strings.ToUpper(testUserID), newUserID, newSessionID})
	require.NoError(t, err)
	require.Len(t, users, 2, "those that exist")
	assert.Equal(t, testUserID, users[0].UserID)
	assert.Equal(t, newUserID, users[1].UserID)
	assert.Equal(t, "Bot User", *users[1].FullName)
	assert.Equal(t, reply, string(users[1].Raw()))
	assert.Equal(t, 200, users[1].StatusCode())
	assert.Equal(t, (*got)[0].header.Get("X-Request-Id"), users[0].RequestID())
	require.Equal(t, "POST /users/fetch", paths(got))
	assert.Equal(t, `["`+newUserID+`","`+testUserID+`","`+newSessionID+`"]`, (*got)[0].body, "each once")
	(*got)[0].verifyToken(t, sessionPublic(t))

	for _, none := range []string{`{"data":[]}`, `{"data":null}`} {
		c, _ = userClient(t, nil, answering(200, none))
		users, err = c.Users.Fetch(t.Context(), []string{newUserID})
		require.NoError(t, err)
		assert.NotNil(t, users)
		assert.Empty(t, users)
	}
	c, got = userClient(t, nil, answering(500, ""))
	users, err = c.Users.Fetch(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, users)
	_, err = c.Users.Fetch(t.Context(), []string{newUserID, "x", ""})
	requireLocal(t, err, "fetch users", "user_ids[1]", "user_ids[2]")
	assert.Empty(t, *got, "nothing was sent")
}

func TestFetchFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		kind   userapi.Kind
		calls  int
	}{
		"somebody else":   {200, listOf(newUserID, testUserID), userapi.KindProtocol, 1},
		"nobody":          {200, `{"data":[{"full_name":"x"}]}`, userapi.KindProtocol, 1},
		"an id twice":     {200, `{"data":[{"user_id":"` + newUserID + `","user_id":"` + newUserID + `"}]}`, userapi.KindProtocol, 1},
		"null":            {200, `{"data":[null]}`, userapi.KindProtocol, 1},
		"one user":        {200, `{"data":{"user_id":"` + newUserID + `"}}`, userapi.KindProtocol, 1},
		"no data":         {200, `{}`, userapi.KindProtocol, 1},
		"a page":          {200, `<html>`, userapi.KindProtocol, 1},
		"cut off":         {200, listOf(newUserID)[:40], userapi.KindProtocol, 1},
		"an error too":    {200, strings.Replace(listOf(newUserID), `{"data"`, `{"error":{"code":403},"data"`, 1), userapi.KindForbidden, 1},
		"403":             {202, `{"error":{"status":202,"code":403}}`, userapi.KindForbidden, 1},
		"no such call":    {202, `{"error":{"status":202,"code":404}}`, userapi.KindProtocol, 1},
		"somebody's 404":  {404, `nothing here`, userapi.KindProtocol, 1},
		"unavailable":     {500, `{"error":{"status":500,"code":500}}`, userapi.KindUnavailable, 4},
		"a refused field": {202, `{"error":{"status":202,"code":10002,"description":"` + newUserID + `"}}`, userapi.KindInvalid, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, got := userClient(t, nil, answering(tt.status, tt.body))
			users, err := c.Users.Fetch(t.Context(), []string{newUserID})
			assert.Nil(t, users)
			e := asError(t, err)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, e.Outcome, "it says nothing of a user")
			assert.Equal(t, userapi.SubjectNone, e.Subject)
			assert.Equal(t, "fetch users", e.Op)
			assert.NotContains(t, e.Error()+fmt.Sprint(e.FieldErrors), newUserID)
			assert.Len(t, *got, tt.calls)
		})
	}
}

// rotatedTo returns the vendor's reply to a new session key.
func rotatedTo(token string) string { return `{"data":{"pin_token":"` + token + `"}}` }

func TestRotateWire(t *testing.T) {
	t.Parallel()
	_, next, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	v := ed25519Vector(t)
	for _, reply := range []string{rotatedTo(v.TokenStd), rotatedTo(v.TokenRaw), `{"data":[{"pin_token":"` + v.TokenStd + `"}]}`} {
		c, got := userClient(t, nil, answering(200, reply))
		creds, err := c.Users.RotateSession(t.Context(), next)
		require.NoError(t, err)
		ks := creds.Keystore()
		assert.Equal(t, newUserID, ks.UserID)
		assert.Equal(t, newSessionID, ks.SessionID)
		require.True(t, equalKeys(next, ks.PrivateKey))
		_, err = NewPINCipher(ks)
		require.NoError(t, err)
		require.Equal(t, "POST /session/secret", paths(got))
		assert.Equal(t, `{"session_secret":"`+base64.RawURLEncoding.EncodeToString(next[32:])+`"}`, (*got)[0].body)
		(*got)[0].verifyToken(t, sessionPublic(t))
	}
	c, got := userClient(t, nil, answering(200, ""))
	_, err = c.Users.RotateSession(t.Context(), nil)
	requireLocal(t, err, "rotate session key", "session_secret")
	_, err = c.Users.RotateSession(t.Context(), ed25519.PrivateKey("short"))
	requireLocal(t, err, "rotate session key", "session_secret")
	_, err = c.Users.RotateSession(t.Context(), readVectors(t).key(t, "rsa2048"))
	requireLocal(t, err, "rotate session key", "session_secret")
	assert.Empty(t, *got)
}

// TestUpgradeWire compares the call byte for byte. It has no token, and its PIN is that of Mixin's
// client.
func TestUpgradeWire(t *testing.T) {
	t.Parallel()
	v := readPINVectors(t).PinTokens[0]
	all := readVectors(t)
	server := ed25519Vector(t).Edwards
	const reply = `{"data":{"app_id":"` + newUserID + `","session_id":"` + testUserID + `","server_public_key":"%s"}}`
	legacy := func(cfg *Config) {
		cfg.Keystore = Keystore{UserID: newUserID, SessionID: v.SessionID, PrivateKey: all.key(t, v.Key), PinToken: userapi.Secret(v.TokenStd)}
	}
	for _, text := range []string{reply, strings.Replace(reply, "app_id", "user_id", 1), strings.Replace(reply, newUserID, strings.ToUpper(newUserID), 1)} {
		c, got := userClient(t, legacy, answering(200, fmt.Sprintf(text, server)))
		resp, err := c.Users.Upgrade(t.Context(), DigitsPIN(oldDigits))
		require.NoError(t, err)
		assert.Equal(t, newUserID, resp.UserID)
		assert.Equal(t, testUserID, resp.SessionID)
		assert.Equal(t, 200, resp.StatusCode())
		assert.NotEmpty(t, resp.RequestID())
		key, err := UpgradeKey(all.key(t, v.Key).(*rsa.PrivateKey))
		require.NoError(t, err)
		creds, err := resp.Credentials(key)
		require.NoError(t, err)
		_, err = NewPINCipher(creds.Keystore())
		require.NoError(t, err)
		_, other, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		_, err = resp.Credentials(other)
		requireLocal(t, err, "make credentials", "session_secret")

		require.Equal(t, "POST /legacy/users", paths(got))
		in := (*got)[0]
		assert.Empty(t, in.header.Get("Authorization"))
		assert.Equal(t, in.header.Get("X-Request-Id"), resp.RequestID())
		opened := decrypt(t, v.Plaintext, in.members["pin"].(string))
		require.True(t, string(opened.pin) == oldDigits)
		assert.Zero(t, opened.iterator)
		der, ok := decodeBase64(in.members["session_secret_legacy"].(string))
		require.True(t, ok)
		legacySecret, err := SessionSecret(all.key(t, v.Key))
		require.NoError(t, err)
		assert.Equal(t, legacySecret, base64.StdEncoding.EncodeToString(der))
		assert.Equal(t, `{"pin":"`+in.members["pin"].(string)+`","session_id":"`+v.SessionID+`","session_secret":"`+
			base64.RawURLEncoding.EncodeToString(key[32:])+`","session_secret_legacy":"`+base64.RawURLEncoding.EncodeToString(der)+`"}`, in.body)
	}

	// The error names every fault, and nothing is sent.
	c, got := userClient(t, nil, answering(200, ""))
	_, err := c.Users.Upgrade(t.Context(), PIN{})
	requireLocal(t, err, "upgrade user", "Config.Keystore.PrivateKey", "pin")
	assert.Empty(t, *got)
	c, got = userClient(t, func(cfg *Config) { legacy(cfg); cfg.Keystore.PinToken = "" }, answering(200, ""))
	_, err = c.Users.Upgrade(t.Context(), TIPPIN(readPINVectors(t).spendKey(t)))
	requireLocal(t, err, "upgrade user", "pin", "Config.Keystore.PinToken")
	assert.Empty(t, *got)
}

// TestSessionStepsFail: each failure of a step that changes a user has the right outcome. No step
// is sent twice.
func TestSessionStepsFail(t *testing.T) {
	t.Parallel()
	v := readPINVectors(t).PinTokens[0]
	_, next, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	steps := map[string]func(context.Context, *Client) error{
		"update user": func(ctx context.Context, c *Client) error {
			_, err := c.Users.Update(ctx, UpdateUserRequest{FullName: new("Ada")})
			return err
		},
		"rotate session key": func(ctx context.Context, c *Client) error { _, err := c.Users.RotateSession(ctx, next); return err },
		"upgrade user": func(ctx context.Context, c *Client) error {
			_, err := c.Users.Upgrade(ctx, DigitsPIN(oldDigits))
			return err
		},
	}
	const refused, unknown = userapi.OutcomeRejected, userapi.OutcomeUnknown
	for name, tt := range map[string]struct {
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
	}{
		"400":             {202, `{"error":{"status":202,"code":400}}`, userapi.KindInvalid, refused},
		"a field":         {202, `{"error":{"status":202,"code":10002,"extra":{"field":"full_name","reason":"` + oldDigits + `"}}}`, userapi.KindInvalid, refused},
		"401":             {202, `{"error":{"status":202,"code":401}}`, userapi.KindUnauthorized, refused},
		"403":             {202, `{"error":{"status":202,"code":403}}`, userapi.KindForbidden, refused},
		"no such call":    {202, `{"error":{"status":202,"code":404}}`, userapi.KindNotFound, refused},
		"500":             {500, `{"error":{"status":500,"code":500}}`, userapi.KindUnavailable, unknown},
		"a gateway's 502": {502, `<html>`, userapi.KindUnavailable, unknown},
		"a page":          {200, `<html>`, userapi.KindProtocol, unknown},
		"nothing":         {200, `{}`, userapi.KindProtocol, unknown},
		"empty data":      {200, `{"data":{}}`, userapi.KindProtocol, unknown},
		"cut off":         {200, `{"data":{"user_id":"` + newUserID + `","pin_token":"`, userapi.KindProtocol, unknown},
		"another user": {
			200, `{"data":{"user_id":"` + testUserID + `","app_id":"` + testUserID + `","session_id":"` + newSessionID + `"}}`,
			userapi.KindProtocol, unknown,
		},
		"two users": {
			200, `{"data":{"user_id":"` + testUserID + `","app_id":"` + newUserID + `","session_id":"` + newSessionID + `","pin_token":"x"}}`,
			userapi.KindProtocol, unknown,
		},
		"an error too": {
			200, `{"data":{"user_id":"` + newUserID + `","session_id":"` + newSessionID + `"},"error":{"code":403}}`,
			userapi.KindForbidden, refused,
		},
	} {
		for op, do := range steps {
			t.Run(name+", "+op, func(t *testing.T) {
				t.Parallel()
				c, got := userClient(t, func(cfg *Config) {
					if op == "upgrade user" {
						cfg.Keystore = Keystore{
							UserID: newUserID, SessionID: v.SessionID, PrivateKey: readVectors(t).key(t, v.Key), PinToken: userapi.Secret(v.TokenStd),
						}
					}
				}, answering(tt.status, tt.body))
				err := do(t.Context(), c)
				e := asError(t, err)
				assert.Equal(t, tt.kind, e.Kind)
				assert.Equal(t, tt.outcome, e.Outcome)
				assert.Equal(t, op, e.Op)
				assert.Equal(t, userapi.SubjectStep, e.Subject)
				assert.Equal(t, newUserID, e.UserID)
				assert.Len(t, *got, 1)
				if op == "upgrade user" {
					assert.False(t, strings.Contains(e.Error()+fmt.Sprint(e.FieldErrors), oldDigits), "the digits are shown")
				}
			})
		}
	}
	t.Run("no session", func(t *testing.T) {
		t.Parallel()
		c, _ := userClient(t, func(cfg *Config) {
			cfg.Keystore = Keystore{UserID: newUserID, SessionID: v.SessionID, PrivateKey: readVectors(t).key(t, v.Key), PinToken: userapi.Secret(v.TokenStd)}
		}, answering(200, `{"data":{"app_id":"`+newUserID+`"}}`))
		err := steps["upgrade user"](t.Context(), c)
		require.ErrorIs(t, err, userapi.ErrProtocol)
		require.ErrorIs(t, err, errNoUpgrade)
	})
}
