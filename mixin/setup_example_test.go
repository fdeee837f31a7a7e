package mixin_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
)

// The directory must be permanent: it has the users' keys.
func ExampleSetup() {
	srv, err := mixintest.Start() // instead of Mixin
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	path, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(path)

	dir := mixin.KeyDir(path)
	for range 2 { // the second call finds the first one's user
		wallet, err := mixin.Setup(context.Background(), srv.Config(), dir, userapi.CreateUserRequest{
			IdempotencyKey: "signup-4711", FullName: "Ada",
		})
		if err != nil {
			log.Print(err)
			return
		}
		fmt.Println(wallet.State, wallet.Created, srv.UserCount())
	}
	// Output:
	// registered true 1
	// registered false 1
}
