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

// ResolveUser answers, as userapi.Resolver describes it, from what Config.SessionKeys has kept
// of a create, such as a [KeyDir]: Mixin cannot be asked. It sends nothing, also answers with
// a context that is over, and every answer is FromRecord. Without a SessionKeyStore, and for a
// request with a key in Extra, the error has userapi.OutcomeUnknown and the Code
// "absence_unproven". The user has no more than Provider, ID, Proof and Unmapped.
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
		if failure.Outcome == userapi.OutcomeNotSent { // that says nothing of the create
			failure.Outcome = userapi.OutcomeUnknown
		}
		return nil, &failure
	}
	found := *user
	found.Unmapped, found.FromRecord = unmapped, true
	return &found, nil
}

var errNotKept = errors.New("nothing is kept of the session keys that were sent")

// notKept is the error of a create of which there is no record.
func notKept() error {
	return &userapi.Error{Code: provider.CodeAbsenceUnproven, Message: errNotKept.Error(), Err: errNotKept}
}
