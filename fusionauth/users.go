package fusionauth

import (
	"cmp"
	"context"
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
// the id that was asked for, and that shows no other e-mail address or user name than
// was sent; everything else is an error, which has the id in its UserID unless that was
// ServerAssigned.
func (s *UsersService) Create(ctx context.Context, req CreateUserRequest) (*CreateUserResponse, error) {
	check := s.core.check()
	to := s.target(&req, &check)
	req.check(&check)
	check.Secret("Password", "user.password", req.User.Password)
	body := req.encode(&check)
	if _, err := check.Done(provider.OpCreate); err != nil {
		return nil, withUserID(err, to.userID)
	}
	if to.userID == "" && req.UserID != ServerAssigned {
		to.userID = uuid.New().String()
	}
	resp, err := provider.Create(ctx, s.core.Vendor, createCall(body, to), new(reply), req.User.accept(to))
	return (*CreateUserResponse)(resp), err
}

// target reads the user's id, which may be empty, and the tenant off a native request.
func (s *UsersService) target(req *CreateUserRequest, check *provider.Check) target {
	to := target{tenantID: cmp.Or(check.UUIDIfSet("CreateUserRequest.TenantID", req.TenantID), s.core.tenantID)}
	if req.UserID != "" && req.UserID != ServerAssigned {
		var ok bool
		if to.userID, ok = uuid.Canonical(req.UserID); !ok {
			check.Invalid("", "CreateUserRequest.UserID", provider.MustBeUUID+"; ServerAssigned; or empty for a random one")
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

func createCall(body []byte, to target) *provider.Call {
	path, template := to.route()
	call := provider.NewCreate(template, path, "application/json", body)
	call.UserID, call.OwnID, call.Tenant, call.Field = to.userID, true, to.tenantID, to.idField
	return call
}

// accept returns what refuses a reply that shows another user than was sent.
func (u *NewUser) accept(to target) func(*reply, *transport.Result) error {
	return func(r *reply, _ *transport.Result) error {
		return cmp.Or(
			provider.Contradicts(to.userID, r.User.ID, provider.CompareText),
			provider.Contradicts(trimmed(u.Email), trimmed(r.User.Email), provider.CompareText),
			provider.Contradicts(trimmed(u.Username), trimmed(r.User.Username), provider.CompareText),
		)
	}
}

func trimmed(s *string) string { return strings.TrimSpace(provider.Value(s)) }

func withUserID(err error, userID string) error {
	if e, ok := err.(*userapi.Error); ok && e.UserID == "" {
		e.UserID = userID
	}
	return err
}
