package ledgertest

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/enlist-go/enlist/userapi/provision"
)

var compareChecks = []check{
	{"store/revisions", func(t *testing.T, b *bench) {
		r := queued("key", "target")
		for revision := range int64(5) {
			r = at(owned(r, string(rune('a'+revision))), revision)
			b.holds(t, "key", b.store(t, r)...)
		}
	}},
	{"store/of_nothing", func(t *testing.T, b *bench) {
		b.store(t)
		b.store(t, []provision.Record{}...)
		b.opens(t)
		want := b.store(t, queued("key", "target"))
		b.store(t)
		b.holds(t, "key", want...)
	}},
	{"store/insert_over_a_record", func(t *testing.T, b *bench) {
		want := b.store(t, owned(queued("key", "target"), "first"))
		b.stale(t, owned(queued("key", "target"), "second"))
		b.holds(t, "key", want...)
	}},
	{"store/update_of_no_record", func(t *testing.T, b *bench) {
		b.stale(t, at(queued("key", "target"), 1))
		b.stale(t, at(queued("key", "target"), math.MaxInt64))
		b.holds(t, "key")
		b.opens(t)
	}},
	{"store/older_and_newer_revision", func(t *testing.T, b *bench) {
		r := queued("key", "target")
		b.store(t, r)
		b.store(t, at(r, 1))
		want := b.store(t, owned(at(r, 2), "last"))
		for _, revision := range []int64{0, 1, 2, 4, 5, math.MaxInt64} {
			b.stale(t, owned(at(r, revision), "late"))
		}
		b.holds(t, "key", want...)
	}},
	{"store/revision_of_another", func(t *testing.T, b *bench) {
		b.store(t, queued("key", "a"))
		b.store(t, at(queued("key", "a"), 1))
		other := b.store(t, queued("key", "b"))
		b.stale(t, at(queued("key", "b"), 2))
		b.holds(t, "key", at(queued("key", "a"), 2), other[0])
	}},
	{"store/several_at_once", func(t *testing.T, b *bench) {
		want := b.store(t, queued("one", "b"), queued("two", "a"), queued("one", "a"))
		b.holds(t, "one", want[2], want[0])
		b.holds(t, "two", want[1])
		// An update and an insert together.
		want = b.store(t, owned(want[0], "again"), queued("one", "c"))
		b.holds(t, "one", at(queued("one", "a"), 1), want[0], want[1])
	}},
	{"load/many", func(t *testing.T, b *bench) {
		if got := b.loadMany(t); len(got) > 0 {
			t.Errorf("LoadMany of no key returned %v", got)
		}
		want := b.store(t, queued("a", "2"), queued("a", "10"), queued("B", "1"), queued("ä", "1"), queued("z", "1"), queued(`it's "7"`, "1"))
		got := b.loadMany(t, "z", "ä", "a", "none", "B", "a", `it's "7"`)
		if sorted := []provision.Record{want[2], want[1], want[0], want[5], want[4], want[3]}; !slices.Equal(got, sorted) {
			t.Errorf("LoadMany returned %v, want %v", got, sorted)
		}
	}},
	{"store/all_or_none", func(t *testing.T, b *bench) {
		kept := b.store(t, queued("m", "b"), queued("m", "d"))
		late := owned(queued("m", "b"), "late")
		for _, records := range [][]provision.Record{
			{owned(kept[1], "late"), late},                       // an update behind what is stale
			{queued("a", "a"), late},                             // inserts before it
			{late, queued("z", "z")},                             // and behind it
			{queued("m", "a"), late, queued("m", "c")},           // of the same key
			{owned(kept[0], "late"), owned(at(kept[1], 7), "x")}, // an update before it
			{queued("a", "a"), at(queued("z", "z"), 1)},          // where the stale one is not stored at all
		} {
			b.stale(t, records...)
		}
		b.holds(t, "m", kept...)
		b.holds(t, "a")
		b.holds(t, "z")
		b.opens(t, "m")
		// Nothing stands in the way of the next one.
		b.holds(t, "m", b.store(t, kept...)...)
	}},
	{"store/one_name_twice", func(t *testing.T, b *bench) {
		for _, records := range [][]provision.Record{
			{queued("key", "target"), queued("key", "target")},
			{queued("key", "target"), at(queued("key", "target"), 1)},
			{queued("key", "target"), queued("other", "target"), owned(queued("key", "target"), "second")},
		} {
			b.refuses(t, records...)
		}
		b.holds(t, "other")
	}},
	{"store/context_over", func(t *testing.T, b *bench) {
		kept := b.store(t, queued("key", "target"))
		for _, deadline := range []bool{false, true} {
			ctx, want := over(t, deadline)
			for _, records := range [][]provision.Record{{queued("new", "target")}, {owned(kept[0], "late"), queued("new", "target")}} {
				if err := b.Store(ctx, records...); !errors.Is(err, want) {
					t.Errorf("Store with a context that is over returned %v, want %v", err, want)
				} else if errors.Is(err, provision.ErrStale) {
					t.Error("Store with a context that is over says that a record is stale")
				}
			}
		}
		b.holds(t, "key", kept...)
		b.holds(t, "new")
	}},
	{"load/context_over", func(t *testing.T, b *bench) {
		kept := b.store(t, queued("key", "target"))
		for _, deadline := range []bool{false, true} {
			// What is at hand may be returned; an empty answer would be a lie.
			ctx, want := over(t, deadline)
			if records, err := b.Load(ctx, "key"); err == nil && len(records) == len(kept) {
				same(t, records[0], kept[0])
			} else if !errors.Is(err, want) {
				t.Errorf("Load with a context that is over returned %d records, %v, want all or %v", len(records), err, want)
			}
			if keys, err := b.ListOpen(ctx, "", 10); (err != nil || len(keys) != 1) && !errors.Is(err, want) {
				t.Errorf("Open with a context that is over returned %q, %v, want all or %v", keys, err, want)
			}
		}
	}},
}
