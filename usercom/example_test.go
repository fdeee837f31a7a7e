package usercom_test

import (
	"context"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// Attributes are a second request. Where only that fails the user exists, and
// FinishUser repeats the step.
func ExampleClient_FinishUser() {
	srv, err := usercomtest.Start() // in place of User.com itself
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := usercom.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	req := userapi.CreateUserRequest{Email: "ada@example.org", Attributes: map[string]any{"seats": 12}}

	srv.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 403})
	_, err = c.CreateUser(ctx, req)
	e, _ := err.(*userapi.Error)
	fmt.Println(e.Kind, e.Outcome)

	fmt.Println(c.FinishUser(ctx, req, e.User), srv.UserCount())
	// Output:
	// forbidden created
	// <nil> 1
}
