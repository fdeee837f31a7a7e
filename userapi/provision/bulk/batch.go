package bulk

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/enlist-go/enlist/userapi"
)

// maxBatch is how many users are created by one CreateUsers.
const maxBatch = 500

// batches is a creator that makes one CreateUsers of creates that come at once: those that come
// while one is under way are in the next one. A create that the vendor would not send together
// with others, as userapi.BatchChooser says, goes past it.
type batches struct {
	userapi.Creator
	batch  userapi.BatchCreator
	chosen func(userapi.CreateUserRequest) bool

	mu     sync.Mutex
	flying bool
	queue  []*batched
}

// A batched create is one of a batch.
type batched struct {
	ctx      context.Context //nolint:containedctx // the call's own
	req      userapi.CreateUserRequest
	result   userapi.BatchResult
	panicked any
	done     chan struct{}
}

func newBatches(c userapi.Creator, batch laneBatches) *batches {
	b := &batches{Creator: c, batch: batch, chosen: func(userapi.CreateUserRequest) bool { return true }}
	if chooser, ok := userapi.Ability[userapi.BatchChooser](c); ok {
		b.chosen = chooser.BatchesUser
	}
	return b
}

func (b *batches) Unwrap() userapi.Creator { return b.Creator }

// CreateUser creates a user, in a batch if the request is for one.
func (b *batches) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	if ctx.Err() != nil || !b.chosen(req) {
		return b.Creator.CreateUser(ctx, req)
	}
	own := &batched{ctx: ctx, req: req, done: make(chan struct{})}
	b.mu.Lock()
	b.queue = append(b.queue, own)
	begins := !b.flying
	b.flying = true
	b.mu.Unlock()
	if begins {
		go b.fly()
	}
	<-own.done // which is in time: a batch ends with the first context of its creates
	if own.panicked != nil {
		panic(own.panicked)
	}
	return own.result.User, own.result.Err
}

// fly creates what is in the queue until nothing is.
func (b *batches) fly() {
	for {
		b.mu.Lock()
		n := min(len(b.queue), maxBatch)
		next := slices.Clone(b.queue[:n])
		b.queue = slices.Delete(b.queue, 0, n)
		b.flying = n > 0
		b.mu.Unlock()
		if n == 0 {
			return
		}
		b.create(next)
	}
}

// create creates users together. None is begun after the context of any of them has ended: another
// run may take the user over then.
func (b *batches) create(all []*batched) {
	defer func() {
		v := recover()
		for _, one := range all {
			one.panicked = v
			close(one.done)
		}
	}()
	ctx := all[0].ctx
	reqs := make([]userapi.CreateUserRequest, len(all))
	for i, one := range all {
		reqs[i] = one.req
		if end, ok := one.ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, end)
			defer cancel()
		}
	}
	if len(all) == 1 {
		all[0].result.User, all[0].result.Err = b.Creator.CreateUser(ctx, reqs[0])
		return
	}
	results := b.batch.CreateUsers(ctx, reqs)
	if len(results) != len(all) {
		panic(fmt.Sprintf("bulk: CreateUsers returned %d results for %d requests", len(results), len(all)))
	}
	for i, one := range all {
		one.result = results[i]
	}
}
