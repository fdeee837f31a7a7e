package usercomtest

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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

// An Option changes how a Server behaves.
type Option func(*settings)

type settings struct {
	http         userapitest.ServerOptions
	apiKey       userapi.Secret
	silentUpdate bool
}

// WithHTTP says how the server serves.
func WithHTTP(o userapitest.ServerOptions) Option { return func(s *settings) { s.http = o } }

// WithAPIKey sets the one key that the server accepts.
func WithAPIKey(key userapi.Secret) Option { return func(s *settings) { s.apiKey = key } }

// WithSilentUpdate answers a create whose user_id is taken with 201 and the user
// that has it, updated, instead of a 400. What User.com itself does is not
// documented.
func WithSilentUpdate() Option { return func(s *settings) { s.silentUpdate = true } }

// A Server is a fake of User.com. It is safe for concurrent use.
type Server struct {
	http         *fakehttp.Server
	apiKey       func() string // a closure, so that printing shows nothing
	silentUpdate bool
	replies      atomic.Uint64
	store        store
}

// NewServer starts a server for a test, which fails if that cannot be done. The
// server is closed when the test ends.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(opts...)
	if err != nil {
		t.Fatalf("usercomtest: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server for a program, which must close it.
func Start(opts ...Option) (*Server, error) {
	set := settings{apiKey: defaultAPIKey}
	for _, o := range opts {
		o(&set)
	}
	if set.apiKey == "" {
		return nil, errors.New("the API key must not be empty")
	}
	s := &Server{apiKey: set.apiKey.Reveal, silentUpdate: set.silentUpdate}
	s.http = fakehttp.New(fakehttp.Config{
		ServerOptions: set.http,
		SecretHeaders: []string{"Authorization"},
		Header:        http.Header{"Server": {"cloudflare"}, "Cf-Ray": {"7a1b2c3d4e5f6071-WAW"}},
		NotFound:      pageNotFound(),
	})
	s.store.init(s.http.Now)
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

// Users returns a copy of the users that there are, by id.
func (s *Server) Users() []User { return s.store.all() }

// UserCount returns how many users there are.
func (s *Server) UserCount() int { return s.store.count() }

// Requests returns what was received so far, with the token redacted.
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
		r := route{method, userapitest.Lookup, notAllowed}
		if i >= 0 {
			r = routes[i]
		}
		s.http.Handle(r.op, method+" "+apiPath+path+"/{$}", func(in *fakehttp.Request) fakehttp.Reply {
			reply := s.checked(in, r.handler)
			reply.Header.Set("Allow", allow)
			return s.stamp(reply)
		})
		s.http.Handle(r.op, method+" "+apiPath+path, func(*fakehttp.Request) fakehttp.Reply {
			return s.stamp(pageNotFound())
		})
	}
}

// stamp puts on a reply what every one has. The date is of the server's own clock.
func (s *Server) stamp(reply fakehttp.Reply) fakehttp.Reply {
	reply.Header.Set("Date", s.http.Now().UTC().Format(http.TimeFormat))
	reply.Header.Set("Cf-Ray", fmt.Sprintf("%016x-WAW", 0x7a1b2c3d4e5f6071+s.replies.Add(1)))
	reply.Header.Set("Vary", "Cookie")
	reply.Header.Set("X-Frame-Options", "SAMEORIGIN")
	return reply
}

// checked checks what the framework checks before it calls the handler.
func (s *Server) checked(r *fakehttp.Request, next handler) fakehttp.Reply {
	if why := s.unauthorized(r.Header); why != "" {
		reply := detail(http.StatusUnauthorized, why)
		reply.Header.Set("WWW-Authenticate", "Token")
		return reply
	}
	v2, reply, ok := negotiate(r.Header.Get("Accept"))
	if !ok {
		return reply
	}
	return next(&request{Request: r, v2: v2})
}

// unauthorized says what is wrong with the credentials.
func (s *Server) unauthorized(h http.Header) string {
	words := strings.Fields(h.Get("Authorization"))
	switch {
	case len(words) == 0 || !strings.EqualFold(words[0], "token"):
		return "Authentication credentials were not provided."
	case len(words) == 1:
		return "Invalid token header. No credentials provided."
	case len(words) > 2:
		return "Invalid token header. Token string should not contain spaces."
	case subtle.ConstantTimeCompare([]byte(words[1]), []byte(s.apiKey())) != 1:
		return "Invalid token."
	}
	return ""
}

// negotiate reads the version off the Accept header.
func negotiate(accept string) (v2 bool, refusal fakehttp.Reply, ok bool) {
	first, _, _ := strings.Cut(accept, ",")
	media, params, err := mime.ParseMediaType(cmp.Or(strings.TrimSpace(first), "*/*"))
	if err != nil || !slices.Contains([]string{"*/*", "application/*", "application/json"}, media) {
		return false, detail(http.StatusNotAcceptable, "Could not satisfy the request Accept header."), false
	}
	switch params["version"] {
	case "", "1":
		return false, fakehttp.Reply{}, true
	case "2":
		return true, fakehttp.Reply{}, true
	}
	return false, detail(http.StatusNotAcceptable, `Invalid version in "Accept" header.`), false
}

func notAllowed(r *request) fakehttp.Reply {
	return detail(http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", r.Method))
}

// members reads a JSON or form body. A form's values become JSON texts.
func members(r *request) (map[string]json.RawMessage, fakehttp.Reply, bool) {
	none := fakehttp.Reply{}
	label := r.Header.Get("Content-Type")
	media, _, _ := mime.ParseMediaType(label)
	switch media {
	case "application/json":
		var values map[string]json.RawMessage
		err := json.Unmarshal(r.Body, &values)
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return nil, detail(http.StatusBadRequest, "JSON parse error - "+parseError(r.Body, syntax.Offset)), false
		case err != nil || values == nil:
			return nil, refuse(map[string][]string{"non_field_errors": {"Invalid data. Expected a dictionary."}}), false
		}
		return values, none, true
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return nil, detail(http.StatusBadRequest, "Malformed request."), false
		}
		values := map[string]json.RawMessage{}
		for name, texts := range form {
			if name == "tags" {
				values[name] = encode(texts)
			} else {
				values[name] = encode(texts[len(texts)-1])
			}
		}
		return values, none, true
	}
	return nil, detail(http.StatusUnsupportedMediaType, fmt.Sprintf("Unsupported media type %q in request.", label)), false
}

// parseError is the text of Python's parser about the byte before offset.
func parseError(body []byte, offset int64) string {
	at := int(max(offset-1, 0))
	before := body[:min(at, len(body))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := at - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("Expecting value: line %d column %d (char %d)", line, column, at)
}

func (s *Server) create(r *request) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	u, _, faults := s.store.create(values, r.v2, s.silentUpdate)
	if faults != nil {
		return refuse(faults)
	}
	return body(http.StatusCreated, s.store.shown(u, r.v2))
}

func (s *Server) updateOrCreate(r *request) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	u, created, faults := s.store.create(values, r.v2, true)
	if faults != nil {
		return refuse(faults)
	}
	return body(http.StatusOK, encode(struct {
		Created bool  `json:"created"`
		ID      int64 `json:"id"`
	}{created, u.ID}))
}

// A finder returns the id of the user that a request's path names, or a refusal.
type finder func(*request) (int64, fakehttp.Reply, bool)

func (s *Server) byID(r *request) (int64, fakehttp.Reply, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, pageNotFound(), false
	}
	if _, has := s.store.get(id); !has {
		return 0, notFound(), false
	}
	return id, fakehttp.Reply{}, true
}

func (s *Server) byUserID(r *request) (int64, fakehttp.Reply, bool) {
	userID := r.PathValue("id")
	if strings.Contains(userID, "/") { // the framework takes paths apart once they are decoded
		return 0, pageNotFound(), false
	}
	id := s.store.byUserID(userID)
	return id, notFound(), id != 0
}

// found calls the handler with the user that the path names.
func (s *Server) found(find finder, next func(*request, int64) fakehttp.Reply) handler {
	return func(r *request) fakehttp.Reply {
		id, refusal, ok := find(r)
		if !ok {
			return refusal
		}
		return next(r, id)
	}
}

func (s *Server) get(r *request, id int64) fakehttp.Reply {
	u, has := s.store.get(id)
	if !has {
		return notFound()
	}
	return body(http.StatusOK, s.store.shown(u, r.v2))
}

// update changes what the request names and keeps the rest.
func (s *Server) update(r *request, id int64) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	u, has, faults := s.store.update(id, values, r.v2)
	switch {
	case !has:
		return notFound()
	case faults != nil:
		return refuse(faults)
	}
	return body(http.StatusOK, s.store.shown(u, r.v2))
}

func (s *Server) delete(_ *request, id int64) fakehttp.Reply {
	if !s.store.delete(id) {
		return notFound()
	}
	return fakehttp.Reply{Status: http.StatusNoContent, Header: http.Header{}}
}

func (s *Server) setAttribute(r *request, id int64) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	faults := map[string][]string{}
	for _, name := range [...]string{"attribute", "value"} {
		if _, has := values[name]; !has {
			faults[name] = []string{"This field is required."}
		}
	}
	var name string
	if _, is := faults["attribute"]; !is && (json.Unmarshal(values["attribute"], &name) != nil || name == "") {
		faults["attribute"] = []string{"Not a valid string."}
	}
	if len(faults) > 0 {
		return refuse(faults)
	}
	return s.set(id, map[string]json.RawMessage{name: values["value"]})
}

func (s *Server) setMultipleAttributes(r *request, id int64) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	return s.set(id, values)
}

func (s *Server) set(id int64, values map[string]json.RawMessage) fakehttp.Reply {
	if !s.store.set(id, values) {
		return notFound()
	}
	return fakehttp.Reply{Status: http.StatusOK, Header: http.Header{}}
}

// list answers with a page of all users: what a create becomes that a client sent
// after a redirect as a GET.
func (s *Server) list(r *request) fakehttp.Reply { return s.page(r, s.store.all()) }

func (s *Server) page(r *request, users []User) fakehttp.Reply {
	return body(http.StatusOK, encode(struct {
		Count    int               `json:"count"`
		Next     *string           `json:"next"`
		Previous *string           `json:"previous"`
		Results  []json.RawMessage `json:"results"`
	}{Count: len(users), Results: s.shown(r, users)}))
}

func (s *Server) shown(r *request, users []User) []json.RawMessage {
	list := make([]json.RawMessage, len(users))
	for i, u := range users {
		list[i] = s.store.shown(u, r.v2)
	}
	return list
}

// search finds users by e-mail, key or phone number: the first one, every one as a
// bare list with many=true, and in V2 a page for a phone number.
func (s *Server) search(r *request) fakehttp.Reply {
	query := r.URL.Query()
	var matches func(User) bool
	switch {
	case query.Has("email"):
		matches = func(u User) bool { return u.Email == query.Get("email") }
	case query.Has("key"):
		matches = func(u User) bool { return u.Key == query.Get("key") }
	case query.Has("phone_number"):
		matches = func(u User) bool { return u.PhoneNumber == query.Get("phone_number") }
	default:
		return notFound()
	}
	users := slices.DeleteFunc(s.store.all(), func(u User) bool { return !matches(u) })
	switch {
	case query.Get("many") == "true":
		return body(http.StatusOK, encode(s.shown(r, users)))
	case len(users) == 0:
		return notFound()
	case query.Has("phone_number") && r.v2:
		return s.page(r, users)
	}
	return body(http.StatusOK, s.store.shown(users[0], r.v2))
}

func (s *Server) searchByUserID(r *request) fakehttp.Reply {
	query := r.URL.Query()
	id := s.store.byUserID(cmp.Or(query.Get("user_id"), query.Get("custom_id")))
	if id == 0 {
		return notFound()
	}
	return s.get(r, id)
}

func body(status int, data []byte) fakehttp.Reply {
	return fakehttp.Reply{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: data}
}

func detail(status int, text string) fakehttp.Reply {
	return body(status, encode(map[string]string{"detail": text}))
}

func notFound() fakehttp.Reply { return detail(http.StatusNotFound, "Not found.") }

// refuse is the answer to fields that are wrong.
func refuse(faults map[string][]string) fakehttp.Reply {
	return body(http.StatusBadRequest, encode(map[string]any{"errors": faults}))
}

func pageNotFound() fakehttp.Reply {
	return fakehttp.Reply{
		Status: http.StatusNotFound,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body:   []byte("<!DOCTYPE html>\n<html><head><title>User.com | Page not found</title></head><body><h1>404</h1></body></html>\n"),
	}
}

// encode writes JSON as the vendor does, without escaping for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("usercomtest: " + err.Error()) // what is encoded here always can be
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
