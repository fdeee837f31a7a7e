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
	// BaseURL is where the vendor's API stands; "" is the vendor's own address. A
	// path in it is kept and a trailing slash ignored. Plain http is refused
	// beyond loopback unless AllowInsecure is set.
	BaseURL string
	// HTTPClient is copied, never changed; nil means a client with a connection
	// pool of its own. Redirects and cookies are off in the copy. Without a
	// Transport the copy gets that pool too. The pool closes a connection that was not
	// used for 4 s, before common servers do. A server may close one while a create is on
	// its way. Then nobody knows whether the user exists. A Transport of yours keeps
	// its own IdleConnTimeout. Its errors, and those of another RoundTripper, are shown as
	// their class alone; errors.Is and errors.As find the cause.
	HTTPClient *http.Client
	// UserAgent is put in front of the library's own.
	UserAgent string
	// Timeout bounds one attempt, body included; 0 means 30 s, and a negative
	// value no bound but the context's.
	Timeout time.Duration
	// MaxResponseBytes bounds what is read of a reply; 0 means 1 MiB. A longer
	// reply to a create is an unreadable one.
	MaxResponseBytes int64
	// Retry says how often and when a request is sent again that provably was not
	// carried out.
	Retry RetryPolicy
	// RateLimit is waited for before sending. It is not for use beside Limiter.
	RateLimit RateLimit
	// Limiter is waited for before each request, in place of RateLimit; nil means
	// RateLimit. Clients with the same credentials can share one.
	Limiter Limiter
	// Logger gets one line an attempt, made of an allow-list: no header, no body,
	// no query. nil logs nothing.
	Logger *slog.Logger
	// OnAttempt is called after each attempt and must be safe for concurrent use. It
	// is called from the goroutine that makes the call or, for a session that
	// several calls share, from one of the client's. The context is that call's, done
	// or not.
	OnAttempt func(context.Context, Attempt)
	// AllowInsecure permits plain http to hosts beyond loopback.
	AllowInsecure bool
}

// RetryPolicy says how often and when a request is sent again. It never decides
// whether: a create is repeated only when it provably did not happen (nothing was
// written; 429; an expired session, once; and what the vendor's package lists
// under Retries). Look-ups, deletes and the fetching of sessions may be sent twice, and
// are repeated after any passing failure. ResolveUser waits between its looks as
// between attempts, and looks three times at least, whatever MaxAttempts says. The zero
// value is the default policy. No wait outlasts the context's deadline: the call then
// ends at once with the last error.
type RetryPolicy struct {
	// MaxAttempts counts the first one too; 0 means 3, 1 turns retries off. At most 20.
	MaxAttempts int
	// BaseWait is the wait before the second attempt, doubled for each one after;
	// 0 means 250 ms.
	BaseWait time.Duration
	// MaxWait bounds such a wait; 0 means 10 s.
	MaxWait time.Duration
	// Jitter is the share of a wait, up to 1, that is drawn at random and added
	// to it; 0 means 0.2, and a negative value none.
	Jitter float64
	// MaxRetryAfter is the longest Retry-After that is waited for; 0 means 30 s,
	// and a negative value that none is. A longer one ends the call at once and
	// stands in Error.RetryAfter.
	MaxRetryAfter time.Duration
}

// RateLimit bounds how many requests a client sends. The zero value is no limit.
type RateLimit struct {
	// PerSecond is the sustained rate, 0 for no limit.
	PerSecond float64
	// Burst is how many may be sent at once; 0 means 1.
	Burst int
}

// An Attempt is what happened to one HTTP request, for metrics. It holds no value
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
	// OK says that the reply's status is a success; Kind and Outcome then mean
	// nothing. Otherwise they are what this attempt alone shows.
	OK      bool
	Kind    Kind
	Outcome Outcome
	// RetryAfter is how long the reply asks to wait; 0 when it does not say.
	RetryAfter time.Duration
	// Duration runs from the first byte of work, after any wait, to the reply read.
	Duration time.Duration
}
