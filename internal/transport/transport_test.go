package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// newClient makes a client of a base URL, failing the test on a fault.
func newClient(t testing.TB, baseURL string, opts userapi.HTTPOptions) *transport.Client {
	t.Helper()
	opts.BaseURL = baseURL
	c, faults := transport.New(transport.Config{Provider: "test", Options: opts, RequestIDHeader: "X-Request-Id"})
	require.Empty(t, faults)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// create is a call like a vendor's create.
func create() *transport.Call {
	return &transport.Call{
		Operation: "create user", Route: "/users", Method: http.MethodPost, Path: "/users",
		ContentType: "application/json", Body: []byte(`{"password":"s3cret-planted"}`),
		Classify: func(r *transport.Reply) transport.Classification { return provider.Classify(r.Status) },
	}
}

// quick is a policy whose waits are too short to matter.
var quick = userapi.RetryPolicy{BaseWait: time.Microsecond, MaxWait: time.Millisecond}

func TestReplyIsReadAndSent(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		assert.Equal(t, `{"password":"s3cret-planted"}`, string(body))
		assert.Equal(t, "/base/users", r.URL.Path)
		assert.Equal(t, []string{"application/json"}, r.Header["Content-Type"])
		assert.Equal(t, "acme/1 "+transport.Product(), r.UserAgent())
		assert.Empty(t, r.Header["Idempotency-Key"])
		w.Header().Set("X-Request-Id", "req-1")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":1}`)
	}))
	t.Cleanup(srv.Close)
	c := newClient(t, srv.URL+"/base/", userapi.HTTPOptions{UserAgent: "acme/1"})
	res := c.Do(t.Context(), create())
	require.True(t, res.OK)
	assert.Equal(t, 201, res.Reply.Status)
	assert.Equal(t, `{"id":1}`, string(res.Reply.Body))
	assert.NoError(t, res.Reply.ReadErr)
	assert.Equal(t, "req-1", res.RequestID)
	assert.Equal(t, 1, res.Attempts)
	assert.False(t, res.Started.IsZero())
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		kind    userapi.Kind
		outcome userapi.Outcome
		posts   int32
	}{
		301: {userapi.KindProtocol, userapi.OutcomeRejected, 1},
		302: {userapi.KindProtocol, userapi.OutcomeUnknown, 1},
		303: {userapi.KindProtocol, userapi.OutcomeUnknown, 1},
		304: {userapi.KindProtocol, userapi.OutcomeUnknown, 1},
		307: {userapi.KindProtocol, userapi.OutcomeRejected, 1},
		308: {userapi.KindProtocol, userapi.OutcomeRejected, 1},
		400: {userapi.KindInvalid, userapi.OutcomeRejected, 1},
		401: {userapi.KindUnauthorized, userapi.OutcomeRejected, 1},
		402: {userapi.KindForbidden, userapi.OutcomeRejected, 1},
		403: {userapi.KindForbidden, userapi.OutcomeRejected, 1},
		404: {userapi.KindNotFound, userapi.OutcomeRejected, 1},
		405: {userapi.KindProtocol, userapi.OutcomeRejected, 1},
		408: {userapi.KindUnavailable, userapi.OutcomeUnknown, 1},
		409: {userapi.KindConflict, userapi.OutcomeRejected, 1},
		422: {userapi.KindInvalid, userapi.OutcomeRejected, 1},
		429: {userapi.KindRateLimited, userapi.OutcomeRejected, 3},
		499: {userapi.KindUnavailable, userapi.OutcomeUnknown, 1},
		500: {userapi.KindUnavailable, userapi.OutcomeUnknown, 1},
		502: {userapi.KindUnavailable, userapi.OutcomeUnknown, 1},
		503: {userapi.KindUnavailable, userapi.OutcomeUnknown, 1},
		504: {userapi.KindUnavailable, userapi.OutcomeUnknown, 1},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			var posts atomic.Int32
			elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("a redirect was followed")
			}))
			t.Cleanup(elsewhere.Close)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				posts.Add(1)
				w.Header().Set("Location", elsewhere.URL)
				w.WriteHeader(status)
			}))
			t.Cleanup(srv.Close)
			res := newClient(t, srv.URL, userapi.HTTPOptions{Retry: quick}).Do(t.Context(), create())
			assert.False(t, res.OK)
			assert.Equal(t, want.kind, res.Kind)
			assert.Equal(t, want.outcome, res.Outcome)
			assert.Equal(t, status, res.Reply.Status)
			assert.Equal(t, want.posts, posts.Load())
			assert.EqualValues(t, want.posts, res.Attempts)
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	date := "Sun, 22 Nov 2026 10:00:00 GMT"
	for value, want := range map[string]struct {
		after    time.Duration
		attempts int
		elapsed  time.Duration
	}{
		"7":                             {7 * time.Second, 3, 14 * time.Second},
		"0":                             {0, 3, 750 * time.Millisecond},
		"30":                            {30 * time.Second, 3, time.Minute},
		"31":                            {31 * time.Second, 1, 0},
		"99999999999999999999999":       {1<<63 - 1, 1, 0},
		"-5":                            {0, 3, 750 * time.Millisecond},
		"1.5":                           {0, 3, 750 * time.Millisecond},
		"soon":                          {0, 3, 750 * time.Millisecond},
		"":                              {0, 3, 750 * time.Millisecond},
		"Sun, 22 Nov 2026 10:00:09 GMT": {9 * time.Second, 3, 18 * time.Second},
		"Sun, 22 Nov 2026 09:00:00 GMT": {0, 3, 750 * time.Millisecond},
		"Sun, 22 Nov 2076 10:00:00 GMT": {438312 * time.Hour, 1, 0},
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				mem, base := serveMemory(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Date", date)
					w.Header().Set("Retry-After", value)
					w.WriteHeader(http.StatusTooManyRequests)
				})
				c := newClient(t, base, userapi.HTTPOptions{HTTPClient: mem, Retry: userapi.RetryPolicy{Jitter: -1}})
				begun := time.Now()
				res := c.Do(t.Context(), create())
				assert.Equal(t, userapi.KindRateLimited, res.Kind)
				assert.Equal(t, userapi.OutcomeRejected, res.Outcome)
				assert.Equal(t, want.after, res.RetryAfter)
				assert.Equal(t, want.attempts, res.Attempts)
				assert.Equal(t, want.elapsed, time.Since(begun))
			})
		})
	}
}

// serveMemory serves over pipes in memory and returns a client that reaches it.
func serveMemory(t *testing.T, h http.HandlerFunc) (*http.Client, string) {
	t.Helper()
	listener := fakehttp.NewMemory()
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(listener) }()
	pool := &http.Transport{DialContext: listener.DialContext}
	t.Cleanup(func() {
		pool.CloseIdleConnections()
		_ = srv.Close()
	})
	return &http.Client{Transport: pool}, "http://127.0.0.1:1"
}

func TestNoWaitPassesTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem, base := tooMany(t, "20")
		c := newClient(t, base, userapi.HTTPOptions{HTTPClient: mem})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		res := c.Do(ctx, create())
		assert.Equal(t, userapi.KindRateLimited, res.Kind)
		assert.Equal(t, 20*time.Second, res.RetryAfter)
		assert.Equal(t, 1, res.Attempts)
		assert.Zero(t, time.Since(begun))
	})
}

func TestCancelDuringTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem, base := tooMany(t, "20")
		c := newClient(t, base, userapi.HTTPOptions{HTTPClient: mem})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		begun := time.Now()
		res := c.Do(ctx, create())
		assert.Equal(t, userapi.KindCanceled, res.Kind)
		assert.Equal(t, userapi.OutcomeRejected, res.Outcome)
		require.ErrorIs(t, res.Err, context.Canceled)
		assert.Equal(t, 5*time.Second, time.Since(begun))
	})
}

func TestBackoffGrowsAndIsCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		mem, base := serveMemory(t, func(w http.ResponseWriter, _ *http.Request) {
			at = append(at, time.Now())
			w.WriteHeader(http.StatusTooManyRequests)
		})
		c := newClient(t, base, userapi.HTTPOptions{HTTPClient: mem, Retry: userapi.RetryPolicy{
			MaxAttempts: 6, BaseWait: time.Second, MaxWait: 5 * time.Second, Jitter: -1,
		}})
		c.Do(t.Context(), create())
		require.Len(t, at, 6)
		for i, want := range []time.Duration{1, 2, 4, 5, 5} {
			assert.Equal(t, want*time.Second, at[i+1].Sub(at[i]))
		}
	})
}

// A credential that was renewed is tried once more, at once, even with retries off.
func TestAgainAtOnce(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(srv.Close)
	call := create()
	call.Classify = func(r *transport.Reply) transport.Classification {
		v := provider.Classify(r.Status)
		v.Retry = transport.RetryNow
		return v
	}
	res := newClient(t, srv.URL, userapi.HTTPOptions{Retry: userapi.RetryPolicy{MaxAttempts: 1}}).Do(t.Context(), call)
	assert.Equal(t, userapi.KindUnauthorized, res.Kind)
	assert.EqualValues(t, 2, posts.Load())
}

func TestEveryAttemptIsSignedOverWhatIsSent(t *testing.T) {
	t.Parallel()
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Header.Get("X-Signature")+string(body))
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(srv.Close)
	call := create()
	n := 0
	call.Path = "/users?a=b%2Fc"
	call.Sign = func(r *http.Request, body []byte) error {
		n++
		r.Header.Set("X-Signature", fmt.Sprintf("%d %s %s %s", n, r.Method, r.URL.RequestURI(), body))
		return nil
	}
	newClient(t, srv.URL+"/v1", userapi.HTTPOptions{Retry: quick}).Do(t.Context(), call)
	body := string(call.Body)
	require.Equal(t, []string{
		"1 POST /v1/users?a=b%2Fc " + body + body,
		"2 POST /v1/users?a=b%2Fc " + body + body,
		"3 POST /v1/users?a=b%2Fc " + body + body,
	}, seen)
}

func TestSignFails(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("sent") }))
	t.Cleanup(srv.Close)
	call := create()
	broken := errors.New("no key")
	call.Sign = func(*http.Request, []byte) error { return broken }
	res := newClient(t, srv.URL, userapi.HTTPOptions{}).Do(t.Context(), call)
	assert.True(t, res.NotPrepared)
	assert.Equal(t, userapi.OutcomeNotSent, res.Outcome)
	require.ErrorIs(t, res.Err, broken)
	assert.Zero(t, res.Attempts)
}

// closedAddr returns an address at which nobody listens. A connection of the test's own
// keeps its port from being given to another process.
func closedAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

func TestRefusedConnectionIsNotSentAndTriedAgain(t *testing.T) {
	t.Parallel()
	res := newClient(t, "http://"+closedAddr(t), userapi.HTTPOptions{Retry: quick}).Do(t.Context(), create())
	assert.Equal(t, userapi.KindUnavailable, res.Kind)
	assert.Equal(t, userapi.OutcomeNotSent, res.Outcome)
	assert.Equal(t, 3, res.Attempts)
	var op *net.OpError
	require.ErrorAs(t, res.Err, &op)
}

func TestBadCertificateIsNotSentAndNotTriedAgain(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("sent") }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(srv.Close)
	res := newClient(t, srv.URL, userapi.HTTPOptions{Retry: quick}).Do(t.Context(), create())
	assert.Equal(t, userapi.OutcomeNotSent, res.Outcome)
	assert.Equal(t, 1, res.Attempts)
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("sent") }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10} // a server too old for us
	srv.StartTLS()
	t.Cleanup(srv.Close)
	res := newClient(t, srv.URL, userapi.HTTPOptions{Retry: quick}).Do(t.Context(), create())
	assert.Equal(t, userapi.OutcomeNotSent, res.Outcome)
	assert.False(t, res.OK)

	_, faults := transport.New(transport.Config{Options: userapi.HTTPOptions{
		BaseURL:    "https://x",
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS11}}}, // refused
	}})
	require.Len(t, faults, 1)
	assert.Equal(t, "Config.HTTP.HTTPClient", faults[0].VendorField)
}

// rawServer answers each connection's first request with a function of the raw
// connection, and counts the POSTs.
func rawServer(t *testing.T, answer func(net.Conn)) (addr string, posts *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return "http://" + listener.Addr().String(), rawServerAt(t, listener, answer)
}

// rawMemory is a rawServer in memory, for a bubble: there a time-out passes when nothing
// is left to do.
func rawMemory(t *testing.T, answer func(net.Conn)) (hc *http.Client, addr string, posts *atomic.Int32) {
	t.Helper()
	listener := fakehttp.NewMemory()
	return &http.Client{Transport: &http.Transport{DialContext: listener.DialContext}}, "http://" + listener.Addr().String(), rawServerAt(t, listener, answer)
}

func rawServerAt(t *testing.T, listener net.Listener, answer func(net.Conn)) *atomic.Int32 {
	t.Helper()
	posts := new(atomic.Int32)
	wait := transport.AnswerOnce(listener, func(conn net.Conn) {
		posts.Add(1)
		answer(conn)
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wait()
	})
	return posts
}

// untilLeft says nothing until the client leaves.
func untilLeft(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestBrokenRepliesAreUnknownAndSentOnce(t *testing.T) {
	t.Parallel()
	say := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, text) }
	}
	for name, tt := range map[string]struct {
		answer func(net.Conn)
		kind   userapi.Kind
		body   string
		status int
	}{
		"reset":         {func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, userapi.KindUnavailable, "", 0},
		"closed":        {func(net.Conn) {}, userapi.KindUnavailable, "", 0},
		"half a header": {say("HTTP/1.1 201 Crea"), userapi.KindUnavailable, "", 0},
		"no http":       {say("hello\r\n\r\n"), userapi.KindUnavailable, "", 0},
		"cut off":       {say("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"id\":12"), 0, `{"id":12`, 201},
		"cut off chunk": {say("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"id\":12\r\n"), 0, `{"id":12`, 201},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, posts := rawServer(t, tt.answer)
			res := newClient(t, url, userapi.HTTPOptions{Retry: quick}).Do(t.Context(), create())
			assert.EqualValues(t, 1, posts.Load())
			if tt.status != 0 {
				require.True(t, res.OK)
				require.Error(t, res.Reply.ReadErr)
				assert.Equal(t, tt.body, string(res.Reply.Body))
				return
			}
			assert.Equal(t, tt.kind, res.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, res.Outcome)
			assert.Nil(t, res.Reply)
			assert.NotContains(t, res.Err.Error(), "http://")
		})
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	for name, test := range map[string]func(t *testing.T, c func(userapi.HTTPOptions) *transport.Client, hc *http.Client){
		"of the attempt": func(t *testing.T, c func(userapi.HTTPOptions) *transport.Client, _ *http.Client) {
			res := c(userapi.HTTPOptions{Timeout: timeout}).Do(t.Context(), create())
			assert.Equal(t, userapi.KindTimeout, res.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, res.Outcome)
			assert.Equal(t, 1, res.Attempts)
			require.ErrorIs(t, res.Err, context.DeadlineExceeded)
		},
		"of the caller's client": func(t *testing.T, c func(userapi.HTTPOptions) *transport.Client, hc *http.Client) {
			hc.Timeout = timeout
			res := c(userapi.HTTPOptions{}).Do(t.Context(), create())
			assert.Equal(t, userapi.KindTimeout, res.Kind)
			assert.Equal(t, timeout, hc.Timeout)
		},
		"deadline": func(t *testing.T, c func(userapi.HTTPOptions) *transport.Client, _ *http.Client) {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			res := c(userapi.HTTPOptions{}).Do(ctx, create())
			assert.Equal(t, userapi.KindTimeout, res.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, res.Outcome)
		},
		"cancel": func(t *testing.T, c func(userapi.HTTPOptions) *transport.Client, _ *http.Client) {
			cause := errors.New("the user went away")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(timeout, func() { cancel(cause) })
			res := c(userapi.HTTPOptions{}).Do(ctx, create())
			assert.Equal(t, userapi.KindCanceled, res.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, res.Outcome)
			require.ErrorIs(t, res.Err, context.Canceled)
			require.ErrorIs(t, res.Err, cause)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hc, url, posts := rawMemory(t, untilLeft)
				begun := time.Now()
				test(t, func(o userapi.HTTPOptions) *transport.Client {
					o.HTTPClient, o.Retry = hc, quick
					return newClient(t, url, o)
				}, hc)
				assert.Equal(t, timeout, time.Since(begun))
				assert.EqualValues(t, 1, posts.Load())
			})
		})
	}
}

func TestBodyOverTheLimit(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(bytes.Repeat([]byte("x"), 5000))
	}))
	conns := transport.CountConns(srv.Config)
	srv.Start()
	t.Cleanup(srv.Close)
	c := newClient(t, srv.URL, userapi.HTTPOptions{MaxResponseBytes: 1000})
	for range 5 {
		res := c.Do(t.Context(), create())
		require.True(t, res.OK)
		require.Error(t, res.Reply.ReadErr)
		assert.Len(t, res.Reply.Body, 1000)
	}
	assert.EqualValues(t, 1, conns.Load(), "the rest was drained and the connection kept")
}

func TestTheCallersClientIsLeftAlone(t *testing.T) {
	t.Parallel()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var cookies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookies = append(cookies, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"}) // a cookie of no meaning
	}))
	t.Cleanup(srv.Close)
	hc := &http.Client{Jar: jar, Timeout: time.Minute}
	before := *hc
	c := newClient(t, srv.URL, userapi.HTTPOptions{HTTPClient: hc})
	c.Do(t.Context(), create())
	c.Do(t.Context(), create())
	assert.Equal(t, []string{"", ""}, cookies)
	assert.Equal(t, before.Timeout, hc.Timeout)
	assert.Nil(t, hc.Transport)
	assert.Nil(t, hc.CheckRedirect)
	assert.NotNil(t, hc.Jar)
}

// roundTripFunc is a RoundTripper of a caller's.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestEvidence(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		trip roundTripFunc
		want userapi.Outcome
	}{
		"no events prove nothing": {
			func(*http.Request) (*http.Response, error) { return nil, broken }, userapi.OutcomeUnknown,
		},
		"neither response nor error": {
			func(*http.Request) (*http.Response, error) { return nil, nil }, userapi.OutcomeUnknown,
		},
		"a dial error": {
			func(*http.Request) (*http.Response, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: broken}
			}, userapi.OutcomeNotSent,
		},
		"a lookup error": {
			func(*http.Request) (*http.Response, error) { return nil, &net.DNSError{Err: "no such host"} }, userapi.OutcomeNotSent,
		},
		"a read error is not a dial error": {
			func(*http.Request) (*http.Response, error) {
				return nil, &net.OpError{Op: "read", Net: "tcp", Err: broken}
			}, userapi.OutcomeUnknown,
		},
		"a foreign RoundTripper may still be dialing": {
			func(r *http.Request) (*http.Response, error) {
				httptrace.ContextClientTrace(r.Context()).GetConn("host:1")
				return nil, broken
			}, userapi.OutcomeUnknown,
		},
		"a connection and no header": {
			func(r *http.Request) (*http.Response, error) {
				httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
				return nil, broken
			}, userapi.OutcomeNotSent,
		},
		"a header": {
			func(r *http.Request) (*http.Response, error) {
				trace := httptrace.ContextClientTrace(r.Context())
				trace.GotConn(httptrace.GotConnInfo{})
				trace.WroteHeaderField("Host", []string{"x"})
				return nil, broken
			}, userapi.OutcomeUnknown,
		},
		"a header, then a dial error": {
			func(r *http.Request) (*http.Response, error) {
				httptrace.ContextClientTrace(r.Context()).WroteHeaders()
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: broken}
			}, userapi.OutcomeUnknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := newClient(t, "https://vendor.invalid", userapi.HTTPOptions{
				HTTPClient: &http.Client{Transport: tt.trip}, Retry: userapi.RetryPolicy{MaxAttempts: 1},
			}).Do(t.Context(), create())
			assert.Equal(t, tt.want, res.Outcome)
			assert.Equal(t, 1, res.Attempts)
		})
	}
}

// An earlier refusal is not forgotten when a later attempt is not sent at all.
func TestOutcomesAddUp(t *testing.T) {
	t.Parallel()
	n := 0
	trip := roundTripFunc(func(*http.Request) (*http.Response, error) {
		n++
		if n == 1 {
			return &http.Response{StatusCode: 429, Body: http.NoBody, Header: http.Header{}}, nil
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}
	})
	res := newClient(t, "https://vendor.invalid", userapi.HTTPOptions{HTTPClient: &http.Client{Transport: trip}, Retry: quick}).Do(t.Context(), create())
	assert.Equal(t, userapi.OutcomeRejected, res.Outcome)
	assert.Equal(t, 3, res.Attempts)
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		mem, base := serveMemory(t, func(w http.ResponseWriter, _ *http.Request) {
			at = append(at, time.Now())
			w.WriteHeader(http.StatusCreated)
		})
		c := newClient(t, base, userapi.HTTPOptions{HTTPClient: mem, RateLimit: userapi.RateLimit{PerSecond: 0.5, Burst: 2}})
		for range 4 {
			require.True(t, c.Do(t.Context(), create()).OK)
		}
		assert.Equal(t, []time.Duration{0, 0, 2 * time.Second, 4 * time.Second},
			[]time.Duration{at[0].Sub(at[0]), at[1].Sub(at[0]), at[2].Sub(at[0]), at[3].Sub(at[0])})

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		res := c.Do(ctx, create())
		assert.Equal(t, userapi.KindTimeout, res.Kind)
		assert.Equal(t, userapi.OutcomeNotSent, res.Outcome)
		assert.Zero(t, time.Since(begun), "a wait that cannot fit is not begun")
		assert.Len(t, at, 4)

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		res = c.Do(ctx, create())
		assert.Equal(t, userapi.KindCanceled, res.Kind)
		assert.Equal(t, userapi.OutcomeNotSent, res.Outcome)
	})
}

func TestLogAndMetrics(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Echo", "s3cret-planted")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "s3cret-planted")
	}))
	t.Cleanup(srv.Close)
	var log bytes.Buffer
	var attempts []userapi.Attempt
	call := create()
	call.Path = "/users?key=s3cret-planted"
	call.Sign = func(r *http.Request, _ []byte) error {
		r.Header.Set("Authorization", "s3cret-planted")
		return nil
	}
	newClient(t, srv.URL, userapi.HTTPOptions{
		Logger:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnAttempt: func(_ context.Context, a userapi.Attempt) { attempts = append(attempts, a) },
	}).Do(t.Context(), call)
	require.Len(t, attempts, 1)
	a := attempts[0]
	assert.Positive(t, a.Duration)
	a.Duration = 0
	assert.Equal(t, userapi.Attempt{
		Provider: "test", Operation: "create user", Route: "/users", Method: http.MethodPost, Address: strings.TrimPrefix(srv.URL, "http://"),
		Number: 1, StatusCode: 403,
		Kind: userapi.KindForbidden, Outcome: userapi.OutcomeRejected,
	}, a)
	for _, want := range []string{"provider=test", `operation="create user"`, "route=/users", "status=403", "kind=forbidden", "outcome=rejected", "attempt=1"} {
		assert.Contains(t, log.String(), want)
	}
	assert.NotContains(t, log.String(), "s3cret-planted")
	assert.Equal(t, 1, strings.Count(log.String(), "\n"))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	_, faults := transport.New(transport.Config{Options: userapi.HTTPOptions{
		BaseURL: "http://user:s3cret-planted@vendor.example/?q=s3cret-planted", UserAgent: "a\nb", MaxResponseBytes: -1,
		Retry:      userapi.RetryPolicy{MaxAttempts: -1, BaseWait: -1, MaxWait: -1, Jitter: 2},
		RateLimit:  userapi.RateLimit{PerSecond: -1},
		HTTPClient: &http.Client{Transport: (*http.Transport)(nil)},
	}})
	var names []string
	for _, f := range faults {
		names = append(names, strings.TrimPrefix(f.VendorField, "Config.HTTP."))
		assert.NotContains(t, f.Message, "s3cret-planted")
	}
	assert.ElementsMatch(t, []string{
		"BaseURL", "UserAgent", "MaxResponseBytes", "RateLimit", "HTTPClient",
		"Retry.MaxAttempts", "Retry.BaseWait", "Retry.MaxWait", "Retry.Jitter",
	}, names)

	for url, ok := range map[string]bool{
		"":                           false,
		"vendor.example":             false,
		"ftp://vendor.example":       false,
		"https://":                   false,
		"https://:443":               false,
		"https://u:p@vendor.example": false,
		"https://vendor.example?x=1": false,
		"https://vendor.example#x":   false,
		"https://vendor.example/../": false,
		"http://vendor.example":      false,
		"http://10.0.0.1":            false,
		"http://127.0.0.1.evil.test": false,
		"https://vendor.example":     true,
		"https://vendor.example/a/":  true,
		"http://localhost:9011":      true,
		"http://127.0.0.1:80":        true,
		"http://[::1]:80":            true,
	} {
		_, faults := transport.New(transport.Config{Options: userapi.HTTPOptions{BaseURL: url}})
		assert.Equal(t, ok, len(faults) == 0, url)
	}
	_, faults = transport.New(transport.Config{Options: userapi.HTTPOptions{BaseURL: "http://vendor.example", AllowInsecure: true}})
	assert.Empty(t, faults)
}

// TestConnectionsAreReused: 64 callers keep to the connections of a warm pool.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			t.Parallel()
			const callers = 64
			var warming sync.WaitGroup // until twice as many are under way at once
			warming.Add(2 * callers)
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				assert.Equal(t, http2, r.ProtoMajor == 2)
				if r.Header.Get("X-Warms") != "" {
					warming.Done()
					warming.Wait()
				}
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write(bytes.Repeat([]byte("x"), 2000))
			}))
			srv.EnableHTTP2 = http2
			conns := transport.CountConns(srv.Config)
			srv.StartTLS()
			t.Cleanup(srv.Close)
			c := newClient(t, srv.URL, userapi.HTTPOptions{HTTPClient: trusting(srv)})
			run := func(callers, each int, header http.Header) {
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for range each {
							call := create()
							call.Sign = func(r *http.Request, _ []byte) error { maps.Copy(r.Header, header); return nil }
							assert.True(t, c.Do(t.Context(), call).OK)
						}
					})
				}
				wg.Wait()
			}
			run(2*callers, 1, http.Header{"X-Warms": {"1"}})
			warm := conns.Load()
			assert.LessOrEqual(t, warm, int32(3*2*callers))
			run(callers, 40, nil)
			assert.Equal(t, warm, conns.Load(), "a warm pool opens no connection")
		})
	}
}

// trusting returns a client that trusts the server and, like the default one,
// keeps the connections of many callers.
func trusting(srv *httptest.Server) *http.Client {
	pool := srv.Client().Transport.(*http.Transport).Clone()
	pool.MaxIdleConnsPerHost = 128
	pool.MaxIdleConns = 0
	pool.ForceAttemptHTTP2 = true
	return &http.Client{Transport: pool}
}

// RoundTrippers of callers' do what net/http's never does.
func TestForeignRoundTrippers(t *testing.T) {
	t.Parallel()
	over := func(t *testing.T, opts userapi.HTTPOptions, trip roundTripFunc) *transport.Result {
		t.Helper()
		opts.HTTPClient = &http.Client{Transport: trip}
		opts.Retry = quick
		return newClient(t, "https://vendor.invalid", opts).Do(t.Context(), create())
	}
	t.Run("a response without a body", func(t *testing.T) {
		t.Parallel()
		res := over(t, userapi.HTTPOptions{}, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusCreated}, nil
		})
		require.True(t, res.OK)
		assert.Empty(t, res.Reply.Body)
	})
	t.Run("a body that heeds no context", func(t *testing.T) {
		t.Parallel()
		reader, writer := io.Pipe()
		t.Cleanup(func() { _ = writer.Close() })
		res := over(t, userapi.HTTPOptions{Timeout: 100 * time.Millisecond}, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusCreated, ContentLength: -1, Body: reader}, nil
		})
		require.ErrorIs(t, res.Reply.ReadErr, context.DeadlineExceeded)
	})
	for _, length := range []int64{2, -1} {
		t.Run(fmt.Sprintf("a body of length %d without a limit", length), func(t *testing.T) {
			t.Parallel()
			res := over(t, userapi.HTTPOptions{MaxResponseBytes: math.MaxInt64}, func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusCreated, ContentLength: length, Body: io.NopCloser(strings.NewReader(`{"id":1}`))}, nil
			})
			require.NoError(t, res.Reply.ReadErr)
			assert.Equal(t, `{"id":1}`, string(res.Reply.Body))
		})
	}
	t.Run("a header beyond measure", func(t *testing.T) {
		t.Parallel()
		header := http.Header{"X-Request-Id": {"req-1"}, "X-Long": {strings.Repeat("x", 1<<20)}}
		res := over(t, userapi.HTTPOptions{}, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusCreated, Header: header, Body: http.NoBody}, nil
		})
		assert.Equal(t, http.Header{"X-Request-Id": {"req-1"}}, res.Reply.Header)
		assert.Equal(t, "req-1", res.RequestID)
	})
	t.Run("gives up while it dials", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("given up")
		var left error
		done := make(chan struct{})
		res := over(t, userapi.HTTPOptions{Timeout: -1}, func(r *http.Request) (*http.Response, error) {
			httptrace.ContextClientTrace(r.Context()).GetConn("vendor.invalid:443")
			go func() {
				<-r.Context().Done()
				left = r.Context().Err()
				close(done)
			}()
			return nil, broken
		})
		<-done
		require.ErrorIs(t, left, context.Canceled, "what is left behind is ended")
		assert.Equal(t, userapi.OutcomeUnknown, res.Outcome)
		assert.Equal(t, 1, res.Attempts)
	})
}

func TestSwitchingProtocolsEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hc, url, posts := rawMemory(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			untilLeft(c)
		})
		res := newClient(t, url, userapi.HTTPOptions{HTTPClient: hc, Retry: quick}).Do(t.Context(), create())
		assert.False(t, res.OK)
		assert.Equal(t, userapi.OutcomeUnknown, res.Outcome)
		assert.EqualValues(t, 1, posts.Load())
	})
}

// TestRateLimitRenewsBodies: one that is dated is not sent after a long wait.
func TestRateLimitRenewsBodies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		mem, base := serveMemory(t, func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(text))
			w.WriteHeader(http.StatusCreated)
		})
		c := newClient(t, base, userapi.HTTPOptions{HTTPClient: mem, RateLimit: userapi.RateLimit{PerSecond: 0.5}})
		for range 2 {
			call := create()
			call.Body, call.Renew = []byte("first"), func() []byte { return []byte("renewed") }
			require.True(t, c.Do(t.Context(), call).OK)
		}
		assert.Equal(t, []string{"first", "renewed"}, bodies)
	})
}

// A countingConn counts how often it is written to.
type countingConn struct {
	net.Conn
	writes *atomic.Int32
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// TestOneWriteARequest: a body of a type that net/http does not know to be in memory
// would have the headers sent apart.
func TestOneWriteARequest(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(srv.Close)
	writes := new(atomic.Int32)
	pool := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return countingConn{conn, writes}, err
	}}
	t.Cleanup(pool.CloseIdleConnections)
	c := newClient(t, srv.URL, userapi.HTTPOptions{HTTPClient: &http.Client{Transport: pool}})
	for range 3 {
		require.True(t, c.Do(t.Context(), create()).OK)
	}
	assert.EqualValues(t, 3, writes.Load())
}

// TestAttemptAddress: it has a port, also where the URL has none.
func TestAttemptAddress(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://vendor.example":      "vendor.example:443",
		"https://vendor.example:8443": "vendor.example:8443",
		"http://[::1]":                "[::1]:80",
	} {
		mt := httpmock.NewMockTransport()
		mt.RegisterNoResponder(httpmock.NewStringResponder(http.StatusForbidden, ""))
		var got string
		newClient(t, base, userapi.HTTPOptions{
			HTTPClient: &http.Client{Transport: mt},
			OnAttempt:  func(_ context.Context, a userapi.Attempt) { got = a.Address },
		}).Do(t.Context(), create())
		assert.Equal(t, want, got)
	}
}
