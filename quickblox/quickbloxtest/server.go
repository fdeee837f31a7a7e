package quickbloxtest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// An Option changes what NewServer and Start make.
type Option func(*settings)

type settings struct {
	http                      userapitest.ServerOptions
	applicationID             int64
	authKey                   string
	authSecret, apiKey        userapi.Secret
	sha256                    bool
	forbidApplicationSessions bool
	blobs                     []int64
	owner                     string
}

// WithHTTP sets the server's address, TLS, clock and so on.
func WithHTTP(o userapitest.ServerOptions) Option {
	return func(s *settings) { s.http = o }
}

// WithApplication sets the application's credentials, instead of the default ones.
func WithApplication(id int64, authKey string, authSecret userapi.Secret) Option {
	return func(s *settings) { s.applicationID, s.authKey, s.authSecret = id, authKey, authSecret }
}

// WithAPIKey sets the API key, instead of the default one.
func WithAPIKey(key userapi.Secret) Option {
	return func(s *settings) { s.apiKey = key }
}

// WithSHA256 makes the server expect sessions to be signed with HMAC-SHA256 in
// place of HMAC-SHA1.
func WithSHA256() Option {
	return func(s *settings) { s.sha256 = true }
}

// WithForbidApplicationSessions makes application sessions create no users, as the
// application's owner can set. The answer is "Forbidden. Need user." then.
func WithForbidApplicationSessions() Option {
	return func(s *settings) { s.forbidApplicationSessions = true }
}

// WithBlobs makes the server refuse every blob_id except these. Without it any is
// accepted.
func WithBlobs(ids ...int64) Option {
	return func(s *settings) { s.blobs = append([]int64{}, ids...) }
}

// WithAccountOwner makes the user with a login the account's owner, who is created as every
// user is. The owner's session may change and delete other users.
func WithAccountOwner(login string) Option {
	return func(s *settings) { s.owner = login }
}

// A Server is the fake. It is safe for concurrent use.
type Server struct {
	http     *fakehttp.Server
	settings settings

	mu          sync.Mutex
	users       map[int64]*user
	taken       map[string]map[string]int64 // who has a unique value, by member
	sessions    map[string]*session
	nonces      map[string]bool
	lastUser    int64
	lastSession int64
}

// NewServer starts a server, and closes it when the test ends. It fails the test if it
// cannot start. The test's log names requests that the server does not serve, unless
// WithHTTP sets another Logger.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(append(slices.Clone(opts), func(set *settings) { fakehttp.LogTo(t, &set.http) })...)
	if err != nil {
		t.Fatalf("quickbloxtest: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server for a program. The program must close it.
func Start(opts ...Option) (*Server, error) {
	set := settings{
		applicationID: 76730, authKey: "7quWEh-k6TqghXe", authSecret: "fake-auth-secret",
		apiKey: "fakeApiKeyOfQuickbloxtest",
	}
	for _, opt := range opts {
		opt(&set)
	}
	s := &Server{
		settings: set,
		users:    map[int64]*user{}, taken: map[string]map[string]int64{},
		sessions: map[string]*session{}, nonces: map[string]bool{},
		lastUser: 96752797, lastSession: 1151827622,
	}
	s.http = fakehttp.New(fakehttp.Config{
		ServerOptions: set.http,
		SecretHeaders: []string{"Authorization", tokenHeader},
		SecretFields:  []string{"password", "old_password", "signature", "token", "secret", "access_token"},
		TooMany:       s.tooMany,
	})
	s.handle(userapitest.Session, "POST /session.json", (*call).createSession)
	s.handle(userapitest.Session, "GET /session.json", (*call).readSession)
	s.handle(userapitest.Session, "DELETE /session.json", (*call).endSession)
	s.handle(userapitest.Session, "POST /login.json", (*call).login)
	s.handle(userapitest.Session, "DELETE /login.json", (*call).logout)
	s.handle(userapitest.Session, "POST /users/{id}/tokens", (*call).createToken)
	s.handle(userapitest.Create, "POST /users.json", (*call).createUser)
	s.handle(userapitest.Lookup, "GET /users.json", (*call).listUsers)
	s.handle(userapitest.Lookup, "GET /users/by_login.json", (*call).readByLogin)
	s.handle(userapitest.Lookup, "GET /users/by_email.json", (*call).readByEmail)
	s.handle(userapitest.Lookup, "GET /users/by_facebook_id.json", (*call).readByFacebookID)
	s.handle(userapitest.Lookup, "GET /users/by_full_name.json", (*call).listByFullName)
	s.handle(userapitest.Lookup, "GET /users/by_tags.json", (*call).listByTags)
	s.handle(userapitest.Attributes, "GET /users/password/reset.json", (*call).resetPassword)
	s.handle(userapitest.Lookup, "GET /users/external/{file}", (*call).readByExternalID)
	s.handle(userapitest.Lookup, "GET /users/{file}", (*call).readByID)
	s.handle(userapitest.Attributes, "PUT /users/{file}", (*call).updateUser)
	s.handle(userapitest.Delete, "DELETE /users/external/{file}", (*call).deleteByExternalID)
	s.handle(userapitest.Delete, "DELETE /users/{file}", (*call).deleteByID)
	if err := s.http.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close stops the server. It may be called more than once.
func (s *Server) Close() { s.http.Close() }

// URL is the server's address, without a trailing slash.
func (s *Server) URL() string { return s.http.URL() }

// Config returns settings for a client that talks to this server with the API key.
// They have an HTTPClient of their own where one is needed, as for TLS.
func (s *Server) Config() quickblox.Config {
	return quickblox.Config{
		APIKey: s.settings.apiKey,
		HTTP:   userapi.HTTPOptions{BaseURL: s.URL(), HTTPClient: s.http.HTTPClient()},
	}
}

// SessionConfig returns settings for application sessions at this server. With Login or
// Email, and Password, set they are for user sessions. Use it instead of Config's
// APIKey:
//
//	cfg := server.Config()
//	cfg.APIKey, cfg.Session = "", server.SessionConfig()
func (s *Server) SessionConfig() *quickblox.SessionConfig {
	cfg := &quickblox.SessionConfig{
		ApplicationID: s.settings.applicationID,
		AuthKey:       s.settings.authKey,
		AuthSecret:    s.settings.authSecret,
	}
	if s.settings.sha256 {
		cfg.Hash = quickblox.SHA256
	}
	return cfg
}

// ApplicationID is the application's id.
func (s *Server) ApplicationID() int64 { return s.settings.applicationID }

// AuthKey is the application's authorization key.
func (s *Server) AuthKey() string { return s.settings.authKey }

// AuthSecret is the application's authorization secret.
func (s *Server) AuthSecret() userapi.Secret { return s.settings.authSecret }

// APIKey is the API key.
func (s *Server) APIKey() userapi.Secret { return s.settings.apiKey }

// Users returns the users that exist, oldest first.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]User, 0, len(s.users))
	for _, u := range s.sorted() {
		all = append(all, u.snapshot())
	}
	return all
}

// UserCount returns how many users exist.
func (s *Server) UserCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.users)
}

// Stats returns the counts so far. A duplicate is a create whose login, email,
// external_user_id or facebook_id a user has already.
func (s *Server) Stats() userapitest.Stats { return s.http.Stats(s.UserCount()) }

// Requests returns the requests received so far, with secrets redacted.
func (s *Server) Requests() []userapitest.Request { return s.http.Requests() }

// Inject makes a fault happen.
func (s *Server) Inject(f userapitest.Fault) { s.http.Inject(f) }

// Format shows only the address, for every verb.
func (s *Server) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "quickbloxtest.Server{"+s.URL()+"}")
}

const (
	contentType      = "application/json; charset=utf-8"
	apiVersion       = "0.1.1"
	tokenHeader      = "QB-Token"
	expirationHeader = "QB-Token-ExpirationDate"
)

// A call is one request being carried out. The server is locked meanwhile.
type call struct {
	*Server
	request *fakehttp.Request
	now     time.Time
	// session is the live session that the request came with; nil with an API key.
	session *session
}

// handle sets what answers a pattern: a status, and a value to encode or nil for an
// empty body.
func (s *Server) handle(op userapitest.Operation, pattern string, answer func(*call) (status int, body any)) {
	s.http.Handle(op, pattern, func(r *fakehttp.Request) fakehttp.Reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		c := &call{Server: s, request: r, now: s.http.Now()}
		return c.reply(answer(c))
	})
}

func (c *call) reply(status int, body any) fakehttp.Reply {
	if reply, whole := body.(fakehttp.Reply); whole {
		return reply
	}
	header := http.Header{}
	header.Set("Content-Type", contentType)
	header.Set("Date", c.now.UTC().Format(http.TimeFormat))
	header.Set("QuickBlox-REST-API-Version", apiVersion)
	header.Set("Status", fmt.Sprintf("%d %s", status, http.StatusText(status)))
	header.Set("X-Request-Id", newUUID())
	if c.session != nil {
		header.Set(expirationHeader, c.session.end().UTC().Format("2006-01-02 15:04:05 -0700"))
	}
	return fakehttp.Reply{Status: status, Header: header, Body: encode(body)}
}

// tooMany answers a request above the plan's rate. QuickBlox documents no body for this status, and sends no
// Retry-After. The body has the form of its other refusals.
func (s *Server) tooMany(r *fakehttp.Request, _ time.Duration) fakehttp.Reply {
	c := &call{Server: s, request: r, now: s.http.Now()}
	return c.reply(http.StatusTooManyRequests, listError("Too many requests"))
}

// unserved answers a request to a path whose pattern takes more than QuickBlox does.
func (c *call) unserved() (status int, body any) {
	reply := c.http.Unserved(c.request.Request)
	return reply.Status, reply
}

// encode writes a body of ours, all of which can be encoded.
func encode(body any) []byte {
	if body == nil {
		return nil
	}
	text, _ := json.Marshal(body)
	return text
}

// refusal is {"errors": …}, with messages by field or a list of them.
type refusal struct {
	Errors any `json:"errors"`
}

func baseError(text string) refusal {
	return refusal{map[string][]string{"base": {text}}}
}

func listError(text string) refusal { return refusal{[]string{text}} }

// notice is the other form of an error.
type notice struct {
	Code    *string `json:"code"`
	Message string  `json:"message"`
}

// sorted returns the users by their ids.
func (s *Server) sorted() []*user {
	all := make([]*user, 0, len(s.users))
	for _, u := range s.users {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *user) int { return int(a.ID - b.ID) })
	return all
}

// newUUID returns a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
