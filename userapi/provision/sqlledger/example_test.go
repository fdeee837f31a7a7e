package sqlledger_test

import (
	"context"
	"database/sql"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A program writes down a customer, and that its users are to be made, in one
// transaction: either both are true or none. A worker's Resume creates them.
func ExampleLedger_Tx() {
	signUp := func(ctx context.Context, db *sql.DB, ledger *sqlledger.Ledger, p *provision.Provisioner, req userapi.CreateUserRequest) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // behind a Commit it does nothing
		if _, err := tx.ExecContext(ctx, "INSERT INTO customers (id, email) VALUES ($1, $2)", req.IdempotencyKey, req.Email); err != nil {
			return err
		}
		if err := p.Queue(ctx, ledger.Tx(tx), req); err != nil {
			return err
		}
		return tx.Commit()
	}
	_ = signUp
}
