package bulkriver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// An Inserter inserts jobs. A *river.Client is one, with any driver.
type Inserter interface {
	InsertMany(ctx context.Context, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
	InsertManyFast(ctx context.Context, params []river.InsertManyParams) (int, error)
}

// A Report is what came of a load. It holds no value of a row.
type Report struct {
	// Rows is what came of the reading, with the rows at fault, which are not in the queue.
	Rows bulk.Report `json:"rows"`
	// Of the other rows, so many were added to the queue,
	Queued int64 `json:"queued"`
	// took the place of an older version of theirs there,
	Replaced int64 `json:"replaced"`
	// were there already,
	Present int64 `json:"present"`
	// were left out, since nothing is left to do,
	Done int64 `json:"done"`
	// were left out, since a target has refused them as they are: see RetryRefused,
	Refused int64 `json:"refused"`
	// were left out, since their keys were used before with another request, of which users exist
	// or something is open: Job.OnFault is called for each,
	Different int64 `json:"different"`
	// and were left out, since a worker was at an older version of theirs: load them again.
	// Job.OnFault is called for each.
	AtWork int64 `json:"at_work"`
}

// String returns the report as text, with a line end after each line.
func (r Report) String() string {
	return r.Rows.String() + fmt.Sprintf("%d queued, %d replaced, %d there already, %d done before,\n    %d refused before, %d different, %d at work in an older version\n",
		r.Queued, r.Replaced, r.Present, r.Done, r.Refused, r.Different, r.AtWork)
}

// Format writes String for every verb.
func (r Report) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue returns the numbers, as a group.
func (r Report) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Any("rows", r.Rows), slog.Int64("queued", r.Queued), slog.Int64("replaced", r.Replaced), slog.Int64("present", r.Present),
		slog.Int64("done", r.Done), slog.Int64("refused", r.Refused), slog.Int64("different", r.Different), slog.Int64("at_work", r.AtWork),
	)
}

// A LoadOption changes what a Load adds.
type LoadOption func(*load)

// RetryRefused adds rows that a target has refused, also where they are unchanged. It is for a reason
// that was mended at the vendor, and for a new password, by which the ledger does not know a request. Each
// Load with it adds them again.
func RetryRefused() LoadOption { return func(l *load) { l.retries = true } }

// CodeAtWork is the code of the fault of a row that has a worker at an older version.
const CodeAtWork = "at_work"

// batch is how many rows are put into the queue at once.
const batch = 1000

// Load puts the rows of a source into the queue. Each is one job of River, for a worker that has a job
// of the same name. The package's documentation says what becomes of a row that is in the queue, or
// that the ledger has.
//
// Load may end at any moment. Call it again then: what was read before is in the queue, and is not
// added twice. Several Loads, and workers, may run at once.
//
// A row at fault is not queued, and Job.OnFault is called with what bulk.Processor.Read finds. A fault
// that only a vendor can find shows when a worker does the row.
//
// Of the job, its Name, Mapping and OnFault are used. The client must have the Queue's schema. Load takes
// about 18 bytes of memory for each key, and a constant amount beside that.
func (q *Queue) Load(ctx context.Context, client Inserter, p *provision.Provisioner, job bulk.Job, src bulk.Source, opts ...LoadOption) (Report, error) {
	l := &load{q: q, client: client, onFault: job.OnFault}
	for _, opt := range opts {
		if opt != nil {
			opt(l)
		}
	}
	if client == nil || p == nil || src == nil {
		return l.report, errors.New("bulkriver: Load needs a client of River, a Provisioner and a Source")
	}
	if c, ok := client.(interface{ Schema() string }); ok && c.Schema() != q.schema {
		return l.report, fmt.Errorf("bulkriver: the client of River has the schema %q, and the Queue %q: they must be one", c.Schema(), q.schema)
	}
	job.Lanes = nil // nothing is sent
	var err error
	if l.processor, err = bulk.NewProcessor(p, job); err != nil {
		return l.report, err
	}
	l.job = job.Name
	l.report.Rows, err = l.processor.Read(ctx, src, func(row bulk.Row, req userapi.CreateUserRequest) error {
		l.rows = append(l.rows, loadRow{row, req})
		if len(l.rows) < batch {
			return nil
		}
		return l.flush(ctx)
	})
	// What was read is put there also where the reading ended early.
	if failed := l.flush(ctx); err == nil {
		err = failed
	}
	if failed := l.await(); err == nil {
		err = failed
	}
	return l.report, err
}

// A load is one call of Load. One batch is put into the queue while the next one is read.
type load struct {
	q         *Queue
	client    Inserter
	processor *bulk.Processor
	job       string
	retries   bool
	onFault   func(bulk.Fault)
	report    Report
	rows      []loadRow
	pending   chan stored // the batch under way; nil for none
}

type loadRow struct {
	row bulk.Row
	req userapi.CreateUserRequest
}

func (r loadRow) key() string { return r.req.IdempotencyKey }

// stored is what came of a batch.
type stored struct {
	report Report
	faults []bulk.Fault
	err    error
}

// flush begins to put the rows into the queue, once the batch before is there.
func (l *load) flush(ctx context.Context) error {
	if err := l.await(); err != nil || len(l.rows) == 0 {
		l.rows = nil
		return err
	}
	rows := l.rows
	l.rows = nil
	pending := make(chan stored, 1)
	l.pending = pending
	go func() {
		var s stored
		s.err = l.store(ctx, rows, &s)
		pending <- s
	}()
	return nil
}

// await waits for the batch that is under way, and adds it to the report.
func (l *load) await() error {
	if l.pending == nil {
		return nil
	}
	s := <-l.pending
	l.pending = nil
	l.report.Queued += s.report.Queued
	l.report.Replaced += s.report.Replaced
	l.report.Present += s.report.Present
	l.report.Done += s.report.Done
	l.report.Refused += s.report.Refused
	l.report.Different += s.report.Different
	l.report.AtWork += s.report.AtWork
	for _, f := range s.faults {
		if l.onFault != nil {
			l.onFault(f)
		}
	}
	return s.err
}

// A newJob is a row on its way into the queue.
type newJob struct {
	loadRow

	text []byte // as it is sealed
	args Args
}

// store puts rows into the queue.
func (l *load) store(ctx context.Context, rows []loadRow, s *stored) error {
	rows, err := l.leftToDo(ctx, rows, s)
	for err == nil && len(rows) > 0 {
		rows, err = l.put(ctx, rows, s)
	}
	return err
}

// put puts rows into the queue, and returns those for which another load had a job there just
// before.
func (l *load) put(ctx context.Context, rows []loadRow, s *stored) (again []loadRow, err error) {
	there, err := l.q.find(ctx, keysOf(rows))
	if err != nil {
		return nil, err
	}
	var add []newJob
	for _, row := range rows {
		j := newJob{loadRow: row, args: Args{Job: l.job, Key: row.req.IdempotencyKey, Retry: l.retries}}
		if j.text, j.args.Row, err = l.q.seal(ctx, row.row, aboutRow, j.args.Job, j.args.Key); err != nil {
			return nil, err
		}
		old, found := there[j.args.Key]
		switch {
		case !found:
			add = append(add, j)
		case l.isSame(ctx, old, j):
			s.report.Present++
		default:
			replaced, err := l.q.replace(ctx, old.id, j.args)
			switch {
			case err != nil:
				return nil, err
			case replaced:
				s.report.Replaced++
			default:
				l.atWork(row, s)
			}
		}
	}
	return l.add(ctx, add, s)
}

func keysOf[R interface{ key() string }](rows []R) (keys []string) {
	for _, row := range rows {
		keys = append(keys, row.key())
	}
	return keys
}

// leftToDo returns the rows that a worker has something to do for, by the ledger.
func (l *load) leftToDo(ctx context.Context, rows []loadRow, s *stored) (left []loadRow, err error) {
	standings, err := l.standings(ctx, rows)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		switch standings[i] {
		case provision.StandingDone:
			s.report.Done++
		case provision.StandingRefused:
			if l.retries {
				left = append(left, row)
			} else {
				s.report.Refused++
			}
		case provision.StandingDifferent:
			l.different(row, s)
		default:
			left = append(left, row)
		}
	}
	return left, nil
}

func (l *load) standings(ctx context.Context, rows []loadRow) ([]provision.Standing, error) {
	reqs := make([]userapi.CreateUserRequest, len(rows))
	for i, row := range rows {
		reqs[i] = row.req
	}
	standings, err := l.processor.Provisioner().Standings(ctx, reqs)
	if err != nil {
		return nil, fmt.Errorf("bulkriver: lines %d to %d: ask the ledger: %w", rows[0].row.Line, rows[len(rows)-1].row.Line, err)
	}
	return standings, nil
}

// isSame reports whether a job does what a new one would. One whose row cannot be opened any more
// does not.
func (l *load) isSame(ctx context.Context, old queued, j newJob) bool {
	if old.queue != l.q.name || l.retries && !old.args.Retry {
		return false
	}
	was, err := l.q.sealer.Open(ctx, old.args.Row, about(aboutRow, old.args.Job, old.args.Key))
	return err == nil && sameRow(was, j.text)
}

func (l *load) different(row loadRow, s *stored) {
	s.report.Different++
	s.faults = append(s.faults, bulk.Fault{
		Line: row.row.Line, Field: "key", Code: userapi.CodeDifferent,
		Message: "the key was used before with another request, which is open or has users: the row needs a key of its own, or has to wait",
	})
}

func (l *load) atWork(row loadRow, s *stored) {
	s.report.AtWork++
	s.faults = append(s.faults, bulk.Fault{
		Line: row.row.Line, Field: "key", Code: CodeAtWork, Message: "a worker is at an older version of the row: load the row again when that one is done",
	})
}

// add adds jobs to the queue, and returns the rows for which another load was faster. Those that
// have nothing left to do since the look into the ledger are taken out again.
func (l *load) add(ctx context.Context, jobs []newJob, s *stored) (late []loadRow, err error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		params[i] = river.InsertManyParams{Args: j.args, InsertOpts: &river.InsertOpts{Queue: l.q.name}}
	}
	results, err := l.insert(ctx, params)
	if err != nil {
		return nil, dbError("insert jobs", err)
	}
	var added []newJob
	var rows []loadRow
	for i, j := range jobs {
		if results != nil && results[i].UniqueSkippedAsDuplicate {
			late = append(late, j.loadRow)
			continue
		}
		added, rows = append(added, j), append(rows, j.loadRow)
	}
	if len(added) == 0 {
		return late, nil
	}
	standings, err := l.standings(ctx, rows)
	if err != nil {
		return nil, err
	}
	var done []newJob
	for i, j := range added {
		switch {
		case standings[i] == provision.StandingDone:
			s.report.Done++
		case standings[i] == provision.StandingRefused && !l.retries:
			s.report.Refused++
		case standings[i] == provision.StandingDifferent:
			l.different(j.loadRow, s)
		default:
			s.report.Queued++
			continue
		}
		done = append(done, j)
	}
	return late, l.q.drop(ctx, done)
}

// insert inserts jobs. No results say that none of them was there.
func (l *load) insert(ctx context.Context, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	// The fast way is a COPY, and fails as a whole where one is there. SQLite has no such way.
	if l.q.dialect == sqlledger.PostgreSQL {
		if _, err := l.client.InsertManyFast(ctx, params); err == nil {
			return nil, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return l.client.InsertMany(ctx, params)
}
