package sqlledger

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Dialect is the SQL of one database. Its zero value is none.
type Dialect int

// The dialects.
const (
	// PostgreSQL is that of PostgreSQL 12 and later, by any driver of database/sql.
	PostgreSQL Dialect = iota + 1
	// SQLite is that of SQLite 3.24 and later, by any driver of database/sql.
	SQLite
)

// String returns the name, such as "PostgreSQL".
func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "PostgreSQL"
	case SQLite:
		return "SQLite"
	default:
		return "dialect(" + strconv.Itoa(int(d)) + ")"
	}
}

// DefaultTable is the table of Open and Schema where none is named.
const DefaultTable = "enlist_ledger"

// Schema returns the statements that make the table of a ledger and its index, each with
// a semicolon behind it, for a program that has migrations of its own; [CreateTable]
// runs the same. The table is named as [TableName] says, "" is [DefaultTable].
func Schema(dialect Dialect, table string) (string, error) {
	statements, err := schema(dialect, table)
	if err != nil {
		return "", err
	}
	return strings.Join(statements, ";\n\n") + ";\n", nil
}

// columns are those that a record is kept in, but for its name. They are integers and
// texts alone: those come back from every driver as they went in.
var columns = [...]string{
	"revision", "state", "kind", "provider", "user_id", "proof", "unfinished", "decided", "lost", "closed", "request", "sent", "owner",
	"until", "started", "changed",
	"open", // provision.Record.Open, so that an index can answer it
}

// isText reports whether a column, or one of the name's, holds texts.
func isText(column string) bool {
	return slices.Contains([]string{"key", "target", "state", "provider", "user_id", "request", "sent", "owner"}, column)
}

func schema(dialect Dialect, table string) ([]string, error) {
	name, err := parseTable(dialect, table)
	if err != nil {
		return nil, err
	}
	// The names are compared and ordered byte by byte, whatever the database's locale.
	collate := dialect.bytewise()
	create := `CREATE TABLE IF NOT EXISTS ` + name.quoted() + ` (
	key        TEXT ` + collate + ` NOT NULL,
	target     TEXT ` + collate + ` NOT NULL,
	revision   BIGINT NOT NULL,
	state      TEXT NOT NULL,
	kind       SMALLINT NOT NULL,
	provider   TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	proof      SMALLINT NOT NULL,
	unfinished SMALLINT NOT NULL,
	decided    SMALLINT NOT NULL,
	lost       SMALLINT NOT NULL,
	closed     SMALLINT NOT NULL,
	request    TEXT NOT NULL,
	sent       TEXT NOT NULL,
	owner      TEXT NOT NULL,
	until      BIGINT NOT NULL,
	started    BIGINT NOT NULL,
	changed    BIGINT NOT NULL,
	open       SMALLINT NOT NULL,
	PRIMARY KEY (key, target)
)`
	// Of a long history few records are open.
	index, on := quote(name.table+"_open"), name.quoted()
	if dialect == SQLite {
		create += " WITHOUT ROWID"
		// There an index is named with its schema, and the table without.
		index, on = tableName{name.schema, name.table + "_open"}.quoted(), quote(name.table)
	}
	return []string{create, `CREATE INDEX IF NOT EXISTS ` + index + ` ON ` + on + ` (key) WHERE open = 1`}, nil
}

// bytewise is the clause that has texts compared byte by byte.
func (d Dialect) bytewise() string {
	if d == PostgreSQL {
		return `COLLATE "C"`
	}
	return "COLLATE BINARY"
}

// parameter is the placeholder of the nth argument, from 1.
func (d Dialect) parameter(n int) string {
	if d == PostgreSQL {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// encoding asks for the encoding of the database's texts.
func (d Dialect) encoding() string {
	if d == PostgreSQL {
		return "SHOW server_encoding"
	}
	return "PRAGMA encoding"
}

// A tableName is a table's name, in a schema or, at "", in the one that the connection
// has.
type tableName struct{ schema, table string }

// identifier is what both databases take without a thought, once it is quoted.
// PostgreSQL cuts names off at 63 bytes, and the index has five more than its table.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,57}$`)

func parseTable(dialect Dialect, name string) (tableName, error) {
	if dialect != PostgreSQL && dialect != SQLite {
		return tableName{}, fmt.Errorf("sqlledger: %v is no dialect of a ledger", dialect)
	}
	if name == "" {
		name = DefaultTable
	}
	schema, table, found := strings.Cut(name, ".")
	if !found {
		schema, table = "", name
	}
	if !identifier.MatchString(table) || found && !identifier.MatchString(schema) {
		return tableName{}, errors.New("sqlledger: a table is named by at most 58 ASCII letters, digits and underscores, behind a schema and a dot where it is in one")
	}
	return tableName{schema, table}, nil
}

func (n tableName) quoted() string {
	if n.schema == "" {
		return quote(n.table)
	}
	return quote(n.schema) + "." + quote(n.table)
}

// quote quotes an identifier, which may be a word of the language.
func quote(identifier string) string { return `"` + identifier + `"` }
