package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

const undoHelp = `Deletes the users that imports of FILE have created, and closes the rows' keys:
a later import creates nothing for them. It first counts, from the ledger, the
users that it would delete, and asks.

These users are left:
  - users that existed before the import
  - users that may not be the import's, by what the ledger knows
  - users at Mixin, which has no way to delete a user

FILE is the file that was imported. Only its keys are used. You can kill the
command at any moment and run it again.

Exit codes; if several apply, the highest:
  0  the import's users are deleted
  1  it could not run
  2  wrong flags, config or credentials
  3  users were left
  4  rows are left: run the same command again
  5  it is unknown whether a user exists: look at the vendor, then use enlist
     decide
`

type undoFlags struct {
	peopleFlags
	whereFlags

	yes      bool
	results  string
	progress string
}

func newUndo(env *environment) *cobra.Command {
	f := &undoFlags{}
	c := &cobra.Command{
		Use:   "undo FILE",
		Short: "Deletes the users that an import has created",
		Long:  undoHelp,
		Args:  oneFile,
		RunE:  func(c *cobra.Command, args []string) error { return f.run(c.Context(), env, args[0]) },
	}
	f.peopleFlags.add(c)
	f.whereFlags.addVendors(c.Flags())
	fs := c.Flags()
	fs.BoolVar(&f.yes, "yes", false, "do not ask")
	fs.StringVar(&f.results, "results", "", "the `file` for the results; default <job>.undo.csv beside the config")
	addProgress(fs, &f.progress)
	return c
}

func (f *undoFlags) run(ctx context.Context, env *environment, path string) error {
	if err := checkProgress(f.progress); err != nil {
		return err
	}
	if path == standardInput {
		return usageError("FILE cannot be standard input, because it is read twice")
	}
	c, err := f.load(env)
	if err != nil {
		return err
	}
	clients, closeAll, err := f.connect(ctx, env, c, nil)
	defer closeAll()
	if err != nil {
		return err
	}
	if err := checkConfig(ctx, c, clients, nil); err != nil {
		return err
	}
	place := placeOf(env, c)
	results := namedFile{"--results", cmp.Or(f.results, besideConfig(c, c.Job+".undo.csv"))}
	read := []namedFile{{"the input", path}, {"--vendors", f.vendors}, {"the config", c.Path}}
	if err := apart([]namedFile{results}, append(read, ledgerFiles(place)...)); err != nil {
		return err
	}
	if f.vendors != "" {
		place.For = ledger.ForFakes
	}
	l, err := ledger.Open(ctx, place, nil)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // what was stored is durable
	p, err := provisionerOf(c, clients, l)
	if err != nil {
		return err
	}
	if err := f.ask(ctx, env, c, clients, l, path); err != nil {
		return err
	}
	src, err := openPeople(env, path, c.CSV)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // it was read
	out, err := createPart(results.path)
	if err != nil {
		return err
	}
	display, show := newDisplay(env, f.progress, c, src)
	u := undoing{c: c, ctx: ctx}
	u.report, u.err = bulk.Undo(ctx, p, bulk.Job{
		Name: c.Job, Mapping: mappingOf(c), InFlight: c.InFlight, Lanes: lanesOf(c), OnProgress: show, Results: out,
	}, src)
	display.End()
	return u.end(env, f.format, out)
}

// ask says what would be deleted, and asks for a yes.
func (f *undoFlags) ask(ctx context.Context, env *environment, c *config.Config, clients []vendors.Client, l *ledger.Ledger, path string) error {
	if f.yes {
		return nil
	}
	src, err := openPeople(env, path, c.CSV)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // it was read
	deletes, left, err := f.count(ctx, c, clients, l, src)
	if err != nil {
		return &exitError{max(sourceCode(err), exitFailed), fmt.Errorf("%s. Nothing was deleted", messageOf(err))}
	}
	say := func(format string, args ...any) { fmt.Fprintf(env.err, format, args...) }
	say("This deletes users, for good:\n")
	total := int64(0)
	for _, t := range c.Targets {
		say("%8d at %s", deletes[t.Name], t.Name)
		if n := left[t.Name]; n > 0 {
			say(", and leaves %d there", n)
		}
		say("\n")
		total += deletes[t.Name]
	}
	say("It also closes the keys of the rows: a later import creates nothing for them.\n")
	return env.typedYes(ctx)
}

// count counts the users that an undo of the rows would delete, and those that it would leave.
func (f *undoFlags) count(ctx context.Context, c *config.Config, clients []vendors.Client, l *ledger.Ledger, src bulk.Source) (deletes, left map[string]int64, err error) {
	deletes, left = map[string]int64{}, map[string]int64{}
	able := map[string]bool{}
	for i, t := range c.Targets {
		_, able[t.Name] = userapi.Ability[userapi.Deleter](clients[i])
	}
	m := mappingOf(c)
	keys, err := bulk.Mapping{Columns: map[string]string{"key": cmp.Or(m.Columns["key"], "key")}}.Compile(c.Job)
	if err != nil {
		return nil, nil, err
	}
	for row, err := range src.Rows(ctx) {
		var bad *bulk.RowError
		if errors.As(err, &bad) && !bad.Fatal {
			continue // it was not imported
		}
		if err != nil {
			return nil, nil, err
		}
		key := bulk.Row{Line: row.Line, Values: row.Values}
		req, err := keys.Request(key)
		if err != nil {
			continue // it was not imported
		}
		records, err := l.Load(ctx, req.IdempotencyKey)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range records {
			switch {
			case able[r.Target] && isOurs(r):
				deletes[r.Target]++
			case r.State.HasUser() || r.State == provision.StateUnknown || r.State == provision.StateInFlight:
				left[r.Target]++
			}
		}
	}
	return deletes, left, nil
}

// isOurs reports whether the user of a record is proven to be the import's: whether
// provision.Provisioner.Undo deletes it.
func isOurs(r provision.Record) bool {
	proven := []userapi.Proof{userapi.ProofReply, userapi.ProofID, userapi.ProofKey}
	switch r.State {
	case provision.StateDeleting:
		return true
	case provision.StateCreated:
		return r.Proof != userapi.ProofEarlier && !r.Decided
	case provision.StateRecovered:
		return slices.Contains(proven, r.Proof) && !r.Decided
	default:
		return false
	}
}

// An undoing is an undo in progress.
type undoing struct {
	c      *config.Config
	ctx    context.Context
	report bulk.Report
	err    error
}

func (u *undoing) end(env *environment, format formatFlag, out *part) error {
	stopped := u.ctx.Err() != nil && errors.Is(u.err, u.ctx.Err())
	code := exitDone
	switch {
	case u.report.RowsUnknown > 0:
		code = exitUnknown
	case u.report.RowsOpen > 0 || stopped:
		code = exitOpen
	case u.report.RowsRefused+u.report.RowsAtFault > 0:
		code = exitRefused
	}
	if !stopped {
		code = max(code, sourceCode(u.err))
	}
	var failure error
	kept := ""
	if u.report.Rows == 0 {
		out.discard()
	} else if kept, failure = out.keep(u.report.Complete && u.err == nil); failure != nil {
		code = max(code, exitFailed)
	}
	e := ending{u.next(stopped, failure), code}
	text := u.report.String()
	if kept != "" {
		text += "\nresults: " + kept + "\n"
	}
	return env.end(format, text, struct {
		bulk.Report
		Results string `json:"results,omitempty"`
		ending
	}{u.report, kept, e}, e)
}

func (u *undoing) next(stopped bool, failure error) (lines []string) {
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	switch {
	case stopped:
		line("stopped. The ledger has what was deleted. Run the same command again for the rest.")
	case u.err != nil:
		line("%s. The ledger has what was deleted. Correct the cause, and run the same command again.", messageOf(u.err))
	}
	if failure != nil {
		line("%v. The ledger has what was deleted.", failure)
	}
	if n := u.report.RowsUnknown; n > 0 {
		line("it is unknown whether the users of %s exist. Look at the vendor, use enlist decide, and run the same command again.", rowsText(n))
	}
	if n := u.report.RowsOpen; n > 0 {
		line("%s left open: their users exist. Run the same command again.", were(n))
	}
	if n := u.report.RowsAtFault; n > 0 {
		line("the key of %s could not be read: nothing of these was undone. If they were imported from another file, such as corrected rejects, undo that file too.", rowsText(n))
	}
	if n := u.report.RowsRefused; n > 0 {
		line("%s left: their users are not proven to be the import's, or the vendor cannot delete users. The results say which.", were(n))
	}
	return lines
}
