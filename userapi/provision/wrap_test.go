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

// TestWrap: the new Creator and Map are used. Order, names and pauses stay.
func TestWrap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, chat := newVendor("idp"), newVendor("chat")
		p := provisioner(t, new(provision.Memory), chain(idp, chat), provision.Pause(1, time.Minute))
		var wrapped []string
		w := p.Wrap(func(t provision.Target) provision.Target {
			inner := t.Creator
			t.Creator = userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
				wrapped = append(wrapped, req.ExternalID)
				return inner.CreateUser(ctx, req)
			})
			if len(t.After) > 0 {
				t.Map = idOf("idp")
			}
			t.Name, t.After = "another", nil
			return t
		})
		results, err := w.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp created, chat created", dispositions(results))
		assert.Equal(t, []string{"17", "idp-1"}, wrapped)
		results, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err, "it is one ledger")
		assert.Equal(t, "idp created, chat created", dispositions(results))

		idp.before = down(idp)
		_, err = w.CreateUser(t.Context(), person("2"))
		require.Error(t, err)
		assert.Equal(t, time.Now().Add(time.Minute), p.PausedUntil("idp"))
		assert.Equal(t, p.PausedUntil("idp"), w.PausedUntil("idp"))
	})
}

// TestAdoptAtATarget: an existing user counts only at the target with Adopt.
func TestAdoptAtATarget(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	for _, v := range []*vendor{idp, chat} {
		v.users[ann.Email] = &userapi.User{ID: v.name + "-7", Email: ann.Email, CreatedAt: time.Now().Add(-time.Hour)}
	}
	targets := beside(idp, chat)
	targets[0].Adopt = true
	p := provisioner(t, new(provision.Memory), targets)
	left(t, "idp existing, chat rejected", userapi.ErrConflict)(p.CreateUser(t.Context(), ann))
	results, err := p.Undo(t.Context(), ann.IdempotencyKey)
	require.NoError(t, err)
	assert.Equal(t, "idp existing, chat undone", dispositions(results))
	assert.Equal(t, 1, idp.count())
}
