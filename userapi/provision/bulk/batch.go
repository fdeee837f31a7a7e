package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

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
	took   time.Duration // by the last batch
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
	own.result.Err = errNoResult
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

// errNoResult is that of a create whose CreateUsers ended its goroutine.
var errNoResult = errors.New("bulk: CreateUsers did not return")

// fly creates what is in the queue until nothing is.
func (b *batches) fly() {
	landed := false
	defer func() {
		if !landed { // CreateUsers has ended the goroutine
			go b.fly()
		}
	}()
	for {
		next := b.next()
		if next == nil {
			landed = true
			return
		}
		b.create(next)
	}
}

// next takes a batch from the queue; nil if there is nothing in it. Whose context ends before a batch
// as long as the last one would is left out, so as not to cut the others' short.
func (b *batches) next() (next []*batched) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) > 0 && next == nil {
		n := min(len(b.queue), maxBatch)
		for _, one := range b.queue[:n] {
			if end, ok := one.ctx.Deadline(); one.ctx.Err() != nil || ok && time.Until(end) < b.took {
				one.result.Err = noPlace("create user", context.DeadlineExceeded)
				close(one.done)
				continue
			}
			next = append(next, one)
		}
		b.queue = slices.Delete(b.queue, 0, n)
	}
	if next == nil {
		b.took = 0 // else no create would be in time; the next batch measures it again
	}
	b.flying = next != nil
	return next
}

// create creates users together. None is begun after the context of any of them has ended: another
// run may take the user over then.
func (b *batches) create(all []*batched) {
	begun := time.Now()
	defer func() {
		v := recover()
		b.mu.Lock()
		b.took = time.Since(begun)
		b.mu.Unlock()
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
		u, err := b.Creator.CreateUser(ctx, reqs[0])
		all[0].result = userapi.BatchResult{User: u, Err: err}
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
