package bulk_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// planted is a value that no error may show.
const planted = "pl4nted-s3cret"

// read returns what a source yields: each row or error on a line.
func read(t *testing.T, s bulk.Source) string {
	t.Helper()
	var b strings.Builder
	for row, err := range s.Rows(t.Context()) {
		if err == nil {
			fmt.Fprintf(&b, "%d %q\n", row.Line, row.Values)
			continue
		}
		var bad *bulk.RowError
		require.ErrorAs(t, err, &bad)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), planted)
		if !strings.Contains(bad.Message, "cells") {
			assert.Empty(t, row.Values)
		}
		end := ""
		if bad.Fatal {
			end = " END"
		}
		fmt.Fprintf(&b, "%s%s\n", strings.TrimPrefix(err.Error(), "bulk: "), end)
	}
	return b.String()
}

func utf16Of(s string, big bool) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + s)) {
		high, low := byte(unit>>8), byte(unit)
		if big {
			b = append(b, high, low)
		} else {
			b = append(b, low, high)
		}
	}
	return string(b)
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func TestCSV(t *testing.T) {
	t.Parallel()
	unicodeText := "id\temail\tname\r\n1\tada@example.com\t\"Ada \"\"Countess\"\"\"\r\n2\tłukasz@example.pl\t😀\r\n"
	unicodeRows := `2 map["email":"ada@example.com" "id":"1" "name":"Ada \"Countess\""]` + "\n" + `3 map["email":"łukasz@example.pl" "id":"2" "name":"😀"]` + "\n"
	tests := []struct{ name, in, want string }{
		{"Google Sheets", "id,email,name\r\n1,ada@example.com,\"Lovelace, Ada\"\r\n2,b@example.com,",
			`2 map["email":"ada@example.com" "id":"1" "name":"Lovelace, Ada"]` + "\n" + `3 map["email":"b@example.com" "id":"2" "name":""]` + "\n"},
		{"Excel with a mark and semicolons", "\ufeffid;E-mail;Name\r\n1;ada@example.com;\"Zoë; \"\r\n;;\r\n\r\n007;b@example.com;\"two\r\nlines\"\r\n8;c@example.com;x\r\n",
			`2 map["E-mail":"ada@example.com" "Name":"Zoë; " "id":"1"]` + "\n" + `5 map["E-mail":"b@example.com" "Name":"two\r\nlines" "id":"007"]` + "\n" + `7 map["E-mail":"c@example.com" "Name":"x" "id":"8"]` + "\n"},
		{"Excel's sep", "sep=;\r\nid;a,b\r\n1;2\r\n", `3 map["a,b":"2" "id":"1"]` + "\n"},
		{"Excel's Unicode text", utf16Of(unicodeText, false), unicodeRows},
		{"UTF-16, big end first", utf16Of(unicodeText, true), unicodeRows},
		{"UTF-16 by gzip", zipped(utf16Of(unicodeText, false)), unicodeRows},
		{"PostgreSQL, COPY TO WITH CSV HEADER", "id,email,active,note\n1,ada@example.com,t,\n2,b@example.com,f,\"\"\n3,c@example.com,t,\"a\"\"b\"\n",
			`2 map["active":"t" "email":"ada@example.com" "id":"1" "note":""]` + "\n" + `3 map["active":"f" "email":"b@example.com" "id":"2" "note":""]` + "\n" + `4 map["active":"t" "email":"c@example.com" "id":"3" "note":"a\"b"]` + "\n"},
		{"MySQL's NULL", "\"id\",\"phone\"\n\"1\",\\N\n\"2\",\"\\N\"\n", `2 map["id":"1" "phone":<nil>]` + "\n" + `3 map["id":"2" "phone":"\\N"]` + "\n"},
		{"the word NULL", "id\tphone\tname\n1\tNULL\tAda\n2\t\"NULL\"\tNull\n",
			"line 2: column \"phone\": the word NULL has no quotes: set CSVOptions.Null if it stands for no value, or put it in quotes if it is a text\n" + `3 map["id":"2" "name":"Null" "phone":"NULL"]` + "\n"},
		{"MySQL's quotes", "id,name\n1,\"say \\\"hi\\\" now\"\n2,b\n",
			`line 2: column "name": the cell has text after its closing quote: a quote inside a quoted cell must be doubled` + "\n" + `3 map["id":"2" "name":"b"]` + "\n"},
		{"CR alone", "id,name\r1,\"a\rb\"\r\r2,b\r", `2 map["id":"1" "name":"a\rb"]` + "\n" + `5 map["id":"2" "name":"b"]` + "\n"},
		{"CR alone, and LF in the quotes of the header", "id,\"na\nme\"\r1,a\r", "3 map[\"id\":\"1\" \"na\\nme\":\"a\"]\n"},
		{"delimiters in the quotes of a header without rows", "id;\"a, b, c\"\n", "line 1: the file has a header but no rows END\n"},
		{"bars", "id|name\n1|a,b\n", `2 map["id":"1" "name":"a,b"]` + "\n"},
		{"a comma in a header of semicolons", "id;Name, first, second\n1;x\n2;y\n", `2 map["Name, first, second":"x" "id":"1"]` + "\n" + `3 map["Name, first, second":"y" "id":"2"]` + "\n"},
		{"delimiters and a line break in the quotes of a header", "id;\"a, b,\nc, d\"\n1;x\n", "3 map[\"a, b,\\nc, d\":\"x\" \"id\":\"1\"]\n"},
		{"delimiters that are level", "a,b;c\n", `line 1: the header has two delimiters equally often: set CSVOptions.Comma to the one that separates the cells END` + "\n"},
		{"one column", "email\nada@example.com\n", `2 map["email":"ada@example.com"]` + "\n"},
		{"blanks around cells", "id, name\n1, \"a, b\" \n2, c\n", `2 map["id":"1" "name":"a, b"]` + "\n" + `3 map["id":"2" "name":" c"]` + "\n"},
		{"no line end at the end", "id\n1", `2 map["id":"1"]` + "\n"},

		{"too few and too many cells", "id,a,b\n1,x\n2,x,y," + planted + "\n3,x,y,\n4,x,y\n",
			"line 2: column \"b\": the row has 2 cells, but the header has 3\nline 3: column \"column 4\": the row has more cells than the 3 of the header\n" +
				`4 map["a":"x" "b":"y" "id":"3"]` + "\n" + `5 map["a":"x" "b":"y" "id":"4"]` + "\n"},
		{"blank headers", "id,,name,\n1,x,a,y\n2,,b\n", `2 map["column 2":"x" "column 4":"y" "id":"1" "name":"a"]` + "\n" + `3 map["column 2":"" "column 4":"" "id":"2" "name":"b"]` + "\n"},
		{"a header twice", "id,email, id\n1,2,3\n", "line 1: column \"id\": columns 1 and 3 have the same name END\n"},
		{"a long header twice", "id," + strings.Repeat("ä", 90) + "," + strings.Repeat("ä", 90) + "\n", "line 1: column \"" + strings.Repeat("ä", 50) + "…\": columns 2 and 3 have the same name END\n"},
		{"a header again", "\ufeffid,email\n1,a\n\ufeffid,email\n2,b\n", `2 map["email":"a" "id":"1"]` + "\nline 3: the row repeats the header: files were joined\n" + `4 map["email":"b" "id":"2"]` + "\n"},
		{"a mark inside", "id\n1\n\ufeff2\n", `2 map["id":"1"]` + "\nline 3: column \"id\": a byte order mark is in the middle of the file: files were joined\n"},
		{"an open quote", "id,name\n1,a\n2,\"" + planted + "\n3,c\n4,d\n", `2 map["id":"1" "name":"a"]` + "\nline 3: column \"name\": a quote is not closed: the rest of the file cannot be read END\n"},
		{"an open quote that another closes", "id,name\n1,a\n2,\"" + planted + "\n3,\"c\"\n4,d\n", `2 map["id":"1" "name":"a"]` + "\nline 3: column \"name\": a quote is not closed: the rest of the file cannot be read END\n"},
		{"an open quote in the header", "id,\"name\n1,a\n", "line 1: column \"column 2\": a quote is not closed: the rest of the file cannot be read END\n"},
		{"stray quotes", "id,name\n1,5\" " + planted + "\n2,\"Jan \"Johnny\" K\"\n3,\"a\"b\n4,\"x\"\n",
			"line 2: column \"name\": the cell has a quote but does not begin with one\n" +
				"line 3: column \"name\": the cell has text after its closing quote: a quote inside a quoted cell must be doubled\n" +
				"line 4: column \"name\": the cell has text after its closing quote: a quote inside a quoted cell must be doubled\n" + `5 map["id":"4" "name":"x"]` + "\n"},
		{"a quote that opens again", "id,name\n1,\"a\"b\"\n2,c\n3,d\n", "line 2: column \"name\": a quote is not closed: the rest of the file cannot be read END\n"},
		{"NUL", "id,name\n1,a\x00\n2,b\n", "line 2: column \"name\": the text has a NUL: a file in UTF-16 needs its byte order mark\n" + `3 map["id":"2" "name":"b"]` + "\n"},
		{"UTF-16 without its mark", utf16Of("id,name\n1,a\n", true)[2:], "line 1: column \"column 1\": the text has a NUL: a file in UTF-16 needs its byte order mark END\n"},
		{"Latin-1", "id,name\n1,a\n2,Zo\xeb\n3,\xc3\n", `2 map["id":"1" "name":"a"]` + "\nline 3: column \"name\": the text is not UTF-8: a file in Windows-1252, Latin-1 or another encoding must be saved in UTF-8\nline 4: column \"name\": the text is not UTF-8: a file in Windows-1252, Latin-1 or another encoding must be saved in UTF-8\n"},
		{"halves of a character in two cells", "a,b\n\xc3,\xa9\n", "line 2: column \"a\": the text is not UTF-8: a file in Windows-1252, Latin-1 or another encoding must be saved in UTF-8\n"},
		{"half a pair in UTF-16", "\xff\xfei\x00d\x00\n\x00\x3d\xd8\n\x002\x00\n\x00", "line 2: column \"id\": the text is not UTF-8: a file in Windows-1252, Latin-1 or another encoding must be saved in UTF-8\n" + `3 map["id":"2"]` + "\n"},
		{"half a unit of UTF-16", "\xff\xfei\x00d\x00\n\x001", "line 2: the input is cut off END\n"},
		{"UTF-32", "\xff\xfe\x00\x00i\x00\x00\x00", "line 1: the file is in UTF-32: save it in UTF-8 END\n"},
		{"a workbook", "PK\x03\x04\x14\x00", "line 1: the file is a ZIP archive or a spreadsheet: export the sheet as CSV END\n"},
		{"a CR that is alone", "id,name\n1,a\rb\n2,c\r\n", "line 2: column \"name\": the line end differs from the first one of the file\n" + `3 map["id":"2" "name":"c"]` + "\n"},
		{"an LF among CRs", "id,name\r1,a\n2,c\r3,d\r", "line 2: column \"name\": the line end differs from the first one of the file\n" + `3 map["id":"2" "name":"c"]` + "\n" + `4 map["id":"3" "name":"d"]` + "\n"},
		{"gzip that is cut off", zipped("id\n1\n2\n")[:9], "line 1: the input is cut off END\n"},
		{"gzip without its end", strings.TrimSuffix(zipped("id\n1\n2\n"), zipped("id\n1\n2\n")[len(zipped("id\n1\n2\n"))-8:]), `2 map["id":"1"]` + "\n" + `3 map["id":"2"]` + "\nline 4: the input is cut off END\n"},
		{"gzip twice", zipped("id\n1\n") + zipped("2\n"), `2 map["id":"1"]` + "\n" + `3 map["id":"2"]` + "\n"},
		{"gzip of another sum", func() string { z := []byte(zipped("id\n1\n")); z[len(z)-6] ^= 1; return string(z) }(), `2 map["id":"1"]` + "\nline 3: the input cannot be read: gzip: invalid checksum END\n"},
		{"nothing", "", "line 1: the file is empty: a header is expected END\n"},
		{"nothing but a mark and lines", "\ufeff\n \n", "line 3: the file is empty: a header is expected END\n"},
		{"no rows", "\nid,name\n,\n", "line 2: the file has a header but no rows END\n"},
		{"no header", planted + "@example.com,1\nb@example.com,2\n", "line 1: the first row has data in column 1, but the names of columns are expected: for a file without a header, set CSVOptions.Header END\n"},
		{"a row of 2 MB", "id,name\n1,\"" + strings.Repeat("x\n", 1<<20) + "\"\n2," + strings.Repeat("x", 2<<20) + "\n3,c\n", "line 2: column \"name\": the row is longer than 1048576 bytes (MaxRowBytes)\nline 1048579: column \"name\": the row is longer than 1048576 bytes (MaxRowBytes)\n" + `1048580 map["id":"3" "name":"c"]` + "\n"},
		{"20,000 cells", "id\n" + strings.Repeat(",", 20_000) + "\n1\n", "line 2: column \"column 16385\": the row has more than 16384 cells\n" + `3 map["id":"1"]` + "\n"},
		{"an open quote of 2 MB", "id,name\n1,\"" + strings.Repeat("x\n", 1<<20), "line 2: column \"name\": a quote is not closed: the rest of the file cannot be read END\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, read(t, bulk.CSV(strings.NewReader(test.in), bulk.CSVOptions{})))
			// The result does not depend on the size of the reads.
			assert.Equal(t, test.want, read(t, bulk.CSV(&dribble{test.in}, bulk.CSVOptions{})))
		})
	}
}

// A dribble returns a few bytes with each Read, and io.EOF with the last.
type dribble struct{ left string }

func (d *dribble) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), 3)], d.left)
	if len(d.left) > 1<<16 {
		n = copy(p, d.left)
	}
	d.left = d.left[n:]
	if d.left == "" {
		return n, io.EOF
	}
	return n, nil
}

func TestCSVOptions(t *testing.T) {
	t.Parallel()
	o := bulk.CSVOptions{Comma: '^', Header: []string{"id", " email ", ""}, MaxRowBytes: 20}
	assert.Equal(t, `1 map["column 3":"" "email":"a@example.com" "id":"1"]`+"\n"+"line 2: column \"email\": the row is longer than 20 bytes (MaxRowBytes)\n"+`3 map["column 3":"" "email":"email" "id":"id"]`+"\n",
		read(t, bulk.CSV(strings.NewReader("1^a@example.com^\n2^"+planted+planted+"\nid^email^\n"), o)))
	assert.Equal(t, `2 map["a":<nil> "b":<nil> "c":"NULL"]`+"\n", read(t, bulk.CSV(strings.NewReader("a,b,c\nNULL,\\N,\"NULL\"\n"), bulk.CSVOptions{Null: "NULL"})))
	for _, comma := range []rune{'"', '\n', ' ', 'é', -1} {
		assert.Contains(t, read(t, bulk.CSV(strings.NewReader("a\n1\n"), bulk.CSVOptions{Comma: comma})), "CSVOptions.Comma must be", comma)
	}
	assert.Equal(t, "CSVOptions.Header must have a name END\n", read(t, bulk.CSV(strings.NewReader("a\n1\n"), bulk.CSVOptions{Header: []string{}})))
}

// The readable cells of an uneven row are kept for a list of rejects.
func TestUnevenRow(t *testing.T) {
	t.Parallel()
	var got []bulk.Row
	for row, err := range bulk.CSV(strings.NewReader("a,b\n1\n1,2,3\n"), bulk.CSVOptions{}).Rows(t.Context()) {
		require.Error(t, err)
		got = append(got, row)
	}
	assert.Equal(t, []bulk.Row{{Line: 2, Values: map[string]any{"a": "1"}}, {Line: 3, Values: map[string]any{"a": "1", "b": "2"}}}, got)
}

func TestColumns(t *testing.T) {
	t.Parallel()
	s := bulk.CSV(strings.NewReader("id, email,\n1,2,3\n"), bulk.CSVOptions{})
	columns := s.(bulk.ColumnSource)
	for range 2 {
		names, err := columns.Columns(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"id", "email", "column 3"}, names)
		names[0] = "other"
	}
	assert.Equal(t, `2 map["column 3":"3" "email":"2" "id":"1"]`+"\n", read(t, s))
	_, err := bulk.CSV(strings.NewReader(""), bulk.CSVOptions{}).(bulk.ColumnSource).Columns(t.Context())
	require.ErrorIs(t, err, bulk.ErrNoRows)
}

// sources returns a CSV file and a JSON Lines file with the text.
func sources(csv, text string) map[string]bulk.Source {
	return map[string]bulk.Source{
		"CSV":        bulk.CSV(strings.NewReader(cmp.Or(csv, text)), bulk.CSVOptions{Comma: ';'}),
		"JSON Lines": bulk.JSONLines(strings.NewReader(text)),
	}
}

const threeNumbers = "a\n1\n2\n3\n"

const threeObjects = `{"a":1}` + "\n" + `{"a":2}` + "\n" + `{"a":3}` + "\n"

func TestReadOnce(t *testing.T) {
	t.Parallel()
	for name, s := range sources(threeNumbers, threeObjects) {
		for range s.Rows(t.Context()) {
			break
		}
		n := 0
		for row, err := range s.Rows(t.Context()) {
			n++
			require.ErrorContains(t, err, "the input was read already", name)
			assert.Zero(t, row)
		}
		assert.Equal(t, 1, n, name)
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	for name, s := range sources(threeNumbers, threeObjects) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var errs []error
		for _, err := range s.Rows(ctx) {
			errs = append(errs, err)
			cancel(io.ErrClosedPipe)
		}
		require.Len(t, errs, 2, name)
		require.NoError(t, errs[0], name)
		require.ErrorIs(t, errs[1], io.ErrClosedPipe, name)
		var bad *bulk.RowError
		require.ErrorAs(t, errs[1], &bad)
		assert.True(t, bad.Fatal, name)
	}
}

func TestBrokenReader(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, open := range map[string]func(io.Reader) bulk.Source{
		"CSV":        func(r io.Reader) bulk.Source { return bulk.CSV(r, bulk.CSVOptions{}) },
		"JSON Lines": bulk.JSONLines,
	} {
		last := lastError(t, open(io.MultiReader(strings.NewReader(threeNumbers), failing{fmt.Errorf("hidden: %w", io.EOF)})))
		require.ErrorIs(t, last, io.ErrUnexpectedEOF, "an error that wraps io.EOF is not the end")
		for _, begin := range []string{"", "{", threeNumbers, "\xff\xfe", "\x1f\x8b"} {
			last := lastError(t, open(io.MultiReader(strings.NewReader(begin), failing{boom})))
			require.ErrorIs(t, last, boom, "%s %q", name, begin)
			var bad *bulk.RowError
			require.ErrorAs(t, last, &bad)
			assert.True(t, bad.Fatal && bad.Line > 0, name)
		}
	}
}

// lastError returns the last error of a source.
func lastError(t *testing.T, s bulk.Source) (last error) {
	t.Helper()
	for _, err := range s.Rows(t.Context()) {
		last = err
	}
	return last
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestNoRows(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n\n", "\ufeff"} {
		for name, s := range sources("", text) {
			n := 0
			for _, err := range s.Rows(t.Context()) {
				n++
				require.ErrorIs(t, err, bulk.ErrNoRows, "%s %q", name, text)
			}
			assert.Equal(t, 1, n)
		}
	}
}
