package quickblox_test

import (
	"context"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
)

// The vendor's own call takes every member that QuickBlox documents.
func ExampleUsersService_Create() {
	srv, err := quickbloxtest.Start() // in place of QuickBlox itself
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
