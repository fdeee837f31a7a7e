// Package queue opens the queue of a job's rows: a database with the tables of River, of the ledger and of
// package bulkriver.
package queue

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite" // the driver of SQLite

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A Place says where a queue is.
type Place struct {
	// At is postgres://HOST/DATABASE or sqlite:PATH. A path is relative to Dir.
	At, Dir string
	// Job is the job whose rows the queue has. Each job has its own River queue, so that it can be paused
	// alone.
	Job string
}

func (p Place) path() (path string, isFile bool) {
	path, isFile = strings.CutPrefix(p.At, config.SQLite)
	if isFile && !filepath.IsAbs(path) {
		path = filepath.Join(p.Dir, path)
	}
	return path, isFile
}

// String says for people where the queue is. It has no password.
func (p Place) String() string {
	if path, isFile := p.path(); isFile {
		return path
	}
	return "the PostgreSQL database"
}

// riverName matches the names that River accepts for a queue.
var riverName = regexp.MustCompile(`^[a-z0-9]+(?:[_-]?[a-z0-9]+)*$`)

// riverQueue returns the name of the job's River queue.
func riverQueue(job string) string {
	const prefix = bulkriver.DefaultQueue + "_"
	if riverName.MatchString(job) && len(job) <= 64 {
		return prefix + job
	}
	sum := sha256.Sum256([]byte(job))
	return prefix + "x" + hex.EncodeToString(sum[:16])
}

// A Client is a River client of either database.
type Client interface {
	bulkriver.Inserter
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	Stopped() <-chan struct{}
	QueuePause(ctx context.Context, name string, opts *river.QueuePauseOpts) error
	QueueResume(ctx context.Context, name string, opts *river.QueuePauseOpts) error
}

// A database is an open database, with a River driver.
type database struct {
	db      *sql.DB
	dialect sqlledger.Dialect
	client  func(*river.Config) (Client, error)
	migrate func(context.Context) ([]string, error)
	// makeQueue makes the row of a River queue.
	makeQueue func(ctx context.Context, name string) error
	// isCurrent reports whether River's tables have all migrations.
	isCurrent func(context.Context) (bool, error)
	close     func()
}

// ErrNone is the error of a queue without tables.
var ErrNone = errors.New("the queue has no tables, or those of an older enlist: run enlist migrate")

const (
	// conns is the number of connections to PostgreSQL, unless the URL has pool_max_conns.
	conns = 16
	// leastConns are needed by Migrate: one has the lock, and another one makes the tables.
	leastConns = 2
)

func connect(ctx context.Context, p Place, create bool) (*database, error) {
	if err := config.CheckQueue(p.At); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	if path, isFile := p.path(); isFile {
		return connectSQLite(path, create)
	}
	c, err := pgxpool.ParseConfig(p.At)
	if err != nil {
		return nil, fmt.Errorf("--queue, ENLIST_QUEUE, or queue in the config: %w", config.ErrURL)
	}
	if u, err := url.Parse(p.At); err != nil || !u.Query().Has("pool_max_conns") {
		c.MaxConns = conns
	}
	c.MaxConns = max(c.MaxConns, leastConns)
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("the queue cannot be reached: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	return open(db, sqlledger.PostgreSQL, riverpgxv5.New(pool), func() { _ = db.Close(); pool.Close() }), nil
}

// fileMode lets only the owner read a queue in a file.
const fileMode = 0o600

func connectSQLite(path string, create bool) (*database, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the caller names the file
	if errors.Is(err, os.ErrNotExist) {
		if !create {
			return nil, fmt.Errorf("%w (%s)", ErrNone, path)
		}
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode) //nolint:gosec // the caller names the file
	}
	if err != nil {
		return nil, fmt.Errorf("the queue cannot be opened: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	query := url.Values{"_pragma": {"busy_timeout(60000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // River asks for it
	return open(db, sqlledger.SQLite, riversqlite.New(db), func() { _ = db.Close() }), nil
}

func open[TTx any](db *sql.DB, dialect sqlledger.Dialect, driver riverdriver.Driver[TTx], closeAll func()) *database {
	migrator := func() (*rivermigrate.Migrator[TTx], error) {
		return rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	}
	return &database{
		db: db, dialect: dialect, close: closeAll,
		client: func(c *river.Config) (Client, error) { return river.NewClient(driver, c) },
		migrate: func(ctx context.Context) (made []string, err error) {
			m, err := migrator()
			if err != nil {
				return nil, err
			}
			result, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
			if err != nil {
				return nil, err
			}
			for _, v := range result.Versions {
				made = append(made, fmt.Sprintf("river %d: %s", v.Version, v.Name))
			}
			return made, nil
		},
		makeQueue: func(ctx context.Context, name string) error {
			_, err := driver.GetExecutor().QueueCreateOrSetUpdatedAt(ctx, &riverdriver.QueueCreateOrSetUpdatedAtParams{Name: name, Metadata: []byte("{}")})
			return err
		},
		isCurrent: func(ctx context.Context) (bool, error) {
			m, err := migrator()
			if err != nil {
				return false, err
			}
			result, err := m.Validate(ctx, nil)
			return err == nil && result.OK, err
		},
	}
}

// Migrate makes or updates the tables that a queue needs. Several processes may call it at once, at any time.
// It returns the migrations of River's tables that it made.
func Migrate(ctx context.Context, p Place) ([]string, error) {
	d, err := connect(ctx, p, true)
	if err != nil {
		return nil, err
	}
	defer d.close()
	made, err := d.makeTables(ctx)
	if err != nil {
		return nil, fmt.Errorf("the queue cannot be made: %w", err)
	}
	return made, nil
}

// makeLock is held while tables are made.
const makeLock = 0x656e6c6d6b // "enlmk"

func (d *database) makeTables(ctx context.Context) (made []string, err error) {
	if d.dialect == sqlledger.PostgreSQL {
		conn, err := d.db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = conn.Close() }() // it ends with the database
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", makeLock); err != nil {
			return nil, err
		}
		defer func() {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", makeLock) // else it ends with the connection
		}()
	}
	if made, err = d.migrate(ctx); err != nil {
		return nil, err
	}
	if _, err := sqlledger.Open(ctx, d.db, d.dialect, sqlledger.CreateTable()); err != nil {
		return nil, err
	}
	if _, err := bulkriver.Open(ctx, bulkriver.Config{DB: d.db, Dialect: d.dialect, Sealer: closed{}, CreateTables: true}); err != nil {
		return nil, err
	}
	_, err = d.db.ExecContext(ctx, notesTable)
	return made, err
}

// A Queue is an open queue. Close it.
type Queue struct {
	*bulkriver.Queue

	// Ledger is the ledger beside the queue. It commits many rows at once: see provision.Group.
	Ledger provision.Ledger

	job       string
	d         *database
	sqlLedger *sqlledger.Ledger
}

// Open opens the queue of a job. sealer may be nil if no row is read. The error matches ErrNone if tables are
// missing.
func Open(ctx context.Context, p Place, sealer bulkriver.Sealer) (*Queue, error) {
	d, err := connect(ctx, p, false)
	if err != nil {
		return nil, err
	}
	q, err := d.openQueue(ctx, p, sealer)
	if err != nil {
		d.close()
		return nil, err
	}
	return q, nil
}

func (d *database) openQueue(ctx context.Context, p Place, sealer bulkriver.Sealer) (*Queue, error) {
	if sealer == nil {
		sealer = closed{}
	}
	switch is, err := d.isCurrent(ctx); {
	case err != nil:
		return nil, missing(err)
	case !is:
		return nil, ErrNone
	}
	l, err := sqlledger.Open(ctx, d.db, d.dialect)
	if err != nil {
		return nil, missing(err)
	}
	q, err := bulkriver.Open(ctx, bulkriver.Config{DB: d.db, Dialect: d.dialect, Sealer: sealer, Ledger: l, Name: riverQueue(p.Job)})
	if err != nil {
		return nil, missing(err)
	}
	own := &Queue{Queue: q, Ledger: provision.Group(l), job: p.Job, d: d, sqlLedger: l}
	if _, err := own.note(ctx, "users"); err != nil {
		return nil, missing(err)
	}
	return own, nil
}

// missing returns ErrNone for an error about a missing table or column.
func missing(err error) error {
	text := err.Error()
	if strings.Contains(text, "42P01") || strings.Contains(text, "42703") || strings.Contains(text, "no such table") || strings.Contains(text, "no such column") {
		return ErrNone
	}
	return fmt.Errorf("the queue cannot be opened: %w", err)
}

// Close closes the database.
func (q *Queue) Close() { q.d.close() }

// NewClient makes a River client.
func (q *Queue) NewClient(c *river.Config) (Client, error) { return q.d.client(c) }

// MakeRiverQueue makes the row of the job's River queue, which can then be paused. The first worker makes it too.
// If the row exists, it stays paused or not paused.
func (q *Queue) MakeRiverQueue(ctx context.Context) error { return q.d.makeQueue(ctx, q.Name()) }

// Ping reports whether the database answers.
func (q *Queue) Ping(ctx context.Context) error { return q.d.db.PingContext(ctx) }

// closed is the sealer of a queue whose rows are not read.
type closed struct{}

// Seal implements bulkriver.Sealer.
func (closed) Seal(context.Context, []byte, []byte) ([]byte, error) { return nil, bulkriver.ErrSealed }

// Open implements bulkriver.Sealer.
func (closed) Open(context.Context, []byte, []byte) ([]byte, error) { return nil, bulkriver.ErrSealed }
