package mixintest_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
)

func secretOf(key ed25519.PrivateKey) string {
	return base64.RawURLEncoding.EncodeToString(key[ed25519.SeedSize:])
}

// TestRotate: after a rotation only the new key works.
func TestRotate(t *testing.T) {
	t.Parallel()
	u, next := newUser(t, edKey(t)), edKey(t)
	old := u.caller
	text := ask(t, u.srv, old, "POST", "/session/secret", `{"session_secret":"`+secretOf(next)+`"}`)
	token := decode[map[string]string](t, text)["pin_token"]
	require.NotEmpty(t, token)
	assert.Equal(t, unauthorized, ask(t, u.srv, old, "GET", "/me", ""))
	rotated := caller{old.userID, old.sessionID, next}
	assert.Equal(t, token, parse(t, ask(t, u.srv, rotated, "GET", "/me", "")).Data.PinToken)

	der, err := x509.MarshalPKIXPublicKey(&rsaKey(t).PublicKey)
	require.NoError(t, err)
	for name, body := range map[string]string{
		"RSA":     `{"session_secret":"` + base64.StdEncoding.EncodeToString(der) + `"}`,
		"nothing": `{}`,
		"no key":  `{"session_secret":"x"}`,
	} {
		assert.Contains(t, ask(t, u.srv, rotated, "POST", "/session/secret", body), `"field":"session_secret"`, name)
	}
	assert.Equal(t, badRequest, ask(t, u.srv, rotated, "POST", "/session/secret", `[]`))
	in := rotated.call("POST", "/session/secret", `{"session_secret":"`+secretOf(edKey(t))+`"}`)
	in.claims["scp"] = "PROFILE:READ"
	_, _, text = rotated.send(t, u.srv, in)
	assert.Equal(t, forbidden, text)
	assert.NotEqual(t, unauthorized, ask(t, u.srv, rotated, "GET", "/me", ""), "what was refused changed nothing")
}

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	return key
}

// legacy returns the body of an upgrade, which a test can spoil.
func (u *user) legacy(t testing.TB, next ed25519.PrivateKey, pin string, spoil ...func(members)) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(u.key.Public())
	require.NoError(t, err)
	body := members{
		"session_secret_legacy": base64.RawURLEncoding.EncodeToString(der), "session_secret": secretOf(next), "session_id": u.sessionID,
		"pin": u.seal(t, []byte(pin), func(s *sealing) { s.iterator = 0 }), // as Mixin's own client sends it
	}
	for _, f := range spoil {
		f(body)
	}
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	return string(raw)
}

// post sends a request without a token.
func (u *user) post(t testing.TB, path, body string) string {
	t.Helper()
	in := u.call("POST", path, body)
	in.header.Set("Authorization", "Bearer ")
	_, _, text := do(t, u.srv, in)
	return text
}

// TestUpgrade: an Ed25519 key replaces an RSA key, and the PIN authenticates the user.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	const digits = "730518"
	u, next := newUser(t, rsaKey(t)), edKey(t)
	assert.Contains(t, u.post(t, "/legacy/users", u.legacy(t, next, digits)), `"code":20119`, "no PIN is set")
	text, _ := u.send(t, "POST", "/pin/update", members{"old_pin": "", "pin": u.seal(t, []byte(digits))})
	require.Contains(t, text, `"has_pin":true`)
	other, err := x509.MarshalPKIXPublicKey(&rsaKey(t).PublicKey)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		spoil func(members)
		want  string
	}{
		"another session":    {func(m members) { m["session_id"] = newID() }, `"code":401`},
		"the application's":  {func(m members) { m["session_id"] = app(u.srv).sessionID }, `"code":401`},
		"another legacy key": {func(m members) { m["session_secret_legacy"] = base64.RawURLEncoding.EncodeToString(other) }, `"code":401`},
		"no legacy key":      {func(m members) { m["session_secret_legacy"] = "" }, `"code":401`},
		"an RSA key":         {func(m members) { m["session_secret"] = base64.StdEncoding.EncodeToString(other) }, `"field":"session_secret"`},
		"no PIN":             {func(m members) { m["pin"] = "" }, `"code":20119`},
		"no digits":          {func(m members) { m["pin"] = u.seal(t, []byte("abcdef")) }, `"code":20118`},
		"an old PIN":         {func(m members) { m["pin"] = u.seal(t, []byte(digits), func(s *sealing) { s.unix -= 3600 }) }, `"code":20119`},
		"another key's":      {func(m members) { m["pin"] = u.seal(t, []byte(digits), func(s *sealing) { s.key = make([]byte, 32) }) }, `"code":20119`},
	} {
		assert.Contains(t, u.post(t, "/legacy/users", u.legacy(t, next, digits, tt.spoil)), tt.want, name)
	}
	assert.Equal(t, badRequest, u.post(t, "/legacy/users", `[]`))
	assert.Zero(t, u.srv.Users()[0].WrongPINs)
	assert.Contains(t, u.post(t, "/legacy/users", u.legacy(t, next, "204961")), `"code":20119`)
	assert.Equal(t, 1, u.srv.Users()[0].WrongPINs, "a wrong PIN counts")

	reply := decode[map[string]string](t, u.post(t, "/legacy/users", u.legacy(t, next, digits)))
	assert.Equal(t, u.userID, reply["app_id"])
	assert.Zero(t, u.srv.Users()[0].WrongPINs)
	server, err := hex.DecodeString(reply["server_public_key"])
	require.NoError(t, err)
	assert.Len(t, server, ed25519.PublicKeySize)
	assert.Equal(t, unauthorized, ask(t, u.srv, u.caller, "GET", "/me", ""), "the RSA key is gone")
	upgraded := caller{u.userID, reply["session_id"], next}
	assert.Equal(t, reply["server_public_key"], parse(t, ask(t, u.srv, upgraded, "GET", "/me", "")).Data.ServerPublicKey)
	assert.Contains(t, u.post(t, "/legacy/users", u.legacy(t, next, digits)), `"code":401`, "once")
}

// TestUpgradeLocks: wrong PINs of upgrades count too.
func TestUpgradeLocks(t *testing.T) {
	t.Parallel()
	const digits = "730518"
	u, next := newUser(t, rsaKey(t)), edKey(t)
	_, _ = u.send(t, "POST", "/pin/update", members{"old_pin": "", "pin": u.seal(t, []byte(digits))})
	for range 5 {
		assert.Contains(t, u.post(t, "/legacy/users", u.legacy(t, next, "000000")), `"code":20119`)
	}
	assert.Contains(t, u.post(t, "/legacy/users", u.legacy(t, next, digits)), `"code":429`)
	u.clock.move(24*time.Hour + time.Second)
	assert.Contains(t, u.post(t, "/legacy/users", u.legacy(t, next, digits)), `"app_id"`)

	// Here an application with an RSA key has no PIN.
	srv := mixintest.NewServer(t, mixintest.WithKeystore(mixin.Keystore{PrivateKey: rsaKey(t)}))
	a := &user{caller: app(srv), srv: srv, clock: u.clock, pinKey: make([]byte, 32)}
	assert.Equal(t, forbidden, a.post(t, "/legacy/users", a.legacy(t, next, digits)))
}
