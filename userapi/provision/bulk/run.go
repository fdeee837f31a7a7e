package bulk

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

const (
	// tries is the number of tries of a row with a temporary failure. Waits for a paused vendor do
	// not count.
	tries = 6
	// firstWait is the wait before the second try. It doubles for each further one. A vendor's
	// Retry-After may be longer.
	firstWait = time.Second
	// pausedWait is the shortest wait for a paused vendor.
	pausedWait = 250 * time.Millisecond
	// settleTime is how long rows in progress may take after the run is to end.
	settleTime = 15 * time.Second
	// laneWait is the wait before a row queues again in a lane that had no place for it in time.
	laneWait = 10 * time.Second
)

// Run creates the users of all rows, with p.Retry and each row's key. It may end at any moment,
// also by a crash. Call it again with the same job and rows: the ledger records what is done, and
// Run does the rest.
//
// A row that cannot be made into a request is reported as by Check, and nothing of it is sent. What
// Check would find at a target is in the row's results as not_sent. Duplicates are in the results
// of each row, as the ledger and the vendors report them.
//
// Rows are read when they are needed. At most Job.InFlight rows are in progress; rows with one key
// follow each other. If a target's Creator is a userapi.BatchCreator, creates that come at the same
// time are one request, so that a large InFlight makes large batches.
//
// A row with a temporary failure is tried up to five times, with waits. A row for a paused vendor
// waits, and the reading with it, until the vendor is back. After each pause one row tries the
// vendor, which is one of its tries. So a vendor that is down for an hour uses up about twenty
// rows, which the next run tries again.
//
// When the context ends, Run reads no more and sends no new creates. It returns the context's error
// when the rows in progress have ended: within 15 s, plus what provision.Grace allows. Run ends in
// the same way, with an error, if:
//   - the ledger keeps failing
//   - a vendor refuses the credentials of 20 requests in a row
//   - a file cannot be written
//
// Other errors are those of Check. A user that could not be created is not an error: the Report
// counts it, and Job.OnResult gets it. If one of the Job's functions panics, or
// provision.Provisioner.Retry does, Run ends as with the context, and then panics.
func Run(ctx context.Context, p *provision.Provisioner, job Job, src Source) (Report, error) {
	r := newRunning("run", job)
	if p == nil || src == nil {
		return r.done(errors.New("bulk: Run needs a Provisioner and a Source"))
	}
	var err error
	if r.Processor, err = NewProcessor(p, job); err != nil {
		return r.done(err)
	}
	r.act = func(ctx context.Context, req userapi.CreateUserRequest) []provision.Result {
		results, _ := r.p.Retry(ctx, req)
		return results
	}
	return r.run(ctx, src)
}

// A running is one call of Run or of Undo.
type running struct {
	tally
	*Processor

	// act does one row.
	act func(context.Context, userapi.CreateUserRequest) []provision.Result

	places chan struct{}
	stop   context.CancelFunc
	// settling is the context of the work on rows. It outlasts the one that stop ends.
	settling context.Context //nolint:containedctx // of one call
	keys     turns
	files    files

	mu       sync.Mutex // of the tally, the files, and the rest
	atWork   int
	outcomes outcomes
	left     rowsLeft
	held     []heldRow
	err      error // that ended the run, other than one of the reading
	panicked any   // the first panic outside the reading
}

// A task is a row in a run.
type task struct {
	row Row
	key string // as the row has it
	req userapi.CreateUserRequest
	// counted is set after the row was counted as read.
	counted bool
}

// A heldRow is a row that another run has, with its last results.
type heldRow struct {
	task
	results []provision.Result
}

func newRunning(what string, job Job) *running {
	return &running{tally: newTally(what, job), outcomes: newOutcomes(), left: rowsLeft{}, stop: func() {}}
}

// run reads and does the rows, and returns the Report.
func (r *running) run(ctx context.Context, src Source) (Report, error) {
	r.files = newFiles(r.job, r.mapper)
	r.places = make(chan struct{}, r.job.inFlight())
	ended := r.reportProgress()
	defer ended()             // again, for a panic
	defer r.files.flushLast() // for a panic
	err := r.tally.run(ctx, r.mapper, src, func(names *columnNames) error {
		if err := r.files.begin(ctx, src); err != nil {
			return err
		}
		return r.readAll(ctx, src, names)
	})
	ended()
	if failed := r.files.flush(); err == nil {
		err = failed
	}
	r.outcomes.addTo(&r.report, r.names, r.lanes)
	return r.done(err)
}

// readAll reads the rows, and starts each when there is a place for it. A panic outside the reading ends
// it, and continues here after the rows in progress have ended.
func (r *running) readAll(outer context.Context, src Source, names *columnNames) error {
	ctx, stop := context.WithCancel(outer)
	defer stop()
	r.mu.Lock()
	r.stop = stop
	r.mu.Unlock()
	var settled context.CancelFunc
	r.settling, settled = settlingAfter(ctx)
	defer settled()
	for _, l := range r.lanes {
		if r.what != undoing { // an Undo completes its rows
			l.closing = ctx
		}
	}
	var atWork sync.WaitGroup
	defer func() {
		stop() // also if the reading panics
		atWork.Wait()
		if panicked, _ := r.ending(); panicked != nil {
			panic(panicked)
		}
	}()
	err := r.read(ctx, src, names, func(row Row, bad *RowError) error {
		t, faults := r.taskOf(row, bad)
		if len(faults) > 0 {
			return r.reject(row, faults)
		}
		return r.start(ctx, &atWork, t, r.job.Wait > 0)
	})
	atWork.Wait()
	r.continueHeld(ctx, &atWork)
	if _, ended := r.ending(); ended != nil {
		return ended
	}
	if err == nil && ctx.Err() != nil {
		return r.contextError(ctx, 0)
	}
	return err
}

// settlingAfter returns a context that ends settleTime after another one.
func settlingAfter(ctx context.Context) (context.Context, context.CancelFunc) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		sleep(own, settleTime)
		cancel()
	})
	return own, func() { stop(); cancel() }
}

// taskOf makes the request of a row, or returns its faults.
func (r *running) taskOf(row Row, bad *RowError) (t task, faults []Fault) {
	if bad != nil {
		return t, []Fault{faultOf(bad)}
	}
	b := r.mapper.build(row)
	if faults = b.faultList(); len(faults) == 0 {
		t.row, t.key = row, b.key
		t.req, _ = b.done() // it has no fault
	}
	return t, faults
}

// reject reports a row at fault.
func (r *running) reject(row Row, faults []Fault) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(row.Line, faults)
	err := r.files.fault(row, faults)
	if err != nil {
		r.endLocked(err, nil)
	}
	return err
}

// start does a row when there is a place for it. If another run has the row, and waits is set, it is
// kept for the end of the input.
func (r *running) start(ctx context.Context, atWork *sync.WaitGroup, t task, waits bool) error {
	select {
	case r.places <- struct{}{}:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return r.contextError(ctx, t.row.Line)
	}
	r.mu.Lock()
	r.atWork++
	if !t.counted {
		t.counted = true
		r.add(t.row.Line, nil)
	}
	r.mu.Unlock()
	turn := r.keys.queue(t.req.IdempotencyKey)
	atWork.Go(func() {
		defer turn.end()
		defer func() {
			if v := recover(); v != nil {
				r.end(nil, v)
			}
			r.mu.Lock()
			r.atWork--
			r.mu.Unlock()
			<-r.places
		}()
		turn.wait()
		if r.isOther(t) {
			r.reportResult(t, different(t, r.names))
			return
		}
		results := r.do(ctx, t)
		if !waits || !slices.ContainsFunc(results, isHeld) || !r.hold(heldRow{t, results}) {
			r.reportResult(t, results)
		}
	})
	return nil
}

// isOther reports whether another row of this run has the key and is not done.
func (r *running) isOther(t task) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left.hasOther(t)
}

// end ends the run, for the first error or panic.
func (r *running) end(err error, panicked any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(err, panicked)
}

func (r *running) endLocked(err error, panicked any) {
	if r.err == nil && r.panicked == nil {
		r.err, r.panicked = err, panicked
	}
	r.stop()
}

// ending returns the error that ended the run, other than one of the reading.
func (r *running) ending() (panicked any, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.panicked, r.err
}

// do does one row.
func (r *running) do(ctx context.Context, t task) (results []provision.Result) {
	var changed []provision.Result // of targets that keep the user of another request
	for try := 1; ; {
		before := results
		results = r.act(r.settling, t.req)
		if isMended(results) { // the request is the key's from now on
			changed = results
			results = r.act(r.settling, t.req)
		}
		results = withKept(changed, withUsers(before, results))
		wait := r.pause(results)
		if wait == 0 && try < tries && slices.ContainsFunc(results, isPassing) {
			wait = max(firstWait<<(try-1), askedWait(results))
			try++
		}
		if wait == 0 || ctx.Err() != nil || !sleep(ctx, wait) {
			return results
		}
	}
}

const (
	// maxHeld is the largest number of rows kept for the end of the input.
	maxHeld = 10000
	// heldPoll is the time between two tries of them.
	heldPoll = 2 * time.Second
)

func (r *running) hold(h heldRow) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) == maxHeld {
		return false
	}
	r.held = append(r.held, h)
	r.left.add(h.task)
	return true
}

// continueHeld tries the rows of another run, until it has none or Job.Wait is over.
func (r *running) continueHeld(ctx context.Context, atWork *sync.WaitGroup) {
	for end := time.Now().Add(r.job.Wait); len(r.held) > 0; {
		sleep(ctx, min(heldPoll, time.Until(end)))
		held := r.held
		r.held = nil
		for _, h := range held {
			if r.start(ctx, atWork, h.task, time.Now().Before(end)) != nil {
				r.reportResult(h.task, h.results)
			}
		}
		atWork.Wait()
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reportResult counts the result of a row, and passes it on.
func (r *running) reportResult(t task, results []provision.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.outcomes.add(results) {
		r.left.add(t)
	}
	if err := r.files.result(t, results); err != nil {
		r.endLocked(err, nil)
	}
	if err := r.outcomes.hopeless(t.row.Line, results); err != nil {
		r.endLocked(err, nil)
	}
	if r.job.OnResult != nil {
		r.job.OnResult(RowResult{Line: t.row.Line, Key: t.req.IdempotencyKey, Results: results})
	}
}

// progressEvery is the time between two calls of OnProgress.
const progressEvery = time.Second

// reportProgress calls OnProgress from time to time, and once more at the end.
func (r *running) reportProgress() (end func()) {
	if r.job.OnProgress == nil {
		return func() {}
	}
	var teller sync.WaitGroup
	ended := make(chan struct{})
	teller.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				r.end(nil, v)
			}
		}()
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				r.job.OnProgress(r.progress())
			case <-ended:
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(ended)
		teller.Wait()
		r.job.OnProgress(r.progress())
	})
}

func (r *running) progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{Rows: r.report.Rows, AtWork: r.atWork, Elapsed: time.Since(r.begun)}
	for _, name := range r.names {
		l := r.lanes[name]
		p.Targets = append(p.Targets, TargetProgress{
			Target: name, States: r.outcomes.statesOf(name), Requests: l.requests.Load(), RateLimited: l.rateLimited.Load(),
			PerSecond: l.perSecond(), PausedUntil: r.p.PausedUntil(name),
		})
	}
	return p
}
