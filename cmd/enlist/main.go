// Command enlist creates users at Mixin, QuickBlox, FusionAuth and User.com: one, or all that a
// file has.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	// A pipe that is closed is an error of the write, and ends nothing that is under way.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(ctx, environment{args: os.Args[1:], in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}))
}
