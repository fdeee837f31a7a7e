package provision

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// done ends the run with a user, and an error if something of it is unfinished.
func (r *run) done(d Disposition, u *userapi.User, failure *userapi.Error) *userapi.Error {
	r.res.Disposition, r.res.User = d, u
	return failure
}

// endWith ends the run without a user.
func (r *run) endWith(e *userapi.Error) *userapi.Error {
	switch e.Outcome {
	case userapi.OutcomeNotSent:
		r.res.Disposition = DispositionNotSent
	case userapi.OutcomeRejected:
		r.res.Disposition = DispositionRejected
	default:
		r.res.Disposition = DispositionUnknown
	}
	return e
}

// resultFor is the result of a target without a user.
func (s *signup) resultFor(t *target, e *userapi.Error) Result {
	r := run{res: Result{Target: t.Name, IdempotencyKey: cmp.Or(s.key, s.req.IdempotencyKey)}}
	r.res.Err = r.endWith(e)
	return r.res
}

// withUndoError returns the result of a run, with an error where its user is to be deleted.
func withUndoError(stored Record, res Result) Result {
	if stored.State == StateDeleting && res.User != nil {
		stored.State = StateCreated // which it is for the caller
		e := asError(resultOf(stored, codeUndone, nil).Err)
		e.Provider, e.User = res.User.Provider, res.User
		res.Err = e
	}
	return res
}

// notStored returns a result that the ledger may not have: it has the intent, and the
// next run asks.
func notStored(res Result, failure *userapi.Error) Result {
	e := *failure
	e.Code, e.Outcome = codeNotStored, outcomeOf[res.Disposition]
	e.Err = errors.Join(failure.Err, res.Err)
	if u := res.User; u != nil {
		e.Outcome, e.User, e.UserID, e.Provider = userapi.OutcomeCreated, u, u.ID, u.Provider
	}
	res.Err = &e
	return res
}

// absence returns the error of a create whose user is proven absent: it says why the
// create failed. For an earlier run's create the reason is not known.
func absence(create, miss, repeat *userapi.Error) *userapi.Error {
	below := []error{create.Err, miss}
	if repeat != nil {
		below = append(below, repeat)
	}
	if create.Code == codeResumed {
		return revised(miss, userapi.OutcomeRejected, below...)
	}
	return revised(create, userapi.OutcomeRejected, below...)
}

// absent ends the run with the error of an absent user, once the user has been absent
// for long enough since the create ended: the vendor's server may still have been
// working.
func (r *run) absent(e, unknown *userapi.Error, ended time.Time) *userapi.Error {
	if r.looked.Sub(ended) < r.patience {
		if !sleep(r.settling, r.patience-time.Since(ended)) {
			return r.endWith(unsettled(unknown, &userapi.Error{Code: codeUnproven, Err: r.settling.Err()}))
		}
		found, miss := r.resolve()
		switch {
		case found != nil:
			return r.recovered(found)
		case !isAbsent(miss):
			return r.endWith(unsettled(unknown, miss))
		}
	}
	return r.endWith(revised(e, userapi.OutcomeRejected))
}

// asError returns err as the *userapi.Error that it is or wraps. Another error, or one
// that claims too much, becomes an error that claims nothing.
func asError(err error) *userapi.Error {
	if err == nil {
		return nil
	}
	var e *userapi.Error
	if !errors.As(err, &e) || e == nil {
		return &userapi.Error{Op: opEnsure, Subject: userapi.SubjectUser, Kind: kindOf(err, userapi.KindUnknown), Err: err}
	}
	switch {
	case e.Outcome < userapi.OutcomeUnknown || e.Outcome > userapi.OutcomeCreated,
		e.Outcome == userapi.OutcomeCreated && (e.User == nil || e.User.ID == ""),
		userapi.MayHaveCreated(err) && (e.Outcome == userapi.OutcomeNotSent || e.Outcome == userapi.OutcomeRejected):
		return revised(e, userapi.OutcomeUnknown, err)
	}
	return e
}

// kindOf returns the kind of an error that is a context's, and other for any other.
func kindOf(err error, other userapi.Kind) userapi.Kind {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return userapi.KindTimeout
	case errors.Is(err, context.Canceled):
		return userapi.KindCanceled
	}
	return other
}

// created ends the run with a user that exists although its create failed: the second
// step is not done, or the reply was cut off.
func (r *run) created(e *userapi.Error) *userapi.Error {
	user := e.User
	// Not where only the second step failed, with a reply that was none.
	broken := user.CreatedAt.IsZero() || !json.Valid(user.Raw) || e.Kind == userapi.KindProtocol && e.Op == opCreate
	if broken {
		switch found, miss := r.resolve(); {
		case found != nil && found.ID == user.ID:
			read := *found
			read.Proof = userapi.ProofReply // it named the id
			if user.Proof == userapi.ProofEarlier {
				read.Proof = user.Proof // of a user that the create did not make
			}
			user, broken = &read, false
		case isAbsent(miss):
			return r.endWith(unsettled(e, miss)) // one of the two answers is wrong
		}
	}
	failure := r.finish(user)
	if failure == nil && broken {
		failure = e
	}
	return r.done(DispositionCreated, user, failure)
}

// recovered ends the run with a user that a look-up found.
func (r *run) recovered(u *userapi.User) *userapi.Error {
	return r.done(DispositionRecovered, u, r.finish(u))
}

// conflict ends the run with a conflict, unless it is with the user that this very
// request made: in a create of this call whose outcome was unknown, or in an earlier
// call with the same key.
func (r *run) conflict(e, unknown *userapi.Error) *userapi.Error {
	if unknown == nil && !namesKey(e) {
		return r.adoptOr(e)
	}
	found, miss := r.resolve()
	switch {
	case found != nil:
		return r.recovered(found)
	case miss == nil && unknown == nil && !r.sent:
		return r.endWith(e)
	case miss == nil:
		return r.endWith(revised(e, userapi.OutcomeUnknown))
	case miss.Outcome != userapi.OutcomeRejected:
		return r.endWith(unsettled(e, miss))
	case !isAbsent(miss):
		return r.adoptOr(e)
	}
	// Something of the request's is taken, though not by the user that was looked for.
	// If nobody has it the look-ups lag, and it may be by the first create; that it is
	// where it is the id that no other request chooses.
	other, miss := r.ask(ActionAdopt, time.Time{})
	if other != nil {
		if found, miss = r.resolve(); found != nil {
			return r.recovered(found) // they did
		}
	}
	switch {
	case namesKey(e):
		return r.endWith(unsettled(e, miss))
	case other != nil && r.adopt:
		return r.done(DispositionExisting, other, nil)
	case other != nil, isTaken(miss):
		return r.endWith(e)
	default:
		return r.endWith(unsettled(e, miss))
	}
}

// namesKey reports whether a conflict is with the id that the request's
// IdempotencyKey chose.
func namesKey(e *userapi.Error) bool {
	return slices.ContainsFunc(e.FieldErrors, func(f userapi.FieldError) bool { return f.Field == "IdempotencyKey" })
}

// adoptOr ends the run with the existing user, if it may be adopted, otherwise with the
// conflict.
func (r *run) adoptOr(conflict *userapi.Error) *userapi.Error {
	if r.adopt {
		if found, _ := r.ask(ActionAdopt, time.Time{}); found != nil {
			return r.done(DispositionExisting, found, nil)
		}
	}
	return r.endWith(conflict)
}

// unsettled returns the error of an outcome that stays unknown: the create's, with what
// the look-up adds.
func unsettled(create, look *userapi.Error) *userapi.Error {
	if look == nil {
		return revised(create, userapi.OutcomeUnknown)
	}
	e := revised(create, userapi.OutcomeUnknown, create.Err, look)
	e.Candidates = look.Candidates
	if create.Code == codeResumed { // of that one nothing is known
		e.Provider, e.Kind, e.StatusCode, e.Code = look.Provider, look.Kind, look.StatusCode, look.Code
	}
	e.UserID, e.Code = cmp.Or(e.UserID, look.UserID), cmp.Or(e.Code, look.Code)
	return e
}

// revised returns e with another outcome and, where there are any, other errors
// below.
func revised(e *userapi.Error, outcome userapi.Outcome, below ...error) *userapi.Error {
	changed := *e
	changed.Op, changed.Subject, changed.Outcome = opEnsure, userapi.SubjectUser, outcome
	if len(below) > 0 {
		changed.Err = errors.Join(below...)
	}
	return &changed
}
