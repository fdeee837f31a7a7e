package mixin

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"slices"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// pinKeySize is that of AES-256.
const pinKeySize = 32

// exportable returns a private key whose bytes are at hand: a copy of an ed25519.PrivateKey, or
// an *rsa.PrivateKey. It returns nil for no key, and for a signer that keeps its private key.
func exportable(key crypto.Signer) crypto.Signer {
	if isNil(key) {
		return nil
	}
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return slices.Clone(k)
	case *ed25519.PrivateKey:
		return slices.Clone(*k)
	case *rsa.PrivateKey:
		if k.Precomputed.Dp != nil || k.Validate() != nil {
			return k
		}
		// To encode a key that was put together by hand writes to it. Two goroutines must not
		// do that at once, so it is done to a copy.
		own := &rsa.PrivateKey{PublicKey: k.PublicKey, D: k.D, Primes: k.Primes}
		own.Precompute()
		return own
	}
	return nil
}

// openPINKey returns the key that the session's PINs are encrypted with, or notes in check why
// there is none. The prefix stands before the names of fields. Sources: Mixin's docs of 2018,
// "App", whose sample opens with just these parameters of RSA; Mixin's bot-api-go-client v3,
// for Ed25519.
func openPINKey(check *provider.Check, prefix string, ks Keystore) []byte {
	private := exportable(ks.PrivateKey)
	if private == nil {
		check.Required("", prefix+"PrivateKey",
			"must be the session's Ed25519 or RSA private key itself: a PIN cannot be encrypted with a signer, or a TokenSigner, that keeps its key")
		return nil
	}
	if _, err := publicKey(private); err != nil {
		check.Invalid("", prefix+"PrivateKey", fault(err))
		return nil
	}
	if ks.PinToken == userapi.Redacted {
		check.Secret("", prefix+"PinToken", ks.PinToken)
		return nil
	}
	if key, ok := private.(ed25519.PrivateKey); ok {
		return agreePINKey(check, prefix, ks, key)
	}
	return decryptPINKey(check, prefix, ks, private.(*rsa.PrivateKey))
}

// decryptPINKey is for RSA: pin_token is the key, encrypted.
func decryptPINKey(check *provider.Check, prefix string, ks Keystore, private *rsa.PrivateKey) []byte {
	session, ok := uuid.Canonical(ks.SessionID)
	if !ok {
		check.Invalid("", prefix+"SessionID", "must be a UUID of 36 characters: the PIN token is bound to it")
		return nil
	}
	if ks.PinToken == "" {
		check.Required("", prefix+"PinToken", "must be set: an RSA session has its PIN key from there")
		return nil
	}
	sealed, ok := decodeText(compact(ks.PinToken.Reveal()))
	if !ok || len(sealed) != private.Size() {
		check.Invalid("", prefix+"PinToken", "must be base64 of as many bytes as the RSA key has: the encrypted PIN key")
		return nil
	}
	key, err := rsa.DecryptOAEP(sha256.New(), nil, private, sealed, []byte(session))
	if err != nil || len(key) != pinKeySize {
		check.Invalid("", prefix+"PinToken", "must be the PIN token of this session: it does not open with its RSA key and id")
		return nil
	}
	return key
}

// agreePINKey is for Ed25519: both sides turn their key into one of X25519 and agree on one.
func agreePINKey(check *provider.Check, prefix string, ks Keystore, private ed25519.PrivateKey) []byte {
	server := serverKey(check, prefix, ks)
	if server == nil {
		return nil
	}
	digest := sha512.Sum512(private.Seed())
	own, _ := ecdh.X25519().NewPrivateKey(digest[:32]) // clamped where it is used
	public, _ := ecdh.X25519().NewPublicKey(server)    // 32 bytes never fail
	key, err := own.ECDH(public)
	if err != nil {
		member := "PinToken"
		if ks.PinToken == "" {
			member = "ServerPublicKey"
		}
		check.Invalid("", prefix+member, "must be a public key of the server's: this one is a point of low order, with which no key is secret")
		return nil
	}
	return key
}

// serverKey returns the server's X25519 key. If both members are set they must be one key: with two
// there would be a PIN key that opens nothing, and no error.
func serverKey(check *provider.Check, prefix string, ks Keystore) (key []byte) {
	if ks.PinToken == "" && ks.ServerPublicKey == "" {
		check.Required("", prefix+"PinToken", "PinToken or ServerPublicKey must be set: PINs are encrypted for the server")
		return nil
	}
	for _, member := range [...]struct{ name, text string }{
		{"PinToken", ks.PinToken.Reveal()}, {"ServerPublicKey", ks.ServerPublicKey},
	} {
		if member.text == "" {
			continue
		}
		own, err := montgomeryToken(member.text)
		switch {
		case err != nil:
			check.Invalid("", prefix+member.name, "must be the server's X25519 public key of 32 bytes, in base64, or its Ed25519 form, a point of the curve in 64 hexadecimal digits")
			return nil
		case key != nil && !bytes.Equal(key, own):
			check.Invalid("", prefix+member.name, "must be the same key as PinToken: these are two different keys")
			return nil
		}
		key = own
	}
	return key
}

// montgomeryToken reads the server's key: its Edwards form in hex, or the X25519 key in base64. Hex is
// longer than any base64 of 32 bytes. baizhiheizi/mixin_bot tells the two apart in the same way.
func montgomeryToken(text string) ([]byte, error) {
	text = compact(text)
	raw, ok := decodeText(text)
	if !ok || len(raw) != ed25519.PublicKeySize {
		return nil, errMontgomery
	}
	if isHexKey(text) {
		return montgomeryOf(raw)
	}
	return raw, nil
}

// isHexKey reports whether a text that was decoded is a key of 32 bytes in hex.
func isHexKey(text string) bool { return len(text) == hex.EncodedLen(ed25519.PublicKeySize) }
