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

// A Sealer keeps rows from being read by someone who has the database alone. [Keys] makes one of keys
// that the program holds; another implementation may have them in a KMS. Many goroutines use it at once.
type Sealer interface {
	// Seal returns a text that Open opens with the same about. Only the row's length can be seen in
	// it. about is not secret, and need not be in the text. No two rows may have one text.
	Seal(ctx context.Context, row, about []byte) ([]byte, error)
	// Open returns the row. It returns an error, with nothing of the row in it, if the text was
	// changed or was sealed with another about.
	Open(ctx context.Context, sealed, about []byte) ([]byte, error)
}

// ErrSealed is in the chain of the error of a sealed row that cannot be opened: its key is not
// among the Keys, or it was changed.
var ErrSealed = errors.New("bulkriver: the row cannot be opened: its key is not there, or it was changed")

const (
	// sealVersion is the first byte of what Keys seal. Behind it come the key's id, the nonce and
	// the encrypted row.
	sealVersion = 1
	keyIDSize   = 8
	headerSize  = 1 + keyIDSize
	// KeySize is how many bytes a key of Keys has.
	KeySize = 32
)

// Keys returns a Sealer by AES-256-GCM. Each key has 32 random bytes. Rows are sealed with the newest
// key, and opened with the one that they were sealed with. A row is opened only as that of its job and
// its key.
//
// To rotate keys, put the new one first, in all processes. Leave an old one out when no row and no reject
// is sealed with it: when what was loaded with it is done, and its rejects are mended or dropped.
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

// A keyOf is a key with its id, by which the key cannot be found.
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

// A sealer holds its keys in a closure, which nothing prints.
type sealer struct{ keys func() []keyOf }

// Format writes that it is a sealer, for every verb.
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
