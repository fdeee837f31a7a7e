package fusionauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

// answer has the mock answer every request, and returns what it receives.
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

func get(id string) lookup {
	return func(ctx context.Context, c *fusionauth.Client) (*fusionauth.GetUserResponse, error) {
		return c.Users.Get(ctx, id)
	}
}

func byEmail(email string) lookup {
	return func(ctx context.Context, c *fusionauth.Client) (*fusionauth.GetUserResponse, error) {
		return c.Users.GetByEmail(ctx, email)
	}
}

func byLoginID(loginID string, types ...fusionauth.IdentityType) lookup {
	return func(ctx context.Context, c *fusionauth.Client) (*fusionauth.GetUserResponse, error) {
		return c.Users.GetByLoginID(ctx, loginID, types...)
	}
}

func deactivate(id string) lookup {
	return func(ctx context.Context, c *fusionauth.Client) (*fusionauth.GetUserResponse, error) {
		return nil, c.Users.Deactivate(ctx, id)
	}
}

func remove(id string) lookup {
	return func(ctx context.Context, c *fusionauth.Client) (*fusionauth.GetUserResponse, error) {
		return nil, c.Users.Delete(ctx, id)
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
		{"id", "GET", "/api/user/" + userID, "/api/user/{userId}", get(userID)},
		{"id in upper case", "GET", "/api/user/" + userID, "/api/user/{userId}", get(strings.ToUpper(userID))},
		{"e-mail", "GET", "/api/user?email=Jane%40Example.com", "/api/user?email={email}", byEmail("Jane@Example.com")},
		{"hostile e-mail", "GET", "/api/user?email=" + escaped, "/api/user?email={email}", byEmail(hostile)},
		{"dots", "GET", "/api/user?email=..", "/api/user?email={email}", byEmail("..")},
		{"login", "GET", "/api/user?loginId=jane", "/api/user?loginId={loginId}", byLoginID("jane")},
		{"hostile login", "GET", "/api/user?loginId=" + escaped, "/api/user?loginId={loginId}", byLoginID(hostile)},
		{"types", "GET", "/api/user?loginId=%2B13035551212&loginIdTypes=email&loginIdTypes=phoneNumber&loginIdTypes=x%26y%3D1", "/api/user?loginId={loginId}",
			byLoginID("+13035551212", fusionauth.IdentityEmail, fusionauth.IdentityPhoneNumber, "x&y=1")},
		{"soft", "DELETE", "/api/user/" + userID, "/api/user/{userId}", deactivate(strings.ToUpper(userID))},
		{"hard", "DELETE", "/api/user/" + userID + "?hardDelete=true", "/api/user/{userId}?hardDelete=true", remove(strings.ToUpper(userID))},
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
					body = ""
				}
				got := answer(mock, 200, body)
				resp, err := tt.call(t.Context(), c)
				require.NoError(t, err)
				if tt.method == http.MethodGet {
					assert.Equal(t, userID, resp.User.ID)
				}
				require.Len(t, *got, 1)
				r := (*got)[0]
				assert.Equal(t, tt.method, r.Method)
				assert.Equal(t, baseURL+tt.uri, r.URL.String())
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

// What could reach another endpoint, or more than one user, is not sent.
func TestWrongArgumentsAreNotSent(t *testing.T) {
	t.Parallel()
	type faulty struct {
		op, field, value string
		call             lookup
	}
	var calls []faulty
	for _, id := range []string{
		"", ".", "..", "/", "index", userID + "/", userID + "?hardDelete=true", "../../api/application/" + userID, " " + userID,
		strings.ReplaceAll(userID, "-", ""), "{" + userID + "}", "%2e%2e", "\xff", userID[:35] + "/",
	} {
		calls = append(calls,
			faulty{"look up user", "userId", id, get(id)}, faulty{"delete user", "userId", id, deactivate(id)},
			faulty{"delete user", "userId", id, remove(id)},
		)
	}
	for _, text := range []string{"", " \t\n", "planted\xff"} {
		calls = append(calls,
			faulty{"look up user", "email", text, byEmail(text)}, faulty{"look up user", "loginId", text, byLoginID(text)},
			faulty{"look up user", "loginIdTypes[1]", text, byLoginID("jane", fusionauth.IdentityEmail, fusionauth.IdentityType(text))},
		)
	}
	c, mock := newClient(t)
	answer(mock, 200, "")
	for _, tt := range calls {
		_, err := tt.call(t.Context(), c)
		e := asError(t, err)
		assert.Equal(t, userapi.KindInvalid, e.Kind)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
		assert.Equal(t, tt.op, e.Op)
		require.Len(t, e.FieldErrors, 1, tt.value)
		assert.Equal(t, tt.field, e.FieldErrors[0].VendorField)
		assert.Contains(t, e.FieldErrors[0].Message, "must be")
		if value := strings.TrimSpace(tt.value); len(value) > 3 {
			assert.NotContains(t, fmt.Sprintf("%+v", e), value)
		}
	}
	assert.Zero(t, mock.GetTotalCallCount())
}

func TestLookupReturnsTheUser(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	body, err := os.ReadFile("testdata/create_user_response.json")
	require.NoError(t, err)
	var sample struct{ User struct{ ID, Email string } }
	require.NoError(t, json.Unmarshal(body, &sample))
	answer(mock, 200, string(body))
	for _, call := range []lookup{get(sample.User.ID), byEmail(sample.User.Email), byLoginID("jane")} {
		resp, err := call(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode())
		assert.True(t, string(resp.Raw()) == string(body), "the reply is kept byte for byte")
		assert.Equal(t, sample.User.ID, resp.User.ID)
		assert.Equal(t, sample.User.Email, *resp.User.Email)
		assert.False(t, resp.User.InsertInstant.IsZero())
		assert.NotEmpty(t, resp.User.Memberships)
	}
}

const (
	tenantRequired = `{"generalErrors":[{"code":"[TenantIdRequired]","message":"You must specify the X-FusionAuth-TenantId request header to indicate the tenant to use for this request."}]}`
	noErrors       = `{"fieldErrors":{},"generalErrors":[]}`
	page           = "<html><body><h1>404 Not Found</h1></body></html>"
)

func TestLookupErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		status     int
		kind       userapi.Kind
		outcome    userapi.Outcome
		code       string
		attempts   int
	}{
		{"an empty 404", "", 404, userapi.KindNotFound, userapi.OutcomeRejected, "", 1},
		{"a 404 without errors", noErrors, 404, userapi.KindNotFound, userapi.OutcomeRejected, "", 1},
		{"a page for a 404", page, 404, userapi.KindProtocol, userapi.OutcomeUnknown, "", 1},
		{"a gateway's 404", `{"message":"no Route matched with those values"}`, 404, userapi.KindProtocol, userapi.OutcomeUnknown, "", 1},
		{"no key", "", 401, userapi.KindUnauthorized, userapi.OutcomeUnknown, "", 1},
		{"the firewall", page, 403, userapi.KindForbidden, userapi.OutcomeUnknown, "", 1},
		{"no tenant", tenantRequired, 400, userapi.KindInvalid, userapi.OutcomeUnknown, "TenantIdRequired", 1},
		{"unprocessable", noErrors, 422, userapi.KindInvalid, userapi.OutcomeUnknown, "", 1},
		{"a redirect", "", 307, userapi.KindProtocol, userapi.OutcomeUnknown, "", 1},
		{"too many", "", 429, userapi.KindRateLimited, userapi.OutcomeUnknown, "", 3},
		{"a passing conflict", `{"fieldErrors":{},"generalErrors":[{"code":"[retryableConflict]","message":"again"}]}`, 409, userapi.KindUnavailable, userapi.OutcomeUnknown, "retryableConflict", 3},
		{"an exception", `{"generalErrors":[{"code":"[Exception]","message":"no"}]}`, 500, userapi.KindUnavailable, userapi.OutcomeUnknown, "Exception", 3},
		{"a load balancer", page, 504, userapi.KindUnavailable, userapi.OutcomeUnknown, "", 3},
		{"a webhook", `{"generalErrors":[{"code":"[WebhookTransactionException]","message":"no"}]}`, 504, userapi.KindUnavailable, userapi.OutcomeUnknown, "WebhookTransactionException", 3},
		{"a success with an error", `{"user":{"id":"` + userID + `"},"generalErrors":[{"code":"[Exception]"}]}`, 200, userapi.KindProtocol, userapi.OutcomeUnknown, "", 1},
		{"a success with a page", page, 200, userapi.KindProtocol, userapi.OutcomeUnknown, "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, quick)
			answer(mock, tt.status, tt.body)
			for op, calls := range map[string][]lookup{
				"look up user": {get(userID), byEmail("jane@example.com"), byLoginID("jane")},
				"delete user":  {deactivate(userID), remove(userID)},
			} {
				for i, call := range calls {
					resp, err := call(t.Context(), c)
					e := asError(t, err)
					assert.Nil(t, resp)
					assert.Equal(t, op, e.Op)
					assert.Equal(t, tt.kind, e.Kind)
					assert.Equal(t, tt.outcome, e.Outcome)
					assert.Equal(t, tt.code, e.Code)
					assert.Equal(t, tt.status, e.StatusCode)
					assert.Equal(t, tt.attempts, e.Attempts)
					assert.Nil(t, e.User)
					assert.Equal(t, i == 0 || op == "delete user", e.UserID == userID)
					var api *fusionauth.APIError
					if tt.status != 200 {
						require.ErrorAs(t, err, &api)
						assert.Equal(t, tt.body, string(api.Body))
					}
				}
			}
		})
	}
}

func TestLookupWithoutTheUser(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing": "", "null": "null", "an empty object": "{}", "no id": `{"user":{}}`, "an id elsewhere": `{"id":"` + userID + `"}`,
		"another user": `{"user":{"id":"` + tenantA + `"}}`, "cut off": `{"user":{"id":"` + userID + `","em`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			answer(mock, 200, body)
			_, err := c.Users.Get(t.Context(), userID)
			e := asError(t, err)
			assert.Equal(t, userapi.KindProtocol, e.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
			assert.Equal(t, userID, e.UserID)
		})
	}
}

func TestDeleteSucceedsWithoutABody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		body   string
	}{{200, ""}, {204, ""}, {200, " \n"}, {200, "{}"}, {200, noErrors}} {
		c, mock := newClient(t)
		answer(mock, tt.status, tt.body)
		require.NoError(t, c.Users.Delete(t.Context(), userID))
		require.NoError(t, c.Users.Deactivate(t.Context(), userID))
	}
}

func TestLookupAfterItsDeadline(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	answer(mock, 404, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, call := range []lookup{get(userID), remove(userID)} {
		_, err := call(ctx, c)
		e := asError(t, err)
		assert.Equal(t, userapi.KindCanceled, e.Kind)
		assert.Equal(t, userapi.OutcomeUnknown, e.Outcome, "nothing was learnt")
		require.ErrorIs(t, err, context.Canceled)
	}
	assert.Zero(t, mock.GetTotalCallCount())
}

func TestLookupErrorsShowNoValues(t *testing.T) {
	t.Parallel()
	const email, login = "planted.jane@example.com", "+13035551212"
	echo := func(value string) string {
		return `{"fieldErrors":{"email":[{"code":"[invalid]email","message":"` + value + ` of ` + tenantA + `"}],"` + value + `":[{"code":"[` + value + `]","message":"x"}]},` +
			`"generalErrors":[{"code":"[` + value + `]","message":"No user ` + strings.ToUpper(value) + ` for ` + apiKey + `"}]}`
	}
	for value, call := range map[string]lookup{
		email: byEmail(email), login: byLoginID(login, fusionauth.IdentityPhoneNumber), userID: get(userID),
	} {
		for _, status := range []int{400, 200} {
			c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.TenantID = tenantA })
			answer(mock, status, echo(value))
			_, err := call(t.Context(), c)
			e := asError(t, err)
			e.UserID = "" // the id is the error's to tell
			encoded, marshalErr := json.Marshal(e)
			require.NoError(t, marshalErr)
			shown := e.Error() + e.Message + fmt.Sprintf("%+v %#v %+v", e, e, e.FieldErrors) + string(encoded)
			for _, planted := range []string{value, tenantA, apiKey} {
				assert.False(t, strings.Contains(strings.ToLower(shown), strings.ToLower(planted)), "%s is shown", planted)
			}
		}
	}
}
