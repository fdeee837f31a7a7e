// Signup signs one person up at four vendors: FusionAuth, QuickBlox, User.com and
// Mixin. It may be killed at any moment and run again, which finishes what is left and
// makes nobody's user twice; and it can be undone.
//
// Without flags it does so at fakes that it starts on this machine, loses a reply on
// the way, and undoes everything in the end. Run it with -h for the flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/enlist-go/enlist/userapi/provision"
)

// The exit codes.
const (
	exitDone  = 0
	exitLeft  = 1
	exitUsage = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// timeout is that of a whole run.
const timeout = 2 * time.Minute

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	opts, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(stdout, usage)
		return exitDone
	}
	var vendors *vendors
	if err == nil && opts.vendors != "" {
		vendors, err = readVendors(opts.vendors, stdin)
	}
	if err != nil {
		fmt.Fprintf(stderr, "signup: %v\nNothing was sent. See signup -h.\n", err)
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	p := &program{opts: opts, out: stdout, report: report{Key: opts.key}}
	if opts.json {
		p.out = stderr // people's text
	}
	code, err := p.do(ctx, vendors, env("SIGNUP_PASSWORD"))
	if err != nil {
		fmt.Fprintln(stderr, "signup:", err)
		p.report.Error = err.Error()
		code = exitLeft
	}
	if opts.json {
		if err := p.report.write(stdout); err != nil {
			fmt.Fprintln(stderr, "signup: cannot write the report:", err)
			code = max(code, exitLeft)
		}
	}
	return code
}

// A program is one run of this one.
type program struct {
	opts   *options
	out    io.Writer // for people
	report report    // for -json

	vendors *vendors
	ledger  *ledger
	// signups creates and undoes.
	signups *provision.Provisioner
}

// do does what the flags say, and returns the exit code, or an error that kept it from
// doing anything.
func (p *program) do(ctx context.Context, given *vendors, password string) (code int, err error) {
	if p.vendors = given; given == nil {
		if p.vendors, err = startFakes(); err != nil {
			return 0, err
		}
		defer p.vendors.close()
		if len(p.opts.faults) == 0 {
			p.opts.faults["chat"] = faultLost
		}
	}
	path := p.opts.ledger
	if p.opts.plan {
		path = "" // a plan looks at no ledger, and makes none
	}
	if p.opts.undo || len(p.opts.decisions) > 0 {
		if _, err := os.Stat(path); err != nil {
			return 0, fmt.Errorf("-ledger: there is nothing to undo or decide: %w", err)
		}
	}
	if p.ledger, err = openLedger(path); err != nil {
		return 0, err
	}
	defer p.ledger.close()
	targets, closeClients, err := p.vendors.targets(p.ledger.keys, p.opts.faults)
	if err != nil {
		return 0, err
	}
	defer closeClients()
	progress := &progress{to: p.out}
	p.signups, err = provision.New(p.ledger.Ledger, targets, append(p.ledger.options, provision.OnRecord(progress.record))...)
	if err != nil {
		return 0, err
	}

	req := p.opts.person.request(p.opts.key, password)
	switch {
	case p.opts.plan:
		return p.plan(req), nil
	case given == nil:
		return p.show(ctx, req)
	case p.opts.undo:
		p.say("Undoing %q", p.opts.key)
		return p.undo(ctx)
	}
	if err := p.earlier(ctx); err != nil {
		return 0, err
	}
	if err := p.decide(ctx); err != nil {
		return 0, err
	}
	p.say("Signing up %q%s", p.opts.key, p.broken())
	code, err = p.signUp(ctx, req)
	if err == nil && code == exitDone {
		p.say("Every target has its user. Run again, it sends nothing; with -undo it deletes what can be deleted.")
	}
	return code, err
}

// say prints one line for people.
func (p *program) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }
