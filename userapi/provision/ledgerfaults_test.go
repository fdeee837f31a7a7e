package provision_test

import (
	"context"
	"errors"
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
	// store is called before a Store, and stored after it.
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

// failsTo makes the Stores of a record in this state fail.
func (f *faulty) failsTo(state provision.State) {
	f.store = func(records []provision.Record) error {
		if records[0].State == state {
			return errDisk
		}
		return nil
	}
}

// TestIntentIsDurableFirst: if the ledger does not store a claim, nothing is sent.
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
	p := provisioner(t, ledger, chain(idp, chat), testKey)

	ledger.store = func([]provision.Record) error { return errDisk }
	results, err := p.CreateUser(t.Context(), ann)
	left(t, "idp not_sent, chat not_sent", errDisk)(results, err)
	require.ErrorIs(t, err, userapi.ErrUnavailable)
	assert.False(t, userapi.MayHaveCreated(err))

	// The ledger fails only for the second target.
	ledger.store = func(records []provision.Record) error {
		if slices.ContainsFunc(records, func(r provision.Record) bool { return r.Target == "chat" && r.State == provision.StateInFlight }) {
			return errDisk
		}
		return nil
	}
	left(t, "idp created, chat not_sent", errDisk)(p.CreateUser(t.Context(), ann))
	assert.Empty(t, chat.calls())

	ledger.store, ledger.load = nil, func() error { return errDisk }
	left(t, "idp unknown, chat unknown", errDisk)(p.CreateUser(t.Context(), ann))

	ledger.load = nil
	done(t, "idp created, chat created")(p.CreateUser(t.Context(), ann))
	assert.Len(t, idp.calls(), 1)
	assert.Len(t, chat.calls(), 1)
}

// TestOutcomeThatIsNotRecorded: the result still shows the user or the refusal, and the next run
// asks the vendor.
func TestOutcomeThatIsNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger, p := single(t)
		ledger.failsTo(provision.StateCreated)
		results, err := p.CreateUser(t.Context(), ann)
		e := left(t, "idp created", "record")(results, err)
		require.ErrorIs(t, err, errDisk)
		assert.Equal(t, "idp-1", results[0].User.ID)
		assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
		assert.Equal(t, "idp intent", states(t, ledger, ann.IdempotencyKey))
		done(t, "idp recovered")(p.CreateUser(t.Context(), ann))
		assert.Equal(t, 1, idp.count())

		// A temporary failure is retried, even if the record was stored.
		failures := 2
		ledger.store = func(records []provision.Record) error {
			if records[0].State == provision.StateCreated && failures > 0 {
				failures--
				return errDisk
			}
			return nil
		}
		done(t, "idp created")(p.CreateUser(t.Context(), person("bob")))
		assert.Equal(t, "idp created", states(t, ledger, "bob"))
		ledger.store, ledger.stored = nil, func(records []provision.Record) error {
			if records[0].State == provision.StateCreated {
				ledger.stored = nil
				return errDisk
			}
			return nil
		}
		done(t, "idp created")(p.CreateUser(t.Context(), person("eve")))
		assert.Equal(t, "idp created", states(t, ledger, "eve"))

		for outcome, state := range map[userapi.Outcome]provision.State{
			userapi.OutcomeRejected: provision.StateRejected, userapi.OutcomeNotSent: provision.StateNotSent,
		} {
			idp.before = idp.fails(userapi.KindForbidden, outcome, 0)
			ledger.failsTo(state)
			e := left(t, "idp "+string(state), errDisk)(p.CreateUser(t.Context(), person("of "+string(state))))
			require.ErrorContains(t, e.Err, "forbidden")
			assert.Equal(t, outcome, e.Outcome)
		}
	})
}

// TestTakenOver: another run takes over while the first run creates a user. The first run reports
// its user. If the other found none, the user is recorded. If the sign-up was undone, the user is
// deleted. If the other found another user, both are reported.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	const deleting, undone = provision.StateDeleting, provision.StateUndone
	for name, c := range map[string]struct {
		other provision.Record // recorded by the other run
		want  string
		code  string // "" means no error
		state provision.State
		id    string
	}{
		"the same user":        {provision.Record{State: provision.StateRecovered, UserID: "idp-1"}, "idp created", "", provision.StateRecovered, "idp-1"},
		"another user":         {provision.Record{State: provision.StateRecovered, UserID: "another"}, "idp created", "record", provision.StateRecovered, "another"},
		"another, that goes":   {provision.Record{State: deleting, UserID: "another"}, "idp created", "record", deleting, "another"},
		"the same, that goes":  {provision.Record{State: deleting, UserID: "idp-1"}, "idp unknown", "undone", deleting, "idp-1"},
		"the same, gone":       {provision.Record{State: undone, UserID: "idp-1", Closed: true}, "idp unknown", "undone", deleting, "idp-1"},
		"another, gone":        {provision.Record{State: undone, UserID: "another", Closed: true}, "idp created", "undone", deleting, "idp-1"},
		"none":                 {provision.Record{State: provision.StateRejected}, "idp created", "", provision.StateCreated, "idp-1"},
		"none, and undone":     {provision.Record{State: undone, Closed: true}, "idp created", "undone", deleting, "idp-1"},
		"none, and to be none": {provision.Record{State: undone}, "idp created", "undone", deleting, "idp-1"},
		"unknown, and undone":  {provision.Record{State: provision.StateUnknown, Closed: true}, "idp created", "undone", deleting, "idp-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idp, ledger, p := single(t)
			idp.after = func(context.Context, userapi.CreateUserRequest) error {
				rewrite(t, ledger, ann.IdempotencyKey, "idp", func(r *provision.Record) {
					r.Owner, r.State, r.UserID, r.Closed = "another run", c.other.State, c.other.UserID, c.other.Closed
				})
				return nil
			}
			results, err := p.CreateUser(t.Context(), ann)
			if c.code == "" {
				done(t, c.want)(results, err)
			} else {
				e := left(t, c.want, c.code)(results, err)
				if c.code == "record" {
					assert.Equal(t, []string{"idp-1", "another"}, e.Candidates)
				}
				assert.True(t, userapi.MayHaveCreated(err))
			}
			assert.Equal(t, c.want == "idp created", results[0].User != nil && results[0].User.ID == "idp-1")
			r := only(t, ledger, ann.IdempotencyKey, "idp")
			assert.Equal(t, c.state, r.State)
			assert.Equal(t, c.id, r.UserID)
			if c.state == deleting {
				_, err := p.Undo(t.Context(), ann.IdempotencyKey)
				assert.NoError(t, err)
				assert.Equal(t, c.id != "idp-1", idp.count() == 1)
			}
		})
	}
}

// TestTakenOverAfterTheLease: a create ends early enough for the grace and for differences between
// clocks. A later create is taken over, and its user is refused.
func TestTakenOverAfterTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger, p := single(t, provision.Lease(time.Minute), provision.Grace(10*time.Second))
		late := func(req userapi.CreateUserRequest, want string) func(context.Context, userapi.CreateUserRequest) error {
			return func(ctx context.Context, _ userapi.CreateUserRequest) error {
				idp.before, idp.after = nil, nil
				begun := time.Now()
				<-ctx.Done()
				assert.Equal(t, 44*time.Second, time.Since(begun), "a minute without the grace and a tenth")
				time.Sleep(time.Minute)
				done(t, want)(p.CreateUser(t.Context(), req))
				return nil
			}
		}
		idp.after = late(ann, "idp recovered")
		done(t, "idp created")(p.CreateUser(t.Context(), ann))
		assert.Equal(t, "idp recovered", states(t, ledger, ann.IdempotencyKey))
		assert.Equal(t, 1, idp.count())

		idp.before = late(person("bob"), "idp created") // it is taken
		results := done(t, "idp created")(p.CreateUser(t.Context(), person("bob")))
		assert.True(t, results[0].Recorded, "the other run knows")
		assert.Equal(t, 2, idp.count())
	})
}

// TestLateUserUnderTheSameID: if the key chooses the id, a late create makes the deleted user
// again. The ledger then does not keep saying that there is none.
func TestLateUserUnderTheSameID(t *testing.T) {
	t.Parallel()
	for _, during := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			idp, ledger, p := single(t)
			var undo sync.WaitGroup
			late := make(chan struct{})
			idp.before = func(context.Context, userapi.CreateUserRequest) error {
				idp.before = nil
				time.Sleep(3 * time.Minute) // after the lease
				done(t, "idp created")(p.CreateUser(t.Context(), ann))
				if !during {
					done(t, "idp undone")(p.Undo(t.Context(), ann.IdempotencyKey))
					return nil
				}
				ledger.store = func(records []provision.Record) error {
					if records[0].State == provision.StateUndone {
						<-late
					}
					return nil
				}
				undo.Go(func() { left(t, "idp unknown", "record")(p.Undo(t.Context(), ann.IdempotencyKey)) })
				time.Sleep(10 * time.Second) // Undo has deleted it
				return nil
			}
			left(t, "idp unknown", "undone")(p.CreateUser(t.Context(), ann))
			close(late)
			undo.Wait()
			assert.Equal(t, 1, idp.count())
			assert.Equal(t, "idp deleting", states(t, ledger, ann.IdempotencyKey))
			done(t, "idp undone")(resume(t, p))
			assert.Equal(t, 0, idp.count())
		})
	}
}

// TestLateUnknown: a create ends without a reply after the sign-up was undone. It may have made a
// user, so it stays open until a look-up.
func TestLateUnknown(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			idp, ledger, p := single(t)
			idp.before = func(ctx context.Context, req userapi.CreateUserRequest) error {
				idp.before = nil
				time.Sleep(3 * time.Minute) // after the lease
				done(t, "idp created")(p.CreateUser(t.Context(), ann))
				done(t, "idp undone")(p.Undo(t.Context(), ann.IdempotencyKey))
				if made {
					_, err := idp.CreateUser(ctx, req)
					require.NoError(t, err)
				}
				idp.look = unavailable(idp)
				return lose(idp)(ctx, req)
			}
			left(t, "idp unknown", userapi.ErrTimeout)(p.CreateUser(t.Context(), ann))
			assert.Equal(t, "idp unknown", states(t, ledger, ann.IdempotencyKey))
			idp.look = nil
			results, err := resume(t, p)
			require.Equal(t, "idp undone", dispositions(results), err)
			assert.Equal(t, "idp undone", states(t, ledger, ann.IdempotencyKey))
			assert.Equal(t, 0, idp.count())
		})
	}
}

// TestLateUserOfAnotherRequest: a person has decided that a create failed, and the key has another
// request now. The run that made the user after all gets both errors. Undo of the key keeps the
// late user.
func TestLateUserOfAnotherRequest(t *testing.T) {
	t.Parallel()
	for _, undone := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			idp, ledger, p := single(t)
			idp.before = func(context.Context, userapi.CreateUserRequest) error {
				idp.before = nil
				time.Sleep(3 * time.Minute) // after the lease
				_, err := p.Decide(t.Context(), ann.IdempotencyKey, "idp", provision.UserAbsent())
				require.NoError(t, err)
				done(t, "idp created")(p.CreateUser(t.Context(), other))
				if undone {
					done(t, "idp undone")(p.Undo(t.Context(), ann.IdempotencyKey))
				}
				time.Sleep(time.Second)
				return nil
			}
			results, err := p.CreateUser(t.Context(), ann)
			if !undone {
				e := left(t, "idp created", "record")(results, err)
				assert.Equal(t, []string{"idp-2", "idp-1"}, e.Candidates)
				assert.Equal(t, "idp created", states(t, ledger, ann.IdempotencyKey))
				return
			}
			left(t, "idp unknown", "undone")(results, err) // the vendor gave it the other user's id
			assert.Equal(t, "idp deleting", states(t, ledger, ann.IdempotencyKey))
			done(t, "idp undone")(p.Undo(t.Context(), ann.IdempotencyKey))
			assert.Equal(t, 0, idp.count())
		})
	}
}

// TestStoresThatAreAlwaysStale: a run waits between its retries and gives up. Otherwise a broken
// ledger would keep a processor busy forever.
func TestStoresThatAreAlwaysStale(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		is   error
		call func(context.Context, *provision.Provisioner) ([]provision.Result, error)
		want string
		made bool
	}{
		"begin": {provision.ErrStale, func(ctx context.Context, p *provision.Provisioner) ([]provision.Result, error) {
			return p.CreateUser(ctx, person("bob"))
		}, "idp not_sent", false},
		"claim": {userapi.ErrTimeout, func(ctx context.Context, p *provision.Provisioner) ([]provision.Result, error) {
			return p.CreateUser(ctx, ann)
		}, "idp unknown", true},
		"undo": {provision.ErrStale, func(ctx context.Context, p *provision.Provisioner) ([]provision.Result, error) {
			return p.Undo(ctx, ann.IdempotencyKey)
		}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				idp, ledger, p := single(t)
				loseCreate(t, p, idp, true)
				calls, tries := len(idp.calls()), 0
				ledger.store = func([]provision.Record) error {
					if tries++; tries > 1000 {
						return errDisk // ends a loop that would not end
					}
					return provision.ErrStale
				}
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				results, err := tt.call(ctx, p)
				left(t, tt.want, tt.is)(results, err)
				assert.Equal(t, tt.made, userapi.MayHaveCreated(err))
				assert.Greater(t, tries, 1)
				assert.GreaterOrEqual(t, time.Since(begun), 100*time.Millisecond, "it waits in between")
				assert.LessOrEqual(t, time.Since(begun), time.Minute)
				assert.Len(t, idp.calls(), calls)
			})
		})
	}
}

// A slowLedger delays this many Stores. If it hangs, it answers this many Loads and then waits
// until its caller gives up.
type slowLedger struct {
	provision.Ledger
	slow, loads int
	hangs       bool
}

func (l *slowLedger) Load(ctx context.Context, key string) ([]provision.Record, error) {
	if l.loads--; l.hangs && l.loads < 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return l.Ledger.Load(ctx, key)
}

func (l *slowLedger) Store(ctx context.Context, records ...provision.Record) error {
	if l.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if l.slow--; l.slow >= 0 {
		time.Sleep(25 * time.Second) // more than half of the test's lease
	}
	return l.Ledger.Store(ctx, records...)
}

// TestStuckLedger: a ledger that waits for a lock forever delays a caller for at most half a
// minute, with any deadline.
func TestStuckLedger(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		loads  int
		killed bool // an earlier run was killed, and this one waits a second
		hour   bool // otherwise the caller has no deadline
		want   string
	}{
		"no load":            {0, false, false, "idp unknown"},
		"no store":           {1, false, false, "idp not_sent"},
		"no store in a hour": {1, false, true, "idp not_sent"},
		"no reload":          {1, true, false, "idp unknown"},
	} {
		synctest.Test(t, func(t *testing.T) {
			idp, ledger, p := single(t)
			ctx, cancel := context.WithCancel(t.Context())
			if tt.hour {
				ctx, cancel = context.WithTimeout(ctx, time.Hour)
			}
			if tt.killed {
				killCreate(t, p, idp, true)
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			}
			defer cancel()
			calls, begun := len(idp.calls()), time.Now()
			p = provisioner(t, &slowLedger{Ledger: ledger, loads: tt.loads, hangs: true}, one("idp", full{idp}), testKey)
			results, err := p.CreateUser(ctx, ann)
			require.ErrorIs(t, err, userapi.ErrTimeout, name)
			left(t, tt.want, "ledger")(results, err)
			assert.Equal(t, 30*time.Second, time.Since(begun).Round(time.Second), name)
			results, err = p.Undo(t.Context(), ann.IdempotencyKey)
			require.ErrorIs(t, err, userapi.ErrTimeout, name)
			assert.Empty(t, results, name)
			assert.Len(t, idp.calls(), calls, name)
		})
	}
}

// TestSlowLedger: if the ledger took too long for a claim, the claim is renewed before anything is
// sent. If the ledger stays slow, nothing is sent. The vendor has not failed, so it is not paused.
func TestSlowLedger(t *testing.T) {
	t.Parallel()
	for slow, sends := range map[int]bool{0: true, 1: true, 3: true, 100: false} {
		synctest.Test(t, func(t *testing.T) {
			idp, ledger := newVendor("idp"), &slowLedger{Ledger: new(provision.Memory), slow: slow}
			idp.before = func(ctx context.Context, _ userapi.CreateUserRequest) error {
				until, _ := ctx.Deadline()
				assert.Greater(t, time.Until(until), 15*time.Second)
				return nil
			}
			p := provisioner(t, ledger, one("idp", full{idp}), testKey,
				provision.Lease(40*time.Second), provision.Grace(0), provision.Patience(0), provision.Pause(1, time.Hour))
			if !sends {
				results, err := p.CreateUser(t.Context(), ann)
				require.ErrorIs(t, err, userapi.ErrUnavailable)
				left(t, "idp not_sent", "ledger")(results, err)
				assert.Empty(t, idp.calls())
				ledger.slow = 0
			}
			done(t, "idp created")(p.CreateUser(t.Context(), ann))
			assert.Len(t, idp.calls(), 1)
		})
	}
}

// TestOwnClaimReportedStale: if a driver retries a commit, the run's own claim looks like another
// run's. An earlier lost create is still looked up.
func TestOwnClaimReportedStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger, _ := single(t)
		p := provisioner(t, ledger, one("idp", asked{idp, full{idp}}), testKey)
		loseCreate(t, p, idp, false)
		begun := len(idp.calls())
		ledger.stored = func(records []provision.Record) error {
			if records[0].State == provision.StateInFlight {
				ledger.stored = nil
				return provision.ErrStale
			}
			return nil
		}
		_, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrNotFound, "without a way to repeat it is absent")
		assert.Nil(t, ledger.stored)
		assert.Equal(t, "resolve "+ann.Email, idp.calls()[begun])
		assert.NotContains(t, idp.calls()[begun:], "create "+ann.Email)
	})
}

// TestClaimThatFails: a failing ledger does not change the outcome of a create that may have made a
// user.
func TestClaimThatFails(t *testing.T) {
	t.Parallel()
	idp, ledger, p := single(t)
	loseCreate(t, p, idp, true)
	ledger.failsTo(provision.StateInFlight)
	left(t, "idp unknown", errDisk)(p.CreateUser(t.Context(), ann))
}
