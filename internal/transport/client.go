package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/enlist-go/enlist/userapi"
)

const (
	defaultTimeout          = 30 * time.Second
	defaultMaxResponseBytes = 1 << 20
	// drainBytes is how much of an over-long or unwanted body is read away so that
	// its connection can be used again.
	drainBytes = 64 << 10
)

// Config makes a Client.
type Config struct {
	// Provider is the vendor's name, for errors and logs.
	Provider string
	// BaseURL stands in for Options.BaseURL when that is empty; "" means that the
	// caller must give one.
	BaseURL string
	Options userapi.HTTPOptions
	// Header is sent with every request. It must not hold credentials.
	Header http.Header
	// RequestIDHeader names the reply's header that identifies the call.
	RequestIDHeader string
}

// A Client sends requests to one vendor. It is safe for concurrent use.
type Client struct {
	provider  string
	rest      *resty.Client
	http      *http.Client
	retry     userapi.RetryPolicy
	limiters  []userapi.Limiter // at most one
	logger    *slog.Logger
	onAttempt func(context.Context, userapi.Attempt)
	requestID string
}

// New makes a client, or returns every fault of the settings at once. A fault is
// named by the path below the vendor's Config.
func New(cfg Config) (*Client, []userapi.FieldError) {
	var faults []userapi.FieldError
	opts := cfg.Options
	fault := func(field, expected string) {
		faults = append(faults, userapi.FieldError{
			VendorField: "Config.HTTP." + field, Code: "invalid", Message: expected,
		})
	}
	base := opts.BaseURL
	if base == "" {
		base = cfg.BaseURL
	}
	base, err := cleanBaseURL(base, opts.AllowInsecure)
	if err != nil {
		fault("BaseURL", err.Error())
	}
	retry, retryFaults := retryDefaults(opts.Retry)
	for _, f := range retryFaults {
		fault("Retry."+f.field, f.expected)
	}
	if strings.ContainsFunc(opts.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		fault("UserAgent", "must be printable ASCII")
	}
	if opts.MaxResponseBytes < 0 {
		fault("MaxResponseBytes", "must not be negative")
	}
	limiter, field, expected := newLimiter(opts)
	if expected != "" {
		fault(field, expected)
	}
	hc, timeout, err := newHTTPClient(opts)
	if err != nil {
		fault("HTTPClient", err.Error())
	}
	if faults != nil {
		return nil, faults
	}

	limit := opts.MaxResponseBytes
	if limit == 0 {
		limit = defaultMaxResponseBytes
	}
	c := &Client{
		provider:  cfg.Provider,
		http:      hc,
		retry:     retry,
		logger:    opts.Logger,
		onAttempt: opts.OnAttempt,
		requestID: cfg.RequestIDHeader,
	}
	if limiter != nil {
		c.limiters = []userapi.Limiter{limiter}
	}
	hc.Transport = &roundTripper{
		base: hc.Transport, client: c, limit: limit, timeout: timeout,
		http1: speaksOnlyHTTP1(hc.Transport),
	}

	rest := resty.NewWithClient(hc)
	rest.SetBaseURL(base)
	rest.SetLogger(silence{})
	rest.SetDebug(false)
	rest.SetDisableWarn(true)
	rest.SetDoNotParseResponse(true)
	rest.SetPreRequestHook(prepare)
	// One more than the policy's, for the repeat that is not the policy's to
	// forbid: see Classification.Retry.
	rest.SetRetryCount(retry.MaxAttempts)
	rest.SetRetryWaitTime(time.Nanosecond)
	rest.SetRetryMaxWaitTime(math.MaxInt64)
	rest.AddRetryCondition(shouldRetry)
	rest.SetRetryAfter(retryDelay)
	rest.SetHeader("User-Agent", userAgent(opts.UserAgent))
	for name, values := range cfg.Header {
		rest.Header[http.CanonicalHeaderKey(name)] = values
	}
	c.rest = rest
	return c, nil
}

// CloseIdleConnections closes the connections that are kept for later use.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// newHTTPClient copies the caller's client, or makes one, and returns the time-out
// of an attempt, 0 for none. The time-out is taken out of the copy: net/http
// starts a goroutine for each request to keep it above a foreign RoundTripper.
func newHTTPClient(opts userapi.HTTPOptions) (*http.Client, time.Duration, error) {
	hc := &http.Client{}
	if opts.HTTPClient != nil {
		*hc = *opts.HTTPClient
	}
	if t, ok := hc.Transport.(*http.Transport); ok {
		if t == nil {
			return nil, 0, errors.New("its Transport must not be a nil pointer")
		}
		if tc := t.TLSClientConfig; tc != nil &&
			(tc.MinVersion != 0 && tc.MinVersion < tls.VersionTLS12 || tc.MaxVersion != 0 && tc.MaxVersion < tls.VersionTLS12) {
			return nil, 0, errors.New("its Transport must not allow TLS below 1.2")
		}
	}
	if hc.Transport == nil {
		hc.Transport = newPool()
	}
	hc.Jar = nil
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	timeout := opts.Timeout
	if timeout == 0 {
		timeout = hc.Timeout
	}
	if timeout == 0 {
		timeout = defaultTimeout
	}
	hc.Timeout = 0
	return hc, max(timeout, 0), nil
}

// speaksOnlyHTTP1 reports whether a connection without TLS can be nothing but
// HTTP/1 with this transport.
func speaksOnlyHTTP1(rt http.RoundTripper) bool {
	t, ok := rt.(*http.Transport)
	return ok && (t.Protocols == nil || !t.Protocols.UnencryptedHTTP2())
}

// newLimiter returns what each request waits for, nil for nothing.
func newLimiter(opts userapi.HTTPOptions) (limiter userapi.Limiter, field, expected string) {
	if opts.RateLimit == (userapi.RateLimit{}) {
		if l, ok := opts.Limiter.(interface{ Err() error }); ok && l.Err() != nil {
			return nil, "Limiter", l.Err().Error()
		}
		return opts.Limiter, "", ""
	}
	if opts.Limiter != nil {
		return nil, "Limiter", "must not be set beside RateLimit"
	}
	l := userapi.NewAdaptive(opts.RateLimit)
	if err := l.Err(); err != nil {
		return nil, "RateLimit", err.Error()
	}
	return steady{l}, "", ""
}

// steady is a limiter that keeps its rate, whatever the vendor answers.
type steady struct{ *userapi.Adaptive }

func (steady) Observe(userapi.Attempt) {}

// modulePath finds the version that a program was built with.
const modulePath = "github.com/enlist-go/enlist"

var version = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == modulePath {
				return strings.TrimPrefix(dep.Version, "v")
			}
		}
	}
	return "devel"
})

// Product is the library's own part of the User-Agent header.
func Product() string { return "enlist-go/" + version() }

func userAgent(callers string) string {
	if callers == "" {
		return Product()
	}
	return fmt.Sprintf("%s %s", callers, Product())
}

// silence is a resty logger that prints nothing: resty would print URLs.
type silence struct{}

func (silence) Errorf(string, ...any) {}
func (silence) Warnf(string, ...any)  {}
func (silence) Debugf(string, ...any) {}
