package usercom_test

import (
	"context"
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

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
)

// A reply is what the vendor answers.
type reply struct {
	status int
	body   string
	header http.Header
}

// answerAll makes the mock answer every request with the replies, in turn, the last
// of them over and over, and returns where "METHOD URI" of each request is kept.
func answerAll(mock *httpmock.MockTransport, replies ...reply) *[]string {
	var seen []string
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		next := replies[min(len(seen), len(replies)-1)]
		seen = append(seen, r.Method+" "+r.URL.RequestURI())
		resp := httpmock.NewStringResponse(next.status, next.body)
		resp.Header.Set("Date", replyDate)
		resp.Header.Set("CF-Ray", "7a1b2c3d4e5f6071-WAW")
		for name := range next.header {
			resp.Header.Set(name, next.header.Get(name))
		}
		return resp, nil
	})
	return &seen
}

func asError(t *testing.T, err error) *userapi.Error {
	t.Helper()
	var e *userapi.Error
	require.ErrorAs(t, err, &e)
	return e
}

// printed is an error in every form in which it may get into a log.
func printed(t *testing.T, err error) string {
	t.Helper()
	text, jsonErr := json.Marshal(err)
	require.NoError(t, jsonErr)
	return fmt.Sprintf("%v %+v %#v %s %s", err, err, err, err.Error(), text)
}

const ada = `{"id":310455021,"user_id":"crm-000781","email":"ada.nowak@example.org","created_at":"2026-03-02T08:15:30.104233Z"}`

func TestGet(t *testing.T) {
	t.Parallel()
	for version, accept := range map[usercom.Version]string{usercom.V1: "application/json", usercom.V2: "*/*; version=2"} {
		c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Version, cfg.Encoding = version, usercom.Form })
		body := fixture(t, fmt.Sprintf("create_v%d_201.json", version+1))
		mock.RegisterResponder(http.MethodGet, usersURL+"310455021/", func(r *http.Request) (*http.Response, error) {
			assert.Equal(t, "/api/public/users/310455021/", r.URL.RequestURI())
			assert.Equal(t, []string{accept}, r.Header["Accept"])
			assert.True(t, r.Header.Get("Authorization") == "Token "+testKey)
			assert.Empty(t, r.Header["Content-Type"])
			if r.Body != nil {
				sent, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				assert.Empty(t, sent)
			}
			resp := httpmock.NewStringResponse(200, body)
			resp.Header.Set("CF-Ray", "7a1b2c3d4e5f6071-WAW")
			return resp, nil
		})
		u, err := c.Users.Get(t.Context(), 310455021)
		require.NoError(t, err)
		assert.Equal(t, int64(310455021), u.ID)
		assert.Equal(t, usercom.GenderFemale, u.Gender)
		assert.Equal(t, usercom.Text("crm-000781"), *u.UserID)
		assert.Equal(t, 200, u.StatusCode())
		assert.Equal(t, "7a1b2c3d4e5f6071-WAW", u.RequestID())
		assert.Equal(t, body, string(u.Raw()))
	}
}

// No user_id leads to another call than the one that is meant.
func TestGetByUserIDPaths(t *testing.T) {
	t.Parallel()
	const by, search = "GET /api/public/users-by-id/", "GET /api/public/users-by-id/search/?user_id="
	for userID, want := range map[string]string{
		"crm-000781":             by + "crm-000781/",
		"310455021":              by + "310455021/",
		"ada+x@example.org":      by + "ada+x@example.org/",
		"a b":                    by + "a%20b/",
		" a ":                    by + "%20a%20/",
		"a?many=true#x":          by + "a%3Fmany=true%23x/",
		"a;b&c=d{e}":             by + "a%3Bb&c=d%7Be%7D/",
		"żółw":                   by + "%C5%BC%C3%B3%C5%82w/",
		"...":                    by + ".../",
		"Search":                 by + "Search/",
		"..%2f":                  search + "..%252f",
		"50%":                    search + "50%25",
		"a/b":                    search + "a%2Fb",
		"/":                      search + "%2F",
		"../users/1":             search + "..%2Fusers%2F1",
		"a/set_attribute":        search + "a%2Fset_attribute",
		`a\b`:                    search + "a%5Cb",
		"a\r\nHost: evil":        search + "a%0D%0AHost%3A+evil",
		"a\x00":                  search + "a%00",
		".":                      search + ".",
		"..":                     search + "..",
		"search":                 search + "search",
		"a/&user_id=b+c#d?e@f.g": search + "a%2F%26user_id%3Db%2Bc%23d%3Fe%40f.g",
	} {
		body, err := json.Marshal(map[string]any{"id": 7, "user_id": userID})
		require.NoError(t, err)
		c, mock := newClient(t, nil)
		seen := answerAll(mock, reply{status: 200, body: string(body)})
		u, err := c.Users.GetByUserID(t.Context(), userID)
		require.NoError(t, err, userID)
		assert.Equal(t, int64(7), u.ID)
		assert.Equal(t, []string{want}, *seen)

		c, mock = newClient(t, func(cfg *usercom.Config) { cfg.Version = usercom.V2 })
		seen = answerAll(mock, reply{status: 200, body: strings.Replace(string(body), "user_id", "custom_id", 1)})
		_, err = c.Users.GetByUserID(t.Context(), userID)
		if strings.HasPrefix(want, search) {
			require.ErrorIs(t, err, userapi.ErrInvalid, userID)
			assert.Equal(t, userapi.OutcomeNotSent, asError(t, err).Outcome)
			assert.Equal(t, []string{"custom_id"}, vendorFields(err))
			assert.Empty(t, *seen)
			continue
		}
		require.NoError(t, err, userID)
		assert.Equal(t, []string{want}, *seen)
	}
}

func TestFindByEmail(t *testing.T) {
	t.Parallel()
	const path = "GET /api/public/users/search/?email="
	for email, want := range map[string]string{
		"ada.nowak@example.org":         "ada.nowak%40example.org&many=true",
		"ada+x@example.org":             "ada%2Bx%40example.org&many=true",
		"a&many=false&email=b@c.d":      "a%26many%3Dfalse%26email%3Db%40c.d&many=true",
		" ą#?/%@example.org\r\nX: y":    "+%C4%85%23%3F%2F%25%40example.org%0D%0AX%3A+y&many=true",
		"../../users/1/?email=@x.y/../": "..%2F..%2Fusers%2F1%2F%3Femail%3D%40x.y%2F..%2F&many=true",
	} {
		c, mock := newClient(t, nil)
		seen := answerAll(mock, reply{status: 200, body: "[]"})
		users, err := c.Users.FindByEmail(t.Context(), email)
		require.NoError(t, err)
		assert.NotNil(t, users)
		assert.Empty(t, users)
		assert.Equal(t, []string{path + want}, *seen)
	}
	for name, test := range map[string]struct {
		status int
		body   string
		ids    []int64
		bad    bool
	}{
		"a list":             {200, " [" + ada + `,{"id":"7"}]`, []int64{310455021, 7}, false},
		"a single user":      {200, ada, []int64{310455021}, false},
		"a page":             {200, `{"count":2,"next":null,"previous":null,"results":[{"id":7,"custom_id":"x"},{"id":8}]}`, []int64{7, 8}, false},
		"an empty page":      {200, `{"count":0,"next":null,"previous":null,"results":[]}`, nil, false},
		"user with results":  {200, `{"id":7,"results":[{"id":8}]}`, []int64{7}, false},
		"nothing found":      {404, `{"detail":"Not found."}`, nil, false},
		"fewer than counted": {200, `{"count":5,"next":null,"previous":null,"results":[]}`, nil, true},
		"counted twice":      {200, `{"count":5,"count":0,"next":null,"results":[]}`, nil, true},
		"two next pages":     {200, `{"count":0,"next":"https://acme.user.com/api/public/users/search/?page=2","next":null,"results":[]}`, nil, true},
		"part of a page":     {200, `{"count":200,"next":"https://acme.user.com/api/public/users/search/?page=2","results":[{"id":7}]}`, nil, true},
		"without an id":      {200, `[{"id":7},{"email":"ada.nowak@example.org"}]`, nil, true},
		"null in the list":   {200, `[null]`, nil, true},
		"an error in it":     {200, `[{"id":7,"error":"x"}]`, nil, true},
		"an error":           {200, `{"errors":{"email":["x"]},"results":[]}`, nil, true},
		"results are none":   {200, `{"results":null}`, nil, true},
		"results no list":    {200, `{"results":{"id":7}}`, nil, true},
		"an empty object":    {200, `{}`, nil, true},
		"null":               {200, `null`, nil, true},
		"empty":              {200, ``, nil, true},
		"cut off":            {200, `[{"id":7},`, nil, true},
		"a page of HTML":     {200, `<html></html>`, nil, true},
		"404 in HTML":        {404, `<!DOCTYPE html><h1>404</h1>`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			answerAll(mock, reply{status: test.status, body: test.body})
			users, err := c.Users.FindByEmail(t.Context(), "ada.nowak@example.org")
			if test.bad {
				require.ErrorIs(t, err, userapi.ErrProtocol)
				assert.Equal(t, userapi.OutcomeUnknown, asError(t, err).Outcome)
				assert.Nil(t, users)
				return
			}
			require.NoError(t, err)
			var ids []int64
			for _, u := range users {
				ids = append(ids, u.ID)
				assert.Equal(t, test.body, string(u.Raw()))
			}
			assert.Equal(t, test.ids, ids)
		})
	}
}

// A look-up says that a user does not exist when User.com says so, and on no other
// occasion.
func TestLookupReplies(t *testing.T) {
	t.Parallel()
	const gone = userapi.OutcomeRejected
	for name, test := range map[string]struct {
		reply
		kind    userapi.Kind
		outcome userapi.Outcome
		message string
	}{
		"not found":       {reply{404, `{"detail":"Not found."}`, nil}, userapi.KindNotFound, gone, "Not found."},
		"other words":     {reply{404, `{"detail":"No User matches ada.nowak@example.org."}`, nil}, userapi.KindNotFound, gone, "No User matches […]."},
		"404 in HTML":     {reply{404, fixtureHTML, nil}, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"wrong token":     {reply{401, `{"detail":"Invalid token."}`, nil}, userapi.KindUnauthorized, userapi.OutcomeUnknown, "Invalid token."},
		"forbidden":       {reply{403, `<html></html>`, nil}, userapi.KindForbidden, userapi.OutcomeUnknown, ""},
		"refused":         {reply{400, `{"errors":{"email":["Enter a valid email address."]}}`, nil}, userapi.KindInvalid, userapi.OutcomeUnknown, ""},
		"422":             {reply{422, `{"email":["x"]}`, nil}, userapi.KindInvalid, userapi.OutcomeUnknown, ""},
		"throttled":       {reply{429, `{"detail":"Request was throttled."}`, http.Header{"Retry-After": {"77"}}}, userapi.KindRateLimited, userapi.OutcomeUnknown, "Request was throttled."},
		"moved":           {reply{301, ``, http.Header{"Location": {"/api/public/users/"}}}, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"gateway":         {reply{502, `<html></html>`, nil}, userapi.KindUnavailable, userapi.OutcomeUnknown, ""},
		"another user":    {reply{200, `{"id":7,"user_id":"crm-7"}`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"nobody":          {reply{200, `{"detail":"Not found."}`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"an error in it":  {reply{200, `{"id":310455021,"user_id":"ada.nowak@example.org","errors":["x"]}`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"a list":          {reply{200, fixtureList, nil}, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"a bare list":     {reply{200, "[" + ada + "]", nil}, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"cut off":         {reply{200, `{"id":310455021,"user_id":"ada.nowak@example.org",`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"no content":      {reply{204, ``, nil}, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"echo in the ray": {reply{401, `{"detail":"Not ada.nowak@example.org, nor ` + testKey + `"}`, http.Header{"Cf-Ray": {"ada.nowak@example.org"}}}, userapi.KindUnauthorized, userapi.OutcomeUnknown, "Not […], nor […]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for call, look := range map[string]func(*usercom.Client) error{
				"Get": func(c *usercom.Client) error {
					_, err := c.Users.Get(t.Context(), 310455021)
					return err
				},
				"GetByUserID": func(c *usercom.Client) error {
					_, err := c.Users.GetByUserID(t.Context(), "ada.nowak@example.org")
					return err
				},
			} {
				c, mock := newClient(t, nil)
				answerAll(mock, test.reply)
				e := asError(t, look(c))
				assert.Equal(t, test.kind, e.Kind, call)
				assert.Equal(t, test.outcome, e.Outcome, call)
				assert.Equal(t, test.status, e.StatusCode, call)
				assert.Equal(t, "look up user", e.Op, call)
				assert.Equal(t, 1, mock.GetTotalCallCount(), call)
				assert.Nil(t, e.User, call)
				if call == "Get" {
					assert.Equal(t, "310455021", e.UserID)
					continue
				}
				if test.message != "" {
					assert.Equal(t, test.message, e.Message)
				}
				text := printed(t, e)
				assert.False(t, strings.Contains(text, "ada.nowak"), "the value is shown")
				assert.False(t, strings.Contains(text, testKey), "the key is shown")
			}
		})
	}
}

const (
	fixtureHTML = "<!DOCTYPE html>\n<html><head><title>User.com | Page not found</title></head></html>\n"
	fixtureList = `{"count":1,"next":null,"previous":null,"results":[` + ada + `]}`
)

// A reply that could not be read whole proves nothing, not even what was read of it.
func TestLookupsReadWhole(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *usercom.Config) { cfg.HTTP.MaxResponseBytes = int64(len(ada)) + 2 })
	seen := answerAll(mock, reply{status: 200, body: ada + "        "})
	_, err := c.Users.Get(t.Context(), 310455021)
	require.ErrorIs(t, err, userapi.ErrProtocol)
	_, err = c.Users.FindByEmail(t.Context(), "ada.nowak@example.org")
	require.ErrorIs(t, err, userapi.ErrProtocol)
	assert.Equal(t, userapi.OutcomeUnknown, asError(t, err).Outcome)
	assert.Len(t, *seen, 2)

	c, mock = newClient(t, func(cfg *usercom.Config) { cfg.HTTP.MaxResponseBytes = 5 })
	answerAll(mock, reply{status: 200, body: "          "})
	require.ErrorIs(t, c.DeleteUser(t.Context(), "7"), userapi.ErrProtocol)
}

func TestLookupsAreRepeated(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	made, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{ExternalID: "crm/1", Email: "ada.nowak@example.org"})
	require.NoError(t, err)
	srv.Inject(userapitest.Fault{On: userapitest.Lookup, Do: userapitest.Reset})
	srv.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 502})
	u, err := c.Users.GetByUserID(t.Context(), "crm/1")
	require.NoError(t, err)
	assert.Len(t, srv.Requests(), 4)
	assert.Equal(t, made.ID, fmt.Sprint(u.ID))

	srv.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 503, Times: 3})
	_, err = c.Users.FindByEmail(t.Context(), "ada.nowak@example.org")
	e := asError(t, err)
	assert.Equal(t, userapi.KindUnavailable, e.Kind)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Equal(t, 3, e.Attempts)
	found, err := c.Users.FindByEmail(t.Context(), "ada.nowak@example.org")
	require.NoError(t, err)
	assert.Len(t, found, 1)
}

func TestLookupsRefuseLocally(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, nil)
	for field, call := range map[string]func() error{
		"id 0":             func() error { _, err := c.Users.Get(t.Context(), 0); return err },
		"id -1":            func() error { return c.Users.Delete(t.Context(), -1) },
		"user_id none":     func() error { _, err := c.Users.GetByUserID(t.Context(), ""); return err },
		"user_id blank":    func() error { _, err := c.Users.GetByUserID(t.Context(), " \n"); return err },
		"user_id no UTF-8": func() error { _, err := c.Users.GetByUserID(t.Context(), "s3cret\xff"); return err },
		"email none":       func() error { _, err := c.Users.FindByEmail(t.Context(), " "); return err },
		"email no UTF-8":   func() error { _, err := c.Users.FindByEmail(t.Context(), "s3cret\xff"); return err },
	} {
		e := asError(t, call())
		assert.Equal(t, userapi.KindInvalid, e.Kind, field)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome, field)
		assert.Equal(t, strings.Fields(field)[:1], vendorFields(e))
		assert.False(t, strings.Contains(printed(t, e), "s3cret"))
	}
	assert.Zero(t, mock.GetTotalCallCount())

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Users.Get(canceled, 1)
	require.ErrorIs(t, err, userapi.ErrCanceled)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply
		kind    userapi.Kind
		outcome userapi.Outcome
	}{
		"deleted":        {reply{204, "", nil}, userapi.KindUnknown, userapi.OutcomeUnknown},
		"with an object": {reply{200, `{"status":"ok"}`, nil}, userapi.KindUnknown, userapi.OutcomeUnknown},
		"not found":      {reply{404, `{"detail":"Not found."}`, nil}, userapi.KindNotFound, userapi.OutcomeRejected},
		"404 in HTML":    {reply{404, fixtureHTML, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"a page of HTML": {reply{200, fixtureHTML, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"an error in it": {reply{200, `{"error":"x"}`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"wrong token":    {reply{401, `{"detail":"Invalid token."}`, nil}, userapi.KindUnauthorized, userapi.OutcomeUnknown},
		"gateway":        {reply{504, ``, nil}, userapi.KindUnavailable, userapi.OutcomeUnknown},
		"moved":          {reply{308, ``, http.Header{"Location": {"/elsewhere/"}}}, userapi.KindProtocol, userapi.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			seen := answerAll(mock, test.reply)
			err := c.Users.Delete(t.Context(), 310455021)
			assert.Equal(t, []string{"DELETE /api/public/users/310455021/"}, *seen)
			if test.kind == userapi.KindUnknown {
				require.NoError(t, err)
				return
			}
			e := asError(t, err)
			assert.Equal(t, test.kind, e.Kind)
			assert.Equal(t, test.outcome, e.Outcome)
			assert.Equal(t, "delete user", e.Op)
			assert.Equal(t, "310455021", e.UserID)
		})
	}
}

// The log has the paths as templates.
func TestRoutesHoldNoValues(t *testing.T) {
	t.Parallel()
	var routes []string
	c, mock := newClient(t, func(cfg *usercom.Config) {
		cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { routes = append(routes, a.Operation+" "+a.Route) }
	})
	answerAll(mock, reply{status: 404, body: `{"detail":"Not found."}`})
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := c.Users.Get(ctx, 5); return err },
		func(ctx context.Context) error { _, err := c.Users.GetByUserID(ctx, "crm-5"); return err },
		func(ctx context.Context) error { _, err := c.Users.GetByUserID(ctx, "crm/5"); return err },
		func(ctx context.Context) error { return c.Users.Delete(ctx, 5) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.ErrorIs(t, call(ctx), userapi.ErrNotFound)
		cancel()
	}
	_, err := c.Users.FindByEmail(t.Context(), "a@b.example")
	require.NoError(t, err)
	assert.Equal(t, []string{
		"look up user /users/{id}/", "look up user /users-by-id/{user_id}/", "look up user /users-by-id/search/",
		"delete user /users/{id}/", "look up user /users/search/",
	}, routes)
}
