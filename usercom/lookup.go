package usercom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// GetUserResponse is a user that was read. It is the type of the reply to a create,
// so that userapi.As finds *CreateUserResponse in a user however it was come by.
type GetUserResponse = CreateUserResponse

var (
	errOtherUser = errors.New("usercom: the reply holds another user than the one that was asked for")
	errPart      = errors.New("usercom: the reply holds only a part of the users")
)

// Get reads the user with the given id, by GET /users/{id}/. A user that does not
// exist is an error that matches userapi.ErrNotFound. The Outcome of an error speaks
// of the user: OutcomeRejected means that it does not exist, OutcomeUnknown that the
// call could not tell. Passing failures are tried again. Source: User.com, "Find user
// by ID".
func (s *UsersService) Get(ctx context.Context, id int64) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	checkID(&check, id)
	if _, err := check.Done(provider.OpLookup); err != nil {
		return nil, err
	}
	resp, failure := s.get(ctx, id)
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

// get is Get with an id that has been checked.
func (s *UsersService) get(ctx context.Context, id int64) (*GetUserResponse, *userapi.Error) {
	user := strconv.FormatInt(id, 10)
	resp, _, failure := s.one(ctx, query{
		op: provider.OpLookup, method: http.MethodGet, route: "/users/{id}/", path: "/users/" + user + "/",
	}, func(u *User) bool { return u.ID == id })
	if failure != nil {
		failure.UserID = user
	}
	return resp, failure
}

// GetByUserID reads the user with the given user_id, custom_id in V2, by GET
// /users-by-id/{user_id}/, and is otherwise as Get. A path cannot carry every
// user_id: one with a slash, a backslash, a percent sign or a control character, and
// ".", ".." and "search", is looked for by GET /users-by-id/search/?user_id= in V1,
// and refused in V2, for which no such call is documented. Source: User.com, "Find
// user by custom ID".
func (s *UsersService) GetByUserID(ctx context.Context, userID string) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	name := s.core.version.userID()
	checkKey(&check, "ExternalID", name, userID)
	if !s.canFind(userID) {
		check.Invalid("ExternalID", name, "must hold no slash, backslash, percent sign or control character, nor be one of ., .. and search: a path cannot carry it")
	}
	if _, err := check.Done(provider.OpLookup); err != nil {
		return nil, err
	}
	resp, _, failure := s.getByUserID(ctx, userID)
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

// checkKey checks a text to look for.
func checkKey(c *provider.Check, field, vendorField, value string) {
	switch {
	case strings.TrimSpace(value) == "":
		c.Required(field, vendorField, "must be set")
	case !utf8.ValidString(value):
		c.Invalid(field, vendorField, "must be valid UTF-8")
	}
}

// inPath reports whether a user_id can stand in a path. The framework takes a path
// apart after decoding it, and servers before it resolve dots and may decode twice;
// "search" is a call of its own.
func inPath(userID string) bool {
	switch userID {
	case ".", "..", "search":
		return false
	}
	return !strings.ContainsFunc(userID, func(r rune) bool { return strings.ContainsRune(`/\%`, r) || unicode.IsControl(r) })
}

// canFind reports whether there is a call that finds a user by this user_id.
func (s *UsersService) canFind(userID string) bool { return s.core.version == V1 || inPath(userID) }

// getByUserID is GetByUserID with an id that has been checked. It also returns the
// reply that the user stood in.
func (s *UsersService) getByUserID(ctx context.Context, userID string) (*GetUserResponse, *transport.Reply, *userapi.Error) {
	q := query{
		op: provider.OpLookup, method: http.MethodGet, looked: userID,
		route: "/users-by-id/{user_id}/", path: "/users-by-id/" + url.PathEscape(userID) + "/",
	}
	if !inPath(userID) {
		q.route, q.path = "/users-by-id/search/", "/users-by-id/search/?user_id="+url.QueryEscape(userID)
	}
	return s.one(ctx, q, func(u *User) bool {
		return u.UserID == nil || *u.UserID == "" || string(*u.UserID) == userID
	})
}

// FindByEmail returns every user that has the e-mail address, by GET
// /users/search/?email=…&many=true: it is not unique at User.com. No user is an empty
// slice and no error; everything else is as for Get. Raw is the whole reply for each
// of them. Source: User.com, "Find user by email".
func (s *UsersService) FindByEmail(ctx context.Context, email string) ([]*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	checkKey(&check, "Email", "email", email)
	if _, err := check.Done(provider.OpLookup); err != nil {
		return nil, err
	}
	found, _, failure := s.findByEmail(ctx, email)
	if failure != nil {
		return nil, failure
	}
	return found, nil
}

// findByEmail is FindByEmail with an address that has been checked. It also returns
// the reply that the users stood in.
func (s *UsersService) findByEmail(ctx context.Context, email string) ([]*GetUserResponse, *transport.Reply, *userapi.Error) {
	q := query{
		op: provider.OpLookup, method: http.MethodGet, looked: email,
		route: "/users/search/", path: "/users/search/?email=" + url.QueryEscape(email) + "&many=true",
	}
	res, failure := s.send(ctx, q)
	switch {
	case failure != nil && failure.Kind == userapi.KindNotFound:
		return []*GetUserResponse{}, res.Reply, nil
	case failure != nil:
		return nil, nil, failure
	}
	users, bad := decodeUsers(res.Reply.Body)
	if bad != nil {
		return nil, nil, s.unreadable(q, res, bad)
	}
	meta := provider.NewMeta(res)
	found := make([]*GetUserResponse, len(users))
	for i, u := range users {
		found[i] = &GetUserResponse{User: u, Meta: meta}
	}
	return found, res.Reply, nil
}

// decodeUsers reads the reply to a search: a bare list, a page of one, or a single
// user. Each must have an id.
func decodeUsers(data []byte) ([]User, error) {
	list, count := data, 0
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("[")) {
		var single User
		switch bad, _ := single.decode(data); {
		case bad == nil:
			return []User{single}, nil
		case !errors.Is(bad, errNoID):
			return nil, bad
		}
		var page map[string]json.RawMessage
		if err := json.Unmarshal(data, &page); err != nil || !wire.HasValue(page["results"]) {
			return nil, errNoID
		}
		if wire.HasValue(page["next"]) {
			return nil, errPart
		}
		list = page["results"]
		_ = json.Unmarshal(page["count"], &count) // of any type: it may be missing
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(list, &elements); err != nil {
		return nil, err
	}
	if count > len(elements) {
		return nil, errPart
	}
	users := make([]User, len(elements))
	for i, element := range elements {
		if bad, _ := users[i].decode(element); bad != nil {
			return nil, bad
		}
	}
	return users, nil
}

// Delete deletes the user with the given id for good, by DELETE /users/{id}/. A user
// that does not exist is an error that matches userapi.ErrNotFound, also where an
// earlier attempt of the same call has deleted it and its reply was lost: passing
// failures are tried again. The Outcome of an error is as for Get. Source: User.com,
// "Delete user".
func (s *UsersService) Delete(ctx context.Context, id int64) error {
	check := provider.NativeCheck(Name)
	checkID(&check, id)
	if _, err := check.Done(provider.OpDelete); err != nil {
		return err
	}
	user := strconv.FormatInt(id, 10)
	q := query{op: provider.OpDelete, method: http.MethodDelete, route: "/users/{id}/", path: "/users/" + user + "/"}
	res, failure := s.send(ctx, q)
	if failure == nil {
		if bad := provider.CheckEmpty(res.Reply); bad != nil {
			failure = s.unreadable(q, res, bad)
		}
	}
	if failure != nil {
		failure.UserID = user
		return failure
	}
	return nil
}

// saysAbsent reports whether a 404 is User.com's own: its framework's {"detail":…}, or
// no body, with which User.com's plug-in for WordPress reckons.
func saysAbsent(a provider.Absence) bool { return a.Blank || a.Has("detail") }

// A query is a request without a body that may be repeated.
type query struct {
	op, method, route, path string
	// looked is the text that is looked for, which no error shows.
	looked string
}

// send sends a query. It returns a reply that was read whole and has the status of a
// success, or an error.
func (s *UsersService) send(ctx context.Context, q query) (*transport.Result, *userapi.Error) {
	res := s.core.http.Do(ctx, &transport.Call{
		Operation: q.op, Route: q.route, Method: q.method, Path: q.path,
		Repeatable: true, Sign: s.core.token.sign, Classify: provider.Repeatable(classify, saysAbsent),
	})
	switch {
	case !res.OK:
		return res, provider.AsLookupError(newError(q.op, res, s.maskOf(q)))
	case res.Reply.ReadErr != nil:
		return res, s.unreadable(q, res, res.Reply.ReadErr)
	}
	return res, nil
}

// one sends a query for one user, which is has to accept.
func (s *UsersService) one(ctx context.Context, q query, is func(*User) bool) (*GetUserResponse, *transport.Reply, *userapi.Error) {
	res, failure := s.send(ctx, q)
	if failure != nil {
		return nil, nil, failure
	}
	resp := &GetUserResponse{Meta: provider.NewMeta(res)}
	bad, _ := resp.decode(res.Reply.Body)
	if bad == nil && !is(&resp.User) {
		bad = errOtherUser
	}
	if bad != nil {
		return nil, nil, s.unreadable(q, res, bad)
	}
	return resp, res.Reply, nil
}

// unreadable is the error of a success that does not hold what was asked for.
func (s *UsersService) unreadable(q query, res *transport.Result, cause error) *userapi.Error {
	return provider.AsLookupError(provider.MalformedSuccess(Name, q.op, res, s.maskOf(q), cause, nil))
}

// maskOf takes what a query looks for out of what the vendor says.
func (s *UsersService) maskOf(q query) provider.Mask {
	return provider.NewMask(nil, "", q.looked, s.core.token())
}
