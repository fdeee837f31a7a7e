package userapi

import (
	"container/list"
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

// A Limiter says when a client may send its next request. Every request passes it:
// creates, look-ups, deletes, sessions, and each attempt of a retry. Its methods are
// called from many goroutines at once.
//
// The two methods do not come in pairs: a request that could not be signed has a Wait and
// no Observe, and the Wait for a session comes between the Wait and the Observe of the
// call that needs it. A limit on how many requests are under way does not fit this
// interface; Transport.MaxConnsPerHost is one.
type Limiter interface {
	// Wait returns nil when a request may be sent, and an error when none may be: it
	// ends the call before that request is sent, or with the last refusal if there was
	// one. Wait should not begin a wait that outlasts ctx's deadline; an error that is
	// context.DeadlineExceeded says so and makes the call's Kind KindTimeout. With
	// another one, while ctx is not done, the Kind is KindUnavailable.
	Wait(ctx context.Context) error
	// Observe is told what became of each attempt, before OnAttempt. It must not block.
	Observe(a Attempt)
}

// ErrLimited is in the chain of the error of a call that ended because a Limiter let no
// request through: the vendor has not refused it, as it has with ErrRateLimited.
var ErrLimited = errors.New("userapi: a limiter let no request through")

type limiterKey struct{}

// WithLimiter returns a context with a Limiter that the requests of calls with it pass too,
// after the client's own. It is for a program that bounds a part of its calls, whatever
// clients carry these out. The vendors' clients heed it; another Creator may not.
func WithLimiter(ctx context.Context, l Limiter) context.Context {
	return context.WithValue(ctx, limiterKey{}, l)
}

// LimiterOf returns the Limiter that WithLimiter has set, nil for none. It is for those who
// implement a Creator.
func LimiterOf(ctx context.Context) Limiter {
	l, _ := ctx.Value(limiterKey{}).(Limiter)
	return l
}

const (
	// slowest is the share of its rate that an Adaptive never goes below.
	slowest = 1.0 / 32
	// recovery is how long an Adaptive takes from nothing back to its whole rate, where it does not
	// know what the vendor allows; below the share known of the rate that was refused last it
	// is so many times as fast.
	recovery = time.Minute
	known    = 0.85
	faster   = 10
	// longestPause bounds what a reply can ask for.
	longestPause = time.Minute
)

// An Adaptive is a Limiter that starts at a given rate, slows down when the vendor
// refuses requests, and finds its way back. NewAdaptive makes one; the zero value lets
// nothing pass.
//
// A refusal of KindRateLimited halves the rate, down to 1/32 of the given one. Refusals of
// requests that were sent before the last halving do not count again: they answer the
// rate before it. A Retry-After, of any failed attempt, also stops all requests for as
// long as it says, but for one minute at most. Each success raises the rate by 1/60 of the
// given one, and by less in proportion when the last rise is less than a second ago. Up to 85 %
// of the rate that was refused last it rises ten times as fast: what the vendor allows is
// near there, and a rate far below loses time. The way back from half takes about 11 s when successes
// come at least once a second. A rise shortens the waits that have begun. At the given rate, an Adaptive is a token bucket, as RateLimit is.
//
// Requests pass in the order in which they called Wait; one whose Wait fails takes
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

// NewAdaptive returns an Adaptive that never sends faster than limit. It needs
// limit.PerSecond. A wrong limit shows when the Adaptive is used, so that it can stand in
// the HTTPOptions that it is for: a client's New reports it, as does Err, and Wait fails.
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

// SetLimit changes the limit, as where it is a share of what several processes may send. What was
// found out of the vendor stays in proportion, and a wait that has begun becomes shorter or longer.
// An error says what is wrong with the limit, and changes nothing.
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

// Rate returns how many requests a second the Adaptive lets through at present; 0 for one that lets
// nothing pass.
func (a *Adaptive) Rate() float64 {
	if a.Err() != nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rate
}

// Err returns what is wrong with the limit, nil if nothing is.
func (a *Adaptive) Err() error {
	if a == nil || !a.made {
		return errNoRate
	}
	return a.err
}

// Wait returns nil when a request may be sent. Its error is that of ctx when ctx is done,
// context.DeadlineExceeded, at once, when the wait would outlast ctx's deadline, or that
// of Err.
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

// wake has the first of those that wait look again how long that is. a.mu is held.
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

// wait brings the tokens up to now and returns how long the request waits that has so
// many before it.
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

// Observe takes note of an attempt.
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
