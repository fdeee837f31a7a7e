package bulk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"
)

// DefaultMaxRowBytes is the largest size of a row, 1 MiB: as UTF-8, with its quotes and delimiters.
const DefaultMaxRowBytes = 1 << 20

// CSVOptions say how a CSV file is read. The zero value detects what can be detected.
type CSVOptions struct {
	// Comma separates the cells. It is an ASCII character other than a quote, a line end or a
	// space. 0 detects a comma, semicolon, tab or bar.
	Comma rune
	// Header has the names of the columns, for a file without a header: its first row is then data.
	// nil takes the names from the first row that is not empty.
	Header []string
	// Null is a word that stands for NULL, if it has no quotes. \N, as MySQL writes it, always
	// does. Set "NULL" if that word stands for NULL; else NULL without quotes is a RowError.
	Null string
	// MaxRowBytes is the largest size of a row; 0 is DefaultMaxRowBytes. A larger row is a
	// RowError.
	MaxRowBytes int
}

// null is the cell of a CSV file that stands for NULL, whatever CSVOptions.Null is beside it.
const null = `\N`

// CSV reads CSV in UTF-8, or in UTF-16 with a byte order mark, also compressed with gzip. The
// package documentation has the details under CSV. The Source is a ColumnSource.
func CSV(r io.Reader, o CSVOptions) Source { return &csvSource{r: r, o: o} }

type csvSource struct {
	r     io.Reader
	o     CSVOptions
	begun bool
	read  bool // by Rows

	csv    csvReader
	header []string
	line   int64     // of the header; 0 for one of CSVOptions
	err    *RowError // what the beginning has wrong
}

// Columns returns the header.
func (s *csvSource) Columns(ctx context.Context) ([]string, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	return append([]string(nil), s.header...), nil
}

// begin reads the header, once.
func (s *csvSource) begin(ctx context.Context) *RowError {
	if s.begun {
		return s.err
	}
	if err := stopped(ctx, 0); err != nil {
		return err
	}
	s.begun = true
	s.err = s.readHeader()
	return s.err
}

func (s *csvSource) readHeader() *RowError {
	if s.o.Comma != 0 && !isComma(s.o.Comma) {
		return fatal(0, nil, "CSVOptions.Comma must be an ASCII character other than a quote, a line end or a space")
	}
	text, err := openText(s.r)
	if err != nil {
		return broken(1, err)
	}
	sample, err := text.Peek(bufferSize)
	found := sniff(sample, errors.Is(err, io.EOF))
	s.csv = csvReader{r: text, comma: found.comma, cr: found.cr, max: s.o.MaxRowBytes, line: 1}
	if s.csv.max <= 0 {
		s.csv.max = DefaultMaxRowBytes
	}
	if found.skip > 0 {
		_, _ = text.Discard(found.skip) // it was looked at
		s.csv.line++
	}
	if s.o.Comma != 0 {
		s.csv.comma = byte(s.o.Comma) //nolint:gosec // ASCII, checked above
	}
	if s.csv.comma == 0 {
		return fatal(1, nil, "the header has two delimiters equally often: set CSVOptions.Comma to the one that separates the cells")
	}
	if s.o.Header != nil {
		return s.setHeader(0, s.o.Header)
	}
	for {
		line, err := s.csv.next()
		switch {
		case errors.Is(err, errUnclosed):
			return s.faultOf(line, true)
		case errors.Is(err, io.EOF):
			return fatal(line, ErrNoRows, "the file is empty: a header is expected")
		case err != nil:
			return broken(line, err)
		case s.csv.fault.message != "":
			return s.faultOf(line, true)
		case !s.csv.empty():
			return s.setHeader(line, s.csv.texts())
		}
	}
}

// datum is what stands in a row and not in a header.
var datum = regexp.MustCompile(`^\s*([^\s@]+@[^\s@]+\.[^\s@]+|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\s*$`)

var digits = regexp.MustCompile(`^\s*[0-9]+\s*$`)

func (s *csvSource) setHeader(line int64, names []string) *RowError {
	seen := map[string]int{}
	for i, name := range names {
		if s.o.Header == nil && (datum.MatchString(name) || i == 0 && digits.MatchString(name)) {
			return fatal(line, nil, fmt.Sprintf("the first row has data in column %d, but the names of columns are expected: for a file without a header, set CSVOptions.Header", i+1))
		}
		name = strings.TrimSpace(name)
		if name == "" {
			name = unnamed(i)
		}
		if first, ok := seen[name]; ok {
			return &RowError{Line: line, Column: name, Message: fmt.Sprintf("columns %d and %d have the same name", first, i+1), Fatal: true}
		}
		seen[name] = i + 1
		s.header = append(s.header, name)
	}
	if len(s.header) == 0 {
		return fatal(line, nil, "CSVOptions.Header must have a name")
	}
	s.line = line
	return nil
}

// unnamed is what a column without a name is called.
func unnamed(i int) string { return fmt.Sprintf("column %d", i+1) }

// Rows yields the rows below the header that are not empty.
func (s *csvSource) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if s.read {
			yield(Row{}, fatal(0, errReadTwice, "the input was read already"))
			return
		}
		if err := s.begin(ctx); err != nil {
			yield(Row{Line: err.Line}, err)
			return
		}
		s.read = true
		some := false
		for {
			if err := stopped(ctx, s.csv.line); err != nil {
				yield(Row{Line: err.Line}, err)
				return
			}
			line, err := s.csv.next()
			if errors.Is(err, io.EOF) {
				if !some {
					yield(Row{}, fatal(s.line, ErrNoRows, "the file has a header but no rows"))
				}
				return
			}
			if err == nil && s.csv.empty() {
				continue
			}
			some = true
			row, fault := s.row(line, err)
			if fault == nil {
				if !yield(row, nil) {
					return
				}
			} else if !yield(row, fault) || fault.Fatal {
				return
			}
		}
	}
}

// row makes a row of what was read, or its fault.
func (s *csvSource) row(line int64, err error) (Row, *RowError) {
	row := Row{Line: line}
	switch {
	case errors.Is(err, errUnclosed):
		return row, s.faultOf(line, true)
	case err != nil:
		return row, broken(line, err)
	case s.repeatsHeader():
		return row, &RowError{Line: line, Message: "the row repeats the header: files were joined"}
	case s.csv.fault.message != "":
		return row, s.faultOf(line, false)
	}
	cells := s.csv.texts()
	row.Values = make(map[string]any, len(s.header))
	for i, text := range cells {
		switch {
		case i >= len(s.header):
			if strings.TrimSpace(text) != "" {
				return row, &RowError{Line: line, Column: unnamed(i), Message: fmt.Sprintf("the row has more cells than the %d of the header", len(s.header))}
			}
		case s.csv.cells[i].quoted:
			row.Values[s.header[i]] = text
		case text == null, s.o.Null != "" && text == s.o.Null:
			row.Values[s.header[i]] = nil
		case text == "NULL":
			return Row{Line: line}, &RowError{Line: line, Column: s.header[i], Message: `the word NULL has no quotes: set CSVOptions.Null if it stands for no value, or put it in quotes if it is a text`}
		default:
			row.Values[s.header[i]] = text
		}
	}
	for i := len(cells); i < len(s.header); i++ {
		if s.header[i] != unnamed(i) {
			return row, &RowError{Line: line, Column: s.header[i], Message: fmt.Sprintf("the row has %d cells, but the header has %d", len(cells), len(s.header))}
		}
		row.Values[s.header[i]] = ""
	}
	return row, nil
}

// faultOf names the fault of the row that was read.
func (s *csvSource) faultOf(line int64, fatal bool) *RowError {
	f := s.csv.fault
	e := &RowError{Line: line, Message: f.message, Fatal: fatal}
	if f.cell < len(s.header) {
		e.Column = s.header[f.cell]
	} else {
		e.Column = unnamed(f.cell)
	}
	return e
}

// repeatsHeader reports whether the row is the header, as where files were joined.
func (s *csvSource) repeatsHeader() bool {
	if s.line == 0 || len(s.csv.cells) != len(s.header) {
		return false
	}
	begin := 0
	for i, cell := range s.csv.cells {
		text := bytes.TrimSpace(bytes.TrimPrefix(s.csv.text[begin:cell.end], []byte(mark)))
		if string(text) != s.header[i] && (len(text) > 0 || s.header[i] != unnamed(i)) {
			return false
		}
		begin = cell.end
	}
	return true
}

// texts returns the cells of the row that was read.
func (c *csvReader) texts() []string {
	all, begin := string(c.text), 0
	texts := make([]string, len(c.cells))
	for i, cell := range c.cells {
		texts[i], begin = all[begin:cell.end], cell.end
	}
	return texts
}
