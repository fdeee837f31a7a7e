package mixin

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"slices"

	"github.com/enlist-go/enlist/internal/provider"
)

var (
	errScalar        = errors.New("expected a scalar of 32 bytes, low end first, that is not 0 and below the order of the curve")
	errScalarOptions = errors.New("mixin: scalar key: expected a message that is not hashed, and no context: pass crypto.Hash(0)")
	errScalarSign    = errors.New("mixin: scalar key: no signature could be made")
)

// NewScalarKey returns an Ed25519 key whose private half is a scalar of the curve, and
// not a seed: 32 bytes, low end first. Users that fox-one/mixin-sdk-go has set up have
// such TIP and spend keys; Mixin's bot-api-go-client signs with them under
// IsSpendPrivateSum. The key is a crypto.Signer and makes Ed25519 signatures, in a time
// that does not depend on the scalar. Printed, logged or encoded it does not show the
// scalar. The caller may wipe the scalar afterwards. The error says what was expected.
func NewScalarKey(scalar []byte) (crypto.Signer, error) {
	x, ok := newFieldScalar(scalar)
	if !ok {
		return nil, fmt.Errorf("mixin: scalar key: %w", errScalar)
	}
	key, err := newScalarKey(x)
	if err != nil {
		return nil, fmt.Errorf("mixin: scalar key: %w", err)
	}
	return key, nil
}

// A scalarKey signs with a scalar, which stands in a closure where no formatting can reach it.
type scalarKey struct {
	public ed25519.PublicKey
	sign   func(message []byte) ([]byte, error)
}

func newScalarKey(x fieldScalar) (*scalarKey, error) {
	public, err := x.point()
	if err != nil {
		return nil, err
	}
	k := &scalarKey{public: public}
	k.sign = func(message []byte) ([]byte, error) { return x.sign(k.public, message) }
	// The point's x coordinate has a sign, which point does not know. One of them verifies.
	for _, sign := range signs {
		k.public[len(k.public)-1] = k.public[len(k.public)-1]&^signBit | sign
		if _, err = k.sign(nil); err == nil {
			return k, nil
		}
	}
	return nil, err
}

// Public returns the public half, an ed25519.PublicKey.
func (k *scalarKey) Public() crypto.PublicKey { return slices.Clone(k.public) }

// Sign signs a message as Ed25519 does.
func (k *scalarKey) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if o, ok := opts.(*ed25519.Options); opts != nil && opts.HashFunc() != 0 || ok && o.Context != "" {
		return nil, errScalarOptions
	}
	return k.sign(message)
}

// Equal reports whether another key is of the same public half.
func (k *scalarKey) Equal(other crypto.PrivateKey) bool {
	o, ok := other.(*scalarKey)
	return ok && k.public.Equal(o.public)
}

// Format shows only the type.
func (k *scalarKey) Format(f fmt.State, verb rune) { provider.TypeOnly(*k).Format(f, verb) }

// LogValue is like Format.
func (k *scalarKey) LogValue() slog.Value { return provider.TypeOnly(*k).LogValue() }

// MarshalJSON shows nothing.
func (k *scalarKey) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

// signBit is that of the x coordinate in the last byte of an encoded point.
const signBit = 0x80

var signs = [...]byte{0, signBit}

// A fieldScalar is a number below the order of the curve's base point, in limbs, low end first. Its
// arithmetic takes a time that does not depend on its value.
type fieldScalar [4]uint64

// curveOrder is L of RFC 8032, section 5.1: 2^252 and 125 bits.
var curveOrder = fieldScalar{0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 1 << 60}

// newFieldScalar reads a scalar. It is false for 0 and what is not below the order.
func newFieldScalar(b []byte) (x fieldScalar, ok bool) {
	if len(b) != ed25519.SeedSize {
		return x, false
	}
	for i := range x {
		x[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	_, borrow := x.minus(curveOrder)
	return x, x[0]|x[1]|x[2]|x[3] != 0 && borrow == 1
}

func (x fieldScalar) bytes() []byte {
	b := make([]byte, 0, ed25519.SeedSize)
	for _, limb := range x {
		b = binary.LittleEndian.AppendUint64(b, limb)
	}
	return b
}

func (x fieldScalar) minus(y fieldScalar) (d fieldScalar, borrow uint64) {
	for i := range x {
		d[i], borrow = bits.Sub64(x[i], y[i], borrow)
	}
	return d, borrow
}

func (x fieldScalar) plus(y fieldScalar) (sum fieldScalar) {
	var carry uint64
	for i := range x {
		sum[i], carry = bits.Add64(x[i], y[i], carry)
	}
	return sum
}

// choose returns x where bit is 1, and y where it is 0.
func choose(bit uint64, x, y fieldScalar) (z fieldScalar) {
	for i := range z {
		z[i] = y[i] ^ (-bit & (x[i] ^ y[i]))
	}
	return z
}

// mod returns a number of 512 bits modulo the order.
func mod(wide [8]uint64) (r fieldScalar) {
	for i := 64*len(wide) - 1; i >= 0; i-- {
		r = r.plus(r) // below 2^254
		r[0] |= wide[i/64] >> (i % 64) & 1
		less, borrow := r.minus(curveOrder)
		r = choose(borrow, r, less)
	}
	return r
}

// times returns the product of two numbers of 256 bits.
func (x fieldScalar) times(y fieldScalar) (wide [8]uint64) {
	for i := range x {
		var carry uint64
		for j := range y {
			hi, lo := bits.Mul64(x[i], y[j])
			var c uint64
			lo, c = bits.Add64(lo, wide[i+j], 0)
			hi += c
			wide[i+j], c = bits.Add64(lo, carry, 0)
			carry = hi + c
		}
		wide[i+len(y)] = carry
	}
	return wide
}

// orderTimes returns a small multiple of the order.
func orderTimes(n uint64) fieldScalar {
	wide := curveOrder.times(fieldScalar{n})
	return fieldScalar(wide[:len(curveOrder)])
}

// hashed returns the SHA-512 of parts modulo the order.
func hashed(parts ...[]byte) fieldScalar {
	digest := sha512.Sum512(slices.Concat(parts...))
	var wide [8]uint64
	for i := range wide {
		wide[i] = binary.LittleEndian.Uint64(digest[8*i:])
	}
	return mod(wide)
}

// point returns x times the base point, encoded with the sign 0: which of the two points with that
// y it is remains open. The multiplication is that of crypto/ecdh. X25519 multiplies with numbers
// alone that are multiples of 8 from 2^254 to 2^255. So x is replaced by another number that gives
// the same point, or its negative: x+jL or (8-j)L-x. The j from 0 to 7 that makes both a multiple of
// 8 is 3x, as L is 5 modulo 8. One of the two is in the range, but for one x in 2^124.
func (x fieldScalar) point() (ed25519.PublicKey, error) {
	j := 3 * x[0] & 7
	same := x.plus(orderTimes(j))
	negative, _ := orderTimes(8 - j).minus(x)
	k := choose(j>>2, same, negative)
	if k[0]&7 != 0 || k[3]>>62 != 1 {
		return nil, errScalar
	}
	key, err := ecdh.X25519().NewPrivateKey(k.bytes())
	if err != nil {
		return nil, err
	}
	return edwardsOf(key.PublicKey().Bytes())
}

// nonceDomain keeps the nonces apart from any other hash of the scalar.
const nonceDomain = "enlist mixin scalar nonce\x00"

// sign signs as RFC 8032, section 5.1.6, does, with a nonce of its own from the scalar, fresh random
// bytes and the message. The sign of the nonce's point is tried: at most one signature verifies, and
// no other leaves this function.
func (x fieldScalar) sign(public ed25519.PublicKey, message []byte) ([]byte, error) {
	var fresh [32]byte
	_, _ = rand.Read(fresh[:]) // never fails: crypto/rand
	nonce := hashed([]byte(nonceDomain), x.bytes(), fresh[:], message)
	commitment, err := nonce.point()
	if err != nil {
		return nil, err
	}
	for _, sign := range signs {
		r := slices.Clone(commitment)
		r[len(r)-1] |= sign
		product := mod(hashed(r, public, message).times(x))
		s, borrow := product.plus(nonce).minus(curveOrder)
		s = choose(borrow, product.plus(nonce), s)
		if signature := slices.Concat(r, s.bytes()); ed25519.Verify(public, message, signature) {
			return signature, nil
		}
	}
	return nil, errScalarSign
}
