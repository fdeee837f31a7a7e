package fusionauth

import (
	"context"
	"net/http"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// UsersService has FusionAuth's own calls for users. Its methods return the same
// errors as the client's, *userapi.Error.
type UsersService struct{ core *core }

// Create creates a user. A success is a reply of status 2xx with a user that has
// the id that was asked for; everything else is an error, which has the id in its
// UserID unless that was ServerAssigned.
func (s *UsersService) Create(ctx context.Context, req CreateUserRequest) (*CreateUserResponse, error) {
	check := provider.NativeCheck(Name)
	to := s.target(&req, &check)
	req.check(&check)
	checkSecret(&check, "user.password", req.User.Password)
	body := req.encode(&check)
	if faults := check.Faults(); len(faults) > 0 {
		return nil, withUserID(provider.Invalid(Name, provider.OpCreate, faults), to.userID)
	}
	if to.userID == "" && req.UserID != ServerAssigned {
		to.userID = uuid.New().String()
	}
	resp, failure := s.create(ctx, body, to)
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

// target reads the user's id and the tenant off a native request. The id is left
// empty where none is given.
func (s *UsersService) target(req *CreateUserRequest, check *provider.Check) target {
	to := target{tenantID: s.core.tenantID}
	var ok bool
	if req.TenantID != "" {
		if to.tenantID, ok = uuid.Canonical(req.TenantID); !ok {
			check.Invalid("", "CreateUserRequest.TenantID", mustBeUUID)
		}
	}
	if req.UserID != "" && req.UserID != ServerAssigned {
		if to.userID, ok = uuid.Canonical(req.UserID); !ok {
			check.Invalid("", "CreateUserRequest.UserID", mustBeUUID+", ServerAssigned, or empty for a random one")
		}
	}
	if own := provider.Value(req.User.ID); own != "" {
		switch {
		case req.UserID == "":
			to.userID, _ = uuid.Canonical(own)
		case !strings.EqualFold(req.UserID, own):
			check.Invalid("", "user.id", "must equal CreateUserRequest.UserID where both are set")
		}
	}
	return to
}

// createCall returns the call that creates a user from a body.
func (c *core) createCall(body []byte, to target) *transport.Call {
	path, template := to.route()
	return &transport.Call{
		Operation: provider.OpCreate, Route: template,
		Method: http.MethodPost, Path: path,
		ContentType: "application/json", Body: body,
		Sign: func(r *http.Request, _ []byte) error {
			c.auth.sign(r, to.tenantID)
			return nil
		},
		Classify: classify,
	}
}

// create sends the body of a request that has been checked.
func (s *UsersService) create(ctx context.Context, body []byte, to target) (*CreateUserResponse, *userapi.Error) {
	call := s.core.createCall(body, to)
	res := s.core.http.Do(ctx, call)
	mask := func() provider.Mask {
		return provider.NewMask(body, call.ContentType, s.core.auth(), to.userID, to.tenantID)
	}
	if !res.OK {
		return nil, withUserID(newError(provider.OpCreate, res, mask(), to), to.userID)
	}
	resp := &CreateUserResponse{Meta: provider.NewMeta(res)}
	bad, err := resp.decode(res.Reply.Body)
	if err != nil {
		resp.User.ID = scanID(res.Reply.Body)
	}
	if res.Reply.ReadErr != nil {
		bad = res.Reply.ReadErr
	}
	isOther := resp.isOther(to.userID)
	if bad == nil && isOther {
		bad = errOtherUser
	}
	if bad == nil {
		return resp, nil
	}
	var user *userapi.User
	if resp.User.ID != "" && !isOther {
		user = s.core.neutral(resp, to)
	}
	return nil, withUserID(provider.MalformedSuccess(Name, provider.OpCreate, res, mask(), bad, user), to.userID)
}

// withUserID notes the id that the user has or would have.
func withUserID(e *userapi.Error, userID string) *userapi.Error {
	if e.UserID == "" {
		e.UserID = userID
	}
	return e
}
