//go:build unix

package sqltest

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/pgserver"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// TestKilledServer kills PostgreSQL, with every process it has, in the middle of Stores,
// starts it again, and looks for what was acknowledged.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	s, err := pgserver.Start()
	require.NoError(t, err)
	t.Cleanup(s.End)
	d := database{dialect: sqlledger.PostgreSQL, driver: "pgx", dsn: s.DSN()}
	l, _ := d.ledger(t)

	const rounds, writers = 5, 8
	var acknowledged [writers]int64
	for range rounds {
		var all sync.WaitGroup
		acks := make(chan struct{}, 1<<16)
		for i := range writers {
			all.Go(func() {
				key := strconv.Itoa(i)
				for {
					revision := acknowledged[i]
					if err := l.Store(t.Context(), record(key, "a", revision), record(key, "b", revision)); err != nil {
						assert.NotErrorIs(t, err, provision.ErrStale)
						return
					}
					acknowledged[i]++
					acks <- struct{}{}
				}
			})
		}
		go func() {
			all.Wait()
			close(acks)
		}()
		for range 20 + rand.IntN(400) {
			_, ok := <-acks
			require.True(t, ok, "every writer failed before the server was killed")
		}
		require.NoError(t, s.Kill())
		all.Wait()
		require.NoError(t, s.Again())

		// A pool may still hold connections that are lost.
		l, _ = d.ledger(t)
		for i := range writers {
			records, err := l.Load(t.Context(), strconv.Itoa(i))
			require.NoError(t, err)
			if acknowledged[i] == 0 && len(records) == 0 {
				continue
			}
			require.Len(t, records, 2)
			assert.Equal(t, records[0].Revision, records[1].Revision, "half a Store is there")
			// The Store that failed may have been carried out; none before it may be missing.
			assert.GreaterOrEqual(t, records[0].Revision, acknowledged[i], "what was acknowledged is gone")
			assert.LessOrEqual(t, records[0].Revision, acknowledged[i]+1)
			acknowledged[i] = records[0].Revision
		}
	}
}
