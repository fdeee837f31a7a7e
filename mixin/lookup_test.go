package mixin_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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

// answerGet makes the mock answer GET of the user.
func answerGet(mock *httpmock.MockTransport, status int, body string, header http.Header) *[]*http.Request {
	var got []*http.Request
	mock.RegisterResponder(http.MethodGet, userURL, func(r *http.Request) (*http.Response, error) {
		got = append(got, r)
		resp := httpmock.NewStringResponse(status, body)
		resp.Header.Set("X-Request-Id", r.Header.Get("X-Request-Id"))
		for name := range header {
			resp.Header.Set(name, header.Get(name))
		}
		return resp, nil
	})
	return &got
}

func TestGet(t *testing.T) {
	t.Parallel()
	const body = `{"data":{"type":"user","user_id":"` + newID + `","identity_number":"0","full_name":"Bot User",` +
		`"created_at":"2026-03-02T08:15:30.104233123Z","is_verified":false}}`
	c, mock := newClient(t)
	got := answerGet(mock, 200, body, nil)

	u, err := c.Users.Get(t.Context(), strings.ToUpper(newID))

	require.NoError(t, err)
	assert.Equal(t, newID, u.UserID)
	assert.Equal(t, "Bot User", *u.FullName)
	assert.Equal(t, body, string(u.Raw()))
	assert.Equal(t, 200, u.StatusCode())
	assert.Empty(t, u.Warnings())
	require.Len(t, *got, 1)
	r := (*got)[0]
	assert.Equal(t, "/users/"+newID, r.URL.RequestURI())
	assert.Equal(t, []string{"application/json"}, r.Header["Accept"])
	assert.Empty(t, r.Header["Content-Type"])
	if r.Body != nil {
		sent, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		assert.Empty(t, sent)
	}
	// The token is bound to the method, the path and an empty body.
	parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	require.Len(t, parts, 3)
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct{ Sig, Jti string }
	require.NoError(t, json.Unmarshal(payload, &claims))
	sum := sha256.Sum256([]byte("GET/users/" + newID))
	assert.Equal(t, hex.EncodeToString(sum[:]), claims.Sig)
	assert.Equal(t, r.Header.Get("X-Request-Id"), claims.Jti)
	assert.Equal(t, claims.Jti, u.RequestID())
}

func TestGetReplies(t *testing.T) {
	t.Parallel()
	failure := func(code int) string {
		return fmt.Sprintf(`{"error":{"status":202,"code":%d,"description":"What."}}`, code)
	}
	const unknown, gone = userapi.OutcomeUnknown, userapi.OutcomeRejected
	const cutOff = `{"data":{"user_id":"` + newID + `",`
	for name, tt := range map[string]struct {
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
		code    string
		calls   int
	}{
		"404":                  {202, failure(404), userapi.KindNotFound, gone, "404", 1},
		"10404":                {202, failure(10404), userapi.KindNotFound, gone, "10404", 1},
		"404 under 404":        {404, failure(404), userapi.KindNotFound, gone, "404", 1},
		"10404 beside data":    {200, `{"data":{"user_id":"` + newID + `"},"error":{"code":10404}}`, userapi.KindNotFound, gone, "10404", 1},
		"404 in HTML":          {404, "<html></html>", userapi.KindProtocol, unknown, "", 1},
		"404 of a gateway":     {404, `{"message":"no route"}`, userapi.KindProtocol, unknown, "", 1},
		"404 and nothing":      {404, ``, userapi.KindProtocol, unknown, "", 1},
		"401":                  {202, failure(401), userapi.KindUnauthorized, unknown, "401", 1},
		"403":                  {202, failure(403), userapi.KindForbidden, unknown, "403", 1},
		"10002":                {202, failure(10002), userapi.KindInvalid, unknown, "10002", 1},
		"20123":                {202, failure(20123), userapi.KindInvalid, unknown, "20123", 1},
		"429":                  {202, failure(429), userapi.KindRateLimited, unknown, "429", 3},
		"500":                  {500, failure(500), userapi.KindUnavailable, unknown, "500", 3},
		"7001":                 {202, failure(7001), userapi.KindUnavailable, unknown, "7001", 3},
		"bad gateway":          {502, "<html></html>", userapi.KindUnavailable, unknown, "", 3},
		"an error, no code":    {202, `{"error":"x","data":{"user_id":"` + newID + `"}}`, userapi.KindProtocol, unknown, "", 1},
		"another user":         {200, `{"data":{"user_id":"` + userID + `"}}`, userapi.KindProtocol, unknown, "", 1},
		"nobody":               {200, `{"data":{}}`, userapi.KindProtocol, unknown, "", 1},
		"null":                 {200, `{"data":null}`, userapi.KindProtocol, unknown, "", 1},
		"a list":               {200, `{"data":[{"user_id":"` + newID + `"}]}`, userapi.KindProtocol, unknown, "", 1},
		"empty":                {200, ``, userapi.KindProtocol, unknown, "", 1},
		"cut off":              {200, cutOff, userapi.KindProtocol, unknown, "", 1},
		"a page":               {200, `<html></html>`, userapi.KindProtocol, unknown, "", 1},
		"moved":                {307, ``, userapi.KindProtocol, unknown, "", 1},
		"request time-out":     {408, ``, userapi.KindUnavailable, unknown, "", 3},
		"an id that is none":   {200, `{"data":{"user_id":"` + newID[1:] + `"}}`, userapi.KindProtocol, unknown, "", 1},
		"an id by other names": {200, `{"data":{"USER_ID":"` + newID + `"}}`, userapi.KindProtocol, unknown, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			answerGet(mock, tt.status, tt.body, nil)
			u, err := c.Users.Get(t.Context(), newID)
			assert.Nil(t, u)
			var e *userapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.outcome, e.Outcome)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, tt.status, e.StatusCode)
			assert.Equal(t, "look up user", e.Op)
			assert.Equal(t, newID, e.UserID)
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

// What a look-up takes for absence is still a refusal where a user is created.
func TestUserNotFoundAfterCreate(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	answer(mock, usersURL, 202, `{"error":{"status":202,"code":10404}}`)
	_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.False(t, userapi.MayHaveCreated(err))
}

func TestGetReadsWhole(t *testing.T) {
	t.Parallel()
	mock := httpmock.NewMockTransport()
	cfg := config(mock)
	cfg.HTTP.MaxResponseBytes = 60
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	answerGet(mock, 200, `{"data":{"user_id":"`+newID+`"}}          `, nil)
	_, err = c.Users.Get(t.Context(), newID)
	require.ErrorIs(t, err, userapi.ErrProtocol)
}

func TestGetWarnsOfAnotherRequestID(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := answerGet(mock, 200, `{"data":{"user_id":"`+newID+`"}}`, http.Header{"X-Request-Id": {deviceID}})
	u, err := c.Users.Get(t.Context(), newID)
	require.NoError(t, err)
	assert.Equal(t, deviceID, u.RequestID())
	require.Len(t, u.Warnings(), 1)
	assert.Contains(t, u.Warnings()[0], (*got)[0].Header.Get("X-Request-Id"))
}

func TestGetRefusesLocally(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	for _, id := range []string{"", ".", "..", "me", newID[1:], newID + "/", "../me?x=" + newID[8:], newID[:35] + "/", "{" + newID + "}", strings.ReplaceAll(newID, "-", "")} {
		_, err := c.Users.Get(t.Context(), id)
		var e *userapi.Error
		require.ErrorAs(t, err, &e, id)
		assert.Equal(t, userapi.KindInvalid, e.Kind)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
		assert.Equal(t, "look up user", e.Op)
		require.Len(t, e.FieldErrors, 1)
		assert.Equal(t, "user_id", e.FieldErrors[0].VendorField)
	}
	assert.Zero(t, mock.GetTotalCallCount())
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Users.Get(canceled, newID)
	require.ErrorIs(t, err, userapi.ErrCanceled)
	assert.Zero(t, mock.GetTotalCallCount())
}

// TestGetAtTheFake reads a user back, whatever goes wrong on the way and whatever the
// clocks say.
func TestGetAtTheFake(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"on time": 0, "ahead": 10 * time.Minute, "behind": -10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t, ahead(off))
			cfg := srv.Config()
			cfg.HTTP.Retry = quick
			c, err := mixin.New(cfg)
			require.NoError(t, err)
			made, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "Bot User", Extensions: extra()})
			require.NoError(t, err)

			fresh, err := mixin.New(cfg) // one that has not learnt the time
			require.NoError(t, err)
			srv.Inject(userapitest.Fault{On: userapitest.Lookup, Do: userapitest.Reset})
			u, err := fresh.Users.Get(t.Context(), made.ID)
			require.NoError(t, err)
			assert.Equal(t, made.ID, u.UserID)
			assert.Equal(t, "Bot User", *u.FullName)
			assert.Empty(t, u.SessionID)

			_, err = fresh.Users.Get(t.Context(), newID)
			require.ErrorIs(t, err, userapi.ErrNotFound)
			wrong := cfg
			wrong.Keystore.PrivateKey = userKey()
			stranger, err := mixin.New(wrong)
			require.NoError(t, err)
			_, err = stranger.Users.Get(t.Context(), made.ID)
			require.ErrorIs(t, err, userapi.ErrUnauthorized)
			assert.True(t, userapi.MayHaveCreated(err))
		})
	}
}

// Mixin has no call that deletes a user, and none that repeats a create.
func TestNothingIsRepeated(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t)
	_, repeats := userapi.Ability[userapi.Repeater](c)
	_, deletes := userapi.Ability[userapi.Deleter](c)
	assert.False(t, repeats || deletes)
}

// An error of a look-up shows neither its token nor what Mixin echoes.
func TestGetShowsNoToken(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	var token string
	mock.RegisterResponder(http.MethodGet, userURL, func(r *http.Request) (*http.Response, error) {
		token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		return httpmock.NewStringResponse(202, `{"error":{"status":202,"code":401,"description":"Bad `+token+`."}}`), nil
	})
	_, err := c.Users.Get(t.Context(), newID)
	var e *userapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "Bad […].", e.Message)
	text, jsonErr := json.Marshal(e)
	require.NoError(t, jsonErr)
	assert.False(t, strings.Contains(fmt.Sprintf("%+v %s", e, text), token))
}
