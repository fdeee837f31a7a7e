package usercomtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

const testKey = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// A caller talks to a server without the client.
type caller struct {
	t      *testing.T
	srv    *usercomtest.Server
	header http.Header
}

func newCaller(t *testing.T, opts ...usercomtest.Option) *caller {
	t.Helper()
	return &caller{
		t: t, srv: usercomtest.NewServer(t, append(opts, usercomtest.WithAPIKey(testKey))...),
		header: http.Header{"Authorization": {"Token " + testKey}, "Content-Type": {"application/json"}},
	}
}

// with returns a caller that sends another header.
func (c caller) with(name, value string) *caller {
	c.header = c.header.Clone()
	c.header.Set(name, value)
	return &c
}

func (c *caller) do(method, path, body string) (*http.Response, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.srv.URL()+"/api/public"+path, strings.NewReader(body))
	require.NoError(c.t, err)
	r.Header = c.header
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return resp, string(data)
}

// expect sends and compares status and body.
func (c *caller) expect(method, path, body string, status int, reply string) http.Header {
	c.t.Helper()
	resp, got := c.do(method, path, body)
	assert.Equal(c.t, status, resp.StatusCode, "%s %s", method, path)
	assert.Equal(c.t, reply, got, "%s %s", method, path)
	assert.NotEmpty(c.t, resp.Header.Get("CF-Ray"))
	return resp.Header
}

// create makes a user and returns its id.
func (c *caller) create(body string) int64 {
	c.t.Helper()
	resp, got := c.do(http.MethodPost, "/users/", body)
	require.Equal(c.t, http.StatusCreated, resp.StatusCode, got)
	var u struct{ ID int64 }
	require.NoError(c.t, json.Unmarshal([]byte(got), &u))
	return u.ID
}

func at(moment string) usercomtest.Option {
	now, err := time.Parse(time.RFC3339Nano, moment)
	if err != nil {
		panic(err)
	}
	return usercomtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return now }})
}

const ada = `{"email":"ada@example.org","user_id":"crm-1","gender":3,"status":"2","score":0,"company_id":"acme-7","tags":["newsletter"],"nickname":"x"}`

func TestReplies(t *testing.T) {
	t.Parallel()
	c := newCaller(t, at("2026-03-02T08:15:30.104233Z"))
	const v1 = `{"id":310455021,"key":"ZZZZZZZZZZZZ","name":"ada@example.org","email":"ada@example.org","gender":"female","status":"user",` +
		`"phone_number":null,"first_seen":null,"last_seen":null,"page_views":0,"last_ip":null,"timezone":null,"city":null,"region":null,` +
		`"country":null,"unsubscribed":false,"browser_language":null,"score":0,"browser":null,"os_type":null,"resolution":null,` +
		`"created_at":"2026-03-02T08:15:30.104233Z","updated_at":"2026-03-02T08:15:30.104233Z",` +
		`"companies":[{"id":52,"name":"acme-7","member_since":"2026-03-02T08:15:30.104233Z"}],"attributes":[],"gravatar_url":null,"lists":[],` +
		`"tags":[{"id":9001,"name":"newsletter"}],"notifications":true,"facebook_url":null,"linkedin_url":null,"twitter_url":null,` +
		`"google_url":null,"last_contacted":null,"user_id":"crm-1"}`
	resp, got := c.do(http.MethodPost, "/users/", ada)
	key := c.srv.Users()[0].Key
	assert.Len(t, key, 12)
	assert.Equal(t, strings.Replace(v1, "ZZZZZZZZZZZZ", key, 1), got)
	assert.Equal(t, http.StatusCreated, resp.StatusCode)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	assert.Equal(t, "Mon, 02 Mar 2026 08:15:30 GMT", resp.Header.Get("Date"))
	assert.Equal(t, "GET, POST, HEAD, OPTIONS", resp.Header.Get("Allow"))
	assert.Equal(t, "cloudflare", resp.Header.Get("Server"))

	h := c.expect(http.MethodPost, "/users/310455021/set_multiple_attributes/", `{"seats":12345678901234567890,"a":[1,null]}`, 200, "")
	assert.Empty(t, h.Values("Content-Type"))
	_, got = c.with("Accept", "*/*;version=2").do(http.MethodGet, "/users/310455021/", "")
	assert.Contains(t, got, `{"id":310455021,"user_key":"`+key+`","custom_id":"crm-1",`)
	assert.Contains(t, got, `"assigned_to":null,"a":[1,null],"seats":12345678901234567890}`)
	_, got = c.do(http.MethodGet, "/users/310455021/", "")
	assert.Contains(t, got, `"attributes":[{"id":501,"name":"a","name_std":"a","value":[1,null],"description":""},{"id":502,"name":"seats","name_std":"seats","value":12345678901234567890,"description":""}]`)
	assert.NotEqual(t, resp.Header.Get("CF-Ray"), h.Get("CF-Ray"))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	c.create(ada)
	const create = "/users/"
	for body, faults := range map[string]string{
		`{"gender":"male","status":"user"}`: `{"gender":["\"male\" is not a valid choice."],"status":["\"user\" is not a valid choice."]}`,
		`{"gender":4}`:                      `{"gender":["\"4\" is not a valid choice."]}`,
		`{"email":"x@","score":"many","notifications":"perhaps"}`:                `{"email":["Enter a valid email address."],"notifications":["Must be a valid boolean."],"score":["A valid integer is required."]}`,
		`{"email":null,"user_id":" ","city":{},"region":true}`:                   `{"city":["Not a valid string."],"email":["This field may not be null."],"region":["Not a valid string."],"user_id":["This field may not be blank."]}`,
		`{"gender":null,"score":null,"unsubscribed":null,"tags":null}`:           `{"gender":["This field may not be null."],"score":["This field may not be null."],"tags":["This field may not be null."],"unsubscribed":["This field may not be null."]}`,
		`{"first_name":"` + strings.Repeat("ł", 41) + `"}`:                       `{"first_name":["Ensure this field has no more than 40 characters."]}`,
		`{"phone_number":"` + strings.Repeat("1", 65) + `","tags":"newsletter"}`: `{"phone_number":["Ensure this field has no more than 64 characters."],"tags":["Expected a list of items."]}`,
		`{"tags":["a",["b"]]}`: `{"tags":["Not a valid string."]}`,
		`{"tags":[""]}`:        `{"tags":["This field may not be blank."]}`,
		`{"email":"other@example.org","user_id":"crm-1"}`: `{"user_id":["This field must be unique."]}`,
		`[]`:   `{"non_field_errors":["Invalid data. Expected a dictionary."]}`,
		`null`: `{"non_field_errors":["Invalid data. Expected a dictionary."]}`,
	} {
		c.expect(http.MethodPost, create, body, 400, `{"errors":`+faults+`}`)
	}
	c.with("Accept", "*/*; version=2").expect(http.MethodPost, create, `{"custom_id":"crm-1"}`, 400, `{"errors":{"custom_id":["This field must be unique."]}}`)
	c.expect(http.MethodPost, create, "email=a%40b.example", 400, `{"detail":"JSON parse error - Expecting value: line 1 column 1 (char 0)"}`)
	c.expect(http.MethodPost, create, "{\n\"a\": x}", 400, `{"detail":"JSON parse error - Expecting value: line 2 column 6 (char 7)"}`)
	c.with("Content-Type", "text/plain").expect(http.MethodPost, create, "{}", 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`)
	c.with("Content-Type", "application/x-www-form-urlencoded").expect(http.MethodPost, create, "a=%zz", 400, `{"detail":"Malformed request."}`)
	c.with("Accept", "*/*; version=3").expect(http.MethodPost, create, "{}", 406, `{"detail":"Invalid version in \"Accept\" header."}`)
	c.with("Accept", "text/html").expect(http.MethodPost, create, "{}", 406, `{"detail":"Could not satisfy the request Accept header."}`)
	c.expect(http.MethodDelete, create, "", 405, `{"detail":"Method \"DELETE\" not allowed."}`)
	for authorization, why := range map[string]string{
		"":                     "Authentication credentials were not provided.",
		"Bearer " + testKey:    "Authentication credentials were not provided.",
		"Token":                "Invalid token header. No credentials provided.",
		"Token a b":            "Invalid token header. Token string should not contain spaces.",
		"Token " + "wrong":     "Invalid token.",
		"Token " + testKey[1:]: "Invalid token.",
	} {
		h := c.with("Authorization", authorization).expect(http.MethodPost, create, ada, 401, `{"detail":"`+why+`"}`)
		assert.Equal(t, "Token", h.Get("WWW-Authenticate"))
	}
	assert.Equal(t, 1, c.srv.UserCount())
}

func TestMissingSlash(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	id := strconv.FormatInt(c.create(ada), 10)
	for _, path := range []string{"/users", "/users?email=ada@example.org", "/users/" + id, "/users/search?email=ada@example.org", "/users-by-id/crm-1", "/users/" + id + "/set_attribute", "/nowhere/"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			resp, body := c.do(method, path, "{}")
			assert.Equal(t, http.StatusNotFound, resp.StatusCode, "%s %s", method, path)
			assert.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
			assert.Contains(t, body, "<!DOCTYPE html>")
		}
	}
	assert.Equal(t, 1, c.srv.UserCount())
}

func TestForm(t *testing.T) {
	t.Parallel()
	c := newCaller(t).with("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	c.create("email=ada%2Btest%40example.org&first_name=Ada&gender=3&last_name=Nowak&notifications=false&score=-3&tags=b+c&tags=a")
	u := c.srv.Users()[0]
	assert.Equal(t, "ada+test@example.org", u.Email)
	assert.Equal(t, "female", u.Gender)
	assert.False(t, u.Notifications)
	assert.Equal(t, int64(-3), u.Score)
	assert.Equal(t, []string{"b c", "a"}, u.Tags)
}

func TestLookups(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	first := c.create(`{"email":"ada+x@example.org","user_id":"a/b","phone_number":"+48500100200"}`)
	second := c.create(`{"email":"ada+x@example.org","user_id":"c?d"}`)
	key := c.srv.Users()[1].Key
	ids := func(body string) []int64 {
		var list []struct{ ID int64 }
		if strings.HasPrefix(body, "{") {
			body = "[" + body + "]"
		}
		require.NoError(t, json.Unmarshal([]byte(body), &list), body)
		found := []int64{}
		for _, u := range list {
			found = append(found, u.ID)
		}
		return found
	}
	for path, want := range map[string][]int64{
		"/users/" + strconv.FormatInt(first, 10) + "/":         {first},
		"/users-by-id/c%3Fd/":                                  {second},
		"/users-by-id/search/?user_id=a/b":                     {first},
		"/users-by-id/search/?custom_id=a/b":                   {first},
		"/users/search/?email=ada%2Bx@example.org":             {first},
		"/users/search/?email=ada%2Bx@example.org&many=true":   {first, second},
		"/users/search/?email=nobody@example.org&many=true":    {},
		"/users/search/?key=" + key:                            {second},
		"/users/search/?phone_number=%2B48500100200":           {first},
		"/users/search/?phone_number=%2B48500100200&many=true": {first},
	} {
		resp, body := c.do(http.MethodGet, path, "")
		assert.Equal(t, http.StatusOK, resp.StatusCode, path)
		assert.Equal(t, want, ids(body), path)
	}
	for _, path := range []string{"/users/1/", "/users-by-id/nobody/", "/users-by-id/search/?user_id=nobody", "/users/search/?email=ada+x@example.org"} {
		c.expect(http.MethodGet, path, "", 404, `{"detail":"Not found."}`)
	}
	for _, path := range []string{"/users/abc/", "/users-by-id/a%2Fb/", "/users-by-id/search/", "/users/search/?nickname=x"} {
		resp, _ := c.do(http.MethodGet, path, "")
		assert.Equal(t, 404, resp.StatusCode, path)
		assert.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"), path)
	}

	var page struct {
		Count   int
		Results []struct{ ID int64 }
	}
	_, body := c.do(http.MethodGet, "/users/", "")
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	assert.Equal(t, 2, page.Count)
	_, body = c.with("Accept", "*/*; version=2").do(http.MethodGet, "/users/search/?phone_number=%2B48500100200", "")
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	assert.Equal(t, first, page.Results[0].ID)
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	id := c.create(ada)
	user := "/users/" + strconv.FormatInt(id, 10) + "/"
	for _, method := range []string{http.MethodPut, http.MethodPatch} {
		resp, _ := c.do(method, user, `{"email":"ada.new@example.org"}`)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
	}
	resp, _ := c.do(http.MethodPut, "/users-by-id/crm-1/", `{"city":"Gdynia","user_id":"crm-1"}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	u := c.srv.Users()[0]
	assert.Equal(t, "ada.new@example.org", u.Email)
	assert.Equal(t, "Gdynia", u.City)
	assert.Equal(t, "female", u.Gender, "what is not named is kept")

	other := c.create(`{"user_id":"crm-2"}`)
	c.expect(http.MethodPut, "/users/"+strconv.FormatInt(other, 10)+"/", `{"user_id":"crm-1"}`, 400, `{"errors":{"user_id":["This field must be unique."]}}`)
	c.expect(http.MethodPut, "/users/1/", `{}`, 404, `{"detail":"Not found."}`)

	for _, by := range []string{user, "/users-by-id/crm-1/"} {
		c.expect(http.MethodPost, by+"set_attribute/", `{"attribute":"seats","value":12}`, 200, "")
		c.expect(http.MethodPost, by+"set_multiple_attributes/", `{"partner":true}`, 200, "")
		c.expect(http.MethodPost, by+"set_attribute/", `{"attribute":5}`, 400, `{"errors":{"attribute":["Not a valid string."],"value":["This field is required."]}}`)
		c.expect(http.MethodPost, by+"set_attribute/", `{}`, 400, `{"errors":{"attribute":["This field is required."],"value":["This field is required."]}}`)
	}
	assert.Equal(t, map[string]json.RawMessage{"seats": []byte("12"), "partner": []byte("true")}, c.srv.Users()[0].Attributes)
	c.expect(http.MethodPost, "/users-by-id/nobody/set_attribute/", `{"attribute":"a","value":1}`, 404, `{"detail":"Not found."}`)
	c.expect(http.MethodPost, "/users/1/set_multiple_attributes/", `{}`, 404, `{"detail":"Not found."}`)
}

func TestUpdateOrCreate(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	const path = "/users/update_or_create/"
	c.expect(http.MethodPost, path, `{"user_id":"crm-1","email":"ada@example.org"}`, 200, `{"created":true,"id":310455021}`)
	c.expect(http.MethodPost, path, `{"user_id":"crm-1","city":"Gdynia"}`, 200, `{"created":false,"id":310455021}`)
	c.with("Accept", "*/*; version=2").expect(http.MethodPost, path, `{"custom_id":"crm-1"}`, 200, `{"created":false,"id":310455021}`)
	c.expect(http.MethodPost, path, `{"email":"ada@example.org"}`, 200, `{"created":true,"id":310455022}`)
	c.expect(http.MethodPost, path, `{"gender":"male"}`, 400, `{"errors":{"gender":["\"male\" is not a valid choice."]}}`)
	assert.Equal(t, "ada@example.org", c.srv.Users()[0].Email)
	assert.Equal(t, "Gdynia", c.srv.Users()[0].City)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	id := strconv.FormatInt(c.create(ada), 10)
	c.expect(http.MethodDelete, "/users/"+id+"/", "", 204, "")
	c.expect(http.MethodDelete, "/users/"+id+"/", "", 404, `{"detail":"Not found."}`)
	c.create(ada)
	c.expect(http.MethodDelete, "/users-by-id/crm-1/", "", 204, "")
	c.expect(http.MethodDelete, "/users-by-id/crm-1/", "", 404, `{"detail":"Not found."}`)
	assert.Zero(t, c.srv.UserCount())
}

func TestWrongNamesAreForgotten(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	c.create(`{"email":"ada@example.org","custom_id":"crm-1","firstName":"Ada"}`)
	c.with("Accept", "*/*; version=2").create(`{"email":"ada@example.org","user_id":"crm-1"}`)
	for _, u := range c.srv.Users() {
		assert.Empty(t, u.UserID)
		assert.Empty(t, u.FirstName)
	}
}

func TestSilentUpdate(t *testing.T) {
	t.Parallel()
	c := newCaller(t, usercomtest.WithSilentUpdate())
	id := c.create(ada)
	assert.Equal(t, id, c.create(`{"user_id":"crm-1","email":"new@example.org"}`))
	assert.Equal(t, "new@example.org", c.srv.Users()[0].Email)
	assert.Equal(t, 1, c.srv.UserCount())
}

func TestRecordsAndFaults(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	for _, op := range []userapitest.Operation{userapitest.Create, userapitest.Attributes, userapitest.Lookup, userapitest.Delete} {
		c.srv.Inject(userapitest.Fault{On: op, Status: 503})
	}
	for _, r := range [...]struct{ method, path string }{
		{http.MethodPost, "/users/update_or_create/"}, {http.MethodPut, "/users/1/"}, {http.MethodGet, "/users/search/"}, {http.MethodDelete, "/users-by-id/x/"},
	} {
		c.expect(r.method, r.path, "{}", 503, "")
	}
	c.create(ada)
	ops := []userapitest.Operation{}
	for _, r := range c.srv.Requests() {
		ops = append(ops, r.Operation)
		assert.Equal(t, userapi.Redacted, r.Header.Get("Authorization"))
	}
	assert.Equal(t, []userapitest.Operation{userapitest.Create, userapitest.Attributes, userapitest.Lookup, userapitest.Delete, userapitest.Create}, ops)
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	srv := usercomtest.NewServer(t)
	c, err := usercom.New(srv.Config())
	require.NoError(t, err)
	var wg sync.WaitGroup
	conflicts := make(chan error, 64)
	for i := range 64 {
		wg.Go(func() {
			_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{
				ExternalID: strconv.Itoa(i / 2), Email: "a@b.example", Tags: []string{"x"}, Attributes: map[string]any{"n": i},
			})
			conflicts <- err
			_ = srv.Users()
		})
	}
	wg.Wait()
	close(conflicts)
	refused := 0
	for err := range conflicts {
		if err != nil {
			require.ErrorIs(t, err, userapi.ErrConflict)
			refused++
		}
	}
	assert.Equal(t, 32, refused)
	assert.Equal(t, 32, srv.UserCount())
}

// The refusal's hour, and the user's age, pass on the bubble's clock.
func TestInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := usercomtest.NewServer(t, usercomtest.WithSilentUpdate(), usercomtest.WithHTTP(userapitest.ServerOptions{Listener: fakehttp.NewMemory()}))
		cfg := srv.Config()
		cfg.HTTP.Retry.MaxRetryAfter = time.Hour
		c, err := usercom.New(cfg)
		require.NoError(t, err)
		defer c.CloseIdleConnections()
		req := userapi.CreateUserRequest{ExternalID: "crm-1"}

		srv.Inject(userapitest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}})
		began := time.Now()
		u, err := c.CreateUser(t.Context(), req)
		require.NoError(t, err, "a user is as old as its last attempt")
		assert.GreaterOrEqual(t, time.Since(began), time.Hour)
		assert.WithinDuration(t, time.Now(), u.CreatedAt, time.Second)

		srv.Inject(userapitest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}})
		_, err = c.CreateUser(t.Context(), req)
		require.ErrorIs(t, err, userapi.ErrConflict)
	})
}

func TestTLS(t *testing.T) {
	t.Parallel()
	for _, o := range []userapitest.ServerOptions{{TLS: true}, {HTTP2: true}} {
		srv := usercomtest.NewServer(t, usercomtest.WithHTTP(o))
		c, err := usercom.New(srv.Config())
		require.NoError(t, err)
		_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "ada@example.org"})
		require.NoError(t, err)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for _, opt := range []usercomtest.Option{
		usercomtest.WithAPIKey(""), usercomtest.WithHTTP(userapitest.ServerOptions{Addr: "0.0.0.0:0"}),
	} {
		_, err := usercomtest.Start(opt)
		require.Error(t, err)
	}
	srv, err := usercomtest.Start()
	require.NoError(t, err)
	srv.Close()
	srv.Close()
}
