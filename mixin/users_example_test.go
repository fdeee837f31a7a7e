package mixin_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
)

// exampleUser creates a user at a fake, and returns a client that acts as it and its configuration.
func exampleUser(srv *mixintest.Server) (*mixin.Client, mixin.Config, error) {
	key, err := mixin.GenerateSessionKey()
	if err != nil {
		return nil, mixin.Config{}, err
	}
	return exampleUserOf(srv, key)
}

// exampleUserOf is exampleUser with an existing session key.
func exampleUserOf(srv *mixintest.Server, key crypto.Signer) (*mixin.Client, mixin.Config, error) {
	cfg := srv.Config()
	app, err := mixin.New(cfg)
	if err != nil {
		return nil, cfg, err
	}
	user, err := app.CreateUser(context.Background(), userapi.CreateUserRequest{
		FullName: "Ada", Extensions: []userapi.Extension{mixin.Extra{SessionKey: key}},
	})
	if err != nil {
		return nil, cfg, err
	}
	resp, _ := userapi.As[*mixin.CreateUserResponse](user)
	creds, err := resp.Credentials(key)
	if err != nil {
		return nil, cfg, err
	}
	cfg.Keystore = creds.Keystore()
	c, err := mixin.New(cfg)
	return c, cfg, err
}

// A keystore's PIN is a text: six digits, or a TIP key in one of several forms. A wrong TIP key
// would count as a wrong PIN, so it is not sent.
func ExampleParsePIN() {
	srv, err := mixintest.Start() // instead of Mixin
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	user, _, err := exampleUser(srv)
	if err != nil {
		log.Print(err)
		return
	}
	ctx := context.Background()

	pin, err := mixin.ParsePIN("0a2f6c3b4d5e60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e801")
	if err != nil {
		log.Print(err)
		return
	}
	_, err = user.PIN.Update(ctx, mixin.PIN{}, pin)
	fmt.Println(err)
	_, err = user.PIN.Verify(ctx, mixin.DigitsPIN("730518"))
	fmt.Println(errors.Is(err, userapi.ErrInvalid), srv.Users()[0].WrongPINs)
	// Output:
	// <nil>
	// true 0
}

// The new key is stored before it is sent: nobody can sign in without it.
func ExampleUsersService_RotateSession() {
	srv, err := mixintest.Start() // in place of Mixin itself
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	user, cfg, err := exampleUser(srv)
	if err != nil {
		log.Print(err)
		return
	}
	ctx := context.Background()

	key, err := mixin.GenerateSessionKey() // to be stored
	if err != nil {
		log.Print(err)
		return
	}
	creds, err := user.Users.RotateSession(ctx, key)
	if err != nil {
		log.Print(err) // where the outcome is unknown, Users.Me with each key tells which one it is
		return
	}
	cfg.Keystore = creds.Keystore()
	rotated, err := mixin.New(cfg)
	if err != nil {
		log.Print(err)
		return
	}
	_, err = user.Users.Me(ctx)
	fmt.Println("the old key:", errors.Is(err, userapi.ErrUnauthorized))
	me, err := rotated.Users.Me(ctx)
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("the new key:", *me.FullName)
	// Output:
	// the old key: true
	// the new key: Ada
}

// Keys come as Java, OpenSSL or an environment variable left them.
func ExampleParsePrivateKey() {
	key, err := mixin.ParsePrivateKey("MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbYmMNCM2JSI5UmJYnCJ9DDtN0OjlOE")
	fmt.Printf("%T %v\n", key, err)
	key, err = mixin.ParsePrivateKey(`-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbYmMNCM2JSI5UmJYnCJ9DDtN0OjlOE\n-----END PRIVATE KEY-----`)
	fmt.Printf("%T %v\n", key, err)
	// Output:
	// ed25519.PrivateKey <nil>
	// ed25519.PrivateKey <nil>
}

// A user changes its name, and is read by its id, among others.
func ExampleUsersService_Update() {
	srv, err := mixintest.Start() // in place of Mixin itself
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	user, _, err := exampleUser(srv)
	if err != nil {
		log.Print(err)
		return
	}
	ctx := context.Background()

	me, err := user.Users.Update(ctx, mixin.UpdateUserRequest{FullName: new("Ada Lovelace")})
	if err != nil {
		log.Print(err)
		return
	}
	users, err := user.Users.Fetch(ctx, []string{me.UserID, "00000000-0000-4000-8000-000000000000"})
	if err != nil {
		log.Print(err)
		return
	}
	for _, u := range users { // who does not exist is left out
		fmt.Println(*u.FullName)
	}
	// Output:
	// Ada Lovelace
}

// A user of 2018 has an RSA key and six digits. The Ed25519 key follows from the RSA key: nothing is lost with the reply.
func ExampleUsersService_Upgrade() {
	srv, err := mixintest.Start() // in place of Mixin itself
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		log.Print(err)
		return
	}
	legacy, cfg, err := exampleUserOf(srv, rsaKey)
	if err != nil {
		log.Print(err)
		return
	}
	ctx := context.Background()
	digits := mixin.DigitsPIN("730518")
	if _, err = legacy.PIN.Update(ctx, mixin.PIN{}, digits); err != nil {
		log.Print(err)
		return
	}

	key, err := mixin.UpgradeKey(rsaKey)
	if err != nil {
		log.Print(err)
		return
	}
	resp, err := legacy.Users.Upgrade(ctx, digits)
	if err != nil {
		log.Print(err)
		return
	}
	creds, err := resp.Credentials(key)
	if err != nil {
		log.Print(err)
		return
	}
	cfg.Keystore = creds.Keystore()
	upgraded, err := mixin.New(cfg)
	if err != nil {
		log.Print(err)
		return
	}
	me, err := upgraded.Users.Me(ctx)
	if err != nil {
		log.Print(err)
		return
	}
	_, err = legacy.Users.Me(ctx)
	fmt.Println(*me.FullName, errors.Is(err, userapi.ErrUnauthorized))
	// Output:
	// Ada true
}
