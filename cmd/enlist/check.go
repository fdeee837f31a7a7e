package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

const checkHelp = `Checks every row of a file of people for every vendor, and sends nothing. It
needs no credentials.

FILE is CSV, or JSON Lines if its name ends in .jsonl, both by gzip too; - is
standard input. Each fault is told with its line, column, field and target, and
what is expected. No value of a row is shown.

Exit codes: 0 no row is at fault; 1 the file could not be read; 2 wrong flags or
config; 3 rows are at fault.
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
	c.Flags().IntVar(&f.maxFaults, "max-faults", 50, "how `many` faults are listed; all of them are counted")
	return c
}

// oneFile is the argument of a command that reads people.
func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError("expected is one file of people, or - for standard input")
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
	p, err := provision.New(new(provision.Memory), targetsOf(c, clients))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	src, err := openPeople(env, path, c.CSV)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := checkMapping(c); err != nil {
		return err
	}
	var faults []bulk.Fault
	job := bulk.Job{Name: c.Job, Mapping: mappingOf(c), OnFault: func(fault bulk.Fault) {
		if len(faults) < f.maxFaults {
			fault.Message = ofConfig.Replace(fault.Message)
			faults = append(faults, fault)
		}
	}}
	report, err := bulk.Check(ctx, p, job, src)
	report.Faults = faults
	code := checkCode(report, err)
	text := []byte(report.String())
	if f.format == "json" {
		text = jsonText(struct {
			bulk.Report
			Error    string `json:"error,omitempty"`
			ExitCode int    `json:"exit_code"`
		}{report, told(err), code})
	}
	code = env.print(text, code)
	switch {
	case err != nil:
		return &exitError{code, fmt.Errorf("%s. Nothing was sent", told(err))}
	case code == exitRefused:
		return &exitError{code, fmt.Errorf("%d of %d rows are at fault. Nothing was sent. Mend them and check again", report.RowsAtFault, report.Rows)}
	}
	return ended(code)
}

// told is the text of an error of package bulk's, by the names of the config.
func told(err error) string {
	if err == nil {
		return ""
	}
	return ofConfig.Replace(err.Error())
}

// checkCode is the exit code of a check.
func checkCode(report bulk.Report, err error) int {
	code := exitDone
	if report.RowsAtFault > 0 {
		code = exitRefused
	}
	return max(code, sourceCode(err))
}

// sourceCode is the exit code of what ended the reading: a file that is at fault can be mended as a
// row can, and a column that the config names wrongly is wrong use.
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

// checkMapping finds what is wrong with the columns of a config.
func checkMapping(c *config.Config) error {
	if _, err := mappingOf(c).Compile(c.Job); err != nil {
		return &exitError{exitUsage, errors.New(ofConfig.Replace(err.Error()))}
	}
	return nil
}
