package fusionauth_test

import (
	"context"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
)

// The user's id follows from the caller's own: created again, it is the same.
func ExampleClient_CreateUser() {
	srv, err := fusionauthtest.Start() // in place of FusionAuth itself
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
