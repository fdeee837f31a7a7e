package quickbloxtest_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const forbidden = `{"errors":{"base":["Forbidden"]}}`

// A user changes and deletes itself alone, the account's owner and an API key everybody.
func TestAccountOwner(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t, quickbloxtest.WithAccountOwner("boss"))
	keys := newCaller(t, s)
	for _, login := range []string{"boss", "johndoe", "janedoe"} {
		keys.send(http.MethodPost, "/users.json", asJSON, `{"user":{"login":"`+login+`","password":"quickblox"}}`)
	}
	session := func(login string) caller {
		return keys.with("QB-Token", keys.token(login, "user[login]", login, "user[password]", "quickblox"))
	}
	boss, john := session("boss"), session("johndoe")
	change := func(c caller, path, body string) int {
		status, _, _ := c.send(http.MethodPut, path, asForm, body)
		return status
	}
	const bossPath, johnPath, janePath = "/users/96752798.json", "/users/96752799.json", "/users/96752800.json"
	assert.Equal(t, http.StatusOK, change(john, johnPath, "user[full_name]=John"))
	assert.Equal(t, http.StatusOK, change(boss, johnPath, "user[full_name]=Johnny"))
	assert.Equal(t, http.StatusOK, change(keys, johnPath, "user[full_name]=Jim"))
	for _, path := range []string{bossPath, janePath} {
		john.expect(http.StatusForbidden, forbidden, http.MethodPut, path, asForm, "user[full_name]=x")
		john.expect(http.StatusForbidden, forbidden, http.MethodDelete, path, "", "")
	}

	// A user knows the old password. The owner and an API key need not, but may not be wrong.
	const wrong = `{"errors":{"base":["Old password is wrong"]}}`
	john.expect(422, wrong, http.MethodPut, johnPath, asForm, "user[password]=quickblox2")
	assert.Equal(t, http.StatusOK, change(john, johnPath, "user[password]=quickblox2&user[old_password]=quickblox"))
	for _, c := range []caller{boss, keys} {
		c.expect(422, wrong, http.MethodPut, johnPath, asForm, "user[password]=quickblox3&user[old_password]=quickblox")
		assert.Equal(t, http.StatusOK, change(c, johnPath, "user[password]=quickblox3"))
	}
	keys.token("again", "user[login]", "johndoe", "user[password]", "quickblox3")

	boss.expect(http.StatusOK, "", http.MethodDelete, janePath, "", "")
	john.expect(http.StatusOK, "", http.MethodDelete, johnPath, "", "")
	boss.expect(http.StatusOK, "", http.MethodDelete, bossPath, "", "")
	assert.Zero(t, s.UserCount())
}

func TestPasswordReset(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	c.send(http.MethodPost, "/users.json", asJSON, `{"user":{"email":"j+d@x.org","password":"quickblox"}}`)
	for _, credential := range []caller{c, c.with("QB-Token", c.token("1"))} { // who forgot the password has no session
		credential.expect(http.StatusOK, "", http.MethodGet, "/users/password/reset.json?email=J%2Bd%40x.org", "", "")
	}
	for _, path := range []string{"/users/password/reset.json?email=nobody%40x.org", "/users/password/reset.json"} {
		c.expect(http.StatusNotFound, `{"code":null,"message":"Couldn't find user"}`, http.MethodGet, path, "", "")
	}
	c.with("", "").expect(http.StatusUnauthorized, `{"errors":["Token is required"]}`, http.MethodGet, "/users/password/reset.json?email=j", "", "")
	assert.Equal(t, 2, s.Users()[0].PasswordResets)
	s.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: http.StatusTeapot})
	c.expect(http.StatusTeapot, "", http.MethodGet, "/users/password/reset.json?email=j%2Bd%40x.org", "", "")
}

// A user's own requests are what last_request_at tells.
func TestLastRequest(t *testing.T) {
	t.Parallel()
	at := time.Date(2019, 8, 27, 20, 19, 8, 0, time.UTC)
	s := quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return at }}))
	c := newCaller(t, s)
	c.send(http.MethodPost, "/users.json", asJSON, john)
	form := sessionForm(s, at, "1", "user[login]", "johndoe", "user[password]", "quickblox")
	_, _, body := c.send(http.MethodPost, "/session.json", asForm, form.Encode())
	_, token, _ := strings.Cut(body, `"token":"`)
	require.Greater(t, len(token), 40)
	assert.True(t, s.Users()[0].LastRequestAt.IsZero())
	_, _, body = c.with("QB-Token", token[:40]).send(http.MethodGet, "/users/96752798.json", "", "")
	assert.Contains(t, body, `"last_request_at":"2019-08-27T20:19:08Z"`)
	assert.Equal(t, at, s.Users()[0].LastRequestAt)
}

// TestUnserved: paths whose pattern takes more than QuickBlox does, and methods.
func TestUnserved(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(userapitest.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	c := newCaller(t, s)
	for _, request := range [][2]string{
		{http.MethodGet, "/users/by_twitter_id.json?twitter_id=5"}, {http.MethodGet, "/users/phone.json?phone=5"},
		{http.MethodGet, "/users/x.json"}, {http.MethodPut, "/users/me.json"}, {http.MethodDelete, "/users/me.json"}, {http.MethodPost, "/users/me/tokens"},
		{http.MethodDelete, "/users/1/tokens"}, {http.MethodPatch, "/users/1.json"}, {http.MethodPost, "/users/1.json"}, {http.MethodOptions, "/users.json"},
	} {
		status, header, body := c.send(request[0], request[1], "", "")
		assert.Equal(t, http.StatusNotFound, status, request)
		assert.Equal(t, "This is a fake, and it does not serve this request.\n", body, request)
		assert.Equal(t, "text/plain; charset=utf-8", header.Get("Content-Type"))
		path, _, _ := strings.Cut(request[1], "?")
		assert.Contains(t, log.String(), "method="+request[0]+" path="+path+"\n")
	}
	assert.Len(t, s.Requests(), 10)
}
