package fusionauth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// RegisterRequest is a request to POST /api/user/registration/{userId}. With User it creates the user
// and the registration in one transaction. Without User it registers the user of UserID, who exists.
// Members that are nil, "" or zero are not sent. Marshalling it shows every secret redacted: it is for
// reading. Ids in it must be UUIDs, of any version. Source: FusionAuth, "User Registration APIs".
type RegisterRequest struct {
	// UserID is the user's id, a UUID. Without User it is required. With User it is the new user's:
	// "" means that of User.ID, or else a random one that the client chooses; ServerAssigned leaves it
	// to the server.
	UserID string `json:"-"`
	// TenantID is the tenant to create the user in; "" means the client's. A user who
	// exists is found by the id in any tenant the key sees it, unless TenantID is set.
	TenantID string `json:"-"`

	// DisableDomainBlock admits e-mail domains that the tenant blocks. Since 1.30.
	DisableDomainBlock *bool `json:"disableDomainBlock,omitempty"`
	// GenerateAuthenticationToken has the server make the registration's AuthenticationToken.
	GenerateAuthenticationToken *bool `json:"generateAuthenticationToken,omitempty"`
	// Registration says for which application; its ApplicationID is required.
	Registration Registration `json:"registration"`
	// SendSetPasswordEmail has the server ignore the password and mail the user a
	// link to set one. Deprecated by FusionAuth since 1.59.
	SendSetPasswordEmail *bool `json:"sendSetPasswordEmail,omitempty"`
	// SendSetPasswordIdentityType does the same by e-mail or telephone. Since 1.59.
	SendSetPasswordIdentityType SendSetPasswordIdentityType `json:"sendSetPasswordIdentityType,omitempty"`
	// SkipRegistrationVerification marks the registration as verified, also where the application asks
	// for its verification.
	SkipRegistrationVerification *bool `json:"skipRegistrationVerification,omitempty"`
	// SkipVerification marks the new user's identities as not in need of verification.
	SkipVerification *bool `json:"skipVerification,omitempty"`
	// User is the user to create; nil registers one who exists. Its Registrations are ignored by the
	// server.
	User *NewUser `json:"user,omitempty"`
	// VerificationIDs are as those of CreateUserRequest. Since 1.62.
	VerificationIDs []userapi.Secret `json:"verificationIds,omitempty"`
	// EventInfo describes the caller, for events and webhooks.
	EventInfo EventInfo `json:"eventInfo,omitzero"`
}

// Format shows only the type, as that of CreateUserRequest.
func (r RegisterRequest) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r RegisterRequest) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// Register creates a user and its registration for an application, or with a nil User registers a user
// who exists.
//
// With a User it is one transaction: both are made, or neither. A success is that of
// Create, with a registration for the application. If the reply shows no such
// registration the error has OutcomeCreated: call Client.FinishUser. Other errors are
// those of Create.
//
// Without a User it is a step with a user who exists. The Outcome of its error is about
// the registration. A user who is registered for the application already is
// KindConflict that names registration; a user who does not exist is KindNotFound. A
// registration is sent again only when the one before provably did not happen, as a
// create is.
//
// The API key needs the right to POST to /api/user/registration.
func (s *UsersService) Register(ctx context.Context, req RegisterRequest) (*RegisterResponse, error) {
	check := s.core.check()
	to := s.registerTarget(&req, &check)
	req.check(&check)
	body := req.encode(&check)
	if _, err := check.Done(req.operation()); err != nil {
		return nil, withUserID(err, to.userID)
	}
	if req.User == nil {
		resp, err := s.core.register(ctx, registerCall(body, to, &req.Registration))
		return (*RegisterResponse)(resp), err
	}
	if to.userID == "" && req.UserID != ServerAssigned {
		to.userID = uuid.New().String()
	}
	resp, err := provider.Create(ctx, s.core.Vendor, createCall(registrationPath, body, to), &registerReply{received: s.core.newReceived(to)}, req.accept(to))
	return (*RegisterResponse)(resp), err
}

// opRegister is the operation on a user who exists.
const opRegister = "register user"

func (r *RegisterRequest) operation() string {
	if r.User == nil {
		return opRegister
	}
	return provider.OpCreate
}

// registerTarget reads the user's id and the tenant off a request.
func (s *UsersService) registerTarget(req *RegisterRequest, check *provider.Check) target {
	if req.User != nil {
		return s.target("RegisterRequest", req.UserID, req.TenantID, req.User, check)
	}
	return target{userID: check.UUID("", "RegisterRequest.UserID", req.UserID), tenantID: check.UUIDIfSet("RegisterRequest.TenantID", req.TenantID)}
}

func (r *RegisterRequest) check(c *provider.Check) {
	if r.User != nil {
		r.User.checkNew(c, r.VerificationIDs)
	}
	r.Registration.checkNew(c)
}

// checkNew checks a registration that is to be made.
func (r *Registration) checkNew(c *provider.Check) {
	own := *r
	if provider.Value(own.ApplicationID) == "" {
		c.Required("", "registration.applicationId", "must be the id of the application to register for")
		own.ApplicationID = nil
	}
	own.check(c, "registration.")
}

// accept returns what refuses a reply that shows another user than was sent, or no registration.
func (r *RegisterRequest) accept(to target) func(*registerReply, *transport.Result) error {
	user, applicationID := r.User, provider.Value(r.Registration.ApplicationID)
	return func(reply *registerReply, _ *transport.Result) error {
		return cmp.Or(user.compare(to, &reply.User, reply.meta), reply.isOf(applicationID))
	}
}

func (r *RegisterRequest) encode(c *provider.Check) []byte {
	own := []Data{r.Registration.Data, r.EventInfo.Data}
	if r.User != nil {
		own = append(own, r.User.ownValues()...)
	}
	return encode(c, r, own)
}

// registerCall returns the call that registers a user who exists.
func registerCall(body []byte, to target, r *Registration) *provider.Call {
	call := createCall(registrationPath, body, to)
	call.Operation, call.Classify = opRegister, classifyRegister
	call.Hidden = []string{provider.Value(r.ApplicationID)}
	return call
}

// register registers a user who exists.
func (c *core) register(ctx context.Context, call *provider.Call) (*registerReply, error) {
	applicationID := call.Hidden[0]
	return provider.Read(ctx, c.Vendor, call, &registerReply{existing: true}, func(r *registerReply, _ *transport.Result) error {
		return cmp.Or(provider.Contradicts(call.UserID, r.User.ID, provider.CompareText), r.isOf(applicationID))
	})
}

// classifyRegister is classify, but for a 404 that is not FusionAuth's own: it says
// nothing about the user.
func classifyRegister(r *transport.Reply) transport.Classification {
	c := classify(r)
	if r.Status == http.StatusNotFound && (r.ReadErr != nil || !saysAbsent(r)) {
		c.Kind, c.Outcome = userapi.KindProtocol, userapi.OutcomeUnknown
	}
	return c
}
