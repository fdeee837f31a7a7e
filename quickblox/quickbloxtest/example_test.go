package quickbloxtest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A program is tried without an account: a user is created, a second one with the
// same login is refused, and a lost reply shows as what it is.
func Example() {
	server, err := quickbloxtest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	client, err := quickblox.New(server.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	john := userapi.CreateUserRequest{Username: "johndoe", Password: "quickblox", FullName: "John Doe"}

	user, err := client.CreateUser(ctx, john)
	fmt.Println(user, err)

	_, err = client.CreateUser(ctx, john)
	var failure *userapi.Error
	fmt.Println(errors.As(err, &failure), failure.Kind, failure.Outcome, failure.FieldErrors[0])

	server.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Hangup})
	_, err = client.CreateUser(ctx, userapi.CreateUserRequest{Email: "peter@gmail.com", Password: "!Peter009"})
	fmt.Println(userapi.MayHaveCreated(err), server.UserCount())

	// Output:
	// user quickblox/96752798 <nil>
	// true conflict rejected Username (login): taken
	// true 2
}
