// Package sqlledger stores the ledger of a provision.Provisioner in a table of
// PostgreSQL or SQLite.
package sqlledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/enlist-go/enlist/userapi/provision"
)

// A Ledger is a provision.Ledger in a table of a database. [Open] returns one. It is
// safe for concurrent use, also with other processes on the same table. It does not
// need to be closed. A call uses one connection at a time, so a pool of one is enough:
// a call while the caller holds that connection in a transaction waits for it.
//
// The ledger does not retry. It wraps the driver's error, for errors.As. If the
// connection is lost or the context ends while a Store commits, it is not known whether
// the records are stored: load them to find out.
//
// # PostgreSQL
//
// A Store is one transaction at READ COMMITTED.
//
//   - It locks the records in the order of their names, so Stores do not deadlock with
//     each other.
//   - It takes the same number of round trips for many records as for a few.
//   - It sets synchronous_commit to on for itself if the server's setting is weaker. A
//     server with fsync = off can lose what was stored.
//   - The database must be in UTF-8. Its locale does not matter: names are compared
//     byte by byte.
//
// # SQLite
//
// Every connection needs these settings. A driver takes them in its data source name:
//
//		PRAGMA busy_timeout = 10000
//		PRAGMA synchronous = FULL
//
//	  - Without busy_timeout a Store fails as soon as another connection is writing.
//	  - synchronous = FULL is SQLite's default, but not in every build. With NORMAL in
//	    journal mode WAL the last Stores may be lost after a power cut (SQLite, "PRAGMA
//	    synchronous").
//	  - Each connection to ":memory:" is a database of its own: use one connection, or a
//	    file.
//	  - Set journal mode WAL by one connection, before others open the file. SQLite
//	    refuses it to several at once, even with a busy_timeout.
type Ledger struct {
	db      *sql.DB
	dialect Dialect

	check, load, count, counts, open, insert, update string
	// storeAll is for several records at once; "" in SQLite, where a statement is not a round
	// trip.
	storeAll string
	// loadMany is for several keys at once, likewise.
	loadMany string
}

// An Option changes what Open does.
type Option func(*options)

type options struct {
	table  string
	create bool
}

// TableName names the ledger's table, instead of [DefaultTable]. It is at most 58 ASCII
// letters, digits and underscores. A schema and a dot may come before it. The case
// counts, because the name is quoted. (PostgreSQL makes a name lower-case if it is not
// quoted.)
func TableName(table string) Option { return func(o *options) { o.table = table } }

// CreateTable lets Open make the table and its index if they do not exist. Several
// processes may do this at once. Without CreateTable the caller makes them from
// [Schema].
func CreateTable() Option { return func(o *options) { o.create = true } }

// Open returns the ledger in a table of db. It checks that the table exists and has the
// columns. The caller chooses the driver, and closes db.
func Open(ctx context.Context, db *sql.DB, dialect Dialect, opts ...Option) (*Ledger, error) {
	var o options
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	name, err := parseTable(dialect, o.table)
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, errors.New("sqlledger: Open needs a database")
	}
	l := newLedger(db, dialect, name)
	if err := l.checkEncoding(ctx); err != nil {
		return nil, err
	}
	err = l.checkTable(ctx)
	if err != nil && o.create {
		// Only now: CREATE TABLE IF NOT EXISTS needs a right to create even where the
		// table exists.
		if err := l.createTable(ctx, o.table); err != nil {
			return nil, err
		}
		err = l.checkTable(ctx)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func newLedger(db *sql.DB, dialect Dialect, name tableName) *Ledger {
	table, bytewise, p := name.quoted(), syntaxOf[dialect].bytewise, syntaxOf[dialect].parameter
	names := list(columns, columnName)
	values := list(columns, func(i int, _ column) string { return p(i + 1) })
	set := list(columns, func(i int, c column) string { return c.name + " = " + p(i+1) })
	n := len(columns)
	read := "SELECT key, target, " + names + " FROM " + table + " WHERE "
	l := &Ledger{
		db: db, dialect: dialect,
		check: read + "1 = 0",
		// The order is asked for by name, for tables that were made without it.
		load:  read + "key = " + p(1) + " ORDER BY target " + bytewise,
		count: "SELECT COUNT(*) FROM " + table + " WHERE key = " + p(1),
		counts: "SELECT target, state, open, COUNT(*) FROM " + table + " WHERE key " + bytewise + " >= " + p(1) + " AND key " + bytewise + " < " + p(2) +
			" GROUP BY target, state, open ORDER BY target " + bytewise + ", state " + bytewise + ", open",
		open: "SELECT DISTINCT key " + bytewise + " FROM " + table + " WHERE open = 1 AND key " + bytewise + " > " + p(1) +
			" ORDER BY key " + bytewise + " LIMIT " + p(2),
		insert: "INSERT INTO " + table + " (" + names + ", key, target) VALUES (" + values +
			", " + p(n+1) + ", " + p(n+2) + ") ON CONFLICT (key, target) DO NOTHING",
		update: "UPDATE " + table + " SET " + set +
			" WHERE key = " + p(n+1) + " AND target = " + p(n+2) + " AND revision = " + p(n+3),
	}
	if dialect == PostgreSQL {
		l.storeAll = storeAll(table)
		l.loadMany = loadMany(table)
	}
	return l
}

// storeAll returns PostgreSQL's statement that stores the records of arrays, in the order of
// their names. It finds each row by the index: the plan of a join, made while the table was
// small, would go on to read all of it.
func storeAll(table string) string {
	names := list(columns, columnName)
	all := slices.Concat(columns, nameColumns)
	arrays := list(all, func(i int, c column) string { return fmt.Sprintf("$%d::text::%s[]", i+1, c.kind) })
	set := list(columns, func(_ int, c column) string { return c.name + " = EXCLUDED." + c.name })
	return "INSERT INTO " + table + " AS t (" + names + ", key, target) SELECT " + names + ", key, target" +
		" FROM unnest(" + arrays + ") AS r(" + list(all, columnName) + ")" +
		" WHERE revision = 1 OR (SELECT 1 FROM " + table + " AS s WHERE s.key = r.key AND s.target = r.target) IS NOT NULL" +
		` ORDER BY key COLLATE "C", target COLLATE "C"` +
		" ON CONFLICT (key, target) DO UPDATE SET " + set + " WHERE t.revision = EXCLUDED.revision - 1"
}

// loadMany returns PostgreSQL's statement that reads the records of the keys of a JSON list. It
// finds each key by the index, as storeAll does: OFFSET 0 keeps it from becoming a join.
func loadMany(table string) string {
	return "SELECT key, target, " + list(columns, columnName) +
		" FROM json_array_elements_text($1::text::json) AS k(value)" +
		" CROSS JOIN LATERAL (SELECT * FROM " + table + " AS t WHERE t.key = k.value OFFSET 0) AS r" +
		` ORDER BY key COLLATE "C", target COLLATE "C"`
}

// LoadMany implements provision.ManyLoader. In PostgreSQL it is one round trip.
func (l *Ledger) LoadMany(ctx context.Context, keys []string) (records []provision.Record, err error) {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if l.loadMany != "" && len(keys) > 0 {
		text, _ := json.Marshal(keys) // never fails: texts
		return query(ctx, l.db, "load records", scan, l.loadMany, string(text))
	}
	for _, key := range keys {
		of, err := l.Load(ctx, key)
		if err != nil {
			return nil, err
		}
		records = append(records, of...)
	}
	return records, nil
}

// Load implements Ledger.
func (l *Ledger) Load(ctx context.Context, key string) ([]provision.Record, error) {
	return query(ctx, l.db, "load records", scan, l.load, key)
}

// ListOpen implements Ledger.
func (l *Ledger) ListOpen(ctx context.Context, after string, limit int) ([]string, error) {
	scanKey := func(rows *sql.Rows) (key string, err error) {
		err = rows.Scan(&key)
		return key, err
	}
	return query(ctx, l.db, "list open keys", scanKey, l.open, after, int64(max(limit, 1)))
}

// A Count is the number of records of one target in one state.
type Count struct {
	Target  string
	State   provision.State
	Open    bool // as provision.Record.Open has it
	Records int64
}

// Count counts the records of the keys that begin with a prefix, by target, state and
// whether they are open. It reads all of them: do not call it often.
func (l *Ledger) Count(ctx context.Context, prefix string) ([]Count, error) {
	scanCount := func(rows *sql.Rows) (c Count, err error) {
		var open int64
		err = rows.Scan(&c.Target, &c.State, &open, &c.Records)
		c.Open = open != 0
		return c, err
	}
	return query(ctx, l.db, "count records", scanCount, l.counts, prefix, prefix+string(utf8.MaxRune))
}

// query collects the rows of a statement; what says what it is for.
func query[R any](ctx context.Context, db *sql.DB, what string, scan func(*sql.Rows) (R, error), statement string, args ...any) ([]R, error) {
	rows, err := db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, driverError(ctx, what, err)
	}
	defer rows.Close()
	var all []R
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, driverError(ctx, what, err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, driverError(ctx, what, err)
	}
	return all, nil
}

// scan reads a row of the columns of Ledger.load.
func scan(rows *sql.Rows) (r provision.Record, err error) {
	var until, started, changed, unfinished, decided, lost, closed, open int64
	err = rows.Scan(&r.Key, &r.Target,
		&r.Revision, &r.State, &r.Kind, &r.Provider, &r.UserID, &r.Proof, &unfinished, &decided, &lost, &closed, &r.Request, &r.Sent, &r.Owner,
		&until, &started, &changed, &open)
	r.Unfinished, r.Decided, r.Lost, r.Closed = unfinished != 0, decided != 0, lost != 0, closed != 0
	r.Until, r.Started, r.Changed = fromMicros(until), fromMicros(started), fromMicros(changed)
	return r, err
}

// arguments are the values of the columns and then the name, as the statements have them.
func arguments(r provision.Record) []any {
	return []any{
		r.Revision, string(r.State), int64(r.Kind), r.Provider, r.UserID, int64(r.Proof), flag(r.Unfinished), flag(r.Decided), flag(r.Lost), flag(r.Closed),
		r.Request, r.Sent, r.Owner,
		micros(r.Until), micros(r.Started), micros(r.Changed), flag(r.Open()),
		r.Key, r.Target,
	}
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

// micros returns a time as it is kept: microseconds since 1970, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// keepable finds a time that could not be read back: the first instant of 1970, and a
// time about 290,000 years away.
func keepable(records []provision.Record) error {
	for _, r := range records {
		for _, t := range [...]time.Time{r.Until, r.Started, r.Changed} {
			if !fromMicros(micros(t)).Equal(t) {
				return errors.New("sqlledger: a time of a record cannot be stored in a database")
			}
		}
	}
	return nil
}

// checkEncoding refuses a database that does not order names by their UTF-8.
func (l *Ledger) checkEncoding(ctx context.Context) error {
	var encoding string
	if err := l.db.QueryRowContext(ctx, syntaxOf[l.dialect].encoding).Scan(&encoding); err != nil {
		return driverError(ctx, "ask the database for its encoding", err)
	}
	if encoding != "UTF8" && encoding != "UTF-8" {
		return fmt.Errorf("sqlledger: the database is encoded in %s, and a ledger needs UTF-8", encoding)
	}
	return nil
}

func (l *Ledger) checkTable(ctx context.Context) error {
	records, err := query(ctx, l.db, "look at the ledger's table", scan, l.check)
	if err == nil && len(records) > 0 {
		err = errors.New("sqlledger: the database returns rows from an empty table")
	}
	return err
}

// createLock is held while a table is made: PostgreSQL may fail two CREATE TABLE IF NOT
// EXISTS at once.
const createLock = 0x656e6c697374 // "enlist"

func (l *Ledger) createTable(ctx context.Context, table string) error {
	statements, err := schema(l.dialect, table)
	if err != nil {
		return err
	}
	if l.dialect == PostgreSQL {
		statements = append([]string{fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", createLock)}, statements...)
	}
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return driverError(ctx, "make the ledger's table", err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return driverError(ctx, "make the ledger's table", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return driverError(ctx, "make the ledger's table", err)
	}
	return nil
}

// driverError wraps a driver's error, together with the context's error if that is
// done: not every driver reports it.
func driverError(ctx context.Context, what string, err error) error {
	if over := ctx.Err(); over != nil && !errors.Is(err, over) {
		return fmt.Errorf("sqlledger: %s: %w: %w", what, over, err)
	}
	return fmt.Errorf("sqlledger: %s: %w", what, err)
}
