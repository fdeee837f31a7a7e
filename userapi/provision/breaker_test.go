package provision

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// TestBreaker: after failures a vendor is paused. After the pause one call tries it.
func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{limit: 3, pause: time.Minute}
		let := func() *permit {
			t.Helper()
			assert.False(t, b.paused())
			c, _ := b.allow()
			require.NotNil(t, c)
			return c
		}
		held := func(want time.Duration) {
			t.Helper()
			assert.True(t, b.paused())
			c, wait := b.allow()
			assert.Nil(t, c)
			assert.Equal(t, want, wait)
		}
		let().recordFailure()
		let().recordFailure()
		let().recordAnswer() // ends the series
		let().recordFailure()
		c := let()
		c.recordFailure()
		c.recordFailure() // the first failure counts
		let().dropped()
		assert.Zero(t, b.pausedUntil())
		let().recordFailure()
		assert.Equal(t, time.Now().Add(time.Minute), b.pausedUntil())
		held(time.Minute)
		time.Sleep(20 * time.Second)
		held(40 * time.Second)

		// One call tries the vendor, and the others wait for it.
		time.Sleep(40 * time.Second)
		probe := let()
		held(0)
		probe.dropped() // no result: the next call tries
		probe = let()
		probe.recordFailure()
		held(time.Minute)
		time.Sleep(time.Minute)
		let().recordAnswer()
		assert.Zero(t, b.pausedUntil())
		for range b.limit { // it did not ask the vendor
			e := &userapi.Error{Kind: userapi.KindTimeout, Outcome: userapi.OutcomeNotSent, Err: userapi.ErrLimited}
			let().ended(t.Context(), Result{Err: e, Steps: []Step{{Err: e}}})
		}
		assert.Zero(t, b.pausedUntil())
		both := []*permit{let(), let()}
		both[0].recordFailure()
		both[1].recordFailure()
		let().recordFailure()
		held(time.Minute)

		b = &breaker{pause: time.Hour} // never pauses
		for range 9 {
			let().recordFailure()
		}
	})
}

// TestBreakerCountsVendors: a fault of the caller or of the request is not a failure. Any answer,
// even in the second step, ends a series of failures.
func TestBreakerCountsVendors(t *testing.T) {
	t.Parallel()
	const before = 1
	failed := func(kind userapi.Kind, status int) *userapi.Error {
		return &userapi.Error{Kind: kind, StatusCode: status}
	}
	down, late := failed(userapi.KindUnavailable, 503), failed(userapi.KindTimeout, 0)
	step := func(e *userapi.Error) []Step {
		return []Step{{Action: ActionCreate, Err: late}, {Action: ActionResolve, Err: e}}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	spent, spend := context.WithCancelCause(t.Context())
	spend(errBudget)
	waited := func(durations ...time.Duration) (steps []Step) {
		for _, d := range durations {
			steps = append(steps, Step{Action: ActionCreate, Duration: d, Err: late})
		}
		return steps
	}
	for name, tt := range map[string]struct {
		ctx      context.Context //nolint:containedctx // the call's
		res      Result
		failures int
	}{
		"answered":              {t.Context(), Result{}, 0},
		"down":                  {t.Context(), Result{Err: down}, before + 1},
		"timed out":             {t.Context(), Result{Err: late}, before + 1},
		"out of time":           {over, Result{Err: late}, before},
		"out of budget, half":   {spent, Result{Err: late, Steps: waited(200*time.Millisecond, 300*time.Millisecond)}, before + 1},
		"out of budget, less":   {spent, Result{Err: late, Steps: waited(499 * time.Millisecond)}, before},
		"canceled":              {t.Context(), Result{Err: failed(userapi.KindCanceled, 0)}, before},
		"not sent":              {t.Context(), Result{Err: failed(userapi.KindInvalid, 0)}, before},
		"refused":               {t.Context(), Result{Err: failed(userapi.KindUnauthorized, 401)}, 0},
		"refused, out of time":  {over, Result{Err: failed(userapi.KindUnauthorized, 401)}, 0},
		"a limit":               {t.Context(), Result{Err: failed(userapi.KindRateLimited, 429)}, 0},
		"the look-up is down":   {t.Context(), Result{Err: late, Steps: step(down)}, before + 1},
		"the look-up answers":   {t.Context(), Result{Err: late, Steps: step(failed(userapi.KindProtocol, 200))}, 0},
		"the look-up finds one": {t.Context(), Result{Err: late, Steps: step(nil)}, 0},
	} {
		b := &breaker{limit: 9, pause: time.Hour, budget: time.Second, failures: before}
		c, _ := b.allow()
		c.ended(tt.ctx, tt.res)
		assert.Equal(t, tt.failures, b.failures, name)
	}
}
