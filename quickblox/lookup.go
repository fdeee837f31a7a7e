package quickblox

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
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

// path returns the path that asks for a value.
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
	return s.get(ctx, k, strconv.FormatInt(n, 10), &check)
}

func checkNumber(c *provider.Check, k key, n int64) {
	if n <= 0 {
		c.Invalid(neutralField[k.member], k.member, "must be a positive number")
	}
}

func (s *UsersService) getByText(ctx context.Context, k key, value string) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	switch {
	case strings.TrimSpace(value) == "":
		check.Required(neutralField[k.member], k.member, "must be set")
	case !utf8.ValidString(value):
		check.Invalid(neutralField[k.member], k.member, "must be valid UTF-8")
	}
	return s.get(ctx, k, value, &check)
}

func (s *UsersService) get(ctx context.Context, k key, value string, check *provider.Check) (*GetUserResponse, error) {
	if _, err := check.Done(provider.OpLookup); err != nil {
		return nil, err
	}
	resp, _, failure := s.lookup(ctx, k, value)
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

// lookup asks for the user with a key that has been checked. Errors show neither its
// value nor the others.
func (s *UsersService) lookup(ctx context.Context, k key, value string, others ...string) (*GetUserResponse, *transport.Reply, *userapi.Error) {
	call := s.repeatable(provider.OpLookup, http.MethodGet, k, value)
	res := s.core.http.Do(ctx, call)
	if !res.OK {
		return nil, nil, s.core.failed(call, res, append(others, value)...)
	}
	resp, bad := readReply(res)
	if bad == nil && !resp.User.is(k, value) {
		bad = errOtherUser
	}
	if bad != nil {
		return nil, nil, s.core.unreadable(call, res, bad, append(others, value)...)
	}
	return resp, res.Reply, nil
}

// Delete deletes a user for good, by DELETE /users/{id}.json, which takes an API key
// or the user's own session. A user that does not exist, or no longer does because
// the reply to an earlier attempt got lost, is an error that matches
// userapi.ErrNotFound. After every other error the user may or may not exist. Source:
// QuickBlox, "Delete User by ID".
func (s *UsersService) Delete(ctx context.Context, id int64) error {
	check := provider.NativeCheck(Name)
	checkNumber(&check, byID, id)
	if _, err := check.Done(provider.OpDelete); err != nil {
		return err
	}
	call := s.repeatable(provider.OpDelete, http.MethodDelete, byID, strconv.FormatInt(id, 10))
	res := s.core.http.Do(ctx, call)
	if !res.OK {
		return s.core.failed(call, res)
	}
	if bad := provider.CheckEmpty(res.Reply); bad != nil {
		return s.core.unreadable(call, res, bad)
	}
	return nil
}

// saysAbsent reports whether a 404 is QuickBlox's own: {"code":…,"message":…}, a list
// of errors, or next to nothing, as on a host of 2017. Sources: QuickBlox's issue
// trackers, iOS SDK 788 and 1065; QuickBlox, "Create token with API key".
func saysAbsent(a provider.Absence) bool {
	return a.Blank || a.Has("code", "message") || a.Has("errors")
}

var errOtherUser = errors.New("quickblox: the reply holds another user than the one that was asked for")

// is reports whether a reply may hold the user that was asked for. A key that it does
// not show may be any.
func (u *User) is(k key, value string) bool {
	if k == byID {
		return strconv.FormatInt(u.ID, 10) == value
	}
	shown := u.shown(k)
	return shown == "" || provider.CompareText(trimmed(value), shown) != provider.Different
}

// repeatable makes a call without a body that does no harm when it is sent twice.
func (s *UsersService) repeatable(op, method string, k key, value string) *transport.Call {
	return &transport.Call{
		Operation: op, Route: k.route,
		Method: method, Path: k.path(value),
		Repeatable: true,
		Sign:       s.core.sign, Classify: s.core.classifyAgain,
	}
}

// failed makes the error of a repeatable call. values are masked in it.
func (c *core) failed(call *transport.Call, res *transport.Result, values ...string) *userapi.Error {
	e := newError(call.Operation, res, c.mask(call, res, values...))
	if res.NotPrepared && e.Kind == userapi.KindNotFound {
		e.Kind = userapi.KindProtocol // no session was to be had, which says nothing of the user
	}
	e = provider.AsLookupError(e)
	if c.unproven != nil && e.Outcome == userapi.OutcomeRejected {
		e.Outcome = userapi.OutcomeUnknown
	}
	return e
}

// unreadable makes the error of a repeatable call whose success is none.
func (c *core) unreadable(call *transport.Call, res *transport.Result, bad error, values ...string) *userapi.Error {
	return provider.AsLookupError(provider.MalformedSuccess(Name, call.Operation, res, c.mask(call, res, values...), bad, nil))
}
