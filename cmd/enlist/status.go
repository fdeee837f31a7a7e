package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

const statusHelp = `Shows from the ledger what an import has done: how many rows are in which state
at each target, and which rows are left. It needs no credentials and calls no
vendor. You can run it while an import runs, unless the ledger is file:PATH.

With KEY it shows one row. KEY is the value of the file's key column, or the
whole key as this command shows it.

Exit codes; if several apply, the highest:
  0  all that the ledger has is done
  1  the ledger could not be read
  2  wrong flags or config
  3  rows were refused
  4  rows are left: run the import again
  5  it is unknown whether a user exists: run the import again, then use enlist
     decide; if an undo was killed, run enlist undo again
`

// statusRows is the default number of rows of each kind to list.
const statusRows = 20

type statusFlags struct {
	peopleFlags
	max int
}

func newStatus(env *environment) *cobra.Command {
	f := &statusFlags{}
	c := &cobra.Command{
		Use:   "status [KEY]",
		Short: "Shows the state of an import, or of one row",
		Long:  statusHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("expected one key, or none")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), env, args) },
	}
	f.add(c)
	c.Flags().StringVar(&f.queue, "queue", "", "the `location` of a queue and its ledger: postgres://HOST/DATABASE or sqlite:PATH; overrides the config. The state of the queue is shown too")
	c.Flags().IntVar(&f.max, "max", statusRows, "the `number` of rows to list of each kind: unknown, deleting, open. All are counted")
	return c
}

func (f *statusFlags) run(ctx context.Context, env *environment, args []string) error {
	if f.max < 0 {
		return usageError("--max must not be negative")
	}
	c, err := f.load(env)
	if err != nil {
		return err
	}
	var s *status
	if len(args) == 1 {
		s, err = readStatusOf(ctx, env, c, args[0])
	} else {
		s, err = readStatus(ctx, env, c, f.max)
	}
	if err != nil {
		return err
	}
	return s.end(env, f.format, s.text(len(args) == 1), s.code())
}

func (s *status) end(env *environment, format formatFlag, text string, code int) error {
	e := ending{ExitCode: code}
	return env.end(format, text, struct {
		*status
		ending
	}{s, e}, e)
}

// readStatus reads the state of a job, with at most that many rows of each kind.
func readStatus(ctx context.Context, env *environment, c *config.Config, most int) (*status, error) {
	s := &status{Job: c.Job, Rows: []statusRow{}, config: c}
	if c.Queue != "" { // before the ledger: its error says what to do without tables
		var err error
		if s.Queue, err = readQueue(ctx, c); err != nil {
			return nil, err
		}
	}
	l, err := ledger.Read(ctx, placeOf(env, c))
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }() // nothing was written
	s.All = l.CountsAll()
	return s, s.read(ctx, l, most)
}

// readStatusOf reads the state of one row.
func readStatusOf(ctx context.Context, env *environment, c *config.Config, text string) (*status, error) {
	l, err := ledger.Read(ctx, placeOf(env, c))
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }() // nothing was written
	s := &status{Job: c.Job, All: l.CountsAll(), config: c}
	return s, s.readKey(ctx, l, c, text)
}

// A status is the state of a job in the ledger. It counts rows at a target.
type status struct {
	Job string `json:"job"`
	// All is set if Counts has all rows. Else it has only rows that are left.
	All    bool          `json:"counts_done"`
	Counts []statusCount `json:"counts,omitempty"`
	// RefusedFor counts the refused rows by reason.
	RefusedFor []refusedCount `json:"refused_for,omitempty"`
	Open       int64          `json:"open"`
	Unknown    int64          `json:"unknown"`
	Deleting   int64          `json:"deleting"`
	Refused    int64          `json:"refused"`
	Rows       []statusRow    `json:"rows"`
	// Queue is the state of the queue, if the config names one.
	Queue *queueStatus `json:"queue,omitempty"`

	config *config.Config
}

type refusedCount struct {
	Target string       `json:"target"`
	Kind   userapi.Kind `json:"kind"`
	Rows   int64        `json:"rows"`
}

type statusCount struct {
	Target string `json:"target"`
	State  string `json:"state"`
	Rows   int64  `json:"rows"`
}

// A statusRow is a row at a target.
type statusRow struct {
	Key     string    `json:"key"`
	Target  string    `json:"target"`
	State   string    `json:"state"`
	UserID  string    `json:"user_id,omitempty"`
	Proof   string    `json:"proof,omitempty"`
	Kind    string    `json:"kind,omitempty"`
	Changed time.Time `json:"changed"`
	Next    string    `json:"next,omitempty"`
}

func (s *status) read(ctx context.Context, l *ledger.Ledger, most int) error {
	counts, err := l.Counts(ctx)
	if err != nil {
		return err
	}
	for _, c := range counts {
		s.countState(c.Record, c.Rows)
		if fateOf(c.Record) == fateRefused {
			s.Refused += c.Rows
			s.RefusedFor = append(s.RefusedFor, refusedCount{c.Record.Target, c.Record.Kind, c.Rows})
		}
	}
	rows := map[fate][]statusRow{}
	err = l.EachOpen(ctx, func(_ string, records []provision.Record) error {
		for _, r := range records {
			f := s.count(r, records)
			listed := f == fateUnknown || f == fateDeleting || f == fateOpen && s.Queue == nil // rows in a queue need no action
			if listed && len(rows[f]) < most {
				rows[f] = append(rows[f], s.rowOf(r, records))
			}
		}
		return nil
	})
	s.Rows = append(rows[fateUnknown], append(rows[fateDeleting], rows[fateOpen]...)...)
	return err
}

// countState adds rows to the count of their state.
func (s *status) countState(r provision.Record, rows int64) {
	own := statusCount{r.Target, stateName(r), rows}
	i := slices.IndexFunc(s.Counts, func(c statusCount) bool { return c.Target == own.Target && c.State == own.State })
	if i < 0 {
		s.Counts = append(s.Counts, own)
		return
	}
	s.Counts[i].Rows += rows
}

// count counts a record, unless it is refused, and returns what to do about it.
func (s *status) count(r provision.Record, records []provision.Record) fate {
	f := fateOf(r)
	switch {
	case f == fateOpen && s.waitsFor(r, records) != fateDone:
		return fateDone // the other target needs the action
	case f == fateUnknown:
		s.Unknown++
	case f == fateDeleting:
		s.Deleting++
	case f == fateOpen:
		s.Open++
	}
	return f
}

// waitsFor returns the fate of the target that r waits for, if another import would not change it; else
// fateDone.
func (s *status) waitsFor(r provision.Record, records []provision.Record) fate {
	if r.State != provision.StateQueued {
		return fateDone
	}
	for _, t := range s.config.Targets {
		if t.Name != r.Target {
			continue
		}
		for _, before := range records {
			if !slices.Contains(t.After, before.Target) {
				continue
			}
			f := fateOf(before)
			if f == fateOpen {
				f = s.waitsFor(before, records)
			}
			if f != fateDone {
				return f
			}
		}
	}
	return fateDone
}

func (s *status) readKey(ctx context.Context, l *ledger.Ledger, c *config.Config, text string) error {
	_, records, err := findKey(ctx, l, c.Job, text)
	if err != nil {
		return err
	}
	for _, r := range records {
		if s.count(r, records) == fateRefused {
			s.Refused++
		}
		s.Rows = append(s.Rows, s.rowOf(r, records))
	}
	return nil
}

// errNoKey is the error of a key that the ledger does not have.
var errNoKey = errors.New("the ledger does not have this key: no import or worker has reached the row, or the job has another name")

// findKey returns the whole key for a text, and its records.
func findKey(ctx context.Context, l provision.Ledger, job, text string) (key string, records []provision.Record, err error) {
	if strings.HasPrefix(text, job+"/") {
		if records, err = l.Load(ctx, text); err != nil || len(records) > 0 {
			return text, records, err
		}
	}
	mapper, err := bulk.Mapping{}.Compile(job)
	if err != nil {
		return "", nil, err
	}
	req, err := mapper.Request(bulk.Row{Line: 1, Values: map[string]any{"key": text}})
	if err != nil {
		return "", nil, usageError("KEY: expected the value of a row's key")
	}
	if records, err = l.Load(ctx, req.IdempotencyKey); err == nil && len(records) == 0 {
		err = errNoKey
	}
	return req.IdempotencyKey, records, err
}

func (s *status) rowOf(r provision.Record, records []provision.Record) statusRow {
	row := statusRow{Key: r.Key, Target: r.Target, State: stateName(r), UserID: r.UserID, Changed: r.Changed, Next: nextOf(r)}
	if s.config.Queue != "" {
		row.Next = ofQueue.Replace(row.Next)
	}
	switch s.waitsFor(r, records) {
	case fateDone:
	case fateRefused:
		row.Next = "no user: another target has refused the row. Correct the row"
	default:
		row.Next = "no user yet: this target waits for another one, where it is unknown whether the user exists"
	}
	if r.State.HasUser() {
		row.Proof = r.Proof.String()
	}
	if r.Kind != userapi.KindUnknown {
		row.Kind = r.Kind.String()
	}
	return row
}

func (s *status) code() int {
	switch {
	case s.Unknown+s.Deleting > 0:
		return exitUnknown
	case s.Open > 0 || s.Queue.left() > 0:
		return exitOpen
	case s.Refused > 0 || s.Queue.refused() > 0:
		return exitRefused
	}
	return exitDone
}

// text returns the status for people: of one key its records, else the numbers and a list.
func (s *status) text(ofKey bool) string {
	var b strings.Builder
	if ofKey {
		for _, r := range s.Rows {
			b.WriteString(wrapped(r.text(), "    "))
			if r.Next != "" {
				b.WriteString(wrapped("- "+r.Next, "  "))
			}
		}
		return b.String()
	}
	s.Queue.writeTo(&b)
	head := fmt.Sprintf("job %s: %d refused, %d open, %d unknown", s.Job, s.Refused, s.Open, s.Unknown)
	if s.Deleting > 0 {
		head += fmt.Sprintf(", %d being deleted", s.Deleting)
	}
	head += ", of rows at a target"
	if !s.All {
		head += "; a ledger of file: counts only what is left"
	}
	b.WriteString(wrapped(head, "    "))
	for i, c := range s.Counts {
		if i == 0 {
			b.WriteString("\n    rows  state        target\n")
		}
		fmt.Fprintf(&b, "%8d  %-11s  %s\n", c.Rows, c.State, c.Target)
	}
	for i, c := range s.RefusedFor {
		if i == 0 {
			b.WriteString("\n refused  kind          target\n")
		}
		fmt.Fprintf(&b, "%8d  %-12s  %s\n", c.Rows, c.Kind, c.Target)
	}
	for i, r := range s.Rows {
		if i == 0 || s.Rows[i-1].Next != r.Next {
			b.WriteString("\n")
			b.WriteString(wrapped(r.Next+":", "  "))
		}
		b.WriteString("  " + wrapped(r.text(), "    "))
	}
	more := s.Open + s.Unknown + s.Deleting - int64(len(s.Rows))
	if s.Queue != nil {
		more -= s.Open
	}
	if s.Queue != nil && s.Open > 0 && s.Queue.toDo() == 0 {
		b.WriteString("\nthe open rows are not in the queue: load them again\n")
	}
	if more > 0 {
		fmt.Fprintf(&b, "\nand %d more; --max sets how many are listed\n", more)
	}
	return b.String()
}

// text returns what the ledger has of a row, without what to do.
func (r statusRow) text() string {
	text := fmt.Sprintf("%s at %s: %s", r.Key, r.Target, r.State)
	if r.UserID != "" {
		text += ", user " + printable(r.UserID)
	}
	if r.Proof != "" {
		text += " (" + r.Proof + ")"
	}
	if r.Kind != "" {
		text += ", " + r.Kind
	}
	return text + ", " + r.Changed.Format(time.RFC3339)
}
