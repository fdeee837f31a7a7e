package mixin

import (
	"context"
	"errors"
	"net/http"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// GetUserResponse is a user that was read: "data" in the reply to GET /users/{user_id}, with
// the members that others than the user may see. Source: Mixin's docs, "Read User".
type GetUserResponse = CreateUserResponse

// Get reads the user with the given id, a UUID, by GET /users/{user_id}. A user that
// does not exist is an error that matches userapi.ErrNotFound, with OutcomeRejected;
// OutcomeUnknown means that the call did not find out. Temporary failures are retried,
// and a refused token as for Create. Source: Mixin's docs, "Read User".
func (s *UsersService) Get(ctx context.Context, userID string) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	id := check.UUID("", "user_id", userID)
	return s.get(ctx, "/users/{user_id}", "/users/"+id, id, &check)
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
	resp, err := s.get(ctx, path, path, s.core.auth.userID, new(provider.Check))
	if err == nil {
		resp.sessionSecret = s.core.auth.sessionSecret // Mixin has taken a token of that key
		s.core.noteTIP(resp)
	}
	return resp, err
}

// profile reads the user that the client signs as by /me, and by /safe/me what that left out.
func (s *UsersService) profile(ctx context.Context) (*GetUserResponse, error) {
	me, err := s.Me(ctx)
	if err != nil || me.HasSafe != nil && me.TipKeyBase64 != nil {
		return me, err
	}
	safe, err := (&SafeService{s.core}).Me(ctx)
	switch {
	case errors.Is(err, userapi.ErrNotFound), errors.Is(err, userapi.ErrForbidden):
		return me, nil // the user has none to be read
	case err != nil:
		return nil, err
	}
	if me.HasSafe == nil {
		me.HasSafe = safe.HasSafe
	}
	if me.TipKeyBase64 == nil {
		me.TipKeyBase64, me.SpendPublicKey = safe.TipKeyBase64, safe.SpendPublicKey
	}
	return me, nil
}

// get reads the user with an id.
func (s *UsersService) get(ctx context.Context, route, path, id string, check *provider.Check) (*GetUserResponse, error) {
	call := provider.NewLookup(provider.OpLookup, http.MethodGet, route, path, id).Checked(check)
	call.UserID = id
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

// CheckUserID checks that a text has the form of a user's id, as userapi.UserIDChecker
// describes: a UUID.
func (c *Client) CheckUserID(id string) error { return provider.CheckUUID(Name, "user_id", id) }

// saysAbsent reports whether a 404 is Mixin's own: it has a code.
func saysAbsent(r *transport.Reply) bool { return decodeError(r.Status, r.Header, r.Body).Code != 0 }
