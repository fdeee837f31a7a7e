package mixintest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// vectors come from other implementations and from OpenSSL.
type vectors struct {
	Keys struct {
		Ed25519 struct {
			Seed string `json:"seed_hex"`
		} `json:"ed25519"`
		RSA2048 struct {
			PEM string `json:"pkcs1_pem"`
		} `json:"rsa2048"`
	} `json:"keys"`
	PinTokens []struct {
		Kind          string    `json:"kind"`
		SessionID     string    `json:"session_id"`
		RSAKey        string    `json:"expected_plaintext_hex"`
		RSASample     sample    `json:"pin_sample"`
		RSASample2023 sample    `json:"pin_sample_2023"`
		Token         string    `json:"pin_token_base64std"`
		ServerSeed    string    `json:"server_seed_hex"`
		ServerKey     string    `json:"server_public_key_hex"`
		SharedKey     string    `json:"expected_shared_key_hex"`
		Samples       []sample  `json:"pin_samples"`
		TIP           tipSample `json:"tip_pin_sample"`
	} `json:"pin_tokens"`
	FixedIV []struct {
		sample
		Key  string `json:"key_hex"`
		Text string `json:"encrypted_base64rawurl"`
		Unix uint64 `json:"unix_seconds"`
		Iter string `json:"iterator"`
	} `json:"pin_encrypt_fixed_iv"`
	TIP struct {
		UserID   string `json:"user_id"`
		Public   string `json:"spend_public_hex"`
		Register struct {
			Public    string `json:"public_key"`
			Signature string `json:"signature_base64rawurl"`
			TIP       string `json:"tip_signature_hex"`
		} `json:"register"`
		Verify struct {
			Timestamp string `json:"timestamp_ns"`
			Signature string `json:"ed25519_signature_hex"`
		} `json:"verify"`
	} `json:"tip"`
}

type sample struct {
	Encrypted string `json:"encrypted"`
	PIN       string `json:"pin"`
	PINHex    string `json:"pin_hex"`
	Plain     string `json:"plaintext_hex"`
}

func (s sample) pin(t *testing.T) []byte {
	t.Helper()
	if s.PINHex != "" {
		return unhex(t, s.PINHex)
	}
	return []byte(s.PIN)
}

type tipSample struct {
	sample
	Counter  uint64 `json:"counter"`
	Iterator uint64 `json:"iterator"`
	Public   string `json:"spend_public_hex"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(text, &v))
	return v
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	require.NoError(t, err)
	return raw
}

// checkSample decrypts a sample and compares it with its plain text.
func checkSample(t *testing.T, key []byte, s sample) sealed {
	t.Helper()
	require.NotEmpty(t, s.Encrypted)
	in, reason := unseal(key, s.Encrypted)
	require.Empty(t, reason)
	require.True(t, bytes.Equal(s.pin(t), in.pin), "another PIN")
	again := make([]byte, 0, len(in.pin)+16)
	again = append(again, in.pin...)
	for _, n := range []uint64{in.unix, in.iterator} {
		for range 8 {
			again = append(again, byte(n))
			n >>= 8
		}
	}
	plain := unhex(t, s.Plain)
	require.True(t, bytes.HasPrefix(plain, again), "another plain text")
	return in
}

// TestPinKeys: the server and the user compute the same key, for both kinds of key. The key
// decrypts the PINs of other implementations.
func TestPinKeys(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	require.Len(t, v.PinTokens, 2)
	for _, p := range v.PinTokens {
		t.Run(p.Kind, func(t *testing.T) {
			t.Parallel()
			if p.Kind == "rsa-oaep" {
				block, _ := pem.Decode([]byte(v.Keys.RSA2048.PEM))
				user, err := x509.ParsePKCS1PrivateKey(block.Bytes)
				require.NoError(t, err)
				token, err := base64.StdEncoding.DecodeString(p.Token)
				require.NoError(t, err)
				key, err := rsa.DecryptOAEP(sha256.New(), nil, user, token, []byte(p.SessionID))
				require.NoError(t, err)
				require.True(t, bytes.Equal(unhex(t, p.RSAKey), key))
				checkSample(t, key, p.RSASample)
				checkSample(t, key, p.RSASample2023)
				return
			}
			server := ed25519.NewKeyFromSeed(unhex(t, p.ServerSeed))
			assert.Equal(t, p.ServerKey, hex.EncodeToString(server[ed25519.SeedSize:]))
			user := ed25519.NewKeyFromSeed(unhex(t, v.Keys.Ed25519.Seed))
			token, key, err := exchange(server, ed25519.PublicKey(user[ed25519.SeedSize:]))
			require.NoError(t, err)
			assert.Equal(t, p.Token, base64.StdEncoding.EncodeToString(token))
			require.True(t, bytes.Equal(unhex(t, p.SharedKey), key), "another key")
			_, back, err := exchange(user, ed25519.PublicKey(server[ed25519.SeedSize:]))
			require.NoError(t, err)
			require.True(t, bytes.Equal(key, back), "the two sides reach two keys")
			require.Len(t, p.Samples, 2)
			for _, s := range p.Samples {
				checkSample(t, key, s)
			}
			in, reason := unseal(key, p.TIP.Encrypted)
			require.Empty(t, reason)
			assert.Equal(t, p.TIP.Iterator, in.iterator)
			var u person
			require.Nil(t, u.setPIN(in.pin))
			assert.Equal(t, p.TIP.Public, u.pin.tipHex())
		})
	}
}

func TestUnsealVectors(t *testing.T) {
	t.Parallel()
	for _, f := range readVectors(t).FixedIV {
		f.Encrypted = f.Text
		in := checkSample(t, unhex(t, f.Key), f.sample)
		assert.Equal(t, f.Unix, in.unix)
		assert.Equal(t, f.Iter, strconv.FormatUint(in.iterator, 10))
	}
}

// TestSignatureVectors: the messages that TIP and spend keys sign are those of other
// implementations.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	v := readVectors(t).TIP
	key := ed25519.PublicKey(unhex(t, v.Public))
	require.NoError(t, checkPublicKey(key))
	ns, err := strconv.ParseInt(v.Verify.Timestamp, 10, 64)
	require.NoError(t, err)
	assert.True(t, ed25519.Verify(key, verifyMessage(ns), unhex(t, v.Verify.Signature)))
	assert.True(t, ed25519.Verify(key, registerMessage(v.UserID, v.Register.Public), unhex(t, v.Register.TIP)))
	signature, err := decodeBase64(v.Register.Signature)
	require.NoError(t, err)
	id := sha3.Sum256([]byte(v.UserID))
	assert.True(t, ed25519.Verify(unhex(t, v.Register.Public), id[:], signature))
}

// TestMontgomery compares with the X25519 key of the private key. Invalid public keys are refused.
func TestMontgomery(t *testing.T) {
	t.Parallel()
	for i := range 200 {
		seed := sha256.Sum256([]byte(strconv.Itoa(i)))
		key := ed25519.NewKeyFromSeed(seed[:])
		got, err := montgomery(ed25519.PublicKey(key[ed25519.SeedSize:]))
		require.NoError(t, err)
		private, err := scalar(key)
		require.NoError(t, err)
		require.True(t, private.PublicKey().Equal(got))
		require.NoError(t, checkPublicKey(ed25519.PublicKey(key[ed25519.SeedSize:])))
	}
	le := func(n *big.Int) ed25519.PublicKey {
		raw := n.FillBytes(make([]byte, 32))
		slices.Reverse(raw)
		return raw
	}
	odd := func(key ed25519.PublicKey) ed25519.PublicKey {
		key[31] |= 0x80
		return key
	}
	for name, key := range map[string]ed25519.PublicKey{
		"none":                    nil,
		"31 bytes":                make([]byte, 31),
		"33 bytes":                make([]byte, 33),
		"the neutral point":       le(big.NewInt(1)),
		"the neutral one, odd":    odd(le(big.NewInt(1))),
		"of order 2":              le(new(big.Int).Sub(prime, one)),
		"of order 2, odd":         odd(le(new(big.Int).Sub(prime, one))),
		"of order 4":              le(big.NewInt(0)),
		"of order 4, the other":   odd(le(big.NewInt(0))),
		"of order 8":              unhex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
		"of order 8, another":     unhex(t, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
		"no point":                le(big.NewInt(2)),
		"no canonical 0":          le(prime),
		"no canonical 1":          le(new(big.Int).Add(prime, one)),
		"no canonical point at 3": le(new(big.Int).Add(prime, big.NewInt(3))),
		"all ones":                bytes.Repeat([]byte{0xff}, 32),
	} {
		assert.ErrorIs(t, checkPublicKey(key), errPoint, name)
	}
	require.NoError(t, checkPublicKey(le(big.NewInt(3))), "3 is on the curve, so that its other form is refused for that alone")
}

// TestUnsealGarbage: unseal never panics, and returns a reason.
func TestUnsealGarbage(t *testing.T) {
	t.Parallel()
	key := make([]byte, pinKeySize)
	for text, want := range map[string]string{
		"":   "the encrypted PIN is not an IV and two or more blocks",
		"**": "the encrypted PIN is not base64",
		base64.StdEncoding.EncodeToString(make([]byte, 32)): "the encrypted PIN is not an IV and two or more blocks",
		base64.StdEncoding.EncodeToString(make([]byte, 49)): "the encrypted PIN is not an IV and two or more blocks",
		base64.StdEncoding.EncodeToString(make([]byte, 48)): "the padding is wrong: another key encrypted the PIN",
		"a-_+":  "the encrypted PIN is not base64",
		"AAA\n": "the encrypted PIN is not base64",
	} {
		_, reason := unseal(key, text)
		assert.Equal(t, want, reason, "%q", text)
	}
	for _, n := range []int{0, 16, 31} {
		_, reason := unseal(make([]byte, n), base64.StdEncoding.EncodeToString(make([]byte, 48)))
		assert.NotEmpty(t, reason, n)
	}
}

func FuzzUnseal(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), make([]byte, 48))
	f.Fuzz(func(_ *testing.T, key, raw []byte) {
		unseal(key, base64.RawURLEncoding.EncodeToString(raw))
	})
}

func FuzzCheckPublicKey(f *testing.F) {
	f.Add(make([]byte, 32))
	f.Fuzz(func(t *testing.T, key []byte) {
		if checkPublicKey(key) == nil {
			assert.Len(t, key, ed25519.PublicKeySize)
		}
	})
}

// TestPrices: prices are written exactly and parsed strictly.
func TestPrices(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		price string
		n     int
		want  string
	}{
		{"0.5", 0, "0"}, {"0.5", 1, "0.5"}, {"0.5", 2, "1"}, {"0.1", 3, "0.3"}, {"0.00000001", 12345678, "0.12345678"},
		{"10", 10, "100"}, {"0", 7, "0"}, {"1.50", 1, "1.5"},
	} {
		price, err := parsePrice(tt.price)
		require.NoError(t, err)
		assert.Equal(t, tt.want, times(price, tt.n))
	}
	for _, text := range []string{"", "-1", "1/2", "1e3", ".5", "0x10", "1_0", " 1", "1.", "Inf", "1,5"} {
		_, err := parsePrice(text)
		require.Error(t, err, text)
	}
}

// TestNothingShowsAPIN: printing a session or a user of the store shows neither the PIN key nor
// digits.
func TestNothingShowsAPIN(t *testing.T) {
	t.Parallel()
	user := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	token, pinKey, err := newPinToken(user.Public(), newID())
	require.NoError(t, err)
	u := person{token: token}
	require.Nil(t, u.setPIN([]byte("271828")))
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s"} {
		text := fmt.Sprintf(verb+" "+verb, session{pinKey: pinKey, key: user.Public()}, &u)
		for i, form := range []string{
			hex.EncodeToString(pinKey()), fmt.Sprint(pinKey()), string(pinKey()), "271828", "32 37 31", "323731383238", "50 55 49",
		} {
			require.False(t, bytes.Contains([]byte(text), []byte(form)), "form %d in %s", i, verb)
		}
	}
}

// TestDigest uses the vendor's sample.
func TestDigest(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(filepath.Join("..", "testdata", "create_user_request.json"))
	require.NoError(t, err)
	assert.Equal(t, "127aea9e72fa02bea407adcba043b32c4a4a7e64b30547720de297b164e91ea2", digest("POST", "/users", body))
}

// TestLock: five wrong PINs lock the PIN, and a right PIN before the fifth resets the count. A day
// after the fifth the lock ends.
func TestLock(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767225600, 0)
	var p pin
	for range maxWrongPINs {
		require.Nil(t, p.checkLock(now))
		assert.Equal(t, 20119, p.count(now, "x").Code)
	}
	for _, after := range []time.Duration{0, time.Hour, lockTime - 1} {
		refused := p.checkLock(now.Add(after))
		require.NotNil(t, refused)
		assert.Equal(t, 429, refused.Code)
	}
	require.Nil(t, p.checkLock(now.Add(lockTime)))
	assert.Zero(t, p.wrong)
}
