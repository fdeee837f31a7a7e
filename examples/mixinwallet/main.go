// Mixinwallet makes a user at Mixin that can be used at once: created, its keys stored,
// its TIP key set and verified, and registered with Safe.
//
// Without flags it does so at a fake of Mixin that it starts on this machine, loses a
// reply on the way, and goes on from the key file: one user, one price. Run it with -h
// for the flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const usage = `Usage: mixinwallet [flags]

Makes a user at Mixin that can be used at once. Without -keystore and -base the
application and Mixin are fakes on this machine, and nothing leaves it.

  -keystore file   the application's keystore, in any form that Mixin hands out
  -base url        where Mixin is, such as https://api.mixin.one; both or neither
  -dir directory   where the user's keys are stored; it must be its owner's alone, and
                   is made if it is missing. At the fake the default is a temporary
                   one, which is removed at the end
  -user text       your own id of the user, "wallet-1" by default: the key file is
                   called after it, and a second run goes on with the same user
  -name text       the user's name, "Bot User" by default
  -price decimal   what a user costs, such as 0.5: nothing is created that the
                   application's credit does not cover. The fake is asked for it

With -keystore a user costs the application real money, once. Whoever reads the file in
-dir owns the user: back it up, and show it to nobody.

Exit codes: 0 the user is ready; 1 it is not, run it again with the same flags;
2 wrong flags, nothing was sent. After 1 the output says what the key file says; a user
whose create may or may not have reached Mixin stays "sent", and is not created again.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// timeout is that of a whole run.
const timeout = 2 * time.Minute

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parse(args)
	var w *wallet
	if err == nil {
		w, err = open(opts, stdout)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "mixinwallet: %v\nNothing was sent. See mixinwallet -h.\n", err)
		return 2
	}
	defer w.close()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := w.make(ctx); err != nil {
		fmt.Fprintln(stderr, "mixinwallet:", err)
		return 1
	}
	return 0
}

type options struct{ keystore, base, dir, user, name, price string }

func parse(args []string) (*options, error) {
	var o options
	fs := flag.NewFlagSet("mixinwallet", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.keystore, "keystore", "", "")
	fs.StringVar(&o.base, "base", "", "")
	fs.StringVar(&o.dir, "dir", "", "")
	fs.StringVar(&o.user, "user", "wallet-1", "")
	fs.StringVar(&o.name, "name", "Bot User", "")
	fs.StringVar(&o.price, "price", "", "")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() > 0:
		return nil, errors.New("expected flags only") // what stands there may be a secret
	case o.user == "":
		return nil, errors.New("-user must be set: the key file is called after it")
	case (o.keystore == "") != (o.base == ""):
		return nil, errors.New("-keystore and -base must be set together, or neither for the fake")
	case o.keystore != "" && o.dir == "":
		return nil, errors.New("-dir must be set: the keys of a real user must stay")
	}
	return &o, nil
}

// A wallet is the user that is to be made.
type wallet struct {
	out  io.Writer
	app  mixin.Config
	keys *mixin.SessionKeyDir
	user string
	name string
	sent atomic.Int64 // requests
	// fake is nil where Mixin is real.
	fake  *mixintest.Server
	close func()
}

// open prepares everything. It creates and sends nothing.
func open(o *options, out io.Writer) (*wallet, error) {
	w := &wallet{out: out, user: o.user, name: o.name, close: func() {}}
	if err := w.prepare(o); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *wallet) prepare(o *options) (err error) {
	dir, where := o.dir, ""
	if o.keystore != "" {
		text, err := os.ReadFile(o.keystore) //nolint:gosec // the caller names the file
		if err != nil {
			return fmt.Errorf("-keystore: %w", err)
		}
		keystore, err := mixin.ParseKeystore(text)
		if err != nil {
			return fmt.Errorf("-keystore: %w", err) // names members, and never a value
		}
		w.app = mixin.Config{Keystore: keystore, HTTP: userapi.HTTPOptions{BaseURL: o.base}}
		w.app.RequireCredit = o.price != ""
		fmt.Fprintln(w.out, "Mixin is at", o.base)
	} else {
		if w.fake, err = mixintest.Start(mixintest.WithCredit(1)); err != nil {
			return err
		}
		w.close = w.fake.Close
		w.app = w.fake.Config()
		w.app.RequireCredit = true
		fmt.Fprintln(w.out, "Mixin is a fake at", w.fake.URL(), "- its application can pay for one user.")
	}
	w.app.UserPrice = mixin.Decimal(o.price)
	w.app.HTTP.OnAttempt = w.print
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mixinwallet-"); err != nil {
			return err
		}
		w.close = func() {
			w.fake.Close()
			_ = os.RemoveAll(dir) //nolint:gosec // made above
		}
		where = ", which is removed at the end"
	}
	w.keys = mixin.KeyDir(dir)
	fmt.Fprintf(w.out, "Keys are stored in %s%s.\n", dir, where)
	if _, err := mixin.New(w.app); err != nil { // every bad setting at once
		return err
	}
	if _, err := w.keys.Load(w.user); w.fake != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.New("-dir: the user's file is there already, and this fake has only begun: choose another -user or -dir")
	}
	return nil
}

// print tells of one request: what was called, and what came of it.
func (w *wallet) print(_ context.Context, a userapi.Attempt) {
	w.sent.Add(1)
	result := "ok"
	if !a.OK {
		result = a.Kind.String()
	}
	fmt.Fprintf(w.out, "  %s, %s: %s\n", a.Operation, a.Route, result)
}

// make makes the user, and then shows that it is ready.
func (w *wallet) make(ctx context.Context) error {
	fmt.Fprintln(w.out, "\nThe bill")
	if err := w.bill(ctx); err != nil {
		return err
	}
	if w.fake != nil {
		// The first PIN call is carried out, and its reply lost.
		w.fake.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Do: userapitest.Reset})
		fmt.Fprintln(w.out, "\nSetting up, while a reply gets lost")
		if err := w.interrupted(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintln(w.out, "\nSetting up")
	made, err := w.setUp(ctx)
	if err != nil {
		w.explain(err)
		return err
	}
	fmt.Fprintf(w.out, "  user %s is %s, created by this call: %t\n", made.Keystore.UserID, made.State, made.Created)
	fmt.Fprintln(w.out, "  its keystore is", made.Path)

	fmt.Fprintln(w.out, "\nOnce more, as after a restart")
	before := w.sent.Load()
	again, err := w.setUp(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "  user %s is %s, after %d requests\n", again.Keystore.UserID, again.State, w.sent.Load()-before)

	fmt.Fprintln(w.out, "\nThe user, as itself")
	if err := w.use(ctx, made); err != nil {
		return err
	}
	fmt.Fprintln(w.out, "\nThe bill after it")
	if err := w.bill(ctx); err != nil {
		return err
	}
	if w.fake != nil {
		fmt.Fprintln(w.out, "\nUsers at the fake:", w.fake.UserCount())
	}
	return nil
}

// setUp makes the user, or goes on where the last call for it ended.
func (w *wallet) setUp(ctx context.Context) (*mixin.Wallet, error) {
	return mixin.Setup(ctx, w.app, w.keys, userapi.CreateUserRequest{IdempotencyKey: w.user, FullName: w.name})
}

// interrupted calls setUp, which fails once the user exists.
func (w *wallet) interrupted(ctx context.Context) error {
	_, err := w.setUp(ctx)
	var failure *userapi.Error
	if !errors.As(err, &failure) || failure.Outcome != userapi.OutcomeCreated {
		return fmt.Errorf("the user was to exist now, and is not ready: %w", err)
	}
	w.explain(err)
	return nil
}

// explain tells what a failure of setUp leaves behind.
func (w *wallet) explain(err error) {
	var failure *userapi.Error
	if errors.As(err, &failure) {
		fmt.Fprintf(w.out, "  failed: %s, %s; the user's outcome: %s\n", failure.Op, failure.Kind, failure.Outcome)
		var vendor *mixin.APIError // what Mixin says, if it does
		switch {
		case errors.As(err, &vendor):
			fmt.Fprintln(w.out, "  Mixin's code:", vendor.Code)
		case failure.Outcome == userapi.OutcomeNotSent && failure.Err != nil:
			fmt.Fprintln(w.out, "  because:", failure.Err)
		}
	}
	var file *mixin.KeyFileError // where the keys are, and how far the user has come
	if errors.As(err, &file) {
		fmt.Fprintln(w.out, "  its keys are safe in", file.Path)
	}
	f, err := w.keys.Load(w.user)
	switch {
	case err != nil:
	case f.Intent != "":
		fmt.Fprintf(w.out, "  the file says %q, and that the step to %q may have been done\n", f.State, f.Intent)
	default:
		fmt.Fprintf(w.out, "  the file says %q\n", f.State)
	}
}

// use signs in as the user, with nothing but what stands in the file.
func (w *wallet) use(ctx context.Context, made *mixin.Wallet) error {
	text, err := os.ReadFile(made.Path) //nolint:gosec // in the directory that the caller names
	if err != nil {
		return err
	}
	keystore, err := mixin.ParseKeystore(text)
	if err != nil {
		return err
	}
	client, err := mixin.New(mixin.Config{Keystore: keystore, HTTP: w.app.HTTP})
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	me, err := client.Users.Me(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "  %q has a PIN: %t, is registered with Safe: %t\n", value(me.FullName), value(me.HasPin), value(me.HasSafe))
	return nil
}

// bill prints what the application has paid in and what its users cost.
func (w *wallet) bill(ctx context.Context) error {
	client, err := mixin.New(w.app)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	b, err := client.Billing(ctx)
	switch {
	case err == nil:
		fmt.Fprintf(w.out, "  credit %s, users cost %s so far, and one more %s\n", b.Credit, b.Cost.Users, b.UserPrice)
	case w.app.RequireCredit:
		return err
	default:
		fmt.Fprintln(w.out, "  cannot be read")
	}
	return nil
}

// value returns what a member of a reply holds, or zero for one that is missing.
func value[T any](member *T) (v T) {
	if member != nil {
		v = *member
	}
	return v
}
