package mixin

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// sessionRSABits is the size of the RSA keys that are made here. Mixin's own had 1024 bits.
const sessionRSABits = 2048

// GenerateSessionKey makes a session key for a new user: an Ed25519 key, the kind that Mixin
// takes today (Mixin's docs, "Create Network Users"). Store it before the user is created, or
// let a KeyDir make and store it.
func GenerateSessionKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("mixin: session key: %w", err)
	}
	return key, nil
}

// GenerateRSASessionKey makes a session key of 2048 bits in the form of 2018 (Mixin's docs,
// "Create User"), which Mixin is reported to refuse: use GenerateSessionKey unless you know
// that you need this one.
func GenerateRSASessionKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, sessionRSABits)
	if err != nil {
		return nil, fmt.Errorf("mixin: session key: %w", err)
	}
	return key, nil
}

// SessionSecret returns the public half of a key for CreateUserRequest.SessionSecret (Mixin's
// docs, api/users/network-user): for Ed25519 the bare 32 bytes in unpadded URL base64, as
// Mixin's own clients send it; for RSA, the 2018 form, the DER SubjectPublicKeyInfo in
// standard base64. The error says what was expected of the key, and never holds a part of it.
func SessionSecret(key crypto.Signer) (string, error) {
	pub, err := publicKey(key)
	if err != nil {
		return "", fmt.Errorf("mixin: session key: %w", err)
	}
	if pub, ok := pub.(ed25519.PublicKey); ok {
		return base64.RawURLEncoding.EncodeToString(pub), nil
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "", fmt.Errorf("mixin: session key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

// UpgradeKey returns the Ed25519 session key that replaces an RSA one of 2018 when Mixin
// upgrades its user: its seed is the first half of the SHA-512 of the old key's PKCS #1 form.
// It sends nothing; UsersService.Upgrade does. A broken key is an error of
// KindInvalid. Source: Mixin's bot-api-go-client v3, legacy_user.go.
func UpgradeKey(legacy *rsa.PrivateKey) (ed25519.PrivateKey, error) {
	if _, err := publicKey(legacy); err != nil {
		check := provider.NativeCheck(Name)
		check.Invalid("", "private_key", fault(err))
		_, err = check.Done("upgrade key")
		return nil, err
	}
	digest := sha512.Sum512(x509.MarshalPKCS1PrivateKey(exportable(legacy).(*rsa.PrivateKey)))
	return ed25519.NewKeyFromSeed(digest[:ed25519.SeedSize]), nil
}

// A SessionKeyStore is a Config.SessionKeys that also keeps the users: to sign in takes
// the reply to the create and the key. KeyDir is one. If a type lacks one of these
// methods it is only a SessionKeys, and the others are not called. Let the compiler
// check this:
//
//	var _ mixin.SessionKeyStore = (*MyStore)(nil)
//
// Implementations must be safe for concurrent use. No method may change or keep its arguments.
type SessionKeyStore interface {
	SessionKeys

	// PreflightSessionKey returns what the store lacks in req, a *userapi.Error of
	// userapi.KindInvalid, or nil. It makes no key and stores nothing. PreflightUser and
	// CreateUser report it with the request's other faults.
	PreflightSessionKey(req userapi.CreateUserRequest) error

	// UserCreated is called after a create with the key of SessionKey, before CreateUser
	// returns. ctx has the values of the call's context and does not end with it. An error
	// makes the call fail with userapi.OutcomeCreated and the user in Error.User.
	UserCreated(ctx context.Context, req userapi.CreateUserRequest, resp *CreateUserResponse) error

	// UserFailed is called when a create failed for which SessionKey returned a key. After
	// OutcomeNotSent and OutcomeRejected there is no user with the key, after OutcomeCreated
	// there is one, and after OutcomeUnknown there may be. ctx is as for UserCreated. What it
	// returns is added to the failure's chain of errors, and changes neither its kind nor
	// its outcome.
	UserFailed(ctx context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error

	// ResolveUser returns what the store has kept of the create of req.
	// Client.ResolveUser calls it, and marks the answer as FromRecord. It must report
	// that the user does not exist only if SessionKey stops one of two callers that
	// then create the user. ctx ends after 10 seconds, and not before.
	userapi.Resolver
}

// keysAlone is a SessionKeys that keeps nothing of a user.
type keysAlone struct{ SessionKeys }

func (keysAlone) PreflightSessionKey(userapi.CreateUserRequest) error { return nil }

func (keysAlone) UserCreated(context.Context, userapi.CreateUserRequest, *CreateUserResponse) error {
	return nil
}

func (keysAlone) UserFailed(context.Context, userapi.CreateUserRequest, *userapi.Error) error {
	return nil
}

func (keysAlone) ResolveUser(context.Context, userapi.CreateUserRequest, time.Time) (*userapi.User, error) {
	return nil, notKept()
}
