package mixin

import (
	"context"
	"errors"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

var _ userapi.Resolver = (*Client)(nil)

// recordTime is how long a store of session keys may take to answer.
const recordTime = 10 * time.Second

// ResolveUser finds out the result of a create, as userapi.Resolver describes. Mixin
// cannot be asked: the answer is what Config.SessionKeys has kept, such as a [KeyDir].
// It sends nothing, and answers when the context is done too. Every answer is
// FromRecord. Without a SessionKeyStore, and for a request with a key in Extra, the
// error has userapi.OutcomeUnknown and the Code "absence_unproven". The user has
// Provider, ID, Proof and Unmapped, and no more.
func (c *Client) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	native, unmapped, err := c.mapRequest(&req)
	if err != nil { // such a create was never sent
		failure := *asUserError(err)
		failure.Op, failure.FromRecord = provider.OpResolve, true
		return nil, &failure
	}
	var user *userapi.User
	if native.SessionSecret != "" {
		err = notKept()
	} else {
		kept, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
		defer cancel()
		user, err = c.core.keys().ResolveUser(kept, req, since)
	}
	if err == nil && (user == nil || user.ID == "") {
		err = &userapi.Error{Kind: userapi.KindProtocol, Err: provider.ErrNoID}
	}
	if err != nil {
		failure := *asUserError(err)
		failure.Provider, failure.Op, failure.Subject, failure.FromRecord = Name, provider.OpResolve, userapi.SubjectUser, true
		if failure.Outcome == userapi.OutcomeNotSent { // that says nothing about the create
			failure.Outcome = userapi.OutcomeUnknown
		}
		return nil, &failure
	}
	found := *user
	found.Unmapped, found.FromRecord = unmapped, true
	return &found, nil
}

var errNotKept = errors.New("no record is kept of the session keys that were sent")

// notKept returns the error for a create that nobody has kept a record of. It may have made a
// user or not.
func notKept() error {
	return &userapi.Error{Code: provider.CodeAbsenceUnproven, Message: errNotKept.Error(), Err: errNotKept}
}
