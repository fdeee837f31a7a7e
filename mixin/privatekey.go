package mixin

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// minRSABits is the size of the keys that Mixin issued, and the least that crypto/rsa signs with.
const minRSABits = 1024

// The errors of this file say what was expected, never what was given. Those of crypto/x509
// and encoding/... are not passed on: some quote their input.
var (
	errKeyText  = errors.New("expected an Ed25519 key of 32 or 64 bytes in hex or base64, or an RSA or Ed25519 key in PEM")
	errKeyHalf  = errors.New("expected a 64-byte Ed25519 key whose second half is the public key of the first")
	errKeyPEM   = errors.New("expected exactly one PEM block, with its line breaks")
	errKeyType  = errors.New("expected PEM of type RSA PRIVATE KEY (PKCS #1) or PRIVATE KEY (PKCS #8), not encrypted")
	errKeyDER   = errors.New("expected a valid RSA or Ed25519 key in the PEM")
	errNoKey    = errors.New("expected a key, got none")
	errRSASize  = fmt.Errorf("expected an RSA key of at least %d bits", minRSABits)
	errRSAKey   = errors.New("expected a valid RSA key")
	errEdLength = errors.New("expected an Ed25519 key of the right length")
)

// parsePrivateKey reads a private key in any of the encodings that keystores have been seen
// with. The key is usable.
func parsePrivateKey(text string) (crypto.Signer, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "-----BEGIN") {
		return parsePEM(text)
	}
	// Line-wrapped base64 is common: 64 bytes do not fit the 76 columns of base64(1).
	raw, ok := decodeText(strings.Join(strings.Fields(text), ""))
	if !ok {
		return nil, errKeyText
	}
	switch len(raw) {
	case ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(raw), nil
	case ed25519.PrivateKeySize:
		return usable(ed25519.PrivateKey(raw))
	}
	return nil, errKeyText
}

// usable returns a key that has passed publicKey.
func usable(key crypto.Signer) (crypto.Signer, error) {
	if _, err := publicKey(key); err != nil {
		return nil, err
	}
	return key, nil
}

// decodeText decodes hex or base64. Hex digits are base64 too: hex is taken only where the
// length is that of a key in hex. As base64 that would be 48 or 96 bytes, which are not a key.
func decodeText(text string) ([]byte, bool) {
	if len(text) == 2*ed25519.SeedSize || len(text) == 2*ed25519.PrivateKeySize {
		if raw, err := hex.DecodeString(text); err == nil {
			return raw, true
		}
	}
	return decodeBase64(text)
}

// decodeBase64 decodes standard or URL base64, with padding or without.
func decodeBase64(text string) ([]byte, bool) {
	unpadded := strings.TrimRight(text, "=")
	if pad := len(text) - len(unpadded); pad != 0 && (pad > 2 || len(text)%4 != 0) {
		return nil, false
	}
	enc := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		enc = base64.RawURLEncoding
	}
	raw, err := enc.Strict().DecodeString(unpadded)
	return raw, err == nil
}

func parsePEM(text string) (crypto.Signer, error) {
	// Keystores copied out of YAML or a document have indented lines, and encoding/pem wants
	// its lines at the margin. The blank line that ends PEM headers is lost; such a block is
	// encrypted and refused all the same.
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	block, rest := pem.Decode([]byte(strings.Join(lines, "\n") + "\n"))
	switch {
	case strings.Contains(text, "ENCRYPTED"):
		return nil, errKeyType
	case block == nil || len(strings.TrimSpace(string(rest))) != 0:
		return nil, errKeyPEM
	}
	var parsed any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, errKeyType
	}
	key, ok := parsed.(crypto.Signer) // X25519 cannot sign
	if err != nil || !ok {
		return nil, errKeyDER
	}
	return usable(key)
}

// publicKey returns the public half of a key that Mixin knows how to use, as an
// ed25519.PublicKey or an *rsa.PublicKey. A broken key is an error here, not a panic or a
// useless signature later.
func publicKey(key crypto.Signer) (crypto.PublicKey, error) {
	if isNil(key) {
		return nil, errNoKey
	}
	switch k := key.(type) {
	case *ed25519.PrivateKey:
		return publicKey(*k)
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return nil, errEdLength
		}
		if !ed25519.NewKeyFromSeed(k.Seed()).Equal(k) {
			return nil, errKeyHalf
		}
	case *rsa.PrivateKey:
		if err := checkRSA(&k.PublicKey); err != nil {
			return nil, err
		}
		if k.Validate() != nil {
			return nil, errRSAKey
		}
	}
	switch pub := key.Public().(type) {
	case ed25519.PublicKey:
		if len(pub) != ed25519.PublicKeySize {
			return nil, errEdLength
		}
		return pub, nil
	case *rsa.PublicKey:
		return pub, checkRSA(pub)
	default:
		return nil, fmt.Errorf("expected an Ed25519 or RSA key, got a signer whose public key is %T", pub)
	}
}

func checkRSA(pub *rsa.PublicKey) error {
	switch {
	case pub == nil || pub.N == nil || pub.N.Sign() <= 0:
		return errRSAKey
	case pub.N.BitLen() < minRSABits:
		return errRSASize
	case pub.E < 3 || pub.E%2 == 0:
		return errRSAKey
	}
	return nil
}

// isNil reports whether v is nil or holds a nil pointer, whose methods would panic.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch rv := reflect.ValueOf(v); rv.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Func, reflect.Chan:
		return rv.IsNil()
	}
	return false
}

// keyKind names the kind of key for people. It does not validate the key, and
// calls no method of one that is broken.
func keyKind(key crypto.Signer) string {
	if isNil(key) {
		return "none"
	}
	switch key.(type) {
	case ed25519.PrivateKey, *ed25519.PrivateKey: // a short one panics
		return "Ed25519"
	}
	switch key.Public().(type) {
	case ed25519.PublicKey:
		return "Ed25519"
	case *rsa.PublicKey:
		return "RSA"
	}
	return "unsupported"
}

func equalKeys(a, b crypto.Signer) bool {
	k, ok := a.(interface {
		Equal(x crypto.PrivateKey) bool
	})
	return ok && k.Equal(b)
}
