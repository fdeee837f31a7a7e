package bulk

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi/provision"
)

// A Job is what is to be done with the rows of a source.
type Job struct {
	// Name is a part of each key, as Mapping.Compile takes it. It is required.
	Name string
	// Mapping says which field comes from what of a row.
	Mapping Mapping
	// OnFault is given each fault, in the order of the rows, while Check reads on. It is called
	// by the goroutine that called Check. nil leaves the first faults, which are in the Report.
	OnFault func(Fault)

	// The rest is for Run.

	// InFlight is how many rows are at work at most; 0 means 64.
	InFlight int
	// OnResult is given what became of each row that has no fault, in the order in which they
	// end. It is called by one goroutine at a time, as OnFault is then.
	OnResult func(RowResult)
}

// ErrMissingColumns is in the chain of Check's error where a column that the mapping needs is not
// in the input. Report.Missing has the names.
var ErrMissingColumns = errors.New("bulk: the mapping needs columns that the input does not have")

// Check reads all rows of a source, and finds each fault that can be seen before anything is sent:
// those of the rows, those of the mapping, and what p.Plan finds at each target. It finds two
// rows with one key, and two with one value that is unique at a target; the later row is the one
// at fault. It asks neither the ledger nor a vendor, and sends nothing. It works on all cores. It
// takes constant memory, but for about 18 bytes for each key and each unique value; a program that
// is to stay small sets GOMEMLIMIT, since Go else lets what it holds double.
//
// Rows at fault are no error: the Report has them. The error is one of the job's, of the context, a
// fatal *RowError of the source, among them that of ErrNoRows, or has ErrMissingColumns in its
// chain; the Report then says how far Check came. A source that is a ColumnSource has its columns
// checked before any row is read, another one when all are.
//
// A row of which no request can be made is looked at for its key alone, and of a target where a
// row is at fault its values are not compared with those of other rows: check again when these
// rows are mended.
func Check(ctx context.Context, p *provision.Provisioner, job Job, src Source) (Report, error) {
	begun := time.Now()
	c := &check{onFault: job.OnFault, counts: map[countKey]int64{}, report: Report{Job: job.Name}}
	err := c.run(ctx, p, job, src)
	c.report.Counts = c.sortedCounts()
	c.report.Elapsed = time.Since(begun)
	return c.report, err
}

// A check is one call of Check.
type check struct {
	mapper  *Mapper
	onFault func(Fault)
	report  Report
	counts  map[countKey]int64
	seen    seen
}

type countKey struct{ target, code string }

func (c *check) run(ctx context.Context, p *provision.Provisioner, job Job, src Source) (err error) {
	if p == nil || src == nil {
		return errors.New("bulk: Check needs a Provisioner and a Source")
	}
	if c.mapper, err = job.Mapping.Compile(job.Name); err != nil {
		return err
	}
	c.report.NeedsUsers = c.mapper.NeedsUsers()
	if ctx.Err() != nil {
		return contextError(ctx, 0)
	}
	var names *columnNames
	if columns, ok := src.(ColumnSource); ok {
		header, err := columns.Columns(ctx)
		if err != nil {
			return c.endOf(ctx, err)
		}
		if err := c.compare(header); err != nil {
			return err
		}
	} else {
		names = newColumnNames(c.mapper)
	}
	if err := c.readAll(ctx, newRowChecker(p, c.mapper), src, names); err != nil {
		if names != nil {
			_ = c.compare(names.sorted()) // what is missing may come in a later row
			c.report.Missing = nil
		}
		return err
	}
	c.report.Complete = true
	if names != nil && (names.readable || c.report.Rows == 0) {
		return c.compare(names.sorted())
	}
	return nil
}

// rowsAhead is how many rows are held for each worker.
const rowsAhead = 8

// readAll reads the rows, has them checked by workers, and takes the results in order.
func (c *check) readAll(ctx context.Context, rows *rowChecker, src Source, names *columnNames) error {
	workers := runtime.GOMAXPROCS(0)
	work := make(chan *checkedRow, workers*rowsAhead)
	var running sync.WaitGroup
	defer running.Wait()
	defer close(work)
	for range workers {
		running.Go(func() {
			d := digester{key: rows.key}
			for r := range work {
				rows.check(r, &d)
				close(r.done)
			}
		})
	}
	var ahead []*checkedRow
	err := c.read(ctx, src, names, func(r *checkedRow) {
		if len(ahead) == cap(work) {
			c.take(ahead[0])
			ahead = append(ahead[:0], ahead[1:]...)
		}
		ahead = append(ahead, r)
		work <- r
	})
	for _, r := range ahead {
		c.take(r)
	}
	return err
}

// read reads the rows until there are no more, or the source or the context ends that.
func (c *check) read(ctx context.Context, src Source, names *columnNames, give func(*checkedRow)) error {
	for row, err := range src.Rows(ctx) {
		if ctx.Err() != nil {
			return contextError(ctx, row.Line)
		}
		var bad *RowError
		if err != nil && (!errors.As(err, &bad) || bad.Fatal) {
			return c.endOf(ctx, err)
		}
		if bad == nil && names != nil {
			names.add(row)
		}
		give(&checkedRow{row: row, bad: bad, done: make(chan struct{})})
	}
	return nil
}

// endOf returns what ended the reading.
func (c *check) endOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		var bad *RowError
		if errors.As(err, &bad) {
			return contextError(ctx, bad.Line)
		}
		return contextError(ctx, 0)
	}
	return err
}

// contextError returns the error of a context that is over.
func contextError(ctx context.Context, line int64) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	text := "bulk: " + placeOf(line, "") + "the check was stopped"
	if errors.Is(cause, err) {
		return fmt.Errorf("%s: %w", text, cause)
	}
	return fmt.Errorf("%s: %w: %w", text, err, cause)
}

// take adds a row to the Report.
func (c *check) take(r *checkedRow) {
	<-r.done
	for _, u := range r.unique {
		if first, twice := c.seen.add(u.digest, r.row.Line); twice {
			r.faults = append(r.faults, Fault{
				Line: r.row.Line, Column: u.column, Field: u.field, Target: u.target, Code: CodeDuplicate,
				Message: fmt.Sprintf("line %d has the same value", first),
			})
		}
	}
	c.report.Rows++
	c.report.LastLine = r.row.Line
	if len(r.faults) > 0 {
		c.report.RowsAtFault++
	}
	for _, f := range r.faults {
		c.counts[countKey{f.Target, f.Code}]++
		if len(c.report.Faults) < MaxReportFaults {
			c.report.Faults = append(c.report.Faults, f)
		}
		if c.onFault != nil {
			c.onFault(f)
		}
	}
}

func (c *check) sortedCounts() (all []Count) {
	for k, n := range c.counts {
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

// compare notes what the columns of the input have to do with the mapping.
func (c *check) compare(header []string) error {
	unused, missing := c.mapper.Columns(header)
	for _, name := range unused[:min(len(unused), maxNames)] {
		c.report.Unused = append(c.report.Unused, cut(name, maxName))
	}
	c.report.Missing = missing
	if len(missing) == 0 {
		return nil
	}
	quoted := make([]string, len(missing))
	for i, name := range missing {
		quoted[i] = shorten(name)
	}
	return fmt.Errorf("%w: %s", ErrMissingColumns, strings.Join(quoted, ", "))
}

// maxNames bounds the names of columns that nothing takes: each line of JSON Lines may have
// others.
const maxNames = 1000

// columnNames are those of the rows of a source that does not know its columns.
type columnNames struct {
	needed   map[string]bool // by the mapping; true for those that were there
	others   map[string]bool
	readable bool // a row was
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
