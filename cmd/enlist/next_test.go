package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// TestBlocked: a row is left to a further run unless a refusal is all that its targets wait for.
func TestBlocked(t *testing.T) {
	t.Parallel()
	of := func(d provision.Disposition, k userapi.Kind, code string) provision.Result {
		return provision.Result{Disposition: d, Err: &userapi.Error{Kind: k, Code: code}}
	}
	const rejected, notSent, unknown = provision.DispositionRejected, provision.DispositionNotSent, provision.DispositionUnknown
	waits := of(notSent, userapi.KindUnavailable, "waits")
	created := provision.Result{Disposition: provision.DispositionCreated}
	for _, c := range []struct {
		results []provision.Result
		blocked int64
	}{
		{[]provision.Result{of(rejected, userapi.KindConflict, ""), waits, created}, 1},
		{[]provision.Result{of(notSent, userapi.KindInvalid, ""), waits, waits}, 1},
		{[]provision.Result{of(rejected, userapi.KindConflict, "request_changed"), waits}, 1},
		{[]provision.Result{of(rejected, userapi.KindConflict, ""), created}, 0},
		{[]provision.Result{of(rejected, userapi.KindConflict, ""), waits, of(notSent, userapi.KindUnavailable, "paused")}, 0},
		{[]provision.Result{of(notSent, userapi.KindConflict, "in_progress"), waits}, 0},
		{[]provision.Result{of(rejected, userapi.KindNotFound, ""), waits}, 0},
		{[]provision.Result{of(rejected, userapi.KindRateLimited, ""), waits}, 0},
		{[]provision.Result{of(unknown, userapi.KindConflict, ""), waits}, 0},
		{[]provision.Result{of(unknown, userapi.KindTimeout, ""), waits}, 0},
		{[]provision.Result{created, created}, 0},
	} {
		var r importing
		r.add(bulk.RowResult{Results: c.results})
		assert.Equal(t, c.blocked, r.blocked, c.results)
	}
}

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
		{importing{report: bulk.Report{RowsRefused: 1, RowsOpen: 1}, blocked: 1}, exitRefused},
		{importing{report: bulk.Report{RowsRefused: 1, RowsOpen: 1, RowsUnknown: 1}}, exitUnknown},
		{importing{report: bulk.Report{RowsDone: 1}, err: assert.AnError}, exitFailed},
		{importing{report: bulk.Report{RowsRefused: 1}, err: assert.AnError}, exitRefused},
		{importing{report: bulk.Report{RowsDone: 1}, err: assert.AnError, stopped: true}, exitOpen},
		{importing{report: bulk.Report{RowsUnknown: 1}, err: assert.AnError, stopped: true}, exitUnknown},
	} {
		assert.Equal(t, c.code, max(c.rowsCode(), c.errCode()), c.report)
	}
}
