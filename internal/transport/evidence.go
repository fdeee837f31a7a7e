package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"strings"
	"sync"

	"github.com/enlist-go/enlist/userapi"
)

// evidence records what net/http reports about one attempt. Its callbacks run in other
// goroutines, and some run after the attempt has returned.
type evidence struct {
	mu sync.Mutex
	// asked: a connection was asked for, so the RoundTripper does fire events.
	asked bool
	// conn: a connection was had; http1 and http2 say what is spoken on it, where
	// that is known.
	conn, http1, http2 bool
	// wrote: the first header was about to be written.
	wrote bool
	// own: the RoundTripper is net/http's transport itself, whose errors are final. A
	// foreign one may return while its request is still under way.
	own bool
	// plainIsHTTP1: a connection without TLS cannot be HTTP/2.
	plainIsHTTP1 bool

	trace httptrace.ClientTrace
	// putIdle is the caller's own hook of that name, nil mostly.
	putIdle func(error)
}

// watch returns the context with the callbacks that record.
func (e *evidence) watch(ctx context.Context) context.Context {
	e.trace = httptrace.ClientTrace{
		GetConn:          e.getConn,
		GotConn:          e.gotConn,
		WroteHeaderField: e.wroteHeaderField,
		WroteHeaders:     e.wroteHeaders,
	}
	ctx = httptrace.WithClientTrace(ctx, &e.trace)
	e.putIdle = e.trace.PutIdleConn // WithClientTrace adds the hooks that ctx had
	return ctx
}

func (e *evidence) getConn(string) {
	e.mu.Lock()
	e.asked = true
	e.mu.Unlock()
}

func (e *evidence) gotConn(info httptrace.GotConnInfo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conn = true
	switch c := info.Conn.(type) {
	case *tls.Conn:
		e.http2 = c.ConnectionState().NegotiatedProtocol == "h2"
		e.http1 = !e.http2
	case *conn:
		e.http1 = true
		c.taken()
		e.trace.PutIdleConn = c.onIdle
		if callers := e.putIdle; callers != nil {
			e.trace.PutIdleConn = func(err error) {
				c.putIdle(err)
				callers(err)
			}
		}
	default:
		e.http1 = e.plainIsHTTP1
	}
}

func (e *evidence) wroteHeaderField(name string, _ []string) {
	e.mu.Lock()
	e.wrote = true
	if strings.HasPrefix(name, ":") {
		e.http2 = true
	}
	e.mu.Unlock()
}

func (e *evidence) wroteHeaders() {
	e.mu.Lock()
	e.wrote = true
	e.mu.Unlock()
}

// errReplay ends net/http's own attempt to send a request a second time.
var errReplay = &failure{class: "connection lost"}

// replay returns a Request.GetBody that hands out the body again for a replay, but
// not on HTTP/2 once the headers were written, and not to a RoundTripper that fires
// no events: it could be sending. On HTTP/1 net/http asks for it only when it knows
// that it wrote nothing. On HTTP/2 it asks after a REFUSED_STREAM or a GOAWAY below the
// stream, which prove that nothing was carried out, but also after a PROTOCOL_ERROR,
// which proves nothing. The frame is not seen here, so such an attempt stays unknown.
func (e *evidence) replay(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		e.mu.Lock()
		refuse := !e.asked || e.http2 && e.wrote
		e.mu.Unlock()
		if refuse {
			return nil, errReplay
		}
		return newBody(data), nil
	}
}

// newBody returns a request's body, of a type that net/http knows to be in memory:
// with any other it sends the headers in a packet of their own.
func newBody(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }

// outcome says what a failed attempt without a reply may have done. byContext
// says that the context or a time-out ended it: on HTTP/2 the headers may then
// still be written after RoundTrip has returned, since the connection lives on.
func (e *evidence) outcome(err error, byContext bool) userapi.Outcome {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.wrote:
		return userapi.OutcomeUnknown
	case e.conn && (e.http1 || !byContext):
		return userapi.OutcomeNotSent
	case e.conn:
		return userapi.OutcomeUnknown
	case e.asked && e.own, isConnectError(err):
		return userapi.OutcomeNotSent
	default:
		return userapi.OutcomeUnknown
	}
}

// isConnectError recognises the errors of looking a host up, reaching it, and
// agreeing on TLS, which also a RoundTripper without trace events returns.
func isConnectError(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	var record tls.RecordHeaderError
	return errors.As(err, &dns) ||
		errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") ||
		errors.As(err, &record) ||
		isCertificateError(err)
}

// isCertificateError recognises a server that could not prove who it is: trying
// again cannot help.
func isCertificateError(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) ||
		errors.As(err, &host) || errors.As(err, &invalid)
}
