package fusionauth

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// UsersService has FusionAuth's own calls for users. Its methods return the same
// errors as the client's, *userapi.Error.
type UsersService struct{ core *core }

// Create creates a user. A success is a reply of status 2xx with a user that has the id
// that was asked for, and that shows no other e-mail address or user name than was
// sent. Everything else is an error, which has the id in its UserID unless that was
// ServerAssigned.
func (s *UsersService) Create(ctx context.Context, req CreateUserRequest) (*CreateUserResponse, error) {
	check := s.core.check()
	to := s.target("CreateUserRequest", req.UserID, req.TenantID, &req.User, &check)
	req.check(&check)
	check.Secret("Password", "user.password", req.User.Password)
	body := req.encode(&check)
	if _, err := check.Done(provider.OpCreate); err != nil {
		return nil, withUserID(err, to.userID)
	}
	if to.userID == "" && req.UserID != ServerAssigned {
		to.userID = uuid.New().String()
	}
	resp, err := provider.Create(ctx, s.core.Vendor, createCall(userPath, body, to), new(reply), req.User.accept(to))
	return (*CreateUserResponse)(resp), err
}

// target reads a new user's id, which may be empty, and the tenant off the request of a type.
func (s *UsersService) target(request, userID, tenantID string, u *NewUser, check *provider.Check) target {
	to := target{tenantID: cmp.Or(check.UUIDIfSet(request+".TenantID", tenantID), s.core.tenantID)}
	if userID != "" && userID != ServerAssigned {
		var ok bool
		if to.userID, ok = uuid.Canonical(userID); !ok {
			check.Invalid("", request+".UserID", provider.MustBeUUID+"; ServerAssigned; or empty for a random one")
		}
	}
	if own := provider.Value(u.ID); own != "" {
		switch {
		case userID == "":
			to.userID, _ = uuid.Canonical(own)
		case !strings.EqualFold(userID, own):
			check.Invalid("", "user.id", "must equal "+request+".UserID where both are set")
		}
	}
	return to
}

// createCall returns the call that creates a user, by POST to a path or below it.
func createCall(base string, body []byte, to target) *provider.Call {
	path, template := to.route(base)
	call := provider.NewCreate(template, path, "application/json", body)
	call.UserID, call.OwnID, call.Tenant, call.Field = to.userID, true, to.tenantID, to.idField
	return call
}

// accept returns what refuses a reply that shows another user than was sent.
func (u *NewUser) accept(to target) func(*reply, *transport.Result) error {
	return func(r *reply, _ *transport.Result) error { return u.compare(to, &r.User, r.meta) }
}

// compare refuses another user than was sent, and warns of what the server has ignored.
func (u *NewUser) compare(to target, shown *User, meta provider.Meta) error {
	if provider.Given(u.PhoneNumber) && !shown.hasPhoneNumber() {
		meta.Warn(noPhoneNumber)
	}
	if slices.ContainsFunc(u.Registrations, func(r Registration) bool { return !shown.isRegistered(r.ApplicationID) }) {
		meta.Warn("FusionAuth ignores user.registrations of a create: Users.Register makes a registration")
	}
	return cmp.Or(
		provider.Contradicts(to.userID, shown.ID, provider.CompareText),
		provider.Contradicts(trimmed(u.Email), trimmed(shown.Email), provider.CompareText),
		provider.Contradicts(trimmed(u.Username), trimmed(shown.Username), provider.CompareText),
	)
}

const noPhoneNumber = "the reply shows no phone number to log in with: a server before FusionAuth 1.59 ignores user.phoneNumber"

func (u *User) hasPhoneNumber() bool {
	return provider.Given(u.PhoneNumber) || slices.ContainsFunc(u.Identities, func(i Identity) bool { return i.Type == IdentityPhoneNumber })
}

func (u *User) isRegistered(applicationID *string) bool {
	return slices.ContainsFunc(u.Registrations, func(r Registration) bool {
		return strings.EqualFold(provider.Value(r.ApplicationID), provider.Value(applicationID))
	})
}

func trimmed(s *string) string { return strings.TrimSpace(provider.Value(s)) }

func withUserID(err error, userID string) error {
	if e, ok := err.(*userapi.Error); ok && e.UserID == "" {
		e.UserID = userID
	}
	return err
}
