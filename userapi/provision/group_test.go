package provision_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// A mergedLedger needs a second for each Store, and records it.
type mergedLedger struct {
	provision.Memory

	mu     sync.Mutex
	stores []string // the names in each Store
	// fail is called after the second, before anything is stored.
	fail func(ctx context.Context, records []provision.Record) error
	// after is called after the Store.
	after func(records []provision.Record) error
}

func (l *mergedLedger) Store(ctx context.Context, records ...provision.Record) error {
	var names []string
	for _, r := range records {
		names = append(names, r.Key)
	}
	l.mu.Lock()
	l.stores = append(l.stores, strings.Join(names, " "))
	l.mu.Unlock()
	time.Sleep(time.Second)
	if l.fail != nil {
		if err := l.fail(ctx, records); err != nil {
			return err
		}
	}
	if err := l.Memory.Store(ctx, records...); err != nil {
		return err
	}
	if l.after != nil {
		return l.after(records)
	}
	return nil
}

func has(records []provision.Record, key string) bool {
	return slices.ContainsFunc(records, func(r provision.Record) bool { return r.Key == key })
}

func queuedRecord(key string) provision.Record {
	return provision.Record{Key: key, Target: "t", State: provision.StateQueued}
}

// A groupTest is a ledger under Group. Its Stores start one after another while the first one is
// under way.
type groupTest struct {
	*testing.T

	inner *mergedLedger
	group provision.Ledger
	wg    sync.WaitGroup
	mu    sync.Mutex
	errs  map[string]error
	took  map[string]time.Duration
}

// groups runs a test in a bubble.
func groups(t *testing.T, inner *mergedLedger, play func(g *groupTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		play(&groupTest{T: t, inner: inner, group: provision.Group(inner), errs: map[string]error{}, took: map[string]time.Duration{}})
	})
}

// store starts a Store of records under the key of the first one. It returns when the Store waits.
func (g *groupTest) store(ctx context.Context, records ...provision.Record) {
	name, begun := records[0].Key+"/"+strconv.FormatInt(records[0].Revision, 10), time.Now()
	g.wg.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				g.note(name, fmt.Errorf("panic: %v", v), begun)
			}
		}()
		g.note(name, g.group.Store(ctx, records...), begun)
	})
	synctest.Wait()
}

func (g *groupTest) note(name string, err error, begun time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.errs[name], g.took[name] = err, time.Since(begun)
}

// stored checks which keys have a record.
func (g *groupTest) stored(keys ...string) {
	g.Helper()
	open, err := g.group.ListOpen(g.Context(), "", 1000)
	require.NoError(g, err)
	assert.Equal(g, keys, open)
}

func TestGroupMerges(t *testing.T) {
	t.Parallel()
	groups(t, &mergedLedger{}, func(g *groupTest) {
		for _, key := range []string{"a", "b", "c", "d"} {
			g.store(g.Context(), queuedRecord(key))
		}
		again := queuedRecord("b")
		again.Revision = 1
		g.store(g.Context(), again)                                 // of a queued record
		g.store(g.Context(), queuedRecord("g"), queuedRecord("b"))  // stale by then
		g.store(g.Context(), queuedRecord("g"))                     // after the previous one
		g.store(g.Context(), queuedRecord("e"), queuedRecord("e2")) // overtakes the previous ones
		g.wg.Wait()
		assert.Equal(g, []string{"a", "b c d e e2", "b", "g b", "g"}, g.inner.stores)
		assert.Equal(g, map[string]error{
			"a/0": nil, "b/0": nil, "c/0": nil, "d/0": nil, "b/1": nil, "g/0": nil, "e/0": nil,
		}, g.errs)
		g.stored("a", "b", "c", "d", "e", "e2", "g")
	})
}

// TestGroupIsBounded: a merged Store has a maximum size, and no Store is lost.
func TestGroupIsBounded(t *testing.T) {
	t.Parallel()
	groups(t, &mergedLedger{}, func(g *groupTest) {
		g.store(g.Context(), queuedRecord("first"))
		var want []string
		for i := range 600 {
			key := fmt.Sprintf("key-%03d", i)
			g.store(g.Context(), queuedRecord(key))
			want = append(want, key)
		}
		var large []provision.Record
		for i := range 300 {
			key := fmt.Sprintf("large-%03d", i)
			large = append(large, queuedRecord(key))
			want = append(want, key)
		}
		g.store(g.Context(), large...)
		g.wg.Wait()
		g.stored(append([]string{"first"}, want...)...)
		var sizes []int
		for _, names := range g.inner.stores {
			sizes = append(sizes, len(strings.Fields(names)))
		}
		assert.Equal(g, []int{1, 256, 256, 88, 300}, sizes)
	})
}

// TestGroupStale: only the caller with the stale record gets ErrStale. The records of a caller that
// has left are not stored.
func TestGroupStale(t *testing.T) {
	t.Parallel()
	groups(t, &mergedLedger{}, func(g *groupTest) {
		require.NoError(g, g.inner.Memory.Store(g.Context(), queuedRecord("b")))
		flies, cancel := context.WithTimeout(g.Context(), 1500*time.Millisecond)
		defer cancel()
		for _, key := range []string{"a", "b", "c"} {
			g.store(g.Context(), queuedRecord(key))
		}
		g.store(flies, queuedRecord("flies"))
		g.wg.Wait()
		require.ErrorIs(g, g.errs["flies/0"], context.DeadlineExceeded)
		delete(g.errs, "flies/0")
		assert.Equal(g, map[string]error{"a/0": nil, "b/0": provision.ErrStale, "c/0": nil}, g.errs)
		g.stored("a", "b", "c")
	})
}

// TestGroupBadRecord: a bad record is refused before another caller waits for it. If only the
// ledger finds it, the others are still stored.
func TestGroupBadRecord(t *testing.T) {
	t.Parallel()
	errBad := errors.New("a bad record")
	inner := &mergedLedger{fail: func(_ context.Context, records []provision.Record) error {
		if has(records, "unlucky") {
			return errBad
		}
		return nil
	}}
	groups(t, inner, func(g *groupTest) {
		g.store(g.Context(), queuedRecord("a"))
		g.store(g.Context(), queuedRecord("bad\n"))
		g.store(g.Context(), queuedRecord("twice"), queuedRecord("twice"))
		assert.Contains(g, g.errs, "bad\n/0")
		assert.Contains(g, g.errs, "twice/0")
		require.Error(g, g.errs["bad\n/0"])
		require.Error(g, g.errs["twice/0"])
		g.store(g.Context(), queuedRecord("b"))
		g.store(g.Context(), queuedRecord("unlucky"))
		g.store(g.Context(), queuedRecord("c"))
		g.wg.Wait()
		require.ErrorIs(g, g.errs["unlucky/0"], errBad)
		require.NoError(g, g.errs["b/0"])
		require.NoError(g, g.errs["c/0"])
		g.stored("a", "b", "c")
		assert.Equal(g, []string{"a", "b unlucky c"}, g.inner.stores[:2])
	})
}

// TestGroupOfFailingLedger: every caller in the merged Store gets the error.
func TestGroupOfFailingLedger(t *testing.T) {
	t.Parallel()
	errDown := errors.New("the database is down")
	inner := &mergedLedger{fail: func(_ context.Context, records []provision.Record) error {
		if has(records, "a") || has(records, "b") || has(records, "c") {
			return errDown
		}
		return nil
	}}
	groups(t, inner, func(g *groupTest) {
		g.store(g.Context(), queuedRecord("a"))
		g.store(g.Context(), queuedRecord("b"))
		g.store(g.Context(), queuedRecord("c"))
		time.Sleep(1500 * time.Millisecond) // the two are under way
		g.store(g.Context(), queuedRecord("d"))
		g.wg.Wait()
		assert.Equal(g, errDown, g.errs["a/0"], "it was alone")
		require.ErrorIs(g, g.errs["b/0"], errDown)
		require.ErrorIs(g, g.errs["c/0"], errDown)
		require.NoError(g, g.errs["d/0"])
		g.stored("d")
	})
}

// TestGroupFailsAfterStoring: a Store that fails after storing must not look like a change by
// another run.
func TestGroupFailsAfterStoring(t *testing.T) {
	t.Parallel()
	errCommit := errors.New("the commit failed")
	inner := &mergedLedger{after: func(records []provision.Record) error {
		if len(records) > 1 {
			return errCommit
		}
		return nil
	}}
	groups(t, inner, func(g *groupTest) {
		for _, key := range []string{"a", "b", "c"} {
			g.store(g.Context(), queuedRecord(key))
		}
		g.wg.Wait()
		require.NoError(g, g.errs["a/0"])
		for _, name := range []string{"b/0", "c/0"} {
			require.ErrorIs(g, g.errs[name], errCommit)
			require.NotErrorIs(g, g.errs[name], provision.ErrStale)
			require.ErrorContains(g, g.errs[name], "it is not known whether the records are stored")
		}
	})
}

// TestGroupCanceled: if a caller leaves while its records wait, they are not stored. A caller that
// leaves later gets the result.
func TestGroupCanceled(t *testing.T) {
	t.Parallel()
	groups(t, &mergedLedger{}, func(g *groupTest) {
		over, cancel := context.WithCancel(g.Context())
		cancel()
		g.store(over, queuedRecord("over"))
		require.ErrorIs(g, g.errs["over/0"], context.Canceled)

		waits, cancelWaits := context.WithTimeout(g.Context(), 500*time.Millisecond)
		defer cancelWaits()
		flies, cancelFlies := context.WithTimeout(g.Context(), 1500*time.Millisecond)
		defer cancelFlies()
		g.store(g.Context(), queuedRecord("a"))
		g.store(waits, queuedRecord("waits")) // first in the queue
		g.store(flies, queuedRecord("leads")) // second in the queue
		g.store(flies, queuedRecord("flies"))
		g.store(g.Context(), queuedRecord("b"))
		g.wg.Wait()
		assert.Equal(g, []string{"a", "leads flies b"}, g.inner.stores)
		require.NoError(g, g.errs["leads/0"], "its records were stored")
		require.ErrorIs(g, g.errs["waits/0"], context.DeadlineExceeded)
		assert.Equal(g, 500*time.Millisecond, g.took["waits/0"])
		require.NoError(g, g.errs["flies/0"], "its records were stored")
		require.NoError(g, g.errs["b/0"], "the context of who leads is not that of the others")
		g.stored("a", "b", "flies", "leads")
	})
}

// holdLocked is a mergedLedger's fail. It holds the record "locked" until its caller leaves.
func holdLocked(ctx context.Context, records []provision.Record) error {
	if has(records, "locked") {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// TestGroupOfLockedRecord: another transaction holds a record. Its caller waits, and the others
// wait only briefly.
func TestGroupOfLockedRecord(t *testing.T) {
	t.Parallel()
	inner := &mergedLedger{fail: holdLocked}
	groups(t, inner, func(g *groupTest) {
		long, cancel := context.WithTimeout(g.Context(), time.Minute)
		defer cancel()
		g.store(g.Context(), queuedRecord("a"))
		g.store(g.Context(), queuedRecord("b"))
		g.store(long, queuedRecord("locked"))
		time.Sleep(1100 * time.Millisecond)
		g.store(g.Context(), queuedRecord("c"))
		time.Sleep(time.Minute) // "locked" waits alone
		g.store(g.Context(), queuedRecord("d"))
		g.wg.Wait()
		require.ErrorIs(g, g.errs["locked/0"], context.DeadlineExceeded)
		assert.Equal(g, time.Minute, g.took["locked/0"])
		for name, most := range map[string]time.Duration{"a/0": time.Second, "b/0": 4 * time.Second, "c/0": 3 * time.Second, "d/0": time.Second} {
			require.NoError(g, g.errs[name])
			assert.LessOrEqual(g, g.took[name], most, name)
		}
		g.stored("a", "b", "c", "d")
	})
}

// TestGroupOfLockedRecordAlone: a slow Store of one caller does not delay the others either.
func TestGroupOfLockedRecordAlone(t *testing.T) {
	t.Parallel()
	inner := &mergedLedger{fail: holdLocked}
	groups(t, inner, func(g *groupTest) {
		long, cancel := context.WithTimeout(g.Context(), time.Minute)
		defer cancel()
		g.store(long, queuedRecord("locked"))
		g.store(g.Context(), queuedRecord("a"))
		g.store(g.Context(), queuedRecord("b"))
		g.wg.Wait()
		assert.Equal(g, context.DeadlineExceeded, g.errs["locked/0"])
		assert.Equal(g, 3*time.Second, g.took["a/0"])
		assert.Equal(g, 3*time.Second, g.took["b/0"])
		g.stored("a", "b")
	})
}

// TestGroupPanics: the panic reaches the caller of the Store, and no other caller.
func TestGroupPanics(t *testing.T) {
	t.Parallel()
	inner := &mergedLedger{fail: func(_ context.Context, records []provision.Record) error {
		if has(records, "bomb") {
			panic("boom")
		}
		return nil
	}}
	groups(t, inner, func(g *groupTest) {
		for _, key := range []string{"bomb", "a", "b"} {
			g.store(g.Context(), queuedRecord(key))
		}
		g.wg.Wait()
		require.EqualError(g, g.errs["bomb/0"], "panic: boom")
		require.NoError(g, g.errs["a/0"])
		require.NoError(g, g.errs["b/0"])
		for _, key := range []string{"c", "bomb", "d"} {
			g.store(g.Context(), queuedRecord(key))
		}
		g.wg.Wait()
		require.EqualError(g, g.errs["bomb/0"], "panic: boom")
		require.NoError(g, g.errs["d/0"])
		g.stored("a", "b", "c", "d")
	})
}

// A mergedLoads is a ledger that needs a second for each read, and records it.
type mergedLoads struct {
	provision.Memory

	mu    sync.Mutex
	reads []string
	// fail is called after the second.
	fail func(ctx context.Context, keys []string) error
}

func (l *mergedLoads) Load(ctx context.Context, key string) ([]provision.Record, error) {
	return l.LoadMany(ctx, []string{key})
}

func (l *mergedLoads) LoadMany(ctx context.Context, keys []string) (all []provision.Record, err error) {
	l.mu.Lock()
	l.reads = append(l.reads, strings.Join(keys, " "))
	l.mu.Unlock()
	time.Sleep(time.Second)
	if l.fail != nil {
		if err := l.fail(ctx, keys); err != nil {
			return nil, err
		}
	}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		of, err := l.Memory.Load(ctx, key)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
}

// loads starts Loads one after another while the first one is under way, and returns their results.
func (l *mergedLoads) loads(t *testing.T, keys ...string) (found map[string]string) {
	t.Helper()
	group := provision.Group(l)
	found = map[string]string{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, key := range keys {
		ctx := t.Context()
		if strings.HasPrefix(key, "hasty") {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, 1500*time.Millisecond)
			defer cancel()
		}
		all.Go(func() {
			begun := time.Now()
			text := "panic"
			defer func() {
				_ = recover()
				mu.Lock()
				defer mu.Unlock()
				found[fmt.Sprint(i, " ", key)] = fmt.Sprint(text, " ", time.Since(begun))
			}()
			records, err := group.Load(ctx, key)
			if text = fmt.Sprint(err); err == nil {
				text = fmt.Sprint(len(records))
				for _, r := range records {
					text += r.Key
				}
			}
		})
		synctest.Wait()
	}
	all.Wait()
	return found
}

// TestGroupMergesLoads: Loads during another read become one read, and each caller gets its own
// records. A caller that leaves returns immediately. A caller whose merged read fails reads alone.
func TestGroupMergesLoads(t *testing.T) {
	t.Parallel()
	errDown := errors.New("down")
	for name, test := range map[string]struct {
		keys  []string
		fail  func(ctx context.Context, keys []string) error
		reads []string
		found map[string]string
	}{
		"merged": {
			keys:  []string{"a", "b", "c", "b", "none"},
			reads: []string{"a", "b c b none"},
			found: map[string]string{"0 a": "1a 1s", "1 b": "1b 2s", "2 c": "1c 2s", "3 b": "1b 2s", "4 none": "0 2s"},
		},
		"one leaves": {
			keys:  []string{"a", "hasty", "b"},
			reads: []string{"a", "hasty b"},
			found: map[string]string{"0 a": "1a 1s", "1 hasty": "context deadline exceeded 1.5s", "2 b": "1b 2s"},
		},
		"the merged read fails": {
			keys: []string{"a", "b", "c"},
			fail: func(_ context.Context, keys []string) error {
				if slices.Contains(keys, "c") {
					return errDown
				}
				return nil
			},
			reads: []string{"a", "b c", "b", "c"},
			found: map[string]string{"0 a": "1a 1s", "1 b": "1b 3s", "2 c": "down 3s"},
		},
		"a panic": {
			keys: []string{"a", "b", "c"},
			fail: func(_ context.Context, keys []string) error {
				if slices.Contains(keys, "c") {
					panic("boom")
				}
				return nil
			},
			reads: []string{"a", "b c", "b", "c"},
			found: map[string]string{"0 a": "1a 1s", "1 b": "1b 3s", "2 c": "panic 3s"},
		},
		"the first takes long": {
			keys: []string{"a", "b"},
			fail: func(_ context.Context, keys []string) error {
				if slices.Contains(keys, "a") {
					time.Sleep(time.Minute)
				}
				return nil
			},
			reads: []string{"a", "b"},
			found: map[string]string{"0 a": "1a 1m1s", "1 b": "1b 3s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &mergedLoads{fail: test.fail}
				for _, key := range []string{"a", "b", "c"} {
					require.NoError(t, l.Store(t.Context(), queuedRecord(key)))
				}
				assert.Equal(t, test.found, l.loads(t, test.keys...))
				slices.Sort(l.reads[min(2, len(l.reads)):])
				assert.Equal(t, test.reads, l.reads)
			})
		})
	}
}

func TestGroupOfNothing(t *testing.T) {
	t.Parallel()
	assert.Nil(t, provision.Group(nil))
	g := provision.Group(new(provision.Memory))
	require.NoError(t, g.Store(t.Context()))
	require.NoError(t, g.Store(t.Context(), queuedRecord("planted-key")))
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", g, g, g, g), "planted-key")
}
