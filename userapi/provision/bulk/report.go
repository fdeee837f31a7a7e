package bulk

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/enlist-go/enlist/userapi"
)

// Codes of a Fault. Others are those of userapi.FieldError.
const (
	// CodeUnreadable: the row itself is at fault; see Source.Rows.
	CodeUnreadable = "unreadable"
	// CodeDuplicate: an earlier row has the key, or the value, which is unique at the target.
	CodeDuplicate = "duplicate"
)

// MaxReportFaults is the number of faults that a Report has. Job.OnFault gets all of them.
const MaxReportFaults = 1000

// A Fault is one fault of a row. It has no value of the row.
type Fault struct {
	// Line is the line on which the row begins, as in Row.Line.
	Line int64 `json:"line"`
	// Column is the name of the column. If a template needs several, their names are separated by
	// commas. It is "" if the fault has no column, or the field has none.
	Column string `json:"column,omitempty"`
	// Field is the field as in a Mapping, such as "email". If a Mapping has no such field, it is
	// the vendor's name. It is "" for a row that cannot be read.
	Field string `json:"field,omitempty"`
	// Target is the target's name; "" for a fault of the row itself.
	Target string `json:"target,omitempty"`
	// Code is CodeUnreadable, CodeDuplicate, or a code of userapi.FieldError.
	Code string `json:"code"`
	// Message says what is wrong, or what is expected.
	Message string `json:"message"`
}

// String returns the fault in one line.
func (f Fault) String() string {
	var of []string
	if f.Field != "" {
		of = append(of, fieldText(f.Field))
	}
	if f.Target != "" {
		of = append(of, "at "+fieldText(f.Target))
	}
	text := placeOf(f.Line, f.Column)
	if of != nil {
		text += strings.Join(of, " ") + ": "
	}
	return text + f.Message + " (" + f.Code + ")"
}

// Format writes String for every verb.
func (f Fault) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.String()) }

// LogValue returns String.
func (f Fault) LogValue() slog.Value { return slog.StringValue(f.String()) }

// A Count is the number of faults with one code at one target.
type Count struct {
	// Target is the target's name; "" for faults of the row itself.
	Target string `json:"target,omitempty"`
	// Code is as in Fault.
	Code string `json:"code"`
	// Faults is the number of faults. A row may have several.
	Faults int64 `json:"faults"`
}

// A StateCount is the number of rows in one state at one target.
type StateCount struct {
	Target string `json:"target"`
	// State is the text of a provision.Disposition, such as "created", or one of this package's
	// states, such as StateOpen.
	State string `json:"state"`
	Rows  int64  `json:"rows"`
}

// A RefusedCount is the number of rows that one target refused for one reason.
type RefusedCount struct {
	Target string       `json:"target"`
	Kind   userapi.Kind `json:"kind"`
	// Code has the codes of the error and of its fields, separated by commas.
	Code string `json:"code"`
	Rows int64  `json:"rows"`
}

// A RequestCount is the number of requests to one target.
type RequestCount struct {
	Target   string `json:"target"`
	Requests int64  `json:"requests"`
	// RateLimited is the number of them that the vendor refused because they were too many.
	RateLimited int64 `json:"rate_limited"`
}

// A Report is the result of a Check, Run or Undo. It has names of columns, fields and targets, and
// no value of a row. The zero Report is of a job that did not begin.
type Report struct {
	// Job is the name of the job.
	Job string `json:"job"`
	// Rows is the number of rows read, and RowsAtFault the number of them with a fault. They do not
	// count a row that Run has read but not begun because the context ended.
	Rows        int64 `json:"rows"`
	RowsAtFault int64 `json:"rows_at_fault"`
	// LastLine is the line of the last row that was read; 0 for none.
	LastLine int64 `json:"last_line"`
	// Complete is set if the input was read to its end, and all rows of a Run or Undo have ended.
	Complete bool `json:"complete"`
	// Unused are the columns that the mapping does not use, at most 1,000, with long names cut.
	// Missing are the columns that the mapping needs and the input does not have. Both are as from
	// Mapper.Columns. If the source is not a ColumnSource, its columns are those of all its rows,
	// and Missing is set at the end of the input.
	Unused  []string `json:"unused,omitempty"`
	Missing []string `json:"missing,omitempty"`
	// Counts counts all faults, by target and code.
	Counts []Count `json:"counts,omitempty"`
	// Faults are the first MaxReportFaults, in the order of the rows.
	Faults []Fault `json:"faults,omitempty"`
	// RowsDone have a finished user at every target or, after an Undo, no user that Run has made.
	// Each other row counts in one or more of these:
	//   - RowsRefused need a correction.
	//   - RowsOpen are left for another run.
	//   - RowsUnknown have a user that may exist. If another run does not find out, a person
	//     decides.
	// Rows at fault count in none of these.
	RowsDone    int64 `json:"rows_done"`
	RowsRefused int64 `json:"rows_refused"`
	RowsOpen    int64 `json:"rows_open"`
	RowsUnknown int64 `json:"rows_unknown"`
	// States counts the rows by target and state.
	States []StateCount `json:"states,omitempty"`
	// Refused counts the refused rows by target and reason.
	Refused []RefusedCount `json:"refused,omitempty"`
	// Requests counts the requests to the targets. A Creator that is not a vendor's client of this
	// module counts one for each call.
	Requests []RequestCount `json:"requests,omitempty"`
	// Elapsed is the time it took, in JSON in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
}

// String returns the report as text of at most 80 columns, with a line end after each line.
func (r Report) String() string {
	var b strings.Builder
	line := func(text string) { wrap(&b, "", 4, text) }
	line(fmt.Sprintf("job %s: %s read%s, %d at fault", fieldText(r.Job), count(r.Rows, "row"), r.speed(), r.RowsAtFault))
	switch {
	case r.Complete:
	case r.Rows == 0:
		line("not complete: no row was read")
	default:
		line(fmt.Sprintf("not complete: the last row that was read begins on line %d", r.LastLine))
	}
	for _, list := range []struct {
		what  string
		names []string
	}{
		{"missing columns", r.Missing},
		{"unused columns", r.Unused},
	} {
		if len(list.names) > 0 {
			names := make([]string, len(list.names))
			for i, name := range list.names {
				names[i] = shorten(name)
			}
			line(list.what + ": " + strings.Join(names, ", "))
		}
	}
	if done := r.RowsDone + r.RowsRefused + r.RowsOpen + r.RowsUnknown; done > 0 {
		line(fmt.Sprintf("%d done, %d refused, %d left open, %d unknown", r.RowsDone, r.RowsRefused, r.RowsOpen, r.RowsUnknown))
	}
	for i, c := range r.States {
		if i == 0 {
			b.WriteString("\n    rows  state        target\n")
		}
		wrap(&b, fmt.Sprintf("%8d  %-11s  ", c.Rows, c.State), 23, fieldText(c.Target))
	}
	for i, c := range r.Refused {
		if i == 0 {
			b.WriteString("\n refused  kind          target, code\n")
		}
		what := fieldText(c.Target)
		if c.Code != "" {
			what += ": " + shorten(c.Code)
		}
		wrap(&b, fmt.Sprintf("%8d  %-12s  ", c.Rows, c.Kind), 24, what)
	}
	for i, c := range r.Requests {
		if i == 0 {
			b.WriteString("\nrequests  refused by 429  target\n")
		}
		wrap(&b, fmt.Sprintf("%8d  %14d  ", c.Requests, c.RateLimited), 26, fieldText(c.Target))
	}
	total := int64(0)
	for i, c := range r.Counts {
		if i == 0 {
			b.WriteString("\n  faults  code         target\n")
		}
		total += c.Faults
		target := "the row"
		if c.Target != "" {
			target = fieldText(c.Target)
		}
		wrap(&b, fmt.Sprintf("%8d  %-11s  ", c.Faults, c.Code), 23, target)
	}
	for i, f := range r.Faults {
		if i == 0 {
			b.WriteString("\n")
		}
		line(f.String())
	}
	if more := total - int64(len(r.Faults)); more > 0 {
		line(fmt.Sprintf("and %s more", count(more, "fault")))
	}
	return b.String()
}

// Format writes String for every verb.
func (r Report) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue returns the numbers, as a group.
func (r Report) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("job", r.Job), slog.Int64("rows", r.Rows), slog.Int64("rows_at_fault", r.RowsAtFault), slog.Int64("last_line", r.LastLine),
		slog.Bool("complete", r.Complete), slog.Duration("elapsed", r.Elapsed),
	)
}

// speed says how long it took; nothing of what took no time.
func (r Report) speed() string {
	if r.Elapsed <= 0 {
		return ""
	}
	took := r.Elapsed.Round(time.Microsecond)
	if r.Elapsed > time.Second {
		took = r.Elapsed.Round(time.Millisecond)
	}
	return fmt.Sprintf(" in %s (%.0f a second)", took, float64(r.Rows)/r.Elapsed.Seconds())
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// lineWidth is how wide a text is, in columns of a terminal.
const lineWidth = 80

// wrap writes a text in lines of lineWidth, which are broken at blanks if there are any. The first
// line begins with a prefix, the others are indented.
func wrap(b *strings.Builder, prefix string, indent int, text string) {
	b.WriteString(prefix)
	at := width(prefix) // the column
	for i, word := range strings.Split(text, " ") {
		switch {
		case i == 0:
		case at+1+width(word) > lineWidth:
			at = newLine(b, indent)
		default:
			b.WriteByte(' ')
			at++
		}
		for _, r := range word {
			if at+width(string(r)) > lineWidth {
				at = newLine(b, indent)
			}
			b.WriteRune(r)
			at += width(string(r))
		}
	}
	b.WriteByte('\n')
}

func newLine(b *strings.Builder, indent int) int {
	b.WriteString("\n" + strings.Repeat(" ", indent))
	return indent
}

// width is how many columns a text takes: two for a character of East Asia.
func width(text string) (n int) {
	for _, r := range text {
		n++
		if unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || r >= 0xff01 && r <= 0xff60 || r >= 0x1f300 && r <= 0x1faff {
			n++
		}
	}
	return n
}
