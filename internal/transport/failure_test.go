package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

const planted = "planted-Secret-Pa55"

// shown is every text by which an error, and what it wraps, can be read.
func shown(err error) string {
	var b strings.Builder
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		encoded, _ := json.Marshal(err)
		fmt.Fprintf(&b, "%T: %v %+v %#v %q %s\n", err, err, err, err, err, encoded)
		slog.New(slog.NewTextHandler(&b, nil)).Error("failed", "err", err)
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		}
	}
	walk(err)
	find(&walk, err, new(*net.OpError))
	find(&walk, err, new(*net.DNSError))
	find(&walk, err, new(*url.Error))
	find(&walk, err, new(net.Error))
	find(&walk, err, new(*tls.CertificateVerificationError))
	find(&walk, err, new(tls.RecordHeaderError))
	find(&walk, err, new(x509.UnknownAuthorityError))
	find(&walk, err, new(x509.HostnameError))
	find(&walk, err, new(x509.CertificateInvalidError))
	find(&walk, err, new(textproto.ProtocolError))
	find(&walk, err, new(http2.StreamError))
	find(&walk, err, new(wrapper))
	return b.String()
}

// A wrapper is an interface of a caller's that many of net/http's errors have.
type wrapper interface {
	error
	Unwrap() error
}

// find walks what errors.As finds.
func find[T error](walk *func(error), err error, target *T) {
	if errors.As(err, target) {
		(*walk)(*target)
	}
}

func assertHidden(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	assert.False(t, strings.Contains(strings.ToLower(shown(err)), strings.ToLower(planted)), "the error shows what the server sent")
}

// classOf is what userapi.Error shows.
func classOf(t *testing.T, err error) string {
	t.Helper()
	var classed interface{ Class() string }
	require.ErrorAs(t, err, &classed)
	return classed.Class()
}

// proxyTo returns a client that reaches everything through a proxy.
func proxyTo(t *testing.T, address string) *http.Client {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}}
}

// No error shows a byte that the server sent.
func TestServersBytesAreNotShown(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 201 Created\r\n"
	for name, tt := range map[string]struct{ reply, class string }{
		"status line":       {planted + "\r\n\r\n", "the server's reply is not HTTP"},
		"status code":       {"HTTP/1.1 " + planted + " x\r\n\r\n", "the server's reply is not HTTP"},
		"version":           {"HTTP/" + planted + " 201 x\r\n\r\n", "the server's reply is not HTTP"},
		"header line":       {ok + planted + "\r\n\r\n", "the server's reply is not HTTP"},
		"length":            {ok + "Content-Length: " + planted + "\r\n\r\n", "the server's reply is not HTTP"},
		"lengths":           {ok + "Content-Length: 1\r\nContent-Length: " + planted + "\r\n\r\n", "the server's reply is not HTTP"},
		"transfer encoding": {ok + "Transfer-Encoding: " + planted + "\r\n\r\n", "the server's reply is not HTTP"},
		"after a 103":       {"HTTP/1.1 103 Early Hints\r\n\r\n" + planted + "\r\n\r\n", "the server's reply is not HTTP"},
		"chunk size":        {ok + "Transfer-Encoding: chunked\r\n\r\n" + planted + "\r\nx\r\n", "the reply's body is broken"},
		"chunk":             {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx" + planted + "\r\n0\r\n\r\n", "the reply's body is broken"},
		"trailer line":      {ok + "Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + planted + "\r\n\r\n", "the server's reply is not HTTP"},
		"compressed":        {ok + "Content-Encoding: gzip\r\nContent-Length: 19\r\n\r\n" + planted, "the reply's body is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, hc := range []*http.Client{nil, {Transport: &http.Transport{}}} {
				address, _ := rawServer(t, func(c net.Conn) { _, _ = io.WriteString(c, tt.reply) })
				res := newClient(t, address, userapi.HTTPOptions{HTTPClient: hc}).Do(t.Context(), create())
				err := res.Err
				if res.Reply != nil {
					err = res.Reply.ReadErr
				}
				assertHidden(t, err)
				assert.Equal(t, tt.class, classOf(t, err))
			}
		})
	}
}

func TestServersBytesAreNotShownOfHTTP2(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer func(*http2.Framer, uint32)
		class  string
	}{
		"GOAWAY, then gone": {func(f *http2.Framer, id uint32) {
			_ = f.WriteGoAway(id, http2.ErrCodeEnhanceYourCalm, []byte(planted))
			runtime.Goexit() // closes the connection
		}, "connection lost"},
		"GOAWAY below": {func(f *http2.Framer, _ uint32) {
			_ = f.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte(planted))
		}, "connection lost"},
		"header name": {func(f *http2.Framer, id uint32) {
			writeHeaders(f, id, false, hpack.HeaderField{Name: ":status", Value: "201"}, hpack.HeaderField{Name: planted, Value: "x"})
		}, "HTTP/2 stream reset"},
		"pseudo-header": {func(f *http2.Framer, id uint32) {
			writeHeaders(f, id, false, hpack.HeaderField{Name: ":status", Value: "201"}, hpack.HeaderField{Name: ":" + planted, Value: "x"})
		}, "HTTP/2 stream reset"},
		"status": {func(f *http2.Framer, id uint32) {
			writeHeaders(f, id, false, hpack.HeaderField{Name: ":status", Value: planted})
		}, "HTTP/2 stream reset"},
		"a body that is reset": {func(f *http2.Framer, id uint32) {
			writeHeaders(f, id, true, hpack.HeaderField{Name: ":status", Value: "201"})
			_ = f.WriteGoAway(id, http2.ErrCodeInternal, []byte(planted))
			_ = f.WriteRSTStream(id, http2.ErrCodeInternal)
		}, "HTTP/2 stream reset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hc, address, _ := framer(t, tt.answer)
			res := newClient(t, address, userapi.HTTPOptions{HTTPClient: hc}).Do(t.Context(), create())
			err := res.Err
			if res.Reply != nil {
				err = res.Reply.ReadErr
			}
			assertHidden(t, err)
			assert.Equal(t, tt.class, classOf(t, err))
			assert.Equal(t, userapi.OutcomeUnknown, res.Outcome)
		})
	}
}

// A proxy that echoes the credentials it was sent, in refusing them, is not repeated.
func TestProxysBytesAreNotShown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ reply, class string }{
		"refusal":        {"HTTP/1.1 407 " + planted + "\r\nProxy-Authenticate: Basic\r\n\r\n", "proxy refused"},
		"status line":    {planted + "\r\n\r\n", "proxy refused"},
		"not a TLS host": {"HTTP/1.1 200 OK\r\n\r\n", "TLS: the server does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := rawServer(t, func(c net.Conn) {
				_, _ = io.WriteString(c, tt.reply)
				_, _ = io.CopyN(io.Discard, c, 1)
				_, _ = io.WriteString(c, planted) // where a TLS handshake should be
				_, _ = io.Copy(io.Discard, c)
			})
			res := newClient(t, "https://vendor.invalid", userapi.HTTPOptions{
				HTTPClient: proxyTo(t, strings.Replace(address, "//", "//"+planted+":"+planted+"@", 1)),
				Retry:      userapi.RetryPolicy{MaxAttempts: 1},
			}).Do(t.Context(), create())
			assertHidden(t, res.Err)
			assert.Equal(t, tt.class, classOf(t, res.Err))
			assert.Equal(t, userapi.OutcomeNotSent, res.Outcome)
		})
	}
}

// callersError is a type of a RoundTripper of the caller's.
type callersError struct{ code int }

func (callersError) Error() string { return planted }

// What a RoundTripper of the caller's says is not shown, but found.
func TestRoundTrippersErrorsAreFoundAndNotShown(t *testing.T) {
	t.Parallel()
	sentinel := errors.New(planted)
	for name, cause := range map[string]error{
		"its own":  fmt.Errorf("%s: %w %w", planted, sentinel, callersError{7}),
		"a dial":   &net.OpError{Op: "dial", Net: "tcp", Err: errors.Join(sentinel, callersError{7})},
		"a lookup": &net.DNSError{Err: planted, UnwrapErr: errors.Join(sentinel, callersError{7}), IsNotFound: true},
		"a verification": &tls.CertificateVerificationError{Err: errors.Join(
			sentinel, callersError{7}, x509.CertificateInvalidError{Reason: x509.UnconstrainedName, Detail: planted},
			x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{planted}}, Host: "vendor.example"},
		)},
		"a URL": &url.Error{Op: "Post", URL: planted, Err: errors.Join(sentinel, callersError{7})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for body := range 2 {
				res := newClient(t, "https://vendor.invalid", userapi.HTTPOptions{
					HTTPClient: &http.Client{Transport: roundTripFunc(func(*http.Request) (*http.Response, error) {
						if body == 0 {
							return nil, cause
						}
						return &http.Response{StatusCode: 201, ContentLength: -1, Body: io.NopCloser(failingReader{cause})}, nil
					})},
					Retry: userapi.RetryPolicy{MaxAttempts: 1},
				}).Do(t.Context(), create())
				err := res.Err
				if body == 1 {
					err = res.Reply.ReadErr
				}
				assertHidden(t, err)
				assert.ErrorIs(t, err, sentinel, "the cause is found")
				var own callersError
				require.ErrorAs(t, err, &own)
				assert.Equal(t, 7, own.code)
			}
		})
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// The text of an error names the class of its cause.
func TestClasses(t *testing.T) {
	t.Parallel()
	refused := closedAddr(t)

	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	trusted := secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	with := func(cfg *tls.Config) *http.Client {
		cfg.RootCAs = trusted
		pool := &http.Transport{TLSClientConfig: cfg}
		t.Cleanup(pool.CloseIdleConnections)
		return &http.Client{Transport: pool}
	}
	over := func(trip roundTripFunc) *http.Client { return &http.Client{Transport: trip} }
	gives := func(err error) *http.Client {
		return over(func(*http.Request) (*http.Response, error) { return nil, err })
	}
	const silent = "" // a server in memory, in a bubble
	unsecured := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(unsecured.Close)
	plain, _ := rawServer(t, func(net.Conn) {})
	reset, _ := rawServer(t, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) })

	var errno syscall.Errno
	var op *net.OpError
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	for name, tt := range map[string]struct {
		url  string
		opts userapi.HTTPOptions
		want string
		is   error
		as   any
	}{
		"refused": {
			"http://" + refused, userapi.HTTPOptions{},
			"unavailable: connection refused, nothing was sent", syscall.ECONNREFUSED, &errno,
		},
		"reset": {
			reset, userapi.HTTPOptions{},
			"unavailable: connection reset, the user may or may not exist", syscall.ECONNRESET, &op,
		},
		"closed": {
			plain, userapi.HTTPOptions{},
			"unavailable: unexpected EOF, the user may or may not exist", io.EOF, nil,
		},
		"no such host": {
			"https://vendor.invalid", userapi.HTTPOptions{HTTPClient: gives(&net.DNSError{Err: "no such host", IsNotFound: true})},
			"unavailable: no such host, nothing was sent", nil, &dns,
		},
		"a look-up that took too long": {
			"https://vendor.invalid", userapi.HTTPOptions{HTTPClient: gives(&net.DNSError{Err: "i/o timeout", IsTimeout: true})},
			"timed out: host look-up timed out, nothing was sent", nil, &dns,
		},
		"a dial that took too long": {
			"https://vendor.invalid", userapi.HTTPOptions{HTTPClient: gives(&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded})},
			"timed out: connecting timed out, nothing was sent", os.ErrDeadlineExceeded, &op,
		},
		"unknown authority": {
			secure.URL, userapi.HTTPOptions{},
			"unavailable: TLS: certificate signed by unknown authority, nothing was sent", nil, &authority,
		},
		"another host": {
			secure.URL, userapi.HTTPOptions{HTTPClient: with(&tls.Config{ServerName: "vendor.invalid", MinVersion: tls.VersionTLS12})},
			"unavailable: TLS: certificate is not valid for this host, nothing was sent", nil, &host,
		},
		"expired": {
			secure.URL, userapi.HTTPOptions{HTTPClient: with(&tls.Config{
				MinVersion: tls.VersionTLS12, Time: func() time.Time { return time.Now().AddDate(1000, 0, 0) },
			})},
			"unavailable: TLS: certificate has expired or is not yet valid, nothing was sent", nil, &invalid,
		},
		"another version of TLS": {
			secure.URL, userapi.HTTPOptions{HTTPClient: with(&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12})},
			"unavailable: TLS: handshake failed, nothing was sent", nil, &op,
		},
		"no TLS": {
			"https" + strings.TrimPrefix(unsecured.URL, "http"), userapi.HTTPOptions{},
			"unavailable: TLS: the server does not speak TLS, nothing was sent", nil, nil,
		},
		"proxy": {
			"https://vendor.invalid", userapi.HTTPOptions{HTTPClient: proxyTo(t, plain)},
			"unavailable: unexpected EOF, nothing was sent", nil, nil,
		},
		"proxy that is not there": {
			"https://vendor.invalid", userapi.HTTPOptions{HTTPClient: proxyTo(t, "http://"+refused)},
			"unavailable: proxy: connection refused, nothing was sent", syscall.ECONNREFUSED, &op,
		},
		"no responder": {
			"https://vendor.invalid", userapi.HTTPOptions{HTTPClient: &http.Client{Transport: httpmock.NewMockTransport()}},
			"unavailable: no responder (the transport reported nothing), the user may or may not exist", httpmock.NoResponderFound, nil,
		},
		"neither": {
			"https://vendor.invalid", userapi.HTTPOptions{HTTPClient: gives(nil)},
			"unavailable: the transport returned neither a response nor an error, the user may or may not exist", nil, nil,
		},
		"time-out": {
			silent, userapi.HTTPOptions{Timeout: 100 * time.Millisecond},
			"timed out: no reply within the time-out of an attempt, the user may or may not exist", context.DeadlineExceeded, new(net.Error),
		},
	} {
		test := func(t *testing.T) {
			url := tt.url
			if url == silent {
				tt.opts.HTTPClient, url, _ = rawMemory(t, untilLeft)
			}
			tt.opts.Retry = userapi.RetryPolicy{MaxAttempts: 1}
			res := newClient(t, url, tt.opts).Do(t.Context(), create())
			assert.Equal(t, "acme: create user: "+tt.want, provider.NewError("acme", provider.OpCreate, res, provider.Mask{}).Error())
			if tt.is != nil {
				require.ErrorIs(t, res.Err, tt.is)
			}
			if tt.as != nil { // a value of its own: the tests are parallel
				require.ErrorAs(t, res.Err, reflect.New(reflect.TypeOf(tt.as).Elem()).Interface())
			}
			assert.Equal(t, res.Kind == userapi.KindTimeout, isTimeout(res.Err))
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.url == silent {
				synctest.Test(t, test)
				return
			}
			test(t)
		})
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// The context's end is told, and why it ended is found but not shown.
func TestContextsCauseIsFoundAndNotShown(t *testing.T) {
	t.Parallel()
	cause := errors.New(planted)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	url, posts := rawServer(t, untilLeft)
	res := newClient(t, url, userapi.HTTPOptions{}).Do(ctx, create())
	assert.Equal(t, []any{userapi.KindCanceled, userapi.OutcomeNotSent}, []any{res.Kind, res.Outcome})
	assert.Zero(t, res.Attempts)
	assert.Zero(t, posts.Load())
	assertHidden(t, res.Err)
	assert.Equal(t, "the context was canceled", res.Err.Error())
	require.ErrorIs(t, res.Err, context.Canceled)
	assert.ErrorIs(t, res.Err, cause)
}
