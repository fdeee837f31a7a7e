package usercom

import (
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

	// Meta gives the response the methods StatusCode, RequestID, Raw, which is the
	// reply byte for byte, and Warnings.
	*provider.Meta `json:"-"`
}

var (
	errNoCreated = errors.New("usercom: the reply does not say whether the user was created")
	errUpdated   = errors.New("usercom: the user was there before the call, and was updated")
)

// decode reads a reply, or says what is wrong with it. The id is set if it could be
// read all the same.
func (r *UpdateOrCreateResponse) decode(data []byte) error {
	r.ID = scanID(data)
	// Not a struct: package json does not tell names apart by case.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	created := string(members["created"])
	r.Created = created == "true"
	switch {
	case wire.HasValue(members["errors"]), wire.HasValue(members["error"]):
		return errErrorInSuccess
	case r.ID <= 0:
		return errNoID
	case !r.Created && created != "false":
		return errNoCreated
	}
	return nil
}

// neutral returns what is known of the user.
func (r *UpdateOrCreateResponse) neutral() *userapi.User {
	u := &userapi.User{
		Provider:  Name,
		ID:        strconv.FormatInt(r.ID, 10),
		Proof:     userapi.ProofReply,
		RequestID: r.RequestID(),
		Raw:       r.Raw(),
	}
	u.SetNative(r)
	return u
}

// UpdateOrCreate creates a user, or updates the one that has its UserID, which is
// required: without it each call might make a user. A success is a reply of status
// 2xx that has the user's id and says whether it was created; everything else is an
// error. Like a create it is sent again only after a failure to connect and after
// 429. Repeating it makes no second user, but sets the members that are sent once
// more. Source: User.com, "Update or create user".
func (s *UsersService) UpdateOrCreate(ctx context.Context, req CreateUserRequest) (*UpdateOrCreateResponse, error) {
	check := provider.NativeCheck(Name)
	s.core.requireUserID(&check, req.UserID)
	req.check(&check, "GivenName")
	body := req.encode(s.core.version, &check)
	if _, err := check.Done(provider.OpCreate); err != nil {
		return nil, err
	}
	resp, _, failure := s.updateOrCreate(ctx, body)
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

func (c *core) requireUserID(check *provider.Check, userID *string) {
	if !given(userID) {
		check.Required("ExternalID", c.version.userID(), "must be set: nothing else is unique at User.com")
	}
}

// updateOrCreate sends a request that has been checked.
func (s *UsersService) updateOrCreate(ctx context.Context, body []byte) (*UpdateOrCreateResponse, *transport.Result, *userapi.Error) {
	call := s.core.createCall("/users/update_or_create/", body)
	res := s.core.http.Do(ctx, call)
	if !res.OK {
		return nil, nil, newError(provider.OpCreate, res, s.core.mask(call))
	}
	resp := &UpdateOrCreateResponse{Meta: provider.NewMeta(res)}
	bad := resp.decode(res.Reply.Body)
	if res.Reply.ReadErr != nil {
		bad = res.Reply.ReadErr
	}
	if bad != nil {
		// An id alone does not tell whether its user was created.
		e := provider.MalformedSuccess(Name, provider.OpCreate, res, s.core.mask(call), bad, nil)
		if resp.ID > 0 {
			e.UserID = strconv.FormatInt(resp.ID, 10)
		}
		return nil, nil, e
	}
	return resp, res, nil
}

// RepeatUser creates the user again as userapi.Repeater describes it, by POST
// /users/update_or_create/, reads it, and sets its attributes as CreateUser does.
// ExternalID is required: nothing else is unique at User.com. Where a user had it
// already the error is of KindConflict and OutcomeRejected, and Error.User is that
// user; User.com has then given it the values of the request.
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
	made, res, failure := c.Users.updateOrCreate(ctx, m.body)
	if failure != nil {
		return nil, m.refused(failure, &req)
	}
	user := made.neutral()
	resp, failure := c.Users.get(ctx, made.ID)
	if failure == nil {
		user = resp.neutral()
	}
	user.Unmapped = m.unmapped
	switch {
	case !made.Created:
		failure = c.core.taken(res, provider.Mask{}, user, errUpdated)
	case failure != nil:
		failure.Outcome, failure.User = userapi.OutcomeCreated, user
		if failure.Kind == userapi.KindNotFound { // which User.com has contradicted itself by
			failure.Kind = userapi.KindProtocol
		}
	default:
		failure = c.finish(ctx, made.ID, m.attributes, user)
	}
	if failure != nil {
		return nil, m.refused(failure, &req)
	}
	return user, nil
}
