package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

const checkHelp = `Checks every row of a file of people for every target. It sends nothing and
needs no credentials.

` + fileHelp + `
Each fault has its line, column, field and target, and says what is expected.
The values of a row are not shown.

Exit codes; if several apply, the highest:
  0  every row is valid
  1  the file could not be read
  2  wrong flags or config
  3  rows are at fault
`

// fileHelp is in the help of each command that reads people.
const fileHelp = `FILE is CSV, or JSON Lines if its name ends in .jsonl, .ndjson or .json. It can
be compressed with gzip. - is standard input.
`

type checkFlags struct {
	peopleFlags
	maxFaults int
}

func newCheck(env *environment) *cobra.Command {
	f := &checkFlags{}
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Finds every fault of a file of people, and sends nothing",
		Long:  checkHelp,
		Args:  oneFile,
		RunE:  func(c *cobra.Command, args []string) error { return f.run(c.Context(), env, args[0]) },
	}
	f.add(c)
	c.Flags().IntVar(&f.maxFaults, "max-faults", 50, "the `number` of faults to list; all are counted")
	return c
}

// oneFile refuses all but one argument.
func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError("expected one file of people, or - for standard input")
	}
	return nil
}

func (f *checkFlags) run(ctx context.Context, env *environment, path string) error {
	if f.maxFaults < 0 {
		return usageError("--max-faults must not be negative")
	}
	c, err := f.load(env)
	if err != nil {
		return err
	}
	clients, closeAll, err := offlineClients(c)
	defer closeAll()
	if err != nil {
		return err
	}
	if err := checkConfig(ctx, c, clients, nil); err != nil {
		return err
	}
	p, err := provision.New(new(provision.Memory), targetsOf(c, clients))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	src, err := openPeople(env, path, c.CSV)
	if err != nil {
		return err
	}
	defer src.Close()
	faults := faultList{most: f.maxFaults}
	report, err := bulk.Check(ctx, p, bulk.Job{Name: c.Job, Mapping: mappingOf(c), OnFault: faults.add}, src)
	report.Faults = faults.first
	code := checkCode(report, err)
	text := []byte(report.String())
	if f.format == "json" {
		text = jsonText(struct {
			bulk.Report
			Error    string `json:"error,omitempty"`
			ExitCode int    `json:"exit_code"`
		}{report, messageOf(err), code})
	}
	code = env.print(text, code)
	switch {
	case err != nil:
		return &exitError{code, fmt.Errorf("%s. Nothing was sent", messageOf(err))}
	case code == exitRefused:
		return &exitError{code, fmt.Errorf("%d of %d rows are at fault. Nothing was sent. Correct them, and check again", report.RowsAtFault, report.Rows)}
	}
	return ended(code)
}

// A faultList has the first faults of a file, with the names that the config uses.
type faultList struct {
	most  int
	first []bulk.Fault
}

func (l *faultList) add(fault bulk.Fault) {
	if len(l.first) < l.most {
		fault.Message = ofConfig.Replace(fault.Message)
		l.first = append(l.first, fault)
	}
}

// messageOf returns the text of an error of package bulk, with the names that the config uses.
func messageOf(err error) string {
	if err == nil {
		return ""
	}
	return ofConfig.Replace(err.Error())
}

// checkCode returns the exit code of a check.
func checkCode(report bulk.Report, err error) int {
	code := exitDone
	if report.RowsAtFault > 0 {
		code = exitRefused
	}
	return max(code, sourceCode(err))
}

// sourceCode returns the exit code of the error that ended the reading. A fault of the file counts as one of
// its rows. A column that does not exist is wrong use.
func sourceCode(err error) int {
	var bad *bulk.RowError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, bulk.ErrMissingColumns):
		return exitUsage
	case errors.As(err, &bad) && errors.Unwrap(bad) == nil:
		return exitRefused
	}
	return exitFailed
}

// checkConfig checks the targets and the columns of a config before anything is made or sent. With a source
// it also finds columns that the source does not have.
func checkConfig(ctx context.Context, c *config.Config, clients []vendors.Client, src bulk.Source) error {
	p, err := provision.New(new(provision.Memory), targetsOf(c, clients))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	mapper, err := mappingOf(c).Compile(c.Job)
	if err != nil {
		return &exitError{exitUsage, errors.New(messageOf(err))}
	}
	columns, ok := src.(bulk.ColumnSource)
	if !ok {
		_, needed := mapper.Columns(nil)
		columns = noSource(needed)
	}
	var bad *bulk.RowError
	switch _, err = bulk.Check(ctx, p, bulk.Job{Name: c.Job, Mapping: mappingOf(c)}, noRows{columns}); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &exitError{exitOpen, fmt.Errorf("stopped: %w. Nothing was sent", ctx.Err())}
	case errors.As(err, &bad), errors.Is(err, bulk.ErrMissingColumns):
		return &exitError{sourceCode(err), fmt.Errorf("%s. Nothing was sent", messageOf(err))}
	}
	return &exitError{exitUsage, errors.New(messageOf(err))}
}

// noRows has the columns of a source, and no rows.
type noRows struct{ bulk.ColumnSource }

// Rows yields nothing.
func (noRows) Rows(context.Context) iter.Seq2[bulk.Row, error] {
	return func(func(bulk.Row, error) bool) {}
}

// noSource has the columns that a mapping needs, and no rows.
type noSource []string

// Columns returns them.
func (s noSource) Columns(context.Context) ([]string, error) { return s, nil }

// Rows yields nothing.
func (noSource) Rows(context.Context) iter.Seq2[bulk.Row, error] {
	return func(func(bulk.Row, error) bool) {}
}
