package mixin

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// opaqueSigner is a key that only has crypto.Signer's methods.
type opaqueSigner struct {
	public crypto.PublicKey
	sign   func(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (s opaqueSigner) Public() crypto.PublicKey { return s.public }

func (s opaqueSigner) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.sign(rand, digest, opts)
}

func opaque(key crypto.Signer) crypto.Signer {
	return opaqueSigner{public: key.Public(), sign: key.Sign}
}

type tokenSignerFunc func(ctx context.Context, signingInput []byte) ([]byte, error)

func (f tokenSignerFunc) SignToken(ctx context.Context, signingInput []byte) ([]byte, error) {
	return f(ctx, signingInput)
}

// namedTokenSigner also names its algorithm.
type namedTokenSigner struct {
	tokenSignerFunc
	algorithm string
}

func (s namedTokenSigner) Algorithm() string { return s.algorithm }

type pointerTokenSigner struct{ calls int }

func (s *pointerTokenSigner) SignToken(context.Context, []byte) ([]byte, error) {
	s.calls++
	return nil, nil
}

// remote returns a TokenSigner that signs as a KMS does.
func remote(key crypto.Signer) TokenSigner {
	if _, ok := key.Public().(*rsa.PublicKey); ok {
		return namedTokenSigner{func(_ context.Context, input []byte) ([]byte, error) {
			digest := sha512.Sum512(input)
			return key.Sign(rand.Reader, digest[:], crypto.SHA512)
		}, "RS512"}
	}
	return tokenSignerFunc(func(_ context.Context, input []byte) ([]byte, error) {
		return key.Sign(rand.Reader, input, crypto.Hash(0))
	})
}

func TestTokenVectors(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	require.Len(t, v.Tokens, 7)
	for _, tt := range v.Tokens {
		key := v.key(t, tt.Key)
		makers := map[string]func() (*signer, error){
			"key":          func() (*signer, error) { return newKeySigner(key) },
			"opaque key":   func() (*signer, error) { return newKeySigner(opaque(key)) },
			"token signer": func() (*signer, error) { return newRemoteSigner(remote(key)) },
		}
		for how, newSigner := range makers {
			t.Run(tt.Key+"/"+tt.Name+"/"+how, func(t *testing.T) {
				t.Parallel()
				s, err := newSigner()
				require.NoError(t, err)
				c := tt.claims()
				assert.Equal(t, tt.Sig, c.Sig)
				token, err := s.token(t.Context(), c)
				require.NoError(t, err)
				assert.Equal(t, tt.Token, token)
				assert.Equal(t, tt.Alg, s.method.Alg())
			})
		}
	}
}

// TestVendorTokens checks the tokens of the vendor's documentation. Their private keys are not
// known, so it compares the signed texts.
func TestVendorTokens(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	type sample struct{ method, uri, body, sig, token, publicKey string }
	samples := map[string]sample{
		"create user": {
			method: v.VendorSample.Method, uri: v.VendorSample.URI, body: v.VendorSample.Body,
			sig: v.VendorSample.Sig, token: v.VendorSample.Token, publicKey: v.VendorSample.PublicKey,
		},
		"authentication": {token: v.DocToken.Token, publicKey: v.DocToken.PublicKey},
	}
	require.NotEmpty(t, v.DocTokens.Samples)
	for _, s := range v.DocTokens.Samples {
		samples[s.Source] = sample{s.Method, s.URI, s.Body, s.Sig, s.Token, v.DocTokens.PublicKey}
	}
	for name, tt := range samples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parts := strings.Split(tt.token, ".")
			require.Len(t, parts, 3)
			sig, err := base64.RawURLEncoding.DecodeString(parts[2])
			require.NoError(t, err)
			digest := sha512.Sum512([]byte(parts[0] + "." + parts[1]))
			require.NoError(t, rsa.VerifyPKCS1v15(rsaPublicKey(t, tt.publicKey), crypto.SHA512, digest[:], sig))

			text, err := base64.RawURLEncoding.DecodeString(parts[1])
			require.NoError(t, err)
			var c claims
			require.NoError(t, json.Unmarshal(text, &c))
			if tt.method != "" {
				assert.Equal(t, c.Sig, requestSig(tt.method, tt.uri, []byte(tt.body)))
			}
			if tt.sig != "" {
				assert.Equal(t, tt.sig, c.Sig)
			}

			// The same claims give the same signing input.
			s, err := newKeySigner(v.key(t, "rsa1024"))
			require.NoError(t, err)
			token, err := s.token(t.Context(), c)
			require.NoError(t, err)
			assert.Equal(t, parts[:2], strings.Split(token, ".")[:2])
		})
	}
}

func TestRequestSigDoesNotCopyTheBody(t *testing.T) { //nolint:paralleltest // it measures
	body := make([]byte, 8<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_ = requestSig("POST", "/users", body)
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

// badKeys returns invalid keys with their errors.
func badKeys(t *testing.T) map[string]badKey {
	t.Helper()
	v := readVectors(t)
	good := v.key(t, "ed25519").(ed25519.PrivateKey)
	mismatched := append(good.Seed(), make([]byte, ed25519.PublicKeySize)...)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	strong := v.Keys.RSA1024.key(t)
	small := rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1022), E: 65537}
	var nilEd *ed25519.PrivateKey
	var noneEd ed25519.PrivateKey
	return map[string]badKey{
		"nil":                        {nil, "expected a key, got none"},
		"nil RSA key":                {(*rsa.PrivateKey)(nil), "expected a key, got none"},
		"nil Ed25519 pointer":        {nilEd, "expected a key, got none"},
		"pointer to nil Ed25519 key": {&noneEd, "expected a key, got none"},
		"nil ECDSA key":              {(*ecdsa.PrivateKey)(nil), "expected a key, got none"},
		"no Ed25519 bytes":           {ed25519.PrivateKey(nil), "expected a key, got none"},
		"empty Ed25519 key":          {ed25519.PrivateKey{}, "expected an Ed25519 key of the right length"},
		"Ed25519 seed":               {ed25519.PrivateKey(good.Seed()), "expected an Ed25519 key of the right length"},
		"long Ed25519 key":           {append(good[:64:64], 0), "expected an Ed25519 key of the right length"},
		"mismatched Ed25519 key":     {ed25519.PrivateKey(mismatched), "whose second half is the public key of the first"},
		"empty RSA key":              {&rsa.PrivateKey{}, "expected a valid RSA key"},
		"RSA key without primes": {
			&rsa.PrivateKey{PublicKey: strong.PublicKey, D: strong.D},
			"expected a valid RSA key",
		},
		"RSA key with nil primes": {
			&rsa.PrivateKey{PublicKey: strong.PublicKey, D: strong.D, Primes: make([]*big.Int, 3)},
			"expected a valid RSA key",
		},
		"RSA key with a wrong exponent": {
			&rsa.PrivateKey{PublicKey: strong.PublicKey, D: big.NewInt(3), Primes: strong.Primes},
			"expected a valid RSA key",
		},
		"small RSA key":          {&rsa.PrivateKey{PublicKey: small}, "expected an RSA key of at least 1024 bits"},
		"ECDSA key":              {ec, "expected an Ed25519 or RSA key, got a signer whose public key is *ecdsa.PublicKey"},
		"signer without key":     {opaqueSigner{}, "expected an Ed25519 or RSA key, got a signer whose public key is <nil>"},
		"signer, short Ed25519":  {opaqueSigner{public: ed25519.PublicKey{1}}, "expected an Ed25519 key of the right length"},
		"signer, small RSA":      {opaqueSigner{public: &small}, "expected an RSA key of at least 1024 bits"},
		"signer, nil RSA":        {opaqueSigner{public: (*rsa.PublicKey)(nil)}, "expected a valid RSA key"},
		"signer, RSA exponent 1": {opaqueSigner{public: &rsa.PublicKey{N: strong.N, E: 1}}, "expected a valid RSA key"},
	}
}

type badKey struct {
	key  crypto.Signer
	says string
}

func TestNewKeySignerRefusesBadKeys(t *testing.T) {
	t.Parallel()
	for name, tt := range badKeys(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := newKeySigner(tt.key)
			require.Error(t, err)
			assert.True(t, s == nil, "a signer and an error")
			assert.ErrorContains(t, err, "mixin: private key: ")
			assert.ErrorContains(t, err, tt.says)
		})
	}
}

func TestNewRemoteSigner(t *testing.T) {
	t.Parallel()
	sign := tokenSignerFunc(func(context.Context, []byte) ([]byte, error) { return nil, nil })
	for name, tt := range map[string]struct {
		signer TokenSigner
		alg    string // "" if refused
	}{
		"default":                 {sign, "EdDSA"},
		"EdDSA":                   {namedTokenSigner{sign, "EdDSA"}, "EdDSA"},
		"RS512":                   {namedTokenSigner{sign, "RS512"}, "RS512"},
		"unnamed":                 {namedTokenSigner{sign, ""}, "EdDSA"},
		"pointer":                 {&pointerTokenSigner{}, "EdDSA"},
		"none":                    {namedTokenSigner{sign, "none"}, ""},
		"HS512":                   {namedTokenSigner{sign, "HS512"}, ""},
		"lower case":              {namedTokenSigner{sign, "eddsa"}, ""},
		"nil":                     {nil, ""},
		"nil func":                {tokenSignerFunc(nil), ""},
		"nil pointer to a struct": {(*pointerTokenSigner)(nil), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := newRemoteSigner(tt.signer)
			if tt.alg == "" {
				require.ErrorContains(t, err, "mixin: token signer: expected")
				assert.True(t, s == nil, "a signer and an error")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.alg, s.method.Alg())
		})
	}
}

func TestTokenRefusesSignaturesOfWrongSize(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	returning := func(n int) tokenSignerFunc {
		return func(context.Context, []byte) ([]byte, error) { return make([]byte, n), nil }
	}
	opaqueReturning := func(public crypto.PublicKey, n int) crypto.Signer {
		return opaqueSigner{public, func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
			return make([]byte, n), nil
		}}
	}
	ed, rsa2048 := v.key(t, "ed25519").Public(), v.key(t, "rsa2048").Public()
	for name, tt := range map[string]struct {
		newSigner func() (*signer, error)
		ok        bool
	}{
		"EdDSA, none":          {func() (*signer, error) { return newRemoteSigner(returning(0)) }, false},
		"EdDSA, 63":            {func() (*signer, error) { return newRemoteSigner(returning(63)) }, false},
		"EdDSA, 64":            {func() (*signer, error) { return newRemoteSigner(returning(64)) }, true},
		"EdDSA, 65":            {func() (*signer, error) { return newRemoteSigner(returning(65)) }, false},
		"EdDSA, hex":           {func() (*signer, error) { return newRemoteSigner(returning(128)) }, false},
		"RS512, 127":           {func() (*signer, error) { return newRemoteSigner(namedTokenSigner{returning(127), "RS512"}) }, false},
		"RS512, 128":           {func() (*signer, error) { return newRemoteSigner(namedTokenSigner{returning(128), "RS512"}) }, true},
		"opaque Ed25519, none": {func() (*signer, error) { return newKeySigner(opaqueReturning(ed, 0)) }, false},
		"opaque Ed25519, 64":   {func() (*signer, error) { return newKeySigner(opaqueReturning(ed, 64)) }, true},
		"opaque RSA, 128":      {func() (*signer, error) { return newKeySigner(opaqueReturning(rsa2048, 128)) }, false},
		"opaque RSA, 256":      {func() (*signer, error) { return newKeySigner(opaqueReturning(rsa2048, 256)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := tt.newSigner()
			require.NoError(t, err)
			token, err := s.token(t.Context(), claims{})
			if tt.ok {
				require.NoError(t, err)
				assert.NotEmpty(t, token)
				return
			}
			require.ErrorContains(t, err, "mixin: sign token: ")
			assert.Empty(t, token)
		})
	}
}

func TestTokenHonoursContext(t *testing.T) {
	t.Parallel()
	calls := 0
	s, err := newRemoteSigner(tokenSignerFunc(func(context.Context, []byte) ([]byte, error) {
		calls++
		return make([]byte, 64), nil
	}))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.token(ctx, claims{})
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, calls, "nothing is signed for a call that is over")
}

// TestTokenKeepsItsInput: a TokenSigner can overwrite its argument.
func TestTokenKeepsItsInput(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	key := v.key(t, "ed25519")
	s, err := newRemoteSigner(tokenSignerFunc(func(_ context.Context, input []byte) ([]byte, error) {
		sig, err := key.Sign(nil, input, crypto.Hash(0))
		clear(input)
		return sig, err
	}))
	require.NoError(t, err)
	token, err := s.token(t.Context(), v.Tokens[0].claims())
	require.NoError(t, err)
	assert.Equal(t, v.Tokens[0].Token, token)
}

func TestSignerDoesNotShowItsKey(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for _, name := range []string{"ed25519", "rsa1024"} {
		key := v.key(t, name)
		s, err := newKeySigner(key)
		require.NoError(t, err)
		// A client holds it in an unexported field, so its methods are not called.
		requireNoLeak(t, struct {
			s *signer
			v signer
		}{s, *s}, keyForms(t, key))
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			requireNoneIn(t, verb, fmt.Sprintf(verb, *s), keyForms(t, key))
		}
	}
}

func TestSignAllocs(t *testing.T) { //nolint:paralleltest // AllocsPerRun panics beside parallel tests
	v := readVectors(t)
	s, err := newKeySigner(v.key(t, "ed25519"))
	require.NoError(t, err)
	tt := v.Tokens[0]
	body := []byte(tt.Body)
	c := tt.claims()
	allocs := testing.AllocsPerRun(200, func() {
		c.Sig = requestSig(tt.Method, tt.URI, body)
		_, err = s.token(context.Background(), c)
	})
	require.NoError(t, err)
	assert.LessOrEqual(t, allocs, 30.0)
}

func BenchmarkSign(b *testing.B) {
	v := readVectors(b)
	for _, i := range []int{0, 4, 6} {
		tt := v.Tokens[i]
		b.Run(tt.Alg+"/"+tt.Key, func(b *testing.B) {
			s, err := newKeySigner(v.key(b, tt.Key))
			require.NoError(b, err)
			body := []byte(tt.Body)
			c := tt.claims()
			b.ReportAllocs()
			for b.Loop() {
				c.Sig = requestSig(tt.Method, tt.URI, body)
				if _, err := s.token(b.Context(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
