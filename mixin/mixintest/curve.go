package mixintest

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"math/big"
	"slices"
)

// The field of Curve25519 and the constant d of its Edwards form (RFC 7748, RFC 8032).
var (
	one      = big.NewInt(1)
	prime    = new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	edwardsD = quotient(big.NewInt(-121665), big.NewInt(121666))
)

var errPoint = errors.New("not a point of the curve that is good as a public key")

// quotient returns a/b in the field. b must not be 0.
func quotient(a, b *big.Int) *big.Int {
	inverse := new(big.Int).ModInverse(new(big.Int).Mod(b, prime), prime)
	return inverse.Mod(inverse.Mul(inverse, a), prime)
}

// montgomery maps an Ed25519 public key to X25519 by u = (1+y)/(1-y). The key must be a point of
// the curve in canonical form, and not the neutral point. No input is secret, so it need not run in
// constant time.
func montgomery(key ed25519.PublicKey) (*ecdh.PublicKey, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, errPoint
	}
	text := slices.Clone(key)
	odd := text[31] >= 0x80
	text[31] &= 0x7f
	slices.Reverse(text)
	y := new(big.Int).SetBytes(text)
	if y.Cmp(prime) >= 0 || y.Cmp(one) == 0 {
		return nil, errPoint
	}
	yy := new(big.Int).Mul(y, y)
	below := new(big.Int).Add(new(big.Int).Mul(edwardsD, yy), one) // never 0: -1/d is not a square
	xx := quotient(new(big.Int).Sub(yy, one), below)
	if square := big.Jacobi(xx, prime); square < 0 || square == 0 && odd {
		return nil, errPoint
	}
	u := quotient(new(big.Int).Add(one, y), new(big.Int).Sub(one, y)).FillBytes(make([]byte, len(key)))
	slices.Reverse(u)
	return ecdh.X25519().NewPublicKey(u)
}

// scalar returns the X25519 private key of an Ed25519 key.
func scalar(key ed25519.PrivateKey) (*ecdh.PrivateKey, error) {
	sum := sha512.Sum512(key.Seed())
	return ecdh.X25519().NewPrivateKey(sum[:32]) // X25519 clamps it
}

// checkPublicKey refuses bytes that are not a point of the curve. It also refuses the few points
// for which anybody can sign without a key.
func checkPublicKey(key ed25519.PublicKey) error {
	u, err := montgomery(key)
	if err != nil {
		return err
	}
	some, err := scalar(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		return err
	}
	if _, err := some.ECDH(u); err != nil { // a point of low order
		return errPoint
	}
	return nil
}
