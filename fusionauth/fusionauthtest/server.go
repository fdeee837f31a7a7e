package fusionauthtest

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// The defaults of a server.
const (
	defaultAPIKey   = "fakeApiKeyOfFusionauthtest"
	defaultTenantID = "d7d09513-a3f5-401c-9685-34ab6c552453"

	defaultApplicationID = "85a03867-dccf-4882-adde-1a79aeec50df"
)

// An Option changes the server of NewServer and Start.
type Option func(*settings)

type settings struct {
	http    userapitest.ServerOptions
	apiKey  userapi.Secret
	tenants []string
	// importing, if set, is called during an import with the number of its users.
	importing    func(users int)
	applications []Application
	// before159 and refusesUnknown are for older servers.
	before159, refusesUnknown bool
}

// WithHTTP sets the server's address, TLS, clock and other options.
func WithHTTP(o userapitest.ServerOptions) Option {
	return func(s *settings) { s.http = o }
}

// WithAPIKey sets the API key. The default is a fixed one.
func WithAPIKey(key userapi.Secret) Option {
	return func(s *settings) { s.apiKey = key }
}

// WithTenants sets the tenants' ids. The default is one tenant. With more than one, a call must
// name its tenant unless it is by a user's id.
func WithTenants(ids ...string) Option {
	return func(s *settings) {
		s.tenants = nil
		for _, id := range ids {
			s.tenants = append(s.tenants, strings.ToLower(id))
		}
	}
}

// WithImporting calls f during an import, with the number of its users. The import waits for f. f
// must be safe for concurrent use.
func WithImporting(f func(users int)) Option {
	return func(s *settings) { s.importing = f }
}

// WithServerBefore159 makes a server older than FusionAuth 1.59. A user must have a password,
// unless the request asks for a message to set one. The server ignores user.phoneNumber,
// user.identities, sendSetPasswordIdentityType and verificationIds.
func WithServerBefore159() Option {
	return func(s *settings) { s.before159 = true }
}

// WithUnknownMembersRefused makes a server that refuses unknown members, as FusionAuth's first
// versions did. Other versions ignore them.
func WithUnknownMembersRefused() Option {
	return func(s *settings) { s.refusesUnknown = true }
}

// A Server is the fake. It is safe for concurrent use.
type Server struct {
	http     *fakehttp.Server
	settings settings

	mu            sync.Mutex
	taken         map[slot]map[string]*user // users by unique value; the slot byID has all users
	registrations map[string]bool           // used ids
	lastUser      int64
}

// NewServer starts a server, and closes it when the test ends. It fails the test if the server
// cannot start. The test's log names requests for unserved routes, unless WithHTTP sets another
// Logger.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(append(slices.Clone(opts), func(set *settings) { fakehttp.LogTo(t, &set.http) })...)
	if err != nil {
		t.Fatalf("fusionauthtest: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server for a program. The program must close it.
func Start(opts ...Option) (*Server, error) {
	set := settings{
		apiKey: defaultAPIKey, tenants: []string{defaultTenantID},
		applications: []Application{{ID: defaultApplicationID, Roles: []string{"admin", "user"}}},
	}
	for _, opt := range opts {
		opt(&set)
	}
	if len(set.tenants) == 0 || slices.ContainsFunc(set.tenants, func(id string) bool { return !isUUID(id) }) {
		return nil, errors.New("there must be at least one tenant, and the ids must be UUIDs")
	}
	if err := set.checkApplications(); err != nil {
		return nil, err
	}
	s := &Server{settings: set, taken: map[slot]map[string]*user{}, registrations: map[string]bool{}}
	s.http = fakehttp.New(fakehttp.Config{
		ServerOptions: set.http,
		SecretHeaders: []string{"Authorization"},
		SecretFields: []string{
			"password", "currentPassword", "salt", "secret", "recoveryCodes",
			"authenticationToken", "tokens", "verificationIds",
		},
		TooMany: s.tooMany,
	})
	handle := func(op userapitest.Operation, pattern string, h handler) {
		s.http.Handle(op, pattern, s.dated(s.admitted(h)))
	}
	handle(userapitest.Create, "POST /api/user", s.create)
	handle(userapitest.Create, "POST /api/user/{userId}", s.create)
	handle(userapitest.Create, "POST /api/user/import", s.importUsers)
	handle(userapitest.Lookup, "POST /api/login", s.login)
	handle(userapitest.Lookup, "GET /api/user", s.search)
	handle(userapitest.Lookup, "GET /api/user/{userId}", s.retrieve)
	handle(userapitest.Delete, "DELETE /api/user/{userId}", s.remove)
	handle(userapitest.Lookup, "GET /api/user/search", s.searchByIDs)
	handle(userapitest.Lookup, "POST /api/user/search", s.searchByIDs)
	for _, method := range [...]string{http.MethodPut, http.MethodPatch} {
		handle(userapitest.Attributes, method+" /api/user/{userId}", s.update)
		handle(userapitest.Attributes, method+" /api/user/registration/{userId}", s.updateRegistration)
		handle(userapitest.Attributes, method+" /api/user/registration/{userId}/{applicationId}", s.updateRegistration)
	}
	s.http.HandleBy(registerOperation, "POST /api/user/registration", s.dated(s.admitted(s.register)))
	s.http.HandleBy(registerOperation, "POST /api/user/registration/{userId}", s.dated(s.admitted(s.register)))
	handle(userapitest.Lookup, "GET /api/user/registration/{userId}/{applicationId}", s.retrieveRegistration)
	handle(userapitest.Attributes, "DELETE /api/user/registration/{userId}/{applicationId}", s.removeRegistration)
	if err := s.http.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// checkApplications puts applications without a tenant into the first one. It refuses invalid
// applications.
func (s *settings) checkApplications() error {
	for i := range s.applications {
		a := &s.applications[i]
		a.ID, a.TenantID = strings.ToLower(a.ID), strings.ToLower(cmp.Or(a.TenantID, s.tenants[0]))
		if !isUUID(a.ID) || !slices.Contains(s.tenants, a.TenantID) {
			return errors.New("the ids of applications must be UUIDs, and their tenants must be the server's")
		}
	}
	return nil
}

// Close stops the server. A second call does nothing.
func (s *Server) Close() { s.http.Close() }

// URL is the server's address, without a trailing slash.
func (s *Server) URL() string { return s.http.URL() }

// Config returns settings for a client of this server. If there are several tenants, it names the
// first one. If the server needs its own HTTPClient, as for TLS, it has one.
func (s *Server) Config() fusionauth.Config {
	cfg := fusionauth.Config{
		APIKey: s.settings.apiKey,
		HTTP:   userapi.HTTPOptions{BaseURL: s.URL(), HTTPClient: s.http.HTTPClient()},
	}
	if len(s.settings.tenants) > 1 {
		cfg.TenantID = s.settings.tenants[0]
	}
	return cfg
}

// APIKey is the API key.
func (s *Server) APIKey() userapi.Secret { return s.settings.apiKey }

// TenantIDs are the tenants' ids.
func (s *Server) TenantIDs() []string { return slices.Clone(s.settings.tenants) }

// Applications returns the applications.
func (s *Server) Applications() []Application { return slices.Clone(s.settings.applications) }

// Inject adds a fault.
func (s *Server) Inject(f userapitest.Fault) { s.http.Inject(f) }

// Requests returns the requests received so far, with secrets redacted.
func (s *Server) Requests() []userapitest.Request { return s.http.Requests() }

// A User is a user on the server.
type User struct {
	ID, TenantID                  string
	Email, Username               string
	PhoneNumber, MobilePhone      string
	FullName, FirstName, LastName string
	// HasPassword means that the create set a password of the caller's.
	HasPassword bool
	// Active is false for a softly deleted user.
	Active    bool
	CreatedAt time.Time
	// Registrations are the user's registrations, oldest first.
	Registrations []Registration
}

// Users returns the users, oldest first.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := sorted(maps.Values(s.taken[byID]))
	users := make([]User, len(all))
	for i, u := range all {
		shown := u.shown()
		text := func(member string) string { s, _ := shown[member].(string); return s }
		users[i] = User{
			ID: u.id, TenantID: u.tenantID,
			Email: u.email, Username: u.username,
			PhoneNumber: u.phoneNumber, MobilePhone: text("mobilePhone"),
			FullName: text("fullName"), FirstName: text("firstName"), LastName: text("lastName"),
			HasPassword: u.hasPassword, Active: u.active, CreatedAt: u.created,
		}
		for _, r := range u.registrations {
			users[i].Registrations = append(users[i].Registrations, r.public())
		}
	}
	return users
}

// UserCount returns the number of users, including inactive ones.
func (s *Server) UserCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken[byID])
}

// Stats returns the counts so far. A duplicate is a create, or a user of an import, with a taken
// value: the id of a user in any tenant, or the email, username or phoneNumber of a user in the
// same tenant.
func (s *Server) Stats() userapitest.Stats { return s.http.Stats(s.UserCount()) }

// A handler does a request in a tenant. The tenant is "" if there are several and the request names
// none.
type handler func(r *fakehttp.Request, tenantID string) fakehttp.Reply

// dated adds the server's time to a handler's replies.
func (s *Server) dated(h fakehttp.Handler) fakehttp.Handler {
	return func(r *fakehttp.Request) fakehttp.Reply {
		reply := h(r)
		header := http.Header{"Date": {s.http.Now().UTC().Format(http.TimeFormat)}}
		maps.Copy(header, reply.Header)
		reply.Header = header
		return reply
	}
}

// tooMany answers a request above the rate. FusionAuth itself has no such rate and no such answer.
// The body is empty, as for every status without an error of the request, and there is no
// Retry-After.
func (s *Server) tooMany(r *fakehttp.Request, _ time.Duration) fakehttp.Reply {
	return s.dated(func(*fakehttp.Request) fakehttp.Reply { return fakehttp.Reply{Status: http.StatusTooManyRequests} })(r)
}

// admitted checks the API key and the tenant.
func (s *Server) admitted(h handler) fakehttp.Handler {
	return func(r *fakehttp.Request) fakehttp.Reply {
		if r.Header.Get("Authorization") != s.settings.apiKey.Reveal() {
			return fakehttp.Reply{Status: http.StatusUnauthorized}
		}
		tenantID := strings.ToLower(r.Header.Get("X-FusionAuth-TenantId"))
		switch {
		case tenantID == "" && len(s.settings.tenants) == 1:
			tenantID = s.settings.tenants[0]
		case tenantID != "" && !slices.Contains(s.settings.tenants, tenantID):
			var e failure
			e.field("tenantId", "invalid", "The tenant Id in the X-FusionAuth-TenantId header is not that of a tenant.")
			return e.reply()
		}
		if reply, is := s.misplaced(r); is {
			return reply
		}
		return h(r, tenantID)
	}
}

// tenantRequired is the answer to a call that must name a tenant.
func tenantRequired() fakehttp.Reply {
	var e failure
	e.general("TenantIdRequired", "You must specify the X-FusionAuth-TenantId request header to indicate the tenant to use for this request.")
	return e.reply()
}
