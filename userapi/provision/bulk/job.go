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

// A Job is what is to be done with the rows of a source.
type Job struct {
	// Name is a part of each key, as Mapping.Compile takes it. It is required.
	Name string
	// Mapping says which field comes from what of a row.
	Mapping Mapping
	// OnFault is given each fault, in the order of the rows, while the rows are read. It is
	// called by the goroutine that called Check, Run or Undo. nil leaves the first faults, which
	// are in the Report.
	OnFault func(Fault)

	// The rest is for Run and Undo.

	// InFlight is how many rows are at work at most. 0 is twice what the lanes let through at
	// once, and at least 64, but no more than they let through in half a minute.
	InFlight int
	// Lanes bound what is sent to the targets, by their names.
	Lanes map[string]Lane
	// Wait is for how long Run goes on, at the end of the input, with rows that another run holds.
	// 0 leaves them to a later run. A run that was killed holds its rows until its
	// provision.Lease is over, or until one begins that is provision.Alone.
	Wait time.Duration
	// OnResult is given what became of each row that has no fault, in the order in which they
	// end. It is called by one goroutine at a time, and not while OnFault is called.
	OnResult func(RowResult)
	// OnProgress is told how far it is, about once a second and at the end. It is called by one
	// goroutine at a time.
	OnProgress func(Progress)
	// Results is written what became of each row at each target, as the package's documentation
	// says under Files. nil writes nothing. It is for one goroutine at a time, and is written in
	// large parts.
	Results io.Writer
	// Rejects is written, by Run, the rows that are to be mended, likewise. Secrets are left out,
	// unless RejectSecrets is set.
	Rejects       io.Writer
	RejectSecrets bool
}

// A Lane bounds what is sent to one target. The zero Lane has no bounds.
type Lane struct {
	// Concurrency is how many calls are under way at most; 0 is no bound.
	Concurrency int
	// PerSecond is how many requests are sent a second at most; 0 is no bound. Those of a tenth of
	// a second may come at once. The vendors' clients count each request; of another Creator each call counts as one.
	PerSecond float64
	// Adaptive slows the lane down when the vendor refuses requests because they are too many, as
	// userapi.Adaptive does, and finds the way back up to PerSecond, which is then required.
	Adaptive bool
}

// A Progress is how far a Run or an Undo is. It holds no value of a row.
type Progress struct {
	// Rows is how many rows were read, and AtWork how many of them are at work.
	Rows   int64
	AtWork int
	// Elapsed is how long it has taken so far.
	Elapsed time.Duration
	// Targets are in the order of the Provisioner's.
	Targets []TargetProgress
}

// A TargetProgress is how far it is at one target.
type TargetProgress struct {
	Target string
	// States are how many rows have ended in each state.
	States map[string]int64
	// Requests is how many requests the vendor has answered, or failed to, and RateLimited
	// how many of them it refused because they were too many.
	Requests, RateLimited int64
	// PerSecond is how many requests a second the lane lets through at present; 0 for a lane that
	// does not bound them.
	PerSecond float64
	// PausedUntil is until when the target is left alone; the zero time if it is not.
	PausedUntil time.Time
}

// A RowResult is what became of a row. It holds no value of the row but the users' ids.
type RowResult struct {
	// Line is the line on which the row begins.
	Line int64
	// Key is the request's IdempotencyKey, under which the ledger has the row.
	Key string
	// Results are those of provision.Provisioner.Continue or Undo, in the order of the targets.
	Results []provision.Result
}

const (
	leastInFlight = 64
	// longestQueue is how long the rows that are at work may have to wait in a lane, where the
	// caller has not chosen their number.
	longestQueue = 30 * time.Second
)

// check finds what is wrong with the job's numbers, given the names of the targets.
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
