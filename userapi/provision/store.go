package provision

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// Limits of ledger calls. A call can be slow, for example if it waits for a row lock of a dead
// client.
const (
	storeTime  = 30 * time.Second
	storeTries = 3
	storeWait  = 100 * time.Millisecond
)

// load reads the records of a key.
func load(ctx context.Context, l Ledger, key string) ([]Record, *userapi.Error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	records, err := l.Load(ctx, key)
	if err != nil {
		return nil, ledgerError(err, userapi.OutcomeUnknown)
	}
	return records, nil
}

// store stores records, reports them to OnRecord, and returns them with their new revisions. It
// changes the given slice.
func (p *Provisioner) store(ctx context.Context, to Storer, records ...Record) ([]Record, error) {
	if end, bounded := ctx.Deadline(); !bounded || time.Until(end) > storeTime {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, storeTime)
		defer cancel()
	}
	for i := range records {
		records[i].Changed = stamp(time.Now())
	}
	if err := to.Store(ctx, records...); err != nil {
		return nil, err
	}
	for i := range records {
		records[i].Revision++
		if p.options.onRecord != nil {
			p.options.onRecord(records[i])
		}
	}
	return records, nil
}

// remember keeps the newest known record of each target.
func (s *signup) remember(records []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		if r.Revision > s.records[r.Target].Revision {
			s.records[r.Target] = r
		}
	}
}

// record returns the newest known record of a target.
func (s *signup) record(t *target) Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[t.Name]
}

// store stores records, remembers them, and returns the first one. The error matches ErrStale if
// another run has changed a record.
func (s *signup) store(ctx context.Context, outcome userapi.Outcome, records ...Record) (Record, *userapi.Error) {
	stored, err := s.p.store(ctx, s.p.ledger, records...)
	if err != nil {
		return Record{}, ledgerError(err, outcome)
	}
	s.remember(stored)
	return stored[0], nil
}

// isFresh reports whether a record is this run's claim and nothing was sent before it.
func (s *signup) isFresh(rec Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return rec.State == StateInFlight && rec.Owner == s.owner && s.fresh[rec.Target] == rec.Revision
}

// reload reads the records again, even if the caller's context has ended. changed reports that
// another request has taken them.
func (s *signup) reload(ctx context.Context) (changed bool, failure *userapi.Error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	records, failure := load(ctx, s.p.ledger, s.key)
	if failure != nil {
		return false, failure
	}
	return s.rememberAll(records), nil
}

// storeResult stores a target's result. The same Store claims the targets that waited only for its
// user u; none if u is nil. If that Store fails, storeResult stores only the result.
func (s *signup) storeResult(ctx context.Context, t *target, next Record, u *userapi.User) (Record, *userapi.Error) {
	records := []Record{next}
	for _, d := range s.p.targets {
		if r, claimed := s.claimAfter(d, t, u); claimed {
			records = append(records, r)
		}
	}
	if len(records) > 1 && !next.Closed {
		if stored, err := s.p.store(ctx, s.p.ledger, records...); err == nil {
			s.remember(stored)
			return stored[0], nil
		}
	}
	return s.p.storeWithRetry(ctx, next)
}

// claimAfter returns a claim of d if d waits only for t's user.
func (s *signup) claimAfter(d, t *target, u *userapi.User) (r Record, claimed bool) {
	if u == nil || !slices.Contains(d.before, t) || s.kept[d.Name] || s.faults[d.Name] != nil || d.breaker.paused() {
		return Record{}, false
	}
	r = s.record(d)
	users, waits := s.usersBefore(d, t, u)
	if waits != "" || r.State != StateQueued || r.Closed || s.closed {
		return Record{}, false
	}
	sent, err := s.sent(d, d.request(s.req, users))
	if err != nil {
		return Record{}, false
	}
	s.claim(&r, sent, true)
	return r, true
}

// storeWithRetry stores a record and retries if the ledger fails. A failed try may still have
// stored the record.
func (p *Provisioner) storeWithRetry(ctx context.Context, next Record) (Record, *userapi.Error) {
	var err error
	for try, wait := 1, storeWait; ; try, wait = try+1, 3*wait {
		var stored []Record
		if stored, err = p.store(ctx, p.ledger, next); err == nil {
			return stored[0], nil
		}
		if errors.Is(err, ErrStale) {
			if held, found := p.isStored(ctx, next); found {
				return held, nil
			}
		}
		if errors.Is(err, ErrStale) || try == storeTries || !sleep(ctx, wait) {
			return Record{}, ledgerError(err, userapi.OutcomeUnknown)
		}
	}
}

// isStored returns the ledger's record if it is the result of storing next.
func (p *Provisioner) isStored(ctx context.Context, next Record) (Record, bool) {
	records, err := p.ledger.Load(ctx, next.Key)
	if err != nil {
		return Record{}, false
	}
	r, found := recordOfTarget(records, next.Target)
	return r, found && r.Revision == next.Revision+1 && r.Owner == next.Owner && r.State == next.State && r.UserID == next.UserID
}

// ledgerError returns the error for a failed ledger.
func ledgerError(err error, outcome userapi.Outcome) *userapi.Error {
	return &userapi.Error{
		Op: opSignUp, Subject: userapi.SubjectUser, Kind: kindOf(err, userapi.KindUnavailable), Outcome: outcome, Code: "ledger", Err: err,
	}
}

// conflictIfStale turns the error into a conflict if another run caused it.
func conflictIfStale(e *userapi.Error) *userapi.Error {
	if errors.Is(e, ErrStale) {
		e.Kind, e.Code = userapi.KindConflict, ""
	}
	return e
}
