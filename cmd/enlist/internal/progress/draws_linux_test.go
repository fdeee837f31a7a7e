package progress_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/enlist-go/enlist/cmd/enlist/internal/progress"
)

// TestDraws: a file is no place for bars, and nor is a terminal without rows or columns.
func TestDraws(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer f.Close()
	assert.False(t, progress.Draws(f))
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	defer terminal.Close()
	for _, size := range []unix.Winsize{{}, {Row: 24}, {Col: 80}, {Row: 24, Col: 80}} {
		require.NoError(t, unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &size))
		assert.Equal(t, size.Row > 0 && size.Col > 0, progress.Draws(terminal), size)
	}
}
