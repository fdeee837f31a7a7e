package mixin

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bigOrder returns the order of the curve's base point (RFC 8032, section 5.1).
func bigOrder(t testing.TB) *big.Int {
	t.Helper()
	order, ok := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	require.True(t, ok)
	return order.Add(order, new(big.Int).Lsh(big.NewInt(1), 252))
}

// littleEndian returns the 32 bytes of a number in little endian.
func littleEndian(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// scalarOfSeed returns a new seed, its Ed25519 scalar and their public half, computed by math/big.
func scalarOfSeed(t testing.TB) (seed, scalar []byte, public ed25519.PublicKey) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	digest := sha512.Sum512(key.Seed())
	x := digest[:32]
	x[0] &= 248
	x[31] = x[31]&127 | 64
	slices.Reverse(x)
	return key.Seed(), littleEndian(new(big.Int).Mod(new(big.Int).SetBytes(x), bigOrder(t))), public
}

// TestScalarKeys: a seed's scalar has the seed's public half, and crypto/ed25519 verifies its
// signatures.
func TestScalarKeys(t *testing.T) {
	t.Parallel()
	residues := map[byte]bool{}
	for i := range 64 {
		_, x, public := scalarOfSeed(t)
		if i%2 == 1 { // seeds' scalars have four of the residues, and their negatives the others
			n := slices.Clone(x)
			slices.Reverse(n)
			x = littleEndian(new(big.Int).Sub(bigOrder(t), new(big.Int).SetBytes(n)))
			public[31] ^= signBit
		}
		residues[x[0]&7] = true
		given := slices.Clone(x)
		key, err := NewScalarKey(given)
		require.NoError(t, err)
		clear(given) // the caller can wipe it
		require.True(t, public.Equal(key.Public()), "another public half")
		message := bytes.Repeat([]byte("m"), i)
		first, err := key.Sign(rand.Reader, message, crypto.Hash(0))
		require.NoError(t, err)
		require.True(t, ed25519.Verify(public, message, first))
		require.False(t, ed25519.Verify(public, append(message, 'x'), first))
		second, err := key.Sign(nil, message, nil)
		require.NoError(t, err)
		require.True(t, ed25519.Verify(public, message, second))
		require.False(t, bytes.Equal(first[:32], second[:32]), "a nonce was used twice")
	}
	assert.Len(t, residues, 8, "each residue of 8 takes its own way")
	// RFC 8032, section 5.1: 1 gives the base point with y = 4/5.
	one, err := NewScalarKey(append([]byte{1}, make([]byte, 31)...))
	require.NoError(t, err)
	assert.Equal(t, "58"+string(bytes.Repeat([]byte("66"), 31)), hex.EncodeToString(publicBytes(one)))
	last, err := NewScalarKey(littleEndian(new(big.Int).Sub(bigOrder(t), big.NewInt(1))))
	require.NoError(t, err)
	assert.Equal(t, "58"+string(bytes.Repeat([]byte("66"), 30))+"e6", hex.EncodeToString(publicBytes(last)), "its negative")
	_, err = one.Sign(nil, make([]byte, 64), crypto.SHA512)
	require.ErrorIs(t, err, errScalarOptions)
	_, err = one.Sign(nil, nil, &ed25519.Options{Context: "x"})
	require.ErrorIs(t, err, errScalarOptions, "a signature without the context would not be one with it")
}

func TestScalarArithmetic(t *testing.T) {
	t.Parallel()
	order := bigOrder(t)
	number := func(limbs []uint64) *big.Int {
		n := new(big.Int)
		for _, limb := range slices.Backward(limbs) {
			n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(limb))
		}
		return n
	}
	require.Zero(t, number(curveOrder[:]).Cmp(order))
	for range 200 {
		_, a, _ := scalarOfSeed(t)
		_, b, _ := scalarOfSeed(t)
		x, okX := newFieldScalar(a)
		y, okY := newFieldScalar(b)
		require.True(t, okX && okY)
		require.True(t, bytes.Equal(a, x.bytes()))
		wide := x.times(y)
		want := new(big.Int).Mul(number(x[:]), number(y[:]))
		require.Zero(t, number(wide[:]).Cmp(want))
		r := mod(wide)
		require.Zero(t, number(r[:]).Cmp(want.Mod(want, order)))
	}
	full := [8]uint64{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
	r := mod(full)
	require.Zero(t, number(r[:]).Cmp(new(big.Int).Mod(number(full[:]), order)))
}

func TestScalarKeyFaults(t *testing.T) {
	t.Parallel()
	order := bigOrder(t)
	for name, x := range map[string][]byte{
		"none":         nil,
		"0":            make([]byte, 32),
		"the order":    littleEndian(order),
		"above it":     littleEndian(new(big.Int).Add(order, big.NewInt(1))),
		"all ones":     bytes.Repeat([]byte{0xff}, 32),
		"31 bytes":     bytes.Repeat([]byte{1}, 31),
		"64 bytes":     bytes.Repeat([]byte{1}, 64),
		"out of range": append([]byte{8}, make([]byte, 31)...), // 8L-8 is above 2^255
	} {
		key, err := NewScalarKey(x)
		require.True(t, key == nil, name)
		require.EqualError(t, err, "mixin: scalar key: "+errScalar.Error(), name)
	}
}

// TestNothingShowsAScalar prints a key in every form.
func TestNothingShowsAScalar(t *testing.T) {
	t.Parallel()
	_, x, _ := scalarOfSeed(t)
	key, err := NewScalarKey(x)
	require.NoError(t, err)
	secrets := keyForms(t, ed25519.PrivateKey(slices.Concat(x, x)))
	for _, value := range []any{
		key, []any{key}, struct{ K crypto.Signer }{key}, struct{ k crypto.Signer }{key}, TIPPIN(key), Keystore{PrivateKey: key},
		map[string]crypto.Signer{"k": key},
	} {
		requireNoLeak(t, value, secrets)
	}
	assert.Equal(t, "{}", printed(t, key)["JSON"])
	assert.Equal(t, "mixin.scalarKey{}", printed(t, key)["%+v"])
}
