package ledgertest

import (
	"testing"

	"github.com/enlist-go/enlist/userapi/provision"
)

// alike are names that some stores confuse.
var alike = [][]string{
	{"key", "KEY", "Key", "kEy"},
	{"key", "key ", " key", "key\u00a0", "key  ", "key\u200b", "key\u00ad", "\ufeffkey"},
	{"k", "ke", "key", "key1", "key12"},
	{"k_y", "key", "k%", "%", "_", "___", "k*", "k?y", "[k]ey", `k\_y`},
	{"1", "01", "1.0", "1e0", "+1", "true"},
	{"\u00e9", "e\u0301", "e", "\u00c9"},
	{"ss", "ß", "ẞ", "SS"},
	{"i", "I", "ı", "İ", "ⅰ", "i\u0307"},
	{"ａ", "a", "а", "ª"}, // full width, Latin, Cyrillic, ordinal
	{"ﬁ", "fi"},
	{"NULL", "null", "''", `""`},
}

var nameChecks = []check{
	{"names/keys_alike", func(t *testing.T, b *bench) {
		apart(t, b, func(name string) provision.Record { return queued(name, "target") })
	}},
	{"names/targets_alike", func(t *testing.T, b *bench) {
		apart(t, b, func(name string) provision.Record { return queued("key", name) })
	}},
	{"names/boundary_of_key_and_target", func(t *testing.T, b *bench) {
		ab, a := queued("ab", "c"), queued("a", "bc")
		slash, slashed := queued("x/y", "z"), queued("x", "y/z")
		b.store(t, ab)
		b.store(t, a)
		b.store(t, slash)
		b.store(t, slashed)
		b.holds(t, "ab", held(ab)...)
		b.holds(t, "a", held(a)...)
		b.holds(t, "x/y", held(slash)...)
		b.holds(t, "x", held(slashed)...)
	}},
}

// apart stores records with names that look alike, and checks that each is a record of
// its own.
func apart(t *testing.T, b *bench, record func(name string) provision.Record) {
	t.Helper()
	stored := map[string]bool{}
	for _, names := range alike {
		for _, name := range names {
			if stored[name] {
				continue
			}
			stored[name] = true
			if err := b.Store(t.Context(), owned(record(name), name)); err != nil {
				t.Errorf("Store of %q, with others that look like it stored, returned %v", name, err)
			}
		}
	}
	for name := range stored {
		// One more of each, so that a revision that was counted elsewhere is seen.
		if err := b.Store(t.Context(), owned(at(record(name), 1), name)); err != nil {
			t.Errorf("Store of %q again returned %v", name, err)
		}
	}
	for name := range stored {
		of := record(name)
		found := 0
		for _, r := range b.load(t, of.Key) {
			if r.Key != of.Key {
				t.Errorf("Load(%q) returned a record of %q", of.Key, r.Key)
			}
			if r.Target == of.Target {
				found++
				same(t, r, owned(at(of, 2), name))
			}
		}
		if found != 1 {
			t.Errorf("%d records of %q at %q, want 1", found, of.Key, of.Target)
		}
	}
}
