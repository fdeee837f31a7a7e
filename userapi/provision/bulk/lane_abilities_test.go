package bulk

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// A whole creator has every ability that sends requests, and one that does not.
type whole struct {
	said  []error
	calls int
}

// call records whether the call is in a lane.
func (w *whole) call(ctx context.Context) error {
	w.calls++
	if userapi.LimiterOf(ctx) == nil {
		w.said = append(w.said, ctx.Err())
	}
	return ctx.Err()
}

func (w *whole) CreateUser(ctx context.Context, _ userapi.CreateUserRequest) (*userapi.User, error) {
	return nil, w.call(ctx)
}

func (w *whole) ResolveUser(ctx context.Context, _ userapi.CreateUserRequest, _ time.Time) (*userapi.User, error) {
	return nil, w.call(ctx)
}

func (w *whole) RepeatUser(ctx context.Context, _ userapi.CreateUserRequest) (*userapi.User, error) {
	return nil, w.call(ctx)
}

func (w *whole) FinishUser(ctx context.Context, _ userapi.CreateUserRequest, _ *userapi.User) error {
	return w.call(ctx)
}

func (w *whole) DeleteUser(ctx context.Context, _ string) error { return w.call(ctx) }

func (w *whole) CreateUsers(ctx context.Context, _ []userapi.CreateUserRequest) []userapi.BatchResult {
	return []userapi.BatchResult{{Err: w.call(ctx)}, {}}
}

func (w *whole) CheckUserID(string) error { return nil }

// abilities returns a call of each ability of a creator.
func abilities(t *testing.T, c userapi.Creator) map[string]func(context.Context) error {
	t.Helper()
	calls := map[string]func(context.Context) error{"create": func(ctx context.Context) error {
		_, err := c.CreateUser(ctx, userapi.CreateUserRequest{})
		return err
	}}
	if a, ok := userapi.Ability[userapi.Resolver](c); ok {
		calls["resolve"] = func(ctx context.Context) error {
			_, err := a.ResolveUser(ctx, userapi.CreateUserRequest{}, time.Time{})
			return err
		}
	}
	if a, ok := userapi.Ability[userapi.Repeater](c); ok {
		calls["repeat"] = func(ctx context.Context) error {
			_, err := a.RepeatUser(ctx, userapi.CreateUserRequest{})
			return err
		}
	}
	if a, ok := userapi.Ability[userapi.Finisher](c); ok {
		calls["finish"] = func(ctx context.Context) error { return a.FinishUser(ctx, userapi.CreateUserRequest{}, nil) }
	}
	if a, ok := userapi.Ability[userapi.Deleter](c); ok {
		calls["delete"] = func(ctx context.Context) error { return a.DeleteUser(ctx, "1") }
	}
	return calls
}

// TestLaneHasTheAbilities: a creator in a lane keeps its abilities, each in the lane, and gets no
// other.
func TestLaneHasTheAbilities(t *testing.T) {
	t.Parallel()
	w := new(whole)
	l := newLane(Lane{Concurrency: 1, PerSecond: 0.001})
	in := l.in(w)
	_, checks := userapi.Ability[userapi.UserIDChecker](in)
	assert.True(t, checks)
	batch, ok := in.(*batches)
	require.True(t, ok)
	calls := abilities(t, in)
	require.Len(t, calls, 5)
	calls["batch"] = func(ctx context.Context) error {
		return batch.batch.CreateUsers(ctx, make([]userapi.CreateUserRequest, 2))[0].Err
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, calls["create"](t.Context()), "which takes all that the lane lets through for long")
	require.Empty(t, w.said)
	for name, call := range calls {
		w.said = nil
		require.ErrorIs(t, call(over), context.Canceled, name)
		assert.Len(t, w.said, 1, name+": the creator says what a context means that is over")
	}
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for name, call := range calls {
		w.said, w.calls = nil, 0
		err := call(soon)
		require.ErrorIs(t, err, userapi.ErrLimited, name+": there is no place in time")
		require.ErrorIs(t, err, userapi.ErrTimeout, name)
		assert.Zero(t, w.calls, name)
		want, is := map[string]userapi.Outcome{"resolve": userapi.OutcomeUnknown, "finish": userapi.OutcomeCreated}[name]
		if !is {
			want = userapi.OutcomeNotSent
		}
		var e *userapi.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, want, e.Outcome, name)
	}
	assert.Empty(t, l.slots, "every place is free again")

	mute := l.in(userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) { return nil, nil }))
	assert.Len(t, abilities(t, mute), 1)
	_, ok = userapi.Ability[*batches](mute)
	assert.False(t, ok)
}
