package provision_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestBreaker: a vendor that fails is left alone, and tried by one sign-up later.
func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, chat := newVendor("idp"), newVendor("chat")
		down := func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
		}
		idp.before = down
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}}},
			provision.Pause(3, time.Minute))
		n := 0
		signUp := func() provision.Result {
			n++
			req := ann
			req.IdempotencyKey, req.Email = fmt.Sprint("key ", n), fmt.Sprint(n, "@example.com")
			results, _ := p.CreateUser(t.Context(), req)
			require.Equal(t, provision.DispositionCreated, results[1].Disposition, "the others go on")
			return results[0]
		}
		for range 3 {
			assert.Empty(t, failureOf(t, signUp().Err).Code)
		}
		time.Sleep(20 * time.Second)
		res := signUp()
		e := failureOf(t, res.Err)
		assert.Equal(t, "paused", e.Code)
		assert.Equal(t, 40*time.Second, e.RetryAfter)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
		require.ErrorIs(t, e, userapi.ErrUnavailable)
		assert.Len(t, idp.calls(), 3)
		assert.Equal(t, "chat created, idp queued", states(t, ledger, "key 4"))

		// One tries it; while that one is at work, and after it failed, the others wait.
		time.Sleep(40 * time.Second)
		idp.before = func(ctx context.Context, req userapi.CreateUserRequest) error {
			idp.before = nil
			assert.Equal(t, "paused", failureOf(t, signUp().Err).Code)
			return down(ctx, req)
		}
		assert.Empty(t, failureOf(t, signUp().Err).Code)
		assert.Equal(t, "paused", failureOf(t, signUp().Err).Code)
		time.Sleep(time.Minute)
		require.NoError(t, signUp().Err)
		require.NoError(t, signUp().Err)

		resumed, err := p.Resume(t.Context(), func(_ context.Context, key string) (userapi.CreateUserRequest, error) {
			req := ann
			req.IdempotencyKey, req.Email = "", key[len("key "):]+"@example.com"
			return req, nil
		})
		require.NoError(t, err)
		assert.Len(t, resumed, 7)
		assert.Equal(t, n, idp.count())
	})
}

// TestBreakerCountsVendors: what is the caller's or the request's fault pauses nothing.
func TestBreakerCountsVendors(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(v *vendor, cancel func()) error{
		"refused":    func(v *vendor, _ func()) error { return v.fail(userapi.KindUnauthorized, userapi.OutcomeRejected, 401) },
		"rate limit": func(v *vendor, _ func()) error { return v.fail(userapi.KindRateLimited, userapi.OutcomeRejected, 429) },
		"canceled": func(v *vendor, cancel func()) error {
			cancel()
			return v.fail(userapi.KindTimeout, userapi.OutcomeNotSent, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idp := newVendor("idp")
			p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}}, provision.Pause(1, time.Hour))
			for i := range 4 {
				ctx, cancel := context.WithCancel(t.Context())
				idp.before = func(context.Context, userapi.CreateUserRequest) error { return fail(idp, cancel) }
				req := ann
				req.IdempotencyKey = fmt.Sprint(i)
				_, err := p.CreateUser(ctx, req)
				require.Error(t, err)
				assert.NotEqual(t, "paused", failureOf(t, err).Code)
			}
			assert.Len(t, idp.calls(), 4)
		})
	}
}

// TestBreakerCountsLookUps: a vendor that is down is left alone as well by a Resume that
// has nothing but look-ups to do.
func TestBreakerCountsLookUps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.after = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
		request := func(key string) userapi.CreateUserRequest {
			req := ann
			req.IdempotencyKey, req.Email = key, key+"@example.com"
			return req
		}
		ledger := new(provision.Memory)
		targets := []provision.Target{{Name: "idp", Creator: full{idp}}}
		p := provisioner(t, ledger, targets, provision.Pause(0, 0))
		for i := range 10 {
			_, err := p.CreateUser(t.Context(), request(fmt.Sprint(i)))
			require.Error(t, err)
		}
		before := len(idp.calls())
		p = provisioner(t, ledger, targets, provision.Pause(1, time.Hour), provision.Parallel(1))
		resumed, err := p.Resume(t.Context(), func(_ context.Context, key string) (userapi.CreateUserRequest, error) {
			return request(key), nil
		})
		require.Error(t, err)
		assert.Equal(t, []string{"resolve 0@example.com"}, idp.calls()[before:])
		require.Len(t, resumed, 10)
		for _, r := range resumed[1:] {
			assert.Equal(t, "idp unknown", dispositions(r.Results))
			assert.Equal(t, "paused", failureOf(t, r.Err).Code)
		}
	})
}

// slowLedger takes its time for the next Stores.
type slowLedger struct {
	provision.Memory
	stores int
}

// slow is more than half of the lease that the test gives.
const slow = 25 * time.Second

func (l *slowLedger) Store(ctx context.Context, records ...provision.Record) error {
	if l.stores > 0 {
		l.stores--
		time.Sleep(slow)
	}
	return l.Memory.Store(ctx, records...)
}

// TestSlowLedger: a claim that the ledger took too long for is renewed before anything is
// sent. Where the ledger stays that slow nothing is, and the vendor, which never failed,
// is not paused.
func TestSlowLedger(t *testing.T) {
	t.Parallel()
	for stores, sends := range map[int]bool{0: true, 1: true, 3: true, 100: false} {
		synctest.Test(t, func(t *testing.T) {
			idp := newVendor("idp")
			left := time.Duration(0)
			idp.before = func(ctx context.Context, _ userapi.CreateUserRequest) error {
				until, _ := ctx.Deadline()
				left = time.Until(until)
				return nil
			}
			ledger := &slowLedger{stores: stores}
			p := provisioner(t, ledger, one("idp", full{idp}), testKey,
				provision.Lease(40*time.Second), provision.Grace(0), provision.Patience(0), provision.Pause(1, time.Hour))
			results, err := p.CreateUser(t.Context(), ann)
			if sends {
				require.NoError(t, err)
				assert.Greater(t, left, 15*time.Second)
				return
			}
			require.ErrorIs(t, err, userapi.ErrUnavailable)
			assert.Equal(t, "idp not_sent", dispositions(results))
			assert.Equal(t, "ledger", failureOf(t, err).Code)
			assert.Empty(t, idp.calls())
			ledger.stores = 0
			_, err = p.CreateUser(t.Context(), ann)
			require.NoError(t, err)
			assert.Len(t, idp.calls(), 1)
		})
	}
}

// stuckLedger answers nothing until its caller gives up.
type stuckLedger struct {
	provision.Memory
	loads bool
}

func (l *stuckLedger) Load(ctx context.Context, key string) ([]provision.Record, error) {
	if l.loads {
		return l.Memory.Load(ctx, key)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (l *stuckLedger) Store(ctx context.Context, _ ...provision.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestStuckLedger: a ledger that waits for a lock without end holds nobody up for longer
// than half a minute, also where the caller has all the time.
func TestStuckLedger(t *testing.T) {
	t.Parallel()
	for _, loads := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			idp, begun := newVendor("idp"), time.Now()
			p := provisioner(t, &stuckLedger{loads: loads}, one("idp", full{idp}), testKey)
			_, err := p.CreateUser(t.Context(), ann)
			require.ErrorIs(t, err, userapi.ErrTimeout)
			assert.Equal(t, "ledger", failureOf(t, err).Code)
			assert.Equal(t, 30*time.Second, time.Since(begun))
			assert.Empty(t, idp.calls())
		})
	}
}
