package fakehttp_test

import (
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A clock stands still until it is moved.
type clock struct{ elapsed atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(1767225600, c.elapsed.Load()) }
func (c *clock) move(d time.Duration) { c.elapsed.Add(int64(d)) }

// TestRate: the bucket holds a second's worth, and fills by the server's clock. What is refused is carried out by
// nobody, uses no fault up, and is recorded.
func TestRate(t *testing.T) {
	t.Parallel()
	var at clock
	srv, committed := start(t, userapitest.ServerOptions{Rate: 2.5, Now: at.now})
	send := func(path string) (int, string) {
		status, body, err := post(t, srv.URL()+path, `{}`)
		require.NoError(t, err)
		return status, body
	}
	for _, want := range []int{201, 404, 201} {
		path := "/users"
		if want == 404 {
			path = "/elsewhere" // a vendor counts it too
		}
		status, _ := send(path)
		assert.Equal(t, want, status, "three requests are a second's worth, rounded up")
	}
	srv.Inject(userapitest.Fault{Status: 503})
	for _, path := range []string{"/users", "/elsewhere"} {
		status, body := send(path)
		assert.Equal(t, 429, status)
		assert.Equal(t, "POST 400ms", body)
	}
	at.move(400 * time.Millisecond)
	status, _ := send("/users")
	assert.Equal(t, 503, status, "the fault was not used up by what was refused")
	at.move(399 * time.Millisecond)
	status, _ = send("/users")
	assert.Equal(t, 429, status)
	at.move(time.Hour)
	for _, want := range []int{201, 201, 201, 429} {
		status, _ := send("/users")
		assert.Equal(t, want, status, "the bucket does not hold more than a second's worth")
	}
	assert.EqualValues(t, 5, committed.Load())
	assert.Len(t, srv.Requests(), 11)
	assert.Equal(t, userapitest.Stats{Users: 7, RateLimited: 4}, srv.Stats(7))
}

// TestSlowRate: less than one request a second is a bucket of one.
func TestSlowRate(t *testing.T) {
	t.Parallel()
	var at clock
	srv, _ := start(t, userapitest.ServerOptions{Rate: 0.5, Now: at.now})
	for _, want := range []string{`{"id":12345678}`, "POST 2s"} {
		_, body, err := post(t, srv.URL()+"/users", `{}`)
		require.NoError(t, err)
		assert.Equal(t, want, body)
	}
}

func TestRateMustBeANumber(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		require.ErrorContains(t, fakehttp.New(fakehttp.Config{ServerOptions: userapitest.ServerOptions{Rate: rate}}).Start(), "the Rate must be")
	}
}

// TestUnrecorded: nothing is kept of what was received.
func TestUnrecorded(t *testing.T) {
	t.Parallel()
	srv, committed := start(t, userapitest.ServerOptions{Unrecorded: true})
	for _, path := range []string{"/users", "/elsewhere"} {
		_, _, err := post(t, srv.URL()+path, `{}`)
		require.NoError(t, err)
	}
	assert.Empty(t, srv.Requests())
	assert.EqualValues(t, 1, committed.Load())
}

// TestVendorsRate: each client reads its vendor's refusal as one that may be tried again, and no user is there. Where
// the vendor says when, so does the error.
func TestVendorsRate(t *testing.T) {
	t.Parallel()
	for _, v := range vendors.All() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			const rate = 6 // even, for a create that is two requests
			fake, err := v.Start(userapitest.ServerOptions{Rate: rate, Now: func() time.Time { return now }})
			require.NoError(t, err)
			t.Cleanup(fake.Close)
			client, err := v.New(userapi.HTTPOptions{BaseURL: fake.URL(), Retry: userapi.RetryPolicy{MaxAttempts: 1}})
			require.NoError(t, err)
			created := 0
			for ; ; created++ {
				require.LessOrEqual(t, created, rate)
				if _, err = client.CreateUser(t.Context(), v.OneStep(created)); err != nil {
					break
				}
			}
			var refused *userapi.Error
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, userapi.KindRateLimited, refused.Kind)
			assert.False(t, userapi.MayHaveCreated(err))
			if v.Package == "usercom" {
				assert.Equal(t, time.Second, refused.RetryAfter)
			} else {
				assert.Zero(t, refused.RetryAfter)
			}
			assert.Equal(t, userapitest.Stats{Users: created, Creates: created, RateLimited: 1}, fake.Stats())
			assert.Equal(t, created, fake.UserCount())
			assert.Len(t, fake.Requests(), rate+1)
		})
	}
}
