package usercom

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

const opUpdate = "update user"

// UpdateUserRequest is the body of PUT /users/{id}/, with V1's names of its members. They are those
// of a [CreateUserRequest]. Members that are nil or "" are not sent, and what is not sent stays as it
// is; Tags are added. A pointer to "" is sent, and clears nothing: User.com's framework refuses a
// blank text. It has no members of a reply, such as name and attributes: User.com would make custom
// attributes of these, permanently. Source: User.com, "Update user".
type UpdateUserRequest CreateUserRequest

// UnmarshalJSON reads the names of either version, and refuses an object that has other members, as
// a reply has. The error is a *userapi.Error of KindInvalid that names each of them.
func (r *UpdateUserRequest) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	check := provider.NativeCheck(Name)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var texts []string
		switch {
		case !updatable[name]:
			check.Invalid("", provider.Mask{}.Code(name), "is not a member of an update: User.com would make it a custom attribute")
		case name == "tags" && json.Unmarshal(members[name], &texts) != nil:
			check.Invalid("Tags", name, "must be a list of names: a reply has objects there")
		}
	}
	if _, err := check.Done(opUpdate); err != nil {
		return err
	}
	return json.Unmarshal(data, (*CreateUserRequest)(r))
}

// updatable are the members of updates, by the names of both versions.
var updatable = func() map[string]bool {
	names := map[string]bool{V2.userID(): true, V2.companyID(): true}
	for name := range wire.FieldNames(&CreateUserRequest{}) {
		names[name] = true
	}
	return names
}()

// Update changes the user with the given id, by PUT /users/{id}/, which User.com takes
// as a change of what is sent alone. At least one member must be set. The body is JSON,
// whatever the Encoding. A success is a 2xx with that user, who shows no other e-mail
// address or user id than was sent.
//
// The Outcome of an error is about the change: OutcomeRejected means that it was not
// made, and OutcomeUnknown that it may have been. A UserID that another user has is a
// Conflict. Like a create an update is sent again only after a failure to connect and
// after 429; you can repeat it. Source: User.com, "Update user".
func (s *UsersService) Update(ctx context.Context, id int64, req UpdateUserRequest) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	user := checkID(&check, id)
	members := (*CreateUserRequest)(&req)
	members.checkValues(&check, "GivenName")
	body := members.encode(s.core.version, &check)
	if string(body) == "{}" {
		check.Required("", "", "at least one member must be set")
	}
	resp, err := s.core.update(ctx, updateCall(opUpdate, user, body).Checked(&check), members)
	return (*GetUserResponse)(resp), err
}

func updateCall(op, user string, body []byte) *provider.Call {
	return &provider.Call{UserID: user, Call: transport.Call{
		Operation: op, Route: "/users/{id}/", Method: http.MethodPut, Path: "/users/" + user + "/",
		ContentType: JSON.contentType(), Body: body, Classify: classifyUpdate,
	}}
}

// update sends what was encoded of a request. A reply with another user proves nothing.
func (c *core) update(ctx context.Context, call *provider.Call, sent *CreateUserRequest) (*reply, error) {
	return provider.Read(ctx, c.Vendor, call, c.newReply(), func(r *reply, _ *transport.Result) error {
		if err := r.isOf(call.UserID); err != nil {
			return err
		}
		return contradicts(sent, r.Neutral())
	})
}

// classifyUpdate is classify for a user that exists, perhaps. A 404 that is not the
// vendor's own says nothing about it.
func classifyUpdate(r *transport.Reply) transport.Classification {
	c := classify(r)
	if c.Kind == userapi.KindNotFound && (r.ReadErr != nil || !saysAbsent(r)) {
		c.Kind, c.Outcome = userapi.KindProtocol, userapi.OutcomeUnknown
	}
	return c
}
