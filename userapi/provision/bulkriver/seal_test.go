package bulkriver_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

const (
	oldKey = userapi.Secret("old-key-old-key-old-key-old-key-")
	newKey = userapi.Secret("new-key-new-key-new-key-new-key-")
)

// TestKeysRotate: rows are sealed with the newest key, and opened with any of the keys.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	before, err := bulkriver.Keys(oldKey)
	require.NoError(t, err)
	during, err := bulkriver.Keys(newKey, oldKey)
	require.NoError(t, err)
	after, err := bulkriver.Keys(newKey)
	require.NoError(t, err)

	row, about := []byte("planted row"), []byte("spring/7")
	old, err := before.Seal(t.Context(), row, about)
	require.NoError(t, err)
	opened, err := during.Open(t.Context(), old, about)
	require.NoError(t, err)
	assert.Equal(t, row, opened)
	_, err = after.Open(t.Context(), old, about)
	require.ErrorIs(t, err, bulkriver.ErrSealed)

	sealed, err := during.Seal(t.Context(), row, about)
	require.NoError(t, err)
	_, err = after.Open(t.Context(), sealed, about)
	require.NoError(t, err)
	_, err = before.Open(t.Context(), sealed, about)
	require.ErrorIs(t, err, bulkriver.ErrSealed)
}

// TestSealedRow: a sealed row shows no data, and sealing it again gives another text. A changed
// text, or another row's, does not open.
func TestSealedRow(t *testing.T) {
	t.Parallel()
	s, err := bulkriver.Keys(newKey)
	require.NoError(t, err)
	row, about := []byte("planted row"), []byte("spring/7")
	sealed, err := s.Seal(t.Context(), row, about)
	require.NoError(t, err)
	again, err := s.Seal(t.Context(), row, about)
	require.NoError(t, err)
	assert.NotEqual(t, sealed, again)
	assert.False(t, bytes.Contains(sealed, []byte("planted")))

	_, err = s.Open(t.Context(), sealed, []byte("spring/8"))
	require.ErrorIs(t, err, bulkriver.ErrSealed)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := s.Open(t.Context(), changed, about)
		require.ErrorIs(t, err, bulkriver.ErrSealed, "byte %d", i)
	}
	for i := range sealed {
		_, err := s.Open(t.Context(), sealed[:i], about)
		require.ErrorIs(t, err, bulkriver.ErrSealed, "the first %d bytes", i)
	}
}

// TestKeysOfWrongSize: one error lists every key with a wrong size, and shows none.
func TestKeysOfWrongSize(t *testing.T) {
	t.Parallel()
	_, err := bulkriver.Keys("planted-short", newKey, newKey+"planted")
	require.ErrorContains(t, err, "key 1 of Keys has 13 bytes: 32 are expected")
	require.ErrorContains(t, err, "key 3 of Keys has 39 bytes")
	assert.NotContains(t, err.Error(), "planted")
	s, err := bulkriver.Keys(newKey)
	require.NoError(t, err)
	assert.Equal(t, "sealer sealer", fmt.Sprintf("%v %+v", s, s))
}
