package usercomtest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
)

// apiPath is where the API stands on the server.
const apiPath = "/api/public"

// defaultAPIKey has User.com's 64 characters.
const defaultAPIKey = "fakeUsercomKey00fakeUsercomKey01fakeUsercomKey02fakeUsercomKey03"

// A Server is a fake of User.com. It is safe for concurrent use.
type Server struct {
	http         *fakehttp.Server
	apiKey       func() string // a closure, so that printing shows nothing
	silentUpdate bool
	language     language
	replies      atomic.Uint64
	store        store
}

// NewServer starts a server, and closes it when the test ends. It fails the test if it
// cannot start. The test's log names requests that the server does not serve, unless
// WithHTTP sets another Logger.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(append(slices.Clone(opts), func(set *settings) { fakehttp.LogTo(t, &set.http) })...)
	if err != nil {
		t.Fatalf("usercomtest: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server for a program. The program must close it.
func Start(opts ...Option) (*Server, error) {
	set := settings{apiKey: defaultAPIKey}
	for _, o := range opts {
		o(&set)
	}
	if set.apiKey == "" {
		return nil, errors.New("the API key must not be empty")
	}
	s := &Server{apiKey: set.apiKey.Reveal, silentUpdate: set.silentUpdate, language: set.language}
	s.http = fakehttp.New(fakehttp.Config{
		ServerOptions: set.http,
		SecretHeaders: []string{"Authorization"},
		Header:        http.Header{"Server": {"cloudflare"}, "Cf-Ray": {"7a1b2c3d4e5f6071-WAW"}},
		NotFound:      pageNotFound(),
		TooMany:       s.tooMany,
	})
	s.store.init(s.http.Now, s.http.CountCreate, set.lists)
	s.handle()
	if err := s.http.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the server's address, without a trailing slash.
func (s *Server) URL() string { return s.http.URL() }

// Config returns what a client needs to talk to the server.
func (s *Server) Config() usercom.Config {
	return usercom.Config{
		APIKey: userapi.Secret(s.apiKey()),
		HTTP:   userapi.HTTPOptions{BaseURL: s.URL(), HTTPClient: s.http.HTTPClient()},
	}
}

// Users returns a copy of the users, by id.
func (s *Server) Users() []User { return s.store.all() }

// AddVisitor makes a visitor, as User.com's script does for a browser that it has not
// seen: a user that has only the browser's key.
func (s *Server) AddVisitor(key string) User { return s.store.addVisitor(key) }

// UserCount returns how many users exist.
func (s *Server) UserCount() int { return s.store.count() }

// Stats returns the counts so far. A duplicate is a create, or an update_or_create,
// whose user_id or e-mail address a user has already.
func (s *Server) Stats() userapitest.Stats { return s.http.Stats(s.UserCount()) }

// Requests returns the requests received so far, with the token redacted.
func (s *Server) Requests() []userapitest.Request { return s.http.Requests() }

// Inject makes a fault happen.
func (s *Server) Inject(f userapitest.Fault) { s.http.Inject(f) }

// Close stops serving. It may be called more than once.
func (s *Server) Close() { s.http.Close() }

// A request is one that passed the checks that hold for every path.
type request struct {
	*fakehttp.Request
	v2 bool
}

type handler func(*request) fakehttp.Reply

// A route is what one method does at a path.
type route struct {
	method string
	op     userapitest.Operation
	handler
}

var methods = [...]string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// handle sets the server's paths.
func (s *Server) handle() {
	const (
		create, lookup, attributes, del = userapitest.Create, userapitest.Lookup, userapitest.Attributes, userapitest.Delete
	)
	s.path("/users", route{http.MethodGet, lookup, s.list}, route{http.MethodPost, create, s.create})
	s.path("/users/update_or_create", route{http.MethodPost, create, s.updateOrCreate})
	s.path("/users/search", route{http.MethodGet, lookup, s.search})
	s.path("/users-by-id/search", route{http.MethodGet, lookup, s.searchByUserID})
	for path, find := range map[string]finder{"/users/{id}": s.byID, "/users-by-id/{id}": s.byUserID} {
		s.path(path,
			route{http.MethodGet, lookup, s.found(find, s.get)},
			route{http.MethodPut, attributes, s.found(find, s.update)},
			route{http.MethodPatch, attributes, s.found(find, s.update)},
			route{http.MethodDelete, del, s.found(find, s.delete)})
		s.path(path+"/set_attribute", route{http.MethodPost, attributes, s.found(find, s.setAttribute)})
		s.path(path+"/set_multiple_attributes", route{http.MethodPost, attributes, s.found(find, s.setMultipleAttributes)})
		s.path(path+"/add_to_list", route{http.MethodPost, attributes, s.found(find, s.addToList)})
	}
}

// path sets every method of a path. Without its trailing slash the path is a page
// that does not exist; package http would redirect there.
func (s *Server) path(path string, routes ...route) {
	allowed := make([]string, len(routes))
	for i, r := range routes {
		allowed[i] = r.method
	}
	allow := strings.Join(append(allowed, http.MethodHead, http.MethodOptions), ", ")
	for _, method := range methods {
		i := slices.IndexFunc(routes, func(r route) bool { return r.method == method })
		r := route{method, userapitest.Lookup, s.notAllowed}
		if i >= 0 {
			r = routes[i]
		}
		s.http.Handle(r.op, method+" "+apiPath+path+"/{$}", s.stamped(func(in *fakehttp.Request) fakehttp.Reply {
			reply := s.translated(in, s.checked(in, r.handler))
			reply.Header.Set("Allow", allow)
			return reply
		}))
		s.http.Handle(r.op, method+" "+apiPath+path, s.stamped(s.unserved))
	}
}

// unserved answers what the server does not serve, at paths that have a pattern.
func (s *Server) unserved(r *fakehttp.Request) fakehttp.Reply { return s.http.Unserved(r.Request) }

// stamped puts on a handler's replies what every one has. The date is of the server's own clock.
func (s *Server) stamped(next fakehttp.Handler) fakehttp.Handler {
	return func(r *fakehttp.Request) fakehttp.Reply {
		reply := next(r)
		reply.Header.Set("Date", s.http.Now().UTC().Format(http.TimeFormat))
		reply.Header.Set("Cf-Ray", fmt.Sprintf("%016x-WAW", 0x7a1b2c3d4e5f6071+s.replies.Add(1)))
		reply.Header.Set("Vary", "Cookie")
		reply.Header.Set("X-Frame-Options", "SAMEORIGIN")
		return reply
	}
}
