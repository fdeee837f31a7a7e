package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

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

const workHelp = `Takes rows from a queue and creates their users at every target. You can run any
number of workers, on any machines, and kill each at any moment. The other
workers take over its rows after --lease and up to one more minute.

A worker runs until SIGINT or SIGTERM or, with --until-done, until the job has
no row left. After the first signal it takes no further row, and has --drain to
finish the rows in progress. A second signal ends it at once. Both are safe.

All workers together send a target at most its per_second. These rows leave the
queue without all of their users:
  - refused rows: enlist rejects writes them to a file
  - rows with a user that may exist: enlist status --queue lists them

--listen serves /healthz, /readyz and, for Prometheus, /metrics.

Credentials are environment variables: see enlist import --help.

` + queueKeysHelp + `
Exit codes; if several apply, the highest:
  0  ended by a signal or, with --until-done, with no row left
  1  it could not run
  2  wrong flags, config, keys or credentials
And with --until-done:
  3  rows were refused
  4  rows are left: run the same command again
  5  it is unknown whether a user exists: see enlist status --queue
`

type workFlags struct {
	peopleFlags
	whereFlags

	rows         int
	untilDone    bool
	listen       string
	lease, drain time.Duration
	log          logFlag
}

const (
	defaultRows  = 64
	defaultLease = 2 * time.Minute
	// shortestLease is long enough for the three look-ups after a create without an answer, with the waits between
	// them, and for that create once more: see provision.Lease. A shorter one would try a row for ever.
	shortestLease = 3 * time.Second
)

func newWork(env *environment) *cobra.Command {
	f := &workFlags{}
	c := &cobra.Command{
		Use: "work", Short: "Creates the users of the rows in a queue", Long: workHelp, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), env) },
	}
	f.peopleFlags.add(c)
	f.addQueue(c)
	fs := c.Flags()
	f.addVendors(fs)
	fs.IntVar(&f.rows, "rows", 0, fmt.Sprintf("the largest `number` of rows in progress; overrides in_flight of the config; default %d", defaultRows))
	fs.BoolVar(&f.untilDone, "until-done", false, "end when the job has no row left in the queue")
	fs.StringVar(&f.listen, "listen", "", "the `address` that serves health and metrics, such as 127.0.0.1:8080")
	fs.DurationVar(&f.lease, "lease", defaultLease, "how long a worker may keep a row. After this time other workers take over the rows of a killed one. Use at least ten times a vendor's response time, and the same value for all workers")
	fs.DurationVar(&f.drain, "drain", 30*time.Second, "how long rows in progress may take to finish after a signal")
	f.log.add(fs)
	return c
}

func (f *workFlags) check() error {
	switch {
	case f.rows < 0 || f.rows > river.QueueNumWorkersMax:
		return usageError("--rows: expected 1 to %d, or 0 for the config's value", river.QueueNumWorkersMax)
	case f.lease < shortestLease:
		return usageError("--lease: expected at least %v", shortestLease)
	case f.drain < 0:
		return usageError("--drain must not be negative")
	}
	return f.whereFlags.check()
}

// run prepares everything that can fail, and then starts the worker.
func (f *workFlags) run(ctx context.Context, env *environment) error {
	if err := f.check(); err != nil {
		return err
	}
	c, err := f.loadQueue(env)
	if err != nil {
		return err
	}
	w := &working{env: env, c: c, counts: newCounts(c), name: workerName(), since: time.Now()}
	w.log, w.riverLog = f.log.loggers(env.err)
	var key userapi.Secret
	if w.q, key, err = openWithKeys(ctx, env, c, false); err != nil {
		return err
	}
	defer w.q.Close()
	var measured *telemetry
	if f.listen != "" {
		if measured, err = newTelemetry(); err != nil {
			return err
		}
	}
	limits, stopLimits, err := w.limits(ctx)
	defer stopLimits()
	if err != nil {
		return err
	}
	clients, closeAll, err := f.connect(ctx, env, c, func(t config.Target) userapi.HTTPOptions {
		return measured.http(t, userapi.HTTPOptions{Limiter: limits[t.Name], OnAttempt: w.counts.attempt(t.Name)})
	})
	defer closeAll()
	if err != nil {
		return err
	}
	if err := checkConfig(ctx, c, clients, nil); err != nil {
		return err
	}
	if err := w.q.CheckUsers(ctx, f.vendors != ""); err != nil {
		return &exitError{exitUsage, err}
	}
	if f.vendors != "" {
		if err := ledger.MarkFakes(placeOf(env, c)); err != nil {
			return err
		}
	}
	if w.p, err = measured.provisioner(w.q.Ledger, targetsOf(c, clients), provision.RequestKeys(key), provision.Lease(f.lease),
		provision.Grace(min(f.lease/4, 15*time.Second)), provision.Patience(min(f.lease/4, 5*time.Second))); err != nil {
		return &exitError{exitUsage, err}
	}
	rows := cmp.Or(f.rows, c.InFlight, defaultRows)
	if w.client, err = w.newClient(f.lease, f.drain, rows); err != nil {
		return err
	}
	stopServing, err := w.serve(ctx, f.listen, measured)
	if err != nil {
		return err
	}
	defer stopServing()
	return w.work(ctx, f, rows)
}

// workerName returns a unique name for this process.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return host + "/" + rand.Text()[:8]
}

// A working is a worker in progress.
type working struct {
	env    *environment
	c      *config.Config
	q      *queue.Queue
	p      *provision.Provisioner
	client queue.Client
	log    *slog.Logger
	counts *counts
	name   string
	since  time.Time
	look   look

	riverLog *slog.Logger
}

// limits makes and runs the limiters of the targets that have a limit. Call stop, also after an error.
func (w *working) limits(ctx context.Context) (limits map[string]userapi.Limiter, stop func(), err error) {
	limits = map[string]userapi.Limiter{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // rows that are being finished still need the limiters
	var ended []<-chan struct{}
	stop = func() {
		cancel()
		for _, end := range ended {
			<-end
		}
	}
	for _, t := range w.c.Targets {
		if t.PerSecond == 0 {
			continue
		}
		l, err := w.q.Limiter(bulkriver.LimiterConfig{
			Name: t.Name, Limit: userapi.RateLimit{PerSecond: t.PerSecond}, Adaptive: true,
			OnError: func(err error) { w.log.Warn("share of a limit not renewed", "target", t.Name, "error", err.Error()) },
		})
		if err != nil {
			return nil, stop, err
		}
		limits[t.Name] = l
		w.counts.limiters[t.Name] = l
		end := make(chan struct{})
		ended = append(ended, end)
		go func() {
			defer close(end)
			_ = l.Run(ctx) // it is the context's error
		}()
	}
	return limits, stop, nil
}

// newClient makes River's client with the worker in it.
func (w *working) newClient(lease, drain time.Duration, rows int) (queue.Client, error) {
	lanes := map[string]bulk.Lane{}
	for _, t := range w.c.Targets {
		lanes[t.Name] = bulk.Lane{Concurrency: cmp.Or(t.Concurrency, defaultConcurrency)}
	}
	timeout := lease + lease/8
	worker, err := w.q.Worker(bulkriver.WorkerConfig{
		Provisioner: w.p, JobTimeout: timeout, OnError: w.onError,
		Jobs: []bulk.Job{{Name: w.c.Job, Mapping: mappingOf(w.c), Lanes: lanes, OnResult: w.onResult}},
	})
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	// River rescues stuck jobs of all queues, also those of other programs.
	c := &river.Config{Logger: w.riverLog, JobTimeout: timeout, RescueStuckJobsAfter: timeout + lease/8, SoftStopTimeout: max(drain, time.Millisecond)}
	if err := worker.Configure(c, rows); err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return w.q.NewClient(c)
}

// work takes rows until the context ends or, with --until-done, until none is left.
func (w *working) work(ctx context.Context, f *workFlags, rows int) error {
	running := context.WithoutCancel(ctx)
	if err := w.client.Start(running); err != nil {
		return fmt.Errorf("the worker could not start: %w", err)
	}
	w.log.Info("worker started", "worker", w.name, "job", w.c.Job, "queue", queuePlace(w.c).String(), "rows_at_once", rows)
	beats, stopBeats := context.WithCancel(running)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.beat(beats)
	}()
	stopped, err := w.wait(ctx, f.untilDone)
	w.counts.draining.Store(true)
	w.log.Info("worker drains", "worker", w.name)
	if e := w.client.Stop(running); e != nil && err == nil {
		err = fmt.Errorf("the worker could not be stopped: %w", e)
	}
	stopBeats()
	<-ended
	if e := w.q.Leave(running, w.name); e != nil {
		w.log.Warn("the end of the worker was not recorded", "error", e.Error())
	}
	done, refused, unknown := w.counts.rows()
	w.log.Info("worker ended", "worker", w.name, "rows_done", done, "rows_refused", refused, "rows_unknown", unknown)
	if err != nil {
		return err
	}
	return w.end(running, f, stopped)
}

const (
	// lookEvery is the shortest time between two looks of an idle worker for rows that are left.
	lookEvery = time.Second
	// lookShare bounds the looks to a part of the time: 1/lookShare.
	lookShare = 20
)

// wait returns when nothing is left to do, or the context has ended.
func (w *working) wait(ctx context.Context, untilDone bool) (stopped bool, err error) {
	next := time.NewTimer(lookEvery)
	defer next.Stop()
	paused := false
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case <-w.client.Stopped():
			return true, errors.New("the queue's client ended: run the same command again")
		case <-next.C:
		}
		pause := lookEvery
		if untilDone && w.counts.isIdle(lookEvery) {
			begun := time.Now()
			s, err := w.q.Status(ctx, w.c.Job)
			switch {
			case err == nil && countQueue(s).toDo() == 0:
				return false, nil
			case err != nil && ctx.Err() == nil:
				w.log.Warn("queue not read", "error", err.Error())
			case s.Paused && !paused:
				w.log.Warn("the queue is paused, until enlist resume", "job", w.c.Job)
			}
			paused = s.Paused
			pause = max(pause, lookShare*time.Since(begun))
		}
		next.Reset(pause)
	}
}

// beat records what the worker does, every few seconds.
func (w *working) beat(ctx context.Context) {
	tick := time.NewTicker(queue.BeatEvery)
	defer tick.Stop()
	logged := time.Now()
	for {
		b := w.counts.beat(w.p)
		b.Worker, b.Since = w.name, w.since
		if err := w.q.Beat(ctx, b); err != nil && ctx.Err() == nil {
			w.log.Warn("the progress of the worker was not recorded", "error", err.Error())
		}
		if time.Since(logged) >= time.Minute {
			logged = time.Now()
			done, refused, unknown := w.counts.rows()
			w.log.Info("rows", "worker", w.name, "rows_done", done, "rows_refused", refused, "rows_unknown", unknown, "rows_per_second", b.RowsPerSecond)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// onResult counts a row that has left the queue, and logs a row without all of its users.
func (w *working) onResult(row bulk.RowResult) {
	w.counts.row(row)
	for _, res := range row.Results {
		var e *userapi.Error
		if res.Err == nil || !errors.As(res.Err, &e) {
			continue
		}
		w.log.Warn("row not done", "key", row.Key, "target", res.Target, "state", res.Disposition.String(), "kind", e.Kind.String(), "code", e.Code)
	}
}

// onError logs why a row was left for later. The text of a panic may hold values of the row.
func (w *working) onError(key string, err error) {
	text := err.Error()
	if errors.Is(err, bulkriver.ErrPanic) {
		text = "a panic"
	}
	w.log.Warn("row left for later", "key", key, "error", text)
}

// end writes the state of the queue, and returns the exit code.
func (w *working) end(ctx context.Context, f *workFlags, stopped bool) error {
	if !f.untilDone {
		return nil
	}
	s, err := readStatus(ctx, w.env, w.c, statusRows)
	if err != nil {
		return err
	}
	code := s.code()
	if stopped {
		code = max(code, exitOpen)
	}
	return s.end(w.env, f.format, s.text(false), code)
}
