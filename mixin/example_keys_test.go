package mixin_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// An RSA key is for systems of 2018. Its public half is DER; the public half of an Ed25519 key is
// 32 bytes.
func ExampleGenerateRSASessionKey() {
	legacy, err := mixin.GenerateRSASessionKey()
	if err != nil {
		log.Fatal(err)
	}
	today, err := mixin.GenerateSessionKey()
	if err != nil {
		log.Fatal(err)
	}
	long, err := mixin.SessionSecret(legacy)
	fmt.Println(len(long), err)
	short, err := mixin.SessionSecret(today)
	fmt.Println(len(short), err)
	// Output:
	// 392 <nil>
	// 43 <nil>
}

// The new key is derived only from the old one, so it can be computed again at any time.
func ExampleUpgradeKey() {
	legacy, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	first, err := mixin.UpgradeKey(legacy)
	if err != nil {
		log.Fatal(err)
	}
	second, err := mixin.UpgradeKey(legacy)
	fmt.Println(first.Equal(second), err)
	// Output: true <nil>
}

// Some wallets have a scalar as their TIP or spend key. The key signs as Ed25519 does.
func ExampleNewScalarKey() {
	scalar, err := hex.DecodeString("a046a82a7571bb1b2b06a9b5d2f3eef1f7e6cb71b2a6f0e0b2a3a1c1b9f8a703")
	if err != nil {
		log.Fatal(err)
	}
	key, err := mixin.NewScalarKey(scalar)
	if err != nil {
		log.Fatal(err)
	}
	message := []byte("a transaction")
	signature, err := key.Sign(nil, message, crypto.Hash(0))
	if err != nil {
		log.Fatal(err)
	}
	public, _ := key.Public().(ed25519.PublicKey)
	fmt.Println(ed25519.Verify(public, message, signature), key)
	// Output: true mixin.scalarKey{}
}

// 32 bytes are a seed or a scalar. The public half in the user's profile decides.
func ExampleParseTIPKey() {
	const text = "a046a82a7571bb1b2b06a9b5d2f3eef1f7e6cb71b2a6f0e0b2a3a1c1b9f8a703"
	for _, public := range []string{
		"1248eff07f8e1550f10849c9b867a998b3b39488a4475faea74bf82a4418a8b3",
		"4f353157e604f6b5714cb94987279657bc1e399880e81b8590022d7e19251c1c",
	} {
		key, err := mixin.ParseTIPKey(text, public)
		fmt.Printf("%T %v\n", key, err)
	}
	// Output:
	// ed25519.PrivateKey <nil>
	// *mixin.scalarKey <nil>
}

// A PINCipher is for calls that this package does not have. Each text works once.
func ExamplePINCipher() {
	srv, err := mixintest.Start() // instead of Mixin
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	_, cfg, err := exampleUser(srv)
	if err != nil {
		log.Print(err)
		return
	}
	cipher, err := mixin.NewPINCipher(cfg.Keystore)
	if err != nil {
		log.Print(err)
		return
	}
	cipher.StartAt(uint64(time.Now().Add(24 * time.Hour).UnixNano())) // another program's clock was ahead
	first, err := cipher.EncryptPIN([]byte("730518"))
	if err != nil {
		log.Print(err)
		return
	}
	second, err := cipher.EncryptPIN([]byte("730518"))
	fmt.Println(first != second, err)
	// Output: true <nil>
}

// Another program's clock was an hour ahead. For an hour Mixin refuses each PIN as if it were
// wrong.
func ExamplePINService_StartAt() {
	srv, err := mixintest.Start() // instead of Mixin
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	user, cfg, err := exampleUser(srv)
	if err != nil {
		log.Print(err)
		return
	}
	ahead := uint64(time.Now().Add(time.Hour).UnixNano())
	cfg.PINIterator = ahead
	other, err := mixin.New(cfg)
	if err != nil {
		log.Print(err)
		return
	}
	ctx := context.Background()
	pin := mixin.DigitsPIN("730518")
	if _, err := other.PIN.Update(ctx, mixin.PIN{}, pin); err != nil {
		log.Print(err)
		return
	}

	_, err = user.PIN.Verify(ctx, pin)
	fmt.Println(mixin.IsPINError(err))
	if err := user.PIN.StartAt(ahead + 1000); err != nil {
		log.Print(err)
		return
	}
	_, err = user.PIN.Verify(ctx, pin)
	fmt.Println(err)
	// Output:
	// PIN refused true
	// <nil>
}

// The reply to a create is lost, and Mixin has no look-up. A person checks the bill and decides
// that the user does not exist.
func ExampleSessionKeyDir_Discard() {
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
	cfg := srv.Config()
	cfg.SessionKeys = dir
	c, err := mixin.New(cfg)
	if err != nil {
		log.Print(err)
		return
	}
	srv.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Do: userapitest.Hangup})
	ctx := context.Background()
	req := userapi.CreateUserRequest{IdempotencyKey: "signup-4711", FullName: "Ada"}
	_, err = c.CreateUser(ctx, req)
	fmt.Println(userapi.MayHaveCreated(err))
	file, err := dir.Load(req.IdempotencyKey)
	fmt.Println(file.State, err)

	if err := dir.Discard(req.IdempotencyKey); err != nil { // the old key stays in the directory
		log.Print(err)
		return
	}
	_, err = c.CreateUser(ctx, req)
	fmt.Println(err, srv.UserCount())
	// Output:
	// true
	// sent <nil>
	// <nil> 1
}
