package mixin

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSessionSecret(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for name, want := range map[string]string{
		"ed25519": v.Keys.Ed25519.SessionSecret,
		"rsa1024": v.Keys.RSA1024.SessionSecret,
		"rsa2048": v.Keys.RSA2048.SessionSecret,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := v.key(t, name)
			got, err := SessionSecret(key)
			require.NoError(t, err)
			assert.Equal(t, want, got)
			got, err = SessionSecret(opaque(key))
			require.NoError(t, err)
			assert.Equal(t, want, got, "a key of which only the public half is known")
		})
	}
}

// TestSessionSecretOfTheSample re-encodes the public key of the vendor's sample.
func TestSessionSecretOfTheSample(t *testing.T) {
	t.Parallel()
	want := readVectors(t).VendorSample.PublicKey
	got, err := SessionSecret(opaqueSigner{public: rsaPublicKey(t, want)})
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// TestSessionSecretIsPadded uses a key size whose encoding needs padding; 1024 and 2048 bits do
// not.
func TestSessionSecretIsPadded(t *testing.T) {
	t.Parallel()
	pub := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 3071, 1), E: 65537}
	der, err := x509.MarshalPKIXPublicKey(pub)
	require.NoError(t, err)
	got, err := SessionSecret(opaqueSigner{public: pub})
	require.NoError(t, err)
	assert.Equal(t, base64.StdEncoding.EncodeToString(der), got)
	assert.True(t, strings.HasSuffix(got, "="), "this size needs no padding")
}

func TestSessionSecretRefusesBadKeys(t *testing.T) {
	t.Parallel()
	for name, tt := range badKeys(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, err := SessionSecret(tt.key)
			require.ErrorContains(t, err, "mixin: session key: ")
			assert.ErrorContains(t, err, tt.says)
			assert.True(t, secret == "", "a secret and an error")
		})
	}
}
