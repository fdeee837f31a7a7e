package mixintest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMontgomeryKey holds the derivation against a key that several of Mixin's
// clients and OpenSSL agree on.
func TestMontgomeryKey(t *testing.T) {
	t.Parallel()
	seed, err := hex.DecodeString("209276c2f44555d257cdece788b9e06c8df37a96714cca1a0974c90b05afeca1")
	require.NoError(t, err)
	key := ed25519.NewKeyFromSeed(seed)
	assert.Equal(t, "18e3ed727eef0d9d83f5139e5dce7d71bd4cbefc4acfdb94da283fff83c1ba50", hex.EncodeToString(key[ed25519.SeedSize:]))
	got, err := montgomeryKey(key)
	require.NoError(t, err)
	assert.Equal(t, "TMTHk/ENQhgFsInM9fYIqjQtLLFjYfVZc/pUgSdM2Q4=", base64.StdEncoding.EncodeToString(got))
}

// TestDigest is of the vendor's own sample.
func TestDigest(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(filepath.Join("..", "testdata", "create_user_request.json"))
	require.NoError(t, err)
	assert.Equal(t, "127aea9e72fa02bea407adcba043b32c4a4a7e64b30547720de297b164e91ea2", digest("POST", "/users", body))
}
