package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

const statusHelp = `Tells from the ledger alone what became of an import: how many rows have which
state at each target, and which are left. It needs no credentials and asks nobody.
It can be called while an import is at work, but not on a ledger of file:.

KEY tells of one row. It is the value of the file's key column, or the whole key as
the results have it.

Exit codes: 0 nothing is left; 1 the ledger could not be read; 2 wrong flags or
config; 4 something is left: run the import again; 5 a person decides: enlist decide.
`

type statusFlags struct {
	peopleFlags
	max int
}

func newStatus(env *environment) *cobra.Command {
	f := &statusFlags{}
	c := &cobra.Command{
		Use:   "status [KEY]",
		Short: "Tells from the ledger what became of an import, or of a row",
		Long:  statusHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("expected is one key, or none")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), env, args) },
	}
	f.add(c)
	c.Flags().IntVar(&f.max, "max", 50, "how `many` of the rows that are left are listed; all of them are counted")
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
	l, err := ledger.Read(ctx, placeOf(c))
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // nothing was written
	s := &status{Job: c.Job, All: l.CountsAll()}
	if len(args) == 1 {
		err = s.readKey(ctx, l, c, args[0])
	} else {
		err = s.read(ctx, l, f.max)
	}
	if err != nil {
		return err
	}
	text := s.text(len(args) == 1)
	if f.format == "json" {
		text = jsonText(s)
	}
	return ended(env.print(text, s.code()))
}

// A status is what a ledger says of a job.
type status struct {
	Job string `json:"job"`
	// All is set where Counts has what is done too, and not only what is left.
	All     bool           `json:"counts_done"`
	Counts  []ledger.Count `json:"counts,omitempty"`
	Open    int64          `json:"open"`
	Unknown int64          `json:"unknown"`
	Rows    []statusRow    `json:"rows"`
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

func (s *status) read(ctx context.Context, l *ledger.Ledger, most int) (err error) {
	if s.Counts, err = l.Counts(ctx); err != nil {
		return err
	}
	return l.EachOpen(ctx, func(_ string, records []provision.Record) error {
		for _, r := range records {
			if !r.Open() {
				continue
			}
			s.count(r)
			if len(s.Rows) < most {
				s.Rows = append(s.Rows, rowOf(r))
			}
		}
		return nil
	})
}

func (s *status) count(r provision.Record) {
	if r.State == provision.StateUnknown {
		s.Unknown++
	} else if r.Open() {
		s.Open++
	}
}

func (s *status) readKey(ctx context.Context, l *ledger.Ledger, c *config.Config, text string) error {
	_, records, err := findKey(ctx, l, c.Job, text)
	if err != nil {
		return err
	}
	for _, r := range records {
		s.count(r)
		s.Rows = append(s.Rows, rowOf(r))
	}
	return nil
}

// errNoKey says that the ledger does not have a key.
var errNoKey = errors.New("the ledger has nothing of that key: no import has come to the row, or its job has another name")

// findKey returns the key that a text stands for, and its records.
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
		return "", nil, usageError("KEY: the value of a row's key is expected")
	}
	if records, err = l.Load(ctx, req.IdempotencyKey); err == nil && len(records) == 0 {
		err = errNoKey
	}
	return req.IdempotencyKey, records, err
}

func rowOf(r provision.Record) statusRow {
	row := statusRow{Key: r.Key, Target: r.Target, State: stateName(r), UserID: r.UserID, Changed: r.Changed, Next: nextOf(r)}
	if r.State.HasUser() {
		row.Proof = r.Proof.String()
	}
	if r.Kind != userapi.KindUnknown {
		row.Kind = r.Kind.String()
	}
	return row
}

func stateName(r provision.Record) string {
	switch {
	case r.Unfinished:
		return bulk.StateUnfinished
	case r.State == provision.StateInFlight:
		return "in_flight"
	}
	return string(r.State)
}

// nextOf says whether there is a user, and what to do.
func nextOf(r provision.Record) string {
	switch {
	case r.State.HasUser() && r.Unfinished:
		return "the user exists, and a second step is left: run the import again"
	case r.State.HasUser():
		return ""
	case r.State == provision.StateUnknown:
		return "the user may exist: run the import again, which asks the vendor if it can; else look at the vendor, and enlist decide"
	case r.State == provision.StateInFlight && time.Now().Before(r.Until):
		return "an import is at work on it, or was killed: run the import again"
	case r.State == provision.StateInFlight:
		return "an import was killed at it, and the user may exist: run the import again"
	case r.State == provision.StateDeleting:
		return "it is being deleted, or an undo was killed at it: run enlist undo again"
	case r.State == provision.StateUndone:
		return "there is no user: the row was undone"
	case r.Open():
		return "there is no user: run the import again"
	}
	return "there is no user: the row was refused; mend it"
}

func (s *status) code() int {
	switch {
	case s.Unknown > 0:
		return exitUnknown
	case s.Open > 0:
		return exitOpen
	}
	return exitDone
}

// text is the status for people.
func (s *status) text(ofKey bool) []byte {
	var b strings.Builder
	if !ofKey {
		fmt.Fprintf(&b, "job %s: %d open, %d unknown", s.Job, s.Open, s.Unknown)
		if !s.All {
			b.WriteString("; a ledger of file: does not count what is done")
		}
		b.WriteString("\n")
		for i, c := range s.counts() {
			if i == 0 {
				b.WriteString("\n    rows  state        target\n")
			}
			fmt.Fprintf(&b, "%8d  %-11s  %s\n", c.Rows, c.State, c.Target)
		}
	}
	for i, r := range s.Rows {
		if i > 0 || !ofKey {
			b.WriteString("\n")
		}
		head := fmt.Sprintf("%s at %s: %s", r.Key, r.Target, r.State)
		if r.UserID != "" {
			head += ", user " + printable(r.UserID)
		}
		if r.Proof != "" {
			head += " (" + r.Proof + ")"
		}
		if r.Kind != "" {
			head += ", " + r.Kind
		}
		b.WriteString(wrapped(head+", "+r.Changed.Format(time.RFC3339), "    "))
		if r.Next != "" {
			b.WriteString(wrapped("- "+r.Next, "  "))
		}
	}
	if more := s.Open + s.Unknown - int64(len(s.Rows)); more > 0 && !ofKey {
		fmt.Fprintf(&b, "\nand %d more: --max lists them\n", more)
	}
	return []byte(b.String())
}

// counts adds up what differs in its kind alone.
func (s *status) counts() (all []ledger.Count) {
	for _, c := range s.Counts {
		if n := len(all) - 1; n >= 0 && all[n].Target == c.Target && all[n].State == c.State {
			all[n].Rows += c.Rows
			continue
		}
		all = append(all, c)
	}
	return all
}
