//go:build unix

package bulkriver_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// TestLoadAndWork: each row goes through the queue once and gets its users. A repeated load does
// not add it, whether it waits or is done.
func TestLoadAndWork(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		const n = 50
		report := at.load(t, p, people(1, n))
		assert.EqualValues(t, n, report.Queued, report)
		assert.EqualValues(t, n, report.Rows.Rows)
		assert.True(t, report.Rows.Complete)
		assert.Equal(t, n, at.jobs(t))

		report = at.load(t, p, people(1, n))
		assert.EqualValues(t, n, report.Present, report)
		assert.Zero(t, report.Queued)
		assert.Equal(t, n, at.jobs(t))

		at.start(t, at.worker(t, p, nil), 10)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Equal(t, n, v.identity.UserCount())
		assert.Equal(t, n, v.chat.UserCount())
		assert.Equal(t, n, v.identity.Stats().Creates)
		assert.Equal(t, n, v.chat.Stats().Creates)

		report = at.load(t, p, people(1, n))
		assert.EqualValues(t, n, report.Done, report)
		assert.Zero(t, at.jobs(t))
	})
}

// TestLoadWhileWorkersRun: several concurrent loads repeat while workers run. Each row is sent
// once, and the queue is empty at the end.
func TestLoadWhileWorkersRun(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		n := 300
		if at.dialect == sqlledger.SQLite {
			n = 60 // with the race detector it is slow
		}
		at.start(t, at.worker(t, p, nil), 4)
		client := at.inserter(t)
		var loading sync.WaitGroup
		for range 3 {
			loading.Go(func() {
				for range 5 {
					report, err := at.queue.Load(t.Context(), client, p, spring, bulk.CSV(strings.NewReader(people(1, n)), bulk.CSVOptions{}))
					assert.NoError(t, err)
					assert.EqualValues(t, n, report.Queued+report.Present+report.Done, report)
				}
			})
		}
		loading.Wait()
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Equal(t, n, v.identity.Stats().Creates)
		assert.Equal(t, n, v.chat.Stats().Creates)
		assert.EqualValues(t, n, at.load(t, p, people(1, n)).Done)
		assert.Zero(t, at.jobs(t))
	})
}

// A lateInserter runs a function between a load's look-ups and its insert.
type lateInserter struct {
	client

	before func()
}

func (l lateInserter) InsertMany(ctx context.Context, params []insertParams) ([]*rivertype.JobInsertResult, error) {
	l.before()
	return l.client.InsertMany(ctx, params)
}

func (l lateInserter) InsertManyFast(ctx context.Context, params []insertParams) (int, error) {
	l.before()
	return l.client.InsertManyFast(ctx, params)
}

// TestRowThatIsDoneMeanwhile: if another process finishes a row between the ledger look-up and the
// insert, the row is removed from the queue again. A row that another load inserts counts as
// already queued.
func TestRowThatIsDoneMeanwhile(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		var once sync.Once
		late := lateInserter{at.inserter(t), func() {
			once.Do(func() {
				_, err := bulk.Run(t.Context(), p, spring, bulk.CSV(strings.NewReader(people(1, 2)), bulk.CSVOptions{}))
				assert.NoError(t, err)
				at.load(t, p, people(3, 3))
			})
		}}
		report, err := at.queue.Load(t.Context(), late, p, spring, bulk.CSV(strings.NewReader(people(1, 5)), bulk.CSVOptions{}))
		require.NoError(t, err)
		assert.EqualValues(t, 2, report.Done, report)
		assert.EqualValues(t, 1, report.Present, report)
		assert.EqualValues(t, 2, report.Queued, report)
		assert.Equal(t, 3, at.jobs(t))
	})
}

// TestRowThatIsDifferentMeanwhile: a row whose key another process uses for another request, between the look
// into the ledger and the insert, is taken out of the queue again and reported.
func TestRowThatIsDifferentMeanwhile(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		const header = "key,username,email,password\n"
		late := lateInserter{at.inserter(t), func() {
			_, err := bulk.Run(t.Context(), p, spring, csv(header+"1,anna,ann@planted.example,planted-Secret\n"))
			assert.NoError(t, err)
		}}
		var faults []bulk.Fault
		job := spring
		job.OnFault = func(f bulk.Fault) { faults = append(faults, f) }
		report, err := at.queue.Load(t.Context(), late, p, job, csv(header+"1,ann,ann@planted.example,planted-Secret\n"))
		require.NoError(t, err)
		report.Rows = bulk.Report{}
		assert.Equal(t, bulkriver.Report{Different: 1}, report)
		assert.Zero(t, at.jobs(t))
		require.Len(t, faults, 1)
		assert.Equal(t, userapi.CodeDifferent, faults[0].Code)
	})
}

// TestLoadsOfTwoVersions: of two concurrent loads, the later version is queued even if the older
// one was first.
func TestLoadsOfTwoVersions(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		const header = "key,username,email,password\n"
		var once sync.Once
		late := lateInserter{at.inserter(t), func() {
			once.Do(func() {
				at.load(t, p, header+"1,ann,ann@planted.example,planted-Secret\n2,bob,bob@planted.example,planted-Secret\n")
			})
		}}
		report, err := at.queue.Load(t.Context(), late, p, spring, csv(header+"1,anna,ann@planted.example,planted-Secret\n2,bob,bob@planted.example,planted-Secret\n"))
		require.NoError(t, err)
		assert.EqualValues(t, 1, report.Replaced, report)
		assert.EqualValues(t, 1, report.Present, report)
		at.start(t, at.worker(t, p, nil), 4)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.True(t, slices.ContainsFunc(v.chat.Users(), func(u quickbloxtest.User) bool { return u.Login == "anna" }))
	})
}

// TestTwoQueues: a row has one job in a database, even with several queues. The job is in the queue
// of the last load, sealed for that queue's workers, and counts there.
func TestTwoQueues(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		at.load(t, p, people(1, 2))
		first := at.queue
		var err error
		at.queue, err = bulkriver.Open(t.Context(), bulkriver.Config{DB: at.db, Dialect: at.dialect, Sealer: keys(t), Name: "second"})
		require.NoError(t, err)
		report := at.load(t, p, people(2, 3))
		assert.EqualValues(t, 1, report.Replaced, report)
		assert.EqualValues(t, 1, report.Queued, report)
		s, err := first.Status(t.Context(), "spring")
		require.NoError(t, err)
		assert.Equal(t, map[string]int64{"available": 1}, s.States)
		assert.Equal(t, map[string]int64{"available": 2}, at.status(t).States)
		at.start(t, at.worker(t, p, nil), 4)
		until(t, "the second queue is empty", func() bool { return at.jobs(t) == 1 })
		assert.EqualValues(t, 2, at.load(t, p, people(2, 3)).Done)
	})
}

// TestRetryOfAWaitingRow: RetryRefused also applies to a row that waits in the queue for another
// target.
func TestRetryOfAWaitingRow(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		var mended, down atomic.Bool
		down.Store(true)
		targets := creator(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			if !mended.Load() {
				return nil, failure(userapi.KindInvalid, userapi.OutcomeRejected, 422)
			}
			return &userapi.User{Provider: "crm", ID: "7"}, nil
		})
		targets = append(targets, provision.Target{Name: "chat", Creator: userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			if down.Load() {
				return nil, failure(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
			}
			return &userapi.User{Provider: "chat", ID: "7"}, nil
		})})
		p := at.provisioner(t, targets, provision.Pause(0, time.Second))
		at.load(t, p, people(1, 1))
		at.begin(t, "1")
		w := at.worker(t, p, nil)
		var snooze *river.JobSnoozeError
		require.ErrorAs(t, w.Work(t.Context(), at.job(t)), &snooze)
		_, err := at.db.ExecContext(t.Context(), "UPDATE river_job SET state = 'available', attempt = 0")
		require.NoError(t, err)
		mended.Store(true)
		down.Store(false)
		for _, want := range []bulkriver.Report{{Replaced: 1}, {Present: 1}} {
			report, err := at.queue.Load(t.Context(), at.inserter(t), p, spring, csv(people(1, 1)), bulkriver.RetryRefused())
			require.NoError(t, err)
			report.Rows = want.Rows
			assert.Equal(t, want, report)
		}
		at.start(t, w, 4)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Empty(t, at.rejects(t))
		assert.EqualValues(t, 1, at.load(t, p, people(1, 1)).Done)
	})
}

// A lateLedger runs a function before it reads many keys.
type lateLedger struct {
	*sqlledger.Ledger

	before func()
}

func (l lateLedger) LoadMany(ctx context.Context, keys []string) ([]provision.Record, error) {
	l.before()
	return l.Ledger.LoadMany(ctx, keys)
}

// TestEditedRowOfARefusedOne: a load that finds its row refused in the meantime removes that row
// from the queue. It keeps the edited row that another load has put there.
func TestEditedRowOfARefusedOne(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		targets := creator(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			if req.Username == "ann" {
				return nil, failure(userapi.KindInvalid, userapi.OutcomeRejected, 422)
			}
			return &userapi.User{Provider: "crm", ID: "7"}, nil
		})
		const header = "key,username,email,password\n"
		const first, edited = header + "1,ann,ann@planted.example,planted-Secret\n", header + "1,anna,ann@planted.example,planted-Secret\n"
		p := at.provisioner(t, targets)
		late := lateInserter{at.inserter(t), func() {
			_, err := bulk.Run(t.Context(), p, spring, csv(first))
			assert.NoError(t, err)
		}}
		asked := 0
		lp, err := provision.New(lateLedger{at.ledger, func() {
			if asked++; asked == 2 {
				report := at.load(t, p, edited)
				assert.EqualValues(t, 1, report.Replaced, report)
			}
		}}, targets, provision.RequestKeys("0123456789abcdef0123456789abcdef"))
		require.NoError(t, err)
		report, err := at.queue.Load(t.Context(), late, lp, spring, csv(first))
		require.NoError(t, err)
		assert.EqualValues(t, 1, report.Refused, report)
		require.Equal(t, 1, at.jobs(t), "the edited row is not in the queue any more")
		var users atomic.Int64
		job := spring
		job.OnResult = func(r bulk.RowResult) {
			if r.Results[0].Err == nil {
				users.Add(1)
			}
		}
		w := at.workerOf(t, p, job)
		at.start(t, w, 1)
		until(t, "the row is done", func() bool { return at.jobs(t) == 0 && users.Load() == 1 })
	})
}

// TestEditedRow: an edited row replaces the older version in the queue. If the older version is
// done or a worker is doing it, the edited row is reported and left out. A row with another line
// number is the same row.
func TestEditedRow(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		begun, left := make(chan struct{}), make(chan struct{})
		var once sync.Once
		slow := provision.Target{Name: "crm", Creator: userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			if req.Username == "slow" {
				once.Do(func() { close(begun) })
				<-left
			}
			return &userapi.User{Provider: "crm", ID: "7"}, nil
		})}
		p := at.provisioner(t, append(v.targets(), slow))
		const header = "key,username,email,password,note\n"
		at.load(t, p, header+"1,ann,ann@planted.example,planted-Secret,x\n2,slow,slow@planted.example,planted-Secret,x\n")
		report := at.load(t, p, header+"\n\n2,slow,slow@planted.example,planted-Secret,x\n1,anna,ann@planted.example,planted-Secret,x\n")
		assert.EqualValues(t, 1, report.Replaced, report)
		assert.EqualValues(t, 1, report.Present, report)
		assert.Equal(t, 2, at.jobs(t))

		at.start(t, at.worker(t, p, nil), 4)
		<-begun
		until(t, "the other is done", func() bool { return at.jobs(t) == 1 })
		assert.True(t, slices.ContainsFunc(v.chat.Users(), func(u quickbloxtest.User) bool { return u.Login == "anna" }))
		var faults []bulk.Fault
		job := spring
		job.OnFault = func(f bulk.Fault) { faults = append(faults, f) }
		load := func(text string) bulkriver.Report {
			faults = nil
			report, err := at.queue.Load(t.Context(), at.inserter(t), p, job, bulk.CSV(strings.NewReader(header+text), bulk.CSVOptions{}))
			require.NoError(t, err)
			return report
		}
		// The ledger has it by now, and the note is not of the request.
		report = load("2,slow,slow@planted.example,planted-Secret,other\n1,ann,ann@planted.example,planted-Secret,x\n")
		assert.EqualValues(t, 1, report.AtWork, report)
		assert.EqualValues(t, 1, report.Different, report)
		require.Len(t, faults, 2)
		assert.Equal(t, []string{userapi.CodeDifferent, bulkriver.CodeAtWork}, []string{faults[0].Code, faults[1].Code})
		assert.Equal(t, []int64{3, 2}, []int64{faults[0].Line, faults[1].Line})
		assert.EqualValues(t, 1, load("2,slower,slow@planted.example,planted-Secret,x\n").Different)
		close(left)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Equal(t, 2, v.identity.UserCount())
	})
}

// TestLoadOfFaults: invalid rows are reported as by bulk.Check, and are not queued.
func TestLoadOfFaults(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		var faults []bulk.Fault
		job := spring
		job.OnFault = func(f bulk.Fault) { faults = append(faults, f) }
		text := "key,email\n1,a@planted.example\n,b@planted.example\n1,c@planted.example\n2\n3,d@planted.example\n"
		report, err := at.queue.Load(t.Context(), at.inserter(t), p, job, bulk.CSV(strings.NewReader(text), bulk.CSVOptions{}))
		require.NoError(t, err)
		assert.EqualValues(t, 2, report.Queued, report)
		assert.EqualValues(t, 3, report.Rows.RowsAtFault)
		assert.Equal(t, faults, report.Rows.Faults)
		require.Len(t, faults, 3)
		assert.Equal(t, []string{userapi.CodeRequired, bulk.CodeDuplicate, bulk.CodeUnreadable}, []string{faults[0].Code, faults[1].Code, faults[2].Code})
		assert.Equal(t, 2, at.jobs(t))
		assertNothingPlantedIn(t, fmt.Sprint(report, faults))
	})
}

// A brokenSource has rows, and then an error.
type brokenSource struct {
	rows int
	err  error
}

func (s brokenSource) Rows(context.Context) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		for i := range s.rows {
			if !yield(bulk.Row{Line: int64(i + 1), Values: map[string]any{"key": fmt.Sprint(i), "email": "a@planted.example"}}, nil) {
				return
			}
		}
		if s.err != nil {
			yield(bulk.Row{}, s.err)
		}
	}
}

// TestLoadThatEnds: rows that were read before a load ends are queued, and a later load adds the
// rest.
func TestLoadThatEnds(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		torn := errors.New("torn")
		report, err := at.queue.Load(t.Context(), at.inserter(t), p, spring, brokenSource{1100, torn})
		require.ErrorIs(t, err, torn)
		assert.EqualValues(t, 1100, report.Queued, report)
		assert.False(t, report.Rows.Complete)
		report, err = at.queue.Load(t.Context(), at.inserter(t), p, spring, brokenSource{1200, nil})
		require.NoError(t, err)
		assert.EqualValues(t, 100, report.Queued, report)
		assert.Equal(t, 1200, at.jobs(t))

		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = at.queue.Load(over, at.inserter(t), p, spring, brokenSource{5, torn})
		require.ErrorIs(t, err, context.Canceled)
	})
}

// TestLoadOfBrokenLedger: if the ledger fails, nothing is added.
func TestLoadOfBrokenLedger(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		_, err := at.db.ExecContext(t.Context(), "ALTER TABLE enlist_ledger RENAME TO away")
		require.NoError(t, err)
		report, err := at.queue.Load(t.Context(), at.inserter(t), p, spring, bulk.CSV(strings.NewReader(people(1, 3)), bulk.CSVOptions{}))
		require.ErrorContains(t, err, "lines 2 to 4: ask the ledger")
		assert.Zero(t, report.Queued)
		assert.Zero(t, at.jobs(t))
	})
}

// TestLoadOfBadArguments: missing arguments are reported before anything is read.
func TestLoadOfBadArguments(t *testing.T) {
	t.Parallel()
	at := newSQLite(t)
	p := at.provisioner(t, newVendors(t).targets())
	_, err := at.queue.Load(t.Context(), nil, p, spring, brokenSource{})
	require.ErrorContains(t, err, "Load needs a client of River")
	_, err = at.queue.Load(t.Context(), at.inserter(t), p, bulk.Job{}, brokenSource{})
	require.ErrorContains(t, err, "name of a job")
	_, err = at.queue.Load(t.Context(), at.inserter(t), p, spring, oddSource{})
	require.ErrorContains(t, err, `line 1: column "odd"`)
	assert.Zero(t, at.jobs(t))
}

// An oddSource has a value of a type that a Row cannot have.
type oddSource struct{}

func (oddSource) Rows(context.Context) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		yield(bulk.Row{Line: 1, Values: map[string]any{"key": "1", "odd": time.Now()}}, nil)
	}
}

// TestReport prints and logs the numbers.
func TestReport(t *testing.T) {
	t.Parallel()
	r := bulkriver.Report{Rows: bulk.Report{Job: "spring", Rows: 21, Complete: true}, Queued: 1, Replaced: 2, Present: 3, Done: 4, Different: 5, AtWork: 6, Refused: 7}
	assert.Equal(t, "job spring: 21 rows read, 0 at fault\n1 queued, 2 replaced, 3 there already, 4 done before,\n    7 refused before, 5 different, 6 at work in an older version\n", fmt.Sprint(r))
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("loaded", "report", r)
	assert.Contains(t, log.String(), "report.queued=1 report.replaced=2 report.present=3 report.done=4 report.refused=7 report.different=5 report.at_work=6")
}
