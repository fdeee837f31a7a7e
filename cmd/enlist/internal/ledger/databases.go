package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver of SQLite

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

const (
	fileMode = 0o600
	// sqliteConns is one connection to write and some to read: provision.Group has one Store at a time.
	sqliteConns   = 4
	postgresConns = 16
)

// makeSQLite opens a ledger, and makes it if it does not exist.
func (l *Ledger) makeSQLite(ctx context.Context, path string) error {
	// SQLite gives the files beside it the same mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode) //nolint:gosec // the caller names the file
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the ledger cannot be made: %w", err)
	}
	db, err := l.openSQLite(ctx, path, true, url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"}})
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(sqliteConns)
	db.SetMaxIdleConns(sqliteConns)
	l.Ledger = provision.Group(l.Ledger)
	return nil
}

// readSQLite opens a ledger to read it. For that SQLite writes lock files beside it. If it cannot write there,
// no other process writes either.
func (l *Ledger) readSQLite(ctx context.Context, path string) error {
	query := url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(10000)"}}
	_, err := l.openSQLite(ctx, path, false, query)
	if err == nil || hasLog(path) {
		return err
	}
	query.Set("mode", "ro")
	query.Set("immutable", "1")
	if _, e := l.openSQLite(ctx, path, false, query); e == nil {
		return nil
	}
	return err
}

// hasLog reports whether the last changes are in a write-ahead log beside the ledger.
func hasLog(path string) bool {
	info, err := os.Stat(path + "-wal")
	return !errors.Is(err, fs.ErrNotExist) && (err != nil || info.Size() > 0)
}

func (l *Ledger) openSQLite(ctx context.Context, path string, create bool, query url.Values) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	l.close = append(l.close, db)
	// One connection puts the file into journal mode WAL before there are others.
	db.SetMaxOpenConns(1)
	if err := l.openSQL(ctx, db, sqlledger.SQLite, create); err != nil {
		return nil, fmt.Errorf("the ledger %s cannot be opened: %w", path, err)
	}
	return db, nil
}

// openPostgres uses the password of PGPASSWORD, or of the file that PGPASSFILE names.
func (l *Ledger) openPostgres(ctx context.Context, at string, create bool) error {
	c, err := pgxpool.ParseConfig(at) // the URL of a queue may have pool_max_conns, which only a pool takes
	if err != nil {
		return fmt.Errorf("--ledger, ENLIST_LEDGER, or ledger in the config: %w", config.ErrURL)
	}
	db := stdlib.OpenDB(*c.ConnConfig)
	l.close = append(l.close, db)
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns)
	if err := l.openSQL(ctx, db, sqlledger.PostgreSQL, create); err != nil {
		return fmt.Errorf("the ledger cannot be opened: %w", err)
	}
	return nil
}

func (l *Ledger) openSQL(ctx context.Context, db *sql.DB, dialect sqlledger.Dialect, create bool) error {
	var options []sqlledger.Option
	if create {
		options = append(options, sqlledger.CreateTable())
	}
	opened, err := sqlledger.Open(ctx, db, dialect, options...)
	if err != nil {
		return err
	}
	l.Ledger = opened
	l.counts = func(ctx context.Context, job string) ([]Count, error) { return countSQL(ctx, db, dialect, job) }
	return nil
}

func (l *Ledger) openFile(path string) error {
	opened, err := fileledger.Open(path)
	switch {
	case errors.Is(err, fileledger.ErrLocked):
		return fmt.Errorf("another enlist is at work on %s: wait until it has ended, or stop it", path)
	case err != nil:
		return fmt.Errorf("the ledger cannot be opened: %w", err)
	}
	l.close = append(l.close, opened)
	l.Ledger = opened
	return nil
}
