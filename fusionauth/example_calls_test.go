package fusionauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
)

// fakeClient returns a client of a fake of FusionAuth, and a function that closes the fake.
func fakeClient() (*fusionauth.Client, func()) {
	srv, err := fusionauthtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	c, err := fusionauth.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	return c, srv.Close
}

// The error names every wrong setting.
func ExampleNew() {
	_, err := fusionauth.New(fusionauth.Config{APIKey: "key", TenantID: "default"})
	fmt.Println(err)
	// Output: fusionauth: new client: invalid request: Config.TenantID: must be a UUID of 36 characters, such as 06aed1e3-bd77-4a59-991a-5bb5ae6fbb09; Config.HTTP.BaseURL: is required: the address of the API, such as https://host, nothing was sent
}

// The vendor's own call takes every member that FusionAuth documents.
func ExampleUsersService_Create() {
	c, stop := fakeClient()
	defer stop()
	resp, err := c.Users.Create(context.Background(), fusionauth.CreateUserRequest{
		UserID: "5e3cbd2f-0b7a-4b7e-9d53-3a0f6a4f7c11",
		User: fusionauth.NewUser{
			Email: new("ada@example.org"), Password: "correct horse battery",
			PreferredLanguages: []string{"en"}, Data: fusionauth.Data{"plan": "team"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.User.ID, *resp.User.Email, resp.StatusCode())
	// Output: 5e3cbd2f-0b7a-4b7e-9d53-3a0f6a4f7c11 ada@example.org 200
}

// A user is found by its id or by its login.
func ExampleUsersService_Get() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	u, err := c.CreateUser(ctx, userapi.CreateUserRequest{Username: "ada", Email: "ada@example.org", Password: "correct horse battery"})
	if err != nil {
		log.Fatal(err)
	}
	byID, _ := c.Users.Get(ctx, u.ID)
	byLogin, _ := c.Users.GetByLoginID(ctx, "ada")
	fmt.Println(byID.User.ID == u.ID, byLogin.User.ID == u.ID)

	_, err = c.Users.GetByLoginID(ctx, "bob")
	fmt.Println(errors.Is(err, userapi.ErrNotFound))
	// Output:
	// true true
	// true
}

// A deactivated user still exists, and a deleted one does not.
func ExampleUsersService_Deactivate() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	u, err := c.CreateUser(ctx, userapi.CreateUserRequest{Email: "ada@example.org", Password: "correct horse battery"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Users.Deactivate(ctx, u.ID))
	_, err = c.Users.Get(ctx, u.ID)
	fmt.Println(err)
	fmt.Println(c.Users.Delete(ctx, u.ID))
	_, err = c.Users.Get(ctx, u.ID)
	fmt.Println(errors.Is(err, userapi.ErrNotFound))
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// true
}

// A hash from another system becomes the hash of an imported user.
func ExampleParseBcrypt() {
	hash, err := fusionauth.ParseBcrypt("$2y$10$wisIVhmjWjm/lkujDJVAXuuYDXiGU/c9HK3mMzqFbfk45PXA527ui")
	if err != nil {
		log.Fatal(err)
	}
	c, stop := fakeClient()
	defer stop()
	req := userapi.CreateUserRequest{Email: "ada@example.org", Extensions: []userapi.Extension{fusionauth.Extra{PasswordHash: hash}}}
	u, err := c.CreateUser(context.Background(), req)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(hash.Scheme, hash.Factor, u.Email, c.BatchesUser(req))
	// Output: bcrypt 10 ada@example.org true
}
