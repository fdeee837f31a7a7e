//go:build unix

package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/durable"
)

// TestMarkOfAnother: another file at the mark's path is kept. An open file can be moved only on
// Unix.
func TestMarkOfAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.sent")
	m, err := durable.CreateMark(path)
	require.NoError(t, err)
	defer m.Close()
	require.NoError(t, os.Rename(path, path+".away"))
	another, err := durable.CreateMark(path)
	require.NoError(t, err)
	defer another.Close()
	require.ErrorIs(t, m.End(""), durable.ErrGone)
	assert.FileExists(t, path, "it is another caller's")
	require.NoError(t, another.End(""))
	assert.NoFileExists(t, path)
	require.ErrorIs(t, (*durable.Mark)(nil).Holds(), durable.ErrGone)
}
