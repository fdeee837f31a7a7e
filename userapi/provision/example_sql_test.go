package provision_test

import (
	"context"
	"database/sql"

	"github.com/enlist-go/enlist/userapi/provision"
)

// A program writes down a customer, and that a user is to be made for it, in one
// transaction: either both are true or none.
func ExampleSQL_Tx() {
	signUp := func(ctx context.Context, db *sql.DB, ledger *provision.SQL, key string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // behind a Commit it does nothing
		if _, err := tx.ExecContext(ctx, "INSERT INTO customers (id) VALUES ($1)", key); err != nil {
			return err
		}
		queued := provision.Record{Key: key, Target: "quickblox", State: provision.StateQueued}
		if err := ledger.Tx(tx).Store(ctx, queued); err != nil {
			return err
		}
		return tx.Commit()
	}
	_ = signUp
}
