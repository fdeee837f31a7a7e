package mixin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// pinVectors come from other implementations, and a third one has checked them.
type pinVectors struct {
	PinTokens []pinTokenVector `json:"pin_tokens"`
	FixedIV   []struct {
		Encrypted string `json:"encrypted_base64rawurl"`
		Iterator  uint64 `json:"iterator,string"`
		IV        string `json:"iv_hex"`
		Key       string `json:"key_hex"`
		PIN       string `json:"pin"`
		PINHex    string `json:"pin_hex"`
		Unix      int64  `json:"unix_seconds"`
	} `json:"pin_encrypt_fixed_iv"`
	TIP struct {
		Register struct {
			PublicKey    string `json:"public_key"`
			Signature    string `json:"signature_base64rawurl"`
			TIPSignature string `json:"tip_signature_hex"`
		} `json:"register"`
		SpendSeed string `json:"spend_seed_hex"`
		UserID    string `json:"user_id"`
		Verify    struct {
			Signature string `json:"ed25519_signature_hex"`
			Message   string `json:"message"`
			Timestamp int64  `json:"timestamp_ns,string"`
		} `json:"verify"`
	} `json:"tip"`
	Legacy struct {
		Key           string `json:"key"`
		Seed          string `json:"session_private_key_hex"`
		SessionSecret string `json:"session_secret"`
	} `json:"legacy_upgrade"`
}

type pinTokenVector struct {
	Name      string `json:"name"`
	Key       string `json:"key"`
	SessionID string `json:"session_id"`
	// For RSA.
	Plaintext string     `json:"expected_plaintext_hex"`
	Sample    *pinSample `json:"pin_sample"`
	Sample23  *pinSample `json:"pin_sample_2023"`
	TokenStd  string     `json:"pin_token_base64std"`
	// For Ed25519; TokenStd has the same key.
	Shared     string      `json:"expected_shared_key_hex"`
	TokenRaw   string      `json:"pin_token_base64rawurl"`
	Edwards    string      `json:"server_public_key_hex"`
	ServerSeed string      `json:"server_seed_hex"`
	Samples    []pinSample `json:"pin_samples"`
	TIPSample  *pinSample  `json:"tip_pin_sample"`
}

type pinSample struct {
	Encrypted string `json:"encrypted"`
	PIN       string `json:"pin"`
	Plaintext string `json:"plaintext_hex"`
	Iterator  uint64 `json:"iterator"`
	SpendSeed string `json:"spend_seed_hex"`
	TIPPlain  string `json:"tip_pin_plain_hex"`
}

func (v pinTokenVector) pinKey() string { return v.Plaintext + v.Shared } // one is ""

// keystores returns every form of keystore with the vector's PIN key.
func (v pinTokenVector) keystores(t testing.TB) map[string]Keystore {
	t.Helper()
	base := Keystore{UserID: testUserID, SessionID: v.SessionID, PrivateKey: readVectors(t).key(t, v.Key)}
	with := func(token, server string) Keystore {
		ks := base
		ks.PinToken, ks.ServerPublicKey = userapi.Secret(token), server
		return ks
	}
	if v.Plaintext != "" {
		upper := with(v.TokenStd, "")
		upper.SessionID = strings.ToUpper(upper.SessionID)
		return map[string]Keystore{
			"standard base64": with(v.TokenStd, ""),
			"wrapped":         with(v.TokenStd[:76]+"\r\n"+v.TokenStd[76:]+"\n", ""),
			"upper-case id":   upper,
		}
	}
	pointer := with(v.TokenRaw, "")
	key, _ := pointer.PrivateKey.(ed25519.PrivateKey)
	pointer.PrivateKey = &key
	return map[string]Keystore{
		"standard base64":   with(v.TokenStd, ""),
		"URL base64":        with(v.TokenRaw, ""),
		"URL base64, = = =": with(v.TokenRaw+"=\n", ""),
		"Edwards":           with("", v.Edwards),
		"Edwards, upper":    with("", " "+strings.ToUpper(v.Edwards)+"\n"),
		"mixin_bot's":       with("", v.TokenRaw),
		"mixin_bot's, = =":  with("", v.TokenStd[:20]+"\n"+v.TokenStd[20:]+"\n"),
		"both, in base64":   with(v.TokenStd, v.TokenRaw),
		"Edwards as token":  with(v.Edwards, ""),
		"both":              with(v.TokenRaw, v.Edwards),
		"both, the same":    with(v.Edwards, v.Edwards),
		"a pointer":         pointer,
	}
}

func readPINVectors(t testing.TB) pinVectors {
	t.Helper()
	var v pinVectors
	require.NoError(t, json.Unmarshal(readTestdata(t, "vectors.json"), &v))
	return v
}

// ed25519Vector returns the vector of Ed25519's PIN token.
func ed25519Vector(t testing.TB) pinTokenVector {
	t.Helper()
	vectors := readPINVectors(t).PinTokens
	i := slices.IndexFunc(vectors, func(v pinTokenVector) bool { return v.Key == "ed25519" })
	require.GreaterOrEqual(t, i, 0)
	return vectors[i]
}

// spendKey returns the vectors' TIP key, which is also their spend key.
func (v pinVectors) spendKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	return ed25519.NewKeyFromSeed(unhex(t, v.TIP.SpendSeed))
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	require.NoError(t, err)
	return raw
}

// decrypted is a PIN as the server sees it.
type decrypted struct {
	pin      []byte
	unix     int64
	iterator uint64
}

// decrypt decrypts a PIN in either form of base64. It uses only the standard library.
func decrypt(t testing.TB, keyHex, text string) decrypted {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		raw, err = base64.RawURLEncoding.DecodeString(text)
	}
	require.NoError(t, err)
	block, err := aes.NewCipher(unhex(t, keyHex))
	require.NoError(t, err)
	require.True(t, len(raw) >= 3*aes.BlockSize && len(raw)%aes.BlockSize == 0, "no whole blocks")
	plain := make([]byte, len(raw)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, raw[:aes.BlockSize]).CryptBlocks(plain, raw[aes.BlockSize:])
	padding := int(plain[len(plain)-1])
	require.True(t, padding > 0 && padding <= aes.BlockSize && padding+16 < len(plain), "bad padding")
	for _, b := range plain[len(plain)-padding:] {
		require.True(t, int(b) == padding, "bad padding")
	}
	plain = plain[:len(plain)-padding]
	n := len(plain) - 16
	return decrypted{
		pin:      plain[:n],
		unix:     int64(binary.LittleEndian.Uint64(plain[n:])),
		iterator: binary.LittleEndian.Uint64(plain[n+8:]),
	}
}

// at is a clock that stands still.
func at(unixNano int64) func() time.Time {
	return func() time.Time { return time.Unix(0, unixNano) }
}
