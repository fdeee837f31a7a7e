package mixin

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// TestPinTokens opens every PIN token of the vectors, in every form of a keystore. It decrypts the
// PINs of other implementations with the PIN key.
func TestPinTokens(t *testing.T) {
	t.Parallel()
	for _, v := range readPINVectors(t).PinTokens {
		for name, ks := range v.keystores(t) {
			t.Run(v.Name+", "+name, func(t *testing.T) {
				t.Parallel()
				var check provider.Check
				key := openPINKey(&check, "Keystore.", ks)
				require.Empty(t, check.Faults())
				require.True(t, hex.EncodeToString(key) == v.pinKey(), "another key")

				c, err := NewPINCipher(ks)
				require.NoError(t, err)
				text, err := c.EncryptPIN([]byte("123456"))
				require.NoError(t, err)
				require.True(t, string(decrypt(t, v.pinKey(), text).pin) == "123456", "another PIN")
			})
		}
		var samples []pinSample
		samples = append(samples, v.Samples...)
		for _, s := range []*pinSample{v.Sample, v.Sample23, v.TIPSample} {
			if s != nil {
				samples = append(samples, *s)
			}
		}
		require.NotEmpty(t, samples)
		for _, s := range samples {
			// The same time, iterator and IV give the same text.
			in := decrypt(t, v.pinKey(), s.Encrypted)
			want := []byte(s.PIN)
			if s.TIPPlain != "" {
				want = unhex(t, s.TIPPlain)
				require.True(t, bytes.Equal(want, tipSecret(ed25519.NewKeyFromSeed(unhex(t, s.SpendSeed)))))
				assert.Equal(t, s.Iterator, in.iterator)
			}
			require.True(t, bytes.Equal(want, in.pin), "another PIN")
			enc := base64.RawURLEncoding
			raw, err := enc.DecodeString(s.Encrypted)
			if err != nil {
				enc = base64.StdEncoding
				raw, err = enc.DecodeString(s.Encrypted)
			}
			require.NoError(t, err)
			block, err := aes.NewCipher(unhex(t, v.pinKey()))
			require.NoError(t, err)
			again := sealPIN(block, raw[:aes.BlockSize], in.pin, at(in.unix*1e9)(), in.iterator)
			assert.Equal(t, s.Encrypted, enc.EncodeToString(again))
		}
	}
}

// TestBothSidesAgree: the server computes the same key from the user's public half.
func TestBothSidesAgree(t *testing.T) {
	t.Parallel()
	v := ed25519Vector(t)
	user := readVectors(t).key(t, "ed25519").Public().(ed25519.PublicKey)
	u, err := montgomeryOf(user)
	require.NoError(t, err)
	digest := sha512.Sum512(unhex(t, v.ServerSeed))
	server, err := ecdh.X25519().NewPrivateKey(digest[:32])
	require.NoError(t, err)
	remote, err := ecdh.X25519().NewPublicKey(u)
	require.NoError(t, err)
	shared, err := server.ECDH(remote)
	require.NoError(t, err)
	require.True(t, hex.EncodeToString(shared) == v.Shared)
}

// kms is a signer that does not show its key.
type kms struct{ crypto.Signer }

func TestPinTokenFaults(t *testing.T) {
	t.Parallel()
	v := ed25519Vector(t)
	all := readVectors(t)
	edKey, rsaKey := all.key(t, "ed25519"), all.key(t, "rsa2048").(*rsa.PrivateKey)
	rsaVector := readPINVectors(t).PinTokens[0]
	short, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &rsaKey.PublicKey, make([]byte, 16), []byte(testSessionID))
	require.NoError(t, err)
	otherLabel, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &rsaKey.PublicKey, make([]byte, 32), []byte(testUserID))
	require.NoError(t, err)
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	strangers := hex.EncodeToString(stranger[32:])
	low := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for name, tt := range map[string]struct {
		ks    Keystore
		field string
		code  string
		says  string
	}{
		"no key":              {Keystore{PinToken: userapi.Secret(v.TokenRaw)}, "PrivateKey", "required", "private key itself"},
		"a KMS":               {Keystore{PrivateKey: kms{edKey}, PinToken: userapi.Secret(v.TokenRaw)}, "PrivateKey", "required", "keeps its key"},
		"a KMS, by a pointer": {Keystore{PrivateKey: &kms{rsaKey}, PinToken: userapi.Secret(v.TokenRaw)}, "PrivateKey", "required", "keeps its key"},
		"a broken key":        {Keystore{PrivateKey: ed25519.PrivateKey("x"), PinToken: userapi.Secret(v.TokenRaw)}, "PrivateKey", "invalid", "right length"},
		"a nil RSA key":       {Keystore{PrivateKey: (*rsa.PrivateKey)(nil)}, "PrivateKey", "required", "private key itself"},
		"a broken RSA key":    {Keystore{PrivateKey: &rsa.PrivateKey{}}, "PrivateKey", "invalid", "RSA"},
		"nothing of Mixin's":  {Keystore{PrivateKey: edKey}, "PinToken", "required", "PinToken or ServerPublicKey"},
		"a redacted token":    {Keystore{PrivateKey: edKey, PinToken: userapi.Redacted}, "PinToken", "invalid", "redacted"},
		"a token of 31 bytes": {Keystore{PrivateKey: edKey, PinToken: "AAAA"}, "PinToken", "invalid", "32 bytes"},
		"a token of RSA's":    {Keystore{PrivateKey: edKey, PinToken: userapi.Secret(rsaVector.TokenStd)}, "PinToken", "invalid", "32 bytes"},
		"no base64":           {Keystore{PrivateKey: edKey, PinToken: "a token, no base64"}, "PinToken", "invalid", "32 bytes"},
		"low order":           {Keystore{PrivateKey: edKey, PinToken: userapi.Secret(low)}, "PinToken", "invalid", "low order"},
		"low order, Edwards":  {Keystore{PrivateKey: edKey, ServerPublicKey: "ec" + strings.Repeat("ff", 30) + "7f"}, "ServerPublicKey", "invalid", "low order"},
		"two different keys":  {Keystore{PrivateKey: edKey, PinToken: userapi.Secret(v.TokenRaw), ServerPublicKey: strangers}, "ServerPublicKey", "invalid", "two different keys"},
		"a cut key in base64": {Keystore{PrivateKey: edKey, ServerPublicKey: v.TokenRaw[:40]}, "ServerPublicKey", "invalid", "64 hexadecimal"},
		"another in base64":   {Keystore{PrivateKey: edKey, PinToken: userapi.Secret(v.TokenRaw), ServerPublicKey: low[:42] + "E"}, "ServerPublicKey", "invalid", "two different keys"},
		"no point":            {Keystore{PrivateKey: edKey, ServerPublicKey: "02" + strings.Repeat("0", 62)}, "ServerPublicKey", "invalid", "point"},
		"no point, as token":  {Keystore{PrivateKey: edKey, PinToken: userapi.Secret("02" + strings.Repeat("0", 62))}, "PinToken", "invalid", "32 bytes"},
		"RSA, no token":       {Keystore{PrivateKey: rsaKey, SessionID: testSessionID, ServerPublicKey: v.Edwards}, "PinToken", "required", "RSA session"},
		"RSA, redacted":       {Keystore{PrivateKey: rsaKey, SessionID: testSessionID, PinToken: userapi.Redacted}, "PinToken", "invalid", "redacted"},
		"RSA, no session":     {Keystore{PrivateKey: rsaKey, PinToken: userapi.Secret(rsaVector.TokenStd)}, "SessionID", "invalid", "UUID"},
		"RSA, other session":  {Keystore{PrivateKey: rsaKey, SessionID: testUserID, PinToken: userapi.Secret(rsaVector.TokenStd)}, "PinToken", "invalid", "does not open"},
		"RSA, other label":    {Keystore{PrivateKey: rsaKey, SessionID: testSessionID, PinToken: userapi.Secret(base64.StdEncoding.EncodeToString(otherLabel))}, "PinToken", "invalid", "does not open"},
		"RSA, another length": {Keystore{PrivateKey: rsaKey, SessionID: testSessionID, PinToken: userapi.Secret(v.TokenStd)}, "PinToken", "invalid", "as many bytes"},
		"RSA, a short key":    {Keystore{PrivateKey: rsaKey, SessionID: testSessionID, PinToken: userapi.Secret(base64.StdEncoding.EncodeToString(short))}, "PinToken", "invalid", "does not open"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := NewPINCipher(tt.ks)
			assert.Nil(t, c)
			e := asError(t, err)
			assert.Equal(t, userapi.KindInvalid, e.Kind)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Equal(t, "encrypt PIN", e.Op)
			require.Len(t, e.FieldErrors, 1)
			assert.Equal(t, "Keystore."+tt.field, e.FieldErrors[0].VendorField)
			assert.Equal(t, tt.code, e.FieldErrors[0].Code)
			assert.Contains(t, e.FieldErrors[0].Message, tt.says)
			for _, secret := range []userapi.Secret{tt.ks.PinToken, userapi.Secret(tt.ks.ServerPublicKey)} {
				if secret != "" && secret != userapi.Redacted {
					requireNoneIn(t, "error", e.Error()+e.FieldErrors[0].Message, []string{secret.Reveal()})
				}
			}
		})
	}
}

// TestClientsOfNoPIN: a keystore without PIN data can create users. A call with a PIN says what is
// missing.
func TestClientsOfNoPIN(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"no token":   func(*Config) {},
		"a bad one":  func(c *Config) { c.Keystore.PinToken = "not base64 at all" },
		"a KMS":      func(c *Config) { c.Keystore.PrivateKey = kms{c.Keystore.PrivateKey} },
		"no key":     func(c *Config) { c.TokenSigner, c.Keystore.PrivateKey = remote(c.Keystore.PrivateKey), nil },
		"two keys":   func(c *Config) { c.Keystore.PinToken, c.Keystore.ServerPublicKey = testPinToken, testSpendKey },
		"not a UUID": func(c *Config) { c.Keystore.ServerPublicKey = "1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Keystore: Keystore{UserID: testUserID, SessionID: testSessionID, PrivateKey: readVectors(t).key(t, "ed25519")}}
			change(&cfg)
			c, err := New(cfg)
			require.NoError(t, err)
			_, err = c.PIN.Verify(context.Background(), PIN{})
			e := asError(t, err)
			assert.Equal(t, userapi.KindInvalid, e.Kind)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Equal(t, "verify PIN", e.Op)
			require.GreaterOrEqual(t, len(e.FieldErrors), 2, "every fault at once")
			assert.Equal(t, "pin_base64", e.FieldErrors[0].VendorField)
			assert.True(t, strings.HasPrefix(e.FieldErrors[1].VendorField, "Config.Keystore."), e.FieldErrors[1].VendorField)
		})
	}
}

// TestEdwards converts points and refuses other values.
func TestEdwards(t *testing.T) {
	t.Parallel()
	v := ed25519Vector(t)
	p := slices.Clone(fieldBytes(new(big.Int).Sub(fieldP, fieldOne))) // p - 1
	for name, tt := range map[string]struct {
		edwards string
		u       string // "" means refused
	}{
		"the vector":                {v.Edwards, base64ToHex(t, v.TokenRaw)},
		"with the other sign":       {flipSign(t, v.Edwards), base64ToHex(t, v.TokenRaw)},
		"the base point":            {"58" + strings.Repeat("66", 31), "09" + strings.Repeat("00", 31)},
		"y = -1, of order 2":        {hex.EncodeToString(p), strings.Repeat("00", 32)},
		"y = 0, of order 4":         {strings.Repeat("00", 32), "01" + strings.Repeat("00", 31)},
		"y = -1 with a sign":        {flipSign(t, hex.EncodeToString(p)), ""},
		"y = 1, the neutral one":    {"01" + strings.Repeat("00", 31), ""},
		"y = 1 with a sign":         {"01" + strings.Repeat("00", 30) + "80", ""},
		"y = p, not reduced":        {"ed" + strings.Repeat("ff", 30) + "7f", ""},
		"y = p + 1, not reduced":    {"ee" + strings.Repeat("ff", 30) + "7f", ""},
		"all ones":                  {strings.Repeat("ff", 32), ""},
		"no square":                 {"02" + strings.Repeat("00", 31), ""},
		"a byte short":              {v.Edwards[2:], ""},
		"a byte long":               {v.Edwards + "00", ""},
		"nothing":                   {"", ""},
		"64 bytes, as of a keypair": {v.Edwards + v.Edwards, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := unhex(t, tt.edwards)
			before := slices.Clone(in)
			u, err := montgomeryOf(in)
			assert.Equal(t, before, in, "the caller's bytes are not written")
			if tt.u == "" {
				require.ErrorIs(t, err, errEdwards)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.u, hex.EncodeToString(u))
		})
	}
	for name, u := range map[string][]byte{
		"u = -1":       fieldBytes(new(big.Int).Sub(fieldP, fieldOne)),
		"u = p":        unhex(t, "ed"+strings.Repeat("ff", 30)+"7f"),
		"on the twist": unhex(t, "02"+strings.Repeat("00", 31)),
		"short":        make([]byte, 31),
	} {
		before := slices.Clone(u)
		_, err := edwardsOf(u)
		require.ErrorIs(t, err, errMontgomery, name)
		assert.Equal(t, before, u, "the caller's bytes are not written")
	}
}

func base64ToHex(t testing.TB, text string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	return hex.EncodeToString(raw)
}

func flipSign(t testing.TB, point string) string {
	t.Helper()
	raw := unhex(t, point)
	raw[31] ^= 0x80
	return hex.EncodeToString(raw)
}

// FuzzEdwards: every public key converts to the X25519 key of its private key. Every conversion
// works both ways.
func FuzzEdwards(f *testing.F) {
	f.Add(make([]byte, 32))
	f.Add([]byte("a seed that only these tests use"))
	f.Add(bytes.Repeat([]byte{0xff}, 32))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == ed25519.SeedSize {
			key := ed25519.NewKeyFromSeed(data)
			u, err := montgomeryOf(key[32:])
			require.NoError(t, err)
			digest := sha512.Sum512(data)
			scalar, err := ecdh.X25519().NewPrivateKey(digest[:32])
			require.NoError(t, err)
			require.Equal(t, scalar.PublicKey().Bytes(), u)
		}
		u, err := montgomeryOf(data)
		if err != nil {
			return
		}
		back, err := edwardsOf(u)
		require.NoError(t, err)
		want := slices.Clone(data)
		want[31] &= 0x7f
		require.Equal(t, want, back)
	})
}
