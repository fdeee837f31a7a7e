package userapi

import (
	"container/list"
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

// A Limiter says when a client may send its next request. Every attempt of every
// request passes it: creates, look-ups, deletes and sessions. Its methods must be safe
// for concurrent use.
//
// Calls of the two methods do not come in pairs. A request that could not be signed has
// a Wait and no Observe. The Wait for a session comes between the Wait and the Observe
// of the call that needs it. So a Limiter cannot bound how many requests are under way;
// Transport.MaxConnsPerHost can.
type Limiter interface {
	// Wait returns nil when a request may be sent. An error ends the call before that
	// request is sent; if an earlier attempt was refused, the call returns that
	// refusal. If the wait would outlast ctx's deadline, Wait should at once return an
	// error that is context.DeadlineExceeded: the call's Kind is then KindTimeout. With
	// another error, while ctx is not done, it is KindUnavailable.
	Wait(ctx context.Context) error
	// Observe gets the result of each attempt, before OnAttempt. It must not block.
	Observe(a Attempt)
}

// ErrLimited is in the error's chain if a call ended because a Limiter let no request
// through. With ErrRateLimited, in contrast, the vendor refused the request.
var ErrLimited = errors.New("userapi: a limiter let no request through")

type limiterKey struct{}

// WithLimiter returns a context with a Limiter. Requests of a call with that context
// pass this Limiter too, after the client's own. It lets a program bound some of its
// calls, at any client. The vendors' clients honour it; other Creators may not.
func WithLimiter(ctx context.Context, l Limiter) context.Context {
	return context.WithValue(ctx, limiterKey{}, l)
}

// LimiterOf returns the Limiter that WithLimiter has set, or nil. It is for
// implementers of a Creator.
func LimiterOf(ctx context.Context) Limiter {
	l, _ := ctx.Value(limiterKey{}).(Limiter)
	return l
}

const (
	// slowest is the share of its rate that an Adaptive never goes below.
	slowest = 1.0 / 32
	// recovery is how long an Adaptive takes from 0 back to its whole rate if it does
	// not know what the vendor allows. Up to the share known of the rate that was
	// refused last, it is faster by the factor faster.
	recovery = time.Minute
	known    = 0.85
	faster   = 10
	// longestPause bounds what a reply can ask for.
	longestPause = time.Minute
)

// An Adaptive is a Limiter that starts at a given rate, slows down when the vendor
// refuses requests, and then speeds up again. NewAdaptive makes one. The zero value
// lets no request pass. At the given rate an Adaptive is a token bucket, as RateLimit
// is.
//
// How the rate changes:
//
//   - A refusal of KindRateLimited halves the rate, down to 1/32 of the given one.
//     Refusals of requests that were sent before the last halving do not count.
//   - A Retry-After of any failed attempt stops all requests for that time, but at most
//     for one minute.
//   - A success raises the rate by 1/60 of the given one, and by proportionally less if
//     the last rise is less than a second ago.
//   - Up to 85 % of the rate that was refused last, the rate rises ten times as fast.
//     From half of the given rate, the way back takes about 11 s if successes come at
//     least once a second.
//   - A rise shortens the waits that have begun.
//
// Requests pass in the order in which they called Wait. A Wait that fails uses up
// nothing. An Adaptive is safe for concurrent use.
type Adaptive struct {
	made bool // by NewAdaptive
	err  error

	mu    sync.Mutex
	limit float64 // what the rate comes back to, in requests a second
	burst float64
	// queue holds a chan struct{} for each request that waits, in their order. It has room
	// for one value, which wakes the request when it is the first.
	queue  list.List
	rate   float64
	tokens float64   // how many may pass at at
	at     time.Time // nothing passes before it
	slowed time.Time // the last halving
	halved float64   // the rate before it
	raised time.Time // the last time that the rate rose
}

var (
	errNoRate = errors.New("PerSecond must be a positive number")
	errNoTime = waitError{}
)

// A waitError says that the wait would outlast the deadline.
type waitError struct{}

func (waitError) Error() string { return "the limiter allows no request before the deadline" }

func (waitError) Is(target error) bool { return target == context.DeadlineExceeded }

// NewAdaptive returns an Adaptive that never sends faster than limit. limit.PerSecond
// must be set. It returns no error, so that a call of it fits into HTTPOptions: with a
// wrong limit the client's New fails, Err returns the error, and Wait fails.
func NewAdaptive(limit RateLimit) *Adaptive {
	a := &Adaptive{
		made: true, err: checkLimit(limit), limit: limit.PerSecond, rate: limit.PerSecond, burst: float64(max(limit.Burst, 1)),
	}
	a.tokens = a.burst
	return a
}

func checkLimit(limit RateLimit) error {
	switch {
	case math.IsNaN(limit.PerSecond) || math.IsInf(limit.PerSecond, 0) || limit.PerSecond < 0:
		return errNoRate
	case limit.Burst < 0:
		return errors.New("the burst must not be negative")
	case limit.PerSecond == 0 && limit.Burst > 0:
		return errors.New("a burst needs PerSecond")
	case limit.PerSecond == 0:
		return errNoRate
	}
	return nil
}

// SetLimit changes the limit, such as when several processes share one. The present
// rate changes in proportion, and waits that have begun become shorter or longer. If
// the limit is wrong, SetLimit returns an error and changes nothing.
func (a *Adaptive) SetLimit(limit RateLimit) error {
	if err := a.Err(); err != nil {
		return err
	}
	if err := checkLimit(limit); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wait(time.Now(), 0)
	share := limit.PerSecond / a.limit
	a.limit, a.rate, a.halved = limit.PerSecond, min(limit.PerSecond, a.rate*share), a.halved*share
	a.burst = float64(max(limit.Burst, 1))
	a.tokens = min(a.tokens, a.burst)
	a.wake()
	return nil
}

// Rate returns how many requests per second the Adaptive lets through at present; 0 if
// it lets none pass.
func (a *Adaptive) Rate() float64 {
	if a.Err() != nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rate
}

// Err returns the fault of the limit, or nil.
func (a *Adaptive) Err() error {
	if a == nil || !a.made {
		return errNoRate
	}
	return a.err
}

// Wait returns nil when a request may be sent. It returns ctx's error when ctx is done.
// If the wait would outlast ctx's deadline, it returns at once an error that is
// context.DeadlineExceeded. It returns Err's error if there is one.
func (a *Adaptive) Wait(ctx context.Context) error {
	if err := a.Err(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ahead := a.queue.Len()
	wait := a.wait(time.Now(), ahead)
	if ahead == 0 && wait == 0 {
		a.tokens--
		return nil
	}
	if outlasts(ctx, wait) {
		return errNoTime
	}
	woken := make(chan struct{}, 1)
	place := a.queue.PushBack(woken)
	defer func() {
		first := place == a.queue.Front()
		a.queue.Remove(place)
		if first {
			a.wake()
		}
	}()
	for {
		var timer <-chan time.Time
		if place == a.queue.Front() {
			wait := a.wait(time.Now(), 0)
			if wait == 0 {
				a.tokens--
				return nil
			}
			if outlasts(ctx, wait) {
				return errNoTime
			}
			timer = time.After(wait)
		}
		a.mu.Unlock()
		var err error
		select {
		case <-timer:
		case <-woken:
		case <-ctx.Done():
			err = ctx.Err()
		}
		a.mu.Lock()
		if err != nil {
			return err
		}
	}
}

// wake makes the first request in the queue compute its wait again. a.mu is held.
func (a *Adaptive) wake() {
	if first := a.queue.Front(); first != nil {
		select {
		case first.Value.(chan struct{}) <- struct{}{}:
		default: // it is about to look
		}
	}
}

func outlasts(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= wait
}

// wait updates the tokens to now and returns how long a request waits with this many
// ahead of it.
func (a *Adaptive) wait(now time.Time, ahead int) time.Duration {
	var pause time.Duration
	switch passed := now.Sub(a.at); {
	case a.at.IsZero():
		a.at = now
	case passed < 0:
		pause = -passed
	default:
		a.tokens, a.at = min(a.burst, a.tokens+passed.Seconds()*a.rate), now
	}
	// A little less than one is one: the division below is not exact.
	missing := float64(ahead) + 1 - a.tokens
	if missing < 1e-9 {
		missing = 0
	}
	wait := math.Ceil(missing / a.rate * float64(time.Second))
	if wait >= math.MaxInt64-float64(pause) {
		return math.MaxInt64
	}
	return pause + time.Duration(wait)
}

// Observe adjusts the rate to the result of an attempt.
func (a *Adaptive) Observe(t Attempt) {
	if a.Err() != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	begun := now.Add(-t.Duration)
	if t.OK {
		if a.rate < a.limit && !begun.Before(a.slowed) {
			a.wait(now, 0)
			rise := a.limit * float64(min(now.Sub(a.raised), time.Second)) / float64(recovery)
			a.rate = min(a.limit, max(a.rate+rise, min(known*a.halved, a.rate+faster*rise)))
			a.raised = now
			a.wake()
		}
		return
	}
	if t.Kind == KindRateLimited && !begun.Before(a.slowed) {
		a.wait(now, 0)
		a.halved, a.rate = a.rate, max(a.rate/2, a.limit*slowest)
		a.tokens = 0
		a.slowed, a.raised = now, now
	}
	if pause := min(t.RetryAfter, longestPause); pause > 0 {
		a.wait(now, 0)
		if until := now.Add(pause); until.After(a.at) {
			a.at = until
		}
	}
}
