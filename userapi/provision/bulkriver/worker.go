package bulkriver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A WorkerConfig is what a Worker needs.
type WorkerConfig struct {
	// Provisioner creates the users. It is required. Its ledger keeps two workers apart, so several
	// processes must share it, as they can that of package sqlledger.
	Provisioner *provision.Provisioner
	// Jobs are those whose rows the worker does, at least one. A row of another job is left in the
	// queue. Of each job, its Name, Mapping, Lanes, OnResult and RejectSecrets are used. The lanes
	// are this worker's own: a Limiter of [Queue.Limiter] bounds what all workers send. One goroutine
	// at a time calls OnResult.
	Jobs []bulk.Job
	// JobTimeout is how long a worker may take for a row. It must be longer than the Provisioner's
	// Lease. 0 is twice the Lease.
	JobTimeout time.Duration
	// OnError is called with what kept a row from being tried, or its end from being stored or told:
	//
	//   - the row cannot be opened, or its reject not be sealed;
	//   - a Creator, a Map or OnResult panicked: the row is done if it was OnResult;
	//   - the ledger, or the database of the queue, failed;
	//   - a vendor refuses the credentials: once, and then once a minute;
	//   - the row was left for later 8, 16, 32 and so on times. The error has the targets, kinds and
	//     codes of its last try.
	//
	// The error may hold values of the row: River does not get it. Many goroutines call OnError at
	// once.
	OnError func(key string, err error)
}

// A Worker does the rows of the queue, as a river.Worker. Queue.Worker makes one.
type Worker struct {
	river.WorkerDefaults[Args]

	q          *Queue
	processors map[string]*bulk.Processor
	onResult   map[string]func(bulk.RowResult)
	lease      time.Duration
	timeout    time.Duration
	onError    func(string, error)
	finisher   finisher
	breaker    credentials
	resultMu   sync.Mutex // one goroutine at a time calls an OnResult
}

// Worker makes a Worker. Its Configure registers it with a client of River. The error lists every bad
// setting.
func (q *Queue) Worker(c WorkerConfig) (*Worker, error) {
	if c.Provisioner == nil {
		return nil, errors.New("bulkriver: WorkerConfig.Provisioner is required")
	}
	w := &Worker{
		q: q, processors: map[string]*bulk.Processor{}, onResult: map[string]func(bulk.RowResult){},
		lease: c.Provisioner.Lease(), timeout: c.JobTimeout, onError: c.OnError, finisher: finisher{q: q},
	}
	if w.timeout == 0 {
		w.timeout = 2 * w.lease
	}
	var faults []error
	if w.timeout <= w.lease {
		faults = append(faults, fmt.Errorf("bulkriver: WorkerConfig.JobTimeout is %v: it must be longer than the Lease of the Provisioner, %v", w.timeout, w.lease))
	}
	if len(c.Jobs) == 0 {
		faults = append(faults, errors.New("bulkriver: WorkerConfig.Jobs needs at least one job"))
	}
	for _, job := range c.Jobs {
		p, err := bulk.NewProcessor(c.Provisioner, job)
		switch {
		case err != nil:
			faults = append(faults, err)
		case w.processors[job.Name] != nil:
			faults = append(faults, fmt.Errorf("bulkriver: WorkerConfig.Jobs: job %s is there twice", job.Name))
		default:
			w.processors[job.Name], w.onResult[job.Name] = p, job.OnResult
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return w, nil
}

// rescueMargin is how much longer than a job's time-out River waits for a worker by default.
const rescueMargin = 30 * time.Second

// Configure registers the worker in a client's configuration, which may have workers and queues of
// the program's own. rows is how many rows the worker does at once.
//
//	setting                 where it is not set            refused
//	Schema                  that of the Queue              another one
//	RescueStuckJobsAfter    longer than the time-outs      shorter than the worker's JobTimeout
//	Queues[Queue.Name]      rows at once                   one that is there
//
// River takes a row from a worker after RescueStuckJobsAfter. A smaller one brings the rows of a process
// that was killed back sooner.
func (w *Worker) Configure(c *river.Config, rows int) error {
	switch {
	case rows < 1 || rows > river.QueueNumWorkersMax:
		return fmt.Errorf("bulkriver: Configure takes 1 to %d rows at once", river.QueueNumWorkersMax)
	case c.RescueStuckJobsAfter != 0 && c.RescueStuckJobsAfter < w.timeout:
		return fmt.Errorf("bulkriver: RescueStuckJobsAfter is %v: it must not be shorter than the JobTimeout of the worker, %v", c.RescueStuckJobsAfter, w.timeout)
	}
	if c.Schema != "" && c.Schema != w.q.schema {
		return fmt.Errorf("bulkriver: the configuration has the schema %q, and the Queue %q: they must be one", c.Schema, w.q.schema)
	}
	if _, there := c.Queues[w.q.name]; there {
		return fmt.Errorf("bulkriver: the configuration has a queue %s already", w.q.name)
	}
	if c.Workers == nil {
		c.Workers = river.NewWorkers()
	}
	if err := river.AddWorkerSafely(c.Workers, w); err != nil {
		return fmt.Errorf("bulkriver: %w", err)
	}
	if c.RescueStuckJobsAfter == 0 {
		c.RescueStuckJobsAfter = max(w.timeout, c.JobTimeout, river.JobTimeoutDefault) + rescueMargin
	}
	c.Schema = w.q.schema
	if c.Queues == nil {
		c.Queues = map[string]river.QueueConfig{}
	}
	c.Queues[w.q.name] = river.QueueConfig{MaxWorkers: rows}
	return nil
}

// Timeout implements river.Worker.
func (w *Worker) Timeout(*river.Job[Args]) time.Duration { return w.timeout }

// NextRetry implements river.Worker, for a row whose worker was killed, or panicked.
func (w *Worker) NextRetry(job *river.Job[Args]) time.Time {
	return time.Now().Add(min(time.Second<<min(job.Attempt, 10), longestRetry))
}

const (
	// firstWait is waited for before the second try, and doubled for each one after, up to
	// longestWait. Each is made a little longer or shorter, so that rows do not come back all at once.
	firstWait   = time.Second
	longestWait = 5 * time.Minute
	// longestAsked bounds for how long a vendor can have a row left.
	longestAsked = 24 * time.Hour
	// longestRetry bounds the wait after a panic, or a kill.
	longestRetry = 10 * time.Minute
	// elsewhere is for how long a row is left for another worker: this one does not have its job, or
	// cannot open it.
	elsewhere = time.Minute
	// heldLeast and heldMost bound for how long a row is left that another run holds.
	heldLeast, heldMost = 250 * time.Millisecond, 15 * time.Second
)

// Work implements river.Worker.
func (w *Worker) Work(ctx context.Context, job *river.Job[Args]) (err error) {
	defer func() {
		// River would store the value, and log it.
		if v := recover(); v != nil {
			err = errForRiver
			w.tellPanic(job.Args.Key, v)
		}
	}()
	p := w.processors[job.Args.Job]
	if p == nil {
		return river.JobSnooze(spread(elsewhere))
	}
	if wait := w.breaker.wait(); wait > 0 {
		return river.JobSnooze(spread(wait))
	}
	row, err := w.q.open(ctx, job.Args.Row, aboutRow, job.Args.Job, job.Args.Key)
	if err != nil {
		w.tellError(job.Args.Key, err)
		return river.JobSnooze(spread(elsewhere))
	}
	req, faults := p.Request(row)
	if len(faults) == 0 && req.IdempotencyKey != job.Args.Key {
		faults = []bulk.Fault{{Line: row.Line, Field: "key", Code: userapi.CodeDifferent, Message: "the mapping makes another key of the row than when it was loaded"}}
	}
	if len(faults) > 0 {
		rejected := p.RejectFault(row, faults)
		return w.finish(ctx, job, &rejected)
	}
	try := p.Try
	if job.Args.Retry {
		try = p.Retry
	}
	t := try(ctx, req)
	wait, news := w.breaker.observe(t.Results)
	if news != "" {
		w.tellError(job.Args.Key, fmt.Errorf("bulkriver: target %s refuses the credentials, and its rows are left for later", news))
	}
	if wait > 0 {
		return w.leave(job, t, spread(wait))
	}
	if t.Class == bulk.ClassOpen {
		if err := ledgerFault(t.Results); err != nil {
			w.tellError(job.Args.Key, err)
		}
		return w.leave(job, t, w.waitFor(job, t))
	}
	var rejected *bulk.Row
	if t.Class == bulk.ClassRefused {
		r := p.Reject(row, t)
		rejected = &r
	}
	if err := w.finish(ctx, job, rejected); err != nil {
		return err
	}
	if tell := w.onResult[job.Args.Job]; tell != nil {
		w.tellResult(tell, bulk.RowResult{Line: row.Line, Key: job.Args.Key, Results: t.Results})
	}
	return nil
}

// tellResult calls an OnResult. The row is out of the queue by then, also if OnResult panics.
func (w *Worker) tellResult(tell func(bulk.RowResult), r bulk.RowResult) {
	defer func() {
		if v := recover(); v != nil {
			w.tellPanic(r.Key, v)
		}
	}()
	w.resultMu.Lock()
	defer w.resultMu.Unlock()
	tell(r)
}

// tellPanic calls OnError for a panic.
func (w *Worker) tellPanic(key string, v any) {
	defer func() { _ = recover() }() // OnError may panic too
	w.tellError(key, fmt.Errorf("%w: %v", ErrPanic, v))
}

// ErrPanic is in the chain of what WorkerConfig.OnError is told of a panic. The text behind it is the
// program's own, and may hold values of the row.
var ErrPanic = errors.New("bulkriver: a panic")

// errForRiver is what River gets of a panic, and stores: it has no text of the program's own.
var errForRiver = errors.New("bulkriver: a Creator, a Map, a Sealer or OnError panicked: WorkerConfig.OnError has more")

// The codes of provision for a ledger that failed: it could not be read, or an outcome not be stored.
const (
	codeLedger = "ledger"
	codeRecord = "record"
)

// ledgerFault returns the error of a ledger that failed, nil if it did not.
func ledgerFault(results []provision.Result) error {
	for _, res := range results {
		var e *userapi.Error
		if errors.As(res.Err, &e) && (e.Code == codeLedger || e.Code == codeRecord) &&
			e.Kind != userapi.KindCanceled && e.Kind != userapi.KindConflict {
			// The error keeps its cause out of its text.
			return fmt.Errorf("bulkriver: the ledger failed at target %s, and the row is left for later: %w", res.Target, errors.Join(res.Err, e.Err))
		}
	}
	return nil
}

func (w *Worker) tellError(key string, err error) {
	if w.onError != nil {
		w.onError(key, err)
	}
}

// finish takes the row out of the queue. Where the database fails it is tried once more, and found
// to be done.
func (w *Worker) finish(ctx context.Context, job *river.Job[Args], rejected *bulk.Row) error {
	end := ending{ID: job.ID, Attempt: job.Attempt, Job: job.Args.Job, Key: job.Args.Key}
	if rejected != nil {
		_, sealed, err := w.q.seal(ctx, *rejected, aboutReject, end.Job, end.Key)
		if err != nil {
			w.tellError(end.Key, err)
			return river.JobSnooze(spread(elsewhere))
		}
		end.Reject = base64.StdEncoding.EncodeToString(sealed)
	}
	own, err := w.finisher.finish(ctx, end)
	if err != nil {
		w.tellError(end.Key, err)
	}
	if !own {
		// River may have given the job to another worker, and would complete it now, also if
		// that one has something left to do. Snoozed, it is looked at once more.
		return river.JobSnooze(spread(firstWait))
	}
	return nil
}

// waitFor returns for how long a row is left that is to be tried again.
func (w *Worker) waitFor(job *river.Job[Args], t bulk.Try) time.Duration {
	if t.Held {
		return spread(min(max(w.lease/8, heldLeast), heldMost))
	}
	return max(spread(min(firstWait<<min(snoozes(job), 10), longestWait)), min(t.Wait, longestAsked)+spread(firstWait)/2)
}

// leave leaves a row for later. It calls OnError if that was done 8, 16, 32 and so on times: a row that stays
// open is seen.
func (w *Worker) leave(job *river.Job[Args], t bulk.Try, wait time.Duration) error {
	if n := snoozes(job) + 1; n >= firstLeft && n&(n-1) == 0 {
		w.tellError(job.Args.Key, fmt.Errorf("bulkriver: left for later %d times: %s", n, whyOpen(t.Results)))
	}
	return river.JobSnooze(wait)
}

// firstLeft is a power of two.
const firstLeft = 8

// snoozes returns how often a row was left for later. River counts that.
func snoozes(job *river.Job[Args]) int {
	var metadata struct {
		Snoozes int `json:"snoozes"`
	}
	_ = json.Unmarshal(job.Metadata, &metadata) // without them it is 0
	return metadata.Snoozes
}

// whyOpen returns the targets without a user, with kinds and codes. It has no other text of an error.
func whyOpen(results []provision.Result) string {
	var all []string
	for _, res := range results {
		if res.Err == nil {
			continue
		}
		why := "target " + res.Target
		var e *userapi.Error
		if errors.As(res.Err, &e) {
			why += ": " + e.Kind.String()
			if e.Code != "" {
				why += " (code " + e.Code + ")"
			}
		}
		all = append(all, why)
	}
	return strings.Join(all, "; ")
}

// spread makes a wait up to a quarter longer or shorter.
func spread(d time.Duration) time.Duration {
	return d - d/4 + rand.N(d/2+1) //nolint:gosec // nobody gains by guessing it
}
