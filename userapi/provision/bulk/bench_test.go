package bulk_test

import (
	"fmt"
	"io"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// BenchmarkRows reads rows and makes their requests. An operation is a row.
func BenchmarkRows(b *testing.B) {
	mapping := bulk.Mapping{Extensions: extras(), Columns: map[string]string{"key": "id", "full_name": "{{ .first }} {{ .last }}"}}
	for name, open := range map[string]func(rows int) bulk.Source{
		"CSV": func(rows int) bulk.Source {
			return bulk.CSV(&generator{header: "id,email,first,last,attributes.plan,fusionauth.birth_date\n", rows: rows, row: func(i int) string {
				return fmt.Sprintf("%d,p%d@example.com,!Peter009,\"Per\",son,pro,1990-01-01\n", i, i)
			}}, bulk.CSVOptions{})
		},
		"JSONLines": func(rows int) bulk.Source {
			return bulk.JSONLines(&generator{rows: rows, row: func(i int) string {
				return fmt.Sprintf(`{"id":%d,"email":"p%d@example.com","first":"Per","last":"son","attributes.plan":"pro","fusionauth.birth_date":"1990-01-01"}`+"\n", i, i)
			}})
		},
	} {
		b.Run(name, func(b *testing.B) {
			mapper, err := mapping.Compile("spring")
			require.NoError(b, err)
			b.ReportAllocs()
			for row, err := range open(b.N).Rows(b.Context()) {
				if err == nil {
					_, err = mapper.Request(row)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A generator generates a file of many rows without holding it.
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

// BenchmarkCheck checks rows for three targets with unique values. An operation is a row:
// -benchtime 1000000x measures a million rows.
func BenchmarkCheck(b *testing.B) {
	job := bulk.Job{Name: "spring", Mapping: bulk.Mapping{Extensions: extras(), Columns: map[string]string{"key": "id", "full_name": "{{ .first }} {{ .last }}"}}}
	for _, rows := range []struct {
		name, header string
		row          func(i int) string
	}{
		{"Email", "id,email,password,first,last,attributes.plan,fusionauth.birth_date\n", func(i int) string {
			return fmt.Sprintf("%d,p%d@example.com,!Peter009,\"Per\",son,pro,1990-01-01\n", i, i)
		}},
		{"AllThatIsUnique", "id,external_id,username,email,password,first,last,attributes.plan,fusionauth.birth_date\n", func(i int) string {
			return fmt.Sprintf("%d,00000000-0000-4000-8000-%012d,user%d,p%d@example.com,!Peter009,\"Per\",son,pro,1990-01-01\n", i, i, i, i)
		}},
	} {
		b.Run(rows.name, func(b *testing.B) {
			p := provisionerOf(b, threeTargets(b)...)
			most := watchMemory(b)
			b.ReportAllocs()
			b.ResetTimer()
			report, err := bulk.Check(b.Context(), p, job, bulk.CSV(&generator{header: rows.header, rows: b.N, row: rows.row}, bulk.CSVOptions{}))
			if err != nil || report.Rows != int64(b.N) || report.RowsAtFault > 0 {
				b.Fatal(report, err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(most()/(1<<20), "MB")
		})
	}
}

// watchMemory returns a function that returns the maximum memory that the process had from the
// system.
func watchMemory(b *testing.B) func() float64 {
	b.Helper()
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	most, end, ended := 0.0, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			metrics.Read(samples)
			most = max(most, float64(samples[0].Value.Uint64()-samples[1].Value.Uint64()))
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	}()
	return func() float64 { close(end); <-ended; return most }
}
