package provision

import (
	"context"
	"errors"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// The codes of what a Provisioner finds of a target without asking the vendor.
const (
	codeInProgress  = "in_progress"  // another run is at work on it
	codeWaits       = "waits"        // a target before it has no user
	codePaused      = "paused"       // the vendor failed too often
	codeRemapped    = "remapped"     // Target.Map gives another request than the one that was sent
	codeUndone      = "undone"       // the sign-up was undone
	codeRecorded    = "recorded"     // it is the ledger's word
	codeOtherTarget = "other_target" // the request is invalid for another target
	codeRecord      = "record"       // the outcome could not be recorded
)

// How often another run's progress is looked at.
const (
	firstPoll = 20 * time.Millisecond
	lastPoll  = time.Second
)

// target does what is left to do for one target.
func (s *signup) target(ctx context.Context, t *target) Result {
	for poll := firstPoll; ; poll = min(2*poll, lastPoll) {
		rec := s.record(t)
		if res, final := s.standing(t, rec); final {
			return res
		}
		held := s.held(rec)
		if held && (s.resumes || ctx.Err() != nil) {
			return s.open(t, rec, codeInProgress, ctx.Err())
		}
		if !held {
			if res, final := s.attempt(ctx, t, rec); final {
				return res
			}
		}
		if !sleep(ctx, poll) && poll == lastPoll {
			return s.open(t, s.record(t), codeInProgress, ctx.Err())
		}
		if failure := s.reload(ctx); failure != nil {
			return s.failed(t, failure)
		}
	}
}

// reload reads the records again, whatever became of the caller's context.
func (s *signup) reload(ctx context.Context) *userapi.Error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	return s.load(ctx)
}

// sleep waits, and reports whether the context went on.
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

// held reports whether another run has the target.
func (s *signup) held(rec Record) bool {
	return rec.State == StateIntent && rec.Owner != s.owner && time.Now().Before(rec.Until)
}

// standing returns the result of a target at which nothing is left to do.
func (s *signup) standing(t *target, rec Record) (res Result, final bool) {
	switch {
	case rec.Revision == 0 && s.unrecorded != nil:
		return s.failed(t, s.unrecorded), true
	case rec.Revision == 0, rec.State == StateUndone, rec.State == StateDeleting:
		return s.undone(t, rec), true
	case rec.State.HasUser() && rec.Closed:
		res = recorded(t.Name, rec)
		e := undoneError(rec, userapi.OutcomeCreated)
		e.Provider, e.User = rec.Provider, res.User
		res.Err = e
		return res, true
	case rec.State.HasUser() && !rec.Unfinished, s.resumes && !rec.Open():
		return recorded(t.Name, rec), true
	}
	return Result{}, false
}

// undone is the result of a target whose sign-up was undone.
func (s *signup) undone(t *target, rec Record) Result {
	if rec.State == StateDeleting {
		return s.failed(t, undoneError(rec, userapi.OutcomeUnknown))
	}
	res := s.failed(t, undoneError(rec, userapi.OutcomeNotSent))
	res.Disposition, res.Recorded = DispositionUndone, true
	return res
}

// undoneError is the error of a sign-up that was undone.
func undoneError(rec Record, outcome userapi.Outcome) *userapi.Error {
	e := refused(userapi.KindInvalid, "IdempotencyKey", userapi.CodeTaken, "names a sign-up that was undone; a new one needs another key")
	e.Code, e.Outcome = codeUndone, outcome
	if outcome != userapi.OutcomeNotSent {
		e.UserID = rec.UserID
	}
	return e
}

// recorded is what the ledger has of a target.
func recorded(target string, rec Record) Result {
	res := Result{Target: target, IdempotencyKey: rec.Key, Started: rec.Started, Recorded: true}
	e := &userapi.Error{Provider: rec.Provider, Op: opSignUp, Subject: userapi.SubjectUser, Kind: rec.Kind, Code: codeRecorded, UserID: rec.UserID}
	switch rec.State {
	case StateCreated, StateRecovered, StateExisting:
		res.Disposition = map[State]Disposition{
			StateCreated: DispositionCreated, StateRecovered: DispositionRecovered, StateExisting: DispositionExisting,
		}[rec.State]
		res.User = rec.user()
		if !rec.Unfinished {
			return res
		}
		e.Outcome, e.User = userapi.OutcomeCreated, res.User
	case StateUndone:
		res.Disposition = DispositionUndone
		return res
	case StateQueued, StateNotSent:
		res.Disposition, e.Outcome = DispositionNotSent, userapi.OutcomeNotSent
	case StateRejected:
		res.Disposition, e.Outcome = DispositionRejected, userapi.OutcomeRejected
	case StateIntent, StateUnknown, StateDeleting:
	}
	res.Err = e
	return res
}

// user returns what a record tells of its user.
func (r Record) user() *userapi.User {
	return &userapi.User{Provider: r.Provider, ID: r.UserID, Proof: r.Proof}
}

// open is the result of a target that is left as it is, for a reason of ours.
func (s *signup) open(t *target, rec Record, code string, below error) Result {
	if s.isFresh(rec) {
		rec.State = StateNotSent // a claim of this run's, and nothing was sent
	}
	rec.Unfinished = rec.State.HasUser()
	res := recorded(t.Name, rec)
	var e *userapi.Error
	if errors.As(res.Err, &e) {
		e.Code = code
		if code != codeRecorded {
			e.Kind = userapi.KindUnavailable
		}
		if below != nil {
			e.Err = below
		}
		if ended := asError(below); below != nil && ended.Kind != userapi.KindUnknown {
			e.Kind = ended.Kind
		}
	}
	return res
}

// unresolved reports whether a create was sent, perhaps, and nobody knows what became
// of it, or its user was absent when it was asked for and may be made yet.
func (r Record) unresolved() bool {
	return r.State == StateIntent || r.State == StateUnknown ||
		r.Lost && (r.State == StateRejected || r.State == StateNotSent)
}

// isFresh reports whether a record is a claim of this run's, by which nothing was sent
// before.
func (s *signup) isFresh(rec Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return rec.State == StateIntent && rec.Owner == s.owner && s.fresh[rec.Target] == rec.Revision
}

// attempt creates, resolves or finishes the user of one target. It is not final where
// another run was faster.
func (s *signup) attempt(ctx context.Context, t *target, rec Record) (res Result, final bool) {
	own := s.isFresh(rec)
	users, waits := s.usersBefore(t)
	if waits != "" {
		res = s.open(t, rec, codeWaits, nil)
		var e *userapi.Error
		if errors.As(res.Err, &e) {
			e.FieldErrors = []userapi.FieldError{{VendorField: "After", Code: codeWaits, Message: waits + " has no user"}}
		}
		return res, true
	}
	req := t.request(s.req, users)
	sent, err := s.sent(t, req)
	switch {
	case err != nil && (rec.State == StateQueued || rec.State == StateNotSent || rec.State == StateRejected):
		return s.failed(t, asError(err)), true
	case err != nil:
		return s.open(t, rec, codeRemapped, err), true
	}

	resolver, asks := userapi.Ability[userapi.Resolver](t.Creator)
	no := rec.State == StateRejected || rec.State == StateNotSent
	resumes := !own && rec.unresolved() && (asks || !no)
	if same, _ := s.p.keys().match(rec.Sent, req, s.req.IdempotencyKey, t.Name); resumes && !same {
		if !no {
			return s.open(t, rec, codeRemapped, nil), true
		}
		resumes = false // nothing of the other request is left
	}
	var user *userapi.User
	var absent bool
	if resumes && asks {
		user, absent, asks = fromRecord(ctx, resolver, rec, req)
		resumes = asks || !no
	}
	anew := resumes && rec.State == StateRejected
	if resumes && !asks {
		switch {
		case user != nil:
			return s.settle(ctx, t, rec, Result{
				Target: t.Name, Disposition: DispositionRecovered, User: user, IdempotencyKey: s.req.IdempotencyKey, Started: rec.Started,
			})
		case !absent:
			return s.undecided(ctx, t, rec)
		case rec.Closed:
			return s.settle(ctx, t, rec, s.failed(t, &userapi.Error{Op: opSignUp, Subject: userapi.SubjectUser, Kind: userapi.KindNotFound, Outcome: userapi.OutcomeRejected}))
		}
		resumes = false
	}
	if ctx.Err() != nil && !own && !resumes {
		return s.open(t, rec, codeRecorded, ctx.Err()), true
	}

	pass, wait := t.breaker.allow()
	if pass == nil {
		return s.paused(ctx, t, rec, wait)
	}
	defer pass.dropped()
	if !own && !rec.State.HasUser() {
		next := rec
		s.claim(&next, sent, !resumes)
		stored, failure := s.store(ctx, userapi.OutcomeNotSent, next)
		switch {
		case failure == nil:
			rec = stored
		case errors.Is(failure, ErrStale):
			return Result{}, false
		case resumes:
			failure.Outcome = userapi.OutcomeUnknown
			return s.failed(t, failure), true
		default:
			return s.failed(t, failure), true
		}
	}

	res = s.call(ctx, t, rec, req, resumes, anew)
	pass.ended(ctx, res)
	return s.settle(ctx, t, rec, res)
}

// usersBefore returns the users of the targets before t, and the first target that has
// none.
func (s *signup) usersBefore(t *target) (users map[string]*userapi.User, waits string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users = map[string]*userapi.User{}
	for _, b := range t.before {
		u := s.users[b.Name]
		if rec := s.records[b.Name]; u == nil && rec.UserID != "" && (rec.State == StateDeleting || rec.State == StateUndone) {
			u = rec.user() // it was deleted, and its id still tells what was sent
		}
		if u == nil {
			return nil, b.Name
		}
		users[b.Name] = u
	}
	return users, ""
}

// call has Ensure, or the part of it that is left, done.
func (s *signup) call(ctx context.Context, t *target, rec Record, req userapi.CreateUserRequest, resumes, anew bool) Result {
	o := s.p.options
	o.resuming = time.Time{}
	if resumes {
		o.resuming = rec.Started
	}
	o.recreates = anew
	if rec.Closed {
		o.maxCreates = 0
	}
	do := (*run).ensure
	if rec.State.HasUser() {
		d := recorded(t.Name, rec).Disposition
		do = func(r *run) *userapi.Error { return r.finishOnly(d, rec.user()) }
	} else {
		// Nothing is created any more once another run may take the target over.
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, rec.Until.Add(-o.grace-o.lease/10))
		defer cancel()
	}
	res, _ := newRun(ctx, t.Creator, req, o).result(do)
	res.Target, res.IdempotencyKey = t.Name, s.req.IdempotencyKey
	if !rec.Started.IsZero() {
		res.Started = rec.Started
	}
	return res
}

// ended tells the breaker what the last step of a result says of the vendor.
func (c *call) ended(ctx context.Context, res Result) {
	e := asError(res.Err)
	if last := len(res.Steps) - 1; last >= 0 {
		e = res.Steps[last].Err
	}
	switch {
	case e == nil:
		c.answered()
	case e.Kind == userapi.KindUnavailable || e.Kind == userapi.KindTimeout:
		if ctx.Err() == nil {
			c.failed()
		}
	case e.StatusCode != 0:
		c.answered()
	}
}

// fromRecord looks whether a resolver answers from its client's own record of a create:
// with the user that it made, or that none was sent. Else it asks the vendor, which it
// does not do here: the context is over. A create that is known to have been sent once is
// not believed to be absent, for the record may have been lost.
func fromRecord(ctx context.Context, r userapi.Resolver, rec Record, req userapi.CreateUserRequest) (u *userapi.User, absent, asks bool) {
	over, cancel := context.WithCancel(ctx)
	cancel()
	u, err := r.ResolveUser(over, req, rec.Started)
	if e := asError(err); e != nil {
		return nil, e.FromRecord && isAbsent(e) && rec.State == StateIntent, !e.FromRecord
	}
	if u == nil || !u.FromRecord {
		return nil, false, true
	}
	if u.ID == "" {
		return nil, false, false
	}
	return u, false, false
}

// undecided is the result of a target that cannot be asked what became of a create:
// a person decides.
func (s *signup) undecided(ctx context.Context, t *target, rec Record) (res Result, final bool) {
	if rec.State == StateIntent {
		next := rec
		next.State, next.Until = StateUnknown, time.Time{}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		if _, failure := s.store(ctx, userapi.OutcomeUnknown, next); failure != nil && errors.Is(failure, ErrStale) {
			return Result{}, false
		}
	}
	rec.State = StateUnknown
	return recorded(t.Name, rec), true
}

// paused is the result of a target that is left alone for a while.
func (s *signup) paused(ctx context.Context, t *target, rec Record, wait time.Duration) (res Result, final bool) {
	res = s.open(t, rec, codePaused, nil)
	var e *userapi.Error
	if errors.As(res.Err, &e) {
		e.RetryAfter = wait
	}
	if s.isFresh(rec) {
		return s.settle(ctx, t, rec, res)
	}
	return res, true
}
