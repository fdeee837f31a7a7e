package bulk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	// firstWait is waited for before the second try, and doubled for each one after.
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
// what is done, and Run does what is left. A row at fault is told as by Check, and nothing of
// it is sent.
//
// Rows are read as they are needed: at most Job.InFlight are at work. A row whose failure may
// pass is tried again after a wait, and a row for a vendor that is paused waits for it: a vendor
// that is down holds the reading, and does not use up the rows. Run then goes on by itself.
//
// When the context ends Run reads no more, and returns when the rows at work are settled, as
// provision.Grace allows. The error is then the context's. Other errors are those of Check. That
// users could not be created is no error: the Report counts them, and Job.OnResult is given each.
//
// Fields whose templates need the users of earlier targets are not supported yet: Run refuses
// them. Write them by provision.Target.Map.
func Run(ctx context.Context, p *provision.Provisioner, job Job, src Source) (Report, error) {
	begun := time.Now()
	r := &running{p: p, job: job, report: Report{Job: job.Name}, states: map[stateKey]int64{}}
	err := r.run(ctx, src)
	r.report.States = r.sortedStates()
	r.report.Elapsed = time.Since(begun)
	return r.report, err
}

// A running is one call of Run.
type running struct {
	p      *provision.Provisioner
	job    Job
	mapper *Mapper

	mu     sync.Mutex
	report Report
	states map[stateKey]int64
}

type stateKey struct{ target, state string }

func (r *running) run(ctx context.Context, src Source) (err error) {
	if r.p == nil || src == nil {
		return errors.New("bulk: Run needs a Provisioner and a Source")
	}
	if r.job.InFlight < 0 {
		return errors.New("bulk: Job.InFlight must not be negative")
	}
	if r.mapper, err = r.job.Mapping.Compile(r.job.Name); err != nil {
		return err
	}
	if fields := r.mapper.NeedsUsers(); len(fields) > 0 {
		return fmt.Errorf("bulk: Run cannot give a row the users of earlier targets, which these fields need: %s", strings.Join(fields, ", "))
	}
	if columns, ok := src.(ColumnSource); ok {
		header, err := columns.Columns(ctx)
		if err != nil {
			return err
		}
		if r.report.Unused, r.report.Missing = r.mapper.Columns(header); len(r.report.Missing) > 0 {
			return fmt.Errorf("%w: %s", ErrMissingColumns, strings.Join(r.report.Missing, ", "))
		}
	}
	return r.readAll(ctx, src)
}

// readAll reads the rows, and has each done when there is a place for it.
func (r *running) readAll(ctx context.Context, src Source) error {
	places := make(chan struct{}, cmp.Or(r.job.InFlight, defaultInFlight))
	var atWork sync.WaitGroup
	defer atWork.Wait()
	for row, err := range src.Rows(ctx) {
		var bad *RowError
		if err != nil && (!errors.As(err, &bad) || bad.Fatal) {
			return err
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("bulk: the run was stopped before line %d: %w", row.Line, context.Cause(ctx))
		}
		r.begin(row)
		atWork.Go(func() {
			defer func() { <-places }()
			if bad != nil {
				r.refuse(bad)
				return
			}
			r.do(ctx, row)
		})
	}
	atWork.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("bulk: the run was stopped: %w", context.Cause(ctx))
	}
	r.report.Complete = true
	return nil
}

func (r *running) begin(row Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Rows++
	r.report.LastLine = row.Line
}

// refuse tells the faults of a row of which nothing is sent.
func (r *running) refuse(faults ...*RowError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.RowsAtFault++
	for _, bad := range faults {
		f := faultOf(bad)
		if len(r.report.Faults) < MaxReportFaults {
			r.report.Faults = append(r.report.Faults, f)
		}
		if r.job.OnFault != nil {
			r.job.OnFault(f)
		}
	}
}

// do creates the users of a row.
func (r *running) do(ctx context.Context, row Row) {
	b := r.mapper.build(row)
	if len(b.faults) > 0 {
		var faults []*RowError
		for _, err := range b.faults {
			var bad *RowError
			if errors.As(err, &bad) {
				faults = append(faults, bad)
			}
		}
		r.refuse(faults...)
		return
	}
	req, err := b.done()
	if err != nil {
		r.refuse(&RowError{Line: row.Line, Message: "cannot be made a request"})
		return
	}
	var results []provision.Result
	for try := 1; ; {
		results, _ = r.p.Continue(ctx, req)
		wait := r.pause(results)
		if wait == 0 && try < tries && slices.ContainsFunc(results, isPassing) {
			wait = firstWait << (try - 1)
			try++
		}
		if wait == 0 || !sleep(ctx, wait) {
			break
		}
	}
	r.tell(RowResult{Line: row.Line, Key: req.IdempotencyKey, Results: results})
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

// The codes of results of a target that is left for later; docs/outcomes.md has them all.
const (
	codePaused     = "paused"
	codeWaits      = "waits"
	codeInProgress = "in_progress"
)

func codeOf(res provision.Result) string {
	var e *userapi.Error
	if errors.As(res.Err, &e) {
		return e.Code
	}
	return ""
}

// isPassing reports whether a target has no user, or nobody knows, because its vendor was not
// available.
func isPassing(res provision.Result) bool {
	return res.User == nil && stateOf(res) != StateOpen && (errors.Is(res.Err, userapi.ErrUnavailable) || errors.Is(res.Err, userapi.ErrRateLimited) || errors.Is(res.Err, userapi.ErrTimeout))
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
	if r.job.OnResult != nil {
		r.job.OnResult(done)
	}
}

// StateOpen is the state of a target that was left for a later run.
const StateOpen = "open"

// stateOf names what became of a target: as its Disposition, or StateOpen.
func stateOf(res provision.Result) string {
	switch codeOf(res) {
	case codePaused, codeWaits, codeInProgress:
		return StateOpen
	}
	return res.Disposition.String()
}

func (r *running) sortedStates() []StateCount {
	counts := make([]StateCount, 0, len(r.states))
	for key, n := range r.states {
		counts = append(counts, StateCount{key.target, key.state, n})
	}
	slices.SortFunc(counts, func(a, b StateCount) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.State, b.State))
	})
	return counts
}
