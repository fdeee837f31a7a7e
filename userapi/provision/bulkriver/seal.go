package bulkriver

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/enlist-go/enlist/userapi"
)

// A Sealer encrypts rows, so that the database alone does not show them. [Keys] returns one for
// keys that the program holds; another implementation can use a KMS. It must be safe for concurrent
// use.
type Sealer interface {
	// Seal returns a text that Open can open with the same about. The text shows only the row's
	// length. about is not secret, and need not be in the text. Two calls must never return the
	// same text.
	Seal(ctx context.Context, row, about []byte) ([]byte, error)
	// Open returns the row. If the text was changed, or sealed with another about, it returns an
	// error without data of the row.
	Open(ctx context.Context, sealed, about []byte) ([]byte, error)
}

// ErrSealed is in the error chain if a sealed row cannot be opened. Its key is not among the Keys,
// or the row was changed.
var ErrSealed = errors.New("bulkriver: the row cannot be opened: its key is not there, or it was changed")

const (
	// sealVersion is the first byte of a text that Keys seals. The key's id, the nonce and the
	// encrypted row follow.
	sealVersion = 1
	keyIDSize   = 8
	headerSize  = 1 + keyIDSize
	// KeySize is the size of a key in bytes.
	KeySize = 32
)

// Keys returns a Sealer that uses AES-256-GCM. Each key has 32 random bytes. Rows are sealed with
// the newest key, and opened with the key that sealed them. A row opens only under its own job and
// key.
//
// To rotate keys, first add the new one in front, in all processes. Remove an old key when no row
// and no reject is sealed with it. That is when all rows that it sealed are done, and their rejects
// are corrected or dropped.
func Keys(newest userapi.Secret, older ...userapi.Secret) (Sealer, error) {
	all := append([]userapi.Secret{newest}, older...)
	var faults []error
	var open []keyOf
	for i, secret := range all {
		if len(secret) != KeySize {
			faults = append(faults, fmt.Errorf("bulkriver: key %d of Keys has %d bytes: %d are expected", i+1, len(secret), KeySize))
			continue
		}
		k, err := newKey(secret)
		if err != nil {
			return nil, err
		}
		open = append(open, k)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return sealer{func() []keyOf { return open }}, nil
}

// A keyOf is a key and its id. The id does not reveal the key.
type keyOf struct {
	id   [keyIDSize]byte
	aead cipher.AEAD
}

func newKey(secret userapi.Secret) (k keyOf, err error) {
	sum := sha256.Sum256([]byte("enlist queue key id\x00" + secret.Reveal()))
	copy(k.id[:], sum[:])
	block, err := aes.NewCipher([]byte(secret.Reveal()))
	if err != nil {
		return k, err
	}
	k.aead, err = cipher.NewGCMWithRandomNonce(block)
	return k, err
}

// A sealer holds its keys in a closure, so that printing it does not show them.
type sealer struct{ keys func() []keyOf }

// Format writes a fixed text for every verb.
func (sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sealer") }

// LogValue is like Format.
func (sealer) LogValue() slog.Value { return slog.StringValue("sealer") }

// Seal implements Sealer.
func (s sealer) Seal(_ context.Context, row, about []byte) ([]byte, error) {
	k := s.keys()[0]
	header := append([]byte{sealVersion}, k.id[:]...)
	return k.aead.Seal(header, nil, row, slices.Concat(header, about)), nil //nolint:gosec // the nonce is random: NewGCMWithRandomNonce makes one
}

// Open implements Sealer.
func (s sealer) Open(_ context.Context, sealed, about []byte) ([]byte, error) {
	if len(sealed) < headerSize || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	header := sealed[:headerSize:headerSize]
	for _, k := range s.keys() {
		if [keyIDSize]byte(header[1:]) != k.id {
			continue
		}
		row, err := k.aead.Open(nil, nil, sealed[headerSize:], slices.Concat(header, about))
		if err != nil {
			return nil, ErrSealed
		}
		return row, nil
	}
	return nil, ErrSealed
}
