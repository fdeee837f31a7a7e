package quickblox

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

const (
	tokenHeader      = "Qb-Token"
	expirationHeader = "Qb-Token-Expirationdate"
	opSession        = "create session"
	// sessionLife is how long a session lives after its last request.
	sessionLife = 2 * time.Hour
	// renewBefore is how long before its end a session is replaced.
	renewBefore = time.Minute
)

// sessions obtains sessions and shares them among concurrent calls.
type sessions struct {
	vendor  *provider.Vendor // of the client's own session
	signIns *provider.Vendor
	config  func() *SessionConfig // a closure, so that printing shows nothing

	mu      sync.Mutex
	current session
	fetch   *fetch
	skew    time.Duration // the server's clock less ours
}

// A session is a token and the time until which it is taken to be good.
type session struct {
	token func() string
	until time.Time
}

// A fetch is a session request under way, shared by those who wait for it.
type fetch struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiters int
	got     session
	err     error
	// panicked is what the request's goroutine panicked with; it is passed on to those who wait.
	panicked any
}

func newSessions(cfg SessionConfig, client *transport.Client) *sessions {
	s := &sessions{config: func() *SessionConfig { return &cfg }}
	s.vendor = &provider.Vendor{
		Name: Name, HTTP: client, Secrets: s.secrets, Explain: explain,
		Prepare: func(call *provider.Call) { call.Classify = classifySession },
		Absent:  func(*transport.Reply) bool { return true },
	}
	signIns := *s.vendor
	signIns.Absent = func(*transport.Reply) bool { return false } // a 404 says nothing about the user
	s.signIns = &signIns
	return s
}

func (s *sessions) sign(r *http.Request, _ []byte) error {
	token, err := s.token(r.Context())
	if err != nil {
		return err
	}
	r.Header[tokenHeader] = []string{token}
	return nil
}

func (s *sessions) secrets() []string {
	cfg := s.config()
	all := []string{cfg.AuthSecret.Reveal(), cfg.Password.Reveal(), cfg.AuthKey}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.token != nil {
		all = append(all, s.current.token())
	}
	return all
}

// token returns the current session's token, or waits for a new one. The request for it runs in a
// context of its own: each waiter leaves on its own, and the last one to leave ends it.
func (s *sessions) token(ctx context.Context) (string, error) {
	s.mu.Lock()
	if c := s.current; c.token != nil && time.Now().Before(c.until.Add(-renewBefore)) {
		s.mu.Unlock()
		return c.token(), nil
	}
	f := s.fetch
	if f == nil {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &fetch{done: make(chan struct{}), cancel: cancel}
		s.fetch = f
		go s.run(own, f)
	}
	f.waiters++
	s.mu.Unlock()

	select {
	case <-f.done:
	case <-ctx.Done():
		s.leave(f)
		return "", context.Cause(ctx)
	}
	switch {
	case f.panicked != nil:
		panic(f.panicked)
	case f.err != nil:
		return "", f.err
	}
	return f.got.token(), nil
}

func (s *sessions) leave(f *fetch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.waiters--; f.waiters == 0 {
		f.cancel()
		if s.fetch == f {
			s.fetch = nil // the next call begins another
		}
	}
}

func (s *sessions) run(ctx context.Context, f *fetch) {
	f.err = errSessionEnded
	defer func() {
		// A hook or a RoundTripper of the caller's may panic, or end the goroutine.
		f.panicked = recover()
		f.cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.fetch == f {
			s.fetch = nil
		}
		if f.err == nil {
			s.current = f.got
		}
		close(f.done)
	}()
	f.got, f.err = s.own(ctx)
}

// errSessionEnded: the goroutine that asked for a session was ended from within.
var errSessionEnded = errors.New("quickblox: the session request was ended by runtime.Goexit")

// own asks for the client's own session.
func (s *sessions) own(ctx context.Context) (session, error) {
	got, err := s.obtain(ctx, opSession, s.config())
	if err == nil {
		return got.session, nil
	}
	if e, ok := err.(*userapi.Error); ok {
		e.Subject = userapi.SubjectNone
		e.Outcome = userapi.OutcomeNotSent // of the create that needs the session
	}
	return session{}, err
}

// obtain asks for a session, and once more by the vendor's clock where that finds ours wrong.
func (s *sessions) obtain(ctx context.Context, op string, cfg *SessionConfig) (*sessionReply, error) {
	got, err := s.ask(ctx, op, cfg)
	var refused *APIError
	if !errors.As(err, &refused) || !refused.says("Bad timestamp") {
		return got, err
	}
	date, dateErr := http.ParseTime(refused.Header.Get("Date"))
	if dateErr != nil {
		return got, err
	}
	s.mu.Lock()
	s.skew = time.Until(date)
	s.mu.Unlock()
	return s.ask(ctx, op, cfg)
}

func (s *sessions) form(cfg *SessionConfig) []byte {
	s.mu.Lock()
	now := time.Now().Add(s.skew)
	s.mu.Unlock()
	return cfg.sessionForm(now, newNonce())
}

func (s *sessions) ask(ctx context.Context, op string, cfg *SessionConfig) (*sessionReply, error) {
	form := func() []byte { return s.form(cfg) }
	v, signIn := s.vendor, op == opSignIn
	if signIn {
		v = s.signIns
	}
	call := &provider.Call{Call: transport.Call{
		Operation: op, Route: "/session.json",
		Method: http.MethodPost, Path: "/session.json",
		ContentType: "application/x-www-form-urlencoded", Body: form(),
		Renew:      form, // a time and a nonce are taken only once
		Repeatable: true,
	}}
	return provider.Read(ctx, v, call, &sessionReply{applicationID: cfg.applicationID(), signIn: signIn}, nil)
}

// A sessionReply is the reply to POST /session.json.
type sessionReply struct {
	applicationID string // that was asked for
	signIn        bool   // the session must be a user's
	session       session
	userID        int64
	meta          provider.Meta
}

// Receive reads the session, for provider.Reply.
func (r *sessionReply) Receive(from *transport.Reply, m provider.Meta) error {
	var in struct {
		Session struct {
			Token         string  `json:"token"`
			ApplicationID *Number `json:"application_id"`
			UserID        *Number `json:"user_id"`
		} `json:"session"`
	}
	err := wire.Decode(from.Body, &in, wire.Path{Object: "session", Names: []string{"token", "application_id", "user_id"}})
	token := in.Session.Token
	r.userID, _ = wire.Int(string(provider.Value(in.Session.UserID)))
	switch {
	case err != nil || !isToken(token):
		return errNoToken
	case compareNumber(r.applicationID, string(provider.Value(in.Session.ApplicationID))) == provider.Different:
		return errOtherApplication
	case r.signIn && r.userID <= 0:
		return errNoUser
	}
	r.session, r.meta = session{token: func() string { return token }, until: expiry(from)}, m
	return nil
}

// Neutral returns nil: a session is not a user.
func (r *sessionReply) Neutral() *userapi.User { return nil }

var (
	errOtherApplication = errors.New("quickblox: the reply has a session of another application")
	errNoUser           = errors.New("quickblox: the reply has a session that is not a user's")
)

// textSignature is the vendor's text, under 422, for a session request whose credentials
// are wrong. Source: QuickBlox's issue trackers, Android SDK 139, 473 and 724.
const textSignature = "Unexpected signature"

// classifySession judges a session request, which may be repeated after any temporary failure.
func classifySession(r *transport.Reply) transport.Classification {
	v := classify(r)
	if e, ok := v.Err.(*APIError); ok && v.Kind == userapi.KindInvalid && e.says(textSignature) {
		v.Kind = userapi.KindUnauthorized
	}
	if v.Kind == userapi.KindUnavailable {
		v.Retry = transport.RetryBackoff
	}
	return v
}

// expiry tells until when a session that was just used is good: until the time in the reply, by
// the server's clock, or for two hours.
func expiry(r *transport.Reply) time.Time {
	if end := lenient.ParseTime(r.Header.Get(expirationHeader)); !end.Time.IsZero() {
		now := r.Read
		if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			now = date
		}
		return r.Read.Add(end.Sub(now))
	}
	return r.Read.Add(sessionLife)
}

// saw moves the end of the current session on: it slides with each use.
func (s *sessions) saw(r *transport.Reply) {
	until := expiry(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.token != nil && until.After(s.current.until) {
		s.current.until = until
	}
}

// classify learns from the reply, and lets a call that got a 401 be sent with a new session.
func (s *sessions) classify(r *transport.Reply) transport.Classification {
	c := classify(r)
	switch {
	case r.Status != http.StatusUnauthorized:
		s.saw(r)
	case c.Kind == userapi.KindUnauthorized:
		s.forget(r.Request.Header.Get(tokenHeader))
		c.Retry = transport.RetryNow
	}
	return c
}

// forget gives up the session with a token.
func (s *sessions) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.token != nil && s.current.token() == token {
		s.current = session{}
	}
}
