// Errors shows how to tell failures of a create apart: what went wrong, whether the
// user exists all the same, what the vendor said, and how to make it certain. It runs against a fake of
// QuickBlox that it starts itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	server, err := quickbloxtest.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := quickblox.New(server.Config())
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()

	create := func(what, login, password string) {
		user, err := client.CreateUser(ctx, userapi.CreateUserRequest{
			Username: login, Password: userapi.Secret(password), FullName: "Peter Smith",
		})
		fmt.Fprintf(w, "%s: ", what)
		if err != nil {
			explain(w, err)
			return
		}
		// As finds the vendor's own reply, with every field that it has.
		native, _ := userapi.As[*quickblox.CreateUserResponse](user)
		fmt.Fprintf(w, "created %s, as %q (status %d)\n", user.ID, *native.User.Login, native.StatusCode())
	}

	create("a new user", "peter", "!Peter009")
	create("a second one", "peter", "!Peter009")
	create("a bad one", "paul", "tiny")

	// The vendor answers 429 and asks for more patience than a call has.
	server.Inject(userapitest.Fault{
		Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"120"}},
	})
	create("too many", "paul", "!Peter009")

	// The vendor creates the user, and its reply is cut off before the user's id.
	server.Inject(userapitest.Fault{
		When: userapitest.AfterCommit, Do: userapitest.Truncate, // in the middle
		Status: http.StatusCreated, Body: []byte(`{"user":{"full_name":"Peter Smith","id":96752799}}`),
	})
	create("a lost reply", "paul", "!Peter009")

	// The same, but the id came through.
	server.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Truncate})
	create("a cut-off reply", "mary", "!Peter009")

	// A reply is lost once more, and the vendor is asked what became of the user.
	server.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
	res, err := provision.Ensure(ctx, client, userapi.CreateUserRequest{
		Username: "anna", Password: "!Peter009", FullName: "Anna Smith",
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "ensured:", res)

	fmt.Fprintln(w, "users at the vendor:", server.UserCount())
	return nil
}

// explain decides as a program should: first by what went wrong, then by whether
// the user may exist.
func explain(w io.Writer, err error) {
	var failure *userapi.Error // what every vendor's client returns
	if !errors.As(err, &failure) {
		fmt.Fprintln(w, "failed:", err)
		return
	}
	switch {
	case errors.Is(err, userapi.ErrConflict):
		fmt.Fprint(w, "taken")
	case errors.Is(err, userapi.ErrInvalid):
		fmt.Fprint(w, "invalid")
	case errors.Is(err, userapi.ErrRateLimited):
		fmt.Fprintf(w, "rate limited, again in %s", failure.RetryAfter)
	default:
		fmt.Fprint(w, failure.Kind)
	}
	for _, f := range failure.FieldErrors {
		fmt.Fprintf(w, ", %s %s", f.Field, f.Message)
	}
	var vendor *quickblox.APIError // the reply, if there was one that says no
	if errors.As(err, &vendor) {
		fmt.Fprintf(w, " [QuickBlox: status %d, %d bytes]", vendor.StatusCode, len(vendor.Body))
	}
	switch {
	case failure.Outcome == userapi.OutcomeCreated: // with what is known of the user
		fmt.Fprintf(w, "; outcome created: it is %s\n", failure.User.ID)
	case userapi.MayHaveCreated(err):
		fmt.Fprintf(w, "; outcome %s: look the user up before creating it again\n", failure.Outcome)
	default:
		fmt.Fprintf(w, "; outcome %s: no user was created\n", failure.Outcome)
	}
}
