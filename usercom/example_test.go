package usercom_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// Attributes are a second request. If only that request fails, the user exists, and FinishUser
// repeats the step.
func ExampleClient_FinishUser() {
	srv, err := usercomtest.Start() // instead of User.com
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

// If the reply to a create is lost, the user may exist. ResolveUser asks. If the user provably does
// not exist, RepeatUser creates it without the risk of a second one.
func ExampleClient_ResolveUser() {
	srv, err := usercomtest.Start() // instead of User.com
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	cfg := srv.Config()
	cfg.HTTP.Retry.BaseWait = time.Millisecond // between look-ups; use more in production
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
			continue // RepeatUser would be next; here the create is lost again
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

// A visitor's browser has a key in a cookie. With this key the visitor becomes the user and keeps
// its history. After that the user joins the lists.
func ExampleExtra() {
	srv, err := usercomtest.Start() // instead of User.com
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := usercom.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	visitor := srv.AddVisitor("q7RtLm2XvB0d") // by User.com's script

	u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{
		ExternalID: "crm-000781", Email: "ada@example.org", FullName: "Ada Nowak",
		Extensions: []userapi.Extension{usercom.Extra{Key: "q7RtLm2XvB0d", Lists: []int64{77}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.ID == strconv.FormatInt(visitor.ID, 10), u.Proof, srv.UserCount(), srv.Users()[0].Lists)

	// The same browser signs up another person. The first user is not overwritten.
	_, err = c.CreateUser(context.Background(), userapi.CreateUserRequest{
		ExternalID: "crm-000782", Email: "bob@example.org",
		Extensions: []userapi.Extension{usercom.Extra{Key: "q7RtLm2XvB0d"}},
	})
	fmt.Println(errors.Is(err, userapi.ErrConflict), srv.Users()[0].Email)
	// Output:
	// true earlier 1 [77]
	// true ada@example.org
}

// An update changes only the named members. A complete reply is refused as an update: User.com
// would turn its other members into custom attributes.
func ExampleUsersService_Update() {
	srv, err := usercomtest.Start() // instead of User.com
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := usercom.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	u, err := c.Users.Create(ctx, usercom.CreateUserRequest{Email: new("ada@example.org"), City: new("Gdynia")})
	if err != nil {
		log.Fatal(err)
	}
	u, err = c.Users.Update(ctx, u.ID, usercom.UpdateUserRequest{City: new("Sopot")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*u.Email, *u.City)

	var update usercom.UpdateUserRequest
	err = json.Unmarshal(u.Raw(), &update)
	fmt.Println(errors.Is(err, userapi.ErrInvalid))
	// Output:
	// ada@example.org Sopot
	// true
}
