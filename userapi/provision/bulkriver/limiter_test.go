//go:build unix

package bulkriver_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

// A member is a running limiter and the number of requests that it has let through.
type member struct {
	*bulkriver.Limiter

	stop   context.CancelFunc // returns the share
	passed atomic.Int64
}

// joins starts a limiter that always has a waiting request.
func joins(t *testing.T, at *place, perSecond float64, adaptive bool) *member {
	t.Helper()
	l, err := at.queue.Limiter(bulkriver.LimiterConfig{
		Name: "crm", Limit: userapi.RateLimit{PerSecond: perSecond}, Adaptive: adaptive, OnError: func(err error) { assert.NoError(t, err) },
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	m := &member{Limiter: l, stop: stop}
	var all sync.WaitGroup
	all.Go(func() { assert.ErrorIs(t, l.Run(ctx), context.Canceled) })
	for range 4 {
		all.Go(func() {
			for l.Wait(ctx) == nil {
				m.passed.Add(1)
				l.Observe(userapi.Attempt{OK: true})
			}
		})
	}
	m.stop = func() {
		stop()
		all.Wait()
	}
	t.Cleanup(m.stop)
	return m
}

// limit returns the only limit that is in use; the zero value for none.
func (at *place) limit(t *testing.T) (l bulkriver.LimitStatus) {
	t.Helper()
	if all := at.status(t).Limits; len(all) > 0 {
		require.Len(t, all, 1)
		l = all[0]
		assert.Equal(t, "crm", l.Name)
	}
	return l
}

// TestShares: each process gets its part of the limit, and never more than is free. A process that
// leaves returns its share immediately. The share of a dead process is free when its lease ends.
func TestShares(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		const limit = 300
		members := []*member{joins(t, at, limit, false), joins(t, at, limit, false), joins(t, at, limit, false)}
		fair := func(share float64, of ...*member) func() bool {
			return func() bool {
				shares := func() (all []float64) {
					for _, m := range members {
						all = append(all, m.Share())
					}
					return all
				}
				sum := 0.0
				before := shares()
				for _, s := range before {
					sum += s
				}
				if slices.Equal(before, shares()) { // otherwise the shares are from different moments
					assert.LessOrEqual(t, sum, limit+1e-6)
				}
				for _, m := range of {
					if s := m.Share(); s < share-1e-6 || s > share+1e-6 {
						return false
					}
				}
				return true
			}
		}
		until(t, "all have a third", fair(limit/3.0, members...))
		until(t, "the status has them", func() bool {
			l := at.limit(t)
			return l.Members == 3 && math.Abs(l.Shares-limit) < 1e-6 && math.Abs(l.Rate-limit) < 1
		})

		members[0].stop()
		assert.Zero(t, members[0].Share())
		require.Error(t, members[0].Wait(canceled(t)))
		until(t, "the status has two", func() bool { return at.limit(t).Members == 2 })
		until(t, "the others have a half", fair(limit/2.0, members[1], members[2]))

		// A dead process has a share until its lease ends.
		_, err := at.db.ExecContext(t.Context(), "INSERT INTO enlist_share (name, member, share, rate, until) SELECT name, 'dead', 100, 100, until FROM enlist_share WHERE member = (SELECT MIN(member) FROM enlist_share)")
		require.NoError(t, err)
		until(t, "the dead one has its part", fair(limit/3.0, members[1], members[2]))
		until(t, "the others have its part", fair(limit/2.0, members[1], members[2]))
	})
}

// TestStatusOfDeadShares: the status has the shares that are leased now, and not that of a process that died.
func TestStatusOfDeadShares(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		for member, expires := range map[string]time.Duration{"dead": -time.Hour, "alive": time.Hour} {
			_, err := at.db.ExecContext(t.Context(), "INSERT INTO enlist_share (name, member, share, rate, until) VALUES ('crm', $1, 100, 90, $2)",
				member, time.Now().Add(expires).UnixMicro())
			require.NoError(t, err)
		}
		assert.Equal(t, []bulkriver.LimitStatus{{Name: "crm", Members: 1, Shares: 100, Rate: 90}}, at.status(t).Limits)
	})
}

// TestSharesOfTwoLimits: if a process's limit is below the others' shares, it sends nothing and
// reports that once.
func TestSharesOfTwoLimits(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		large := joins(t, at, 100, false)
		until(t, "it has all", func() bool { return large.Share() == 100 })
		told := make(chan error, 100)
		small, err := at.queue.Limiter(bulkriver.LimiterConfig{Name: "crm", Limit: userapi.RateLimit{PerSecond: 5}, OnError: func(err error) { told <- err }})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = small.Run(ctx) })
		running.Go(func() { _ = small.Wait(ctx) })
		defer running.Wait()
		defer stop()
		require.EqualError(t, <-told, "bulkriver: limit crm: other processes have 100 requests a second, which is more than this process's limit of 5, so it sends none: give all that share a name the same limit")
		until(t, "the other has given up a half", func() bool { return large.Share() == 50 })
		lease := func() int { return at.count(t, "SELECT until FROM enlist_share WHERE share = 0") }
		for range 2 {
			before := lease()
			until(t, "it asks again", func() bool { return lease() != before })
		}
		assert.Zero(t, small.Share())
		assert.Empty(t, told)
	})
}

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestIdleShare: an idle process leaves its share to the others, and gets one again when it sends.
func TestIdleShare(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		busy := joins(t, at, 100, false)
		l, err := at.queue.Limiter(bulkriver.LimiterConfig{Name: "crm", Limit: userapi.RateLimit{PerSecond: 100}})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = l.Run(ctx) })
		defer func() {
			stop()
			running.Wait()
		}()
		until(t, "the other has all", func() bool { return busy.Share() == 100 })
		assert.Zero(t, l.Share())
		require.NoError(t, l.Wait(ctx))
		assert.Positive(t, l.Share())
		until(t, "both have a half", func() bool { return busy.Share() == 50 && (l.Share() == 50 || l.Wait(ctx) != nil) })
		until(t, "the other has all", func() bool { return busy.Share() == 100 })
	})
}

// TestIdleShareAtTheEnd: a share that is idle when the context ends is given back, and the context's error is
// Run's alone.
func TestIdleShareAtTheEnd(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		l, err := at.queue.Limiter(bulkriver.LimiterConfig{Name: "crm", Limit: userapi.RateLimit{PerSecond: 100}, OnError: func(err error) { assert.NoError(t, err) }})
		require.NoError(t, err)
		bulkriver.HoldIdle(l, 100)
		require.ErrorIs(t, l.Run(canceled(t)), context.Canceled)
		assert.Zero(t, l.Share())
	})
}

// TestSlowShare: a request gets its turn even if that takes longer than an idle share is kept.
func TestSlowShare(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		l, err := at.queue.Limiter(bulkriver.LimiterConfig{Name: "crm", Limit: userapi.RateLimit{PerSecond: 0.2}, OnError: func(err error) { assert.NoError(t, err) }})
		require.NoError(t, err)
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		var running sync.WaitGroup
		running.Go(func() { _ = l.Run(ctx) })
		defer func() {
			stop()
			running.Wait()
		}()
		require.NoError(t, l.Wait(ctx))
		require.NoError(t, l.Wait(ctx))
	})
}

// TestSharedRate: several members together let through no more than the limit.
func TestSharedRate(t *testing.T) {
	t.Parallel()
	at := newPostgres(t)
	const limit = 200
	members := []*member{joins(t, at, limit, true), joins(t, at, limit, true)}
	until(t, "both have a half", func() bool { return members[0].Share() == limit/2 && members[1].Share() == limit/2 })
	passed := func() int64 { return members[0].passed.Load() + members[1].passed.Load() }
	begun, before := time.Now(), passed()
	until(t, "some have passed", func() bool { return passed()-before >= 2*limit })
	more := float64(passed() - before)
	elapsed := time.Since(begun).Seconds() // taken last, so it is never too short
	assert.LessOrEqual(t, more, limit*elapsed+2*limit/10+limit/10, "no more than the limit and its bursts")
}

// TestAdaptiveShare: if Adaptive is set, a vendor's refusal lowers the rate of the share.
func TestAdaptiveShare(t *testing.T) {
	t.Parallel()
	at := newSQLite(t)
	refused := userapi.Attempt{Kind: userapi.KindRateLimited, StatusCode: 429}
	for _, adaptive := range []bool{true, false} {
		m := joins(t, at, 1000, adaptive)
		until(t, "it has a share", func() bool { return m.Share() == 1000 })
		m.Observe(refused)
		rate := func() float64 { return at.limit(t).Rate }
		if adaptive {
			until(t, "it is slower", func() bool { return rate() > 0 && rate() < 999 })
		} else {
			until(t, "it has renewed", func() bool { return rate() == 1000 })
		}
		m.stop()
	}
}

// TestLimiterOfBrokenDatabase: a failed renewal is reported, and nothing passes after the lease
// ends.
func TestLimiterOfBrokenDatabase(t *testing.T) {
	t.Parallel()
	at := newSQLite(t)
	told := make(chan error, 1000)
	l, err := at.queue.Limiter(bulkriver.LimiterConfig{Name: "crm", Limit: userapi.RateLimit{PerSecond: 1000}, OnError: func(err error) { told <- err }})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = l.Run(ctx) })
	defer func() {
		stop()
		running.Wait()
	}()
	require.NoError(t, l.Wait(ctx))
	_, err = at.db.ExecContext(t.Context(), "ALTER TABLE enlist_share RENAME TO away")
	require.NoError(t, err)
	until(t, "the share is over", func() bool {
		soon, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		err := l.Wait(soon)
		return errors.Is(err, context.DeadlineExceeded) && l.Share() == 0
	})
	require.ErrorContains(t, <-told, "renew a share")
	_, err = at.db.ExecContext(t.Context(), "ALTER TABLE away RENAME TO enlist_share")
	require.NoError(t, err)
	require.NoError(t, l.Wait(ctx))
}

// TestLimiterOfBadConfig: one error lists every bad setting.
func TestLimiterOfBadConfig(t *testing.T) {
	t.Parallel()
	at := newSQLite(t)
	_, err := at.queue.Limiter(bulkriver.LimiterConfig{})
	require.ErrorContains(t, err, "Name is required")
	require.ErrorContains(t, err, "PerSecond must be a positive number")
}
