package userapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// HTTPOptions say how a client talks HTTP. The zero value is ready for use at
// every vendor that has a fixed address. A client reads them once, when it is
// made.
type HTTPOptions struct {
	// BaseURL is the address of the vendor's API; "" is the vendor's own address. A
	// path in it is kept, and a trailing slash is ignored. Plain http is allowed only
	// to loopback, unless AllowInsecure is set.
	BaseURL string
	// HTTPClient is copied, never changed. The copy follows no redirects and keeps no
	// cookies. nil means a client with a connection pool of its own, and so does a
	// client without a Transport.
	//
	// The pool closes a connection that was not used for 4 s, before common servers do:
	// if a server closes one while a create is being sent, the outcome is unknown. A
	// Transport of yours keeps its own IdleConnTimeout.
	//
	// The text of an error shows only the class of a RoundTripper's error. errors.Is
	// and errors.As find the error itself.
	HTTPClient *http.Client
	// UserAgent is put in front of the library's own.
	UserAgent string
	// Timeout bounds one attempt, body included. 0 means 30 s. With a negative value
	// only the context bounds it.
	Timeout time.Duration
	// MaxResponseBytes bounds how much of a reply is read; 0 means 1 MiB. A longer
	// reply to a create counts as unreadable.
	MaxResponseBytes int64
	// Retry says how often and when a failed request is sent again.
	Retry RetryPolicy
	// RateLimit bounds how often the client sends a request. Set RateLimit or Limiter,
	// not both.
	RateLimit RateLimit
	// Limiter decides when each request may be sent; nil means RateLimit. Clients with
	// the same credentials can share one.
	Limiter Limiter
	// Logger gets one line for each attempt. Its attributes are an allow-list, without
	// headers, bodies and queries. nil logs nothing.
	Logger *slog.Logger
	// OnAttempt is called after each attempt, with the call's context, which may be
	// done. It must be safe for concurrent use. It runs in the goroutine of the call
	// or, for a session that several calls share, in one of the client's.
	OnAttempt func(context.Context, Attempt)
	// AllowInsecure permits plain http to hosts beyond loopback.
	AllowInsecure bool
}

// RetryPolicy says how often and when a request is sent again. The zero value is the
// default policy. It does not decide which requests may be repeated:
//
//   - A create is sent again only if it provably did not happen: nothing was written,
//     the vendor answered 429, the session had expired (once), or a case that the
//     vendor's package lists under Retries.
//   - Look-ups, deletes and requests for a session are sent again after any temporary
//     failure.
//
// ResolveUser waits between its look-ups as between attempts. It makes at least three,
// even if MaxAttempts is less.
//
// No wait outlasts the context's deadline: the call then ends at once with the last
// error.
type RetryPolicy struct {
	// MaxAttempts includes the first attempt. 0 means 3; 1 turns retries off; the
	// maximum is 20.
	MaxAttempts int
	// BaseWait is the wait before the second attempt, doubled for each one after;
	// 0 means 250 ms.
	BaseWait time.Duration
	// MaxWait bounds such a wait; 0 means 10 s.
	MaxWait time.Duration
	// Jitter is the largest share of a wait, up to 1, that is added to it at random. 0
	// means 0.2; a negative value means no jitter.
	Jitter float64
	// MaxRetryAfter is the longest Retry-After that a call waits for. 0 means 30 s;
	// with a negative value it waits for none. A longer one ends the call at once, and
	// Error.RetryAfter has it.
	MaxRetryAfter time.Duration
}

// RateLimit bounds how many requests a client sends. The zero value means no limit.
type RateLimit struct {
	// PerSecond is the sustained rate, 0 for no limit.
	PerSecond float64
	// Burst is how many may be sent at once; 0 means 1.
	Burst int
}

// An Attempt describes one HTTP request and its result, for metrics. It has no values
// of the request or the reply.
type Attempt struct {
	// Provider is the vendor's name, Operation what was tried ("create user"),
	// Route the path as a template ("/users/{id}.json").
	Provider, Operation, Route string
	// Method is the HTTP method, Address the host and port that the request was for, such as
	// "api.quickblox.com:443".
	Method, Address string
	// Number counts the attempts of one call from 1.
	Number int
	// StatusCode is 0 when no reply came.
	StatusCode int
	// OK is true if the reply's status is a success; Kind and Outcome are then not set.
	// Otherwise they describe this attempt alone.
	OK      bool
	Kind    Kind
	Outcome Outcome
	// RetryAfter is how long the reply asks to wait; 0 if it does not say.
	RetryAfter time.Duration
	// Duration is from the start of the attempt, after any wait, until the reply is
	// read.
	Duration time.Duration
}
