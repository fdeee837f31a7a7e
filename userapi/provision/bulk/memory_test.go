//go:build !race

// The race detector's own memory is not what is measured, and a million rows take it long.

package bulk_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// TestConstantMemory reads a million rows, and finds no more in use after the last than after
// the first thousand.
func TestConstantMemory(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	const rows = 1_000_000
	for name, s := range map[string]bulk.Source{
		"CSV": bulk.CSV(&generator{header: "id,email,name\n", rows: rows, row: func(i int) string {
			return fmt.Sprintf("%d,p%d@example.com,\"Person, %d\"\n", i, i, i)
		}}, bulk.CSVOptions{}),
		"JSON Lines": bulk.JSONLines(&generator{rows: rows, row: func(i int) string {
			return fmt.Sprintf(`{"id":%d,"email":"p%d@example.com","name":"Person"}`+"\n", i, i)
		}}),
	} {
		var first, last uint64
		n := 0
		for row, err := range s.Rows(t.Context()) {
			require.NoError(t, err)
			n++
			if n == 1000 || n == rows {
				first, last = last, inUse()
			}
			_ = row
		}
		assert.Equal(t, rows, n, name)
		assert.Less(t, last, first+256<<10, name)
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
