//go:build unix

package sqltest

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// TestSeveralRecordsByIndex: PostgreSQL finds the records of a Store by the index, also by a
// plan that it made while the table was empty and goes on to use.
func TestSeveralRecordsByIndex(t *testing.T) {
	t.Parallel()
	d := newPostgres(t)
	l, db := d.ledger(t)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	// The first counts are of other transactions of this connection's.
	read := func() (scans, found int) {
		require.NoError(t, tx.QueryRowContext(t.Context(),
			"SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = $1", d.name()).Scan(&scans, &found))
		return scans, found
	}
	scansBefore, foundBefore := read()
	for revision := range int64(10) {
		var records []provision.Record
		for i := range 100 {
			records = append(records, record("key-"+strconv.Itoa(i), "t", revision))
		}
		require.NoError(t, l.Tx(tx).Store(t.Context(), records...))
	}
	scans, found := read()
	assert.Equal(t, scansBefore, scans, "the whole table was read")
	assert.Greater(t, found, foundBefore)
}

// TestSeveralRecordsOfWhichOneIsMissing: a record that is to follow another one follows
// none, and nothing of the Store is kept.
func TestSeveralRecordsOfWhichOneIsMissing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		l, _ := d.ledger(t)
		require.NoError(t, l.Store(t.Context(), record("a", "t", 0)))
		require.ErrorIs(t, l.Store(t.Context(), record("a", "t", 1), record("b", "t", 1), record("c", "t", 0)), provision.ErrStale)
		for key, want := range map[string]int{"a": 1, "b": 0, "c": 0} {
			records, err := l.Load(t.Context(), key)
			require.NoError(t, err)
			assert.Len(t, records, want)
			for _, r := range records {
				assert.Equal(t, int64(1), r.Revision)
			}
		}
	})
}
