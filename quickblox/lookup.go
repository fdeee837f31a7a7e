package quickblox

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
)

// GetUserResponse is the reply to a look-up, which QuickBlox writes as it does the
// reply to a create.
type GetUserResponse = CreateUserResponse

// A key is a member by which QuickBlox finds one user.
type key struct {
	member string
	// route has the member in braces where the path takes it; otherwise the query does.
	route string
}

// The keys. Sources: QuickBlox, "Retrieve User by ID", "… by login", "… by email",
// "… by external user ID" and "… by Facebook ID".
var (
	byID         = key{"id", "/users/{id}.json"}
	byExternalID = key{"external_user_id", "/users/external/{external_user_id}.json"}
	byLogin      = key{"login", "/users/by_login.json"}
	byEmail      = key{"email", "/users/by_email.json"}
	byFacebookID = key{"facebook_id", "/users/by_facebook_id.json"}
)

func (k key) isNumber() bool { return k == byID || k == byExternalID }

func (k key) path(value string) string {
	if before, after, ok := strings.Cut(k.route, "{"+k.member+"}"); ok {
		return before + url.PathEscape(value) + after
	}
	return k.route + "?" + k.member + "=" + url.QueryEscape(value)
}

// Get looks a user up by the id that QuickBlox gave it, by GET /users/{id}.json.
//
// An error that matches userapi.ErrNotFound means that QuickBlox shows no such user for
// these credentials. With an API key or a user's session the user does not exist:
// OutcomeRejected. With other credentials, and after every other error, the user may
// exist: OutcomeUnknown. All look-ups do the same.
func (s *UsersService) Get(ctx context.Context, id int64) (*GetUserResponse, error) {
	return s.get(ctx, byID, strconv.FormatInt(id, 10))
}

// GetByExternalID looks a user up by the caller's own id of it, by
// GET /users/external/{external_user_id}.json. That has been seen to miss a user who
// exists (QuickBlox's issue trackers, iOS SDK 788).
func (s *UsersService) GetByExternalID(ctx context.Context, id int64) (*GetUserResponse, error) {
	return s.get(ctx, byExternalID, strconv.FormatInt(id, 10))
}

// GetByLogin looks a user up by GET /users/by_login.json. QuickBlox stores a login
// without trailing white space.
func (s *UsersService) GetByLogin(ctx context.Context, login string) (*GetUserResponse, error) {
	return s.get(ctx, byLogin, login)
}

// GetByEmail looks a user up by GET /users/by_email.json.
func (s *UsersService) GetByEmail(ctx context.Context, email string) (*GetUserResponse, error) {
	return s.get(ctx, byEmail, email)
}

// GetByFacebookID looks a user up by GET /users/by_facebook_id.json.
func (s *UsersService) GetByFacebookID(ctx context.Context, id string) (*GetUserResponse, error) {
	return s.get(ctx, byFacebookID, id)
}

func (s *UsersService) get(ctx context.Context, k key, value string) (*GetUserResponse, error) {
	resp, err := provider.Read(ctx, s.vendor, k.call(provider.OpLookup, http.MethodGet, value), new(reply), sentKey{k, value}.found)
	return (*GetUserResponse)(resp), err
}

// Delete deletes a user permanently, by DELETE /users/{id}.json. It needs an API key,
// the user's own session or that of the account's owner. If the user does not exist,
// the error matches userapi.ErrNotFound. This can also be because an earlier attempt
// deleted the user and its reply was lost. After every other error the user may or may
// not exist. Sources: QuickBlox, "Delete User by ID", and "Key Concepts", user
// permissions.
func (s *UsersService) Delete(ctx context.Context, id int64) error {
	return s.delete(ctx, strconv.FormatInt(id, 10))
}

func (s *UsersService) delete(ctx context.Context, id string) error {
	return provider.Do(ctx, s.vendor, byID.call(provider.OpDelete, http.MethodDelete, id))
}

// saysAbsent reports whether a 404 is QuickBlox's own: {"code":…,"message":…}, a list
// of errors, or next to nothing, as on a host of 2017. Sources: QuickBlox's issue
// trackers, iOS SDK 788 and 1065; QuickBlox, "Create token with API key".
func saysAbsent(r *transport.Reply) bool {
	return provider.IsBlank(r.Body) || provider.HasMembers(r.Body, "code", "message") || provider.HasMembers(r.Body, "errors")
}

// found refuses a reply that holds another user than the one that was asked for.
func (k sentKey) found(r *reply, _ *transport.Result) error { return k.contradicts(&r.User) }

// call returns the call with which a method acts on the user that a key finds.
func (k key) call(op, method, value string) *provider.Call {
	check := provider.NativeCheck(Name)
	if k.isNumber() {
		check.NumberID(neutralField[k.member], k.member, value)
	} else {
		check.Key(neutralField[k.member], k.member, value)
	}
	return provider.NewLookup(op, method, k.route, k.path(value), value).Checked(&check)
}
