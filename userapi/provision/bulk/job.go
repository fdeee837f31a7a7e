package bulk

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi/provision"
)

// A Job says what to do with the rows of a source.
type Job struct {
	// Name is part of each key. It is required; see Mapping.Compile.
	Name string
	// Mapping says which field comes from which column.
	Mapping Mapping
	// OnFault gets each fault, in the order of the rows, while the rows are read. The goroutine
	// that called Check, Run or Undo calls it. It may be nil; the Report has the first faults.
	OnFault func(Fault)

	// The other fields are for Run and Undo.

	// InFlight is the largest number of rows in progress. 0 is twice what the lanes let through at
	// once, and at least 64, but no more than they let through in half a minute.
	InFlight int
	// Lanes limit the traffic to the targets, by their names.
	Lanes map[string]Lane
	// Wait is how long Run waits, at the end of the input, for rows that another run has. 0 leaves
	// them to a later run. A killed run has its rows until its provision.Lease is over, or until
	// a run with provision.Alone begins.
	Wait time.Duration
	// OnResult gets the result of each row without a fault, in the order in which the rows end. One
	// goroutine at a time calls it, and not during OnFault.
	OnResult func(RowResult)
	// OnProgress gets the progress, about once a second and at the end. One goroutine at a time
	// calls it.
	OnProgress func(Progress)
	// Results gets the result of each row at each target; see Files in the package documentation.
	// nil writes nothing. One goroutine at a time writes, in large parts.
	Results io.Writer
	// Rejects gets the rows to correct, from Run only. It has no secrets, unless RejectSecrets is
	// set.
	Rejects       io.Writer
	RejectSecrets bool
}

// A Lane limits the traffic to one target. The zero Lane has no limits.
type Lane struct {
	// Concurrency is the largest number of calls in progress; 0 is no limit.
	Concurrency int
	// PerSecond is the largest number of requests a second; 0 is no limit. The requests of a tenth
	// of a second may come at once. The vendors' clients count each request. Other Creators count
	// each call as one.
	PerSecond float64
	// Adaptive slows the lane down when the vendor refuses requests because they are too many, and
	// recovers up to PerSecond, as userapi.Adaptive does. It requires PerSecond.
	Adaptive bool
}

// A Progress is the progress of a Run or an Undo. It has no values of a row.
type Progress struct {
	// Rows is the number of rows read, and AtWork the number of rows in progress.
	Rows   int64
	AtWork int
	// Elapsed is the time since the start.
	Elapsed time.Duration
	// Targets are in the order of the Provisioner's.
	Targets []TargetProgress
}

// A TargetProgress is the progress at one target.
type TargetProgress struct {
	Target string
	// States has the number of rows that have ended in each state.
	States map[string]int64
	// Requests is the number of requests that have ended, also with an error. RateLimited is the
	// number of them that the vendor refused because they were too many.
	Requests, RateLimited int64
	// PerSecond is the lane's present limit of requests a second; 0 is no limit.
	PerSecond float64
	// PausedUntil is the end of the target's pause; the zero time if it is not paused.
	PausedUntil time.Time
}

// A RowResult is the result of a row. Of the row's values it has only the users' ids.
type RowResult struct {
	// Line is the line on which the row begins.
	Line int64
	// Key is the request's IdempotencyKey, which is the row's key in the ledger.
	Key string
	// Results are those of provision.Provisioner.Continue or Undo, in the order of the targets.
	Results []provision.Result
}

const (
	leastInFlight = 64
	// longestQueue is how long rows in progress may have to wait in a lane, if the caller has not
	// set InFlight.
	longestQueue = 30 * time.Second
)

// check finds the faults of the job's numbers, given the names of the targets.
func (j Job) check(targets []string) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("bulk: "+format, args...)) }
	if j.InFlight < 0 {
		fault("Job.InFlight must not be negative")
	}
	if j.Wait < 0 {
		fault("Job.Wait must not be negative")
	}
	for _, name := range slices.Sorted(maps.Keys(j.Lanes)) {
		l := j.Lanes[name]
		if !slices.Contains(targets, name) {
			fault("Job.Lanes: %q is not a target: the targets are %s", name, strings.Join(targets, ", "))
		}
		if l.Concurrency < 0 {
			fault("Job.Lanes[%q]: Concurrency must not be negative", name)
		}
		if l.PerSecond < 0 || math.IsNaN(l.PerSecond) || math.IsInf(l.PerSecond, 0) {
			fault("Job.Lanes[%q]: PerSecond must be a number of at least 0", name)
		}
		if l.Adaptive && l.PerSecond == 0 {
			fault("Job.Lanes[%q]: an adaptive lane needs PerSecond", name)
		}
	}
	return errors.Join(faults...)
}

// inFlight returns how many rows may be at work.
func (j Job) inFlight() int {
	n, most := 0, math.MaxInt
	for _, l := range j.Lanes {
		n += 2 * l.Concurrency
		if l.PerSecond > 0 {
			most = min(most, int(max(1, l.PerSecond*longestQueue.Seconds())))
		}
	}
	return cmp.Or(j.InFlight, min(max(n, leastInFlight), most))
}
