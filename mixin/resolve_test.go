package mixin_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestResolveUser: a key directory tells what it has of a create, and claims nothing that
// it does not know.
func TestResolveUser(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	dir := mixin.KeyDir(t.TempDir() + "/keys")
	cfg := srv.Config()
	cfg.SessionKeys = dir
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	request := func(key string) userapi.CreateUserRequest {
		return userapi.CreateUserRequest{IdempotencyKey: key, FullName: "planted", Email: "planted@example.com"}
	}
	resolve := func(req userapi.CreateUserRequest) (*userapi.User, *userapi.Error) {
		user, err := c.ResolveUser(over, req, time.Time{})
		var e *userapi.Error
		if err != nil {
			require.ErrorAs(t, err, &e)
			assert.True(t, e.FromRecord)
			assert.Equal(t, "resolve user", e.Op)
			assert.NotContains(t, err.Error(), "planted")
		}
		return user, e
	}
	absent := func(key string) {
		t.Helper()
		user, e := resolve(request(key))
		require.Nil(t, user)
		require.ErrorIs(t, e, userapi.ErrNotFound)
		assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	}
	unknown := func(key string) {
		t.Helper()
		user, e := resolve(request(key))
		require.Nil(t, user)
		assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
		assert.NotErrorIs(t, e, userapi.ErrNotFound)
	}

	absent("made")
	made, err := c.CreateUser(t.Context(), request("made"))
	require.NoError(t, err)
	user, e := resolve(request("made"))
	require.Nil(t, e)
	assert.Equal(t, &userapi.User{Provider: mixin.Name, ID: made.ID, Proof: userapi.ProofReply, Unmapped: []string{"Email"}, FromRecord: true}, user)

	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
	_, err = c.CreateUser(t.Context(), request("lost"))
	require.True(t, userapi.MayHaveCreated(err))
	unknown("lost")

	srv.Inject(userapitest.Fault{Status: 202, Body: []byte(`{"error":{"status":202,"code":403,"description":"Forbidden."}}`)})
	_, err = c.CreateUser(t.Context(), request("refused"))
	require.ErrorIs(t, err, userapi.ErrForbidden)
	absent("refused")

	// A mark without its file, as a process leaves it that was killed in Discard, may
	// be of a create.
	lost := dir.Path("lost")
	mark := strings.TrimSuffix(lost, ".json") + ".sent"
	require.FileExists(t, mark)
	require.NoError(t, os.Remove(lost))
	unknown("lost")
	require.NoError(t, os.Remove(mark))
	absent("lost")
	require.NoError(t, os.WriteFile(lost, []byte("{"), 0o600))
	unknown("lost")

	_, e = resolve(userapi.CreateUserRequest{FullName: "planted"})
	require.ErrorIs(t, e, userapi.ErrInvalid)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome, "without a key there is no file")
	assert.Len(t, srv.Requests(), 3)

	// A key of the request's own is nowhere on record, nor is any without a directory.
	key, err := mixin.GenerateSessionKey()
	require.NoError(t, err)
	own := request("own")
	own.Extensions = []userapi.Extension{mixin.Extra{SessionKey: key}}
	_, e = resolve(own)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Equal(t, "absence_unproven", e.Code)
	bare, err := mixin.New(srv.Config())
	require.NoError(t, err)
	_, err = bare.ResolveUser(t.Context(), own, time.Time{})
	require.ErrorAs(t, err, &e)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Equal(t, "absence_unproven", e.Code)

	// Nor is any with keys that nothing is kept of.
	cfg.SessionKeys = struct{ mixin.SessionKeys }{dir}
	plain, err := mixin.New(cfg)
	require.NoError(t, err)
	_, err = plain.ResolveUser(t.Context(), request("made"), time.Time{})
	require.ErrorAs(t, err, &e)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Equal(t, "absence_unproven", e.Code)
	assert.True(t, e.FromRecord)
}

// TestResolveUserOfAStore: whatever a store answers, the vendor was not asked.
func TestResolveUserOfAStore(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	store := &watcher{}
	cfg := srv.Config()
	cfg.SessionKeys = store
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	why := errors.New("the vault's own words")
	for _, answer := range []struct {
		user    *userapi.User
		err     error
		outcome userapi.Outcome
	}{
		{user: &userapi.User{Provider: mixin.Name, ID: newID}},
		{user: &userapi.User{}, outcome: userapi.OutcomeUnknown},
		{outcome: userapi.OutcomeUnknown},
		{err: why, outcome: userapi.OutcomeUnknown},
		{err: &userapi.Error{Kind: userapi.KindForbidden, Outcome: userapi.OutcomeNotSent, Err: why}, outcome: userapi.OutcomeUnknown},
		{err: &userapi.Error{Kind: userapi.KindNotFound, Outcome: userapi.OutcomeRejected, Err: why}, outcome: userapi.OutcomeRejected},
	} {
		store.resolve = func(ctx context.Context, _ time.Time) (*userapi.User, error) {
			_, bounded := ctx.Deadline()
			assert.True(t, bounded)
			assert.NoError(t, ctx.Err())
			return answer.user, answer.err
		}
		user, err := c.ResolveUser(over, userapi.CreateUserRequest{FullName: "x"}, time.Time{})
		if err == nil {
			assert.Equal(t, newID, user.ID)
			assert.True(t, user.FromRecord)
			assert.False(t, answer.user.FromRecord, "the store's own user is left as it is")
			continue
		}
		assert.Nil(t, user)
		var e *userapi.Error
		require.ErrorAs(t, err, &e)
		assert.True(t, e.FromRecord)
		assert.Equal(t, answer.outcome, e.Outcome)
		assert.Equal(t, "mixin", e.Provider)
		assert.Equal(t, "resolve user", e.Op)
		assert.Equal(t, answer.err != nil, errors.Is(err, why))
	}
	assert.Empty(t, srv.Requests())
}
