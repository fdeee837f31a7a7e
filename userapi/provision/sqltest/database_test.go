//go:build unix

package sqltest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A database is one that a test has for itself: in SQLite a file, in PostgreSQL a table.
type database struct {
	dialect sqlledger.Dialect
	driver  string
	dsn     string
	table   string
	conns   int // of a pool, at most; 0 for the default of these tests
}

// Every kind of database that the tests run on.
var kinds = map[string]func(testing.TB) database{
	"PostgreSQL":    newPostgres,
	"SQLite/WAL":    func(t testing.TB) database { return newSQLite(t, "WAL") },
	"SQLite/DELETE": func(t testing.TB) database { return newSQLite(t, "DELETE") },
}

// onEach runs a test on every kind of database.
func onEach(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, kind(t))
		})
	}
}

func newSQLite(t testing.TB, journal string) database {
	t.Helper()
	// Long enough for 64 that wait for each other on a slow disk.
	d := database{dialect: sqlledger.SQLite, driver: "sqlite", dsn: sqliteDSN(filepath.Join(t.TempDir(), "ledger.db"),
		"busy_timeout(60000)", "journal_mode("+journal+")", "synchronous(FULL)")}
	// One connection puts the file into its journal mode, as sqlledger says.
	_, err := d.open(t).Exec("SELECT 1")
	require.NoError(t, err)
	return d
}

func sqliteDSN(path string, pragmas ...string) string {
	return "file:" + path + "?" + url.Values{"_pragma": pragmas}.Encode()
}

var tables atomic.Int64

func newPostgres(t testing.TB) database {
	t.Helper()
	d := database{dialect: sqlledger.PostgreSQL, driver: "pgx", dsn: postgresDSN(t)}
	// A server that is named may hold what another run left.
	d.table = fmt.Sprintf("ledger_%x_%d", time.Now().UnixMicro(), tables.Add(1))
	db := d.open(t)
	t.Cleanup(func() { _, _ = db.Exec("DROP TABLE IF EXISTS " + d.table) })
	return d
}

// with returns the database as a connection with another setting has it.
func (d database) with(setting, value string) database {
	if u, err := url.Parse(d.dsn); err == nil && u.Scheme != "" {
		query := u.Query()
		query.Set(setting, value)
		u.RawQuery = query.Encode()
		d.dsn = u.String()
	} else {
		d.dsn += " " + setting + "=" + value
	}
	return d
}

// open opens another pool of connections.
func (d database) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(8)
	if d.conns > 0 {
		db.SetMaxOpenConns(d.conns)
	}
	return db
}

// ledger opens the database's ledger, by a pool of its own.
func (d database) ledger(t testing.TB) (*sqlledger.Ledger, *sql.DB) {
	t.Helper()
	db := d.open(t)
	l, err := sqlledger.Open(context.Background(), db, d.dialect, sqlledger.CreateTable(), sqlledger.TableName(d.table))
	require.NoError(t, err)
	return l, db
}

// name is the table's.
func (d database) name() string {
	if d.table == "" {
		return sqlledger.DefaultTable
	}
	return d.table
}

// opened are the databases of ledgers, for reopening them.
var opened sync.Map

// must runs a statement.
func must(t testing.TB, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, statement string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement, args...)
	require.NoError(t, err, statement)
}

// record returns a record that is open.
func record(key, target string, revision int64) provision.Record {
	return provision.Record{Key: key, Target: target, Revision: revision, State: provision.StateQueued}
}
