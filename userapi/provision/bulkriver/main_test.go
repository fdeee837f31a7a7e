//go:build unix

package bulkriver_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/enlist-go/enlist/internal/pgserver"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

func TestMain(m *testing.M) { pgserver.Main(m) }

// A client is a River client of any driver.
type client interface {
	bulkriver.Inserter
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	QueuePause(ctx context.Context, name string, opts *river.QueuePauseOpts) error
	QueueResume(ctx context.Context, name string, opts *river.QueuePauseOpts) error
}

// A place is a test's own database, with River's tables, a ledger and a queue.
type place struct {
	dialect sqlledger.Dialect
	dsn     string
	db      *sql.DB
	ledger  *sqlledger.Ledger
	queue   *bulkriver.Queue
	// client makes a River client.
	client func(*river.Config) (client, error)
	// migrate makes River's tables in a schema.
	migrate func(schema string) error
}

const planted = "planted-Secret"

func keys(t testing.TB) bulkriver.Sealer {
	t.Helper()
	s, err := bulkriver.Keys("0123456789abcdef0123456789abcdef")
	require.NoError(t, err)
	return s
}

// places are the kinds of databases.
var places = map[string]func(testing.TB) *place{"PostgreSQL": newPostgres, "SQLite": newSQLite}

// onEach runs a test on every kind of database.
func onEach(t *testing.T, test func(t *testing.T, at *place)) {
	t.Helper()
	for name, kind := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, kind(t))
		})
	}
}

var databases atomic.Int64

func newPostgres(t testing.TB) *place {
	t.Helper()
	dsn, err := pgserver.DSN()
	require.NoError(t, err)
	server, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer server.Close()
	name := fmt.Sprintf("bulkriver_%x_%d", time.Now().UnixMicro(), databases.Add(1))
	_, err = server.ExecContext(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		server, err := sql.Open("pgx", dsn)
		require.NoError(t, err)
		defer server.Close()
		_, _ = server.ExecContext(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	})
	return openPlace(t, sqlledger.PostgreSQL, withDatabase(dsn, name), true)
}

// withDatabase returns the DSN of another database on the server.
func withDatabase(dsn, name string) string {
	if u, err := url.Parse(dsn); err == nil && u.Scheme != "" {
		u.Path = "/" + name
		return u.String()
	}
	return dsn + " dbname=" + name
}

func newSQLite(t testing.TB) *place {
	t.Helper()
	pragmas := url.Values{"_pragma": {"busy_timeout(60000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"}}
	return openPlace(t, sqlledger.SQLite, "file:"+filepath.Join(t.TempDir(), "queue.db")+"?"+pragmas.Encode(), true)
}

// openPlace opens a database. makes creates the tables.
func openPlace(t testing.TB, dialect sqlledger.Dialect, dsn string, makes bool) *place {
	t.Helper()
	at := &place{dialect: dialect, dsn: dsn}
	if dialect == sqlledger.SQLite {
		db, err := sql.Open("sqlite", dsn)
		require.NoError(t, err)
		db.SetMaxOpenConns(1)
		t.Cleanup(func() { _ = db.Close() })
		at.db = db
		driver := riversqlite.New(db)
		at.client = func(c *river.Config) (client, error) { return river.NewClient(driver, c) }
		at.migrate = func(schema string) error { return migrate(t, driver, schema) }
	} else {
		config, err := pgxpool.ParseConfig(dsn)
		require.NoError(t, err)
		config.MaxConns = 20
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		at.db = stdlib.OpenDBFromPool(pool)
		t.Cleanup(func() { _ = at.db.Close() })
		driver := riverpgxv5.New(pool)
		at.client = func(c *river.Config) (client, error) { return river.NewClient(driver, c) }
		at.migrate = func(schema string) error { return migrate(t, driver, schema) }
	}
	var opts []sqlledger.Option
	if makes {
		require.NoError(t, at.migrate(""))
		opts = append(opts, sqlledger.CreateTable())
	}
	var err error
	at.ledger, err = sqlledger.Open(t.Context(), at.db, dialect, opts...)
	require.NoError(t, err)
	at.queue, err = bulkriver.Open(t.Context(), bulkriver.Config{DB: at.db, Dialect: dialect, Sealer: keys(t), Ledger: at.ledger, CreateTables: makes})
	require.NoError(t, err)
	return at
}

// migrate makes River's tables.
func migrate[TTx any](t testing.TB, driver riverdriver.Driver[TTx], schema string) error {
	t.Helper()
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet, Schema: schema})
	if err == nil {
		_, err = m.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	}
	return err
}

var quiet = slog.New(slog.DiscardHandler)

// inserter returns a client that only inserts jobs.
func (at *place) inserter(t testing.TB) client {
	t.Helper()
	c, err := at.client(&river.Config{Logger: quiet})
	require.NoError(t, err)
	return c
}

// start starts a worker and stops it at the end of the test.
func (at *place) start(t testing.TB, w *bulkriver.Worker, rows int, change ...func(*river.Config)) client {
	t.Helper()
	config := &river.Config{Logger: quiet, TestOnly: true, FetchCooldown: 10 * time.Millisecond, FetchPollInterval: 100 * time.Millisecond}
	for _, f := range change {
		f(config)
	}
	require.NoError(t, w.Configure(config, rows))
	c, err := at.client(config)
	require.NoError(t, err)
	require.NoError(t, c.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, c.StopAndCancel(ctx))
	})
	return c
}

// provisioner returns a Provisioner on the place's ledger.
func (at *place) provisioner(t testing.TB, targets []provision.Target, opts ...provision.Option) *provision.Provisioner {
	t.Helper()
	p, err := provision.New(at.ledger, targets, append([]provision.Option{
		provision.RequestKeys("0123456789abcdef0123456789abcdef"), provision.Patience(time.Millisecond),
	}, opts...)...)
	require.NoError(t, err)
	return p
}

// count returns the number that a statement selects.
func (at *place) count(t testing.TB, statement string) (n int) {
	t.Helper()
	require.NoError(t, at.db.QueryRowContext(t.Context(), statement).Scan(&n), statement)
	return n
}

// jobs returns how many jobs River has.
func (at *place) jobs(t testing.TB) int {
	t.Helper()
	return at.count(t, "SELECT COUNT(*) FROM river_job")
}

// until waits until is returns true.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	end := time.Now().Add(3 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Now().After(end) {
			t.Fatalf("waited too long until %s", what)
		}
		<-tick.C
	}
}

// people returns a file of people with these numbers.
func people(from, to int) string {
	var b strings.Builder
	b.WriteString("key,username,email,password,note\n")
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "%d,person%d,person%d@planted.example,%s-%d,\"planted note, %d\"\n", i, i, i, planted, i, i)
	}
	return b.String()
}
