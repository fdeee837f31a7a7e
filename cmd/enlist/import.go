package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

const importHelp = `Creates a user at every target for each row of a file of people. It can be
killed at any moment and run again: a ledger says what is done. Check the file
first: enlist check finds faults before anything is sent.

FILE is CSV, or JSON Lines if its name ends in .jsonl, both by gzip too; - is
standard input. What became of each row is in the results, and the rows that
were refused are in the rejects: mend a copy of them, and import it with --only.
Both files are written beside their place, as .part, and put there at the end.
Without rejects there is no file of them. An import that does not come to the
end of FILE, by a signal, an error or --max-rows, leaves the files of the one
before, and puts its own beside them: people.results.partial.csv. The next whole
one removes these. One that is killed leaves the .part.

The first SIGINT or SIGTERM ends the reading, and what is under way is settled;
a second one ends the command at once. Both are safe.

Credentials are variables: of the target crm CRM_API_KEY, or CRM_API_KEY_FILE
with the path of a file; or its vendor's, such as USERCOM_API_KEY.

Exit codes, the highest that applies: 0 all rows have users; 1 it could not run;
2 wrong flags, config or credentials; 3 rows were refused; 4 something is left:
run it again; 5 it is unknown whether a user exists, and a person decides.
`

type importFlags struct {
	peopleFlags
	whereFlags

	results, rejects, only string
	secrets, init          bool
	maxRows                int64
	wait                   time.Duration
	inFlight               int
	progress               string
}

func newImport(env *environment) *cobra.Command {
	f := &importFlags{}
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Creates a user at every target for each row of a file of people",
		Long:  importHelp,
		Args:  oneFile,
		RunE:  func(c *cobra.Command, args []string) error { return f.run(c.Context(), env, args[0]) },
	}
	f.peopleFlags.add(c)
	f.whereFlags.add(c.Flags())
	fs := c.Flags()
	fs.BoolVar(&f.init, "init", false, "write a config from the header of FILE, and do no more")
	fs.StringVar(&f.results, "results", "", "the `file` for what became of each row; <job>.results.csv beside the config unless set")
	fs.StringVar(&f.rejects, "rejects", "", "the `file` for the rows that were refused; <job>.rejects.csv beside the config unless set")
	fs.StringVar(&f.only, "only", "", "import only the rows of this `file` of rejects, mended, with the secrets of FILE; the results and rejects are then <job>.only.results.csv and <job>.only.rejects.csv unless set")
	fs.BoolVar(&f.secrets, "rejects-with-secrets", false, "write passwords into the rejects too")
	fs.Int64Var(&f.maxRows, "max-rows", 0, "stop after so many `rows`, with exit code 4 if there are more; 0 does all")
	fs.DurationVar(&f.wait, "wait", 150*time.Second, "how long to wait at the end for rows that an import on another machine holds")
	fs.IntVar(&f.inFlight, "in-flight", 0, "how many `rows` are at work at most, over the config's; 0 fits the targets")
	addProgress(fs, &f.progress)
	return c
}

func (f *importFlags) check() error {
	switch {
	case f.maxRows < 0:
		return usageError("--max-rows must not be negative")
	case f.wait < 0:
		return usageError("--wait must not be negative")
	case f.inFlight < 0:
		return usageError("--in-flight must not be negative")
	}
	if err := checkProgress(f.progress); err != nil {
		return err
	}
	return f.whereFlags.check()
}

func (f *importFlags) run(ctx context.Context, env *environment, path string) error {
	if err := f.check(); err != nil {
		return err
	}
	read := 0
	for _, from := range []string{path, f.only, f.vendors} {
		if from == standardInput {
			read++
		}
	}
	if read > 1 {
		return usageError("only one of FILE, --only and --vendors can be standard input")
	}
	if f.init {
		return f.writeConfig(ctx, env, path)
	}
	c, err := f.load(env)
	if err != nil {
		return err
	}
	clients, closeAll, err := f.connect(ctx, env, c, nil)
	defer closeAll()
	if err != nil {
		return err
	}
	original, src, err := openOnly(env, c, path, f.only)
	if err != nil {
		return err
	}
	defer func() { _ = original.Close() }() // it was read
	if err := checkConfig(ctx, c, clients, src); err != nil {
		return err
	}
	r := &importing{env: env, c: c, rehearsal: f.fakes}
	_, isCSV := src.(bulk.ColumnSource)
	if isCSV {
		r.head = 1
	}
	results, rejects, err := f.outputs(env, c, path, isCSV)
	if err != nil {
		return err
	}
	l, closeLedger, err := f.openLedger(ctx, env, c)
	if err != nil {
		return fmt.Errorf("%w. Nothing was sent", err)
	}
	defer closeLedger()
	p, err := provision.New(l, targetsOf(c, clients), provision.RequestKeys(l.Key), provision.Alone(l.Alone))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if err := r.begin(results, rejects); err != nil {
		return fmt.Errorf("%w. Nothing was sent", err)
	}
	if f.maxRows > 0 {
		src = r.limit(src, f.maxRows)
	}
	display, show := newDisplay(env, f.progress, c, original)
	job := bulk.Job{
		Name: c.Job, Mapping: mappingOf(c), InFlight: cmp.Or(f.inFlight, c.InFlight), Lanes: lanesOf(c), Wait: f.wait,
		OnProgress: show, OnResult: r.note, Results: r.results, Rejects: r.rejects, RejectSecrets: f.secrets,
	}
	r.report, r.err = bulk.Run(ctx, p, job, src)
	display.End()
	r.stopped = ctx.Err() != nil && errors.Is(r.err, ctx.Err())
	return r.end(string(f.format))
}

// openOnly opens a file, and with it the one of rejects if only names it.
func openOnly(env *environment, c *config.Config, path, only string) (original *people, src bulk.Source, err error) {
	if original, err = openPeople(env, path, c.CSV); err != nil {
		return nil, nil, err
	}
	if only == "" {
		return original, original.Source, nil
	}
	// A file of rejects has a header of its own, and commas.
	rejects, err := openPeople(env, only, config.CSV{})
	if err != nil {
		_ = original.Close() // nothing was read
		return nil, nil, fmt.Errorf("--only: %w", err)
	}
	original.also = rejects
	return original, bulk.Only(original.Source, rejects.Source, mappingOf(c)), nil
}

// openLedger opens the ledger. That of fakes in this process ends with them.
func (f *importFlags) openLedger(ctx context.Context, env *environment, c *config.Config) (*ledger.Ledger, func(), error) {
	place := placeOf(env, c)
	remove := func() {}
	if f.fakes {
		if f.ledger != "" {
			return nil, nil, usageError("--fakes has a ledger of its own, which ends with the command: leave --ledger out")
		}
		dir, err := os.MkdirTemp("", "enlist-fakes-")
		if err != nil {
			return nil, nil, err
		}
		place, remove = ledger.Place{Dir: dir, Job: c.Job}, func() { _ = os.RemoveAll(dir) }
	} else if f.vendors != "" {
		place.For = ledger.ForFakes
	}
	l, err := ledger.Open(ctx, place, func(path string) {
		if !f.fakes {
			env.tell("the key " + path + " was made: keep it with the ledger, which is of no use without it")
		}
	})
	if err != nil {
		remove()
		return nil, nil, err
	}
	return l, func() { _ = l.Close(); remove() }, nil // what was stored is durable
}

// lanesOf are the bounds of the targets.
func lanesOf(c *config.Config) map[string]bulk.Lane {
	lanes := map[string]bulk.Lane{}
	for _, t := range c.Targets {
		lanes[t.Name] = bulk.Lane{Concurrency: cmp.Or(t.Concurrency, defaultConcurrency), PerSecond: t.PerSecond, Adaptive: t.PerSecond > 0}
	}
	return lanes
}

// defaultConcurrency is how many calls are under way at a target, where the config does not say.
const defaultConcurrency = 16

// An importing is one import on its way.
type importing struct {
	env *environment
	c   *config.Config

	results, rejects *part
	rehearsal        bool // at fakes
	cut              bool // by --max-rows
	head             int  // how many lines the rejects have beside the rows

	report bulk.Report
	// deleting is how many rows an undo was killed at.
	deleting int64
	err      error
	stopped  bool
}

// outputs names the files that are written, which must be no others.
func (f *importFlags) outputs(env *environment, c *config.Config, path string, isCSV bool) (results, rejects string, err error) {
	name := c.Job
	switch {
	case f.fakes:
		name += ".fakes"
	case f.only != "":
		name += ".only"
	}
	ext := ".csv"
	if !isCSV {
		ext = ".jsonl"
	}
	results = cmp.Or(f.results, besideConfig(c, name+".results.csv"))
	rejects = cmp.Or(f.rejects, besideConfig(c, name+".rejects"+ext))
	read := []namedFile{{"the input", path}, {"--only", f.only}, {"--vendors", f.vendors}, {"the config", c.Path}}
	return results, rejects, apart([]namedFile{{"--results", results}, {"--rejects", rejects}}, append(read, ledgerFiles(placeOf(env, c))...))
}

// begin begins the files.
func (r *importing) begin(results, rejects string) (err error) {
	if r.results, err = createPart(results); err != nil {
		return err
	}
	if r.rejects, err = createPart(rejects); err != nil {
		r.results.discard()
	}
	return err
}

// limit ends a source after so many rows.
func (r *importing) limit(src bulk.Source, n int64) bulk.Source {
	first := firstRows{src, n, &r.cut}
	if columns, ok := src.(bulk.ColumnSource); ok {
		return firstColumns{first, columns}
	}
	return first
}

// firstRows are the first rows of a source.
type firstRows struct {
	bulk.Source

	n   int64
	cut *bool
}

// Rows yields at most n rows, those at fault among them.
func (s firstRows) Rows(ctx context.Context) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		n := int64(0)
		for row, err := range s.Source.Rows(ctx) {
			if n++; n > s.n {
				*s.cut = true
				return
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

type firstColumns struct {
	firstRows
	columns bulk.ColumnSource
}

// Columns returns those of the source.
func (s firstColumns) Columns(ctx context.Context) ([]string, error) { return s.columns.Columns(ctx) }

// isWhole reports whether the import came to the end of its rows.
func (r *importing) isWhole() bool { return r.report.Complete && !r.cut && r.err == nil }

// end puts the files in their place, and tells what came of the import.
func (r *importing) end(format string) error {
	code := max(r.rowsCode(), r.errCode())
	var failed []error
	kept := map[string]string{}
	keep := func(name string, p *part) {
		place, err := p.keep(r.isWhole())
		if err == nil {
			kept[name] = place
		}
		failed = append(failed, err)
	}
	switch {
	case r.report.Rows == 0:
		r.results.discard()
		r.rejects.discard()
	case r.rejects.lines <= r.head && r.rejects.err == nil:
		keep("results", r.results)
		failed = append(failed, r.rejects.remove(r.isWhole()))
	default:
		keep("results", r.results)
		keep("rejects", r.rejects)
	}
	failure := errors.Join(failed...)
	if failure != nil {
		code = max(code, exitFailed)
	}
	next := r.next(kept, failure)
	var text []byte
	if format == "json" {
		text = jsonText(struct {
			bulk.Report
			Results  string   `json:"results,omitempty"`
			Rejects  string   `json:"rejects,omitempty"`
			Next     []string `json:"next,omitempty"`
			ExitCode int      `json:"exit_code"`
		}{r.report, kept["results"], kept["rejects"], next, code})
	} else {
		text = r.text(kept)
	}
	code = r.env.print(text, code)
	for _, line := range next {
		r.env.tell(line)
	}
	return ended(code)
}

// text is the report for people.
func (r *importing) text(kept map[string]string) []byte {
	report := r.report
	for i := range report.Faults {
		report.Faults[i].Message = ofConfig.Replace(report.Faults[i].Message)
	}
	report.Faults = report.Faults[:min(len(report.Faults), reportFaults)]
	text := report.String()
	for _, name := range []string{"results", "rejects"} {
		if kept[name] != "" {
			text += fmt.Sprintf("\n%s: %s", name, kept[name])
		}
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return []byte(text)
}

// reportFaults is how many faults an import lists: check lists them, and the rejects have all.
const reportFaults = 20
