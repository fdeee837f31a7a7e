package userapi_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

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

// What an Outcome says depends on the error's Subject.
func ExampleError_subject() {
	c, srv := start()
	defer srv.Close()
	_, invalid := c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "paul", Password: "2short!"})
	deleter, _ := userapi.Ability[userapi.Deleter](c)
	missing := deleter.DeleteUser(context.Background(), "17")
	for _, err := range []error{invalid, missing} {
		if e, ok := err.(*userapi.Error); ok {
			fmt.Printf("%s: %s, %s\n", e.Op, e.Subject, e.Outcome)
		}
	}
	// Output:
	// create user: create, rejected
	// delete user: user, rejected
}

// The Code of a fault is the same at every vendor.
func ExampleFieldError() {
	c, srv := start()
	defer srv.Close()
	_, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "paul", Password: "2short!"})
	var e *userapi.Error
	if errors.As(err, &e) {
		for _, fault := range e.FieldErrors {
			fmt.Println(fault.Field, fault.Code, fault.Code == userapi.CodeTooShort)
		}
	}
	// Output: Password too_short true
}

// A vendor that asks for a pause gets it from every client that shares the limiter.
func ExampleNewAdaptive() {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	cfg := srv.Config()
	cfg.HTTP.Limiter = userapi.NewAdaptive(userapi.RateLimit{PerSecond: 80, Burst: 20})
	c, err := quickblox.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	srv.Inject(userapitest.Fault{Do: userapitest.Respond, Status: 429, Header: http.Header{"Retry-After": {"45"}}})
	_, err = c.CreateUser(context.Background(), peter)
	fmt.Println(err)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = c.CreateUser(ctx, peter) // fails immediately instead of waiting
	fmt.Println(err)
	// Output:
	// quickblox: create user: rate limited (status 429), no user was created, retry after 45s
	// quickblox: create user: timed out: the limiter allows no request before the deadline, nothing was sent
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
