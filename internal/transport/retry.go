package transport

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/enlist-go/enlist/userapi"
)

const (
	defaultMaxAttempts   = 3
	defaultBaseWait      = 250 * time.Millisecond
	defaultMaxWait       = 10 * time.Second
	defaultJitter        = 0.2
	defaultMaxRetryAfter = 30 * time.Second
	maxAttempts          = 20
)

type policyFault struct{ field, expected string }

// retryDefaults fills the zero fields in, or says what is wrong with the others.
func retryDefaults(p userapi.RetryPolicy) (userapi.RetryPolicy, []policyFault) {
	var faults []policyFault
	fault := func(wrong bool, field, expected string) {
		if wrong {
			faults = append(faults, policyFault{field, expected})
		}
	}
	fault(p.MaxAttempts < 0 || p.MaxAttempts > maxAttempts, "MaxAttempts", "must be from 1 to 20, or 0 for the default")
	fault(p.BaseWait < 0, "BaseWait", "must not be negative")
	fault(p.MaxWait < 0, "MaxWait", "must not be negative")
	fault(p.Jitter > 1 || math.IsNaN(p.Jitter), "Jitter", "must be at most 1")
	if p.MaxAttempts == 0 {
		p.MaxAttempts = defaultMaxAttempts
	}
	if p.BaseWait == 0 {
		p.BaseWait = defaultBaseWait
		if p.MaxWait > 0 {
			p.BaseWait = min(p.BaseWait, p.MaxWait)
		}
	}
	if p.MaxWait == 0 {
		p.MaxWait = max(defaultMaxWait, p.BaseWait)
	}
	if p.Jitter == 0 {
		p.Jitter = defaultJitter
	}
	if p.MaxRetryAfter == 0 {
		p.MaxRetryAfter = defaultMaxRetryAfter
	}
	fault(p.MaxWait < p.BaseWait, "MaxWait", "must not be less than BaseWait")
	return p, faults
}

// shouldRetry is the client's only retry condition. resty calls it after every attempt.
func shouldRetry(resp *resty.Response, _ error) bool {
	if resp == nil || resp.Request == nil {
		return false // the attempt was not begun
	}
	s := stateOf(resp.Request.Context())
	if s.verdict.OK || s.Context.Err() != nil {
		return false
	}
	switch s.verdict.Retry {
	case RetryNow:
		if s.renewed {
			return false
		}
		s.renewed = true
		return true
	case RetryBackoff:
		counted := s.attempts
		if s.renewed {
			counted--
		}
		return counted < s.client.retry.MaxAttempts
	default:
		return false
	}
}

// errStopRetrying stops resty's loop. The call then ends with its last classification.
var errStopRetrying = errors.New("no further attempt")

// retryDelay says how long to wait before the next attempt.
func retryDelay(_ *resty.Client, resp *resty.Response) (time.Duration, error) {
	s := stateOf(resp.Request.Context())
	if s.verdict.Retry == RetryNow {
		s.waiting = true
		return time.Nanosecond, nil
	}
	d := backoff(s.client.retry, s.attempts, rand.Float64()) //nolint:gosec // jitter is not a secret
	if s.hasAfter {
		if s.after > s.client.retry.MaxRetryAfter {
			return 0, errStopRetrying
		}
		d = max(d, s.after)
	}
	if deadline, ok := s.Context.Deadline(); ok && time.Until(deadline) <= d {
		return 0, errStopRetrying
	}
	s.waiting = true
	return max(d, time.Nanosecond), nil
}

// errNoTime: the wait would outlast the context's deadline.
var errNoTime = fmt.Errorf("the wait before the next look-up: %w", context.DeadlineExceeded)

// errTooLongWait: the vendor asks for a longer wait than the policy allows.
var errTooLongWait = errors.New("the vendor asks for a longer wait than MaxRetryAfter")

// Pause waits between calls as the policy waits between attempts: after the n-th of
// them, and at least for after, which is a reply's Retry-After. It returns an error at
// once if it cannot wait that long.
func (c *Client) Pause(ctx context.Context, n int, after time.Duration) error {
	d := backoff(c.retry, n, rand.Float64()) //nolint:gosec // jitter is not a secret
	if after > c.retry.MaxRetryAfter && after > 0 {
		return errTooLongWait
	}
	d = max(d, after)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return errNoTime
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// backoff is the policy's wait after the given number of attempts; random is
// from [0, 1).
func backoff(p userapi.RetryPolicy, attempts int, random float64) time.Duration {
	d := p.BaseWait
	for i := 1; i < attempts; i++ {
		if d > p.MaxWait/2 {
			d = p.MaxWait
			break
		}
		d *= 2
	}
	if p.Jitter > 0 {
		d += min(time.Duration(float64(d)*p.Jitter*random), math.MaxInt64-d)
	}
	return d
}

// ParseRetryAfter reads a reply's Retry-After header, in seconds or as a date. A
// value that is neither, or negative, does not count. A date is compared with the
// reply's own Date where it has one. What does not fit a Duration is the longest.
func ParseRetryAfter(h http.Header, now time.Time) (d time.Duration, ok bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(at.Sub(now), 0), true
}
