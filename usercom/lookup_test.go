package usercom_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

// A reply is the vendor's reply.
type reply struct {
	status int
	body   string
	header http.Header
}

// answerAll makes the mock answer requests with the replies in order, and then with the last one
// repeatedly. It returns the list of each request's "METHOD URI".
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

// printed returns an error in every form in which a log can have it.
func printed(t *testing.T, err error) string {
	t.Helper()
	text, jsonErr := json.Marshal(err)
	require.NoError(t, jsonErr)
	return fmt.Sprintf("%v %+v %#v %s %s", err, err, err, err.Error(), text)
}

const ada = `{"id":310455021,"user_id":"crm-000781","email":"ada.nowak@example.org","created_at":"2026-03-02T08:15:30.104233Z"}`

// A lookup is a look-up without its result, or a delete.
type lookup func(context.Context, *usercom.Client) error

// by returns a look-up by a value.
func by[T, R any](get func(*usercom.UsersService, context.Context, T) (R, error), value T) lookup {
	return func(ctx context.Context, c *usercom.Client) error {
		_, err := get(c.Users, ctx, value)
		return err
	}
}

func byID(id int64) lookup          { return by((*usercom.UsersService).Get, id) }
func byUserID(userID string) lookup { return by((*usercom.UsersService).GetByUserID, userID) }
func byEmail(email string) lookup   { return by((*usercom.UsersService).FindByEmail, email) }
func byKey(key string) lookup       { return by((*usercom.UsersService).GetByKey, key) }
func byPhone(phone string) lookup   { return by((*usercom.UsersService).FindByPhone, phone) }
func remove(id int64) lookup {
	return func(ctx context.Context, c *usercom.Client) error { return c.Users.Delete(ctx, id) }
}

// TestLookupsOnTheWire: no value can change which call is sent, and the log has the path as a
// template.
func TestLookupsOnTheWire(t *testing.T) {
	t.Parallel()
	type wire struct {
		call                 lookup
		uri, attempt, userID string
	}
	wires := []wire{
		{byID(310455021), "GET /api/public/users/310455021/", "look up user /users/{id}/", ""},
		{remove(310455021), "DELETE /api/public/users/310455021/", "delete user /users/{id}/", ""},
	}
	for userID, path := range map[string]string{
		"310455021": "310455021/", "ada+x@example.org": "ada+x@example.org/", "a b": "a%20b/", " a ": "%20a%20/", "a?many=true#x": "a%3Fmany=true%23x/",
		"a;b&c=d{e}": "a%3Bb&c=d%7Be%7D/", "żółw": "%C5%BC%C3%B3%C5%82w/", "...": ".../", "Search": "Search/",
	} {
		wires = append(wires, wire{byUserID(userID), "GET /api/public/users-by-id/" + path, "look up user /users-by-id/{user_id}/", userID})
	}
	const onlyV1 = "look up user /users-by-id/search/"
	for userID, query := range map[string]string{
		"..%2f": "..%252f", "50%": "50%25", "a/b": "a%2Fb", "/": "%2F", "../users/1": "..%2Fusers%2F1", "a/set_attribute": "a%2Fset_attribute",
		`a\b`: "a%5Cb", "a\r\nHost: evil": "a%0D%0AHost%3A+evil", "a\x00": "a%00", ".": ".", "..": "..", "search": "search",
		"a/&user_id=b+c#d?e@f.g": "a%2F%26user_id%3Db%2Bc%23d%3Fe%40f.g",
	} {
		wires = append(wires, wire{byUserID(userID), "GET /api/public/users-by-id/search/?user_id=" + query, onlyV1, userID})
	}
	for email, query := range map[string]string{
		"ada+x@example.org":             "ada%2Bx%40example.org",
		"a&many=false&email=b@c.d":      "a%26many%3Dfalse%26email%3Db%40c.d",
		" ą#?/%@example.org\r\nX: y":    "+%C4%85%23%3F%2F%25%40example.org%0D%0AX%3A+y",
		"../../users/1/?email=@x.y/../": "..%2F..%2Fusers%2F1%2F%3Femail%3D%40x.y%2F..%2F",
	} {
		wires = append(wires, wire{byEmail(email), "GET /api/public/users/search/?email=" + query + "&many=true", "look up user /users/search/", ""})
	}
	for key, query := range map[string]string{"q7RtLm2XvB0d": "q7RtLm2XvB0d", "a&many=true#x+y/": "a%26many%3Dtrue%23x%2By%2F"} {
		wires = append(wires, wire{byKey(key), "GET /api/public/users/search/?key=" + query, "look up user /users/search/", ""})
	}
	for phone, query := range map[string]string{"+48 500100200": "%2B48+500100200", "5&email=x": "5%26email%3Dx"} {
		wires = append(wires, wire{byPhone(phone), "GET /api/public/users/search/?phone_number=" + query, "look up user /users/search/", ""})
	}
	for _, w := range wires {
		for version, accept := range map[usercom.Version]string{usercom.V1: "application/json", usercom.V2: "*/*; version=2"} {
			var attempts, seen []string
			c, mock := newClient(t, func(cfg *usercom.Config) {
				cfg.Version, cfg.Encoding = version, usercom.Form
				cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { attempts = append(attempts, a.Operation+" "+a.Route) }
			})
			mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
				seen = append(seen, r.Method+" "+r.URL.RequestURI())
				assert.Equal(t, []string{accept}, r.Header["Accept"])
				assert.Equal(t, []string{"en"}, r.Header["Accept-Language"])
				assert.True(t, r.Header.Get("Authorization") == "Token "+testKey)
				assert.Empty(t, r.Header["Content-Type"])
				if r.Body != nil {
					sent, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					assert.Empty(t, sent)
				}
				return httpmock.NewJsonResponse(200, map[string]any{"id": 310455021, "user_id": w.userID, "custom_id": w.userID})
			})
			err := w.call(t.Context(), c)
			if version == usercom.V2 && w.attempt == onlyV1 {
				require.ErrorIs(t, err, userapi.ErrInvalid, w.uri)
				assert.Equal(t, userapi.OutcomeNotSent, asError(t, err).Outcome)
				assert.Equal(t, []string{"custom_id"}, vendorFields(err))
				assert.Empty(t, seen)
				continue
			}
			require.NoError(t, err, w.uri)
			assert.Equal(t, []string{w.uri}, seen)
			assert.Equal(t, []string{w.attempt}, attempts)
		}
	}
}

func TestFindByEmail(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		ids    []int64
		bad    bool
	}{
		"a list":             {200, " [" + ada + `,{"id":"7"}]`, []int64{310455021, 7}, false},
		"an empty list":      {200, `[]`, nil, false},
		"a single user":      {200, ada, []int64{310455021}, false},
		"a page":             {200, `{"count":2,"next":null,"previous":null,"results":[{"id":7,"custom_id":"x"},{"id":8}]}`, []int64{7, 8}, false},
		"an empty page":      {200, `{"count":0,"next":null,"previous":null,"results":[]}`, nil, false},
		"user with results":  {200, `{"id":7,"results":[{"id":8}]}`, []int64{7}, false},
		"nothing found":      {404, `{"detail":"Not found."}`, nil, false},
		"fewer than counted": {200, `{"count":5,"next":null,"previous":null,"results":[]}`, nil, true},
		"counted twice":      {200, `{"count":5,"count":0,"next":null,"results":[]}`, nil, true},
		"a count of 5.0":     {200, `{"count":5.0,"next":null,"results":[]}`, nil, true},
		"a count of words":   {200, `{"count":"many","next":null,"results":[]}`, nil, true},
		"a count of null":    {200, `{"count":null,"results":[{"id":7}]}`, []int64{7}, false},
		"the last page":      {200, `{"count":0,"next":null,"previous":"https://acme.user.com/api/public/users/search/?page=1","results":[]}`, nil, true},
		"two next pages":     {200, `{"count":0,"next":"https://acme.user.com/api/public/users/search/?page=2","next":null,"results":[]}`, nil, true},
		"part of a page":     {200, `{"count":200,"next":"https://acme.user.com/api/public/users/search/?page=2","results":[{"id":7}]}`, nil, true},
		"without an id":      {200, `[{"id":7},{"email":"ada.nowak@example.org"}]`, nil, true},
		"null in the list":   {200, `[null]`, nil, true},
		"an error in it":     {200, `[{"id":7,"error":"x"}]`, nil, true},
		"an error":           {200, `{"errors":{"email":["x"]},"results":[]}`, nil, true},
		"null for results":   {200, `{"results":null}`, nil, true},
		"results no list":    {200, `{"results":{"id":7}}`, nil, true},
		"an empty object":    {200, `{}`, nil, true},
		"null":               {200, `null`, nil, true},
		"empty":              {200, ``, nil, true},
		"cut off":            {200, `[{"id":7},`, nil, true},
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
			assert.NotNil(t, users)
			var ids []int64
			for _, u := range users {
				ids = append(ids, u.ID)
				assert.Equal(t, test.body, string(u.Raw()))
			}
			assert.Equal(t, test.ids, ids)
		})
	}
}

// TestFindByPhone: V1 answers with a user and V2 with a page.
func TestFindByPhone(t *testing.T) {
	t.Parallel()
	const phone = "+48500100200"
	for name, test := range map[string]struct {
		reply
		ids []int64
		bad bool
	}{
		"a user":          {reply{200, `{"id":7,"phone_number":"+48 500-100-200"}`, nil}, []int64{7}, false},
		"a page":          {reply{200, `{"count":2,"next":null,"previous":null,"results":[{"id":7,"phone_number":"+48500100200"},{"id":8}]}`, nil}, []int64{7, 8}, false},
		"an empty page":   {reply{200, `{"results":[]}`, nil}, nil, false},
		"nobody":          {reply{404, `{"detail":"Not found."}`, nil}, nil, false},
		"another's":       {reply{200, `{"id":7,"phone_number":"+48500100999"}`, nil}, nil, true},
		"another among":   {reply{200, `{"results":[{"id":7,"phone_number":"+48500100200"},{"id":8,"phone_number":"+1"}]}`, nil}, nil, true},
		"part of a page":  {reply{200, `{"count":2,"results":[{"id":7}]}`, nil}, nil, true},
		"a page of HTML":  {reply{404, fixtureHTML, nil}, nil, true},
		"a gateway's 404": {reply{404, `{"message":"no Route matched"}`, nil}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			answerAll(mock, test.reply)
			users, err := c.Users.FindByPhone(t.Context(), phone)
			if test.bad {
				require.ErrorIs(t, err, userapi.ErrProtocol)
				assert.Nil(t, users)
				assert.NotContains(t, printed(t, err), "+48500100")
				return
			}
			require.NoError(t, err)
			var ids []int64
			for _, u := range users {
				ids = append(ids, u.ID)
			}
			assert.Equal(t, test.ids, ids)
		})
	}
}

func TestGetByKey(t *testing.T) {
	t.Parallel()
	for version, member := range map[usercom.Version]string{usercom.V1: "key", usercom.V2: "user_key"} {
		for body, bad := range map[string]bool{
			`{"id":7,"` + member + `":"q7RtLm2XvB0d"}`: false,
			`{"id":7,"` + member + `":"q7rtlm2xvb0d"}`: false, // V2 may show this form
			`{"id":7}`: false,
			`{"id":7,"` + member + `":"somebodyElse"}`:   true,
			`[{"id":7,"` + member + `":"q7RtLm2XvB0d"}]`: true,
		} {
			c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Version = version })
			answerAll(mock, reply{status: 200, body: body})
			u, err := c.Users.GetByKey(t.Context(), browserKey)
			if bad {
				require.ErrorIs(t, err, userapi.ErrProtocol, body)
				assert.NotContains(t, printed(t, err), browserKey)
				continue
			}
			require.NoError(t, err, body)
			assert.Equal(t, int64(7), u.ID)
		}
	}
	// In V2 a custom attribute can be named key, for example one from V1.
	c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Version = usercom.V2 })
	answerAll(mock, reply{status: 200, body: `{"id":7,"key":"somebodyElse","user_key":"q7RtLm2XvB0d"}`})
	u, err := c.Users.GetByKey(t.Context(), browserKey)
	require.NoError(t, err)
	assert.Equal(t, browserKey, *u.Key)
	assert.JSONEq(t, `"somebodyElse"`, string(u.Extra["key"]))

	srv, c := newFake(t, nil)
	visitor := srv.AddVisitor(browserKey)
	u, err = c.Users.GetByKey(t.Context(), browserKey)
	require.NoError(t, err)
	assert.Equal(t, visitor.ID, u.ID)
	_, err = c.Users.GetByKey(t.Context(), "nobody")
	require.ErrorIs(t, err, userapi.ErrNotFound)
}

// TestLookupReplies: the meaning of User.com's own bodies.
func TestLookupReplies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply
		kind    userapi.Kind
		message string
	}{
		"not found":       {reply{404, `{"detail":"Not found."}`, nil}, userapi.KindNotFound, "Not found."},
		"other words":     {reply{404, `{"detail":"No User matches ada.nowak@example.org."}`, nil}, userapi.KindNotFound, "No User matches […]."},
		"throttled":       {reply{429, `{"detail":"Request was throttled."}`, http.Header{"Retry-After": {"77"}}}, userapi.KindRateLimited, "Request was throttled."},
		"another user":    {reply{200, `{"id":7,"user_id":"crm-7"}`, nil}, userapi.KindProtocol, ""},
		"nobody":          {reply{200, `{"detail":"Not found."}`, nil}, userapi.KindProtocol, ""},
		"a list":          {reply{200, fixtureList, nil}, userapi.KindProtocol, ""},
		"a bare list":     {reply{200, "[" + ada + "]", nil}, userapi.KindProtocol, ""},
		"echo in the ray": {reply{401, `{"detail":"Not ada.nowak@example.org, nor ` + testKey + `"}`, http.Header{"Cf-Ray": {"ada.nowak@example.org"}}}, userapi.KindUnauthorized, "Not […], nor […]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcome := map[bool]userapi.Outcome{true: userapi.OutcomeRejected, false: userapi.OutcomeUnknown}[test.kind == userapi.KindNotFound]
			for userID, look := range map[string]lookup{"310455021": byID(310455021), "": byUserID("ada.nowak@example.org")} {
				c, mock := newClient(t, nil)
				answerAll(mock, test.reply)
				e := asError(t, look(t.Context(), c))
				assert.Equal(t, []any{test.kind, outcome, test.status, "look up user", userID}, []any{e.Kind, e.Outcome, e.StatusCode, e.Op, e.UserID})
				assert.Equal(t, 1, mock.GetTotalCallCount())
				assert.Nil(t, e.User)
				if userID != "" { // the address does not belong to this call
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

func TestLookupsRefuseLocally(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, nil)
	for field, call := range map[string]lookup{
		"id 0":             byID(0),
		"id -1":            remove(-1),
		"user_id none":     byUserID(""),
		"user_id blank":    byUserID(" \n"),
		"user_id no UTF-8": byUserID("s3cret\xff"),
		"key none":         byKey(" "),
		"key no UTF-8":     byKey("s3cret\xff"),
		"phone_number no":  byPhone(""),
		"email none":       byEmail(" "),
		"email no UTF-8":   byEmail("s3cret\xff"),
	} {
		e := asError(t, call(t.Context(), c))
		assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent}, []any{e.Kind, e.Outcome}, field)
		assert.Equal(t, strings.Fields(field)[:1], vendorFields(e))
		assert.False(t, strings.Contains(printed(t, e), "s3cret"))
	}
	assert.Zero(t, mock.GetTotalCallCount())
}
