package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Source has the rows of an input in their order. CSV, JSONLines and Query make one.
type Source interface {
	// Rows yields a row, or a row at fault with a *RowError; the package's documentation
	// says, under Errors of rows, what such an error means. The context is looked at
	// before each row: a read that does not return is not interrupted. A row's Values are
	// its own: they do not change when the next row is read. Each call begins with the first row. A Source that reads an io.Reader can be read once: a second call
	// yields an error. It is for one goroutine at a time.
	Rows(ctx context.Context) iter.Seq2[Row, error]
}

// A ColumnSource knows its columns before its rows. Those of CSV and Query are one.
type ColumnSource interface {
	Source
	// Columns returns the names of the columns in their order. Rows still begins with the
	// first row. The error is the one that Rows would yield first.
	Columns(ctx context.Context) ([]string, error)
}

// A Row is one row of an input. Printed, logged or encoded it shows its line and the names
// of its columns: the values are personal data, and passwords.
type Row struct {
	// Line is the line of the file on which the row begins, from 1. It counts the lines that
	// are there, also those inside of quotes and the empty ones. Of a query it is the number
	// of the row.
	Line int64
	// Values are the values by the names of their columns. Those of CSV are texts, or nil
	// for NULL. Those of JSON are nil, bool, string, json.Number, []any and map[string]any,
	// and those of a query one of the first four.
	Values map[string]any
}

func (r Row) summary() string {
	return "row{line " + strconv.FormatInt(r.Line, 10) + ": " + strings.Join(slices.Sorted(maps.Keys(r.Values)), " ") + "}"
}

// Format writes the line and the names of the columns, for every verb.
func (r Row) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.summary()) }

// LogValue returns the line and the names of the columns.
func (r Row) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("line", r.Line), slog.Any("columns", slices.Sorted(maps.Keys(r.Values))))
}

// MarshalJSON encodes the line and the names of the columns.
func (r Row) MarshalJSON() ([]byte, error) { return strconv.AppendQuote(nil, r.summary()), nil }

// A RowError is one fault of a row, or what ended the reading. Its text names the line, the
// column and the field, and holds no value of a row.
type RowError struct {
	// Line is the line on which the row begins, as Row.Line has it; 0 where the fault is
	// not of a line.
	Line int64
	// Column is the name of the column, "column 3" for the third one without a name, the
	// names with commas between them where a template needs several, and "" where the
	// fault is not of a column.
	Column string
	// Field is the field of the request as a Mapping has it, such as "email"; "" for a fault
	// that is found before the row is mapped.
	Field string
	// Message says what is wrong, or what is expected.
	Message string
	// Fatal is set when the rest of the input was not read: no row comes after this error.
	Fatal bool

	cause error
	code  string // of its Fault, where that does not follow from Field
}

// Error returns the line, the column, the field and the message.
func (e *RowError) Error() string {
	text := "bulk: " + placeOf(e.Line, e.Column)
	if e.Field != "" {
		text += fieldText(e.Field) + ": "
	}
	return text + e.Message
}

// placeOf returns the line and the column as texts of errors begin.
func placeOf(line int64, column string) (text string) {
	if line > 0 {
		text = fmt.Sprintf("line %d: ", line)
	}
	if column != "" {
		text += "column " + shorten(column) + ": "
	}
	return text
}

// fieldText returns the name of a field, in quotes where it is not plain.
func fieldText(field string) string {
	if name := shorten(field); name != `"`+field+`"` {
		return name
	}
	return field
}

// Format writes Error's text for every verb.
func (e RowError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// Unwrap returns the error of the reader, of the database or of the context; nil where there
// is none. The text of a database's error may hold values.
func (e *RowError) Unwrap() error { return e.cause }

// ErrNoRows is in the chain of the error of a CSV or JSONLines source that has no row. An
// import of nothing is seldom what was meant.
var ErrNoRows = errors.New("bulk: the input has no rows")

// errReadTwice is in the chain of the error of a second reading.
var errReadTwice = errors.New("bulk: the input was read already")

// maxName bounds what an error shows of a name: that of a column may be a file's first row.
const maxName = 100

// joined returns the columns of a RowError.
func joined(columns []string) string { return strings.Join(columns, ", ") }

// shorten quotes a name, and cuts one that is long.
func shorten(name string) string {
	return strconv.Quote(cut(name, maxName))
}

// cut returns at most n bytes of a text, and a mark where it was longer.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

// fatal ends the reading at a line.
func fatal(line int64, cause error, message string) *RowError {
	return &RowError{Line: line, Message: message, Fatal: true, cause: cause}
}

// stopped returns the error of a context that is over, nil for one that is not.
func stopped(ctx context.Context, line int64) *RowError {
	if err := ctx.Err(); err != nil {
		return fatal(line, context.Cause(ctx), "stopped: "+err.Error())
	}
	return nil
}

// broken returns the error of an input that could not be read on.
func broken(line int64, err error) *RowError {
	var known *RowError
	switch {
	case errors.As(err, &known):
		known.Line = line
		return known
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fatal(line, err, "the input is cut off")
	}
	return fatal(line, err, "the input cannot be read: "+err.Error())
}
