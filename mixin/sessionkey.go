package mixin

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/enlist-go/enlist/userapi"
)

// sessionRSABits is the size of the RSA keys that are made here. Mixin's own of 2018
// had 1024 bits; every part of its protocol works with this one too.
const sessionRSABits = 2048

// GenerateSessionKey makes a session key for a new user: an Ed25519 key, which is the
// kind that Mixin takes today (Mixin's docs, "Create Network Users"). It is in memory
// alone. Store it before the user is created, or let a KeyDir make and store it.
func GenerateSessionKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("mixin: session key: %w", err)
	}
	return key, nil
}

// GenerateRSASessionKey makes a session key of 2048 bits in the form of 2018 (Mixin's
// docs, "Create User"). Mixin issues none any more and is reported to refuse them: use
// GenerateSessionKey unless you know that you need this one.
func GenerateRSASessionKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, sessionRSABits)
	if err != nil {
		return nil, fmt.Errorf("mixin: session key: %w", err)
	}
	return key, nil
}

// SessionKeyStore is a further ability of Config.SessionKeys, for those that keep more
// of a user than its key: what the reply to the create holds is worth nothing without
// the key, nor the key without it. Implementations must be safe for concurrent use.
type SessionKeyStore interface {
	// UserCreated is called once a user was created with the key that SessionKey
	// returned for req, before CreateUser returns. ctx has the values of the call's
	// context and does not end with it: the user exists, whoever still waits for it.
	//
	// An error makes the call fail with userapi.OutcomeCreated and the user in
	// Error.User. Neither req nor resp is to be changed or kept.
	UserCreated(ctx context.Context, req userapi.CreateUserRequest, resp *CreateUserResponse) error
}

// SessionKeyPreflighter is a further ability of Config.SessionKeys, for those that need
// something of a request: PreflightUser and CreateUser tell of it with the request's
// other faults. Implementations must be safe for concurrent use.
type SessionKeyPreflighter interface {
	// PreflightSessionKey returns what is wrong with req, a *userapi.Error of
	// userapi.KindInvalid, or nil. It makes no key and stores nothing.
	PreflightSessionKey(req userapi.CreateUserRequest) error
}

// SessionKeyFailures is a further ability of Config.SessionKeys, for those that must
// know what became of a create that failed. Implementations must be safe for
// concurrent use.
type SessionKeyFailures interface {
	// UserFailed is called when the create failed that SessionKey returned a key for,
	// and never for a call to which it returned an error. failure.Outcome decides:
	// after OutcomeNotSent and OutcomeRejected no user was made with the key,
	// after OutcomeUnknown one may have been, after OutcomeCreated one was. ctx is as
	// for UserCreated.
	//
	// What it returns is added to the failure's chain of errors, and changes neither
	// its kind nor its outcome. failure is not to be changed or kept.
	UserFailed(ctx context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error
}
