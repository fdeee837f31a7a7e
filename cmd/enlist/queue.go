package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/queue"
)

// addQueue adds the flag of the commands that need a queue.
func (f *peopleFlags) addQueue(c *cobra.Command) {
	c.Flags().StringVar(&f.queue, "queue", "", "the `location` of the queue and its ledger: postgres://HOST/DATABASE or sqlite:PATH; overrides the config")
	_ = c.Flags().MarkHidden("ledger") // add has made it
}

// loadQueue returns the config of a command that needs a queue.
func (f *peopleFlags) loadQueue(env *environment) (*config.Config, error) {
	c, err := f.load(env)
	if err != nil {
		return nil, err
	}
	if c.Queue == "" {
		return nil, usageError("no queue is set: use --queue, ENLIST_QUEUE, or queue in the config")
	}
	return c, nil
}

func queuePlace(c *config.Config) queue.Place {
	return queue.Place{At: c.Queue, Dir: c.Dir, Job: c.Job}
}

// openClient opens a queue for a command that reads no rows.
func openClient(ctx context.Context, c *config.Config) (*queue.Queue, queue.Client, error) {
	q, err := queue.Open(ctx, queuePlace(c), nil)
	if err != nil {
		return nil, nil, err
	}
	client, err := q.NewClient(&river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		q.Close()
		return nil, nil, err
	}
	return q, client, nil
}

const migrateHelp = `Makes the tables of a queue and of its ledger, or updates those of an older
enlist. Run it at any time, on several machines at once if you like. Database
users that may not make tables can then load and work.

Exit codes:
  0  the tables are up to date
  1  they could not be made
  2  wrong flags or config
`

func newMigrate(env *environment) *cobra.Command {
	f := &peopleFlags{}
	c := &cobra.Command{
		Use: "migrate", Short: "Makes or updates the tables of a queue", Long: migrateHelp, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.loadQueue(env)
			if err != nil {
				return err
			}
			made, err := queue.Migrate(cmd.Context(), queuePlace(c))
			if err != nil {
				return err
			}
			text := fmt.Sprintf("the tables of the queue are up to date (%s)\n", queuePlace(c))
			for _, what := range made {
				text += "  made " + what + "\n"
			}
			e := ending{ExitCode: exitDone}
			return env.end(f.format, text, struct {
				Made []string `json:"made"`
				ending
			}{append([]string{}, made...), e}, e)
		},
	}
	f.add(c)
	f.addQueue(c)
	return c
}

const pauseHelp = `Stops all workers of the job from taking further rows, until enlist resume. Rows
in progress are finished. You can still load rows.

Exit codes:
  0  the queue is paused
  1  the queue could not be used
  2  wrong flags or config
`

const resumeHelp = `Lets the workers of the job take rows again after enlist pause.

Exit codes:
  0  the queue is resumed
  1  the queue could not be used
  2  wrong flags or config
`

func newPause(env *environment) *cobra.Command {
	return newSwitch(env, "pause", "Stops the workers from taking rows", pauseHelp, "paused", queue.Client.QueuePause)
}

func newResume(env *environment) *cobra.Command {
	return newSwitch(env, "resume", "Lets the workers take rows again", resumeHelp, "resumed", queue.Client.QueueResume)
}

func newSwitch(env *environment, name, short, long, state string, do func(queue.Client, context.Context, string, *river.QueuePauseOpts) error) *cobra.Command {
	f := &peopleFlags{}
	c := &cobra.Command{
		Use: name, Short: short, Long: long, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.loadQueue(env)
			if err != nil {
				return err
			}
			q, client, err := openClient(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer q.Close()
			err = q.MakeRiverQueue(cmd.Context())
			if err == nil {
				err = do(client, cmd.Context(), q.Name(), nil)
			}
			if err != nil {
				return fmt.Errorf("the queue could not be %s: %w", state, err)
			}
			e := ending{ExitCode: exitDone}
			return env.end(f.format, "job "+c.Job+": "+state+"\n", struct {
				Job   string `json:"job"`
				State string `json:"state"`
				ending
			}{c.Job, state, e}, e)
		},
	}
	f.add(c)
	f.addQueue(c)
	return c
}

const cancelHelp = `Deletes the job's waiting rows from the queue. Rows that a worker has are left.
It first says how many rows wait, and asks.

Users that exist are not deleted, and the ledger keeps its records. You can load
the rows again.

Exit codes; if several apply, the highest:
  0  the queue of the job is empty
  1  the queue could not be used, or the answer was not yes
  2  wrong flags or config
  4  workers still have rows
`

func newCancel(env *environment) *cobra.Command {
	f := &peopleFlags{}
	yes := false
	c := &cobra.Command{
		Use: "cancel", Short: "Deletes the waiting rows from a queue", Long: cancelHelp, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.cancel(cmd.Context(), env, yes) },
	}
	f.add(c)
	f.addQueue(c)
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (f *peopleFlags) cancel(ctx context.Context, env *environment, yes bool) error {
	c, err := f.loadQueue(env)
	if err != nil {
		return err
	}
	q, err := queue.Open(ctx, queuePlace(c), nil)
	if err != nil {
		return err
	}
	defer q.Close()
	s, err := q.Status(ctx, c.Job)
	if err != nil {
		return err
	}
	waiting := countQueue(s).left() - countQueue(s).AtWork
	if waiting > 0 && !yes {
		fmt.Fprintf(env.err, "This deletes %s of job %s from the queue. Users that exist stay.\n", rowsText(waiting), c.Job)
		if err := env.typedYes(ctx); err != nil {
			return err
		}
	}
	deleted, err := q.Cancel(ctx, c.Job)
	if err != nil {
		return err
	}
	if s, err = q.Status(ctx, c.Job); err != nil {
		return err
	}
	running := countQueue(s).AtWork
	e := ending{ExitCode: exitDone}
	if running > 0 {
		e = ending{[]string{"workers have " + rowsText(running) + ". Run the same command again: it deletes the rows that they leave."}, exitOpen}
	}
	return env.end(f.format, fmt.Sprintf("job %s: %s deleted from the queue, %d still at work\n", c.Job, were(deleted), running), struct {
		Job     string `json:"job"`
		Deleted int64  `json:"deleted"`
		AtWork  int64  `json:"at_work"`
		ending
	}{c.Job, deleted, running, e}, e)
}
