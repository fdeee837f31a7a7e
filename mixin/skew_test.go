package mixin_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// ahead sets a clock that is wrong by d.
func ahead(d time.Duration) mixintest.Option {
	return mixintest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return time.Now().Add(d) }})
}

// TestClockSkew: one refused request shows the server's time, and all later requests use it.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"ahead": 10 * time.Minute, "behind": -10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t, ahead(off))
			cfg := srv.Config()
			cfg.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 1} // the policy does not limit a repeat with the corrected clock
			c := clientOf(t, cfg)
			u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "Bot User", Extensions: extra()})
			require.NoError(t, err)
			assert.Len(t, srv.Requests(), 2, "exactly two POSTs")
			assert.Equal(t, 1, srv.UserCount())
			assert.Equal(t, srv.Users()[0].UserID, u.ID)
			assert.Empty(t, u.Warnings)
			ids := map[string]bool{}
			for _, r := range srv.Requests() {
				ids[r.Header.Get("X-Request-Id")] = true
			}
			assert.Len(t, ids, 2, "each attempt has an id of its own")

			_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
			require.NoError(t, err)
			assert.Len(t, srv.Requests(), 3, "the offset is kept")

			fresh := clientOf(t, cfg)
			_, err = fresh.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
			require.NoError(t, err)
			assert.Len(t, srv.Requests(), 5, "but by this client alone")
		})
	}
}

// TestUnauthorizedWithoutSkew: a wrong key stays unauthorized.
func TestUnauthorizedWithoutSkew(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		off   time.Duration
		posts int
	}{"no offset": {0, 1}, "a small one": {20 * time.Second, 1}, "a large one": {time.Minute, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t, ahead(tt.off))
			cfg := srv.Config()
			cfg.Keystore.PrivateKey = userKey()
			c := clientOf(t, cfg)
			_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
			require.ErrorIs(t, err, userapi.ErrUnauthorized)
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
			assert.Equal(t, "401", e.Code)
			assert.Equal(t, 202, e.StatusCode)
			assert.Equal(t, "Unauthorized, maybe invalid token.", e.Message)
			assert.Len(t, srv.Requests(), tt.posts)
			assert.Zero(t, srv.UserCount())
		})
	}
}

// TestSkewOfConcurrentCalls: calls that were signed before the first refusal are each repeated
// once.
func TestSkewOfConcurrentCalls(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t, ahead(time.Hour))
	c, err := mixin.New(srv.Config())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, 16, srv.UserCount())
}

// TestOddServerTimes: after a header without a time, the client does not send again.
func TestOddServerTimes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "soon", "-1", "0", "1.5e18", "99999999999999999999"} {
		mock := httpmock.NewMockTransport()
		mock.RegisterResponder(http.MethodPost, usersURL, func(*http.Request) (*http.Response, error) {
			resp := httpmock.NewStringResponse(202, `{"error":{"status":202,"code":401}}`)
			resp.Header.Set("X-Server-Time", text)
			return resp, nil
		})
		c := clientOf(t, config(mock))
		_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
		require.ErrorIs(t, err, userapi.ErrUnauthorized)
		assert.Equal(t, 1, mock.GetTotalCallCount(), text)
	}
}

// TestSkewIsOfRefusedTokensAlone: other refusals are not repeated, however wrong the clock is.
func TestSkewIsOfRefusedTokensAlone(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"400", "403", "500", "10002"} {
		mock := httpmock.NewMockTransport()
		mock.RegisterResponder(http.MethodPost, usersURL, func(*http.Request) (*http.Response, error) {
			resp := httpmock.NewStringResponse(202, `{"error":{"status":202,"code":`+code+`}}`)
			resp.Header.Set("X-Server-Time", strconv.FormatInt(time.Now().Add(time.Hour).UnixNano(), 10))
			return resp, nil
		})
		c := clientOf(t, config(mock))
		_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
		require.Error(t, err)
		assert.Equal(t, 1, mock.GetTotalCallCount(), code)
	}
}
