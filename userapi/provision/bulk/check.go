package bulk

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/enlist-go/enlist/userapi/provision"
)

// ErrMissingColumns is in the chain of Check's error if the mapping needs a column that the input
// does not have. Report.Missing has the names.
var ErrMissingColumns = errors.New("bulk: the mapping needs columns that the input does not have")

// Check reads all rows of a source. It finds every fault that can be found before anything is sent:
//   - faults of the rows and of the mapping
//   - what p.Plan refuses at each target
//   - rows with the key of an earlier row, or with a value of an earlier row that is unique at a
//     target
//
// Check calls no vendor and does not read the ledger. It uses all cores. Its memory is constant,
// plus about 18 bytes for each key and each unique value. By default Go lets this double;
// GOMEMLIMIT limits it.
//
// Rows at fault are in the Report, and are not an error. Errors are: a fault of the job, the
// context's error, a fatal *RowError of the source such as ErrNoRows, and ErrMissingColumns. The
// Report then says how far Check came. The columns of a ColumnSource are checked before any row is
// read; those of another source at the end.
//
// Check again after the faults are corrected. If the mapping refuses a row, only its key is
// compared with other rows. If a target refuses a row, the row's values at this target are not
// compared.
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

// duplicateOf returns a fault for a value that an earlier line has.
func duplicateOf(first int64, f Fault) Fault {
	f.Code, f.Message = CodeDuplicate, fmt.Sprintf("line %d has the same value", first)
	return f
}
