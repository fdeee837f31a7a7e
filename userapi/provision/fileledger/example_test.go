package fileledger_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

// The ledger outlives the process: a later one finds the user, and creates no second one.
func ExampleOpen() {
	srv, err := quickbloxtest.Start() // in place of QuickBlox itself
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	chat, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "sign-ups.ledger")
	key := userapi.Secret("the same 32 secret bytes always!") // detects that a request was changed

	for range 2 { // two processes, one after the other
		ledger, err := fileledger.Open(path)
		if err != nil {
			log.Fatal(err)
		}
		p, err := provision.New(ledger, []provision.Target{{Name: "chat", Creator: chat}}, provision.RequestKeys(key))
		if err != nil {
			log.Fatal(err)
		}
		results, err := p.CreateUser(context.Background(), userapi.CreateUserRequest{
			IdempotencyKey: "sign-up 1", Username: "ada", Password: "correct horse battery",
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(results[0].Disposition, srv.UserCount())
		if err := ledger.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// created 1
	// created 1
}

// One process at a time has the file open.
func ExampleOpen_locked() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "sign-ups.ledger")
	ledger, err := fileledger.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	_, err = fileledger.Open(path)
	fmt.Println(errors.Is(err, fileledger.ErrLocked))
	fmt.Println(ledger.Close())
	// Output:
	// true
	// <nil>
}
