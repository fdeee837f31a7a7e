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

// TestAlone: a run takes over immediately what a dead process with the same lock left in flight.
// Any other run waits for the lease.
func TestAlone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, now []provision.Option
		atOnce      bool
	}{
		"the same lock":    {[]provision.Option{provision.Alone("spring")}, []provision.Option{provision.Alone("spring")}, true},
		"another lock":     {[]provision.Option{provision.Alone("spring")}, []provision.Option{provision.Alone("spring-2")}, false},
		"a lock that ends": {[]provision.Option{provision.Alone("spring-2")}, []provision.Option{provision.Alone("spring")}, false},
		"no lock before":   {nil, []provision.Option{provision.Alone("spring")}, false},
		"no lock now":      {[]provision.Option{provision.Alone("spring")}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				idp, ledger := newVendor("idp"), new(provision.Memory)
				idp.after = kill
				assert.Panics(t, func() {
					_, _ = provisioner(t, ledger, beside(idp), tt.before...).CreateUser(t.Context(), ann)
				})
				idp.after = nil
				p := provisioner(t, ledger, beside(idp), tt.now...)
				_, decideErr := p.Decide(t.Context(), ann.IdempotencyKey, "idp", provision.UserExists("idp-1"))
				if !tt.atOnce {
					require.ErrorIs(t, decideErr, userapi.ErrConflict, "it is in flight")
					results, err := p.Continue(t.Context(), ann)
					require.NoError(t, err, "another run's is not an error")
					assert.Equal(t, "idp unknown", dispositions(results))
					resumed, err := p.Resume(t.Context(), loadAnn)
					require.NoError(t, err)
					assert.Empty(t, resumed)
					time.Sleep(2 * time.Minute)
				} else {
					require.NoError(t, decideErr)
				}
				results, err := p.Continue(t.Context(), ann)
				require.NoError(t, err)
				assert.Equal(t, "idp recovered", dispositions(results))
				assert.Equal(t, 1, idp.count())
			})
		})
	}
	for _, name := range []string{"", "a/b", "ä", "a b"} {
		_, err := provision.New(new(provision.Memory), beside(newVendor("idp")), provision.Alone(name))
		assert.ErrorContains(t, err, "the name of Alone must be", name)
	}
}

// TestAloneTwice: two runs in one process do not take over each other's targets.
func TestAloneTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, _, p := single(t, provision.Alone("spring"))
		idp.before = func(context.Context, userapi.CreateUserRequest) error { time.Sleep(time.Second); return nil }
		ended := make(chan error, 1)
		go func() {
			_, err := p.CreateUser(t.Context(), ann)
			ended <- err
		}()
		synctest.Wait()
		for _, other := range []*provision.Provisioner{p, p.Wrap(func(t provision.Target) provision.Target { return t })} {
			results, err := other.Continue(t.Context(), ann)
			require.NoError(t, err)
			assert.Equal(t, "idp unknown", dispositions(results))
		}
		require.NoError(t, <-ended)
		assert.Equal(t, []string{"create " + ann.Email}, idp.calls())
	})
}
