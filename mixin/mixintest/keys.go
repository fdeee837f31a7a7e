package mixintest

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
)

// minRSABits is the size of keys that Mixin issued. newRSABits is the size of keys that this
// package makes.
const (
	minRSABits = 1024
	newRSABits = 2048
)

// parseSessionSecret parses the public key of a new user: 32 bytes of Ed25519 in either alphabet of
// base64, or an RSA key in DER in standard base64. Its errors do not show the text.
func parseSessionSecret(text string) (crypto.PublicKey, error) {
	if text == "" {
		return nil, errors.New("required")
	}
	for _, enc := range [...]*base64.Encoding{
		base64.RawURLEncoding, base64.RawStdEncoding, base64.StdEncoding, base64.URLEncoding,
	} {
		if raw, err := enc.DecodeString(text); err == nil && len(raw) == ed25519.PublicKeySize {
			return ed25519.PublicKey(raw), nil
		}
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("neither an Ed25519 nor an RSA public key in base64")
	}
	pub, err := x509.ParsePKIXPublicKey(der)
	key, isRSA := pub.(*rsa.PublicKey)
	switch {
	case err != nil || !isRSA:
		return nil, errors.New("neither an Ed25519 nor an RSA public key in base64")
	case key.N.BitLen() < minRSABits:
		return nil, errors.New("the RSA key is too short")
	}
	return key, nil
}

// isKey reports whether an RSA key in DER is the session's key.
func isKey(own *rsa.PublicKey, der []byte) bool {
	pub, err := x509.ParsePKIXPublicKey(der)
	return err == nil && own.Equal(pub)
}

// pinKeySize is the size of the AES-256 key that encrypts a session's PINs.
const pinKeySize = 32

// A pinToken lets the user compute its PIN key. server is the server's public key; nil for an RSA
// key.
type pinToken struct{ token, server []byte }

// newPinToken makes a session's pinToken. It returns the PIN key in a closure, so that printing
// does not show it.
func newPinToken(key crypto.PublicKey, sessionID string) (t pinToken, pinKey func() []byte, err error) {
	secret := make([]byte, pinKeySize)
	_, _ = rand.Read(secret) // never fails
	var shared []byte
	switch user := key.(type) {
	case *rsa.PublicKey:
		shared = secret
		t.token, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, user, secret, []byte(sessionID))
	case ed25519.PublicKey:
		server := ed25519.NewKeyFromSeed(secret)
		t.server = bytes.Clone(server[ed25519.SeedSize:])
		t.token, shared, err = exchange(server, user)
	}
	if err != nil {
		return pinToken{}, nil, err
	}
	return t, func() []byte { return shared }, nil
}

// text returns the token in the old form.
func (t pinToken) text() string { return base64.StdEncoding.EncodeToString(t.token) }

// serverKey returns the server's public key in hex; "" if there is none.
func (t pinToken) serverKey() string { return hex.EncodeToString(t.server) }

// exchange returns the server's X25519 public key and the secret that it shares with the user.
func exchange(server ed25519.PrivateKey, user ed25519.PublicKey) (public, shared []byte, err error) {
	own, err := scalar(server)
	if err != nil {
		return nil, nil, err
	}
	theirs, err := montgomery(user)
	if err != nil {
		return nil, nil, err
	}
	shared, err = own.ECDH(theirs)
	return own.PublicKey().Bytes(), shared, err
}

// completeKeystore adds the missing parts of an application's keystore.
func completeKeystore(ks mixin.Keystore, useRSA bool) (mixin.Keystore, error) {
	ks.UserID, ks.SessionID = cmp.Or(ks.UserID, newID()), cmp.Or(ks.SessionID, newID())
	if !isID(ks.UserID) || !isID(ks.SessionID) {
		return mixin.Keystore{}, errors.New("the keystore's UserID and SessionID must be UUIDs")
	}
	ks.UserID, ks.SessionID = strings.ToLower(ks.UserID), strings.ToLower(ks.SessionID)
	var err error
	switch {
	case ks.PrivateKey != nil:
	case useRSA:
		ks.PrivateKey, err = rsa.GenerateKey(rand.Reader, newRSABits)
	default:
		_, ks.PrivateKey, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return mixin.Keystore{}, err
	}
	if _, err := mixin.SessionSecret(ks.PrivateKey); err != nil {
		return mixin.Keystore{}, err
	}
	var token pinToken
	switch key := ks.PrivateKey.(type) {
	case ed25519.PrivateKey:
		token, _, err = newPinToken(key.Public(), ks.SessionID)
	case *rsa.PrivateKey:
		token, _, err = newPinToken(key.Public(), ks.SessionID)
	default:
		err = errors.New("the keystore's PrivateKey must be an ed25519.PrivateKey or an *rsa.PrivateKey")
	}
	if err != nil {
		return mixin.Keystore{}, err
	}
	if ks.PinToken == "" && ks.ServerPublicKey == "" {
		ks.PinToken, ks.ServerPublicKey = userapi.Secret(token.text()), token.serverKey()
	}
	return ks, nil
}

// keystoreJSON encodes a keystore of completeKeystore.
func keystoreJSON(ks mixin.Keystore) []byte {
	if key, ok := ks.PrivateKey.(ed25519.PrivateKey); ok {
		return encode(struct {
			AppID             string `json:"app_id"`
			SessionID         string `json:"session_id"`
			ServerPublicKey   string `json:"server_public_key"`
			SessionPrivateKey string `json:"session_private_key"`
		}{ks.UserID, ks.SessionID, ks.ServerPublicKey, hex.EncodeToString(key.Seed())})
	}
	key, _ := ks.PrivateKey.(*rsa.PrivateKey)
	return encode(struct {
		ClientID   string `json:"client_id"`
		SessionID  string `json:"session_id"`
		PinToken   string `json:"pin_token"`
		PrivateKey string `json:"private_key"`
	}{ks.UserID, ks.SessionID, ks.PinToken.Reveal(), string(pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key),
	}))})
}
