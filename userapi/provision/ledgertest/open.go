package ledgertest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

var openChecks = []check{
	{"open/none", func(t *testing.T, b *bench) {
		b.opens(t)
		done := queued("key", "target")
		done.State = provision.StateCreated
		b.store(t, done)
		b.opens(t)
	}},
	{"open/every_state_and_kind", func(t *testing.T, b *bench) {
		var records []provision.Record
		var want []string
		for _, state := range states {
			for _, kind := range kinds {
				for _, unfinished := range []bool{false, true} {
					r := queued(fmt.Sprintf("%s %v %v", state, kind, unfinished), "target")
					r.State, r.Kind, r.Unfinished = state, kind, unfinished
					records = append(records, r)
					if r.Open() {
						want = append(want, r.Key)
					}
				}
			}
		}
		b.store(t, records...)
		slices.Sort(want)
		if got := b.all(t, 1000); !slices.Equal(got, want) {
			t.Errorf("Open does not follow Record.Open: missing %q, too many %q", without(want, got), without(got, want))
		}
	}},
	{"open/follows_changes", func(t *testing.T, b *bench) {
		r := queued("key", "target")
		for revision, step := range []struct {
			state      provision.State
			kind       userapi.Kind
			unfinished bool
			open       bool
		}{
			{provision.StateQueued, userapi.KindUnknown, false, true},
			{provision.StateCreated, userapi.KindUnknown, false, false},
			{provision.StateCreated, userapi.KindUnknown, true, true},
			{provision.StateRejected, userapi.KindInvalid, false, false},
			{provision.StateRejected, userapi.KindUnavailable, false, true},
			{provision.StateUndone, userapi.KindUnknown, false, false},
		} {
			r.Revision, r.State, r.Kind, r.Unfinished = int64(revision), step.state, step.kind, step.unfinished
			b.store(t, r)
			if step.open {
				b.opens(t, "key")
			} else {
				b.opens(t)
			}
		}
	}},
	{"open/several_targets", func(t *testing.T, b *bench) {
		done := queued("", "")
		done.State = provision.StateUndone
		of := func(r provision.Record, key, target string) provision.Record {
			r.Key, r.Target = key, target
			return r
		}
		b.store(t,
			queued("both", "a"), queued("both", "b"),
			queued("first", "a"), of(done, "first", "b"),
			of(done, "last", "a"), queued("last", "b"),
			of(done, "none", "a"), of(done, "none", "b"))
		b.opens(t, "both", "first", "last")
		if got := b.all(t, 1); !slices.Equal(got, []string{"both", "first", "last"}) {
			t.Errorf("Open, one at a time, returned %q: a key of several targets is one key", got)
		}
	}},
	{"open/order", func(t *testing.T, b *bench) {
		for i := range orderedNames {
			b.store(t, queued(orderedNames[(i*7)%len(orderedNames)], "target"))
		}
		b.opens(t, orderedNames...)
	}},
	{"open/pages", func(t *testing.T, b *bench) {
		var records []provision.Record
		for _, name := range orderedNames {
			records = append(records, queued(name, "a"), queued(name, "b"))
		}
		b.store(t, records...)
		for _, limit := range []int{1, 2, 3, len(orderedNames) - 1, len(orderedNames), len(orderedNames) + 1, math.MaxInt} {
			if got := b.all(t, limit); !slices.Equal(got, orderedNames) {
				t.Errorf("Open by pages of %d: missing %q, too many %q, or in another order",
					limit, without(orderedNames, got), without(got, orderedNames))
			}
		}
	}},
	{"open/limit_below_one", func(t *testing.T, b *bench) {
		b.store(t, queued("a", "target"), queued("b", "target"))
		for _, limit := range []int{0, -1, math.MinInt} {
			keys, err := b.ListOpen(t.Context(), "", limit)
			if err != nil || len(keys) == 0 || keys[0] != "a" {
				t.Errorf("Open with limit %d returned %q, %v: there is one, so it must return one", limit, keys, err)
			}
		}
	}},
	{"open/after", func(t *testing.T, b *bench) {
		b.store(t, queued("b", "target"), queued("d", "target"), queued("B", "target"))
		for _, test := range []struct {
			after string
			want  []string
		}{
			{"", []string{"B", "b", "d"}},
			{"A", []string{"B", "b", "d"}},
			{"B", []string{"b", "d"}},
			{"a", []string{"b", "d"}},
			{"b", []string{"d"}},
			{"b ", []string{"d"}},
			{"c", []string{"d"}},
			{"%", []string{"B", "b", "d"}},
			{"d", nil},
			{"e", nil},
			{"é", nil},
		} {
			keys, err := b.ListOpen(t.Context(), test.after, 10)
			if err != nil || !slices.Equal(keys, test.want) {
				t.Errorf("Open after %q returned %q, %v, want %q", test.after, keys, err, test.want)
			}
		}
	}},
}

// without returns what of the one is not in the other.
func without(of, in []string) []string {
	return slices.DeleteFunc(slices.Clone(of), func(s string) bool { return slices.Contains(in, s) })
}
