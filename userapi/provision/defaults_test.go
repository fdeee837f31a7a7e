package provision_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestOptionsAreOfTheirCall: an option that the call does not know does not compile.
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
	} {
		_, ensure := tt.option.(provision.EnsureOption)
		_, provisions := tt.option.(provision.Option)
		assert.Equal(t, tt.ensure, ensure, name)
		assert.Equal(t, tt.provisions, provisions, name)
	}
}

// TestDefaults: the numbers that the options' comments promise.
func TestDefaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
		}
		p := provisioner(t, new(provision.Memory), one("idp", full{idp}))
		for i := range 6 {
			req := ann
			req.IdempotencyKey = strings.Repeat("k", i+1)
			_, err := p.CreateUser(t.Context(), req)
			require.Equal(t, i == 5, failureOf(t, err).Code == "paused", "failure %d", i+1)
			if i == 5 {
				assert.Equal(t, 30*time.Second, failureOf(t, err).RetryAfter)
			}
		}
		time.Sleep(30 * time.Second)
		idp.before = nil
		_, err := p.CreateUser(t.Context(), ann)
		require.NoError(t, err)

		// Eight sign-ups are resumed at once, and the ninth waits for one of them.
		p = provisioner(t, new(provision.Memory), one("idp", full{newVendor("idp")}))
		for i := range 16 {
			require.NoError(t, p.Queue(t.Context(), nil, userapi.CreateUserRequest{IdempotencyKey: strings.Repeat("k", i+1), Email: strings.Repeat("k", i+1)}))
		}
		loading := make(chan struct{}, 16)
		release := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			_, err := p.Resume(t.Context(), func(_ context.Context, key string) (userapi.CreateUserRequest, error) {
				loading <- struct{}{}
				<-release
				return userapi.CreateUserRequest{Email: key}, nil
			})
			done <- err
		}()
		synctest.Wait()
		assert.Len(t, loading, 8)
		close(release)
		require.NoError(t, <-done)
	})
}

// TestUndoOrderWhateverTheClock: what came after another target is deleted before it,
// also when a clock that was set back makes it the older one.
func TestUndoOrderWhateverTheClock(t *testing.T) {
	t.Parallel()
	ledger := new(provision.Memory)
	var order []string
	target := func(name string, after ...string) provision.Target {
		v := newVendor(name)
		v.remove = func(string) error { order = append(order, name); return nil }
		return provision.Target{Name: name, Creator: full{v}, After: after}
	}
	now := time.Now()
	for i, name := range []string{"wallet", "crm", "idp"} {
		require.NoError(t, ledger.Store(t.Context(), provision.Record{
			Key: "k", Target: name, State: provision.StateCreated, UserID: "u", Started: now.Add(time.Duration(i) * time.Hour),
		}))
	}
	_, err := provisioner(t, ledger, []provision.Target{target("idp"), target("crm", "idp"), target("wallet", "crm")}).Undo(t.Context(), "k")
	require.NoError(t, err)
	assert.Equal(t, []string{"wallet", "crm", "idp"}, order)
}

// TestFingerprintStays: ledgers outlive versions, so that a fingerprint of another form
// must have another scheme, and the old one be known still.
func TestFingerprintStays(t *testing.T) {
	t.Parallel()
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{newVendor("idp")}}}, testKey)
	_, err := p.CreateUser(t.Context(), userapi.CreateUserRequest{
		IdempotencyKey: "sign-up 1", Email: "ann@example.com", Password: "planted-password", Tags: []string{"a", "b"},
		Attributes: map[string]any{"n": 1.5, "list": []any{"x", true, nil}},
	})
	require.NoError(t, err)
	records, err := ledger.Load(t.Context(), "sign-up 1")
	require.NoError(t, err)
	assert.Equal(t, "1.d92120aac82f8c85aa0b8507c6bc237f25a8947a8fe042d90c24f2efb0a4a589", records[0].Request)
	assert.Equal(t, "1.e2aa5ec46702ea6e21481dee519fa760d30e12914ff4024fdb222afe404bb9ea", records[0].Sent)
}
