package mixin

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

const (
	testUserID    = "3f1c8c0e-6f0a-4a55-9e6d-2a5d1b7c9e01"
	testSessionID = "b2a4f0d7-1c3e-4d58-8f2b-7e9a6c5d4b02"
	testPIN       = "854423170962" // longer than a real one, so that no printed address holds it
	testPinToken  = "TMTHk/ENQhgFsInM9fYIqjQtLLFjYfVZc/pUgSdM2Q4="
	testSpendKey  = "b8775cce7e0dd8b254f08675749b5f075fd63f3e6f6c67fafecac41e829fe6f1"
	testServerKey = "18e3ed727eef0d9d83f5139e5dce7d71bd4cbefc4acfdb94da283fff83c1ba50"
)

func encode(t testing.TB, members map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return text
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by) + "\n"
}

func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// keyTexts are the encodings of the vectors' keys that ParseKeystore takes.
func keyTexts(t testing.TB, v vectors) map[string]struct {
	text string
	key  crypto.Signer
} {
	t.Helper()
	type keyText = struct {
		text string
		key  crypto.Signer
	}
	ed := v.key(t, "ed25519").(ed25519.PrivateKey)
	texts := map[string]keyText{"PKCS #8 Ed25519": {v.Keys.Ed25519.PKCS8, ed}}
	for size, raw := range map[string][]byte{"seed": ed.Seed(), "64 bytes": ed} {
		for enc, text := range map[string]string{
			"raw url":        base64.RawURLEncoding.EncodeToString(raw),
			"padded url":     base64.URLEncoding.EncodeToString(raw),
			"raw std":        base64.RawStdEncoding.EncodeToString(raw),
			"padded std":     base64.StdEncoding.EncodeToString(raw),
			"hex":            hex.EncodeToString(raw),
			"upper-case hex": strings.ToUpper(hex.EncodeToString(raw)),
		} {
			texts[size+", "+enc] = keyText{text, ed}
		}
	}
	wrapped := base64.StdEncoding.EncodeToString(ed)
	texts["64 bytes, wrapped"] = keyText{wrapped[:76] + "\n" + wrapped[76:] + "\n", ed}
	for name, vec := range map[string]rsaVector{"1024": v.Keys.RSA1024, "2048": v.Keys.RSA2048} {
		texts["PKCS #1 RSA "+name] = keyText{vec.PKCS1, vec.key(t)}
		texts["PKCS #8 RSA "+name] = keyText{vec.PKCS8, vec.key(t)}
	}
	for _, name := range slices.Collect(maps.Keys(texts)) {
		kt := texts[name]
		texts[name+", trailing newline"] = keyText{strings.TrimSpace(kt.text) + "\n", kt.key}
		texts[name+", trailing CRLF"] = keyText{strings.TrimSpace(kt.text) + "\r\n", kt.key}
		texts[name+", white space around"] = keyText{" \t\r\n" + kt.text + " \t\r\n", kt.key}
		texts[name+", quoted"] = keyText{`"` + strings.TrimSpace(kt.text) + `"`, kt.key}
		texts[name+", quoted twice"] = keyText{`\"` + strings.TrimSpace(kt.text) + `\n\"`, kt.key}
		if strings.HasPrefix(kt.text, "-----BEGIN") {
			for how, brk := range map[string]string{
				"joined": "", "blanks": " ", "tabs": "\t", "CR": "\r", `\n`: `\n`, `\r\n`: `\r\n`, `\\n`: `\\n`, `\\r\\n`: `\\r\\n`,
				`\u000a`: `\u000a`, "continued": "\\\n", `\n and a break`: "\\n\n", "blank lines": "\n\n",
			} {
				texts[name+", breaks as "+how] = keyText{strings.ReplaceAll(kt.text, "\n", brk), kt.key}
			}
			texts[name+", without white space"] = keyText{strings.Join(strings.Fields(kt.text), ""), kt.key}
			texts[name+", in base64"] = keyText{base64.StdEncoding.EncodeToString([]byte(kt.text)), kt.key}
			block, _ := pem.Decode([]byte(kt.text))
			for enc, text := range map[string]string{
				"base64": base64.StdEncoding.EncodeToString(block.Bytes), "raw url": base64.RawURLEncoding.EncodeToString(block.Bytes),
				"hex": hex.EncodeToString(block.Bytes), "base64 of PEM's lines": strings.Join(strings.Split(strings.TrimSpace(kt.text), "\n")[1:len(strings.Split(strings.TrimSpace(kt.text), "\n"))-1], "\n"),
			} {
				texts[name+", DER in "+enc] = keyText{text, kt.key}
			}
			texts[name+", CRLF"] = keyText{crlf(kt.text), kt.key}
			texts[name+", indented"] = keyText{indent(kt.text, "      "), kt.key}
			texts[name+", indented CRLF"] = keyText{crlf(indent(kt.text, "\t")), kt.key}
		}
	}
	return texts
}

func TestParseKeystoreKeyTexts(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	texts := keyTexts(t, v)
	require.Greater(t, len(texts), 60)
	for name, kt := range texts {
		for _, member := range []string{"private_key", "session_private_key"} {
			t.Run(member+"/"+name, func(t *testing.T) {
				t.Parallel()
				ks, err := ParseKeystore(encode(t, map[string]any{
					"client_id": testUserID, "session_id": testSessionID, member: kt.text,
				}))
				require.NoError(t, err)
				require.True(t, equalKeys(kt.key, ks.PrivateKey), "another key came out")
				// It signs, and as the algorithm of its kind demands.
				s, err := newKeySigner(ks.PrivateKey)
				require.NoError(t, err)
				_, err = s.token(t.Context(), claims{})
				require.NoError(t, err)
			})
		}
	}
}

func TestParseKeystoreForms(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	ed, rsaKey := v.key(t, "ed25519"), v.key(t, "rsa1024")
	raw64 := base64.RawURLEncoding.EncodeToString(ed.(ed25519.PrivateKey))
	seedHex := v.Keys.Ed25519.SeedHex
	base := Keystore{UserID: testUserID, SessionID: testSessionID, PrivateKey: ed}
	with := func(change func(*Keystore)) Keystore {
		ks := base
		change(&ks)
		return ks
	}
	for name, tt := range map[string]struct {
		members map[string]any
		want    Keystore
	}{
		"RSA, 2018": {
			map[string]any{
				"client_id": testUserID, "session_id": testSessionID, "pin_token": testPinToken,
				"private_key": crlf(v.Keys.RSA1024.PKCS1), "pin": testPIN,
			},
			with(func(k *Keystore) { k.PrivateKey, k.PinToken, k.PIN = rsaKey, testPinToken, testPIN }),
		},
		"Ed25519, 2020": {
			map[string]any{
				"client_id": testUserID, "session_id": testSessionID, "pin_token": testPinToken,
				"private_key": raw64, "pin": testPIN,
			},
			with(func(k *Keystore) { k.PinToken, k.PIN = testPinToken, testPIN }),
		},
		"application, 2023": {
			map[string]any{
				"app_id": testUserID, "session_id": testSessionID, "server_public_key": testServerKey,
				"session_private_key": seedHex, "spend_private_key": testSpendKey,
			},
			with(func(k *Keystore) { k.ServerPublicKey, k.SpendPrivateKey = testServerKey, testSpendKey }),
		},
		"network user of the Node SDK": {
			map[string]any{
				"app_id": testUserID, "session_id": testSessionID, "session_private_key": seedHex,
				"pin_token_base64": testPinToken,
			},
			with(func(k *Keystore) { k.PinToken = testPinToken }),
		},
		"both names of the PIN token": {
			map[string]any{
				"app_id": testUserID, "session_id": testSessionID, "session_private_key": seedHex,
				"pin_token_base64": "another", "pin_token": testPinToken,
			},
			with(func(k *Keystore) { k.PinToken = testPinToken }),
		},
		"user_id": {
			map[string]any{"user_id": testUserID, "session_id": testSessionID, "session_private_key": seedHex},
			base,
		},
		"with every member, most of them empty": {
			map[string]any{
				"client_id": "", "app_id": testUserID, "user_id": nil, "session_id": testSessionID, "private_key": "",
				"session_private_key": seedHex, "pin_token": "", "pin_token_base64": nil, "pin": "", "scope": "",
				"server_public_key": "", "spend_private_key": "",
			},
			base,
		},
		"the same under several names": {
			map[string]any{
				"client_id": testUserID, "app_id": strings.ToUpper(testUserID), "user_id": testUserID,
				"session_id": testSessionID, "private_key": raw64, "session_private_key": seedHex,
			},
			base,
		},
		"mixin_bot's": {
			map[string]any{
				"app_id": testUserID, "session_id": testSessionID, "session_private_key": hex.EncodeToString(ed.(ed25519.PrivateKey)),
				"server_public_key": "TMTHk_ENQhgFsInM9fYIqjQtLLFjYfVZc_pUgSdM2Q4", "spend_key": testSpendKey,
			},
			with(func(k *Keystore) {
				k.ServerPublicKey, k.SpendPrivateKey = "TMTHk_ENQhgFsInM9fYIqjQtLLFjYfVZc_pUgSdM2Q4", testSpendKey
			}),
		},
		"one spend key in two encodings": {
			map[string]any{
				"app_id": testUserID, "session_id": testSessionID, "session_private_key": seedHex,
				"spend_private_key": seedHex, "spend_key": raw64,
			},
			with(func(k *Keystore) { k.SpendPrivateKey = userapi.Secret(seedHex) }),
		},
		"white space around ids": {
			map[string]any{"client_id": testUserID + "\n", "session_id": " " + testSessionID, "private_key": raw64},
			base,
		},
		"unknown members of any type": {
			map[string]any{
				"client_id": testUserID, "session_id": testSessionID, "private_key": raw64,
				"oauth": map[string]any{"a": 1}, "version": 3, "CLIENT_ID": "x", "list": []int{1}, "on": true,
			},
			base,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := encode(t, tt.members)
			for _, text := range [][]byte{text, append([]byte("\xef\xbb\xbf"), text...), []byte(" " + string(text) + "\n")} {
				got, err := ParseKeystore(text)
				require.NoError(t, err)
				require.True(t, equalKeys(tt.want.PrivateKey, got.PrivateKey), "another key came out")
				want := tt.want
				want.PrivateKey, got.PrivateKey = nil, nil // compared above; slices have no ==
				assert.True(t, want == got, "a field other than the key differs")
			}
		})
	}
}

func TestParseKeystoreFaults(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	ed := v.key(t, "ed25519").(ed25519.PrivateKey)
	seed := ed.Seed()
	mismatched := slices.Concat(seed, seed)
	other := ed25519.NewKeyFromSeed(make([]byte, 32))
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	xKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	derOf := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(der)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(ed.Public())
	require.NoError(t, err)
	brokenRSA := func() string {
		block, _ := pem.Decode([]byte(v.Keys.RSA1024.PKCS1))
		der := bytes.Clone(block.Bytes)
		der[len(der)-150] ^= 1 // in the primes
		return string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}))
	}()
	b64 := base64.RawURLEncoding.EncodeToString

	const (
		noKeyText = "expected an Ed25519 key of 32 or 64 bytes in hex or base64, or an RSA or Ed25519 key in PEM or in the base64 of its DER"
		noDER     = "expected a valid RSA or Ed25519 key in the PEM"
		noType    = "expected PEM of type RSA PRIVATE KEY (PKCS #1) or PRIVATE KEY (PKCS #8), not encrypted"
		noPEM     = "expected exactly one PEM block, whole"
		tooSmall  = "expected an RSA key of at least 1024 bits"
		halves    = "expected a 64-byte Ed25519 key whose second half is the public key of the first"
	)
	for name, tt := range map[string]struct{ text, says string }{
		"33 bytes":                        {b64(append(seed, 1)), noKeyText},
		"31 bytes":                        {b64(seed[:31]), noKeyText},
		"48 bytes":                        {b64(ed[:48]), noKeyText},
		"96 bytes":                        {b64(slices.Concat(ed, seed)), noKeyText},
		"63 hex digits":                   {hex.EncodeToString(seed)[1:], noKeyText},
		"65 hex digits":                   {hex.EncodeToString(seed) + "a", noKeyText},
		"hex with a stray letter":         {hex.EncodeToString(seed)[1:] + "g", noKeyText},
		"hex with 0x":                     {"0x" + hex.EncodeToString(seed), noKeyText},
		"not base64":                      {strings.Repeat("*", 43), noKeyText},
		"two alphabets":                   {"+_" + b64(seed)[2:], noKeyText},
		"padding in the middle":           {b64(seed)[:20] + "=" + b64(seed)[20:], noKeyText},
		"too much padding":                {b64(seed) + "==", noKeyText},
		"much padding":                    {b64(seed) + "=====", noKeyText},
		"stray bits at the end":           {b64(seed)[:42] + "Z", noKeyText},
		"one character":                   {"x", noKeyText},
		"mismatched 64 bytes, base64":     {b64(mismatched), halves},
		"mismatched 64 bytes, std":        {base64.StdEncoding.EncodeToString(mismatched), halves},
		"mismatched 64 bytes, hex":        {hex.EncodeToString(mismatched), halves},
		"public key twice":                {hex.EncodeToString(slices.Concat(ed[32:], ed[32:])), halves},
		"512-bit RSA, PKCS #1":            {string(readTestdata(t, "rsa512_pkcs1.pem")), tooSmall},
		"512-bit RSA, PKCS #8":            {string(readTestdata(t, "rsa512_pkcs8.pem")), tooSmall},
		"RSA with a broken prime":         {brokenRSA, noDER},
		"ECDSA":                           {pkcs8(ec), "expected an Ed25519 or RSA key, got a signer whose public key is *ecdsa.PublicKey"},
		"X25519":                          {pkcs8(xKey), noDER},
		"public key PEM":                  {strings.ReplaceAll(v.Keys.RSA1024.PKCS8, "PRIVATE", "PUBLIC"), noType},
		"PKCS #1 called PKCS #8":          {strings.ReplaceAll(v.Keys.RSA1024.PKCS1, "RSA PRIVATE", "PRIVATE"), noDER},
		"encrypted PKCS #8":               {strings.ReplaceAll(v.Keys.RSA1024.PKCS8, "PRIVATE", "ENCRYPTED PRIVATE"), noType},
		"encrypted PKCS #1":               {strings.Replace(v.Keys.RSA1024.PKCS1, "\n", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1), noType},
		"PEM cut off":                     {v.Keys.RSA1024.PKCS1[:300], noPEM},
		"PEM with an n for each break":    {strings.ReplaceAll(v.Keys.RSA1024.PKCS1, "\n", "n"), noPEM},
		"PEM of two types":                {strings.Replace(v.Keys.RSA1024.PKCS1, "END RSA", "END", 1), noPEM},
		"PEM with words before it":        {"key: " + v.Keys.RSA1024.PKCS1, noKeyText},
		"PEM of a bad base64":             {strings.Replace(v.Keys.RSA1024.PKCS1, "\nM", "\n*", 1), noPEM},
		"base64 of a public key's DER":    {base64.StdEncoding.EncodeToString(publicDER), noKeyText},
		"base64 of ECDSA's DER":           {derOf(ec), "expected an Ed25519 or RSA key, got a signer whose public key is *ecdsa.PublicKey"},
		"base64 of X25519's DER":          {derOf(xKey), noKeyText},
		"base64 of a cut DER":             {derOf(ed)[:60], noKeyText},
		"base64 of 512-bit RSA's DER":     {strings.Join(strings.Split(strings.TrimSpace(string(readTestdata(t, "rsa512_pkcs8.pem"))), "\n")[1:8], ""), noKeyText},
		"two PEM blocks":                  {v.Keys.RSA1024.PKCS1 + v.Keys.RSA2048.PKCS1, noPEM},
		"PEM of nothing":                  {"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", noDER},
		"redaction text":                  {userapi.Redacted, "holds the redaction text in place of a value"},
		"an Ed25519 public key in base64": {v.Keys.Ed25519.SessionSecret[:42], noKeyText},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ks, err := ParseKeystore(encode(t, map[string]any{
				"client_id": testUserID, "session_id": testSessionID, "private_key": tt.text,
			}))
			require.True(t, err != nil, "the key was accepted")
			assert.True(t, ks == Keystore{}, "a keystore and an error")
			requireNoRun(t, err.Error(), runsOf(tt.text))
			// Nothing in here but names, now that the check above has passed.
			assert.EqualError(t, err, "mixin: invalid keystore: private_key: "+tt.says)
		})
	}

	for name, tt := range map[string]struct{ text, says string }{
		"empty":           {"", "expected one JSON object"},
		"null":            {"null", "expected one JSON object"},
		"array":           {"[]", "expected one JSON object"},
		"string":          {`"x"`, "expected one JSON object"},
		"cut off":         {`{"client_id":"` + testUserID, "expected one JSON object"},
		"two objects":     {`{} {}`, "expected one JSON object"},
		"a PEM file":      {v.Keys.RSA1024.PKCS1, "expected one JSON object"},
		"a key":           {v.Keys.Ed25519.SeedHex, "expected one JSON object"},
		"a blank key":     {`{"client_id":"` + testUserID + `","session_id":"` + testSessionID + `","private_key":" \n"}`, "session_private_key or private_key: missing, expected a private key"},
		"nothing in it":   {`{}`, "client_id or app_id or user_id: missing, expected an id\nsession_id: missing, expected an id\nsession_private_key or private_key: missing, expected a private key"},
		"other case only": {`{"Client_ID":"a"}`, "client_id or app_id or user_id: missing, expected an id\nsession_id: missing, expected an id\nsession_private_key or private_key: missing, expected a private key"},
		"blank ids": {
			`{"client_id":" ","session_id":"\n","private_key":"` + v.Keys.Ed25519.SeedHex + `"}`,
			"client_id or app_id or user_id: missing, expected an id\nsession_id: missing, expected an id",
		},
		"everything wrong at once": {
			`{"client_id":1,"session_id":{},"private_key":[],"session_private_key":"` + v.Keys.Ed25519.SeedHex[2:] +
				`","pin":854423,"pin_token":true,"pin_token_base64":1.5,"server_public_key":[1],"spend_private_key":"` + userapi.Redacted + `"}`,
			"client_id: expected a string\nsession_id: expected a string\n" +
				"session_private_key: " + noKeyText + "\nprivate_key: expected a string\n" +
				"pin_token: expected a string\npin_token_base64: expected a string\n" +
				"server_public_key: expected a string\nspend_private_key: holds the redaction text in place of a value\npin: expected a string",
		},
		"names that disagree": {
			string(encode(t, map[string]any{
				"client_id": testUserID, "app_id": testSessionID, "session_id": testSessionID,
				"private_key": hex.EncodeToString(seed), "session_private_key": hex.EncodeToString(other.Seed()),
			})),
			"app_id: expected the same as client_id\nprivate_key: expected the same as session_private_key",
		},
		"spend keys that disagree": {
			string(encode(t, map[string]any{
				"client_id": testUserID, "session_id": testSessionID, "private_key": hex.EncodeToString(seed),
				"spend_private_key": hex.EncodeToString(other.Seed()), "spend_key": hex.EncodeToString(ed),
			})),
			"spend_key: expected the same as spend_private_key",
		},
		"names that disagree in kind": {
			string(encode(t, map[string]any{
				"client_id": testUserID, "session_id": testSessionID,
				"private_key": v.Keys.RSA1024.PKCS1, "session_private_key": hex.EncodeToString(seed),
			})),
			"private_key: expected the same as session_private_key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ks, err := ParseKeystore([]byte(tt.text))
			require.True(t, err != nil, "the keystore was accepted")
			assert.True(t, ks == Keystore{}, "a keystore and an error")
			requireNoneIn(t, "the error", err.Error(), append(keyForms(t, ed), testPIN, testUserID, v.Keys.Ed25519.SeedHex[2:]))
			assert.EqualError(t, err, "mixin: invalid keystore: "+tt.says)
		})
	}
}

// TestKeystoreShowsNoSecret pins what is shown. It compares without testify, which would
// print a form that holds too much.
func TestKeystoreShowsNoSecret(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{"ed25519": "Ed25519", "rsa1024": "RSA"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ks := Keystore{
				UserID: testUserID, SessionID: testSessionID, PrivateKey: readVectors(t).key(t, name), PinToken: testPinToken,
				ServerPublicKey: testServerKey, SpendPrivateKey: testSpendKey, PIN: testPIN,
			}
			type embedded struct {
				Keystore
				Host string
			}
			for _, v := range []any{
				ks, &ks, new(&ks), []Keystore{ks}, []*Keystore{&ks}, map[string]Keystore{"k": ks}, []any{ks, &ks}, [1]Keystore{ks},
				struct{ V Keystore }{ks}, &struct{ P *Keystore }{&ks}, struct{ V any }{ks}, embedded{ks, "h"},
			} {
				requireNoLeak(t, v, append(keyForms(t, ks.PrivateKey), testPIN, testPinToken, testServerKey, testSpendKey))
			}
			text := "mixin.Keystore{user_id: " + testUserID + ", session_id: " + testSessionID + ", key: " + kind + "}"
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				require.True(t, text == fmt.Sprintf(verb, ks), "%s of a value", verb)
				require.True(t, text == fmt.Sprintf(verb, &ks), "%s of a pointer", verb)
			}
			encoded, err := json.Marshal(&ks)
			require.NoError(t, err)
			require.True(t, `{"key":"`+kind+`","session_id":"`+testSessionID+`","user_id":"`+testUserID+`"}` == string(encoded), "JSON")
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("x", "ks", ks)
			require.True(t, strings.HasSuffix(b.String(),
				" ks.user_id="+testUserID+" ks.session_id="+testSessionID+" ks.key="+kind+"\n"), "slog")
		})
	}
}

func TestKeystoreFormsOfOddKeys(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ed := v.key(t, "ed25519").(ed25519.PrivateKey)
	for name, tt := range map[string]struct {
		key  crypto.Signer
		kind string
	}{
		"nil":             {nil, "none"},
		"nil RSA":         {(*rsa.PrivateKey)(nil), "none"},
		"empty RSA":       {&rsa.PrivateKey{}, "RSA"},
		"short Ed25519":   {ed25519.PrivateKey{1}, "Ed25519"},
		"Ed25519 pointer": {&ed, "Ed25519"},
		"ECDSA":           {ec, "unsupported"},
		"opaque Ed25519":  {opaque(ed), "Ed25519"},
		"opaque RSA":      {opaque(v.key(t, "rsa1024")), "RSA"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ks := Keystore{UserID: "u\nINFO forged", PrivateKey: tt.key}
			want := `mixin.Keystore{user_id: "u\nINFO forged", session_id: , key: ` + tt.kind + `}`
			require.True(t, want == fmt.Sprintf("%+v", ks), "another form than that of the kind %s", tt.kind)
			_, err := json.Marshal(ks)
			require.NoError(t, err)
			require.True(t, tt.kind == ks.LogValue().Group()[2].Value.String(), "another kind than %s", tt.kind)
		})
	}
	var none *Keystore
	for _, text := range printed(t, none) {
		assert.NotContains(t, text, "user_id")
	}
}

func FuzzParseKeystore(f *testing.F) {
	v := readVectors(f)
	var planted []string
	for _, kt := range keyTexts(f, v) {
		planted = append(planted, kt.text)
		f.Add(encode(f, map[string]any{"client_id": testUserID, "session_id": testSessionID, "private_key": kt.text}))
		f.Add(encode(f, map[string]any{"app_id": testUserID, "session_private_key": kt.text + "x", "pin": testPIN}))
	}
	f.Add([]byte(`{"client_id":1,"session_id":null,"private_key":{},"pin":[]}`))
	f.Add([]byte(`{"private_key":"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"}`))
	f.Add([]byte(`null`))
	f.Add([]byte{0xef, 0xbb, 0xbf, '{', '}'})
	runs := runsOf(planted...)
	f.Fuzz(func(t *testing.T, text []byte) {
		ks, err := ParseKeystore(text)
		if err != nil {
			require.True(t, ks == Keystore{}, "a keystore and an error")
			requireNoRun(t, err.Error(), runs)
			var members map[string]any
			_ = json.Unmarshal(text, &members)
			for _, member := range members {
				if s, ok := member.(string); ok && len(s) >= 24 {
					require.False(t, strings.Contains(err.Error(), s), "a value shows in the error")
				}
			}
			return
		}
		require.True(t, ks.UserID != "" && ks.SessionID != "", "accepted without an id")
		s, err := newKeySigner(ks.PrivateKey)
		require.NoError(t, err)
		_, err = s.token(t.Context(), claims{})
		require.NoError(t, err)
		_, err = SessionSecret(ks.PrivateKey)
		require.NoError(t, err)
		ks.UserID, ks.SessionID = "", "" // these are shown, whatever was put there
		requireNoLeak(t, ks, keyForms(t, ks.PrivateKey))
	})
}
