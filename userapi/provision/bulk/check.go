package bulk

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/enlist-go/enlist/userapi/provision"
)

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
	c := &check{tally: newTally("check", job)}
	if p == nil || src == nil {
		return c.done(errors.New("bulk: Check needs a Provisioner and a Source"))
	}
	mapper, err := job.Mapping.Compile(job.Name)
	if err != nil {
		return c.done(err)
	}
	if p, err = mapper.withTargets(p); err != nil {
		return c.done(err)
	}
	return c.done(c.run(ctx, mapper, src, func(names *columnNames) error {
		return c.readAll(ctx, newRowChecker(p, mapper), src, names)
	}))
}

// A check is one call of Check.
type check struct {
	tally

	seen seen
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
				rows.checkSafely(r, &d)
			}
		})
	}
	var ahead []*checkedRow
	err := c.read(ctx, src, names, func(row Row, bad *RowError) error {
		r := &checkedRow{row: row, bad: bad, done: make(chan struct{})}
		if len(ahead) == cap(work) {
			c.take(ahead[0])
			ahead = append(ahead[:0], ahead[1:]...)
		}
		ahead = append(ahead, r)
		work <- r
		return nil
	})
	for _, r := range ahead {
		c.take(r)
	}
	return err
}

// take adds a row to the Report.
func (c *check) take(r *checkedRow) {
	<-r.done
	if r.panicked != nil {
		panic(r.panicked)
	}
	for _, u := range r.unique {
		if first, twice := c.seen.add(u.digest, r.row.Line); twice {
			r.faults = append(r.faults, duplicateOf(first, Fault{Line: r.row.Line, Column: u.column, Field: u.field, Target: u.target}))
		}
	}
	c.add(r.row.Line, r.faults)
}

// duplicateOf returns a fault as that of a value which stands in an earlier line.
func duplicateOf(first int64, f Fault) Fault {
	f.Code, f.Message = CodeDuplicate, fmt.Sprintf("line %d has the same value", first)
	return f
}
