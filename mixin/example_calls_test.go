package mixin_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
)

// fakeClient returns a client of a fake of Mixin with session keys in a directory, and a function
// that closes the fake.
func fakeClient() (*mixin.Client, *mixin.SessionKeyDir, func()) {
	srv, err := mixintest.Start(mixintest.WithCredit(3))
	if err != nil {
		log.Fatal(err)
	}
	path, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	cfg := srv.Config()
	dir := mixin.KeyDir(path)
	cfg.SessionKeys = dir
	c, err := mixin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return c, dir, func() {
		srv.Close()
		_ = os.RemoveAll(path)
	}
}

// fakeUser creates a user at a fake, and returns a client that acts as the user.
func fakeUser() (*mixin.Client, func()) {
	srv, err := mixintest.Start()
	if err != nil {
		log.Fatal(err)
	}
	app, err := mixin.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	key, err := mixin.GenerateSessionKey()
	if err != nil {
		log.Fatal(err)
	}
	secret, err := mixin.SessionSecret(key)
	if err != nil {
		log.Fatal(err)
	}
	created, err := app.Users.Create(context.Background(), mixin.CreateUserRequest{FullName: new("Ada"), SessionSecret: secret})
	if err != nil {
		log.Fatal(err)
	}
	creds, err := created.Credentials(key)
	if err != nil {
		log.Fatal(err)
	}
	cfg := srv.Config()
	cfg.Keystore = creds.Keystore()
	user, err := mixin.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return user, srv.Close
}

// The error names every wrong setting.
func ExampleNew() {
	_, err := mixin.New(mixin.Config{UserPrice: "free"})
	fmt.Println(err)
	// Output: mixin: new client: invalid request: Config.Keystore.UserID: must be set; Config.Keystore.SessionID: must be set; Config: exactly one of Keystore.PrivateKey and TokenSigner must be set; Config.UserPrice: must be a decimal that is not negative, such as 0.5, nothing was sent
}

// A KeyDir makes the session key and stores it before the create is sent. A second create with the
// same IdempotencyKey is not sent.
func ExampleKeyDir() {
	c, dir, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	req := userapi.CreateUserRequest{IdempotencyKey: "signup-4711", FullName: "Ada"}
	u, err := c.CreateUser(ctx, req)
	if err != nil {
		log.Fatal(err)
	}
	file, err := dir.Load("signup-4711")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.State, file.Keystore.UserID == u.ID, filepath.Ext(dir.Path("signup-4711")))

	_, err = c.CreateUser(ctx, req)
	fmt.Println(errors.Is(err, userapi.ErrConflict), userapi.MayHaveCreated(err))
	// Output:
	// complete true .json
	// true false
}

// Mixin has no look-up for a lost user. The KeyDir knows which creates were sent.
func ExampleClient_ResolveUser() {
	c, _, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	req := userapi.CreateUserRequest{IdempotencyKey: "signup-4711", FullName: "Ada"}
	_, err := c.ResolveUser(ctx, req, time.Time{})
	fmt.Println(errors.Is(err, userapi.ErrNotFound))

	if _, err := c.CreateUser(ctx, req); err != nil {
		log.Fatal(err)
	}
	u, err := c.ResolveUser(ctx, req, time.Time{})
	fmt.Println(u.FromRecord, err)
	// Output:
	// true
	// true <nil>
}

// A plan makes no key.
func ExampleClient_PlanUser() {
	c, _, stop := fakeClient()
	defer stop()
	plan, err := c.PlanUser(userapi.CreateUserRequest{IdempotencyKey: "signup-4711", FullName: "Ada", Email: "ada@example.org"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(plan, string(plan.Body))
	// Output: POST /users; unmapped: Email {"full_name":"Ada","session_secret":"[REDACTED]"}
}

// The application has paid for three users and created one.
func ExampleClient_Billing() {
	c, _, stop := fakeClient()
	defer stop()
	ctx := context.Background()
	if _, err := c.CreateUser(ctx, userapi.CreateUserRequest{IdempotencyKey: "signup-4711", FullName: "Ada"}); err != nil {
		log.Fatal(err)
	}
	bill, err := c.Billing(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bill.Credit, bill.Cost.Users, bill.UserPrice)
	// Output: 1.5 0.5 0.5
}

// The native create takes the public half of the session key. The reply and the key together are
// the user's credentials.
func ExampleUsersService_Create() {
	srv, err := mixintest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	app, err := mixin.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	key, err := mixin.GenerateSessionKey() // store it before the create
	if err != nil {
		log.Fatal(err)
	}
	secret, err := mixin.SessionSecret(key)
	if err != nil {
		log.Fatal(err)
	}
	created, err := app.Users.Create(context.Background(), mixin.CreateUserRequest{FullName: new("Ada"), SessionSecret: secret})
	if err != nil {
		log.Fatal(err)
	}
	creds, err := created.Credentials(key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(creds.Keystore().UserID == created.UserID, creds.Exportable())
	// Output: true true
}

// Credentials.JSON returns the keystore with its private key, in a form that Mixin's own clients
// read.
func ExampleCredentials_JSON() {
	key, err := mixin.GenerateSessionKey()
	if err != nil {
		log.Fatal(err)
	}
	srv, err := mixintest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	app, err := mixin.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	u, err := app.CreateUser(context.Background(), userapi.CreateUserRequest{
		FullName: "Ada", Extensions: []userapi.Extension{mixin.Extra{SessionKey: key}},
	})
	if err != nil {
		log.Fatal(err)
	}
	created, _ := userapi.As[*mixin.CreateUserResponse](u)
	creds, err := created.Credentials(key)
	if err != nil {
		log.Fatal(err)
	}
	text, err := creds.JSON(mixin.AppForm)
	if err != nil {
		log.Fatal(err)
	}
	ks, err := mixin.ParseKeystore(text)
	fmt.Println(ks.UserID == u.ID, err)
	// Output: true <nil>
}

// Me and Get read the user that the client acts as. Fetch reads several users.
func ExampleUsersService_Me() {
	user, stop := fakeUser()
	defer stop()
	ctx := context.Background()
	me, err := user.Users.Me(ctx)
	if err != nil {
		log.Fatal(err)
	}
	same, err := user.Users.Get(ctx, me.UserID)
	if err != nil {
		log.Fatal(err)
	}
	many, err := user.Users.Fetch(ctx, []string{me.UserID})
	fmt.Println(*me.FullName, *same.FullName, len(many), err)
	// Output: Ada Ada 1 <nil>
}

// These are the steps of Setup. The TIP key can never be changed: store it before you send it.
func ExamplePINService_Update() {
	user, stop := fakeUser()
	defer stop()
	ctx := context.Background()
	tip, err := mixin.GenerateSessionKey() // the user's own Ed25519 key
	if err != nil {
		log.Fatal(err)
	}
	pin := mixin.TIPPIN(tip)
	if _, err := user.PIN.Update(ctx, mixin.PIN{}, pin); err != nil {
		log.Fatal(err)
	}
	if _, err := user.PIN.Verify(ctx, pin); err != nil {
		log.Fatal(err)
	}
	if _, err := user.Safe.Register(ctx, tip, pin); err != nil {
		log.Fatal(err)
	}
	me, err := user.Safe.Me(ctx)
	fmt.Println(*me.HasSafe, err)
	// Output: true <nil>
}

// Five wrong PINs lock the PIN for a day: warn the person.
func ExampleIsPINError() {
	user, stop := fakeUser()
	defer stop()
	ctx := context.Background()
	if _, err := user.PIN.Update(ctx, mixin.PIN{}, mixin.DigitsPIN("123456")); err != nil {
		log.Fatal(err)
	}
	_, err := user.PIN.Verify(ctx, mixin.DigitsPIN("654321"))
	fmt.Println(mixin.IsPINError(err))
	// Output: PIN refused true
}
