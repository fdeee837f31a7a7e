package mixin_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestRecallUser: a key directory tells what it has of a create, and claims nothing that
// it does not know.
func TestRecallUser(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	dir := mixin.KeyDir(t.TempDir() + "/keys")
	cfg := srv.Config()
	cfg.SessionKeys = dir
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	request := func(key string) userapi.CreateUserRequest {
		return userapi.CreateUserRequest{IdempotencyKey: key, FullName: "planted", Email: "planted@example.com"}
	}
	recall := func(req userapi.CreateUserRequest) (*userapi.User, *userapi.Error) {
		user, err := c.RecallUser(t.Context(), req)
		var e *userapi.Error
		if err != nil {
			require.ErrorAs(t, err, &e)
			assert.NotContains(t, err.Error(), "planted")
		}
		return user, e
	}
	absent := func(key string) {
		t.Helper()
		user, e := recall(request(key))
		require.Nil(t, user)
		require.ErrorIs(t, e, userapi.ErrNotFound)
		assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	}
	unknown := func(key string) {
		t.Helper()
		user, e := recall(request(key))
		require.Nil(t, user)
		assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
		assert.NotErrorIs(t, e, userapi.ErrNotFound)
	}

	absent("made")
	made, err := c.CreateUser(t.Context(), request("made"))
	require.NoError(t, err)
	user, e := recall(request("made"))
	require.Nil(t, e)
	assert.Equal(t, &userapi.User{Provider: mixin.Name, ID: made.ID, Proof: userapi.ProofReply, Unmapped: []string{"Email"}}, user)

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

	_, e = recall(userapi.CreateUserRequest{FullName: "planted"})
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome, "without a key there is no file")
	assert.Len(t, srv.Requests(), 3)

	// A key of the request's own is nowhere on record, nor is any without a directory.
	key, err := mixin.GenerateSessionKey()
	require.NoError(t, err)
	own := request("own")
	own.Extensions = []userapi.Extension{mixin.Extra{SessionKey: key}}
	_, e = recall(own)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.NotErrorIs(t, e, userapi.ErrNotFound)
	bare, err := mixin.New(srv.Config())
	require.NoError(t, err)
	_, err = bare.RecallUser(t.Context(), own)
	assert.True(t, userapi.MayHaveCreated(err))
	assert.NotErrorIs(t, err, userapi.ErrNotFound)
}
