package provision

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A breaker pauses a target after too many failures.
type breaker struct {
	limit int // failures in a row; 0 never pauses
	pause time.Duration
	// budget is that of a whole call, 0 for none.
	budget time.Duration

	mu       sync.Mutex
	failures int
	until    time.Time // when the pause ends; zero for none
	probing  bool      // one call tries the target after a pause
}

// A permit lets one call through. End it by one of its methods; the first one counts.
type permit struct {
	b     *breaker
	probe bool
	over  bool
}

// allow lets a call through, or returns how long the target is still paused.
func (b *breaker) allow() (c *permit, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return &permit{b: b}, 0
	}
	if wait = time.Until(b.until); wait > 0 {
		return nil, wait
	}
	if b.probing {
		return nil, 0
	}
	b.probing = true
	return &permit{b: b, probe: true}, 0
}

// paused reports whether allow would let no call through.
func (b *breaker) paused() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero() && (b.probing || time.Until(b.until) > 0)
}

// pausedUntil returns when the pause ends, the zero time for none.
func (b *breaker) pausedUntil() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until
}

// ended reports the last step of a result to the breaker.
func (c *permit) ended(ctx context.Context, res Result) {
	e := asError(res.Err)
	if last := len(res.Steps) - 1; last >= 0 {
		e = res.Steps[last].Err
	}
	switch {
	case e == nil:
		c.recordAnswer()
	case errors.Is(e, userapi.ErrLimited): // the vendor was not asked
	case e.Kind == userapi.KindUnavailable || e.Kind == userapi.KindTimeout:
		if ctx.Err() == nil || errors.Is(context.Cause(ctx), errBudget) && c.b.hadItsTime(res.Steps) {
			c.recordFailure()
		}
	case e.StatusCode != 0:
		c.recordAnswer()
	}
}

// recordAnswer ends a call that the vendor answered in any way.
func (c *permit) recordAnswer() {
	c.end(func(b *breaker) { b.failures, b.until = 0, time.Time{} })
}

// recordFailure ends a call that the vendor did not answer.
func (c *permit) recordFailure() {
	c.end(func(b *breaker) {
		b.failures++
		if b.limit > 0 && (c.probe || b.failures >= b.limit) {
			b.until = time.Now().Add(b.pause)
		}
	})
}

// dropped ends a call that says nothing about the vendor.
func (c *permit) dropped() { c.end(func(*breaker) {}) }

// hadItsTime reports, for a call whose budget is spent, whether the wait for the vendor
// was so long that the missing answer is the vendor's failure and not the ledger's.
func (b *breaker) hadItsTime(steps []Step) bool {
	var waited time.Duration
	for _, s := range steps {
		waited += s.Duration
	}
	return waited >= b.budget/2
}

func (c *permit) end(change func(*breaker)) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	if c.probe {
		c.b.probing = false
	}
	change(c.b)
}
