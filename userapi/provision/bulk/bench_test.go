package bulk_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// BenchmarkRows reads rows and makes their requests. One operation is a row.
func BenchmarkRows(b *testing.B) {
	mapping := bulk.Mapping{Extensions: extras(), Columns: map[string]string{"key": "id", "full_name": "{{ .first }} {{ .last }}"}}
	for name, open := range map[string]func(rows int) bulk.Source{
		"CSV": func(rows int) bulk.Source {
			return bulk.CSV(&generator{header: "id,email,first,last,attributes.plan,fusionauth.birth_date\n", rows: rows, row: func(i int) string {
				return fmt.Sprintf("%d,p%d@example.com,\"Per\",son,pro,1990-01-01\n", i, i)
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
