package mixintest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const (
	requestIDHeader  = "X-Request-Id"
	serverTimeHeader = "X-Server-Time"
	// reasonHeader is not one of Mixin's headers. If a code stands for several faults, it shows
	// people which one it is.
	reasonHeader = "X-Fake-Reason"
)

// defaultLeeway is the allowed difference between a token's date and the server's clock. Mixin does
// not document it. Its Android client treats five minutes as too much.
const defaultLeeway = 5 * time.Minute

// An Option changes how a Server behaves.
type Option func(*settings)

type settings struct {
	http     userapitest.ServerOptions
	keystore mixin.Keystore
	rsa      bool
	price    string
	credit   *int // nil for no limit
	tipDelay int
	leeway   time.Duration
	official bool
}

// WithHTTP sets the server's address, TLS, clock and other options.
func WithHTTP(o userapitest.ServerOptions) Option { return func(s *settings) { s.http = o } }

// WithKeystore sets the application's keystore. The default has a new Ed25519 key. Its PrivateKey
// must be an ed25519.PrivateKey or an *rsa.PrivateKey.
func WithKeystore(ks mixin.Keystore) Option { return func(s *settings) { s.keystore = ks } }

// WithRSA gives the application an RSA key, as in 2018, unless WithKeystore sets a key.
func WithRSA() Option { return func(s *settings) { s.rsa = true } }

// WithCredit sets the application's credit to the price of this many users. More users are refused
// with the code 20117. The default is a credit of a million without refusals.
func WithCredit(users int) Option { return func(s *settings) { s.credit = &users } }

// WithPrice sets the price of a user, a decimal. The default is "0.5".
func WithPrice(decimal string) Option { return func(s *settings) { s.price = decimal } }

// WithOfficialApp makes the application one of Mixin's own. Only official applications can read the
// price by GET /apps/property. Others get the code 403.
func WithOfficialApp() Option { return func(s *settings) { s.official = true } }

// WithTIPDelay refuses the first valid registrations with Safe of each user, with the code 20119.
// Mixin does so for a moment after a TIP key was set.
func WithTIPDelay(registrations int) Option {
	return func(s *settings) { s.tipDelay = registrations }
}

// WithLeeway sets the allowed difference between the server's clock and the date of a token, of an
// encrypted PIN or of a TIP key's message. The default is five minutes.
func WithLeeway(d time.Duration) Option { return func(s *settings) { s.leeway = d } }

// A Server is a fake of Mixin. It is safe for concurrent use.
type Server struct {
	http     *fakehttp.Server
	keystore func() mixin.Keystore // a closure, so that printing does not show it
	store    store
	leeway   time.Duration
	official bool
}

// NewServer starts a server, and closes it when the test ends. It fails the test if the server
// cannot start. The test's log names requests for unserved routes, unless WithHTTP sets another
// Logger.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(append(slices.Clone(opts), func(set *settings) { fakehttp.LogTo(t, &set.http) })...)
	if err != nil {
		t.Fatalf("mixintest: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server for a program. The program must close it.
func Start(opts ...Option) (*Server, error) {
	set := settings{leeway: defaultLeeway, price: defaultPrice}
	for _, o := range opts {
		o(&set)
	}
	ks, err := completeKeystore(set.keystore, set.rsa)
	if err != nil {
		return nil, err
	}
	price, err := parsePrice(set.price)
	if err != nil {
		return nil, err
	}
	s := &Server{
		keystore: func() mixin.Keystore { return ks },
		leeway:   set.leeway, official: set.official,
	}
	s.store.init(set, price)
	s.http = fakehttp.New(fakehttp.Config{
		ServerOptions: set.http,
		SecretHeaders: []string{"Authorization"},
		SecretFields:  []string{"pin", "old_pin", "pin_base64", "old_pin_base64"},
		Header:        http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		TooMany:       s.tooMany,
	})
	s.store.register(newApplication(ks.UserID, ks.SessionID, s.http.Now()), session{
		userID: ks.UserID, sessionID: ks.SessionID, key: ks.PrivateKey.Public(), application: true,
	})
	s.handle()
	if err := s.http.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the server's address, without a trailing slash.
func (s *Server) URL() string { return s.http.URL() }

// Config returns the client's settings for the server. SessionKeys is not set.
func (s *Server) Config() mixin.Config {
	return mixin.Config{
		Keystore: s.keystore(),
		HTTP:     userapi.HTTPOptions{BaseURL: s.URL(), HTTPClient: s.http.HTTPClient()},
	}
}

// KeystoreJSON returns the application's keystore in the form of 2023 or, with an RSA key, of 2018.
// mixin.ParseKeystore and Mixin's own clients can read it. It has the private key.
func (s *Server) KeystoreJSON() []byte { return keystoreJSON(s.keystore()) }

// Users returns the created users, oldest first.
func (s *Server) Users() []User { return s.store.all() }

// UserCount returns the number of created users.
func (s *Server) UserCount() int { return s.store.count() }

// Stats returns the counts so far. Duplicates is 0, because Mixin requires nothing in a create to
// be unique.
func (s *Server) Stats() userapitest.Stats { return s.http.Stats(s.UserCount()) }

// Requests returns the requests received so far, with the tokens redacted.
func (s *Server) Requests() []userapitest.Request { return s.http.Requests() }

// Inject adds a fault.
func (s *Server) Inject(f userapitest.Fault) { s.http.Inject(f) }

// Close stops the server. A second call does nothing.
func (s *Server) Close() { s.http.Close() }

// A handler does what a session's request asks. It returns the value of "data" in the reply, or an
// error.
type handler func(r *fakehttp.Request, by session) (data any, refused *apiError)

// handle registers the server's paths.
func (s *Server) handle() {
	s.path(userapitest.Create, "POST /users", s.create)
	s.path(userapitest.Lookup, "GET /me", s.me)
	s.path(userapitest.Lookup, "GET /safe/me", s.me)
	s.path(userapitest.Lookup, "GET /users/{id}", s.get)
	s.path(userapitest.Lookup, "POST /users/fetch", s.fetch)
	s.path(userapitest.Lookup, "GET /search/{number}", s.search)
	s.path(userapitest.Lookup, "GET /safe/apps/{id}/billing", s.billing)
	s.path(userapitest.Lookup, "GET /apps/property", s.property)
	s.path(userapitest.Attributes, "POST /me", s.updateProfile)
	s.path(userapitest.Attributes, "POST /session/secret", s.rotate)
	s.path(userapitest.Attributes, "POST /pin/update", withPIN(s.updatePIN))
	s.path(userapitest.Attributes, "POST /pin/verify", withPIN(s.verifyPIN))
	s.path(userapitest.Attributes, "POST /safe/users", withPIN(s.registerSafe))
	s.http.Handle(userapitest.Attributes, "POST /legacy/users", func(r *fakehttp.Request) fakehttp.Reply {
		return s.answer(r, func() (any, *apiError) { return s.upgrade(r) }) // no token
	})
}

// path registers a path that requires a token.
func (s *Server) path(op userapitest.Operation, pattern string, next handler) {
	s.http.Handle(op, pattern, func(r *fakehttp.Request) fakehttp.Reply {
		return s.answer(r, func() (any, *apiError) {
			by, ok := s.authenticate(r)
			if !ok {
				return nil, errUnauthorized
			}
			return next(r, by)
		})
	})
}

// answer runs do and returns the reply.
func (s *Server) answer(r *fakehttp.Request, do func() (data any, refused *apiError)) fakehttp.Reply {
	data, refused := do()
	if refused != nil {
		return s.stamp(r, refused.reply())
	}
	return s.stamp(r, fakehttp.Reply{Status: http.StatusOK, Body: encode(envelope{Data: data})})
}

// stamp adds the headers of every reply: the request's id, or a new one, and the server's time in
// nanoseconds.
func (s *Server) stamp(r *fakehttp.Request, reply fakehttp.Reply) fakehttp.Reply {
	id := r.Header.Get(requestIDHeader)
	if id == "" {
		id = newID()
	}
	if reply.Header == nil {
		reply.Header = http.Header{}
	}
	reply.Header[requestIDHeader] = []string{id}
	reply.Header[serverTimeHeader] = []string{strconv.FormatInt(s.http.Now().UnixNano(), 10)}
	return reply
}

// tooMany answers a request above the rate like every other error. It sends no Retry-After.
func (s *Server) tooMany(r *fakehttp.Request, _ time.Duration) fakehttp.Reply {
	return s.stamp(r, errTooMany.reply())
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}
