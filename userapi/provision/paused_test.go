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

// down is a before that makes a vendor unreachable.
func down(v *vendor) func(context.Context, userapi.CreateUserRequest) error {
	return v.fails(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
}

// TestPaused: a failing vendor is paused, for look-ups too. Its creates are left to a later run,
// and the other targets continue.
func TestPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, chat, ledger := newVendor("idp"), newVendor("chat"), new(provision.Memory)
		load := func(_ context.Context, key string) (userapi.CreateUserRequest, error) { return person(key), nil }
		lost := provisioner(t, ledger, beside(idp, chat), provision.Pause(0, 0))
		idp.after, idp.look = lose(idp), unavailable(idp)
		for i := range 3 {
			left(t, "idp unknown, chat created", userapi.ErrTimeout)(lost.CreateUser(t.Context(), person(fmt.Sprint("0", i))))
		}
		calls := len(idp.calls())
		p := provisioner(t, ledger, beside(idp, chat), provision.Pause(1, time.Minute), provision.Parallel(1))
		assert.Zero(t, p.PausedUntil("idp"))
		assert.Zero(t, p.PausedUntil("another"))
		resumed, err := p.Resume(t.Context(), load)
		require.Error(t, err)
		assert.Len(t, idp.calls(), calls+1, "one look was enough")
		require.Len(t, resumed, 3)
		for _, r := range resumed[1:] {
			left(t, "idp unknown, chat created", "paused")(r.Results, r.Err)
		}

		time.Sleep(20 * time.Second)
		e := left(t, "idp not_sent, chat created", "paused")(p.CreateUser(t.Context(), person("1")))
		assert.Equal(t, 40*time.Second, e.RetryAfter)
		assert.Equal(t, time.Now().Add(40*time.Second), p.PausedUntil("idp"))
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
		require.ErrorIs(t, e, userapi.ErrUnavailable)
		assert.Equal(t, "chat created, idp queued", states(t, ledger, "1"))

		time.Sleep(40 * time.Second)
		idp.after, idp.look = nil, nil
		resumed, err = p.Resume(t.Context(), load)
		require.NoError(t, err)
		assert.Len(t, resumed, 4)
		assert.Equal(t, 4, idp.count())
		assert.Zero(t, p.PausedUntil("idp"))
	})
}

// TestPausedAfterTheClaim: if a target is paused between the claim and the create, nothing was
// sent. No run needs to wait for the lease.
func TestPausedAfterTheClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger, p := single(t, provision.Pause(1, time.Minute))
		idp.before = down(idp)
		ledger.stored = func([]provision.Record) error {
			ledger.stored = nil
			left(t, "idp not_sent", userapi.ErrUnavailable)(p.CreateUser(t.Context(), person("bob")))
			return nil
		}
		left(t, "idp not_sent", "paused")(p.CreateUser(t.Context(), ann))
		assert.Equal(t, "idp not_sent", states(t, ledger, ann.IdempotencyKey))
		assert.Len(t, idp.calls(), 1)

		// If the call that may try the vendor cannot, another call may.
		idp.before = nil
		time.Sleep(time.Minute)
		ledger.store = func([]provision.Record) error { return errDisk }
		left(t, "idp not_sent", errDisk)(p.CreateUser(t.Context(), ann))
		ledger.store = nil
		done(t, "idp created")(p.CreateUser(t.Context(), ann))
	})
}
