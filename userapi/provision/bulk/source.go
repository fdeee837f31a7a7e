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

// A Source yields the rows of an input in their order. CSV, JSONLines and Query make one.
type Source interface {
	// Rows yields a row, or a row at fault with a *RowError: see Errors of rows in the package
	// documentation.
	//   - Each call begins with the first row. A Source of an io.Reader can be read once; a second
	//     call yields an error.
	//   - The context is checked before each row. A read that blocks is not interrupted.
	//   - A row's Values do not change when the next row is read.
	//   - One goroutine at a time may use it.
	Rows(ctx context.Context) iter.Seq2[Row, error]
}

// A ColumnSource knows its columns before its rows. CSV and Query return one.
type ColumnSource interface {
	Source
	// Columns returns the names of the columns in their order. Rows still begins with the first
	// row. The error is the first one that Rows would yield.
	Columns(ctx context.Context) ([]string, error)
}

// A Row is one row of an input. Its values are personal data and passwords: printed, logged or
// encoded it shows only its line and the names of its columns.
type Row struct {
	// Line is the line of the file on which the row begins, from 1. It counts all lines, also empty
	// ones and those in quotes. For a query it is the number of the row.
	Line int64
	// Values has the values by the names of their columns. Values of CSV are texts, or nil for
	// NULL. Values of JSON are nil, bool, string, json.Number, []any and map[string]any. Values of
	// a query are nil, bool, string and json.Number.
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

// A RowError is one fault of a row, or the error that ended the reading. Its text has the line, the
// column and the field, and no value of a row.
type RowError struct {
	// Line is the line on which the row begins, as in Row.Line; 0 if the fault has no line.
	Line int64
	// Column is the name of the column; "column 3" for a third column without a name. If a template
	// needs several columns, their names are separated by commas. It is "" if the fault has no
	// column.
	Column string
	// Field is the field of the request as in a Mapping, such as "email"; "" for a fault that is
	// found before the row is mapped.
	Field string
	// Message says what is wrong, or what is expected.
	Message string
	// Fatal is set if the rest of the input was not read. No row follows this error.
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

// Unwrap returns the error of the reader, of the database or of the context, or nil. The text of a
// database's error may have values.
func (e *RowError) Unwrap() error { return e.cause }

// ErrNoRows is in the chain of the error of a CSV or JSONLines source without rows.
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
