package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// TestCodes: the exit code is the highest that applies.
func TestCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		importing
		code int
	}{
		{importing{report: bulk.Report{RowsDone: 1}}, exitDone},
		{importing{report: bulk.Report{RowsDone: 1, RowsRefused: 1}}, exitRefused},
		{importing{report: bulk.Report{RowsAtFault: 1}}, exitRefused},
		{importing{report: bulk.Report{RowsRefused: 1, RowsOpen: 1}}, exitOpen},
		{importing{report: bulk.Report{RowsRefused: 1, RowsOpen: 1, RowsUnknown: 1}}, exitUnknown},
		{importing{report: bulk.Report{RowsDone: 1}, cut: true}, exitOpen},
		{importing{report: bulk.Report{RowsDone: 1}, err: assert.AnError}, exitFailed},
		{importing{report: bulk.Report{RowsRefused: 1}, err: assert.AnError}, exitRefused},
		{importing{report: bulk.Report{RowsDone: 1}, err: assert.AnError, stopped: true}, exitOpen},
		{importing{report: bulk.Report{RowsUnknown: 1}, err: assert.AnError, stopped: true}, exitUnknown},
	} {
		assert.Equal(t, c.code, max(c.rowsCode(), c.errCode()), c.report)
	}
}

// TestNext: each state is told as what it is, and nothing more is claimed.
func TestNext(t *testing.T) {
	t.Parallel()
	c := &config.Config{Targets: []config.Target{{Name: "identity"}, {Name: "crm"}}}
	refused := func(kind userapi.Kind, code string) bulk.RefusedCount {
		return bulk.RefusedCount{Target: "crm", Kind: kind, Code: code, Rows: 1}
	}
	for name, test := range map[string]struct {
		r         importing
		says, not []string
	}{
		"different": {importing{report: bulk.Report{RowsRefused: 1, States: []bulk.StateCount{{Target: "crm", State: bulk.StateDifferent, Rows: 1}, {Target: "identity", State: bulk.StateDifferent, Rows: 1}},
			Refused: []bulk.RefusedCount{refused(userapi.KindInvalid, "request_changed, different")}}},
			[]string{"different, 1 at crm and 1 at identity: the key was used before with another row. Nothing was changed at the vendor. If the row was changed, restore it", "Nothing was changed at the vendor", "1 row was refused. Correct a copy of the rejects"}, []string{"no user there"}},
		"undone": {importing{report: bulk.Report{RowsRefused: 2, Refused: []bulk.RefusedCount{refused(userapi.KindInvalid, "undone, taken")}}},
			[]string{"give the job another name"}, []string{"Correct a copy"}},
		"kept": {importing{report: bulk.Report{RowsDone: 2, States: []bulk.StateCount{{Target: "identity", State: bulk.StateKept, Rows: 2}}}},
			[]string{"kept, 2 at identity: these users were created before the rows were changed"}, []string{"Correct a copy", "refused"}},
		"unfinished": {importing{report: bulk.Report{RowsOpen: 1, States: []bulk.StateCount{{Target: "crm", State: bulk.StateUnfinished, Rows: 1}}}},
			[]string{"1 row was left open", "unfinished, 1 at crm: the users exist"}, []string{"refused. ", "no user there", "Correct a copy"}},
		"credentials": {importing{report: bulk.Report{RowsRefused: 2, Refused: []bulk.RefusedCount{refused(userapi.KindForbidden, "")}}},
			[]string{"crm refuses the credentials"}, []string{"Correct a copy", "identity refuses"}},
		"credentials and a row": {importing{report: bulk.Report{RowsRefused: 2, Refused: []bulk.RefusedCount{refused(userapi.KindForbidden, ""), refused(userapi.KindConflict, "taken")}}},
			[]string{"crm refuses the credentials", "2 rows were refused. Correct a copy"}, []string{"no user there. Correct a"}},
		"deleting": {importing{report: bulk.Report{RowsUnknown: 3}, deleting: 1},
			[]string{"it is unknown whether the users of 2 rows exist", "an undo is deleting the users of 1 row, or was killed. Run enlist undo again"}, []string{"Correct a copy"}},
		"only deleting": {importing{report: bulk.Report{RowsUnknown: 1}, deleting: 1}, []string{"Run enlist undo again"}, []string{"unknown"}},
	} {
		test.r.c = c
		kept := map[string]string{}
		if name == "unfinished" {
			kept["rejects"] = "x.csv"
		}
		text := strings.Join(test.r.next(kept, nil), "\n")
		for _, says := range test.says {
			assert.Contains(t, text, says, name)
		}
		for _, not := range test.not {
			assert.NotContains(t, text, not, name)
		}
	}
}

// TestFates: status says of a record what an import would.
func TestFates(t *testing.T) {
	t.Parallel()
	record := func(s provision.State, k userapi.Kind) provision.Record { return provision.Record{State: s, Kind: k} }
	lost, decided := record(provision.StateRejected, userapi.KindNotFound), record(provision.StateRejected, userapi.KindNotFound)
	lost.Lost, decided.Decided = true, true
	for want, records := range map[fate][]provision.Record{
		fateDone: {
			record(provision.StateCreated, 0), record(provision.StateRecovered, 0), record(provision.StateExisting, 0), record(provision.StateUndone, 0),
		},
		fateRefused: {
			record(provision.StateRejected, userapi.KindInvalid), record(provision.StateRejected, userapi.KindConflict), record(provision.StateRejected, userapi.KindUnauthorized),
			record(provision.StateRejected, userapi.KindForbidden), record(provision.StateRejected, userapi.KindNotFound), record(provision.StateRejected, userapi.KindProtocol),
			record(provision.StateNotSent, userapi.KindInvalid), record(provision.StateNotSent, userapi.KindUnknown),
		},
		fateOpen: {
			record(provision.StateQueued, 0), record(provision.StateInFlight, 0), {State: provision.StateCreated, Unfinished: true, Kind: userapi.KindInvalid},
			record(provision.StateRejected, userapi.KindUnavailable), record(provision.StateRejected, userapi.KindRateLimited), record(provision.StateNotSent, userapi.KindTimeout),
			record(provision.StateNotSent, userapi.KindCanceled), lost, decided,
		},
		fateDeleting: {record(provision.StateDeleting, 0)},
		fateUnknown:  {record(provision.StateUnknown, userapi.KindTimeout)},
	} {
		for _, r := range records {
			assert.Equal(t, want, fateOf(r), r)
			assert.Equal(t, want == fateDone && r.State != provision.StateUndone, nextOf(r) == "", r)
		}
	}
}

// TestWaitsFor: what waits is open, unless a target before it is one that a further import leaves.
func TestWaitsFor(t *testing.T) {
	t.Parallel()
	s := &status{config: &config.Config{Targets: []config.Target{{Name: "a"}, {Name: "b", After: []string{"a"}}, {Name: "c", After: []string{"b"}}, {Name: "d"}}}}
	queued := func(target string) provision.Record {
		return provision.Record{Target: target, State: provision.StateQueued}
	}
	for _, c := range []struct {
		first provision.State
		want  fate
	}{
		{provision.StateRejected, fateRefused},
		{provision.StateUnknown, fateUnknown},
		{provision.StateDeleting, fateDeleting},
		{provision.StateCreated, fateDone},
		{provision.StateQueued, fateDone},
	} {
		records := []provision.Record{{Target: "a", State: c.first}, queued("b"), queued("c"), queued("d"), queued("e")}
		for i, r := range records {
			want := c.want
			if i == 0 || i > 2 {
				want = fateDone
			}
			assert.Equal(t, want, s.waitsFor(r, records), "%s after %s", r.Target, c.first)
		}
	}
}
