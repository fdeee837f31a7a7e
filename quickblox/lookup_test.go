package quickblox_test

import (
	"context"
	"encoding/json"
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

// An answer is what a script says to one request.
type answer struct {
	status int
	body   string
}

// A script answers requests in order, the last answer for ever, and keeps them.
type script struct {
	answers  []answer
	requests []*http.Request
	bodies   []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	next := s.answers[min(len(s.requests), len(s.answers)-1)]
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
	return httpmock.NewStringResponse(next.status, next.body), nil
}

// uris lists what was asked, in order.
func (s *script) uris() []string {
	var all []string
	for _, r := range s.requests {
		all = append(all, r.Method+" "+r.URL.RequestURI())
	}
	return all
}

// scripted returns a client whose requests a script answers. It tries each once
// unless cfg says otherwise, and waits next to nothing.
func scripted(t testing.TB, cfg quickblox.Config, answers ...answer) (*quickblox.Client, *script) {
	t.Helper()
	s := &script{answers: answers}
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(s.RoundTrip)
	cfg.HTTP.HTTPClient = &http.Client{Transport: mock}
	if cfg.HTTP.Retry.MaxAttempts == 0 {
		cfg.HTTP.Retry.MaxAttempts = 1
	}
	cfg.HTTP.Retry.BaseWait = time.Millisecond
	c, err := quickblox.New(cfg)
	require.NoError(t, err)
	return c, s
}

// wantHidden fails where an error shows a value in whatever form.
func wantHidden(t testing.TB, err error, values ...string) {
	t.Helper()
	e := wantError(t, err)
	encoded, jsonErr := json.Marshal(e)
	require.NoError(t, jsonErr)
	all := fmt.Sprintf("%v %+v %#v %s %s %s %v %+v", err, err, err, encoded, e.Message, e.Code, e.FieldErrors, e.Err)
	for _, v := range values {
		assert.False(t, strings.Contains(strings.ToLower(all), strings.ToLower(v)), "the error shows a value")
	}
}

// missing is the vendor's answer to a look-up that finds nobody.
var missing = answer{404, `{"code":null,"message":"Couldn't find user"}`}

// A lookup is one of the vendor's look-ups, or the delete, of one user; value is what
// it must not show.
type lookup struct {
	name, value string
	do          func(*testing.T, *quickblox.Client) error
}

func lookups() []lookup {
	got := func(_ *quickblox.GetUserResponse, err error) error { return err }
	return []lookup{
		{"id", "", func(t *testing.T, c *quickblox.Client) error { return got(c.Users.Get(t.Context(), 96752798)) }},
		{"external id", "1236672", func(t *testing.T, c *quickblox.Client) error {
			return got(c.Users.GetByExternalID(t.Context(), 1236672))
		}},
		{"login", "peter.smith", func(t *testing.T, c *quickblox.Client) error {
			return got(c.Users.GetByLogin(t.Context(), "peter.smith"))
		}},
		{"email", "peter@gmail.com", func(t *testing.T, c *quickblox.Client) error {
			return got(c.Users.GetByEmail(t.Context(), "peter@gmail.com"))
		}},
		{"facebook id", "8887366", func(t *testing.T, c *quickblox.Client) error {
			return got(c.Users.GetByFacebookID(t.Context(), "8887366"))
		}},
		{"delete", "", func(t *testing.T, c *quickblox.Client) error { return c.Users.Delete(t.Context(), 96752798) }},
	}
}

func TestLookupsSendGoldenRequests(t *testing.T) {
	t.Parallel()
	got := func(_ *quickblox.GetUserResponse, err error) error { return err }
	const hostile = "a/../b?x=1&y=%2e#f +é;{id}\x00"
	const escaped = "a%2F..%2Fb%3Fx%3D1%26y%3D%252e%23f+%2B%C3%A9%3B%7Bid%7D%00"
	for _, tc := range []struct {
		name string
		do   func(*testing.T, *quickblox.Client) error
		want string
		at   userapi.Attempt
	}{
		{"id", func(t *testing.T, c *quickblox.Client) error { return got(c.Users.Get(t.Context(), 96752798)) },
			"GET /users/96752798.json", userapi.Attempt{Operation: "look up user", Route: "/users/{id}.json"}},
		{"external id beyond 32 bits", func(t *testing.T, c *quickblox.Client) error {
			return got(c.Users.GetByExternalID(t.Context(), 1<<62))
		},
			"GET /users/external/4611686018427387904.json", userapi.Attempt{Operation: "look up user", Route: "/users/external/{external_user_id}.json"}},
		{"external id", func(t *testing.T, c *quickblox.Client) error {
			return got(c.Users.GetByExternalID(t.Context(), 1236672))
		},
			"GET /users/external/1236672.json", userapi.Attempt{Operation: "look up user", Route: "/users/external/{external_user_id}.json"}},
		{"login", func(t *testing.T, c *quickblox.Client) error { return got(c.Users.GetByLogin(t.Context(), "Peter")) },
			"GET /users/by_login.json?login=Peter", userapi.Attempt{Operation: "look up user", Route: "/users/by_login.json"}},
		{"hostile login", func(t *testing.T, c *quickblox.Client) error { return got(c.Users.GetByLogin(t.Context(), hostile)) },
			"GET /users/by_login.json?login=" + escaped, userapi.Attempt{Operation: "look up user", Route: "/users/by_login.json"}},
		{"login of a dot", func(t *testing.T, c *quickblox.Client) error { return got(c.Users.GetByLogin(t.Context(), ".")) },
			"GET /users/by_login.json?login=.", userapi.Attempt{Operation: "look up user", Route: "/users/by_login.json"}},
		{"login of two dots", func(t *testing.T, c *quickblox.Client) error { return got(c.Users.GetByLogin(t.Context(), "..")) },
			"GET /users/by_login.json?login=..", userapi.Attempt{Operation: "look up user", Route: "/users/by_login.json"}},
		{"e-mail", func(t *testing.T, c *quickblox.Client) error {
			return got(c.Users.GetByEmail(t.Context(), "peter+tag@gmail.com"))
		},
			"GET /users/by_email.json?email=peter%2Btag%40gmail.com", userapi.Attempt{Operation: "look up user", Route: "/users/by_email.json"}},
		{"hostile e-mail", func(t *testing.T, c *quickblox.Client) error { return got(c.Users.GetByEmail(t.Context(), hostile)) },
			"GET /users/by_email.json?email=" + escaped, userapi.Attempt{Operation: "look up user", Route: "/users/by_email.json"}},
		{"Facebook id", func(t *testing.T, c *quickblox.Client) error {
			return got(c.Users.GetByFacebookID(t.Context(), "8887366"))
		},
			"GET /users/by_facebook_id.json?facebook_id=8887366", userapi.Attempt{Operation: "look up user", Route: "/users/by_facebook_id.json"}},
		{"hostile Facebook id", func(t *testing.T, c *quickblox.Client) error {
			return got(c.Users.GetByFacebookID(t.Context(), hostile))
		},
			"GET /users/by_facebook_id.json?facebook_id=" + escaped, userapi.Attempt{Operation: "look up user", Route: "/users/by_facebook_id.json"}},
		{"delete", func(t *testing.T, c *quickblox.Client) error { return c.Users.Delete(t.Context(), 96752798) },
			"DELETE /users/96752798.json", userapi.Attempt{Operation: "delete user", Route: "/users/{id}.json"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var attempts []userapi.Attempt
			cfg := quickblox.Config{APIKey: apiKey}
			cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { attempts = append(attempts, a) }
			c, s := scripted(t, cfg, answer{200, `{"user":{"id":96752798}}`})
			require.NoError(t, tc.do(t, c))
			require.Equal(t, []string{tc.want}, s.uris())
			assert.Equal(t, []string{""}, s.bodies)
			header := s.requests[0].Header
			assert.Equal(t, "application/json", header.Get("Accept"))
			assert.Equal(t, "0.1.1", header.Get("QuickBlox-REST-API-Version"))
			assert.Regexp(t, `^Go enlist-go/`, header.Get("QB-SDK"))
			assert.Regexp(t, `^enlist-go/`, header.Get("User-Agent"))
			assert.True(t, "ApiKey "+apiKey == header.Get("Authorization"), "Authorization")
			for _, never := range []string{"Qb-Token", "Content-Type", "Cookie"} {
				assert.Empty(t, header.Values(never), never)
			}
			require.Len(t, attempts, 1)
			assert.Equal(t, tc.at.Operation, attempts[0].Operation)
			assert.Equal(t, tc.at.Route, attempts[0].Route)
		})
	}
}

func TestLookupReadsTheReply(t *testing.T) {
	t.Parallel()
	body := string(fixture(t, "create_201.json"))
	c, _ := scripted(t, quickblox.Config{SessionToken: sampleToken}, answer{200, body})
	got, err := c.Users.GetByLogin(t.Context(), "Peter")
	require.NoError(t, err)
	assert.Equal(t, int64(96752798), got.User.ID)
	assert.Equal(t, "Peter Smith", *got.User.FullName)
	assert.Equal(t, http.StatusOK, got.StatusCode())
	assert.Equal(t, body, string(got.Raw()))
}

func TestLookupChecks(t *testing.T) {
	t.Parallel()
	c, s := scripted(t, quickblox.Config{APIKey: apiKey}, missing)
	got := func(_ *quickblox.GetUserResponse, err error) error { return err }
	const number, set, utf8 = "must be a positive number", "must be set", "must be valid UTF-8"
	const decimal = "must be a positive number in decimal, without sign or leading zeros"
	for _, tc := range []struct {
		name, op                     string
		err                          error
		field, vendor, code, message string
	}{
		{"id 0", "look up user", got(c.Users.Get(t.Context(), 0)), "", "id", "invalid", number},
		{"id negative", "look up user", got(c.Users.Get(t.Context(), -5)), "", "id", "invalid", number},
		{"external id 0", "look up user", got(c.Users.GetByExternalID(t.Context(), 0)), "ExternalID", "external_user_id", "invalid", number},
		{"login empty", "look up user", got(c.Users.GetByLogin(t.Context(), "")), "Username", "login", "required", set},
		{"login blank", "look up user", got(c.Users.GetByLogin(t.Context(), " \t")), "Username", "login", "required", set},
		{"login not UTF-8", "look up user", got(c.Users.GetByLogin(t.Context(), "planted\xff")), "Username", "login", "invalid", utf8},
		{"e-mail empty", "look up user", got(c.Users.GetByEmail(t.Context(), "")), "Email", "email", "required", set},
		{"Facebook id empty", "look up user", got(c.Users.GetByFacebookID(t.Context(), "")), "", "facebook_id", "required", set},
		{"delete 0", "delete user", c.Users.Delete(t.Context(), 0), "", "id", "invalid", number},
		{"delete planted", "delete user", c.DeleteUser(t.Context(), "planted/1"), "", "id", "invalid", decimal},
	} {
		e := wantError(t, tc.err)
		assert.Equal(t, userapi.KindInvalid, e.Kind, tc.name)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome, tc.name)
		assert.Equal(t, tc.op, e.Op, tc.name)
		assert.Equal(t, []userapi.FieldError{{Field: tc.field, VendorField: tc.vendor, Code: tc.code, Message: tc.message}}, e.FieldErrors, tc.name)
		wantHidden(t, tc.err, "planted")
	}
	assert.Empty(t, s.requests)
}

// What the vendor, or whatever stands before it, says instead of a user. Only its own
// 404 means that there is none.
func TestLookupErrors(t *testing.T) {
	t.Parallel()
	const html = "<html><body><h1>404 Not Found</h1></body></html>"
	const echo = `peter@gmail.com peter%40gmail.com peter.smith 8887366 1236672`
	for _, tc := range []struct {
		name string
		answer
		kind    userapi.Kind
		outcome userapi.Outcome
	}{
		{"no user", missing, userapi.KindNotFound, userapi.OutcomeRejected},
		{"no user, one blank", answer{404, " "}, userapi.KindNotFound, userapi.OutcomeRejected},
		{"no user, empty", answer{404, ""}, userapi.KindNotFound, userapi.OutcomeRejected},
		{"no user, base", answer{404, `{"errors":{"base":["No user ` + echo + `"]}}`}, userapi.KindNotFound, userapi.OutcomeRejected},
		{"404 of a proxy", answer{404, html}, userapi.KindProtocol, userapi.OutcomeUnknown},
		{"404 cut off", answer{404, `{"code":null,"mess`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		{"404 that needs a user", answer{404, `{"errors":{"base":["Forbidden. Need user."]}}`}, userapi.KindForbidden, userapi.OutcomeUnknown},
		{"token is required", answer{401, `{"errors":["Token is required"]}`}, userapi.KindUnauthorized, userapi.OutcomeUnknown},
		{"401 empty", answer{401, ""}, userapi.KindUnauthorized, userapi.OutcomeUnknown},
		{"403 empty", answer{403, ""}, userapi.KindForbidden, userapi.OutcomeUnknown},
		{"need user", answer{422, `{"errors":{"base":["Forbidden. Need user."]}}`}, userapi.KindForbidden, userapi.OutcomeUnknown},
		{"422", answer{422, `{"errors":{"email":["` + echo + ` should look like an email address"]}}`}, userapi.KindInvalid, userapi.OutcomeUnknown},
		{"429", answer{429, ""}, userapi.KindRateLimited, userapi.OutcomeUnknown},
		{"redirect", answer{301, ""}, userapi.KindProtocol, userapi.OutcomeUnknown},
		{"410", answer{410, ""}, userapi.KindProtocol, userapi.OutcomeUnknown},
		{"500", answer{500, `{"code":null,"message":"` + echo + `"}`}, userapi.KindUnavailable, userapi.OutcomeUnknown},
		{"502 HTML", answer{502, html}, userapi.KindUnavailable, userapi.OutcomeUnknown},
		{"200 HTML", answer{200, html}, userapi.KindProtocol, userapi.OutcomeUnknown},
		{"200 with an error", answer{200, `{"user":{"id":96752798},"errors":{"base":["` + echo + `"]}}`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		{"200 with a text for an error", answer{200, `{"user":{"id":96752798},"error":"` + echo + `"}`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		{"200 cut off", answer{200, `{"user":{"id":96752798,"login":"peter.smith"`}, userapi.KindProtocol, userapi.OutcomeUnknown},
	} {
		for _, l := range lookups() {
			t.Run(tc.name+"/"+l.name, func(t *testing.T) {
				t.Parallel()
				c, s := scripted(t, quickblox.Config{APIKey: apiKey}, tc.answer)
				err := l.do(t, c)
				e := wantError(t, err)
				assert.Equal(t, tc.kind, e.Kind)
				assert.Equal(t, tc.outcome, e.Outcome)
				assert.Equal(t, tc.status, e.StatusCode)
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

// A look-up's success has a user in it; a delete's has nothing.
func TestLookupsOfNothing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", " ", "{}", "null", `{"user":null}`, `{"user":{}}`, `{"user":{"id":0}}`, `{"id":5}`} {
		for _, l := range lookups() {
			c, _ := scripted(t, quickblox.Config{APIKey: apiKey}, answer{200, body})
			err := l.do(t, c)
			if strings.Contains(l.name, "delete") {
				require.NoError(t, err, "%s %s", l.name, body)
				continue
			}
			require.ErrorIs(t, err, userapi.ErrProtocol, "%s %s", l.name, body)
			assert.Equal(t, userapi.OutcomeUnknown, wantError(t, err).Outcome)
		}
	}
}

// A 404 proves nothing to credentials that may not be shown the user.
func TestLookupWithoutProof(t *testing.T) {
	t.Parallel()
	for _, l := range lookups() {
		c, _ := scripted(t, quickblox.Config{SessionToken: sampleToken}, missing)
		err := l.do(t, c)
		require.ErrorIs(t, err, userapi.ErrNotFound, l.name)
		assert.Equal(t, userapi.OutcomeUnknown, wantError(t, err).Outcome, l.name)
	}
}

// A record of somebody else is no answer, whatever its status.
func TestLookupsOfAnotherUser(t *testing.T) {
	t.Parallel()
	for _, l := range lookups() {
		c, _ := scripted(t, quickblox.Config{APIKey: apiKey}, answer{200, `{"user":{"id":7,"login":"alice","email":"alice@example.com","external_user_id":7,"facebook_id":"7"}}`})
		err := l.do(t, c)
		if strings.HasSuffix(l.name, "delete") {
			require.NoError(t, err, "what a delete answers with does not matter")
			continue
		}
		require.ErrorIs(t, err, userapi.ErrProtocol, l.name)
		assert.Equal(t, userapi.OutcomeUnknown, wantError(t, err).Outcome, l.name)
	}
}

func TestLookupsAreRepeated(t *testing.T) {
	t.Parallel()
	user := answer{200, `{"user":{"id":96752798}}`}
	for _, l := range lookups() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			cfg := quickblox.Config{APIKey: apiKey}
			cfg.HTTP.Retry.MaxAttempts = 3
			c, s := scripted(t, cfg, answer{503, "try again later"}, answer{429, ""}, user)
			require.NoError(t, l.do(t, c))
			assert.Len(t, s.requests, 3)

			c, s = scripted(t, cfg, answer{502, ""})
			e := wantError(t, l.do(t, c))
			assert.Equal(t, 3, e.Attempts)
			assert.Len(t, s.requests, 3)

			c, s = scripted(t, cfg, missing)
			require.ErrorIs(t, l.do(t, c), userapi.ErrNotFound)
			assert.Len(t, s.requests, 1, "a 404 is an answer")
		})
	}
}

// newUserSession returns a server with the user "keeper", and a client with sessions of
// that user.
func newUserSession(t *testing.T, opts ...quickbloxtest.Option) (*quickbloxtest.Server, *quickblox.Client) {
	t.Helper()
	s := quickbloxtest.NewServer(t, opts...)
	keys, err := quickblox.New(s.Config())
	require.NoError(t, err)
	_, err = keys.CreateUser(t.Context(), userapi.CreateUserRequest{Username: "keeper", Password: "quickblox"})
	require.NoError(t, err)
	return s, newSessionClient(t, s, func(c *quickblox.Config) { c.Session.Login, c.Session.Password = "keeper", "quickblox" })
}

var expired = userapitest.Fault{
	On: userapitest.Lookup, When: userapitest.BeforeCommit, Status: http.StatusUnauthorized,
	Body: []byte(`{"errors":{"base":["Required session does not exist"]}}`),
}

func TestLookupRenewsTheSession(t *testing.T) {
	t.Parallel()
	s, c := newUserSession(t)
	s.Inject(expired)
	got, err := c.Users.GetByLogin(t.Context(), "keeper")
	require.NoError(t, err)
	assert.Equal(t, "keeper", *got.User.Login)
	assert.Equal(t, 2, received(s, userapitest.Lookup))
	assert.Equal(t, 2, received(s, userapitest.Session))

	forever := expired
	forever.Times = -1
	s.Inject(forever)
	_, err = c.Users.GetByLogin(t.Context(), "keeper")
	require.ErrorIs(t, err, userapi.ErrUnauthorized)
	assert.Equal(t, 4, received(s, userapitest.Lookup), "once more, and no further")
}

func TestLookupKeepsTheAPIKey(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c, err := quickblox.New(s.Config())
	require.NoError(t, err)
	s.Inject(expired)
	_, err = c.Users.GetByLogin(t.Context(), "keeper")
	require.ErrorIs(t, err, userapi.ErrUnauthorized)
	assert.Equal(t, 1, received(s, userapitest.Lookup))
	assert.Zero(t, received(s, userapitest.Session))
}

// That there is no session to be had where one is asked for says nothing of a user.
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

// A session deletes its own user alone.
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

// A reply that breaks off proves nothing, whatever stands in it.
func TestLookupsOfACutOffReply(t *testing.T) {
	t.Parallel()
	s, c := newServer(t)
	for _, l := range lookups() {
		for _, on := range []userapitest.Operation{userapitest.Lookup, userapitest.Delete} {
			s.Inject(userapitest.Fault{On: on, When: userapitest.BeforeCommit, Do: userapitest.Truncate, Status: http.StatusOK, Body: []byte(`{"user":{"id":96752798}}`)})
		}
		err := l.do(t, c)
		require.ErrorIs(t, err, userapi.ErrProtocol, l.name)
		e := wantError(t, err)
		assert.Equal(t, userapi.OutcomeUnknown, e.Outcome, l.name)
		assert.Nil(t, e.User, l.name)
	}
}
