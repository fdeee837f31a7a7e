package bulk

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// rejectColumns are those that a file of rejects has beside the input's own.
var rejectColumns = []string{"_row", "_target", "_outcome", "_kind", "_code", "_field", "_retry"}

var resultColumns = []string{"key", "target", "state", "user_id", "proof", "line"}

// files are what a run writes of each row. The zero value writes nothing.
type files struct {
	results, rejects *bufio.Writer
	mapper           *Mapper
	header           []string // of the input; nil for one that has none: rejects are JSON Lines
	secrets          bool     // are written too
}

// fileBuffer is how much is written at once.
const fileBuffer = 64 << 10

func newFiles(job Job, m *Mapper) files {
	f := files{mapper: m, secrets: job.RejectSecrets}
	if job.Results != nil {
		f.results = bufio.NewWriterSize(job.Results, fileBuffer)
	}
	if job.Rejects != nil {
		f.rejects = bufio.NewWriterSize(job.Rejects, fileBuffer)
	}
	return f
}

// begin writes the headers.
func (f *files) begin(ctx context.Context, src Source) (err error) {
	if f.results != nil {
		if err = writeCells(f.results, resultColumns); err != nil {
			return err
		}
	}
	columns, ok := src.(ColumnSource)
	if f.rejects == nil || !ok {
		return nil
	}
	header, err := columns.Columns(ctx)
	if err != nil {
		return err
	}
	f.header = slices.DeleteFunc(header, func(name string) bool { return slices.Contains(rejectColumns, name) })
	return writeCells(f.rejects, append(slices.Clone(f.header), rejectColumns...))
}

// flush writes what is left.
func (f *files) flush() error {
	for _, w := range []*bufio.Writer{f.results, f.rejects} {
		if w != nil {
			if err := w.Flush(); err != nil {
				return writeError(err)
			}
		}
	}
	return nil
}

func writeError(err error) error {
	return fmt.Errorf("bulk: what became of the rows cannot be written: %w", err)
}

// result writes a row that was done, and puts it among the rejects if it was refused.
func (f *files) result(t task, results []provision.Result) error {
	if f.results != nil {
		for _, res := range results {
			id, proof := "", ""
			switch {
			case res.User != nil:
				id, proof = res.User.ID, res.User.Proof.String()
			case res.Disposition == provision.DispositionUnknown:
				id = errorOf(res).UserID
			}
			if err := writeCells(f.results, []string{t.key, res.Target, stateOf(res), id, proof, strconv.FormatInt(t.row.Line, 10)}); err != nil {
				return err
			}
		}
	}
	if f.rejects == nil || !slices.ContainsFunc(results, func(res provision.Result) bool { return classOf(res) == ClassRefused }) {
		return nil
	}
	return f.reject(t.row, rejectCells(t.row.Line, results))
}

// rejectCells returns the cells of rejectColumns for a row that was refused.
func rejectCells(line int64, results []provision.Result) []string {
	var why [len("tokcfr")][]string
	retry := "yes"
	for _, res := range results {
		if res.Err == nil {
			continue
		}
		e := errorOf(res)
		if classOf(res) == ClassRefused && !mayPassUnchanged(res) {
			retry = "no"
		}
		for i, text := range []string{res.Target, e.Outcome.String(), e.Kind.String(), codesOf(e), fieldsOf(e)} {
			why[i] = append(why[i], text)
		}
	}
	cells := []string{strconv.FormatInt(line, 10)}
	for _, texts := range why[:5] {
		cells = append(cells, strings.Join(texts, "; "))
	}
	return append(cells, retry)
}

// fault writes a row of which no request can be made.
func (f *files) fault(row Row, faults []Fault) error {
	line := strconv.FormatInt(row.Line, 10)
	if f.results != nil {
		if err := writeCells(f.results, []string{f.mapper.build(row).key, "", StateFault, "", "", line}); err != nil {
			return err
		}
	}
	if f.rejects == nil {
		return nil
	}
	return f.reject(row, faultCells(row.Line, faults))
}

// faultCells returns the cells of rejectColumns for a row of which no request can be made.
func faultCells(line int64, faults []Fault) []string {
	var codes, fields []string
	for _, fault := range faults {
		codes = append(codes, fault.Code)
		fields = append(fields, fault.Field)
	}
	return []string{
		strconv.FormatInt(line, 10), "", userapi.OutcomeNotSent.String(), userapi.KindInvalid.String(), strings.Join(codes, ", "), strings.Join(fields, ", "), "no",
	}
}

// reject writes a row with why it is one.
func (f *files) reject(row Row, why []string) error {
	values := f.withoutSecrets(row)
	if f.header == nil {
		for i, name := range rejectColumns {
			values[name] = why[i]
		}
		if _, err := f.rejects.WriteString(encode(values) + "\n"); err != nil {
			return writeError(err)
		}
		return nil
	}
	cells := make([]string, 0, len(f.header)+len(why))
	for _, name := range f.header {
		switch v, there := values[name]; {
		case !there: // of a row that was cut off: as it is it must not be taken for a whole one
			cells = append(cells, userapi.Redacted)
		case v == nil:
			cells = append(cells, null)
		default:
			cells = append(cells, asText(v))
		}
	}
	return writeCells(f.rejects, append(cells, why...))
}

// withoutSecrets returns the values of a row, secrets redacted.
func (f *files) withoutSecrets(row Row) map[string]any {
	values := maps.Clone(row.Values)
	if values == nil {
		values = map[string]any{}
	}
	if !f.secrets {
		for name, v := range values {
			if v != nil && v != "" && f.mapper.isSecret(name) {
				values[name] = userapi.Redacted
			}
		}
	}
	return values
}

// isSecret reports whether a secret comes from a column.
func (m *Mapper) isSecret(column string) bool {
	if m.carried[column] {
		return true
	}
	if e, mapped := m.entries[column]; !mapped {
		if f, ok := m.field(column); ok && f.secret {
			return true
		}
	} else if e.secret && len(e.columns()) == 0 {
		return true // a field of that name, which nothing is to come from
	}
	for _, e := range m.entries {
		if e.secret && slices.Contains(e.columns(), column) {
			return true
		}
	}
	return false
}

// null is the cell of a CSV file that stands for NULL, as CSVOptions.Null has it by default.
const null = `\N`

// plainCell is what needs no quotes, whatever reads it.
var plainCell = regexp.MustCompile(`^[A-Za-z0-9@._:/+-]+$`)

// writeCells writes a row of CSV. A cell is in quotes unless it is plain, or null.
func writeCells(w io.StringWriter, cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		switch {
		case cell == "", cell == null, cell != "NULL" && plainCell.MatchString(cell):
			b.WriteString(cell)
		default:
			b.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
		}
	}
	b.WriteString("\n")
	if _, err := w.WriteString(b.String()); err != nil {
		return writeError(err)
	}
	return nil
}

// codesOf returns the codes of an error and of its fields.
func codesOf(e *userapi.Error) string {
	var all []string
	if e.Code != "" {
		all = append(all, e.Code)
	}
	for _, f := range e.FieldErrors {
		if f.Code != "" && !slices.Contains(all, f.Code) {
			all = append(all, f.Code)
		}
	}
	return strings.Join(all, ", ")
}

// fieldsOf returns the fields of an error, as a Mapping has them where it does.
func fieldsOf(e *userapi.Error) string {
	var all []string
	for _, f := range e.FieldErrors {
		name := f.VendorField
		switch {
		case f.Field == "IdempotencyKey":
			name = keyField
		case f.Field != "":
			name = snake(f.Field)
		}
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}
