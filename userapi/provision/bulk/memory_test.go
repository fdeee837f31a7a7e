package bulk_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A generator is a file of many rows that nobody holds.
type generator struct {
	header string
	row    func(int) string
	rows   int
	next   int
	left   string
}

func (g *generator) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if g.left == "" {
			switch {
			case g.next > g.rows:
				return n, io.EOF
			case g.next == 0:
				g.left = g.header
			default:
				g.left = g.row(g.next)
			}
			g.next++
		}
		copied := copy(p[n:], g.left)
		n, g.left = n+copied, g.left[copied:]
	}
	return n, nil
}

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
