package mixin

import (
	"crypto/aes"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// TestSealPIN reproduces PINs byte for byte.
func TestSealPIN(t *testing.T) {
	t.Parallel()
	vectors := readPINVectors(t).FixedIV
	require.Len(t, vectors, 2)
	for _, v := range vectors {
		pin := []byte(v.PIN)
		if v.PINHex != "" {
			pin = unhex(t, v.PINHex)
		}
		block, err := aes.NewCipher(unhex(t, v.Key))
		require.NoError(t, err)
		iv := unhex(t, v.IV)
		got := sealPIN(block, iv, pin, time.Unix(v.Unix, 999), v.Iterator)
		assert.Equal(t, v.Encrypted, base64.RawURLEncoding.EncodeToString(got))
		assert.Equal(t, v.IV, hex.EncodeToString(iv))
	}
}

// TestIteratorGrows: iterators grow, whatever the clock does.
func TestIteratorGrows(t *testing.T) {
	t.Parallel()
	key := ed25519Vector(t).Shared
	clock := []int64{1e18, 1e18, 1e18 - 5e9, -1, 0, 1e18 + 1, 1e18 + 2e9, 1e18}
	want := []uint64{1e18, 1e18 + 1, 1e18 + 2, 1e18 + 3, 1e18 + 4, 1e18 + 5, 1e18 + 2e9, 1e18 + 2e9 + 1}
	i := -1
	c, err := newPINCipher(unhex(t, key), func() time.Time { i++; return time.Unix(0, clock[i]) })
	require.NoError(t, err)
	for n := range want {
		text, err := c.EncryptPIN([]byte("123456"))
		require.NoError(t, err)
		in := decrypt(t, key, text)
		assert.Equal(t, want[n], in.iterator, n)
		assert.Equal(t, max(time.Unix(0, clock[n]).Unix(), 0), in.unix, n)
	}
}

// TestIteratorsOfManyCalls: of a thousand concurrent calls, each gets its own iterator.
func TestIteratorsOfManyCalls(t *testing.T) {
	t.Parallel()
	v := ed25519Vector(t)
	for name, now := range map[string]func() time.Time{"a clock": time.Now, "one that stands": at(1e18)} {
		c, err := newPINCipher(unhex(t, v.Shared), now)
		require.NoError(t, err)
		copied := *c // shares the iterator
		const calls = 1000
		texts := make([]string, calls)
		var wg sync.WaitGroup
		for i := range texts {
			wg.Go(func() {
				by := c
				if i%2 == 0 {
					by = &copied
				}
				texts[i], _ = by.EncryptPIN([]byte("123456"))
			})
		}
		wg.Wait()
		iterators := make([]uint64, calls)
		ivs := map[string]bool{}
		for i, text := range texts {
			iterators[i] = decrypt(t, v.Shared, text).iterator
			ivs[text[:20]] = true
		}
		slices.Sort(iterators)
		assert.Len(t, slices.Compact(iterators), calls, name)
		assert.Len(t, ivs, calls, name)
		last, err := c.EncryptPIN([]byte("123456"))
		require.NoError(t, err)
		assert.Greater(t, decrypt(t, v.Shared, last).iterator, iterators[calls-1], name)
	}
}

func TestEncryptPINRefuses(t *testing.T) {
	t.Parallel()
	c, err := newPINCipher(make([]byte, 32), time.Now)
	require.NoError(t, err)
	var none *PINCipher
	for name, call := range map[string]func() (string, error){
		"no PIN":         func() (string, error) { return c.EncryptPIN(nil) },
		"zero cipher":    func() (string, error) { return new(PINCipher).EncryptPIN([]byte("123456")) },
		"no cipher":      func() (string, error) { return none.EncryptPIN([]byte("123456")) },
		"an empty slice": func() (string, error) { return c.EncryptPIN([]byte{}) },
	} {
		text, err := call()
		assert.Empty(t, text, name)
		require.ErrorIs(t, err, userapi.ErrInvalid, name)
		require.False(t, userapi.MayHaveCreated(err), name)
	}
	_, err = newPINCipher(make([]byte, 31), time.Now)
	require.Error(t, err)
}

// TestTIP reproduces the messages of a TIP key.
func TestTIP(t *testing.T) {
	t.Parallel()
	v := readPINVectors(t)
	key := v.spendKey(t)
	assert.Equal(t, v.TIP.Register.PublicKey, hex.EncodeToString(key[ed25519.SeedSize:]))
	require.True(t, hex.EncodeToString(tipVerification(key, v.TIP.Verify.Timestamp)) == v.TIP.Verify.Signature)
	require.True(t, ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(v.TIP.Verify.Message), tipVerification(key, v.TIP.Verify.Timestamp)))
	require.True(t, base64.RawURLEncoding.EncodeToString(spendSignature(key, v.TIP.UserID)) == v.TIP.Register.Signature)
	require.True(t, hex.EncodeToString(tipRegistration(key, v.TIP.UserID, hex.EncodeToString(key[ed25519.SeedSize:]))) == v.TIP.Register.TIPSignature)
	require.True(t, hex.EncodeToString(tipSecret(key)) == v.TIP.Register.PublicKey+"0000000000000001")
}

func TestUpgradeKey(t *testing.T) {
	t.Parallel()
	v := readPINVectors(t).Legacy
	key, err := UpgradeKey(readVectors(t).key(t, v.Key).(*rsa.PrivateKey))
	require.NoError(t, err)
	require.True(t, hex.EncodeToString(key.Seed()) == v.Seed)
	secret, err := SessionSecret(key)
	require.NoError(t, err)
	assert.Equal(t, v.SessionSecret, secret)

	broken := *readVectors(t).key(t, v.Key).(*rsa.PrivateKey)
	broken.Primes = broken.Primes[:1]
	_, err = UpgradeKey(nil)
	requireLocal(t, err, "upgrade key", "private_key")
	_, err = UpgradeKey(&broken)
	requireLocal(t, err, "upgrade key", "private_key")
}

// requireLocal checks a local error about these fields.
func requireLocal(t testing.TB, err error, op string, fields ...string) {
	t.Helper()
	e := asError(t, err)
	assert.Equal(t, userapi.KindInvalid, e.Kind)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	assert.Equal(t, op, e.Op)
	assert.Equal(t, "mixin", e.Provider)
	var got []string
	for _, f := range e.FieldErrors {
		got = append(got, f.VendorField)
		assert.NotEmpty(t, f.Message)
	}
	assert.Equal(t, fields, got)
}

// TestPINsAreTheirOwn: a PIN copies the key, so the caller can wipe it.
func TestPINsAreTheirOwn(t *testing.T) {
	t.Parallel()
	key := readPINVectors(t).spendKey(t)
	p := TIPPIN(key)
	clear(key)
	require.True(t, equalKeys(p.tipKeys()[0], readPINVectors(t).spendKey(t)))

	ks := ed25519Vector(t).keystores(t)["both"]
	session, _ := ks.PrivateKey.(ed25519.PrivateKey)
	c, err := New(Config{Keystore: ks})
	require.NoError(t, err)
	clear(session)
	cipher, err := c.core.pin.cipher()
	require.NoError(t, err)
	text, err := cipher.EncryptPIN([]byte("123456"))
	require.NoError(t, err)
	require.True(t, string(decrypt(t, ed25519Vector(t).Shared, text).pin) == "123456")
}

// TestNothingShowsAPIN prints everything that has a PIN or a PIN's key.
func TestNothingShowsAPIN(t *testing.T) {
	t.Parallel()
	v := ed25519Vector(t)
	tip := readPINVectors(t).spendKey(t)
	const digits = "730518204961" // longer than a real PIN, as testPIN is
	key := unhex(t, v.Shared)
	secrets := append(keyForms(t, tip), digits, hex.EncodeToString([]byte(digits)), v.Shared, string(key),
		base64.RawURLEncoding.EncodeToString(key), fmt.Sprint(key))
	ks := v.keystores(t)["both"]
	c, err := NewPINCipher(ks)
	require.NoError(t, err)
	_, err = c.EncryptPIN([]byte(digits))
	require.NoError(t, err)
	for _, value := range []any{
		c, *c, []any{c}, []PINCipher{*c}, struct{ c PINCipher }{*c}, struct{ C *PINCipher }{c},
		DigitsPIN(digits), TIPPIN(tip), new(TIPPIN(tip)), []PIN{DigitsPIN(digits), TIPPIN(tip)},
		struct{ p PIN }{TIPPIN(tip)}, struct{ P any }{DigitsPIN(digits)}, struct{ p *PIN }{new(DigitsPIN(digits))},
	} {
		requireNoLeak(t, value, secrets)
	}
	assert.Equal(t, `{}`, printed(t, c)["JSON"])
	assert.Equal(t, `{}`, printed(t, DigitsPIN(digits))["JSON"])
}

func TestIsPINError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err   error
		fault PINFault
		is    bool
		text  string
	}{
		{&userapi.Error{Err: &APIError{Code: 20118}}, PINForm, true, "PIN form"},
		{fmt.Errorf("wrapped: %w", &userapi.Error{Err: &APIError{Code: 20119}}), PINRefused, true, "PIN refused"},
		{&userapi.Error{Err: &APIError{Code: 20117}}, 0, false, "no PIN fault"},
		{&userapi.Error{Code: "20119"}, 0, false, "no PIN fault"},
		{errors.New("20119"), 0, false, "no PIN fault"},
		{nil, 0, false, "no PIN fault"},
	} {
		fault, is := IsPINError(tt.err)
		assert.Equal(t, tt.fault, fault)
		assert.Equal(t, tt.is, is)
		assert.Equal(t, tt.text, fault.String())
	}
}
