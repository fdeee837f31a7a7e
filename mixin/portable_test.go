package mixin_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
)

// extra returns the extension with a new user's key.
func extra() []userapi.Extension { return []userapi.Extension{mixin.Extra{SessionKey: userKey()}} }

// userSecret returns userKey in the form that is sent.
func userSecret(t testing.TB) string {
	t.Helper()
	secret, err := mixin.SessionSecret(userKey())
	require.NoError(t, err)
	return secret
}

// full returns a request with every field.
func full() userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		IdempotencyKey: "signup-1", ExternalID: "e-1", Username: "johndoe", Email: "john@example.com", Phone: "+1",
		Password: "pa$$word-planted", FullName: "Bot User", GivenName: "Bot", FamilyName: "User",
		Timezone: "Europe/Warsaw", Language: "pl", Tags: []string{"a"}, Attributes: map[string]any{"k": 1},
		Extensions: extra(),
	}
}

func TestMapping(t *testing.T) {
	t.Parallel()
	name := func(text string) string {
		return `{"full_name":"` + text + `","session_secret":"` + userSecret(t) + `"}`
	}
	for what, tt := range map[string]struct {
		req      userapi.CreateUserRequest
		body     string
		unmapped []string
	}{
		"minimal":   {userapi.CreateUserRequest{Extensions: extra()}, `{"session_secret":"` + userSecret(t) + `"}`, nil},
		"full name": {userapi.CreateUserRequest{FullName: "Bot User", Extensions: extra()}, name("Bot User"), nil},
		"parts":     {userapi.CreateUserRequest{GivenName: "Bot", FamilyName: "User", Extensions: extra()}, name("Bot User"), nil},
		"one part":  {userapi.CreateUserRequest{FamilyName: "User", Extensions: extra()}, name("User"), nil},
		"a key of idempotency": {
			userapi.CreateUserRequest{IdempotencyKey: "k", Strict: true, FullName: "x", Extensions: extra()}, name("x"), nil,
		},
		"a pointer to Extra": {
			userapi.CreateUserRequest{FullName: "x", Extensions: []userapi.Extension{&mixin.Extra{SessionKey: userKey()}}}, name("x"), nil,
		},
		"full": {full(), name("Bot User"), []string{
			"ExternalID", "Username", "Email", "Phone", "Password", "Timezone", "Language", "Tags", "Attributes",
		}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			got := answer(mock, usersURL, 200, testdata(t, "create_user_response.json"))
			require.NoError(t, c.PreflightUser(tt.req))
			u, err := c.CreateUser(t.Context(), tt.req)
			require.NoError(t, err)
			require.Len(t, *got, 1)
			assert.Equal(t, tt.body, (*got)[0].body)
			assert.Equal(t, tt.unmapped, u.Unmapped)
		})
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	body := testdata(t, "create_user_response.json")
	answer(mock, usersURL, 200, body)
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "Bot User", Extensions: extra()})
	require.NoError(t, err)
	assert.Equal(t, "mixin", u.Provider)
	assert.Equal(t, userID, u.ID)
	assert.Equal(t, "+8613800013800", u.Phone)
	assert.Empty(t, u.FullName, "as the vendor says, not as was asked for")
	assert.Equal(t, time.Date(2018, 5, 3, 6, 3, 56, 867971412, time.UTC), u.CreatedAt)
	assert.Equal(t, userapi.ProofReply, u.Proof)
	assert.NotEmpty(t, u.RequestID)
	assert.Equal(t, body, string(u.Raw), "the whole reply, byte for byte")
	native, ok := userapi.As[*mixin.CreateUserResponse](u)
	require.True(t, ok)
	assert.Equal(t, "0bf54b1c-7d6f-4c6b-9e4d-6beaec131923", native.SessionID)
	_, ok = userapi.As[*mixin.APIError](u)
	assert.False(t, ok)
}

func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		req    userapi.CreateUserRequest
		fields []string
	}{
		"no key":         {userapi.CreateUserRequest{}, []string{"Extensions"}},
		"an empty Extra": {userapi.CreateUserRequest{Extensions: []userapi.Extension{mixin.Extra{}}}, []string{"Extensions"}},
		"a nil key": {
			userapi.CreateUserRequest{Extensions: []userapi.Extension{mixin.Extra{SessionKey: ed25519.PrivateKey(nil)}}},
			[]string{"Extensions"},
		},
		"a broken key": {
			userapi.CreateUserRequest{Extensions: []userapi.Extension{mixin.Extra{SessionKey: ed25519.PrivateKey("x")}}},
			[]string{"Extensions"},
		},
		"an Extra of another type": {
			userapi.CreateUserRequest{Extensions: append(extra(), lookalike{})}, []string{"Extensions"},
		},
		"two Extras": {
			userapi.CreateUserRequest{Extensions: append(extra(), extra()...)}, []string{"Extensions"},
		},
		"no UTF-8": {
			userapi.CreateUserRequest{FullName: "a\xff", Extensions: extra()}, []string{"FullName"},
		},
		"all at once": {
			userapi.CreateUserRequest{FullName: "a\xff", GivenName: "b\xff", Password: userapi.Redacted, Strict: true},
			[]string{"FullName", "GivenName", "Password", "Password", "Extensions"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			u, err := c.CreateUser(t.Context(), tt.req)
			assert.Nil(t, u)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			var fields []string
			for _, f := range e.FieldErrors {
				fields = append(fields, f.Field)
				assert.NotEmpty(t, f.Message)
			}
			assert.Equal(t, tt.fields, fields)
			require.Equal(t, err.Error(), c.PreflightUser(tt.req).Error())
			assert.Zero(t, mock.GetTotalCallCount())
		})
	}
}

// A lookalike claims to be for Mixin.
type lookalike struct{}

func (lookalike) UserExtension() string { return mixin.Extra{}.UserExtension() }

// withKeys returns a client whose session keys come from a function.
func withKeys(t testing.TB, keys sessionKeys) (*mixin.Client, *httpmock.MockTransport) {
	t.Helper()
	mock := httpmock.NewMockTransport()
	cfg := config(mock)
	cfg.SessionKeys = keys
	c := clientOf(t, cfg)
	return c, mock
}

// TestSessionKeys: they are requested once a call, after the request was validated and before
// anything is sent.
func TestSessionKeys(t *testing.T) {
	t.Parallel()
	type key struct{}
	var asked []string
	var mock *httpmock.MockTransport
	c, mock := withKeys(t, func(ctx context.Context, req userapi.CreateUserRequest) (crypto.Signer, error) {
		assert.Zero(t, mock.GetTotalCallCount(), "sent before the key was had")
		assert.Equal(t, "v", ctx.Value(key{}))
		asked = append(asked, req.IdempotencyKey)
		return userKey(), nil
	})
	ctx := context.WithValue(t.Context(), key{}, "v")
	got := answer(mock, usersURL, 202, `{"error":{"status":202,"code":429}}`)
	req := userapi.CreateUserRequest{IdempotencyKey: "signup-1", Extensions: []userapi.Extension{mixin.Extra{}}}

	require.NoError(t, c.PreflightUser(req))
	assert.Empty(t, asked, "preflight makes no key")
	invalid := req
	invalid.FullName = "\xff"
	_, err := c.CreateUser(ctx, invalid)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Empty(t, asked, "nor does an invalid request")
	done, cancel := context.WithCancel(ctx)
	cancel()
	_, err = c.CreateUser(done, req)
	require.ErrorIs(t, err, userapi.ErrCanceled)
	require.ErrorIs(t, err, context.Canceled)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Empty(t, asked, "nor does a call that is over")

	_, err = c.CreateUser(ctx, req)
	require.ErrorIs(t, err, userapi.ErrRateLimited)
	assert.Equal(t, []string{"signup-1"}, asked)
	require.Len(t, *got, 3)
	for _, in := range *got {
		assert.Equal(t, `{"session_secret":"`+userSecret(t)+`"}`, in.body, "one key for all attempts")
	}

	req.Extensions = extra()
	_, err = c.CreateUser(ctx, req)
	require.ErrorIs(t, err, userapi.ErrRateLimited)
	assert.Len(t, asked, 1, "the request's own key comes first")
}

func TestSessionKeysFail(t *testing.T) {
	t.Parallel()
	refused := &userapi.Error{Provider: "vault", Kind: userapi.KindForbidden, Outcome: userapi.OutcomeUnknown}
	for name, tt := range map[string]struct {
		key  crypto.Signer
		err  error
		kind error
	}{
		"by itself":        {nil, errors.New("the store is down"), userapi.ErrUnavailable},
		"by its time-out":  {nil, context.DeadlineExceeded, userapi.ErrTimeout},
		"canceled":         {nil, context.Canceled, userapi.ErrCanceled},
		"with a verdict":   {nil, refused, userapi.ErrForbidden},
		"with both":        {userKey(), refused, userapi.ErrForbidden},
		"no key":           {nil, nil, userapi.ErrInvalid},
		"a nil key":        {ed25519.PrivateKey(nil), nil, userapi.ErrInvalid},
		"a broken key":     {ed25519.PrivateKey("x"), nil, userapi.ErrInvalid},
		"an unusable kind": {unusable{}, nil, userapi.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := withKeys(t, func(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) { return tt.key, tt.err })
			u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{})
			assert.Nil(t, u)
			require.ErrorIs(t, err, tt.kind)
			e := asError(t, err)
			assert.Equal(t, "mixin", e.Provider)
			assert.Equal(t, "create user", e.Op)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			if tt.err != nil && !errors.Is(tt.err, refused) {
				require.ErrorIs(t, err, tt.err)
			}
			assert.Zero(t, mock.GetTotalCallCount())
		})
	}
	t.Run("by the call's deadline", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		lost := errors.New("connection lost")
		c, mock := withKeys(t, func(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
			cancel()
			return nil, lost
		})
		_, err := c.CreateUser(ctx, userapi.CreateUserRequest{})
		require.ErrorIs(t, err, userapi.ErrCanceled)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, lost)
		assert.False(t, userapi.MayHaveCreated(err))
		assert.Zero(t, mock.GetTotalCallCount())
	})
}

// TestSessionKeysOfACanceledCall: the outcome does not depend on why the caller canceled.
func TestSessionKeysOfACanceledCall(t *testing.T) {
	t.Parallel()
	foreign := &userapi.Error{
		Provider: "usercom", Kind: userapi.KindConflict, Outcome: userapi.OutcomeRejected, StatusCode: 409, Code: "taken",
		FieldErrors: []userapi.FieldError{{Field: "Email", Code: "taken"}}, RequestID: "foreign", RetryAfter: time.Hour,
	}
	for name, before := range map[string]bool{"before it": true, "while the key is made": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			c, mock := withKeys(t, func(ctx context.Context, _ userapi.CreateUserRequest) (crypto.Signer, error) {
				cancel(foreign)
				return nil, context.Cause(ctx)
			})
			if before {
				cancel(foreign)
			}
			_, err := c.CreateUser(ctx, userapi.CreateUserRequest{})
			require.ErrorIs(t, err, userapi.ErrCanceled)
			require.NotErrorIs(t, err, userapi.ErrConflict)
			require.ErrorIs(t, err, context.Canceled)
			e := asError(t, err)
			assert.Equal(t, "mixin", e.Provider)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Empty(t, e.FieldErrors)
			assert.Empty(t, e.Code)
			assert.Empty(t, e.RequestID)
			assert.Zero(t, e.StatusCode)
			assert.Zero(t, e.RetryAfter)
			assert.Zero(t, mock.GetTotalCallCount())
		})
	}
}

// unusable is a signer of an unsupported type.
type unusable struct{ crypto.Signer }

func (unusable) Public() crypto.PublicKey { return "none" }
