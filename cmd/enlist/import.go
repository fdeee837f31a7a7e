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
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

const importHelp = `Creates a user at every target for each row of a file of people. Check the file
first: enlist check finds faults before anything is sent.

You can kill an import at any moment and run the same command again. A ledger
records what is done.

` + fileHelp + `
An import writes two files beside the config. Their names end in .part until it
ends:
  <job>.results.csv  the result of each row
  <job>.rejects.csv  the refused rows, if there are any. Correct a copy of it,
                     and import the copy with --only.
A signal, an error or --max-rows ends an import early. Its files are then called
<job>.results.partial.csv and <job>.rejects.partial.csv, and the files of the
last complete import stay. The next complete import removes the partial ones.

The first SIGINT or SIGTERM stops the reading, and finishes what is in progress.
A second one ends the command at once. Both are safe.

Credentials are environment variables. For a target that is called crm, set
CRM_API_KEY, or CRM_API_KEY_FILE to the path of a file. Without these, the
variables of its vendor apply, such as USERCOM_API_KEY.

Exit codes; if several apply, the highest:
  0  all rows have users
  1  it could not run
  2  wrong flags, config or credentials
  3  rows were refused
  4  rows are left: run the same command again
  5  it is unknown whether a user exists: run the same command again, then use
     enlist decide
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
	fs.BoolVar(&f.init, "init", false, "only write a config from the header of FILE")
	fs.StringVar(&f.results, "results", "", "the `file` for the results; default <job>.results.csv beside the config")
	fs.StringVar(&f.rejects, "rejects", "", "the `file` for the refused rows; default <job>.rejects.csv beside the config")
	fs.StringVar(&f.only, "only", "", "import only the rows of this `file` of corrected rejects; secrets come from FILE. The output files are then <job>.only.results.csv and <job>.only.rejects.csv by default")
	fs.BoolVar(&f.secrets, "rejects-with-secrets", false, "also write passwords to the rejects")
	fs.Int64Var(&f.maxRows, "max-rows", 0, "stop after this `number` of rows, with exit code 4 if there are more; 0 is no limit")
	fs.DurationVar(&f.wait, "wait", 150*time.Second, "how long to wait at the end for rows that an import on another machine has")
	fs.IntVar(&f.inFlight, "in-flight", 0, "the largest `number` of rows in progress; overrides the config; 0 fits the targets")
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
	p, err := provisionerOf(c, clients, l)
	if err != nil {
		return err
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
	return r.end(f.format)
}

// openOnly opens a file and, if only is set, the file of rejects that it names.
func openOnly(env *environment, c *config.Config, path, only string) (original *people, src bulk.Source, err error) {
	if original, err = openPeople(env, path, c.CSV); err != nil {
		return nil, nil, err
	}
	if only == "" {
		return original, original.Source, nil
	}
	// A file of rejects has its own header, and commas.
	rejects, err := openPeople(env, only, config.CSV{})
	if err != nil {
		_ = original.Close() // nothing was read
		return nil, nil, fmt.Errorf("--only: %w", err)
	}
	original.also = rejects
	return original, bulk.Only(original.Source, rejects.Source, mappingOf(c)), nil
}

// openLedger opens the ledger. With --fakes it is a temporary one.
func (f *importFlags) openLedger(ctx context.Context, env *environment, c *config.Config) (*ledger.Ledger, func(), error) {
	place := placeOf(env, c)
	remove := func() {}
	if f.fakes {
		if f.ledger != "" {
			return nil, nil, usageError("--fakes uses a temporary ledger: leave --ledger out")
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
			env.say("the key " + path + " was made: keep it with the ledger, which cannot be used without it")
		}
	})
	if err != nil {
		remove()
		return nil, nil, err
	}
	return l, func() { _ = l.Close(); remove() }, nil // what was stored is durable
}

// lanesOf returns the limits of the targets.
func lanesOf(c *config.Config) map[string]bulk.Lane {
	lanes := map[string]bulk.Lane{}
	for _, t := range c.Targets {
		lanes[t.Name] = bulk.Lane{Concurrency: cmp.Or(t.Concurrency, defaultConcurrency), PerSecond: t.PerSecond, Adaptive: t.PerSecond > 0}
	}
	return lanes
}

// defaultConcurrency is the largest number of calls in progress at a target, unless the config sets one.
const defaultConcurrency = 16

// An importing is an import in progress.
type importing struct {
	env *environment
	c   *config.Config

	results, rejects *part
	rehearsal        bool // at fakes
	cut              bool // ended by --max-rows
	head             int  // the number of lines in the rejects before the rows

	report bulk.Report
	// deleting is the number of rows with a user that an undo has begun to delete.
	deleting int64
	err      error
	stopped  bool
}

// outputs returns the paths of the files to write. They must not be files of other use.
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

// begin creates the files.
func (r *importing) begin(results, rejects string) (err error) {
	if r.results, err = createPart(results); err != nil {
		return err
	}
	if r.rejects, err = createPart(rejects); err != nil {
		r.results.discard()
	}
	return err
}

// limit returns a source that ends after n rows.
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

// end puts the files in their place, and reports the result of the import.
func (r *importing) end(format formatFlag) error {
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
	for i := range r.report.Faults {
		r.report.Faults[i].Message = ofConfig.Replace(r.report.Faults[i].Message)
	}
	e := ending{r.next(kept, failure), code}
	return r.env.end(format, r.text(kept), struct {
		bulk.Report
		Results string `json:"results,omitempty"`
		Rejects string `json:"rejects,omitempty"`
		ending
	}{r.report, kept["results"], kept["rejects"], e}, e)
}

// text is the report for people.
func (r *importing) text(kept map[string]string) string {
	report := r.report
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
	return text
}

// reportFaults is the number of faults that an import lists. enlist check lists more; the rejects have all.
const reportFaults = 20
