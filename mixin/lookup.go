package mixin

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// GetUserResponse is a user that was read: what stands under "data" in the reply to
// GET /users/{user_id}. It has the members of CreateUserResponse that others than the
// user itself may see. Source: Mixin's docs, "Read User".
type GetUserResponse = CreateUserResponse

// codeUserNotFound is Mixin's code for a user that does not exist, beside 404. Source:
// Mixin's Android client.
const codeUserNotFound = 10404

var (
	errOtherUser = errors.New("mixin: the reply holds another user than the one that was asked for")
	errNoCode    = errors.New("mixin: the status is 404 and the body has no code of Mixin's: it does not say that the user does not exist")
)

// Get reads the user with the given id, a UUID, by GET /users/{user_id}. A user that
// does not exist is an error that matches userapi.ErrNotFound. The Outcome of an error
// speaks of the user: OutcomeRejected means that it does not exist, OutcomeUnknown that
// the call could not tell. Passing failures are tried again, and a refused token as for
// Create. Source: Mixin's docs, "Read User".
func (s *UsersService) Get(ctx context.Context, userID string) (*GetUserResponse, error) {
	id, ok := uuid.Canonical(userID)
	if !ok {
		check := provider.NativeCheck(Name)
		check.Invalid("", "user_id", "must be a UUID of 36 characters, such as 06aed1e3-bd77-4a59-991a-5bb5ae6fbb09")
		_, err := check.Done(provider.OpLookup)
		return nil, err
	}
	resp, failure := s.get(ctx, "/users/{user_id}", "/users/"+id, id)
	if failure != nil {
		failure.UserID = id
		return nil, failure
	}
	return resp, nil
}

// Me reads the user that the client signs as, by GET /me: with a new user's keystore that
// user, with an application's the application itself. The response has the members that
// only the user itself may see, such as has_pin, has_safe and tip_key_base64. Errors are as for
// Get; a user that does not exist is refused as one whose token is wrong. Source:
// Mixin's docs, "Read Profile".
func (s *UsersService) Me(ctx context.Context) (*GetUserResponse, error) {
	resp, failure := s.self(ctx, "/me")
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

// self reads the user that the client signs as.
func (s *UsersService) self(ctx context.Context, path string) (*GetUserResponse, *userapi.Error) {
	id := s.core.auth.userID
	resp, failure := s.get(ctx, path, path, id)
	if failure != nil {
		failure.UserID = id
		return nil, failure
	}
	// Mixin has taken a token of that key.
	resp.sessionSecret = s.core.auth.sessionSecret
	return resp, nil
}

// get reads the user with an id that has been checked.
func (s *UsersService) get(ctx context.Context, route, path, id string) (*GetUserResponse, *userapi.Error) {
	attempt := &attempt{auth: s.core.auth, call: transport.Call{
		Operation: provider.OpLookup, Route: route,
		Method: http.MethodGet, Path: path, Repeatable: true,
	}}
	attempt.call.Sign, attempt.call.Classify = attempt.sign, classifyLookup(attempt.classify)
	res := s.core.http.Do(ctx, &attempt.call)
	var warnings []string
	res.RequestID, warnings = attempt.requestID(res)
	if !res.OK {
		return nil, provider.AsLookupError(newError(provider.OpLookup, res, attempt.mask()))
	}
	resp := &GetUserResponse{Meta: provider.NewMeta(res, warnings...)}
	bad, _ := resp.decode(res.Reply.Body)
	switch {
	case res.Reply.ReadErr != nil:
		bad = res.Reply.ReadErr
	case errors.Is(bad, errErrorInSuccess):
		bad = fmt.Errorf("%w: %w", bad, decodeError(res.Reply.Status, res.Reply.Header, res.Reply.Body))
	case bad == nil && resp.UserID != id:
		bad = errOtherUser
	}
	if bad != nil {
		return nil, provider.AsLookupError(provider.MalformedSuccess(Name, provider.OpLookup, res, attempt.mask(), bad, nil))
	}
	return resp, nil
}

// saysAbsent reports whether a 404 is Mixin's own. What it says is its code's to tell.
func saysAbsent(a provider.Absence) bool { return a.Has("error") }

// classifyLookup makes of a classify that of a look-up. That there is no user takes a code of
// Mixin's: a 404 without one is of a server before it.
func classifyLookup(classify func(*transport.Reply) transport.Classification) func(*transport.Reply) transport.Classification {
	classify = provider.Repeatable(classify, saysAbsent)
	return func(r *transport.Reply) transport.Classification {
		v := classify(r)
		var e *APIError
		if v.OK || !errors.As(v.Err, &e) {
			return v
		}
		switch {
		case e.Code == codeUserNotFound:
			v.Kind, v.Outcome = userapi.KindNotFound, userapi.OutcomeRejected
		case e.Code == 0 && v.Kind == userapi.KindNotFound:
			v = transport.Classification{Kind: userapi.KindProtocol, Outcome: userapi.OutcomeUnknown, Err: errors.Join(errNoCode, v.Err)}
		}
		return v
	}
}
