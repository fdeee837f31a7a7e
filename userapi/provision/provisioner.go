package provision

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A Target is one place where a sign-up needs a user.
type Target struct {
	// Name is the target's own name, such as "crm": 1 to 255 bytes of printable UTF-8. The
	// ledger knows the target by it, so it must not change, nor be given to another
	// creator.
	Name string
	// Creator creates the user. Its further abilities decide whether an unknown outcome
	// can be resolved, and whether a create can be undone.
	Creator userapi.Creator
	// After names the targets that must have a user before this one is created. If it
	// is empty the target does not wait.
	After []string
	// Adopt accepts an existing user whose identity keys all match, as AdoptMatching
	// does for every target. Undo does not delete such a user.
	Adopt bool
	// Map returns the request for this target. nil sends the sign-up's own request.
	// users has, by target, copies of the users of the targets that this one comes
	// after, directly or not.
	//
	//   - Use only Provider and ID: the ledger has nothing more for a user of an
	//     earlier run. In a Plan, an ID that is not known yet is the target's name in
	//     braces.
	//   - Map must always return the same for the same request and ids. Otherwise an
	//     unknown outcome stays unknown.
	//   - It must not change what req refers to.
	//   - If Map returns no IdempotencyKey, the request's is used.
	//   - A Map that cannot make a request returns what Refuse returns.
	Map func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest
}

// A Provisioner creates the users of a sign-up at several targets, and records the
// state of each in a ledger. It is safe for concurrent use. Several processes may each
// have one on the same ledger, with the same targets.
type Provisioner struct {
	ledger  Ledger
	targets []*target
	byName  map[string]*target
	keys    func() fingerprints // in a closure, which nothing prints
	options options
}

// A target is a Target with the Provisioner's own data about it.
type target struct {
	Target

	index   int
	before  []*target // the targets that it comes after, directly or not
	named   bool      // a Map is given its user
	breaker *breaker
}

// String names the targets.
func (p Provisioner) String() string { return "provisioner of " + names(p.targets) }

// Format writes String for every verb. It does not show the keys.
func (p Provisioner) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue is like String.
func (p Provisioner) LogValue() slog.Value { return slog.StringValue(p.String()) }

// New returns a Provisioner. The error names every wrong setting at once.
func New(ledger Ledger, targets []Target, opts ...Option) (*Provisioner, error) {
	p := &Provisioner{ledger: ledger, byName: map[string]*target{}, options: defaults()}
	for _, opt := range opts {
		if opt != nil {
			opt.provision(&p.options)
		}
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("provision: "+format, args...)) }

	if ledger == nil {
		fault("Ledger must not be nil")
	}
	if v := reflect.ValueOf(ledger); v.Kind() == reflect.Pointer && v.IsNil() {
		fault("Ledger must not be a nil %T", ledger)
	} else if m, ok := ledger.(*Memory); ok && len(p.options.requestKeys) == 0 {
		p.options.requestKeys = fingerprints{m.requestKey()}
	}
	keys := fingerprints(p.options.requestKeys)
	p.keys, p.options.requestKeys = func() fingerprints { return keys }, nil
	if len(keys) == 0 {
		fault("RequestKeys is required with a ledger that is not in memory")
	}
	if name := p.options.alone; name != "" && !ownerName.MatchString(name) {
		fault("the name of Alone must be 1 to 64 letters, digits, dots, hyphens and underscores of ASCII")
	}
	for i, key := range keys {
		if len(key) < minRequestKey {
			fault("key %d of RequestKeys must have %d bytes or more", i+1, minRequestKey)
		}
	}
	if o := p.options; o.lease <= 0 || o.lease/2 < o.grace || o.lease/2 < o.patience {
		fault("Lease must be positive, and at least twice the Grace and the Patience")
	}
	if len(targets) == 0 {
		fault("at least one Target is required")
	}
	for i, t := range targets {
		switch {
		case !printable(t.Name):
			fault("Name of target %d must be 1 to %d bytes of printable UTF-8", i+1, maxName)
		case p.byName[t.Name] != nil:
			fault("target %q is there twice", t.Name)
		}
		if t.Creator == nil {
			fault("Creator of target %q must not be nil", t.Name)
		}
		t.After = slices.Clone(t.After)
		p.add(t, &breaker{limit: p.options.failures, pause: p.options.pause, budget: p.options.budget})
	}
	for _, t := range p.targets {
		for _, name := range t.After {
			if p.byName[name] == nil {
				fault("target %q comes after %q, which is not a target", t.Name, name)
			}
		}
	}
	for _, t := range p.link() {
		fault("target %q comes after itself", t.Name)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return p, nil
}

// Wrap returns a Provisioner with p's ledger and options, and with the targets that
// wrap returns. A target that is paused at one of the two is paused at the other. wrap
// is called for each target. It may change the Creator, for instance to bound how many
// creates are under way, and the Map. A change of Name or After has no effect.
func (p *Provisioner) Wrap(wrap func(Target) Target) *Provisioner {
	w := &Provisioner{ledger: p.ledger, byName: map[string]*target{}, keys: p.keys, options: p.options}
	for _, t := range p.targets {
		own := wrap(t.Target)
		own.Name, own.After = t.Name, t.After
		w.add(own, t.breaker)
	}
	w.link()
	return w
}

// Lease returns how long a run holds a target: the value of the option [Lease].
func (p *Provisioner) Lease() time.Duration { return p.options.lease }

func (p *Provisioner) add(t Target, b *breaker) {
	own := &target{Target: t, index: len(p.targets), breaker: b}
	p.targets = append(p.targets, own)
	p.byName[t.Name] = own
}

// link notes which targets each comes after, and returns those that come after themselves.
func (p *Provisioner) link() (circular []*target) {
	for _, t := range p.targets {
		before := map[string]bool{}
		p.precede(t, before)
		if before[t.Name] {
			circular = append(circular, t)
		}
		for _, name := range slices.Sorted(maps.Keys(before)) {
			b := p.byName[name]
			t.before = append(t.before, b)
			b.named = b.named || t.Map != nil
		}
	}
	return circular
}

// minRequestKey is the least length of a fingerprint key, so that it cannot be guessed.
const minRequestKey = 16

// precede collects the names of all targets that t comes after.
func (p *Provisioner) precede(t *target, names map[string]bool) {
	for _, name := range t.After {
		if next := p.byName[name]; next != nil && !names[name] {
			names[name] = true
			p.precede(next, names)
		}
	}
}

// request returns what the target is sent. users are those of the targets before it.
func (t *target) request(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
	if t.Map == nil {
		return req
	}
	own := map[string]*userapi.User{}
	for _, b := range t.before {
		if u := users[b.Name]; u != nil {
			own[b.Name] = new(*u)
		}
	}
	mapped := t.Map(req, own)
	mapped.IdempotencyKey = cmp.Or(mapped.IdempotencyKey, req.IdempotencyKey)
	return mapped
}

// preflight validates a request locally, if the creator can.
func (t *target) preflight(req userapi.CreateUserRequest) *userapi.Error {
	checker, ok := userapi.Ability[userapi.Preflighter](t.Creator)
	if !ok {
		return nil
	}
	e := asError(checker.PreflightUser(req))
	if e != nil {
		e = revised(e, userapi.OutcomeNotSent)
		e.Op = opSignUp
	}
	return e
}

// opSignUp is the Op of what a Provisioner finds, before and beside any vendor.
const opSignUp = "sign up user"

// refused is the error of a sign-up of which nothing is sent, because of one field.
func refused(kind userapi.Kind, field userapi.FieldError) *userapi.Error {
	return &userapi.Error{Op: opSignUp, Subject: userapi.SubjectUser, Kind: kind, Outcome: userapi.OutcomeNotSent, FieldErrors: []userapi.FieldError{field}}
}

// names lists targets in prose.
func names(targets []*target) string {
	var all []string
	for _, t := range targets {
		all = append(all, t.Name)
	}
	return strings.Join(all, ", ")
}
