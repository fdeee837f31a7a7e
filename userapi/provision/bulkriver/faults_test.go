//go:build unix

package bulkriver_test

import (
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestDatabaseWithFaults cuts all connections repeatedly while rows are loaded and done. The
// database has the strictest isolation and a short statement timeout. At the end each row has one
// user at each vendor, nothing was sent twice, and no value of a row was shown.
func TestDatabaseWithFaults(t *testing.T) {
	t.Parallel()
	at := newPostgres(t)
	for _, setting := range []string{"default_transaction_isolation = 'serializable'", "statement_timeout = '2s'"} {
		_, err := at.db.ExecContext(t.Context(), "DO $do$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || $$ SET "+setting+"$$; END $do$")
		require.NoError(t, err)
	}
	v := newVendors(t)
	p, err := provision.New(provision.Group(at.ledger), v.targets(),
		provision.RequestKeys("0123456789abcdef0123456789abcdef"), provision.Patience(time.Millisecond),
		provision.Lease(killedLease), provision.Grace(500*time.Millisecond))
	require.NoError(t, err)
	const rows = 400
	told := make(chan string, 10*rows)
	w, err := at.queue.Worker(bulkriver.WorkerConfig{
		Provisioner: p, Jobs: []bulk.Job{spring}, JobTimeout: killedTimeout,
		OnError: func(_ string, err error) { told <- err.Error() },
	})
	require.NoError(t, err)
	load := func() (bulkriver.Report, error) {
		return at.queue.Load(t.Context(), at.inserter(t), p, spring, csv(people(1, rows)))
	}
	at.start(t, w, 8, func(c *river.Config) { c.JobTimeout, c.RescueStuckJobsAfter = killedTimeout, killedRescue })
	var loading sync.WaitGroup
	loading.Go(func() {
		for v.identity.Stats().Creates < rows {
			_, _ = load() // can fail
		}
	})
	cuts := 0
	for i := range 15 {
		until(t, "the workers are at work again", func() bool { return v.identity.Stats().Creates > i*rows/16 })
		var n int
		err := at.db.QueryRowContext(t.Context(), "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&n)
		if err == nil {
			cuts += n
		}
	}
	loading.Wait()
	require.Positive(t, cuts)
	_, err = load()
	for range 5 { // the pool can still have broken connections
		if err != nil {
			_, err = load()
		}
	}
	require.NoError(t, err)
	until(t, "the queue is empty", func() bool {
		var n int
		return at.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM river_job").Scan(&n) == nil && n == 0
	})
	for name, s := range map[string]userapitest.Stats{"identity": v.identity.Stats(), "chat": v.chat.Stats()} {
		assert.Equal(t, rows, s.Users, name)
		assert.Equal(t, rows, s.Creates, name)
	}
	report, err := load()
	require.NoError(t, err)
	assert.EqualValues(t, rows, report.Done, report)
	for range len(told) {
		assertNothingPlantedIn(t, <-told)
	}
	assertNothingPlanted(t, at)
}
