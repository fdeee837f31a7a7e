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

// TestResolveUser: what the files of a key directory show of a create.
func TestResolveUser(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	dir := mixin.KeyDir(t.TempDir() + "/keys")
	cfg := srv.Config()
	cfg.SessionKeys = dir
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	request := func(key string) userapi.CreateUserRequest {
		return userapi.CreateUserRequest{IdempotencyKey: key, FullName: "Bot User", Email: "bot@example.com"}
	}
	unresolved := func(req userapi.CreateUserRequest, kind userapi.Kind, outcome userapi.Outcome) *userapi.Error {
		t.Helper()
		user, err := c.ResolveUser(t.Context(), req, time.Time{})
		require.Nil(t, user)
		e := asError(t, err)
		assert.Equal(t, []any{kind, outcome, "resolve user"}, []any{e.Kind, e.Outcome, e.Op})
		return e
	}
	absent := func(key string) {
		t.Helper()
		unresolved(request(key), userapi.KindNotFound, userapi.OutcomeRejected)
	}

	absent("made")
	made, err := c.CreateUser(t.Context(), request("made"))
	require.NoError(t, err)
	user, err := c.ResolveUser(t.Context(), request("made"), time.Time{})
	require.NoError(t, err)
	assert.Equal(t, &userapi.User{Provider: mixin.Name, ID: made.ID, Proof: userapi.ProofReply, Unmapped: []string{"Email"}, FromRecord: true}, user)

	srv.Inject(userapitest.Fault{Status: 202, Body: []byte(`{"error":{"status":202,"code":403,"description":"Forbidden."}}`)})
	_, err = c.CreateUser(t.Context(), request("refused"))
	require.ErrorIs(t, err, userapi.ErrForbidden)
	absent("refused")

	// If a process is killed in Discard, it leaves a mark without its file. The create may have
	// been sent.
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
	_, err = c.CreateUser(t.Context(), request("lost"))
	require.True(t, userapi.MayHaveCreated(err))
	lost := dir.Path("lost")
	mark := strings.TrimSuffix(lost, ".json") + ".sent"
	require.FileExists(t, mark)
	require.NoError(t, os.Remove(lost))
	unresolved(request("lost"), userapi.KindUnavailable, userapi.OutcomeUnknown)
	require.NoError(t, os.Remove(mark))
	absent("lost")
	require.NoError(t, os.WriteFile(lost, []byte("{"), 0o600))
	unresolved(request("lost"), userapi.KindUnavailable, userapi.OutcomeUnknown)

	// A request without a key has no file, nor has a request with its own session key.
	unresolved(request(""), userapi.KindInvalid, userapi.OutcomeNotSent)
	own := request("own")
	own.Extensions = extra()
	assert.Equal(t, "absence_unproven", unresolved(own, userapi.KindUnknown, userapi.OutcomeUnknown).Code)
}

// TestResolveUserOfAStore: a store always answers from its record, and the vendor is not asked.
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
		e := asError(t, err)
		assert.Equal(t, []any{true, answer.outcome, "mixin", "resolve user"}, []any{e.FromRecord, e.Outcome, e.Provider, e.Op})
		assert.Equal(t, answer.err != nil, errors.Is(err, why))
	}
	assert.Empty(t, srv.Requests())
}
