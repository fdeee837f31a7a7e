package mixin

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// vectors are tokens that were made by other implementations, and samples of the
// vendor's own documentation.
type vectors struct {
	VendorSample struct {
		Method    string `json:"method"`
		URI       string `json:"uri"`
		Body      string `json:"body"`
		Token     string `json:"token"`
		Sig       string `json:"sig"`
		PublicKey string `json:"verify_with_spki_base64"`
	} `json:"vendor_sample"`
	DocToken struct {
		Token     string `json:"token"`
		PublicKey string `json:"verify_with_spki_base64"`
	} `json:"vendor_doc_token"`
	DocTokens struct {
		PublicKey string `json:"verify_with_spki_base64"`
		Samples   []struct {
			Source string `json:"source"`
			Method string `json:"method"`
			URI    string `json:"uri"`
			Body   string `json:"body"`
			Sig    string `json:"sig"`
			Token  string `json:"token"`
		} `json:"samples"`
	} `json:"vendor_tokens_under_sample_key"`
	Keys struct {
		Ed25519 struct {
			PKCS8            string `json:"pkcs8_pem"`
			SeedHex          string `json:"seed_hex"`
			PrivateHex       string `json:"private64_hex"`
			SessionSecret    string `json:"session_secret_base64rawurl"`
			SessionSecretStd string `json:"session_secret_base64std"`
		} `json:"ed25519"`
		RSA1024 rsaVector `json:"rsa1024"`
		RSA2048 rsaVector `json:"rsa2048"`
	} `json:"keys"`
	Tokens []tokenVector `json:"tokens"`
}

type rsaVector struct {
	PKCS1         string `json:"pkcs1_pem"`
	PKCS8         string `json:"pkcs8_pem"`
	SessionSecret string `json:"session_secret_base64std_spki"`
}

type tokenVector struct {
	Name   string `json:"name"`
	Alg    string `json:"alg"`
	Key    string `json:"key"`
	Method string `json:"method"`
	URI    string `json:"uri"`
	Body   string `json:"body"`
	Exp    int64  `json:"exp"`
	Iat    int64  `json:"iat"`
	JTI    string `json:"jti"`
	Scp    string `json:"scp"`
	SID    string `json:"sid"`
	UID    string `json:"uid"`
	Sig    string `json:"sig"`
	Token  string `json:"token"`
}

func (v tokenVector) claims() claims {
	return claims{
		ExpiresAt: v.Exp, IssuedAt: v.Iat, ID: v.JTI, Scope: v.Scp, SessionID: v.SID, UserID: v.UID,
		Sig: requestSig(v.Method, v.URI, []byte(v.Body)),
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	var v vectors
	require.NoError(t, json.Unmarshal(readTestdata(t, "vectors.json"), &v))
	return v
}

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return text
}

// key returns a key of the vectors, by way of the standard library alone.
func (v vectors) key(t testing.TB, name string) crypto.Signer {
	t.Helper()
	switch name {
	case "ed25519":
		seed, err := hex.DecodeString(v.Keys.Ed25519.SeedHex)
		require.NoError(t, err)
		return ed25519.NewKeyFromSeed(seed)
	case "rsa1024":
		return v.Keys.RSA1024.key(t)
	case "rsa2048":
		return v.Keys.RSA2048.key(t)
	}
	require.Fail(t, "no such key", name)
	return nil
}

func (v rsaVector) key(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(v.PKCS1))
	require.True(t, block != nil, "the vector is not PEM")
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	require.NoError(t, err)
	return key
}

func rsaPublicKey(t testing.TB, spki string) *rsa.PublicKey {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(spki)
	require.NoError(t, err)
	pub, err := x509.ParsePKIXPublicKey(der)
	require.NoError(t, err)
	require.IsType(t, (*rsa.PublicKey)(nil), pub)
	return pub.(*rsa.PublicKey)
}
