package provision_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// noDelete can be asked but cannot delete.
type noDelete struct{ v full }

func (n noDelete) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	return n.v.CreateUser(ctx, req)
}

func (n noDelete) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	return n.v.ResolveUser(ctx, req, since)
}

// TestUndo: what was created is deleted, newest first and dependents before what they
// came after, and nothing else.
func TestUndo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		vendors := map[string]*vendor{}
		of := func(name string, delay time.Duration) *vendor {
			v := newVendor(name)
			v.before = func(context.Context, userapi.CreateUserRequest) error { time.Sleep(delay); return nil }
			v.remove = func(string) error { order = append(order, name); return nil }
			vendors[name] = v
			return v
		}
		ledger := new(provision.Memory)
		targets := []provision.Target{
			{Name: "a", Creator: full{of("a", time.Second)}},
			{Name: "b", Creator: full{of("b", time.Second)}, After: []string{"a"}},
			{Name: "c", Creator: full{of("c", 3*time.Second)}},
			{Name: "d", Creator: full{of("d", time.Second)}, After: []string{"c"}},
			{Name: "old", Creator: full{of("old", 0)}},
			{Name: "fixed", Creator: noDelete{full{of("fixed", 0)}}},
			{Name: "refused", Creator: full{of("refused", 0)}},
			{Name: "waiting", Creator: full{of("waiting", 0)}, After: []string{"refused"}},
			{Name: "lost", Creator: of("lost", 0)},
			{Name: "matched", Creator: matching{full{of("matched", 0)}}},
			{Name: "found", Creator: full{of("found", 0)}},
		}
		vendors["old"].users[ann.Email] = &userapi.User{ID: "old-7", Email: ann.Email, CreatedAt: time.Now().Add(-time.Hour)}
		vendors["refused"].before = func(context.Context, userapi.CreateUserRequest) error {
			return vendors["refused"].fail(userapi.KindForbidden, userapi.OutcomeRejected, 403)
		}
		for _, name := range []string{"lost", "matched", "found"} {
			vendors[name].after = func(context.Context, userapi.CreateUserRequest) error {
				return vendors[name].fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
			}
		}
		p := provisioner(t, ledger, targets, provision.AdoptMatching())
		results, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		require.Equal(t, "a created, b created, c created, d created, old existing, fixed created, refused rejected, "+
			"waiting not_sent, lost unknown, matched recovered, found recovered", dispositions(results))

		ctx, cancel := context.WithCancel(t.Context())
		cancel() // Undo goes on all the same
		results, err = p.Undo(ctx, ann.IdempotencyKey)
		require.Error(t, err)
		assert.Equal(t, "a undone, b undone, c undone, d undone, old existing, fixed created, refused undone, "+
			"waiting undone, lost unknown, matched recovered, found undone", dispositions(results))
		require.Len(t, order, 5)
		assert.Equal(t, []string{"d", "b"}, order[:2], "d began at 3 s, b at 1 s, and the others at once")
		codes := map[string]string{}
		for _, r := range results {
			if r.Err != nil {
				codes[r.Target] = failureOf(t, r.Err).Code
			}
		}
		assert.Equal(t, map[string]string{"fixed": "no_deleter", "lost": "unsettled", "matched": "not_proven"}, codes)
		for name, left := range map[string]int{"a": 0, "b": 0, "c": 0, "d": 0, "old": 1, "fixed": 1, "lost": 1, "matched": 1, "found": 0} {
			assert.Equal(t, left, vendors[name].count(), name)
		}
		assert.Equal(t, "a undone, b undone, c undone, d undone, fixed created, found undone, lost unknown, matched recovered, "+
			"old existing, refused undone, waiting undone", states(t, ledger, ann.IdempotencyKey))
		records, err := ledger.Load(t.Context(), ann.IdempotencyKey)
		require.NoError(t, err)
		for _, r := range records {
			assert.Equal(t, r.State == provision.StateUnknown, r.Kind == userapi.KindTimeout, "%s: the refusal is over", r.Target)
			assert.Equal(t, r.State == provision.StateUnknown, r.Open(), "%s", r.Target)
		}

		// The key is closed: nothing is created any more.
		before := len(vendors["refused"].calls())
		results, err = p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrInvalid)
		assert.Equal(t, "undone", failureOf(t, results[0].Err).Code)
		assert.Equal(t, "a undone, b undone, c undone, d undone, old existing, fixed created, refused undone, "+
			"waiting undone, lost unknown, matched recovered, found undone", dispositions(results))
		assert.Len(t, vendors["refused"].calls(), before)
		assert.Equal(t, 0, vendors["a"].count())

		_, err = p.Undo(t.Context(), "never seen")
		require.ErrorIs(t, err, userapi.ErrNotFound)
	})
}

// matching recovers by keys that prove nothing.
type matching struct{ full }

func (m matching) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	u, err := m.full.ResolveUser(ctx, req, since)
	if u != nil {
		u.Proof = userapi.ProofMatch
	}
	return u, err
}

// TestUndoIsRecordedFirst: a crash in the middle of an undo leaves no record that says
// the user exists, and Resume goes on with the undo.
func TestUndoIsRecordedFirst(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}, After: []string{"idp"}}})
	_, err := p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	chat.remove = func(string) error {
		assert.Equal(t, "chat deleting, idp deleting", states(t, ledger, ann.IdempotencyKey))
		panic("killed")
	}
	require.Panics(t, func() { _, _ = p.Undo(t.Context(), ann.IdempotencyKey) })
	assert.Equal(t, "chat deleting, idp undone", states(t, ledger, ann.IdempotencyKey))

	results, err := p.CreateUser(t.Context(), ann)
	require.True(t, userapi.MayHaveCreated(err))
	assert.Equal(t, "idp undone, chat unknown", dispositions(results))

	// Whatever a further delete says, the one before may have been carried out.
	for _, outcome := range []userapi.Outcome{userapi.OutcomeRejected, userapi.OutcomeUnknown} {
		chat.remove = func(string) error { return chat.fail(userapi.KindUnauthorized, outcome, 401) }
		results, err = p.Undo(t.Context(), ann.IdempotencyKey)
		require.ErrorIs(t, err, userapi.ErrUnauthorized)
		assert.True(t, userapi.MayHaveCreated(err))
		assert.Equal(t, "idp undone, chat unknown", dispositions(results))
		assert.Equal(t, "chat deleting, idp undone", states(t, ledger, ann.IdempotencyKey))
	}
	chat.remove = nil
	resumed, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) {
		return ann, errors.New("is not asked for")
	})
	require.NoError(t, err)
	assert.Equal(t, "idp undone, chat undone", dispositions(resumed[0].Results))
	assert.Equal(t, 0, chat.count()+idp.count())
}

// TestUndoSettlesWhatIsUnknown: CreateUser on an undone key asks, and never creates.
func TestUndoSettlesWhatIsUnknown(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			idp, chat := newVendor("idp"), newVendor("chat")
			lose := func(context.Context, userapi.CreateUserRequest) error {
				return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
			}
			idp.before = lose
			if made {
				idp.before, idp.after = nil, lose
			}
			idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
			p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}}})
			_, err := p.CreateUser(t.Context(), ann)
			require.Error(t, err)
			results, err := p.Undo(t.Context(), ann.IdempotencyKey)
			require.Error(t, err)
			require.Equal(t, "idp unknown, chat undone", dispositions(results))

			idp.before, idp.look = nil, nil
			creates := len(idp.calls())
			results, err = p.CreateUser(t.Context(), ann)
			require.Error(t, err)
			want := "idp rejected, chat undone"
			if made {
				want = "idp recovered, chat undone"
			}
			assert.Equal(t, want, dispositions(results))
			assert.NotContains(t, idp.calls()[creates:], "create "+ann.Email)

			results, err = p.Undo(t.Context(), ann.IdempotencyKey)
			require.NoError(t, err)
			assert.Equal(t, "idp undone, chat undone", dispositions(results))
			assert.Equal(t, 0, idp.count())
		})
	}
}

// TestUndoSettlesDependents: what was sent with the id of a user that is deleted by now
// is asked for with that id.
func TestUndoSettlesDependents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, crm := newVendor("idp"), newVendor("crm")
		crm.after = func(context.Context, userapi.CreateUserRequest) error {
			return crm.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		crm.look = func() error { return crm.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
		p := provisioner(t, new(provision.Memory), []provision.Target{
			{Name: "idp", Creator: full{idp}},
			{Name: "crm", Creator: full{crm}, After: []string{"idp"}, Map: func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
				req.ExternalID = users["idp"].ID
				return req
			}},
		})
		_, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		results, err := p.Undo(t.Context(), ann.IdempotencyKey)
		require.Error(t, err)
		require.Equal(t, "idp undone, crm unknown", dispositions(results))

		crm.look = nil
		results, err = p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		assert.Equal(t, "idp undone, crm recovered", dispositions(results))
		results, err = p.Undo(t.Context(), ann.IdempotencyKey)
		require.NoError(t, err)
		assert.Equal(t, "idp undone, crm undone", dispositions(results))
		assert.Equal(t, 0, idp.count()+crm.count())
	})
}

// TestDeleteThatIsNotSent: it says that the user exists only where no delete before it
// may have been carried out.
func TestDeleteThatIsNotSent(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"the first": false, "after one that was lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idp := newVendor("idp")
			p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}})
			_, err := p.CreateUser(t.Context(), ann)
			require.NoError(t, err)
			if lost {
				idp.remove = func(string) error {
					clear(idp.users)
					return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
				}
				results, err := p.Undo(t.Context(), ann.IdempotencyKey)
				require.ErrorIs(t, err, userapi.ErrTimeout)
				require.Equal(t, "idp unknown", dispositions(results))
			}
			idp.remove = func(string) error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0) }
			results, err := p.Undo(t.Context(), ann.IdempotencyKey)
			require.ErrorIs(t, err, userapi.ErrUnavailable)
			assert.True(t, userapi.MayHaveCreated(err))
			if lost {
				assert.Equal(t, "idp unknown", dispositions(results))
				assert.Nil(t, results[0].User)
				return
			}
			assert.Equal(t, "idp created", dispositions(results))
			assert.Equal(t, "idp-1", results[0].User.ID)
			assert.Equal(t, userapi.OutcomeCreated, failureOf(t, err).Outcome)
		})
	}
}
