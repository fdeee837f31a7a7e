package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
)

// An environment is the part of the system that the command uses. Tests replace it.
type environment struct {
	args     []string
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
}

// The exit codes. Where several apply it is the highest.
const (
	exitDone    = 0 // done
	exitFailed  = 1 // could not run
	exitUsage   = 2 // wrong flags, config or credentials
	exitRefused = 3 // rows, or the user, were refused
	exitOpen    = 4 // something is left: run again
	exitUnknown = 5 // it is unknown whether a user exists
)

// An exitError ends the command with a code.
type exitError struct {
	code int
	err  error // for standard error; nil if everything was written
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprint("exit code ", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is the error of wrong use.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// run runs the command, and returns the exit code.
func run(ctx context.Context, env environment) int {
	root := newRoot(&env)
	root.SetArgs(env.args)
	root.SetIn(env.in)
	root.SetOut(env.out)
	root.SetErr(env.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var known *exitError
	if !errors.As(err, &known) {
		known = &exitError{exitFailed, err}
		if errors.Is(err, config.ErrURL) {
			known.code = exitUsage
		}
	}
	if known.err != nil {
		env.say(known.err.Error())
	}
	return known.code
}

func newRoot(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:           "enlist",
		Short:         "Creates users at Mixin, QuickBlox, FusionAuth and User.com",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("unknown command %q; see enlist --help", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError("%w; see %s --help", err, c.CommandPath())
	})
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.AddCommand(newCreate(env), newGet(env), newDelete(env), newPlan(env), newFakes(env))
	root.AddCommand(newCheck(env), newImport(env), newStatus(env), newDecide(env), newUndo(env))
	root.AddCommand(newMigrate(env), newLoad(env), newWork(env), newRejects(env), newPause(env), newResume(env), newCancel(env))
	root.AddCommand(newCompletion(env), newVersion(env))
	root.SetHelpCommand(newHelp())
	return root
}
