package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
)

func newDelete(env *environment) *cobra.Command {
	var v vendorFlags
	var yes bool
	c := &cobra.Command{
		Use:   "delete VENDOR ID",
		Short: "Shows a user at one vendor, asks, and deletes it",
		Long: `Shows a user at one vendor, asks, and deletes the user for good. Mixin has no
way to delete a user. For users that an import has created use enlist undo: it
deletes only users that are proven to be the import's.

Exit codes:
  0  the user was deleted
  1  the user was not deleted
  2  wrong use; nothing was sent
  3  the vendor has no such user
  4  the user may be deleted: run the same command again
` + variablesHelp,
		Example: "  enlist delete usercom 310455021",
	}
	v.add(c.Flags())
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) != 2 {
			return usageError("expected a vendor and an id; see enlist delete --help")
		}
		client, closeAll, err := v.oneVendor(c.Context(), env, args[0])
		defer closeAll()
		if err != nil {
			return err
		}
		deleter, ok := userapi.Ability[userapi.Deleter](client)
		if !ok {
			return usageError("%s has no way to delete a user. Nothing was sent, and the user was not changed", client.Vendor)
		}
		ctx, cancel := context.WithTimeout(c.Context(), v.timeout)
		defer cancel()
		users, err := byID(ctx, client, args[1])
		if err != nil {
			return lookFailed(client.Vendor, err)
		}
		fmt.Fprintf(env.err, "This deletes the following user at %s (%s) for good:\n%s", client.Vendor, client.At, usersText(users, "table"))
		if !yes {
			if err := env.ask(c.Context(), "Delete it?"); err != nil {
				return err
			}
			// The wait for the answer does not count.
			cancel()
			ctx, cancel = context.WithTimeout(c.Context(), v.timeout)
			defer cancel()
		}
		if err := deleter.DeleteUser(ctx, args[1]); err != nil {
			return deleteFailed(client, err)
		}
		env.print([]byte(client.Vendor+": deleted "+args[1]+"\n"), exitDone)
		return nil // also if the write failed: code 1 would say that the user was not deleted
	}
	return c
}

// ask asks a person for a yes. The error says that nothing was deleted.
func (env *environment) ask(ctx context.Context, question string) error {
	fmt.Fprint(env.err, question+" yes or no: ")
	answer, err := env.answer(ctx)
	answer = strings.ToLower(answer)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(env.err)
		return &exitError{exitFailed, errors.New("interrupted: nothing was deleted")}
	case answer == "yes" || answer == "y":
		return nil
	case answer == "" && errors.Is(err, io.EOF):
		return usageError("no answer. Nothing was deleted. In a script, use --yes")
	}
	return &exitError{exitFailed, errors.New("nothing was deleted: the answer was not yes")}
}

// typedYes asks a person to type yes, before many rows or users are deleted.
func (env *environment) typedYes(ctx context.Context) error {
	fmt.Fprint(env.err, "Type yes to go on: ")
	answer, err := env.answer(ctx)
	if err != nil && !errors.Is(err, io.EOF) || answer != "yes" {
		fmt.Fprintln(env.err)
		return &exitError{exitFailed, errors.New("nothing was deleted: the answer was not yes. With --yes the command does not ask")}
	}
	return nil
}

// answer reads a line of standard input, without the blanks around it.
func (env *environment) answer(ctx context.Context) (string, error) {
	line, err := awaited(ctx, func() (string, error) { return bufio.NewReader(env.in).ReadString('\n') })
	return strings.TrimSpace(line), err
}

// deleteFailed returns the error of a delete that failed. It says whether the user may be deleted.
func deleteFailed(c vendors.Client, err error) error {
	r := created{Client: c, failure: asError(c.Vendor, err)}
	cause := c.Vendor + ": " + oneLine(r.causeText())
	switch {
	case errors.Is(err, userapi.ErrNotFound):
		return &exitError{exitRefused, fmt.Errorf("%s: the user does not exist any more", c.Vendor)}
	case r.failure.Outcome == userapi.OutcomeUnknown && !refused(r.failure.Kind):
		return &exitError{exitOpen, fmt.Errorf("%s. The user MAY BE DELETED. Next: run this again, which is safe", cause)}
	}
	return &exitError{exitFailed, fmt.Errorf("%s. The user was not deleted. Next: check whether these credentials may delete users, and whether the vendor's service is up", cause)}
}

// refused reports whether a failure of this kind is a refusal of the vendor.
func refused(k userapi.Kind) bool {
	return k == userapi.KindInvalid || k == userapi.KindConflict || k == userapi.KindUnauthorized || k == userapi.KindForbidden
}
