package durable_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/durable"
)

func noStep(string) {}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// TestFiles: after Replace or Create there is one complete file, and no temporary file.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, durable.MakeDir(dir))
	require.NoError(t, durable.CheckDir(dir))
	path := filepath.Join(dir, "x.json")
	require.NoError(t, durable.Create(path, []byte("one"), noStep))
	require.ErrorIs(t, durable.Create(path, []byte("two"), noStep), fs.ErrExist)
	assert.Equal(t, "one", text(t, path))
	var steps []string
	require.NoError(t, durable.Replace(path, []byte("three"), func(step string) { steps = append(steps, step) }))
	assert.Equal(t, "three", text(t, path))
	assert.Equal(t, []string{"written", "in place", "durable"}, steps)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// TestMark: only one caller gets the mark, and the mark becomes the file.
func TestMark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, end := filepath.Join(dir, "x.sent"), filepath.Join(dir, "x.json")
	m, err := durable.CreateMark(path)
	require.NoError(t, err)
	_, err = durable.CreateMark(path)
	require.ErrorIs(t, err, fs.ErrExist)
	other, held, err := durable.OpenMark(path)
	require.NoError(t, err)
	assert.Equal(t, locks[runtime.GOOS], held)
	require.NoError(t, m.Reserve(4096, noStep))
	assert.Len(t, text(t, path), 4096)
	require.NoError(t, m.Fill([]byte("whole")))
	assert.Equal(t, "whole", text(t, path))
	m.Close()
	require.NoError(t, other.End(end))
	assert.Equal(t, "whole", text(t, end))
	require.ErrorIs(t, other.Holds(), fs.ErrNotExist)
	require.ErrorIs(t, other.End(""), fs.ErrNotExist)
	other.Close()
}

// locks has the systems on which CI runs and files can be locked.
var locks = map[string]bool{"linux": true, "darwin": true}
