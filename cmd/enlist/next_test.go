package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

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
		{importing{report: bulk.Report{RowsDone: 1}, err: assert.AnError}, exitFailed},
		{importing{report: bulk.Report{RowsRefused: 1}, err: assert.AnError}, exitRefused},
		{importing{report: bulk.Report{RowsDone: 1}, err: assert.AnError, stopped: true}, exitOpen},
		{importing{report: bulk.Report{RowsUnknown: 1}, err: assert.AnError, stopped: true}, exitUnknown},
	} {
		assert.Equal(t, c.code, max(c.rowsCode(), c.errCode()), c.report)
	}
}
