package quickbloxtest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const (
	needUser  = `{"errors":{"base":["Forbidden. Need user."]}}`
	signedOut = `{"errors":{"base":["Required session does not exist"]}}`
)

// An API key opens a session of any user.
func TestTokens(t *testing.T) {
	t.Parallel()
	at := time.Date(2023, 9, 1, 12, 55, 56, 0, time.UTC)
	s := quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return at }}))
	c := newCaller(t, s)
	c.send(http.MethodPost, "/users.json", asJSON, john)
	status, _, body := c.send(http.MethodPost, "/users/96752798/tokens", "", "")
	require.Equal(t, http.StatusCreated, status)
	require.Regexp(t, `^\{"token":"[0-9a-f]{40}","expires_at":"2023-09-01T14:55:56Z"\}$`, body)
	session := c.with("QB-Token", strings.Split(body, `"`)[3])
	_, _, body = session.send(http.MethodGet, "/session.json", "", "")
	assert.Contains(t, body, `"user_id":96752798`)

	c.expect(404, `{"errors":{"base":["Couldn't find user"]}}`, http.MethodPost, "/users/1/tokens", "", "")
	for _, other := range []caller{session, c.with("", ""), c.with("Authorization", "ApiKey wrong")} {
		other.expect(401, `{"errors":{"base":["Authorization failed"]}}`, http.MethodPost, "/users/96752798/tokens", "", "")
	}
	for _, r := range s.Requests() {
		assert.NotContains(t, r.URI+string(r.Body), session.credential[1])
	}
}

// DELETE /login.json makes a user's session the application's again, as the vendor's JavaScript
// SDK has it.
func TestLogoutKeepsTheSession(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	c.send(http.MethodPost, "/users.json", asJSON, john)
	session := c.with("QB-Token", c.token("1", "user[login]", "johndoe", "user[password]", "quickblox"))
	status, _, _ := session.send(http.MethodGet, "/users/96752798.json", "", "")
	require.Equal(t, http.StatusOK, status)
	for range 2 { // the second time it is the application's already
		session.expect(200, "", http.MethodDelete, "/login.json", "", "")
		status, _, body := session.send(http.MethodGet, "/session.json", "", "")
		assert.Equal(t, http.StatusOK, status)
		assert.Contains(t, body, `"user_id":0,`)
		session.expect(422, needUser, http.MethodGet, "/users/96752798.json", "", "")
	}
	status, _, _ = session.send(http.MethodPost, "/login.json", asForm, "login=johndoe&password=quickblox")
	assert.Equal(t, http.StatusAccepted, status)
	session.expect(200, "", http.MethodDelete, "/session.json", "", "")
	session.expect(401, signedOut, http.MethodDelete, "/login.json", "", "")
	c.with("", "").expect(401, `{"errors":["Token is required"]}`, http.MethodDelete, "/login.json", "", "")
}
