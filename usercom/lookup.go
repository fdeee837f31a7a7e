package usercom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// GetUserResponse is a user that was read. It is the type of the reply to a create,
// so that userapi.As finds *CreateUserResponse in a user however it was obtained.
type GetUserResponse = CreateUserResponse

var errPart = errors.New("usercom: the reply has only a part of the users")

// Get reads the user with the given id, by GET /users/{id}/. A user that does not exist
// is an error that matches userapi.ErrNotFound. The Outcome of an error is about the
// user: OutcomeRejected means that it does not exist, OutcomeUnknown that the call did
// not find out. Temporary failures are retried. Source: User.com, "Find user by ID".
func (s *UsersService) Get(ctx context.Context, id int64) (*GetUserResponse, error) {
	resp, err := s.core.get(ctx, id)
	return (*GetUserResponse)(resp), err
}

func (c *core) get(ctx context.Context, id int64) (*reply, error) {
	call := userCall(provider.OpLookup, http.MethodGet, strconv.FormatInt(id, 10))
	return provider.Read(ctx, c.Vendor, call, c.newReply(), func(r *reply, _ *transport.Result) error { return r.isOf(call.UserID) })
}

// userCall returns the call with which a method acts on the user with an id.
func userCall(op, method, id string) *provider.Call {
	check := provider.NativeCheck(Name)
	check.NumberID("", "id", id)
	call := provider.NewLookup(op, method, "/users/{id}/", "/users/"+id+"/", "")
	call.UserID = id
	return call.Checked(&check)
}

func searchCall(route, path, text string) *provider.Call {
	return provider.NewLookup(provider.OpLookup, http.MethodGet, route, path, text)
}

// GetByUserID reads the user with the given user_id, custom_id in V2, by GET
// /users-by-id/{user_id}/, and otherwise works like Get. A path cannot carry every
// user_id: one with a slash, a backslash, a percent sign or a control character, and
// ".", ".." and "search", is looked up by GET /users-by-id/search/?user_id= in V1, and
// refused in V2, for which no such call is documented. Source: User.com, "Find user by
// custom ID".
func (s *UsersService) GetByUserID(ctx context.Context, userID string) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	name := s.core.version.userID()
	check.Key("ExternalID", name, userID)
	if !s.canFind(userID) {
		check.Invalid("ExternalID", name, "must not have a slash, backslash, percent sign or control character, and must not be ., .. or search: it does not fit into a path")
	}
	resp, err := provider.Read(ctx, s.core.Vendor, byUserID(userID).Checked(&check), s.core.newReply(), hasUserID(userID))
	return (*GetUserResponse)(resp), err
}

// inPath reports whether a user_id can stand in a path. It is split after decoding, its
// dots are resolved, it may be decoded twice, and "search" is a call of its own.
func inPath(userID string) bool {
	return !slices.Contains([]string{".", "..", "search"}, userID) &&
		!strings.ContainsFunc(userID, func(r rune) bool { return strings.ContainsRune(`/\%`, r) || unicode.IsControl(r) })
}

func (s *UsersService) canFind(userID string) bool { return s.core.version == V1 || inPath(userID) }

func byUserID(userID string) *provider.Call {
	if !inPath(userID) {
		return searchCall("/users-by-id/search/", "/users-by-id/search/?user_id="+url.QueryEscape(userID), userID)
	}
	return searchCall("/users-by-id/{user_id}/", "/users-by-id/"+url.PathEscape(userID)+"/", userID)
}

// hasUserID refuses a reply that shows another user_id.
func hasUserID(userID string) func(*reply, *transport.Result) error {
	return func(r *reply, _ *transport.Result) error {
		return provider.Contradicts(strings.TrimSpace(userID), strings.TrimSpace(string(provider.Value(r.UserID))), sameUserID)
	}
}

// GetByKey reads the user with the given key, which User.com gives each browser in the
// cookie __ca__chat, by GET /users/search/?key=…, and otherwise works like Get. A key
// opens the chat of its browser to those who have it. Source: User.com, "Find users by
// key".
func (s *UsersService) GetByKey(ctx context.Context, key string) (*GetUserResponse, error) {
	resp, err := s.core.getByKey(ctx, key)
	return (*GetUserResponse)(resp), err
}

func (c *core) getByKey(ctx context.Context, key string) (*reply, error) {
	check := provider.NativeCheck(Name)
	check.Key("", c.version.key(), key)
	return provider.Read(ctx, c.Vendor, byKey(key).Checked(&check), c.newReply(), hasKey(key))
}

func byKey(key string) *provider.Call { return searchCall(searchPath, searchBy("key", key), key) }

// hasKey refuses a reply that shows another key.
func hasKey(key string) func(*reply, *transport.Result) error {
	return func(r *reply, _ *transport.Result) error {
		return provider.Contradicts(strings.TrimSpace(key), strings.TrimSpace(provider.Value(r.Key)), provider.CompareText)
	}
}

// FindByEmail returns every user that has the e-mail address, by GET
// /users/search/?email=…&many=true: it is not unique at User.com. If nobody has the
// address, it returns an empty slice and no error. Everything else is as for Get. Raw is the whole reply for each
// of them. Source: User.com, "Find user by email".
func (s *UsersService) FindByEmail(ctx context.Context, email string) ([]*GetUserResponse, error) {
	found, _, err := s.core.findByEmail(ctx, email, func(u *User) error {
		return provider.Contradicts(strings.TrimSpace(email), strings.TrimSpace(provider.Value(u.Email)), provider.CompareText)
	})
	return found, err
}

// findByEmail is FindByEmail with the reply. It fails where accept does for a user.
func (c *core) findByEmail(ctx context.Context, email string, accept func(*User) error) ([]*GetUserResponse, *transport.Reply, error) {
	check := provider.NativeCheck(Name)
	check.Key("Email", "email", email)
	call := searchCall(searchPath, searchBy("email", email)+"&many=true", email)
	return c.find(ctx, call.Checked(&check), accept)
}

// FindByPhone returns the users that have the phone number, by GET
// /users/search/?phone_number=…, and otherwise works like FindByEmail. V1 answers with
// one user, also where several have the number; V2 answers with a page of them. Whether
// it finds a number that is written otherwise is not documented. Source: User.com,
// "Find user by phone number".
func (s *UsersService) FindByPhone(ctx context.Context, phone string) ([]*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	check.Key("Phone", "phone_number", phone)
	call := searchCall(searchPath, searchBy("phone_number", phone), phone)
	found, _, err := s.core.find(ctx, call.Checked(&check), func(u *User) error {
		return provider.Contradicts(phone, string(provider.Value(u.PhoneNumber)), provider.ComparePhone)
	})
	return found, err
}

const searchPath = "/users/search/"

func searchBy(name, value string) string {
	return searchPath + "?" + name + "=" + url.QueryEscape(value)
}

// find returns every user of a reply, and the reply. It fails where accept does for a user.
func (c *core) find(ctx context.Context, call *provider.Call, accept func(*User) error) ([]*GetUserResponse, *transport.Reply, error) {
	resp, err := provider.Read(ctx, c.Vendor, call, &usersReply{version: c.version}, func(r *usersReply, _ *transport.Result) error {
		for i := range r.users {
			if err := accept(&r.users[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if e, ok := err.(*userapi.Error); ok && e.Kind == userapi.KindNotFound {
		return []*GetUserResponse{}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	found := make([]*GetUserResponse, len(resp.users))
	for i, u := range resp.users {
		found[i] = &GetUserResponse{User: u, meta: resp.meta}
	}
	return found, resp.from, nil
}

type usersReply struct {
	version Version
	users   []User
	meta    provider.Meta
	from    *transport.Reply
}

// Receive reads the users, for provider.Reply.
func (r *usersReply) Receive(from *transport.Reply, m provider.Meta) (bad error) {
	r.meta, r.from = m, from
	r.users, bad = decodeUsers(from.Body, r.version)
	return bad
}

// Neutral returns nil: there may be many.
func (r *usersReply) Neutral() *userapi.User { return nil }

// decodeUsers reads the users in a bare list, in a page of one, or a single user.
func decodeUsers(data []byte, v Version) ([]User, error) {
	list, counts := data, wire.Values(nil)
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("[")) {
		var single User
		switch bad := single.decode(data, v); {
		case bad == nil:
			return []User{single}, nil
		case !errors.Is(bad, provider.ErrNoID):
			return nil, bad
		}
		var page struct {
			Results  json.RawMessage `json:"results"`
			Next     wire.Values     `json:"next"`
			Previous wire.Values     `json:"previous"`
			Count    wire.Values     `json:"count"`
		}
		if err := wire.Decode(data, &page, wire.Path{Names: []string{"results"}}); err != nil || !bytes.HasPrefix(page.Results, []byte("[")) {
			return nil, provider.ErrNoID
		}
		if slices.ContainsFunc(append(page.Next, page.Previous...), provider.HasContent) {
			return nil, errPart
		}
		list, counts = page.Results, page.Count
	}
	var elements []json.RawMessage
	if json.Unmarshal(list, &elements) != nil { // its error quotes the reply
		return nil, errPart
	}
	for _, raw := range counts {
		var count Number
		_ = count.UnmarshalJSON(raw) // never fails
		if n, ok := wire.Int(string(count)); count != "" && !ok || n > int64(len(elements)) {
			return nil, errPart
		}
	}
	users := make([]User, len(elements))
	for i, element := range elements {
		if bad := users[i].decode(element, v); bad != nil {
			return nil, bad
		}
	}
	return users, nil
}

// Delete deletes the user with the given id permanently, by DELETE /users/{id}/. A user
// that does not exist is an error that matches userapi.ErrNotFound, also where an
// earlier attempt of the same call has deleted it and its reply was lost: temporary
// failures are retried. The Outcome of an error is as for Get. Source: User.com,
// "Delete user".
func (s *UsersService) Delete(ctx context.Context, id int64) error {
	return s.core.delete(ctx, strconv.FormatInt(id, 10))
}

func (c *core) delete(ctx context.Context, id string) error {
	return provider.Do(ctx, c.Vendor, userCall(provider.OpDelete, http.MethodDelete, id))
}

// saysAbsent reports whether a 404 is User.com's own: its framework's {"detail":…}, or
// no body, which User.com's plug-in for WordPress expects.
func saysAbsent(r *transport.Reply) bool {
	return provider.IsBlank(r.Body) || provider.HasMembers(r.Body, "detail")
}
