package sqlledger

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A Dialect is the SQL of one database. Its zero value means none.
type Dialect int

// The dialects.
const (
	// PostgreSQL is for PostgreSQL 12 and later, with any driver of database/sql.
	PostgreSQL Dialect = iota + 1
	// SQLite is for SQLite 3.24 and later, with any driver of database/sql.
	SQLite
)

// syntaxOf is where the databases' SQL differs.
var syntaxOf = map[Dialect]struct {
	name      string
	bytewise  string // the clause that has texts compared byte by byte
	encoding  string // asks for the encoding of the database's texts
	parameter func(n int) string
	// level is that of a transaction of our own. In PostgreSQL a database may have another one
	// by default, at which what is stale would be an error of the driver's.
	level *sql.TxOptions
}{
	PostgreSQL: {
		"PostgreSQL", `COLLATE "C"`, "SHOW server_encoding",
		func(n int) string { return "$" + strconv.Itoa(n) }, &sql.TxOptions{Isolation: sql.LevelReadCommitted},
	},
	SQLite: {"SQLite", "COLLATE BINARY", "PRAGMA encoding", func(int) string { return "?" }, nil},
}

// String returns the name, such as "PostgreSQL".
func (d Dialect) String() string {
	return cmp.Or(syntaxOf[d].name, "dialect("+strconv.Itoa(int(d))+")")
}

// DefaultTable is the table of Open and Schema if none is named.
const DefaultTable = "enlist_ledger"

// Schema returns the statements that make a ledger's table and index, each with a
// semicolon at its end. It is for a program with its own migrations; [CreateTable] runs
// the same statements. table is a name as for [TableName]; "" means [DefaultTable].
func Schema(dialect Dialect, table string) (string, error) {
	statements, err := schema(dialect, table)
	if err != nil {
		return "", err
	}
	return strings.Join(statements, ";\n\n") + ";\n", nil
}

// A column is an integer or a text: those come back from every driver as they went in.
type column struct{ name, kind string }

// columns are those that a record is kept in, but for nameColumns.
var (
	columns = []column{
		{"revision", "BIGINT"}, {"state", "TEXT"}, {"kind", "SMALLINT"}, {"provider", "TEXT"}, {"user_id", "TEXT"}, {"proof", "SMALLINT"},
		{"unfinished", "SMALLINT"}, {"decided", "SMALLINT"}, {"lost", "SMALLINT"}, {"closed", "SMALLINT"},
		{"request", "TEXT"}, {"sent", "TEXT"}, {"owner", "TEXT"},
		{"until", "BIGINT"}, {"started", "BIGINT"}, {"changed", "BIGINT"},
		{"open", "SMALLINT"}, // provision.Record.Open, so that an index can answer it
	}
	nameColumns = []column{{"key", "TEXT"}, {"target", "TEXT"}}
)

// list writes something of each column, with commas between.
func list(columns []column, of func(i int, c column) string) string {
	var all []string
	for i, c := range columns {
		all = append(all, of(i, c))
	}
	return strings.Join(all, ", ")
}

func columnName(_ int, c column) string { return c.name }

func schema(dialect Dialect, table string) ([]string, error) {
	name, err := parseTable(dialect, table)
	if err != nil {
		return nil, err
	}
	create := "CREATE TABLE IF NOT EXISTS " + name.quoted() + " (\n"
	for _, c := range nameColumns {
		// The names are compared and ordered byte by byte, whatever the database's locale.
		create += fmt.Sprintf("\t%-10s %s %s NOT NULL,\n", c.name, c.kind, syntaxOf[dialect].bytewise)
	}
	for _, c := range columns {
		create += fmt.Sprintf("\t%-10s %s NOT NULL,\n", c.name, c.kind)
	}
	create += "\tPRIMARY KEY (key, target)\n)"
	// Of a long history few records are open.
	index, on := quote(name.table+"_open"), name.quoted()
	if dialect == SQLite {
		create += " WITHOUT ROWID"
		// There an index is named with its schema, and the table without.
		index, on = tableName{name.schema, name.table + "_open"}.quoted(), quote(name.table)
	}
	return []string{create, `CREATE INDEX IF NOT EXISTS ` + index + ` ON ` + on + ` (key) WHERE open = 1`}, nil
}

// A tableName is a table's name, in a schema or, at "", in the one that the connection
// has.
type tableName struct{ schema, table string }

// identifier matches names that both databases accept when they are quoted. PostgreSQL
// cuts names at 63 bytes, and the index's name has five more than its table's.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,57}$`)

func parseTable(dialect Dialect, name string) (tableName, error) {
	if _, known := syntaxOf[dialect]; !known {
		return tableName{}, fmt.Errorf("sqlledger: %v is not a Dialect: expected PostgreSQL or SQLite", dialect)
	}
	schema, table, found := strings.Cut(cmp.Or(name, DefaultTable), ".")
	if !found {
		schema, table = "", schema
	}
	if !identifier.MatchString(table) || found && !identifier.MatchString(schema) {
		return tableName{}, errors.New("sqlledger: the table's name must be at most 58 ASCII letters, digits and underscores, with an optional schema and dot before it")
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
