package fileledger

import (
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// TestCompeting: of many that store the same revision one wins, while others load
// and compact.
func TestCompeting(t *testing.T) {
	t.Parallel()
	const writers, rounds = 64, 25
	path := filepath.Join(t.TempDir(), ledgerName)
	f := openReal(t, path, CompactAbove(20_000))
	names := []string{"a", "b", "c"}
	var wins [3]atomic.Int64
	var stale atomic.Int64
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range rounds {
				n := (w + i) % len(names)
				var next provision.Record
				for _, r := range loadAll(t, f, "k") {
					if r.Target == names[n] {
						next = r
					}
				}
				next.Key, next.Target, next.State = "k", names[n], provision.StateInFlight
				err := f.Store(t.Context(), next)
				if err == nil {
					wins[n].Add(1)
				} else if assert.ErrorIs(t, err, provision.ErrStale) {
					stale.Add(1)
				}
				// Nobody takes a revision back, and who lost can see against whom.
				now := loadAll(t, f, "k")
				i := slices.IndexFunc(now, func(r provision.Record) bool { return r.Target == names[n] })
				if assert.GreaterOrEqual(t, i, 0) {
					assert.Greater(t, now[i].Revision, next.Revision)
				}
			}
		})
	}
	group.Wait()
	assert.Positive(t, stale.Load())
	assert.Equal(t, int64(writers*rounds), stale.Load()+wins[0].Load()+wins[1].Load()+wins[2].Load())
	check := func(f *Ledger) {
		t.Helper()
		records := loadAll(t, f, "k")
		require.Len(t, records, len(names))
		for i, r := range records {
			assert.Equal(t, wins[i].Load(), r.Revision, "each win is one revision")
		}
	}
	check(f)
	require.NoError(t, f.Close())
	check(openReal(t, path))
}
