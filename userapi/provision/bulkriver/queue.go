package bulkriver

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A Config has the settings of a Queue.
type Config struct {
	// DB is the database with River's tables. Any database/sql driver works. For PostgreSQL,
	// stdlib.OpenDBFromPool makes a DB of River's own pool. It is required. The Queue does not
	// close it.
	DB *sql.DB
	// Dialect is the database's dialect. It is required.
	Dialect sqlledger.Dialect
	// Sealer seals the rows. It is required.
	Sealer Sealer
	// Ledger is the Provisioner's ledger. Only Status uses it. If it is nil, Status has no counts
	// of it.
	Ledger *sqlledger.Ledger
	// Name is the name of River's queue. "" is DefaultQueue. A row is in one queue of a database.
	Name string
	// Schema is the schema of River's tables, as in river.Config.Schema. Load and Configure refuse
	// another one. This package's tables, enlist_reject and enlist_share, are in the connection's
	// schema.
	Schema string
	// CreateTables creates this package's tables if they do not exist. Several processes can do so
	// at the same time. Without it the caller creates them with [Schema].
	CreateTables bool
}

// DefaultQueue is the name of River's queue if Config.Name is empty.
const DefaultQueue = "enlist"

// A Queue loads rows, makes workers, and shows the state of the queue. [Open] returns one. It is
// safe for concurrent use, and needs no Close.
type Queue struct {
	db      *sql.DB
	dialect sqlledger.Dialect
	sealer  Sealer
	ledger  *sqlledger.Ledger
	name    string
	schema  string
	sql     statements
}

// schemaName matches the names that River accepts for a schema.
var schemaName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Open checks that the tables of this package and of River exist, and returns a Queue. rivermigrate
// creates River's tables. The error lists every bad setting.
func Open(ctx context.Context, c Config) (*Queue, error) {
	var faults []error
	if c.DB == nil {
		faults = append(faults, errors.New("bulkriver: Config.DB is required"))
	}
	if c.Dialect != sqlledger.PostgreSQL && c.Dialect != sqlledger.SQLite {
		faults = append(faults, errors.New("bulkriver: Config.Dialect must be sqlledger.PostgreSQL or sqlledger.SQLite"))
	}
	if c.Sealer == nil {
		faults = append(faults, errors.New("bulkriver: Config.Sealer is required: Keys makes one"))
	}
	if c.Schema != "" && !schemaName.MatchString(c.Schema) {
		faults = append(faults, errors.New("bulkriver: Config.Schema must be letters, digits and underscores of ASCII"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	q := &Queue{db: c.DB, dialect: c.Dialect, sealer: c.Sealer, ledger: c.Ledger, name: cmp.Or(c.Name, DefaultQueue), schema: c.Schema}
	prefix := ""
	if c.Schema != "" {
		prefix = `"` + c.Schema + `".`
	}
	q.sql = newStatements(c.Dialect, prefix)
	if c.CreateTables {
		if err := q.createTables(ctx); err != nil {
			return nil, err
		}
	}
	for what, look := range map[string]func() error{
		"River's jobs":   func() error { _, err := q.find(ctx, []string{""}); return err },
		"the rejects":    func() error { _, err := q.rejectPage(ctx, "", ""); return err },
		"the shares":     func() error { _, err := q.limits(ctx); return err },
		"River's queues": func() error { _, err := q.isPaused(ctx); return err },
	} {
		if err := look(); err != nil {
			return nil, fmt.Errorf("bulkriver: look at the tables of %s: %w", what, err)
		}
	}
	return q, nil
}

// Name returns the name of River's queue.
func (q *Queue) Name() string { return q.name }

// The tables of this package.
const (
	rejects = "enlist_reject"
	shares  = "enlist_share"
)

// Schema returns the statements that create this package's tables, each with a semicolon at its
// end. Use it in a program's own migrations. rivermigrate creates River's tables.
func Schema(dialect sqlledger.Dialect) string { return strings.Join(schema(dialect), ";\n\n") + ";\n" }

func schema(dialect sqlledger.Dialect) []string {
	bytewise, float, end := ` COLLATE "C"`, "DOUBLE PRECISION", ""
	if dialect == sqlledger.SQLite {
		bytewise, float, end = "", "REAL", " WITHOUT ROWID"
	}
	return []string{
		"CREATE TABLE IF NOT EXISTS " + rejects + " (\n" +
			"\tjob TEXT" + bytewise + " NOT NULL,\n\tkey TEXT" + bytewise + " NOT NULL,\n\trow TEXT NOT NULL,\n\tPRIMARY KEY (key)\n)",
		"CREATE TABLE IF NOT EXISTS " + shares + " (\n" +
			"\tname TEXT NOT NULL,\n\tmember TEXT NOT NULL,\n\tshare " + float + " NOT NULL,\n\trate " + float + " NOT NULL,\n\tuntil BIGINT NOT NULL,\n" +
			"\tPRIMARY KEY (name, member)\n)" + end,
	}
}

// createLock is held while tables are created. In PostgreSQL two concurrent CREATE TABLE IF NOT
// EXISTS can fail.
const createLock = 0x656e6c697175 // "enliqu"

func (q *Queue) createTables(ctx context.Context) error {
	statements := schema(q.dialect)
	if q.dialect == sqlledger.PostgreSQL {
		statements = append([]string{fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", createLock)}, statements...)
	}
	return q.inTx(ctx, "make the tables", func(tx *sql.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// inTx runs do in a transaction. what names the work, for errors.
func (q *Queue) inTx(ctx context.Context, what string, do func(*sql.Tx) error) error {
	var level *sql.TxOptions
	if q.dialect == sqlledger.PostgreSQL { // the database's default can be another level
		level = &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	tx, err := q.db.BeginTx(ctx, level)
	if err != nil {
		return dbError(what, err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := do(tx); err != nil {
		return dbError(what, err)
	}
	if err := tx.Commit(); err != nil {
		return dbError(what, err)
	}
	return nil
}

func dbError(what string, err error) error { return fmt.Errorf("bulkriver: %s: %w", what, err) }
