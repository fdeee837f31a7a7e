package mixintest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// After five wrong PINs a user must wait 24 hours. Source: Mixin's Android client.
const (
	maxWrongPINs = 5
	lockTime     = 24 * time.Hour
)

const (
	digitsSize = 6 // a PIN of 2018
	// tipSize is the size of a new TIP key: the public key and a counter.
	tipSize    = ed25519.PublicKeySize + 8
	tipCounter = 1 // a user's only TIP key has the counter 1
)

// pin is the PIN of a user.
type pin struct {
	digits func(given []byte) bool // compares with the digits; nil if there are none
	tip    ed25519.PublicKey       // nil if there is none

	iterator uint64 // the last used one; a user has one session
	wrong    int
	locked   time.Time // the end of the lock
}

// isSet reports whether the user has a PIN.
func (p *pin) isSet() bool { return p.digits != nil || p.tip != nil }

// tipHex returns the TIP key in hex; "" if there is none.
func (p *pin) tipHex() string { return hex.EncodeToString(p.tip) }

// checkLock refuses every PIN, even the right one, while the PIN is locked.
func (p *pin) checkLock(now time.Time) *apiError {
	switch {
	case p.wrong < maxWrongPINs:
		return nil
	case now.Before(p.locked):
		return errTooMany.because("the PIN is locked for 24 hours after five wrong ones")
	}
	p.wrong = 0
	return nil
}

// count counts a wrong PIN and locks the PIN after the last allowed one.
func (p *pin) count(now time.Time, reason string) *apiError {
	if p.wrong++; p.wrong >= maxWrongPINs {
		p.locked = now.Add(lockTime)
	}
	return errPIN.because(reason)
}

// A sealed is a decrypted PIN.
type sealed struct {
	pin      []byte
	unix     uint64
	iterator uint64
}

// unseal decrypts a PIN: base64 of an IV and of AES-CBC blocks. The blocks have the PIN, the time,
// the iterator and PKCS #7 padding.
func unseal(key []byte, text string) (s sealed, reason string) {
	raw, err := decodeBase64(text)
	const fixed = 8 + 8
	switch {
	case err != nil:
		return sealed{}, "the encrypted PIN is not base64"
	case len(raw)%aes.BlockSize != 0 || len(raw) < 2*aes.BlockSize+fixed:
		return sealed{}, "the encrypted PIN is not an IV and two or more blocks"
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealed{}, "the session has no PIN key"
	}
	plain := raw[aes.BlockSize:]
	cipher.NewCBCDecrypter(block, raw[:aes.BlockSize]).CryptBlocks(plain, plain)
	n := int(plain[len(plain)-1])
	if n < 1 || n > aes.BlockSize || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return sealed{}, "the padding is wrong: another key encrypted the PIN"
	}
	end := len(plain) - n - fixed // not negative: there are at least two blocks
	return sealed{
		pin:  plain[:end],
		unix: binary.LittleEndian.Uint64(plain[end:]), iterator: binary.LittleEndian.Uint64(plain[end+8:]),
	}, ""
}

var errBase64 = errors.New("not base64")

// decodeBase64 decodes either alphabet, with or without padding.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // package base64 ignores them
		return nil, errBase64
	}
	enc := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		enc = base64.RawURLEncoding
	}
	return enc.Strict().DecodeString(strings.TrimRight(text, "="))
}

// open decrypts a PIN and uses up its iterator. A refusal here does not count as a wrong PIN.
// Source: Mixin's docs, "Verify PIN".
func (s *Server) open(p *pin, by session, text string) ([]byte, *apiError) {
	in, reason := unseal(by.pinKey(), text)
	switch {
	case reason != "":
		return nil, errPIN.because(reason)
	case s.far(time.Unix(int64(in.unix), 0)): //nolint:gosec // an overflow is far off too
		return nil, errPIN.because("the time in the encrypted PIN is not the server's")
	case in.iterator <= p.iterator:
		return nil, errPIN.because("the iterator is not greater than the last one")
	}
	p.iterator = in.iterator
	return in.pin, nil
}

// far reports whether a time differs too much from the server's clock.
func (s *Server) far(t time.Time) bool { return s.http.Now().Sub(t).Abs() > s.leeway }

// pinBody has the PINs of a request, under the present names and those of 2018.
type pinBody struct {
	Old       string `json:"old_pin"`
	OldBase64 string `json:"old_pin_base64"`
	New       string `json:"pin"`
	NewBase64 string `json:"pin_base64"`
	Timestamp *int64 `json:"timestamp"`
}

// read parses a request. before is the PIN to replace, if there is one; now is the given PIN. Each
// can have either name.
func (b *pinBody) read(body []byte) (before, now string, refused *apiError) {
	if json.Unmarshal(body, b) != nil {
		return "", "", errBadRequest
	}
	switch {
	case b.Old != "" && b.OldBase64 != "":
		return "", "", invalidField("old_pin_base64", "given under two names")
	case b.New != "" && b.NewBase64 != "":
		return "", "", invalidField("pin_base64", "given under two names")
	case b.New+b.NewBase64 == "":
		return "", "", invalidField("pin_base64", "required")
	}
	return b.Old + b.OldBase64, b.New + b.NewBase64, nil
}

// withPIN accepts only a user's session with full scope. The application has no PIN here.
func withPIN(next handler) handler {
	return func(r *fakehttp.Request, by session) (any, *apiError) {
		if by.application || by.limited {
			return nil, errForbidden
		}
		return next(r, by)
	}
}

// updatePIN sets the first PIN, changes digits, or replaces digits by a TIP key.
func (s *Server) updatePIN(r *fakehttp.Request, by session) (any, *apiError) {
	var body pinBody
	oldText, newText, refused := body.read(r.Body)
	if refused != nil {
		return nil, refused
	}
	return s.proven(by, func(p *person) *apiError {
		switch {
		case oldText == "" && p.pin.isSet():
			return errPIN.because("a PIN is set, and the old one is missing")
		case oldText != "" && p.pin.tip != nil:
			return errForbidden.because("a TIP key can never be changed")
		case oldText != "" && !p.pin.isSet():
			return errPIN.because("an old PIN is given, and none is set")
		}
		if oldText != "" {
			if refused := s.checkDigits(&p.pin, by, oldText); refused != nil {
				return refused
			}
		}
		next, refused := s.open(&p.pin, by, newText)
		if refused != nil {
			return refused
		}
		return p.setPIN(next)
	})
}

// setPIN replaces the user's PIN.
func (p *person) setPIN(next []byte) *apiError {
	switch {
	case isDigits(next):
		p.pin.digits = func(given []byte) bool { return subtle.ConstantTimeCompare(given, next) == 1 }
	case len(next) != tipSize:
		return errPINFormat.because("a PIN is six digits, or a TIP key with its counter")
	default:
		key := ed25519.PublicKey(next[:ed25519.PublicKeySize])
		if binary.BigEndian.Uint64(next[ed25519.PublicKeySize:]) != tipCounter {
			return errPINFormat.because("the counter of a first TIP key is 1, in big endian")
		}
		if err := checkPublicKey(key); err != nil {
			return errPINFormat.because("the TIP key is not a public key of Ed25519")
		}
		p.pin.digits, p.pin.tip = nil, key
	}
	return nil
}

// verifyPIN checks a PIN. For a TIP key it checks the signature of the timestamp.
func (s *Server) verifyPIN(r *fakehttp.Request, by session) (any, *apiError) {
	var body pinBody
	_, text, refused := body.read(r.Body)
	if refused != nil {
		return nil, refused
	}
	return s.proven(by, func(p *person) *apiError {
		switch {
		case !p.pin.isSet():
			return errPIN.because("no PIN is set")
		case p.pin.tip == nil:
			return s.checkDigits(&p.pin, by, text)
		case body.Timestamp == nil:
			return invalidField("timestamp", "required")
		case s.far(time.Unix(0, *body.Timestamp)):
			return errPIN.because("the timestamp is not the server's time in nanoseconds")
		}
		return s.checkTIP(&p.pin, by, text, verifyMessage(*body.Timestamp))
	})
}

// verifyMessage returns the message that a TIP key signs to verify itself. The time is in
// nanoseconds.
func verifyMessage(ns int64) []byte { return fmt.Appendf(nil, "TIP:VERIFY:%032d", ns) }

// checkDigits decrypts and compares digits.
func (s *Server) checkDigits(p *pin, by session, text string) *apiError {
	given, refused := s.open(p, by, text)
	if refused != nil {
		return refused
	}
	return p.compare(given, s.http.Now())
}

// compare compares given digits with the PIN.
func (p *pin) compare(given []byte, now time.Time) *apiError {
	switch {
	case !isDigits(given):
		return errPINFormat.because("the PIN is six digits")
	case !p.digits(given):
		return p.count(now, "the PIN is another one")
	}
	p.wrong = 0
	return nil
}

// checkTIP checks a message's signature by the TIP key.
func (s *Server) checkTIP(p *pin, by session, text string, message []byte) *apiError {
	given, refused := s.open(p, by, text)
	switch {
	case refused != nil:
		return refused
	case len(given) != ed25519.SignatureSize:
		return errPINFormat.because("the PIN is a signature of the TIP key's")
	case !ed25519.Verify(p.tip, message, given):
		return p.count(s.http.Now(), "the signature is not the TIP key's of this request")
	}
	p.wrong = 0
	return nil
}

// proven changes the session's own user and shows it. It refuses while the PIN is locked.
func (s *Server) proven(by session, do func(*person) *apiError) (any, *apiError) {
	return s.changed(by, func(p *person) *apiError {
		if refused := p.pin.checkLock(s.http.Now()); refused != nil {
			return refused
		}
		return do(p)
	})
}

// changed changes the session's own user and shows it.
func (s *Server) changed(by session, do func(*person) *apiError) (any, *apiError) {
	a, refused := s.store.change(by.userID, do)
	if refused != nil {
		return nil, refused
	}
	a.Relationship = "ME"
	return a, nil
}

func isDigits(text []byte) bool {
	return len(text) == digitsSize && len(bytes.Trim(text, "0123456789")) == 0
}
