package ledgertest

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/userapi/provision"
)

// badNames can name nothing.
var badNames = map[string]string{
	"empty": "", "too long": strings.Repeat("n", 256), "too long in bytes": strings.Repeat("ж", 128), "NUL": "a\x00b",
	"line": "a\nb", "tab": "\t", "control": "\x1f", "DEL": "\x7f", "not UTF-8": "a\xff", "half a character": "ж"[:1],
}

// badTexts are texts that no field takes.
var badTexts = map[string]string{
	"too long": strings.Repeat("x", 1025), "too long in bytes": strings.Repeat("ж", 513), "NUL": "a\x00b", "not UTF-8": "\xc0\x80",
}

var refusedChecks = []check{
	{"refused/key", func(t *testing.T, b *bench) {
		for why, name := range badNames {
			b.refusesEdited(t, "Key "+why, func(r *provision.Record) { r.Key = name })
		}
	}},
	{"refused/target", func(t *testing.T, b *bench) {
		for why, name := range badNames {
			b.refusesEdited(t, "Target "+why, func(r *provision.Record) { r.Target = name })
		}
	}},
	{"refused/state", func(t *testing.T, b *bench) {
		for _, state := range []provision.State{"", "Queued", "queued ", "done"} {
			b.refusesEdited(t, "State "+string(state), func(r *provision.Record) { r.State = state })
		}
	}},
	{"refused/revision", func(t *testing.T, b *bench) {
		for _, revision := range []int64{-1, math.MinInt64} {
			b.refusesEdited(t, "a negative Revision", func(r *provision.Record) { r.Revision = revision })
		}
	}},
	{"refused/texts", func(t *testing.T, b *bench) {
		for why, text := range badTexts {
			b.refusesEdited(t, "Provider "+why, func(r *provision.Record) { r.Provider = text })
			b.refusesEdited(t, "UserID "+why, func(r *provision.Record) { r.UserID = text })
			b.refusesEdited(t, "Request "+why, func(r *provision.Record) { r.Request = text })
			b.refusesEdited(t, "Sent "+why, func(r *provision.Record) { r.Sent = text })
			b.refusesEdited(t, "Owner "+why, func(r *provision.Record) { r.Owner = text })
		}
	}},
}

// refusesEdited checks that a record with a fault is refused, and good ones beside it with it.
func (b *bench) refusesEdited(t *testing.T, fault string, edit func(*provision.Record)) {
	t.Helper()
	bad := queued("key", "target")
	edit(&bad)
	for _, records := range [][]provision.Record{{bad}, {queued("a", "a"), bad, queued("z", "z")}} {
		if !b.refuses(t, records...) {
			t.Errorf("a record with this fault was taken: %s", fault)
		}
	}
}

// refuses checks that records are refused and nothing is stored, and reports so.
func (b *bench) refuses(t *testing.T, records ...provision.Record) (ok bool) {
	t.Helper()
	switch err := b.Store(t.Context(), records...); {
	case err == nil:
		t.Error("Store took what no ledger takes")
		return false
	case errors.Is(err, provision.ErrStale):
		t.Error("Store returns ErrStale for a record that no ledger may store: a caller that loads and tries again would never end")
		return false
	}
	if keys := b.all(t, 100); len(keys) > 0 {
		t.Errorf("a Store that was refused left records of %q", keys)
		return false
	}
	return true
}
