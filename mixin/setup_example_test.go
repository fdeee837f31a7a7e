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

// The directory must outlive the process: it holds the users' keys.
func ExampleSetup() {
	srv, err := mixintest.Start() // in place of Mixin itself
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
	for range 2 { // the second finds what the first has done
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
