package provision_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

// TestRefusedRepeatIsAskedForFirst: that the repeat of a lost create was refused says
// nothing of the lost one, which may have been carried out since.
func TestRefusedRepeatIsAskedForFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		creates := 0
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			if creates++; creates == 1 {
				return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
			}
			return idp.fail(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
		}
		p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}})
		results, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrRateLimited)
		require.Equal(t, "idp rejected", dispositions(results))

		idp.users[ann.Email] = &userapi.User{ID: "late", Email: ann.Email, CreatedAt: time.Now()}
		idp.before = nil
		begun := len(idp.calls())
		results, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp recovered", dispositions(results))
		assert.Equal(t, "late", results[0].User.ID)
		assert.Equal(t, "resolve "+ann.Email, idp.calls()[begun])
	})
}

// byKey is a vendor whose user is chosen by the IdempotencyKey, as FusionAuth's id is.
type byKey struct{ full }

func (b byKey) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	req.Email = req.IdempotencyKey
	return b.full.CreateUser(ctx, req)
}

func (b byKey) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	req.Email = req.IdempotencyKey
	return b.full.RepeatUser(ctx, req)
}

func (b byKey) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	req.Email = req.IdempotencyKey
	return b.full.ResolveUser(ctx, req, since)
}

// TestRemappedKey: a user that was created under one key would never be found by another
// one, and so a second one made.
func TestRemappedKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.after = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
		suffix := "/1"
		p := provisioner(t, new(provision.Memory), []provision.Target{
			{Name: "idp", Creator: byKey{full{idp}}, Map: func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
				req.IdempotencyKey += suffix
				return req
			}},
		})
		_, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		idp.after, idp.look = nil, nil
		suffix = "/2"
		results, err := p.CreateUser(t.Context(), ann)
		require.True(t, userapi.MayHaveCreated(err))
		assert.Equal(t, "idp unknown", dispositions(results))
		assert.Equal(t, "remapped", failureOf(t, err).Code)
		assert.Equal(t, 1, idp.count())

		suffix = "/1"
		results, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp recovered", dispositions(results))
		assert.Equal(t, ann.IdempotencyKey, results[0].IdempotencyKey, "the ledger has it under the sign-up's")
	})
}

// asksOnly can be asked, and has no way to repeat a create.
type asksOnly struct{ v full }

func (a asksOnly) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	return a.v.CreateUser(ctx, req)
}

func (a asksOnly) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	return a.v.ResolveUser(ctx, req, since)
}

// TestAbsentWithoutRepeater: a create that was lost, and proven absent for as long as
// Patience, must not keep the sign-up from ever having a user.
func TestAbsentWithoutRepeater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			idp.before = nil
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: asksOnly{full{idp}}}})
		begun := time.Now()
		results, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrTimeout)
		require.Equal(t, "idp rejected", dispositions(results), "by itself it is not created twice in one run")
		assert.Equal(t, 5*time.Second, time.Since(begun), "the patience")

		results, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp created", dispositions(results))
		look, create := "resolve "+ann.Email, "create "+ann.Email
		assert.Equal(t, []string{create, look, look, look, create}, idp.calls())
	})
}

// TestLateCreateAfterUndo: a lost create is refused only while the repeat's user is there,
// so that an Undo must not delete it too early.
func TestLateCreateAfterUndo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		v := full{idp}
		arrived := make(chan error, 1)
		idp.before = func(_ context.Context, req userapi.CreateUserRequest) error {
			idp.before = nil
			go func() {
				time.Sleep(3 * time.Second)
				_, err := v.CreateUser(context.Background(), req)
				arrived <- err
			}()
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: v}})
		results, err := p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		require.Equal(t, "idp created", dispositions(results), "lost, absent, repeated")
		results, err = p.Undo(t.Context(), ann.IdempotencyKey)
		require.NoError(t, err)
		require.Equal(t, "idp undone", dispositions(results))
		require.ErrorIs(t, <-arrived, userapi.ErrConflict)
		assert.Equal(t, 0, idp.count())

		// What was created at once is deleted at once.
		bob := ann
		bob.IdempotencyKey, bob.Email = "bob", "bob@example.com"
		_, err = p.CreateUser(t.Context(), bob)
		require.NoError(t, err)
		begun := time.Now()
		_, err = p.Undo(t.Context(), "bob")
		require.NoError(t, err)
		assert.Zero(t, time.Since(begun))
	})
}

// TestLateCreateOfKilledRun: of a create that a killed process had sent nothing is known
// but that it may come late, and a ledger's file may be opened again before that.
func TestLateCreateOfKilledRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		v := full{idp}
		arrived := make(chan error, 1)
		idp.before = func(_ context.Context, req userapi.CreateUserRequest) error {
			idp.before = nil
			go func() {
				time.Sleep(3 * time.Second)
				_, err := v.CreateUser(context.Background(), req)
				arrived <- err
			}()
			panic("killed")
		}
		path := filepath.Join(t.TempDir(), "ledger")
		open := func() (*fileledger.Ledger, *provision.Provisioner) {
			ledger, err := fileledger.Open(path)
			require.NoError(t, err)
			return ledger, provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: v}}, testKey)
		}
		ledger, p := open()
		require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
		require.NoError(t, ledger.Close())

		ledger, p = open()
		results, err := p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		require.Equal(t, "idp created", dispositions(results), "absent, repeated")
		results, err = p.Undo(t.Context(), ann.IdempotencyKey)
		require.NoError(t, err)
		require.Equal(t, "idp undone", dispositions(results))
		require.ErrorIs(t, <-arrived, userapi.ErrConflict)
		assert.Equal(t, 0, idp.count())
		require.NoError(t, ledger.Close())
	})
}

// TestCreatorsThatBreakTheContract: a creator of somebody else's may return anything, and
// what proves nothing is unknown, now and later.
func TestCreatorsThatBreakTheContract(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var targets []provision.Target
		add := func(name string, user *userapi.User, err error) {
			targets = append(targets, provision.Target{Name: name, Creator: userapi.CreatorFunc(
				func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) { return user, err })})
		}
		add("an error that is nil", nil, (*userapi.Error)(nil))
		add("neither", nil, nil)
		add("both", &userapi.User{ID: "x"}, errDisk)
		add("no id", &userapi.User{}, nil)
		add("an id that no ledger takes", &userapi.User{ID: "x\x00"}, nil)
		add("no such outcome", nil, &userapi.Error{Kind: -5, Outcome: 77})
		add("created, without a user", nil, &userapi.Error{Outcome: userapi.OutcomeCreated})
		p := provisioner(t, new(provision.Memory), targets)
		results, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		for i, r := range results {
			want := provision.DispositionUnknown
			if targets[i].Name == "an id that no ledger takes" {
				want = provision.DispositionCreated // it cannot be recorded
				assert.Equal(t, "record", failureOf(t, r.Err).Code)
			}
			assert.Equal(t, want, r.Disposition, targets[i].Name)
			assert.True(t, userapi.MayHaveCreated(r.Err), targets[i].Name)
		}
		for _, again := range []func() ([]provision.Result, error){
			func() ([]provision.Result, error) { return p.CreateUser(t.Context(), ann) },
			func() ([]provision.Result, error) { return p.Undo(t.Context(), ann.IdempotencyKey) },
		} {
			results, err = again()
			require.Error(t, err)
			for i, r := range results {
				assert.Equal(t, provision.DispositionUnknown, r.Disposition, targets[i].Name)
				assert.True(t, userapi.MayHaveCreated(r.Err), targets[i].Name)
			}
		}
	})
}
