package mixin

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// TestParsePrivateKey takes what a keystore's member may be, in each type of text, and the bytes.
func TestParsePrivateKey(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for name, kt := range keyTexts(t, v) {
		key, err := ParsePrivateKey(kt.text)
		require.NoError(t, err, name)
		require.True(t, equalKeys(kt.key, key), name)
		key, err = ParsePrivateKey(userapi.Secret("\ufeff" + kt.text))
		require.NoError(t, err, name)
		require.True(t, equalKeys(kt.key, key), name)
		key, err = ParsePrivateKey([]byte(kt.text))
		require.NoError(t, err, name)
		require.True(t, equalKeys(kt.key, key), name)
	}
	ed := v.key(t, "ed25519").(ed25519.PrivateKey)
	block, _ := pem.Decode([]byte(v.Keys.RSA1024.PKCS1))
	edBlock, _ := pem.Decode([]byte(v.Keys.Ed25519.PKCS8))
	for name, raw := range map[string][]byte{"64 bytes": ed, "seed": ed.Seed(), "PKCS #8": edBlock.Bytes} {
		key, err := ParsePrivateKey(raw)
		require.NoError(t, err, name)
		require.True(t, equalKeys(ed, key), name)
	}
	key, err := ParsePrivateKey(block.Bytes)
	require.NoError(t, err)
	require.True(t, equalKeys(v.key(t, "rsa1024"), key))
}

func TestParsePrivateKeyFaults(t *testing.T) {
	t.Parallel()
	ed := readVectors(t).key(t, "ed25519").(ed25519.PrivateKey)
	for name, tt := range map[string]struct{ text, says string }{
		"nothing":               {"", errKeyText.Error()},
		"a blank":               {" \n", errKeyText.Error()},
		"digits":                {"730518", errKeyText.Error()},
		"redacted":              {userapi.Redacted, errRedacted.Error()},
		"31 bytes":              {string(ed[:31]), errKeyText.Error()},
		"64 bytes of two keys":  {string(slices.Concat(ed[:32], ed[:32])), errKeyHalf.Error()},
		"a JSON keystore":       {`{"private_key":"` + hex.EncodeToString(ed) + `"}`, errKeyText.Error()},
		"hex of half a key":     {hex.EncodeToString(ed[:16]), errKeyText.Error()},
		"a base64 of no length": {base64.StdEncoding.EncodeToString(ed[:40]), errKeyText.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := ParsePrivateKey(tt.text)
			require.True(t, key == nil)
			requireNoRun(t, err.Error(), runsOf(tt.text))
			assert.EqualError(t, err, "mixin: invalid private key: "+tt.says)
		})
	}
}

// TestParsePIN: digits and keys, in each form that a member "pin" or "spend_key" has been seen in.
func TestParsePIN(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"730518", " 730518\n", `"730518"`, "730518\r\n", "\ufeff730518", `730518\n`} {
		pin, err := ParsePIN(text)
		require.NoError(t, err)
		require.True(t, pin.digits() == "730518")
		pin, err = ParsePIN(userapi.Secret(text))
		require.NoError(t, err)
		require.True(t, pin.digits() == "730518")
	}
	tip := readPINVectors(t).spendKey(t)
	pin, err := ParsePIN([]byte(hex.EncodeToString(tip)))
	require.NoError(t, err)
	require.Len(t, pin.tipKeys(), 1, "64 bytes are a seed and its public half")
	require.True(t, equalKeys(pin.tipKeys()[0], tip))

	// 32 bytes below the order may be both, and those above it are a seed.
	low, high := tip.Seed(), tip.Seed()
	low[31], high[31] = 0x0f, 0x10
	for i := range 16 {
		high[15+i] |= 1 // above 2^252 and 125 bits
	}
	for _, encode := range []func([]byte) string{
		hex.EncodeToString, base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString,
		func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) + "\n" }, func(b []byte) string { return string(b) },
	} {
		pin, err = ParsePIN(encode(low))
		require.NoError(t, err)
		require.Len(t, pin.tipKeys(), 2)
		require.True(t, equalKeys(pin.tipKeys()[0], ed25519.NewKeyFromSeed(low)), "the first is what Mixin's own clients have")
		pin, err = ParsePIN(encode(high))
		require.NoError(t, err)
		require.Len(t, pin.tipKeys(), 1)
	}
	requireNoLeak(t, pin, keyForms(t, ed25519.NewKeyFromSeed(high)))
}

func TestParsePINFaults(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	ed := v.key(t, "ed25519").(ed25519.PrivateKey)
	for name, tt := range map[string]struct{ text, says string }{
		"nothing":         {"", errPINText.Error()},
		"five digits":     {"73051", errPINText.Error()},
		"seven digits":    {"7305182", errPINText.Error()},
		"letters":         {"abcdef", errPINText.Error()},
		"redacted":        {userapi.Redacted, errRedacted.Error()},
		"a broken key":    {hex.EncodeToString(slices.Concat(ed[:32], ed[:32])), errKeyHalf.Error()},
		"an RSA key":      {v.Keys.RSA1024.PKCS1, errPINText.Error()},
		"other digits":    {"７３０５１８", errPINText.Error()},
		"a key's 31":      {hex.EncodeToString(ed[:31]), errPINText.Error()},
		"encrypted PEM":   {strings.ReplaceAll(v.Keys.RSA1024.PKCS8, "PRIVATE", "ENCRYPTED PRIVATE"), errKeyType.Error()},
		"something short": {"pin", errPINText.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pin, err := ParsePIN(tt.text)
			require.False(t, pin.isSet())
			requireNoRun(t, err.Error(), runsOf(tt.text))
			assert.EqualError(t, err, "mixin: invalid PIN: "+tt.says)
		})
	}
}

// TestParseTIPKey tells a seed and a scalar apart by the public half.
func TestParseTIPKey(t *testing.T) {
	t.Parallel()
	for range 8 {
		seed, x, public := scalarOfSeed(t)
		bySeed := ed25519.NewKeyFromSeed(seed)
		text := hex.EncodeToString(x)
		for _, enc := range []string{
			hex.EncodeToString(public), base64.RawURLEncoding.EncodeToString(public), base64.StdEncoding.EncodeToString(public),
			base64.RawURLEncoding.EncodeToString(append(slices.Clone(public), 0, 0, 0, 0, 0, 0, 0, 1)),
		} {
			key, err := ParseTIPKey(text, enc)
			require.NoError(t, err)
			require.True(t, public.Equal(key.Public()), "as a scalar")
			key, err = ParseTIPKey(hex.EncodeToString(seed), enc)
			require.NoError(t, err)
			require.True(t, equalKeys(bySeed, key), "as a seed")
		}
		_, err := ParseTIPKey(text, hex.EncodeToString(ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)))
		require.EqualError(t, err, "mixin: invalid TIP key: "+errTIPHalf.Error())
	}
	_, err := ParseTIPKey(strings.Repeat("1", 64), "")
	require.EqualError(t, err, "mixin: invalid TIP key: "+errTIPBase.Error())
	_, err = ParseTIPKey("730518", strings.Repeat("1", 64))
	require.EqualError(t, err, "mixin: invalid TIP key: "+errTIPText.Error())
}
