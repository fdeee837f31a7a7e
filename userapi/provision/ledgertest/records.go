package ledgertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

var states = []provision.State{
	provision.StateQueued, provision.StateInFlight, provision.StateUnknown, provision.StateNotSent, provision.StateRejected,
	provision.StateCreated, provision.StateRecovered, provision.StateExisting, provision.StateDeleting, provision.StateUndone,
}

var kinds = []userapi.Kind{
	userapi.KindUnknown, userapi.KindInvalid, userapi.KindConflict, userapi.KindUnauthorized, userapi.KindForbidden,
	userapi.KindNotFound, userapi.KindRateLimited, userapi.KindUnavailable, userapi.KindProtocol, userapi.KindCanceled,
	userapi.KindTimeout,
}

var proofs = []userapi.Proof{
	userapi.ProofNone, userapi.ProofReply, userapi.ProofID, userapi.ProofKey, userapi.ProofMatch,
}

// full returns a record with every field set.
func full(key, target string) provision.Record {
	return provision.Record{
		Key: key, Target: target, State: provision.StateExisting, Kind: userapi.KindRateLimited, Provider: "provider",
		UserID: "user-id", Proof: userapi.ProofMatch, Unfinished: true, Decided: true, Lost: true, Closed: true, Request: "request", Sent: "sent",
		Owner:   "owner",
		Until:   time.Date(2031, 1, 2, 3, 4, 5, 678901000, time.UTC),
		Started: time.Date(2032, 2, 3, 4, 5, 6, 789012000, time.UTC),
		Changed: time.Date(2033, 3, 4, 5, 6, 7, 890123000, time.UTC),
	}
}

// oddTexts are texts that some store alters, or takes as something else than a text.
var oddTexts = []string{
	`it's "quoted" and \escaped\ ; DROP TABLE enlist_ledger; --`,
	"%", "_", "*?[a-z]", "$1 ? :name @name {0}", "NULL", "0", "00", "1.0", "1e3", "true", "2026-01-02",
	" blank before", "blank after ", "  ",
	"Zażółć gęślą jaźń", "ключ", "鍵", "🔑", "e\u0301", "\u00e9", "\u202eright to left", "\u00a0", "zero\u200bwidth", "\ufffd", "\ufeff",
}

var recordChecks = []check{
	{"record/every_field", func(t *testing.T, b *bench) {
		b.holds(t, "key", b.store(t, full("key", "target"))...)
	}},
	{"record/zero_fields", func(t *testing.T, b *bench) {
		b.holds(t, "key", b.store(t, queued("key", "target"))...)
	}},
	{"record/cleared_fields", func(t *testing.T, b *bench) {
		b.store(t, full("key", "target"))
		b.holds(t, "key", b.store(t, at(queued("key", "target"), 1))...)
	}},
	{"record/changed_fields", func(t *testing.T, b *bench) {
		b.store(t, queued("key", "target"))
		b.holds(t, "key", b.store(t, at(full("key", "target"), 1))...)
	}},
	{"record/states_kinds_proofs", func(t *testing.T, b *bench) {
		var records []provision.Record
		for i, state := range states {
			r := full("states", fmt.Sprintf("%02d", i))
			r.State = state
			records = append(records, r)
		}
		for i, kind := range kinds {
			r := full("kinds", fmt.Sprintf("%02d", i))
			r.Kind = kind
			records = append(records, r)
		}
		for i, proof := range proofs {
			r := full("proofs", fmt.Sprintf("%02d", i))
			r.Proof = proof
			records = append(records, r)
		}
		want := b.store(t, records...)
		b.holds(t, "states", want[:len(states)]...)
		b.holds(t, "kinds", want[len(states):len(states)+len(kinds)]...)
		b.holds(t, "proofs", want[len(states)+len(kinds):]...)
	}},
	{"record/flags_alone", func(t *testing.T, b *bench) {
		unfinished, decided, lost, closed := queued("key", "1"), queued("key", "2"), queued("key", "3"), queued("key", "4")
		unfinished.Unfinished, decided.Decided, lost.Lost, closed.Closed = true, true, true, true
		b.holds(t, "key", b.store(t, unfinished, decided, lost, closed)...)
	}},
	{"record/odd_texts", func(t *testing.T, b *bench) {
		texts := append(slices.Clone(oddTexts),
			"a\nline\r\n", "\ttab", "\x01\x1f\x7f", strings.Repeat("x", 1024), strings.Repeat("ж", 512), strings.Repeat("🔑", 256))
		for i, text := range texts {
			r := queued("texts", fmt.Sprintf("%02d", i))
			r.Provider, r.UserID, r.Request, r.Sent, r.Owner = text, text, text, text, text
			b.store(t, r)
			same(t, b.load(t, "texts")[i], held(r)[0])
		}
	}},
	{"record/odd_names", func(t *testing.T, b *bench) {
		names := append(slices.Clone(oddTexts), strings.Repeat("n", 255), strings.Repeat("ж", 127)+"n", strings.Repeat("🔑", 63)+"abc")
		for _, name := range names {
			b.store(t, owned(queued(name, "target"), "as key"), owned(queued("key", name), "as target"))
			b.holds(t, name, held(owned(queued(name, "target"), "as key"))...)
		}
		slices.Sort(names)
		var want []provision.Record
		for _, name := range names {
			want = append(want, held(owned(queued("key", name), "as target"))...)
		}
		b.holds(t, "key", want...)
		keys := append(names, "key")
		slices.Sort(keys)
		b.opens(t, keys...)
	}},
	{"record/times", func(t *testing.T, b *bench) {
		east, west := time.FixedZone("east", 5*60*60+45*60), time.FixedZone("", -9*60*60)
		for i, when := range []time.Time{
			time.Now(), // with a monotonic clock
			time.Date(2026, 7, 1, 12, 0, 0, 0, east),
			time.Date(2026, 12, 31, 23, 59, 59, 999999999, west),
			time.Date(2026, 3, 29, 2, 30, 0, 1001, time.UTC),
			time.Date(1969, 12, 31, 23, 59, 59, 999998999, time.UTC),
			time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC),
			time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
			time.Time{}.In(east),
		} {
			r := queued("times", fmt.Sprintf("%02d", i))
			r.Until, r.Started, r.Changed = when, when.Add(time.Duration(i)*time.Microsecond), time.Time{}
			if when.IsZero() {
				r.Started = when
			}
			b.store(t, r)
			same(t, b.load(t, "times")[i], held(r)[0])
		}
	}},
	{"record/unknown_key", func(t *testing.T, b *bench) {
		b.holds(t, "nobody")
		b.store(t, queued("key", "target"))
		b.holds(t, "nobody")
	}},
	{"record/order", func(t *testing.T, b *bench) {
		names := slices.Clone(orderedNames)
		slices.Reverse(names)
		var records []provision.Record
		for _, name := range names {
			records = append(records, queued("key", name))
		}
		want := b.store(t, records...)
		slices.Reverse(want)
		b.holds(t, "key", want...)
	}},
	{"record/callers_own", func(t *testing.T, b *bench) {
		// Out of order, so that a ledger that sorts in place is found out.
		given := []provision.Record{full("key", "b"), full("key", "a")}
		given[0].Until = time.Date(2026, 1, 1, 0, 0, 0, 1, time.FixedZone("", 3600))
		before := slices.Clone(given)
		b.store(t, given...)
		if !slices.Equal(given, before) {
			t.Error("Store changed the caller's records")
		}
		given[0], given[1] = queued("other", "c"), queued("other", "d")
		want := held(before[1], before[0])
		b.holds(t, "key", want...)

		loaded := b.load(t, "key")
		for i := range loaded {
			loaded[i] = queued("other", "e")
		}
		b.holds(t, "key", want...)

		keys, err := b.ListOpen(t.Context(), "", 10)
		if err != nil || len(keys) != 1 {
			t.Fatalf("Open returned %q, %v, want one key", keys, err)
		}
		keys[0] = "other"
		b.opens(t, "key")
	}},
}

// orderedNames are in byte order, in which few collations have them.
var orderedNames = []string{
	" a", "#", "-", "-a", "-b", "1", "10", "1a", "2", "A", "AB", "Aa", "B", "Z", "_", "_a", "a", "a b", "a!", "a-b", "a-c", "a.b",
	"aB", "a_b", "ab", "ab-", "abc", "b", "z", "za", "~", "\u00a0", "É", "Ö", "ß", "à", "é", "ö", "ı", "Я", "я", "鍵", "\uffee", "🔑", "🔒",
}
