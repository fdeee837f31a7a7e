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

const decideHelp = `Records in the ledger what a person has found out about one user:
  --found ID  the user exists at the vendor, under this id
  --absent    the user does not exist

Use it for a user whose state is unknown; enlist status lists these. You can
also use it for a user that a killed import was creating or, with --absent, that
a killed undo was deleting. What the ledger already knows cannot be changed. The
command needs no credentials and calls no vendor.

KEY is the value of the file's key column, or the whole key that enlist status
shows.

Exit codes:
  0  recorded
  1  the ledger could not be used
  2  wrong flags or config
  3  the ledger does not accept this decision
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
		Short: "Records whether a user of unknown state exists",
		Long:  decideHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("expected one key; enlist status lists the unknown ones")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(c.Context(), env, args[0], c.Flags().Changed("found"))
		},
	}
	f.add(c)
	fs := c.Flags()
	fs.StringVar(&f.target, "target", "", "the `target` of the user")
	fs.StringVar(&f.found, "found", "", "the user exists, and this is its `id`; enlist undo will not delete it")
	fs.BoolVar(&f.absent, "absent", false, "the user does not exist: the next import creates it, unless the row was undone")
	return c
}

func (f *decideFlags) run(ctx context.Context, env *environment, text string, found bool) error {
	switch {
	case found == f.absent:
		return usageError("expected either --found ID or --absent")
	case found && f.found == "":
		return usageError("--found: expected the user's id at the vendor")
	}
	c, err := f.load(env)
	if err != nil {
		return err
	}
	target := slices.IndexFunc(c.Targets, func(t config.Target) bool { return t.Name == f.target })
	if target < 0 {
		return usageError("--target: expected one of %s", targetNames(c))
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
	p, err := provisionerOf(c, clients, l)
	if err != nil {
		return err
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
			return &exitError{exitFailed, fmt.Errorf("%s But the session key of the user could not be discarded: %w. Run the same command again", said, err)}
		}
	}
	e := ending{ExitCode: exitDone}
	return env.end(f.format, wrapped(said, "    "), struct {
		Key    string `json:"key"`
		Target string `json:"target"`
		State  string `json:"state"`
		UserID string `json:"user_id,omitempty"`
		ending
	}{key, f.target, res.Disposition.String(), f.found, e}, e)
}

// decidedText says what was recorded, and what follows. closed is set if the row was undone.
func decidedText(res provision.Result, closed bool) string {
	switch {
	case res.Disposition == provision.DispositionUndone:
		return "the user does not exist. The row was undone: no import creates the user."
	case res.User == nil:
		return "the user does not exist. The next import creates it."
	case closed:
		return "the user exists, " + printable(res.User.ID) + ". The row was undone, but this user stays: enlist undo deletes no user that a person has found."
	}
	return "the user exists, " + printable(res.User.ID) + ". The next import does the rest of the row."
}

// undecided returns the error of a decision that was not recorded.
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
			return usageError("--found: expected an id of at most 1024 bytes of UTF-8")
		}
	}
	switch {
	case e.Code == "in_progress":
		why = []string{"an import or an undo is working on this row: run this again when that has ended"}
	case e.Kind == userapi.KindInvalid, e.Kind == userapi.KindNotFound:
		code = exitRefused
	}
	if len(why) == 0 {
		why = []string{err.Error()}
	}
	return &exitError{code, fmt.Errorf("%s at %s: nothing was decided: %s", key, target, strings.Join(why, "; "))}
}

// discardKey discards a key in the directory of Mixin's session keys, if there is a directory: no user has
// the key.
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

// keysOf returns the directory of a Mixin target's session keys, or "" if it has none.
func keysOf(env *environment, c *config.Config, t config.Target, ofFakes bool) string {
	switch {
	case t.Vendor != mixin.Name:
		return ""
	case ofFakes:
		return fakeKeys(c, t)
	}
	return cmp.Or(env.getenv(vendors.Prefix(t.Name)+"SESSION_KEYS"), besideConfig(c, t.SessionKeys), env.getenv("MIXIN_SESSION_KEYS"))
}

// fakeKeys returns the directory for the keys of users at fakes.
func fakeKeys(c *config.Config, t config.Target) string {
	return ofFakes(besideConfig(c, cmp.Or(t.SessionKeys, c.Job+".session-keys")))
}

// ofFakes returns the directory for session keys of users at fakes, beside the one for users at Mixin.
func ofFakes(dir string) string { return filepath.Clean(dir) + ".fakes" }

// besideConfig returns a path of the config: relative paths are relative to its folder.
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
