package mixin

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"time"

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

// A SessionKeyStore is a Config.SessionKeys that also keeps what becomes of each user:
// what the reply to the create holds is worth nothing without the key, nor the key without
// it. KeyDir is one. New finds out whether Config.SessionKeys has all of these methods;
// with one missing it is a SessionKeys alone, and none of the others is called: state it
// in your code, as
//
//	var _ mixin.SessionKeyStore = (*MyStore)(nil)
//
// Implementations must be safe for concurrent use. No method may change or keep what it
// is given.
type SessionKeyStore interface {
	SessionKeys

	// PreflightSessionKey returns what the store lacks in req, a *userapi.Error of
	// userapi.KindInvalid, or nil. PreflightUser and CreateUser report it with the
	// request's other faults. It makes no key and stores nothing.
	PreflightSessionKey(req userapi.CreateUserRequest) error

	// UserCreated is called once a user was created with the key that SessionKey
	// returned for req, before CreateUser returns. ctx has the values of the call's
	// context and does not end with it: the user exists, even if nobody waits for it.
	//
	// An error makes the call fail with userapi.OutcomeCreated and the user in
	// Error.User.
	UserCreated(ctx context.Context, req userapi.CreateUserRequest, resp *CreateUserResponse) error

	// UserFailed is called when the create failed that SessionKey returned a key for,
	// and never for a call to which it returned an error. failure.Outcome decides:
	// after OutcomeNotSent and OutcomeRejected no user was made with the key,
	// after OutcomeUnknown one may have been, after OutcomeCreated one was. ctx is as
	// for UserCreated.
	//
	// What it returns is added to the failure's chain of errors, and changes neither
	// its kind nor its outcome.
	UserFailed(ctx context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error

	// ResolveUser finds out what became of the create of req from what the store has
	// kept. Client.ResolveUser asks it, and marks the answer as FromRecord. Absence may
	// be claimed only if SessionKey then keeps two callers from sending a create each.
	// ctx ends after 10 seconds, and not before.
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
