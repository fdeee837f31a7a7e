package mixin_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

func TestGeneratedSessionKeys(t *testing.T) {
	t.Parallel()
	first, err := mixin.GenerateSessionKey()
	require.NoError(t, err)
	second, err := mixin.GenerateSessionKey()
	require.NoError(t, err)
	require.False(t, first.Equal(second), "two keys are one")
	rsaKey, err := mixin.GenerateRSASessionKey()
	require.NoError(t, err)
	assert.Equal(t, 2048, rsaKey.N.BitLen())

	srv := mixintest.NewServer(t)
	c, err := mixin.New(srv.Config())
	require.NoError(t, err)
	for _, key := range []crypto.Signer{first, rsaKey} {
		_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: []userapi.Extension{mixin.Extra{SessionKey: key}}})
		require.NoError(t, err)
	}
}

// A watcher is a SessionKeyStore that records its calls.
type watcher struct {
	key     crypto.Signer
	keyErr  error
	created func(ctx context.Context, req userapi.CreateUserRequest, resp *mixin.CreateUserResponse) error
	failed  func(ctx context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error
	resolve func(ctx context.Context, since time.Time) (*userapi.User, error)
}

func (w *watcher) SessionKey(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
	return w.key, w.keyErr
}

func (w *watcher) UserCreated(ctx context.Context, req userapi.CreateUserRequest, resp *mixin.CreateUserResponse) error {
	return w.created(ctx, req, resp)
}

func (w *watcher) UserFailed(ctx context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error {
	return w.failed(ctx, req, failure)
}

func (w *watcher) PreflightSessionKey(userapi.CreateUserRequest) error { return nil }

func (w *watcher) ResolveUser(ctx context.Context, _ userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	return w.resolve(ctx, since)
}

type contextKey struct{}

// TestUserCreatedIsTold: UserCreated gets the reply and a context that does not end.
func TestUserCreatedIsTold(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		kind error // nil means a user
	}{
		"stored":                       {nil, nil},
		"not stored":                   {errors.New("the store is down"), userapi.ErrUnavailable},
		"not stored, with a verdict":   {&userapi.Error{Kind: userapi.KindForbidden, Outcome: userapi.OutcomeNotSent}, userapi.ErrForbidden},
		"a reply that lacks something": {fmt.Errorf("no id: %w", userapi.ErrProtocol), userapi.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t)
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "kept"))
			defer cancel()
			told := 0
			cfg := srv.Config()
			cfg.SessionKeys = &watcher{key: userKey(), created: func(inner context.Context, req userapi.CreateUserRequest, resp *mixin.CreateUserResponse) error {
				cancel()
				told++
				assert.NoError(t, inner.Err())
				assert.Equal(t, "kept", inner.Value(contextKey{}))
				assert.Equal(t, "signup-1", req.IdempotencyKey)
				assert.Equal(t, srv.Users()[0].UserID, resp.UserID)
				assert.Equal(t, srv.Users()[0].SessionID, resp.SessionID)
				return tt.err
			}}
			c := clientOf(t, cfg)
			u, err := c.CreateUser(ctx, userapi.CreateUserRequest{IdempotencyKey: "signup-1", Email: "a@example.org", FullName: "x"})
			assert.Equal(t, 1, told)
			assert.Equal(t, 1, srv.UserCount())
			if tt.kind == nil {
				require.NoError(t, err)
				assert.Equal(t, srv.Users()[0].UserID, u.ID)
				return
			}
			assert.Nil(t, u)
			require.ErrorIs(t, err, tt.kind)
			require.ErrorIs(t, err, tt.err)
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
			assert.Equal(t, "create user", e.Op)
			assert.Equal(t, 200, e.StatusCode)
			assert.NotEmpty(t, e.RequestID)
			require.NotNil(t, e.User)
			assert.Equal(t, srv.Users()[0].UserID, e.User.ID)
			assert.Equal(t, e.User.ID, e.UserID)
			assert.Equal(t, []string{"Email"}, e.User.Unmapped)
			native, ok := userapi.As[*mixin.CreateUserResponse](e.User)
			require.True(t, ok)
			assert.Equal(t, srv.Users()[0].SessionID, native.SessionID)
		})
	}
}

// TestUserFailedIsTold: UserFailed is called for a failed create, even after other failures.
func TestUserFailedIsTold(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault   userapitest.Fault
		cancel  bool
		outcome userapi.Outcome
		kind    error
	}{
		"rejected": {userapitest.Fault{When: userapitest.BeforeCommit, Status: 202, Body: []byte(`{"error":{"code":403}}`)}, false, userapi.OutcomeRejected, userapi.ErrForbidden},
		"unknown":  {userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset}, false, userapi.OutcomeUnknown, userapi.ErrUnavailable},
		"created":  {userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Truncate}, false, userapi.OutcomeCreated, userapi.ErrProtocol},
		"not sent": {userapitest.Fault{Times: 1}, true, userapi.OutcomeNotSent, userapi.ErrCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t)
			srv.Inject(tt.fault)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			why := errors.New("the vault's own words")
			told := 0
			keys := &watcher{key: userKey(), failed: func(inner context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error {
				told++
				assert.NoError(t, inner.Err())
				assert.Equal(t, "signup-1", req.IdempotencyKey)
				assert.Equal(t, tt.outcome, failure.Outcome)
				return errors.Join(why, &userapi.Error{Kind: userapi.KindNotFound, Outcome: userapi.OutcomeCreated})
			}}
			cfg := srv.Config()
			cfg.SessionKeys = keys
			if tt.cancel {
				cfg.SessionKeys = canceling{keys, cancel}
			}
			c := clientOf(t, cfg)
			_, err := c.CreateUser(ctx, userapi.CreateUserRequest{IdempotencyKey: "signup-1", FullName: "x"})
			assert.Equal(t, 1, told)
			require.ErrorIs(t, err, tt.kind)
			require.ErrorIs(t, err, why)
			require.NotErrorIs(t, err, userapi.ErrNotFound, "its verdict is not the call's")
			e := asError(t, err)
			assert.Equal(t, tt.outcome, e.Outcome)
			var vendor *mixin.APIError
			assert.Equal(t, tt.outcome == userapi.OutcomeRejected, errors.As(err, &vendor), "what failed first is still found")
		})
	}
}

// canceling cancels the call while its key is made.
type canceling struct {
	*watcher

	cancel context.CancelFunc
}

func (c canceling) SessionKey(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
	c.cancel()
	return userKey(), nil
}

// TestNobodyIsToldOfAnothersKey: the store is not called if it did not provide the key.
func TestNobodyIsToldOfAnothersKey(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	never := &watcher{key: userKey(), keyErr: errors.New("no")}
	never.created = func(context.Context, userapi.CreateUserRequest, *mixin.CreateUserResponse) error {
		assert.Fail(t, "a user was reported")
		return nil
	}
	never.failed = func(context.Context, userapi.CreateUserRequest, *userapi.Error) error {
		assert.Fail(t, "a failure was reported")
		return nil
	}
	cfg := srv.Config()
	cfg.SessionKeys = never
	c := clientOf(t, cfg)
	_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{})
	require.ErrorIs(t, err, never.keyErr)
	_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
	require.NoError(t, err)
	_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "a\xff"})
	require.ErrorIs(t, err, userapi.ErrInvalid)
	srv.Inject(userapitest.Fault{Status: 500})
	_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
	require.ErrorIs(t, err, userapi.ErrUnavailable)
}

// TestUserFailedIsToldOfAKeyThatIsOfNoUse: the key was stored and nothing was sent.
func TestUserFailedIsToldOfAKeyThatIsOfNoUse(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	told := 0
	cfg := srv.Config()
	cfg.SessionKeys = &watcher{key: ed25519.PrivateKey("x"), failed: func(_ context.Context, _ userapi.CreateUserRequest, failure *userapi.Error) error {
		told++
		assert.Equal(t, userapi.OutcomeNotSent, failure.Outcome)
		return nil
	}}
	c := clientOf(t, cfg)
	_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{})
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Equal(t, 1, told)
	assert.Empty(t, srv.Requests())
}
