package mixin

import (
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
)

// The errors of this file say what was expected and never what was given.
var (
	errEdwards    = errors.New("expected an Ed25519 public key: 32 bytes that encode a point of the curve")
	errMontgomery = errors.New("expected an X25519 public key: 32 bytes that encode a point of the curve")
)

// The field of curve25519 and the constant of its Edwards form (RFC 7748, section 4.1; RFC
// 8032, section 5.1). They are never written. The arithmetic below takes a time that depends
// on its values, which are public keys.
var (
	fieldP   = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	fieldOne = big.NewInt(1)
	edwardsD = divide(big.NewInt(-121665), big.NewInt(121666))
)

// divide returns a/b in the field, nil if b is 0 there.
func divide(a, b *big.Int) *big.Int {
	inverse := new(big.Int).ModInverse(new(big.Int).Mod(b, fieldP), fieldP)
	if inverse == nil {
		return nil
	}
	return inverse.Mul(inverse, a).Mod(inverse, fieldP)
}

// fieldElement reads 32 bytes, low end first; false for a number that is not reduced.
func fieldElement(b []byte) (*big.Int, bool) {
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	v := new(big.Int).SetBytes(reversed)
	return v, v.Cmp(fieldP) < 0
}

func fieldBytes(v *big.Int) []byte {
	b := v.FillBytes(make([]byte, ed25519.PublicKeySize))
	slices.Reverse(b)
	return b
}

// isEdwardsY reports whether the curve has a point with this y: whether
// (y²-1)/(dy²+1), which is x², is a square.
func isEdwardsY(y *big.Int) bool {
	square := new(big.Int).Mul(y, y)
	above := new(big.Int).Sub(square, fieldOne)
	below := square.Mul(square, edwardsD).Add(square, fieldOne)
	quotient := divide(above, below)
	return quotient != nil && big.Jacobi(quotient, fieldP) >= 0
}

// montgomeryOf turns an Ed25519 public key into the X25519 public key of the same
// point: u = (1+y)/(1-y). X25519 takes any 32 bytes, and gives a useless key for bytes that are
// not a point. Those are refused here.
func montgomeryOf(edwards []byte) ([]byte, error) {
	if len(edwards) != ed25519.PublicKeySize {
		return nil, errEdwards
	}
	encoded := slices.Clone(edwards)
	sign := encoded[31] >> 7
	encoded[31] &= 0x7f
	y, ok := fieldElement(encoded)
	if !ok || !isEdwardsY(y) {
		return nil, errEdwards
	}
	u := divide(new(big.Int).Add(fieldOne, y), new(big.Int).Sub(fieldOne, y))
	if u == nil || sign == 1 && u.Sign() == 0 { // x is 0: there is no -x
		return nil, errEdwards
	}
	return fieldBytes(u), nil
}

// edwardsOf is the way back: y = (u-1)/(u+1). u does not hold the sign of x: the key that is
// returned has the sign 0.
func edwardsOf(montgomery []byte) ([]byte, error) {
	if len(montgomery) != ed25519.PublicKeySize {
		return nil, errMontgomery
	}
	u, ok := fieldElement(montgomery)
	if !ok {
		return nil, errMontgomery
	}
	y := divide(new(big.Int).Sub(u, fieldOne), new(big.Int).Add(u, fieldOne))
	if y == nil || !isEdwardsY(y) {
		return nil, errMontgomery
	}
	return fieldBytes(y), nil
}
