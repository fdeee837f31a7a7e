package usercom_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// fakeClient returns a client of a fake of User.com, and a function that closes the fake.
func fakeClient() (*usercom.Client, func()) {
	srv, err := usercomtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	c, err := usercom.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	return c, srv.Close
}

// The error names every wrong setting.
func ExampleNew() {
	_, err := usercom.New(usercom.Config{App: "acme", Version: 7})
	fmt.Println(err)
	// Output: usercom: new client: invalid request: Config.APIKey: must be set; Config.Version: must be V1 or V2, nothing was sent
}

// User.com cannot store a password or a user name.
func ExampleClient_CreateUser() {
	c, stop := fakeClient()
	defer stop()
	u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{
		ExternalID: "4711", Username: "ada", Email: "ada@example.org", FullName: "Ada Lovelace",
		Attributes: map[string]any{"plan": "team"},
	})
	if err != nil {
		log.Fatal(err)
	}
	native, _ := userapi.As[*usercom.CreateUserResponse](u)
	fmt.Println(u.ExternalID, u.FullName, u.Unmapped, native.StatusCode())
	// Output: 4711 Ada Lovelace [Username] 201
}

// A plan shows every request, and sends nothing.
func ExampleClient_PlanUser() {
	c, stop := fakeClient()
	defer stop()
	plan, err := c.PlanUser(userapi.CreateUserRequest{
		Email: "ada@example.org", Attributes: map[string]any{"plan": "team"},
		Extensions: []userapi.Extension{usercom.Extra{Lists: []int64{12}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range plan.Steps() {
		fmt.Println(step.Method, step.Route, string(step.Body))
	}
	// Output:
	// POST /users/ {"email":"ada@example.org"}
	// POST /users/{id}/set_multiple_attributes/ {"plan":"team"}
	// POST /users/{id}/add_to_list/ {"list":12}
}

// RepeatUser does not make a second user: it finds the one with the ExternalID.
func ExampleClient_RepeatUser() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	req := userapi.CreateUserRequest{ExternalID: "4711", Email: "ada@example.org"}
	u, err := c.RepeatUser(ctx, req)
	fmt.Println(u.ExternalID, err)
	_, err = c.RepeatUser(ctx, req)
	fmt.Println(errors.Is(err, userapi.ErrConflict))
	// Output:
	// 4711 <nil>
	// true
}

func ExampleClient_DeleteUser() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	u, err := c.CreateUser(ctx, userapi.CreateUserRequest{Email: "ada@example.org"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.DeleteUser(ctx, u.ID))
	fmt.Println(errors.Is(c.DeleteUser(ctx, u.ID), userapi.ErrNotFound))
	// Output:
	// <nil>
	// true
}

// The vendor's own call takes every member that User.com documents.
func ExampleUsersService_Create() {
	c, stop := fakeClient()
	defer stop()
	resp, err := c.Users.Create(context.Background(), usercom.CreateUserRequest{
		Email: new("ada@example.org"), FirstName: new("Ada"), Gender: usercom.GenderFemale, Score: new(int64(7)),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*resp.Email, resp.Gender, resp.StatusCode())
	// Output: ada@example.org female 201
}

// There are four ways to find a user. An e-mail address or a phone number can find several.
func ExampleUsersService_Get() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	created, err := c.Users.Create(ctx, usercom.CreateUserRequest{
		UserID: new("4711"), Email: new("ada@example.org"), PhoneNumber: new("+48123456789"),
	})
	if err != nil {
		log.Fatal(err)
	}
	byID, _ := c.Users.Get(ctx, created.ID)
	byUserID, _ := c.Users.GetByUserID(ctx, "4711")
	byEmail, _ := c.Users.FindByEmail(ctx, "ada@example.org")
	byPhone, _ := c.Users.FindByPhone(ctx, "+48123456789")
	fmt.Println(byID.ID == created.ID, byUserID.ID == created.ID, len(byEmail), len(byPhone))

	_, err = c.Users.GetByUserID(ctx, "4712")
	fmt.Println(errors.Is(err, userapi.ErrNotFound))
	// Output:
	// true true 1 1
	// true
}

// User.com's script gives each browser a key.
func ExampleUsersService_GetByKey() {
	srv, err := usercomtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	visitor := srv.AddVisitor("k3y")
	c, err := usercom.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	found, err := c.Users.GetByKey(context.Background(), "k3y")
	fmt.Println(found.ID == visitor.ID, err)
	// Output: true <nil>
}

// If no user has the e-mail address, FindByEmail returns neither a user nor an error.
func ExampleUsersService_FindByEmail() {
	c, stop := fakeClient()
	defer stop()
	users, err := c.Users.FindByEmail(context.Background(), "nobody@example.org")
	fmt.Println(len(users), err)
	// Output: 0 <nil>
}

func ExampleUsersService_SetMultipleAttributes() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	user, err := c.Users.Create(ctx, usercom.CreateUserRequest{Email: new("ada@example.org")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Users.SetAttribute(ctx, user.ID, "plan", "team"))
	fmt.Println(c.Users.SetMultipleAttributes(ctx, user.ID, map[string]any{"plan": "team", "seats": 12}))
	fmt.Println(c.Users.AddToList(ctx, user.ID, 12))
	// Output:
	// <nil>
	// <nil>
	// <nil>
}

// UpdateOrCreate needs the user's own id.
func ExampleUsersService_UpdateOrCreate() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	for _, name := range []string{"Ada", "Augusta Ada"} {
		resp, err := c.Users.UpdateOrCreate(ctx, usercom.CreateUserRequest{UserID: new("4711"), FirstName: new(name)})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("created:", resp.Created)
	}
	// Output:
	// created: true
	// created: false
}

func ExampleUsersService_Delete() {
	c, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	user, err := c.Users.Create(ctx, usercom.CreateUserRequest{Email: new("ada@example.org")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Users.Delete(ctx, user.ID))
	// Output: <nil>
}
