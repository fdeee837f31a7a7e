//go:build unix

package ledger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
)

// TestKeyRefused: a key that others can read, that is too short, or is gone while its ledger is
// there, is refused, and not shown.
func TestKeyRefused(t *testing.T) {
	t.Parallel()
	planted := strings.Repeat("pLanTed", 6)
	p := ledger.Place{Dir: t.TempDir(), Job: "spring"}
	write := func(text string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(p.KeyFile(), []byte(text), mode))
		require.NoError(t, os.Chmod(p.KeyFile(), mode))
	}
	refused := func(says string) {
		t.Helper()
		text := fails(t, p)
		assert.Contains(t, text, says)
		assert.NotContains(t, text, "pLanTed")
	}
	write(planted, 0o640)
	refused("has mode 0640, but only its owner may have access: chmod 600 it")
	write("pLanTed", 0o600)
	refused("must have 32 to 4096 characters")
	require.NoError(t, os.Remove(p.KeyFile()))
	require.NoError(t, os.Mkdir(p.KeyFile(), 0o700))
	refused("the file must be a regular one")
	require.NoError(t, os.Remove(p.KeyFile()))
	_, err := os.Stat(filepath.Join(p.Dir, "spring.db"))
	require.ErrorIs(t, err, os.ErrNotExist, "no ledger without its key")

	write(planted+"\n", 0o600)
	l, made := open(t, p)
	assert.Empty(t, made)
	assert.True(t, l.Key.Reveal() == planted)
	require.NoError(t, l.Close())
	require.NoError(t, os.Remove(p.KeyFile()))
	refused("spring.key does not exist, but ")
}
