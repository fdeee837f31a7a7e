package quickbloxtest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // QuickBlox's sessions are signed with HMAC-SHA1 by default
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"hash"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	// sessionLife is how long a session lives after its last request.
	sessionLife = 2 * time.Hour
	// clockSlack is how far a session request's time may be off.
	clockSlack = 60 * time.Minute
)

// A session is an application's, or a user's.
type session struct {
	id            int64
	userID        int64 // 0 for an application session
	token         string
	nonce         string
	timestamp     int64
	created, used time.Time
}

func (s *session) end() time.Time { return s.used.Add(sessionLife) }

// answer is the session as QuickBlox writes it.
func (s *session) answer(applicationID int64) any {
	type members struct {
		ApplicationID int64           `json:"application_id"`
		CreatedAt     string          `json:"created_at"`
		ID            int64           `json:"id"`
		Nonce         json.RawMessage `json:"nonce"`
		Token         string          `json:"token"`
		Timestamp     int64           `json:"ts"`
		UpdatedAt     string          `json:"updated_at"`
		UserID        int64           `json:"user_id"`
		TextID        string          `json:"_id"`
	}
	nonce := encode(s.nonce)
	if n, err := strconv.ParseInt(s.nonce, 10, 64); err == nil {
		nonce = encode(n)
	}
	return struct {
		Session members `json:"session"`
	}{members{
		applicationID, stamp(s.created), s.id, nonce, s.token, s.timestamp, stamp(s.used), s.userID,
		strconv.FormatInt(s.id, 10),
	}}
}

// stamp writes a time as QuickBlox does.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

var (
	errNeedUser  = baseError("Forbidden. Need user.")
	errNoToken   = listError("Token is required")
	errSignedOut = baseError("Required session does not exist")
	errLogin     = listError("Unauthorized")
	errAPIKey    = baseError("Authorization failed")
)

// authenticate finds the sender of the request and prolongs its session. The status is 0
// if the request is allowed.
func (c *call) authenticate() (status int, body any) {
	switch {
	case c.request.Header.Get("Authorization") == "":
		return c.needSession()
	case !c.hasAPIKey():
		return http.StatusUnauthorized, errAPIKey
	}
	return 0, nil
}

// hasAPIKey reports whether the request came with the API key.
func (c *call) hasAPIKey() bool {
	key, ok := strings.CutPrefix(c.request.Header.Get("Authorization"), "ApiKey ")
	return ok && subtle.ConstantTimeCompare([]byte(key), []byte(c.settings.apiKey.Reveal())) == 1
}

// needSession is authenticate for requests that need a session. An API key is not enough.
func (c *call) needSession() (status int, body any) {
	token := c.request.Header.Get(tokenHeader)
	if token == "" {
		return http.StatusUnauthorized, errNoToken
	}
	s := c.sessions[token]
	if s == nil || !c.now.Before(s.end()) || s.userID != 0 && c.users[s.userID] == nil {
		delete(c.sessions, token)
		return http.StatusUnauthorized, errSignedOut
	}
	s.used = c.now
	c.session = s
	if u := c.users[s.userID]; u != nil {
		u.used, u.LastRequestAt = c.now, new(stamp(c.now))
	}
	return 0, nil
}

// isApplication reports whether the request came with an application session.
func (c *call) isApplication() bool { return c.session != nil && c.session.userID == 0 }

// needUser is authenticate for requests that need a user's session. An application session is not enough.
func (c *call) needUser() (status int, body any) {
	if status, body = c.authenticate(); status == 0 && c.isApplication() {
		return http.StatusUnprocessableEntity, errNeedUser
	}
	return status, body
}

func (c *call) parameters() parameters {
	return readParameters(c.request.Header.Get("Content-Type"), c.request.Body)
}

func (c *call) createSession() (status int, body any) {
	const refused = http.StatusUnprocessableEntity
	p := c.parameters()
	if p.value("application_id") != strconv.FormatInt(c.settings.applicationID, 10) || p.value("auth_key") != c.settings.authKey {
		return refused, baseError("No application found")
	}
	at, err := strconv.ParseInt(p.value("timestamp"), 10, 64)
	if off := c.now.Sub(time.Unix(at, 0)); err != nil || off > clockSlack || off < -clockSlack {
		return refused, baseError("Bad timestamp")
	}
	once := p.value("timestamp") + " " + p.value("nonce")
	if p.value("nonce") == "" || c.nonces[once] || !c.isSigned(&p) {
		return refused, baseError("Unexpected signature")
	}
	c.nonces[once] = true

	var userID int64
	switch {
	case p.value("provider") != "":
		return refused, listError("Bad Authentication data")
	case p.objects["user"]:
		u := c.identify(p.value("user[login]"), p.value("user[email]"), p.value("user[password]"))
		if u == nil {
			return http.StatusUnauthorized, errLogin
		}
		userID = u.ID
	}
	c.session = c.openSession(userID)
	c.session.nonce, c.session.timestamp = p.value("nonce"), at
	return http.StatusCreated, c.session.answer(c.settings.applicationID)
}

// openSession begins a session, of a user or, with 0, of the application.
func (c *call) openSession(userID int64) *session {
	c.lastSession++
	s := &session{id: c.lastSession, userID: userID, token: newToken(), created: c.now, used: c.now}
	c.sessions[s.token] = s
	return s
}

// createToken opens a session of any user, for an API key alone: a QB-Token is ignored.
func (c *call) createToken() (status int, body any) {
	if !c.hasAPIKey() {
		return http.StatusUnauthorized, errAPIKey
	}
	id, err := strconv.ParseInt(c.request.PathValue("id"), 10, 64)
	if err != nil {
		return c.unserved()
	}
	if c.users[id] == nil {
		return http.StatusNotFound, baseError(textNoUser)
	}
	s := c.openSession(id)
	return http.StatusCreated, struct {
		Token     string `json:"token"`
		ExpiresAt string `json:"expires_at"`
	}{s.token, stamp(s.end())}
}

// isSigned computes the signature of what was received: every parameter but the
// signature, raw, in order.
func (c *call) isSigned(p *parameters) bool {
	pairs := make([]string, 0, len(p.list))
	for _, one := range p.list {
		if one.name != "signature" {
			pairs = append(pairs, one.name+"="+one.value)
		}
	}
	return hmac.Equal([]byte(p.value("signature")), []byte(signatureOf(c.settings.sha256, c.settings.authSecret.Reveal(), pairs)))
}

func signatureOf(useSHA256 bool, secret string, pairs []string) string {
	sort.Strings(pairs)
	var sum func() hash.Hash = sha1.New
	if useSHA256 {
		sum = sha256.New
	}
	mac := hmac.New(sum, []byte(secret))
	_, _ = mac.Write([]byte(strings.Join(pairs, "&")))
	return hex.EncodeToString(mac.Sum(nil))
}

func newToken() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// identify returns the user with a login or an e-mail address and a password, nil
// for none.
func (c *call) identify(login, email, password string) *user {
	u := c.find("login", login)
	if login == "" {
		u = c.find("email", email)
	}
	if u == nil || !u.hasPassword(password) {
		return nil
	}
	return u
}

func (c *call) readSession() (status int, body any) {
	if status, body = c.needSession(); status != 0 {
		return status, body
	}
	return http.StatusOK, c.session.answer(c.settings.applicationID)
}

func (c *call) endSession() (status int, body any) {
	if status, body = c.needSession(); status != 0 {
		return status, body
	}
	delete(c.sessions, c.session.token)
	c.session = nil
	return http.StatusOK, nil
}

// login turns an application session into a user's.
func (c *call) login() (status int, body any) {
	if status, body = c.needSession(); status != 0 {
		return status, body
	}
	p := c.parameters()
	either := func(name string) string {
		if v, ok := p.get(name); ok {
			return v
		}
		return p.value("user[" + name + "]")
	}
	u := c.identify(either("login"), either("email"), either("password"))
	if u == nil {
		return http.StatusUnauthorized, errLogin
	}
	c.session.userID = u.ID
	return http.StatusAccepted, u.answer()
}

// logout takes the user from the session, which stays the application's.
func (c *call) logout() (status int, body any) {
	if status, body = c.needSession(); status != 0 {
		return status, body
	}
	c.session.userID = 0
	return http.StatusOK, nil
}
