package userapiotel_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapiotel"
)

func cutAddress(url string) (host, port string, err error) {
	return net.SplitHostPort(strings.TrimPrefix(url, "http://"))
}

// TestLimiterWait: the wait is measured, the limiter is heeded and told, and its rate is shown.
func TestLimiterWait(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]userapi.HTTPOptions{
		"rate":     {RateLimit: userapi.RateLimit{PerSecond: 4}},
		"adaptive": {Limiter: userapi.NewAdaptive(userapi.RateLimit{PerSecond: 4})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRecorder()
				l := userapiotel.Options(quickblox.Name, o, r.options()...).Limiter
				require.NotNil(t, l)
				begun := time.Now()
				for range 3 {
					require.NoError(t, l.Wait(t.Context()))
				}
				assert.Equal(t, 500*time.Millisecond, time.Since(begun))
				over, cancel := context.WithCancel(t.Context())
				cancel()
				require.ErrorIs(t, l.Wait(over), context.Canceled)
				l.Observe(userapi.Attempt{Kind: userapi.KindRateLimited})
				m := r.metrics(t)
				assert.Equal(t, map[string]float64{"enlist.vendor=quickblox": 4}, of(m, "enlist.limiter.wait.duration"))
				want := map[string]float64{"enlist.vendor=quickblox": 2}
				if name == "rate" { // it does not adapt
					want = map[string]float64{}
				}
				assert.Equal(t, want, of(m, "enlist.limiter.rate"))
			})
		})
	}
}

// TestOptionsKeep: the caller's own hooks are called, and faults are reported where they are.
func TestOptionsKeep(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	told := 0
	_, client := chat(t, r, func(o *userapi.HTTPOptions) {
		o.OnAttempt = func(context.Context, userapi.Attempt) { told++ }
		assert.Nil(t, userapiotel.Options("quickblox", *o, r.options()...).Limiter)
	})
	_, err := client.CreateUser(t.Context(), ada(1))
	require.NoError(t, err)
	assert.Equal(t, 1, told)

	for field, o := range map[string]userapi.HTTPOptions{
		"Config.HTTP.RateLimit": {RateLimit: userapi.RateLimit{PerSecond: -1}},
		"Config.HTTP.Limiter":   {Limiter: userapi.NewAdaptive(userapi.RateLimit{})},
	} {
		_, err := quickblox.New(quickblox.Config{APIKey: "key", HTTP: userapiotel.Options("quickblox", o, r.options()...)})
		require.Error(t, err)
		assert.Contains(t, err.Error(), field)
	}
	both := userapi.HTTPOptions{RateLimit: userapi.RateLimit{PerSecond: 1}, Limiter: userapi.NewAdaptive(userapi.RateLimit{PerSecond: 1})}
	_, err = quickblox.New(quickblox.Config{APIKey: "key", HTTP: userapiotel.Options("quickblox", both, r.options()...)})
	require.Error(t, err)
}
