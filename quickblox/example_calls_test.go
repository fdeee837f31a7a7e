package quickblox_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
)

// fakeClient returns a client of a fake of QuickBlox, and a function that closes the fake.
func fakeClient() (*quickblox.Client, func()) {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	return c, srv.Close
}

// The error names every wrong setting.
func ExampleNew() {
	_, err := quickblox.New(quickblox.Config{HTTP: userapi.HTTPOptions{BaseURL: "api.quickblox.com"}})
	fmt.Println(err)
	// Output: quickblox: new client: invalid request: Config: exactly one of APIKey, SessionToken and Session must be set; Config.HTTP.BaseURL: must be an absolute URL, such as https://host, nothing was sent
}

// Every fault of a request is found before anything is sent.
func ExampleClient_PreflightUser() {
	c, stop := fakeClient()
	defer stop()
	err := c.PreflightUser(userapi.CreateUserRequest{FullName: "Ada", Tags: []string{"a,b"}})
	var e *userapi.Error
	if errors.As(err, &e) {
		for _, f := range e.FieldErrors {
			fmt.Println(f.Field, f.VendorField, f.Message)
		}
	}
	// Output:
	// Tags tag_list must not contain a comma: QuickBlox separates tags by it
	// Username login a login or an e-mail address must be set
	// Password password must be set
}

// QuickBlox cannot store a time zone.
func ExampleClient_CreateUser() {
	c, stop := fakeClient()
	defer stop()
	u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{
		ExternalID: "4711", Username: "ada", Password: "correct horse battery", FullName: "Ada Lovelace", Timezone: "Europe/London",
	})
	if err != nil {
		log.Fatal(err)
	}
	native, _ := userapi.As[*quickblox.CreateUserResponse](u)
	fmt.Println(u.Username, u.ExternalID, u.Unmapped, native.StatusCode())
	// Output: ada 4711 [Timezone] 201
}

// A plan shows the request with its secrets redacted, and sends nothing.
func ExampleClient_PlanUser() {
	c, stop := fakeClient()
	defer stop()
	plan, err := c.PlanUser(userapi.CreateUserRequest{Username: "ada", Password: "correct horse battery"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(plan.Method, plan.Route, string(plan.Body))
	// Output: POST /users.json {"user":{"login":"ada","password":"[REDACTED]"}}
}

// RepeatUser cannot make a second user: the login is unique.
func ExampleClient_RepeatUser() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	req := userapi.CreateUserRequest{Username: "ada", Password: "correct horse battery"}
	u, err := c.RepeatUser(ctx, req)
	fmt.Println(u.Username, err)
	_, err = c.RepeatUser(ctx, req)
	fmt.Println(errors.Is(err, userapi.ErrConflict))
	// Output:
	// ada <nil>
	// true
}

// There are several ways to find a user. Each key is unique in the application.
func ExampleUsersService_Get() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	created, err := c.Users.Create(ctx, quickblox.CreateUserRequest{User: quickblox.NewUser{
		Login: new("ada"), Email: new("ada@example.org"), Password: "correct horse battery",
		ExternalUserID: new(int64(4711)), FacebookID: new("100001234"),
	}})
	if err != nil {
		log.Fatal(err)
	}
	byID, _ := c.Users.Get(ctx, created.User.ID)
	byEmail, _ := c.Users.GetByEmail(ctx, "ada@example.org")
	byExternalID, _ := c.Users.GetByExternalID(ctx, 4711)
	byFacebookID, _ := c.Users.GetByFacebookID(ctx, "100001234")
	fmt.Println(*byID.User.Login, *byEmail.User.Login, *byExternalID.User.Login, *byFacebookID.User.Login)
	// Output: ada ada ada ada
}

// For a missing user the error matches userapi.ErrNotFound.
func ExampleUsersService_GetByEmail() {
	c, stop := fakeClient()
	defer stop()
	_, err := c.Users.GetByEmail(context.Background(), "nobody@example.org")
	fmt.Println(errors.Is(err, userapi.ErrNotFound))
	// Output: true
}

// The other lists. Each is an iterator that reads page after page.
func ExampleUsersService_ListByTags() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	_, err := c.CreateUser(ctx, userapi.CreateUserRequest{
		Username: "ada", Password: "correct horse battery", FullName: "Ada Lovelace", Phone: "+48123456789", Tags: []string{"sales"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for user, err := range c.Users.ListByTags(ctx, "sales") {
		fmt.Println(*user.Login, err)
	}
	for user, err := range c.Users.ListByFullName(ctx, "Ada Lovelace") {
		fmt.Println(*user.Login, err)
	}
	for user, err := range c.Users.ListByPhone(ctx, "+48123456789") {
		fmt.Println(*user.Login, err)
	}
	// Output:
	// ada <nil>
	// ada <nil>
	// ada <nil>
}

func ExampleUsersService_Delete() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	created, err := c.Users.Create(ctx, quickblox.CreateUserRequest{User: quickblox.NewUser{
		Login: new("ada"), Password: "correct horse battery",
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Users.Delete(ctx, created.User.ID))
	// Output: <nil>
}
