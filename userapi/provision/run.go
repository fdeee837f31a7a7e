package provision

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// How often to poll for another run's progress: at first, and at most.
const (
	firstPoll = 20 * time.Millisecond
	lastPoll  = time.Second
)

// A task is the work of a run at one target.
type task struct {
	*target
	rec  Record
	req  userapi.CreateUserRequest // the request for the target
	sent string                    // its fingerprint
	err  error                     // why the request cannot be sent
	// waits is an earlier target that has no user; "" if there is none.
	waits string
	// user is the user in the client's own record.
	user *userapi.User
}

// runTarget runs a target after the targets before it have ended.
func (s *signup) runTarget(ctx context.Context, t *target, res *Result) {
	// provision replaces this result, unless the creator ends the goroutine.
	*res = s.resultFor(t, &userapi.Error{Op: opSignUp, Subject: userapi.SubjectUser, Err: errNoUser})
	defer func() {
		v := recover()
		s.mu.Lock()
		defer s.mu.Unlock()
		if v != nil && s.panicked == nil {
			s.panicked = panicOf(t, v)
		}
		if res.User != nil {
			s.users[t.Name] = res.User
		}
	}()
	*res = s.provision(ctx, t)
}

func panicOf(t *target, v any) error {
	stack := debug.Stack()
	if err, ok := v.(error); ok {
		return fmt.Errorf("provision: target %q: %w\n\n%s", t.Name, err, stack)
	}
	return fmt.Errorf("provision: target %q: %v\n\n%s", t.Name, v, stack)
}

// provision does the remaining steps of one target.
func (s *signup) provision(ctx context.Context, t *target) Result {
	if failure := s.faults[t.Name]; failure != nil && !s.kept[t.Name] {
		return s.resultFor(t, failure)
	}
	for poll := firstPoll; ; poll = min(2*poll, lastPoll) {
		if res, final := s.advance(ctx, t); final {
			return res
		}
		if !sleep(ctx, poll) && poll == lastPoll {
			return s.report(s.record(t), codeInProgress, ctx.Err())
		}
		switch changed, failure := s.reload(ctx); {
		case failure != nil:
			return s.resultFor(t, failure)
		case changed:
			return resultOf(s.record(t), codeRequestChanged, nil)
		}
	}
}

// advance does the next step of a target. final is false if another run holds the target or has
// changed it.
func (s *signup) advance(ctx context.Context, t *target) (res Result, final bool) {
	j := &task{target: t, rec: s.record(t)}
	resolver, asks := userapi.Ability[userapi.Resolver](t.Creator)
	f := facts{
		now: time.Now(), owner: s.owner, fresh: s.isFresh(j.rec), resuming: s.resumes, over: ctx.Err() != nil, asks: asks, retries: s.retries,
		closed: s.closed, kept: s.kept[t.Name],
	}
	do, code := next(j.rec, f)
	if do == stepPrepare {
		s.prepare(j, &f)
		do, code = next(j.rec, f)
	}
	if do == stepAskClient {
		j.user, f.client = askClient(ctx, resolver, j.rec, j.req)
		do, code = next(j.rec, f)
	}
	switch do {
	case stepWait:
		return Result{}, false
	case stepReport:
		return s.reportTask(ctx, j, code), true
	case stepRefuse:
		res := s.resultFor(t, asError(j.err))
		if j.rec.State == StateQueued { // another request may then replace this one
			return s.recordResult(ctx, t, j.rec, res)
		}
		return res, true
	case stepGiveUp:
		return s.giveUp(ctx, j.rec)
	case stepKeep:
		return s.recordResult(ctx, t, j.rec, Result{
			Target: t.Name, Disposition: DispositionRecovered, User: j.user, IdempotencyKey: s.key, Started: j.rec.Started,
		})
	case stepForget:
		return s.recordResult(ctx, t, j.rec, s.resultFor(t, &userapi.Error{
			Op: opSignUp, Subject: userapi.SubjectUser, Kind: userapi.KindNotFound, Outcome: userapi.OutcomeRejected,
		}))
	default:
		return s.perform(ctx, j, do, f.fresh)
	}
}

// prepare computes the target's request and its fingerprint.
func (s *signup) prepare(j *task, f *facts) {
	f.prepared = true
	var users map[string]*userapi.User
	if users, j.waits = s.usersBefore(j.target, nil, nil); j.waits != "" {
		f.waits = true
		return
	}
	j.req = j.request(s.req, users)
	if j.sent = j.rec.Sent; !f.fresh { // a fresh claim already has the fingerprint
		j.sent, j.err = s.sent(j.target, j.req)
	}
	f.unfit = j.err != nil
	f.same = !f.unfit && s.p.keys().match(j.rec.Sent, j.sent, j.req, s.key, j.Name)
}

// askClient asks a resolver for its client's own record of a create. The context is already
// canceled, so the resolver sends no request. The answer "nothing was sent" counts only for a
// target in flight. For a create that was surely sent, the client may have lost its record.
func askClient(ctx context.Context, r userapi.Resolver, rec Record, req userapi.CreateUserRequest) (*userapi.User, clientRecord) {
	over, cancel := context.WithCancel(ctx)
	cancel()
	user, err := r.ResolveUser(over, req, rec.Started)
	switch e := asError(err); {
	case e != nil && !e.FromRecord, e == nil && (user == nil || !user.FromRecord):
		return nil, clientAsks
	case e != nil && isAbsent(e) && rec.State == StateInFlight:
		return nil, clientNotSent
	case e != nil, user.ID == "":
		return nil, clientSilent
	}
	return user, clientHasUser
}

// reportTask returns the result of a target without changing the target.
func (s *signup) reportTask(ctx context.Context, j *task, code string) Result {
	switch code {
	case codeUndone:
		if j.rec.Revision == 0 && s.notStored != nil {
			return s.resultFor(j.target, s.notStored)
		}
		j.rec.Key, j.rec.Target = s.key, j.Name // the ledger may not have this record
		return resultOf(j.rec, code, nil)
	case codeWaits:
		res := s.report(j.rec, code, nil)
		if e := asError(res.Err); e != nil {
			e.FieldErrors = []userapi.FieldError{{VendorField: "After", Code: codeWaits, Message: j.waits + " has no user"}}
		}
		return res
	case codeRemapped:
		return s.report(j.rec, code, j.err)
	case codeInProgress, codeRecorded:
		return s.report(j.rec, code, ctx.Err())
	}
	return resultOf(j.rec, code, nil)
}

// report returns the result of a target that does not change.
func (s *signup) report(rec Record, code string, cause error) Result {
	if s.isFresh(rec) {
		rec.State = StateNotSent // this run's own claim, and nothing was sent
	}
	rec.Unfinished = rec.State.HasUser()
	return resultOf(rec, code, cause)
}

// perform claims a target, then creates, looks up or finishes its user. It records the result.
func (s *signup) perform(ctx context.Context, j *task, do step, fresh bool) (res Result, final bool) {
	permit, wait := j.breaker.allow()
	if permit == nil {
		return s.paused(ctx, j, wait)
	}
	defer permit.dropped()
	from := s.startOf(j.rec, do)
	if do != stepFinish {
		failure := s.hold(ctx, j, do, fresh)
		switch {
		case errors.Is(failure, ErrStale):
			return Result{}, false
		case errors.Is(failure, errSlowLedger) && do == stepCreate: // this run's own claim
			return s.recordResult(ctx, j.target, j.rec, s.resultFor(j.target, failure))
		case failure != nil:
			if do == stepResolve {
				failure.Outcome = userapi.OutcomeUnknown
			}
			return s.resultFor(j.target, failure), true
		}
	}
	res = s.carryOut(ctx, j, do, from)
	permit.ended(ctx, res)
	return s.recordResult(ctx, j.target, j.rec, res)
}

// startOf returns where Ensure starts, and its limits.
func (s *signup) startOf(rec Record, do step) start {
	from := start{maxCreates: s.p.options.maxCreates, grace: s.grace}
	if rec.Closed {
		from.maxCreates = 0
	}
	if do == stepResolve {
		from.since, from.recreates = rec.Started, rec.State == StateRejected
	}
	return from
}

// claims bounds how often a run claims a target. After that the ledger counts as too slow.
const claims = 3

var errSlowLedger = errors.New("provision: the ledger took so long that the lease was almost over")

// hold claims a target. It claims again if the Store took so long that less than half of the lease
// is left. held means that this run already has the claim.
func (s *signup) hold(ctx context.Context, j *task, do step, held bool) *userapi.Error {
	for try := 0; !held || time.Until(j.rec.Until) < s.p.options.lease/2; held, try = true, try+1 {
		if try == claims {
			return ledgerError(errSlowLedger, userapi.OutcomeNotSent)
		}
		claim := j.rec
		s.claim(&claim, j.sent, do == stepCreate)
		stored, failure := s.store(ctx, userapi.OutcomeNotSent, claim)
		if failure != nil {
			return failure
		}
		j.rec = stored
	}
	return nil
}

// carryOut runs Ensure, or only its finish.
func (s *signup) carryOut(ctx context.Context, j *task, do step, from start) Result {
	act := (*run).ensure
	if do == stepFinish {
		act = func(r *run) *userapi.Error { return r.finishOnly(dispositionOf[j.rec.State], j.rec.user()) }
	} else {
		// Stop creating before another run may take over the target.
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, j.rec.Until.Add(-from.grace-s.p.options.lease/10))
		defer cancel()
	}
	o := s.p.options
	o.adopt = o.adopt || j.Adopt
	res, _ := newRun(ctx, j.Creator, j.req, o, from).result(act)
	res.Target, res.IdempotencyKey = j.Name, s.key
	if !j.rec.Started.IsZero() {
		res.Started = j.rec.Started
	}
	return res
}

// giveUp returns the result of a target whose vendor cannot tell the result of a create. A person
// must decide.
func (s *signup) giveUp(ctx context.Context, rec Record) (res Result, final bool) {
	if rec.State == StateInFlight {
		next := rec
		next.State, next.Until = StateUnknown, time.Time{}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
		defer cancel()
		if _, failure := s.store(ctx, userapi.OutcomeUnknown, next); failure != nil && errors.Is(failure, ErrStale) {
			return Result{}, false
		}
	}
	rec.State = StateUnknown
	return resultOf(rec, "", nil), true
}

// paused returns the result of a target that is paused.
func (s *signup) paused(ctx context.Context, j *task, wait time.Duration) (res Result, final bool) {
	res = s.report(j.rec, codePaused, nil)
	if e := asError(res.Err); e != nil {
		e.RetryAfter = wait
	}
	if s.isFresh(j.rec) {
		return s.recordResult(ctx, j.target, j.rec, res)
	}
	return res, true
}

// recordResult stores a result, even if the caller's context has ended. final is false if another
// run knows more.
func (s *signup) recordResult(ctx context.Context, t *target, rec Record, res Result) (Result, bool) {
	u := res.User
	if ctx.Err() != nil {
		u = nil // claim no further target
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	stored, failure := s.storeResult(ctx, t, s.p.closing(recordOf(rec, res)), u)
	switch {
	case failure == nil:
		s.remember([]Record{stored})
		return withUndoError(stored, res), true
	case !errors.Is(failure, ErrStale):
		return notStored(res, failure), true
	case res.User == nil && (res.Disposition != DispositionUnknown || !losesCreate(res)):
		return Result{}, false
	}
	// Another run has taken over the target. Only this run knows that the user exists, or may
	// exist.
	changed, load := s.reload(ctx)
	if load != nil {
		return notStored(res, load), true
	}
	other := s.record(t)
	// The deleted id is this user's. If the key chooses the id, this user may have been created
	// after the delete.
	deleted := res.User != nil && (other.State == StateDeleting || other.State == StateUndone) && other.UserID == res.User.ID
	switch {
	case res.User == nil:
		if other.State != StateUndone { // after an undo no run would ask again
			return Result{}, false
		}
	case other.State.HasUser() && other.UserID == res.User.ID:
		return res, true
	case other.State.HasUser() || other.State == StateDeleting && !deleted || changed && other.State != StateUndone && !deleted:
		e := ledgerError(ErrStale, userapi.OutcomeCreated)
		e.Candidates = slices.DeleteFunc([]string{res.User.ID, other.UserID}, func(id string) bool { return id == "" })
		return notStored(res, e), true
	}
	other.Closed = other.Closed || deleted || other.State == StateUndone // Resume or Undo deletes a late user
	stored, failure = s.p.storeWithRetry(ctx, s.p.closing(recordOf(other, res)))
	switch {
	case failure != nil:
		return notStored(res, failure), true
	case deleted:
		return resultOf(stored, codeUndone, nil), true
	case res.User == nil:
		return resultOf(stored, "", nil), true
	}
	return withUndoError(stored, res), true
}

// closing marks a record whose user must be deleted because the sign-up was undone in the meantime.
// Resume and Undo delete the user.
func (p *Provisioner) closing(r Record) Record {
	if r.Closed && p.deletable(r) == "" {
		r.State = StateDeleting
	}
	return r
}

// usersBefore returns the users of the targets before t, and the first target without a user. user
// is the user of ended; s.users does not have it yet.
func (s *signup) usersBefore(t, ended *target, user *userapi.User) (users map[string]*userapi.User, waits string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users = map[string]*userapi.User{}
	for _, b := range t.before {
		u, rec := s.users[b.Name], s.records[b.Name]
		switch {
		case b == ended:
			u = user
		case u == nil && rec.UserID != "" && (rec.State == StateDeleting || rec.State == StateUndone):
			u = rec.user() // deleted, but its id is still part of what was sent
		}
		if u == nil {
			return nil, b.Name
		}
		users[b.Name] = u
	}
	return users, ""
}

// sleep waits for d. It returns false if the context ends first.
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
