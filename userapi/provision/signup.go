package provision

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// CreateUser creates a user at every target that does not have one yet for the request's
// IdempotencyKey, which is required. It also resolves what an earlier run with that key left open.
// It always returns a result for every target, in their order. The error joins the errors of the
// results, each under its target's name. It is nil when every target has a finished user.
//
// How targets depend on each other:
//
//   - If a fault is detected locally before the key is recorded, nothing is sent to any
//     target.
//   - After that, a failure of one target does not stop another.
//   - Nothing is sent to a target that comes after one without a user. It waits for the
//     next run.
//   - Each call tries again the targets that were refused, or where nothing was sent.
//   - While another run with the same key is working, CreateUser waits for it.
//
// If a creator or Target.Map panics, CreateUser repeats the panic after the other targets are done.
func (p *Provisioner) CreateUser(ctx context.Context, req userapi.CreateUserRequest) ([]Result, error) {
	ctx, cancel, grace := p.options.within(ctx)
	defer cancel()
	return p.run(ctx, &signup{p: p, call: "CreateUser", req: req, grace: grace})
}

// Continue is CreateUser for a program with many sign-ups: it never waits. It skips a target that
// another run holds, and reports it as in_progress, which is not part of the error. Closed targets
// do not change, nor do targets where the vendor refused the request. Continue starts a key that
// the ledger does not have.
func (p *Provisioner) Continue(ctx context.Context, req userapi.CreateUserRequest) ([]Result, error) {
	return p.run(ctx, &signup{p: p, call: "Continue", req: req, grace: p.options.grace, resumes: true})
}

// Retry is Continue that also retries what a vendor refused. The reason may be gone at the vendor.
// It may also be the password, which fingerprints do not cover.
func (p *Provisioner) Retry(ctx context.Context, req userapi.CreateUserRequest) ([]Result, error) {
	return p.run(ctx, &signup{p: p, call: "Retry", req: req, grace: p.options.grace, resumes: true, retries: true})
}

// PausedUntil returns the end of a target's pause, which begins when its vendor fails too often
// ([Pause]). It is the zero time for an unknown name and for a target that is not paused. After
// that time one sign-up tries the vendor.
func (p *Provisioner) PausedUntil(target string) time.Time {
	if t := p.byName[target]; t != nil {
		return t.breaker.pausedUntil()
	}
	return time.Time{}
}

// A signup is one run of one key.
type signup struct {
	p    *Provisioner
	call string // the method that started the run
	req  userapi.CreateUserRequest
	// key is the sign-up's key in the ledger; "" before the look-up. It is the request's
	// IdempotencyKey or, for a UUID in capitals, mostly its canonical form.
	key string
	// resumes skips closed targets and those that other runs hold. retries also retries refused
	// targets.
	resumes, retries bool
	// grace is how long a target's run may continue after the caller's context has ended.
	grace time.Duration
	// keepsRequest refuses another request for the key.
	keepsRequest bool

	fingerprint string
	owner       string
	closed      bool // the key is undone: add no target
	// notStored is why missing targets could not be added.
	notStored *userapi.Error
	// kept are the targets that do not take the changed request. faults are the errors that keep
	// the other targets from being tried.
	kept   map[string]bool
	faults map[string]*userapi.Error

	mu      sync.Mutex
	records map[string]Record        // by target, as last seen
	fresh   map[string]int64         // revisions of claims before which nothing was sent
	users   map[string]*userapi.User // by target
	// panicked is the first panic of a creator or a Map.
	panicked error
}

func (p *Provisioner) run(ctx context.Context, s *signup) (results []Result, err error) {
	ctx, ended := p.options.beginRun(ctx, s.call)
	defer func() { ended(results) }()
	s.owner = s.p.options.alone + rand.Text()
	s.records, s.users, s.fresh = map[string]Record{}, map[string]*userapi.User{}, map[string]int64{}
	failure := checkKey(s.req.IdempotencyKey)
	var records []Record
	if failure == nil {
		var key string
		if key, records, failure = find(ctx, p.ledger, cmp.Or(s.key, s.req.IdempotencyKey)); failure == nil {
			failure = s.take(key)
		}
	}
	s.begin(ctx, records, failure)
	all := make([]Result, len(p.targets))
	done := make([]chan struct{}, len(p.targets))
	for i := range done {
		done[i] = make(chan struct{})
	}
	var wg sync.WaitGroup
	for i, t := range p.targets {
		wg.Go(func() {
			defer close(done[i])
			for _, b := range t.before {
				<-done[b.index]
			}
			growStack()
			s.runTarget(ctx, t, &all[i])
		})
	}
	wg.Wait()
	if s.panicked != nil {
		panic(s.panicked)
	}
	if s.resumes {
		return all, joined(withoutOthers(all))
	}
	return all, joined(all)
}

// growStack grows the stack of a new goroutine once, while the stack is empty. A create needs a
// deep stack, and growing it step by step would copy it four times.
//
//go:noinline
func growStack() (b byte) {
	var frame [20 << 10]byte
	return frame[time.Now().Nanosecond()&1]
}

// withoutOthers removes the results of targets that another run holds. If there are any, it also
// removes those of waiting targets.
func withoutOthers(results []Result) []Result {
	is := func(r Result, code string) bool {
		e := asError(r.Err)
		return e != nil && e.Code == code
	}
	if !slices.ContainsFunc(results, func(r Result) bool { return is(r, codeInProgress) }) {
		return results
	}
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return is(r, codeInProgress) || is(r, codeWaits) })
}

// joined returns the joined errors of the results.
func joined(results []Result) error {
	var all []error
	for _, r := range results {
		if r.Err != nil {
			all = append(all, fmt.Errorf("%s: %w", r.Target, r.Err))
		}
	}
	return errors.Join(all...)
}

// sent returns the fingerprint of a target's request, or why it cannot be sent.
func (s *signup) sent(t *target, req userapi.CreateUserRequest) (string, error) {
	if failure := refusalIn(req); failure != nil {
		return "", failure
	}
	return s.p.keys().of(req, s.key, t.Name)
}

// claim makes a record this run's claim. fresh means that nothing was sent before.
func (s *signup) claim(r *Record, sent string, fresh bool) {
	now := stamp(time.Now())
	r.State, r.Owner, r.Until, r.Sent = StateInFlight, s.owner, now.Add(s.p.options.lease), sent
	if fresh {
		r.Started, r.Kind, r.UserID, r.Decided, r.Lost = now, userapi.KindUnknown, "", false, false
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fresh[r.Target] = r.Revision + 1
	} else {
		r.Lost = true
	}
}
