package userapitest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/userapi"
)

// wrappedChecks are about what an error wraps: net/http quotes server data that is not HTTP.
func wrappedChecks() []check {
	var checks []check
	for _, r := range []struct{ name, reply string }{
		{"status_line", echoed + "\r\n\r\n"},
		{"version", echoed + "/1.1 200 OK\r\n\r\n"},
		{"status_code", "HTTP/1.1 " + echoed + " OK\r\n\r\n"},
		{"header_line", "HTTP/1.1 200 OK\r\n" + echoed + "\r\n\r\n"},
		{"content_length", "HTTP/1.1 200 OK\r\nContent-Length: " + echoed + "\r\n\r\n"},
		{"transfer_encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + echoed + "\r\n\r\n"},
		{"chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + echoed + "\r\n"},
		{"trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + echoed + "\r\n\r\n"},
	} {
		checks = append(checks, check{"wrapped/" + r.name, func(t *testing.T, h *Harness) { wrapped(t, h, r.reply) }})
	}
	return checks
}

// echoed is what the server sends instead of valid HTTP.
const echoed = "zq-Echoed-7"

// wrapped: the server echoes bytes of the request where they break the protocol. Nothing in the
// error's chain shows them.
func wrapped(t *testing.T, h *Harness, reply string) {
	addr := babble(t, reply)
	plain := &http.Transport{}
	t.Cleanup(plain.CloseIdleConnections)
	diverted := false
	b := open(t, h, func(o *userapi.HTTPOptions) {
		through := o.HTTPClient.Transport
		o.HTTPClient.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if !diverted {
				return through.RoundTrip(r)
			}
			r = r.Clone(r.Context())
			r.URL.Scheme, r.URL.Host = "http", addr
			return plain.RoundTrip(r)
		})
	}).warm(t)
	diverted = true
	e := b.fails(t.Context(), t, h.Minimal(2))
	if e.Outcome != userapi.OutcomeUnknown {
		t.Errorf("outcome %v, want %v", e.Outcome, userapi.OutcomeUnknown)
	}
	for _, cause := range chain(e) {
		if strings.Contains(strings.ToLower(cause.Error()+dump(cause)), strings.ToLower(echoed)) {
			t.Errorf("a %T in the error shows what the server sent", cause)
		}
	}
}

// babble sends the same bytes on every connection, after it has read a request.
func babble(t *testing.T, reply string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(conn, reply)
				}
			}()
		}
	}()
	return l.Addr().String()
}
