package mixin_test

import (
	"fmt"
	"net/http"
	"strings"
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

const userURL = usersURL + "/" + newID

func TestGet(t *testing.T) {
	t.Parallel()
	const body = `{"data":{"type":"user","user_id":"` + newID + `","identity_number":"0","full_name":"Bot User",` +
		`"created_at":"2026-03-02T08:15:30.104233123Z","is_verified":false}}`
	c, mock := newClient(t)
	var got []*http.Request
	mock.RegisterResponder(http.MethodGet, userURL, func(r *http.Request) (*http.Response, error) {
		got = append(got, r)
		return httpmock.NewStringResponse(200, body), nil
	})
	u, err := c.Users.Get(t.Context(), strings.ToUpper(newID))
	require.NoError(t, err)
	assert.Equal(t, newID, u.UserID)
	assert.Equal(t, "Bot User", *u.FullName)
	assert.Equal(t, body, string(u.Raw()))
	assert.Equal(t, 200, u.StatusCode())
	assert.Empty(t, u.Warnings())
	require.Len(t, got, 1)
	assert.Equal(t, "/users/"+newID, got[0].URL.RequestURI())
	assert.Equal(t, []string{"application/json"}, got[0].Header["Accept"])
	assert.Empty(t, got[0].Header["Content-Type"])
	assert.True(t, got[0].Body == nil || got[0].Body == http.NoBody)
	assert.Equal(t, got[0].Header.Get("X-Request-Id"), u.RequestID(), "the reply has none")
}

// TestGetReplies: the meaning of Mixin's own codes, whatever the status.
func TestGetReplies(t *testing.T) {
	t.Parallel()
	failure := func(code int) string {
		return fmt.Sprintf(`{"error":{"status":202,"code":%d,"description":"What."}}`, code)
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		kind   userapi.Kind
		code   string
		calls  int
	}{
		"404":               {202, failure(404), userapi.KindNotFound, "404", 1},
		"10404":             {202, failure(10404), userapi.KindNotFound, "10404", 1},
		"404 under 404":     {404, failure(404), userapi.KindNotFound, "404", 1},
		"10404 beside data": {200, `{"data":{"user_id":"` + newID + `"},"error":{"code":10404}}`, userapi.KindNotFound, "10404", 1},
		"404 of a gateway":  {404, `{"message":"no route"}`, userapi.KindProtocol, "", 1},
		"404 and nothing":   {404, ``, userapi.KindProtocol, "", 1},
		"401":               {202, failure(401), userapi.KindUnauthorized, "401", 1},
		"403":               {202, failure(403), userapi.KindForbidden, "403", 1},
		"10002":             {202, failure(10002), userapi.KindInvalid, "10002", 1},
		"20123":             {202, failure(20123), userapi.KindInvalid, "20123", 1},
		"429":               {202, failure(429), userapi.KindRateLimited, "429", 3},
		"500":               {500, failure(500), userapi.KindUnavailable, "500", 3},
		"7001":              {202, failure(7001), userapi.KindUnavailable, "7001", 3},
		"an error, no code": {202, `{"error":"x","data":{"user_id":"` + newID + `"}}`, userapi.KindProtocol, "", 1},
		"another user":      {200, `{"data":{"user_id":"` + userID + `"}}`, userapi.KindProtocol, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			mock.RegisterResponder(http.MethodGet, userURL, httpmock.NewStringResponder(tt.status, tt.body))
			u, err := c.Users.Get(t.Context(), newID)
			assert.Nil(t, u)
			e := asError(t, err)
			outcome := map[bool]userapi.Outcome{true: userapi.OutcomeRejected, false: userapi.OutcomeUnknown}[tt.kind == userapi.KindNotFound]
			assert.Equal(t, []any{tt.kind, outcome, tt.code, tt.status, "look up user", newID}, []any{e.Kind, e.Outcome, e.Code, e.StatusCode, e.Op, e.UserID})
			assert.Nil(t, e.User)
			assert.NotEmpty(t, e.RequestID)
			assert.Equal(t, tt.calls, mock.GetTotalCallCount())
			var vendor *mixin.APIError
			if tt.code != "" {
				require.ErrorAs(t, err, &vendor)
			}
		})
	}
}

func TestGetRefusesLocally(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	for _, id := range []string{"", ".", "..", "me", newID[1:], newID + "/", "../me?x=" + newID[8:], newID[:35] + "/", "{" + newID + "}", strings.ReplaceAll(newID, "-", "")} {
		_, err := c.Users.Get(t.Context(), id)
		var e *userapi.Error
		require.ErrorAs(t, err, &e, id)
		assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent, "look up user"}, []any{e.Kind, e.Outcome, e.Op})
		require.Len(t, e.FieldErrors, 1)
		assert.Equal(t, "user_id", e.FieldErrors[0].VendorField)
	}
	assert.Zero(t, mock.GetTotalCallCount())
}

// TestGetAtTheFake: a look-up is retried after a temporary failure. It is sent once more if the
// fake refuses its token because of the clock.
func TestGetAtTheFake(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t, ahead(10*time.Minute))
	cfg := srv.Config()
	cfg.HTTP.Retry = quick
	c := clientOf(t, cfg)
	made, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "Bot User", Extensions: extra()})
	require.NoError(t, err)

	fresh := clientOf(t, cfg) // does not know the server's time
	srv.Inject(userapitest.Fault{On: userapitest.Lookup, Do: userapitest.Reset})
	u, err := fresh.Users.Get(t.Context(), made.ID)
	require.NoError(t, err)
	assert.Equal(t, made.ID, u.UserID)
	assert.Equal(t, "Bot User", *u.FullName)
	assert.Empty(t, u.SessionID)

	_, err = fresh.Users.Get(t.Context(), newID)
	require.ErrorIs(t, err, userapi.ErrNotFound)
	cfg.Keystore.PrivateKey = userKey()
	stranger := clientOf(t, cfg)
	_, err = stranger.Users.Get(t.Context(), made.ID)
	require.ErrorIs(t, err, userapi.ErrUnauthorized)
	assert.True(t, userapi.MayHaveCreated(err))
}

// TestNothingIsRepeated: Mixin has no call that deletes a user, and no create that can collide.
func TestNothingIsRepeated(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t)
	_, repeats := userapi.Ability[userapi.Repeater](c)
	_, deletes := userapi.Ability[userapi.Deleter](c)
	assert.False(t, repeats || deletes)
}
