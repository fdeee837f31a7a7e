package provision_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestResumesWaitsForTheLoop: a loop that is slower than the vendors has no more done ahead
// of it than Parallel says, since it would have to be kept.
func TestResumesWaitsForTheLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			return &userapi.User{Provider: "acme", ID: req.IdempotencyKey, Proof: userapi.ProofReply}, nil
		})
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "t", Creator: vendor}}, testKey, provision.Parallel(3))
		require.NoError(t, err)
		const n = 50
		for i := range n {
			require.NoError(t, p.Queue(t.Context(), nil, modelRequest(fmt.Sprint("key-", i))))
		}
		var begun atomic.Int64
		seen := int64(0)
		for r, err := range p.Resumes(t.Context(), func(ctx context.Context, key string) (userapi.CreateUserRequest, error) {
			begun.Add(1)
			return loadModelRequest(ctx, key)
		}) {
			require.NoError(t, err)
			require.NoError(t, r.Err)
			seen++
			synctest.Wait()
			assert.LessOrEqual(t, begun.Load(), seen+3)
		}
		assert.Equal(t, int64(n), seen)
	})
}
