package usercom

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// What is done with a user that exists.
const (
	opAttributes = "set attributes"
	opList       = "add to list"
	opFinish     = "finish user"
	setMultiple  = "set_multiple_attributes"
	addToList    = "add_to_list"
)

// stepCall returns a request that may be repeated, for a user that exists.
func stepCall(op, user, action string, body []byte) *provider.Call {
	return &provider.Call{UserID: user, Call: transport.Call{
		Operation: op, Route: "/users/{id}/" + action + "/",
		Method: http.MethodPost, Path: "/users/" + user + "/" + action + "/",
		ContentType: JSON.contentType(), Body: body,
		Repeatable: true, Classify: classifyStep,
	}}
}

// step carries one out.
func (c *core) step(ctx context.Context, call *provider.Call) error {
	if call.Operation == opList {
		_, err := provider.Read(ctx, c.Vendor, call, &listReply{}, nil)
		return err
	}
	_, err := provider.Read(ctx, c.Vendor, call, &attributesReply{*c.newReply()}, func(r *attributesReply, _ *transport.Result) error {
		return r.isOf(call.UserID)
	})
	return err
}

// An attributesReply is the reply to setting attributes. It need not hold the user.
type attributesReply struct{ reply }

// Receive reads the user, for provider.Reply.
func (r *attributesReply) Receive(from *transport.Reply, m provider.Meta) error {
	if provider.IsBlank(from.Body) {
		return nil
	}
	if bad := r.reply.Receive(from, m); !errors.Is(bad, provider.ErrNoID) {
		return bad
	}
	return nil
}

// AddToList puts the user with the given id on the list with the given id, by POST
// /users/{id}/add_to_list/. Both must be positive. A success is a reply with an id;
// whose id it is User.com does not say. Temporary failures are retried, as for
// SetAttribute. The Outcome of its error is about the list. Sources: User.com, "Add
// user to list", for the call; its .NET client (keghub/usercom-dotnet-sdk), for the
// list's id as a number.
func (s *UsersService) AddToList(ctx context.Context, id, list int64) error {
	check := provider.NativeCheck(Name)
	user := checkID(&check, id)
	checkLists(&check, "list", list)
	return s.core.step(ctx, listCall(user, list).Checked(&check))
}

func listCall(user string, list int64) *provider.Call {
	body, _ := provider.Encode(struct { // a number can be encoded
		List int64 `json:"list"`
	}{list})
	return stepCall(opList, user, addToList, body)
}

func checkLists(c *provider.Check, member string, lists ...int64) {
	if slices.ContainsFunc(lists, func(id int64) bool { return id <= 0 }) {
		c.Invalid("", member, "must be the id of a list, a positive number")
	}
	if sorted := slices.Sorted(slices.Values(lists)); len(slices.Compact(sorted)) < len(lists) {
		c.Invalid("", member, "must name each list once")
	}
}

// A listReply is the reply to putting a user on a list.
type listReply struct{}

// Receive looks for an id, for provider.Reply.
func (*listReply) Receive(from *transport.Reply, _ provider.Meta) error {
	var in struct {
		ID     int64       `json:"id"`
		Errors wire.Values `json:"errors"`
		Error  wire.Values `json:"error"`
	}
	err := wire.Decode(from.Body, &in, wire.Path{Names: []string{"id"}})
	return provider.Success(err, in.ID > 0, in.Errors, in.Error)
}

// Neutral returns nil: the id is not known to be a user's.
func (*listReply) Neutral() *userapi.User { return nil }
