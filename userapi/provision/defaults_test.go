package provision_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

func TestNew(t *testing.T) {
	t.Parallel()
	v := full{newVendor("x")}
	_, err := provision.New(&faulty{}, []provision.Target{
		{Name: "a", Creator: v, After: []string{"b"}}, {Name: "b", Creator: v, After: []string{"c", "nobody"}}, {Name: "c", Creator: v, After: []string{"a"}},
		{Name: "twice", Creator: v}, {Name: "twice", Creator: v}, {Name: "none"}, {Name: "a\x00b", Creator: v},
	}, provision.RequestKeys("planted-short"), provision.Lease(time.Second))
	for _, want := range []string{
		`"a" comes after itself`, `"b" comes after itself`, `"c" comes after itself`, `comes after "nobody"`, `"twice" is there twice`,
		`Creator of target "none"`, "Name of target 7", "key 1 of RequestKeys", "Lease must be",
	} {
		require.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "planted")
	_, err = provision.New(nil, nil)
	for _, want := range []string{"Ledger must not be nil", "RequestKeys is required", "at least one Target"} {
		require.ErrorContains(t, err, want)
	}
}

// TestSettings: settings that make a Lease too short are reported. Values below a minimum count as
// the minimum, and large values work.
func TestSettings(t *testing.T) {
	t.Parallel()
	targets := one("idp", full{newVendor("idp")})
	for _, opts := range [][]provision.Option{
		{provision.Lease(0), provision.Grace(0), provision.Patience(0)},
		{provision.Lease(time.Minute), provision.Grace(31 * time.Second)},
		{provision.Lease(time.Minute), provision.Patience(31 * time.Second)},
		{provision.Patience(61 * time.Second)}, {provision.Grace(math.MaxInt64)}, {provision.Patience(math.MaxInt64)},
	} {
		_, err := provision.New(new(provision.Memory), targets, opts...)
		require.ErrorContains(t, err, "Lease must be")
	}
	var none *provision.Memory
	_, err := provision.New(none, targets, testKey)
	require.ErrorContains(t, err, "nil *provision.Memory")

	for _, opts := range [][]provision.Option{
		{provision.Parallel(0), provision.MaxCreates(-1), provision.Grace(-1), provision.Patience(-1), provision.Pause(-1, -1), nil},
		{provision.Patience(time.Minute), provision.Parallel(math.MaxInt)},
	} {
		_, _, p := single(t, opts...)
		require.NoError(t, p.Queue(t.Context(), nil, ann))
		done(t, "idp created")(resume(t, p))
	}
}

// TestOptionsAreOfTheirCall: an option for another call does not compile.
func TestOptionsAreOfTheirCall(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		option             any
		ensure, provisions bool
	}{
		"AdoptMatching": {provision.AdoptMatching(), true, true},
		"Budget":        {provision.Budget(time.Second), true, true},
		"MaxCreates":    {provision.MaxCreates(2), true, true},
		"Grace":         {provision.Grace(time.Second), true, true},
		"Patience":      {provision.Patience(time.Second), true, true},
		"Resuming":      {provision.Resuming(time.Now()), true, false},
		"RequestKeys":   {provision.RequestKeys("0123456789abcdef"), false, true},
		"Lease":         {provision.Lease(time.Minute), false, true},
		"Pause":         {provision.Pause(1, time.Second), false, true},
		"Parallel":      {provision.Parallel(2), false, true},
		"OnRecord":      {provision.OnRecord(nil), false, true},
		"OnRun":         {provision.OnRun(nil), false, true},
		"Alone":         {provision.Alone("spring"), false, true},
	} {
		_, ensure := tt.option.(provision.EnsureOption)
		_, provisions := tt.option.(provision.Option)
		assert.Equal(t, tt.ensure, ensure, name)
		assert.Equal(t, tt.provisions, provisions, name)
	}
}

// TestDefaults: the defaults are those in the options' comments.
func TestDefaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, _, p := single(t)
		idp.before = down(idp)
		for range 5 {
			left(t, "idp not_sent", "")(p.CreateUser(t.Context(), ann))
		}
		e := left(t, "idp not_sent", "paused")(p.CreateUser(t.Context(), ann))
		assert.Equal(t, 30*time.Second, e.RetryAfter)

		// Eight sign-ups are resumed concurrently, and the ninth waits.
		_, _, p = single(t)
		for i := range 16 {
			require.NoError(t, p.Queue(t.Context(), nil, person(fmt.Sprint(i))))
		}
		loading := make(chan struct{}, 16)
		release := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			_, err := p.Resume(t.Context(), func(_ context.Context, key string) (userapi.CreateUserRequest, error) {
				loading <- struct{}{}
				<-release
				return person(key), nil
			})
			ended <- err
		}()
		synctest.Wait()
		assert.Len(t, loading, 8)
		close(release)
		require.NoError(t, <-ended)
	})
}
