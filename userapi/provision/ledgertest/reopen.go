package ledgertest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi/provision"
)

var reopenChecks = []check{
	{"reopen/finds_everything", func(t *testing.T, b *bench) {
		var records []provision.Record
		for i, state := range states {
			r := full("states", fmt.Sprintf("%02d", i))
			r.State = state
			records = append(records, r)
		}
		for i, name := range oddTexts {
			r := queued(name, "target")
			r.UserID, r.Started = name, time.Date(2026, 1, 1, 0, 0, i, i*1000, time.UTC)
			records = append(records, r)
		}
		want := b.store(t, records...)
		open := b.all(t, 100)

		b.reopen(t)
		got := b.load(t, "states")
		if len(got) != len(states) {
			t.Fatalf("%d records after reopening, want %d", len(got), len(states))
		}
		for i := range got {
			if got[i].State == provision.StateInFlight && got[i].Until.IsZero() {
				got[i].Until = want[i].Until // it was freed
			}
			same(t, got[i], want[i])
		}
		for _, r := range want[len(states):] {
			b.holds(t, r.Key, r)
		}
		if got := b.all(t, 100); !slices.Equal(got, open) {
			t.Errorf("Open returned %q after reopening, %q before", got, open)
		}
	}},
	{"reopen/last_revision", func(t *testing.T, b *bench) {
		r := queued("key", "target")
		for revision := range int64(3) {
			b.store(t, owned(at(r, revision), "before"))
		}
		b.stale(t, owned(at(r, 1), "late"))
		b.reopen(t)
		b.holds(t, "key", owned(at(r, 3), "before"))
		b.stale(t, owned(at(r, 2), "late"))
		b.stale(t, owned(r, "late"))
		want := b.store(t, owned(at(r, 3), "after"), queued("other", "target"))
		b.reopen(t)
		b.holds(t, "key", want[0])
		b.holds(t, "other", want[1])
	}},
	{"reopen/nothing_of_what_failed", func(t *testing.T, b *bench) {
		kept := b.store(t, queued("key", "a"))
		b.stale(t, queued("key", "a"), queued("key", "b"), queued("new", "a"))
		ctx, _ := over(t, false)
		if err := b.Store(ctx, queued("new", "b")); err == nil {
			t.Error("Store with a context that is over succeeded")
		}
		b.reopen(t)
		b.holds(t, "key", kept...)
		b.holds(t, "new")
	}},
	{"reopen/empty", func(t *testing.T, b *bench) {
		b.reopen(t)
		b.opens(t)
		b.holds(t, "key", b.store(t, queued("key", "target"))...)
	}},
}

// reopen puts the ledger in its place that a new process finds.
func (b *bench) reopen(t *testing.T) {
	t.Helper()
	b.Ledger = b.h.Reopen(t, b.Ledger)
	if b.Ledger == nil {
		t.Fatal("Harness.Reopen returned nil")
	}
}
