package mixin

import (
	"context"
	"net/http"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// GetUserResponse is a user that was read: "data" in the reply to GET /users/{user_id}, with
// the members that others than the user may see. Source: Mixin's docs, "Read User".
type GetUserResponse = CreateUserResponse

// Get reads the user with the given id, a UUID, by GET /users/{user_id}. A user that does not
// exist is an error that matches userapi.ErrNotFound, with OutcomeRejected; OutcomeUnknown
// means that the call could not tell. Passing failures are tried again, and a refused token
// as for Create. Source: Mixin's docs, "Read User".
func (s *UsersService) Get(ctx context.Context, userID string) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	id := check.UUID("", "user_id", userID)
	if _, err := check.Done(provider.OpLookup); err != nil {
		return nil, err
	}
	return s.get(ctx, "/users/{user_id}", "/users/"+id, id)
}

// Me reads the user that the client signs as, by GET /me: the application itself with an
// application's keystore. The response has the members that only the user itself may see,
// such as has_pin, has_safe and tip_key_base64. Errors are as for Get; a user that does not
// exist is refused like a wrong token. Source: Mixin's docs, "Read Profile".
func (s *UsersService) Me(ctx context.Context) (*GetUserResponse, error) {
	return s.self(ctx, "/me")
}

// self reads the user that the client signs as.
func (s *UsersService) self(ctx context.Context, path string) (*GetUserResponse, error) {
	resp, err := s.get(ctx, path, path, s.core.auth.userID)
	if err == nil {
		resp.sessionSecret = s.core.auth.sessionSecret // Mixin has taken a token of that key
	}
	return resp, err
}

// get reads the user with an id that has been checked.
func (s *UsersService) get(ctx context.Context, route, path, id string) (*GetUserResponse, error) {
	call := &provider.Call{Lookup: true, UserID: id, Call: transport.Call{
		Operation: provider.OpLookup, Route: route,
		Method: http.MethodGet, Path: path, Repeatable: true,
	}}
	resp, err := provider.Read(ctx, s.core.Vendor, call, new(reply), isUser(id))
	return (*GetUserResponse)(resp), err
}

// isUser refuses a reply that holds another user.
func isUser(id string) func(*reply, *transport.Result) error {
	return func(r *reply, _ *transport.Result) error {
		if r.UserID != id && r.UserID != "" {
			return provider.ErrOtherUser
		}
		return nil
	}
}

// CheckUserID says whether a text can be a user's id, as userapi.UserIDChecker describes
// it: a UUID.
func (c *Client) CheckUserID(id string) error { return provider.CheckUUID(Name, "user_id", id) }

// saysAbsent reports whether a 404 is Mixin's own: it has a code.
func saysAbsent(r *transport.Reply) bool { return decodeError(r.Status, r.Header, r.Body).Code != 0 }

// classifyLookup is classify for a look-up, where a code says that the user does not exist.
func (a *attempt) classifyLookup(r *transport.Reply) transport.Classification {
	c := a.classify(r)
	if e, ok := c.Err.(*APIError); ok && e.Code == codeUserNotFound {
		c.Kind, c.Outcome = userapi.KindNotFound, userapi.OutcomeRejected
	}
	return c
}
