//go:build !race

// The race detector needs memory of its own, and much time for a million rows.

package bulk_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// TestConstantMemory reads a million rows. After the last row no more memory is in use than after
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

// TestLongRowIsNotHeld reads a row of 64 MB, with and without quotes. Only the maximum row size is
// kept.
func TestLongRowIsNotHeld(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	part := strings.Repeat("x", 1<<20)
	for name, s := range map[string]bulk.Source{
		"quoted": bulk.CSV(&generator{header: "id\n\"", rows: 65, row: endAfter(part, "\"\n1\n")}, bulk.CSVOptions{}),
		"cells":  bulk.CSV(&generator{header: "id\n", rows: 65, row: endAfter(strings.Repeat(",", 1<<20), "\n1\n")}, bulk.CSVOptions{}),
		"plain":  bulk.CSV(&generator{header: "id\n", rows: 65, row: endAfter(part, "\n1\n")}, bulk.CSVOptions{}),
		"JSON":   bulk.JSONLines(&generator{rows: 65, row: endAfter(part, "\n{}\n")}),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rows, faults := 0, 0
		for _, err := range s.Rows(t.Context()) {
			if rows++; err != nil {
				faults++
			}
		}
		runtime.ReadMemStats(&after)
		assert.Equal(t, []int{2, 1}, []int{rows, faults}, name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), name)
	}
}

// endAfter returns 64 parts and then the end.
func endAfter(part, end string) func(int) string {
	return func(i int) string {
		if i > 64 {
			return end
		}
		return part
	}
}
