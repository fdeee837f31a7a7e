package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/userapi"
)

const planted = "planted-Secret-Pa55"

// over makes a client of the pool, as callers have it without a Transport of their own.
func over(t *testing.T, pool *http.Transport, baseURL string) *Client {
	t.Helper()
	c, faults := New(Config{Provider: "test", Options: userapi.HTTPOptions{
		BaseURL: baseURL, HTTPClient: &http.Client{Transport: pool}, Retry: userapi.RetryPolicy{MaxAttempts: 1},
	}})
	require.Empty(t, faults)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func post() *Call {
	return &Call{
		Method: http.MethodPost, Path: "/users", ContentType: "application/json", Body: []byte(`{"password":"x"}`),
		Classify: func(r *Reply) Classification { return Classification{OK: r.Status < 400} },
	}
}

// surplus are replies that end before the server does. What follows looks like the reply
// to the next request.
var surplus = map[string]string{
	"204":             "HTTP/1.1 204 No Content\r\n\r\n",
	"204 of a length": "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
	"304":             "HTTP/1.1 304 Not Modified\r\n\r\n",
	"no body":         "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
	"after a 103":     "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	"a body":          "HTTP/1.1 201 Created\r\ncontent-length : 8\r\nContent-LENGTH:\t8 \r\n\r\n{\"id\":1}",
	"bare newlines":   "HTTP/1.1 201 Created\nContent-Length: 8\n\n{\"id\":1}",
	"chunks":          "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"id\":1}\r\n0\r\n\r\n",
	"trailers":        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"id\":1}\r\n0\r\nX: y\r\n\r\n",
}

const stray = "HTTP/1.1 201 Created\r\nX-Stray: " + planted + "\r\nContent-Length: 9\r\n\r\n{\"id\":99}"

// serveSurplus answers the first request of each connection with a reply and the stray
// one, in pieces of the given size, and returns what waits until the clients have closed
// their connections.
func serveSurplus(listener net.Listener, reply string, piece int) (wait func()) {
	return AnswerOnce(listener, func(c net.Conn) {
		for text := []byte(reply + stray); len(text) > 0; text = text[min(piece, len(text)):] {
			if _, err := c.Write(text[:min(piece, len(text))]); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, c)
	})
}

// surplusChild is in the environment of a child, and names its transport.
const surplusChild = "ENLIST_TEST_SURPLUS"

// TestSurplusIsNotLogged runs itself in a child, whose standard logger is its own.
func TestSurplusIsNotLogged(t *testing.T) {
	t.Parallel()
	if which := os.Getenv(surplusChild); which != "" {
		for name, reply := range surplus {
			for _, piece := range []int{1, 7, 1 << 20} {
				askForSurplus(t, which, name, reply, piece)
			}
		}
		return
	}
	for which, logged := range map[string]bool{"ours": false, "net/http's": true} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSurplusIsNotLogged$", "-test.v")
			child.Env = append(os.Environ(), surplusChild+"="+which)
			output, err := child.CombinedOutput()
			require.NoError(t, err, "%s", output)
			assert.Contains(t, string(output), "--- PASS: TestSurplusIsNotLogged", "the child ran it")
			assert.Equal(t, logged, bytes.Contains(output, []byte("Unsolicited response")), "%s", output)
		})
	}
}

func askForSurplus(t *testing.T, which, name, reply string, piece int) {
	t.Helper()
	memory := fakehttp.NewMemory()
	secure, roots := listenTLS(t)
	for base, listener := range map[string]net.Listener{"http://127.0.0.1:1": memory, "https://" + secure.Addr().String(): secure} {
		wait := serveSurplus(listener, reply, piece)
		pool := newPool()
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := memory.DialContext(ctx, network, addr)
			return newConn(raw), err
		}
		if which != "ours" {
			pool, dial = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}, memory.DialContext
		}
		if listener == net.Listener(memory) {
			pool.DialContext = dial
		}
		pool.TLSClientConfig.RootCAs = roots
		c := over(t, pool, base)
		res := c.Do(t.Context(), post())
		require.True(t, res.OK, "%s in pieces of %d: %v", name, piece, res.Err)
		require.NoError(t, res.Reply.ReadErr)
		assert.NotContains(t, res.Reply.Header, "X-Stray")
		if want := `{"id":1}`; bytes.Contains([]byte(reply), []byte(want)) {
			assert.Equal(t, want, string(res.Reply.Body))
		} else {
			assert.Empty(t, res.Reply.Body)
		}
		if which == "ours" && piece > len(reply+stray) {
			// The reply that follows at once is not the next request's. A request that was on its way already when
			// the surplus was seen loses its connection.
			for res = c.Do(t.Context(), post()); !res.OK; res = c.Do(t.Context(), post()) {
				require.EqualError(t, res.Err, "connection lost", name)
			}
			assert.NotContains(t, res.Reply.Header, "X-Stray", name)
		}
		_ = listener.Close()
		wait()
	}
}

// listenTLS listens as a server of HTTP/1, with a certificate that the roots know.
func listenTLS(t *testing.T) (net.Listener, *x509.CertPool) {
	t.Helper()
	borrowed := httptest.NewUnstartedServer(nil)
	borrowed.StartTLS()
	t.Cleanup(borrowed.Close)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: borrowed.TLS.Certificates, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
	})
	require.NoError(t, err)
	return listener, borrowed.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
}

// The pool reuses connections, of HTTP/1 and HTTP/2, with TLS and without.
func TestPoolReusesConnections(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ secure, http2 bool }{"plain": {}, "TLS": {secure: true}, "HTTP/2": {true, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				assert.Equal(t, tt.http2, r.ProtoMajor == 2)
				for _, size := range []int{3000, 5000} { // the latter flushes: chunks
					if r.Header.Get("X-Size") == "" || size == 3000 {
						_, _ = w.Write(bytes.Repeat([]byte("\r\n\r\n"), size/4))
					}
				}
			}))
			srv.EnableHTTP2 = tt.http2
			conns := CountConns(srv.Config)
			pool := newPool()
			if tt.secure {
				srv.StartTLS()
				pool.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			} else {
				srv.Start()
			}
			t.Cleanup(srv.Close)
			c := over(t, pool, srv.URL)
			for i := range 20 {
				call, want := post(), 8000
				if i%2 == 0 {
					call.Sign = func(r *http.Request, _ []byte) error { r.Header.Set("X-Size", "short"); return nil }
					want = 3000
				}
				res := c.Do(t.Context(), call)
				require.True(t, res.OK, res.Err)
				require.NoError(t, res.Reply.ReadErr)
				assert.Len(t, res.Reply.Body, want)
			}
			assert.EqualValues(t, 1, conns.Load())
		})
	}
}

// The caller's own trace still sees the pool's connections.
func TestPoolTellsTheCallersTrace(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(srv.Close)
	var put atomic.Int32
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{PutIdleConn: func(error) { put.Add(1) }})
	c := over(t, newPool(), srv.URL)
	for i := range int32(3) {
		require.True(t, c.Do(ctx, post()).OK)
		assert.Equal(t, i+1, put.Load())
	}
}

// A connection that rests is closed before the servers that keep theirs for the shortest
// time, 5 s, close it.
func TestPoolClosesBeforeTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := fakehttp.NewMemory()
		srv := &http.Server{
			IdleTimeout: 5 * time.Second,
			Handler:     http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }),
		}
		conns := CountConns(srv)
		go func() { _ = srv.Serve(memory) }()
		defer srv.Close()
		pool := newPool()
		pool.DialContext = memory.DialContext
		c := over(t, pool, "http://127.0.0.1:1")
		defer c.CloseIdleConnections()
		for i, rest := range []time.Duration{3 * time.Second, 5*time.Second - time.Nanosecond, 0} {
			require.True(t, c.Do(t.Context(), post()).OK, "%d", i)
			time.Sleep(rest)
		}
		assert.EqualValues(t, 2, conns.Load(), "the first rest is short enough to keep the connection, the second is not")
	})
}

// A proxy's refusal is told by its status alone.
func TestPoolsProxyRefuses(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _, err := http.NewResponseController(w).Hijack()
		if assert.NoError(t, err) && assert.Equal(t, http.MethodConnect, r.Method) {
			_, _ = fmt.Fprintf(raw, "HTTP/1.1 407 %s\r\n\r\n", planted)
			_ = raw.Close()
		}
	}))
	t.Cleanup(proxy.Close)
	address, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	pool := newPool()
	pool.Proxy = http.ProxyURL(address)
	res := over(t, pool, "https://vendor.invalid").Do(t.Context(), post())
	assert.Equal(t, userapi.OutcomeNotSent, res.Outcome)
	assert.Equal(t, "proxy refused (status 407)", res.Err.Error())
}

// A server that does not shake hands is given up.
func TestPoolsHandshakeEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		go func() { _, _ = io.Copy(io.Discard, server) }()
		begun := time.Now()
		_, err := handshake(t.Context(), client, "vendor.invalid:443", &tls.Config{MinVersion: tls.VersionTLS12})
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, "TLS: handshake timed out", err.Error())
		assert.Equal(t, 10*time.Second, time.Since(begun))
	})
}
