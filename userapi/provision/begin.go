package provision

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/enlist-go/enlist/userapi"
)

// staleTries bounds how often another run can begin first. One time is usual. More means that the
// ledger returns wrong records.
const staleTries = 10

// begin reads the key's records and adds missing ones. It puts faults into s.faults. If no target
// may be tried, every target has a fault.
func (s *signup) begin(ctx context.Context, records []Record, failure *userapi.Error) {
	for try := 1; failure == nil; try++ {
		changed := s.rememberAll(records)
		next := s.additions(changed)
		if len(next) == 0 {
			return
		}
		if failure = asError(ctx.Err()); failure != nil {
			failure.Op, failure.Outcome = opSignUp, userapi.OutcomeNotSent
		} else if _, failure = s.store(ctx, userapi.OutcomeNotSent, next...); failure == nil {
			return
		}
		switch {
		case errors.Is(failure, ErrStale) && try < staleTries:
			sleep(ctx, firstPoll) // another run was faster
			records, failure = load(ctx, s.p.ledger, s.key)
		case len(s.records) > 0: // some targets have records
			s.notStored = failure
			if kept := s.kept; changed { // the records belong to another request: do not send this one
				s.keep(func(r Record) bool { return !kept[r.Target] }, s.everywhere(failure))
			}
			return
		}
	}
	s.kept, s.faults = nil, s.everywhere(failure)
}

// additions returns the records to store before anything is sent. They are the first records of new
// targets. If the request has changed, they also include the records that take the new request.
func (s *signup) additions(changed bool) []Record {
	s.kept, s.faults, s.notStored = nil, nil, nil // reset after a stale try
	for _, r := range s.records {
		s.closed = s.closed || r.Closed
	}
	var missing []*target
	for _, t := range s.p.targets {
		if s.records[t.Name].Revision == 0 && !s.closed {
			missing = append(missing, t)
		}
	}
	known, what := len(s.records) > 0, sameRequest
	if changed {
		what = changeOf(s.records, s.keepsRequest)
	}
	if what == requestMends && !slices.ContainsFunc(s.p.targets, func(t *target) bool { return isMendable(s.records[t.Name]) }) {
		what = requestRefused
	}
	var taken []Record
	switch {
	case what == requestRefused:
		s.keep(func(Record) bool { return false }, nil)
		s.notStored = refused(userapi.KindInvalid, userapi.FieldError{Field: "IdempotencyKey", Code: userapi.CodeDifferent, Message: anotherRequest})
		return nil
	case what != sameRequest || !known:
		s.faults = s.preflight(func(t *target) bool {
			r := s.records[t.Name]
			return what != requestMends || r.Revision == 0 || isMendable(r)
		})
		if what == requestMends {
			s.keep(isMendable, s.faults)
		}
		if s.faults != nil {
			return nil
		}
		for _, r := range s.records {
			goesOn := s.p.byName[r.Target] != nil && (what == requestReplaces || isMendable(r))
			taken = append(taken, retaken(r, s.fingerprint, goesOn))
		}
	case len(missing) == 0:
		return nil
	default:
		taken = []Record{s.anchorRecord()}
	}
	next, failure := s.first(missing)
	switch {
	case failure == nil:
		return append(next, taken...)
	case known:
		s.notStored = failure
	default:
		s.faults = s.everywhere(failure)
	}
	return nil
}

// keep leaves targets as they are in the ledger, except those that may take the request. If there
// are faults, these targets get them.
func (s *signup) keep(goesOn func(Record) bool, faults map[string]*userapi.Error) {
	s.kept, s.faults = map[string]bool{}, faults
	for _, t := range s.p.targets {
		r := s.records[t.Name]
		s.kept[t.Name] = r.Revision != 0 && !goesOn(r)
	}
}

// everywhere gives every target the same error.
func (s *signup) everywhere(e *userapi.Error) map[string]*userapi.Error {
	faults := map[string]*userapi.Error{}
	for _, t := range s.p.targets {
		faults[t.Name] = e
	}
	return faults
}

// anchorRecord returns an existing record to store with the added ones. Undo changes every record
// of the key, so one of the two Stores is stale. anchorRecord prefers a record that is not in
// flight.
func (s *signup) anchorRecord() (w Record) {
	for _, r := range s.records {
		if w.Revision == 0 || w.State == StateInFlight && r.State != StateInFlight {
			w = r
		}
	}
	return w
}

// take sets the sign-up's key to the ledger's spelling, and computes the request's fingerprint
// under it. A record of an earlier version keeps its spelling.
func (s *signup) take(key string) *userapi.Error {
	s.key = key
	if key != canonicalKey(key) {
		s.req.IdempotencyKey = key
	}
	var err error
	s.fingerprint, err = s.p.keys().of(s.req, key)
	return asError(err)
}

// rememberAll remembers the key's records. changed reports that another request made them.
func (s *signup) rememberAll(records []Record) (changed bool) {
	s.remember(records)
	return slices.ContainsFunc(records, func(r Record) bool {
		return !s.p.keys().match(r.Request, s.fingerprint, s.req, r.Key)
	})
}

// anotherRequest is the message for a key that another request has used.
const anotherRequest = "was used before with another request, or the fingerprint with other RequestKeys"

// preflight returns the request's locally detected faults at the targets that isFor selects, as
// Plan finds them. If it finds one, every target gets an error.
func (s *signup) preflight(isFor func(*target) bool) map[string]*userapi.Error {
	failures := map[string]*userapi.Error{}
	var faulty []*target
	for i, item := range s.p.plan(s.req, (*target).faults) {
		if t := s.p.targets[i]; item.Err != nil && isFor(t) {
			failures[t.Name] = revised(asError(item.Err), userapi.OutcomeNotSent)
			failures[t.Name].Op = opSignUp
			faulty = append(faulty, t)
		}
	}
	if len(faulty) == 0 {
		return nil
	}
	other := refused(userapi.KindInvalid, userapi.FieldError{VendorField: "Target", Code: userapi.CodeInvalid, Message: "the request is invalid for " + names(faulty)})
	other.Code = codeOtherTarget
	for _, t := range s.p.targets {
		failures[t.Name] = cmp.Or(failures[t.Name], other)
	}
	return failures
}

// first returns the first records of targets. It also claims the targets that can be tried now, so
// that one Store is enough.
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
