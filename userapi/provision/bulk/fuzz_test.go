package bulk_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A line is the result of a row.
type line struct {
	row bulk.Row
	bad *bulk.RowError
}

// collect checks every source: each row and error has a line number, the numbers rise, and nothing
// follows a fatal error.
func collect(t *testing.T, s bulk.Source, lines int64) (out []line) {
	t.Helper()
	last := int64(0)
	for row, err := range s.Rows(t.Context()) {
		if len(out) > 0 && out[len(out)-1].bad != nil && out[len(out)-1].bad.Fatal {
			t.Fatal("a row after a fatal error")
		}
		l := line{row: row}
		number := row.Line
		if err != nil {
			if !errors.As(err, &l.bad) {
				t.Fatalf("%T is not a RowError", err)
			}
			number = l.bad.Line
		}
		none := errors.Is(err, bulk.ErrNoRows)
		if number > lines || number <= last && !none {
			t.Fatalf("line %d after line %d of %d: %v", number, last, lines, err)
		}
		last = number
		out = append(out, l)
	}
	if len(out) == 0 {
		t.Fatal("neither a row nor an error")
	}
	return out
}

// physical splits a text at its line ends. A lone CR counts only if cr is true.
func physical(text string, cr bool) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if cr {
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	return strings.Split(text, "\n")
}

// FuzzCSV compares the reader with encoding/csv: it reads everything that encoding/csv reads, from
// the same lines.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"id,name\n1,a\n\n2,\"b\nc\"\n3,\"d\"\"e\"\n", "a\r\"b\rc\"\rd\r", "a,b\n1,\"x\n", "a,b\n1,\"x\"y\n2,z\n", "\ufeffa;b\r\n;\r\nx;y\r\n",
		"sep=;\na;b\n1;2", "a,b\n1,5\" x\n2,\\N\n", "\xff\xfea\x00\n\x00b\x00", "\x1f\x8b", "a\n\x00\n\xff\n", "a,,a\n", "a\n1\n2,3\na\n", "a\tb\n \"x\" \ty\n", "PK\x03\x04",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := physical(text, true)
		out := collect(t, bulk.CSV(strings.NewReader(text), bulk.CSVOptions{Comma: ','}), int64(len(lines)))
		collect(t, bulk.CSV(strings.NewReader(text), bulk.CSVOptions{MaxRowBytes: 3}), int64(len(lines)))
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\r\ufeff\\") || strings.HasPrefix(text, "PK\x03\x04") || strings.HasPrefix(strings.ToLower(text), "sep=") || strings.Contains(text, "NULL") {
			return
		}
		r := csv.NewReader(strings.NewReader(text))
		r.FieldsPerRecord = -1
		var header []string
		next := 0
		for {
			cells, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return // encoding/csv continues differently
			}
			begin, _ := r.FieldPos(0)
			switch {
			case strings.TrimSpace(strings.Join(cells, "")) == "":
				continue
			case header == nil:
				if header = cells; out[0].bad != nil && out[0].bad.Fatal {
					return // not allowed in a header
				}
				continue
			case next >= len(out):
				t.Fatalf("the row of line %d is missing", begin)
			}
			got := out[next]
			next++
			switch {
			case got.bad != nil && got.bad.Line != int64(begin), got.bad == nil && got.row.Line != int64(begin):
				t.Fatalf("a row of line %d is on line %d", got.row.Line, begin)
			case got.bad != nil && len(cells) == len(header):
				if strings.Contains(got.bad.Message, "repeats the header") {
					continue
				}
				t.Fatalf("refused: %v", got.bad)
			case got.bad != nil:
				continue
			}
			for i, cell := range cells {
				if i < len(header) && strings.TrimSpace(header[i]) != "" && got.row.Values[strings.TrimSpace(header[i])] != cell {
					t.Fatalf("line %d: %q is read for %q", begin, got.row.Values[strings.TrimSpace(header[i])], cell)
				}
			}
		}
	})
}

// FuzzJSONLines compares each line with encoding/json.
func FuzzJSONLines(f *testing.F) {
	for _, seed := range []string{
		threeObjects, `{"a":{"b":[1,null,true,"\ud83d\ude00"]}}`, `{"a":1,"a":2}`, "[\n1]", `{"a":"\ud83d"}`, "\ufeff{}\r{}\r\n\n{", `{"a":"\u0000"}`, "{\"a\":\"\xff\"}", strings.Repeat(`{"a":[`, 200),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := physical(text, true)
		out := collect(t, bulk.JSONLines(strings.NewReader(text)), int64(len(lines)))
		if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") || strings.HasPrefix(text, "\x1f\x8b") || strings.HasPrefix(text, "\x00\x00\xfe\xff") {
			return
		}
		for _, l := range out {
			if l.bad != nil {
				continue
			}
			line := strings.TrimPrefix(lines[l.row.Line-1], "\ufeff")
			d := json.NewDecoder(strings.NewReader(line))
			d.UseNumber()
			var want map[string]any
			if err := d.Decode(&want); err != nil {
				t.Fatalf("line %d is not read by encoding/json: %v", l.row.Line, err)
			}
			a, _ := json.Marshal(want)
			b, _ := json.Marshal(l.row.Values)
			if string(a) != string(b) {
				t.Fatalf("line %d: %s is read for %s", l.row.Line, b, a)
			}
		}
	})
}
