package userapi

import (
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

const (
	// slowest is the share of its rate that an Adaptive never goes below.
	slowest = 1.0 / 32
	// recovery is how long an Adaptive takes from nothing back to its whole rate.
	recovery = time.Minute
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
// long as it says, but for one minute at most. Each success then raises the rate by as
// much as brings it from nothing to the given one in a minute of successes: from half,
// that takes 30 s. At the given rate, an Adaptive is a token bucket, as RateLimit is.
//
// Requests pass in the order in which they came. It is safe for concurrent use.
type Adaptive struct {
	err   error
	limit float64 // what the rate comes back to, in requests a second
	burst float64
	// head is held by the request that is next.
	head chan struct{}

	mu      sync.Mutex
	waiting int // requests that wait, the next one too
	rate    float64
	tokens  float64   // how many may pass at at
	at      time.Time // nothing passes before it
	slowed  time.Time // the last halving
	raised  time.Time // the last time that the rate rose
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
		limit: limit.PerSecond, rate: limit.PerSecond, burst: float64(max(limit.Burst, 1)), head: make(chan struct{}, 1),
	}
	a.tokens = a.burst
	switch {
	case math.IsNaN(a.limit) || math.IsInf(a.limit, 0) || a.limit < 0:
		a.err = errNoRate
	case limit.Burst < 0:
		a.err = errors.New("the burst must not be negative")
	case a.limit == 0 && limit.Burst > 0:
		a.err = errors.New("a burst needs PerSecond")
	case a.limit == 0:
		a.err = errNoRate
	}
	return a
}

// Err returns what is wrong with the limit, nil if nothing is.
func (a *Adaptive) Err() error {
	if a == nil || a.head == nil {
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
	wait := a.wait(time.Now(), a.waiting)
	if wait == 0 {
		a.tokens--
		a.mu.Unlock()
		return nil
	}
	if outlasts(ctx, wait) {
		a.mu.Unlock()
		return errNoTime
	}
	a.waiting++
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.waiting--
		a.mu.Unlock()
	}()
	select {
	case a.head <- struct{}{}:
		defer func() { <-a.head }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		a.mu.Lock()
		wait := a.wait(time.Now(), 0)
		if wait == 0 {
			a.tokens--
		}
		a.mu.Unlock()
		switch {
		case wait == 0:
			return nil
		case outlasts(ctx, wait):
			return errNoTime
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
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
			passed := min(now.Sub(a.raised), time.Second)
			a.rate = min(a.limit, a.rate+a.limit*float64(passed)/float64(recovery))
			a.raised = now
		}
		return
	}
	if t.Kind == KindRateLimited && !begun.Before(a.slowed) {
		a.wait(now, 0)
		a.rate = max(a.rate/2, a.limit*slowest)
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
