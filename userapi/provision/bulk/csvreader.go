package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// A csvReader reads the rows of a CSV file. encoding/csv has no bound for a row, no line end
// of CR alone, and does not say after which of its errors the next row is one.
type csvReader struct {
	r     *bufio.Reader
	comma byte
	cr    bool // lines end in CR alone
	max   int  // bytes of a row
	line  int64

	// Of the row that is read. Its slices are used again for the next one.
	text  []byte // the cells, one after the other
	cells []cell
	size  int // bytes, with those that were not kept
	fault fault
}

// A cell is one of a row. Its text ends at end, and begins where that of the cell before ends.
type cell struct {
	end    int
	quoted bool
}

// A fault is a fault of a row, in the cell with the index, or in none: -1.
type fault struct {
	message string
	cell    int
}

// maxCells is the largest number of cells in a row: no spreadsheet has more columns.
const maxCells = 16384

// What ends a cell.
type ending int

const (
	endOfCell ending = iota
	endOfRow
	endOfInput
)

// errUnclosed says that c.fault ends the reading.
var errUnclosed = errors.New("bulk: a quote is open")

// next reads a row and returns the line on which it begins. If c.fault has a message, the row is at
// fault, and the next row can be read. An error ends the reading. It is io.EOF after the last row,
// and errUnclosed for c.fault.
func (c *csvReader) next() (line int64, err error) {
	c.text, c.cells, c.size, c.fault = c.text[:0], c.cells[:0], 0, fault{}
	line = c.line
	for {
		end, quoted, err := c.cell()
		if err != nil {
			return line, err
		}
		if end == endOfInput && c.size == 0 {
			return line, io.EOF
		}
		switch {
		case c.size > c.max:
		case len(c.cells) == maxCells:
			c.fail("the row has more than 16384 cells")
		default:
			c.cells = append(c.cells, cell{len(c.text), quoted})
		}
		if end == endOfCell {
			continue
		}
		if c.size > c.max {
			c.fail(fmt.Sprintf("the row is longer than %d bytes (MaxRowBytes)", c.max))
		}
		c.check()
		return line, nil
	}
}

// fail sets the first fault of the row, in the present cell.
func (c *csvReader) fail(message string) {
	if c.fault.message == "" {
		c.fault = fault{message, len(c.cells)}
	}
}

func (c *csvReader) get() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.size++
	}
	return b, err
}

func (c *csvReader) keep(b byte) {
	if c.size <= c.max {
		c.text = append(c.text, b)
	}
}

// peek returns the next byte; 0 at the end, or after an error, which the next get returns.
func (c *csvReader) peek() byte {
	b, err := c.r.Peek(1)
	if err != nil {
		return 0
	}
	return b[0]
}

// lineEnd takes a CR or LF outside of quotes, and reports whether the row ends there. It
// does not where a CR stands alone in a file whose lines end in LF.
func (c *csvReader) lineEnd(b byte) bool {
	if b == '\r' && c.peek() == '\n' {
		_, _ = c.get()
	} else if (b == '\r') != c.cr {
		c.fail("the line end differs from the first one of the file")
		if b == '\r' {
			return false
		}
	}
	c.line++
	return true
}

// cell reads a cell.
func (c *csvReader) cell() (end ending, quoted bool, err error) {
	begin, blank := len(c.text), true
	for {
		b, err := c.get()
		switch {
		case errors.Is(err, io.EOF):
			return endOfInput, false, nil
		case err != nil:
			return 0, false, err
		case b == c.comma:
			return endOfCell, false, nil
		case b == '\r' || b == '\n':
			if c.lineEnd(b) {
				return endOfRow, false, nil
			}
		case b == '"' && blank:
			c.text = c.text[:begin] // without the blanks before the quote
			end, err := c.quotedCell()
			return end, true, err
		case b == '"':
			c.fail("the cell has a quote but does not begin with one")
		}
		blank = blank && b == ' '
		c.keep(b)
	}
}

// quotedCell reads a cell of which the opening quote was read.
func (c *csvReader) quotedCell() (ending, error) {
	for {
		b, err := c.get()
		switch {
		case errors.Is(err, io.EOF):
			return 0, c.unclosed()
		case err != nil:
			return 0, err
		case b == '\n', b == '\r' && c.cr && c.peek() != '\n':
			c.line++
		case b == '"' && c.peek() == '"':
			_, _ = c.get()
		case b == '"':
			return c.afterQuote()
		}
		c.keep(b)
	}
}

func (c *csvReader) unclosed() error {
	c.fault = fault{"a quote is not closed: the rest of the file cannot be read", len(c.cells)}
	return errUnclosed
}

// afterQuote reads what follows a closing quote. If that is text, the quote was not a closing one.
// Then the row ends with its line, if quotes are in pairs up to there. Else one may be open at the
// end of the line, and the end of the row is unknown.
func (c *csvReader) afterQuote() (ending, error) {
	stray, odd := false, false
	for {
		b, err := c.get()
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return 0, err
		case odd && (err != nil || b == '\n' || b == '\r'):
			return 0, c.unclosed()
		case errors.Is(err, io.EOF):
			return endOfInput, nil
		case b == c.comma && !stray:
			return endOfCell, nil
		case b == '\r' || b == '\n':
			if c.lineEnd(b) {
				return endOfRow, nil
			}
		case b == ' ' && !stray:
		default:
			stray = true
			odd = odd != (b == '"')
			c.fail("the cell has text after its closing quote: a quote inside a quoted cell must be doubled")
		}
	}
}

const notUTF8 = "the text is not UTF-8: a file in Windows-1252, Latin-1 or another encoding must be saved in UTF-8"

// check finds characters that no cell may have.
func (c *csvReader) check() {
	if c.fault.message != "" {
		return
	}
	begin := 0
	for i, cell := range c.cells {
		text := c.text[begin:cell.end]
		begin = cell.end
		switch {
		case !utf8.Valid(text):
			c.fault = fault{notUTF8, i}
		case bytes.IndexByte(text, 0) >= 0:
			c.fault = fault{"the text has a NUL: a file in UTF-16 needs its byte order mark", i}
		case i == 0 && bytes.HasPrefix(text, []byte(mark)):
			c.fault = fault{"a byte order mark is in the middle of the file: files were joined", i}
		default:
			continue
		}
		return
	}
}

// mark is the byte order mark in UTF-8.
const mark = "\ufeff"

// empty reports whether no cell of the row has a text.
func (c *csvReader) empty() bool { return len(bytes.TrimSpace(c.text)) == 0 && c.fault.message == "" }
