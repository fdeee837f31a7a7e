package quickblox_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// The vendor's own call takes every member that QuickBlox documents.
func ExampleUsersService_Create() {
	srv, err := quickbloxtest.Start() // instead of QuickBlox
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	resp, err := c.Users.Create(context.Background(), quickblox.CreateUserRequest{User: quickblox.NewUser{
		Login:    new("peter"),
		Password: "!Peter009",
		TagList:  new("marketing,seo"),
		Website:  new("https://mysite.com"),
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*resp.User.Login, resp.User.UserTags, *resp.User.Website)
	// Output: peter [marketing seo] https://mysite.com
}

// A back end creates a user, and gives the user's token to the app.
func ExampleUsersService_CreateToken() {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	user, err := c.CreateUser(ctx, userapi.CreateUserRequest{Username: "peter", Password: "!Peter009"})
	if err != nil {
		log.Fatal(err)
	}
	created, _ := userapi.As[*quickblox.CreateUserResponse](user)
	token, err := c.Users.CreateToken(ctx, created.User.ID)
	if err != nil {
		log.Fatal(err) // the user exists: ask for a token again
	}
	forTheApp := token.Token.Reveal() // the app sends it as QB-Token
	fmt.Println(token.UserID, token.Token, len(forTheApp), time.Until(token.ExpiresAt) > time.Hour)
	// Output: 96752798 [REDACTED] 40 true
}

// Without an API key, SignIn opens a user's session with the login and the password.
func ExampleUsersService_SignIn() {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	cfg := srv.Config()
	cfg.APIKey, cfg.Session = "", srv.SessionConfig()
	c, err := quickblox.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = c.CreateUser(ctx, userapi.CreateUserRequest{Username: "peter", Password: "!Peter009"})
	if err != nil {
		log.Fatal(err)
	}
	token, err := c.Users.SignIn(ctx, quickblox.SignInRequest{Login: "peter", Password: "!Peter009"})
	fmt.Println(token.UserID, token.Token, err)
	_, err = c.Users.SignIn(ctx, quickblox.SignInRequest{Login: "peter", Password: "quickblox"})
	fmt.Println(errors.Is(err, userapi.ErrUnauthorized))
	// Output:
	// 96752798 [REDACTED] <nil>
	// true
}

// An update changes only the set fields, here the name and the password.
func ExampleUsersService_Update() {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	created, err := c.Users.Create(ctx, quickblox.CreateUserRequest{User: quickblox.NewUser{
		Login: new("peter"), Password: "!Peter009", Phone: new("+73123555"),
	}})
	if err != nil {
		log.Fatal(err)
	}
	updated, err := c.Users.Update(ctx, created.User.ID, quickblox.UpdateUserRequest{User: quickblox.UserUpdate{
		FullName: new("Peter Smith"), OldPassword: "!Peter009", Password: "!Peter010",
	}})
	switch {
	case errors.Is(err, userapi.ErrNotFound):
		fmt.Println("no such user")
	case err != nil:
		fmt.Println("not changed, or not known:", err)
	default:
		fmt.Println(*updated.User.FullName, *updated.User.Phone)
	}
	// Output: Peter Smith +73123555
}

// A list is an iterator over the pages of the users that match its filters.
func ExampleUsersService_List() {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	for _, login := range []string{"ann", "bob", "cyd"} {
		_, err = c.CreateUser(ctx, userapi.CreateUserRequest{Username: login, Password: "quickblox", Tags: []string{"sales"}})
		if err != nil {
			log.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	for user, err := range c.Users.List(ctx, quickblox.ListUsersRequest{
		Filters: []quickblox.Filter{{Field: quickblox.FieldCreatedAt, Operator: quickblox.OpGreater, Values: []string{yesterday}}},
		Order:   quickblox.Order{Field: quickblox.FieldID, Descending: true},
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(*user.Login, user.UserTags)
	}
	// Output:
	// cyd [sales]
	// bob [sales]
	// ann [sales]
}

// A client with a SessionConfig obtains its sessions by itself.
func ExampleSessionConfig() {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	cfg := srv.Config()
	cfg.APIKey, cfg.Session = "", &quickblox.SessionConfig{
		ApplicationID: srv.ApplicationID(),
		AuthKey:       srv.AuthKey(),
		AuthSecret:    srv.AuthSecret(),
	}
	c, err := quickblox.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Users.Create(context.Background(), quickblox.CreateUserRequest{User: quickblox.NewUser{
		Email: new("peter@gmail.com"), Password: "!Peter009",
	}})
	fmt.Println(err, srv.UserCount(), cfg.Session)
	// Output: <nil> 1 quickblox.SessionConfig{application_id: 76730, session: application}
}

// If the reply to a create is lost, the user may exist. The look-ups find the user, and its keys
// are the request's. If nobody is found, the create can be repeated.
func ExampleClient_ResolveUser() {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	srv.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Hangup})

	ctx := context.Background()
	req := userapi.CreateUserRequest{ExternalID: "1236672", Email: "peter@gmail.com", Password: "!Peter009"}
	since := time.Now()
	user, err := c.CreateUser(ctx, req)
	if userapi.MayHaveCreated(err) {
		fmt.Println("unknown")
		user, err = c.ResolveUser(ctx, req, since)
		if errors.Is(err, userapi.ErrNotFound) {
			user, err = c.RepeatUser(ctx, req)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user, user.Proof, user.Compared, srv.UserCount())
	// Output:
	// unknown
	// user quickblox/96752798 key [ExternalID Email] 1
}

// A user is deleted by the id from the create. If it does not exist, that is an error, which a
// clean-up can ignore.
func ExampleClient_DeleteUser() {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	user, err := c.CreateUser(ctx, userapi.CreateUserRequest{Username: "peter", Password: "!Peter009"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.DeleteUser(ctx, user.ID), srv.UserCount())
	fmt.Println(errors.Is(c.DeleteUser(ctx, user.ID), userapi.ErrNotFound))
	// Output:
	// <nil> 0
	// true
}

// The vendor's own look-ups distinguish a missing user from a failed look-up.
func ExampleUsersService_GetByLogin() {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Users.GetByLogin(context.Background(), "peter")
	switch {
	case errors.Is(err, userapi.ErrNotFound):
		fmt.Println("the login is free")
	case err != nil:
		fmt.Println("not known:", err)
	default:
		fmt.Println("the login is taken")
	}
	// Output: the login is free
}
