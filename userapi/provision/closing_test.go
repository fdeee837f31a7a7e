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

// TestUndoClosesWhatIsUnknown: the sign-up is over, so that a Resume asks for what an
// Undo could not settle, deletes it, and creates nothing.
func TestUndoClosesWhatIsUnknown(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			idp := newVendor("idp")
			lose := func(context.Context, userapi.CreateUserRequest) error {
				return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
			}
			idp.before = lose
			if made {
				idp.before, idp.after = nil, lose
			}
			idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
			ledger := new(provision.Memory)
			p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}})
			_, err := p.CreateUser(t.Context(), ann)
			require.Error(t, err)
			results, err := p.Undo(t.Context(), ann.IdempotencyKey)
			require.True(t, userapi.MayHaveCreated(err))
			require.Equal(t, "idp unknown", dispositions(results))

			idp.before, idp.look = nil, nil
			begun := len(idp.calls())
			resumed, err := p.Resume(t.Context(), loadAnn)
			require.NoError(t, err)
			require.Len(t, resumed, 1)
			assert.Equal(t, "idp undone", dispositions(resumed[0].Results))
			assert.Equal(t, "idp undone", states(t, ledger, ann.IdempotencyKey))
			assert.NotContains(t, idp.calls()[begun:], "create "+ann.Email)
			assert.Equal(t, 0, idp.count())
		})
	}
}

// TestUndoClosesForNewTargets: a target that is added to the service later is not added
// to a sign-up that was undone.
func TestUndoClosesForNewTargets(t *testing.T) {
	t.Parallel()
	idp, crm := newVendor("idp"), newVendor("crm")
	// What was there before stays, and leaves a record that is neither open nor undone.
	idp.users[ann.Email] = &userapi.User{ID: "old-7", Email: ann.Email, CreatedAt: time.Now().Add(-time.Hour)}
	ledger := new(provision.Memory)
	targets := []provision.Target{{Name: "idp", Creator: full{idp}}}
	p := provisioner(t, ledger, targets, provision.AdoptMatching())
	_, err := p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	_, err = p.Undo(t.Context(), ann.IdempotencyKey)
	require.NoError(t, err)

	p = provisioner(t, ledger, append(targets, provision.Target{Name: "crm", Creator: full{crm}}), provision.AdoptMatching())
	results, err := p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Equal(t, "undone", failureOf(t, err).Code)
	assert.Equal(t, "idp existing, crm undone", dispositions(results))
	assert.Empty(t, crm.calls())
	assert.Equal(t, "idp existing", states(t, ledger, ann.IdempotencyKey))
}

// TestUndoDuringFinish: a run that loses its user to an Undo must not say that there is
// one.
func TestUndoDuringFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crm := newVendor("crm")
		crm.after = func(context.Context, userapi.CreateUserRequest) error {
			e := crm.fail(userapi.KindUnavailable, userapi.OutcomeCreated, 503)
			e.User = crm.users[ann.Email]
			return e
		}
		crm.second = func() error { return errDisk }
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, []provision.Target{{Name: "crm", Creator: full{crm}}})
		_, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, errDisk)
		crm.second = func() error {
			results, err := p.Undo(t.Context(), ann.IdempotencyKey)
			assert.NoError(t, err)
			assert.Equal(t, "crm undone", dispositions(results))
			return crm.fail(userapi.KindNotFound, userapi.OutcomeRejected, 404)
		}
		results, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrInvalid)
		assert.Equal(t, "undone", failureOf(t, err).Code)
		assert.Equal(t, "crm undone", dispositions(results))
		assert.False(t, userapi.MayHaveCreated(err))
		assert.Nil(t, results[0].User)
		assert.Equal(t, "crm undone", states(t, ledger, ann.IdempotencyKey))
		assert.Equal(t, 0, crm.count())
	})
}

// TestUndoDuringRun: an Undo between the look into the ledger and the claim closes the
// key for that run too.
func TestUndoDuringRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, chat := newVendor("idp"), newVendor("chat")
		ledger := &faulty{Ledger: new(provision.Memory)}
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
		p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}}}, testKey)
		_, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		idp.before, idp.look = nil, nil
		begun, undone := len(idp.calls()), ""
		ledger.store = func(records []provision.Record) error {
			if records[0].Target == "idp" && records[0].State == provision.StateIntent {
				ledger.store = nil
				results, _ := p.Undo(t.Context(), ann.IdempotencyKey)
				undone = dispositions(results)
			}
			return nil
		}
		results, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		require.Equal(t, "idp unknown, chat undone", undone)
		assert.Equal(t, "idp rejected, chat created", dispositions(results), "chat is what the ledger had when the run began")
		assert.NotContains(t, idp.calls()[begun:], "create "+ann.Email)
		assert.Equal(t, "chat undone, idp undone", states(t, ledger, ann.IdempotencyKey))
		assert.Equal(t, 0, idp.count()+chat.count())
	})
}

// TestTwoUndosAtOnce: the one that comes last finds the user gone, which is what it was
// called for.
func TestTwoUndosAtOnce(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}})
	_, err := p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	undo := func() {
		results, err := p.Undo(t.Context(), ann.IdempotencyKey)
		assert.NoError(t, err)
		assert.Equal(t, "idp undone", dispositions(results))
	}
	idp.remove = func(string) error {
		idp.remove = nil
		undo()
		return nil
	}
	undo()
	assert.Equal(t, []string{"create " + ann.Email, "delete idp-1", "delete idp-1"}, idp.calls())
}

// TestUndoWhileATargetIsAdded: a program that has one target more and an Undo do not
// miss each other: nothing is created of a key that is closed.
func TestUndoWhileATargetIsAdded(t *testing.T) {
	t.Parallel()
	idp, crm := newVendor("idp"), newVendor("crm")
	ledger := &faulty{Ledger: new(provision.Memory)}
	targets := []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "crm", Creator: full{crm}}}
	_, err := provisioner(t, ledger, targets[:1], testKey).CreateUser(t.Context(), ann)
	require.NoError(t, err)
	p, undone := provisioner(t, ledger, targets, testKey), ""
	ledger.store = func([]provision.Record) error {
		ledger.store = nil
		results, err := p.Undo(t.Context(), ann.IdempotencyKey)
		undone = dispositions(results)
		return err
	}
	results, err := p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Equal(t, "idp undone, crm undone", undone)
	assert.Equal(t, "idp undone, crm undone", dispositions(results))
	assert.Equal(t, 0, crm.count())

	// The other way round Undo finds the target that was added.
	bob := ann
	bob.IdempotencyKey, bob.Email = "bob", "bob@example.com"
	_, err = provisioner(t, ledger, targets[:1], testKey).CreateUser(t.Context(), bob)
	require.NoError(t, err)
	ledger.store = func([]provision.Record) error {
		ledger.store = nil
		_, err := p.CreateUser(t.Context(), bob)
		return err
	}
	results, err = p.Undo(t.Context(), "bob")
	require.NoError(t, err)
	assert.Equal(t, "idp undone, crm undone", dispositions(results))
	assert.Equal(t, 0, idp.count()+crm.count())
}

// TestOvertakenCreateIsUndone: a process stops in the middle of a create, for longer than
// its lease. Meanwhile another one asks, finds nobody, and undoes the sign-up. The user
// that comes late is recorded, and the next Undo removes it.
func TestOvertakenCreateIsUndone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		ledger := new(provision.Memory)
		targets := []provision.Target{{Name: "idp", Creator: full{idp}}}
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			idp.before = nil
			time.Sleep(time.Hour)
			other := provisioner(t, ledger, targets)
			_, err := other.Undo(t.Context(), ann.IdempotencyKey)
			require.Error(t, err, "nobody knows yet")
			_, err = other.Resume(t.Context(), loadAnn)
			require.NoError(t, err)
			require.Equal(t, "idp undone", states(t, ledger, ann.IdempotencyKey))
			return nil
		}
		results, err := provisioner(t, ledger, targets).CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrInvalid)
		assert.Equal(t, "undone", failureOf(t, err).Code)
		assert.Equal(t, "idp created", dispositions(results))
		require.Equal(t, 1, idp.count())
		assert.Equal(t, "idp deleting", states(t, ledger, ann.IdempotencyKey))

		results, err = provisioner(t, ledger, targets).Undo(t.Context(), ann.IdempotencyKey)
		require.NoError(t, err)
		assert.Equal(t, "idp undone", dispositions(results))
		assert.Equal(t, 0, idp.count())
	})
}

// TestUndoGoesByTheOutcome: a delete that finds nobody, and proves nothing, has undone
// nothing.
func TestUndoGoesByTheOutcome(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[userapi.Outcome]string{userapi.OutcomeRejected: "idp undone", userapi.OutcomeUnknown: "idp unknown"} {
		idp := newVendor("idp")
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: blind{full{idp}, outcome}}})
		_, err := p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		results, err := p.Undo(t.Context(), ann.IdempotencyKey)
		assert.Equal(t, outcome == userapi.OutcomeUnknown, err != nil)
		assert.Equal(t, want, dispositions(results))
		assert.Equal(t, outcome == userapi.OutcomeUnknown, states(t, ledger, ann.IdempotencyKey) == "idp deleting")
	}
}

// blind sees no user that it could delete.
type blind struct {
	full
	outcome userapi.Outcome
}

func (b blind) DeleteUser(context.Context, string) error {
	return &userapi.Error{Op: "delete user", Subject: userapi.SubjectUser, Kind: userapi.KindNotFound, Outcome: b.outcome, StatusCode: 404}
}

// TestUndoLeavesAnEarlierUser: after the ledger was lost, the key's id leads to a user that
// no create of this ledger made.
func TestUndoLeavesAnEarlierUser(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	idp.before = func(context.Context, userapi.CreateUserRequest) error {
		e := idp.fail(userapi.KindConflict, userapi.OutcomeRejected, 400)
		e.FieldErrors = []userapi.FieldError{{Field: "IdempotencyKey", Code: userapi.CodeTaken}}
		return e
	}
	idp.users[ann.Email] = &userapi.User{Provider: "idp", ID: "earlier", Email: ann.Email, CreatedAt: time.Now()}
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: earlier{full{idp}}}})
	results, err := p.CreateUser(t.Context(), ann)
	require.NoError(t, err, "the sign-up goes on")
	require.Equal(t, "idp recovered", dispositions(results))
	assert.Equal(t, userapi.ProofEarlier, only(t, ledger, ann.IdempotencyKey, "idp").Proof)
	results, err = p.Undo(t.Context(), ann.IdempotencyKey)
	require.Error(t, err)
	assert.Equal(t, "not_proven", failureOf(t, err).Code)
	assert.Equal(t, "idp recovered", dispositions(results))
	assert.Equal(t, 1, idp.count())
}

// earlier finds users that are older than the create.
type earlier struct{ full }

func (e earlier) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	u, err := e.full.ResolveUser(ctx, req, since)
	if u != nil {
		u.Proof = userapi.ProofEarlier
	}
	return u, err
}

// TestKeyInTwoSpellings: one UUID is one key. What an earlier version stored under another
// spelling is found under it.
func TestKeyInTwoSpellings(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}})
	lower, upper := ann, ann
	lower.IdempotencyKey, upper.IdempotencyKey = "7f0c0b0a-1111-4a22-8b33-abcdefabcdef", "7F0C0B0A-1111-4A22-8B33-ABCDEFABCDEF"
	_, err := p.CreateUser(t.Context(), upper)
	require.NoError(t, err)
	results, err := p.CreateUser(t.Context(), lower)
	require.NoError(t, err)
	assert.True(t, results[0].Recorded)
	require.ErrorIs(t, p.Queue(t.Context(), nil, upper), userapi.ErrConflict)
	_, err = p.Undo(t.Context(), upper.IdempotencyKey)
	require.NoError(t, err)
	_, err = p.CreateUser(t.Context(), lower)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Equal(t, 0, idp.count())

	ledger = new(provision.Memory)
	require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: upper.IdempotencyKey, Target: "idp", State: provision.StateCreated, UserID: "7"}))
	p = provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}})
	begun := len(idp.calls())
	results, err = p.CreateUser(t.Context(), upper)
	require.Error(t, err, "the record has no fingerprint")
	assert.Equal(t, "idp created", dispositions(results))
	assert.Len(t, idp.calls(), begun)
	require.ErrorIs(t, p.Queue(t.Context(), nil, upper), userapi.ErrConflict)
	res, err := p.Decide(t.Context(), upper.IdempotencyKey, "idp", provision.UserAbsent())
	require.ErrorIs(t, err, userapi.ErrInvalid, "the ledger knows")
	assert.Equal(t, provision.DispositionCreated, res.Disposition)
}
