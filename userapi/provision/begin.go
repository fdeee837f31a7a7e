package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/enlist-go/enlist/userapi"
)

// staleTries is how often another run may be faster to begin, which once is usual: more
// is a ledger that shows what is not so.
const staleTries = 10

// begin reads what the ledger has of the key, and adds what it has not. It returns an
// error for every target when none may be tried.
func (s *signup) begin(ctx context.Context) []*userapi.Error {
	if failure := checkKey(s.req.IdempotencyKey); failure != nil {
		return s.everywhere(failure)
	}
	key, records, failure := find(ctx, s.p.ledger, s.req.IdempotencyKey)
	if failure == nil {
		failure = s.take(key)
	}
	if failure != nil {
		return s.everywhere(failure)
	}
	for try := 1; ; try++ {
		changed := s.see(records)
		next, failures := s.additions(changed)
		switch {
		case failures != nil:
			return failures
		case len(next) == 0:
			return nil
		case ctx.Err() != nil:
			failure = asError(ctx.Err())
			failure.Op, failure.Outcome = opSignUp, userapi.OutcomeNotSent
		default:
			_, failure = s.store(ctx, userapi.OutcomeNotSent, next...)
		}
		switch {
		case failure == nil:
		case errors.Is(failure, ErrStale) && try < staleTries:
			sleep(ctx, firstPoll) // another run was faster
			if records, failure = load(ctx, s.p.ledger, s.key); failure != nil {
				return s.everywhere(failure)
			}
			continue
		case len(s.records) > 0: // the others are told what the ledger has
			s.notStored = failure
			if kept := s.kept; changed { // the ledger has the request before: this one goes nowhere
				s.keep(func(r Record) bool { return !kept[r.Target] }, s.everywhere(failure))
			}
		default:
			return s.everywhere(failure)
		}
		return nil
	}
}

// additions returns the records that are to be stored before anything is sent: those of
// targets that the ledger does not have and, where the request is another one, those that
// take it. It returns an error for every target when none may be tried.
func (s *signup) additions(changed bool) ([]Record, []*userapi.Error) {
	s.kept, s.faults, s.notStored = nil, nil, nil // of a try before, which was too late
	for _, r := range s.records {
		s.closed = s.closed || r.Closed
	}
	var missing []*target
	for _, t := range s.p.targets {
		if s.records[t.Name].Revision == 0 && !s.closed {
			missing = append(missing, t)
		}
	}
	known := len(s.records) > 0
	what := sameRequest
	if changed {
		what = changeOf(s.records, s.keepsRequest)
	}
	if what == requestMends && !s.hasMendable() {
		what = requestRefused
	}
	var taken []Record
	switch {
	case what == requestRefused:
		s.keep(func(Record) bool { return false }, nil)
		s.notStored = refused(userapi.KindInvalid, "IdempotencyKey", userapi.CodeDifferent, anotherRequest)
		return nil, nil
	case what != sameRequest || !known:
		failures := s.preflight(func(t *target) bool {
			r := s.records[t.Name]
			return what != requestMends || r.Revision == 0 || isMendable(r)
		})
		switch {
		case failures == nil:
		case what == requestMends:
			s.keep(isMendable, failures)
			return nil, nil
		default:
			return nil, failures
		}
		for _, r := range s.records {
			goesOn := s.p.byName[r.Target] != nil && (what == requestReplaces || isMendable(r))
			taken = append(taken, retaken(r, s.fingerprint, goesOn))
		}
	case len(missing) == 0:
		return nil, nil
	default:
		taken = []Record{s.anchorRecord()}
	}
	if what == requestMends {
		s.keep(isMendable, nil)
	}
	next, failure := s.first(missing)
	if failure != nil {
		if !known {
			return nil, s.everywhere(failure)
		}
		s.notStored = failure
		return nil, nil
	}
	return append(next, taken...), nil
}

func (s *signup) hasMendable() bool {
	return slices.ContainsFunc(s.p.targets, func(t *target) bool { return isMendable(s.records[t.Name]) })
}

// keep has the targets left as the ledger has them, but for those whose record may go on.
// failures, if any, are what these get instead.
func (s *signup) keep(goesOn func(Record) bool, failures []*userapi.Error) {
	s.kept, s.faults = map[string]bool{}, map[string]*userapi.Error{}
	for i, t := range s.p.targets {
		switch r := s.records[t.Name]; {
		case r.Revision != 0 && !goesOn(r):
			s.kept[t.Name] = true
		case failures != nil:
			s.faults[t.Name] = failures[i]
		}
	}
}

// anchorRecord returns a record of the key that is stored again with those that are added:
// an Undo changes every one, so that the two cannot miss each other. One that a run is
// at work on is taken only where there is no other.
func (s *signup) anchorRecord() (w Record) {
	for _, r := range s.records {
		if w.Revision == 0 || w.State == StateInFlight && r.State != StateInFlight {
			w = r
		}
	}
	return w
}

// checkKey finds what is wrong with a key.
func checkKey(key string) *userapi.Error {
	switch {
	case key == "":
		return refused(userapi.KindInvalid, "IdempotencyKey", userapi.CodeRequired, "is required: the ledger knows the sign-up by it")
	case !printable(key):
		return refused(userapi.KindInvalid, "IdempotencyKey", userapi.CodeInvalid, fmt.Sprintf("must be 1 to %d bytes of printable UTF-8", maxName))
	}
	return nil
}

// take gives the sign-up the key that the ledger has it under, and the request's fingerprint
// there. What an earlier version stored in another spelling goes on with that one.
func (s *signup) take(key string) *userapi.Error {
	s.key = key
	if key != canonicalKey(key) {
		s.req.IdempotencyKey = key
	}
	var err error
	s.fingerprint, err = s.p.keys().of(s.req, key)
	return asError(err)
}

// see takes note of the key's records. changed says that they are of another request.
func (s *signup) see(records []Record) (changed bool) {
	s.remember(records)
	for _, r := range records {
		changed = changed || !s.p.keys().match(r.Request, s.fingerprint, s.req, r.Key)
	}
	return changed
}

// anotherRequest says what is wrong with a key.
const anotherRequest = "was used before with another request, or the fingerprint with other RequestKeys"

// preflight finds the faults of the request that can be seen locally, as Plan does, of the
// targets that it is for. It returns an error for each target, or nil for no fault at any.
func (s *signup) preflight(isFor func(*target) bool) []*userapi.Error {
	failures := make([]*userapi.Error, len(s.p.targets))
	var faulty []*target
	for i, item := range s.p.plan(s.req, (*target).faults) {
		if failure := asError(item.Err); failure != nil && isFor(s.p.targets[i]) {
			failures[i] = revised(failure, userapi.OutcomeNotSent)
			failures[i].Op = opSignUp
			faulty = append(faulty, s.p.targets[i])
		}
	}
	if len(faulty) == 0 {
		return nil
	}
	for i := range failures {
		if failures[i] == nil {
			failures[i] = &userapi.Error{Op: opSignUp, Subject: userapi.SubjectUser, Kind: userapi.KindInvalid, Code: codeOtherTarget, Outcome: userapi.OutcomeNotSent, FieldErrors: []userapi.FieldError{
				{VendorField: "Target", Code: userapi.CodeInvalid, Message: "the request is invalid for " + names(faulty)},
			}}
		}
	}
	return failures
}

// first returns the first records of targets: those that can be tried at once are
// claimed in the same store.
func (s *signup) first(missing []*target) ([]Record, *userapi.Error) {
	next := make([]Record, 0, len(s.p.targets))
	for _, t := range missing {
		r := s.queued(t)
		if len(t.before) == 0 && !t.breaker.paused() {
			sent, err := s.sent(t, t.request(s.req, nil))
			if err != nil {
				return nil, asError(err)
			}
			s.claim(&r, sent, true)
		}
		next = append(next, r)
	}
	return next, nil
}

// queued returns the first record of a target.
func (s *signup) queued(t *target) Record {
	return Record{Key: s.key, Target: t.Name, State: StateQueued, Request: s.fingerprint}
}
