package mixin_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
)

// A row is a store's record of one user. Here it is in memory; use an encrypted column in a
// program.
type row struct {
	key      crypto.Signer
	sent     bool
	keystore mixin.Keystore
}

// A store is a SessionKeyStore. The IdempotencyKey is the key of its rows.
type store struct {
	mu   sync.Mutex
	rows map[string]*row
}

var _ mixin.SessionKeyStore = (*store)(nil)

func (s *store) PreflightSessionKey(req userapi.CreateUserRequest) error {
	if req.IdempotencyKey != "" {
		return nil
	}
	return &userapi.Error{
		Provider: mixin.Name, Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent,
		FieldErrors: []userapi.FieldError{{Field: "IdempotencyKey", Code: "required"}},
	}
}

// SessionKey gives a row's key to one caller.
func (s *store) SessionKey(_ context.Context, req userapi.CreateUserRequest) (crypto.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[req.IdempotencyKey]
	if r == nil {
		key, err := mixin.GenerateSessionKey()
		if err != nil {
			return nil, err
		}
		r = &row{key: key}
		s.rows[req.IdempotencyKey] = r
	}
	if r.sent {
		return nil, &userapi.Error{Provider: mixin.Name, Kind: userapi.KindConflict, Outcome: userapi.OutcomeNotSent}
	}
	r.sent = true // before the request is
	return r.key, nil
}

// UserCreated stores what the user signs in with.
func (s *store) UserCreated(_ context.Context, req userapi.CreateUserRequest, resp *mixin.CreateUserResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[req.IdempotencyKey]
	creds, err := resp.Credentials(r.key)
	if err == nil {
		r.keystore = creds.Keystore()
	}
	return err
}

// UserFailed releases the key if no user has it.
func (s *store) UserFailed(_ context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows[req.IdempotencyKey].sent = userapi.MayHaveCreated(failure)
	return nil
}

// ResolveUser returns the result of a create.
func (s *store) ResolveUser(_ context.Context, req userapi.CreateUserRequest, _ time.Time) (*userapi.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[req.IdempotencyKey]
	switch {
	case r == nil || !r.sent:
		return nil, &userapi.Error{Provider: mixin.Name, Kind: userapi.KindNotFound, Outcome: userapi.OutcomeRejected}
	case r.keystore.UserID == "":
		return nil, &userapi.Error{Provider: mixin.Name, Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeUnknown}
	}
	return &userapi.User{Provider: mixin.Name, ID: r.keystore.UserID, Proof: userapi.ProofReply}, nil
}

// Your own store keeps the keys together with your program's other secrets. SessionKey must give a
// key to one caller only: two callers would pay for two users.
func ExampleSessionKeyStore() {
	srv, err := mixintest.Start() // instead of Mixin
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	keys := &store{rows: map[string]*row{}}
	cfg := srv.Config()
	cfg.SessionKeys = keys
	c, err := mixin.New(cfg)
	if err != nil {
		log.Print(err)
		return
	}
	ctx := context.Background()
	req := userapi.CreateUserRequest{IdempotencyKey: "signup-4711", FullName: "Ada"}
	if _, err := c.CreateUser(ctx, req); err != nil {
		log.Print(err)
		return
	}
	_, err = c.CreateUser(ctx, req)
	fmt.Println(errors.Is(err, userapi.ErrConflict), userapi.MayHaveCreated(err))

	cfg.Keystore = keys.rows["signup-4711"].keystore
	ada, err := mixin.New(cfg)
	if err != nil {
		log.Print(err)
		return
	}
	me, err := ada.Users.Me(ctx)
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(*me.FullName, srv.UserCount())
	// Output:
	// true false
	// Ada 1
}
