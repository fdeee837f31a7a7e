package mixintest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const (
	unauthorized = `{"error":{"status":202,"code":401,"description":"Unauthorized, maybe invalid token."}}`
	forbidden    = `{"error":{"status":202,"code":403,"description":"Forbidden."}}`
	notFound     = `{"error":{"status":202,"code":404,"description":"The endpoint is not found."}}`
	badRequest   = `{"error":{"status":202,"code":400,"description":"The request body can't be pasred as valid data."}}`

	edSecret = "p58A96p-F1oRy7CaDnoy9IcI5ZStT87EUjDV1qM3PFU"
	minimal  = `{"session_secret":"` + edSecret + `"}`
)

// A caller signs requests without the client's code.
type caller struct {
	userID, sessionID string
	key               crypto.Signer
}

// app returns the application of a server as a caller.
func app(srv *mixintest.Server) caller {
	ks := srv.Config().Keystore
	return caller{ks.UserID, ks.SessionID, ks.PrivateKey}
}

// A call is a request and its token's claims, which a test can spoil.
type call struct {
	method, path, body string
	claims             jwt.MapClaims
	alg                jwt.SigningMethod
	header             http.Header
}

func (c caller) call(method, path, body string) call {
	sum := sha256.Sum256([]byte(method + path + body))
	var alg jwt.SigningMethod = jwt.SigningMethodEdDSA
	if _, isRSA := c.key.(*rsa.PrivateKey); isRSA {
		alg = jwt.SigningMethodRS512
	}
	return call{
		method: method, path: path, body: body, alg: alg, header: http.Header{},
		claims: jwt.MapClaims{
			"uid": c.userID, "sid": c.sessionID, "scp": "FULL",
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
			"jti": newID(), "sig": hex.EncodeToString(sum[:]),
		},
	}
}

func newID() string {
	h := rand.Text() + rand.Text()
	h = hex.EncodeToString([]byte(h[:16]))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// send signs the call and sends it.
func (c caller) send(t testing.TB, srv *mixintest.Server, in call) (int, http.Header, string) {
	t.Helper()
	token, err := jwt.NewWithClaims(in.alg, in.claims).SignedString(c.key)
	require.NoError(t, err)
	if _, has := in.header["Authorization"]; !has {
		in.header.Set("Authorization", "Bearer "+token)
	}
	return do(t, srv, in)
}

func do(t testing.TB, srv *mixintest.Server, in call) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), in.method, srv.URL()+in.path, strings.NewReader(in.body))
	require.NoError(t, err)
	req.Header = in.header
	resp, err := new(http.Client).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(text)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	good := app(srv)
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	now := time.Now()
	for name, tt := range map[string]struct {
		by    caller
		spoil func(*call)
		ok    bool
	}{
		"good":                 {good, func(*call) {}, true},
		"without a scope":      {good, func(c *call) { delete(c.claims, "scp") }, true},
		"with more claims":     {good, func(c *call) { c.claims["aud"] = "x" }, true},
		"four minutes old":     {good, func(c *call) { c.claims["iat"] = now.Add(-4 * time.Minute).Unix() }, true},
		"for 90 days":          {good, func(c *call) { c.claims["exp"] = now.Add(90 * 24 * time.Hour).Unix() }, true},
		"no token":             {good, func(c *call) { c.header["Authorization"] = nil }, false},
		"another scheme":       {good, func(c *call) { c.header.Set("Authorization", "Token x") }, false},
		"no JWT":               {good, func(c *call) { c.header.Set("Authorization", "Bearer x.y.z") }, false},
		"another key":          {caller{good.userID, good.sessionID, foreign}, func(*call) {}, false},
		"another user":         {good, func(c *call) { c.claims["uid"] = newID() }, false},
		"another session":      {good, func(c *call) { c.claims["sid"] = newID() }, false},
		"without a user":       {good, func(c *call) { delete(c.claims, "uid") }, false},
		"without a session":    {good, func(c *call) { delete(c.claims, "sid") }, false},
		"expired":              {good, func(c *call) { c.claims["exp"] = now.Add(-time.Second).Unix() }, false},
		"without an end":       {good, func(c *call) { delete(c.claims, "exp") }, false},
		"without a date":       {good, func(c *call) { delete(c.claims, "iat") }, false},
		"six minutes old":      {good, func(c *call) { c.claims["iat"] = now.Add(-6 * time.Minute).Unix() }, false},
		"of the future":        {good, func(c *call) { c.claims["iat"] = now.Add(6 * time.Minute).Unix() }, false},
		"not valid yet":        {good, func(c *call) { c.claims["nbf"] = now.Add(time.Minute).Unix() }, false},
		"without an id":        {good, func(c *call) { delete(c.claims, "jti") }, false},
		"an id that is none":   {good, func(c *call) { c.claims["jti"] = "1" }, false},
		"without sig":          {good, func(c *call) { delete(c.claims, "sig") }, false},
		"sig in upper case":    {good, func(c *call) { c.claims["sig"] = strings.ToUpper(c.claims["sig"].(string)) }, false},
		"sig of another body":  {good, func(c *call) { c.body = `{"session_secret":"` + edSecret + `" }` }, false},
		"sig of another path":  {good, func(c *call) { c.path = "/users?a=b" }, false},
		"sig of another host":  {good, func(c *call) { c.claims["sig"] = good.call("POST", srv.URL()+"/users", minimal).claims["sig"] }, false},
		"sig without the body": {good, func(c *call) { c.claims["sig"] = good.call("POST", "/users", "").claims["sig"] }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := good.call("POST", "/users", minimal)
			tt.spoil(&in)
			status, header, body := tt.by.send(t, srv, in)
			if tt.ok {
				assert.Equal(t, 200, status)
				assert.True(t, strings.HasPrefix(body, `{"data":{"type":"user","user_id":"`))
			} else {
				assert.Equal(t, 202, status)
				assert.Equal(t, unauthorized, body)
			}
			assert.Equal(t, "application/json; charset=utf-8", header.Get("Content-Type"))
			assert.NotEmpty(t, header.Get("X-Request-Id"))
		})
	}
}

// TestAlgorithms: the algorithm of a token must match the session's key. The algorithm none is
// refused, and so is one with a shared secret, which could be the public key.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for _, opts := range [][]mixintest.Option{nil, {mixintest.WithRSA()}} {
		srv := mixintest.NewServer(t, opts...)
		c := app(srv)
		der, err := x509.MarshalPKIXPublicKey(c.key.Public())
		require.NoError(t, err)
		for alg, key := range map[jwt.SigningMethod]any{
			jwt.SigningMethodNone:  jwt.UnsafeAllowNoneSignatureType,
			jwt.SigningMethodHS512: der,
			jwt.SigningMethodHS256: []byte("x"),
			jwt.SigningMethodRS512: rsaKey,
			jwt.SigningMethodRS256: rsaKey,
			jwt.SigningMethodPS512: rsaKey,
			jwt.SigningMethodEdDSA: ed25519.NewKeyFromSeed(make([]byte, 32)),
		} {
			in := c.call("POST", "/users", minimal)
			token, err := jwt.NewWithClaims(alg, in.claims).SignedString(key)
			require.NoError(t, err)
			in.header.Set("Authorization", "Bearer "+token)
			_, _, body := do(t, srv, in)
			assert.Equal(t, unauthorized, body, alg.Alg())
		}
		_, _, body := c.send(t, srv, c.call("POST", "/users", minimal))
		assert.Contains(t, body, `"user_id"`)
		assert.Equal(t, 1, srv.UserCount())
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	c := app(srv)
	in := c.call("POST", "/users", minimal)
	_, _, body := c.send(t, srv, in)
	assert.Contains(t, body, `"user_id"`)
	in.header = http.Header{}
	_, _, body = c.send(t, srv, in)
	assert.Equal(t, unauthorized, body)
	assert.Equal(t, 1, srv.UserCount())
}

func TestRequests(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	c := app(srv)
	invalid := func(reason string) string {
		return `{"error":{"status":202,"code":10002,"description":"The request data has invalid field.","extra":{"field":"session_secret","reason":"` + reason + `"}}}`
	}
	const noKey = "neither an Ed25519 nor an RSA public key in base64"
	short, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1022), E: 65537})
	require.NoError(t, err)
	for name, tt := range map[string]struct{ method, path, body, want string }{
		"not JSON":        {"POST", "/users", `session_secret=x`, badRequest},
		"empty":           {"POST", "/users", ``, badRequest},
		"a list":          {"POST", "/users", `[]`, badRequest},
		"another type":    {"POST", "/users", `{"session_secret":"` + edSecret + `","full_name":7}`, badRequest},
		"no key":          {"POST", "/users", `{"full_name":"x"}`, invalid("required")},
		"null":            {"POST", "/users", `null`, invalid("required")},
		"31 bytes":        {"POST", "/users", `{"session_secret":"` + base64.StdEncoding.EncodeToString(make([]byte, 31)) + `"}`, invalid(noKey)},
		"a private key":   {"POST", "/users", `{"session_secret":"` + base64.RawURLEncoding.EncodeToString(make([]byte, 64)) + `"}`, invalid(noKey)},
		"no base64":       {"POST", "/users", `{"session_secret":"***"}`, invalid(noKey)},
		"a short RSA key": {"POST", "/users", `{"session_secret":"` + base64.StdEncoding.EncodeToString(short) + `"}`, invalid("the RSA key is too short")},
		"unknown user":    {"GET", "/users/" + newID(), ``, notFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := c.call(tt.method, tt.path, tt.body)
			in.header.Set("X-Request-Id", "request-7")
			status, header, body := c.send(t, srv, in)
			assert.Equal(t, 202, status)
			assert.Equal(t, tt.want, body)
			assert.Equal(t, "request-7", header.Get("X-Request-Id"))
			ns, err := strconv.ParseInt(header.Get("X-Server-Time"), 10, 64)
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now(), time.Unix(0, ns), time.Minute)
		})
	}
	t.Cleanup(func() { assert.Zero(t, srv.UserCount()) })
}

func TestScopeLimitsTheToken(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	c := app(srv)
	in := c.call("POST", "/users", minimal)
	in.claims["scp"] = "PROFILE:READ"
	_, _, body := c.send(t, srv, in)
	assert.Equal(t, forbidden, body)
}

// reply is a reply with a user.
type reply struct {
	Data struct {
		UserID          string `json:"user_id"`
		SessionID       string `json:"session_id"`
		FullName        string `json:"full_name"`
		Relationship    string `json:"relationship"`
		CreatedAt       string `json:"created_at"`
		PinToken        string `json:"pin_token"`
		PinTokenBase64  string `json:"pin_token_base64"`
		ServerPublicKey string `json:"server_public_key"`
	} `json:"data"`
}

func parse(t testing.TB, body string) reply {
	t.Helper()
	var r reply
	require.NoError(t, json.Unmarshal([]byte(body), &r))
	return r
}

// TestANewUserSignsIn: a new user signs in with its own key and the reply's ids.
func TestANewUserSignsIn(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	c := app(srv)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, key := range []crypto.Signer{edKey, rsaKey} {
		secret, err := mixin.SessionSecret(key)
		require.NoError(t, err)
		_, _, body := c.send(t, srv, c.call("POST", "/users", `{"full_name":"Bot User","session_secret":"`+secret+`"}`))
		made := parse(t, body).Data
		assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$`, made.CreatedAt)

		user := caller{made.UserID, made.SessionID, key}
		status, _, body := user.send(t, srv, user.call("GET", "/me", ""))
		assert.Equal(t, 200, status)
		me := parse(t, body).Data
		assert.Equal(t, made.UserID, me.UserID)
		assert.Equal(t, "ME", me.Relationship)
		assert.Equal(t, "Bot User", me.FullName)
		assert.Equal(t, made.PinToken, me.PinToken)

		_, _, body = user.send(t, srv, user.call("GET", "/users/"+made.UserID, ""))
		assert.Equal(t, "Bot User", parse(t, body).Data.FullName)
		assert.NotContains(t, body, "session_id")
		_, _, body = c.send(t, srv, c.call("GET", "/users/"+made.UserID, ""))
		assert.Equal(t, made.UserID, parse(t, body).Data.UserID)

		_, _, body = user.send(t, srv, user.call("POST", "/users", minimal))
		assert.Equal(t, forbidden, body, "only the application makes users")
		stranger := caller{made.UserID, made.SessionID, ed25519.NewKeyFromSeed(make([]byte, 32))}
		_, _, body = stranger.send(t, srv, stranger.call("GET", "/me", ""))
		assert.Equal(t, unauthorized, body)
	}
	_, _, body := c.send(t, srv, c.call("GET", "/me", ""))
	assert.Equal(t, c.userID, parse(t, body).Data.UserID)
	assert.Equal(t, 2, srv.UserCount())
}

// TestPinTokens: an Ed25519 user computes the same shared key from both forms of the server's key.
// An RSA user decrypts its key.
func TestPinTokens(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	c := app(srv)
	create := func(key crypto.Signer) reply {
		secret, err := mixin.SessionSecret(key)
		require.NoError(t, err)
		_, _, body := c.send(t, srv, c.call("POST", "/users", `{"session_secret":"`+secret+`"}`))
		return parse(t, body)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ed := create(edKey).Data
	std, err := base64.StdEncoding.DecodeString(ed.PinToken)
	require.NoError(t, err)
	raw, err := base64.RawURLEncoding.DecodeString(ed.PinTokenBase64)
	require.NoError(t, err)
	require.True(t, bytes.Equal(std, raw))
	edwards, err := hex.DecodeString(ed.ServerPublicKey)
	require.NoError(t, err)
	require.True(t, bytes.Equal(std, montgomery(edwards)), "the two forms are of different keys")
	sum := sha512.Sum512(edKey.Seed())
	scalar, err := ecdh.X25519().NewPrivateKey(sum[:32])
	require.NoError(t, err)
	server, err := ecdh.X25519().NewPublicKey(std)
	require.NoError(t, err)
	shared, err := scalar.ECDH(server)
	require.NoError(t, err)
	assert.Len(t, shared, 32)
	other := create(edKey).Data
	assert.NotEqual(t, ed.PinToken, other.PinToken, "each user has a key of its own")

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	made := create(rsaKey).Data
	assert.Empty(t, made.ServerPublicKey)
	sealed, err := base64.StdEncoding.DecodeString(made.PinToken)
	require.NoError(t, err)
	assert.Len(t, sealed, 256)
	pinKey, err := rsa.DecryptOAEP(sha256.New(), nil, rsaKey, sealed, []byte(made.SessionID))
	require.NoError(t, err)
	assert.Len(t, pinKey, 32)
	_, err = rsa.DecryptOAEP(sha256.New(), nil, rsaKey, sealed, []byte(made.UserID))
	require.Error(t, err)
}

// montgomery maps an Edwards public key to its X25519 form: u = (1+y)/(1-y).
func montgomery(edwards []byte) []byte {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	le := slices.Clone(edwards)
	le[31] &= 0x7f
	slices.Reverse(le)
	y := new(big.Int).SetBytes(le)
	one := big.NewInt(1)
	below := new(big.Int).ModInverse(new(big.Int).Mod(new(big.Int).Sub(one, y), p), p)
	u := new(big.Int).Mod(new(big.Int).Mul(new(big.Int).Add(one, y), below), p)
	out := u.FillBytes(make([]byte, 32))
	slices.Reverse(out)
	return out
}

func TestKeystores(t *testing.T) {
	t.Parallel()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		opts    []mixintest.Option
		members []string
	}{
		"Ed25519": {nil, []string{"app_id", "server_public_key", "session_id", "session_private_key"}},
		"RSA":     {[]mixintest.Option{mixintest.WithRSA()}, []string{"client_id", "pin_token", "private_key", "session_id"}},
		"given": {
			[]mixintest.Option{mixintest.WithKeystore(mixin.Keystore{UserID: strings.ToUpper(newID()), PrivateKey: edKey})},
			[]string{"app_id", "server_public_key", "session_id", "session_private_key"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t, tt.opts...)
			text := srv.KeystoreJSON()
			var members map[string]string
			require.NoError(t, json.Unmarshal(text, &members))
			var names []string
			for name, value := range members {
				names = append(names, name)
				assert.True(t, value != "", "%s is empty", name)
			}
			slices.Sort(names)
			assert.Equal(t, tt.members, names)

			ks, err := mixin.ParseKeystore(text)
			require.NoError(t, err)
			cfg := srv.Config()
			assert.Equal(t, cfg.Keystore.UserID, ks.UserID)
			cfg.Keystore = ks
			c, err := mixin.New(cfg)
			require.NoError(t, err)
			_, err = c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
			require.NoError(t, err)
		})
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]mixintest.Option{
		"an id":      mixintest.WithKeystore(mixin.Keystore{UserID: "7000"}),
		"a key":      mixintest.WithKeystore(mixin.Keystore{PrivateKey: ed25519.PrivateKey("x")}),
		"a remote":   mixintest.WithKeystore(mixin.Keystore{PrivateKey: struct{ crypto.Signer }{ed25519.NewKeyFromSeed(make([]byte, 32))}}),
		"an address": mixintest.WithHTTP(userapitest.ServerOptions{Addr: "0.0.0.0:0"}),
		"no port":    mixintest.WithHTTP(userapitest.ServerOptions{Addr: "localhost"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, err := mixintest.Start(opt)
			require.Error(t, err)
			assert.Nil(t, srv)
		})
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]userapitest.ServerOptions{
		"HTTP/1.1": {}, "TLS": {TLS: true}, "HTTP/2": {HTTP2: true}, "in memory": {Listener: fakehttp.NewMemory()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t, mixintest.WithHTTP(opts))
			c, err := mixin.New(srv.Config())
			require.NoError(t, err)
			_, err = c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret, FullName: new("x")})
			require.NoError(t, err)
			users := srv.Users()
			require.Len(t, users, 1)
			assert.Equal(t, "x", users[0].FullName)
			assert.Equal(t, edSecret, users[0].SessionSecret)
			c.CloseIdleConnections()
			srv.Close()
			srv.Close()
		})
	}
}

// TestCreditIsOfOneServer: an option can be used for two servers, and each has the full credit.
func TestCreditIsOfOneServer(t *testing.T) {
	t.Parallel()
	credit := mixintest.WithCredit(1)
	for range 2 {
		srv := mixintest.NewServer(t, credit)
		c := app(srv)
		_, _, body := c.send(t, srv, c.call("POST", "/users", minimal))
		assert.Contains(t, body, `"user_id"`)
		_, _, body = c.send(t, srv, c.call("POST", "/users", minimal))
		assert.Equal(t, `{"error":{"status":202,"code":20117,"description":"Insufficient balance."}}`, body)
	}
}

func TestLeeway(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t, mixintest.WithLeeway(time.Hour))
	c := app(srv)
	in := c.call("POST", "/users", minimal)
	in.claims["iat"] = time.Now().Add(-30 * time.Minute).Unix()
	_, _, body := c.send(t, srv, in)
	assert.Contains(t, body, `"user_id"`)
}

// TestNothingShowsAKey: printing records or the server shows no key.
func TestNothingShowsAKey(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	c := app(srv)
	in := c.call("POST", "/users", minimal)
	c.send(t, srv, in)
	require.Len(t, srv.Requests(), 1)
	r := srv.Requests()[0]
	assert.Equal(t, userapitest.Create, r.Operation)
	assert.Equal(t, []string{userapi.Redacted}, r.Header["Authorization"])
	assert.Equal(t, minimal, string(r.Body))
	seed := c.key.(ed25519.PrivateKey).Seed()
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		text := fmt.Sprintf(verb, srv)
		for i, form := range []string{hex.EncodeToString(seed), strings.Trim(fmt.Sprint(seed), "[]")} {
			require.False(t, strings.Contains(text, form), "form %d in %s", i, verb)
		}
	}
}

func TestFaultsOfLookups(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	srv.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 503, Times: 2})
	c := app(srv)
	for _, path := range []string{"/me", "/users/" + c.userID} {
		status, _, _ := c.send(t, srv, c.call("GET", path, ""))
		assert.Equal(t, 503, status)
	}
	status, _, _ := c.send(t, srv, c.call("GET", "/me", ""))
	assert.Equal(t, 200, status)
}
