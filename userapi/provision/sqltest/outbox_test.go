//go:build unix

package sqltest

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// An application keeps people in a table of its own, beside the ledger.
type application struct {
	database
	*sqlledger.Ledger

	db *sql.DB
}

func newApplication(t *testing.T, d database) application {
	t.Helper()
	l, db := d.ledger(t)
	must(t, db, "CREATE TABLE "+d.people()+" (name TEXT NOT NULL)")
	t.Cleanup(func() { _, _ = db.Exec("DROP TABLE " + d.people()) })
	return application{d, l, db}
}

func (d database) people() string { return d.name() + "_people" }

func (a application) begin(t *testing.T, opts *sql.TxOptions) *sql.Tx {
	t.Helper()
	tx, err := a.db.BeginTx(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func (a application) add(t *testing.T, tx *sql.Tx, name string) {
	t.Helper()
	must(t, tx, "INSERT INTO "+a.people()+" (name) VALUES ('"+name+"')")
}

// has checks which people there are, and which keys the ledger has open.
func (a application) has(t *testing.T, people, keys []string) {
	t.Helper()
	rows, err := a.db.QueryContext(t.Context(), "SELECT name FROM "+a.people()+" ORDER BY name")
	require.NoError(t, err)
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	assert.Equal(t, people, names)
	open, err := a.ListOpen(t.Context(), "", 100)
	require.NoError(t, err)
	assert.Equal(t, keys, open)
}

func TestOutboxCommits(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		a := newApplication(t, d)
		tx := a.begin(t, nil)
		outbox := a.Tx(tx)
		require.NoError(t, outbox.Store(t.Context()))
		require.NoError(t, outbox.Store(t.Context(), record("key", "a", 0), record("key", "b", 0)))
		a.add(t, tx, "ann")
		// What the transaction has stored is current in it.
		require.ErrorIs(t, outbox.Store(t.Context(), record("key", "a", 0)), provision.ErrStale)
		require.NoError(t, outbox.Store(t.Context(), record("key", "a", 1)))
		a.has(t, nil, nil)
		require.NoError(t, tx.Commit())
		a.has(t, []string{"ann"}, []string{"key"})
		records, err := a.Load(t.Context(), "key")
		require.NoError(t, err)
		assert.Equal(t, []provision.Record{record("key", "a", 2), record("key", "b", 1)}, records)
	})
}

func TestOutboxRollsBack(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		a := newApplication(t, d)
		require.NoError(t, a.Store(t.Context(), record("kept", "a", 0)))
		tx := a.begin(t, nil)
		require.NoError(t, a.Tx(tx).Store(t.Context(), record("kept", "a", 1), record("key", "a", 0)))
		a.add(t, tx, "ann")
		require.NoError(t, tx.Rollback())
		a.has(t, nil, []string{"kept"})
		require.NoError(t, a.Store(t.Context(), record("kept", "a", 1)), "nothing of it is left")
	})
}

func TestOutboxStoresNothingBesideAStaleRecord(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		a := newApplication(t, d)
		require.NoError(t, a.Store(t.Context(), record("held", "m", 0)))
		tx := a.begin(t, nil)
		outbox := a.Tx(tx)
		a.add(t, tx, "before")
		require.NoError(t, outbox.Store(t.Context(), record("good", "a", 0)))
		err := outbox.Store(t.Context(), record("a", "first", 0), record("good", "a", 1), record("held", "m", 0), record("z", "last", 0))
		require.ErrorIs(t, err, provision.ErrStale)
		// The caller decides that it does without, and commits.
		a.add(t, tx, "behind")
		require.NoError(t, outbox.Store(t.Context(), record("good", "b", 0)))
		require.NoError(t, tx.Commit())
		a.has(t, []string{"before", "behind"}, []string{"good", "held"})
		records, err := a.Load(t.Context(), "good")
		require.NoError(t, err)
		assert.Equal(t, []provision.Record{record("good", "a", 1), record("good", "b", 1)}, records)
	})
}

func TestOutboxRefuses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		a := newApplication(t, d)
		tx := a.begin(t, nil)
		a.add(t, tx, "ann")
		require.Error(t, a.Tx(tx).Store(t.Context(), record("key", "a", 0), record("", "", 0)))
		over, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, a.Tx(tx).Store(over, record("key", "a", 0)), context.Canceled)
		require.NoError(t, tx.Commit())
		a.has(t, []string{"ann"}, nil)
	})
}

func TestOutboxOfATransactionThatIsOver(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		a := newApplication(t, d)
		tx := a.begin(t, nil)
		require.NoError(t, tx.Commit())
		require.ErrorIs(t, a.Tx(tx).Store(t.Context(), record("key", "a", 0)), sql.ErrTxDone)
		a.has(t, nil, nil)
	})
}

// TestOutboxOfACanceledStore cancels a Store that waits for another one's lock, behind
// the first of its records.
func TestOutboxOfACanceledStore(t *testing.T) {
	t.Parallel()
	a := newApplication(t, newPostgres(t))
	require.NoError(t, a.Store(t.Context(), record("locked", "m", 0)))
	other := a.begin(t, nil)
	require.NoError(t, a.Tx(other).Store(t.Context(), record("locked", "m", 1)))

	tx := a.begin(t, nil)
	a.add(t, tx, "ann")
	ctx, cancel := context.WithCancel(t.Context())
	stored := make(chan error, 1)
	go func() { stored <- a.Tx(tx).Store(ctx, record("a", "first", 0), record("locked", "m", 1)) }()
	a.waits(t)
	cancel()
	require.ErrorIs(t, <-stored, context.Canceled)
	// The driver gives such a connection up, so the whole transaction is gone.
	require.Error(t, tx.Commit())
	require.NoError(t, other.Commit())
	a.has(t, nil, []string{"locked"})
}

// TestOutboxOfAFailedStatement has PostgreSQL fail a statement, which would otherwise
// fail the caller's transaction as a whole.
func TestOutboxOfAFailedStatement(t *testing.T) {
	t.Parallel()
	a := newApplication(t, newPostgres(t))
	require.NoError(t, a.Store(t.Context(), record("locked", "m", 0)))
	other := a.begin(t, nil)
	require.NoError(t, a.Tx(other).Store(t.Context(), record("locked", "m", 1)))

	tx := a.begin(t, nil)
	must(t, tx, "SET LOCAL lock_timeout = '10ms'")
	err := a.Tx(tx).Store(t.Context(), record("a", "first", 0), record("locked", "m", 1))
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "55P03", refused.Code, "lock_not_available")
	require.NotErrorIs(t, err, provision.ErrStale)
	a.add(t, tx, "ann")
	require.NoError(t, tx.Commit())
	require.NoError(t, other.Rollback())
	a.has(t, []string{"ann"}, []string{"locked"})
}

// TestOutboxOfStricterIsolation shows what PostgreSQL makes of a record that was changed
// by another since the transaction began.
func TestOutboxOfStricterIsolation(t *testing.T) {
	t.Parallel()
	for _, level := range []sql.IsolationLevel{sql.LevelRepeatableRead, sql.LevelSerializable} {
		t.Run(level.String(), func(t *testing.T) {
			t.Parallel()
			a := newApplication(t, newPostgres(t))
			require.NoError(t, a.Store(t.Context(), record("key", "a", 0)))
			tx := a.begin(t, &sql.TxOptions{Isolation: level})
			must(t, tx, "SELECT count(*) FROM "+a.people()) // its snapshot is taken here
			require.NoError(t, a.Store(t.Context(), record("key", "a", 1)))
			err := a.Tx(tx).Store(t.Context(), record("key", "a", 1))
			var refused *pgconn.PgError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, "40001", refused.Code, "serialization_failure")
		})
	}
}

// TestStoreWhateverTheDefaultIsolation has every transaction be SERIALIZABLE that does
// not say otherwise: what is stale must be ErrStale all the same.
func TestStoreWhateverTheDefaultIsolation(t *testing.T) {
	t.Parallel()
	l, _ := newPostgres(t).with("default_transaction_isolation", "serializable").ledger(t)
	const stores = 16
	errs := make(chan error, stores)
	for range stores {
		go func() { errs <- l.Store(t.Context(), record("key", "a", 0), record("key", "b", 0)) }()
	}
	won := 0
	for range stores {
		if err := <-errs; err == nil {
			won++
		} else {
			require.ErrorIs(t, err, provision.ErrStale)
		}
	}
	assert.Equal(t, 1, won)
}

// TestOutboxLocks shows that a Store waits for a transaction that has stored its record,
// and is then judged by what became of it.
func TestOutboxLocks(t *testing.T) {
	t.Parallel()
	for name, commit := range map[string]bool{"commit": true, "rollback": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApplication(t, newPostgres(t))
			tx := a.begin(t, nil)
			require.NoError(t, a.Tx(tx).Store(t.Context(), record("key", "a", 0)))
			stored := make(chan error, 1)
			go func() { stored <- a.Store(t.Context(), record("key", "a", 0)) }()
			a.waits(t)
			if commit {
				require.NoError(t, tx.Commit())
				require.ErrorIs(t, <-stored, provision.ErrStale)
			} else {
				require.NoError(t, tx.Rollback())
				require.NoError(t, <-stored)
			}
		})
	}
}

// waits returns once a statement on the ledger's table waits for a lock.
func (a application) waits(t *testing.T) {
	t.Helper()
	for {
		var n int
		require.NoError(t, a.db.QueryRowContext(t.Context(),
			`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%"`+a.table+`"%'`).Scan(&n))
		if n > 0 {
			return
		}
	}
}

// TestSQLiteOutboxInterrupted has a context end in the middle of a Store, on which SQLite
// gives up the whole transaction.
func TestSQLiteOutboxInterrupted(t *testing.T) {
	t.Parallel()
	d := newSQLite(t, "WAL")
	a := newApplication(t, d)
	other := a.begin(t, nil)
	a.add(t, other, "bob")
	tx := a.begin(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	stored := make(chan error, 1)
	go func() { stored <- a.Tx(tx).Store(ctx, record("key", "a", 0)) }()
	cancel()
	require.ErrorIs(t, <-stored, context.Canceled)
	require.NoError(t, other.Commit())
	err := tx.Commit()
	assert.True(t, err == nil || errors.Is(err, sql.ErrTxDone), "%v", err)
	a.has(t, []string{"bob"}, nil)
}
