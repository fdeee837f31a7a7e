package mixin

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

var (
	errPINText = errors.New("expected six digits, or a TIP key: an Ed25519 key in any form of a session key, or a scalar of 32 bytes")
	errTIPText = errors.New("expected an Ed25519 key in any form of a session key, or a scalar of 32 bytes")
	errTIPKind = errors.New("expected an Ed25519 private key itself, or a key of NewScalarKey")
	errTIPHalf = errors.New("expected the key of the given public half")
	errTIPBase = errors.New("expected a public half of 32 bytes in base64 or hex")
)

// A PIN allows a user to spend. It is a TIP key or, in the form of 2018, six digits.
// The zero value is neither. Printed, logged or encoded it does not show its value. It
// may be copied, and is safe for concurrent use.
type PIN struct {
	// At most one is set. They are closures, where no formatting of a struct can reach
	// what they return.
	digits func() string
	// tipKeys returns the keys that the PIN may be: more than one where a text leaves that open.
	// The first is the one that Update sets.
	tipKeys func() []crypto.Signer
}

// DigitsPIN returns a PIN of six digits. The call that the PIN is given to checks them.
func DigitsPIN(digits userapi.Secret) PIN {
	return PIN{digits: digits.Reveal}
}

// TIPPIN returns the PIN that a TIP key is: an ed25519.PrivateKey, or a key of NewScalarKey. Mixin
// cannot change a user's TIP key: store it durably before PINService.Update sends its public
// half. The call that the PIN is given to checks the key. The caller may wipe the key's bytes.
// Source: Mixin's docs, "Migrate to TIP".
func TIPPIN(key crypto.Signer) PIN {
	if own, ok := exportable(key).(ed25519.PrivateKey); ok {
		key = own
	}
	return tipPIN(key)
}

func tipPIN(keys ...crypto.Signer) PIN {
	return PIN{tipKeys: func() []crypto.Signer { return keys }}
}

// ParsePIN reads a PIN from a text, a userapi.Secret or bytes, such as Keystore.PIN or
// Keystore.SpendPrivateKey: six digits, or a TIP key in any form that ParsePrivateKey takes.
//
// 32 bytes, mostly 64 digits of hex, are a seed to Mixin's own clients, and a scalar to
// fox-one/mixin-sdk-go. Nothing in them says which. The calls of PINService and SafeService use the
// one that is the user's, by tip_key_base64 of the user's profile. Update sets the key of the seed.
//
// The error says what was expected. It never shows a part of the PIN.
func ParsePIN[T ~string | ~[]byte](text T) (PIN, error) {
	if digits := compact(string(text)); isPINDigits(digits) {
		return DigitsPIN(userapi.Secret(digits)), nil
	}
	keys, err := parseTIPKeys(string(text), errPINText)
	if err != nil {
		return PIN{}, fmt.Errorf("mixin: invalid PIN: %w", err)
	}
	return tipPIN(keys...), nil
}

// ParseTIPKey reads the TIP or spend key with the given public half, as ParsePIN reads
// a text: a seed and a scalar of 32 bytes are distinguished by it. The public half is
// in base64, such as CreateUserResponse.TipKeyBase64, or in hex, such as its
// SpendPublicKey. The key is an ed25519.PrivateKey, or one of NewScalarKey. The error
// says what was expected. It never shows a part of the key.
func ParseTIPKey[T ~string | ~[]byte](text T, public string) (crypto.Signer, error) {
	raw, ok := decodeText(compact(public))
	if !ok || len(raw) < ed25519.PublicKeySize {
		return nil, fmt.Errorf("mixin: invalid TIP key: %w", errTIPBase)
	}
	keys, err := parseTIPKeys(string(text), errTIPText)
	if err != nil {
		return nil, fmt.Errorf("mixin: invalid TIP key: %w", err)
	}
	key := keyOfPublic(keys, raw)
	if key == nil {
		return nil, fmt.Errorf("mixin: invalid TIP key: %w", errTIPHalf)
	}
	return key, nil
}

// parseTIPKeys returns the keys that a text may be, the key of a seed first.
func parseTIPKeys(text string, otherwise error) ([]crypto.Signer, error) {
	key, bare, err := parsePrivateKey(text)
	if err == errKeyText { //nolint:errorlint // it is not wrapped
		err = otherwise
	}
	own, isEd25519 := key.(ed25519.PrivateKey)
	switch {
	case err != nil:
		return nil, err
	case !isEd25519:
		return nil, otherwise
	case !bare:
		return []crypto.Signer{own}, nil
	}
	keys := []crypto.Signer{own}
	if scalar, err := NewScalarKey(own.Seed()); err == nil {
		keys = append(keys, scalar)
	}
	return keys, nil
}

// keyOfPublic returns the key with a public half, nil for none. Mixin does not say whether the
// key's counter follows its public half.
func keyOfPublic(keys []crypto.Signer, public []byte) crypto.Signer {
	i := slices.IndexFunc(keys, func(k crypto.Signer) bool { return bytes.HasPrefix(public, publicBytes(k)) })
	if i < 0 {
		return nil
	}
	return keys[i]
}

// keyOf returns the key that proves the PIN of a user, whose TIP key is known or nil; nil for digits. It
// says what is wrong with a PIN that is not the user's, or may not be.
func (p PIN) keyOf(known *[]byte) (key crypto.Signer, fault string) {
	switch {
	case p.tipKeys == nil && known == nil:
		return nil, ""
	case known == nil && len(p.tipKeys()) > 1:
		return nil, "must be TIPPIN of one key: its 32 bytes are a seed or a scalar, and Mixin does not show which key is the user's"
	case known == nil:
		return p.tipKeys()[0], ""
	case p.tipKeys != nil:
		key = keyOfPublic(p.tipKeys(), *known)
	}
	if key == nil {
		return nil, "must be the user's TIP key, whose public half Mixin shows as tip_key_base64: this is another PIN"
	}
	return key, ""
}

// publicBytes returns the public half of an Ed25519 key that was checked.
func publicBytes(key crypto.Signer) []byte {
	return key.Public().(ed25519.PublicKey) //nolint:forcetypeassert // checkTIPKey
}

// signTIP signs with a key that was checked, which cannot fail.
func signTIP(key crypto.Signer, message []byte) []byte {
	signature, _ := key.Sign(nil, message, crypto.Hash(0))
	return signature
}

// checkTIPKey refuses what is not an Ed25519 key that is at hand. A signer elsewhere can fail, and
// would be asked while other calls with a PIN wait.
func checkTIPKey(key crypto.Signer) error {
	if _, err := publicKey(key); err != nil {
		return err
	}
	switch key.(type) {
	case ed25519.PrivateKey, *scalarKey:
		return nil
	}
	return errTIPKind
}

func (p PIN) isSet() bool { return p.digits != nil || p.tipKeys != nil }

// form returns the member that a PIN is sent in, and how it is encoded there.
func (p PIN) form() (member string, encoding *base64.Encoding) {
	if p.digits != nil {
		return "pin", base64.StdEncoding
	}
	return "pin_base64", base64.RawURLEncoding
}

// pinDigits is the length of a PIN of digits (Mixin's docs, "Migrate to TIP").
const pinDigits = 6

func isPINDigits(text string) bool {
	return len(text) == pinDigits && strings.Trim(text, "0123456789") == ""
}

// check finds what Mixin would refuse.
func (p PIN) check(c *provider.Check, member string) {
	switch {
	case p.digits != nil:
		if !isPINDigits(p.digits()) {
			c.Invalid("", member, "must be six digits, or a TIP key")
		}
	case p.tipKeys != nil:
		for _, key := range p.tipKeys() {
			if err := checkTIPKey(key); err != nil {
				c.Invalid("", member, "TIP key: "+fault(err))
			}
		}
	default:
		c.Required("", member, "must be a TIP key or six digits")
	}
}
