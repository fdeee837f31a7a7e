package provision_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestQueue: Resume creates a queued sign-up with the request that load returns.
func TestQueue(t *testing.T) {
	t.Parallel()
	idp, chat, ledger := newVendor("idp"), newVendor("chat"), new(provision.Memory)
	p := provisioner(t, ledger, chain(idp, chat))
	require.NoError(t, p.Queue(t.Context(), nil, ann))
	assert.Equal(t, "chat queued, idp queued", states(t, ledger, ann.IdempotencyKey))
	err := p.Queue(t.Context(), nil, ann)
	require.ErrorIs(t, err, userapi.ErrConflict)
	require.ErrorIs(t, err, provision.ErrStale)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Empty(t, idp.calls())
	done(t, "idp created, chat created")(resume(t, p))

	// A key that only other targets have is accepted too.
	require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: "eve", Target: "gone", State: provision.StateRejected}))
	require.ErrorIs(t, p.Queue(t.Context(), nil, person("eve")), userapi.ErrConflict)
	assert.Equal(t, "gone rejected", states(t, ledger, "eve"))

	elsewhere := new(provision.Memory)
	require.NoError(t, p.Queue(t.Context(), elsewhere, person("bob")))
	assert.Equal(t, "chat queued, idp queued", states(t, elsewhere, "bob"))
	assert.Empty(t, states(t, ledger, "bob"))
}

// TestResume: open sign-ups are resumed in order, and one that fails does not stop the others.
func TestResume(t *testing.T) {
	t.Parallel()
	idp, ledger, p := single(t, provision.Parallel(4))
	var keys []string
	for i := range 250 {
		keys = append(keys, fmt.Sprintf("%03d", i))
		require.NoError(t, p.Queue(t.Context(), nil, person(keys[i])))
	}
	// One was refused for good, and one has a removed target.
	refused := provision.Record{Key: "100x", Target: "idp", State: provision.StateRejected, Kind: userapi.KindConflict}
	require.NoError(t, ledger.Store(t.Context(), refused, provision.Record{Key: "250", Target: "gone", State: provision.StateUnknown}))
	keys = append(keys, "250")

	var mu sync.Mutex
	most, now := 0, 0
	resumed, err := p.Resume(t.Context(), func(_ context.Context, key string) (userapi.CreateUserRequest, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		defer func() { mu.Lock(); now--; mu.Unlock() }()
		switch key {
		case "007":
			return userapi.CreateUserRequest{}, errDisk
		case "008":
			return person("009"), nil
		case "010":
			return userapi.CreateUserRequest{Email: "other@example.com"}, nil
		}
		return person(key), nil
	})
	require.ErrorIs(t, err, errDisk)
	assert.LessOrEqual(t, most, 4)
	require.Len(t, resumed, 251)
	for i, r := range resumed {
		assert.Equal(t, keys[i], r.Key)
		switch r.Key {
		case "007", "008", "010", "250":
			assert.Error(t, r.Err)
		default:
			done(t, "idp created")(r.Results, r.Err)
		}
	}
	assert.Equal(t, "no_target", failureOf(t, resumed[250].Err).Code)
	assert.Equal(t, 247, idp.count())

	_, err = p.Resume(t.Context(), nil)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	require.PanicsWithValue(t, "load", func() {
		_, _ = p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) { panic("load") })
	})
}

// TestResumeLeavesOthersTheirOwn: another run can claim a sign-up between the ledger look-up and
// the claim. That is not a failure.
func TestResumeLeavesOthersTheirOwn(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	begun, release := make(chan struct{}), make(chan struct{})
	idp.before = func(context.Context, userapi.CreateUserRequest) error { close(begun); <-release; return nil }
	p := provisioner(t, new(provision.Memory), chain(idp, chat))
	require.NoError(t, p.Queue(t.Context(), nil, ann))
	var wg sync.WaitGroup
	resumed, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) {
		wg.Go(func() { _, _ = p.CreateUser(t.Context(), ann) })
		<-begun
		return ann, nil
	})
	require.NoError(t, err)
	require.Len(t, resumed, 1)
	assert.Equal(t, "in_progress", failureOf(t, resumed[0].Results[0].Err).Code)
	assert.Equal(t, "waits", failureOf(t, resumed[0].Results[1].Err).Code)
	close(release)
	wg.Wait()
}

// TestResumeLeavesRefusals: what a vendor refused because of the request is not sent again. That is
// true even if another target is open. Targets that wait for the refused one are skipped.
func TestResumeLeavesRefusals(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	idp.before = idp.fails(userapi.KindConflict, userapi.OutcomeRejected, 409)
	chat.before = chat.fails(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
	p := provisioner(t, new(provision.Memory), beside(idp, chat))
	left(t, "idp rejected, chat rejected", userapi.ErrRateLimited)(p.CreateUser(t.Context(), ann))
	chat.before = nil
	left(t, "idp rejected, chat created", userapi.ErrConflict)(resume(t, p))
	assert.Len(t, idp.calls(), 1)
	done(t, "")(resume(t, p))
}

// TestLoadThatFails: a failing load is reported beside what is unknown of an undone sign-up. So is
// a load that ends its goroutine, as a failed test does.
func TestLoadThatFails(t *testing.T) {
	t.Parallel()
	for _, ends := range []bool{false, true} {
		idp, _, p := single(t)
		loseCreate(t, p, idp, true)
		left(t, "idp unknown", "unsettled")(p.Undo(t.Context(), ann.IdempotencyKey))
		calls := len(idp.calls())
		resumed, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) {
			if ends {
				runtime.Goexit()
			}
			return userapi.CreateUserRequest{}, errDisk
		})
		assert.Equal(t, ends, !errors.Is(err, errDisk))
		assert.True(t, userapi.MayHaveCreated(err))
		require.Len(t, resumed, 1)
		assert.Equal(t, ann.IdempotencyKey, resumed[0].Key)
		assert.Equal(t, ends, resumed[0].Results == nil)
		assert.Len(t, idp.calls(), calls)
		text, err := json.Marshal(resumed)
		require.NoError(t, err)
		assert.Contains(t, string(text), `"key":"sign-up 1"`)
		assert.Contains(t, string(text), `"error":"`)
	}
}

// TestResumes: finished sign-ups are yielded, and no more are started than the loop takes. If the
// loop stops early, the running ones end, and the rest stays open.
func TestResumes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger, p := single(t, provision.Parallel(3))
		load := func(_ context.Context, key string) (userapi.CreateUserRequest, error) { return person(key), nil }
		for i := range 250 {
			require.NoError(t, p.Queue(t.Context(), nil, person(fmt.Sprint("key-", i))))
		}
		var keys []string
		for r, err := range p.Resumes(t.Context(), load) {
			require.NoError(t, err)
			require.NoError(t, r.Err)
			keys = append(keys, r.Key)
			synctest.Wait()
			require.LessOrEqual(t, idp.count(), len(keys)+3, "what is done waits to be taken")
			if len(keys) == 20 {
				break
			}
		}
		for r, err := range p.Resumes(t.Context(), load) {
			require.NoError(t, err)
			require.NoError(t, r.Err)
			keys = append(keys, r.Key)
		}
		assert.Equal(t, 250, idp.count())
		slices.Sort(keys)
		assert.Equal(t, keys, slices.Compact(slices.Clone(keys)), "none comes twice")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: "open", Target: "idp", State: provision.StateQueued}))
		n := 0
		for r, err := range p.Resumes(ctx, load) {
			n++
			assert.Equal(t, provision.Resumed{}, r)
			require.ErrorIs(t, err, userapi.ErrCanceled)
		}
		assert.Equal(t, 1, n)
		for _, err := range p.Resumes(t.Context(), nil) {
			require.ErrorIs(t, err, userapi.ErrInvalid)
		}
	})
}

// TestContinue: Continue never waits for another run, and starts a key that the ledger does not
// have. It skips what was refused or undone.
func TestContinue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, _, p := single(t)
		inside := make(chan struct{})
		idp.before = func(context.Context, userapi.CreateUserRequest) error { <-inside; return nil }
		var first sync.WaitGroup
		first.Go(func() {
			_, err := p.Continue(t.Context(), ann)
			assert.NoError(t, err)
		})
		synctest.Wait()
		begun := time.Now()
		results, err := p.Continue(t.Context(), ann)
		require.NoError(t, err, "that another run has it is not an error")
		assert.Equal(t, "in_progress", failureOf(t, results[0].Err).Code)
		assert.Zero(t, time.Since(begun))
		close(inside)
		first.Wait()
		done(t, "idp created")(p.Continue(t.Context(), ann))
		assert.Len(t, idp.calls(), 1)
		done(t, "idp undone")(p.Undo(t.Context(), ann.IdempotencyKey))
		left(t, "idp undone", userapi.ErrInvalid)(p.Continue(t.Context(), ann))
	})
}

// TestPanics: a panic continues after the other sign-ups have ended.
func TestPanics(t *testing.T) {
	t.Parallel()
	idp, chat, ledger := newVendor("idp"), newVendor("chat"), new(provision.Memory)
	boom := errors.New("boom")
	idp.before = func(context.Context, userapi.CreateUserRequest) error { panic(boom) }
	p := provisioner(t, ledger, beside(idp, chat))
	defer func() {
		err, _ := recover().(error)
		require.ErrorIs(t, err, boom)
		assert.ErrorContains(t, err, `target "idp"`)
		assert.ErrorContains(t, err, "provisioner_test.go", "the stack is the creator's")
		assert.Equal(t, "chat created, idp intent", states(t, ledger, ann.IdempotencyKey))
	}()
	_, _ = p.CreateUser(t.Context(), ann)
}

// TestCanceled: a sign-up that has not started is not sent, and stays in the ledger.
func TestCanceled(t *testing.T) {
	t.Parallel()
	idp, chat, ledger := newVendor("idp"), newVendor("chat"), new(provision.Memory)
	p := provisioner(t, ledger, chain(idp, chat))
	ctx, cancel := context.WithCancel(t.Context())
	idp.after = func(context.Context, userapi.CreateUserRequest) error { cancel(); return nil }
	e := left(t, "idp created, chat not_sent", userapi.ErrCanceled)(p.CreateUser(ctx, ann))
	require.ErrorIs(t, e, context.Canceled)
	assert.Equal(t, "chat queued, idp created", states(t, ledger, ann.IdempotencyKey))
	e = left(t, "idp not_sent, chat not_sent", userapi.ErrCanceled)(p.CreateUser(ctx, person("bob")))
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	assert.Empty(t, e.Code, "the ledger is not at fault")
	assert.Empty(t, states(t, ledger, "bob"))
}
