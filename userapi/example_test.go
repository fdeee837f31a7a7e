package userapi_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// start returns a creator and the fake that it talks to.
func start() (userapi.Creator, *quickbloxtest.Server) {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	return c, srv
}

var peter = userapi.CreateUserRequest{Username: "peter", Password: "!Peter009", Timezone: "Europe/Warsaw"}

func ExampleCreator() {
	c, srv := start()
	defer srv.Close()
	u, err := c.CreateUser(context.Background(), peter)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.Provider, u.Username, "cannot store", u.Unmapped)
	// Output: quickblox peter cannot store [Timezone]
}

func ExampleError() {
	c, srv := start()
	defer srv.Close()
	_, _ = c.CreateUser(context.Background(), peter)
	_, err := c.CreateUser(context.Background(), peter)

	fmt.Println(errors.Is(err, userapi.ErrConflict))
	var e *userapi.Error
	if errors.As(err, &e) {
		fmt.Println(e.Outcome, e.FieldErrors)
	}
	var vendor *quickblox.APIError
	if errors.As(err, &vendor) {
		fmt.Println(vendor.StatusCode, vendor.Errors["login"])
	}
	// Output:
	// true
	// rejected [Username (login): taken]
	// 422 [has already been taken]
}

func ExampleMayHaveCreated() {
	c, srv := start()
	defer srv.Close()
	// The connection breaks after the vendor created the user, before it answered.
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
	_, err := c.CreateUser(context.Background(), peter)
	fmt.Println(userapi.MayHaveCreated(err), srv.UserCount())

	_, err = c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "paul"})
	fmt.Println(userapi.MayHaveCreated(err), err)
	// Output:
	// true 1
	// false quickblox: create user: invalid request: Password: must be set, nothing was sent
}

func ExampleAs() {
	c, srv := start()
	defer srv.Close()
	u, err := c.CreateUser(context.Background(), peter)
	if err != nil {
		log.Fatal(err)
	}
	if native, ok := userapi.As[*quickblox.CreateUserResponse](u); ok {
		fmt.Println(*native.User.Login, native.StatusCode())
	}
	// Output: peter 201
}

func ExampleSecret() {
	s := userapi.Secret("!Peter009")
	fmt.Println(s, len(s.Reveal()))
	// Output: [REDACTED] 9
}
