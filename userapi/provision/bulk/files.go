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

// rejectColumns are the columns that a file of rejects adds to the input's.
var rejectColumns = []string{"_row", "_target", "_outcome", "_kind", "_code", "_field", "_retry"}

var resultColumns = []string{"key", "target", "state", "user_id", "proof", "line"}

// files are the outputs of a run. The zero value writes nothing.
type files struct {
	results, rejects *bufio.Writer
	mapper           *Mapper
	header           []string // of the input; nil if it has none: rejects are then JSON Lines
	secrets          bool     // are written too
}

// fileBuffer is the size of one write.
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

// flush writes the rest.
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

// flushLast is flush without its error: there is an earlier one, or it cannot be returned.
func (f *files) flushLast() { _ = f.flush() }

func writeError(err error) error {
	return fmt.Errorf("bulk: the results or rejects cannot be written: %w", err)
}

// result writes the results of a row, and a reject if it was refused.
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
	if f.rejects == nil || !slices.ContainsFunc(results, isReject) {
		return nil
	}
	return f.reject(t.row, rejectCells(t.row, results))
}

// rejectCells returns the cells of rejectColumns for a row that was refused.
func rejectCells(row Row, results []provision.Result) []string {
	var why [len("tokcfr")][]string
	retry := "yes"
	for _, res := range results {
		if classOf(res) == ClassDone {
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
	cells := []string{lineOf(row)}
	for _, texts := range why[:5] {
		cells = append(cells, strings.Join(texts, "; "))
	}
	return append(cells, retry)
}

// fault writes a row that cannot be made into a request.
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
	from := lineOf(row)
	if slices.ContainsFunc(faults, func(fault Fault) bool { return fault.Code == CodeUnreadable }) {
		row, from = f.uneven(row), line
	}
	return f.reject(row, faultCells(from, faults))
}

// faultCells returns the cells of rejectColumns for a row that cannot be made into a request.
func faultCells(line string, faults []Fault) []string {
	var codes, fields []string
	for _, fault := range faults {
		codes = append(codes, fault.Code)
		fields = append(fields, fault.Field)
	}
	return []string{
		line, "", userapi.OutcomeNotSent.String(), userapi.KindInvalid.String(), strings.Join(codes, ", "), strings.Join(fields, ", "), "no",
	}
}

// lineOf returns the line of a row in the original file; in a file of rejects _row has it.
func lineOf(row Row) string {
	if text, _ := textOf(row.Values[rejectColumns[0]]); keyNumber.MatchString(text) {
		return text
	}
	return strconv.FormatInt(row.Line, 10)
}

// uneven returns the reject of a row with too few or too many cells. Its cells, also a secret, may be
// under other names than theirs, and extra cells are lost. So it has no key: read again as it is, it
// is not a complete row.
func (f *files) uneven(row Row) Row {
	if f.header == nil || row.Values == nil {
		return row
	}
	if !f.secrets && slices.ContainsFunc(f.header, f.mapper.isSecret) {
		return Row{Line: row.Line}
	}
	row.Values = maps.Clone(row.Values)
	columns := []string{keyField}
	if e, mapped := f.mapper.entries[keyField]; mapped {
		columns = e.columns()
	}
	for _, name := range columns {
		delete(row.Values, name)
	}
	return row
}

// reject writes a row with the reason.
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
		case !there:
			cells = append(cells, quote(userapi.Redacted))
		case v == nil:
			cells = append(cells, null)
		default:
			cells = append(cells, quote(asText(v)))
		}
	}
	for _, text := range why {
		cells = append(cells, cellOf(text))
	}
	return writeRow(f.rejects, cells)
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
	if f, ok := m.field(column); m.carried[column] || ok && f.hidden { // also if the column is not used
		return true
	}
	for _, e := range m.entries {
		if e.hidden && slices.Contains(e.columns(), column) {
			return true
		}
	}
	return false
}

// plainCell matches cells that need no quotes.
var plainCell = regexp.MustCompile(`^[A-Za-z0-9@._:/+-]*$`)

// cellOf returns a cell of CSV, in quotes unless it is plain.
func cellOf(text string) string {
	if plainCell.MatchString(text) {
		return text
	}
	return quote(text)
}

// quote returns a cell of CSV in quotes: whatever CSVOptions.Null is, it is a text.
func quote(text string) string {
	if text == "" {
		return ""
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}

// writeCells writes a row of CSV.
func writeCells(w io.StringWriter, texts []string) error {
	cells := make([]string, len(texts))
	for i, text := range texts {
		cells[i] = cellOf(text)
	}
	return writeRow(w, cells)
}

func writeRow(w io.StringWriter, cells []string) error {
	if _, err := w.WriteString(strings.Join(cells, ",") + "\n"); err != nil {
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

// fieldsOf returns the fields of an error, with a Mapping's names if it has them.
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
