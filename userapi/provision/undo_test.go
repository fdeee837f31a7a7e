package provision_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

// TestUndo: only created users are deleted, newest first, and dependents before the targets that
// they depend on.
func TestUndo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		vendors := map[string]*vendor{}
		of := func(name string, delay time.Duration) *vendor {
			v := newVendor(name)
			v.before = func(context.Context, userapi.CreateUserRequest) error { time.Sleep(delay); return nil }
			v.remove = func(string) error { order = append(order, name); return nil }
			vendors[name] = v
			return v
		}
		ledger := new(provision.Memory)
		targets := append(chain(of("a", time.Second), of("b", time.Second)), chain(of("c", 3*time.Second), of("d", time.Second))...)
		targets = append(targets, beside(of("old", 0), of("fixed", 0))...)
		targets = append(targets, chain(of("refused", 0), of("waiting", 0))...)
		targets = append(targets, beside(of("lost", 0), of("matched", 0), of("found", 0))...)
		targets[5].Creator = asked{vendors["fixed"], full{vendors["fixed"]}}
		targets[8].Creator = vendors["lost"]
		targets[9].Creator = matching{full{vendors["matched"]}}
		vendors["old"].users[ann.Email] = &userapi.User{ID: "old-7", Email: ann.Email, CreatedAt: time.Now().Add(-time.Hour)}
		vendors["refused"].before = vendors["refused"].fails(userapi.KindForbidden, userapi.OutcomeRejected, 403)
		for _, name := range []string{"lost", "matched", "found"} {
			vendors[name].after = lose(vendors[name])
		}
		p := provisioner(t, ledger, targets, provision.AdoptMatching())
		left(t, "a created, b created, c created, d created, old existing, fixed created, refused rejected, "+
			"waiting not_sent, lost unknown, matched recovered, found recovered", userapi.ErrForbidden)(p.CreateUser(t.Context(), ann))

		ctx, cancel := context.WithCancel(t.Context())
		cancel() // Undo continues anyway
		const undone = "a undone, b undone, c undone, d undone, old existing, fixed created, refused undone, " +
			"waiting undone, lost unknown, matched recovered, found undone"
		results, err := p.Undo(ctx, ann.IdempotencyKey)
		left(t, undone, "no_deleter")(results, err)
		require.Len(t, order, 5)
		assert.Equal(t, []string{"d", "b"}, order[:2], "d began at 3 s, b at 1 s, and the others at once")
		codes := map[string]string{}
		for _, r := range results {
			if r.Err != nil {
				codes[r.Target] = failureOf(t, r.Err).Code
			}
		}
		assert.Equal(t, map[string]string{"fixed": "no_deleter", "lost": "unsettled", "matched": "not_proven"}, codes)
		for name, left := range map[string]int{"a": 0, "b": 0, "c": 0, "d": 0, "old": 1, "fixed": 1, "lost": 1, "matched": 1, "found": 0} {
			assert.Equal(t, left, vendors[name].count(), name)
		}
		assert.Equal(t, "a undone, b undone, c undone, d undone, fixed created, found undone, lost unknown, matched recovered, "+
			"old existing, refused undone, waiting undone", states(t, ledger, ann.IdempotencyKey))

		// The key is closed: nothing more is created.
		before := len(vendors["refused"].calls())
		results, err = p.CreateUser(t.Context(), ann)
		left(t, undone, "undone")(results, err)
		require.ErrorIs(t, err, userapi.ErrInvalid)
		assert.Len(t, vendors["refused"].calls(), before)
		assert.Equal(t, 0, vendors["a"].count())

		results, err = p.Undo(t.Context(), "never seen")
		require.ErrorIs(t, err, userapi.ErrNotFound)
		assert.Empty(t, results)
	})
}

// matching recovers users by keys that prove nothing.
type matching struct{ full }

func (m matching) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	u, err := m.full.ResolveUser(ctx, req, since)
	if u != nil {
		u.Proof = userapi.ProofMatch
	}
	return u, err
}

// TestUndoOrderWhateverTheClock: a dependent target is deleted first, even if a wrong clock makes
// it the older one.
func TestUndoOrderWhateverTheClock(t *testing.T) {
	t.Parallel()
	ledger := new(provision.Memory)
	var order []string
	vendors := []*vendor{newVendor("idp"), newVendor("crm"), newVendor("wallet")}
	for i, v := range vendors {
		v.remove = func(string) error { order = append(order, v.name); return nil }
		require.NoError(t, ledger.Store(t.Context(), provision.Record{
			Key: "k", Target: v.name, State: provision.StateCreated, UserID: "u", Started: time.Now().Add(time.Duration(-i) * time.Hour),
		}))
	}
	_, err := provisioner(t, ledger, chain(vendors...)).Undo(t.Context(), "k")
	require.NoError(t, err)
	assert.Equal(t, []string{"wallet", "crm", "idp"}, order)
}

// TestUndoIsRecordedFirst: after a crash during an undo no record says that the user exists. Resume
// continues the undo without the request.
func TestUndoIsRecordedFirst(t *testing.T) {
	t.Parallel()
	idp, chat, ledger := newVendor("idp"), newVendor("chat"), new(provision.Memory)
	p := provisioner(t, ledger, chain(idp, chat))
	done(t, "idp created, chat created")(p.CreateUser(t.Context(), ann))
	chat.remove = func(string) error {
		assert.Equal(t, "chat deleting, idp deleting", states(t, ledger, ann.IdempotencyKey))
		panic("killed")
	}
	require.Panics(t, func() { _, _ = p.Undo(t.Context(), ann.IdempotencyKey) })
	assert.Equal(t, "chat deleting, idp undone", states(t, ledger, ann.IdempotencyKey))
	left(t, "idp undone, chat unknown", "undone")(p.CreateUser(t.Context(), ann))

	chat.remove = nil
	resumed, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) {
		return ann, errors.New("is not asked for")
	})
	require.NoError(t, err)
	assert.Equal(t, "idp undone, chat undone", dispositions(resumed[0].Results))
	assert.Equal(t, 0, chat.count()+idp.count())
}

// TestUndoSettlesWhatIsUnknown: CreateUser and Resume of an undone key ask, and never create.
// CreateUser leaves a found user to the next Undo, and Resume deletes it.
func TestUndoSettlesWhatIsUnknown(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{false, true} {
		for _, resumes := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				idp, chat, ledger := newVendor("idp"), newVendor("chat"), new(provision.Memory)
				p := provisioner(t, ledger, beside(idp, chat))
				loseCreate(t, p, idp, made)
				left(t, "idp unknown, chat undone", "unsettled")(p.Undo(t.Context(), ann.IdempotencyKey))

				creates := len(idp.calls())
				switch {
				case resumes:
					done(t, "idp undone, chat undone")(resume(t, p))
				case made:
					left(t, "idp recovered, chat undone", "undone")(p.CreateUser(t.Context(), ann))
				default:
					left(t, "idp rejected, chat undone", "")(p.CreateUser(t.Context(), ann))
				}
				assert.NotContains(t, idp.calls()[creates:], "create "+ann.Email)
				done(t, "idp undone, chat undone")(p.Undo(t.Context(), ann.IdempotencyKey))
				assert.Equal(t, "chat undone, idp undone", states(t, ledger, ann.IdempotencyKey))
				assert.Equal(t, 0, idp.count())
			})
		}
	}
}

// TestUndoSettlesDependents: a dependent is looked up with the id of its earlier user, even after
// that user was deleted.
func TestUndoSettlesDependents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, crm := newVendor("idp"), newVendor("crm")
		targets := chain(idp, crm)
		targets[1].Map = idOf("idp")
		p := provisioner(t, new(provision.Memory), targets)
		loseCreate(t, p, crm, true)
		left(t, "idp undone, crm unknown", "unsettled")(p.Undo(t.Context(), ann.IdempotencyKey))
		left(t, "idp undone, crm recovered", "undone")(p.CreateUser(t.Context(), ann))
		done(t, "idp undone, crm undone")(p.Undo(t.Context(), ann.IdempotencyKey))
		assert.Equal(t, 0, idp.count()+crm.count())
	})
}

// TestUndoGoesByTheOutcome: a delete that finds no user and proves nothing has undone nothing. A
// refused delete proves that the user exists only if no earlier delete can have succeeded.
func TestUndoGoesByTheOutcome(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		found, again bool // found by a look-up; an earlier delete was lost
		kind         userapi.Kind
		outcome      userapi.Outcome
		want         string
	}{
		"not sent":          {false, false, userapi.KindUnavailable, userapi.OutcomeNotSent, "idp created"},
		"refused":           {false, false, userapi.KindUnauthorized, userapi.OutcomeRejected, "idp created"},
		"found, refused":    {true, false, userapi.KindUnauthorized, userapi.OutcomeRejected, "idp recovered"},
		"lost":              {false, false, userapi.KindTimeout, userapi.OutcomeUnknown, "idp unknown"},
		"gone":              {false, false, userapi.KindNotFound, userapi.OutcomeRejected, "idp undone"},
		"gone, perhaps":     {false, false, userapi.KindNotFound, userapi.OutcomeUnknown, "idp unknown"},
		"again, not sent":   {false, true, userapi.KindUnavailable, userapi.OutcomeNotSent, "idp unknown"},
		"again, refused":    {false, true, userapi.KindUnauthorized, userapi.OutcomeRejected, "idp unknown"},
		"again, lost":       {false, true, userapi.KindTimeout, userapi.OutcomeUnknown, "idp unknown"},
		"again, it is gone": {false, true, userapi.KindNotFound, userapi.OutcomeRejected, "idp undone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				idp, ledger, p := single(t)
				if tt.found {
					killCreate(t, p, idp, true)
				}
				_, err := p.CreateUser(t.Context(), ann)
				require.NoError(t, err)
				if tt.again {
					idp.remove = func(string) error { return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0) }
					left(t, "idp unknown", userapi.ErrTimeout)(p.Undo(t.Context(), ann.IdempotencyKey))
				}
				idp.remove = func(string) error { return idp.fail(tt.kind, tt.outcome, 0) }
				results, err := p.Undo(t.Context(), ann.IdempotencyKey)
				if tt.want == "idp undone" {
					done(t, tt.want)(results, err)
					assert.Equal(t, tt.want, states(t, ledger, ann.IdempotencyKey))
					return
				}
				e := left(t, tt.want, "")(results, err)
				assert.Equal(t, tt.kind, e.Kind)
				assert.True(t, userapi.MayHaveCreated(err))
				assert.Equal(t, "idp deleting", states(t, ledger, ann.IdempotencyKey))
				if tt.want == "idp unknown" {
					assert.Nil(t, results[0].User)
					return
				}
				assert.Equal(t, "idp-1", results[0].User.ID)
				assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
			})
		})
	}
}

// TestUndoThatIsNotRecorded: the user is gone, and the error says that the ledger does not know.
func TestUndoThatIsNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger, p := single(t)
		done(t, "idp created")(p.CreateUser(t.Context(), ann))
		ledger.failsTo(provision.StateUndone)
		results, err := p.Undo(t.Context(), ann.IdempotencyKey)
		left(t, "idp undone", "record")(results, err)
		require.ErrorIs(t, err, errDisk)
		assert.False(t, userapi.MayHaveCreated(err), "the user is gone, and that alone is not recorded")
		assert.Equal(t, "idp deleting", states(t, ledger, ann.IdempotencyKey))

		// A user that can no longer be deleted stays unknown.
		ledger.store = nil
		left(t, "idp unknown", "no_deleter")(provisioner(t, ledger, one("idp", asked{idp, full{idp}}), testKey).Undo(t.Context(), ann.IdempotencyKey))
	})
}

// TestLateCreateAfterUndo: a lost create is refused only while the repeat's user exists, so Undo
// must not delete it too early. Nothing else is known of a create by a killed process. The ledger's
// file can be reopened before that create arrives.
func TestLateCreateAfterUndo(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			idp := newVendor("idp")
			v := full{idp}
			arrived := make(chan error, 1)
			idp.before = func(ctx context.Context, req userapi.CreateUserRequest) error {
				idp.before = nil
				go func() {
					time.Sleep(3 * time.Second)
					_, err := v.CreateUser(context.Background(), req)
					arrived <- err
				}()
				if killed {
					return kill(ctx, req)
				}
				return lose(idp)(ctx, req)
			}
			path := filepath.Join(t.TempDir(), "ledger")
			open := func() (*fileledger.Ledger, *provision.Provisioner) {
				ledger, err := fileledger.Open(path)
				require.NoError(t, err)
				return ledger, provisioner(t, ledger, one("idp", v), testKey)
			}
			ledger, p := open()
			if killed {
				require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
				require.NoError(t, ledger.Close())
				ledger, p = open()
			}
			done(t, "idp created")(p.CreateUser(t.Context(), ann)) // absent, then repeated
			done(t, "idp undone")(p.Undo(t.Context(), ann.IdempotencyKey))
			require.ErrorIs(t, <-arrived, userapi.ErrConflict)
			assert.Equal(t, 0, idp.count())

			// A user without a lost create is deleted immediately.
			done(t, "idp created")(p.CreateUser(t.Context(), person("bob")))
			begun := time.Now()
			done(t, "idp undone")(p.Undo(t.Context(), "bob"))
			assert.Zero(t, time.Since(begun))
			require.NoError(t, ledger.Close())
		})
	}
}

// deadlined records the context of a deletion.
type deadlined struct {
	full
	see func(context.Context)
}

func (d deadlined) DeleteUser(ctx context.Context, id string) error {
	d.see(ctx)
	return d.full.DeleteUser(ctx, id)
}

// TestUndoIsBounded: a deletion may take as long as a lease. Patience counts from the time when the
// create was resolved.
func TestUndoIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger, begun := new(provision.Memory), time.Now()
		require.NoError(t, ledger.Store(t.Context(), provision.Record{
			Key: "k", Target: "idp", State: provision.StateCreated, UserID: "u", Lost: true, Started: begun.Add(-time.Hour), Changed: begun,
		}))
		var after time.Duration
		p := provisioner(t, ledger, one("idp", deadlined{full{newVendor("idp")}, func(ctx context.Context) {
			after = time.Since(begun)
			deadline, ok := ctx.Deadline()
			assert.True(t, ok)
			assert.LessOrEqual(t, deadline.Sub(begun), 2*time.Minute)
		}}))
		done(t, "idp undone")(p.Undo(t.Context(), "k"))
		assert.Equal(t, 5*time.Second, after)
	})
}

// TestUndoDuringCreate: Undo and Decide skip a create that another run is working on. Its user is
// reported, and the next Resume deletes it.
func TestUndoDuringCreate(t *testing.T) {
	t.Parallel()
	idp, ledger, p := single(t)
	idp.after = func(context.Context, userapi.CreateUserRequest) error {
		left(t, "idp unknown", "in_progress")(p.Undo(t.Context(), ann.IdempotencyKey))
		_, err := p.Decide(t.Context(), ann.IdempotencyKey, "idp", provision.UserAbsent())
		assert.ErrorIs(t, err, userapi.ErrConflict)
		assert.Equal(t, "in_progress", failureOf(t, err).Code)
		return nil
	}
	left(t, "idp created", "undone")(p.CreateUser(t.Context(), ann))
	assert.Equal(t, "idp deleting", states(t, ledger, ann.IdempotencyKey))
	done(t, "idp undone")(resume(t, p))
	assert.Equal(t, 0, idp.count())
}

// TestUndoDuringRun: an Undo between the ledger look-up and the claim closes the key for that run
// too.
func TestUndoDuringRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, chat, ledger := newVendor("idp"), newVendor("chat"), &faulty{Ledger: new(provision.Memory)}
		p := provisioner(t, ledger, beside(idp, chat), testKey)
		loseCreate(t, p, idp, false)
		begun := len(idp.calls())
		ledger.store = func(records []provision.Record) error {
			if records[0].Target == "idp" && records[0].State == provision.StateInFlight {
				ledger.store = nil
				left(t, "idp unknown, chat undone", "unsettled")(p.Undo(t.Context(), ann.IdempotencyKey))
			}
			return nil
		}
		// chat has the ledger's state from the start of the run.
		left(t, "idp rejected, chat created", "")(p.CreateUser(t.Context(), ann))
		assert.Nil(t, ledger.store)
		assert.NotContains(t, idp.calls()[begun:], "create "+ann.Email)
		assert.Equal(t, "chat undone, idp undone", states(t, ledger, ann.IdempotencyKey))
		assert.Equal(t, 0, idp.count()+chat.count())
	})
}

// TestTwoUndosAtOnce: the second Undo finds that the user is gone, which is a success.
func TestTwoUndosAtOnce(t *testing.T) {
	t.Parallel()
	idp, _, p := single(t)
	done(t, "idp created")(p.CreateUser(t.Context(), ann))
	idp.remove = func(string) error {
		idp.remove = nil
		done(t, "idp undone")(p.Undo(t.Context(), ann.IdempotencyKey))
		return nil
	}
	done(t, "idp undone")(p.Undo(t.Context(), ann.IdempotencyKey))
	assert.Equal(t, []string{"create " + ann.Email, "delete idp-1", "delete idp-1"}, idp.calls())
}

// TestUndoClosesForNewTargets: a new target is not added to an undone sign-up, or during an undo.
// An earlier user stays, and its record is neither open nor undone.
func TestUndoClosesForNewTargets(t *testing.T) {
	t.Parallel()
	idp, crm, ledger := newVendor("idp"), newVendor("crm"), &faulty{Ledger: new(provision.Memory)}
	idp.users[ann.Email] = &userapi.User{ID: "old-7", Email: ann.Email, CreatedAt: time.Now().Add(-time.Hour)}
	before := provisioner(t, ledger, beside(idp), testKey, provision.AdoptMatching())
	p := provisioner(t, ledger, beside(idp, crm), testKey, provision.AdoptMatching())
	done(t, "idp existing")(before.CreateUser(t.Context(), ann))
	done(t, "idp existing")(before.Undo(t.Context(), ann.IdempotencyKey))
	left(t, "idp existing, crm undone", "undone")(p.CreateUser(t.Context(), ann))
	assert.Equal(t, "idp existing", states(t, ledger, ann.IdempotencyKey))

	done(t, "idp created")(before.CreateUser(t.Context(), person("bob")))
	ledger.store = func([]provision.Record) error {
		ledger.store = nil
		done(t, "idp undone, crm undone")(p.Undo(t.Context(), "bob"))
		return nil
	}
	results, err := p.CreateUser(t.Context(), person("bob"))
	left(t, "idp undone, crm undone", userapi.ErrInvalid)(results, err)
	assert.Empty(t, crm.calls())

	// In the other order, Undo finds the added target.
	done(t, "idp created")(before.CreateUser(t.Context(), person("eve")))
	ledger.store = func([]provision.Record) error {
		ledger.store = nil
		done(t, "idp created, crm created")(p.CreateUser(t.Context(), person("eve")))
		return nil
	}
	done(t, "idp undone, crm undone")(p.Undo(t.Context(), "eve"))
	assert.Equal(t, 1, idp.count()+crm.count(), "that of before")
}

// TestQueuedUnderAnUndoneKey: a service that knows none of the earlier targets queues an undone
// key. Nothing is sent, and Resume closes it too.
func TestQueuedUnderAnUndoneKey(t *testing.T) {
	t.Parallel()
	idp, crm, chat, ledger := newVendor("idp"), newVendor("crm"), newVendor("chat"), new(provision.Memory)
	before, p := provisioner(t, ledger, beside(idp)), provisioner(t, ledger, chain(crm, chat))
	done(t, "idp created")(before.CreateUser(t.Context(), ann))
	done(t, "idp undone")(before.Undo(t.Context(), ann.IdempotencyKey))
	for _, to := range []provision.Storer{nil, ledger} {
		require.ErrorIs(t, p.Queue(t.Context(), to, ann), userapi.ErrConflict)
	}
	require.NoError(t, p.Queue(t.Context(), struct{ provision.Storer }{ledger}, ann), "it cannot look")
	left(t, "crm not_sent, chat not_sent", "undone")(p.CreateUser(t.Context(), ann))
	resumed, err := p.Resume(t.Context(), loadAnn)
	require.Len(t, resumed, 1)
	require.Equal(t, "crm undone, chat undone, idp undone", dispositions(resumed[0].Results), err)
	assert.Equal(t, "chat undone, crm undone, idp undone", states(t, ledger, ann.IdempotencyKey))
	assert.Empty(t, crm.calls())
}

// TestKeyInTwoSpellings: one UUID is one key. A record from an earlier version is found under its
// other spelling.
func TestKeyInTwoSpellings(t *testing.T) {
	t.Parallel()
	idp, _, p := single(t)
	lower, upper := person("7f0c0b0a-1111-4a22-8b33-abcdefabcdef"), person("7F0C0B0A-1111-4A22-8B33-ABCDEFABCDEF")
	upper.Email = lower.Email
	done(t, "idp created")(p.CreateUser(t.Context(), upper))
	assert.True(t, done(t, "idp created")(p.CreateUser(t.Context(), lower))[0].Recorded)
	require.ErrorIs(t, p.Queue(t.Context(), nil, upper), userapi.ErrConflict)
	done(t, "idp undone")(p.Undo(t.Context(), upper.IdempotencyKey))
	left(t, "idp undone", userapi.ErrInvalid)(p.CreateUser(t.Context(), lower))
	assert.Equal(t, 0, idp.count())

	idp, ledger, p := single(t)
	require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: upper.IdempotencyKey, Target: "idp", State: provision.StateCreated, UserID: "7"}))
	left(t, "idp created", "request_changed")(p.CreateUser(t.Context(), upper)) // the record has no fingerprint
	assert.Empty(t, idp.calls())
	require.ErrorIs(t, p.Queue(t.Context(), nil, upper), userapi.ErrConflict)
	for _, key := range []string{upper.IdempotencyKey, lower.IdempotencyKey} {
		res, err := p.Decide(t.Context(), key, "idp", provision.UserAbsent())
		require.ErrorIs(t, err, userapi.ErrInvalid, "the ledger knows")
		assert.Equal(t, provision.DispositionCreated, res.Disposition)
	}
}

// TestOldKeysInTwoSpellings: in an earlier version two spellings were two sign-ups. Each is resumed
// separately.
func TestOldKeysInTwoSpellings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger, p := single(t)
		lower, upper := person("7f0c0b0a-1111-4a22-8b33-abcdefabcdef"), person("7F0C0B0A-1111-4A22-8B33-ABCDEFABCDEF")
		lower.Email = upper.Email
		require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: upper.IdempotencyKey, Target: "idp", State: provision.StateQueued}))
		idp.after = kill
		require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), upper) })
		time.Sleep(time.Hour)
		require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: lower.IdempotencyKey, Target: "idp", State: provision.StateUndone}))
		_, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) { return lower, nil })
		require.NoError(t, err)
		assert.Equal(t, "idp recovered", states(t, ledger, upper.IdempotencyKey))
	})
}

// TestOldKeyInCapitals: a record that an earlier version stored in capitals is found under the
// other spelling too. It is resolved with its own request. So it is resumed however load spells the
// key: a UUID column of a database has no capitals.
func TestOldKeyInCapitals(t *testing.T) {
	t.Parallel()
	const lower, upper = "7f0c0b0a-1111-4a22-8b33-abcdefabcdef", "7F0C0B0A-1111-4A22-8B33-ABCDEFABCDEF"
	for _, spelling := range []string{lower, "7F0c0b0a-1111-4a22-8b33-ABCDEFabcdef", upper} {
		for _, resumes := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				idp, ledger, _ := single(t)
				targets := one("idp", full{idp})
				targets[0].Map = func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
					req.ExternalID = req.IdempotencyKey
					return req
				}
				p := provisioner(t, ledger, targets, testKey)
				again := person(upper)
				require.NoError(t, ledger.Store(t.Context(), provision.Record{Key: upper, Target: "idp", State: provision.StateQueued}))
				idp.after = kill
				require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), again) })
				idp.after = nil
				time.Sleep(time.Hour)
				again.IdempotencyKey = spelling
				require.ErrorIs(t, p.Queue(t.Context(), nil, again), userapi.ErrConflict)
				if resumes {
					_, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) { return again, nil })
					require.NoError(t, err)
					assert.Equal(t, "idp recovered", states(t, ledger, upper))
				}
				results, err := p.CreateUser(t.Context(), again)
				done(t, "idp recovered")(results, err)
				assert.Equal(t, upper, results[0].IdempotencyKey)
				assert.NotContains(t, idp.calls()[1:], idp.calls()[0], "no second create")
				done(t, "idp undone")(p.Undo(t.Context(), spelling))
				assert.Equal(t, "idp undone", states(t, ledger, upper))
				assert.Empty(t, states(t, ledger, lower))
			})
		}
	}
}
