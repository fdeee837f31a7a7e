// Package fakehttp is what the vendors' fakes share. It serves, records requests with
// secrets redacted, and applies faults. The fakes have the vendors' rules.
package fakehttp

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/enlist-go/enlist/userapi/userapitest"
)

// maxBody bounds what a fake reads of a request: an import of tens of thousands of users.
const maxBody = 64 << 20

// idleConnsPerHost is as many connections as the clients themselves keep.
const idleConnsPerHost = 128

// Config makes a Server.
type Config struct {
	userapitest.ServerOptions
	// Secrets names the headers and the JSON or form members whose values are
	// redacted in records. Names are compared without case.
	SecretHeaders, SecretFields []string
	// NotFound answers what the fake does not serve, where the vendor has an answer to unknown paths that
	// no client can read as the absence of a user. The zero Reply is a plain text of the fake's own.
	NotFound Reply
	// Header is put on every reply of a handler.
	Header http.Header
	// TooMany answers a request that is over ServerOptions.Rate; wait is how long it is until the next may come.
	// It is called by many goroutines at once.
	TooMany func(r *Request, wait time.Duration) Reply
}

// A Request is a request whose body was read.
type Request struct {
	*http.Request
	Body []byte
}

// A Reply is what a handler answers.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// A Handler carries a request out. It is called by many goroutines at once.
type Handler func(*Request) Reply

// A Server is a vendor's fake on the wire.
type Server struct {
	cfg    Config
	http   *httptest.Server
	mux    *http.ServeMux
	closed chan struct{}
	once   sync.Once

	redactor redactor

	mu       sync.Mutex
	limiter  *rate.Limiter // nil for no limit
	faults   []userapitest.Fault
	requests []userapitest.Request
	stats    userapitest.Stats // without Users
}

// New makes a server; Handle and then Start follow.
func New(cfg Config) *Server {
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), closed: make(chan struct{}),
		redactor: newRedactor(cfg.SecretHeaders, cfg.SecretFields),
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			return
		}
		s.record(userapitest.Lookup, r, body)
		h, _ := s.limited(func(r *Request) Reply { return s.Unserved(r.Request) })
		s.write(w, h(&Request{Request: r, Body: body}))
	})
	return s
}

// LogTo has a fake log to the test, unless o names another log.
func LogTo(t testing.TB, o *userapitest.ServerOptions) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
}

// Unserved answers a request that the fake does not serve, and names it on the log. No client can read the answer
// as the absence of a user.
func (s *Server) Unserved(r *http.Request) Reply {
	if s.cfg.Logger != nil {
		s.cfg.Logger.Warn("the fake does not serve this", "method", r.Method, "path", r.URL.Path)
	}
	if s.cfg.NotFound.Status != 0 {
		reply := s.cfg.NotFound
		reply.Header = reply.Header.Clone() // a fake adds to it
		return reply
	}
	return Reply{
		Status: http.StatusNotFound,
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:   []byte("This is a fake, and it does not serve this request.\n"),
	}
}

// Handle sets the handler of a pattern of http.ServeMux.
func (s *Server) Handle(op userapitest.Operation, pattern string, h Handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(op, h, w, r) })
}

// HandleBy is Handle for a path whose requests are of one operation or another by their body. The body
// is read before any fault.
func (s *Server) HandleBy(op func(body []byte) userapitest.Operation, pattern string, h Handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), unreadable{err}))
		s.serve(op(body), h, w, r)
	})
}

// unreadable is what comes behind a body whose reading ended with an error, or nil.
type unreadable struct{ err error }

func (u unreadable) Read([]byte) (int, error) { return 0, cmp.Or(u.err, io.EOF) }

// Start begins to serve.
func (s *Server) Start() error {
	if err := s.startLimit(); err != nil {
		return err
	}
	listener := s.cfg.Listener
	if listener == nil {
		addr := s.cfg.Addr
		if addr == "" {
			addr = "127.0.0.1:0"
		}
		if err := checkLoopback(addr); err != nil {
			return err
		}
		var err error
		if listener, err = net.Listen("tcp", addr); err != nil {
			return err
		}
	}
	s.http = &httptest.Server{
		Listener:    listener,
		EnableHTTP2: s.cfg.HTTP2,
		Config:      &http.Server{Handler: s.mux, ReadHeaderTimeout: time.Minute, ErrorLog: discardLog()},
	}
	if s.cfg.TLS || s.cfg.HTTP2 {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	return nil
}

// checkLoopback refuses to serve to other machines: a fake takes any password.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("the address must be a host and a port, such as 127.0.0.1:7001: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("the address must be on loopback, such as 127.0.0.1:7001")
	}
	return nil
}

// Close stops serving. It may be called more than once.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.closed)
		s.http.CloseClientConnections()
		s.http.Close()
	})
}

// URL is the server's address, without a trailing slash.
func (s *Server) URL() string { return s.http.URL }

// Client returns a client that trusts the server's certificate.
func (s *Server) Client() *http.Client { return s.http.Client() }

// HTTPClient returns what a client needs to reach the server: one that trusts its
// certificate and dials its listener, or nil where any client will do.
func (s *Server) HTTPClient() *http.Client {
	dialer, inMemory := s.cfg.Listener.(interface {
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	})
	if !inMemory && s.Certificate() == nil {
		return nil
	}
	transport := s.Client().Transport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = idleConnsPerHost
	if inMemory {
		transport.DialContext = dialer.DialContext
	}
	return &http.Client{Transport: transport}
}

// Certificate returns the server's certificate, nil without TLS.
func (s *Server) Certificate() *x509.Certificate { return s.http.Certificate() }

// Now is the server's clock.
func (s *Server) Now() time.Time {
	if s.cfg.Now != nil {
		return s.cfg.Now()
	}
	return time.Now()
}

// Inject makes a fault happen.
func (s *Server) Inject(f userapitest.Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// Requests returns what was received so far, secrets redacted.
func (s *Server) Requests() []userapitest.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]userapitest.Request(nil), s.requests...)
}

// record notes a request.
func (s *Server) record(op userapitest.Operation, r *http.Request, body []byte) {
	if s.cfg.Unrecorded {
		return
	}
	rec := userapitest.Request{
		Operation: op, Method: r.Method, URI: s.redactor.uri(r.URL),
		Header: s.redactor.headers(r.Header), Body: s.redactor.body(r.Header.Get("Content-Type"), body),
		At: s.Now(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, rec)
}

// take returns the fault that applies to this request, if any.
func (s *Server) take(op userapitest.Operation) (userapitest.Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.On != op {
			continue
		}
		if f.Times > 0 {
			if s.faults[i].Times--; s.faults[i].Times == 0 {
				s.faults = append(s.faults[:i], s.faults[i+1:]...)
			}
		}
		return f, true
	}
	return userapitest.Fault{}, false
}

func (s *Server) serve(op userapitest.Operation, h Handler, w http.ResponseWriter, r *http.Request) {
	h, over := s.limited(h)
	var fault userapitest.Fault
	var faulty bool
	if !over {
		fault, faulty = s.take(op)
	}
	if faulty && fault.When == userapitest.BeforeRead {
		s.record(op, r, nil)
		s.applyFault(fault, nil, w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client left, or sent more than any client of ours does
	}
	s.record(op, r, body)
	if faulty && fault.When == userapitest.BeforeCommit {
		s.applyFault(fault, nil, w, r)
		return
	}
	reply := h(&Request{Request: r, Body: body})
	if faulty {
		s.applyFault(fault, &reply, w, r)
		return
	}
	if s.cfg.Latency > 0 {
		timer := time.NewTimer(s.cfg.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.closed:
		}
	}
	s.write(w, reply)
}

func (s *Server) write(w http.ResponseWriter, reply Reply) {
	for _, header := range [...]http.Header{s.cfg.Header, reply.Header} {
		for name, values := range header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
	}
	status := reply.Status
	if status == 0 {
		status = http.StatusOK
	}
	if _, ok := w.Header()["Content-Type"]; !ok {
		w.Header()["Content-Type"] = nil // not guessed
	}
	w.WriteHeader(status)
	_, _ = w.Write(reply.Body)
}
