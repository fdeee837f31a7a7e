package bulk

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A Processor does single rows of a job as Run does, for a program that has its own queue instead
// of a Source. NewProcessor makes one. It is safe for concurrent use. It uses the Job's Name,
// Mapping and Lanes, and for Reject RejectSecrets.
type Processor struct {
	job    Job
	p      *provision.Provisioner
	mapper *Mapper
	names  []string // of the targets
	lanes  map[string]*lane
}

// NewProcessor adds the job's lanes and mapping to p's targets. The error has the faults of the
// job.
func NewProcessor(p *provision.Provisioner, job Job) (*Processor, error) {
	if p == nil {
		return nil, errors.New("bulk: NewProcessor needs a Provisioner")
	}
	mapper, err := job.Mapping.Compile(job.Name)
	if err != nil {
		return nil, err
	}
	if p, err = mapper.withTargets(p); err != nil {
		return nil, err
	}
	return inLanes(p, job, mapper)
}

// inLanes puts the targets into the job's lanes.
func inLanes(p *provision.Provisioner, job Job, mapper *Mapper) (*Processor, error) {
	own := &Processor{job: job, mapper: mapper, lanes: map[string]*lane{}}
	own.p = p.Wrap(func(t provision.Target) provision.Target {
		l := newLane(job.Lanes[t.Name])
		own.names, own.lanes[t.Name] = append(own.names, t.Name), l
		t.Creator = l.in(t.Creator)
		return t
	})
	if err := job.check(own.names); err != nil {
		return nil, err
	}
	return own, nil
}

// Provisioner returns the Provisioner that does the rows.
func (p *Processor) Provisioner() *provision.Provisioner { return p.p }

// Request makes the request of a row, as Mapper.Request does, or returns its faults, as Check does.
func (p *Processor) Request(row Row) (userapi.CreateUserRequest, []Fault) {
	b := p.mapper.build(row)
	if faults := b.faultList(); len(faults) > 0 {
		return userapi.CreateUserRequest{}, faults
	}
	req, _ := b.done() // it has no fault
	return req, nil
}

// Read reads the rows of a source, and calls give with those that make a request, in their
// order. It reports the other rows, and rows with the key of an earlier one, as Check does: with
// Job.OnFault and in the Report. It takes about 18 bytes of memory for each key. An error of the
// function ends the reading and is returned. Other errors are those of Check.
func (p *Processor) Read(ctx context.Context, src Source, give func(Row, userapi.CreateUserRequest) error) (Report, error) {
	t := newTally("reading", p.job)
	if src == nil {
		return t.done(errors.New("bulk: Read needs a Source"))
	}
	var keys seen
	d := digester{key: newKey()}
	return t.done(t.run(ctx, p.mapper, src, func(names *columnNames) error {
		return t.read(ctx, src, names, func(row Row, bad *RowError) error {
			var req userapi.CreateUserRequest
			var faults []Fault
			if bad != nil {
				faults = []Fault{faultOf(bad)}
			} else if req, faults = p.Request(row); len(faults) == 0 {
				if first, twice := keys.add(d.of("", keyField, req.IdempotencyKey), row.Line); twice {
					faults = []Fault{duplicateOf(first, Fault{Line: row.Line, Column: p.mapper.keyColumn(), Field: keyField})}
				}
			}
			t.add(row.Line, faults)
			if len(faults) > 0 {
				return nil
			}
			return give(row, req)
		})
	}))
}

// A Try is the result of one try at a row.
type Try struct {
	// Results are those of provision.Provisioner.Continue, in the order of the targets.
	Results []provision.Result
	// Class says what to do about the row. If its results have several classes, it is the last one in
	// the order of the constants.
	Class Class
	// Wait is how long to wait before the next try: a vendor is paused, or asked for a wait. 0 is
	// no wait.
	Wait time.Duration
	// Held is set if another run has the row.
	Held bool
}

// Try does what is left for a request of Request, once, with provision.Provisioner.Continue. It
// does not wait for another run. It waits for vendors only in the lanes.
func (p *Processor) Try(ctx context.Context, req userapi.CreateUserRequest) Try {
	return p.try(ctx, req, p.p.Continue)
}

// Retry is Try with provision.Provisioner.Retry: it tries again what a target has refused.
func (p *Processor) Retry(ctx context.Context, req userapi.CreateUserRequest) Try {
	return p.try(ctx, req, p.p.Retry)
}

func (p *Processor) try(ctx context.Context, req userapi.CreateUserRequest, do func(context.Context, userapi.CreateUserRequest) ([]provision.Result, error)) Try {
	results, _ := do(ctx, req)
	if isMended(results) { // the request is the key's from now on
		now, _ := do(ctx, req)
		results = withKept(results, now)
	}
	return Try{
		Results: results, Class: triedClass(results),
		Wait: max(p.pause(results), askedWait(results)), Held: slices.ContainsFunc(results, isHeld),
	}
}

// triedClass returns the class of a row that was tried. Unlike in a Report, a second step that was
// refused is not open: another try would be refused as well.
func triedClass(results []provision.Result) Class {
	has := classesOf(results)
	isOpen := func(res provision.Result) bool {
		return isPassing(res) || classOf(res) == ClassOpen && codeOf(res) != codeWaits && !isReject(res)
	}
	switch {
	case slices.ContainsFunc(results, isOpen):
		return ClassOpen
	case has[ClassUnknown]:
		return ClassUnknown
	case slices.ContainsFunc(results, isReject):
		return ClassRefused
	case has[ClassOpen]:
		return ClassOpen // it waits for what another target needs
	}
	return ClassDone
}

// Reject returns a refused row as Job.Rejects has it: its values and the reason. It leaves secrets
// out, unless Job.RejectSecrets is set.
func (p *Processor) Reject(row Row, t Try) Row {
	return p.rejected(row, rejectCells(row, t.Results))
}

// RejectFault is Reject for a row with faults of Request.
func (p *Processor) RejectFault(row Row, faults []Fault) Row {
	return p.rejected(row, faultCells(lineOf(row), faults))
}

func (p *Processor) rejected(row Row, why []string) Row {
	f := files{mapper: p.mapper, secrets: p.job.RejectSecrets}
	values := f.withoutSecrets(row)
	for i, name := range rejectColumns {
		values[name] = why[i]
	}
	return Row{Line: row.Line, Values: values}
}

// pause returns how long to wait for vendors that are left alone, and for a place in a lane; 0 if
// nothing is to be waited for. That uses up no try.
func (p *Processor) pause(results []provision.Result) (wait time.Duration) {
	for _, res := range results {
		switch {
		case codeOf(res) == codePaused:
			wait = max(wait, pausedWait, time.Until(p.p.PausedUntil(res.Target)))
		case errors.Is(res.Err, userapi.ErrLimited) && isPassing(res):
			wait = max(wait, laneWait)
		}
	}
	return wait
}

// askedWait returns for how long the vendors of a row want to be left alone; 0 if none said so.
func askedWait(results []provision.Result) (wait time.Duration) {
	for _, res := range results {
		if isPassing(res) {
			wait = max(wait, errorOf(res).RetryAfter)
		}
	}
	return wait
}
