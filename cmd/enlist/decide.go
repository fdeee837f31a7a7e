package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

const decideHelp = `Writes down in the ledger what a person has found out about a user of which the
vendor cannot be asked: of what is unknown, which enlist status lists, or what
an import was killed at, whether the user exists; and of what an undo was killed
at, that the user is gone. Whatever the ledger knows cannot be decided
otherwise. It needs no credentials and asks nobody.

KEY is the value of the file's key column, or the whole key as the results have
it.

Exit codes: 0 decided; 1 the ledger could not be used; 2 wrong flags or config;
3 it cannot be decided so.
`

type decideFlags struct {
	peopleFlags
	target, found string
	absent        bool
}

func newDecide(env *environment) *cobra.Command {
	f := &decideFlags{}
	c := &cobra.Command{
		Use:   "decide KEY --target TARGET --found ID | --absent",
		Short: "Decides whether a user exists of which nobody knows",
		Long:  decideHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("expected is one key; enlist status lists those that are unknown")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(c.Context(), env, args[0], c.Flags().Changed("found"))
		},
	}
	f.add(c)
	fs := c.Flags()
	fs.StringVar(&f.target, "target", "", "the `target` at which it is decided")
	fs.StringVar(&f.found, "found", "", "the user exists under this `id`; an undo will not delete it")
	fs.BoolVar(&f.absent, "absent", false, "there is no user: the next import creates it, unless it was undone")
	return c
}

func (f *decideFlags) run(ctx context.Context, env *environment, text string, found bool) error {
	switch {
	case found == f.absent:
		return usageError("expected is either --found ID or --absent")
	case found && f.found == "":
		return usageError("--found: the id that the user has at the vendor is expected")
	}
	c, err := f.load(env)
	if err != nil {
		return err
	}
	target := slices.IndexFunc(c.Targets, func(t config.Target) bool { return t.Name == f.target })
	if target < 0 {
		return usageError("--target: one of %s is expected", targetNames(c))
	}
	clients, closeAll, err := offlineClients(c)
	defer closeAll()
	if err != nil {
		return err
	}
	place := placeOf(env, c)
	place.For = ledger.ForEither
	l, err := ledger.Open(ctx, place, nil)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // what was decided is durable
	p, err := provision.New(l, targetsOf(c, clients), provision.RequestKeys(l.Key), provision.Alone(l.Alone))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	key, records, err := findKey(ctx, l, c.Job, text)
	if err != nil {
		return err
	}
	decision := provision.UserAbsent()
	if found {
		decision = provision.UserExists(f.found)
	}
	res, err := p.Decide(ctx, key, f.target, decision)
	if err != nil {
		return undecided(err, key, f.target)
	}
	said := fmt.Sprintf("%s at %s: decided: %s", key, f.target, decidedText(res, slices.ContainsFunc(records, func(r provision.Record) bool { return r.Closed })))
	if f.absent {
		if err := discardKey(keysOf(env, c, c.Targets[target], l.OfFakes), key); err != nil {
			return &exitError{exitFailed, fmt.Errorf("%s But its session key could not be put aside: %w. Run this again", said, err)}
		}
	}
	out := []byte(wrapped(said, "    "))
	if f.format == "json" {
		out = jsonText(struct {
			Key    string `json:"key"`
			Target string `json:"target"`
			State  string `json:"state"`
			UserID string `json:"user_id,omitempty"`
		}{key, f.target, res.Disposition.String(), f.found})
	}
	return ended(env.print(out, exitDone))
}

// decidedText says what was decided, and what comes of it. closed is whether the row was undone.
func decidedText(res provision.Result, closed bool) string {
	switch {
	case res.Disposition == provision.DispositionUndone:
		return "there is no user. The row was undone: no import creates it."
	case res.User == nil:
		return "there is no user. The next import creates it."
	case closed:
		return "the user exists, " + printable(res.User.ID) + ". The row was undone, and this user is left: undo deletes none that a person has found."
	}
	return "the user exists, " + printable(res.User.ID) + ". The next import does what is left of it."
}

// undecided is the error of a decision that was not taken.
func undecided(err error, key, target string) error {
	code := exitFailed
	var e *userapi.Error
	if !errors.As(err, &e) {
		return err
	}
	var why []string
	for _, f := range e.FieldErrors {
		why = append(why, f.Message)
		if f.VendorField == "Decision" && f.Code == userapi.CodeRequired {
			return usageError("--found: an id of at most 1024 bytes of UTF-8 is expected")
		}
	}
	switch {
	case e.Code == "in_progress":
		why = []string{"an import or an undo is at work on it: decide when that has ended"}
	case e.Kind == userapi.KindInvalid, e.Kind == userapi.KindNotFound:
		code = exitRefused
	}
	if len(why) == 0 {
		why = []string{err.Error()}
	}
	return &exitError{code, fmt.Errorf("%s at %s: nothing was decided: %s", key, target, strings.Join(why, "; "))}
}

// discardKey tells the directory of Mixin's session keys, if there is one, that a key is nobody's.
func discardKey(dir, key string) error {
	if dir == "" {
		return nil
	}
	err := mixin.KeyDir(dir).Discard(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// keysOf is the directory of the session keys of a target of Mixin's; "" where it has none.
func keysOf(env *environment, c *config.Config, t config.Target, ofFakes bool) string {
	switch {
	case t.Vendor != mixin.Name:
		return ""
	case ofFakes:
		return fakeKeys(c, t)
	}
	return cmp.Or(env.getenv(vendors.Prefix(t.Name)+"SESSION_KEYS"), besideConfig(c, t.SessionKeys), env.getenv("MIXIN_SESSION_KEYS"))
}

// fakeKeys is the directory for users at fakes: Mixin knows none of them.
func fakeKeys(c *config.Config, t config.Target) string {
	return ofFakes(besideConfig(c, cmp.Or(t.SessionKeys, c.Job+".session-keys")))
}

// ofFakes is the directory that keeps the session keys of users at fakes, beside that of Mixin's.
func ofFakes(dir string) string { return filepath.Clean(dir) + ".fakes" }

// besideConfig is a path as the config means it.
func besideConfig(c *config.Config, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Dir, path)
}

func targetNames(c *config.Config) string {
	var names []string
	for _, t := range c.Targets {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}
