package fusionauth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

// answer makes the mock answer every request, and returns the recorded requests.
func answer(mock *httpmock.MockTransport, status int, body string) *[]*http.Request {
	var got []*http.Request
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		got = append(got, r)
		return httpmock.NewStringResponse(status, body), nil
	})
	return &got
}

// quick makes the waits of a client's retries short.
func quick(cfg *fusionauth.Config) {
	cfg.HTTP.Retry = userapi.RetryPolicy{BaseWait: time.Millisecond, Jitter: -1}
}

// A lookup is a look-up with a result, or a delete without one.
type lookup func(context.Context, *fusionauth.Client) (*fusionauth.GetUserResponse, error)

type users = fusionauth.UsersService

// by is a look-up by a text.
func by(get func(*users, context.Context, string) (*fusionauth.GetUserResponse, error), text string) lookup {
	return func(ctx context.Context, c *fusionauth.Client) (*fusionauth.GetUserResponse, error) {
		return get(c.Users, ctx, text)
	}
}

func byLoginID(loginID string, types ...fusionauth.IdentityType) lookup {
	return func(ctx context.Context, c *fusionauth.Client) (*fusionauth.GetUserResponse, error) {
		return c.Users.GetByLoginID(ctx, loginID, types...)
	}
}

// deleting returns the delete of the user with an id.
func deleting(remove func(*users, context.Context, string) error, id string) lookup {
	return func(ctx context.Context, c *fusionauth.Client) (*fusionauth.GetUserResponse, error) {
		return nil, remove(c.Users, ctx, id)
	}
}

func TestLookupsOnTheWire(t *testing.T) {
	t.Parallel()
	const hostile = "../a+b c&x=1?#%2f;\"\n@exämple.com"
	const escaped = "..%2Fa%2Bb+c%26x%3D1%3F%23%252f%3B%22%0A%40ex%C3%A4mple.com"
	for _, tt := range []struct {
		name, method, uri, route string
		call                     lookup
	}{
		{"id", "GET", "/api/user/" + userID, "/api/user/{userId}", by((*users).Get, strings.ToUpper(userID))},
		{"e-mail", "GET", "/api/user?email=Jane%40Example.com", "/api/user?email={email}", by((*users).GetByEmail, "Jane@Example.com")},
		{"hostile e-mail", "GET", "/api/user?email=" + escaped, "/api/user?email={email}", by((*users).GetByEmail, hostile)},
		{"dots", "GET", "/api/user?email=..", "/api/user?email={email}", by((*users).GetByEmail, "..")},
		{"login", "GET", "/api/user?loginId=" + escaped, "/api/user?loginId={loginId}", byLoginID(hostile)},
		{"types", "GET", "/api/user?loginId=%2B13035551212&loginIdTypes=email&loginIdTypes=phoneNumber&loginIdTypes=x%26y%3D1", "/api/user?loginId={loginId}",
			byLoginID("+13035551212", fusionauth.IdentityEmail, fusionauth.IdentityPhoneNumber, "x&y=1")},
		{"soft", "DELETE", "/api/user/" + userID, "/api/user/{userId}", deleting((*users).Deactivate, strings.ToUpper(userID))},
		{"hard", "DELETE", "/api/user/" + userID + "?hardDelete=true", "/api/user/{userId}?hardDelete=true", deleting((*users).Delete, strings.ToUpper(userID))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, tenant := range []string{"", tenantA} {
				var routes []string
				c, mock := newClient(t, func(cfg *fusionauth.Config) {
					cfg.TenantID = strings.ToUpper(tenant)
					cfg.HTTP.UserAgent = "test/1"
					cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { routes = append(routes, a.Route) }
				})
				body := `{"user":{"id":"` + userID + `"}}`
				if tt.method == http.MethodDelete {
					body = noErrors
				}
				got := answer(mock, 200, body)
				resp, err := tt.call(t.Context(), c)
				require.NoError(t, err)
				if tt.method == http.MethodGet {
					assert.Equal(t, []any{userID, 200, body}, []any{resp.User.ID, resp.StatusCode(), string(resp.Raw())})
				}
				require.Len(t, *got, 1)
				r := (*got)[0]
				assert.Equal(t, tt.method+" "+baseURL+tt.uri, r.Method+" "+r.URL.String())
				header := r.Header.Clone()
				assert.True(t, strings.HasPrefix(header.Get("User-Agent"), "test/1 enlist-go/"))
				header.Del("User-Agent")
				want := http.Header{"Authorization": {apiKey}, "Accept": {"application/json"}}
				if tenant != "" && !strings.Contains(tt.uri, userID) { // an id needs no tenant
					want.Set("X-FusionAuth-TenantId", tenant)
				}
				assert.Equal(t, want, header)
				if r.Body != nil {
					sent, err := io.ReadAll(r.Body)
					require.NoError(t, err)
					assert.Empty(t, sent)
				}
				assert.Equal(t, []string{tt.route}, routes)
			}
		})
	}
}

// TestWrongArgumentsAreNotSent: an argument that could reach another endpoint, or several users, is
// refused.
func TestWrongArgumentsAreNotSent(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	answer(mock, 200, "")
	refused := func(op, field, value string, call lookup) {
		_, err := call(t.Context(), c)
		e := asError(t, err)
		assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent, op}, []any{e.Kind, e.Outcome, e.Op})
		require.Len(t, e.FieldErrors, 1, value)
		assert.Equal(t, field, e.FieldErrors[0].VendorField)
		assert.Contains(t, e.FieldErrors[0].Message, "must be")
		if value := strings.TrimSpace(value); len(value) > 3 {
			assert.NotContains(t, fmt.Sprintf("%+v", e), value)
		}
	}
	for _, id := range []string{"", "..", "index", userID + "?hardDelete=true", "../../api/application/" + userID, "{" + userID + "}", "\xff"} {
		refused("look up user", "userId", id, by((*users).Get, id))
		refused("delete user", "userId", id, deleting((*users).Deactivate, id))
		refused("delete user", "userId", id, deleting((*users).Delete, id))
	}
	for _, text := range []string{"", " \t\n", "planted\xff"} {
		refused("look up user", "email", text, by((*users).GetByEmail, text))
		refused("look up user", "loginId", text, byLoginID(text))
		refused("look up user", "loginIdTypes[1]", text, byLoginID("jane", fusionauth.IdentityEmail, fusionauth.IdentityType(text)))
	}
	assert.Zero(t, mock.GetTotalCallCount())
}

const noErrors = `{"fieldErrors":{},"generalErrors":[]}`

// TestLookupErrors: the meaning of FusionAuth's own bodies. No error shows a sent value.
func TestLookupErrors(t *testing.T) {
	t.Parallel()
	const tenantRequired = `{"generalErrors":[{"code":"[TenantIdRequired]","message":"You must specify the X-FusionAuth-TenantId request header to indicate the tenant to use for this request."}]}`
	const absent, unavailable = userapi.KindNotFound, userapi.KindUnavailable
	const email, login = "planted.jane@example.com", "+13035551212"
	const echo = `{"fieldErrors":{"email":[{"code":"[invalid]email","message":"{value} of ` + tenantA + `"}],"{value}":[{"code":"[{value}]","message":"x"}]},` +
		`"generalErrors":[{"code":"[{value}]","message":"No user {VALUE} for ` + apiKey + `"}]}`
	for _, tt := range []struct {
		name, body string
		status     int
		kind       userapi.Kind
		code       string
		attempts   int
	}{
		{"an empty 404", "", 404, absent, "", 1},
		{"a 404 without errors", noErrors, 404, absent, "", 1},
		{"no tenant", tenantRequired, 400, userapi.KindInvalid, "TenantIdRequired", 1},
		{"a passing conflict", `{"fieldErrors":{},"generalErrors":[{"code":"[retryableConflict]","message":"again"}]}`, 409, unavailable, "retryableConflict", 3},
		{"an exception", `{"generalErrors":[{"code":"[Exception]","message":"no"}]}`, 500, unavailable, "Exception", 3},
		{"a webhook", `{"generalErrors":[{"code":"[WebhookTransactionException]","message":"no"}]}`, 504, unavailable, "WebhookTransactionException", 3},
		{"a success with an error", `{"user":{"id":"` + userID + `"},"generalErrors":[{"code":"[Exception]"}]}`, 200, userapi.KindProtocol, "", 1},
		{"another user", `{"user":{"id":"` + tenantA + `","email":"bob@example.com","username":"bob"}}`, 200, userapi.KindProtocol, "", 1},
		{"an echo", echo, 400, userapi.KindInvalid, "", 1},
		{"an echo in a success", echo, 200, userapi.KindProtocol, "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, quick, func(cfg *fusionauth.Config) { cfg.TenantID = tenantA })
			outcome := map[bool]userapi.Outcome{true: userapi.OutcomeRejected, false: userapi.OutcomeUnknown}[tt.kind == absent]
			for i, call := range []struct {
				do    lookup
				value string
			}{
				{by((*users).GetByEmail, email), email},
				{byLoginID(login, fusionauth.IdentityPhoneNumber), login},
				{by((*users).Get, userID), userID},
				{deleting((*users).Deactivate, userID), userID},
				{deleting((*users).Delete, userID), userID},
			} {
				body := strings.NewReplacer("{value}", call.value, "{VALUE}", strings.ToUpper(call.value)).Replace(tt.body)
				answer(mock, tt.status, body)
				resp, err := call.do(t.Context(), c)
				if i > 2 && tt.name == "another user" {
					require.NoError(t, err, "the reply to a delete is not read")
					continue
				}
				e := asError(t, err)
				assert.Nil(t, resp)
				assert.Equal(t, i > 2, e.Op == "delete user")
				assert.Equal(t, []any{tt.kind, outcome, tt.code, tt.status, tt.attempts}, []any{e.Kind, e.Outcome, e.Code, e.StatusCode, e.Attempts})
				assert.Nil(t, e.User)
				assert.Equal(t, i > 1, e.UserID == userID)
				var api *fusionauth.APIError
				if tt.status != 200 {
					require.ErrorAs(t, err, &api)
					assert.Equal(t, body, string(api.Body))
				}
				e.UserID = "" // the id in the request
				shown := strings.ToLower(everyForm(t, *e) + e.Message)
				for _, planted := range []string{call.value, tenantA, apiKey} {
					assert.False(t, strings.Contains(shown, strings.ToLower(planted)), "a value is shown")
				}
			}
		})
	}
}

// TestGetByLoginIDOfAnother: a reply without the requested login is refused.
func TestGetByLoginIDOfAnother(t *testing.T) {
	t.Parallel()
	const jane = `{"user":{"id":"` + userID + `","email":"jane@example.com","username":"jane","uniqueUsername":"jane#2","phoneNumber":"+13035551212"}}`
	const nameless = `{"user":{"id":"` + userID + `","phoneNumber":"+13035551212"}}`
	phone := []fusionauth.IdentityType{fusionauth.IdentityUsername, fusionauth.IdentityPhoneNumber}
	for _, tt := range []struct {
		login, body string
		types       []fusionauth.IdentityType
		found       bool
	}{
		{"jane@example.com", jane, nil, true},
		{"Jane", jane, phone, true},
		{"jane#2", jane, nil, true},
		{"303 555 1212", jane, phone, true},
		{"bob", nameless, nil, true},
		{"bob", jane, nil, false},
		{"bob1", jane, nil, false},
		{"bob", jane, phone, false},
		{"bob@example.com", jane, phone[:1], false},
		{"+13035551212", jane, nil, false}, // FusionAuth does not check it
		{"+13035551213", jane, phone, false},
	} {
		t.Run(tt.login, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, quick)
			answer(mock, 200, tt.body)
			resp, err := byLoginID(tt.login, tt.types...)(t.Context(), c)
			if !tt.found {
				require.ErrorIs(t, err, userapi.ErrProtocol)
				assert.Nil(t, resp)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, userID, resp.User.ID)
		})
	}
}
