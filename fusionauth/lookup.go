package fusionauth

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
)

// GetUserResponse is the reply to GET /api/user/{userId} and GET /api/user. It is the
// object that answers a create, without the token: which is given once. Source:
// FusionAuth, "Users API", "Retrieve a User", response.
type GetUserResponse = CreateUserResponse

// Get reads the user with an id, which must be a UUID, of any tenant that the API key
// sees. A user that does not exist for that key is KindNotFound with OutcomeRejected;
// every other failure leaves it unknown. Source: FusionAuth, "Users API", "Retrieve a
// User".
func (s *UsersService) Get(ctx context.Context, id string) (*GetUserResponse, error) {
	check := s.core.check()
	id = check.UUID("", "userId", id)
	return s.get(ctx, byID(id), &check)
}

// GetByEmail reads the user of the client's tenant with an e-mail address. Its errors
// are those of Get; of other tenants they say nothing. Source: FusionAuth, "Users API",
// "Retrieve a User", email.
func (s *UsersService) GetByEmail(ctx context.Context, email string) (*GetUserResponse, error) {
	check := s.core.check()
	check.Key("Email", "email", email)
	return s.get(ctx, byEmail(email, s.core.tenantID), &check)
}

// GetByLoginID reads the user of the client's tenant who logs in with a text, as an identity of one
// of the given types. Without types FusionAuth looks at e-mail addresses and user names; types need
// FusionAuth 1.59 or later. Its errors are those of GetByEmail. Source: FusionAuth, "Users API",
// "Retrieve a User", loginId and loginIdTypes.
func (s *UsersService) GetByLoginID(ctx context.Context, loginID string, types ...IdentityType) (*GetUserResponse, error) {
	check := s.core.check()
	check.Key("", "loginId", loginID)
	for i, t := range types {
		check.Key("", fmt.Sprintf("loginIdTypes[%d]", i), string(t))
	}
	return s.get(ctx, byLoginID(loginID, s.core.tenantID, types...), &check)
}

func (s *UsersService) get(ctx context.Context, call *provider.Call, check *provider.Check) (*GetUserResponse, error) {
	resp, err := provider.Read(ctx, s.core.Vendor, call.Checked(check), new(reply), found(call))
	return (*GetUserResponse)(resp), err
}

// found returns what refuses a reply that holds another user than the one asked for.
func found(call *provider.Call) func(*reply, *transport.Result) error {
	return func(r *reply, _ *transport.Result) error {
		u, asked := &r.User, strings.TrimSpace(call.Hidden[0])
		is := func(shown *string, compare func(sent, shown string) provider.Match) error {
			return provider.Contradicts(asked, trimmed(shown), compare)
		}
		switch call.Route {
		case routeByEmail:
			return is(u.Email, provider.CompareText)
		case routeByUsername:
			return is(u.Username, provider.CompareText)
		case routeByLoginID: // it is one of what the user logs in with
			for _, shown := range [...]*string{u.Email, u.Username, u.UniqueUsername} {
				if provider.Given(shown) && is(shown, provider.CompareText) == nil {
					return nil
				}
			}
			if !strings.Contains(call.Path, phoneToo) {
				return is(cmp.Or(u.Email, u.Username), provider.CompareText)
			}
			return is(cmp.Or(u.PhoneNumber, u.Email, u.Username), provider.ComparePhone)
		}
		return provider.Contradicts(call.UserID, u.ID, provider.CompareText)
	}
}

// The routes of look-ups that find a user by a text.
const (
	routeByEmail    = "/api/user?email={email}"
	routeByUsername = "/api/user?username={username}"
	routeByLoginID  = "/api/user?loginId={loginId}"
)

// phoneToo stands in the path of a look-up that phone numbers count in.
const phoneToo = "&loginIdTypes=" + string(IdentityPhoneNumber)

// Deactivate is FusionAuth's soft delete: the user still exists and keeps the names to
// log in with, but is not active. Source: FusionAuth, "Users API", "Delete a User".
func (s *UsersService) Deactivate(ctx context.Context, id string) error {
	return s.remove(ctx, id, "")
}

// Delete deletes a user permanently. It is sent again after a temporary failure, so that a
// KindNotFound may be the work of an attempt whose reply was lost. Source:
// FusionAuth, "Users API", "Delete a User", hardDelete.
func (s *UsersService) Delete(ctx context.Context, id string) error {
	return s.remove(ctx, id, "?hardDelete=true")
}

func (s *UsersService) remove(ctx context.Context, id, query string) error {
	check := s.core.check()
	// What is not a UUID could change the path, and with it what is deleted.
	call := byID(check.UUID("", "userId", id))
	call.Operation, call.Method = provider.OpDelete, http.MethodDelete
	call.Path += query
	call.Route += query
	return provider.Do(ctx, s.core.Vendor, call.Checked(&check))
}

// byID returns the call that reads the user with an id, in any tenant the key sees it.
func byID(id string) *provider.Call {
	path, route := target{userID: id}.route(userPath)
	call := lookupCall(path, route, id, "")
	call.UserID = id
	return call
}

func byEmail(email, tenantID string) *provider.Call {
	return lookupCall("/api/user?email="+url.QueryEscape(email), routeByEmail, email, tenantID)
}

func byUsername(username, tenantID string) *provider.Call {
	return lookupCall("/api/user?username="+url.QueryEscape(username), routeByUsername, username, tenantID)
}

func byLoginID(loginID, tenantID string, types ...IdentityType) *provider.Call {
	path := "/api/user?loginId=" + url.QueryEscape(loginID)
	for _, t := range types {
		path += "&loginIdTypes=" + url.QueryEscape(string(t))
	}
	return lookupCall(path, routeByLoginID, loginID, tenantID)
}

func lookupCall(path, route, value, tenantID string) *provider.Call {
	call := provider.NewLookup(provider.OpLookup, http.MethodGet, route, path, value)
	call.Tenant = tenantID
	return call
}

// saysAbsent reports whether a 404 is FusionAuth's own, which is empty. Source:
// FusionAuth, "Users API", "Retrieve a User", response codes.
func saysAbsent(r *transport.Reply) bool {
	return provider.IsBlank(r.Body) || provider.HasMembers(r.Body, "fieldErrors") || provider.HasMembers(r.Body, "generalErrors")
}
