package provision_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

type runKey struct{}

// seeing is a ledger that records the runs that call it.
type seeing struct {
	provision.Memory

	mu   sync.Mutex
	runs []any
}

func (s *seeing) Store(ctx context.Context, records ...provision.Record) error {
	s.mu.Lock()
	s.runs = append(s.runs, ctx.Value(runKey{}))
	s.mu.Unlock()
	return s.Memory.Store(ctx, records...)
}

// TestOnRun: each method starts one run. The ledger and the creator get its context, and its end
// gets the results.
func TestOnRun(t *testing.T) {
	t.Parallel()
	var begun, ended []string
	ledger, acme := new(seeing), newVendor("acme")
	p := provisioner(t, ledger, one("acme", full{acme}), provision.OnRun(func(ctx context.Context, call string) (context.Context, func([]provision.Result)) {
		begun = append(begun, call)
		return context.WithValue(ctx, runKey{}, call), func(results []provision.Result) {
			ended = append(ended, call+": "+dispositions(results))
		}
	}), testKey)

	var seen []any
	acme.before = func(ctx context.Context, _ userapi.CreateUserRequest) error {
		seen = append(seen, ctx.Value(runKey{}))
		return acme.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
	}
	_, err := p.CreateUser(t.Context(), ann)
	require.Error(t, err)
	_, err = p.Continue(t.Context(), ann)
	require.Error(t, err)
	_, err = p.Retry(t.Context(), ann)
	require.Error(t, err)
	acme.before = func(ctx context.Context, _ userapi.CreateUserRequest) error {
		seen = append(seen, ctx.Value(runKey{}))
		return nil
	}
	_, err = p.Resume(t.Context(), loadAnn)
	require.NoError(t, err)
	_, err = p.Undo(t.Context(), ann.IdempotencyKey)
	require.NoError(t, err)

	calls := []any{"CreateUser", "Continue", "Retry", "Resume"}
	assert.Equal(t, []string{"CreateUser", "Continue", "Retry", "Resume", "Undo"}, begun)
	assert.Equal(t, []string{
		"CreateUser: acme not_sent", "Continue: acme not_sent", "Retry: acme not_sent", "Resume: acme created", "Undo: acme undone",
	}, ended)
	assert.Equal(t, calls, seen)
	assert.Equal(t, append(calls, "Undo"), slices.Compact(ledger.runs))
}

// TestOnRunPanics: a panic also ends the run.
func TestOnRunPanics(t *testing.T) {
	t.Parallel()
	acme, ends := newVendor("acme"), 0
	acme.before = kill
	p := provisioner(t, new(provision.Memory), one("acme", acme), provision.OnRun(func(ctx context.Context, _ string) (context.Context, func([]provision.Result)) {
		return ctx, func(results []provision.Result) {
			ends++
			assert.Nil(t, results)
		}
	}))
	assert.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
	assert.Equal(t, 1, ends)
}
