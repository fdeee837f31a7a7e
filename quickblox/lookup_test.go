package quickblox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// An answer is a script's reply to one request.
type answer struct {
	status int
	body   string
}

// A script answers requests and records them.
type script struct {
	requests []*http.Request
	bodies   []string
}

// uris lists the requested URIs in order.
func (s *script) uris() []string {
	var all []string
	for _, r := range s.requests {
		all = append(all, r.Method+" "+r.URL.RequestURI())
	}
	return all
}

// scripted returns a client whose requests get the answers in order, and then the last one
// repeatedly. It tries each request once and hardly waits.
func scripted(t testing.TB, cfg quickblox.Config, answers ...answer) (*quickblox.Client, *script) {
	t.Helper()
	cfg.HTTP.Retry.BaseWait = time.Millisecond
	c, mock := newMocked(t, cfg)
	s := &script{}
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		next := answers[min(len(s.requests), len(answers)-1)]
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
		return httpmock.NewStringResponse(next.status, next.body), nil
	})
	return c, s
}

// wantHidden fails if an error shows a value in any form.
func wantHidden(t *testing.T, err error, values ...string) {
	t.Helper()
	e := wantError(t, err)
	all := strings.ToLower(everyForm(t, err) + everyForm(t, e.FieldErrors) + fmt.Sprintf("%s %s %+v", e.Message, e.Code, e.Err))
	for _, v := range values {
		assert.False(t, strings.Contains(all, strings.ToLower(v)), "the error shows a value")
	}
}

// missing is the vendor's answer to a look-up without a match.
var missing = answer{404, `{"code":null,"message":"Couldn't find user"}`}

// A lookup is a look-up or the delete of one user.
type lookup func(context.Context, *quickblox.Client) error

type users = quickblox.UsersService

// by returns a look-up by a value.
func by[T any](get func(*users, context.Context, T) (*quickblox.GetUserResponse, error), value T) lookup {
	return func(ctx context.Context, c *quickblox.Client) error {
		_, err := get(c.Users, ctx, value)
		return err
	}
}

func remove(id int64) lookup {
	return func(ctx context.Context, c *quickblox.Client) error { return c.Users.Delete(ctx, id) }
}

// lookups has one of each, with the value that its errors must not show.
var lookups = map[string]struct {
	do    lookup
	value string
}{
	"id":          {by((*users).Get, 96752798), ""},
	"external id": {by((*users).GetByExternalID, 1236672), "1236672"},
	"login":       {by((*users).GetByLogin, "peter.smith"), "peter.smith"},
	"e-mail":      {by((*users).GetByEmail, "peter@gmail.com"), "peter@gmail.com"},
	"Facebook id": {by((*users).GetByFacebookID, "8887366"), "8887366"},
	"delete":      {remove(96752798), ""},
}

func TestLookupsSendGoldenRequests(t *testing.T) {
	t.Parallel()
	const hostile = "a/../b?x=1&y=%2e#f +é;{id}\x00"
	const escaped = "a%2F..%2Fb%3Fx%3D1%26y%3D%252e%23f+%2B%C3%A9%3B%7Bid%7D%00"
	for _, tc := range []struct {
		name, want, route string
		do                lookup
	}{
		{"id", "GET /users/96752798.json", "/users/{id}.json", by((*users).Get, 96752798)},
		{"external id", "GET /users/external/4611686018427387904.json", "/users/external/{external_user_id}.json", by((*users).GetByExternalID, 1<<62)},
		{"login", "GET /users/by_login.json?login=" + escaped, "/users/by_login.json", by((*users).GetByLogin, hostile)},
		{"login of dots", "GET /users/by_login.json?login=..", "/users/by_login.json", by((*users).GetByLogin, "..")},
		{"e-mail", "GET /users/by_email.json?email=peter%2Btag%40gmail.com", "/users/by_email.json", by((*users).GetByEmail, "peter+tag@gmail.com")},
		{"hostile e-mail", "GET /users/by_email.json?email=" + escaped, "/users/by_email.json", by((*users).GetByEmail, hostile)},
		{"Facebook id", "GET /users/by_facebook_id.json?facebook_id=" + escaped, "/users/by_facebook_id.json", by((*users).GetByFacebookID, hostile)},
		{"delete", "DELETE /users/96752798.json", "/users/{id}.json", remove(96752798)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var attempts []string
			cfg := quickblox.Config{APIKey: apiKey}
			cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { attempts = append(attempts, a.Operation+" "+a.Route) }
			c, s := scripted(t, cfg, answer{200, `{"user":{"id":96752798}}`})
			require.NoError(t, tc.do(t.Context(), c))
			require.Equal(t, []string{tc.want}, s.uris())
			assert.Equal(t, []string{""}, s.bodies)
			header := s.requests[0].Header
			assert.Equal(t, "application/json", header.Get("Accept"))
			assert.Equal(t, "0.1.1", header.Get("QuickBlox-REST-API-Version"))
			assert.Regexp(t, `^Go enlist-go/`, header.Get("QB-SDK"))
			assert.Regexp(t, `^enlist-go/`, header.Get("User-Agent"))
			assert.True(t, "ApiKey "+apiKey == header.Get("Authorization"), "Authorization")
			assert.Empty(t, header.Get("Qb-Token")+header.Get("Content-Type")+header.Get("Cookie"))
			op := map[bool]string{true: "delete user ", false: "look up user "}[tc.name == "delete"]
			assert.Equal(t, []string{op + tc.route}, attempts)
		})
	}
}

func TestLookupChecks(t *testing.T) {
	t.Parallel()
	c, s := scripted(t, apiKeyConfig, missing)
	const number, set, utf8 = "must be a positive number", "must be set", "must be valid UTF-8"
	for _, tc := range []struct {
		name                         string
		do                           lookup
		field, vendor, code, message string
	}{
		{"id 0", by((*users).Get, 0), "", "id", "invalid", number},
		{"id negative", by((*users).Get, -5), "", "id", "invalid", number},
		{"external id 0", by((*users).GetByExternalID, 0), "ExternalID", "external_user_id", "invalid", number},
		{"login empty", by((*users).GetByLogin, ""), "Username", "login", "required", set},
		{"login blank", by((*users).GetByLogin, " \t"), "Username", "login", "required", set},
		{"login not UTF-8", by((*users).GetByLogin, "planted\xff"), "Username", "login", "invalid", utf8},
		{"e-mail empty", by((*users).GetByEmail, ""), "Email", "email", "required", set},
		{"Facebook id empty", by((*users).GetByFacebookID, ""), "", "facebook_id", "required", set},
		{"delete 0", remove(0), "", "id", "invalid", number},
		{"delete planted", func(ctx context.Context, c *quickblox.Client) error { return c.DeleteUser(ctx, "planted/1") }, "", "id", "invalid", number + " in decimal, without sign or leading zeros"},
	} {
		err := tc.do(t.Context(), c)
		e := wantError(t, err)
		op := map[bool]string{true: "delete user", false: "look up user"}[strings.HasPrefix(tc.name, "delete")]
		assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent, op}, []any{e.Kind, e.Outcome, e.Op}, tc.name)
		assert.Equal(t, []userapi.FieldError{{Field: tc.field, VendorField: tc.vendor, Code: tc.code, Message: tc.message}}, e.FieldErrors, tc.name)
		wantHidden(t, err, "planted")
	}
	assert.Empty(t, s.requests)
}

// TestLookupErrors: QuickBlox's own answers for a missing user, a user that may not be seen, and a
// wrong call.
func TestLookupErrors(t *testing.T) {
	t.Parallel()
	const echo = `peter@gmail.com peter%40gmail.com peter.smith 8887366 1236672`
	const needUser = `{"errors":{"base":["Forbidden. Need user."]}}`
	const another = `{"user":{"id":7,"login":"alice","email":"alice@example.com","external_user_id":7,"facebook_id":"7"}}`
	for _, tc := range []struct {
		name string
		cfg  quickblox.Config
		answer
		kind    userapi.Kind
		outcome userapi.Outcome
	}{
		{"no user", apiKeyConfig, missing, userapi.KindNotFound, userapi.OutcomeRejected},
		{"no user, one blank", apiKeyConfig, answer{404, " "}, userapi.KindNotFound, userapi.OutcomeRejected},
		{"no user, empty", apiKeyConfig, answer{404, ""}, userapi.KindNotFound, userapi.OutcomeRejected},
		{"no user, base", apiKeyConfig, answer{404, `{"errors":{"base":["No user ` + echo + `"]}}`}, userapi.KindNotFound, userapi.OutcomeRejected},
		{"no user for a plain token", sessionConfig, missing, userapi.KindNotFound, userapi.OutcomeUnknown},
		{"404 that needs a user", apiKeyConfig, answer{404, needUser}, userapi.KindForbidden, userapi.OutcomeUnknown},
		{"need user", apiKeyConfig, answer{422, needUser}, userapi.KindForbidden, userapi.OutcomeUnknown},
		{"session is required", apiKeyConfig, answer{401, `{"errors":{"base":["Required session does not exist"]}}`}, userapi.KindUnauthorized, userapi.OutcomeUnknown},
		{"token is required", apiKeyConfig, answer{401, `{"errors":["Token is required"]}`}, userapi.KindUnauthorized, userapi.OutcomeUnknown},
		{"422", apiKeyConfig, answer{422, `{"errors":{"email":["` + echo + ` should look like an email address"]}}`}, userapi.KindInvalid, userapi.OutcomeUnknown},
		{"500", apiKeyConfig, answer{500, `{"code":null,"message":"` + echo + `"}`}, userapi.KindUnavailable, userapi.OutcomeUnknown},
		{"200 with a text for an error", apiKeyConfig, answer{200, `{"user":{"id":96752798},"error":"` + echo + `"}`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		{"another user", apiKeyConfig, answer{200, another}, userapi.KindProtocol, userapi.OutcomeUnknown},
	} {
		for name, l := range lookups {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				c, s := scripted(t, tc.cfg, tc.answer)
				err := l.do(t.Context(), c)
				if tc.body == another && name == "delete" {
					require.NoError(t, err, "the reply to a delete is not read")
					return
				}
				e := wantError(t, err)
				assert.Equal(t, []any{tc.kind, tc.outcome, tc.status}, []any{e.Kind, e.Outcome, e.StatusCode})
				assert.Nil(t, e.User)
				assert.Len(t, s.requests, 1)
				if l.value != "" {
					wantHidden(t, err, l.value, url.QueryEscape(l.value))
				}
				var vendor *quickblox.APIError
				assert.Equal(t, tc.status >= 300, errors.As(err, &vendor))
			})
		}
	}
}

// newUserSession returns a server with the user "keeper", and a client with that user's sessions.
func newUserSession(t *testing.T) (*quickbloxtest.Server, *quickblox.Client) {
	t.Helper()
	s, keys := newServer(t)
	_, err := keys.CreateUser(t.Context(), userapi.CreateUserRequest{Username: "keeper", Password: "quickblox"})
	require.NoError(t, err)
	return s, newSessionClient(t, s, func(c *quickblox.Config) { c.Session.Login, c.Session.Password = "keeper", "quickblox" })
}

func TestLookupRenewsTheSession(t *testing.T) {
	t.Parallel()
	s, c := newUserSession(t)
	expired := userapitest.Fault{
		On: userapitest.Lookup, When: userapitest.BeforeCommit, Status: http.StatusUnauthorized,
		Body: []byte(`{"errors":{"base":["Required session does not exist"]}}`),
	}
	s.Inject(expired)
	got, err := c.Users.GetByLogin(t.Context(), "keeper")
	require.NoError(t, err)
	assert.Equal(t, "keeper", *got.User.Login)
	assert.Equal(t, 2, received(s, userapitest.Lookup))
	assert.Equal(t, 2, received(s, userapitest.Session))

	expired.Times = -1
	s.Inject(expired)
	_, err = c.Users.GetByLogin(t.Context(), "keeper")
	require.ErrorIs(t, err, userapi.ErrUnauthorized)
	assert.Equal(t, 4, received(s, userapitest.Lookup), "once more, and no further")
}

// TestSessionsAbsenceIsNotTheUsers: a 404 for a session does not mean that a user is missing.
func TestSessionsAbsenceIsNotTheUsers(t *testing.T) {
	t.Parallel()
	s, c := newUserSession(t)
	s.Inject(userapitest.Fault{On: userapitest.Session, Status: http.StatusNotFound, Body: []byte(" "), Times: -1})
	_, err := c.Users.GetByLogin(t.Context(), "nobody")
	require.ErrorIs(t, err, userapi.ErrProtocol)
	assert.Equal(t, userapi.OutcomeUnknown, wantError(t, err).Outcome)
	_, err = c.ResolveUser(t.Context(), john, time.Time{})
	assert.NotErrorIs(t, err, userapi.ErrNotFound)
	assert.Equal(t, userapi.OutcomeUnknown, wantError(t, err).Outcome)
}

// TestDeleteOfAnother: a user's session can delete only that user.
func TestDeleteOfAnother(t *testing.T) {
	t.Parallel()
	s, c := newUserSession(t)
	keeper := s.Users()[0]
	u, err := c.CreateUser(t.Context(), john)
	require.NoError(t, err)
	err = c.DeleteUser(t.Context(), u.ID)
	require.ErrorIs(t, err, userapi.ErrForbidden)
	assert.Equal(t, userapi.OutcomeUnknown, wantError(t, err).Outcome)
	require.NoError(t, c.Users.Delete(t.Context(), keeper.ID))
	assert.Equal(t, 1, s.UserCount())
}
