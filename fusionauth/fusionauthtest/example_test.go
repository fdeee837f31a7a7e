package fusionauthtest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A program runs against the fake twice: without faults, and with a lost reply.
func Example() {
	server, err := fusionauthtest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := fusionauth.New(server.Config())
	if err != nil {
		fmt.Println(err)
		return
	}

	user, err := client.CreateUser(context.Background(), userapi.CreateUserRequest{
		ExternalID: "customer-42", Email: "Jane@Example.com", Password: "correct horse",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(user.ID, user.Email)

	server.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
	_, err = client.CreateUser(context.Background(), userapi.CreateUserRequest{
		ExternalID: "customer-43", Email: "john@example.com", Password: "correct horse",
	})
	var failure *userapi.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Outcome, failure.UserID == server.Users()[1].ID)
	}
	fmt.Println(server.UserCount(), "users")

	// Output:
	// aac12bd6-f50d-5834-8481-4cfaaf4e0a5a jane@example.com
	// unknown true
	// 2 users
}
