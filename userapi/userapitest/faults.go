package userapitest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// faultChecks are about broken connections.
func faultChecks() []check {
	var checks []check
	for _, do := range []Action{Reset, Hangup} {
		for _, when := range []Moment{BeforeRead, BeforeCommit, AfterCommit} {
			checks = append(checks, check{"fault/" + do.String() + "_" + when.String(), func(t *testing.T, h *Harness) { broken(t, h, do, when) }})
		}
	}
	for _, when := range []Moment{BeforeCommit, AfterCommit} {
		checks = append(checks, check{"fault/stall_" + when.String(), func(t *testing.T, h *Harness) { stalled(t, h, when) }})
	}
	return append(checks,
		check{"fault/truncated", truncated},
		check{"fault/refused", refused},
		check{"fault/no_trace_events", opaque},
	)
}

// broken: the connection breaks during a create. The outcome is unknown, and the create is not sent
// again.
func broken(t *testing.T, h *Harness, do Action, when Moment) {
	b := open(t, h, nil).warm(t)
	b.Inject(Fault{On: Create, When: when, Do: do, Times: -1})
	e := b.fails(t.Context(), t, h.Minimal(2))
	want(t, e, userapi.KindUnavailable, userapi.OutcomeUnknown)
	b.sent(t, 1)
	b.users(t, afterwards(when))
}

// afterwards returns the number of users after a warm start and one create with a fault at the
// given moment.
func afterwards(when Moment) int {
	if when == AfterCommit {
		return 2
	}
	return 1
}

// stalled: no reply comes in time. If the machine is too slow to send the request in that time, the
// check retries with a longer time-out.
func stalled(t *testing.T, h *Harness, when Moment) {
	const longest = time.Minute
	for timeout := 250 * time.Millisecond; timeout < longest; timeout *= 4 {
		if stalledFor(t, h, when, timeout) {
			return
		}
	}
	t.Errorf("no request was sent within the time-out, of up to %v", longest)
}

// stalledFor reports whether a request was sent within the time-out.
func stalledFor(t *testing.T, h *Harness, when Moment, timeout time.Duration) bool {
	var written atomic.Bool
	b := open(t, h, func(o *userapi.HTTPOptions) {
		o.Timeout = timeout
		o.HTTPClient.Transport = onceWritten(o.HTTPClient.Transport, func() { written.Store(true) })
	})
	if _, err := b.CreateUser(t.Context(), h.Minimal(1)); errors.Is(err, userapi.ErrTimeout) {
		return false
	}
	b.requests.Store(0)
	written.Store(false)
	b.Inject(Fault{On: Create, When: when, Do: Stall, Times: -1})
	req := h.Minimal(2)
	u, err := b.CreateUser(t.Context(), req)
	if !written.Load() {
		return false
	}
	e := b.failed(t, req, u, err)
	want(t, e, userapi.KindTimeout, userapi.OutcomeUnknown)
	if !errors.Is(e, context.DeadlineExceeded) {
		t.Error("the error does not match context.DeadlineExceeded")
	}
	b.sent(t, 1)
	if got, most := b.UserCount(), afterwards(when); got > most {
		t.Errorf("the server holds %d users, want at most %d", got, most)
	}
	return true
}

// onceWritten calls then after a request has been written.
func onceWritten(next http.RoundTripper, then func()) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			WroteRequest: func(info httptrace.WroteRequestInfo) {
				if info.Err == nil {
					then()
				}
			},
		})))
	})
}

func truncated(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	b.Inject(Fault{On: Create, When: AfterCommit, Do: Truncate, Times: -1})
	e := b.fails(t.Context(), t, h.Minimal(2))
	want(t, e, userapi.KindProtocol, userapi.OutcomeUnknown, userapi.OutcomeCreated)
	b.sent(t, 1)
	b.users(t, 2)
}

func refused(t *testing.T, h *Harness) {
	const addr = "127.0.0.1:0" // nobody listens there
	b := open(t, h, func(o *userapi.HTTPOptions) {
		o.HTTPClient.Transport.(counter).RoundTripper.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
	})
	e := b.fails(t.Context(), t, h.Minimal(1))
	want(t, e, userapi.KindUnavailable, userapi.OutcomeNotSent)
	b.users(t, 0)
}

// A blind RoundTripper sends the request, then fails without trace events.
type blind struct{ http.RoundTripper }

var errBlind = errors.New("the RoundTripper failed")

func (b blind) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r.WithContext(context.WithoutCancel(untraced{r.Context()})))
	if err == nil {
		_ = resp.Body.Close()
	}
	return nil, errBlind
}

// untraced hides the values of a context.
type untraced struct{ context.Context }

func (untraced) Value(any) any { return nil }

// opaque: if a caller's own RoundTripper fails without trace events, the failure does not show what
// was sent.
func opaque(t *testing.T, h *Harness) {
	fail := false
	b := open(t, h, func(o *userapi.HTTPOptions) {
		through := o.HTTPClient.Transport
		o.HTTPClient.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if fail {
				return blind{through}.RoundTrip(r)
			}
			return through.RoundTrip(r)
		})
	}).warm(t)
	fail = true
	e := b.fails(t.Context(), t, h.Minimal(2))
	want(t, e, userapi.KindUnavailable, userapi.OutcomeUnknown)
	b.sent(t, 1)
	b.users(t, 2)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var contextChecks = []check{
	{"context/done_before", func(t *testing.T, h *Harness) {
		b := open(t, h, nil).warm(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e := b.fails(ctx, t, h.Minimal(2))
		want(t, e, userapi.KindCanceled, userapi.OutcomeNotSent)
		if !errors.Is(e, context.Canceled) {
			t.Error("the error does not match context.Canceled")
		}
		b.sent(t, 0)
		b.users(t, 1)
	}},
	{"context/canceled_during", func(t *testing.T, h *Harness) {
		interrupted(t, h, context.Canceled, userapi.KindCanceled)
	}},
	{"context/deadline", func(t *testing.T, h *Harness) {
		interrupted(t, h, context.DeadlineExceeded, userapi.KindTimeout)
	}},
	{"context/no_wait_past_deadline", func(t *testing.T, h *Harness) {
		b := open(t, h, func(o *userapi.HTTPOptions) {
			o.Retry = userapi.RetryPolicy{MaxAttempts: 2, BaseWait: 11 * time.Second, Jitter: -1}
		}).warm(t)
		b.Inject(Fault{On: Create, When: BeforeCommit, Status: 429, Times: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		e := b.fails(ctx, t, h.Minimal(2))
		want(t, e, userapi.KindRateLimited, userapi.OutcomeRejected)
		if ctx.Err() != nil {
			t.Error("the call waited for a retry that could not fit")
		}
		b.sent(t, 1)
	}},
}

// A byHand is a context that the test ends, as if a deadline had passed.
type byHand struct {
	context.Context
	done  chan struct{}
	cause error
}

func (c *byHand) Done() <-chan struct{} { return c.done }

func (c *byHand) Err() error {
	select {
	case <-c.done:
		return c.cause
	default:
		return nil
	}
}

// interrupted: the context ends after the user exists and before the reply is sent.
func interrupted(t *testing.T, h *Harness, cause error, kind userapi.Kind) {
	b := open(t, h, nil).warm(t)
	b.Inject(Fault{On: Create, When: AfterCommit, Do: Stall, Times: -1})
	ctx := &byHand{t.Context(), make(chan struct{}), cause}
	go func() {
		defer close(ctx.done)
		poll := time.NewTicker(time.Millisecond)
		defer poll.Stop()
		for b.UserCount() < 2 {
			select {
			case <-poll.C:
			case <-t.Context().Done():
				return
			}
		}
	}()
	e := b.fails(ctx, t, h.Minimal(2))
	want(t, e, kind, userapi.OutcomeUnknown)
	if !errors.Is(e, cause) {
		t.Errorf("the error does not match %v", cause)
	}
	b.sent(t, 1)
	b.users(t, 2)
}
