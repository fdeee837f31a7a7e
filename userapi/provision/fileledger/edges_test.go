package fileledger

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// TestStoreFails: the Store itself, and not only its batch, tells of a write that
// failed.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"write", "sync"} {
		d := newMemDisk()
		f := openMem(t, d)
		d.failAt(op, 0, errFull)
		require.ErrorIs(t, f.Store(t.Context(), at("k", "a", 0)), errFull, op)
		assert.Empty(t, loadAll(t, f, "k"))
	}
}

// TestQueuedBehindAFailure: a batch that was queued while the file failed is not
// written behind what nobody knows of.
func TestQueuedBehindAFailure(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	f := openMem(t, d)
	next, err := provision.NextRevisions([]provision.Record{at("k", "a", 0)})
	require.NoError(t, err)
	payload, err := encodeSet(next)
	require.NoError(t, err)
	b, leads, err := f.enqueue(t.Context(), next, payload)
	require.NoError(t, err)
	require.True(t, leads)
	f.write.Lock()
	_ = f.poison(errFull)
	f.write.Unlock()
	before := d.content(ledgerName)
	f.commit(b)
	<-b.done
	require.ErrorIs(t, b.err, errFull)
	assert.Equal(t, before, d.content(ledgerName))
	assert.Empty(t, loadAll(t, f, "k"))
}

// TestCountsWhatIsLive: a compacted file has nothing to compact, whatever the
// revisions of its records are.
func TestCountsWhatIsLive(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	f := openMem(t, d)
	for revision := range int64(3) {
		require.NoError(t, f.Store(t.Context(), at("k", "a", revision)))
	}
	require.NoError(t, f.Compact(t.Context()))
	require.NoError(t, f.Close())
	f = openMem(t, d)
	assert.Equal(t, int64(1), f.total)
	assert.Equal(t, int64(1), f.live)
}
