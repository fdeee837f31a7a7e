// Mixinwallet makes a user at Mixin that can be used at once: created, its keys stored, its TIP key set
// and verified, and registered with Safe. Mixin is a fake on this machine, which loses a reply on the
// way; the next call goes on from the key file: one user, one price.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

func main() {
	dir, err := os.MkdirTemp("", "mixinwallet-")
	if err == nil {
		err = run(context.Background(), os.Stdout, filepath.Join(dir, "keys"))
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mixinwallet:", err)
		os.Exit(1)
	}
}

// run makes a user whose keys are stored in a directory. Anyone who can read a file there owns the user.
func run(ctx context.Context, w io.Writer, dir string) error {
	fake, err := mixintest.Start(mixintest.WithCredit(1)) // which pays for one user
	if err != nil {
		return err
	}
	defer fake.Close()
	app := fake.Config()
	app.RequireCredit = true // nothing is created that the application cannot pay for
	app.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) {
		fmt.Fprintf(w, "  %s: %t\n", a.Operation, a.OK)
	}
	keys := mixin.KeyDir(dir)
	setUp := func() (*mixin.Wallet, error) {
		return mixin.Setup(ctx, app, keys, userapi.CreateUserRequest{IdempotencyKey: "wallet-1", FullName: "Bot User"})
	}

	fmt.Fprintln(w, "Setting up, while a reply gets lost")
	fake.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Do: userapitest.Reset})
	_, err = setUp()
	if err := explain(w, err, keys); err != nil {
		return err
	}

	fmt.Fprintln(w, "Setting up")
	made, err := setUp()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "  the user is %s, created by this call: %t\n", made.State, made.Created)

	fmt.Fprintln(w, "Once more, as after a restart")
	if made, err = setUp(); err != nil {
		return err
	}

	fmt.Fprintln(w, "The user, as itself, with nothing but what stands in the file")
	if err := signIn(ctx, w, made.Path, app.HTTP); err != nil {
		return err
	}
	fmt.Fprintln(w, "Users at the fake:", fake.UserCount())
	return nil
}

// explain tells what a failure of Setup leaves behind: a user that exists, and its keys in a file that says
// how far it has come.
func explain(w io.Writer, err error, keys *mixin.SessionKeyDir) error {
	var failure *userapi.Error
	var file *mixin.KeyFileError
	if !errors.As(err, &failure) || failure.Outcome != userapi.OutcomeCreated || !errors.As(err, &file) {
		return fmt.Errorf("the user was to exist now, and not to be ready: %w", err)
	}
	stored, err := keys.Load("wallet-1")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "  failed: %s; the user's outcome: %s\n", failure.Kind, failure.Outcome)
	fmt.Fprintf(w, "  its key file says %q, and that the step to %q may have been done\n", stored.State, stored.Intent)
	return nil
}

// signIn reads the user with its own credentials.
func signIn(ctx context.Context, w io.Writer, path string, options userapi.HTTPOptions) error {
	text, err := os.ReadFile(path) //nolint:gosec // in the directory of the keys
	if err != nil {
		return err
	}
	keystore, err := mixin.ParseKeystore(text)
	if err != nil {
		return err
	}
	client, err := mixin.New(mixin.Config{Keystore: keystore, HTTP: options})
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	me, err := client.Users.Me(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "  %s has a PIN: %t, is registered with Safe: %t\n", *me.FullName, *me.HasPin, *me.HasSafe)
	return nil
}
