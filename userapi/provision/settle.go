package provision

import (
	"context"
	"errors"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// How long, and how often, the record of an outcome is tried to be stored.
const (
	settleTime  = 30 * time.Second
	settleTries = 3
	settleWait  = 100 * time.Millisecond
)

// outcome returns rec with what a result says.
func (r Record) outcome(res Result) Record {
	r.Until = time.Time{}
	r.State = map[Disposition]State{
		DispositionUnknown: StateUnknown, DispositionNotSent: StateNotSent, DispositionRejected: StateRejected,
		DispositionCreated: StateCreated, DispositionRecovered: StateRecovered, DispositionExisting: StateExisting,
	}[res.Disposition]
	if r.Closed && (r.State == StateNotSent || r.State == StateRejected) {
		r.State = StateUndone
	}
	r.Kind, r.Unfinished = userapi.KindUnknown, false
	for _, step := range res.Steps {
		sent := step.Action == ActionCreate || step.Action == ActionRepeat
		r.Lost = r.Lost || sent && step.Err != nil && step.Err.Outcome == userapi.OutcomeUnknown
	}
	if e := asError(res.Err); e != nil {
		r.Kind = e.Kind
		if e.Provider != "" {
			r.Provider = e.Provider
		}
		if r.State == StateUnknown {
			r.UserID = e.UserID
		}
		last := len(res.Steps) - 1
		r.Unfinished = res.User != nil && !r.Closed && (last < 0 || res.Steps[last].Action == ActionFinish && res.Steps[last].Err != nil)
	}
	if u := res.User; u != nil {
		r.UserID, r.Proof = u.ID, u.Proof
		if u.Provider != "" {
			r.Provider = u.Provider
		}
	}
	return r
}

// settle records a result, whatever became of the caller's context. It is not final
// where another run knows more.
func (s *signup) settle(ctx context.Context, t *target, rec Record, res Result) (Result, bool) {
	next := s.p.closing(rec.outcome(res))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	stored, failure := s.p.settle(ctx, next)
	switch {
	case failure == nil:
		s.see([]Record{stored})
		return s.told(t, stored, res), true
	case !errors.Is(failure, ErrStale):
		return unrecorded(res, failure), true
	case res.User == nil:
		return Result{}, false
	}
	// Another run took the target over. That the user exists is known here for sure.
	if load := s.load(ctx); load != nil {
		return unrecorded(res, load), true
	}
	other := s.record(t)
	gone := other.State == StateDeleting || other.State == StateUndone
	switch {
	case other.State.HasUser() && other.UserID == res.User.ID:
		return res, true
	case gone && other.UserID == res.User.ID:
		return s.undone(t, other), true
	case other.State.HasUser() || gone:
		e := ledgerError(ErrStale, userapi.OutcomeCreated)
		e.Candidates = []string{res.User.ID, other.UserID}
		return unrecorded(res, e), true
	}
	if stored, failure = s.p.settle(ctx, s.p.closing(other.outcome(res))); failure != nil {
		return unrecorded(res, failure), true
	}
	return s.told(t, stored, res), true
}

// closing returns a record whose user is to be deleted, since the sign-up was undone in
// the meantime, as one that says so: Resume and Undo go on with it.
func (p *Provisioner) closing(r Record) Record {
	if r.Closed && p.undoable(r) == "" {
		r.State = StateDeleting
	}
	return r
}

// told returns the result of a run, with an error where its user is to be deleted.
func (s *signup) told(t *target, stored Record, res Result) Result {
	if stored.State == StateDeleting && res.User != nil {
		e := undoneError(stored, userapi.OutcomeCreated)
		e.Provider, e.User = res.User.Provider, res.User
		res.Err = e
	}
	return res
}

// unrecorded is a result whose outcome the ledger may not have: it holds the intent,
// and the next run asks.
func unrecorded(res Result, failure *userapi.Error) Result {
	e := *failure
	e.Code = codeRecord
	e.Err = errors.Join(failure.Err, res.Err)
	switch {
	case res.User != nil:
		e.Outcome, e.User, e.UserID, e.Provider = userapi.OutcomeCreated, res.User, res.User.ID, res.User.Provider
	case res.Disposition == DispositionNotSent:
		e.Outcome = userapi.OutcomeNotSent
	case res.Disposition == DispositionRejected, res.Disposition == DispositionUndone:
		e.Outcome = userapi.OutcomeRejected
	default:
		e.Outcome = userapi.OutcomeUnknown
	}
	res.Err = &e
	return res
}

// settle stores a record and tries again when the ledger fails: an outcome that is
// known is worth it. An earlier try may have been stored all the same.
func (p *Provisioner) settle(ctx context.Context, next Record) (Record, *userapi.Error) {
	var err error
	for try, wait := 1, settleWait; ; try, wait = try+1, 3*wait {
		var stored []Record
		if stored, err = p.store(ctx, p.ledger, next); err == nil {
			return stored[0], nil
		}
		if errors.Is(err, ErrStale) {
			if held, found := p.held(ctx, next); found {
				return held, nil
			}
		}
		if errors.Is(err, ErrStale) || try == settleTries || !sleep(ctx, wait) {
			return Record{}, ledgerError(err, userapi.OutcomeUnknown)
		}
	}
}

// held returns the ledger's record if it is the one that was to be stored.
func (p *Provisioner) held(ctx context.Context, next Record) (Record, bool) {
	records, err := p.ledger.Load(ctx, next.Key)
	if err != nil {
		return Record{}, false
	}
	r, found := recordOfTarget(records, next.Target)
	return r, found && r.Revision == next.Revision+1 && r.Owner == next.Owner && r.State == next.State && r.UserID == next.UserID
}
