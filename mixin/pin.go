package mixin

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
)

// opEncrypt is the operation in the errors of what a PIN is encrypted with.
const opEncrypt = "encrypt PIN"

// A PINCipher encrypts what proves a PIN, for one session of a user. It is for your own
// calls of Mixin that need a PIN; the client's calls have their own cipher. The zero
// value has no key, and cannot encrypt. It is safe for concurrent use, and may be
// copied: copies share their iterator. Printed, logged or encoded it does not show the
// key.
//
// Every encrypted PIN has an iterator that must be greater than all earlier ones of the
// session (Mixin's docs, "Verify PIN"). It is the time in nanoseconds, or one more than
// the last. A PINCipher does not know the iterators of another PINCipher or of a
// client: for one session, use them in turn. Send the texts in the order in which they
// were made. StartAt is for a session whose iterators another program has moved ahead
// of the time.
type PINCipher struct {
	// A closure: formatting the struct cannot show the key.
	seal func(pin []byte, at time.Time, iterator uint64) []byte
	now  func() time.Time
	last *atomic.Uint64 // the last iterator
	from *atomic.Uint64 // the lowest that StartAt allows
}

// NewPINCipher returns a cipher for the session of the user's keystore, whose PrivateKey
// must be an Ed25519 or RSA private key itself. With Ed25519 it needs PinToken or
// ServerPublicKey; if both are set they must be forms of one key. With RSA, the 2018 form,
// it needs PinToken. An error is of KindInvalid and names the fields. Nothing is sent.
// Sources: Mixin's docs of 2018, "App"; Mixin's bot-api-go-client v3.
func NewPINCipher(ks Keystore) (*PINCipher, error) {
	return openPINCipher(opEncrypt, "Keystore.", ks, time.Now)
}

func openPINCipher(op, prefix string, ks Keystore, now func() time.Time) (*PINCipher, error) {
	check := provider.NativeCheck(Name)
	key := openPINKey(&check, prefix, ks)
	if _, err := check.Done(op); err != nil {
		return nil, err
	}
	return newPINCipher(key, now)
}

// newPINCipher returns a cipher with a key of AES, dated by the given clock.
func newPINCipher(key []byte, now func() time.Time) (*PINCipher, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("mixin: PIN key: %w", err) // holds the length alone
	}
	seal := func(pin []byte, at time.Time, iterator uint64) []byte {
		iv := make([]byte, aes.BlockSize)
		_, _ = rand.Read(iv) // never fails: crypto/rand
		return sealPIN(block, iv, pin, at, iterator)
	}
	return &PINCipher{seal: seal, now: now, last: new(atomic.Uint64), from: new(atomic.Uint64)}, nil
}

// maxIterator is the highest iterator to start at: a time of Go's in nanoseconds fits.
const maxIterator = math.MaxInt64

// StartAt has the next iterator be at least n. It never goes back. It is for a session in which
// another program, such as one whose clock was ahead, has used iterators up to n-1: until the time
// has passed them, Mixin refuses every PIN with code 20119. Such a refusal does not count as a wrong
// PIN (Mixin's docs, "Verify PIN"). n is in nanoseconds since 1970 with all of Mixin's own clients:
// time.Now().Add(24*time.Hour).UnixNano() is ahead of a clock that was up to a day ahead. 0 changes
// nothing. An n above math.MaxInt64 counts as that.
func (c *PINCipher) StartAt(n uint64) {
	if c == nil || c.from == nil {
		return
	}
	n = min(n, maxIterator)
	for from := c.from.Load(); from < n && !c.from.CompareAndSwap(from, n); {
		from = c.from.Load()
	}
}

// encrypt encrypts a PIN with the next iterator.
func (c *PINCipher) encrypt(pin []byte) []byte {
	for {
		last, at := c.last.Load(), c.now()
		next := max(uint64(max(at.UnixNano(), 0)), last+1, c.from.Load())
		if c.last.CompareAndSwap(last, next) {
			return c.seal(pin, at, next)
		}
	}
}

// sealPIN encrypts a PIN, the time and the iterator, with the initialisation vector in
// front. Source: Mixin's docs of 2018, "App".
func sealPIN(block cipher.Block, iv, pin []byte, at time.Time, iterator uint64) []byte {
	plain := slices.Clone(pin)
	plain = binary.LittleEndian.AppendUint64(plain, uint64(max(at.Unix(), 0)))
	plain = binary.LittleEndian.AppendUint64(plain, iterator)
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(plain, plain)
	return slices.Concat(iv, plain)
}

// EncryptPIN encrypts a PIN: six digits in ASCII or, of a TIP key, its public half with a
// counter, or a signature. The result is unpadded URL base64, for Mixin's members whose name
// ends in _base64, and for one use. The error is of KindInvalid, for a PIN that is empty.
func (c *PINCipher) EncryptPIN(pin []byte) (string, error) {
	var check provider.Check
	switch {
	case c == nil || c.seal == nil:
		check.Required("", "PINCipher", "must be made by NewPINCipher")
	case len(pin) == 0:
		check.Required("", "pin", "must be set")
	default:
		return base64.RawURLEncoding.EncodeToString(c.encrypt(pin)), nil
	}
	return "", provider.Invalid(Name, opEncrypt, check.Faults())
}

// A PINFault is what Mixin found wrong with a PIN.
type PINFault int

const (
	// PINForm is code 20118: the PIN is not of the form that was wanted.
	PINForm PINFault = iota + 1
	// PINRefused is code 20119: the PIN is wrong, or its iterator was used before, or its
	// time is not the server's. Only the first counts towards the five attempts after
	// which Mixin locks a PIN for a day.
	PINRefused
)

// String returns it in words.
func (f PINFault) String() string {
	switch f {
	case PINForm:
		return "PIN form"
	case PINRefused:
		return "PIN refused"
	}
	return "no PIN fault"
}

const (
	codePINForm    = 20118
	codePINRefused = 20119
)

// IsPINError reports whether Mixin refused a PIN, and how. Nothing was done then, and the
// call may be repeated with a PIN that is right. A wrong PIN, a used iterator and a time that
// is off have one code. For the difference Mixin's docs, "Verify PIN", refer to the error's
// extra, which is [APIError.Extra], and do not describe it. This client sends a fresh iterator
// and the server's time, and no TIP key that Mixin shows to be another. So the PIN is wrong, or
// another client uses the session (PINService.StartAt), or the TIP key is too new. Sources: Mixin's docs, "Verify PIN" and, of 2018, "Error codes".
func IsPINError(err error) (PINFault, bool) {
	var vendor *APIError
	if !errors.As(err, &vendor) {
		return 0, false
	}
	fault := map[int]PINFault{codePINForm: PINForm, codePINRefused: PINRefused}[vendor.Code]
	return fault, fault != 0
}
