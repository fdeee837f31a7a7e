package bulkriver_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
	"github.com/enlist-go/enlist/usercom"
)

// All programs on the queue share this set-up. They have the same RequestKeys and queue key, and
// keep both as secrets.
func open(ctx context.Context, db *sql.DB) (*bulkriver.Queue, *provision.Provisioner, error) {
	sealer, err := bulkriver.Keys(userapi.Secret(os.Getenv("QUEUE_KEY"))) // 32 random bytes
	if err != nil {
		return nil, nil, err
	}
	ledger, err := sqlledger.Open(ctx, db, sqlledger.PostgreSQL, sqlledger.CreateTable())
	if err != nil {
		return nil, nil, err
	}
	queue, err := bulkriver.Open(ctx, bulkriver.Config{DB: db, Dialect: sqlledger.PostgreSQL, Sealer: sealer, Ledger: ledger, CreateTables: true})
	if err != nil {
		return nil, nil, err
	}
	limiter, err := queue.Limiter(bulkriver.LimiterConfig{Name: "crm", Limit: userapi.RateLimit{PerSecond: 100}, Adaptive: true})
	if err != nil {
		return nil, nil, err
	}
	go func() { _ = limiter.Run(ctx) }()
	crm, err := usercom.New(usercom.Config{
		App: "acme", APIKey: userapi.Secret(os.Getenv("USERCOM_API_KEY")), HTTP: userapi.HTTPOptions{Limiter: limiter},
	})
	if err != nil {
		return nil, nil, err
	}
	p, err := provision.New(ledger, []provision.Target{{Name: "crm", Creator: crm}}, provision.RequestKeys(userapi.Secret(os.Getenv("REQUEST_KEY"))))
	return queue, p, err
}

// A program can load the rows of a file repeatedly.
func ExampleQueue_Load() {
	load := func(ctx context.Context, pool *pgxpool.Pool, file *os.File) error {
		queue, p, err := open(ctx, stdlib.OpenDBFromPool(pool))
		if err != nil {
			return err
		}
		client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
		if err != nil {
			return err
		}
		report, err := queue.Load(ctx, client, p, bulk.Job{Name: "spring"}, bulk.CSV(file, bulk.CSVOptions{}))
		fmt.Print(report)
		return err
	}
	_ = load
}

// Any number of processes can do the rows, beside their own jobs.
func ExampleQueue_Worker() {
	work := func(ctx context.Context, pool *pgxpool.Pool) error {
		queue, p, err := open(ctx, stdlib.OpenDBFromPool(pool))
		if err != nil {
			return err
		}
		worker, err := queue.Worker(bulkriver.WorkerConfig{Provisioner: p, Jobs: []bulk.Job{{Name: "spring"}}})
		if err != nil {
			return err
		}
		config := &river.Config{} // with the program's own workers and queues
		if err := worker.Configure(config, 100); err != nil {
			return err
		}
		client, err := river.NewClient(riverpgxv5.New(pool), config)
		if err != nil {
			return err
		}
		if err := client.Start(ctx); err != nil {
			return err
		}
		<-client.Stopped()
		return nil
	}
	_ = work
}
