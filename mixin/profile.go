package mixin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// The operations' names.
const (
	opUpdateUser = "update user"
	opFetchUsers = "fetch users"
)

// UpdateUserRequest is the body of POST /me. A nil member is not sent, and does not
// change. Sources: Mixin's bot-api-go-client, UpdateUserMe; its Node SDK.
type UpdateUserRequest struct {
	// FullName is the name to display. It must not be "".
	FullName *string `json:"full_name,omitempty"`
	// AvatarBase64 is an image in base64. By baizhiheizi/mixin_bot Mixin takes PNG, JPEG and GIF of
	// more than 1024 bytes.
	AvatarBase64 *string `json:"avatar_base64,omitempty"`
}

func (r *UpdateUserRequest) check(c *provider.Check) {
	if r.FullName == nil && r.AvatarBase64 == nil {
		c.Required("", "full_name", "full_name or avatar_base64 must be set")
	}
	switch {
	case r.FullName == nil:
	case *r.FullName == "":
		c.Invalid("FullName", "full_name", "must not be empty: nil leaves it as it is")
	case !utf8.ValidString(*r.FullName):
		c.Invalid("FullName", "full_name", "must be valid UTF-8")
	}
	if r.AvatarBase64 != nil {
		if image, ok := decodeSecret(*r.AvatarBase64); !ok || len(image) == 0 {
			c.Invalid("", "avatar_base64", "must be an image in base64, without line breaks")
		}
	}
}

// Update changes the name and the image of the user that the client signs as, by POST
// /me; an application's client changes the application's. An error's Outcome is about
// the change: after OutcomeRejected it was not made, and after OutcomeUnknown it may
// have been made. The request is sent again only if it provably was not carried out.
// Sources: as of UpdateUserRequest.
func (s *UsersService) Update(ctx context.Context, req UpdateUserRequest) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	req.check(&check)
	body, _ := json.Marshal(req) // texts
	call := postCall(opUpdateUser, "/me", body).Checked(&check)
	call.UserID = s.core.auth.userID
	resp, err := provider.Read(ctx, s.core.Vendor, call, new(reply), isUser(s.core.auth.userID))
	return (*GetUserResponse)(resp), err
}

// postCall returns a call that is sent once.
func postCall(op, path string, body []byte) *provider.Call {
	return &provider.Call{Call: transport.Call{
		Operation: op, Route: path, Method: http.MethodPost, Path: path, ContentType: "application/json", Body: body,
	}}
}

var errNoList = errors.New("the reply has no list of users")

// Fetch reads the users with the given ids, UUIDs, by POST /users/fetch. It returns
// those that exist, as Get would, in the order of the reply. A missing id has no user.
// Raw is the whole reply for each of them. Without ids it sends nothing and returns no
// users. How many ids one call may have is not documented. An error is not about a
// user. Temporary failures are retried. Source: Mixin's docs, "Read Users".
func (s *UsersService) Fetch(ctx context.Context, userIDs []string) ([]*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	ids := []string{}
	for i, id := range userIDs {
		id = check.UUID("", fmt.Sprintf("user_ids[%d]", i), id)
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if _, err := check.Done(opFetchUsers); err != nil {
		return nil, err
	}
	found := []*GetUserResponse{}
	if len(ids) == 0 {
		return found, nil
	}
	body, _ := json.Marshal(ids) // texts
	call := postCall(opFetchUsers, "/users/fetch", body)
	call.Hidden = ids
	r, err := read(ctx, s.core, call, nil, func(data *json.RawMessage) (err error) {
		found, err = decodeUsers(*data, ids)
		return err
	})
	if err != nil {
		if e, ok := err.(*userapi.Error); ok && e.Kind == userapi.KindNotFound {
			e.Kind = userapi.KindProtocol // the call does not exist, which says nothing about the users
		}
		return nil, err
	}
	for _, user := range found {
		user.meta = r.meta
	}
	return found, nil
}

// decodeUsers reads a list of users, each of whom was asked for.
func decodeUsers(data json.RawMessage, asked []string) ([]*GetUserResponse, error) {
	var list []json.RawMessage
	if len(data) == 0 || json.Unmarshal(data, &list) != nil {
		return nil, errNoList
	}
	users := []*GetUserResponse{}
	for _, raw := range list {
		user := new(GetUserResponse)
		if err := user.UnmarshalJSON(raw); err != nil {
			return nil, err
		}
		user.UserID, _ = uuid.Canonical(user.UserID)
		switch {
		case user.UserID == "":
			return nil, provider.ErrNoID
		case !slices.Contains(asked, user.UserID):
			return nil, provider.ErrOtherUser
		}
		user.SessionID, _ = uuid.Canonical(user.SessionID)
		users = append(users, user)
	}
	return users, nil
}
