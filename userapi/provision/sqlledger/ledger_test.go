package sqlledger_test

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A fakeDB is a database that notes its statements and fails as it is told. It holds
// nothing: the real ones are in the module sqltest.
type fakeDB struct {
	mu         sync.Mutex
	statements []string
	// fail is asked about each statement, "BEGIN", "COMMIT" and "ROLLBACK" among them.
	fail func(statement string) error
	// affected is asked for the rows that a statement affects, nil for one.
	affected func(statement string) (int64, error)
	// rows are what every query returns.
	rows [][]driver.Value
}

func (f *fakeDB) did(statement string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.statements = append(f.statements, statement)
	if f.fail != nil {
		return f.fail(statement)
	}
	return nil
}

// done returns the first word of each statement since the last call.
func (f *fakeDB) done() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var words []string
	for _, statement := range f.statements {
		word, _, _ := strings.Cut(statement, " ")
		words = append(words, word)
	}
	f.statements = nil
	return words
}

func (f *fakeDB) Connect(context.Context) (driver.Conn, error) { return fakeConn{f}, nil }
func (f *fakeDB) Driver() driver.Driver                        { return nil }

type fakeConn struct{ *fakeDB }

func (c fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (c fakeConn) Close() error                        { return nil }
func (c fakeConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (c fakeConn) Commit() error                       { return c.did("COMMIT") }
func (c fakeConn) Rollback() error                     { return c.did("ROLLBACK") }

func (c fakeConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return c, c.did("BEGIN")
}

func (c fakeConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	rows := 1
	if strings.Contains(query, "unnest(") { // for several records: the first is the list of their revisions
		rows += strings.Count(fmt.Sprint(args[0].Value), ",")
	}
	return fakeResult{c.fakeDB, query, int64(rows)}, c.did(query)
}

func (c fakeConn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if query == "SHOW server_encoding" || query == "PRAGMA encoding" {
		return &fakeRows{rows: [][]driver.Value{{"UTF8"}}}, c.did(query)
	}
	if strings.HasSuffix(query, "WHERE 1 = 0") {
		return &fakeRows{}, c.did(query)
	}
	return &fakeRows{fakeDB: c.fakeDB, rows: c.rows}, c.did(query)
}

type fakeResult struct {
	*fakeDB

	statement string
	rows      int64
}

func (r fakeResult) LastInsertId() (int64, error) { return 0, errors.ErrUnsupported }

func (r fakeResult) RowsAffected() (int64, error) {
	if r.affected != nil {
		return r.affected(r.statement)
	}
	return r.rows, nil
}

type fakeRows struct {
	*fakeDB

	rows [][]driver.Value
}

func (r *fakeRows) Columns() []string {
	if len(r.rows) == 0 {
		return make([]string, 19)
	}
	return make([]string, len(r.rows[0]))
}

func (r *fakeRows) Close() error { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		if r.fakeDB != nil {
			if err := r.did("EOF"); err != nil {
				return err
			}
		}
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

var errDriver = errors.New("the driver's own error")

// failOn fails the statements that begin so.
func failOn(prefix string) func(string) error {
	return func(statement string) error {
		if strings.HasPrefix(statement, prefix) {
			return errDriver
		}
		return nil
	}
}

// openFake returns a ledger of a fake, with its calls so far forgotten.
func openFake(t *testing.T, dialect sqlledger.Dialect) (*sqlledger.Ledger, *fakeDB, *sql.DB) {
	t.Helper()
	f := &fakeDB{}
	db := sql.OpenDB(f)
	t.Cleanup(func() { _ = db.Close() })
	l, err := sqlledger.Open(t.Context(), db, dialect)
	require.NoError(t, err)
	f.done()
	return l, f, db
}

var pair = []provision.Record{
	{Key: "planted-key", Target: "b", State: provision.StateQueued, UserID: "planted-user"},
	{Key: "planted-key", Target: "a", State: provision.StateQueued, Revision: 3},
}

// TestSQLStore: a Store of several records is one statement in PostgreSQL, and reads nothing
// before the first write in SQLite. Each statement fails in turn, or writes another number of
// rows than it should.
func TestSQLStore(t *testing.T) {
	t.Parallel()
	type rows struct {
		n   int64
		err error
	}
	for _, test := range []struct {
		dialect sqlledger.Dialect
		fails   string // the statement
		affects *rows  // by an INSERT; nil for as many as it should
		is      error
		want    []string
	}{
		{sqlledger.PostgreSQL, "", nil, nil, []string{"BEGIN", "SELECT", "INSERT", "COMMIT"}},
		{sqlledger.PostgreSQL, "BEGIN", nil, errDriver, []string{"BEGIN"}},
		{sqlledger.PostgreSQL, "SELECT", nil, errDriver, []string{"BEGIN", "SELECT", "ROLLBACK"}},
		{sqlledger.PostgreSQL, "INSERT", nil, errDriver, []string{"BEGIN", "SELECT", "INSERT", "ROLLBACK"}},
		{sqlledger.PostgreSQL, "COMMIT", nil, errDriver, []string{"BEGIN", "SELECT", "INSERT", "COMMIT"}},
		{sqlledger.SQLite, "", nil, nil, []string{"BEGIN", "UPDATE", "INSERT", "COMMIT"}},
		{sqlledger.SQLite, "UPDATE", nil, errDriver, []string{"BEGIN", "UPDATE", "ROLLBACK"}},
		{sqlledger.SQLite, "INSERT", nil, errDriver, []string{"BEGIN", "UPDATE", "INSERT", "ROLLBACK"}},
		{sqlledger.SQLite, "", &rows{0, nil}, provision.ErrStale, []string{"BEGIN", "UPDATE", "INSERT", "ROLLBACK"}},
		{sqlledger.SQLite, "", &rows{0, errDriver}, errDriver, []string{"BEGIN", "UPDATE", "INSERT", "ROLLBACK"}},
		{sqlledger.SQLite, "", &rows{2, nil}, nil, []string{"BEGIN", "UPDATE", "INSERT", "ROLLBACK"}},
		{sqlledger.SQLite, "", &rows{-1, nil}, nil, []string{"BEGIN", "UPDATE", "INSERT", "ROLLBACK"}},
	} {
		l, f, _ := openFake(t, test.dialect)
		require.NoError(t, l.Store(t.Context()))
		if test.fails != "" {
			f.fail = failOn(test.fails)
		}
		if test.affects != nil {
			f.affected = func(statement string) (int64, error) {
				if strings.HasPrefix(statement, "INSERT") {
					return test.affects.n, test.affects.err
				}
				return 1, nil
			}
		}
		err := l.Store(t.Context(), pair...)
		assert.Equal(t, test.want, f.done(), "in the order of the names, and nothing is tried again")
		if test.fails == "" && test.affects == nil {
			require.NoError(t, err)
			continue
		}
		require.Error(t, err)
		require.ErrorIs(t, err, cmp.Or(test.is, err))
		assert.Equal(t, test.is == provision.ErrStale, errors.Is(err, provision.ErrStale)) //nolint:errorlint // it is the table's
		assert.NotContains(t, err.Error(), "planted")
		assert.Equal(t, test.fails == "COMMIT", strings.Contains(err.Error(), "not known"), err.Error())
	}
}

func TestSQLOutbox(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fail  string
		stale bool
		want  []string
		isNew bool // by WhereNew
		// gone says that the caller's transaction was rolled back as a whole.
		gone bool
	}{
		"stored":              {want: []string{"SAVEPOINT", "UPDATE", "INSERT", "RELEASE"}},
		"no savepoint":        {fail: "SAVEPOINT", want: []string{"SAVEPOINT"}},
		"a failed statement":  {fail: "INSERT", want: []string{"SAVEPOINT", "UPDATE", "INSERT", "ROLLBACK", "RELEASE"}},
		"stale":               {stale: true, want: []string{"SAVEPOINT", "UPDATE", "INSERT", "ROLLBACK", "RELEASE"}},
		"it cannot be undone": {stale: true, fail: "ROLLBACK TO", want: []string{"SAVEPOINT", "UPDATE", "INSERT", "ROLLBACK", "ROLLBACK"}, gone: true},
		"of a new key":        {isNew: true, want: []string{"SAVEPOINT", "UPDATE", "INSERT", "SELECT", "RELEASE"}},
		"of a key with more":  {isNew: true, stale: true, want: []string{"SAVEPOINT", "UPDATE", "INSERT", "SELECT", "ROLLBACK", "RELEASE"}},
		"it cannot be looked": {isNew: true, fail: "SELECT", want: []string{"SAVEPOINT", "UPDATE", "INSERT", "SELECT", "ROLLBACK", "RELEASE"}},
		"it is not released":  {fail: "RELEASE", want: []string{"SAVEPOINT", "UPDATE", "INSERT", "RELEASE", "ROLLBACK", "RELEASE", "ROLLBACK"}, gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, f, db := openFake(t, sqlledger.SQLite)
			f.fail = failOn(test.fail)
			if test.fail == "" {
				f.fail = nil
			}
			if f.rows = [][]driver.Value{{int64(len(pair))}}; test.isNew && test.stale {
				f.rows = [][]driver.Value{{int64(len(pair) + 1)}}
			} else if test.stale {
				f.affected = func(statement string) (int64, error) {
					if strings.HasPrefix(statement, "INSERT") {
						return 0, nil
					}
					return 1, nil
				}
			}
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			f.done()
			storer := l.Tx(tx)
			if test.isNew {
				storer = storer.(interface{ WhereNew() provision.Storer }).WhereNew()
			}
			err = storer.Store(t.Context(), pair...)
			switch {
			case test.stale:
				require.ErrorIs(t, err, provision.ErrStale)
			case test.fail != "":
				require.ErrorIs(t, err, errDriver)
				assert.NotContains(t, err.Error(), "planted")
			default:
				require.NoError(t, err)
			}
			assert.Equal(t, test.want, f.done())
			err = tx.Commit()
			if test.gone {
				require.ErrorIs(t, err, sql.ErrTxDone, "half a Store cannot be committed")
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// TestSQLUndoesBehindAContext has the context end in the middle of a Store.
func TestSQLUndoesBehindAContext(t *testing.T) {
	t.Parallel()
	l, f, db := openFake(t, sqlledger.SQLite)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.fail = func(statement string) error {
		if strings.HasPrefix(statement, "INSERT") {
			cancel()
			return errDriver // a driver that does not say why
		}
		return nil
	}
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	f.done()
	err = l.Tx(tx).Store(ctx, pair...)
	require.ErrorIs(t, err, errDriver)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []string{"SAVEPOINT", "UPDATE", "INSERT", "ROLLBACK", "RELEASE"}, f.done())
	require.NoError(t, tx.Commit())
}

func TestSQLReads(t *testing.T) {
	t.Parallel()
	l, f, _ := openFake(t, sqlledger.SQLite)
	for _, fail := range []string{"SELECT", "EOF"} {
		f.fail = failOn(fail)
		records, err := l.Load(t.Context(), "planted-key")
		require.ErrorIs(t, err, errDriver, fail)
		assert.NotContains(t, err.Error(), "planted")
		assert.Nil(t, records)
		keys, err := l.ListOpen(t.Context(), "planted-key", 1)
		require.ErrorIs(t, err, errDriver, fail)
		assert.NotContains(t, err.Error(), "planted")
		assert.Nil(t, keys)
	}
	f.fail = nil
	f.rows = [][]driver.Value{{nil}}
	_, err := l.ListOpen(t.Context(), "", 1)
	require.Error(t, err, "a key that is NULL")
	f.rows = [][]driver.Value{slices.Repeat([]driver.Value{"text"}, 19)}
	_, err = l.Load(t.Context(), "key")
	require.Error(t, err, "a revision that is not a number")
}

// TestSQLKeepsTimes refuses those that would be read as others.
func TestSQLKeepsTimes(t *testing.T) {
	t.Parallel()
	l, f, _ := openFake(t, sqlledger.SQLite)
	for _, when := range []time.Time{time.Unix(0, 0), time.Unix(0, 999), time.Unix(1<<60, 0)} {
		r := pair[0]
		r.Changed = when
		require.Error(t, l.Store(t.Context(), r))
		require.Error(t, l.Tx(nil).Store(t.Context(), r), "before the transaction is touched")
	}
	assert.Empty(t, f.done())
	r := pair[0]
	r.Changed = time.Unix(0, 1000)
	require.NoError(t, l.Store(t.Context(), r))
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	f := &fakeDB{}
	db := sql.OpenDB(f)
	t.Cleanup(func() { _ = db.Close() })
	for _, dialect := range []sqlledger.Dialect{0, 3, -1} {
		_, err := sqlledger.Open(t.Context(), db, dialect)
		require.Error(t, err)
		_, err = sqlledger.Schema(dialect, "")
		require.Error(t, err)
	}
	_, err := sqlledger.Open(t.Context(), nil, sqlledger.SQLite)
	require.Error(t, err)
	for _, table := range []string{
		".", "a.", ".b", "a.b.c", "1a", "a-b", "a b", `a"b`, "a;b", "ü", "a\n", strings.Repeat("a", 59), strings.Repeat("a", 59) + ".b",
	} {
		_, err := sqlledger.Open(t.Context(), db, sqlledger.SQLite, sqlledger.TableName(table))
		require.Error(t, err, table)
		_, err = sqlledger.Schema(sqlledger.PostgreSQL, table)
		require.Error(t, err, table)
	}
	assert.Empty(t, f.done(), "nothing was asked of the database")
	for _, table := range []string{"", "a", "_1", "A.b_2", strings.Repeat("a", 58)} {
		_, err := sqlledger.Open(t.Context(), db, sqlledger.SQLite, sqlledger.TableName(table))
		require.NoError(t, err, table)
	}
}

// TestOpenCreates checks when a table is made: only if it is not there.
func TestOpenCreates(t *testing.T) {
	t.Parallel()
	open := func(fail func(string) error, opts ...sqlledger.Option) ([]string, error) {
		f := &fakeDB{fail: fail}
		db := sql.OpenDB(f)
		defer db.Close()
		_, err := sqlledger.Open(t.Context(), db, sqlledger.PostgreSQL, opts...)
		return f.done(), err
	}
	missing := func() func(string) error {
		made := false
		return func(statement string) error {
			made = made || statement == "COMMIT"
			if strings.HasSuffix(statement, "1 = 0") && !made {
				return errDriver
			}
			return nil
		}
	}

	did, err := open(nil, sqlledger.CreateTable())
	require.NoError(t, err)
	assert.Equal(t, []string{"SHOW", "SELECT"}, did)

	did, err = open(missing())
	require.ErrorIs(t, err, errDriver)
	assert.Equal(t, []string{"SHOW", "SELECT"}, did)

	did, err = open(missing(), sqlledger.CreateTable())
	require.NoError(t, err)
	assert.Equal(t, []string{"SHOW", "SELECT", "BEGIN", "SELECT", "CREATE", "CREATE", "COMMIT", "SELECT"}, did)

	for _, fail := range []string{"BEGIN", "SELECT pg_advisory", "CREATE TABLE", "CREATE INDEX", "COMMIT"} {
		absent := missing()
		_, err = open(func(statement string) error { return errors.Join(failOn(fail)(statement), absent(statement)) }, sqlledger.CreateTable())
		require.ErrorIs(t, err, errDriver, fail)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	postgres, err := sqlledger.Schema(sqlledger.PostgreSQL, "app.sign_ups")
	require.NoError(t, err)
	assert.Contains(t, postgres, `CREATE TABLE IF NOT EXISTS "app"."sign_ups" (`)
	assert.Contains(t, postgres, `key        TEXT COLLATE "C" NOT NULL`)
	assert.Contains(t, postgres, `CREATE INDEX IF NOT EXISTS "sign_ups_open" ON "app"."sign_ups" (key) WHERE open = 1;`)
	sqlite, err := sqlledger.Schema(sqlledger.SQLite, "")
	require.NoError(t, err)
	assert.Contains(t, sqlite, `CREATE TABLE IF NOT EXISTS "enlist_ledger" (`)
	assert.Contains(t, sqlite, `CREATE INDEX IF NOT EXISTS "enlist_ledger_open" ON "enlist_ledger" (key) WHERE open = 1;`)
}

func TestDialectString(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "PostgreSQL SQLite dialect(0)", sqlledger.PostgreSQL.String()+" "+sqlledger.SQLite.String()+" "+sqlledger.Dialect(0).String())
}

// TestLoadMany: PostgreSQL is asked once for many keys, and SQLite for each one once.
func TestLoadMany(t *testing.T) {
	t.Parallel()
	for dialect, statements := range map[sqlledger.Dialect]int{sqlledger.PostgreSQL: 1, sqlledger.SQLite: 2} {
		f := &fakeDB{}
		l, err := sqlledger.Open(t.Context(), sql.OpenDB(f), dialect)
		require.NoError(t, err)
		f.done()
		records, err := l.LoadMany(t.Context(), []string{"b", "a", "b"})
		require.NoError(t, err)
		assert.Empty(t, records)
		assert.Len(t, f.done(), 2*statements, "each of its words, and its end")

		f.fail = func(string) error { return errors.New("lost") }
		_, err = l.LoadMany(t.Context(), []string{"a"})
		require.ErrorContains(t, err, "load records: lost")
		_, err = l.Count(t.Context(), "")
		require.ErrorContains(t, err, "count records: lost")
	}
}
