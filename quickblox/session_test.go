package quickblox_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// newSessionClient returns a client that gets its sessions from a server. change may be nil.
func newSessionClient(t *testing.T, s *quickbloxtest.Server, change func(*quickblox.Config)) *quickblox.Client {
	t.Helper()
	cfg := s.Config()
	cfg.APIKey, cfg.Session = "", s.SessionConfig()
	cfg.HTTP.Retry = userapi.RetryPolicy{BaseWait: time.Millisecond, Jitter: -1}
	if change != nil {
		change(&cfg)
	}
	c, err := quickblox.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// inBubble runs a test in fake time, against a server in memory.
func inBubble(t *testing.T, o userapitest.ServerOptions, test func(*testing.T, *quickbloxtest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Listener = fakehttp.NewMemory()
		test(t, quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(o)))
	})
}

// pass waits in the bubble's time.
func pass(d time.Duration) { <-time.After(d) }

// received counts a server's requests by operation.
func received(s *quickbloxtest.Server, on userapitest.Operation) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Operation == on {
			n++
		}
	}
	return n
}

func numbered(n int) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{Username: "user" + strconv.Itoa(n), Password: "quickblox"}
}

// create32 creates 32 users concurrently and requires success.
func create32(t *testing.T, c userapi.Creator, first int) {
	t.Helper()
	var failures atomic.Int32
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range 32 {
		wg.Go(func() {
			<-begin
			if _, err := c.CreateUser(context.Background(), numbered(first+i)); err != nil {
				failures.Add(1)
				t.Errorf("%v", err)
			}
		})
	}
	close(begin)
	wg.Wait()
}

// sessionGone is the answer to a session that the server does not know.
var sessionGone = []byte(`{"errors":{"base":["Required session does not exist"]}}`)

// tokens records the session tokens of requests, in order.
type tokens struct {
	base http.RoundTripper
	mu   sync.Mutex
	seen []string
}

func (r *tokens) RoundTrip(req *http.Request) (*http.Response, error) {
	if token := req.Header.Get("QB-Token"); token != "" {
		r.mu.Lock()
		r.seen = append(r.seen, token)
		r.mu.Unlock()
	}
	return r.base.RoundTrip(req)
}

func (r *tokens) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[len(r.seen)-1]
}

func TestSessionIsShared(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	passing := &tokens{base: &http.Transport{MaxIdleConnsPerHost: 32}}
	c := newSessionClient(t, s, func(cfg *quickblox.Config) {
		cfg.HTTP.HTTPClient = &http.Client{Transport: passing}
	})
	create32(t, c, 0)
	assert.Equal(t, 32, s.UserCount())
	assert.Equal(t, 1, received(s, userapitest.Session))

	// The server drops the session. All creates are refused, and share one new session.
	old := passing.last()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.URL()+"/session.json", nil)
	require.NoError(t, err)
	r.Header.Set("QB-Token", old)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)

	create32(t, c, 32)
	assert.Equal(t, 64, s.UserCount())
	assert.Equal(t, 3, received(s, userapitest.Session), "the first, its end, and the second")
	assert.False(t, old == passing.last())
	for _, request := range s.Requests() {
		if request.Operation == userapitest.Session && request.Method == http.MethodPost {
			assert.Equal(t, "application/x-www-form-urlencoded", request.Header.Get("Content-Type"))
			assert.Empty(t, request.Header.Values("Authorization"))
			assert.Empty(t, request.Header.Values("QB-Token"))
		}
	}
}

// After a 401 the session is renewed once per call; a second 401 is the result.
func TestSessionIsRenewedOnce(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newSessionClient(t, s, func(cfg *quickblox.Config) { cfg.HTTP.Retry.MaxAttempts = 1 })
	gone := userapitest.Fault{On: userapitest.Create, When: userapitest.BeforeCommit, Status: http.StatusUnauthorized, Body: sessionGone}
	s.Inject(gone)
	_, err := c.CreateUser(context.Background(), numbered(1))
	require.NoError(t, err)
	assert.Equal(t, 2, received(s, userapitest.Session))
	assert.Equal(t, 2, received(s, userapitest.Create))

	gone.Times = 2
	s.Inject(gone)
	_, err = c.CreateUser(context.Background(), numbered(2))
	e := wantError(t, err)
	require.ErrorIs(t, err, userapi.ErrUnauthorized)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	assert.Equal(t, 2, e.Attempts)
	assert.Equal(t, 3, received(s, userapitest.Session))
	assert.Equal(t, 4, received(s, userapitest.Create))

	_, err = c.CreateUser(context.Background(), numbered(3))
	require.NoError(t, err)
	assert.Equal(t, 4, received(s, userapitest.Session), "the refused session is not used again")
}

// Fixed credentials cannot be renewed.
func TestFixedCredentialsAreNotRenewed(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]quickblox.Config{"API key": {APIKey: "wrong"}, "token": {SessionToken: "wrong"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := quickbloxtest.NewServer(t)
			cfg.HTTP.BaseURL = s.URL()
			c, err := quickblox.New(cfg)
			require.NoError(t, err)
			defer c.CloseIdleConnections()
			_, err = c.CreateUser(context.Background(), john)
			require.ErrorIs(t, err, userapi.ErrUnauthorized)
			assert.Equal(t, 1, received(s, userapitest.Create))
			assert.Zero(t, received(s, userapitest.Session))
		})
	}
}

// Each use extends a session. It is replaced a minute before its end.
func TestSessionSlidesAndIsReplacedInTime(t *testing.T) {
	t.Parallel()
	inBubble(t, userapitest.ServerOptions{}, func(t *testing.T, s *quickbloxtest.Server) {
		c := newSessionClient(t, s, nil)
		creates := 0
		create := func(sessions int) {
			t.Helper()
			creates++
			_, err := c.CreateUser(context.Background(), numbered(creates))
			require.NoError(t, err)
			assert.Equal(t, sessions, received(s, userapitest.Session))
			assert.Equal(t, creates, received(s, userapitest.Create), "no create met an expired session")
		}
		create(1)
		pass(time.Hour)
		create(1)
		pass(2*time.Hour - time.Minute - time.Second)
		create(1)
		pass(2*time.Hour - time.Minute)
		create(2)
		pass(3 * time.Hour)
		create(3)
	})
}

// The server's clock differs from ours. The first session request is refused. The second one and
// all later ones use the time from the refusal's Date.
func TestSessionGoesByTheServersClock(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-5 * time.Hour, 26 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			t.Parallel()
			inBubble(t, userapitest.ServerOptions{Now: func() time.Time { return time.Now().Add(off) }}, func(t *testing.T, s *quickbloxtest.Server) {
				c := newSessionClient(t, s, nil)
				_, err := c.CreateUser(context.Background(), numbered(1))
				require.NoError(t, err)
				assert.Equal(t, 2, received(s, userapitest.Session))
				pass(90 * time.Minute)
				_, err = c.CreateUser(context.Background(), numbered(2))
				require.NoError(t, err)
				assert.Equal(t, 2, received(s, userapitest.Session), "the end is held against the server's clock")
				pass(2 * time.Hour)
				_, err = c.CreateUser(context.Background(), numbered(3))
				require.NoError(t, err)
				assert.Equal(t, 3, received(s, userapitest.Session))
				assert.Equal(t, 3, received(s, userapitest.Create))
			})
		})
	}
}

// The time is corrected once, and only by a Date.
func TestBadTimestampStands(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, date string
		sessions   int
	}{
		{"with a date", "Tue, 27 Aug 2019 20:19:08 GMT", 2},
		{"without one", "yesterday", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := quickbloxtest.NewServer(t)
			s.Inject(userapitest.Fault{
				On: userapitest.Session, When: userapitest.BeforeCommit, Status: http.StatusUnprocessableEntity, Times: -1,
				Header: http.Header{"Date": {tc.date}}, Body: []byte(`{"errors":{"base":["Bad timestamp"]}}`),
			})
			c := newSessionClient(t, s, nil)
			_, err := c.CreateUser(context.Background(), john)
			e := wantError(t, err)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Equal(t, "Bad timestamp", e.Message)
			assert.Equal(t, tc.sessions, received(s, userapitest.Session))
			assert.Zero(t, received(s, userapitest.Create))
		})
	}
}

// A waiter leaves when its own context ends, and the others get the session.
func TestWaiterLeavesAlone(t *testing.T) {
	t.Parallel()
	inBubble(t, userapitest.ServerOptions{Latency: 10 * time.Second}, func(t *testing.T, s *quickbloxtest.Server) {
		c := newSessionClient(t, s, nil)
		why := errors.New("the sign-up was abandoned")
		canceled, cancel := context.WithCancelCause(context.Background())
		hurried, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		begun := time.Now()
		errs := make([]error, 3)
		took := make([]time.Duration, 3)
		var wg sync.WaitGroup
		for i, ctx := range []context.Context{hurried, canceled, context.Background()} {
			wg.Go(func() {
				_, errs[i] = c.CreateUser(ctx, numbered(i))
				took[i] = time.Since(begun)
			})
			synctest.Wait()
		}
		pass(3 * time.Second)
		cancel(why)
		wg.Wait()

		assert.Equal(t, []time.Duration{5 * time.Second, 3 * time.Second, 20 * time.Second}, took)
		require.ErrorIs(t, errs[0], userapi.ErrTimeout)
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
		require.ErrorIs(t, errs[1], userapi.ErrCanceled)
		require.ErrorIs(t, errs[1], why)
		for _, err := range errs[:2] {
			assert.Equal(t, userapi.OutcomeNotSent, wantError(t, err).Outcome)
		}
		require.NoError(t, errs[2])
		assert.Equal(t, 1, received(s, userapitest.Session))
		assert.Equal(t, 1, s.UserCount())
	})
}

// inFlight counts concurrent requests.
type inFlight struct {
	base http.RoundTripper
	n    atomic.Int32
}

func (r *inFlight) RoundTrip(req *http.Request) (*http.Response, error) {
	r.n.Add(1)
	defer r.n.Add(-1)
	return r.base.RoundTrip(req)
}

// The session request ends when nobody waits for it. The next caller starts a new one.
func TestLastWaiterEndsTheSessionRequest(t *testing.T) {
	t.Parallel()
	inBubble(t, userapitest.ServerOptions{}, func(t *testing.T, s *quickbloxtest.Server) {
		way := &inFlight{}
		c := newSessionClient(t, s, func(cfg *quickblox.Config) {
			way.base = cfg.HTTP.HTTPClient.Transport
			t.Cleanup(cfg.HTTP.HTTPClient.CloseIdleConnections)
			cfg.HTTP.HTTPClient = &http.Client{Transport: way}
			cfg.HTTP.Timeout = -1
		})
		s.Inject(userapitest.Fault{On: userapitest.Session, When: userapitest.BeforeCommit, Do: userapitest.Stall})
		var wg sync.WaitGroup
		for i := range 2 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i+1)*time.Second)
			defer cancel()
			wg.Go(func() {
				_, err := c.CreateUser(ctx, numbered(i))
				assert.ErrorIs(t, err, userapi.ErrTimeout)
			})
		}
		pass(1500 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, int32(1), way.n.Load(), "one still waits")
		wg.Wait()
		synctest.Wait()
		assert.Zero(t, way.n.Load())
		assert.Equal(t, 1, received(s, userapitest.Session))

		_, err := c.CreateUser(context.Background(), john)
		require.NoError(t, err)
		assert.Equal(t, 2, received(s, userapitest.Session))
	})
}

// slowToLeave needs a second to notice that its first request was canceled.
type slowToLeave struct {
	base  http.RoundTripper
	first atomic.Bool
}

func (r *slowToLeave) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.first.CompareAndSwap(false, true) {
		<-req.Context().Done()
		pass(time.Second)
		return nil, req.Context().Err()
	}
	return r.base.RoundTrip(req)
}

// A canceled session request that is still running gets no new waiters.
func TestGivenUpSessionRequestIsNotJoined(t *testing.T) {
	t.Parallel()
	inBubble(t, userapitest.ServerOptions{}, func(t *testing.T, s *quickbloxtest.Server) {
		c := newSessionClient(t, s, func(cfg *quickblox.Config) {
			t.Cleanup(cfg.HTTP.HTTPClient.CloseIdleConnections)
			cfg.HTTP.HTTPClient = &http.Client{Transport: &slowToLeave{base: cfg.HTTP.HTTPClient.Transport}}
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := c.CreateUser(ctx, numbered(1))
		require.ErrorIs(t, err, userapi.ErrTimeout)
		_, err = c.CreateUser(context.Background(), numbered(2))
		require.NoError(t, err)
		pass(2 * time.Second)
		_, err = c.CreateUser(context.Background(), numbered(3))
		require.NoError(t, err)
		assert.Equal(t, 1, received(s, userapitest.Session), "the late end of the first takes nothing away")
	})
}

// Without a session a create is not sent; its error has the cause's kind.
func TestSessionFailures(t *testing.T) {
	t.Parallel()
	respond := func(status int, body string, header ...string) *userapitest.Fault {
		f := &userapitest.Fault{On: userapitest.Session, When: userapitest.BeforeCommit, Status: status, Body: []byte(body), Header: http.Header{}, Times: -1}
		for i := 0; i+1 < len(header); i += 2 {
			f.Header.Set(header[i], header[i+1])
		}
		return f
	}
	for _, tc := range []struct {
		name     string
		change   func(*quickblox.SessionConfig)
		fault    *userapitest.Fault
		kind     userapi.Kind
		status   int
		message  string
		sessions int
	}{
		{"wrong secret", func(c *quickblox.SessionConfig) { c.AuthSecret = "wrong" }, nil, userapi.KindUnauthorized, 422, "Unexpected signature", 1},
		{"wrong hash", func(c *quickblox.SessionConfig) { c.Hash = quickblox.SHA256 }, nil, userapi.KindUnauthorized, 422, "Unexpected signature", 1},
		{"wrong application", func(c *quickblox.SessionConfig) { c.ApplicationID = 1 }, nil, userapi.KindUnauthorized, 422, "No application found", 1},
		{"unknown user", func(c *quickblox.SessionConfig) { c.Login, c.Password = "nobody", "quickblox" }, nil, userapi.KindUnauthorized, 401, "Unauthorized", 1},
		{"forbidden", nil, respond(403, ""), userapi.KindForbidden, 403, "", 1},
		{"not found", nil, respond(404, " "), userapi.KindNotFound, 404, "", 1},
		{"rate limited", nil, respond(429, "", "Retry-After", "3600"), userapi.KindRateLimited, 429, "", 1},
		{"unavailable", nil, respond(503, "<html>"), userapi.KindUnavailable, 503, "", 3},
		{"redirected", nil, respond(307, "", "Location", "https://elsewhere.example/session.json"), userapi.KindProtocol, 307, "", 1},
		{"no token", nil, respond(201, `{"session":{"id":1}}`), userapi.KindProtocol, 201, "", 1},
		{"token of blanks", nil, respond(201, `{"session":{"token":"a b"}}`), userapi.KindProtocol, 201, "", 1},
		{"HTML", nil, respond(200, `<html>`), userapi.KindProtocol, 200, "", 1},
		{"empty", nil, respond(204, ``), userapi.KindProtocol, 204, "", 1},
		{"hung up on", nil, &userapitest.Fault{On: userapitest.Session, Do: userapitest.Hangup, Times: -1}, userapi.KindUnavailable, 0, "", 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := quickbloxtest.NewServer(t)
			if tc.fault != nil {
				s.Inject(*tc.fault)
			}
			c := newSessionClient(t, s, func(cfg *quickblox.Config) {
				if tc.change != nil {
					tc.change(cfg.Session)
				}
			})
			_, err := c.CreateUser(context.Background(), john)
			e := wantError(t, err)
			assert.Equal(t, tc.kind, e.Kind)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Equal(t, "create user", e.Op)
			assert.Contains(t, e.Error(), ": create session", "the text says which request failed")
			assert.Equal(t, tc.status, e.StatusCode)
			assert.Equal(t, tc.message, e.Message)
			assert.Equal(t, tc.sessions, received(s, userapitest.Session))
			assert.Zero(t, received(s, userapitest.Create))
			assert.False(t, userapi.MayHaveCreated(err))
			if tc.status == http.StatusTooManyRequests {
				assert.Equal(t, time.Hour, e.RetryAfter)
			}
			var vendor *quickblox.APIError
			assert.Equal(t, tc.status >= 300, errors.As(err, &vendor))
		})
	}
}

// A session of another application is not used: the create would make a user there.
func TestSessionOfAnotherApplication(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		member string // of the session, besides the token
		used   bool
	}{
		"the same":              {`"application_id":76730,`, true},
		"the same as text":      {`"application_id":"76730",`, true},
		"missing":               {``, true},
		"null":                  {`"application_id":null,`, true},
		"zero":                  {`"application_id":0,`, true},
		"empty":                 {`"application_id":"",`, true},
		"a word":                {`"application_id":"x76731",`, true},
		"an object":             {`"application_id":{"id":76731},`, true},
		"a fraction":            {`"application_id":76731.5,`, true},
		"twice":                 {`"application_id":76731,"application_id":76732,`, true},
		"of another name":       {`"Application_id":76731,"id":76731,`, true},
		"another":               {`"application_id":76731,`, false},
		"another as text":       {`"application_id":"76731",`, false},
		"another as a fraction": {`"application_id":76731.0,`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newMocked(t, quickblox.Config{Session: &quickblox.SessionConfig{ApplicationID: 76730, AuthKey: "key", AuthSecret: "secret"}})
			mock.RegisterResponder(http.MethodPost, "https://api.quickblox.com/session.json", httpmock.NewStringResponder(http.StatusCreated,
				`{"session":{`+tc.member+`"token":"cf5709d6013fdb7a6787fbeb8340afed8aec4c69","user_id":0}}`))
			got := replying(mock, http.StatusCreated, []byte(keyless))
			_, err := c.CreateUser(t.Context(), john)
			if tc.used {
				require.NoError(t, err)
				return
			}
			for range 2 { // the session is not kept either
				_, err := c.CreateUser(t.Context(), john)
				e := wantError(t, err)
				assert.Equal(t, userapi.KindProtocol, e.Kind)
				assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
				assert.Equal(t, http.StatusCreated, e.StatusCode)
				assert.Contains(t, e.Error(), "create session")
				assert.NotContains(t, e.Error(), "7673")
			}
			assert.Nil(t, got.body)
		})
	}
}

// A session request is retried after a temporary failure, with a new signature each time: a time
// and a nonce are valid only once.
func TestSessionRequestIsRepeated(t *testing.T) {
	t.Parallel()
	for _, fault := range []userapitest.Fault{
		{When: userapitest.AfterCommit, Do: userapitest.Hangup},
		{When: userapitest.AfterCommit, Do: userapitest.Respond, Status: http.StatusBadGateway},
		{When: userapitest.AfterCommit, Do: userapitest.Respond, Status: http.StatusTooManyRequests},
		{When: userapitest.BeforeRead, Do: userapitest.Reset},
	} {
		t.Run(fault.When.String()+" "+fault.Do.String()+" "+strconv.Itoa(fault.Status), func(t *testing.T) {
			t.Parallel()
			s := quickbloxtest.NewServer(t)
			fault.On, fault.Times = userapitest.Session, 2
			s.Inject(fault)
			c := newSessionClient(t, s, nil)
			_, err := c.CreateUser(context.Background(), john)
			require.NoError(t, err)
			assert.Equal(t, 3, received(s, userapitest.Session))
			assert.Equal(t, 1, received(s, userapitest.Create))
			seen := map[string]bool{}
			for _, r := range s.Requests() {
				if r.Operation == userapitest.Session && len(r.Body) > 0 {
					form, err := url.ParseQuery(string(r.Body))
					require.NoError(t, err)
					assert.False(t, seen[form.Get("nonce")], "the nonce was used before")
					seen[form.Get("nonce")] = true
				}
			}
		})
	}
}

func TestUserSessions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*quickblox.SessionConfig){
		"login":  func(c *quickblox.SessionConfig) { c.Login, c.Password = "owner &=%+é", "pass word&=%+é" },
		"e-mail": func(c *quickblox.SessionConfig) { c.Email, c.Password = "Owner+1@x.org", "pass word&=%+é" },
	} {
		for _, opts := range [][]quickbloxtest.Option{{}, {quickbloxtest.WithSHA256()}} {
			t.Run(name+strconv.Itoa(len(opts)), func(t *testing.T) {
				t.Parallel()
				s := quickbloxtest.NewServer(t, append(opts, quickbloxtest.WithForbidApplicationSessions())...)
				owner, err := quickblox.New(s.Config())
				require.NoError(t, err)
				defer owner.CloseIdleConnections()
				_, err = owner.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "owner &=%+é", Email: "owner+1@x.org", Password: "pass word&=%+é"})
				require.NoError(t, err)

				c := newSessionClient(t, s, func(cfg *quickblox.Config) { change(cfg.Session) })
				_, err = c.CreateUser(context.Background(), john)
				require.NoError(t, err)

				application := newSessionClient(t, s, nil)
				_, err = application.CreateUser(context.Background(), numbered(1))
				e := wantError(t, err)
				require.ErrorIs(t, err, userapi.ErrForbidden)
				assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
				assert.Equal(t, http.StatusUnprocessableEntity, e.StatusCode)
				assert.Equal(t, 2, s.UserCount())
			})
		}
	}
}

// New copies the session's settings.
func TestSessionConfigIsReadOnce(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	var session *quickblox.SessionConfig
	c := newSessionClient(t, s, func(cfg *quickblox.Config) { session = cfg.Session })
	*session = quickblox.SessionConfig{}
	_, err := c.CreateUser(context.Background(), john)
	require.NoError(t, err)
}

// A token is accepted if it fits in a header.
func TestLongToken(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	jwt := string(bytes.Repeat([]byte("eyJhbGciOiJIUzUxMiJ9."), 40))
	s.Inject(userapitest.Fault{On: userapitest.Session, When: userapitest.BeforeCommit, Status: 201, Body: []byte(`{"session":{"token":"` + jwt + `","nonce":"7"}}`)})
	s.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 201, Body: []byte(`{"user":{"id":7}}`)})
	passing := &tokens{base: &http.Transport{}}
	c := newSessionClient(t, s, func(cfg *quickblox.Config) { cfg.HTTP.HTTPClient = &http.Client{Transport: passing} })
	u, err := c.CreateUser(context.Background(), john)
	require.NoError(t, err)
	assert.Equal(t, "7", u.ID)
	assert.True(t, jwt == passing.last())
}

// A gate is a limiter that records the requests.
type gate struct {
	waits atomic.Int32
	mu    sync.Mutex
	seen  []string
}

func (g *gate) Wait(context.Context) error {
	g.waits.Add(1)
	return nil
}

func (g *gate) Observe(a userapi.Attempt) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, a.Operation)
}

// TestSessionsPassTheLimiter: session requests pass the limiter like all other requests.
func TestSessionsPassTheLimiter(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	g := new(gate)
	c := newSessionClient(t, s, func(cfg *quickblox.Config) { cfg.HTTP.Limiter = g })
	_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Username: "alice", Password: "a long password"})
	require.NoError(t, err)
	assert.Equal(t, []string{"create session", "create user"}, g.seen)
	assert.EqualValues(t, 2, g.waits.Load())
}
