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

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
	_ "modernc.org/sqlite"             // the driver of SQLite

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

const (
	fileMode = 0o600
	// sqliteConns are enough to read beside the one that writes: provision.Group has one Store
	// under way.
	sqliteConns   = 4
	postgresConns = 16
)

func (l *Ledger) openSQLite(ctx context.Context, path string, create bool) error {
	if create {
		// SQLite gives the files beside it the same mode.
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode) //nolint:gosec // the caller names the file
		if err == nil {
			err = f.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("the ledger cannot be made: %w", err)
		}
	}
	pragmas := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()+"?"+pragmas.Encode())
	if err != nil {
		return err
	}
	l.close = append(l.close, db)
	// One connection puts the file into journal mode WAL before there are others.
	db.SetMaxOpenConns(1)
	if err := l.openSQL(ctx, db, sqlledger.SQLite, create); err != nil {
		return fmt.Errorf("the ledger %s cannot be opened: %w", path, err)
	}
	db.SetMaxOpenConns(sqliteConns)
	db.SetMaxIdleConns(sqliteConns)
	l.Ledger = provision.Group(l.Ledger)
	return nil
}

// openPostgres has the password of PGPASSWORD, or of the file that PGPASSFILE names.
func (l *Ledger) openPostgres(ctx context.Context, at string, create bool) error {
	db, err := sql.Open("pgx", at)
	if err != nil {
		return err
	}
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
