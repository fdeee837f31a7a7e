package usercom_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

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

// A create whose reply is lost leaves it open whether the user exists. ResolveUser
// asks, and RepeatUser creates a user who is proven not to exist without the risk of
// making two.
func ExampleClient_ResolveUser() {
	srv, err := usercomtest.Start() // in place of User.com itself
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	cfg := srv.Config()
	cfg.HTTP.Retry.BaseWait = time.Millisecond // between looks; more in earnest
	c, err := usercom.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	req := userapi.CreateUserRequest{ExternalID: "crm-000781", Email: "ada@example.org"}

	for _, when := range []userapitest.Moment{userapitest.BeforeCommit, userapitest.AfterCommit} {
		srv.Inject(userapitest.Fault{When: when, Do: userapitest.Hangup})
		since := time.Now()
		_, err := c.CreateUser(ctx, req)
		fmt.Println("may have created:", userapi.MayHaveCreated(err))

		u, err := c.ResolveUser(ctx, req, since)
		if errors.Is(err, userapi.ErrNotFound) {
			fmt.Println("it has not:", srv.UserCount())
			continue // RepeatUser would be next; here the create is lost once more
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("it has:", srv.UserCount(), u.Proof, u.Compared)
		_, err = c.RepeatUser(ctx, req)
		fmt.Println("no second one:", errors.Is(err, userapi.ErrConflict), srv.UserCount())
		fmt.Println(c.DeleteUser(ctx, u.ID), srv.UserCount())
	}
	// Output:
	// may have created: true
	// it has not: 0
	// may have created: true
	// it has: 1 key [ExternalID Email]
	// no second one: true 1
	// <nil> 0
}
