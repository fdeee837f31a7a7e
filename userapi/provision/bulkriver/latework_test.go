//go:build unix

package bulkriver_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// job returns the only job, as a worker gets it.
func (at *place) job(t testing.TB) *river.Job[bulkriver.Args] {
	t.Helper()
	text := "args::text"
	if at.dialect == sqlledger.SQLite {
		text = "json(args)"
	}
	job := &river.Job[bulkriver.Args]{JobRow: &rivertype.JobRow{}}
	var args []byte
	require.NoError(t, at.db.QueryRowContext(t.Context(), "SELECT id, attempt, "+text+" FROM river_job").Scan(&job.ID, &job.Attempt, &args))
	require.NoError(t, json.Unmarshal(args, &job.Args))
	return job
}

// begin marks the only job as running at this attempt.
func (at *place) begin(t testing.TB, attempt string) {
	t.Helper()
	_, err := at.db.ExecContext(t.Context(), "UPDATE river_job SET state = 'running', attempt = "+attempt)
	require.NoError(t, err)
}

// TestLateReturn: River gives the row of a stalled worker to another worker, possibly in a newer
// version. The first worker's later results are about its own version. River does not complete the
// other worker's job, OnResult is not called, and no reject is listed.
func TestLateReturn(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		for _, refused := range []bool{false, true} {
			p := at.provisioner(t, creator(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
				if refused {
					return nil, failure(userapi.KindInvalid, userapi.OutcomeRejected, 422)
				}
				return &userapi.User{Provider: "crm", ID: req.IdempotencyKey}, nil
			}))
			n := 1
			if refused {
				n = 2
			}
			at.load(t, p, people(n, n))
			at.begin(t, "1")
			late := at.job(t)
			at.begin(t, "2") // the other worker's attempt
			job := spring
			told := 0
			job.OnResult = func(bulk.RowResult) { told++ }
			w, err := at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p, Jobs: []bulk.Job{job}, OnError: func(key string, err error) { assert.NoError(t, err, key) }})
			require.NoError(t, err)
			err = w.Work(t.Context(), late)
			var snooze *river.JobSnoozeError
			require.ErrorAs(t, err, &snooze, "River completes the job of the other worker")
			assert.Zero(t, told)
			assert.Empty(t, at.rejects(t))
			assert.Equal(t, 1, at.count(t, "SELECT COUNT(*) FROM river_job WHERE state = 'running' AND attempt = 2"))

			require.NoError(t, w.Work(t.Context(), at.job(t)))
			assert.Equal(t, 1, told)
			assert.Len(t, at.rejects(t), n-1)
			assert.Zero(t, at.jobs(t))
		}
	})
}
