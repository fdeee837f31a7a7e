//go:build unix

package sqltest

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
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

// TestManyKeysByIndex: PostgreSQL finds many keys by the index likewise.
func TestManyKeysByIndex(t *testing.T) {
	t.Parallel()
	d := newPostgres(t)
	d.conns = 1
	l, db := d.ledger(t)
	var keys []string
	for i := range 100 {
		keys = append(keys, "key-"+strconv.Itoa(i))
	}
	load := func(want int) {
		records, err := l.LoadMany(t.Context(), keys)
		require.NoError(t, err)
		require.Len(t, records, want)
	}
	for range 10 {
		load(0)
	}
	for i := range 20 {
		var records []provision.Record
		for j := range 500 {
			records = append(records, record("key-"+strconv.Itoa(i*500+j), "t", 0))
		}
		require.NoError(t, l.Store(t.Context(), records...))
	}
	must(t, db, "SELECT pg_stat_force_next_flush()")
	scans := func() (n int) {
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = $1", d.name()).Scan(&n))
		return n
	}
	before := scans()
	for range 10 {
		load(100)
	}
	must(t, db, "SELECT pg_stat_force_next_flush()")
	assert.Equal(t, before, scans(), "the whole table was read")
}

// TestCount counts the records of the keys that begin with a prefix.
func TestCount(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		l, _ := d.ledger(t)
		done := record("spring/1", "a", 0)
		done.State = provision.StateCreated
		unknown := record("spring/2", "b", 0)
		unknown.State = provision.StateUnknown
		require.NoError(t, l.Store(t.Context(), done, record("spring/1", "b", 0), unknown, record("spring/é", "b", 0), record("spring0", "b", 0), record("sprin", "b", 0)))
		counts, err := l.Count(t.Context(), "spring/")
		require.NoError(t, err)
		assert.Equal(t, []sqlledger.Count{
			{Target: "a", State: provision.StateCreated, Records: 1}, {Target: "b", State: provision.StateQueued, Open: true, Records: 2}, {Target: "b", State: provision.StateUnknown, Open: true, Records: 1},
		}, counts)
		counts, err = l.Count(t.Context(), "")
		require.NoError(t, err)
		assert.EqualValues(t, 4, counts[1].Records)
	})
}
