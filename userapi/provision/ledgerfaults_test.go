package provision_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestLedgerThatIsAlwaysStale: a run ends with its context.
func TestLedgerThatIsAlwaysStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.after = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
		ledger := &faulty{Ledger: new(provision.Memory)}
		p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}}, testKey)
		_, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		ledger.store = func([]provision.Record) error { return provision.ErrStale }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		calls := len(idp.calls())
		results, err := p.CreateUser(ctx, ann)
		require.ErrorIs(t, err, userapi.ErrTimeout)
		assert.Equal(t, "idp unknown", dispositions(results))
		assert.Len(t, idp.calls(), calls)
	})
}

// TestStoresThatAreAlwaysStale: whoever tries again waits in between, and gives up, or a
// ledger that is broken would keep a processor busy for good.
func TestStoresThatAreAlwaysStale(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *provision.Provisioner) error{
		"begin": func(ctx context.Context, p *provision.Provisioner) error {
			bob := ann
			bob.IdempotencyKey = "bob"
			_, err := p.CreateUser(ctx, bob)
			assert.False(t, userapi.MayHaveCreated(err))
			return err
		},
		"undo": func(ctx context.Context, p *provision.Provisioner) error {
			_, err := p.Undo(ctx, ann.IdempotencyKey)
			assert.True(t, userapi.MayHaveCreated(err))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ledger := &faulty{Ledger: new(provision.Memory)}
				p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{newVendor("idp")}}}, testKey)
				_, err := p.CreateUser(t.Context(), ann)
				require.NoError(t, err)
				tries := 0
				ledger.store = func([]provision.Record) error {
					if tries++; tries > 1000 {
						return errDisk // ends what would not end by itself
					}
					return provision.ErrStale
				}
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				require.ErrorIs(t, call(ctx, p), provision.ErrStale)
				assert.Greater(t, tries, 1)
				assert.Positive(t, time.Since(begun), "it waits in between")
				assert.LessOrEqual(t, time.Since(begun), time.Minute)
			})
		})
	}
}

// A hung ledger answers so many Loads, and then none.
type hung struct {
	provision.Ledger
	loads int
}

func (h *hung) Load(ctx context.Context, key string) ([]provision.Record, error) {
	if h.loads--; h.loads < 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.Ledger.Load(ctx, key)
}

// TestLoadThatHangs: what is read whatever became of the caller's context is not waited
// for without end.
func TestLoadThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		ledger := new(provision.Memory)
		targets := []provision.Target{{Name: "idp", Creator: full{idp}}}
		idp.after = func(context.Context, userapi.CreateUserRequest) error { panic("killed") }
		p := provisioner(t, ledger, targets, testKey)
		require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })

		p = provisioner(t, &hung{ledger, 1}, targets, testKey)
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		results, err := p.CreateUser(ctx, ann)
		require.ErrorIs(t, err, userapi.ErrTimeout)
		assert.Equal(t, "ledger", failureOf(t, err).Code)
		assert.Equal(t, "idp unknown", dispositions(results))
		assert.LessOrEqual(t, time.Since(begun), 32*time.Second)
		results, err = p.Undo(t.Context(), ann.IdempotencyKey)
		require.ErrorIs(t, err, userapi.ErrTimeout)
		assert.Empty(t, results)
	})
}

// TestOwnClaimReportedStale: a driver that tries a commit again by itself reports the
// run's own claim as another's, and what was lost before it is asked for all the same.
func TestOwnClaimReportedStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		ledger := &faulty{Ledger: new(provision.Memory)}
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			idp.before = nil
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
		p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: asksOnly{full{idp}}}}, testKey)
		_, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		begun := len(idp.calls())
		idp.look = nil
		claims := 0
		ledger.stored = func(records []provision.Record) error {
			if records[0].State == provision.StateIntent {
				if claims++; claims == 1 {
					return provision.ErrStale
				}
			}
			return nil
		}
		_, err = p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrNotFound, "without a way to repeat it is absent")
		assert.GreaterOrEqual(t, claims, 1)
		assert.Equal(t, "resolve "+ann.Email, idp.calls()[begun])
		assert.NotContains(t, idp.calls()[begun:], "create "+ann.Email)
	})
}
