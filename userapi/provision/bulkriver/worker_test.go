//go:build unix

package bulkriver_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

var spring = bulk.Job{Name: "spring"}

// load loads a text and requires success.
func (at *place) load(t testing.TB, p *provision.Provisioner, text string) bulkriver.Report {
	t.Helper()
	report, err := at.queue.Load(t.Context(), at.inserter(t), p, spring, bulk.CSV(strings.NewReader(text), bulk.CSVOptions{}))
	require.NoError(t, err)
	return report
}

// worker returns a worker of the job. onError gets its errors.
func (at *place) worker(t testing.TB, p *provision.Provisioner, onError func(string, error)) *bulkriver.Worker {
	t.Helper()
	if onError == nil {
		onError = func(key string, err error) { assert.NoError(t, err, key) }
	}
	w, err := at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p, Jobs: []bulk.Job{spring}, OnError: onError})
	require.NoError(t, err)
	return w
}

// workerOf returns a worker of this job.
func (at *place) workerOf(t testing.TB, p *provision.Provisioner, job bulk.Job) *bulkriver.Worker {
	t.Helper()
	w, err := at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p, Jobs: []bulk.Job{job}})
	require.NoError(t, err)
	return w
}

// workedBy loads a row of the job spring. A worker with another job or mapping does it.
func (at *place) workedBy(t testing.TB, job bulk.Job) *vendors {
	t.Helper()
	v := newVendors(t)
	p := at.provisioner(t, v.targets())
	at.load(t, p, people(1, 1))
	at.start(t, at.workerOf(t, p, job), 4)
	return v
}

func (at *place) status(t testing.TB) bulkriver.Status {
	t.Helper()
	s, err := at.queue.Status(t.Context(), "spring")
	require.NoError(t, err)
	return s
}

// rejects returns the refused rows by key.
func (at *place) rejects(t testing.TB) map[string]bulk.Row {
	t.Helper()
	all := map[string]bulk.Row{}
	for row, err := range at.queue.Rejects(t.Context(), "spring") {
		require.NoError(t, err)
		all[fmt.Sprint(row.Values["key"])] = row.Row
	}
	return all
}

// snoozed waits until the only job is snoozed.
func (at *place) snoozed(t testing.TB) {
	t.Helper()
	until(t, "the job is snoozed", func() bool { return at.count(t, "SELECT COUNT(*) FROM river_job WHERE state = 'scheduled'") == 1 })
	assert.Zero(t, at.count(t, "SELECT MAX(attempt) FROM river_job"), "an attempt was used up")
	assert.Equal(t, 1, at.count(t, "SELECT COUNT(*) FROM river_job WHERE errors IS NULL"))
}

// creator is a vendor without look-ups.
func creator(create func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error)) []provision.Target {
	return []provision.Target{{Name: "crm", Creator: userapi.CreatorFunc(create)}}
}

func failure(kind userapi.Kind, outcome userapi.Outcome, status int) *userapi.Error {
	return &userapi.Error{Provider: "crm", Op: "create user", Kind: kind, Outcome: outcome, StatusCode: status}
}

// TestSnooze: a row waits as long as its vendor asks, and that uses no attempt.
func TestSnooze(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		v.chat.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}, Times: -1})
		at.load(t, p, people(1, 1))
		begun := time.Now()
		at.start(t, at.worker(t, p, nil), 4)
		at.snoozed(t)
		var until time.Time
		require.NoError(t, at.db.QueryRowContext(t.Context(), "SELECT scheduled_at FROM river_job").Scan(&until))
		assert.WithinRange(t, until, begun.Add(time.Hour-time.Minute), begun.Add(time.Hour+time.Minute))
		assert.Equal(t, 1, v.identity.UserCount())
		assert.Empty(t, at.rejects(t))
	})
}

// TestLongSnooze: if a vendor asks for a wait of years, the row waits a day. Otherwise it would be
// forgotten.
func TestLongSnooze(t *testing.T) {
	t.Parallel()
	for _, asked := range []time.Duration{100 * 365 * 24 * time.Hour, math.MaxInt64} {
		at := newSQLite(t)
		p := at.provisioner(t, creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			e := failure(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
			e.RetryAfter = asked
			return nil, e
		}))
		at.load(t, p, people(1, 1))
		at.begin(t, "1")
		var snooze *river.JobSnoozeError
		require.ErrorAs(t, at.worker(t, p, nil).Work(t.Context(), at.job(t)), &snooze)
		assert.Greater(t, snooze.Duration, 23*time.Hour)
		assert.Less(t, snooze.Duration, 25*time.Hour)
	}
}

// TestLeftOften: a row that stays open is reported after 8, 16, 32 and so on tries, without values
// of the row or of the vendor's text.
func TestLeftOften(t *testing.T) {
	t.Parallel()
	at := newSQLite(t)
	p := at.provisioner(t, creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
		e := failure(userapi.KindUnavailable, userapi.OutcomeRejected, 503)
		e.Code, e.Message = "down", planted
		return nil, e
	}), provision.Pause(100, time.Second)) // the target is not paused
	at.load(t, p, people(1, 1))
	at.begin(t, "1")
	for snoozes, want := range map[int]string{
		0: "", 6: "", 7: "8", 8: "", 14: "", 15: "16", 16: "", 31: "32", 47: "",
	} {
		var told []string
		w := at.worker(t, p, func(key string, err error) { told = append(told, key+": "+err.Error()) })
		job := at.job(t)
		job.Metadata = fmt.Appendf(nil, `{"snoozes": %d}`, snoozes)
		var snooze *river.JobSnoozeError
		require.ErrorAs(t, w.Work(t.Context(), job), &snooze)
		if want == "" {
			assert.Empty(t, told, snoozes)
			continue
		}
		assert.Equal(t, []string{"spring/1: bulkriver: left for later " + want + " times: target crm: unavailable (code down)"}, told)
	}
}

// TestPausedVendor: a row of a paused vendor waits until the pause ends, and is then done.
func TestPausedVendor(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		var down atomic.Bool
		var sent atomic.Int64
		down.Store(true)
		p := at.provisioner(t, creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			sent.Add(1)
			if down.Load() {
				return nil, failure(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
			}
			return &userapi.User{Provider: "crm", ID: "7"}, nil
		}), provision.Pause(1, 2*time.Second))
		const n = 10
		at.load(t, p, people(1, n))
		at.start(t, at.worker(t, p, nil), 1)
		until(t, "all rows are left", func() bool {
			return at.count(t, "SELECT COUNT(*) FROM river_job WHERE metadata <> '{}' OR state = 'scheduled'") > 0 && sent.Load() > 0
		})
		down.Store(false)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Less(t, sent.Load(), int64(2*n), "no row was sent to a vendor that is paused")
	})
}

// TestHeldRow: a row that another run holds waits, and is done after that run has ended.
func TestHeldRow(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		begun, left := make(chan struct{}), make(chan struct{})
		hangs := provision.Target{Name: "identity", Creator: userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			close(begun)
			<-left
			return nil, failure(userapi.KindTimeout, userapi.OutcomeNotSent, 0)
		})}
		p := at.provisioner(t, v.targets(), provision.Lease(8*time.Second), provision.Grace(time.Second))
		at.load(t, p, people(1, 1))
		processor, err := bulk.NewProcessor(p, spring)
		require.NoError(t, err)
		var ended sync.WaitGroup
		for row, err := range bulk.CSV(strings.NewReader(people(1, 1)), bulk.CSVOptions{}).Rows(t.Context()) {
			require.NoError(t, err)
			req, _ := processor.Request(row)
			ended.Go(func() { _, _ = at.provisioner(t, []provision.Target{hangs}).Continue(t.Context(), req) })
		}
		<-begun
		at.start(t, at.worker(t, p, nil), 4)
		until(t, "the row is left", func() bool {
			return at.count(t, "SELECT COUNT(*) FROM river_job WHERE attempted_at IS NOT NULL AND attempt = 0 AND state <> 'running'") == 1
		})
		assert.Zero(t, v.identity.UserCount())
		close(left)
		ended.Wait()
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Equal(t, 1, v.chat.UserCount())
	})
}

// TestRefusedRow: a refused row leaves the queue and is listed with the reason. After it is
// corrected and loaded again, it is done and no longer listed.
func TestRefusedRow(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		rows := "key,username,email,password\n1,ann,ann@planted.example,planted-Secret-1\n2,ann,bob@planted.example,planted-Secret-2\n"
		at.load(t, p, rows)
		at.start(t, at.worker(t, p, nil), 1)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		rejects := at.rejects(t)
		require.Len(t, rejects, 1)
		rejected := slices.Collect(maps.Values(rejects))[0]
		assert.Contains(t, rejected.Values["_target"], "identity")
		assert.Contains(t, rejected.Values["_code"], userapi.CodeTaken)
		assert.Equal(t, "no", rejected.Values["_retry"])
		assert.Equal(t, "ann", rejected.Values["username"])
		assert.Equal(t, userapi.Redacted, rejected.Values["password"])
		assert.EqualValues(t, 1, at.status(t).Rejects)

		report := at.load(t, p, rows)
		assert.EqualValues(t, 1, report.Done, report)
		assert.EqualValues(t, 1, report.Refused, report)
		sent := v.identity.Stats().Creates
		key := fmt.Sprint(rejected.Values["key"])
		report = at.load(t, p, "key,username,email,password\n"+key+",bob,bob@planted.example,planted-Secret-2\n")
		assert.EqualValues(t, 1, report.Queued, report)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Equal(t, sent+1, v.identity.Stats().Creates)
		assert.Equal(t, 2, v.chat.UserCount())
		assert.Empty(t, at.rejects(t))
		assert.Zero(t, at.status(t).Rejects)
	})
}

// TestRetryRefused: RetryRefused retries an unchanged row, because the reason may be gone at the
// vendor.
func TestRetryRefused(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		var sent atomic.Int64
		p := at.provisioner(t, creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			if sent.Add(1) == 1 {
				return nil, failure(userapi.KindInvalid, userapi.OutcomeRejected, 422)
			}
			return &userapi.User{Provider: "crm", ID: "7"}, nil
		}))
		at.load(t, p, people(1, 1))
		at.start(t, at.worker(t, p, nil), 2)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.EqualValues(t, 1, at.load(t, p, people(1, 1)).Refused)
		assert.Zero(t, at.jobs(t))
		report, err := at.queue.Load(t.Context(), at.inserter(t), p, spring, csv(people(1, 1)), bulkriver.RetryRefused())
		require.NoError(t, err)
		assert.EqualValues(t, 1, report.Queued, report)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.EqualValues(t, 2, sent.Load())
		assert.Empty(t, at.rejects(t))
		assert.EqualValues(t, 1, at.load(t, p, people(1, 1)).Done)
	})
}

// TestDropRejects: a job's rejects are deleted, except one that was refused again after it was
// read.
func TestDropRejects(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			return nil, failure(userapi.KindInvalid, userapi.OutcomeRejected, 422)
		}))
		const n = 220 // more than one read returns
		at.load(t, p, people(1, n))
		at.start(t, at.worker(t, p, nil), 50)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		ids := func() map[bulkriver.RejectID]bool {
			all := map[bulkriver.RejectID]bool{}
			for row, err := range at.queue.Rejects(t.Context(), "spring") {
				require.NoError(t, err)
				all[row.ID] = true
			}
			return all
		}
		read := ids()
		require.Len(t, read, n)
		dropped, err := at.queue.DropRejects(t.Context(), "autumn", read)
		require.NoError(t, err)
		assert.Zero(t, dropped)
		report, err := at.queue.Load(t.Context(), at.inserter(t), p, spring, csv(people(n, n)), bulkriver.RetryRefused())
		require.NoError(t, err)
		require.EqualValues(t, 1, report.Queued)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		dropped, err = at.queue.DropRejects(t.Context(), "spring", read)
		require.NoError(t, err)
		assert.EqualValues(t, n-1, dropped)
		assert.Len(t, at.rejects(t), 1, "it is a new one")
		_, err = at.queue.DropRejects(t.Context(), "spring", ids())
		require.NoError(t, err)
		assert.Empty(t, at.rejects(t))
	})
}

// TestRejectOfAnotherKey: a reject that cannot be opened is yielded as an error with its key. The
// others follow.
func TestRejectOfAnotherKey(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			return nil, failure(userapi.KindInvalid, userapi.OutcomeRejected, 422)
		}))
		at.load(t, p, people(1, 2))
		at.start(t, at.worker(t, p, nil), 2)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		for _, row := range []string{"AAAA", "not base64"} {
			_, err := at.db.ExecContext(t.Context(), "UPDATE enlist_reject SET row = '"+row+"' WHERE key = 'spring/1'")
			require.NoError(t, err)
			var rows []any
			var faults []error
			for row, err := range at.queue.Rejects(t.Context(), "spring") {
				if err != nil {
					faults = append(faults, err)
					continue
				}
				rows = append(rows, row.Values["key"])
			}
			require.Len(t, faults, 1)
			require.ErrorIs(t, faults[0], bulkriver.ErrSealed)
			require.ErrorContains(t, faults[0], "spring/1")
			assert.Equal(t, []any{"2"}, rows)
		}
	})
}

// TestUnknownRow: a row with an unknown outcome leaves the queue, is listed, and is never sent
// again.
func TestUnknownRow(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		var sent atomic.Int64
		p := at.provisioner(t, creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			sent.Add(1)
			return nil, failure(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}))
		at.load(t, p, people(1, 1))
		at.start(t, at.worker(t, p, nil), 4)
		for range 2 {
			until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
			s := at.status(t)
			assert.EqualValues(t, 1, s.Unknown())
			require.Len(t, s.Ledger, 1)
			assert.True(t, s.Ledger[0].Open)
			assert.Equal(t, "crm", s.Ledger[0].Target)
			assert.EqualValues(t, 1, sent.Load())
			assert.Empty(t, at.rejects(t))
			at.load(t, p, people(1, 1))
		}
	})
}

// TestPanic: the program gets the panic, River does not store it, and the row is retried.
func TestPanic(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		var calls atomic.Int64
		p := at.provisioner(t, creator(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			if calls.Add(1) == 1 {
				panic("planted: " + req.Email)
			}
			return &userapi.User{Provider: "crm", ID: "7"}, nil
		}), provision.Lease(time.Second), provision.Grace(100*time.Millisecond))
		at.load(t, p, people(1, 1))
		told := make(chan error, 100)
		at.start(t, at.worker(t, p, func(key string, err error) {
			assert.Equal(t, "spring/1", key)
			told <- err
		}), 4)
		require.ErrorContains(t, <-told, "person1@planted.example")
		until(t, "River has the error", func() bool {
			return at.jobs(t) == 0 || at.count(t, "SELECT COUNT(*) FROM river_job WHERE errors IS NOT NULL") == 1
		})
		assertNothingPlanted(t, at)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
	})
}

// TestPanicOfOnResult: the row is done and out of the queue. OnError gets the panic, and River gets nothing.
func TestPanicOfOnResult(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		job := spring
		job.OnResult = func(bulk.RowResult) { panic(planted) }
		var told []error
		w, err := at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p, Jobs: []bulk.Job{job}, OnError: func(key string, err error) {
			assert.Contains(t, key, "spring/")
			told = append(told, err)
			panic(err)
		}})
		require.NoError(t, err)
		for n := range 2 { // the second one finds that the first one holds no lock
			at.load(t, p, people(n+1, n+1))
			at.begin(t, "1")
			require.NoError(t, w.Work(t.Context(), at.job(t)))
			assert.Zero(t, at.jobs(t))
			require.Len(t, told, n+1)
			require.ErrorIs(t, told[n], bulkriver.ErrPanic)
			require.ErrorContains(t, told[n], planted)
		}
	})
}

// TestPanicOfOnError: River does not get a panic of OnError either. OnError's arguments can have values
// of the row, and its panic can too.
func TestPanicOfOnError(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, creator(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			panic("planted: " + req.Email)
		}))
		at.load(t, p, people(1, 1))
		at.begin(t, "1")
		w := at.worker(t, p, func(_ string, err error) { panic(err) })
		err := w.Work(t.Context(), at.job(t)) // River would store a panic's value
		require.EqualError(t, err, "bulkriver: a Creator, a Map, a Sealer or OnError panicked: WorkerConfig.OnError has more")
		require.NotErrorIs(t, err, bulkriver.ErrPanic)
	})
}

// TestRowThatCannotBeOpened: the row is left for a worker that has the key.
func TestRowThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		at.load(t, p, people(1, 1))
		other, err := bulkriver.Keys(newKey)
		require.NoError(t, err)
		at.queue, err = bulkriver.Open(t.Context(), bulkriver.Config{DB: at.db, Dialect: at.dialect, Sealer: other})
		require.NoError(t, err)
		told := make(chan error, 100)
		at.start(t, at.worker(t, p, func(_ string, err error) { told <- err }), 4)
		require.ErrorIs(t, <-told, bulkriver.ErrSealed)
		at.snoozed(t)

		assert.EqualValues(t, 1, at.load(t, p, people(1, 1)).Replaced, "a load puts in what can be opened")
	})
}

// TestRowInAnothersPlace: a row that was moved to another row's job does not open there.
func TestRowInAnothersPlace(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		at.load(t, p, people(1, 2))
		swap := "UPDATE river_job AS j SET args = jsonb_set(j.args, '{row}', o.args -> 'row') FROM river_job AS o WHERE o.id <> j.id"
		if at.dialect == sqlledger.SQLite {
			swap = "UPDATE river_job AS j SET args = jsonb_set(j.args, '$.row', o.text) FROM (SELECT id, json_extract(args, '$.row') AS text FROM river_job) AS o WHERE o.id <> j.id"
		}
		_, err := at.db.ExecContext(t.Context(), swap)
		require.NoError(t, err)
		told := make(chan error, 100)
		at.start(t, at.worker(t, p, func(_ string, err error) { told <- err }), 4)
		for range 2 {
			require.ErrorIs(t, <-told, bulkriver.ErrSealed)
		}
		assert.Zero(t, v.identity.UserCount())
	})
}

// TestRowOfAnotherJob: the row is left for a worker that has its job.
func TestRowOfAnotherJob(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := at.workedBy(t, bulk.Job{Name: "autumn"})
		at.snoozed(t)
		assert.Zero(t, v.identity.UserCount())
	})
}

// TestMappingThatChanged: if the worker's mapping gives no request, or one with another key, the
// row is a reject.
func TestMappingThatChanged(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := at.workedBy(t, bulk.Job{Name: "spring", Mapping: bulk.Mapping{Columns: map[string]string{"key": "email"}}})
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Equal(t, userapi.CodeDifferent, at.rejects(t)["1"].Values["_code"])
		assert.Zero(t, v.identity.UserCount())
	})
}

// TestRefusedCredentials: refused credentials do not reject rows. The rows wait, and after repeated
// refusals all rows wait.
func TestRefusedCredentials(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		var sent atomic.Int64
		p := at.provisioner(t, creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			sent.Add(1)
			return nil, failure(userapi.KindUnauthorized, userapi.OutcomeRejected, 401)
		}))
		const n = 100
		at.load(t, p, people(1, n))
		told := make(chan string, n)
		at.start(t, at.worker(t, p, func(_ string, err error) { told <- err.Error() }), 2)
		until(t, "all rows are left", func() bool { return at.status(t).States["scheduled"] == n })
		assert.Less(t, sent.Load(), int64(30))
		assert.Empty(t, at.rejects(t))
		require.Len(t, told, 2, "once for the first row, and once when all rows are left")
		assert.Equal(t, "bulkriver: target crm refuses the credentials, and its rows are left for later", <-told)
	})
}

// TestRefusedCredentialsOfOne: repeated refusals by one vendor make rows wait, even if another
// vendor answers.
func TestRefusedCredentialsOfOne(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		var sent atomic.Int64
		targets := creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			sent.Add(1)
			return nil, failure(userapi.KindUnauthorized, userapi.OutcomeRejected, 401)
		})
		targets = append(targets, provision.Target{Name: "chat", Creator: userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			return &userapi.User{Provider: "chat", ID: "7"}, nil
		})})
		p := at.provisioner(t, targets)
		const n = 60
		at.load(t, p, people(1, n))
		at.start(t, at.worker(t, p, func(string, error) {}), 2)
		until(t, "all rows are left", func() bool { return at.status(t).States["scheduled"] == n })
		assert.Less(t, sent.Load(), int64(30))
	})
}

// TestOnResult: the program gets the result of each row.
func TestOnResult(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		at.load(t, p, people(1, 20))
		var lines []int64 // no lock: it is called by one goroutine at a time
		job := spring
		job.OnResult = func(r bulk.RowResult) {
			assert.Len(t, r.Results, 2)
			assert.Equal(t, fmt.Sprintf("spring/%d", r.Line-1), r.Key)
			lines = append(lines, r.Line)
		}
		w := at.workerOf(t, p, job)
		c := at.start(t, w, 8)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		require.NoError(t, c.Stop(t.Context()))
		assert.Len(t, lines, 20)
	})
}

// TestWorkerOfBadConfig: Queue.Worker and Configure report every bad setting.
func TestWorkerOfBadConfig(t *testing.T) {
	t.Parallel()
	at := newSQLite(t)
	p := at.provisioner(t, newVendors(t).targets(), provision.Lease(time.Minute))
	_, err := at.queue.Worker(bulkriver.WorkerConfig{})
	require.ErrorContains(t, err, "Provisioner is required")
	_, err = at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p, JobTimeout: time.Minute, Jobs: []bulk.Job{spring, spring, {Name: "a b"}}})
	require.ErrorContains(t, err, "JobTimeout is 1m0s: it must be longer than the Lease of the Provisioner, 1m0s")
	require.ErrorContains(t, err, "job spring is there twice")
	require.ErrorContains(t, err, "name of a job")
	_, err = at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p})
	require.ErrorContains(t, err, "at least one job")

	w, err := at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p, Jobs: []bulk.Job{spring}})
	require.NoError(t, err)
	assert.Equal(t, 2*time.Minute, w.Timeout(nil))
	require.ErrorContains(t, w.Configure(&river.Config{RescueStuckJobsAfter: 119 * time.Second}, 1), "must not be shorter than the JobTimeout of the worker, 2m0s")
	require.ErrorContains(t, w.Configure(&river.Config{}, 0), "1 to 10000 rows")
	require.ErrorContains(t, w.Configure(&river.Config{Queues: map[string]river.QueueConfig{"enlist": {MaxWorkers: 1}}}, 1), "has a queue enlist already")

	c := &river.Config{JobTimeout: 10 * time.Minute}
	require.NoError(t, w.Configure(c, 7))
	assert.Greater(t, c.RescueStuckJobsAfter, 10*time.Minute)
	assert.Equal(t, 7, c.Queues["enlist"].MaxWorkers)
	require.ErrorContains(t, w.Configure(&river.Config{Workers: c.Workers}, 1), "already registered")
	c = &river.Config{RescueStuckJobsAfter: 2 * time.Minute}
	require.NoError(t, w.Configure(c, 7))
	assert.Equal(t, 2*time.Minute, c.RescueStuckJobsAfter)
}

// TestBesideOtherJobs: a program's own jobs and queues continue in the same client.
func TestBesideOtherJobs(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		at.load(t, p, people(1, 1))
		done := make(chan struct{})
		own := river.NewWorkers()
		river.AddWorker(own, river.WorkFunc(func(context.Context, *river.Job[ownArgs]) error {
			close(done)
			return nil
		}))
		c := at.start(t, at.worker(t, p, nil), 2, func(c *river.Config) {
			c.Workers, c.Queues = own, map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}}
		})
		_, err := c.InsertMany(t.Context(), []river.InsertManyParams{{Args: ownArgs{}}})
		require.NoError(t, err)
		<-done
		until(t, "the row is done", func() bool { return at.count(t, "SELECT COUNT(*) FROM river_job WHERE kind = 'enlist_row'") == 0 })
	})
}

type ownArgs struct{}

func (ownArgs) Kind() string { return "own" }

// TestDatabaseThatFails: if a row cannot be removed from the queue, the next try finds that it is
// done.
func TestDatabaseThatFails(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		at.load(t, p, people(1, 1))
		_, err := at.db.ExecContext(t.Context(), "ALTER TABLE enlist_reject RENAME TO away")
		require.NoError(t, err)
		told := make(chan error, 100)
		at.start(t, at.worker(t, p, func(_ string, err error) { told <- err }), 4)
		require.ErrorContains(t, <-told, "finish rows")
		_, err = at.db.ExecContext(t.Context(), "ALTER TABLE away RENAME TO enlist_reject")
		require.NoError(t, err)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Equal(t, 1, v.identity.Stats().Creates)
	})
}

// TestLedgerThatFails: a row that waits for the ledger is reported, because nothing else shows why
// it waits.
func TestLedgerThatFails(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		at.load(t, p, people(1, 1))
		_, err := at.db.ExecContext(t.Context(), "ALTER TABLE enlist_ledger RENAME TO away")
		require.NoError(t, err)
		at.begin(t, "1")
		var told []error
		w := at.worker(t, p, func(key string, err error) {
			assert.Equal(t, "spring/1", key)
			told = append(told, err)
		})
		var snooze *river.JobSnoozeError
		require.ErrorAs(t, w.Work(t.Context(), at.job(t)), &snooze)
		require.Len(t, told, 1)
		require.ErrorContains(t, told[0], "enlist_ledger")
		assertNothingPlantedIn(t, told[0].Error())
		assert.Zero(t, v.identity.UserCount())
	})
}
