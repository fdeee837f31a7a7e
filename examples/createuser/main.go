// Createuser creates a user at Mixin, QuickBlox, FusionAuth and User.com: each vendor's is the
// user of its own documentation. The vendors are fakes that it starts on this machine, called over
// real HTTP with real signatures. With -json it prints one JSON document in place of a table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: createuser [flags]")
		flag.PrintDefaults()
	}
	asJSON := flag.Bool("json", false, "print one JSON document")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "createuser:", err)
		os.Exit(1)
	}
}

// A result is what became of one create.
type result struct {
	Provider string `json:"provider"`
	// Status is "created", "failed" or, where the user may exist although the call failed, "unknown".
	Status string        `json:"status"`
	ID     string        `json:"id,omitempty"`
	User   *userapi.User `json:"user,omitempty"`
	Error  error         `json:"error,omitempty"`
}

func run(ctx context.Context, w io.Writer, asJSON bool) error {
	sessionKey, err := mixin.GenerateSessionKey() // of a real user it must be kept: see mixin.KeyDir
	if err != nil {
		return err
	}
	var results []result
	var failed error
	for _, v := range []struct {
		name    string
		open    func() (userapi.Creator, func(), error)
		request userapi.CreateUserRequest
	}{
		{mixin.Name, openMixin, userapi.CreateUserRequest{
			FullName: "Bot User", Extensions: []userapi.Extension{mixin.Extra{SessionKey: sessionKey}},
		}},
		{quickblox.Name, openQuickBlox, userapi.CreateUserRequest{
			Username: "Peter", Email: "peter@gmail.com", Phone: "+73123555", Password: "!Peter009",
			ExternalID: "1236672", FullName: "Peter Smith", Tags: []string{"marketing", "seo"},
			Extensions: []userapi.Extension{quickblox.Extra{
				FacebookID: "8887366", Website: "https://mysite.com", CustomData: "lead of marketing team",
			}},
		}},
		{fusionauth.Name, openFusionAuth, userapi.CreateUserRequest{
			Username: "jane.doe", Email: "jane.doe@example.com", Phone: "+13035551234", Password: "correct horse battery",
			FullName: "Jane Marie Doe", GivenName: "Jane", FamilyName: "Doe", Timezone: "America/Denver", Language: "en-US",
			Attributes: map[string]any{"plan": "team", "seats": 12},
			Extensions: []userapi.Extension{fusionauth.Extra{MiddleName: "Marie", BirthDate: "1990-05-17", SkipVerification: new(true)}},
		}},
		{usercom.Name, openUserCom, userapi.CreateUserRequest{Email: "myemail@example.org", GivenName: "John", FamilyName: "Doe"}},
	} {
		client, closeFake, err := v.open()
		if err != nil {
			return err
		}
		r := result{Provider: v.name, Status: "created"}
		r.User, r.Error = client.CreateUser(ctx, v.request)
		switch {
		case r.Error == nil:
			r.ID = r.User.ID
		case userapi.MayHaveCreated(r.Error): // before it is created again, look: provision.Ensure does
			r.Status, failed = "unknown", r.Error
		default:
			r.Status, failed = "failed", r.Error
		}
		results = append(results, r)
		closeFake()
	}
	if asJSON {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return errors.Join(out.Encode(struct {
			Mode    string   `json:"mode"`
			Results []result `json:"results"`
		}{"fakes", results}), failed)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VENDOR\tSTATUS\tID\tNAME")
	for _, r := range results {
		name := ""
		if r.User != nil {
			name = r.User.FullName
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Provider, r.Status, r.ID, name)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return failed
}
