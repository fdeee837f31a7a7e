package provision

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// opEnsure is the Op of an error that no single call of the creator's returned.
const opEnsure = "ensure user"

// opCreate is the Op of the errors of a create's first step.
const opCreate = "create user"

// Ensure creates the user that req describes, and resolves an unknown outcome as the
// package's documentation describes. The result is always set. The error is nil, or the
// *userapi.Error that the result has too; its Outcome agrees with the result's
// Disposition. Ensure is safe for concurrent use if the creator is.
func Ensure(ctx context.Context, c userapi.Creator, req userapi.CreateUserRequest, opts ...EnsureOption) (Result, error) {
	o := defaults()
	for _, opt := range opts {
		if opt != nil {
			opt.ensure(&o)
		}
	}
	ctx, cancel, grace := o.within(ctx)
	defer cancel()
	return newRun(ctx, c, req, o, start{since: o.resuming, maxCreates: o.maxCreates, grace: grace}).result((*run).ensure)
}

// A start is where a run begins, and how far it may go.
type start struct {
	// since is when the create began that is to be resolved. With the zero time the run
	// creates.
	since time.Time
	// maxCreates is how many creates the run may send.
	maxCreates int
	// recreates allows a second create by a creator that cannot repeat, once the user
	// was proven absent.
	recreates bool
	// grace is how long the run may continue after its context ended.
	grace time.Duration
}

func newRun(ctx context.Context, c userapi.Creator, req userapi.CreateUserRequest, o options, from start) *run {
	if req.IdempotencyKey == "" {
		req.IdempotencyKey = rand.Text()
	}
	r := &run{ctx: ctx, creator: c, req: req, adopt: o.adopt, patience: o.patience, start: from}
	r.res = Result{IdempotencyKey: req.IdempotencyKey, Started: time.Now()}
	if !from.since.IsZero() {
		r.res.Started = from.since
	}
	return r
}

// result carries out what the run is for.
func (r *run) result(do func(*run) *userapi.Error) (Result, error) {
	var cancel context.CancelFunc
	r.settling, cancel = withGrace(r.ctx, r.grace)
	defer cancel()
	if failure := do(r); failure != nil {
		r.res.Err = failure
		r.res.Target = failure.Provider
	}
	if r.res.User != nil {
		r.res.Target = cmp.Or(r.res.Target, r.res.User.Provider)
	}
	return r.res, r.res.Err
}

// findAbilities finds the creator's abilities before anything is sent, because wrappers
// may misbehave.
func (r *run) findAbilities() *userapi.Error {
	if r.creator == nil {
		return r.endWith(&userapi.Error{Op: opEnsure, Subject: userapi.SubjectUser, Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, FieldErrors: []userapi.FieldError{
			{VendorField: "Creator", Code: userapi.CodeRequired, Message: "must not be nil"},
		}})
	}
	r.resolver, _ = userapi.Ability[userapi.Resolver](r.creator)
	r.repeater, _ = userapi.Ability[userapi.Repeater](r.creator)
	r.finisher, _ = userapi.Ability[userapi.Finisher](r.creator)
	return nil
}

// withGrace returns a context that ends when the grace has passed since ctx ended.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	if grace == 0 {
		return context.WithCancel(ctx)
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		sleep(own, grace)
		cancel()
	})
	return own, func() { stop(); cancel() }
}

// A run is one call of Ensure.
type run struct {
	start

	adopt    bool
	patience time.Duration

	ctx context.Context //nolint:containedctx // the call's own
	// settling outlives ctx, for work that must not be left open.
	settling context.Context //nolint:containedctx // the call's own
	creator  userapi.Creator
	req      userapi.CreateUserRequest
	res      Result

	// looked is when the vendor was last asked.
	looked time.Time
	// sent: the client's own record shows that a create was sent before.
	sent bool

	// The creator's abilities; nil for those that it lacks.
	resolver userapi.Resolver
	repeater userapi.Repeater
	finisher userapi.Finisher
}

// ensure creates the user or, if an earlier run began a create, resolves that one.
func (r *run) ensure() *userapi.Error {
	if failure := r.findAbilities(); failure != nil {
		return failure
	}
	var user *userapi.User
	var failure, unknown *userapi.Error // the last create's, and the last whose outcome was unknown
	var ended time.Time                 // when that one ended
	creates := 0                        // that this call sent
	if r.since.IsZero() {
		user, failure = r.create(r.ctx, ActionCreate, r.creator.CreateUser)
		creates++
	} else {
		failure = &userapi.Error{Op: opEnsure, Subject: userapi.SubjectUser, Code: codeResumed, Err: errResumed}
	}
	for ; ; creates++ {
		switch afterCreate(failure, unknown != nil) {
		case moveDone:
			return r.done(DispositionCreated, user, nil)
		case moveComplete:
			return r.created(failure)
		case moveConflict:
			return r.conflict(failure, unknown)
		case moveAbsent:
			return r.absent(failure, unknown, ended)
		case moveFail:
			return r.endWith(failure)
		default: // moveLook
		}
		unknown, ended = failure, time.Now()

		found, miss := r.resolve()
		last := creates >= r.maxCreates || r.ctx.Err() != nil
		move := afterLook(found != nil, miss, r.repeater != nil, r.recreates, last)
		switch move {
		case moveDone:
			return r.recovered(found)
		case moveUnknown:
			return r.endWith(unsettled(unknown, miss))
		case moveConflict:
			return r.adoptOr(revised(miss, miss.Outcome, unknown.Err))
		case moveAbsent:
			return r.absent(absence(unknown, miss, nil), unknown, ended)
		case moveRecreate:
			r.recreates = false
			user, failure = r.create(r.ctx, ActionCreate, r.creator.CreateUser)
			continue
		default: // moveRepeat and moveProbe
		}

		user, failure = r.repeat(move == moveProbe)
		switch afterRepeat(failure, move == moveProbe) {
		case moveUnknown:
			return r.endWith(unsettled(unknown, nil))
		case moveFail:
			return r.endWith(failure)
		case moveAbsent:
			if move == moveProbe {
				failure = nil // it was asked for
			}
			return r.absent(absence(unknown, miss, failure), unknown, ended)
		default: // moveLook: it was sent
		}
	}
}

// repeat creates the user again. A probe sends nothing, because its context is done. It
// still shows whether the request can be repeated.
func (r *run) repeat(probe bool) (*userapi.User, *userapi.Error) {
	if !probe {
		return r.create(r.ctx, ActionRepeat, r.repeater.RepeatUser)
	}
	steps := len(r.res.Steps)
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	user, failure := r.create(ctx, ActionRepeat, r.repeater.RepeatUser)
	if afterRepeat(failure, true) == moveAbsent {
		r.res.Steps = r.res.Steps[:steps] // nothing was done, as was asked for
	}
	return user, failure
}

// The codes of an absence that was not seen for long enough, and of a create that an
// earlier run began.
const (
	codeUnproven = "absence_unproven"
	codeResumed  = "resumed"
)

var errResumed = errors.New("the outcome of an earlier run's create is not known")

// create calls one of the creator's functions that create.
func (r *run) create(ctx context.Context, action Action, call func(context.Context, userapi.CreateUserRequest) (*userapi.User, error)) (*userapi.User, *userapi.Error) {
	begun := time.Now()
	user, err := call(ctx, r.req)
	failure := asError(err)
	if err == nil && (user == nil || user.ID == "") {
		failure = &userapi.Error{Op: string(action) + " user", Kind: userapi.KindProtocol, Err: errNoUser}
	}
	if failure != nil {
		user = failure.User
	}
	r.note(action, begun, user, failure)
	if failure != nil {
		return nil, failure
	}
	return user, nil
}

var errNoUser = errors.New("the creator returned neither a user with an id nor an error")

// note records a step.
func (r *run) note(action Action, begun time.Time, user *userapi.User, failure *userapi.Error) {
	s := Step{Action: action, Started: begun, Duration: time.Since(begun), Err: failure}
	if user != nil {
		s.UserID, s.Proof, s.Compared = user.ID, user.Proof, user.Compared
	}
	r.res.Steps = append(r.res.Steps, s)
}

// resolve asks for the result of the create. Both results are nil if the vendor cannot
// be asked.
func (r *run) resolve() (*userapi.User, *userapi.Error) {
	return r.ask(ActionResolve, r.res.Started)
}

func (r *run) ask(action Action, since time.Time) (*userapi.User, *userapi.Error) {
	if r.resolver == nil {
		return nil, nil
	}
	begun := time.Now()
	user, err := r.resolver.ResolveUser(r.settling, r.req, since)
	r.looked = time.Now()
	failure := asError(err)
	known := user != nil && user.FromRecord && user.ID != ""
	if !known && (user != nil && user.FromRecord || failure != nil && failure.FromRecord) {
		// The vendor cannot be asked. The client's own record shows only whether a
		// create was sent.
		r.resolver, r.sent = nil, !isAbsent(failure)
		return nil, nil
	}
	if err == nil && (user == nil || user.ID == "") {
		user, failure = nil, &userapi.Error{Op: "resolve user", Subject: userapi.SubjectUser, Kind: userapi.KindProtocol, Err: errNoUser}
	}
	r.note(action, begun, user, failure)
	if failure != nil {
		return nil, failure
	}
	return user, nil
}

// finishOnly does the second step of a user that an earlier run made, and ends the run
// with it.
func (r *run) finishOnly(d Disposition, u *userapi.User) *userapi.Error {
	if failure := r.findAbilities(); failure != nil {
		return failure
	}
	if r.finisher == nil {
		return r.done(d, u, &userapi.Error{
			Provider: u.Provider, Op: "finish user", Subject: userapi.SubjectStep, Code: "no_finisher", Outcome: userapi.OutcomeCreated, User: u, UserID: u.ID,
		})
	}
	return r.done(d, u, r.finish(u))
}

// finish does the second step of a create, if there is one.
func (r *run) finish(u *userapi.User) *userapi.Error {
	if r.finisher == nil {
		return nil
	}
	begun := time.Now()
	failure := asError(r.finisher.FinishUser(r.settling, r.req, u))
	if failure != nil {
		failure = revised(failure, userapi.OutcomeCreated)
		failure.User, failure.UserID = u, u.ID
	}
	r.note(ActionFinish, begun, u, failure)
	return failure
}
