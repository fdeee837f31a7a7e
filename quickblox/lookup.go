package quickblox

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
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

func (k key) path(value string) string {
	if before, after, ok := strings.Cut(k.route, "{"+k.member+"}"); ok {
		return before + url.PathEscape(value) + after
	}
	return k.route + "?" + k.member + "=" + url.QueryEscape(value)
}

// Get looks a user up by the id that QuickBlox gave it, by GET /users/{id}.json.
//
// An error that matches userapi.ErrNotFound means that QuickBlox shows these
// credentials no such user: with an API key or a user session that there is none, which
// is OutcomeRejected. Otherwise, and after every other error, the user may or may not
// exist, which is OutcomeUnknown. All look-ups do the same.
func (s *UsersService) Get(ctx context.Context, id int64) (*GetUserResponse, error) {
	return s.getByNumber(ctx, byID, id)
}

// GetByExternalID looks a user up by the caller's own id of it, by
// GET /users/external/{external_user_id}.json. That has been seen to miss a user who
// exists (QuickBlox's issue trackers, iOS SDK 788).
func (s *UsersService) GetByExternalID(ctx context.Context, id int64) (*GetUserResponse, error) {
	return s.getByNumber(ctx, byExternalID, id)
}

// GetByLogin looks a user up by GET /users/by_login.json. QuickBlox stores a login
// without trailing white space.
func (s *UsersService) GetByLogin(ctx context.Context, login string) (*GetUserResponse, error) {
	return s.getByText(ctx, byLogin, login)
}

// GetByEmail looks a user up by GET /users/by_email.json.
func (s *UsersService) GetByEmail(ctx context.Context, email string) (*GetUserResponse, error) {
	return s.getByText(ctx, byEmail, email)
}

// GetByFacebookID looks a user up by GET /users/by_facebook_id.json.
func (s *UsersService) GetByFacebookID(ctx context.Context, id string) (*GetUserResponse, error) {
	return s.getByText(ctx, byFacebookID, id)
}

func (s *UsersService) getByNumber(ctx context.Context, k key, n int64) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	checkNumber(&check, k, n)
	return s.get(ctx, sentKey{k, strconv.FormatInt(n, 10)}, &check)
}

func checkNumber(c *provider.Check, k key, n int64) {
	if n <= 0 {
		c.Invalid(neutralField[k.member], k.member, "must be a positive number")
	}
}

func (s *UsersService) getByText(ctx context.Context, k key, value string) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	check.Key(neutralField[k.member], k.member, value)
	return s.get(ctx, sentKey{k, value}, &check)
}

func (s *UsersService) get(ctx context.Context, k sentKey, check *provider.Check) (*GetUserResponse, error) {
	call := keyCall(provider.OpLookup, http.MethodGet, k.key, k.value).Checked(check)
	resp, err := provider.Read(ctx, s.vendor, call, new(reply), k.found)
	return (*GetUserResponse)(resp), err
}

// Delete deletes a user for good, by DELETE /users/{id}.json, which takes an API key or the user's
// own session. A user that does not exist, or no longer does because the reply to an earlier
// attempt got lost, is an error that matches userapi.ErrNotFound. After every other error the user
// may or may not exist. Source: QuickBlox, "Delete User by ID".
func (s *UsersService) Delete(ctx context.Context, id int64) error {
	check := provider.NativeCheck(Name)
	checkNumber(&check, byID, id)
	return provider.Do(ctx, s.vendor, keyCall(provider.OpDelete, http.MethodDelete, byID, strconv.FormatInt(id, 10)).Checked(&check))
}

// saysAbsent reports whether a 404 is QuickBlox's own: {"code":…,"message":…}, a list
// of errors, or next to nothing, as on a host of 2017. Sources: QuickBlox's issue
// trackers, iOS SDK 788 and 1065; QuickBlox, "Create token with API key".
func saysAbsent(r *transport.Reply) bool {
	return provider.IsBlank(r.Body) || provider.HasMembers(r.Body, "code", "message") || provider.HasMembers(r.Body, "errors")
}

// found refuses a reply that holds another user than the one that was asked for. A key
// that it does not show may be any.
func (k sentKey) found(r *reply, _ *transport.Result) error {
	switch n, _ := wire.Int(k.value); {
	case k.key == byID && n != r.User.ID, k.key == byExternalID && !mayBe(n, r.User.ExternalUserID):
		return provider.ErrOtherUser
	case k.key == byID, k.key == byExternalID:
		return nil
	}
	return provider.Contradicts(trimmed(k.value), r.User.keyValue(k.key), provider.CompareText)
}

// keyCall returns the call with which a method acts on the user that a key finds.
func keyCall(op, method string, k key, value string) *provider.Call {
	return provider.NewLookup(op, method, k.route, k.path(value), value)
}
