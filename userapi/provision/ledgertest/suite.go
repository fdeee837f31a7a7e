package ledgertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi/provision"
)

// A Harness provides an implementation of provision.Ledger to Run.
type Harness struct {
	// New makes an empty ledger that shares nothing with earlier ones. It ends with the
	// test.
	New func(t testing.TB) provision.Ledger
	// Reopen returns the ledger that a new process finds after the one that used l has
	// ended. l is not used again. It may release a StateInFlight, by a zero Until, if
	// no other process can hold it. nil means that a ledger ends with its process.
	Reopen func(t testing.TB, l provision.Ledger) provision.Ledger
}

// Run checks an implementation against the contract of provision.Ledger. Every check is
// a subtest of its own that runs in parallel with the others, on a ledger of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.New == nil {
		t.Fatal("ledgertest: Harness must have New")
	}
	for _, group := range [...][]check{recordChecks, compareChecks, openChecks, nameChecks, refusedChecks, raceChecks} {
		for _, c := range group {
			run(t, h, c)
		}
	}
	if h.Reopen != nil {
		for _, c := range reopenChecks {
			run(t, h, c)
		}
	}
}

func run(t *testing.T, h Harness, c check) {
	t.Helper()
	t.Run(c.name, func(t *testing.T) {
		t.Parallel()
		b := &bench{Ledger: h.New(t), h: h}
		if b.Ledger == nil {
			t.Fatal("Harness.New returned nil")
		}
		c.run(t, b)
	})
}

// A check is one subtest.
type check struct {
	name string
	run  func(t *testing.T, b *bench)
}

// A bench is a ledger under test.
type bench struct {
	provision.Ledger

	h Harness
}

// queued returns a record with a name and an open state, and nothing else.
func queued(key, target string) provision.Record {
	return provision.Record{Key: key, Target: target, State: provision.StateQueued}
}

// owned returns the record with the given owner, by which a test tells its versions apart.
func owned(r provision.Record, owner string) provision.Record {
	r.Owner = owner
	return r
}

// at returns the record with a revision.
func at(r provision.Record, revision int64) provision.Record {
	r.Revision = revision
	return r
}

// store stores records, which must succeed, and returns them as they are then held.
func (b *bench) store(t *testing.T, records ...provision.Record) []provision.Record {
	t.Helper()
	if err := b.Store(t.Context(), records...); err != nil {
		t.Fatalf("Store failed: %v", err)
	}
	return held(records...)
}

// stale stores records, which must fail with ErrStale.
func (b *bench) stale(t *testing.T, records ...provision.Record) {
	t.Helper()
	switch err := b.Store(t.Context(), records...); {
	case err == nil:
		t.Error("Store took a record of which another revision is stored")
	case !errors.Is(err, provision.ErrStale):
		t.Errorf("Store failed with %v, want an error that matches ErrStale", err)
	}
}

// load loads the records of a key, which must succeed.
func (b *bench) load(t *testing.T, key string) []provision.Record {
	t.Helper()
	records, err := b.Load(t.Context(), key)
	if err != nil {
		t.Fatalf("Load failed: %v", err)
	}
	if got := b.loadMany(t, key, key); !slices.Equal(got, records) {
		t.Errorf("LoadMany returned %v, and Load %v", got, records)
	}
	return records
}

// loadMany loads the records of several keys, at once if the ledger can.
func (b *bench) loadMany(t *testing.T, keys ...string) (records []provision.Record) {
	t.Helper()
	many, ok := b.Ledger.(provision.ManyLoader)
	if !ok {
		many = oneByOne{b.Ledger}
	}
	records, err := many.LoadMany(t.Context(), keys)
	if err != nil {
		t.Fatalf("LoadMany failed: %v", err)
	}
	return records
}

// oneByOne has LoadMany for a ledger that does not.
type oneByOne struct{ provision.Ledger }

func (l oneByOne) LoadMany(ctx context.Context, keys []string) (all []provision.Record, err error) {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		records, err := l.Load(ctx, key)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	return all, nil
}

// holds checks which records a key has, in their order.
func (b *bench) holds(t *testing.T, key string, want ...provision.Record) {
	t.Helper()
	got := b.load(t, key)
	if len(got) != len(want) {
		t.Errorf("Load(%q) returned %d records, want %d", key, len(got), len(want))
		return
	}
	for i := range got {
		same(t, got[i], want[i])
	}
}

// all returns every key with an open record, page by page.
func (b *bench) all(t *testing.T, limit int) []string {
	t.Helper()
	var keys []string
	after := ""
	for {
		page, err := b.ListOpen(t.Context(), after, limit)
		if err != nil {
			t.Fatalf("Open failed: %v", err)
		}
		if len(page) == 0 {
			return keys
		}
		if len(page) > limit {
			t.Errorf("Open returned %d keys, want at most %d", len(page), limit)
		}
		for _, key := range page {
			if key <= after {
				t.Fatalf("Open returned %q after %q", key, after)
			}
			after = key
		}
		keys = append(keys, page...)
	}
}

// opens checks which keys have an open record.
func (b *bench) opens(t *testing.T, want ...string) {
	t.Helper()
	if got := b.all(t, 100); !slices.Equal(got, want) {
		t.Errorf("Open returned %q, want %q", got, want)
	}
}

// held returns records as a ledger holds them after a Store: with the next revision,
// and with times in UTC and whole microseconds.
func held(records ...provision.Record) []provision.Record {
	records = slices.Clone(records)
	for i := range records {
		r := &records[i]
		r.Revision++
		r.Until, r.Started, r.Changed = whole(r.Until), whole(r.Started), whole(r.Changed)
	}
	return records
}

func whole(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// same checks that two records are equal, and names the fields that are not.
func same(t *testing.T, got, want provision.Record) {
	t.Helper()
	for _, f := range [...]struct {
		name      string
		got, want any
	}{
		{"Key", got.Key, want.Key},
		{"Target", got.Target, want.Target},
		{"Revision", got.Revision, want.Revision},
		{"State", got.State, want.State},
		{"Kind", got.Kind, want.Kind},
		{"Provider", got.Provider, want.Provider},
		{"UserID", got.UserID, want.UserID},
		{"Proof", got.Proof, want.Proof},
		{"Unfinished", got.Unfinished, want.Unfinished},
		{"Decided", got.Decided, want.Decided},
		{"Lost", got.Lost, want.Lost},
		{"Closed", got.Closed, want.Closed},
		{"Request", got.Request, want.Request},
		{"Sent", got.Sent, want.Sent},
		{"Owner", got.Owner, want.Owner},
	} {
		if f.got != f.want {
			t.Errorf("%q at %q: %s is %#v, want %#v", want.Key, want.Target, f.name, f.got, f.want)
		}
	}
	for _, f := range [...]struct {
		name      string
		got, want time.Time
	}{{"Until", got.Until, want.Until}, {"Started", got.Started, want.Started}, {"Changed", got.Changed, want.Changed}} {
		if !f.got.Equal(f.want) || f.got.IsZero() != f.want.IsZero() {
			t.Errorf("%q at %q: %s is %v, want %v", want.Key, want.Target, f.name, f.got, f.want)
		}
		if f.got.Location() != time.UTC {
			t.Errorf("%q at %q: %s is in %v, want UTC", want.Key, want.Target, f.name, f.got.Location())
		}
	}
}

// over returns a context that is done, and its error.
func over(t *testing.T, deadline bool) (context.Context, error) {
	t.Helper()
	if deadline {
		ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
		t.Cleanup(cancel)
		return ctx, context.DeadlineExceeded
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, context.Canceled
}
