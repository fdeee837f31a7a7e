package provision_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// quickbloxClient returns a client and its fake.
func quickbloxClient() (*quickblox.Client, *quickbloxtest.Server) {
	srv, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	c, err := quickblox.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	return c, srv
}

var peter = userapi.CreateUserRequest{ExternalID: "1236672", Username: "peter", Email: "peter@example.com", Password: "!Peter009"}

// The vendor creates the user, and the connection breaks before the reply. Ensure asks, finds the
// user, and sends no second create.
func ExampleEnsure() {
	c, srv := quickbloxClient()
	defer srv.Close()
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})

	res, err := provision.Ensure(context.Background(), c, peter)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Disposition, res.User.Proof, res.User.Compared)
	for _, step := range res.Steps {
		fmt.Println(step)
	}
	fmt.Println(srv.UserCount(), "user at the vendor")
	// Output:
	// recovered key [ExternalID Username Email]
	// create: unavailable, unknown
	// resolve: ok, user 96752798, proof key, compared ExternalID Username Email
	// 1 user at the vendor
}

// The connection breaks before the vendor gets the create. Ensure proves that the user does not
// exist, and repeats the create.
func ExampleEnsure_repeated() {
	c, srv := quickbloxClient()
	defer srv.Close()
	srv.Inject(userapitest.Fault{When: userapitest.BeforeRead, Do: userapitest.Reset})

	res, err := provision.Ensure(context.Background(), c, peter)
	fmt.Println(res.Disposition, err, srv.UserCount())
	// Output: created <nil> 1
}

// Mixin has no look-up for a lost user. The outcome stays unknown, and a person decides.
func ExampleEnsure_unknown() {
	srv, err := mixintest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := mixin.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader) // store it before the create
	if err != nil {
		log.Fatal(err)
	}
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})

	res, err := provision.Ensure(context.Background(), c, userapi.CreateUserRequest{
		FullName: "Peter", Extensions: []userapi.Extension{mixin.Extra{SessionKey: key}},
	})
	fmt.Println(res.Disposition, userapi.MayHaveCreated(err), errors.Is(err, userapi.ErrUnavailable))
	// Output: unknown true true
}

// An existing user is a conflict. AdoptMatching accepts it if all of its keys equal the request's.
func ExampleAdoptMatching() {
	c, srv := quickbloxClient()
	defer srv.Close()
	ctx := context.Background()
	if _, err := c.CreateUser(ctx, peter); err != nil {
		log.Fatal(err)
	}

	_, err := provision.Ensure(ctx, c, peter)
	fmt.Println("by default:", errors.Is(err, userapi.ErrConflict))

	res, err := provision.Ensure(ctx, c, peter, provision.AdoptMatching())
	fmt.Println("adopting:", res.Disposition, err, res.User.Proof)

	other := peter
	other.Email = "paul@example.com" // with Peter's user name
	_, err = provision.Ensure(ctx, c, other, provision.AdoptMatching())
	fmt.Println("another one's:", errors.Is(err, userapi.ErrConflict), srv.UserCount())
	// Output:
	// by default: true
	// adopting: existing <nil> key
	// another one's: true 1
}
