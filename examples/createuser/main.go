// Createuser creates a user at Mixin, QuickBlox, FusionAuth and User.com, and says
// of each whether the user now exists.
//
// Without any setting it tries itself out on fakes that it starts on this machine;
// with credentials it talks to the vendors. Run it with -h for flags, variables and
// exit codes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/enlist-go/enlist/userapi"
)

// The exit codes.
const (
	exitCreated  = 0
	exitFailed   = 1
	exitUsage    = 2
	exitMayExist = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	opts, err := parseFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return exitCreated
	case err != nil:
		fmt.Fprintf(stderr, "createuser: %v\nNothing was sent. See createuser -h.\n", err)
		return exitUsage
	}
	j, faults := prepare(opts, env, stdin)
	defer j.close()
	if len(faults) > 0 {
		for _, fault := range faults {
			fmt.Fprintln(stderr, "createuser:", fault)
		}
		fmt.Fprintln(stderr, "Nothing was sent. See createuser -h.")
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, opts.timeout)
	defer cancel()
	results := j.create(ctx)

	write := writeTable
	if opts.json {
		write = writeJSON
	}
	code := exitCode(results)
	if err := write(stdout, j, results); err != nil {
		fmt.Fprintln(stderr, "createuser: cannot write the report:", err)
		code = max(code, exitFailed)
	}
	for _, r := range results {
		switch {
		case r.err != nil:
			fmt.Fprintln(stderr, explain(r))
		case r.user == nil:
			fmt.Fprintf(stderr, "%s: not tried, since another vendor cannot take this user.\n", r.name)
		}
	}
	return code
}

// A job is what is to be done: one user at each target.
type job struct {
	fakes   bool
	targets []target
}

// A target is a vendor, or its fake, and what to create there.
type target struct {
	*vendor
	client client
	// at tells people where the client sends to.
	at string
	// keys writes Mixin's session key to a file, nil where none is written.
	keys  *keyFile
	close func()

	request userapi.CreateUserRequest
	// more is what request's extension holds, for the report.
	more []member
}

func (j *job) close() {
	for _, t := range j.targets {
		if t.client != nil {
			t.client.CloseIdleConnections()
		}
		t.close()
	}
}

// A result is what became of one target. Without user and err nothing was sent,
// because another vendor would have refused the user.
type result struct {
	target
	user *userapi.User
	err  *userapi.Error
	// unmapped are the fields of the request that the vendor cannot store.
	unmapped []string
}

// create checks the user for every vendor and then, if each would take it, creates
// it at all of them at once.
func (j *job) create(ctx context.Context) []result {
	results := make([]result, len(j.targets))
	sound := true
	for i, t := range j.targets {
		results[i] = result{target: t, unmapped: unmapped(t)}
		if err := t.client.PreflightUser(t.request); err != nil {
			results[i].err = asError(t, err)
			sound = false
		}
	}
	if !sound {
		return results
	}
	var wg sync.WaitGroup
	for i := range results {
		r := &results[i]
		wg.Go(func() {
			var err error
			if r.user, err = r.client.CreateUser(ctx, r.request); err != nil {
				r.err = asError(r.target, err)
			}
		})
	}
	wg.Wait()
	return results
}

// unmapped asks what a vendor cannot store, by asking it to be strict about it.
func unmapped(t target) (fields []string) {
	strict := t.request
	strict.Strict = true
	if err := t.client.PreflightUser(strict); err != nil {
		for _, f := range asError(t, err).FieldErrors {
			if f.Code == "unsupported" {
				fields = append(fields, f.Field)
			}
		}
	}
	return fields
}

// asError is what every Creator returns. An error of another type would tell
// nothing, so that the user may exist.
func asError(t target, err error) *userapi.Error {
	if e, ok := errors.AsType[*userapi.Error](err); ok {
		return e
	}
	return &userapi.Error{Provider: t.name, Op: "create user", Err: err}
}

// status says in a word what became of a target.
func (r *result) status() string {
	switch {
	case r.err == nil && r.user == nil:
		return "not_tried"
	case r.err == nil:
		return "created"
	case r.err.Outcome == userapi.OutcomeCreated:
		return "created_with_error"
	case userapi.MayHaveCreated(r.err):
		return "unknown"
	default:
		return "failed"
	}
}

func exitCode(results []result) int {
	code := exitCreated
	for _, r := range results {
		switch {
		case r.err == nil:
		case userapi.MayHaveCreated(r.err):
			return exitMayExist
		default:
			code = exitFailed
		}
	}
	return code
}
