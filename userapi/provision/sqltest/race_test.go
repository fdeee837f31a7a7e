//go:build unix

package sqltest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// TestTwoPools has two pools of connections, as two processes have them, count by
// revisions together. Each Store names the records in an order of its own.
func TestTwoPools(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		one, _ := d.ledger(t)
		two, _ := d.ledger(t)
		const each, writers = 10, 4
		var all sync.WaitGroup
		errs := make(chan error, 2*writers)
		for i := range 2 * writers {
			l := []*sqlledger.Ledger{one, two}[i%2]
			all.Go(func() { errs <- count(t, l, each, i) })
		}
		all.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		records, err := two.Load(t.Context(), "key")
		require.NoError(t, err)
		require.Len(t, records, 3)
		for _, r := range records {
			assert.EqualValues(t, 2*writers*each, r.Revision)
		}
	})
}

// count stores three records together until n Stores have succeeded.
func count(t *testing.T, l provision.Ledger, n, turn int) error {
	for won := 0; won < n; {
		records, err := l.Load(t.Context(), "key")
		if err != nil {
			return err
		}
		if len(records) == 0 {
			records = []provision.Record{record("key", "a", 0), record("key", "b", 0), record("key", "c", 0)}
		}
		for range turn % 3 {
			records = append(records[1:], records[0])
		}
		if turn%2 == 1 {
			slices.Reverse(records)
		}
		switch err := l.Store(t.Context(), records...); {
		case err == nil:
			won++
		case !errors.Is(err, provision.ErrStale):
			return err
		}
	}
	return nil
}

// TestManyTransactionsInOppositeOrder has Stores of many records that overlap.
func TestManyTransactionsInOppositeOrder(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		l, _ := d.ledger(t)
		const stores, size = 16, 20
		errs := make(chan error, stores)
		for i := range stores {
			var records []provision.Record
			for n := range size {
				records = append(records, record(fmt.Sprintf("%03d", i+n), "a", 0))
			}
			if i%2 == 1 {
				slices.Reverse(records)
			}
			go func() { errs <- l.Store(t.Context(), records...) }()
		}
		won := 0
		for range stores {
			if err := <-errs; err == nil {
				won++
			} else {
				require.ErrorIs(t, err, provision.ErrStale)
			}
		}
		// Each overlaps with its neighbours, so one at least and not all have won.
		assert.NotZero(t, won)
		keys, err := l.ListOpen(t.Context(), "", 100)
		require.NoError(t, err)
		assert.Len(t, keys, won*size, "what lost has left nothing")
	})
}

// TestSQLiteWithoutPatience has another connection write, and no busy_timeout: the Store
// fails at once, and says so by the driver's own error.
func TestSQLiteWithoutPatience(t *testing.T) {
	t.Parallel()
	d := newSQLite(t, "WAL")
	l, _ := d.ledger(t)
	hasty := d
	hasty.dsn = sqliteDSN(sqlitePath(t, d), "busy_timeout(0)")
	h, _ := hasty.ledger(t)

	db := d.open(t)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, l.Tx(tx).Store(t.Context(), record("key", "a", 0)))
	err = h.Store(t.Context(), record("key", "b", 0))
	var busy *sqlite.Error
	require.ErrorAs(t, err, &busy)
	require.NotErrorIs(t, err, provision.ErrStale)
	require.NoError(t, tx.Commit())
	require.NoError(t, h.Store(t.Context(), record("key", "b", 0)), "the connection that failed is of use again")
	records, err := h.Load(t.Context(), "key")
	require.NoError(t, err)
	assert.Len(t, records, 2)
}

func sqlitePath(t *testing.T, d database) string {
	t.Helper()
	db := d.open(t)
	var seq int
	var name, file string
	require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA database_list").Scan(&seq, &name, &file))
	return file
}
