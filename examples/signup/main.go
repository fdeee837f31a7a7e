// Signup signs one person up at FusionAuth, QuickBlox and User.com, and shows what a Provisioner does
// when a vendor's reply is lost in the middle: the ledger knows what is left, and Resumes finishes it. The
// vendors are fakes on this machine.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

func main() {
	dir, err := os.MkdirTemp("", "signup-")
	if err == nil {
		err = run(context.Background(), os.Stdout, dir)
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "signup:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, dir string) error {
	vendors, err := open()
	if err != nil {
		return err
	}
	defer vendors.close()
	ledger, err := fileledger.Open(filepath.Join(dir, "ledger"))
	if err != nil {
		return err
	}
	defer ledger.Close()

	p, err := provision.New(ledger, []provision.Target{
		{Name: "identity", Creator: vendors.identity},
		{Name: "chat", Creator: vendors.chat},
		// The CRM knows the person by the id that identity gave.
		{Name: "crm", Creator: vendors.crm, After: []string{"identity"}, Map: underIdentity},
	},
		provision.RequestKeys(userapi.Secret(rand.Text())), // to be kept beside the ledger, which holds no request
		provision.Patience(10*time.Millisecond))            // for nobody to wait here; the default is right for real vendors
	if err != nil {
		return err
	}

	// The sign-up's name is the key. A real one is stored with the person, before this.
	person := userapi.CreateUserRequest{
		IdempotencyKey: "signup-1", ExternalID: "4711", FullName: "Ada Lovelace", Email: "ada@example.com", Password: userapi.Secret(rand.Text()),
	}
	fmt.Fprintln(w, "Signing up; chat creates the user, its reply is lost, and then it is down")
	vendors.line.cut.Store(true)
	results, err := p.CreateUser(ctx, person)
	show(w, results)
	if !userapi.MayHaveCreated(err) {
		return fmt.Errorf("chat's user was to be in doubt: %w", err)
	}

	fmt.Fprintln(w, "Chat is back; a job that runs now and then takes up what is left")
	vendors.line.down.Store(false)
	load := func(context.Context, string) (userapi.CreateUserRequest, error) { return person, nil } // from your own table
	for resumed, err := range p.Resumes(ctx, load) {
		if err != nil {
			return err
		}
		show(w, resumed.Results)
	}

	fmt.Fprintln(w, "The same once more, which sends nothing")
	if results, err = p.CreateUser(ctx, person); err != nil {
		return err
	}
	show(w, results)

	fmt.Fprintln(w, "Undoing it")
	if results, err = p.Undo(ctx, person.IdempotencyKey); err != nil {
		return err
	}
	show(w, results)
	fmt.Fprintln(w, "  users left at the vendors:", vendors.users())
	return nil
}

func underIdentity(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
	req.ExternalID = users["identity"].ID
	return req
}

// show prints a result for each target, and no personal data.
func show(w io.Writer, results []provision.Result) {
	for _, r := range results {
		fmt.Fprintf(w, "  %s: %s\n", r.Target, r.Disposition)
	}
}
