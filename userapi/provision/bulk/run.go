package bulk

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

const (
	defaultInFlight = 64
	// tries is how often a row is tried whose failure may pass, beside the waits for vendors
	// that are paused.
	tries = 6
	// firstWait is waited for before the second try, and doubled for each one after. A vendor's
	// Retry-After is longer, perhaps.
	firstWait = time.Second
	// pausedWait is the least wait for a vendor that is paused.
	pausedWait = 250 * time.Millisecond
)

// A RowResult is what became of a row. It holds no value of the row but the users' ids.
type RowResult struct {
	// Line is the line on which the row begins.
	Line int64
	// Key is the request's IdempotencyKey, under which the ledger has the row.
	Key string
	// Results are the results of provision.Provisioner.Continue, in the order of the targets.
	Results []provision.Result
}

// Run creates the users of all rows, by p.Continue under each row's key. It may end at any
// moment, also by a crash, and be called again with the same job and rows: the ledger knows
// what is done, and Run does what is left.
//
// A row of which no request can be made is at fault: it is told as by Check, and nothing of it is
// sent. What Check finds of a row at a target is in the row's results, as not_sent, and what it
// finds of two rows the ledger and the vendors tell, each in its results too.
//
// Rows are read as they are needed: at most Job.InFlight are at work. A row whose failure may
// pass is tried again, five times at most, after a wait, and a row for a vendor that is paused waits
// for it: a vendor that is down holds the reading. Run then goes on by itself. After each pause one
// row tries the vendor, and that counts as one of its tries: a vendor that is down for an hour uses
// up about twenty rows, which the next run tries again.
//
// When the context ends Run reads no more, and returns when the rows at work are settled, as
// provision.Grace allows. The error is then the context's. Other errors are those of Check. That
// users could not be created is no error: the Report counts them, and Job.OnResult is given each.
// A panic of Job.OnResult, or one that provision.Provisioner.Continue lets go on, ends the run as
// the context's end does, and goes on here.
func Run(ctx context.Context, p *provision.Provisioner, job Job, src Source) (Report, error) {
	r := &running{tally: newTally("run", job), p: p, onResult: job.OnResult, states: map[stateKey]int64{}}
	err := r.run(ctx, job, src)
	r.report.States = r.sortedStates()
	return r.done(err)
}

// A running is one call of Run.
type running struct {
	tally

	p        *provision.Provisioner
	onResult func(RowResult)
	stop     context.CancelFunc

	mu       sync.Mutex // of the tally, and of the rest
	states   map[stateKey]int64
	panicked any // the first panic beside the reading
}

type stateKey struct{ target, state string }

func (r *running) run(ctx context.Context, job Job, src Source) error {
	if r.p == nil || src == nil {
		return errors.New("bulk: Run needs a Provisioner and a Source")
	}
	if job.InFlight < 0 {
		return errors.New("bulk: Job.InFlight must not be negative")
	}
	mapper, err := job.Mapping.Compile(job.Name)
	if err != nil {
		return err
	}
	if r.p, err = mapper.withTargets(r.p); err != nil {
		return err
	}
	return r.tally.run(ctx, mapper, src, func(names *columnNames) error {
		return r.readAll(ctx, mapper, src, names, make(chan struct{}, cmp.Or(job.InFlight, defaultInFlight)))
	})
}

// readAll reads the rows, and has each done when there is a place for it. A panic beside the
// reading ends it, and comes out here once the rows at work are settled.
func (r *running) readAll(ctx context.Context, mapper *Mapper, src Source, names *columnNames, places chan struct{}) error {
	ctx, r.stop = context.WithCancel(ctx)
	defer r.stop()
	var atWork sync.WaitGroup
	defer func() {
		atWork.Wait()
		if r.panicked != nil {
			panic(r.panicked)
		}
	}()
	err := r.read(ctx, src, names, func(row Row, bad *RowError) error {
		req, faults := requestOf(mapper, row, bad)
		if len(faults) > 0 {
			r.begin(row.Line, faults)
			return nil
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return r.contextError(ctx, row.Line)
		}
		r.begin(row.Line, nil)
		atWork.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					r.panics(v)
				}
				<-places
			}()
			r.do(ctx, row.Line, req)
		})
		return nil
	})
	atWork.Wait()
	if err == nil && ctx.Err() != nil {
		return r.contextError(ctx, 0)
	}
	return err
}

// requestOf makes the request of a row, or says what is wrong with it.
func requestOf(mapper *Mapper, row Row, bad *RowError) (req userapi.CreateUserRequest, faults []Fault) {
	if bad != nil {
		return req, []Fault{faultOf(bad)}
	}
	b := mapper.build(row)
	if faults = b.told(); len(faults) == 0 {
		req, _ = b.done() // it has no fault
	}
	return req, faults
}

// begin counts a row that was read, and tells its faults.
func (r *running) begin(line int64, faults []Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(line, faults)
}

// panics keeps the first panic, and ends the run.
func (r *running) panics(v any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.panicked == nil {
		r.panicked = v
	}
	r.stop()
}

// do creates the users of a row.
func (r *running) do(ctx context.Context, line int64, req userapi.CreateUserRequest) {
	var results []provision.Result
	for try := 1; ; {
		results, _ = r.p.Continue(ctx, req)
		wait := r.pause(results)
		if wait == 0 && try < tries && slices.ContainsFunc(results, isPassing) {
			wait = max(firstWait<<(try-1), askedWait(results))
			try++
		}
		if wait == 0 || !sleep(ctx, wait) {
			break
		}
	}
	r.tell(RowResult{Line: line, Key: req.IdempotencyKey, Results: results})
}

// pause returns how long to wait for vendors that are left alone; 0 if none of the row's is.
func (r *running) pause(results []provision.Result) (wait time.Duration) {
	for _, res := range results {
		if codeOf(res) == codePaused {
			wait = max(wait, pausedWait, time.Until(r.p.PausedUntil(res.Target)))
		}
	}
	return wait
}

// askedWait returns for how long the vendors of a row want to be left alone; 0 if none said so.
func askedWait(results []provision.Result) (wait time.Duration) {
	for _, res := range results {
		var e *userapi.Error
		if isPassing(res) && errors.As(res.Err, &e) {
			wait = max(wait, e.RetryAfter)
		}
	}
	return wait
}

// The codes of results that need more than their Disposition; docs/outcomes.md has them all.
const (
	codePaused     = "paused"
	codeWaits      = "waits"
	codeInProgress = "in_progress"
	codeChanged    = "request_changed"
	codeNotStored  = "record"
)

func codeOf(res provision.Result) string {
	var e *userapi.Error
	if errors.As(res.Err, &e) {
		return e.Code
	}
	return ""
}

// isPassing reports whether a target has no finished user, or nobody knows, because its vendor was
// not available. Where the ledger repeats that nobody knows there is nobody to ask, and a user that
// it could not store is held by this run until the lease is over.
func isPassing(res provision.Result) bool {
	notStored := res.User != nil && codeOf(res) == codeNotStored
	return !notStored && !res.Recorded && stateOf(res) != StateOpen && (errors.Is(res.Err, userapi.ErrUnavailable) || errors.Is(res.Err, userapi.ErrRateLimited) || errors.Is(res.Err, userapi.ErrTimeout))
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

// tell counts what became of a row, and hands it out.
func (r *running) tell(done RowResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, res := range done.Results {
		r.states[stateKey{res.Target, stateOf(res)}]++
	}
	if r.onResult != nil {
		r.onResult(done)
	}
}

// The states of a target that is left as it was, beside those of a provision.Disposition.
const (
	// StateOpen is that of a target that was left for a later run.
	StateOpen = "open"
	// StateDifferent is that of a target for which the key was used before with another
	// request, as of an earlier row with the same key. Nothing of this one was sent.
	StateDifferent = "different"
)

// stateOf names what became of a target.
func stateOf(res provision.Result) string {
	switch codeOf(res) {
	case codePaused, codeWaits, codeInProgress:
		return StateOpen
	case codeChanged:
		return StateDifferent
	}
	return res.Disposition.String()
}

func (r *running) sortedStates() []StateCount {
	var counts []StateCount
	for key, n := range r.states {
		counts = append(counts, StateCount{key.target, key.state, n})
	}
	slices.SortFunc(counts, func(a, b StateCount) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.State, b.State))
	})
	return counts
}
