package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A tally builds the Report of Check or Run.
type tally struct {
	what    string // the name in error texts
	onFault func(Fault)
	begun   time.Time
	report  Report
	counts  map[countKey]int64
}

type countKey struct{ target, code string }

func newTally(what string, job Job) tally {
	return tally{what: what, onFault: job.OnFault, begun: time.Now(), report: Report{Job: job.Name}, counts: map[countKey]int64{}}
}

// done returns the Report.
func (t *tally) done(err error) (Report, error) {
	t.report.Counts = t.sortedCounts()
	t.report.Elapsed = time.Since(t.begun)
	return t.report, err
}

// run calls readAll and compares the columns with the mapping. It compares before reading if the
// source knows its columns. Otherwise it compares after reading, by the names in the rows.
func (t *tally) run(ctx context.Context, mapper *Mapper, src Source, readAll func(*columnNames) error) error {
	if ctx.Err() != nil {
		return t.contextError(ctx, 0)
	}
	var names *columnNames
	if columns, ok := src.(ColumnSource); ok {
		header, err := columns.Columns(ctx)
		if err != nil {
			return t.endOf(ctx, err)
		}
		if err := t.compare(mapper, header); err != nil {
			return err
		}
	} else {
		names = newColumnNames(mapper)
	}
	if err := readAll(names); err != nil {
		if names != nil {
			_ = t.compare(mapper, names.sorted()) // a later row may have the missing columns
			t.report.Missing = nil
		}
		return err
	}
	t.report.Complete = true
	if names != nil && (names.readable || t.report.Rows == 0) {
		return t.compare(mapper, names.sorted())
	}
	return nil
}

// read calls give for each row until there are no more rows or an error ends the reading.
func (t *tally) read(ctx context.Context, src Source, names *columnNames, give func(Row, *RowError) error) error {
	for row, err := range src.Rows(ctx) {
		if ctx.Err() != nil {
			return t.contextError(ctx, row.Line)
		}
		var bad *RowError
		if err != nil && (!errors.As(err, &bad) || bad.Fatal) {
			return t.endOf(ctx, err)
		}
		if bad == nil && names != nil {
			names.add(row)
		}
		if err := give(row, bad); err != nil {
			return err
		}
	}
	return nil
}

// endOf returns the error that ended the reading.
func (t *tally) endOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		var bad *RowError
		if errors.As(err, &bad) {
			return t.contextError(ctx, bad.Line)
		}
		return t.contextError(ctx, 0)
	}
	return err
}

// contextError returns the error of a context that has ended.
func (t *tally) contextError(ctx context.Context, line int64) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	text := "bulk: " + placeOf(line, "") + "the " + t.what + " was stopped"
	if errors.Is(cause, err) {
		return fmt.Errorf("%s: %w", text, cause)
	}
	return fmt.Errorf("%s: %w: %w", text, err, cause)
}

// add adds a row to the Report.
func (t *tally) add(line int64, faults []Fault) {
	t.report.Rows++
	t.report.LastLine = line
	if len(faults) > 0 {
		t.report.RowsAtFault++
	}
	for _, f := range faults {
		t.counts[countKey{f.Target, f.Code}]++
		if len(t.report.Faults) < MaxReportFaults {
			t.report.Faults = append(t.report.Faults, f)
		}
		if t.onFault != nil {
			t.onFault(f)
		}
	}
}

func (t *tally) sortedCounts() (all []Count) {
	for k, n := range t.counts {
		all = append(all, Count{Target: k.target, Code: k.code, Faults: n})
	}
	slices.SortFunc(all, func(a, b Count) int {
		if a.Target != b.Target {
			return strings.Compare(a.Target, b.Target)
		}
		return strings.Compare(a.Code, b.Code)
	})
	return all
}

// compare adds the unused and missing columns to the Report.
func (t *tally) compare(mapper *Mapper, header []string) error {
	unused, missing := mapper.Columns(header)
	for _, name := range unused[:min(len(unused), maxNames)] {
		t.report.Unused = append(t.report.Unused, cut(name, maxName))
	}
	t.report.Missing = missing
	if len(missing) == 0 {
		return nil
	}
	quoted := make([]string, len(missing))
	for i, name := range missing {
		quoted[i] = shorten(name)
	}
	return fmt.Errorf("%w: %s", ErrMissingColumns, strings.Join(quoted, ", "))
}

// maxNames bounds the names of unused columns: each line of JSON Lines can have other names.
const maxNames = 1000

// columnNames collects the column names of a source without a header.
type columnNames struct {
	needed   map[string]bool // columns of the mapping; true if a row has the column
	others   map[string]bool
	readable bool // at least one row could be read
}

func newColumnNames(m *Mapper) *columnNames {
	n := &columnNames{needed: map[string]bool{}, others: map[string]bool{}}
	_, needed := m.Columns(nil)
	for _, name := range needed {
		n.needed[name] = false
	}
	return n
}

func (n *columnNames) add(row Row) {
	n.readable = true
	for name := range row.Values {
		if was, needed := n.needed[name]; needed {
			if !was {
				n.needed[name] = true
			}
		} else if len(n.others) < maxNames {
			n.others[cut(name, maxName)] = true
		}
	}
}

func (n *columnNames) sorted() (names []string) {
	for name, there := range n.needed {
		if there {
			names = append(names, name)
		}
	}
	for name := range n.others {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
