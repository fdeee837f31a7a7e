//go:build unix

package bulkriver_test

import (
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// generated is a file of so many people.
type generated struct {
	next, rows int
	left       []byte
}

func (g *generated) Read(p []byte) (n int, err error) {
	for len(g.left) < len(p) && g.next <= g.rows {
		if g.next == 0 {
			g.left = append(g.left, "key,username,email,password,note\n"...)
		} else {
			i := strconv.Itoa(g.next)
			g.left = append(g.left, i+",person"+i+",person"+i+"@planted.example,"+planted+"-"+i+",planted note\n"...)
		}
		g.next++
	}
	if len(g.left) == 0 {
		return 0, io.EOF
	}
	n = copy(p, g.left)
	g.left = append(g.left[:0], g.left[n:]...)
	return n, nil
}

// BenchmarkLoad loads rows, and loads them again. An operation is a row.
func BenchmarkLoad(b *testing.B) {
	for name, kind := range places {
		b.Run(name, func(b *testing.B) {
			at := kind(b)
			v := newVendors(b)
			p := at.provisioner(b, v.targets())
			load := func(b *testing.B, queued int64) {
				report, err := at.queue.Load(b.Context(), at.inserter(b), p, bulk.Job{Name: "spring"}, bulk.CSV(&generated{rows: b.N}, bulk.CSVOptions{}))
				require.NoError(b, err)
				require.Equal(b, queued, report.Queued, report)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			}
			b.ResetTimer()
			load(b, int64(b.N))
		})
	}
}
