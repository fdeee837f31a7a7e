package transport_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// A gate is a limiter of a caller's: it notes what it is asked and told, and fails from
// the nth request on.
type gate struct {
	waits, failFrom int
	err             error
	seen            []userapi.Attempt
}

func (g *gate) Wait(context.Context) error {
	g.waits++
	if g.err != nil && g.waits >= g.failFrom {
		return g.err
	}
	return nil
}

func (g *gate) Observe(a userapi.Attempt) { g.seen = append(g.seen, a) }

// tooMany answers with 429, and when to ask again.
func tooMany(t *testing.T, retryAfter string) (*http.Client, string) {
	t.Helper()
	return serveMemory(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", retryAfter)
		w.WriteHeader(http.StatusTooManyRequests)
	})
}

func TestEveryAttemptPassesTheLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem, base := tooMany(t, "2")
		g := &gate{}
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "the call's")
		told := 0
		newClient(t, base, userapi.HTTPOptions{
			HTTPClient: mem, Limiter: g, Retry: userapi.RetryPolicy{Jitter: -1},
			OnAttempt: func(ctx context.Context, a userapi.Attempt) {
				assert.Equal(t, "the call's", ctx.Value(key{}))
				told++
				require.Len(t, g.seen, told, "the limiter is told first")
				assert.Equal(t, g.seen[told-1], a)
			},
		}).Do(ctx, create())
		assert.Equal(t, 3, told)
		assert.Equal(t, 3, g.waits)
		for i := range g.seen {
			g.seen[i].Duration = 0
			assert.Equal(t, userapi.Attempt{
				Provider: "test", Operation: "create user", Route: "/users", Method: http.MethodPost, Address: strings.TrimPrefix(base, "http://"),
				Number: i + 1, StatusCode: 429,
				Kind: userapi.KindRateLimited, Outcome: userapi.OutcomeRejected, RetryAfter: 2 * time.Second,
			}, g.seen[i])
		}
	})
}

func TestLimiterRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New(planted)
	for name, tt := range map[string]struct {
		err      error
		from     int
		kind     userapi.Kind
		outcome  userapi.Outcome
		attempts int
		text     string
	}{
		"no time":           {context.DeadlineExceeded, 1, userapi.KindTimeout, userapi.OutcomeNotSent, 0, "the limiter allows no request before the deadline"},
		"it fails":          {broken, 1, userapi.KindUnavailable, userapi.OutcomeNotSent, 0, "the limiter failed"},
		"no time any more":  {context.DeadlineExceeded, 2, userapi.KindRateLimited, userapi.OutcomeRejected, 1, ""},
		"it fails later on": {broken, 2, userapi.KindRateLimited, userapi.OutcomeRejected, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				mem, base := tooMany(t, "2")
				g := &gate{err: tt.err, failFrom: tt.from}
				res := newClient(t, base, userapi.HTTPOptions{HTTPClient: mem, Limiter: g}).Do(t.Context(), create())
				assert.Equal(t, tt.kind, res.Kind)
				assert.Equal(t, tt.outcome, res.Outcome)
				assert.Equal(t, tt.attempts, res.Attempts)
				assert.Equal(t, tt.attempts == 0, res.NotPrepared)
				if tt.text != "" {
					assertHidden(t, res.Err)
					assert.Equal(t, tt.text, res.Err.Error())
					assert.ErrorIs(t, res.Err, tt.err)
					assert.ErrorIs(t, res.Err, userapi.ErrLimited)
				}
			})
		})
	}
}

// TestLimiterOfTheContext: a call's own limiter is passed too, after the client's, and is told.
func TestLimiterOfTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem, base := tooMany(t, "2")
		client, own, other := &gate{}, &gate{}, &gate{err: errors.New(planted), failFrom: 1}
		c := newClient(t, base, userapi.HTTPOptions{HTTPClient: mem, Limiter: client, Retry: userapi.RetryPolicy{MaxAttempts: 2}})
		c.Do(userapi.WithLimiter(t.Context(), own), create())
		assert.Equal(t, []int{2, 2}, []int{client.waits, own.waits})
		assert.Equal(t, client.seen, own.seen)

		res := c.Do(userapi.WithLimiter(t.Context(), other), create())
		require.ErrorIs(t, res.Err, userapi.ErrLimited)
		assertHidden(t, res.Err)
		assert.Equal(t, []int{3, 2}, []int{client.waits, own.waits}, "one call's limiter is not another's")

		alone := newClient(t, base, userapi.HTTPOptions{HTTPClient: mem, Retry: userapi.RetryPolicy{MaxAttempts: 1}})
		alone.Do(userapi.WithLimiter(t.Context(), own), create())
		assert.Equal(t, 3, own.waits)
		assert.Nil(t, userapi.LimiterOf(t.Context()))
	})
}

// An Adaptive slows at a 429; RateLimit does not.
func TestAdaptiveAndRateLimit(t *testing.T) {
	t.Parallel()
	limit := userapi.RateLimit{PerSecond: 0.1}
	for name, tt := range map[string]struct {
		opts func() userapi.HTTPOptions
		want time.Duration
	}{
		"Limiter":   {func() userapi.HTTPOptions { return userapi.HTTPOptions{Limiter: userapi.NewAdaptive(limit)} }, 20 * time.Second},
		"RateLimit": {func() userapi.HTTPOptions { return userapi.HTTPOptions{RateLimit: limit} }, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				mem, base := serveMemory(t, func(w http.ResponseWriter, _ *http.Request) {
					at = append(at, time.Now())
					w.WriteHeader(http.StatusTooManyRequests)
				})
				opts := tt.opts()
				opts.HTTPClient, opts.Retry.MaxAttempts = mem, 2
				newClient(t, base, opts).Do(t.Context(), create())
				require.Len(t, at, 2)
				assert.Equal(t, tt.want, at[1].Sub(at[0]))
			})
		})
	}
}

func TestLimiterSettings(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts userapi.HTTPOptions
		want []userapi.FieldError
	}{
		"both": {
			userapi.HTTPOptions{RateLimit: userapi.RateLimit{PerSecond: 1}, Limiter: &gate{}},
			[]userapi.FieldError{{VendorField: "Config.HTTP.Limiter", Code: "invalid", Message: "must not be set beside RateLimit"}},
		},
		"a wrong one": {
			userapi.HTTPOptions{Limiter: userapi.NewAdaptive(userapi.RateLimit{})},
			[]userapi.FieldError{{VendorField: "Config.HTTP.Limiter", Code: "invalid", Message: "PerSecond must be a positive number"}},
		},
		"one":     {userapi.HTTPOptions{Limiter: &gate{}}, nil},
		"another": {userapi.HTTPOptions{RateLimit: userapi.RateLimit{PerSecond: 1}}, nil},
	} {
		tt.opts.BaseURL = "https://vendor.example"
		_, faults := transport.New(transport.Config{Options: tt.opts})
		assert.Equal(t, tt.want, faults, name)
	}
}
