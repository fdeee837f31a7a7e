package sqlledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi/provision"
)

// Store implements Storer, in a transaction of its own.
func (l *Ledger) Store(ctx context.Context, records ...provision.Record) error {
	next, err := storable(ctx, records)
	if err != nil || len(next) == 0 {
		return err
	}
	tx, err := l.db.BeginTx(ctx, syntaxOf[l.dialect].level)
	if err != nil {
		return driverError(ctx, "store records", err)
	}
	// After a Commit, also a failed one, this does nothing.
	defer func() { _ = tx.Rollback() }()
	if l.dialect == PostgreSQL {
		if _, err := tx.ExecContext(ctx, syncCommit); err != nil {
			return driverError(ctx, "store records", err)
		}
	}
	if err := l.write(ctx, tx, next); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return driverError(ctx, "store records: whether they are is not known, since the commit failed", err)
	}
	return nil
}

// syncCommit makes a transaction's commit wait until it is durable. It does not change
// a stronger setting (PostgreSQL, "synchronous_commit").
const syncCommit = `SELECT set_config('synchronous_commit', 'on', true) ` +
	`WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')`

// Tx returns a Storer whose records are stored if and only if the caller commits tx. So
// the program's own data about a sign-up and the sign-up in the ledger are stored
// together. Before the commit the records are not durable, Load does not see them, and
// other Stores of the same records wait.
//
// Such a Store is all or nothing too, by a savepoint. After an error, such as ErrStale,
// the caller may continue the transaction and commit it without the records. The
// exception is an error that breaks the transaction itself, such as a lost connection
// or, in SQLite, a context that ends during a statement. The transaction is then rolled
// back, and tx.Commit fails.
//
// The caller decides how durable and how isolated the transaction is:
//
//   - With REPEATABLE READ or SERIALIZABLE, PostgreSQL reports a record that was
//     changed meanwhile by its own error (SQLSTATE 40001).
//   - Two transactions that store the same records by several Stores in different
//     orders may deadlock. One of them then ends with an error.
//   - In SQLite, begin a transaction that reads before it stores by BEGIN IMMEDIATE.
//     Otherwise it may find the database locked, even with a busy_timeout.
//
// Like tx, the Storer is for one goroutine at a time.
func (l *Ledger) Tx(tx *sql.Tx) provision.Storer { return outbox{l: l, tx: tx} }

type outbox struct {
	l     *Ledger
	tx    *sql.Tx
	isNew bool // the records of a Store are to be the only ones of their key
}

// WhereNew returns a Storer for the records of one key. Its Store fails with ErrStale
// if the key has other records. A Provisioner's Queue uses it.
func (o outbox) WhereNew() provision.Storer {
	o.isNew = true
	return o
}

// undoWithin is how long a rollback to the savepoint may take after the context is
// done.
const undoWithin = 5 * time.Second

// Store implements Storer.
func (o outbox) Store(ctx context.Context, records ...provision.Record) error {
	next, err := storable(ctx, records)
	if err != nil || len(next) == 0 {
		return err
	}
	if _, err := o.tx.ExecContext(ctx, "SAVEPOINT enlist_store"); err != nil {
		return driverError(ctx, "store records", err)
	}
	err = o.l.write(ctx, o.tx, next)
	if err == nil && o.isNew {
		err = o.l.checkNew(ctx, o.tx, next)
	}
	if err == nil {
		_, err = o.tx.ExecContext(ctx, "RELEASE SAVEPOINT enlist_store")
		if err == nil {
			return nil
		}
		err = driverError(ctx, "store records", err)
	}
	o.undo(ctx)
	return err
}

// checkNew is an ErrStale where the key of records that were written has others too. It reads
// behind the write, since SQLite waits for its lock only where nothing was read before.
func (l *Ledger) checkNew(ctx context.Context, tx *sql.Tx, written []provision.Record) error {
	var n int
	if err := tx.QueryRowContext(ctx, l.count, written[0].Key).Scan(&n); err != nil {
		return driverError(ctx, "store records", err)
	}
	if n != len(written) {
		return provision.ErrStale
	}
	return nil
}

// undo takes back what this Store has written. Where that fails it takes back the whole
// transaction, since the caller might commit half a Store.
func (o outbox) undo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	for _, statement := range [...]string{"ROLLBACK TO SAVEPOINT enlist_store", "RELEASE SAVEPOINT enlist_store"} {
		if _, err := o.tx.ExecContext(ctx, statement); err != nil {
			_ = o.tx.Rollback()
			return
		}
	}
}

// storable returns the records as they are to be stored, in the order in which every
// Store locks them.
func storable(ctx context.Context, records []provision.Record) ([]provision.Record, error) {
	next, err := provision.NextRevisions(records)
	if err != nil {
		return nil, err
	}
	if err := keepable(next); err != nil {
		return nil, err
	}
	return next, ctx.Err()
}

// write compares and sets. It reads nothing first: a row that is written is locked and
// current, and SQLite waits for its lock only where nothing was read before.
func (l *Ledger) write(ctx context.Context, tx *sql.Tx, next []provision.Record) error {
	if l.storeAll != "" && len(next) > 1 {
		return exec(ctx, tx, int64(len(next)), l.storeAll, arrays(next)...)
	}
	for _, r := range next {
		statement, args := l.insert, arguments(r)
		if before := r.Revision - 1; before != 0 {
			statement, args = l.update, append(args, before)
		}
		if err := exec(ctx, tx, 1, statement, args...); err != nil {
			return err
		}
	}
	return nil
}

// exec carries out a statement that is to write so many rows.
func exec(ctx context.Context, tx *sql.Tx, rows int64, statement string, args ...any) error {
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return driverError(ctx, "store records", err)
	}
	switch n, err := result.RowsAffected(); {
	case err != nil:
		return driverError(ctx, "store records", err)
	case 0 <= n && n < rows:
		return provision.ErrStale
	case n != rows:
		return errors.New("sqlledger: store records: the table has several rows of one record")
	}
	return nil
}

// arrays returns the columns of records, and then their names, each as the text of an
// array.
func arrays(records []provision.Record) []any {
	texts := make([][]byte, len(columns)+len(nameColumns))
	for i, r := range records {
		for j, value := range arguments(r) {
			text := append(texts[j], "{,"[min(i, 1)])
			switch v := value.(type) {
			case int64:
				text = strconv.AppendInt(text, v, 10)
			case string:
				text = append(text, '"')
				text = append(text, inArray.Replace(v)...)
				text = append(text, '"')
			}
			if i == 0 {
				text = slices.Grow(text, len(records)*len(text)) // values of a column are about as long
			}
			texts[j] = text
		}
	}
	all := make([]any, len(texts))
	for j, text := range texts {
		all[j] = string(append(text, '}'))
	}
	return all
}

// inArray escapes a text in the text of an array.
var inArray = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
