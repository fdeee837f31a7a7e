package mixintest_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// Refusals of PINs.
const (
	pinFormat = `{"error":{"status":202,"code":20118,"description":"PIN format error."}}`
	wrongPIN  = `{"error":{"status":202,"code":20119,"description":"PIN incorrect."}}`
	locked    = `{"error":{"status":202,"code":429,"description":"Too Many Requests."}}`
)

// A clock is a server's clock that a test can set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A user has been created, and encrypts its PINs without the client's code.
type user struct {
	caller
	srv      *mixintest.Server
	pinKey   []byte
	iterator uint64
	clock    *clock
}

func newUser(t testing.TB, key crypto.Signer, opts ...mixintest.Option) *user {
	t.Helper()
	c := newClock()
	srv := mixintest.NewServer(t, append(opts, mixintest.WithHTTP(userapitest.ServerOptions{Now: c.time}))...)
	return join(t, srv, c, key)
}

func join(t testing.TB, srv *mixintest.Server, c *clock, key crypto.Signer) *user {
	t.Helper()
	secret, err := mixin.SessionSecret(key)
	require.NoError(t, err)
	by := app(srv)
	_, _, body := by.send(t, srv, by.call("POST", "/users", `{"session_secret":"`+secret+`"}`))
	made := parse(t, body).Data
	token, err := base64.StdEncoding.DecodeString(made.PinToken)
	require.NoError(t, err)
	u := &user{caller: caller{made.UserID, made.SessionID, key}, srv: srv, clock: c}
	if rsaKey, isRSA := key.(*rsa.PrivateKey); isRSA {
		u.pinKey, err = rsa.DecryptOAEP(sha256.New(), nil, rsaKey, token, []byte(u.sessionID))
	} else {
		sum := sha512.Sum512(key.(ed25519.PrivateKey).Seed())
		var private *ecdh.PrivateKey
		private, err = ecdh.X25519().NewPrivateKey(sum[:32])
		require.NoError(t, err)
		var public *ecdh.PublicKey
		public, err = ecdh.X25519().NewPublicKey(token)
		require.NoError(t, err)
		u.pinKey, err = private.ECDH(public)
	}
	require.NoError(t, err)
	return u
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

// A sealing is a PIN's encryption, which a test can spoil.
type sealing struct {
	key      []byte
	unix     int64
	iterator uint64
	plain    func([]byte) []byte // applied after the padding
	encoding *base64.Encoding
}

func (u *user) seal(t testing.TB, pin []byte, spoil ...func(*sealing)) string {
	t.Helper()
	u.iterator++
	s := sealing{key: u.pinKey, unix: u.clock.time().Unix(), iterator: u.iterator, encoding: base64.RawURLEncoding}
	for _, f := range spoil {
		f(&s)
	}
	plain := bytes.Clone(pin)
	plain = binary.LittleEndian.AppendUint64(plain, uint64(s.unix))
	plain = binary.LittleEndian.AppendUint64(plain, s.iterator)
	n := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, bytes.Repeat([]byte{byte(n)}, n)...)
	if s.plain != nil {
		plain = s.plain(plain)
	}
	block, err := aes.NewCipher(s.key)
	require.NoError(t, err)
	out := make([]byte, aes.BlockSize+len(plain))
	_, err = rand.Read(out[:aes.BlockSize])
	require.NoError(t, err)
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], plain)
	return s.encoding.EncodeToString(out)
}

// tip returns the PIN that sets a TIP key.
func tip(key ed25519.PrivateKey) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(key[ed25519.SeedSize:]), 1)
}

// send sends a body as the user, with the server's time. It returns the reply, and the reason of a
// refusal.
func (u *user) send(t testing.TB, method, path string, body any) (text, reason string) {
	t.Helper()
	raw := ""
	switch body := body.(type) {
	case nil:
	case string:
		raw = body
	default:
		out, err := json.Marshal(body)
		require.NoError(t, err)
		raw = string(out)
	}
	in := u.call(method, path, raw)
	in.claims["iat"], in.claims["exp"] = u.clock.time().Unix(), u.clock.time().Add(time.Minute).Unix()
	in.header.Set("Content-Type", "application/json")
	_, header, text := u.caller.send(t, u.srv, in)
	return text, header.Get("X-Fake-Reason")
}

type members = map[string]any

// state returns the server's record of the user.
func (u *user) state(t testing.TB) mixintest.User {
	t.Helper()
	for _, known := range u.srv.Users() {
		if known.UserID == u.userID {
			return known
		}
	}
	require.Fail(t, "no such user")
	return mixintest.User{}
}

// accepted requires that the reply shows the user.
func (u *user) accepted(t testing.TB, text, reason string) {
	t.Helper()
	require.Empty(t, reason, text)
	require.Equal(t, u.userID, parse(t, text).Data.UserID, "another user, or none")
}

func (u *user) setTIP(t testing.TB, key ed25519.PrivateKey) {
	t.Helper()
	text, reason := u.send(t, "POST", "/pin/update", members{"old_pin_base64": "", "pin_base64": u.seal(t, tip(key))})
	u.accepted(t, text, reason)
}

func (u *user) setDigits(t testing.TB, old, digits string) {
	t.Helper()
	body := members{"old_pin": ""}
	if old != "" {
		body["old_pin"] = u.seal(t, []byte(old))
	}
	body["pin"] = u.seal(t, []byte(digits))
	text, reason := u.send(t, "POST", "/pin/update", body)
	u.accepted(t, text, reason)
}

// verifying returns the body that verifies a TIP key.
func (u *user) verifying(t testing.TB, key ed25519.PrivateKey) members {
	t.Helper()
	ns := u.clock.time().UnixNano()
	return members{"timestamp": ns, "pin_base64": u.seal(t, ed25519.Sign(key, fmt.Appendf(nil, "TIP:VERIFY:%032d", ns)))}
}

// registering returns the body that registers a spend key.
func (u *user) registering(t testing.TB, spend, key ed25519.PrivateKey) members {
	t.Helper()
	public := hex.EncodeToString(spend[ed25519.SeedSize:])
	id := sha3.Sum256([]byte(u.userID))
	message := sha256.Sum256([]byte("SEQUENCER:REGISTER:" + u.userID + public))
	return members{
		"public_key": public, "signature": base64.RawURLEncoding.EncodeToString(ed25519.Sign(spend, id[:])),
		"pin_base64": u.seal(t, ed25519.Sign(key, message[:])),
	}
}

// me has the members about PINs of GET /me.
type me struct {
	Data struct {
		HasPin         bool   `json:"has_pin"`
		HasSafe        bool   `json:"has_safe"`
		TipKeyBase64   string `json:"tip_key_base64"`
		TipCounter     int    `json:"tip_counter"`
		SpendPublicKey string `json:"spend_public_key"`
	} `json:"data"`
}

func (u *user) me(t testing.TB, path string) me {
	t.Helper()
	text, _ := u.send(t, "GET", path, nil)
	var m me
	require.NoError(t, json.Unmarshal([]byte(text), &m))
	return m
}

// TestTheWayOfATIPKey: a new user sets a TIP key, verifies it and registers, with both kinds of
// session key.
func TestTheWayOfATIPKey(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	for name, key := range map[string]crypto.Signer{"Ed25519": edKey(t), "RSA": rsaKey} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, tipKey, spend := newUser(t, key), edKey(t), edKey(t)
			assert.Equal(t, me{}, u.me(t, "/me"))
			u.setTIP(t, tipKey)
			public := hex.EncodeToString(tipKey[ed25519.SeedSize:])
			got := u.me(t, "/me").Data
			assert.True(t, got.HasPin)
			assert.False(t, got.HasSafe)
			assert.Equal(t, 1, got.TipCounter)
			assert.Equal(t, base64.RawURLEncoding.EncodeToString(tipKey[ed25519.SeedSize:]), got.TipKeyBase64)
			assert.Equal(t, public, u.state(t).TIPKey)

			text, reason := u.send(t, "POST", "/pin/verify", u.verifying(t, tipKey))
			u.accepted(t, text, reason)
			text, reason = u.send(t, "POST", "/safe/users", u.registering(t, spend, tipKey))
			u.accepted(t, text, reason)

			got = u.me(t, "/safe/me").Data
			assert.True(t, got.HasSafe)
			assert.Equal(t, hex.EncodeToString(spend[ed25519.SeedSize:]), got.SpendPublicKey)
			state := u.state(t)
			assert.True(t, state.HasPIN)
			assert.True(t, state.HasSafe)
			assert.Zero(t, state.WrongPINs)
		})
	}
}

// TestTheWayOfDigits: a user sets a first PIN, changes it, and replaces it by a TIP key.
func TestTheWayOfDigits(t *testing.T) {
	t.Parallel()
	u := newUser(t, edKey(t))
	verify := func(name, digits string) string {
		text, _ := u.send(t, "POST", "/pin/verify", members{name: u.seal(t, []byte(digits))})
		return text
	}
	u.setDigits(t, "", "123456")
	assert.True(t, u.state(t).HasPIN)
	assert.Empty(t, u.state(t).TIPKey)
	assert.Contains(t, verify("pin", "123456"), u.userID)
	u.setDigits(t, "123456", "654321")
	assert.Equal(t, wrongPIN, verify("pin_base64", "123456"))
	assert.Equal(t, 1, u.state(t).WrongPINs)
	assert.Contains(t, verify("pin_base64", "654321"), u.userID)
	assert.Zero(t, u.state(t).WrongPINs, "a right PIN forgets the wrong ones")

	key := edKey(t)
	text, reason := u.send(t, "POST", "/pin/update", members{
		"old_pin_base64": u.seal(t, []byte("654321")), "pin_base64": u.seal(t, tip(key)),
	})
	u.accepted(t, text, reason)
	assert.Equal(t, pinFormat, func() string {
		text, _ := u.send(t, "POST", "/pin/verify", members{"timestamp": u.clock.time().UnixNano(), "pin": u.seal(t, []byte("654321"))})
		return text
	}(), "the digits are no PIN any more")
	text, reason = u.send(t, "POST", "/pin/verify", u.verifying(t, key))
	u.accepted(t, text, reason)
}

// TestAlphabets: base64 is accepted in each form that Mixin's clients send.
func TestAlphabets(t *testing.T) {
	t.Parallel()
	u := newUser(t, edKey(t))
	u.setDigits(t, "", "123456")
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		for range 8 { // enough that the alphabets differ
			text, reason := u.send(t, "POST", "/pin/verify", members{
				"pin": u.seal(t, []byte("123456"), func(s *sealing) { s.encoding = enc }),
			})
			u.accepted(t, text, reason)
		}
	}
}

// TestRefusedEncryption: a fault of the encryption gets the answer for a wrong PIN, but does not
// count as one.
func TestRefusedEncryption(t *testing.T) {
	t.Parallel()
	const six = "123456"
	for name, tt := range map[string]struct {
		spoil  func(*sealing)
		reason string
	}{
		"another key":      {func(s *sealing) { s.key = make([]byte, 32) }, "the padding is wrong: another key encrypted the PIN"},
		"no padding":       {func(s *sealing) { s.plain = func(b []byte) []byte { b[len(b)-1] = 0; return b } }, "the padding is wrong: another key encrypted the PIN"},
		"uneven padding":   {func(s *sealing) { s.plain = func(b []byte) []byte { b[len(b)-2]++; return b } }, "the padding is wrong: another key encrypted the PIN"},
		"padding too long": {func(s *sealing) { s.plain = func(b []byte) []byte { b[len(b)-1] = 17; return b } }, "the padding is wrong: another key encrypted the PIN"},
		"one block":        {func(s *sealing) { s.plain = func(b []byte) []byte { return b[:16] } }, "the encrypted PIN is not an IV and two or more blocks"},
		"no time":          {func(s *sealing) { s.plain = func([]byte) []byte { return bytes.Repeat([]byte{16}, 32) } }, "the time in the encrypted PIN is not the server's"},
		"too little": {func(s *sealing) {
			s.plain = func([]byte) []byte { return append(make([]byte, 16), bytes.Repeat([]byte{16}, 16)...) }
		}, "the time in the encrypted PIN is not the server's"},
		"six minutes old":   {func(s *sealing) { s.unix -= 360 }, "the time in the encrypted PIN is not the server's"},
		"of the future":     {func(s *sealing) { s.unix += 360 }, "the time in the encrypted PIN is not the server's"},
		"before the epoch":  {func(s *sealing) { s.unix = -1 }, "the time in the encrypted PIN is not the server's"},
		"in milliseconds":   {func(s *sealing) { s.unix *= 1000 }, "the time in the encrypted PIN is not the server's"},
		"in nanoseconds":    {func(s *sealing) { s.unix *= 1e9 }, "the time in the encrypted PIN is not the server's"},
		"a used iterator":   {func(s *sealing) { s.iterator-- }, "the iterator is not greater than the last one"},
		"an older iterator": {func(s *sealing) { s.iterator = 1 }, "the iterator is not greater than the last one"},
		"iterator 0":        {func(s *sealing) { s.iterator = 0 }, "the iterator is not greater than the last one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, edKey(t))
			u.iterator = 10
			u.setDigits(t, "", six)
			for range 6 {
				text, reason := u.send(t, "POST", "/pin/verify", members{"pin": u.seal(t, []byte(six), tt.spoil)})
				assert.Equal(t, wrongPIN, text)
				if name == "another key" && strings.HasPrefix(reason, "the time") {
					reason = tt.reason // by chance, one of 256 has a valid padding
				}
				assert.Equal(t, tt.reason, reason)
				u.iterator--
			}
			assert.Zero(t, u.state(t).WrongPINs)
			u.iterator++
			text, reason := u.send(t, "POST", "/pin/verify", members{"pin": u.seal(t, []byte(six))})
			u.accepted(t, text, reason)
		})
	}
	t.Run("within the leeway", func(t *testing.T) {
		t.Parallel()
		u := newUser(t, edKey(t))
		u.setDigits(t, "", six)
		for _, off := range []int64{-290, 290} {
			text, reason := u.send(t, "POST", "/pin/verify", members{"pin": u.seal(t, []byte(six), func(s *sealing) { s.unix += off })})
			u.accepted(t, text, reason)
		}
	})
	t.Run("no base64", func(t *testing.T) {
		t.Parallel()
		u := newUser(t, edKey(t))
		text, reason := u.send(t, "POST", "/pin/update", members{"old_pin": "", "pin": "123456!"})
		assert.Equal(t, wrongPIN, text)
		assert.Equal(t, "the encrypted PIN is not base64", reason)
		assert.False(t, u.state(t).HasPIN)
	})
}

// TestTheIteratorIsUsedUp: a wrong PIN also uses up its iterator. An encrypted PIN works once, even
// if the reply is lost.
func TestTheIteratorIsUsedUp(t *testing.T) {
	t.Parallel()
	u := newUser(t, edKey(t))
	u.setDigits(t, "", "123456")
	body := members{"pin": u.seal(t, []byte("111111"))}
	_, reason := u.send(t, "POST", "/pin/verify", body)
	assert.Equal(t, "the PIN is another one", reason)
	_, reason = u.send(t, "POST", "/pin/verify", body)
	assert.Equal(t, "the iterator is not greater than the last one", reason)
	assert.Equal(t, 1, u.state(t).WrongPINs)

	u.srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Status: 502})
	body = members{"pin": u.seal(t, []byte("123456"))}
	text, _ := u.send(t, "POST", "/pin/verify", body)
	assert.Empty(t, text)
	_, reason = u.send(t, "POST", "/pin/verify", body)
	assert.Equal(t, "the iterator is not greater than the last one", reason)

	second := join(t, u.srv, u.clock, edKey(t))
	second.setDigits(t, "", "123456") // iterator 1 again: each session has its own
}

// TestIteratorsOfAnUpdate: the old PIN is checked first.
func TestIteratorsOfAnUpdate(t *testing.T) {
	t.Parallel()
	u := newUser(t, edKey(t))
	u.setDigits(t, "", "123456")
	next := u.seal(t, []byte("654321"))
	text, reason := u.send(t, "POST", "/pin/update", members{"old_pin": u.seal(t, []byte("123456")), "pin": next})
	assert.Equal(t, wrongPIN, text)
	assert.Equal(t, "the iterator is not greater than the last one", reason)
	text, reason = u.send(t, "POST", "/pin/verify", members{"pin": u.seal(t, []byte("123456"))})
	u.accepted(t, text, reason)
}

// TestRefusedPINs: decrypted PINs with a fault are refused.
func TestRefusedPINs(t *testing.T) {
	t.Parallel()
	key := edKey(t)
	for name, pin := range map[string][]byte{
		"none":                  {},
		"four digits":           []byte("1234"),
		"seven digits":          []byte("1234567"),
		"no digits":             []byte("12345x"),
		"digits of Arabic":      []byte("١٢٣"),
		"hex of digits":         {0x12, 0x34, 0x56},
		"a key alone":           key[ed25519.SeedSize:],
		"a private key":         key,
		"counter 0":             append(bytes.Clone(key[ed25519.SeedSize:]), make([]byte, 8)...),
		"counter 2":             append(bytes.Clone(key[ed25519.SeedSize:]), 0, 0, 0, 0, 0, 0, 0, 2),
		"a counter turned":      append(bytes.Clone(key[ed25519.SeedSize:]), 1, 0, 0, 0, 0, 0, 0, 0),
		"a counter of 4 bytes":  append(bytes.Clone(key[ed25519.SeedSize:]), 0, 0, 0, 1),
		"a byte too many":       append(tip(key), 0),
		"no point":              append(append([]byte{2}, make([]byte, 31)...), 0, 0, 0, 0, 0, 0, 0, 1),
		"the neutral point":     append(append([]byte{1}, make([]byte, 31)...), 0, 0, 0, 0, 0, 0, 0, 1),
		"hex of the key":        []byte(hex.EncodeToString(tip(key))),
		"the seed, not the key": append(bytes.Repeat([]byte{0xff}, 32), 0, 0, 0, 0, 0, 0, 0, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, edKey(t))
			text, reason := u.send(t, "POST", "/pin/update", members{"old_pin_base64": "", "pin_base64": u.seal(t, pin)})
			assert.Equal(t, pinFormat, text)
			assert.NotEmpty(t, reason)
			assert.False(t, u.state(t).HasPIN)
			assert.Equal(t, me{}, u.me(t, "/me"))
		})
	}
}

// TestRefusedUpdates: updates that do not match the user's present PIN are refused.
func TestRefusedUpdates(t *testing.T) {
	t.Parallel()
	key, other := edKey(t), edKey(t)
	withTIP := func(t *testing.T, u *user) { u.setTIP(t, key) }
	withDigits := func(t *testing.T, u *user) { u.setDigits(t, "", "123456") }
	for name, tt := range map[string]struct {
		before func(*testing.T, *user)
		body   func(*testing.T, *user) members
		want   string
		reason string
		wrong  int
	}{
		"a second TIP key": {
			withTIP, func(t *testing.T, u *user) members {
				return members{"old_pin_base64": u.seal(t, tip(key)), "pin_base64": u.seal(t, tip(other))}
			}, forbidden, "a TIP key can never be changed", 0,
		},
		"a second TIP key, as the first": {
			withTIP, func(t *testing.T, u *user) members {
				return members{"old_pin_base64": "", "pin_base64": u.seal(t, tip(other))}
			}, wrongPIN, "a PIN is set, and the old one is missing", 0,
		},
		"the same TIP key": {
			withTIP, func(t *testing.T, u *user) members {
				return members{"old_pin_base64": "", "pin_base64": u.seal(t, tip(key))}
			}, wrongPIN, "a PIN is set, and the old one is missing", 0,
		},
		"digits after a TIP key": {
			withTIP, func(t *testing.T, u *user) members {
				return members{"old_pin": u.seal(t, []byte("123456")), "pin": u.seal(t, []byte("123456"))}
			}, forbidden, "a TIP key can never be changed", 0,
		},
		"without the old digits": {
			withDigits, func(t *testing.T, u *user) members { return members{"pin": u.seal(t, []byte("654321"))} },
			wrongPIN, "a PIN is set, and the old one is missing", 0,
		},
		"wrong old digits": {
			withDigits, func(t *testing.T, u *user) members {
				return members{"old_pin": u.seal(t, []byte("000000")), "pin": u.seal(t, []byte("654321"))}
			}, wrongPIN, "the PIN is another one", 1,
		},
		"old digits of another form": {
			withDigits, func(t *testing.T, u *user) members {
				return members{"old_pin": u.seal(t, []byte("00")), "pin": u.seal(t, []byte("654321"))}
			}, pinFormat, "the PIN is six digits", 0,
		},
		"old digits of a user without": {
			func(*testing.T, *user) {}, func(t *testing.T, u *user) members {
				return members{"old_pin": u.seal(t, []byte("000000")), "pin": u.seal(t, []byte("654321"))}
			}, wrongPIN, "an old PIN is given, and none is set", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, edKey(t))
			tt.before(t, u)
			before := u.state(t)
			text, reason := u.send(t, "POST", "/pin/update", tt.body(t, u))
			assert.Equal(t, tt.want, text)
			assert.Equal(t, tt.reason, reason)
			after := u.state(t)
			assert.Equal(t, tt.wrong, after.WrongPINs)
			assert.Equal(t, before.TIPKey, after.TIPKey)
			assert.Equal(t, before.HasPIN, after.HasPIN)
		})
	}
}

// TestRefusedBodies: invalid bodies are refused before a PIN is checked.
func TestRefusedBodies(t *testing.T) {
	t.Parallel()
	invalid := func(field, reason string) string {
		return `{"error":{"status":202,"code":10002,"description":"The request data has invalid field.","extra":{"field":"` + field + `","reason":"` + reason + `"}}}`
	}
	u := newUser(t, edKey(t))
	key := edKey(t)
	good := u.registering(t, key, key)
	without := func(name string, value any) members {
		m := members{}
		for k, v := range good {
			m[k] = v
		}
		if value == nil {
			delete(m, name)
		} else {
			m[name] = value
		}
		return m
	}
	const (
		noKey       = "not a public key of Ed25519 in hex"
		noSignature = "not the key's, in base64, of the SHA3-256 of the user's id"
	)
	foreign := sha3.Sum256([]byte(newID()))
	wrongHash := sha256.Sum256([]byte(u.userID))
	sign := func(message []byte) string {
		return base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, message))
	}
	own := sha3.Sum256([]byte(u.userID))
	upper := sha3.Sum256([]byte(strings.ToUpper(u.userID)))
	for name, tt := range map[string]struct {
		path string
		body any
		want string
	}{
		"no JSON":                 {"/pin/update", "x", badRequest},
		"a number":                {"/pin/update", `{"pin":123456}`, badRequest},
		"no PIN":                  {"/pin/update", `{"old_pin":""}`, invalid("pin_base64", "required")},
		"an empty PIN":            {"/pin/update", `{"old_pin_base64":"","pin_base64":""}`, invalid("pin_base64", "required")},
		"two PINs":                {"/pin/update", `{"pin":"x","pin_base64":"x"}`, invalid("pin_base64", "given under two names")},
		"two old PINs":            {"/pin/update", `{"pin":"x","old_pin":"x","old_pin_base64":"x"}`, invalid("old_pin_base64", "given under two names")},
		"verify: no JSON":         {"/pin/verify", ``, badRequest},
		"verify: no PIN":          {"/pin/verify", `{"timestamp":1}`, invalid("pin_base64", "required")},
		"verify: another time":    {"/pin/verify", `{"pin_base64":"x","timestamp":"1"}`, badRequest},
		"verify: none set":        {"/pin/verify", `{"pin_base64":"x"}`, wrongPIN},
		"register: no JSON":       {"/safe/users", `[]`, badRequest},
		"register: no key":        {"/safe/users", without("public_key", nil), invalid("public_key", noKey)},
		"register: base64":        {"/safe/users", without("public_key", base64.RawURLEncoding.EncodeToString(key[32:])), invalid("public_key", noKey)},
		"register: private":       {"/safe/users", without("public_key", hex.EncodeToString(key)), invalid("public_key", noKey)},
		"register: no point":      {"/safe/users", without("public_key", "02"+strings.Repeat("00", 31)), invalid("public_key", noKey)},
		"register: neutral":       {"/safe/users", without("public_key", "01"+strings.Repeat("00", 31)), invalid("public_key", noKey)},
		"register: another key":   {"/safe/users", without("public_key", hex.EncodeToString(edKey(t)[32:])), invalid("signature", noSignature)},
		"register: no signature":  {"/safe/users", without("signature", nil), invalid("signature", noSignature)},
		"register: hex":           {"/safe/users", without("signature", hex.EncodeToString(ed25519.Sign(key, own[:]))), invalid("signature", noSignature)},
		"register: another user":  {"/safe/users", without("signature", sign(foreign[:])), invalid("signature", noSignature)},
		"register: SHA-256":       {"/safe/users", without("signature", sign(wrongHash[:])), invalid("signature", noSignature)},
		"register: no hash":       {"/safe/users", without("signature", sign([]byte(u.userID))), invalid("signature", noSignature)},
		"register: id in capital": {"/safe/users", without("signature", sign(upper[:])), invalid("signature", noSignature)},
		"register: no PIN":        {"/safe/users", without("pin_base64", nil), invalid("pin_base64", "required")},
		"register: no TIP key":    {"/safe/users", good, wrongPIN},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, _ := u.send(t, "POST", tt.path, tt.body)
			assert.Equal(t, tt.want, text)
		})
	}
	t.Cleanup(func() {
		assert.Zero(t, u.state(t).WrongPINs)
		assert.False(t, u.state(t).HasSafe)
	})
}

// TestRefusedSignatures: invalid signatures by a TIP key are refused.
func TestRefusedSignatures(t *testing.T) {
	t.Parallel()
	key, other := edKey(t), edKey(t)
	verify := func(change func(*testing.T, *user, members)) func(*testing.T, *user) (string, members) {
		return func(t *testing.T, u *user) (string, members) {
			body := u.verifying(t, key)
			change(t, u, body)
			return "/pin/verify", body
		}
	}
	signed := func(by ed25519.PrivateKey, layout string) func(*testing.T, *user, members) {
		return func(t *testing.T, u *user, b members) {
			b["pin_base64"] = u.seal(t, ed25519.Sign(by, fmt.Appendf(nil, layout, b["timestamp"])))
		}
	}
	register := func(spend, by ed25519.PrivateKey, layout string) func(*testing.T, *user) (string, members) {
		return func(t *testing.T, u *user) (string, members) {
			body := u.registering(t, spend, by)
			if layout != "" {
				message := sha256.Sum256(fmt.Appendf(nil, layout, u.userID, body["public_key"]))
				body["pin_base64"] = u.seal(t, ed25519.Sign(by, message[:]))
			}
			return "/safe/users", body
		}
	}
	for name, tt := range map[string]struct {
		body   func(*testing.T, *user) (string, members)
		want   string
		reason string
		wrong  int
	}{
		"another key":        {verify(signed(other, "TIP:VERIFY:%032d")), wrongPIN, "the signature is not the TIP key's of this request", 1},
		"without zeros":      {verify(signed(key, "TIP:VERIFY:%d")), wrongPIN, "the signature is not the TIP key's of this request", 1},
		"another purpose":    {verify(signed(key, "TIP:ADDRESS:ADD:%032d")), wrongPIN, "the signature is not the TIP key's of this request", 1},
		"of another time":    {verify(func(_ *testing.T, _ *user, b members) { b["timestamp"] = b["timestamp"].(int64) + 1 }), wrongPIN, "the signature is not the TIP key's of this request", 1},
		"six minutes old":    {verify(func(_ *testing.T, _ *user, b members) { b["timestamp"] = b["timestamp"].(int64) - int64(6*time.Minute) }), wrongPIN, "the timestamp is not the server's time in nanoseconds", 0},
		"in seconds":         {verify(func(_ *testing.T, _ *user, b members) { b["timestamp"] = b["timestamp"].(int64) / 1e9 }), wrongPIN, "the timestamp is not the server's time in nanoseconds", 0},
		"no time":            {verify(func(_ *testing.T, _ *user, b members) { delete(b, "timestamp") }), `{"error":{"status":202,"code":10002,"description":"The request data has invalid field.","extra":{"field":"timestamp","reason":"required"}}}`, "", 0},
		"the key itself":     {verify(func(t *testing.T, u *user, b members) { b["pin_base64"] = u.seal(t, tip(key)) }), pinFormat, "the PIN is a signature of the TIP key's", 0},
		"hex of a signature": {verify(func(t *testing.T, u *user, b members) { b["pin_base64"] = u.seal(t, []byte(strings.Repeat("ab", 64))) }), pinFormat, "the PIN is a signature of the TIP key's", 0},

		"register: another key":     {register(other, other, ""), wrongPIN, "the signature is not the TIP key's of this request", 1},
		"register: another purpose": {register(other, key, "TIP:REGISTER:%s%s"), wrongPIN, "the signature is not the TIP key's of this request", 1},
		"register: with a colon":    {register(other, key, "SEQUENCER:REGISTER:%s:%s"), wrongPIN, "the signature is not the TIP key's of this request", 1},
		"register: a verification": {func(t *testing.T, u *user) (string, members) {
			body := u.registering(t, other, key)
			body["pin_base64"] = u.verifying(t, key)["pin_base64"]
			return "/safe/users", body
		}, wrongPIN, "the signature is not the TIP key's of this request", 1},
		"register: another user's": {func(t *testing.T, u *user) (string, members) {
			second := join(t, u.srv, u.clock, edKey(t))
			body := u.registering(t, other, key)
			message := sha256.Sum256(fmt.Appendf(nil, "SEQUENCER:REGISTER:%s%s", second.userID, body["public_key"]))
			body["pin_base64"] = u.seal(t, ed25519.Sign(key, message[:]))
			return "/safe/users", body
		}, wrongPIN, "the signature is not the TIP key's of this request", 1},
		"register: the PIN key of another": {func(t *testing.T, u *user) (string, members) {
			second := join(t, u.srv, u.clock, edKey(t))
			body := u.registering(t, other, key)
			message := sha256.Sum256(fmt.Appendf(nil, "SEQUENCER:REGISTER:%s%s", u.userID, body["public_key"]))
			body["pin_base64"] = u.seal(t, ed25519.Sign(key, message[:]), func(s *sealing) { s.key = second.pinKey })
			return "/safe/users", body
		}, wrongPIN, "the padding is wrong: another key encrypted the PIN", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, edKey(t))
			u.setTIP(t, key)
			path, body := tt.body(t, u)
			text, reason := u.send(t, "POST", path, body)
			assert.Equal(t, tt.want, text)
			if strings.HasPrefix(reason, "the time in") {
				reason = tt.reason // by chance, one of 256 has a valid padding
			}
			assert.Equal(t, tt.reason, reason)
			assert.Equal(t, tt.wrong, u.state(t).WrongPINs)
			assert.False(t, u.state(t).HasSafe)
		})
	}
}

// TestRegisterTwice: a second registration is refused. After a lost reply GET /me shows the first
// one.
func TestRegisterTwice(t *testing.T) {
	t.Parallel()
	u, key := newUser(t, edKey(t)), edKey(t)
	u.setTIP(t, key)
	text, reason := u.send(t, "POST", "/safe/users", u.registering(t, key, key))
	u.accepted(t, text, reason)
	text, reason = u.send(t, "POST", "/safe/users", u.registering(t, edKey(t), key))
	assert.Equal(t, forbidden, text)
	assert.Equal(t, "the user is registered", reason)
	assert.Equal(t, hex.EncodeToString(key[ed25519.SeedSize:]), u.me(t, "/me").Data.SpendPublicKey)
}

// TestTIPDelay: a new TIP key works only after a delay.
func TestTIPDelay(t *testing.T) {
	t.Parallel()
	u, key := newUser(t, edKey(t), mixintest.WithTIPDelay(2)), edKey(t)
	u.setTIP(t, key)
	for range 2 {
		text, reason := u.send(t, "POST", "/safe/users", u.registering(t, key, key))
		assert.Equal(t, wrongPIN, text)
		assert.Equal(t, "the TIP key is too new: WithTIPDelay", reason)
	}
	assert.Zero(t, u.state(t).WrongPINs)
	text, reason := u.send(t, "POST", "/safe/users", u.registering(t, key, key))
	u.accepted(t, text, reason)
}

// TestFiveWrongPINs: five wrong PINs lock one user's PIN for a day, for every call that takes it.
func TestFiveWrongPINs(t *testing.T) {
	t.Parallel()
	u, key := newUser(t, edKey(t)), edKey(t)
	u.setTIP(t, key)
	other := join(t, u.srv, u.clock, edKey(t))
	other.setTIP(t, key)
	for range 4 {
		text, _ := u.send(t, "POST", "/pin/verify", u.verifying(t, other.key.(ed25519.PrivateKey)))
		assert.Equal(t, wrongPIN, text)
	}
	text, _ := u.send(t, "POST", "/safe/users", u.registering(t, key, other.key.(ed25519.PrivateKey)))
	assert.Equal(t, wrongPIN, text, "it counts like the others")
	assert.Equal(t, 5, u.state(t).WrongPINs)
	for path, body := range map[string]members{
		"/pin/verify": u.verifying(t, key),
		"/safe/users": u.registering(t, key, key),
		"/pin/update": {"old_pin_base64": u.seal(t, tip(key)), "pin_base64": u.seal(t, tip(key))},
	} {
		text, reason := u.send(t, "POST", path, body)
		assert.Equal(t, locked, text, path)
		assert.Equal(t, "the PIN is locked for 24 hours after five wrong ones", reason)
	}
	assert.True(t, u.me(t, "/me").Data.HasPin, "the user may sign in")
	text, reason := other.send(t, "POST", "/pin/verify", other.verifying(t, key))
	other.accepted(t, text, reason)
	u.clock.move(24*time.Hour - time.Second)
	text, _ = u.send(t, "POST", "/pin/verify", u.verifying(t, key))
	assert.Equal(t, locked, text)
	u.clock.move(time.Second)
	text, reason = u.send(t, "POST", "/pin/verify", u.verifying(t, key))
	u.accepted(t, text, reason)
	assert.Zero(t, u.state(t).WrongPINs)
}

// TestOnlyUsersHavePINs: the application and tokens with a limited scope are refused.
func TestOnlyUsersHavePINs(t *testing.T) {
	t.Parallel()
	u, key := newUser(t, edKey(t)), edKey(t)
	u.setTIP(t, key)
	for path, body := range map[string]members{
		"/pin/update": {"old_pin_base64": "", "pin_base64": u.seal(t, tip(key))},
		"/pin/verify": u.verifying(t, key),
		"/safe/users": u.registering(t, key, key),
	} {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		by := app(u.srv)
		_, _, text := by.send(t, u.srv, by.call("POST", path, string(raw)))
		assert.Equal(t, forbidden, text, path)
		in := u.call("POST", path, string(raw))
		in.claims["scp"] = "PROFILE:READ"
		_, _, text = u.caller.send(t, u.srv, in)
		assert.Equal(t, forbidden, text, path)
		_, _, text = do(t, u.srv, u.call("POST", path, string(raw)))
		assert.Equal(t, unauthorized, text, path)
		text, _ = u.send(t, "GET", path, nil)
		assert.Equal(t, "This is a fake, and it does not serve this request.\n", text)
	}
	assert.False(t, u.state(t).HasSafe)
}

// TestOneTIPKey: of many concurrent calls only one sets a TIP key.
func TestOneTIPKey(t *testing.T) {
	t.Parallel()
	u := newUser(t, edKey(t))
	keys, bodies := make([]string, 20), make([]call, 20)
	for i := range keys {
		key := edKey(t)
		keys[i] = hex.EncodeToString(key[ed25519.SeedSize:])
		raw, err := json.Marshal(members{"old_pin_base64": "", "pin_base64": u.seal(t, tip(key))})
		require.NoError(t, err)
		bodies[i] = u.call("POST", "/pin/update", string(raw))
	}
	var wg sync.WaitGroup
	won := make([]bool, len(keys))
	for i, in := range bodies {
		wg.Go(func() {
			_, _, text := u.caller.send(t, u.srv, in)
			won[i] = strings.Contains(text, u.userID)
		})
	}
	wg.Wait()
	var winners []string
	for i, key := range keys {
		if won[i] {
			winners = append(winners, key)
		}
	}
	assert.Equal(t, []string{u.state(t).TIPKey}, winners)
}

// TestFaultsOfPINs: faults of userapitest.Attributes apply before and after the change.
func TestFaultsOfPINs(t *testing.T) {
	t.Parallel()
	u, key := newUser(t, edKey(t)), edKey(t)
	for _, after := range []bool{false, true} {
		f := userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 503}
		if after {
			f.When = userapitest.AfterCommit
		}
		u.srv.Inject(f)
		_, _ = u.send(t, "POST", "/pin/update", members{"old_pin_base64": "", "pin_base64": u.seal(t, tip(key))})
		assert.Equal(t, after, u.state(t).HasPIN)
	}
	u.srv.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 503, Times: 2})
	for _, body := range []struct {
		path string
		body members
	}{{"/pin/verify", u.verifying(t, key)}, {"/safe/users", u.registering(t, key, key)}} {
		_, _ = u.send(t, "POST", body.path, body.body)
	}
	assert.False(t, u.state(t).HasSafe)
	var ops []userapitest.Operation
	for _, r := range u.srv.Requests()[1:] {
		ops = append(ops, r.Operation)
	}
	assert.Equal(t, []userapitest.Operation{
		userapitest.Attributes, userapitest.Attributes, userapitest.Attributes, userapitest.Attributes,
	}, ops)
}

// TestRecordsHoldNoPIN: recorded requests have no PIN, encrypted or not, under any name.
func TestRecordsHoldNoPIN(t *testing.T) {
	t.Parallel()
	u, key := newUser(t, edKey(t)), edKey(t)
	planted := []string{
		u.seal(t, []byte("123456")), u.seal(t, []byte("123456")), u.seal(t, tip(key)), u.seal(t, []byte("271828")),
	}
	_, _ = u.send(t, "POST", "/pin/update", members{"old_pin": "", "pin": planted[0]})
	_, _ = u.send(t, "POST", "/pin/update", members{"old_pin_base64": planted[1], "pin_base64": planted[2]})
	_, _ = u.send(t, "POST", "/pin/update", members{"old_pin": planted[3], "pin": planted[3]})
	text := fmt.Sprintf("%+v %+v %v", u.srv.Requests(), u.srv.Users(), u.srv)
	for _, r := range u.srv.Requests() {
		text += string(r.Body)
		assert.Equal(t, []string{userapi.Redacted}, r.Header[http.CanonicalHeaderKey("Authorization")])
	}
	for i, secret := range append(planted, "123456", "271828", hex.EncodeToString(u.pinKey)) {
		require.False(t, strings.Contains(text, secret), "secret %d shows", i)
	}
}

func TestBilling(t *testing.T) {
	t.Parallel()
	c := newClock()
	for name, tt := range map[string]struct {
		opts  []mixintest.Option
		price string
		bills []string // before a user, after one, and after two
	}{
		"by default": {nil, "0.5", []string{
			`"cost":{"users":"0","resources":"0"},"credit":"1000000"`,
			`"cost":{"users":"0.5","resources":"0"},"credit":"1000000"`,
			`"cost":{"users":"1","resources":"0"},"credit":"1000000"`,
		}},
		"with credit": {[]mixintest.Option{mixintest.WithCredit(1)}, "0.5", []string{
			`"cost":{"users":"0","resources":"0"},"credit":"0.5"`,
			`"cost":{"users":"0.5","resources":"0"},"credit":"0.5"`,
			`"cost":{"users":"0.5","resources":"0"},"credit":"0.5"`,
		}},
		"another price": {[]mixintest.Option{mixintest.WithPrice("1.25"), mixintest.WithCredit(4)}, "1.25", []string{
			`"cost":{"users":"0","resources":"0"},"credit":"5"`,
			`"cost":{"users":"1.25","resources":"0"},"credit":"5"`,
			`"cost":{"users":"2.5","resources":"0"},"credit":"5"`,
		}},
		"free": {[]mixintest.Option{mixintest.WithPrice("0")}, "0", []string{
			`"cost":{"users":"0","resources":"0"},"credit":"1000000"`,
			`"cost":{"users":"0","resources":"0"},"credit":"1000000"`,
			`"cost":{"users":"0","resources":"0"},"credit":"1000000"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t, tt.opts...)
			by := app(srv)
			for _, want := range tt.bills {
				_, _, text := by.send(t, srv, by.call("GET", "/safe/apps/"+by.userID+"/billing", ""))
				assert.Equal(t, `{"data":{"app_id":"`+by.userID+`",`+want+`}}`, text)
				_, _, _ = by.send(t, srv, by.call("POST", "/users", minimal))
			}
			_, header, text := by.send(t, srv, by.call("GET", "/apps/property", ""))
			assert.Equal(t, forbidden, text, "an ordinary application is not told the price")
			assert.Contains(t, header.Get("X-Fake-Reason"), "WithOfficialApp")
			srv = mixintest.NewServer(t, append(tt.opts, mixintest.WithOfficialApp())...)
			by = app(srv)
			_, _, text = by.send(t, srv, by.call("GET", "/apps/property", ""))
			assert.Equal(t, `{"data":{"count":1,"price":"`+tt.price+`"}}`, text)
		})
	}
	t.Run("of nobody else", func(t *testing.T) {
		t.Parallel()
		srv := mixintest.NewServer(t)
		u := join(t, srv, c, edKey(t))
		by := app(srv)
		for _, in := range []struct {
			by   caller
			path string
		}{
			{by, "/safe/apps/" + u.userID + "/billing"}, {by, "/safe/apps/" + newID() + "/billing"},
			{u.caller, "/safe/apps/" + by.userID + "/billing"}, {u.caller, "/safe/apps/" + u.userID + "/billing"},
			{u.caller, "/apps/property"},
		} {
			_, _, text := in.by.send(t, srv, in.by.call("GET", in.path, ""))
			assert.Equal(t, forbidden, text, in.path)
		}
	})
	t.Run("a bad price", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"", "-1", "half", "1/2"} {
			srv, err := mixintest.Start(mixintest.WithPrice(text))
			require.Error(t, err)
			assert.Nil(t, srv)
		}
	})
}

// TestABadSessionKeyIsNoPoint: a session key that is not a point of the curve is refused, because
// it cannot share a PIN key.
func TestABadSessionKeyIsNoPoint(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	by := app(srv)
	for _, key := range [][]byte{make([]byte, 32), append([]byte{1}, make([]byte, 31)...), append([]byte{2}, make([]byte, 31)...)} {
		_, _, text := by.send(t, srv, by.call("POST", "/users", `{"session_secret":"`+base64.RawURLEncoding.EncodeToString(key)+`"}`))
		assert.Contains(t, text, `"field":"session_secret"`)
	}
	assert.Zero(t, srv.UserCount())
}
