package provision_test

import (
	"context"
	"errors"
	"fmt"
	"math"
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

// A faulty ledger fails on request.
type faulty struct {
	provision.Ledger
	// store is called before a Store, stored after one.
	store, stored func(records []provision.Record) error
	load          func() error
}

func (f *faulty) Store(ctx context.Context, records ...provision.Record) error {
	if f.store != nil {
		if err := f.store(records); err != nil {
			return err
		}
	}
	if err := f.Ledger.Store(ctx, records...); err != nil || f.stored == nil {
		return err
	}
	return f.stored(records)
}

func (f *faulty) Load(ctx context.Context, key string) ([]provision.Record, error) {
	if f.load != nil {
		if err := f.load(); err != nil {
			return nil, err
		}
	}
	return f.Ledger.Load(ctx, key)
}

var (
	errDisk = errors.New("disk full")
	testKey = provision.RequestKeys("0123456789abcdef")
)

// TestIntentIsDurableFirst: what the ledger does not take is not sent.
func TestIntentIsDurableFirst(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	ledger := &faulty{Ledger: new(provision.Memory)}
	idp.before = func(context.Context, userapi.CreateUserRequest) error {
		assert.Equal(t, "chat queued, idp intent", states(t, ledger, ann.IdempotencyKey))
		return nil
	}
	chat.before = func(context.Context, userapi.CreateUserRequest) error {
		assert.Equal(t, "chat intent, idp created", states(t, ledger, ann.IdempotencyKey))
		return nil
	}
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}, After: []string{"idp"}}}, testKey)

	ledger.store = func([]provision.Record) error { return errDisk }
	results, err := p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, errDisk)
	require.ErrorIs(t, err, userapi.ErrUnavailable)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Equal(t, "idp not_sent, chat not_sent", dispositions(results))

	// The ledger fails for the second target alone.
	ledger.store = func(records []provision.Record) error {
		if records[0].Target == "chat" && records[0].State == provision.StateIntent {
			return errDisk
		}
		return nil
	}
	results, err = p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, errDisk)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Equal(t, "idp created, chat not_sent", dispositions(results))
	assert.Empty(t, chat.calls())

	ledger.store, ledger.load = nil, func() error { return errDisk }
	results, err = p.CreateUser(t.Context(), ann)
	assert.True(t, userapi.MayHaveCreated(err), "an earlier run has created a user")
	assert.Equal(t, "idp unknown, chat unknown", dispositions(results))

	ledger.load = nil
	_, err = p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	assert.Len(t, idp.calls(), 1)
	assert.Len(t, chat.calls(), 1)
}

// TestOutcomeThatIsNotRecorded: the result tells the user all the same, and the next
// run asks.
func TestOutcomeThatIsNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		ledger := &faulty{Ledger: new(provision.Memory)}
		failures := 100
		ledger.store = func(records []provision.Record) error {
			if records[0].State == provision.StateCreated && failures > 0 {
				failures--
				return errDisk
			}
			return nil
		}
		targets := []provision.Target{{Name: "idp", Creator: full{idp}}}
		p := provisioner(t, ledger, targets, testKey)
		results, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, errDisk)
		assert.True(t, userapi.MayHaveCreated(err))
		assert.Equal(t, "idp created", dispositions(results))
		assert.Equal(t, "idp-1", results[0].User.ID)
		assert.Equal(t, "record", failureOf(t, results[0].Err).Code)
		assert.Equal(t, userapi.OutcomeCreated, failureOf(t, results[0].Err).Outcome)
		assert.Equal(t, "idp intent", states(t, ledger, ann.IdempotencyKey))

		results, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp recovered", dispositions(results))
		assert.Equal(t, 1, idp.count())

		// A passing failure is tried again, also where the record was stored all the same.
		failures = 2
		bob := ann
		bob.IdempotencyKey, bob.Email = "bob", "bob@example.com"
		_, err = p.CreateUser(t.Context(), bob)
		require.NoError(t, err)
		assert.Equal(t, "idp created", states(t, ledger, "bob"))
		eve := ann
		eve.IdempotencyKey, eve.Email = "eve", "eve@example.com"
		ledger.stored = func(records []provision.Record) error {
			if records[0].State == provision.StateCreated {
				ledger.stored = nil
				return errDisk
			}
			return nil
		}
		results, err = p.CreateUser(t.Context(), eve)
		require.NoError(t, err)
		assert.Equal(t, "idp created", dispositions(results))
		assert.Equal(t, "idp created", states(t, ledger, "eve"))
	})
}

// TestTakenOver: a run that was taken over by another says what is known of the user.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}}, provision.Grace(time.Second))
		// The first create answers only when the lease is over, and another run has
		// found its user.
		idp.after = func(ctx context.Context, _ userapi.CreateUserRequest) error {
			idp.after = nil
			<-ctx.Done() // the lease bounds it
			time.Sleep(time.Minute)
			results, err := p.CreateUser(t.Context(), ann)
			assert.NoError(t, err)
			assert.Equal(t, "idp recovered", dispositions(results))
			return nil
		}
		begun := time.Now()
		results, err := p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Less(t, time.Since(begun), 4*time.Minute)
		assert.Equal(t, "idp created", dispositions(results))
		assert.Equal(t, "idp recovered", states(t, ledger, ann.IdempotencyKey))
		assert.Equal(t, 1, idp.count())

		// It is the other way round when the first one's create was refused.
		bob := ann
		bob.IdempotencyKey, bob.Email = "bob", "bob@example.com"
		idp.before = func(ctx context.Context, _ userapi.CreateUserRequest) error {
			idp.before = nil
			<-ctx.Done()
			time.Sleep(time.Minute)
			results, err := p.CreateUser(t.Context(), bob)
			assert.NoError(t, err)
			assert.Equal(t, "idp created", dispositions(results))
			return nil // and then it is taken
		}
		results, err = p.CreateUser(t.Context(), bob)
		require.NoError(t, err)
		assert.Equal(t, "idp created", dispositions(results))
		assert.True(t, results[0].Recorded, "the other run knows")
		assert.Equal(t, 2, idp.count())
	})
}

// TestNothingIsCreatedAfterTheLease: another run may be at work then.
func TestNothingIsCreatedAfterTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		var deadline time.Time
		idp.before = func(ctx context.Context, _ userapi.CreateUserRequest) error {
			deadline, _ = ctx.Deadline()
			return nil
		}
		p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}}, provision.Lease(time.Minute), provision.Grace(10*time.Second))
		_, err := p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		left := time.Until(deadline)
		assert.LessOrEqual(t, left, 50*time.Second)
		assert.Greater(t, left, 30*time.Second)
	})
}

// TestRemapped: a create is not asked for by another request than it was sent with.
func TestRemapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, crm := newVendor("idp"), newVendor("crm")
		crm.after = func(context.Context, userapi.CreateUserRequest) error {
			return crm.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		crm.look = func() error { return crm.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, []provision.Target{
			{Name: "idp", Creator: full{idp}},
			{Name: "crm", Creator: full{crm}, After: []string{"idp"}, Map: func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
				req.Username = users["idp"].Email // the ledger does not have it
				return req
			}},
		})
		_, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		crm.look = nil
		calls := len(crm.calls())
		results, err := p.CreateUser(t.Context(), ann)
		require.True(t, userapi.MayHaveCreated(err))
		assert.Equal(t, "idp created, crm unknown", dispositions(results))
		assert.Equal(t, "remapped", failureOf(t, results[1].Err).Code)
		assert.Len(t, crm.calls(), calls)
	})
}

// TestQueue: what is queued is created by Resume, with the request that is given back.
func TestQueue(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}, After: []string{"idp"}}})
	bad := ann
	bad.Email = ""
	require.ErrorIs(t, p.Queue(t.Context(), nil, bad), userapi.ErrInvalid)
	require.Empty(t, states(t, ledger, ann.IdempotencyKey))

	require.NoError(t, p.Queue(t.Context(), nil, ann))
	assert.Equal(t, "chat queued, idp queued", states(t, ledger, ann.IdempotencyKey))
	err := p.Queue(t.Context(), nil, ann)
	require.ErrorIs(t, err, userapi.ErrConflict)
	require.ErrorIs(t, err, provision.ErrStale)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Empty(t, idp.calls())

	resumed, err := p.Resume(t.Context(), loadAnn)
	require.NoError(t, err)
	assert.Equal(t, "idp created, chat created", dispositions(resumed[0].Results))

	elsewhere := new(provision.Memory)
	bob := ann
	bob.IdempotencyKey = "bob"
	require.NoError(t, p.Queue(t.Context(), elsewhere, bob))
	assert.Equal(t, "chat queued, idp queued", states(t, elsewhere, "bob"))
	assert.Empty(t, states(t, ledger, "bob"))
}

// TestResume: each open sign-up is gone on with, in order, and one that cannot be keeps
// no other.
func TestResume(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}}, provision.Parallel(4))
	request := func(key string) userapi.CreateUserRequest {
		return userapi.CreateUserRequest{IdempotencyKey: key, Email: key + "@example.com"}
	}
	var keys []string
	for i := range 250 {
		key := fmt.Sprintf("%03d", i)
		keys = append(keys, key)
		require.NoError(t, p.Queue(t.Context(), nil, request(key)))
	}
	// One was refused for good, one is of a target that is gone.
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
			return request("009"), nil
		case "010":
			return userapi.CreateUserRequest{Email: "other@example.com"}, nil
		}
		return request(key), nil
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
			assert.NoError(t, r.Err)
			assert.Equal(t, "idp created", dispositions(r.Results))
		}
	}
	assert.Equal(t, "no_target", failureOf(t, resumed[250].Err).Code)
	assert.Equal(t, 247, idp.count())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Resume(ctx, func(context.Context, string) (userapi.CreateUserRequest, error) { panic("not reached") })
	require.ErrorIs(t, err, userapi.ErrCanceled)
	_, err = p.Resume(t.Context(), nil)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	require.PanicsWithValue(t, "load", func() {
		_, _ = p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) { panic("load") })
	})
}

// TestResumeLeavesOthersTheirOwn: another run may get hold of a sign-up between the look
// into the ledger and the claim, which is no failure.
func TestResumeLeavesOthersTheirOwn(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	begun, release := make(chan struct{}), make(chan struct{})
	idp.before = func(context.Context, userapi.CreateUserRequest) error { close(begun); <-release; return nil }
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}, After: []string{"idp"}}})
	require.NoError(t, p.Queue(t.Context(), nil, ann))
	var wg sync.WaitGroup
	resumed, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) {
		wg.Go(func() { _, _ = p.CreateUser(t.Context(), ann) })
		<-begun
		return ann, nil
	})
	require.Len(t, resumed, 1)
	assert.Equal(t, "in_progress", failureOf(t, resumed[0].Results[0].Err).Code)
	assert.Equal(t, "waits", failureOf(t, resumed[0].Results[1].Err).Code)
	require.NoError(t, err)
	close(release)
	wg.Wait()
}

// TestAbsentIsAskedForAgain: a create that was proven absent and is tried again may have
// been carried out late: it is not somebody else's user.
func TestAbsentIsAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}}, provision.MaxCreates(1))
		results, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrTimeout)
		require.Equal(t, "idp rejected", dispositions(results))
		idp.users[ann.Email] = &userapi.User{ID: "late", Email: ann.Email, CreatedAt: time.Now()}
		time.Sleep(time.Hour)
		idp.before = nil
		results, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp recovered", dispositions(results))
		assert.Equal(t, "late", results[0].User.ID)
	})
}

// TestEachRunMayCreate: MaxCreates is of one run, also of one that asks first.
func TestEachRunMayCreate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			idp.before = nil
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}}, provision.MaxCreates(1))
		_, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrTimeout)
		results, err := p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp created", dispositions(results))
	})
}

// TestPanics: a panic is let go on once the others are done.
func TestPanics(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	boom := errors.New("boom")
	idp.before = func(context.Context, userapi.CreateUserRequest) error { panic(boom) }
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}}})
	defer func() {
		err, _ := recover().(error)
		require.ErrorIs(t, err, boom)
		assert.ErrorContains(t, err, `target "idp"`)
		assert.ErrorContains(t, err, "provisioner_test.go", "the stack is the creator's")
		assert.Equal(t, "chat created, idp intent", states(t, ledger, ann.IdempotencyKey))
	}()
	_, _ = p.CreateUser(t.Context(), ann)
}

// TestCanceled: what has not begun is not sent, and the ledger still has it.
func TestCanceled(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}, After: []string{"idp"}}})
	ctx, cancel := context.WithCancel(t.Context())
	idp.after = func(context.Context, userapi.CreateUserRequest) error { cancel(); return nil }
	results, err := p.CreateUser(ctx, ann)
	require.ErrorIs(t, err, userapi.ErrCanceled)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, "idp created, chat not_sent", dispositions(results))
	assert.Equal(t, "chat queued, idp created", states(t, ledger, ann.IdempotencyKey))

	bob := ann
	bob.IdempotencyKey = "bob"
	results, err = p.CreateUser(ctx, bob)
	require.ErrorIs(t, err, userapi.ErrCanceled)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Equal(t, "idp not_sent, chat not_sent", dispositions(results))
	assert.Empty(t, states(t, ledger, "bob"))
}

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

// TestSettingsOutOfRange: a setting with which no run could ever end well is refused, and
// one that is only large does no harm.
func TestSettingsOutOfRange(t *testing.T) {
	t.Parallel()
	targets := []provision.Target{{Name: "idp", Creator: full{newVendor("idp")}}}
	for name, option := range map[string]provision.Option{
		"a grace that overflows":                provision.Grace(math.MaxInt64),
		"a patience that overflows":             provision.Patience(math.MaxInt64),
		"a patience that the lease cannot hold": provision.Patience(61 * time.Second),
	} {
		_, err := provision.New(new(provision.Memory), targets, option)
		require.ErrorContains(t, err, "Lease must be", name)
	}
	var none *provision.Memory
	_, err := provision.New(none, targets, testKey)
	require.ErrorContains(t, err, "nil *provision.Memory")

	p := provisioner(t, new(provision.Memory), targets, provision.Patience(time.Minute), provision.Parallel(math.MaxInt))
	require.NoError(t, p.Queue(t.Context(), nil, ann))
	resumed, err := p.Resume(t.Context(), loadAnn)
	require.NoError(t, err)
	assert.Len(t, resumed, 1)
}

// TestResumeWhoseLoadEnds: a load that ends its goroutine, as a failed test's does,
// leaves a sign-up undone, and must not leave it untold.
func TestResumeWhoseLoadEnds(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}})
	require.NoError(t, p.Queue(t.Context(), nil, ann))
	resumed, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) {
		runtime.Goexit()
		return ann, nil
	})
	require.Error(t, err)
	assert.True(t, userapi.MayHaveCreated(err))
	require.Len(t, resumed, 1)
	assert.Equal(t, ann.IdempotencyKey, resumed[0].Key)
	assert.Nil(t, resumed[0].Results)
	assert.Empty(t, idp.calls())
}

// queueMany queues so many sign-ups, and returns the load of their requests.
func queueMany(t *testing.T, p *provision.Provisioner, n int) func(context.Context, string) (userapi.CreateUserRequest, error) {
	t.Helper()
	of := func(key string) userapi.CreateUserRequest {
		return userapi.CreateUserRequest{IdempotencyKey: key, Email: key + "@example.com"}
	}
	for i := range n {
		require.NoError(t, p.Queue(t.Context(), nil, of(fmt.Sprintf("key-%03d", i))))
	}
	return func(_ context.Context, key string) (userapi.CreateUserRequest, error) { return of(key), nil }
}

// TestResumes: the sign-ups come as they are done. A loop that is left early ends what is
// under way, and the rest stays open.
func TestResumes(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, one("idp", full{idp}), provision.Parallel(3))
	load := queueMany(t, p, 250)
	var keys []string
	for r, err := range p.Resumes(t.Context(), load) {
		require.NoError(t, err)
		require.NoError(t, r.Err)
		if keys = append(keys, r.Key); len(keys) == 20 {
			break
		}
	}
	assert.Less(t, idp.count(), 30)
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
}

// TestContinue never waits for another run, begins a key that the ledger does not have, and
// leaves what was refused or undone.
func TestContinue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, one("idp", full{idp}))
		inside := make(chan struct{})
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			idp.before = nil
			<-inside
			return nil
		}
		var first sync.WaitGroup
		first.Go(func() {
			_, err := p.Continue(t.Context(), ann)
			assert.NoError(t, err)
		})
		synctest.Wait()
		begun := time.Now()
		results, err := p.Continue(t.Context(), ann)
		require.NoError(t, err, "that another run has it is no error")
		assert.Equal(t, "in_progress", failureOf(t, results[0].Err).Code)
		assert.Zero(t, time.Since(begun))
		close(inside)
		first.Wait()
		results, err = p.Continue(t.Context(), ann)
		require.NoError(t, err)
		assert.Equal(t, "idp created", dispositions(results))
		assert.Len(t, idp.calls(), 1)

		_, err = p.Undo(t.Context(), ann.IdempotencyKey)
		require.NoError(t, err)
		results, err = p.Continue(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrInvalid)
		assert.Equal(t, "idp undone", dispositions(results))
	})
}

func TestPausedUntil(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
		}
		p := provisioner(t, new(provision.Memory), one("idp", full{idp}), provision.Pause(1, time.Minute))
		assert.Zero(t, p.PausedUntil("idp"))
		assert.Zero(t, p.PausedUntil("another"))
		_, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		assert.Equal(t, time.Now().Add(time.Minute), p.PausedUntil("idp"))
		time.Sleep(time.Minute)
		idp.before = nil
		_, err = p.CreateUser(t.Context(), ann)
		require.NoError(t, err)
		assert.Zero(t, p.PausedUntil("idp"))
	})
}
