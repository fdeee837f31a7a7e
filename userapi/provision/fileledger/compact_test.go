package fileledger

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// rewrites stores a record again, n times.
func rewrites(t testing.TB, f *Ledger, n int) {
	t.Helper()
	r := small("k", "a")
	if held := loadAll(t, f, "k"); len(held) > 0 {
		r = held[0]
	}
	for range n {
		require.NoError(t, f.Store(t.Context(), r))
		r.Revision++
	}
}

func TestCompactsByItself(t *testing.T) {
	t.Parallel()
	const above = 5000
	f := openMem(t, newMemDisk(), CompactAbove(above))
	for range 1000 {
		rewrites(t, f, 1)
		require.Less(t, f.log.end, int64(above+1000))
	}
	assert.Equal(t, int64(1000), loadAll(t, f, "k")[0].Revision)

	// What is live is more than what is dead.
	for i := range 300 {
		require.NoError(t, f.Store(t.Context(), small("l", fmt.Sprint(i))))
	}
	compacted := f.log.whole
	rewrites(t, f, 200)
	assert.Equal(t, compacted, f.log.whole)
	rewrites(t, f, 200)
	assert.NotEqual(t, compacted, f.log.whole)
	assert.Len(t, loadAll(t, f, "l"), 300)
}

func TestCompactsOnOpening(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	f := openMem(t, d, CompactAbove(-1))
	rewrites(t, f, 200)
	require.NoError(t, f.Close())
	long := len(d.content(ledgerName))
	f = openMem(t, d)
	require.NoError(t, f.Close())
	assert.Len(t, d.content(ledgerName), long, "below what is usual")
	f = openMem(t, d, CompactAbove(1000))
	assert.Less(t, len(d.content(ledgerName)), long/10)
	assert.Equal(t, int64(200), loadAll(t, f, "k")[0].Revision)
	rewrites(t, f, 1)
	require.NoError(t, f.Close())
	assert.Equal(t, int64(201), loadAll(t, openMem(t, d), "k")[0].Revision)
}

// TestCompactMany: there are several frames, and the last may be of any length. The file has
// nothing to compact then, whatever the revisions of its records are.
func TestCompactMany(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, liveFrame - 1, liveFrame, liveFrame + 1, 3*liveFrame + 5} {
		d := newMemDisk()
		f := openMem(t, d)
		var many []provision.Record
		for i := range n {
			many = append(many, small("k", fmt.Sprintf("%04d", i)))
		}
		require.NoError(t, f.Store(t.Context(), many...))
		require.NoError(t, f.Compact(t.Context()))
		require.NoError(t, f.Store(t.Context(), at("l", "a", 0)))
		require.NoError(t, f.Store(t.Context(), at("l", "a", 1)))
		require.NoError(t, f.Compact(t.Context()))
		require.NoError(t, f.Close())
		f = openMem(t, d)
		assert.Len(t, loadAll(t, f, "k"), n)
		assert.Len(t, loadAll(t, f, "l"), 1)
		assert.Equal(t, f.total, f.live)
		assert.Equal(t, int64(n+1), f.live)
	}
}

// TestScratchLeft: what a compaction that was cut off has left is removed.
func TestScratchLeft(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledgerName)
	f := openReal(t, path)
	rewrites(t, f, 3)
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(path+".compact", []byte("half"), 0o600))
	f = openReal(t, path)
	assert.NoFileExists(t, path+".compact")
	assert.Equal(t, int64(3), loadAll(t, f, "k")[0].Revision)
	require.NoError(t, f.Compact(t.Context()))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	assert.NoFileExists(t, path+".compact")
}
