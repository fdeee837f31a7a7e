package provision_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// only returns the one record of a key's target.
func only(t *testing.T, l provision.Ledger, key, target string) provision.Record {
	t.Helper()
	records, err := l.Load(t.Context(), key)
	require.NoError(t, err)
	i := slices.IndexFunc(records, func(r provision.Record) bool { return r.Target == target })
	require.GreaterOrEqual(t, i, 0)
	return records[i]
}

// rewrite changes a record in the ledger, as another run or a person would.
func rewrite(t *testing.T, l provision.Ledger, key, target string, change func(r *provision.Record)) {
	t.Helper()
	r := only(t, l, key, target)
	change(&r)
	require.NoError(t, l.Store(t.Context(), r))
}

func one(name string, c userapi.Creator) []provision.Target {
	return []provision.Target{{Name: name, Creator: c}}
}

// lose has a vendor carry out no create, or carry it out, and never answer.
func lose(v *vendor) func(context.Context, userapi.CreateUserRequest) error {
	return func(context.Context, userapi.CreateUserRequest) error {
		return v.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
	}
}

func unavailable(v *vendor) func() error {
	return func() error { return v.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
}

// looksOnly can be asked and nothing else.
type looksOnly struct{ v full }

func (l looksOnly) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	return l.v.CreateUser(ctx, req)
}

func (l looksOnly) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	return l.v.ResolveUser(ctx, req, since)
}

// finishesOnly has a second step and nothing else.
type finishesOnly struct{ v full }

func (f finishesOnly) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	return f.v.CreateUser(ctx, req)
}

func (f finishesOnly) FinishUser(ctx context.Context, req userapi.CreateUserRequest, u *userapi.User) error {
	return f.v.FinishUser(ctx, req, u)
}

// half has a vendor's first step succeed and its second one fail.
func half(v *vendor) {
	v.after = func(_ context.Context, req userapi.CreateUserRequest) error {
		e := v.fail(userapi.KindUnavailable, userapi.OutcomeCreated, 503)
		e.User = v.users[req.Email]
		return e
	}
	v.second = func() error { return errDisk }
}

// TestAnotherRequestByState: what is said of a key with another request is what its
// record proves, and no more.
func TestAnotherRequestByState(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rec   provision.Record
		want  provision.Disposition
		takes bool // the key takes the request
	}{
		{provision.Record{State: provision.StateQueued}, provision.DispositionCreated, true},
		{provision.Record{State: provision.StateNotSent}, provision.DispositionCreated, true},
		{provision.Record{State: provision.StateRejected}, provision.DispositionCreated, true},
		{provision.Record{State: provision.StateRejected, Kind: userapi.KindConflict}, provision.DispositionCreated, true},
		{provision.Record{State: provision.StateRejected, Lost: true}, provision.DispositionRejected, false},
		{provision.Record{State: provision.StateNotSent, Lost: true}, provision.DispositionNotSent, false},
		{provision.Record{State: provision.StateIntent}, provision.DispositionUnknown, false},
		{provision.Record{State: provision.StateUnknown}, provision.DispositionUnknown, false},
		{provision.Record{State: provision.StateCreated, UserID: "7"}, provision.DispositionCreated, false},
		{provision.Record{State: provision.StateCreated, UserID: "7", Unfinished: true}, provision.DispositionCreated, false},
		{provision.Record{State: provision.StateRecovered, UserID: "7"}, provision.DispositionRecovered, false},
		{provision.Record{State: provision.StateDeleting, UserID: "7", Closed: true}, provision.DispositionUnknown, false},
		{provision.Record{State: provision.StateUndone, Closed: true}, provision.DispositionUndone, false},
	} {
		idp, ledger := newVendor("idp"), new(provision.Memory)
		tt.rec.Key, tt.rec.Target, tt.rec.Request = ann.IdempotencyKey, "idp", "1.another"
		require.NoError(t, ledger.Store(t.Context(), tt.rec))
		p := provisioner(t, ledger, one("idp", full{idp}))
		if !tt.rec.Closed {
			_, err := p.Resume(t.Context(), loadAnn)
			assert.Equal(t, tt.rec.Open(), err != nil, "%+v", tt.rec)
			assert.Empty(t, idp.calls(), "a sign-up that is resumed keeps its request")
		}
		results, err := p.CreateUser(t.Context(), ann)
		assert.Equal(t, tt.want, results[0].Disposition, "%+v", tt.rec)
		if tt.takes {
			require.NoError(t, err)
			assert.Len(t, idp.calls(), 1)
			continue
		}
		require.ErrorIs(t, err, userapi.ErrInvalid)
		assert.Empty(t, idp.calls())
		_, err = p.CreateUser(t.Context(), ann)
		require.Error(t, err, "it stays so")
	}
}

// TestNewTargetThatFails: a target that is added later says nothing of the users that
// there are, whether its request is at fault or the ledger.
func TestNewTargetThatFails(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"invalid": "idp created, crm created", "ledger": "idp created, crm not_sent"} {
		idp, crm := newVendor("idp"), newVendor("crm")
		ledger := &faulty{Ledger: new(provision.Memory)}
		targets := one("idp", full{idp})
		_, err := provisioner(t, ledger, targets, testKey).CreateUser(t.Context(), ann)
		require.NoError(t, err)
		added := provision.Target{Name: "crm", Creator: full{crm}}
		if name == "invalid" {
			added.Map = func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
				req.Email = "" // the vendor itself takes it
				return req
			}
		} else {
			ledger.store = func([]provision.Record) error { return errDisk }
		}
		results, err := provisioner(t, ledger, append(targets, added), testKey).CreateUser(t.Context(), ann)
		assert.Equal(t, want, dispositions(results), name)
		assert.Equal(t, "idp-1", results[0].User.ID)
		require.NoError(t, results[0].Err)
		if name == "ledger" {
			require.ErrorIs(t, err, errDisk)
			assert.Empty(t, crm.calls())
		}
	}
}

// TestDependentsAreCheckedFirst: what comes after another target and gets the sign-up's
// own request is checked before anything is sent.
func TestDependentsAreCheckedFirst(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: idp}, {Name: "chat", Creator: full{chat}, After: []string{"idp"}}})
	bad := ann
	bad.Email = ""
	results, err := p.CreateUser(t.Context(), bad)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Equal(t, "idp not_sent, chat not_sent", dispositions(results))
	assert.Empty(t, idp.calls())

	err = p.Queue(t.Context(), nil, bad)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.NotContains(t, err.Error(), "idp: ", "it is told of the target at fault alone")
}

// TestFreshClaimKnowsNothing: a create that begins anew has nothing of the one before,
// above all no person's decision, which would keep its user from being undone.
func TestFreshClaimKnowsNothing(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, one("idp", full{idp}))
	idp.before = func(context.Context, userapi.CreateUserRequest) error {
		return idp.fail(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
	}
	_, err := p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, userapi.ErrRateLimited)
	rewrite(t, ledger, ann.IdempotencyKey, "idp", func(r *provision.Record) { r.Decided, r.UserID = true, "nobody's" })
	idp.before = func(context.Context, userapi.CreateUserRequest) error {
		r := only(t, ledger, ann.IdempotencyKey, "idp")
		assert.Equal(t, provision.StateIntent, r.State)
		assert.Equal(t, userapi.KindUnknown, r.Kind)
		assert.Empty(t, r.UserID)
		assert.False(t, r.Decided)
		return nil
	}
	_, err = p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	r := only(t, ledger, ann.IdempotencyKey, "idp")
	assert.True(t, r.Until.IsZero(), "nobody holds it any more")
	results, err := p.Undo(t.Context(), ann.IdempotencyKey)
	require.NoError(t, err)
	assert.Equal(t, "idp undone", dispositions(results))
}

// TestResumeTellsWhoWaits: only where another run is at work is waiting no failure.
func TestResumeTellsWhoWaits(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	idp.before = func(context.Context, userapi.CreateUserRequest) error {
		return idp.fail(userapi.KindForbidden, userapi.OutcomeRejected, 403)
	}
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}, After: []string{"idp"}}})
	require.NoError(t, p.Queue(t.Context(), nil, ann))
	resumed, err := p.Resume(t.Context(), loadAnn)
	require.ErrorIs(t, err, userapi.ErrForbidden)
	assert.ErrorContains(t, resumed[0].Err, "chat: ")
}

// TestCrashedCreateStaysLost: a run that takes up a crashed one, and whose own create is
// refused, leaves the crashed create to be asked for by the next.
func TestCrashedCreateStaysLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, one("idp", full{idp}))
		idp.before = func(context.Context, userapi.CreateUserRequest) error { panic("killed") }
		require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
		}
		results, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrRateLimited)
		require.Equal(t, "idp rejected", dispositions(results))
		assert.True(t, only(t, ledger, ann.IdempotencyKey, "idp").Lost)

		idp.users[ann.Email] = &userapi.User{ID: "late", Email: ann.Email, CreatedAt: time.Now()}
		idp.before = nil
		results, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp recovered", dispositions(results))
	})
}

// TestStaleBeginWaits: another run that was faster is given time, lest the tries be over
// before it has stored anything.
func TestStaleBeginWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := &faulty{Ledger: new(provision.Memory), store: func([]provision.Record) error { return provision.ErrStale }}
		begun := time.Now()
		_, err := provisioner(t, ledger, one("idp", full{newVendor("idp")}), testKey).CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, provision.ErrStale)
		assert.GreaterOrEqual(t, time.Since(begun), 100*time.Millisecond)
	})
}

// TestClosedIsNotFinished: of a sign-up that was undone nothing is changed, also where a
// user could not be deleted and its second step is open.
func TestClosedIsNotFinished(t *testing.T) {
	t.Parallel()
	crm := newVendor("crm")
	half(crm)
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, one("crm", finishesOnly{full{crm}}))
	_, err := p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, errDisk)
	results, err := p.Undo(t.Context(), ann.IdempotencyKey)
	require.Error(t, err)
	require.Equal(t, "no_deleter", failureOf(t, results[0].Err).Code)
	calls := len(crm.calls())
	results, err = p.CreateUser(t.Context(), ann)
	require.Error(t, err)
	assert.Equal(t, "crm created", dispositions(results))
	assert.True(t, results[0].Recorded)
	assert.Equal(t, userapi.OutcomeCreated, failureOf(t, results[0].Err).Outcome)
	assert.Len(t, crm.calls(), calls)
}

// TestResumeLeavesRefusals: what a vendor refused because of the request is not sent
// again, though another target of the sign-up is open.
func TestResumeLeavesRefusals(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	idp.before = func(context.Context, userapi.CreateUserRequest) error {
		return idp.fail(userapi.KindConflict, userapi.OutcomeRejected, 409)
	}
	down := true
	chat.before = func(context.Context, userapi.CreateUserRequest) error {
		if down {
			return chat.fail(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
		}
		return nil
	}
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}}})
	_, err := p.CreateUser(t.Context(), ann)
	require.Error(t, err)
	down = false
	resumed, err := p.Resume(t.Context(), loadAnn)
	require.ErrorIs(t, err, userapi.ErrConflict)
	assert.Equal(t, "idp rejected, chat created", dispositions(resumed[0].Results))
	assert.Len(t, idp.calls(), 1)
	resumed, err = p.Resume(t.Context(), loadAnn)
	require.NoError(t, err)
	assert.Empty(t, resumed)
}

// TestPausedAfterTheClaim: a target that is paused between the claim and the create was
// not sent, and nobody need wait for the lease.
func TestPausedAfterTheClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
		}
		ledger := &faulty{Ledger: new(provision.Memory)}
		p := provisioner(t, ledger, one("idp", full{idp}), testKey, provision.Pause(1, time.Minute))
		bob := ann
		bob.IdempotencyKey = "bob"
		ledger.stored = func([]provision.Record) error {
			ledger.stored = nil
			_, err := p.CreateUser(t.Context(), bob)
			require.ErrorIs(t, err, userapi.ErrUnavailable)
			return nil
		}
		results, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		assert.False(t, userapi.MayHaveCreated(err))
		assert.Equal(t, "paused", failureOf(t, results[0].Err).Code)
		assert.Equal(t, "idp not_sent", dispositions(results))
		assert.Equal(t, "idp not_sent", states(t, ledger, ann.IdempotencyKey))
		assert.Len(t, idp.calls(), 1)
	})
}

// TestProbeThatIsDropped: whoever was let through to try a vendor, and could not, must
// not keep all others from trying.
func TestProbeThatIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
		}
		ledger := &faulty{Ledger: new(provision.Memory)}
		p := provisioner(t, ledger, one("idp", full{idp}), testKey, provision.Pause(1, time.Minute))
		_, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrUnavailable)
		idp.before = nil
		time.Sleep(time.Minute)
		ledger.store = func([]provision.Record) error { return errDisk }
		_, err = p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, errDisk)
		ledger.store = nil
		_, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
	})
}

// TestBreakerHearsAnswers: an answer of any kind, and of the last step, ends a row of
// failures.
func TestBreakerHearsAnswers(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	answers := []*userapi.Error{
		idp.fail(userapi.KindUnavailable, userapi.OutcomeRejected, 503), idp.fail(userapi.KindUnauthorized, userapi.OutcomeRejected, 401),
		idp.fail(userapi.KindUnavailable, userapi.OutcomeRejected, 503), nil,
		idp.fail(userapi.KindUnavailable, userapi.OutcomeRejected, 503), idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0),
		idp.fail(userapi.KindUnavailable, userapi.OutcomeRejected, 503),
	}
	// The look-up was answered, though it settled nothing.
	idp.look = func() error { return idp.fail(userapi.KindProtocol, userapi.OutcomeUnknown, 200) }
	p := provisioner(t, new(provision.Memory), one("idp", full{idp}), provision.Pause(2, time.Hour))
	for i, answer := range answers {
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			if answer == nil {
				return nil
			}
			return answer
		}
		req := ann
		req.IdempotencyKey = strings.Repeat("k", i+1)
		_, err := p.CreateUser(t.Context(), req)
		if answer != nil {
			require.Error(t, err)
			assert.NotEqual(t, "paused", failureOf(t, err).Code, "sign-up %d", i)
		} else {
			require.NoError(t, err)
		}
	}
}

// TestMapThatChanges: a create of which nothing is known is not asked for, and not sent
// again, by another request, nor by one that cannot be told.
func TestMapThatChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*userapi.CreateUserRequest){
		"another":      func(r *userapi.CreateUserRequest) { r.Username = "planted-other" },
		"unencodable":  func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"f": func() {}} },
		"another mail": func(r *userapi.CreateUserRequest) { r.Email = "planted-other@example.com" },
	} {
		for _, crashed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				idp := newVendor("idp")
				idp.after, idp.look = lose(idp), unavailable(idp)
				if crashed {
					idp.after = func(context.Context, userapi.CreateUserRequest) error { panic("killed") }
				}
				changes := func(*userapi.CreateUserRequest) {}
				ledger := new(provision.Memory)
				p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}, Map: func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
					changes(&req)
					return req
				}}})
				func() {
					defer func() { _ = recover() }()
					_, _ = p.CreateUser(t.Context(), ann)
				}()
				idp.after, idp.look, changes = nil, nil, change
				time.Sleep(time.Hour)
				calls := len(idp.calls())
				results, err := p.CreateUser(t.Context(), ann)
				require.True(t, userapi.MayHaveCreated(err), name)
				assert.Equal(t, "remapped", failureOf(t, err).Code, name)
				assert.Equal(t, "idp unknown", dispositions(results), name)
				assert.Len(t, idp.calls(), calls, name)
				assert.Equal(t, 1, idp.count())

				// Of what was not sent it is the request's fault.
				changes = func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"f": func() {}} }
				bob := ann
				bob.IdempotencyKey = "bob"
				_, err = p.CreateUser(t.Context(), bob)
				require.ErrorIs(t, err, userapi.ErrInvalid)
				assert.False(t, userapi.MayHaveCreated(err))
			})
		}
	}
}

// TestAbsentAndRemapped: a create that was proven absent is nothing to a request that has
// changed since: that one is created, and not asked for.
func TestAbsentAndRemapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = lose(idp)
		ledger := new(provision.Memory)
		name := "first"
		p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}, Map: func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
			req.Username = name
			return req
		}}}, provision.MaxCreates(1))
		_, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrTimeout)
		require.True(t, only(t, ledger, ann.IdempotencyKey, "idp").Lost)
		idp.before, name = nil, "second"
		calls := len(idp.calls())
		results, err := p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp created", dispositions(results))
		assert.Equal(t, []string{"create " + ann.Email}, idp.calls()[calls:])
		assert.False(t, only(t, ledger, ann.IdempotencyKey, "idp").Lost)
	})
}

// TestUndecidedIsRecorded: that a crashed create cannot be asked for is recorded once, by
// whoever finds it, also when its context is over: a person is needed.
func TestUndecidedIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wallet := newVendor("wallet")
		wallet.after = func(context.Context, userapi.CreateUserRequest) error { panic("killed") }
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, one("wallet", wallet))
		require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
		time.Sleep(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.CreateUser(ctx, ann)
		require.True(t, userapi.MayHaveCreated(err))
		r := only(t, ledger, ann.IdempotencyKey, "wallet")
		assert.Equal(t, provision.StateUnknown, r.State)
		assert.True(t, r.Until.IsZero())
		_, err = p.CreateUser(t.Context(), ann)
		require.True(t, userapi.MayHaveCreated(err))
		assert.Equal(t, r.Revision, only(t, ledger, ann.IdempotencyKey, "wallet").Revision)
	})
}

// TestFinishLater: a run with a context that is over begins no second step, and the one
// that finishes tells of the create that made the user.
func TestFinishLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crm := newVendor("crm")
		half(crm)
		crm.second = unavailable(crm)
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, one("crm", full{crm}))
		begun, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrUnavailable)
		assert.Equal(t, "crm-1", failureOf(t, err).User.ID)
		assert.Equal(t, "crm-1", failureOf(t, err).UserID)
		assert.True(t, only(t, ledger, ann.IdempotencyKey, "crm").Unfinished)
		calls := len(crm.calls())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		results, err := p.CreateUser(ctx, ann)
		require.ErrorIs(t, err, userapi.ErrCanceled)
		assert.Equal(t, "crm created", dispositions(results))
		assert.Equal(t, userapi.OutcomeCreated, failureOf(t, err).Outcome)
		assert.Len(t, crm.calls(), calls)

		time.Sleep(time.Hour)
		crm.second = nil
		results, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.WithinDuration(t, begun[0].Started, results[0].Started, time.Second)
		r := only(t, ledger, ann.IdempotencyKey, "crm")
		assert.Equal(t, userapi.KindUnknown, r.Kind)
		assert.False(t, r.Open())
	})
}

// TestNobodyToFinish: a second step that no creator can carry out stays open, and a user
// whose reply was cut off has none.
func TestNobodyToFinish(t *testing.T) {
	t.Parallel()
	crm := newVendor("crm")
	half(crm)
	ledger := new(provision.Memory)
	_, err := provisioner(t, ledger, one("crm", full{crm})).CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, errDisk)
	results, err := provisioner(t, ledger, one("crm", looksOnly{full{crm}})).CreateUser(t.Context(), ann)
	assert.Equal(t, "no_finisher", failureOf(t, err).Code)
	assert.Equal(t, "crm created", dispositions(results))
	assert.True(t, only(t, ledger, ann.IdempotencyKey, "crm").Unfinished)

	chat := newVendor("chat")
	chat.after = func(context.Context, userapi.CreateUserRequest) error {
		e := chat.fail(userapi.KindProtocol, userapi.OutcomeCreated, 200)
		e.User = &userapi.User{Provider: "chat", ID: "chat-1", Proof: userapi.ProofReply}
		return e
	}
	chat.look = unavailable(chat)
	results, err = provisioner(t, ledger, one("chat", looksOnly{full{chat}})).CreateUser(t.Context(), userapi.CreateUserRequest{IdempotencyKey: "bob", Email: "bob@example.com"})
	require.Error(t, err)
	assert.Equal(t, "chat created", dispositions(results))
	assert.False(t, only(t, ledger, "bob", "chat").Unfinished)
}

// TestLeaseLeavesRoom: a create ends early enough for the grace, and for clocks that are
// not quite the same.
func TestLeaseLeavesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		left := time.Duration(0)
		idp.before = func(ctx context.Context, _ userapi.CreateUserRequest) error {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return nil
		}
		_, err := provisioner(t, new(provision.Memory), one("idp", full{idp}), provision.Lease(time.Minute), provision.Grace(10*time.Second)).CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, 44*time.Second, left, "a minute without the grace and a tenth")
	})
}

// strict is a ledger that looks at the context, as one behind a network does.
type strict struct{ provision.Ledger }

func (s strict) Load(ctx context.Context, key string) ([]provision.Record, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s.Ledger.Load(ctx, key)
}

// TestWaitingRunOutlivesItsContext: what another run does is told by the ledger, also
// when the caller's time is up.
func TestWaitingRunOutlivesItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.after = func(context.Context, userapi.CreateUserRequest) error { panic("killed") }
		p := provisioner(t, strict{new(provision.Memory)}, one("idp", full{idp}), testKey)
		require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		results, err := p.CreateUser(ctx, ann)
		require.ErrorIs(t, err, userapi.ErrTimeout)
		assert.Equal(t, "in_progress", failureOf(t, results[0].Err).Code)
	})
}

// TestRecordOfAnUnknownUser: what is known of a user before its create is settled is
// recorded, and nothing of one that was refused.
func TestRecordOfAnUnknownUser(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[userapi.Outcome]string{userapi.OutcomeUnknown: "id-7", userapi.OutcomeRejected: ""} {
		wallet := newVendor("wallet")
		wallet.before = func(context.Context, userapi.CreateUserRequest) error {
			e := wallet.fail(userapi.KindTimeout, outcome, 0)
			e.UserID = "id-7"
			return e
		}
		ledger := new(provision.Memory)
		_, err := provisioner(t, ledger, one("wallet", wallet)).CreateUser(t.Context(), ann)
		require.Error(t, err)
		r := only(t, ledger, ann.IdempotencyKey, "wallet")
		assert.Equal(t, want, r.UserID)
		assert.Equal(t, "wallet", r.Provider)
		assert.True(t, r.Until.IsZero())
	}
}

// TestTakenOverByAnother: a run that was taken over, and whose create made a user, says
// so where the other found another user, and records it where the other found none.
func TestTakenOverByAnother(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(r *provision.Record)
		state  provision.State
	}{
		"another user":    {func(r *provision.Record) { r.State, r.UserID = provision.StateRecovered, "another" }, provision.StateRecovered},
		"another deleted": {func(r *provision.Record) { r.State, r.UserID = provision.StateDeleting, "another" }, provision.StateDeleting},
		"none":            {func(r *provision.Record) { r.State = provision.StateRejected }, provision.StateCreated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idp, ledger := newVendor("idp"), new(provision.Memory)
			idp.after = func(context.Context, userapi.CreateUserRequest) error {
				rewrite(t, ledger, ann.IdempotencyKey, "idp", func(r *provision.Record) { r.Owner = "another run"; c.change(r) })
				return nil
			}
			results, err := provisioner(t, ledger, one("idp", full{idp})).CreateUser(t.Context(), ann)
			assert.Equal(t, "idp created", dispositions(results))
			assert.Equal(t, "idp-1", results[0].User.ID)
			assert.Equal(t, c.state, only(t, ledger, ann.IdempotencyKey, "idp").State)
			if name == "none" {
				require.NoError(t, err)
				assert.Equal(t, "idp-1", only(t, ledger, ann.IdempotencyKey, "idp").UserID)
				return
			}
			e := failureOf(t, err)
			assert.Equal(t, "record", e.Code)
			assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
			assert.Equal(t, []string{"idp-1", "another"}, e.Candidates)
		})
	}
}

// TestUnrecordedRefusal: that the ledger fails makes a refusal no less one, and both
// errors are told.
func TestUnrecordedRefusal(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[userapi.Outcome]string{userapi.OutcomeRejected: "idp rejected", userapi.OutcomeNotSent: "idp not_sent"} {
		synctest.Test(t, func(t *testing.T) {
			idp := newVendor("idp")
			idp.before = func(context.Context, userapi.CreateUserRequest) error {
				return idp.fail(userapi.KindForbidden, outcome, 0)
			}
			ledger := &faulty{Ledger: new(provision.Memory), store: func(records []provision.Record) error {
				if records[0].State != provision.StateIntent {
					return errDisk
				}
				return nil
			}}
			results, err := provisioner(t, ledger, one("idp", full{idp}), testKey).CreateUser(t.Context(), ann)
			require.ErrorIs(t, err, errDisk)
			require.ErrorContains(t, failureOf(t, err).Err, "forbidden")
			assert.Equal(t, want, dispositions(results))
			assert.Equal(t, outcome, failureOf(t, err).Outcome)
		})
	}
}

// TestResumeAndStrangers: a target that is gone is told of while it is open, and only
// then, whatever the others do.
func TestResumeAndStrangers(t *testing.T) {
	t.Parallel()
	for state, told := range map[provision.State]bool{provision.StateCreated: false, provision.StateUnknown: true} {
		idp, ledger := newVendor("idp"), new(provision.Memory)
		p := provisioner(t, ledger, one("idp", full{idp}))
		require.NoError(t, p.Queue(t.Context(), nil, ann))
		gone := provision.Record{Key: ann.IdempotencyKey, Target: "gone", State: state, UserID: "g-1", Request: only(t, ledger, ann.IdempotencyKey, "idp").Request}
		require.NoError(t, ledger.Store(t.Context(), gone))
		resumed, err := p.Resume(t.Context(), loadAnn)
		require.Len(t, resumed, 1)
		assert.Equal(t, "idp created", dispositions(resumed[0].Results))
		if told {
			assert.ErrorContains(t, err, "no_target")
		} else {
			require.NoError(t, err)
		}
		results, err := p.Undo(t.Context(), ann.IdempotencyKey)
		require.Error(t, err, "nobody can delete what is gone")
		require.Len(t, results, 2)
		assert.Equal(t, "gone", results[1].Target)
	}
}

// TestUndoNeedsNoRequest: nobody is asked for the request of a sign-up that is only
// deleted.
func TestUndoNeedsNoRequest(t *testing.T) {
	t.Parallel()
	idp, ledger := newVendor("idp"), new(provision.Memory)
	p := provisioner(t, ledger, one("idp", full{idp}))
	_, err := p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	idp.remove = func(string) error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
	_, err = p.Undo(t.Context(), ann.IdempotencyKey)
	require.ErrorIs(t, err, userapi.ErrUnavailable)
	idp.remove = nil
	_, err = p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) {
		t.Error("the request was asked for")
		return ann, nil
	})
	require.NoError(t, err)
	assert.Equal(t, 0, idp.count())
}

// TestUndoProof: what proves a user to be the sign-up's, and what does not.
func TestUndoProof(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state   provision.State
		proof   userapi.Proof
		decided bool
		want    string
	}{
		{provision.StateCreated, userapi.ProofNone, false, "idp undone"},
		{provision.StateRecovered, userapi.ProofReply, false, "idp undone"},
		{provision.StateRecovered, userapi.ProofID, false, "idp undone"},
		{provision.StateRecovered, userapi.ProofKey, false, "idp undone"},
		{provision.StateRecovered, userapi.ProofMatch, false, "idp recovered"},
		{provision.StateRecovered, userapi.ProofNone, false, "idp recovered"},
		{provision.StateRecovered, userapi.ProofKey, true, "idp recovered"},
		{provision.StateExisting, userapi.ProofKey, false, "idp existing"},
		{provision.StateRejected, userapi.ProofNone, false, "idp undone"},
	} {
		idp, ledger := newVendor("idp"), new(provision.Memory)
		require.NoError(t, ledger.Store(t.Context(), provision.Record{
			Key: "k", Target: "idp", State: c.state, UserID: "u", Proof: c.proof, Decided: c.decided, Unfinished: true, Kind: userapi.KindUnavailable,
		}))
		idp.remove = func(string) error {
			assert.Equal(t, userapi.KindUnknown, only(t, ledger, "k", "idp").Kind)
			return nil
		}
		results, _ := provisioner(t, ledger, one("idp", full{idp})).Undo(t.Context(), "k")
		assert.Equal(t, c.want, dispositions(results), "%+v", c)
		switch {
		case c.state == provision.StateRejected:
			assert.Empty(t, only(t, ledger, "k", "idp").UserID, "none had been created")
			assert.Empty(t, idp.calls())
		case c.want == "idp undone":
			assert.False(t, only(t, ledger, "k", "idp").Unfinished)
			assert.Equal(t, []string{"delete u"}, idp.calls())
		default:
			assert.Empty(t, idp.calls())
		}
	}
}

// TestUndoIsBounded: a deletion may take as long as a lease, and the patience counts from
// when the create was settled.
func TestUndoIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger := newVendor("idp"), new(provision.Memory)
		hour := time.Now().Add(-time.Hour)
		require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: "k", Target: "idp", State: provision.StateCreated, UserID: "u", Lost: true, Started: hour, Changed: time.Now()}))
		begun := time.Now()
		var after time.Duration
		p := provisioner(t, ledger, one("idp", deadlined{full{idp}, func(ctx context.Context) {
			after = time.Since(begun)
			deadline, ok := ctx.Deadline()
			assert.True(t, ok)
			assert.LessOrEqual(t, deadline.Sub(begun), 2*time.Minute)
		}}))
		_, err := p.Undo(t.Context(), "k")
		require.NoError(t, err)
		assert.Equal(t, 5*time.Second, after)
	})
}

// deadlined shows the context of a deletion.
type deadlined struct {
	full
	see func(context.Context)
}

func (d deadlined) DeleteUser(ctx context.Context, id string) error {
	d.see(ctx)
	return d.full.DeleteUser(ctx, id)
}

// TestUndoThatIsNotRecorded: the user is gone, and that the ledger does not know is told.
func TestUndoThatIsNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger := newVendor("idp"), &faulty{Ledger: new(provision.Memory)}
		p := provisioner(t, ledger, one("idp", full{idp}), testKey)
		_, err := p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		ledger.store = func(records []provision.Record) error {
			if records[0].State == provision.StateUndone {
				return errDisk
			}
			return nil
		}
		told, err := p.Undo(t.Context(), ann.IdempotencyKey)
		require.ErrorIs(t, err, errDisk)
		assert.Equal(t, "record", failureOf(t, err).Code)
		assert.Equal(t, "idp undone", dispositions(told))
		assert.False(t, userapi.MayHaveCreated(err), "the user is gone, and that alone is not recorded")
		assert.Equal(t, "idp deleting", states(t, ledger, ann.IdempotencyKey))

		// Nor is anything said of a user that can no longer be deleted.
		ledger.store = nil
		results, err := provisioner(t, ledger, one("idp", looksOnly{full{idp}}), testKey).Undo(t.Context(), ann.IdempotencyKey)
		assert.True(t, userapi.MayHaveCreated(err))
		assert.Equal(t, "no_deleter", failureOf(t, err).Code)
		assert.Equal(t, "idp unknown", dispositions(results))
	})
}

// TestUndoDuringACreate: an Undo leaves a create that another run is at work on to it,
// and says so.
func TestUndoDuringACreate(t *testing.T) {
	t.Parallel()
	idp, ledger := newVendor("idp"), new(provision.Memory)
	p := provisioner(t, ledger, one("idp", full{idp}))
	idp.before = func(context.Context, userapi.CreateUserRequest) error {
		results, err := p.Undo(t.Context(), ann.IdempotencyKey)
		assert.Equal(t, "in_progress", failureOf(t, err).Code)
		assert.Equal(t, "idp unknown", dispositions(results))
		_, err = p.Decide(t.Context(), ann.IdempotencyKey, "idp", provision.UserAbsent())
		assert.ErrorIs(t, err, userapi.ErrConflict)
		assert.Equal(t, "in_progress", failureOf(t, err).Code)
		return nil
	}
	results, err := p.CreateUser(t.Context(), ann)
	assert.Equal(t, "undone", failureOf(t, err).Code)
	assert.Equal(t, "idp created", dispositions(results))
}

// TestDecide: what a person says is recorded as a person's word, for every state in which
// one may be needed.
func TestDecide(t *testing.T) {
	t.Parallel()
	exists, absent := provision.UserExists("u-9"), provision.UserAbsent()
	for _, c := range []struct {
		name     string
		before   provision.Record
		decision provision.Decision
		want     provision.State
		open     bool
	}{
		{"absent", provision.Record{State: provision.StateUnknown, UserID: "u-1", Kind: userapi.KindTimeout}, absent, provision.StateRejected, true},
		{"absent, undone", provision.Record{State: provision.StateUnknown, UserID: "u-1", Closed: true, Kind: userapi.KindTimeout}, absent, provision.StateUndone, false},
		{"deleted", provision.Record{State: provision.StateDeleting, UserID: "u-1", Closed: true}, absent, provision.StateUndone, false},
		{"crashed", provision.Record{State: provision.StateIntent, Owner: "gone", Until: time.Now().Add(-time.Hour)}, absent, provision.StateRejected, true},
		{"exists", provision.Record{State: provision.StateUnknown}, exists, provision.StateRecovered, true},
		{"exists, undone", provision.Record{State: provision.StateUnknown, Closed: true}, exists, provision.StateRecovered, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ledger := new(provision.Memory)
			c.before.Key, c.before.Target, c.before.Lost = "k", "idp", true
			require.NoError(t, ledger.Store(t.Context(), c.before))
			res, err := provisioner(t, ledger, one("idp", full{newVendor("idp")})).Decide(t.Context(), "k", "idp", c.decision)
			require.NoError(t, err)
			r := only(t, ledger, "k", "idp")
			assert.Equal(t, c.want, r.State)
			assert.Equal(t, c.open, r.Open())
			assert.True(t, r.Decided)
			assert.False(t, r.Lost)
			assert.True(t, r.Until.IsZero())
			assert.Equal(t, userapi.ProofNone, r.Proof)
			switch {
			case c.want == provision.StateRecovered:
				assert.Equal(t, "u-9", r.UserID)
				require.NoError(t, res.Err)
			case c.before.State != provision.StateDeleting:
				assert.Empty(t, r.UserID, "there is none")
			}
		})
	}
}

// TestDecideRefused: a decision that cannot be taken says nothing of the user.
func TestDecideRefused(t *testing.T) {
	t.Parallel()
	ledger := &faulty{Ledger: new(provision.Memory)}
	require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: "k", Target: "idp", State: provision.StateUnknown}))
	p := provisioner(t, ledger, one("idp", full{newVendor("idp")}), testKey)
	_, err := p.Decide(t.Context(), "k", "idp", provision.UserExists("a\x00b"))
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.True(t, userapi.MayHaveCreated(err))
	ledger.store = func([]provision.Record) error { return provision.ErrStale }
	_, err = p.Decide(t.Context(), "k", "idp", provision.UserAbsent())
	require.ErrorIs(t, err, userapi.ErrConflict)
	require.ErrorIs(t, err, provision.ErrStale)
	assert.True(t, userapi.MayHaveCreated(err))
}

// strictIDs is a vendor that knows what its ids look like.
type strictIDs struct{ full }

func (strictIDs) CheckUserID(id string) error {
	if strings.HasPrefix(id, "u-") {
		return nil
	}
	return &userapi.Error{Provider: "idp", Op: "check user id", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent,
		FieldErrors: []userapi.FieldError{{VendorField: "id", Code: "invalid", Message: "must begin with u-"}}}
}

// TestDecideRefusesAnIDOfAnotherShape: what no vendor's id looks like is not recorded.
func TestDecideRefusesAnIDOfAnotherShape(t *testing.T) {
	t.Parallel()
	ledger := new(provision.Memory)
	require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: "k", Target: "idp", State: provision.StateUnknown}))
	p := provisioner(t, ledger, one("idp", strictIDs{full{newVendor("idp")}}))
	res, err := p.Decide(t.Context(), "k", "idp", provision.UserExists("007"))
	e := failureOf(t, err)
	assert.Equal(t, userapi.KindInvalid, e.Kind)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Equal(t, "must begin with u-", e.FieldErrors[0].Message)
	assert.Equal(t, err, res.Err)
	assert.Equal(t, provision.StateUnknown, only(t, ledger, "k", "idp").State)
	_, err = p.Decide(t.Context(), "k", "idp", provision.UserExists("u-7"))
	require.NoError(t, err)
}

// shape has values of which some could be taken for others.
type shape struct {
	Inner  halves
	Second string
	Lists  [][]string
	Maps   map[string]map[string]string
	Names  map[string]string
	Raw    json.RawMessage
	Addr   netip.Addr
	Key    ed25519.PrivateKey
}

type halves struct{ First, Second string }

func (shape) UserExtension() string { return "shape" }

// twin is shape at another vendor.
type twin shape

func (twin) UserExtension() string { return "twin" }

func shaped(extensions ...userapi.Extension) userapi.CreateUserRequest {
	req := ann
	req.Extensions = extensions
	return req
}

// TestFingerprintTellsApart: requests that differ in one place only, of such as would be
// one without what stands before and behind each value.
func TestFingerprintTellsApart(t *testing.T) {
	t.Parallel()
	with := func(change func(r *userapi.CreateUserRequest)) userapi.CreateUserRequest {
		req := ann
		change(&req)
		return req
	}
	attributes := func(v any) userapi.CreateUserRequest {
		return with(func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"a": v} })
	}
	for name, pair := range map[string][2]userapi.CreateUserRequest{
		"fields": {with(func(r *userapi.CreateUserRequest) { r.GivenName = "x" }), with(func(r *userapi.CreateUserRequest) { r.FamilyName = "x" })},
		"texts": {
			with(func(r *userapi.CreateUserRequest) { r.Tags = []string{"as", "b"} }), with(func(r *userapi.CreateUserRequest) { r.Tags = []string{"a", "sb"} }),
		},
		"vendors":        {shaped(shape{Second: "x"}), shaped(twin{Second: "x"})},
		"ends":           {shaped(shape{Inner: halves{"1", "2"}}), shaped(shape{Inner: halves{"1", ""}, Second: "2"})},
		"lists":          {shaped(shape{Lists: [][]string{{"a"}, {"b"}}}), shaped(shape{Lists: [][]string{{"a", "b"}}})},
		"names":          {shaped(shape{Names: map[string]string{"a": "x"}}), shaped(shape{Names: map[string]string{"b": "x"}})},
		"names in JSON":  {attributes(map[string]any{"a": 1}), attributes(map[string]any{"b": 1})},
		"truth":          {attributes(true), attributes(false)},
		"number or text": {attributes(1), attributes("1")},
		"addresses":      {shaped(shape{Addr: netip.MustParseAddr("::1")}), shaped(shape{Addr: netip.MustParseAddr("::2")})},
		"maps": {
			shaped(shape{Maps: map[string]map[string]string{"a": {"b": "c"}, "d": {"e": `"f"`}, "g": {"h": "i"}}}),
			shaped(shape{Maps: map[string]map[string]string{"a": {"b": "c", "d": `"e"`, "f": `"g"`, "h": "i"}}}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := provisioner(t, new(provision.Memory), one("idp", full{newVendor("idp")}))
			_, err := p.CreateUser(t.Context(), pair[0])
			require.NoError(t, err)
			_, err = p.CreateUser(t.Context(), pair[1])
			require.ErrorIs(t, err, userapi.ErrInvalid)
			_, err = p.CreateUser(t.Context(), pair[0])
			require.NoError(t, err)
		})
	}
}

// TestFingerprintOfTheSame: the order of different vendors' extensions, spaces in JSON and
// private keys make no other request.
func TestFingerprintOfTheSame(t *testing.T) {
	t.Parallel()
	first, second := ed25519.NewKeyFromSeed([]byte(strings.Repeat("a", 32))), ed25519.NewKeyFromSeed([]byte(strings.Repeat("b", 32)))
	for name, pair := range map[string][2]userapi.CreateUserRequest{
		"order": {shaped(shape{Second: "x"}, twin{Second: "y"}), shaped(twin{Second: "y"}, shape{Second: "x"})},
		"JSON":  {shaped(shape{Raw: json.RawMessage(`{"a":1}`)}), shaped(shape{Raw: json.RawMessage(`{ "a": 1.0 }`)})},
		"keys":  {shaped(shape{Second: "x", Key: first}), shaped(shape{Second: "x", Key: second})},
		"nil":   {shaped((*shape)(nil)), shaped((*twin)(nil))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := provisioner(t, new(provision.Memory), one("idp", full{newVendor("idp")}))
			for _, req := range pair {
				_, err := p.CreateUser(t.Context(), req)
				require.NoError(t, err)
			}
		})
	}
}

// TestNewestRequestKey: what is recorded is of the newest key, so that an older one can be
// done without in time.
func TestNewestRequestKey(t *testing.T) {
	t.Parallel()
	ledger, targets := new(provision.Memory), one("idp", full{newVendor("idp")})
	newest := userapi.Secret("a newer key, of 30 bytes")
	_, err := provisioner(t, ledger, targets, provision.RequestKeys(newest, "0123456789abcdef")).CreateUser(t.Context(), ann)
	require.NoError(t, err)
	_, err = provisioner(t, ledger, targets, provision.RequestKeys(newest)).CreateUser(t.Context(), ann)
	require.NoError(t, err)
}

// TestMapWithoutAKey: a request that Map makes from nothing has the sign-up's key.
func TestMapWithoutAKey(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	key := ""
	idp.before = func(_ context.Context, req userapi.CreateUserRequest) error { key = req.IdempotencyKey; return nil }
	_, err := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}, Map: func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
		return userapi.CreateUserRequest{Email: req.Email}
	}}}).CreateUser(t.Context(), ann)
	require.NoError(t, err)
	assert.Equal(t, ann.IdempotencyKey, key)
}

// TestSettings: each setting that would make a Lease too short is told, and what is less
// than the least of a setting counts as that.
func TestSettings(t *testing.T) {
	t.Parallel()
	targets := one("idp", full{newVendor("idp")})
	for _, opts := range [][]provision.Option{
		{provision.Lease(0), provision.Grace(0), provision.Patience(0)},
		{provision.Lease(time.Minute), provision.Grace(31 * time.Second)},
		{provision.Lease(time.Minute), provision.Patience(31 * time.Second)},
	} {
		_, err := provision.New(new(provision.Memory), targets, opts...)
		require.ErrorContains(t, err, "Lease must be")
	}
	p := provisioner(t, new(provision.Memory), targets,
		provision.Parallel(0), provision.MaxCreates(-1), provision.Grace(-1), provision.Patience(-1), provision.Pause(-1, -1), nil)
	require.NoError(t, p.Queue(t.Context(), nil, ann))
	resumed, err := p.Resume(t.Context(), loadAnn)
	require.NoError(t, err)
	assert.Equal(t, "idp created", dispositions(resumed[0].Results))
}

// TestWhatIsOpen: what a vendor refused because of the request is not tried again without
// end, and what it may take another time is.
func TestWhatIsOpen(t *testing.T) {
	t.Parallel()
	for kind, open := range map[userapi.Kind]bool{
		userapi.KindInvalid: false, userapi.KindConflict: false, userapi.KindProtocol: false,
		userapi.KindRateLimited: true, userapi.KindNotFound: true, userapi.KindUnknown: true,
	} {
		for _, state := range []provision.State{provision.StateRejected, provision.StateNotSent} {
			assert.Equal(t, open, provision.Record{State: state, Kind: kind}.Open(), "%s, %v", state, kind)
		}
	}
}

// TestFinishOutlivesTheContext: the second step of a user that was found is not left open
// because the caller's time was up.
func TestFinishOutlivesTheContext(t *testing.T) {
	t.Parallel()
	crm := newVendor("crm")
	ctx, cancel := context.WithCancel(t.Context())
	crm.after = func(context.Context, userapi.CreateUserRequest) error {
		cancel()
		return crm.fail(userapi.KindCanceled, userapi.OutcomeUnknown, 0)
	}
	res, err := provision.Ensure(ctx, seesContext{full{crm}}, ann)
	require.NoError(t, err)
	assert.Equal(t, provision.DispositionRecovered, res.Disposition)
}

// seesContext finishes nothing when the context is over.
type seesContext struct{ full }

func (s seesContext) FinishUser(ctx context.Context, req userapi.CreateUserRequest, u *userapi.User) error {
	return errors.Join(ctx.Err(), s.full.FinishUser(ctx, req, u))
}

// TestAllGoOnAfterAPause: once a vendor has answered again, sign-ups are no more let
// through one by one; and no failures ever pause where none are to.
func TestAllGoOnAfterAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		down := func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
		}
		idp.before = down
		p := provisioner(t, new(provision.Memory), one("idp", full{idp}), provision.Pause(1, time.Minute))
		signUp := func(key string) error {
			req := ann
			req.IdempotencyKey, req.Email = key, key+"@example.com"
			_, err := p.CreateUser(t.Context(), req)
			return err
		}
		require.Error(t, signUp("a"))
		time.Sleep(time.Minute)
		idp.before = nil
		require.NoError(t, signUp("b"))
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			idp.before = nil
			assert.NoError(t, signUp("c"))
			return nil
		}
		require.NoError(t, signUp("d"))

		idp.before = down
		p = provisioner(t, new(provision.Memory), one("idp", full{idp}), provision.Pause(0, time.Hour))
		for _, key := range []string{"e", "f", "g"} {
			assert.Empty(t, failureOf(t, signUp(key)).Code)
		}
	})
}

// checksBadly is a Preflighter whose errors claim nothing.
type checksBadly struct{ full }

func (checksBadly) PreflightUser(userapi.CreateUserRequest) error { return errDisk }

// TestPreflightSendsNothing: whatever a Preflighter returns, nothing was sent.
func TestPreflightSendsNothing(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	results, err := provisioner(t, new(provision.Memory), one("idp", checksBadly{full{idp}})).CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, errDisk)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Equal(t, "idp not_sent", dispositions(results))
	assert.Empty(t, idp.calls())
}

// TestOneCreateAtLeast: MaxCreates of less than 1 counts as 1, also for a call that asks
// first.
func TestOneCreateAtLeast(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	res, err := provision.Ensure(t.Context(), full{idp}, ann, provision.Resuming(time.Now()), provision.MaxCreates(0))
	require.NoError(t, err)
	assert.Equal(t, provision.DispositionCreated, res.Disposition)
	assert.Equal(t, []string{"resolve " + ann.Email, "create " + ann.Email}, idp.calls())
}

// TestAbsentWhateverTheNextCreateSays: a create that was proven absent stays so where the
// next one was not sent, and the run after that creates.
func TestAbsentWhateverTheNextCreateSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = lose(idp)
		p := provisioner(t, new(provision.Memory), one("idp", looksOnly{full{idp}}))
		_, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrTimeout)
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
		}
		results, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrUnavailable)
		assert.Equal(t, "idp rejected", dispositions(results))
		idp.before = nil
		_, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
	})
}

// readsAgain returns a given user for every look-up.
type readsAgain struct {
	*vendor
	user userapi.User
}

func (r readsAgain) ResolveUser(context.Context, userapi.CreateUserRequest, time.Time) (*userapi.User, error) {
	r.note("resolve")
	return &r.user, nil
}

// TestReadAgain: a user whose reply was cut off is read again, and another one is not
// taken for it.
func TestReadAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		told  userapi.User
		found string
		again bool // it is read again, and found
	}{
		"whole":    {userapi.User{ID: "u-1", CreatedAt: now, Raw: []byte("{}")}, "u-1", false},
		"no age":   {userapi.User{ID: "u-1", Raw: []byte("{}")}, "u-1", true},
		"cut off":  {userapi.User{ID: "u-1", CreatedAt: now, Raw: []byte("{")}, "u-1", true},
		"stranger": {userapi.User{ID: "u-1", Raw: []byte("{")}, "u-2", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idp := newVendor("idp")
			idp.before = func(context.Context, userapi.CreateUserRequest) error {
				e := idp.fail(userapi.KindUnavailable, userapi.OutcomeCreated, 200)
				c.told.Proof = userapi.ProofReply
				e.User = &c.told
				return e
			}
			found := userapi.User{ID: c.found, Email: ann.Email, CreatedAt: now, Raw: []byte("{}"), Proof: userapi.ProofMatch}
			res, err := provision.Ensure(t.Context(), readsAgain{idp, found}, ann)
			assert.Equal(t, provision.DispositionCreated, res.Disposition)
			assert.Equal(t, "u-1", res.User.ID)
			assert.Equal(t, userapi.ProofReply, res.User.Proof, "the reply named it")
			assert.Equal(t, c.again, res.User.Email == ann.Email)
			assert.Equal(t, name == "whole", !slices.Contains(idp.calls(), "resolve"))
			assert.Equal(t, name == "stranger", err != nil)
		})
	}
}

// TestLookUpNamesTheUser: an id that a look-up told of stays with the unknown outcome.
func TestLookUpNamesTheUser(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	idp.before = lose(idp)
	idp.look = func() error {
		e := idp.fail(userapi.KindProtocol, userapi.OutcomeUnknown, 200)
		e.UserID = "u-7"
		return e
	}
	_, err := provision.Ensure(t.Context(), full{idp}, ann)
	require.True(t, userapi.MayHaveCreated(err))
	assert.Equal(t, "u-7", failureOf(t, err).UserID)
}

// plans is a Planner whose user's id is the ExternalID, and that finds given faults.
type plans struct {
	*vendor
	faults []userapi.FieldError
}

func (p plans) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	if p.faults != nil {
		return userapi.Plan{}, &userapi.Error{Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, FieldErrors: p.faults}
	}
	return userapi.Plan{Provider: p.name, Method: "PUT", Route: "/users/" + req.ExternalID, UserID: req.ExternalID}, nil
}

// TestPlanOfWhatWaits: what depends on an id that is not known is neither planned with a
// false id nor at fault for it.
func TestPlanOfWhatWaits(t *testing.T) {
	t.Parallel()
	external := func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
		req.ExternalID = users["chat"].ID
		return req
	}
	mapped := userapi.FieldError{Field: "ExternalID", Code: "invalid"}
	native := userapi.FieldError{VendorField: "extra.id", Code: "invalid"}
	own := userapi.FieldError{Field: "Language", Code: "unsupported"}
	faults := []userapi.FieldError{mapped, native, own}
	after := []string{"chat"}
	items := provisioner(t, new(provision.Memory), []provision.Target{
		{Name: "chat", Creator: newVendor("chat")},
		{Name: "id", Creator: plans{newVendor("id"), nil}, After: after, Map: external},
		{Name: "unmapped", Creator: plans{newVendor("unmapped"), nil}, After: after},
		{Name: "theirs", Creator: plans{newVendor("theirs"), []userapi.FieldError{mapped, native}}, After: after, Map: external},
		{Name: "both", Creator: plans{newVendor("both"), faults}, After: after, Map: external},
	}).Plan(ann)

	assert.Equal(t, after, items[1].Waits)
	assert.Empty(t, items[1].Plan, "its own id is not known")
	assert.Empty(t, items[2].Waits, "nothing of its request depends on chat")
	assert.Equal(t, ann.ExternalID, items[2].Plan.UserID)
	require.NoError(t, items[3].Err)
	assert.Equal(t, []userapi.FieldError{own}, failureOf(t, items[4].Err).FieldErrors)
	assert.Equal(t, []userapi.FieldError{mapped, native, own}, faults, "the creator's own error is left as it was")
}
