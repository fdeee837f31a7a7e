package mixintest_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
)

func Example() {
	// In a test: srv := mixintest.NewServer(t)
	srv, err := mixintest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	client, err := mixin.New(srv.Config())
	if err != nil {
		fmt.Println(err)
		return
	}

	_, key, err := ed25519.GenerateKey(rand.Reader) // store it before the call
	if err != nil {
		fmt.Println(err)
		return
	}
	user, err := client.CreateUser(context.Background(), userapi.CreateUserRequest{
		FullName:   "Bot User",
		Extensions: []userapi.Extension{mixin.Extra{SessionKey: key}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(user.FullName, user.ID == srv.Users()[0].UserID)
	// Output: Bot User true
}
