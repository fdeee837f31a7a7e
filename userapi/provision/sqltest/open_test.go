//go:build unix

package sqltest

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

func (d database) openSQL(t *testing.T, opts ...sqlledger.Option) (*sqlledger.Ledger, error) {
	t.Helper()
	return sqlledger.Open(t.Context(), d.open(t), d.dialect, append([]sqlledger.Option{sqlledger.TableName(d.table)}, opts...)...)
}

func TestOpenWithoutATable(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		_, err := d.openSQL(t)
		require.ErrorContains(t, err, d.name(), "the database says what is missing")
	})
}

func TestOpenOfSchema(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		schema, err := sqlledger.Schema(d.dialect, d.table)
		require.NoError(t, err)
		db := d.open(t)
		for range 2 { // it may be run again
			for statement := range strings.SplitSeq(schema, ";") {
				must(t, db, statement)
			}
		}
		l, err := d.openSQL(t)
		require.NoError(t, err)
		require.NoError(t, l.Store(t.Context(), record("key", "a", 0)))
	})
}

func TestOpenOfATableThatLacksAColumn(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		for _, column := range []string{"decided", "open"} {
			db := d.open(t)
			schema, err := sqlledger.Schema(d.dialect, d.table)
			require.NoError(t, err)
			create, _, _ := strings.Cut(schema, ";")
			var kept []string
			for line := range strings.Lines(create) {
				if !strings.HasPrefix(line, "\t"+column+" ") {
					kept = append(kept, line)
				}
			}
			must(t, db, strings.Join(kept, ""))
			for _, opts := range [][]sqlledger.Option{nil, {sqlledger.CreateTable()}} {
				_, err = d.openSQL(t, opts...)
				require.ErrorContains(t, err, column)
			}
			must(t, db, "DROP TABLE "+d.name())
		}
	})
}

func TestOpenCreatesOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		const openers = 12
		errs := make(chan error, openers)
		for range openers {
			db := d.open(t)
			go func() {
				_, err := sqlledger.Open(t.Context(), db, d.dialect, sqlledger.CreateTable(), sqlledger.TableName(d.table))
				errs <- err
			}()
		}
		for range openers {
			require.NoError(t, <-errs)
		}
	})
}

func TestOpenCanceled(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := sqlledger.Open(ctx, d.open(t), d.dialect, sqlledger.CreateTable(), sqlledger.TableName(d.table))
		require.ErrorIs(t, err, context.Canceled)
		_, err = d.openSQL(t)
		require.Error(t, err, "nothing was made")
	})
}

func TestOpenOfAnotherSchema(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		d := newPostgres(t)
		db := d.open(t)
		must(t, db, "CREATE SCHEMA of_"+d.table)
		t.Cleanup(func() { _, _ = db.Exec("DROP SCHEMA of_" + d.table + " CASCADE") })
		// A word of the language, and a case of its own.
		d.table = "of_" + d.table + ".Order"
		l, err := d.openSQL(t, sqlledger.CreateTable())
		require.NoError(t, err)
		require.NoError(t, l.Store(t.Context(), record("key", "a", 0)))
		var n int
		require.NoError(t, db.QueryRow("SELECT count(*) FROM "+strings.Replace(d.table, "Order", `"Order"`, 1)).Scan(&n))
		assert.Equal(t, 1, n)
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		d := newSQLite(t, "WAL")
		d.conns = 1 // what is attached, is to a connection
		db := d.open(t)
		must(t, db, "ATTACH '"+filepath.Join(t.TempDir(), "other.db")+"' AS other")
		l, err := sqlledger.Open(t.Context(), db, d.dialect, sqlledger.CreateTable(), sqlledger.TableName("other.select"))
		require.NoError(t, err)
		require.NoError(t, l.Store(t.Context(), record("key", "a", 0)))
		var n int
		require.NoError(t, db.QueryRow(`SELECT count(*) FROM other."select"`).Scan(&n))
		assert.Equal(t, 1, n)
	})
}

func TestOpenOfAnotherEncoding(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		d := newPostgres(t)
		db := d.open(t)
		must(t, db, "CREATE DATABASE latin_"+d.table+" TEMPLATE template0 ENCODING LATIN1 LOCALE_PROVIDER libc LOCALE 'C'")
		t.Cleanup(func() { _, _ = db.Exec("DROP DATABASE latin_" + d.table + " WITH (FORCE)") })
		_, err := d.with("dbname", "latin_"+d.table).openSQL(t, sqlledger.CreateTable())
		require.ErrorContains(t, err, "LATIN1")
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		d := newSQLite(t, "WAL")
		d.dsn = sqliteDSN(filepath.Join(t.TempDir(), "utf16.db"), "encoding('UTF-16le')")
		_, err := d.openSQL(t, sqlledger.CreateTable())
		require.ErrorContains(t, err, "UTF-16le")
	})
}

// TestOpenWithoutARightToCreate has a role that may use the table and make none.
func TestOpenWithoutARightToCreate(t *testing.T) {
	t.Parallel()
	d := newPostgres(t)
	_, db := d.ledger(t)
	role := "user_of_" + d.table
	must(t, db, "CREATE ROLE "+role)
	t.Cleanup(func() {
		_, _ = db.Exec("DROP OWNED BY " + role)
		_, _ = db.Exec("DROP ROLE " + role)
	})
	must(t, db, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	must(t, db, "GRANT SELECT, INSERT, UPDATE ON "+d.table+" TO "+role)
	limited := d.with("role", role)
	l, err := limited.openSQL(t, sqlledger.CreateTable())
	require.NoError(t, err)
	require.NoError(t, l.Store(t.Context(), record("key", "a", 0)))
	require.NoError(t, l.Store(t.Context(), record("key", "a", 1)))
	limited.table += "_none"
	_, err = limited.openSQL(t, sqlledger.CreateTable())
	require.Error(t, err)
}

// TestStoreWaitsUntilDurable has servers that would answer a commit sooner, and records
// by a trigger which setting a Store has.
func TestStoreWaitsUntilDurable(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"off": "on", "local": "on", "remote_write": "on", "on": "on", "remote_apply": "remote_apply",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			d := newPostgres(t).with("synchronous_commit", setting)
			a := newApplication(t, d)
			must(t, a.db, "CREATE FUNCTION "+d.table+"_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO "+
				a.people()+" VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$")
			t.Cleanup(func() { _, _ = a.db.Exec("DROP FUNCTION " + d.table + "_note CASCADE") })
			must(t, a.db, "CREATE TRIGGER note AFTER INSERT ON "+d.table+" FOR EACH ROW EXECUTE FUNCTION "+d.table+"_note()")
			require.NoError(t, a.Store(t.Context(), record("key", "own", 0)))
			a.has(t, []string{want}, []string{"key"})

			// In the caller's transaction it is the caller's, and so it is behind a Store.
			tx := a.begin(t, nil)
			must(t, tx, "DELETE FROM "+a.people())
			require.NoError(t, a.Tx(tx).Store(t.Context(), record("key", "tx", 0)))
			require.NoError(t, tx.Commit())
			a.has(t, []string{setting}, []string{"key"})
		})
	}
}

// A tracer notes the statements of a ledger.
type tracer struct{ statements *[]string }

func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	*t.statements = append(*t.statements, data.SQL)
	return ctx
}

func (tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestPlans checks that PostgreSQL answers Load and ListOpen by an index, in its order.
func TestPlans(t *testing.T) {
	t.Parallel()
	d := newPostgres(t)
	config, err := pgx.ParseConfig(d.dsn)
	require.NoError(t, err)
	var statements []string
	config.Tracer = tracer{&statements}
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = db.Close() })
	l, err := sqlledger.Open(t.Context(), db, d.dialect, sqlledger.CreateTable(), sqlledger.TableName(d.table))
	require.NoError(t, err)
	must(t, db, "INSERT INTO "+d.table+" SELECT 'key' || n, 'target', 1, 'created', 0, '', '', 0, 0, 0, 0, 0, '', '', '', 0, 0, 0, "+
		"CASE WHEN n % 100 = 0 THEN 1 ELSE 0 END FROM generate_series(1, 20000) n")
	must(t, db, "ANALYZE "+d.table)

	statements = nil
	_, err = l.Load(t.Context(), "key7")
	require.NoError(t, err)
	_, err = l.ListOpen(t.Context(), "key7", 10)
	require.NoError(t, err)
	require.Len(t, statements, 2)
	for i, index := range []string{d.table + "_pkey", d.table + "_open"} {
		plan := explain(t, d.open(t), strings.NewReplacer("$1", "'key7'", "$2", "10").Replace(statements[i]))
		assert.Contains(t, plan, index)
		assert.NotContains(t, plan, "Sort", "the index has the order")
		assert.NotContains(t, plan, "Seq Scan")
	}
}

// explain returns PostgreSQL's plan of a statement.
func explain(t *testing.T, db *sql.DB, statement string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+statement)
	require.NoError(t, err)
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err())
	return plan.String()
}
