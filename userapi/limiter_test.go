package userapi_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// passes waits n times and returns the time of each pass, from now.
func passes(t *testing.T, l userapi.Limiter, n int) []time.Duration {
	t.Helper()
	begun := time.Now()
	at := make([]time.Duration, n)
	for i := range at {
		require.NoError(t, l.Wait(t.Context()))
		at[i] = time.Since(begun)
	}
	return at
}

// interval returns the time between two requests at the limiter's present rate.
func interval(t *testing.T, l userapi.Limiter) time.Duration {
	t.Helper()
	at := passes(t, l, 2)
	return at[1] - at[0]
}

var (
	accepted = userapi.Attempt{OK: true, StatusCode: 201}
	refused  = userapi.Attempt{StatusCode: 429, Kind: userapi.KindRateLimited, Outcome: userapi.OutcomeRejected}
)

func TestAdaptiveIsATokenBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 0.5, Burst: 2})
		assert.Equal(t, []time.Duration{0, 0, 2 * time.Second, 4 * time.Second}, passes(t, a, 4))
		time.Sleep(time.Minute)
		assert.Equal(t, []time.Duration{0, 0, 2 * time.Second}, passes(t, a, 3))
		a.Observe(accepted)
		assert.Equal(t, 2*time.Second, interval(t, a), "a success raises no full rate")
	})
}

func TestAdaptiveSlowsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 8})
		assert.Equal(t, 125*time.Millisecond, interval(t, a))
		for _, want := range []time.Duration{250, 500, 1000, 2000, 4000, 4000} {
			a.Observe(refused)
			assert.Equal(t, want*time.Millisecond, interval(t, a))
		}
	})
}

// Several refusals in one burst count once.
func TestAdaptiveSlowsDownOnceForRequestsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 8, Burst: 5})
		passes(t, a, 5)
		time.Sleep(100 * time.Millisecond)
		late := refused
		late.Duration = 100 * time.Millisecond
		for range 5 {
			a.Observe(late)
			time.Sleep(time.Millisecond)
			late.Duration += time.Millisecond
		}
		assert.Equal(t, 250*time.Millisecond, interval(t, a))
	})
}

func TestAdaptiveFindsItsWayBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 8})
		a.Observe(refused)
		begun := time.Now()
		before := 250 * time.Millisecond
		for time.Since(begun) < 10*time.Second {
			now := interval(t, a)
			assert.LessOrEqual(t, now, before)
			assert.Greater(t, now, 125*time.Millisecond)
			before = now
			a.Observe(accepted)
			if time.Since(begun) > 3*time.Second {
				assert.Less(t, now, 150*time.Millisecond, "what the vendor allows is near")
			}
		}
		for time.Since(begun) < 13*time.Second {
			passes(t, a, 1)
			a.Observe(accepted)
		}
		passes(t, a, 1)
		assert.Equal(t, 125*time.Millisecond, interval(t, a))

		a.Observe(refused)
		time.Sleep(time.Hour)
		passes(t, a, 1)
		assert.Equal(t, 250*time.Millisecond, interval(t, a), "rest proves nothing")
		time.Sleep(time.Hour)
		passes(t, a, 1)
		a.Observe(accepted)
		assert.Equal(t, 187500*time.Microsecond, interval(t, a), "a success proves ten seconds' worth at most")
	})
}

func TestAdaptivePausesForRetryAfter(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		after, want time.Duration
		kind        userapi.Kind
	}{
		"429":          {7 * time.Second, 7*time.Second + 250*time.Millisecond, userapi.KindRateLimited},
		"503":          {7 * time.Second, 7 * time.Second, userapi.KindUnavailable},
		"a day":        {24 * time.Hour, time.Minute, userapi.KindUnavailable},
		"for ever":     {math.MaxInt64, time.Minute, userapi.KindUnavailable},
		"not a moment": {0, 0, userapi.KindUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 8})
				a.Observe(userapi.Attempt{Kind: tt.kind, RetryAfter: tt.after})
				assert.Equal(t, tt.want, passes(t, a, 1)[0])
			})
		})
	}
}

// A waiting request follows what is observed during its wait.
func TestAdaptiveHoldsThoseThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 1})
		time.AfterFunc(500*time.Millisecond, func() {
			a.Observe(userapi.Attempt{Kind: userapi.KindUnavailable, RetryAfter: 10 * time.Second})
		})
		assert.Equal(t, []time.Duration{0, 11 * time.Second}, passes(t, a, 2))
	})
}

// An order records which requests passed, in their order, and when.
type order struct {
	mu     sync.Mutex
	passed []int
	at     []time.Duration
	wg     sync.WaitGroup
	begun  time.Time
}

func (o *order) start(t *testing.T, l userapi.Limiter, which int) {
	o.wg.Go(func() {
		if assert.NoError(t, l.Wait(t.Context())) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.passed, o.at = append(o.passed, which), append(o.at, time.Since(o.begun))
		}
	})
	synctest.Wait()
}

// A rising rate shortens a wait that started at the slow rate.
func TestAdaptiveShortensWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 1})
		for range 5 {
			a.Observe(refused)
		}
		o := &order{begun: time.Now()}
		o.start(t, a, 1)
		o.start(t, a, 2)
		for range 9 { // the rate goes from 1/32 to 85 % of 1/16, and from there by 1/60 a second
			time.Sleep(time.Second)
			a.Observe(accepted)
		}
		o.wg.Wait()
		assert.Equal(t, []int{1, 2}, o.passed)
		known := 0.85 / 16
		rate := known + 8.0/60
		assert.InDelta(t, 9+(1-1.0/32-8*known-28.0/60)/rate, o.at[0].Seconds(), 1e-6)
		assert.InDelta(t, 1/rate, (o.at[1] - o.at[0]).Seconds(), 1e-6)
	})
}

// A new request does not overtake waiting ones, even if a token is available.
func TestAdaptiveLetsNobodyOvertake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 1, Burst: 3})
		for range 5 {
			a.Observe(refused)
		}
		o := &order{begun: time.Now()}
		o.start(t, a, 1) // at the slow rate, for 32 s
		for range 15 {
			time.Sleep(time.Second)
			a.Observe(accepted)
		}
		o.start(t, a, 2) // there were two tokens
		o.wg.Wait()
		assert.Equal(t, []int{1, 2}, o.passed)
	})
}

// A limit below one request a second recovers by successes: three to 85 %, then 1/60 each.
func TestAdaptiveFindsItsWayBackBySuccesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 0.1})
		a.Observe(refused)
		for range 11 {
			passes(t, a, 1)
			a.Observe(accepted)
		}
		passes(t, a, 1)
		assert.Greater(t, interval(t, a), 10*time.Second)
		a.Observe(accepted)
		passes(t, a, 1)
		assert.InDelta(t, 10, interval(t, a).Seconds(), 1e-6)
	})
}

func TestAdaptiveOrderAndRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 3})
		o := &order{begun: time.Now()}
		for i := range 100 {
			o.start(t, a, i)
		}
		o.wg.Wait()
		assert.InDelta(t, 33, time.Since(o.begun).Seconds(), 0.001)
		assert.IsIncreasing(t, o.passed)
	})
}

func TestAdaptiveAndTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 1})
		passes(t, a, 1)
		begun := time.Now()
		within := func(d time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			return a.Wait(ctx)
		}
		require.ErrorIs(t, within(time.Second), context.DeadlineExceeded)
		assert.Zero(t, time.Since(begun), "a wait that cannot fit is not begun")

		canceled, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 { // one is next, and two wait behind it
			wg.Go(func() { assert.ErrorIs(t, a.Wait(canceled), context.Canceled) })
			synctest.Wait()
		}
		require.ErrorIs(t, within(3*time.Second), context.DeadlineExceeded)
		assert.Zero(t, time.Since(begun), "nor one behind those that wait")
		cancel()
		wg.Wait()
		require.NoError(t, within(1001*time.Millisecond))
		assert.Equal(t, time.Second, time.Since(begun), "those who left took nothing")
		require.ErrorIs(t, a.Wait(canceled), context.Canceled)

		time.AfterFunc(time.Millisecond, func() { a.Observe(userapi.Attempt{RetryAfter: time.Minute}) })
		require.ErrorIs(t, within(2*time.Second), context.DeadlineExceeded, "a pause begins during the wait")
		assert.Equal(t, 2*time.Second, time.Since(begun), "the call ends as soon as that is seen")
	})
}

// An invalid limit lets nothing pass.
func TestAdaptiveOfAWrongLimit(t *testing.T) {
	t.Parallel()
	for _, a := range []*userapi.Adaptive{
		nil, {},
		userapi.NewAdaptive(userapi.RateLimit{}),
		userapi.NewAdaptive(userapi.RateLimit{PerSecond: -1}),
		userapi.NewAdaptive(userapi.RateLimit{PerSecond: math.NaN()}),
		userapi.NewAdaptive(userapi.RateLimit{PerSecond: math.Inf(1)}),
		userapi.NewAdaptive(userapi.RateLimit{PerSecond: 1, Burst: -1}),
		userapi.NewAdaptive(userapi.RateLimit{Burst: 1}),
	} {
		require.Error(t, a.Err())
		require.ErrorIs(t, a.Wait(t.Context()), a.Err())
		a.Observe(refused)
	}
	assert.NoError(t, userapi.NewAdaptive(userapi.RateLimit{PerSecond: 1e-300}).Err())
}

// TestAdaptiveSetLimit: the learned rate stays in proportion to the limit, and waits change.
func TestAdaptiveSetLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 8})
		passes(t, a, 1)
		require.NoError(t, a.SetLimit(userapi.RateLimit{PerSecond: 4, Burst: 2}))
		assert.Equal(t, 250*time.Millisecond, interval(t, a))
		a.Observe(refused)
		assert.InDelta(t, 2, a.Rate(), 1e-9)
		require.NoError(t, a.SetLimit(userapi.RateLimit{PerSecond: 8}))
		assert.InDelta(t, 4, a.Rate(), 1e-9)
		assert.Equal(t, 250*time.Millisecond, interval(t, a))
		a.Observe(refused)
		assert.InDelta(t, 2, a.Rate(), 1e-9)
		for range 120 {
			time.Sleep(time.Second)
			a.Observe(accepted)
		}
		assert.InDelta(t, 8, a.Rate(), 1e-9, "it comes back to the new limit")

		require.NoError(t, a.SetLimit(userapi.RateLimit{PerSecond: 0.1}))
		begun := time.Now()
		passed := make(chan time.Duration)
		go func() {
			for range 2 {
				assert.NoError(t, a.Wait(t.Context()))
			}
			passed <- time.Since(begun)
		}()
		synctest.Wait()
		time.Sleep(time.Second)
		require.NoError(t, a.SetLimit(userapi.RateLimit{PerSecond: 9}))
		assert.InDelta(t, 1.1, (<-passed).Seconds(), 0.01, "a wait that has begun is shortened")
	})
	a := userapi.NewAdaptive(userapi.RateLimit{PerSecond: 8})
	for _, wrong := range []userapi.RateLimit{{}, {PerSecond: -1}, {PerSecond: math.NaN()}, {PerSecond: 1, Burst: -1}} {
		require.Error(t, a.SetLimit(wrong))
	}
	assert.InDelta(t, 8, a.Rate(), 0)
	require.Error(t, new(userapi.Adaptive).SetLimit(userapi.RateLimit{PerSecond: 1}))
	assert.Zero(t, new(userapi.Adaptive).Rate())
}
