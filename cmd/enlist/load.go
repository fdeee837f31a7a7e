package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/cmd/enlist/internal/queue"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

const loadHelp = `Adds the rows of a file of people to a queue. Workers take them from there: see
enlist work. It sends nothing and needs no vendor's credentials.

Run it again at any time, also while workers run. A row is added only if it has
something left to do and is not in the queue yet. An edited row replaces the
older version in the queue. Make the queue first: enlist migrate.

` + fileHelp + `
` + queueKeysHelp + `
Exit codes; if several apply, the highest:
  0  all rows are in the queue or done
  1  it could not run
  2  wrong flags, config or keys
  3  rows are at fault, or were refused before
  4  rows were left out for now: run the same command again
`

const queueKeysHelp = `Two keys are environment variables. Each can also be a file: add _FILE to its
name. Every process needs the same keys.
  ENLIST_QUEUE_KEY    encrypts the rows in the queue. 32 bytes in hex or base64:
                      openssl rand -hex 32 makes one. To rotate it, write the
                      new key before the old ones, separated by commas.
  ENLIST_REQUEST_KEY  detects rows that were changed. If it is not set, the key
                      is a file beside the config, or beside the queue's file.
                      The first load makes that file.
`

type loadFlags struct {
	peopleFlags

	only      string
	retry     bool
	maxFaults int
}

func newLoad(env *environment) *cobra.Command {
	f := &loadFlags{}
	c := &cobra.Command{
		Use:   "load FILE",
		Short: "Adds the rows of a file of people to a queue",
		Long:  loadHelp,
		Args:  oneFile,
		RunE:  func(c *cobra.Command, args []string) error { return f.run(c.Context(), env, args[0]) },
	}
	f.add(c)
	f.addQueue(c)
	fs := c.Flags()
	fs.StringVar(&f.only, "only", "", "load only the rows of this `file` of corrected rejects; secrets come from FILE")
	fs.BoolVar(&f.retry, "retry-refused", false, "also load refused rows that were not changed. Use it when the reason was corrected at the vendor, or is a password")
	fs.IntVar(&f.maxFaults, "max-faults", 50, "the `number` of faults to list; all are counted")
	return c
}

func (f *loadFlags) run(ctx context.Context, env *environment, path string) error {
	switch {
	case f.maxFaults < 0:
		return usageError("--max-faults must not be negative")
	case path == standardInput && f.only == standardInput:
		return usageError("only one of FILE and --only can be standard input")
	}
	c, err := f.loadQueue(env)
	if err != nil {
		return err
	}
	clients, closeAll, err := offlineClients(c)
	defer closeAll()
	if err != nil {
		return err
	}
	file, src, err := openOnly(env, c, path, f.only)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was read
	if err := checkConfig(ctx, c, clients, src); err != nil {
		return err
	}
	q, key, err := openWithKeys(ctx, env, c, true)
	if err != nil {
		return err
	}
	defer q.Close()
	p, err := provision.New(q.Ledger, targetsOf(c, clients), provision.RequestKeys(key))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	client, err := q.NewClient(&river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	var options []bulkriver.LoadOption
	if f.retry {
		options = append(options, bulkriver.RetryRefused())
	}
	l, faults := loading{}, faultList{most: f.maxFaults}
	l.report, l.err = q.Load(ctx, client, p, bulk.Job{Name: c.Job, Mapping: mappingOf(c), OnFault: faults.add}, src, options...)
	l.report.Rows.Faults = faults.first
	l.stopped = ctx.Err() != nil && errors.Is(l.err, ctx.Err())
	return l.end(env, f.format)
}

// openWithKeys opens the queue of a config, with the keys that all processes of the job share. create is
// set if it may make a request key.
func openWithKeys(ctx context.Context, env *environment, c *config.Config, create bool) (*queue.Queue, userapi.Secret, error) {
	sealer, err := queue.Sealer(env.getenv)
	if err != nil {
		return nil, "", &exitError{exitUsage, err}
	}
	q, err := queue.Open(ctx, queuePlace(c), sealer)
	if err != nil {
		return nil, "", err
	}
	key, err := requestKey(ctx, env, c, q, create)
	if err != nil {
		q.Close()
		return nil, "", err
	}
	return q, key, nil
}

func requestKey(ctx context.Context, env *environment, c *config.Config, q *queue.Queue, create bool) (userapi.Secret, error) {
	has, err := q.HasRecords(ctx)
	if err != nil {
		return "", err
	}
	key, err := ledger.RequestKey(placeOf(env, c), create && !has, func(path string) {
		env.say("the key " + path + " was made: keep it, and give it to every worker")
	})
	switch {
	case errors.Is(err, ledger.ErrNoKey) && !has:
		return "", usageError("no rows of job %s were loaded yet, and the first load makes the request key: run enlist load, or set %s", c.Job, ledger.KeyVariable)
	case err != nil:
		return "", &exitError{exitUsage, err}
	}
	if err := q.CheckRequestKey(ctx, key); err != nil {
		return "", &exitError{exitUsage, err}
	}
	return key, nil
}

// A loading is the result of a load.
type loading struct {
	report  bulkriver.Report
	err     error
	stopped bool
}

func (l *loading) code() int {
	r := l.report
	code := exitDone
	if r.Rows.RowsAtFault+r.Refused+r.Different > 0 {
		code = exitRefused
	}
	if r.AtWork > 0 || l.stopped {
		return exitOpen
	}
	return max(code, sourceCode(l.err))
}

func (l *loading) end(env *environment, format formatFlag) error {
	e := ending{l.next(), l.code()}
	return env.end(format, l.report.String(), struct {
		bulkriver.Report
		ending
	}{l.report, e}, e)
}

// next returns the messages that say what to do.
func (l *loading) next() (lines []string) {
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	r := l.report
	switch {
	case l.stopped:
		line("stopped. The rows that were added stay in the queue. Run the same command again for the rest.")
	case l.err != nil:
		line("%s. The rows that were added stay in the queue. Correct the cause, and run the same command again.", messageOf(l.err))
	}
	if n := r.AtWork; n > 0 {
		line("a worker has an older version of %s. Run the same command again when it is done.", rowsText(n))
	}
	if n := r.Rows.RowsAtFault; n > 0 {
		line("%s not added, because of a fault. Correct the file, and run the same command again.", were(n))
	}
	if n := r.Refused; n > 0 {
		line("%s refused before, and not changed since. Correct the rows: enlist rejects writes them to a file. If the reason was corrected at the vendor, use --retry-refused.", were(n))
	}
	if n := r.Different; n > 0 {
		line("the key of %s was used before with another row, which has users or is not done. Restore the row, or give it another key.", rowsText(n))
	}
	if r.Queued+r.Replaced+r.Present > 0 {
		line("enlist work creates the users of the rows in the queue.")
	}
	return lines
}
