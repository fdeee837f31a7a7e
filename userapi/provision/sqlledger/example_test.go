package sqlledger_test

import (
	"context"
	"database/sql"
	"errors"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// The caller brings the driver, here pgx. CreateTable makes the table where there is none.
func ExampleOpen() {
	open := func(ctx context.Context, dsn string, key userapi.Secret, targets []provision.Target) (*provision.Provisioner, error) {
		db, err := sql.Open("pgx", dsn) // and import _ "github.com/jackc/pgx/v5/stdlib"
		if err != nil {
			return nil, err
		}
		ledger, err := sqlledger.Open(ctx, db, sqlledger.PostgreSQL, sqlledger.CreateTable())
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
		// Many sign-ups at once share a commit.
		return provision.New(provision.Group(ledger), targets, provision.RequestKeys(key))
	}
	_ = open
}

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
