package mixin_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
)

// A new user is useless without its session key. Make and store the key before the create.
func ExampleClient_CreateUser() {
	srv, err := mixintest.Start() // instead of Mixin
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	c, err := mixin.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{
		FullName:   "Bot User",
		Extensions: []userapi.Extension{mixin.Extra{SessionKey: key}},
	})
	if err != nil {
		log.Fatal(err)
	}
	native, _ := userapi.As[*mixin.CreateUserResponse](u)
	fmt.Println(u.FullName, native.SessionID != "", native.PinToken)
	// Output: Bot User true [REDACTED]
}

func ExampleParseKeystore() {
	// The key is the first test key of RFC 8032, section 7.1.
	ks, err := mixin.ParseKeystore([]byte(`{
		"app_id": "3f1c8c0e-6f0a-4a55-9e6d-2a5d1b7c9e01",
		"session_id": "b2a4f0d7-1c3e-4d58-8f2b-7e9a6c5d4b02",
		"session_private_key": "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ks)
	// Output:
	// mixin.Keystore{user_id: 3f1c8c0e-6f0a-4a55-9e6d-2a5d1b7c9e01, session_id: b2a4f0d7-1c3e-4d58-8f2b-7e9a6c5d4b02, key: Ed25519}
}

func ExampleParseKeystore_faults() {
	_, err := mixin.ParseKeystore([]byte(`{
		"client_id": "3f1c8c0e-6f0a-4a55-9e6d-2a5d1b7c9e01",
		"private_key": "not a key"
	}`))
	fmt.Println(err)
	// Output:
	// mixin: invalid keystore: session_id: missing, expected an id
	// private_key: expected an Ed25519 key of 32 or 64 bytes in hex or base64, or an RSA or Ed25519 key in PEM or in the base64 of its DER
}
