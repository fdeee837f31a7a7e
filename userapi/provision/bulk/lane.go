package bulk

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A lane is a Lane in use, with its counts. It is safe for concurrent use.
type lane struct {
	slots   chan struct{}     // nil for no bound
	limiter *userapi.Adaptive // nil for no bound
	adapts  bool
	closing context.Context //nolint:containedctx // ends when no new create may be sent

	requests, rateLimited atomic.Int64
}

func newLane(l Lane) *lane {
	own := &lane{adapts: l.Adaptive, closing: context.Background()}
	if l.Concurrency > 0 {
		own.slots = make(chan struct{}, l.Concurrency)
	}
	if l.PerSecond > 0 {
		// The burst is a tenth of a second's worth. Late timers would otherwise lower the rate.
		own.limiter = userapi.NewAdaptive(userapi.RateLimit{PerSecond: l.PerSecond, Burst: int(math.Ceil(l.PerSecond / 10))})
	}
	return own
}

// begin waits for a place in the lane and returns the context for the call. After an error, do not
// make the call. If ctx has already ended, begin lets the call through: the creator may be able to
// answer without the vendor. closing ends the wait. It is l.closing for new creates, and a context
// that never ends for other calls.
func (l *lane) begin(ctx, closing context.Context, op string) (context.Context, *laneCall, *userapi.Error) {
	c := &laneCall{lane: l}
	select {
	case <-ctx.Done():
		return ctx, c, nil
	default:
	}
	if err := closing.Err(); err != nil {
		return ctx, c, noPlace(op, err)
	}
	if l.slots != nil {
		select {
		case l.slots <- struct{}{}:
			c.slot = true
		case <-closing.Done():
			return ctx, c, noPlace(op, closing.Err())
		case <-ctx.Done():
			return ctx, c, noPlace(op, ctx.Err())
		}
	}
	if err := l.wait(ctx, closing); err != nil {
		return ctx, c, noPlace(op, err)
	}
	c.begun = time.Now()
	c.ticket.Store(true)
	return userapi.WithLimiter(ctx, c), c, nil
}

// wait waits until a request may be sent.
func (l *lane) wait(ctx, closing context.Context) error {
	if l.limiter == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(closing, cancel)()
	return l.limiter.Wait(ctx)
}

// perSecond returns the present limit; 0 means no limit.
func (l *lane) perSecond() float64 {
	if l.limiter == nil {
		return 0
	}
	return l.limiter.Rate()
}

// noPlace returns the error of a call without a place in its lane.
func noPlace(op string, err error) *userapi.Error {
	kind := userapi.KindTimeout
	if errors.Is(err, context.Canceled) {
		kind = userapi.KindCanceled
	}
	return &userapi.Error{Op: op, Subject: userapi.SubjectUser, Kind: kind, Outcome: userapi.OutcomeNotSent, Code: codeNoPlace, Err: errors.Join(userapi.ErrLimited, err)}
}

// observe counts a request.
func (l *lane) observe(a userapi.Attempt) {
	l.requests.Add(1)
	if !a.OK && a.Kind == userapi.KindRateLimited {
		l.rateLimited.Add(1)
	}
	if l.limiter != nil && l.adapts {
		l.limiter.Observe(a)
	}
}

// A laneCall is one call of a creator in a lane, and the Limiter of its requests.
type laneCall struct {
	lane     *lane
	slot     bool
	begun    time.Time
	ticket   atomic.Bool // the first request has already waited
	observed atomic.Bool
}

// Wait lets the first request through, because begin has waited for it.
func (c *laneCall) Wait(ctx context.Context) error {
	if c.ticket.CompareAndSwap(true, false) || c.lane.limiter == nil {
		return nil
	}
	return c.lane.limiter.Wait(ctx) // a started call continues after closing
}

// Observe counts a request.
func (c *laneCall) Observe(a userapi.Attempt) {
	c.observed.Store(true)
	c.lane.observe(a)
}

// end leaves the lane. If the creator ignores the Limiter, the call counts as one request.
func (c *laneCall) end(err error) {
	if c.slot {
		<-c.lane.slots
	}
	if c.observed.Load() || !c.ticket.Load() {
		return
	}
	a := userapi.Attempt{Number: 1, OK: err == nil, Duration: time.Since(c.begun)}
	var e *userapi.Error
	if errors.As(err, &e) {
		if e.Outcome == userapi.OutcomeNotSent {
			return
		}
		a.Kind, a.Outcome, a.StatusCode, a.RetryAfter = e.Kind, e.Outcome, e.StatusCode, e.RetryAfter
	}
	c.lane.observe(a)
}

// in wraps c so that each of its abilities that sends requests passes the lane. Unwrap finds the
// other abilities.
func (l *lane) in(c userapi.Creator) userapi.Creator {
	in := userapi.Creator(laneCreator{c, l})
	if a, ok := userapi.Ability[userapi.Resolver](c); ok {
		in = laneResolver{in, a, l}
	}
	if a, ok := userapi.Ability[userapi.Repeater](c); ok {
		in = laneRepeater{in, a, l}
	}
	if a, ok := userapi.Ability[userapi.Finisher](c); ok {
		in = laneFinisher{in, a, l}
	}
	if a, ok := userapi.Ability[userapi.Deleter](c); ok {
		in = laneDeleter{in, a, l}
	}
	if a, ok := userapi.Ability[userapi.BatchCreator](c); ok {
		in = newBatches(in, laneBatches{a, l})
	}
	return in
}

type laneCreator struct {
	userapi.Creator
	lane *lane
}

func (l laneCreator) Unwrap() userapi.Creator { return l.Creator }

func (l laneCreator) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (u *userapi.User, err error) {
	ctx, c, none := l.lane.begin(ctx, l.lane.closing, "create user")
	defer func() { c.end(err) }()
	if none != nil {
		return nil, none
	}
	return l.Creator.CreateUser(ctx, req)
}

type laneResolver struct {
	userapi.Creator
	resolver userapi.Resolver
	lane     *lane
}

func (l laneResolver) Unwrap() userapi.Creator { return l.Creator }

func (l laneResolver) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (u *userapi.User, err error) {
	ctx, c, none := l.lane.begin(ctx, context.Background(), "resolve user")
	defer func() { c.end(err) }()
	if none != nil {
		none.Outcome = userapi.OutcomeUnknown // of the create in question
		return nil, none
	}
	return l.resolver.ResolveUser(ctx, req, since)
}

type laneRepeater struct {
	userapi.Creator
	repeater userapi.Repeater
	lane     *lane
}

func (l laneRepeater) Unwrap() userapi.Creator { return l.Creator }

func (l laneRepeater) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (u *userapi.User, err error) {
	ctx, c, none := l.lane.begin(ctx, l.lane.closing, "create user")
	defer func() { c.end(err) }()
	if none != nil {
		return nil, none
	}
	return l.repeater.RepeatUser(ctx, req)
}

type laneFinisher struct {
	userapi.Creator
	finisher userapi.Finisher
	lane     *lane
}

func (l laneFinisher) Unwrap() userapi.Creator { return l.Creator }

func (l laneFinisher) FinishUser(ctx context.Context, req userapi.CreateUserRequest, u *userapi.User) (err error) {
	ctx, c, none := l.lane.begin(ctx, context.Background(), "finish user")
	defer func() { c.end(err) }()
	if none != nil {
		none.Outcome, none.User = userapi.OutcomeCreated, u
		if u != nil {
			none.UserID = u.ID
		}
		return none
	}
	return l.finisher.FinishUser(ctx, req, u)
}

type laneDeleter struct {
	userapi.Creator
	deleter userapi.Deleter
	lane    *lane
}

func (l laneDeleter) Unwrap() userapi.Creator { return l.Creator }

func (l laneDeleter) DeleteUser(ctx context.Context, id string) (err error) {
	ctx, c, none := l.lane.begin(ctx, l.lane.closing, "delete user")
	defer func() { c.end(err) }()
	if none != nil {
		return none
	}
	return l.deleter.DeleteUser(ctx, id)
}

// laneBatches is not a Creator: a batch is formed before it waits for the lane.
type laneBatches struct {
	creator userapi.BatchCreator
	lane    *lane
}

func (l laneBatches) CreateUsers(ctx context.Context, reqs []userapi.CreateUserRequest) (results []userapi.BatchResult) {
	ctx, c, none := l.lane.begin(ctx, l.lane.closing, "create user")
	defer func() {
		var err error
		if len(results) > 0 {
			err = results[0].Err
		}
		c.end(err)
	}()
	if none != nil {
		for range reqs {
			own := *none
			results = append(results, userapi.BatchResult{Err: &own})
		}
		return results
	}
	return l.creator.CreateUsers(ctx, reqs)
}
