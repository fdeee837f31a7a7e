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
		Long: `Shows a user at one vendor, asks, and deletes it for good. Mixin has no way to
delete a user. What enlist import has created is deleted by enlist undo, which
knows what is proven to be of the import.

Exit codes: 0 it was deleted; 1 it was not; 2 wrong use, and nothing was sent;
3 there is no such user; 4 it may be deleted: run it again.
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
			return usageError("%s has no way to delete a user. Nothing was sent, and the user is as it was", client.Vendor)
		}
		ctx, cancel := context.WithTimeout(c.Context(), v.timeout)
		defer cancel()
		users, err := byID(ctx, client, args[1])
		if err != nil {
			return lookFailed(client.Vendor, err)
		}
		fmt.Fprintf(env.err, "This user at %s (%s) is to be deleted for good:\n%s", client.Vendor, client.At, usersText(users, "table"))
		if !yes {
			if err := env.ask(c.Context(), "Delete it?"); err != nil {
				return err
			}
			// The answer took its time.
			cancel()
			ctx, cancel = context.WithTimeout(c.Context(), v.timeout)
			defer cancel()
		}
		if err := deleter.DeleteUser(ctx, args[1]); err != nil {
			return deleteFailed(client, err)
		}
		env.print([]byte(client.Vendor+": deleted "+args[1]+"\n"), exitDone)
		return nil // also where nobody reads that: code 1 would say that it was not deleted
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
		return usageError("nobody answered. Nothing was deleted; a script gives --yes")
	}
	return &exitError{exitFailed, errors.New("nothing was deleted, since the answer was not yes")}
}

// answer reads a line of standard input, without the blanks around it.
func (env *environment) answer(ctx context.Context) (string, error) {
	line, err := awaited(ctx, func() (string, error) { return bufio.NewReader(env.in).ReadString('\n') })
	return strings.TrimSpace(line), err
}

// deleteFailed says what is known of a user whose deleting failed.
func deleteFailed(c vendors.Client, err error) error {
	r := created{Client: c, failure: asError(c.Vendor, err)}
	cause := c.Vendor + ": " + oneLine(r.causeText())
	switch {
	case errors.Is(err, userapi.ErrNotFound):
		return &exitError{exitRefused, fmt.Errorf("%s: there is no such user any more", c.Vendor)}
	case r.failure.Outcome == userapi.OutcomeUnknown && !refused(r.failure.Kind):
		return &exitError{exitOpen, fmt.Errorf("%s. The user MAY BE DELETED. Next: run this again, which does no harm", cause)}
	}
	return &exitError{exitFailed, fmt.Errorf("%s. The user was not deleted. Next: see what these credentials may do, and whether the vendor's service is up", cause)}
}

// refused reports whether a failure of this kind is the vendor's no.
func refused(k userapi.Kind) bool {
	return k == userapi.KindInvalid || k == userapi.KindConflict || k == userapi.KindUnauthorized || k == userapi.KindForbidden
}
