package mixin_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestUserFailedLeavesAnothersFile: one that a person has completed meanwhile.
func TestUserFailedLeavesAnothersFile(t *testing.T) {
	t.Parallel()
	_, c, dir, path := withDir(t)
	_, err := dir.SessionKey(t.Context(), signup)
	require.NoError(t, err)
	require.NoError(t, mixin.KeyDir(path).UserCreated(t.Context(), signup, &mixin.CreateUserResponse{UserID: newID, SessionID: newID}))
	require.Error(t, dir.UserFailed(t.Context(), signup, &userapi.Error{Outcome: userapi.OutcomeRejected}))
	assert.Equal(t, mixin.KeyFileComplete, load(t, dir, signup).State)
	_, err = c.CreateUser(t.Context(), signup)
	requireConflict(t, dir, err, mixin.KeyFileComplete)
}

// TestUserCreatedByHand: a text that is not one of Mixin's ids is not kept permanently.
func TestUserCreatedByHand(t *testing.T) {
	t.Parallel()
	_, _, dir, _ := withDir(t)
	_, err := dir.SessionKey(t.Context(), signup)
	require.NoError(t, err)
	for _, wrong := range []mixin.CreateUserResponse{{UserID: "x", SessionID: newID}, {UserID: newID, SessionID: "x"}, {UserID: newID}} {
		require.Error(t, dir.UserCreated(t.Context(), signup, &wrong))
		assert.Equal(t, mixin.KeyFileSent, load(t, dir, signup).State)
	}
	require.NoError(t, dir.UserCreated(t.Context(), signup, &mixin.CreateUserResponse{UserID: newID, SessionID: newID}))
	assert.Equal(t, mixin.KeyFileComplete, load(t, dir, signup).State)
}

// TestTwoDiscards: the slower of two leaves a later create its mark.
func TestTwoDiscards(t *testing.T) {
	t.Parallel()
	srv, c, _, path := withDir(t)
	srv.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Do: userapitest.Reset})
	_, err := c.CreateUser(t.Context(), signup)
	require.Error(t, err)
	slow := mixin.KeyDir(path)
	slow.SetStep(func(step string) {
		if step == "discard: moved" {
			require.Error(t, mixin.KeyDir(path).Discard(signup.IdempotencyKey), "one is under way")
			_, err := mixin.KeyDir(path).SessionKey(t.Context(), signup)
			require.ErrorIs(t, err, userapi.ErrConflict)
		}
	})
	require.NoError(t, slow.Discard(signup.IdempotencyKey))
	_, err = c.CreateUser(t.Context(), signup)
	require.NoError(t, err)
	assert.Equal(t, 1, srv.UserCount())
}

// TestDiscardOfACompleteFile leaves alone the mark of a create that begins meanwhile.
func TestDiscardOfACompleteFile(t *testing.T) {
	t.Parallel()
	srv, c, dir, path := withDir(t)
	_, err := c.CreateUser(t.Context(), signup)
	require.NoError(t, err)
	other := mixin.KeyDir(path)
	other.SetStep(func(step string) {
		if step == "discard: moved" {
			_, err := dir.SessionKey(t.Context(), signup)
			require.NoError(t, err)
		}
	})
	require.NoError(t, other.Discard(signup.IdempotencyKey))
	_, err = mixin.KeyDir(path).SessionKey(t.Context(), signup)
	requireConflict(t, dir, err, mixin.KeyFileSent)
	assert.Equal(t, 1, srv.UserCount())
}

// TestKeyDirPreflight: what the directory needs is told with the other faults, before
// anything is asked of Mixin.
func TestKeyDirPreflight(t *testing.T) {
	t.Parallel()
	srv, _, dir, path := withDir(t)
	cfg := srv.Config()
	cfg.SessionKeys, cfg.RequireCredit = dir, true
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	req := userapi.CreateUserRequest{FullName: "Ada", Email: "ada@example.org", Strict: true}
	for _, do := range []func() error{
		func() error { return c.PreflightUser(req) },
		func() error { _, err := c.CreateUser(t.Context(), req); return err },
	} {
		e := asError(t, do())
		assert.Equal(t, userapi.KindInvalid, e.Kind)
		var fields []string
		for _, f := range e.FieldErrors {
			fields = append(fields, f.Field)
		}
		assert.Equal(t, []string{"Email", "IdempotencyKey"}, fields)
	}
	require.NoError(t, c.PreflightUser(signup))
	assert.NoDirExists(t, path)
	assert.Empty(t, srv.Requests())
}
