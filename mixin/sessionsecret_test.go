package mixin

import (
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
			got, err := sessionSecret(key)
			require.NoError(t, err)
			assert.Equal(t, want, got)
			got, err = sessionSecret(opaque(key))
			require.NoError(t, err)
			assert.Equal(t, want, got, "a key of which only the public half is known")
		})
	}
}

// TestSessionSecretOfTheSample re-encodes the public key of the vendor's sample.
func TestSessionSecretOfTheSample(t *testing.T) {
	t.Parallel()
	want := createUserSample(t).SessionSecret
	got, err := sessionSecret(opaqueSigner{public: rsaPublicKey(t, want)})
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestSessionSecretRefusesBadKeys(t *testing.T) {
	t.Parallel()
	for name, tt := range badKeys(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, err := sessionSecret(tt.key)
			require.ErrorContains(t, err, "mixin: session key: ")
			assert.ErrorContains(t, err, tt.says)
			assert.True(t, secret == "", "a secret and an error")
		})
	}
}
