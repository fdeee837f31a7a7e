package usercom

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// UpdateOrCreateResponse is the reply to POST /users/update_or_create/. Source:
// User.com, "Update or create user".
type UpdateOrCreateResponse struct {
	// Created is false where a user had the user_id already, which was updated.
	Created bool  `json:"created"`
	ID      int64 `json:"id"`

	meta  provider.Meta
	shown userapi.User // what the reply shows of the user, beside its id
}

// StatusCode returns the reply's HTTP status; 0 for a value that no call returned.
func (r *UpdateOrCreateResponse) StatusCode() int { return r.meta.StatusCode() }

// RequestID returns the reply's Cf-Ray, "" for none.
func (r *UpdateOrCreateResponse) RequestID() string { return r.meta.RequestID() }

// Raw returns the reply byte for byte.
func (r *UpdateOrCreateResponse) Raw() json.RawMessage { return r.meta.Raw() }

// Warnings returns oddities of the reply that are not failures.
func (r *UpdateOrCreateResponse) Warnings() []string { return r.meta.Warnings() }

var (
	errNoCreated = errors.New("usercom: the reply does not say whether the user was created")
	errUpdated   = errors.New("usercom: the user existed before the call, and was updated")
)

// decode reads a reply, or says what is wrong with it. It reads the id of a broken one too.
func (r *UpdateOrCreateResponse) decode(data []byte) error {
	var in struct {
		ID       int64           `json:"id"`
		Created  json.RawMessage `json:"created"`
		Email    string          `json:"email"`
		UserID   string          `json:"user_id"`
		CustomID string          `json:"custom_id"`
		Errors   wire.Values     `json:"errors"`
		Error    wire.Values     `json:"error"`
	}
	err := wire.Decode(data, &in, wire.Path{Names: []string{"id", "created", "email", "user_id", "custom_id"}})
	r.shown = userapi.User{Email: in.Email, ExternalID: cmp.Or(in.CustomID, in.UserID)}
	r.ID, r.Created = max(in.ID, 0), string(in.Created) == "true"
	if err != nil {
		text, _ := wire.ScanID(data, "id")
		r.ID, _ = wire.Int(text)
	}
	if err := provider.Success(err, r.ID > 0, in.Errors, in.Error); err != nil {
		return err
	}
	if !r.Created && string(in.Created) != "false" {
		return errNoCreated
	}
	return nil
}

// UpdateOrCreate creates a user, or updates the one that has its UserID, which is
// required: without it each call might make a user. A success is a reply of status 2xx
// that has the user's id and says whether it was created. Everything else is an error.
// Like a create it is sent again only after a failure to connect and after 429.
// Repeating it makes no second user, but sets the members that are sent once more.
// Source: User.com, "Update or create user".
func (s *UsersService) UpdateOrCreate(ctx context.Context, req CreateUserRequest) (*UpdateOrCreateResponse, error) {
	check := provider.NativeCheck(Name)
	s.core.requireUserID(&check, req.UserID)
	req.check(&check, "GivenName")
	call := s.core.createCall(updatePath, req.encode(s.core.version, &check)).Checked(&check)
	resp, err := provider.Create(ctx, s.core.Vendor, call, &updateReply{call: call}, func(r *updateReply, _ *transport.Result) error { return contradicts(&req, &r.shown) })
	if err != nil {
		return nil, err
	}
	return &resp.UpdateOrCreateResponse, nil
}

func (c *core) requireUserID(check *provider.Check, userID *string) {
	if !provider.Given(userID) {
		check.Required("ExternalID", c.version.userID(), "must be set: nothing else is unique at User.com")
	}
}

const updatePath = "/users/update_or_create/"

// An updateReply is an UpdateOrCreateResponse that is being received.
type updateReply struct {
	UpdateOrCreateResponse
	call  *provider.Call
	whole bool
}

// Receive reads the id and whether the user was created, for provider.Reply.
func (r *updateReply) Receive(from *transport.Reply, m provider.Meta) error {
	r.meta = m
	bad := r.decode(from.Body)
	r.whole = bad == nil && from.ReadErr == nil
	if !r.whole && r.ID > 0 { // no one else tells the id
		r.call.UserID = strconv.FormatInt(r.ID, 10)
	}
	return bad
}

// Neutral returns nil for a broken reply: an id does not tell whether its user was created.
func (r *updateReply) Neutral() *userapi.User {
	if !r.whole {
		return nil
	}
	return r.meta.NewUser(Name, strconv.FormatInt(r.ID, 10), &r.UpdateOrCreateResponse)
}

// RepeatUser creates the user again as userapi.Repeater describes, by POST
// /users/update_or_create/, reads it, and sets its attributes as CreateUser does.
// ExternalID is required: nothing else is unique at User.com. Where a user had it
// already the error is of KindConflict and OutcomeRejected, and Error.User is that
// user; User.com has then given it the values of the request. With a Key of [Extra] it
// is done by the update of the visitor, as in CreateUser, where there is one.
func (c *Client) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	check := provider.NativeCheck(Name)
	c.core.requireUserID(&check, &req.ExternalID)
	m, err := c.mapRequest(&req)
	if e, ok := err.(*userapi.Error); ok {
		check.Add(e.FieldErrors...)
	}
	if _, err := check.Done(provider.OpCreate); err != nil {
		return nil, err
	}
	var user *userapi.User
	if m.key != "" {
		if user, err = c.createVisitor(ctx, m, &req); err != nil {
			return nil, err
		}
	}
	if user == nil {
		if user, err = c.updateOrCreate(ctx, m, &req); err != nil {
			return nil, err
		}
		if m.key != "" {
			user.Warnings = append(user.Warnings, noVisitor)
		}
	}
	if err := c.finish(ctx, m, &req, user); err != nil {
		return nil, err
	}
	return user, nil
}

// updateOrCreate creates the user by update_or_create, and reads it.
func (c *Client) updateOrCreate(ctx context.Context, m mapped, req *userapi.CreateUserRequest) (*userapi.User, error) {
	var user *userapi.User
	m.call.Route, m.call.Path = updatePath, updatePath
	_, err := provider.Create(ctx, c.core.Vendor, m.call, &updateReply{call: m.call}, func(r *updateReply, res *transport.Result) error {
		if err := contradicts(m.native, &r.shown); err != nil {
			return err
		}
		user = r.Neutral()
		shown, err := c.core.get(ctx, r.ID)
		if err == nil {
			user = shown.Neutral()
			if err := contradicts(m.native, user); err != nil {
				return err
			}
		}
		user.Unmapped = m.unmapped
		e, failed := err.(*userapi.Error)
		switch {
		case !r.Created:
			return c.core.taken(res, user, errUpdated)
		case failed:
			e.Outcome, e.User = userapi.OutcomeCreated, user
			if e.Kind == userapi.KindNotFound { // User.com contradicts itself
				e.Kind = userapi.KindProtocol
			}
		}
		return err
	})
	if err != nil {
		return nil, provider.Portable(err, req, m.unmapped)
	}
	return user, nil
}
