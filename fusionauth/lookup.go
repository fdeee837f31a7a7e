package fusionauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// GetUserResponse is the reply to GET /api/user/{userId} and GET /api/user. It is the
// object that answers a create, without the token: that is given once. Source:
// FusionAuth, "Users API", "Retrieve a User", response.
type GetUserResponse = CreateUserResponse

// Get reads the user with an id, which must be a UUID. A user that does not exist, or
// that is another tenant's where the client names a tenant, is a KindNotFound with
// OutcomeRejected; every other failure leaves it unknown. Source: FusionAuth, "Users
// API", "Retrieve a User".
func (s *UsersService) Get(ctx context.Context, id string) (*GetUserResponse, error) {
	id, failure := checkedID(provider.OpLookup, id)
	if failure != nil {
		return nil, failure
	}
	return s.read(ctx, byID(id))
}

// GetByEmail reads the user of the client's tenant with an e-mail address. Its errors
// are those of Get. Source: FusionAuth, "Users API", "Retrieve a User", email.
func (s *UsersService) GetByEmail(ctx context.Context, email string) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	checkText(&check, "email", email)
	if faults := check.Faults(); len(faults) > 0 {
		return nil, provider.Invalid(Name, provider.OpLookup, faults)
	}
	return s.read(ctx, byEmail(email))
}

// GetByLoginID reads the user of the client's tenant who logs in with a text, as an
// identity of one of the given types. Without types FusionAuth looks at e-mail
// addresses and user names; types need FusionAuth 1.59 or later. Its errors are those
// of Get. Source: FusionAuth, "Users API", "Retrieve a User", loginId and loginIdTypes.
func (s *UsersService) GetByLoginID(ctx context.Context, loginID string, types ...IdentityType) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	checkText(&check, "loginId", loginID)
	for i, t := range types {
		checkText(&check, fmt.Sprintf("loginIdTypes[%d]", i), string(t))
	}
	if faults := check.Faults(); len(faults) > 0 {
		return nil, provider.Invalid(Name, provider.OpLookup, faults)
	}
	return s.read(ctx, byLoginID(loginID, types...))
}

// Deactivate deletes a user softly: the user stays, is not active, and keeps the
// names to log in with. Source: FusionAuth, "Users API", "Delete a User".
func (s *UsersService) Deactivate(ctx context.Context, id string) error {
	return s.remove(ctx, id, "")
}

// Delete deletes a user for good. It is sent again after a passing failure, so that a
// KindNotFound may be the work of an attempt whose reply was lost. Source:
// FusionAuth, "Users API", "Delete a User", hardDelete.
func (s *UsersService) Delete(ctx context.Context, id string) error {
	return s.remove(ctx, id, "?hardDelete=true")
}

// An address is where one user is read or deleted.
type address struct {
	path, route string
	// value stands in the path, and is not to be seen elsewhere.
	value string
	// userID is the id of the user that is asked for; "" where it is not known.
	userID string
}

func byID(id string) address {
	path, route := target{userID: id}.route()
	return address{path, route, id, id}
}

func byEmail(email string) address {
	return address{path: "/api/user?email=" + url.QueryEscape(email), route: "/api/user?email={email}", value: email}
}

func byUsername(username string) address {
	return address{path: "/api/user?username=" + url.QueryEscape(username), route: "/api/user?username={username}", value: username}
}

func byLoginID(loginID string, types ...IdentityType) address {
	path := "/api/user?loginId=" + url.QueryEscape(loginID)
	for _, t := range types {
		path += "&loginIdTypes=" + url.QueryEscape(string(t))
	}
	return address{path: path, route: "/api/user?loginId={loginId}", value: loginID}
}

// checkedID returns an id as it is sent: what is no UUID could change the path, and
// with it what is deleted.
func checkedID(op, id string) (string, *userapi.Error) {
	canonical, ok := uuid.Canonical(id)
	if !ok {
		check := provider.NativeCheck(Name)
		check.Invalid("", "userId", mustBeUUID)
		return "", provider.Invalid(Name, op, check.Faults())
	}
	return canonical, nil
}

func checkText(check *provider.Check, name, text string) {
	if strings.TrimSpace(text) == "" || !utf8.ValidString(text) {
		check.Invalid("", name, "must be valid UTF-8, and not blank")
	}
}

// read reads one user of the client's tenant.
func (s *UsersService) read(ctx context.Context, at address) (*GetUserResponse, error) {
	resp, _, failure := s.core.lookUp(ctx, at, s.core.tenantID)
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

// lookUp reads one user of a tenant, and returns the reply too.
func (c *core) lookUp(ctx context.Context, at address, tenantID string) (*GetUserResponse, *transport.Reply, *userapi.Error) {
	resp := &GetUserResponse{}
	reply, failure := c.ask(ctx, provider.OpLookup, http.MethodGet, at, tenantID, func(res *transport.Result) error {
		resp.Meta = provider.NewMeta(res)
		bad, _ := resp.decode(res.Reply.Body)
		switch _, isID := uuid.Canonical(resp.User.ID); {
		case bad != nil:
		case !isID:
			bad = errNoID
		case resp.isOther(at.userID):
			bad = errOtherUser
		}
		return bad
	})
	if failure != nil {
		return nil, nil, failure
	}
	return resp, reply, nil
}

// remove deletes a user, in the way that the query asks for.
func (s *UsersService) remove(ctx context.Context, id, query string) error {
	id, failure := checkedID(provider.OpDelete, id)
	if failure != nil {
		return failure
	}
	at := byID(id)
	at.path += query
	at.route += query
	_, failure = s.core.ask(ctx, provider.OpDelete, http.MethodDelete, at, s.core.tenantID, func(res *transport.Result) error {
		return checkDeleted(res.Reply.Body)
	})
	if failure != nil {
		return failure
	}
	return nil
}

// checkDeleted looks at the body of a delete that succeeded by its status. FusionAuth
// sends none; a page is somebody else's answer.
func checkDeleted(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	var resp CreateUserResponse
	if bad, _ := resp.decode(body); !errors.Is(bad, errNoID) {
		return bad
	}
	return nil
}

// saysAbsent reports whether a 404 is FusionAuth's own, which is empty. Source:
// FusionAuth, "Users API", "Retrieve a User", response codes.
func saysAbsent(a provider.Absence) bool {
	return a.Blank || a.Has("fieldErrors") || a.Has("generalErrors")
}

// ask sends what may be sent twice, and has read look at the success.
func (c *core) ask(
	ctx context.Context, op, method string, at address, tenantID string, read func(*transport.Result) error,
) (*transport.Reply, *userapi.Error) {
	res := c.http.Do(ctx, &transport.Call{
		Operation: op, Route: at.route,
		Method: method, Path: at.path,
		Repeatable: true,
		Sign: func(r *http.Request, _ []byte) error {
			c.auth.sign(r, tenantID)
			return nil
		},
		Classify: provider.Repeatable(classify, saysAbsent),
	})
	mask := func() provider.Mask { return provider.NewMask(nil, "", c.auth(), tenantID, at.value) }
	if !res.OK {
		return nil, provider.AsLookupError(withUserID(newError(op, res, mask(), target{}), at.userID))
	}
	bad := res.Reply.ReadErr
	if bad == nil {
		bad = read(res)
	}
	if bad != nil {
		return nil, provider.AsLookupError(withUserID(provider.MalformedSuccess(Name, op, res, mask(), bad, nil), at.userID))
	}
	return res.Reply, nil
}
