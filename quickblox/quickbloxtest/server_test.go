package quickbloxtest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" // what QuickBlox signs with
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A caller speaks to the fake as curl would.
type caller struct {
	t      *testing.T
	server *quickbloxtest.Server
	// credential is the header that is sent, its name and value; none when empty.
	credential [2]string
}

func (c caller) with(name, value string) caller {
	c.credential = [2]string{name, value}
	return c
}

func newCaller(t *testing.T, s *quickbloxtest.Server) caller {
	return caller{t: t, server: s}.with("Authorization", "ApiKey "+s.APIKey().Reveal())
}

const (
	asJSON = "application/json"
	asForm = "application/x-www-form-urlencoded; charset=UTF-8"
)

// send returns the reply's status, header and body.
func (c caller) send(method, path, contentType, body string) (int, http.Header, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, c.server.URL()+path, strings.NewReader(body))
	require.NoError(c.t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.credential[0] != "" {
		r.Header.Set(c.credential[0], c.credential[1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return resp.StatusCode, resp.Header, string(text)
}

// expect sends and compares the status and the body, byte for byte.
func (c caller) expect(status int, reply, method, path, contentType, body string) {
	c.t.Helper()
	gotStatus, _, gotBody := c.send(method, path, contentType, body)
	assert.Equal(c.t, status, gotStatus, "%s %s", method, path)
	assert.Equal(c.t, reply, gotBody, "%s %s", method, path)
}

// sessionForm is a signed body of POST /session.json, nested parameters flattened.
func sessionForm(s *quickbloxtest.Server, at time.Time, nonce string, user ...string) url.Values {
	form := url.Values{
		"application_id": {strconv.FormatInt(s.ApplicationID(), 10)},
		"auth_key":       {s.AuthKey()},
		"nonce":          {nonce},
		"timestamp":      {strconv.FormatInt(at.Unix(), 10)},
	}
	// The names are given in order: application_id, auth_key, nonce, timestamp, user[…].
	message := fmt.Sprintf("application_id=%d&auth_key=%s&nonce=%s&timestamp=%d", s.ApplicationID(), s.AuthKey(), nonce, at.Unix())
	for i := 0; i+1 < len(user); i += 2 {
		form.Set(user[i], user[i+1])
		message += "&" + user[i] + "=" + user[i+1]
	}
	mac := hmac.New(sha1.New, []byte(s.AuthSecret().Reveal()))
	mac.Write([]byte(message))
	form.Set("signature", hex.EncodeToString(mac.Sum(nil)))
	return form
}

// token obtains a session.
func (c caller) token(nonce string, user ...string) string {
	c.t.Helper()
	status, _, body := c.send(http.MethodPost, "/session.json", asForm, sessionForm(c.server, time.Now(), nonce, user...).Encode())
	require.Equal(c.t, http.StatusCreated, status)
	var reply struct{ Session struct{ Token string } }
	require.NoError(c.t, json.Unmarshal([]byte(body), &reply))
	return reply.Session.Token
}

const john = `{"user":{"login":"johndoe","password":"quickblox","full_name":"John Doe"}}`

// The vendor's own sample gives the vendor's own reply, but for the id and times.
func TestCreateRepliesAsDocumented(t *testing.T) {
	t.Parallel()
	at := time.Date(2019, 8, 27, 20, 19, 8, 0, time.UTC)
	s := quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return at }}))
	c := newCaller(t, s)
	status, header, body := c.send(http.MethodPost, "/users.json", asJSON, `{
		"user":{"login":"Peter","password":"!Peter009","email":"peter@gmail.com","external_user_id":1236672,
		"facebook_id":"8887366","full_name":"Peter Smith","phone":"+73123555","website":"https://mysite.com",
		"tag_list":"marketing,seo","custom_data":"lead of marketing team"}}`)
	assert.Equal(t, http.StatusCreated, status)
	want := `{"user":{"id":96752798,"full_name":"Peter Smith","email":"peter@gmail.com","login":"Peter","phone":"+73123555",` +
		`"website":"https://mysite.com","created_at":"2019-08-27T20:19:08Z","updated_at":"2019-08-27T20:19:08Z","last_request_at":null,` +
		`"external_user_id":1236672,"facebook_id":"8887366","blob_id":null,"custom_data":"lead of marketing team","age_over16":false,` +
		`"allow_statistics_analysis":false,"allow_sales_activities":false,"parents_contacts":"","user_tags":"marketing,seo"}}`
	assert.Equal(t, want, body)
	assert.Equal(t, "201 Created", header.Get("Status"))
	assert.Equal(t, "0.1.1", header.Get("QuickBlox-REST-API-Version"))
	assert.Equal(t, "application/json; charset=utf-8", header.Get("Content-Type"))
	assert.Equal(t, "Tue, 27 Aug 2019 20:19:08 GMT", header.Get("Date"))
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, header.Get("X-Request-Id"))

	assert.Equal(t, []quickbloxtest.User{{
		ID: 96752798, Login: "Peter", Email: "peter@gmail.com", FullName: "Peter Smith", Phone: "+73123555",
		Website: "https://mysite.com", FacebookID: "8887366", CustomData: "lead of marketing team", ExternalUserID: 1236672,
		Tags: []string{"marketing", "seo"}, CreatedAt: at, UpdatedAt: at, HasPassword: true,
	}}, s.Users())
}

// A form with literal and with escaped brackets, numbers as texts and a list of
// tags, as the vendor's SDKs send them.
func TestCreateFromForm(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	status, _, _ := c.send(http.MethodPost, "/users.json", asForm,
		"user[external_user_id]=17&user%5Blogin%5D=johndoe&user[password]=p%40ss%20w%2Brd&user[tag_list]=a%20b%2Cc&user[age_over16]=true&user[custom_data]=%7B%22a%22%3A1%7D")
	require.Equal(t, http.StatusCreated, status)
	status, _, _ = c.send(http.MethodPost, "/users.json", asJSON,
		`{"user":{"email":"j@x.org","password":"quickblox","external_user_id":"18","tag_list":["a","b"],"phone":null,"website":"","blob_id":5}}`)
	require.Equal(t, http.StatusCreated, status)
	users := s.Users()
	require.Len(t, users, 2)
	assert.Equal(t, "johndoe", users[0].Login)
	assert.Equal(t, int64(17), users[0].ExternalUserID)
	assert.Equal(t, []string{"a b", "c"}, users[0].Tags)
	assert.True(t, users[0].AgeOver16)
	assert.JSONEq(t, `{"a":1}`, users[0].CustomData)
	assert.Equal(t, int64(18), users[1].ExternalUserID)
	assert.Equal(t, []string{"a", "b"}, users[1].Tags)
	assert.Equal(t, int64(5), users[1].BlobID)
	c.token("1", "user[login]", "johndoe", "user[password]", "p@ss w+rd")
}

func TestCreateRefusals(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t, quickbloxtest.WithBlobs(7))
	c := newCaller(t, s)
	c.send(http.MethodPost, "/users.json", asJSON,
		`{"user":{"login":"taken","email":"taken@x.org","password":"quickblox","external_user_id":5,"facebook_id":"5a","blob_id":7}}`)
	require.Equal(t, 1, s.UserCount())

	const noData = `{"code":null,"message":"No data was provided"}`
	for _, tc := range []struct{ name, contentType, body, want string }{
		{"no body", asJSON, ``, noData},
		{"no user", asJSON, `{}`, noData},
		{"user is a text", asJSON, `{"user":"x"}`, noData},
		{"user is null", asJSON, `{"user":null}`, noData},
		{"broken JSON", asJSON, `{"user":{"login":`, noData},
		{"bare members", asJSON, `{"login":"johndoe","password":"quickblox"}`, noData},
		{"no content type", "", john, noData},
		{"plain text", "text/plain", john, noData},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			newCaller(t, s).expect(http.StatusBadRequest, tc.want, http.MethodPost, "/users.json", tc.contentType, tc.body)
		})
	}
	for _, tc := range []struct{ name, user, errors string }{
		{"nothing", ``, `{"password":["is too short (minimum is 8 characters)"],"base":["Login or email required"]}`},
		{"blank login", `"login":"  ","password":"quickblox"`, `{"base":["Login or email required"]}`},
		{"short password", `"login":"a","password":"1234567"`, `{"password":["is too short (minimum is 8 characters)"]}`},
		{"short in runes", `"login":"a","password":"пароль"`, `{"password":["is too short (minimum is 8 characters)"]}`},
		{"taken login", `"login":"taken","password":"quickblox"`, `{"login":["has already been taken"]}`},
		{"taken login, trailing blank", `"login":"taken \t","password":"quickblox"`, `{"login":["has already been taken"]}`},
		{"taken email, other case", `"email":"Taken@X.org","password":"quickblox"`, `{"email":["has already been taken"]}`},
		{"taken ids", `"login":"b","password":"quickblox","external_user_id":"5","facebook_id":"5a"`, `{"facebook_id":["has already been taken"],"external_user_id":["has already been taken"]}`},
		{"five bytes", `"login":"b","password":"quickblox","external_user_id":2147483648`, `{"external_user_id":["must be less than 4 bytes"]}`},
		{"more than any integer", `"login":"b","password":"quickblox","external_user_id":99999999999999999999`, `{"external_user_id":["must be less than 4 bytes"]}`},
		{"no integer", `"login":"b","password":"quickblox","external_user_id":"x"`, `{"external_user_id":["is not a number"]}`},
		{"blob", `"login":"b","password":"quickblox","blob_id":8`, `{"blob":["does not exist"]}`},
		{"all at once", `"login":"taken","email":"taken@","password":"short","full_name":"` + strings.Repeat("é", 201) + `","facebook_id":"xyz","external_user_id":5,"phone":"call me"`,
			`{"full_name":["is too long (maximum is 200 characters)"],"email":["should look like an email address"],"login":["has already been taken"],` +
				`"password":["is too short (minimum is 8 characters)"],"facebook_id":["should be hexadecimal or decimal number"],` +
				`"external_user_id":["has already been taken"],"phone":["is not a number"]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			newCaller(t, s).expect(http.StatusUnprocessableEntity, `{"errors":`+tc.errors+`}`, http.MethodPost, "/users.json", asJSON, `{"user":{`+tc.user+`}}`)
		})
	}
	t.Cleanup(func() { assert.Equal(t, 1, s.UserCount()) })
}

func TestTrailingWhiteSpace(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	status, _, _ := c.send(http.MethodPost, "/users.json", asJSON, `{"user":{"login":" john \n","password":"quickblox ","full_name":"John  "}}`)
	require.Equal(t, http.StatusCreated, status)
	assert.Equal(t, " john", s.Users()[0].Login)
	assert.Equal(t, "John", s.Users()[0].FullName)
	c.token("1", "user[login]", " john", "user[password]", "quickblox ")
	c.expect(http.StatusUnauthorized, `{"errors":["Unauthorized"]}`, http.MethodPost, "/session.json", asForm,
		sessionForm(s, time.Now(), "2", "user[login]", " john", "user[password]", "quickblox").Encode())
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t, quickbloxtest.WithForbidApplicationSessions())
	c := newCaller(t, s)
	create := func(c caller, status int, reply string) {
		t.Helper()
		c.expect(status, reply, http.MethodPost, "/users.json", asJSON, john)
	}
	create(c.with("", ""), 401, `{"errors":["Token is required"]}`)
	create(c.with("QB-Token", "cf5709d6013fdb7a6787fbeb8340afed8aec4c69"), 401, `{"errors":{"base":["Required session does not exist"]}}`)
	for _, wrong := range []string{"ApiKey wrong", "Bearer " + s.APIKey().Reveal(), s.APIKey().Reveal(), "ApiKey  " + s.APIKey().Reveal()} {
		create(c.with("Authorization", wrong), 401, `{"errors":{"base":["Authorization failed"]}}`)
	}
	application := c.with("QB-Token", c.token("1"))
	create(application, 422, `{"errors":{"base":["Forbidden. Need user."]}}`)
	for _, path := range []string{"/users.json", "/users/1.json", "/users/by_login.json?login=a", "/users/external/1.json"} {
		application.expect(422, `{"errors":{"base":["Forbidden. Need user."]}}`, http.MethodGet, path, "", "")
	}
	application.expect(422, `{"errors":{"base":["Forbidden. Need user."]}}`, http.MethodDelete, "/users/1.json", "", "")
	assert.Zero(t, s.UserCount())

	c.send(http.MethodPost, "/users.json", asJSON, john)
	status, _, body := application.send(http.MethodPost, "/login.json", asForm, "login=johndoe&password=quickblox")
	assert.Equal(t, http.StatusAccepted, status)
	assert.Contains(t, body, `{"user":{"id":96752798,`)
	status, _, _ = application.send(http.MethodPost, "/users.json", asJSON, `{"user":{"login":"second","password":"quickblox"}}`)
	assert.Equal(t, http.StatusCreated, status, "the session is a user's now")
	application.expect(401, `{"errors":["Unauthorized"]}`, http.MethodPost, "/login.json", asForm, "login=johndoe&password=wrong")
	application.expect(403, `{"errors":{"base":["Forbidden"]}}`, http.MethodDelete, "/users/96752799.json", "", "")
	application.expect(200, "", http.MethodDelete, "/users/96752798.json", "", "")
	application.expect(401, `{"errors":{"base":["Required session does not exist"]}}`, http.MethodGet, "/session.json", "", "")
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

func TestLookupsAndChanges(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	_, _, created := c.send(http.MethodPost, "/users.json", asJSON, `{"user":{"login":"jo hn","email":"j+d@x.org","password":"quickblox","external_user_id":17,"facebook_id":"8a"}}`)
	for _, path := range []string{
		"/users/96752798.json", "/users/by_login.json?login=jo%20hn", "/users/by_login.json?login=jo+hn+", "/users/by_email.json?email=J%2BD%40x.org",
		"/users/external/17.json", "/users/by_facebook_id.json?facebook_id=8a",
	} {
		c.expect(http.StatusOK, created, http.MethodGet, path, "", "")
	}
	c.expect(http.StatusOK, created, http.MethodGet, "/users/by_login.json", asJSON, `{"login":"jo hn"}`)
	const none = `{"code":null,"message":"Couldn't find user"}`
	for _, path := range []string{
		"/users/1.json", "/users/x.json", "/users/96752798", "/users/by_login.json?login=JO%20HN", "/users/by_login.json", "/users/external/18.json",
		"/users/by_email.json?email=a@b.c", "/users/by_facebook_id.json?facebook_id=1",
	} {
		c.expect(http.StatusNotFound, none, http.MethodGet, path, "", "")
	}
	c.expect(http.StatusNotFound, "This is a fake, and it does not serve this request.\n", http.MethodGet, "/nowhere.json", "", "")

	item := `{"user":` + strings.TrimPrefix(created, `{"user":`)
	c.expect(http.StatusOK, `{"current_page":1,"per_page":10,"total_entries":1,"items":[`+item+`]}`, http.MethodGet, "/users.json", "", "")
	c.expect(http.StatusOK, `{"current_page":1,"per_page":5,"total_entries":1,"items":[`+item+`]}`, http.MethodGet,
		"/users.json?filter[]=string%20login%20eq%20jo%20hn&page=1&per_page=5", "", "")
	c.expect(http.StatusOK, `{"current_page":2,"per_page":10,"total_entries":1,"items":[]}`, http.MethodGet, "/users.json?page=2", "", "")
	for _, filter := range []string{"string+email+eq+J%2Bd@x.org", "number+external_user_id+eq+17", "number+id+eq+96752798", "string+facebook_id+eq+8a"} {
		c.expect(http.StatusOK, `{"current_page":1,"per_page":10,"total_entries":1,"items":[`+item+`]}`, http.MethodGet, "/users.json?filter[]="+filter, "", "")
	}
	for _, filter := range []string{"string+full_name+eq+x", "string+phone+eq+x"} {
		c.expect(http.StatusOK, `{"current_page":1,"per_page":10,"total_entries":0,"items":[]}`, http.MethodGet, "/users.json?filter[]="+filter, "", "")
	}
	c.expect(http.StatusUnprocessableEntity, `{"errors":{"base":["Invalid filter"]}}`, http.MethodGet, "/users.json?filter[]=x", "", "")
	c.expect(http.StatusUnprocessableEntity, `{"errors":{"base":["Invalid filter"]}}`, http.MethodGet, "/users.json?filter[]=string+shoe+eq+x", "", "")

	// A change frees what it gives up, and takes what it takes.
	status, _, changed := c.send(http.MethodPut, "/users/96752798.json", asForm, "user[login]=jane&user[full_name]=Jane")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, changed, `"full_name":"Jane","email":"j+d@x.org","login":"jane"`)
	c.expect(http.StatusNotFound, none, http.MethodGet, "/users/by_login.json?login=jo%20hn", "", "")
	c.expect(http.StatusOK, changed, http.MethodGet, "/users/by_login.json?login=jane", "", "")
	c.expect(http.StatusUnprocessableEntity, `{"errors":{"base":["Old password is wrong"]}}`, http.MethodPut, "/users/96752798.json", asForm, "user[password]=quickblox2&user[old_password]=wrong")
	status, _, _ = c.send(http.MethodPut, "/users/96752798.json", asForm, "user[password]=quickblox2&user[old_password]=quickblox")
	assert.Equal(t, http.StatusOK, status)
	c.token("1", "user[login]", "jane", "user[password]", "quickblox2")
	c.expect(http.StatusUnprocessableEntity, `{"errors":{"email":["should look like an email address"]}}`, http.MethodPut, "/users/96752798.json", asForm, "user[email]=x")
	c.expect(http.StatusBadRequest, `{"code":null,"message":"No data was provided"}`, http.MethodPut, "/users/96752798.json", asForm, "")
	c.expect(http.StatusNotFound, none, http.MethodPut, "/users/1.json", asForm, "user[login]=x")

	c.expect(http.StatusOK, "", http.MethodDelete, "/users/external/17.json", "", "")
	c.expect(http.StatusNotFound, none, http.MethodDelete, "/users/external/17.json", "", "")
	c.expect(http.StatusNotFound, none, http.MethodDelete, "/users/96752798.json", "", "")
	assert.Zero(t, s.UserCount())
}

func TestFaultsAndRecords(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	for _, f := range []struct {
		on                        userapitest.Operation
		method, path, contentType string
	}{
		{userapitest.Create, http.MethodPost, "/users.json", asJSON},
		{userapitest.Session, http.MethodPost, "/session.json", asForm},
		{userapitest.Session, http.MethodPost, "/login.json", asForm},
		{userapitest.Lookup, http.MethodGet, "/users/1.json", ""},
		{userapitest.Attributes, http.MethodPut, "/users/1.json", asForm},
		{userapitest.Delete, http.MethodDelete, "/users/1.json", ""},
	} {
		s.Inject(userapitest.Fault{On: f.on, When: userapitest.BeforeCommit, Status: http.StatusTeapot, Body: []byte("short and stout")})
		c.expect(http.StatusTeapot, "short and stout", f.method, f.path, f.contentType, "")
	}
	c.send(http.MethodPost, "/users.json", asJSON, john)
	c.token("1", "user[login]", "johndoe", "user[password]", "quickblox")

	var all bytes.Buffer
	for _, r := range s.Requests() {
		require.NoError(t, json.NewEncoder(&all).Encode(r))
		all.Write(r.Body)
	}
	fmt.Fprintf(&all, "%v %+v %#v %s", s, s, s, s)
	for name, secret := range map[string]string{"password": "quickblox", "API key": s.APIKey().Reveal(), "secret": s.AuthSecret().Reveal()} {
		// The route and the package bear the password's text too.
		text := strings.NewReplacer("quickbloxtest", "", "QuickBlox", "").Replace(all.String())
		assert.False(t, strings.Contains(text, secret), "the %s is in the records", name)
	}
	assert.Len(t, s.Requests(), 8)
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	client, err := quickblox.New(s.Config())
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	var created, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			_, err := client.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "user" + strconv.Itoa(i%8), Password: "quickblox"})
			if err == nil {
				created.Add(1)
			} else {
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int32(8), created.Load())
	assert.Equal(t, int32(24), refused.Load())
	assert.Equal(t, 8, s.UserCount())
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	_, err := quickbloxtest.Start(quickbloxtest.WithHTTP(userapitest.ServerOptions{Addr: "0.0.0.0:0"}))
	require.ErrorContains(t, err, "loopback")
}

func TestConfigOverTLS(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]userapitest.ServerOptions{"TLS": {TLS: true}, "HTTP/2": {HTTP2: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(o), quickbloxtest.WithAPIKey("another-key"))
			cfg := s.Config()
			client, err := quickblox.New(cfg)
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			u, err := client.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "johndoe", Password: "quickblox"})
			require.NoError(t, err)
			assert.Equal(t, "96752798", u.ID)

			cfg.APIKey, cfg.Session = "", s.SessionConfig()
			client, err = quickblox.New(cfg)
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			_, err = client.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "janedoe", Password: "quickblox"})
			require.NoError(t, err)
			s.Close()
			s.Close()
		})
	}
}
