package mixin

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/enlist-go/enlist/userapi"
)

// minRSABits is the size of the keys that Mixin issued, and the least that crypto/rsa signs with.
const minRSABits = 1024

// The errors of this file say what was expected, never what was given. Those of crypto/x509
// and encoding/... are not passed on: some quote their input.
var (
	errKeyText  = errors.New("expected an Ed25519 key of 32 or 64 bytes in hex or base64, or an RSA or Ed25519 key in PEM or in the base64 of its DER")
	errKeyHalf  = errors.New("expected a 64-byte Ed25519 key whose second half is the public key of the first")
	errKeyPEM   = errors.New("expected exactly one PEM block, whole")
	errKeyType  = errors.New("expected PEM of type RSA PRIVATE KEY (PKCS #1) or PRIVATE KEY (PKCS #8), not encrypted")
	errKeyDER   = errors.New("expected a valid RSA or Ed25519 key in the PEM")
	errNoKey    = errors.New("expected a key, got none")
	errRedacted = errors.New("holds the redaction text in place of a value")
	errRSASize  = fmt.Errorf("expected an RSA key of at least %d bits", minRSABits)
	errRSAKey   = errors.New("expected a valid RSA key")
	errEdLength = errors.New("expected an Ed25519 key of the right length")
)

// ParsePrivateKey reads a session key from a text, a userapi.Secret or bytes, in each
// form that ParseKeystore takes, and as the bytes themselves: 32 or 64 of Ed25519, or
// DER. It returns an ed25519.PrivateKey or an *rsa.PrivateKey. The error says what was
// expected. It never shows a part of the key.
func ParsePrivateKey[T ~string | ~[]byte](text T) (crypto.Signer, error) {
	key, _, err := parsePrivateKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("mixin: invalid private key: %w", err)
	}
	return key, nil
}

// parsePrivateKey reads a private key in any of the encodings that keystores have been
// seen with. The key is usable. It is bare if it came as 32 bytes that say nothing
// about what they are.
func parsePrivateKey(text string) (key crypto.Signer, bare bool, err error) {
	switch {
	case text == userapi.Redacted:
		return nil, false, errRedacted
	case isBinary(text):
		return keyOfBytes([]byte(text))
	}
	text = compact(text)
	if strings.HasPrefix(text, pemBegin) {
		key, err = parsePEM(text)
		return key, false, err
	}
	err = errKeyText
	for _, decode := range [...]func(string) ([]byte, bool){decodeHex, decodeBase64} {
		raw, ok := decode(text)
		if !ok {
			continue
		}
		key, bare, bad := keyOfBytes(raw)
		if bad == nil {
			return key, bare, nil
		}
		if err == errKeyText { //nolint:errorlint // it is not wrapped
			err = bad
		}
	}
	return nil, false, err
}

// keyOfBytes returns the key that bytes are.
func keyOfBytes(raw []byte) (key crypto.Signer, bare bool, err error) {
	switch {
	case len(raw) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(raw), true, nil
	case len(raw) == ed25519.PrivateKeySize:
		key, err = usable(ed25519.PrivateKey(raw))
		return key, false, err
	case bytes.HasPrefix(raw, []byte(pemBegin)):
		key, err = parsePEM(compact(string(raw)))
		return key, false, err
	}
	for _, kind := range [...]string{"PRIVATEKEY", "RSAPRIVATEKEY"} {
		key, err = keyOfDER(kind, raw)
		if err != errKeyDER { //nolint:errorlint // it is not wrapped
			return key, false, err
		}
	}
	return nil, false, errKeyText
}

// isBinary reports whether a key's bytes were given themselves. An encoding of them is printable.
func isBinary(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && !unicode.IsSpace(r)
	})
}

// escapes are what a line break, or a quote, becomes on its way through a shell, JSON in JSON, or YAML.
var escapes = regexp.MustCompile(`\\+(\s+|u000[adAD]|["nrt]|$)`)

// compact returns a key's text without white space, line breaks that were escaped, quotes around it,
// and a byte order mark. Keystores are copied out of YAML or documents, and line-wrapped base64 is
// common: 64 bytes do not fit the 76 columns of base64(1).
func compact(text string) string {
	text = escapes.ReplaceAllString(strings.TrimPrefix(text, "\ufeff"), "")
	return strings.Trim(strings.Join(strings.Fields(text), ""), `"'`)
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
		if raw, ok := decodeHex(text); ok {
			return raw, true
		}
	}
	return decodeBase64(text)
}

func decodeHex(text string) ([]byte, bool) {
	raw, err := hex.DecodeString(text)
	return raw, err == nil
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

const pemBegin = "-----BEGIN"

// pemBlock is one block of PEM, without white space. What stands between the dashes is not ambiguous
// without its line breaks.
var pemBlock = regexp.MustCompile(`^-----BEGIN([A-Z0-9]+)-----([^-]*)-----END([A-Z0-9]+)-----$`)

// parsePEM reads a compact text.
func parsePEM(text string) (crypto.Signer, error) {
	block := pemBlock.FindStringSubmatch(text)
	switch {
	case strings.Contains(text, "ENCRYPTED"):
		return nil, errKeyType
	case block == nil || block[1] != block[3]:
		return nil, errKeyPEM
	}
	der, ok := decodeBase64(block[2])
	if !ok {
		return nil, errKeyPEM
	}
	return keyOfDER(block[1], der)
}

// keyOfDER reads a key of a type of PEM, without its blanks. For what is not one the error is
// errKeyDER.
func keyOfDER(kind string, der []byte) (crypto.Signer, error) {
	var parsed any
	var err error
	switch kind {
	case "RSAPRIVATEKEY":
		parsed, err = x509.ParsePKCS1PrivateKey(der)
	case "PRIVATEKEY":
		parsed, err = x509.ParsePKCS8PrivateKey(der)
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
