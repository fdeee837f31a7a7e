package fusionauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// The user's id is derived from the caller's own. A second create gets the same id.
func ExampleClient_CreateUser() {
	srv, err := fusionauthtest.Start() // instead of FusionAuth
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	cfg := srv.Config()
	cfg.TenantID = srv.TenantIDs()[0]
	c, err := fusionauth.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	req := userapi.CreateUserRequest{IdempotencyKey: "sign-up 17", Email: "peter@example.com", Password: "!Peter009"}
	first, err := c.CreateUser(context.Background(), req)
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.CreateUser(context.Background(), req)
	e, _ := err.(*userapi.Error)
	fmt.Println(e.Kind, e.UserID == first.ID)
	// Output: conflict true
}

// exampleClient returns a client and the fake server.
func exampleClient() (*fusionauth.Client, *fusionauthtest.Server) {
	srv, err := fusionauthtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	cfg := srv.Config()
	cfg.HTTP.Retry.BaseWait = time.Millisecond // wait between look-ups; the default is 250 ms
	c, err := fusionauth.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return c, srv
}

// The reply to a create is lost. The user is found by the id that is derived from the key.
func ExampleClient_ResolveUser() {
	c, srv := exampleClient()
	defer srv.Close()
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
	ctx := context.Background()
	req := userapi.CreateUserRequest{IdempotencyKey: "sign-up 17", Email: "peter@example.com", Password: "!Peter009"}
	since := time.Now()
	user, err := c.CreateUser(ctx, req)
	if userapi.MayHaveCreated(err) {
		user, err = c.ResolveUser(ctx, req, since)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.Proof, user.Compared, srv.UserCount())
	// Output: id [IdempotencyKey Email] 1
}

// A create was lost before FusionAuth got it. The user provably does not exist, so the create is
// repeated.
func ExampleClient_RepeatUser() {
	c, srv := exampleClient()
	defer srv.Close()
	srv.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Do: userapitest.Hangup})
	ctx := context.Background()
	req := userapi.CreateUserRequest{IdempotencyKey: "sign-up 17", Email: "peter@example.com", Password: "!Peter009"}
	since := time.Now()
	user, err := c.CreateUser(ctx, req)
	if userapi.MayHaveCreated(err) {
		user, err = c.ResolveUser(ctx, req, since)
	}
	if errors.Is(err, userapi.ErrNotFound) {
		user, err = c.RepeatUser(ctx, req)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.Proof, srv.UserCount())
	// Output: reply 1
}

func ExampleClient_DeleteUser() {
	c, srv := exampleClient()
	defer srv.Close()
	ctx := context.Background()
	user, err := c.CreateUser(ctx, userapi.CreateUserRequest{Email: "peter@example.com", Password: "!Peter009"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.DeleteUser(ctx, user.ID), srv.UserCount())
	err = c.DeleteUser(ctx, user.ID)
	fmt.Println(errors.Is(err, userapi.ErrNotFound))
	// Output:
	// <nil> 0
	// true
}

func ExampleUsersService_GetByEmail() {
	c, srv := exampleClient()
	defer srv.Close()
	ctx := context.Background()
	_, err := c.CreateUser(ctx, userapi.CreateUserRequest{Username: "peter", Email: "Peter@Example.com", Password: "!Peter009"})
	if err != nil {
		log.Fatal(err)
	}
	found, err := c.Users.GetByEmail(ctx, "peter@example.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*found.User.Username, *found.User.Active)
	// Output: peter true
}

// The clients of two tenants share their connections. An address is unique in each tenant.
func ExampleClient_WithTenant() {
	srv, err := fusionauthtest.Start(fusionauthtest.WithTenants(
		"30663132-6464-6665-3032-326466613934", "b7e8c9a2-4f7f-4bd5-9d43-0d0fbd8a2c11"))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	first, err := fusionauth.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	for _, id := range srv.TenantIDs() {
		c := first.WithTenant(id)
		user, err := c.CreateUser(ctx, userapi.CreateUserRequest{Email: "peter@example.com", Password: "!Peter009"})
		if err != nil {
			log.Fatal(err)
		}
		found, err := c.Users.GetByEmail(ctx, "peter@example.com")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(found.User.ID == user.ID, *found.User.TenantID == id)
	}
	// Output:
	// true true
	// true true
}

// A plan shows what a create would send, and the user's id.
func ExampleClient_PlanUser() {
	c, srv := exampleClient()
	defer srv.Close()
	plan, err := c.PlanUser(userapi.CreateUserRequest{
		IdempotencyKey: "sign-up 17", Email: "peter@example.com", Password: "!Peter009", Tags: []string{"spring"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(plan)
	fmt.Println(plan.UserID)
	fmt.Println(string(plan.Body))
	// Output:
	// POST /api/user/0b72d956-e10b-5239-9312-c837680f814f; unmapped: Tags
	// 0b72d956-e10b-5239-9312-c837680f814f
	// {"user":{"email":"peter@example.com","password":"[REDACTED]"}}
}

// Users keep their passwords, which another system has hashed. One user exists already, and the
// others are created.
func ExampleClient_CreateUsers() {
	c, srv := exampleClient()
	defer srv.Close()
	hash, err := fusionauth.ParseBcrypt("$2b$10$N9qo8uLOickgx2ZMRZoMyeN.1.gmAq2Sip5XDi7.eesuxucTlEM4G")
	if err != nil {
		log.Fatal(err)
	}
	var reqs []userapi.CreateUserRequest
	for _, name := range []string{"ada", "grace", "ada"} {
		reqs = append(reqs, userapi.CreateUserRequest{
			IdempotencyKey: fmt.Sprint("customer ", len(reqs)), Username: name,
			Extensions: []userapi.Extension{fusionauth.Extra{PasswordHash: hash}},
		})
	}
	for i, r := range c.CreateUsers(context.Background(), reqs) {
		switch {
		case r.Err == nil:
			fmt.Println(reqs[i].Username, "created")
		case errors.Is(r.Err, userapi.ErrConflict):
			fmt.Println(reqs[i].Username, "taken")
		default:
			fmt.Println(reqs[i].Username, r.Err)
		}
	}
	// Output:
	// ada created
	// grace created
	// ada taken
}

// A user and its registration for an application are created together, or not at all.
func ExampleExtra_registration() {
	c, srv := exampleClient()
	defer srv.Close()
	application := srv.Applications()[0].ID
	req := userapi.CreateUserRequest{
		IdempotencyKey: "sign-up 17", Email: "peter@example.com", Password: "!Peter009",
		Extensions: []userapi.Extension{fusionauth.Extra{
			Registration: &fusionauth.Registration{ApplicationID: &application, Roles: []string{"owner"}},
		}},
	}
	ctx := context.Background()
	_, err := c.CreateUser(ctx, req)
	fmt.Println(errors.Is(err, userapi.ErrInvalid), srv.UserCount())

	req.Extensions[0].(fusionauth.Extra).Registration.Roles = []string{"user"}
	user, err := c.CreateUser(ctx, req)
	if err != nil {
		log.Fatal(err)
	}
	native, _ := userapi.As[*fusionauth.RegisterResponse](user)
	fmt.Println(native.Registration.Roles, srv.UserCount())
	// Output:
	// true 0
	// [user] 1
}

// An existing user is registered for an application.
func ExampleUsersService_Register() {
	c, srv := exampleClient()
	defer srv.Close()
	ctx := context.Background()
	user, err := c.CreateUser(ctx, userapi.CreateUserRequest{Email: "peter@example.com", Password: "!Peter009"})
	if err != nil {
		log.Fatal(err)
	}
	req := fusionauth.RegisterRequest{
		UserID:                      user.ID,
		Registration:                fusionauth.Registration{ApplicationID: &srv.Applications()[0].ID},
		GenerateAuthenticationToken: new(true),
	}
	resp, err := c.Users.Register(ctx, req)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*resp.Registration.Verified, resp.Registration.AuthenticationToken)
	_, err = c.Users.Register(ctx, req)
	fmt.Println(err)
	// Output:
	// true [REDACTED]
	// fusionauth: register user: already taken (status 400): registration: taken (duplicate), it was not done
}

// A user of an older import is found without the registration that its sign-up asks for.
func ExampleClient_FinishUser() {
	c, srv := exampleClient()
	defer srv.Close()
	ctx := context.Background()
	req := userapi.CreateUserRequest{ExternalID: "customer-42", Email: "peter@example.com", Password: "!Peter009"}
	if _, err := c.CreateUser(ctx, req); err != nil {
		log.Fatal(err)
	}
	req.Extensions = []userapi.Extension{fusionauth.Extra{
		Registration: &fusionauth.Registration{ApplicationID: &srv.Applications()[0].ID},
	}}
	user, err := c.ResolveUser(ctx, req, time.Time{})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 { // the second call does nothing
		if err := c.FinishUser(ctx, req, user); err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(srv.Users()[0].Registrations))
	}
	// Output:
	// 1
	// 1
}

// Import is FusionAuth's own call: it creates all of its users, or none.
func ExampleUsersService_Import() {
	c, srv := exampleClient()
	defer srv.Close()
	req := fusionauth.ImportRequest{
		Users: []fusionauth.NewUser{
			{Email: new("ada@example.com"), Active: new(true), Password: "!Ada00009"}, // hashing plain text is slow
			{Email: new("grace@example.com"), Active: new(true), Password: "!Grace009"},
		},
		ValidateDBConstraints: new(true),
	}
	resp, err := c.Users.Import(context.Background(), req)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(resp.UserIDs), srv.UserCount())

	req.Users[0].Email = new("mary@example.com") // and grace again
	_, err = c.Users.Import(context.Background(), req)
	fmt.Println(errors.Is(err, userapi.ErrConflict), srv.UserCount())
	// Output:
	// 2 2
	// true 2
}
