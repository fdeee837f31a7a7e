package quickbloxtest_test

import (
	"crypto/hmac"
	"crypto/sha1" // what QuickBlox signs with
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
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

func TestSessions(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64 // seconds
	start := time.Date(2019, 9, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return start.Add(time.Duration(clock.Load()) * time.Second) }
	s := quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(userapitest.ServerOptions{Now: now}))
	c := newCaller(t, s)
	create := func(status int, reply string, form url.Values) {
		t.Helper()
		c.expect(status, reply, http.MethodPost, "/session.json", asForm, form.Encode())
	}
	refused := func(text string) string { return `{"errors":{"base":["` + text + `"]}}` }

	create(422, refused("Bad timestamp"), sessionForm(s, now().Add(-3601*time.Second), "1"))
	create(422, refused("Bad timestamp"), sessionForm(s, now().Add(3601*time.Second), "1"))
	for _, name := range []string{"timestamp", "nonce", "signature", "application_id", "auth_key"} {
		form := sessionForm(s, now(), "1")
		form.Del(name)
		text := map[string]string{"timestamp": "Bad timestamp", "nonce": "Unexpected signature", "signature": "Unexpected signature"}[name]
		if text == "" {
			text = "No application found"
		}
		create(422, refused(text), form)
	}
	extra := sessionForm(s, now(), "1")
	extra.Set("scope", "unsigned")
	create(422, refused("Unexpected signature"), extra)
	create(401, `{"errors":["Unauthorized"]}`, sessionForm(s, now(), "1", "user[login]", "nobody", "user[password]", "quickblox"))

	form := sessionForm(s, now().Add(-3600*time.Second), "7334")
	status, header, body := c.send(http.MethodPost, "/session.json", asForm, form.Encode())
	require.Equal(t, http.StatusCreated, status)
	assert.Equal(t, "2019-09-01 14:00:00 +0000", header.Get("QB-Token-ExpirationDate"))
	var reply struct{ Session map[string]any }
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	token, _ := reply.Session["token"].(string)
	assert.Regexp(t, "^[0-9a-f]{40}$", token)
	want := `{"session":{"application_id":76730,"created_at":"2019-09-01T12:00:00Z","id":1151827623,"nonce":7334,"token":"` + token +
		`","ts":1567335600,"updated_at":"2019-09-01T12:00:00Z","user_id":0,"_id":"1151827623"}}`
	assert.Equal(t, want, body)
	create(422, refused("Unexpected signature"), form) // once only

	session := c.with("QB-Token", token)
	clock.Store(7199)
	status, header, body = session.send(http.MethodGet, "/session.json", "", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"updated_at":"2019-09-01T13:59:59Z"`)
	assert.Equal(t, "2019-09-01 15:59:59 +0000", header.Get("QB-Token-ExpirationDate"))
	clock.Store(7199 + 7200)
	session.expect(401, refused("Required session does not exist"), http.MethodGet, "/session.json", "", "")

	status, _, body = c.send(http.MethodPost, "/session.json", asForm, sessionForm(s, now(), "-5").Encode())
	require.Equal(t, http.StatusCreated, status)
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	assert.InDelta(t, -5, reply.Session["nonce"], 0)
	token, _ = reply.Session["token"].(string)
	session = c.with("QB-Token", token)
	session.expect(200, "", http.MethodDelete, "/session.json", "", "")
	session.expect(401, refused("Required session does not exist"), http.MethodDelete, "/session.json", "", "")
	c.expect(401, `{"errors":["Token is required"]}`, http.MethodGet, "/session.json", "", "")
}

// A JSON body is signed flattened, whether its values are numbers or texts.
func TestSessionFromJSON(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	c.send(http.MethodPost, "/users.json", asJSON, `{"user":{"email":"j@x.org","password":"quick blox&é<"}}`)
	for i, quote := range []string{"", `"`} {
		nonce := strconv.Itoa(i)
		form := sessionForm(s, time.Now(), nonce, "user[email]", "J@x.org", "user[password]", "quick blox&é<")
		number := func(name string) string { return quote + form.Get(name) + quote }
		body := fmt.Sprintf(`{"application_id":%s,"auth_key":%q,"nonce":%s,"timestamp":%s,"signature":%q,"user":{"email":"J@x.org","password":"quick blox&é<"}}`,
			number("application_id"), s.AuthKey(), number("nonce"), number("timestamp"), form.Get("signature"))
		status, _, reply := c.send(http.MethodPost, "/session.json", asJSON, body)
		assert.Equal(t, http.StatusCreated, status)
		assert.Contains(t, reply, `"user_id":96752798`)
	}
	c.expect(422, `{"errors":{"base":["No application found"]}}`, http.MethodPost, "/session.json", asJSON, `[]`)
}

func TestSHA256(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t, quickbloxtest.WithSHA256())
	c := newCaller(t, s)
	c.expect(422, `{"errors":{"base":["Unexpected signature"]}}`, http.MethodPost, "/session.json", asForm, sessionForm(s, time.Now(), "1").Encode())
	assert.Equal(t, quickblox.SHA256, s.SessionConfig().Hash)
}

func TestSocialSession(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t, quickbloxtest.WithApplication(16, "key", "AbC-secret_123456"))
	form := url.Values{"application_id": {"16"}, "auth_key": {"key"}, "nonce": {"1"}, "timestamp": {strconv.FormatInt(time.Now().Unix(), 10)}, "provider": {"facebook"}, "keys[token]": {"tok"}}
	mac := hmac.New(sha1.New, []byte("AbC-secret_123456"))
	fmt.Fprintf(mac, "application_id=16&auth_key=key&keys[token]=tok&nonce=1&provider=facebook&timestamp=%s", form.Get("timestamp"))
	form.Set("signature", hex.EncodeToString(mac.Sum(nil)))
	newCaller(t, s).expect(422, `{"errors":["Bad Authentication data"]}`, http.MethodPost, "/session.json", asForm, form.Encode())
}
