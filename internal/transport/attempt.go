package transport

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/enlist-go/enlist/userapi"
)

// prepare is resty's hook before each attempt: it waits for the limiter, makes
// the body replayable on our terms, and signs.
func prepare(_ *resty.Client, r *http.Request) error {
	s := stateOf(r.Context())
	s.hookErr = s.prepare(r)
	return s.hookErr
}

// staleAfter is the wait for the limiter after which a call's Renew makes its body
// again, because the body may have a date in it.
const staleAfter = time.Second

func (s *state) prepare(r *http.Request) error {
	stale := s.attempts > 0
	if len(s.limiters) > 0 {
		begun := time.Now()
		for _, l := range s.limiters {
			if err := l.Wait(s.Context); err != nil {
				s.limited = s.Context.Err() == nil
				return err
			}
		}
		stale = stale || time.Since(begun) > staleAfter
	}
	s.evidence = &s.first
	if s.attempts > 0 {
		s.evidence = &evidence{}
	}
	sent := s.call.Body
	if s.call.Renew != nil && stale {
		sent = s.call.Renew()
	}
	if sent != nil {
		r.Body = newBody(sent)
		r.GetBody = s.evidence.replay(sent)
		r.ContentLength = int64(len(sent))
	}
	if s.call.Sign != nil {
		if err := s.call.Sign(r, sent); err != nil {
			return err
		}
	}
	return s.Context.Err()
}

// roundTripper is between net/http's client and the transport. It adds the trace, reads
// the reply and classifies it.
type roundTripper struct {
	base    http.RoundTripper
	client  *Client
	limit   int64
	timeout time.Duration
	http1   bool
}

// CloseIdleConnections passes the call on.
func (t *roundTripper) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	s := stateOf(r.Context())
	s.foldAttempt()
	s.attempts++
	s.reply, s.after, s.hasAfter, s.waiting = nil, 0, false, false
	_, s.evidence.own = t.base.(*http.Transport)
	s.evidence.plainIsHTTP1 = t.http1
	begun := time.Now()
	if s.attempts == 1 {
		s.started = begun
	}
	ctx, cancel := t.bound(r.Context())
	defer cancel()
	resp, err := t.base.RoundTrip(r.WithContext(s.evidence.watch(ctx)))
	if err == nil && resp == nil {
		err = &failure{class: "the transport returned neither a response nor an error"}
	}
	if err != nil {
		byContext := ctx.Err() != nil
		cancel() // what a RoundTripper left behind ends before the evidence is read
		s.classifyFailure(byContext, err, t.isProxied(r))
		t.client.report(s, r, time.Since(begun))
		return nil, err
	}
	reply := &s.firstRead
	if s.attempts > 1 {
		reply = &Reply{}
	}
	*reply = Reply{Status: resp.StatusCode, Header: capHeader(resp.Header), Request: r, Sent: begun}
	reply.Body, reply.ReadErr = readBody(ctx, resp, t.limit)
	reply.Read = time.Now()
	s.reply = reply
	s.verdict = s.call.Classify(reply)
	if !s.verdict.OK {
		s.after, s.hasAfter = ParseRetryAfter(reply.Header, reply.Read)
	}
	t.client.report(s, r, reply.Read.Sub(begun))
	resp.Body = http.NoBody
	return resp, nil
}

// isProxied reports whether net/http sends a request through a proxy.
func (t *roundTripper) isProxied(r *http.Request) bool {
	pool, ok := t.base.(*http.Transport)
	if !ok || pool.Proxy == nil {
		return false
	}
	proxy, err := pool.Proxy(r)
	return proxy != nil && err == nil
}

// foldAttempt adds the attempt before to what is known of the call.
func (s *state) foldAttempt() {
	if s.attempts == 0 {
		return
	}
	switch s.verdict.Outcome {
	case userapi.OutcomeRejected:
		s.rejected = true
	case userapi.OutcomeNotSent:
	default:
		s.unsettled = true
	}
}

// bound returns the attempt's context, which ends with the time-out if there is one.
func (t *roundTripper) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if t.timeout > 0 {
		return context.WithTimeout(ctx, t.timeout)
	}
	return context.WithCancel(ctx)
}

// maxHeader bounds what is kept of a reply's header.
const maxHeader = 64 << 10

// capHeader leaves out the values that would make a header longer than maxHeader.
func capHeader(h http.Header) http.Header {
	size, fits := 0, func(name, value string) bool { return len(name)+len(value) <= maxHeader/16 }
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	if size <= maxHeader {
		return h
	}
	kept := http.Header{}
	size = 0
	for name, values := range h {
		if len(values) > 0 && fits(name, values[0]) && size < maxHeader {
			kept[name] = values[:1]
			size += len(name) + len(values[0])
		}
	}
	return kept
}

// classifyFailure classifies an attempt that had no reply. byContext says that its
// context was done when it ended, proxied that it went through a proxy.
func (s *state) classifyFailure(byContext bool, err error, proxied bool) {
	kind := userapi.KindUnavailable
	var cause error = s.evidence.failed(err, proxied)
	var timeout net.Error
	switch ctxErr := s.Context.Err(); {
	case ctxErr != nil:
		kind, cause, byContext = contextKind(ctxErr), contextError(s.Context), true
	case byContext:
		kind, cause = userapi.KindTimeout, newFailure("no reply within the time-out of an attempt", err)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		kind = userapi.KindTimeout
	}
	outcome := s.evidence.outcome(err, byContext)
	s.verdict = Classification{Kind: kind, Outcome: outcome, Err: cause}
	if (outcome == userapi.OutcomeNotSent || s.call.Repeatable) && s.Context.Err() == nil && !isCertificateError(err) {
		s.verdict.Retry = RetryBackoff
	}
}

// errTooLong: the reply is longer than the limit.
var errTooLong = &failure{class: "the reply is longer than the limit"}

// readBody reads up to limit bytes and drains a little more, so that the
// connection can be used again.
func readBody(ctx context.Context, resp *http.Response, limit int64) ([]byte, error) {
	from := resp.Body
	if from == nil {
		return nil, nil
	}
	defer from.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.ContentLength < 0 {
		// The body of a 101 does not honour its request's context, nor need that of a
		// foreign RoundTripper that streams.
		defer context.AfterFunc(ctx, func() { _ = from.Close() })()
	}
	body, err := readLimited(from, resp.ContentLength, limit)
	switch {
	case err == nil:
		return body, nil
	case ctx.Err() != nil:
		return body, contextError(ctx)
	default:
		return body, newFailure(cmp.Or(classOf(err), "the reply's body is broken"), err)
	}
}

func readLimited(from io.Reader, length, limit int64) (body []byte, err error) {
	limit = min(limit, math.MaxInt64-1)
	if n := length; n >= 0 && n <= limit && n <= drainBytes {
		// One byte more finds the end, or what a RoundTripper other than net/http's
		// sends beyond its announcement.
		body = make([]byte, n+1)
		var read int
		read, err = io.ReadFull(from, body)
		body = body[:read]
		switch {
		case int64(read) == n && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
			err = nil
		case err == nil:
			var rest []byte
			rest, err = io.ReadAll(io.LimitReader(from, limit-n))
			body = append(body, rest...)
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
	} else {
		body, err = io.ReadAll(io.LimitReader(from, limit+1))
	}
	if err == nil && int64(len(body)) > limit {
		body, err = body[:limit], errTooLong
		_, _ = io.CopyN(io.Discard, from, drainBytes)
	}
	return body, err
}

// addressOf returns the host and port of a URL.
func addressOf(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
		return u.Host
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// report logs and counts one attempt.
func (c *Client) report(s *state, r *http.Request, took time.Duration) {
	if c.logger == nil && c.onAttempt == nil && len(s.limiters) == 0 {
		return
	}
	a := userapi.Attempt{
		Provider: c.provider, Operation: s.call.Operation, Route: s.call.Route, Method: s.call.Method, Address: addressOf(r.URL),
		Number: s.attempts, OK: s.verdict.OK, Duration: took,
	}
	if s.reply != nil {
		a.StatusCode = s.reply.Status
	}
	if !a.OK {
		a.Kind, a.Outcome, a.RetryAfter = s.verdict.Kind, s.verdict.Outcome, s.after
	}
	for _, l := range s.limiters {
		l.Observe(a)
	}
	if c.onAttempt != nil {
		c.onAttempt(s.Context, a)
	}
	if c.logger != nil {
		c.log(s.Context, a)
	}
}

func (c *Client) log(ctx context.Context, a userapi.Attempt) {
	level := slog.LevelInfo
	attrs := make([]slog.Attr, 0, 9)
	attrs = append(attrs,
		slog.String("provider", a.Provider),
		slog.String("operation", a.Operation),
		slog.String("method", a.Method),
		slog.String("route", a.Route),
		slog.Int("attempt", a.Number),
		slog.Int("status", a.StatusCode),
		slog.Duration("duration", a.Duration),
	)
	if !a.OK {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("kind", a.Kind.String()), slog.String("outcome", a.Outcome.String()))
	}
	c.logger.LogAttrs(ctx, level, "vendor request", attrs...)
}
