package provision

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// Resumed is what Resume did about one sign-up.
type Resumed struct {
	// Key is the sign-up's IdempotencyKey.
	Key string
	// Results are those of CreateUser or, if the sign-up was being undone, of Undo.
	// They are nil if load did not return the request.
	Results []Result
	// Err joins the errors of the results, or is the error because of which there are
	// none. It does not report that another run has taken a target in the meantime.
	Err error
}

// MarshalJSON encodes the results, which have their errors, and the text of Err.
func (r Resumed) MarshalJSON() ([]byte, error) {
	shown := struct {
		Key     string   `json:"key"`
		Results []Result `json:"results,omitempty"`
		Err     string   `json:"error,omitempty"`
	}{Key: r.Key, Results: r.Results}
	if r.Err != nil {
		shown.Err = r.Err.Error()
	}
	return json.Marshal(shown)
}

// openPage is how many keys are asked for at once.
const openPage = 100

// Resume collects what Resumes returns, in byte order of the keys. The error joins
// those of the sign-ups. If not all were reached, it also has the ledger's or the
// context's error.
func (p *Provisioner) Resume(ctx context.Context, load func(ctx context.Context, key string) (userapi.CreateUserRequest, error)) ([]Resumed, error) {
	var all []Resumed
	var failure error
	for r, err := range p.Resumes(ctx, load) {
		if err != nil {
			failure = err
			break
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Resumed) int { return strings.Compare(a.Key, b.Key) })
	errs := []error{failure}
	for _, r := range all {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("sign-up %q: %w", r.Key, r.Err))
		}
	}
	return all, errors.Join(errs...)
}

// Resumes continues every sign-up that is open in the ledger. Call it after a crash,
// and from time to time for vendors that failed. load returns the request of a key, as
// it was given to CreateUser or Queue: the ledger does not have it. The password may be
// another one. It may be missing if no user is left to create. load must be safe for
// concurrent use.
//
// Record.Open says what is open. In detail:
//
//   - A sign-up that another run is working on, or took less than a Lease ago, is left
//     to that run. It does not come.
//   - What a vendor refused because of the request does not change.
//   - A sign-up that was being undone is undone.
//   - A target whose unknown outcome cannot be resolved comes each time, until Decide.
//
// The sign-ups come as they are done, and are not kept. An error of the ledger or of
// the context comes with a zero Resumed, and ends the sequence: not all sign-ups were
// reached. Leaving the loop early ends what is under way, as the end of the context
// does.
func (p *Provisioner) Resumes(ctx context.Context, load func(ctx context.Context, key string) (userapi.CreateUserRequest, error)) iter.Seq2[Resumed, error] {
	return func(yield func(Resumed, error) bool) {
		if load == nil {
			yield(Resumed{}, refused(userapi.KindInvalid, userapi.FieldError{Code: userapi.CodeRequired, Message: "load must not be nil"}))
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		b := &resumption{p: p, load: load, done: make(chan Resumed), slots: make(chan struct{}, p.options.parallel)}
		var failure error
		go func() {
			defer close(b.done)
			failure = b.all(ctx)
			b.workers.Wait()
		}()
		defer func() {
			cancel()
			for range b.done { // who is under way ends first
			}
			if len(b.panics) > 0 {
				panic(b.panics[0])
			}
		}()
		for r := range b.done {
			if r.Results == nil && r.Err == nil {
				continue // another run has it, or was faster
			}
			if !yield(r, nil) {
				return
			}
		}
		if failure != nil && len(b.panics) == 0 {
			yield(Resumed{}, failure)
		}
	}
}

// A resumption is one loop over Resumes.
type resumption struct {
	p       *Provisioner
	load    func(context.Context, string) (userapi.CreateUserRequest, error)
	done    chan Resumed
	slots   chan struct{}
	workers sync.WaitGroup

	mu     sync.Mutex
	panics []any // of load, and of what CreateUser lets go on
}

// all has each open sign-up resumed.
func (b *resumption) all(ctx context.Context) error {
	for after := ""; ; {
		keys, err := b.p.ledger.ListOpen(ctx, after, openPage)
		if err != nil {
			return ledgerError(err, userapi.OutcomeUnknown)
		}
		if len(keys) == 0 {
			return nil
		}
		for _, key := range keys {
			select {
			case b.slots <- struct{}{}:
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				return ledgerError(ctx.Err(), userapi.OutcomeUnknown)
			}
			b.workers.Go(func() { b.one(ctx, key) })
			after = key
		}
	}
}

func (b *resumption) one(ctx context.Context, key string) {
	// Replaced, unless load ends its goroutine.
	r := Resumed{Key: key, Err: &userapi.Error{Op: opSignUp, Subject: userapi.SubjectUser, Err: errNoResult}}
	defer func() {
		if v := recover(); v != nil {
			b.mu.Lock()
			b.panics = append(b.panics, v)
			b.mu.Unlock()
		}
		b.done <- r
		<-b.slots // only now: else what waits for a slow loop would have no bound
	}()
	r.Results, r.Err = b.p.resume(ctx, key, b.load)
}

var errNoResult = errors.New("the goroutine ended without a result")

// resume goes on with one sign-up. It returns nothing of one that another run has.
func (p *Provisioner) resume(ctx context.Context, key string, loadRequest func(context.Context, string) (userapi.CreateUserRequest, error)) (results []Result, err error) {
	records, failure := load(ctx, p.ledger, key)
	if failure != nil {
		return nil, failure
	}
	var runs, undoes bool
	now := time.Now()
	var strangers []string
	for _, rec := range records {
		undoes = undoes || rec.Closed
		switch {
		case rec.isHeld(p.options.alone, now):
			return nil, nil
		case !rec.Open():
			continue
		case p.byName[rec.Target] == nil:
			strangers = append(strangers, rec.Target)
			continue
		}
		runs = runs || rec.State != StateDeleting
	}
	if runs {
		results, err = p.reload(ctx, key, loadRequest)
	}
	if undoes {
		var undone []Result
		told := err
		undone, err = p.Undo(ctx, key)
		if results == nil {
			err = errors.Join(told, err) // load failed
		}
		if undone != nil {
			results = undone
		}
	}
	if len(strangers) > 0 {
		err = errors.Join(err, &userapi.Error{Op: opSignUp, Subject: userapi.SubjectUser, Code: codeNoTarget, FieldErrors: []userapi.FieldError{
			{VendorField: "Target", Code: userapi.CodeNotFound, Message: "the ledger has an open record of an unknown target: " + strings.Join(strangers, ", ")},
		}})
	}
	return results, err
}

// reload runs a sign-up with the request that the caller gives back.
func (p *Provisioner) reload(ctx context.Context, key string, load func(context.Context, string) (userapi.CreateUserRequest, error)) ([]Result, error) {
	req, err := load(ctx, key)
	if err != nil {
		return nil, &userapi.Error{Op: opSignUp, Subject: userapi.SubjectUser, Code: "load", Err: err}
	}
	switch canonicalKey(req.IdempotencyKey) {
	case "":
		req.IdempotencyKey = key
	case canonicalKey(key):
	default:
		e := refused(userapi.KindInvalid, userapi.FieldError{Field: "IdempotencyKey", Code: userapi.CodeDifferent, Message: "of the loaded request is another one"})
		e.Outcome = userapi.OutcomeUnknown // an earlier run may have made users
		return nil, e
	}
	return p.run(ctx, &signup{p: p, call: "Resume", req: req, key: key, grace: p.options.grace, resumes: true, keepsRequest: true})
}

// Queue stores a sign-up, and sends nothing. CreateUser or Resume does the rest. A nil
// Storer means the Provisioner's ledger. With the Tx of an sqlledger the sign-up is
// stored in the caller's own transaction, together with what else a sign-up writes: an
// outbox.
//
// With these errors nothing is stored. The error matches ErrConflict and ErrStale if
// the ledger has the key already, and ErrInvalid if a fault of the request is detected
// locally. A Storer that is neither a Ledger nor such a Tx finds the key only by the
// records of the Provisioner's own targets.
func (p *Provisioner) Queue(ctx context.Context, to Storer, req userapi.CreateUserRequest) error {
	s := &signup{p: p, req: req}
	if failure := cmp.Or(checkKey(req.IdempotencyKey), s.take(canonicalKey(req.IdempotencyKey))); failure != nil {
		return failure
	}
	if failures := s.preflight(func(*target) bool { return true }); failures != nil {
		var all []error
		for _, t := range p.targets {
			if e := failures[t.Name]; e.Code != codeOtherTarget {
				all = append(all, fmt.Errorf("%s: %w", t.Name, e))
			}
		}
		return errors.Join(all...)
	}
	if to == nil {
		to = p.ledger
	}
	var err error
	switch l := to.(type) {
	case Ledger:
		_, records, failure := find(ctx, l, req.IdempotencyKey)
		if failure != nil {
			return failure
		}
		if len(records) > 0 {
			err = ErrStale
		}
	case interface{ WhereNew() Storer }: // a transaction in which others may not be able to look
		to = l.WhereNew()
	}
	if err == nil {
		var next []Record
		for _, t := range p.targets {
			next = append(next, s.queued(t))
		}
		_, err = p.store(ctx, to, next...)
	}
	if err == nil {
		return nil
	}
	failure := conflictIfStale(ledgerError(err, userapi.OutcomeNotSent))
	if failure.Kind == userapi.KindConflict {
		failure.FieldErrors = []userapi.FieldError{{Field: "IdempotencyKey", Code: userapi.CodeTaken, Message: "is in the ledger already"}}
	}
	return failure
}
