//go:build unix

package bulkriver_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

type insertParams = river.InsertManyParams

// TestOpenOfBadConfig: one error lists every bad setting, or every missing table.
func TestOpenOfBadConfig(t *testing.T) {
	t.Parallel()
	_, err := bulkriver.Open(t.Context(), bulkriver.Config{Schema: `"; DROP`})
	for _, want := range []string{"DB is required", "Dialect must be", "Sealer is required", "Schema must be"} {
		require.ErrorContains(t, err, want)
	}
	onEach(t, func(t *testing.T, at *place) {
		c := bulkriver.Config{DB: at.db, Dialect: at.dialect, Sealer: keys(t)}
		q, err := bulkriver.Open(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, bulkriver.DefaultQueue, q.Name())
		_, err = at.db.ExecContext(t.Context(), "DROP TABLE enlist_share")
		require.NoError(t, err)
		_, err = bulkriver.Open(t.Context(), c)
		require.ErrorContains(t, err, "look at the tables of the shares")
		for statement := range strings.SplitSeq(bulkriver.Schema(at.dialect), ";") {
			if strings.TrimSpace(statement) != "" {
				_, err := at.db.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
		}
		_, err = bulkriver.Open(t.Context(), c)
		require.NoError(t, err)
	})
}

// TestStatus: Status reports the queue's content and age, whether it is paused, and the ledger's
// counts.
func TestStatus(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		s := at.status(t)
		assert.Empty(t, s.States)
		assert.Zero(t, s.Oldest)
		begun := time.Now()
		at.load(t, p, people(1, 3))
		s = at.status(t)
		assert.Equal(t, map[string]int64{"available": 3}, s.States)
		assert.WithinRange(t, s.Oldest, begun.Add(-2*time.Second), time.Now())
		assertNothingPlantedIn(t, fmt.Sprintf("%+v", s))
		other, err := at.queue.Status(t.Context(), "autumn")
		require.NoError(t, err)
		assert.Empty(t, other.States)
		all, err := at.queue.Status(t.Context(), "")
		require.NoError(t, err)
		assert.Equal(t, s.States, all.States)

		c := at.start(t, at.worker(t, p, nil), 4)
		require.NoError(t, c.QueuePause(t.Context(), at.queue.Name(), nil))
		assert.True(t, at.status(t).Paused)
		require.NoError(t, c.QueueResume(t.Context(), at.queue.Name(), nil))
		assert.False(t, at.status(t).Paused)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		s = at.status(t)
		assert.Empty(t, s.States)
		records := map[string]int64{}
		for _, count := range s.Ledger {
			records[count.Target+" "+string(count.State)] = count.Records
		}
		assert.Equal(t, map[string]int64{"identity created": 3, "chat created": 3}, records)
	})
}

// TestCancel: the rows of one job leave the queue, except one that a worker is doing.
func TestCancel(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		_, err := at.queue.Cancel(t.Context(), "")
		require.ErrorContains(t, err, "name of a job")
		at.load(t, p, people(1, 4))
		_, err = at.queue.Load(t.Context(), at.inserter(t), p, bulk.Job{Name: "autumn"}, csv(people(1, 2)))
		require.NoError(t, err)
		for state, n := range map[string]int{"running": 1, "retryable": 2, "discarded": 3} {
			at.setState(t, "spring/"+strconv.Itoa(n), state)
		}
		n, err := at.queue.Cancel(t.Context(), "spring")
		require.NoError(t, err)
		assert.EqualValues(t, 3, n)
		assert.Equal(t, map[string]int64{"running": 1}, at.status(t).States)
		assert.Equal(t, 3, at.jobs(t))
		report := at.load(t, p, people(1, 4))
		assert.EqualValues(t, 3, report.Queued, report)
	})
}

// setState sets the River state of a row's job.
func (at *place) setState(t testing.TB, key, state string) {
	t.Helper()
	of := "args ->> 'key'"
	if at.dialect == sqlledger.SQLite {
		of = "json_extract(args, '$.key')"
	}
	finalized := "NULL"
	if state == "discarded" {
		finalized = "CURRENT_TIMESTAMP"
	}
	_, err := at.db.ExecContext(t.Context(), "UPDATE river_job SET state = '"+state+"', finalized_at = "+finalized+" WHERE "+of+" = '"+key+"'")
	require.NoError(t, err)
}

// TestSchemaOfItsOwn: River's tables can be in their own schema.
func TestSchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	at := newPostgres(t)
	p := at.provisioner(t, newVendors(t).targets())
	for _, statement := range []string{"DROP TABLE river_job, river_queue, river_leader CASCADE", "DROP TYPE river_job_state CASCADE", "CREATE SCHEMA jobs"} {
		_, err := at.db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, at.migrate("jobs"))
	var err error
	at.queue, err = bulkriver.Open(t.Context(), bulkriver.Config{DB: at.db, Dialect: sqlledger.PostgreSQL, Sealer: keys(t), Schema: "jobs", Name: "people"})
	require.NoError(t, err)
	// Two schemas use the same job ids for different jobs.
	w := at.worker(t, p, nil)
	require.ErrorContains(t, w.Configure(&river.Config{Schema: "public"}, 4), `has the schema "public", and the Queue "jobs"`)
	_, err = at.queue.Load(t.Context(), at.inserter(t), p, spring, csv(people(1, 3)))
	require.ErrorContains(t, err, `has the schema "", and the Queue "jobs"`)
	c := at.start(t, w, 4)
	report, err := at.queue.Load(t.Context(), c, p, spring, csv(people(1, 3)))
	require.NoError(t, err)
	assert.EqualValues(t, 3, report.Queued)
	until(t, "the queue is empty", func() bool { return at.count(t, "SELECT COUNT(*) FROM jobs.river_job") == 0 })
	report, err = at.queue.Load(t.Context(), c, p, spring, csv(people(1, 3)))
	require.NoError(t, err)
	assert.EqualValues(t, 3, report.Done)
}
