package mixin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// provisioner returns a Provisioner with an empty ledger, whose only target keeps its keys in dir.
func provisioner(t testing.TB, cfg mixin.Config, dir *mixin.SessionKeyDir) *provision.Provisioner {
	t.Helper()
	cfg.SessionKeys = dir
	c := clientOf(t, cfg)
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "wallet", Creator: c}}, provision.RequestKeys("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	return p
}

// requireWallet checks the one result of a run whose user exists: with its id, and never as what says
// that there is none.
func requireWallet(t testing.TB, srv *mixintest.Server, results []provision.Result) {
	t.Helper()
	require.Len(t, results, 1)
	assert.Contains(t, []provision.Disposition{provision.DispositionCreated, provision.DispositionRecovered}, results[0].Disposition)
	require.NotNil(t, results[0].User)
	assert.Equal(t, srv.Users()[0].UserID, results[0].User.ID)
	assert.Equal(t, 1, srv.UserCount())
}

// requireLeft checks that Undo does not call a user undone that Mixin has no way to delete, and that
// the wallet stays whole.
func requireLeft(t testing.TB, srv *mixintest.Server, dir *mixin.SessionKeyDir, p *provision.Provisioner) {
	t.Helper()
	results, err := p.Undo(t.Context(), signup.IdempotencyKey)
	require.Error(t, err)
	requireWallet(t, srv, results)
	require.Error(t, results[0].Err)
	wallet, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
	require.NoError(t, err)
	assert.False(t, wallet.Created)
	isUsable(t, srv, wallet)
}

// TestWalletInAProvisioner: a wallet of Setup's is known to its KeyDir. A Provisioner with the same
// key says that the user exists, whether it runs a sign-up, resumes or undoes one.
func TestWalletInAProvisioner(t *testing.T) {
	t.Parallel()
	load := func(context.Context, string) (userapi.CreateUserRequest, error) { return signup, nil }
	// A wallet is made whole, or in two calls of Setup: the second one stands for what comes later.
	setups := map[string]func(t *testing.T, srv *mixintest.Server, dir *mixin.SessionKeyDir){
		"a whole wallet": func(t *testing.T, srv *mixintest.Server, dir *mixin.SessionKeyDir) {
			t.Helper()
			_, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
			require.NoError(t, err)
		},
		"half a wallet": func(t *testing.T, srv *mixintest.Server, dir *mixin.SessionKeyDir) {
			t.Helper()
			srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 503})
			_, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
			require.ErrorIs(t, err, userapi.ErrUnavailable)
			require.True(t, userapi.MayHaveCreated(err))
		},
	}
	runs := map[string]func(t *testing.T, p *provision.Provisioner) []provision.Result{
		"CreateUser": func(t *testing.T, p *provision.Provisioner) []provision.Result {
			t.Helper()
			first, err := p.CreateUser(t.Context(), signup)
			require.NoError(t, err)
			again, err := p.CreateUser(t.Context(), signup)
			require.NoError(t, err)
			assert.Equal(t, first[0].User.ID, again[0].User.ID)
			return first
		},
		"Resume": func(t *testing.T, p *provision.Provisioner) []provision.Result {
			t.Helper()
			require.NoError(t, p.Queue(t.Context(), nil, signup))
			resumed, err := p.Resume(t.Context(), load)
			require.NoError(t, err)
			require.Len(t, resumed, 1)
			require.NoError(t, resumed[0].Err)
			return resumed[0].Results
		},
	}
	for what, setup := range setups {
		t.Run(what+", Undo of what was queued alone", func(t *testing.T) {
			t.Parallel()
			srv, dir := withSetup(t)
			p := provisioner(t, srv.Config(), dir)
			require.NoError(t, p.Queue(t.Context(), nil, signup))
			setup(t, srv, dir)
			requireLeft(t, srv, dir, p)
		})
		for how, run := range runs {
			t.Run(what+", "+how, func(t *testing.T) {
				t.Parallel()
				srv, dir := withSetup(t)
				setup(t, srv, dir)
				p := provisioner(t, srv.Config(), dir)
				requireWallet(t, srv, run(t, p))
				requireLeft(t, srv, dir, p)
			})
		}
	}
}
