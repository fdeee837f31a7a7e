package mixin

import (
	"context"
	"errors"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// SessionKeyRecaller is a further ability of Config.SessionKeys, for those that keep on
// disk whether a key was sent. Implementations must be safe for concurrent use.
type SessionKeyRecaller interface {
	// RecallUser is userapi.Recaller's, for a request whose key SessionKey gives.
	RecallUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error)
}

var (
	_ userapi.Recaller   = (*Client)(nil)
	_ SessionKeyRecaller = (*SessionKeyDir)(nil)
)

// opRecall is the Op of the errors of RecallUser.
const opRecall = "recall user"

// RecallUser tells from what Config.SessionKeys has kept, such as a [KeyDir], whether a
// create was sent for the request, as userapi.Recaller describes it: Mixin itself cannot
// be asked. Without such a store, and for a request with a key of its own in Extra, the
// error is of userapi.OutcomeUnknown.
func (c *Client) RecallUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	native, unmapped, err := c.mapRequest(&req)
	if err != nil {
		return nil, recallError(userapi.KindInvalid, userapi.OutcomeUnknown, err)
	}
	if c.core.recall == nil || native.SessionSecret != "" {
		return nil, recallError(userapi.KindUnknown, userapi.OutcomeUnknown, errNotKept)
	}
	user, err := c.core.recall(ctx, req)
	if err != nil {
		return nil, err
	}
	user.Unmapped = unmapped
	return user, nil
}

var errNotKept = errors.New("nothing is kept of the session keys that were sent")

func recallError(kind userapi.Kind, outcome userapi.Outcome, err error) *userapi.Error {
	return &userapi.Error{Provider: Name, Op: opRecall, Subject: userapi.SubjectUser, Kind: kind, Outcome: outcome, Err: err}
}

// RecallUser tells from the key file of a request what became of its create: the user
// from the state KeyFileComplete on, with its id alone, and that there is none, for a file that is prepared
// or not there. A directory that was lost or changed looks like one without the file.
func (d *SessionKeyDir) RecallUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	if err := checkIdempotencyKey(&req); err != nil {
		return nil, recallError(userapi.KindInvalid, userapi.OutcomeUnknown, err)
	}
	name := keyName(req.IdempotencyKey)
	unlock, err := d.files.lock(ctx, name)
	if err != nil {
		return nil, recallError(provider.NotPrepared(ctx, Name, opRecall, err).Kind, userapi.OutcomeUnknown, err)
	}
	defer unlock()
	r, err := d.read(name)
	if isMissing(err) {
		marked, markErr := d.marked(name)
		if markErr == nil && !marked {
			return nil, recallError(userapi.KindNotFound, userapi.OutcomeRejected, &KeyFileError{Path: d.file(name), Err: err})
		}
		r, err = &keyRecord{State: KeyFileSent}, markErr
	}
	switch {
	case err != nil:
		return nil, recallError(userapi.KindUnavailable, userapi.OutcomeUnknown, &KeyFileError{Path: d.file(name), Err: err})
	case r.State == KeyFilePrepared:
		return nil, recallError(userapi.KindNotFound, userapi.OutcomeRejected, &KeyFileError{Path: d.file(name), State: r.State, Err: errNothingSent})
	case !r.State.atLeast(KeyFileComplete) || r.UserID == "":
		return nil, recallError(userapi.KindUnknown, userapi.OutcomeUnknown, &KeyFileError{Path: d.file(name), State: r.State, Err: errNotKnown})
	}
	return &userapi.User{Provider: Name, ID: r.UserID, Proof: userapi.ProofReply}, nil
}

var (
	errNothingSent = errors.New("no create was sent with the key")
	errNotKnown    = errors.New("a create was sent with the key, and what became of it is not known")
)
