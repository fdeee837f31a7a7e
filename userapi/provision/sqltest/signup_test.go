//go:build unix

package sqltest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestSignUps: sign-ups are queued in the application's own transactions, or not, and
// two workers on one database create each of their users once.
func TestSignUps(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		a := newApplication(t, d)
		var mu sync.Mutex
		created := map[string]int{}
		vendor := userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			mu.Lock()
			defer mu.Unlock()
			created[req.IdempotencyKey]++
			return &userapi.User{Provider: "acme", ID: "id of " + req.IdempotencyKey, Proof: userapi.ProofReply}, nil
		})
		worker := func() *provision.Provisioner {
			p, err := provision.New(a.Ledger, []provision.Target{{Name: "first", Creator: vendor}, {Name: "second", Creator: vendor, After: []string{"first"}}},
				provision.RequestKeys("sixteen bytes ok"))
			require.NoError(t, err)
			return p
		}
		request := func(key string) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{IdempotencyKey: key, Email: key + "@example.com"}
		}
		p := worker()
		keys := []string{"a", "b", "c", "d", "e", "f"}
		for _, key := range keys {
			tx := a.begin(t, nil)
			a.add(t, tx, key)
			require.NoError(t, p.Queue(t.Context(), a.Tx(tx), request(key)))
			require.NoError(t, tx.Commit())
		}
		tx := a.begin(t, nil)
		a.add(t, tx, "undecided")
		require.NoError(t, p.Queue(t.Context(), a.Tx(tx), request("undecided")))
		require.NoError(t, tx.Rollback())
		again := a.begin(t, nil)
		require.ErrorIs(t, p.Queue(t.Context(), a.Tx(again), request("a")), userapi.ErrConflict)
		// A key that only other targets have is taken too, and the transaction can go on.
		a.add(t, again, "z")
		require.NoError(t, a.Tx(again).Store(t.Context(), provision.Record{Key: "old", Target: "gone", State: provision.StateUndone}))
		require.ErrorIs(t, p.Queue(t.Context(), a.Tx(again), request("old")), userapi.ErrConflict)
		require.NoError(t, p.Queue(t.Context(), a.Tx(again), request("z")))
		require.NoError(t, again.Commit())
		keys = append(keys, "z")
		a.has(t, keys, keys)
		assert.Empty(t, created)

		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				_, err := worker().Resume(t.Context(), func(_ context.Context, key string) (userapi.CreateUserRequest, error) { return request(key), nil })
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		// One may have left a sign-up to the other, which had begun it.
		_, err := p.Resume(t.Context(), func(_ context.Context, key string) (userapi.CreateUserRequest, error) { return request(key), nil })
		require.NoError(t, err)
		a.has(t, keys, nil)
		assert.Len(t, created, len(keys))
		for key, n := range created {
			assert.Equal(t, 2, n, "%s at two targets", key)
		}
	})
}

// TestALockedRow: a sign-up whose row another client holds locked waits no longer than its context, and sends nothing.
// What that context's bound is where the caller gives none, TestStuckLedger of package provision holds.
func TestALockedRow(t *testing.T) {
	t.Parallel()
	a := newApplication(t, newPostgres(t))
	var created atomic.Int32
	p, err := provision.New(a.Ledger, []provision.Target{{Name: "a", Creator: userapi.CreatorFunc(
		func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			created.Add(1)
			return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
		},
	)}}, provision.RequestKeys("sixteen bytes ok"))
	require.NoError(t, err)
	req := userapi.CreateUserRequest{IdempotencyKey: "key", Email: "ann@example.com"}
	require.NoError(t, p.Queue(t.Context(), a.Ledger, req))

	lock := a.begin(t, nil)
	must(t, lock, "UPDATE "+a.name()+" SET owner = 'another'")
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := p.CreateUser(ctx, req)
		failed <- err
	}()
	a.waits(t)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	assert.Zero(t, created.Load())
	require.NoError(t, lock.Rollback())
	_, err = p.CreateUser(t.Context(), req)
	require.NoError(t, err)
	assert.EqualValues(t, 1, created.Load())
}
