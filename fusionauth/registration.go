package fusionauth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// register returns the combined request in place of a create's.
func (x *Extra) register(r *CreateUserRequest, check *provider.Check) *RegisterRequest {
	if id := provider.Value(x.Registration.ApplicationID); x.ApplicationID != "" && !strings.EqualFold(x.ApplicationID, id) {
		check.Invalid("", "applicationId", "must be that of Extra.Registration where both are set")
	}
	req := x.step()
	req.User = &r.User
	req.DisableDomainBlock = r.DisableDomainBlock
	req.SendSetPasswordEmail, req.SendSetPasswordIdentityType = r.SendSetPasswordEmail, r.SendSetPasswordIdentityType
	req.SkipVerification, req.VerificationIDs = r.SkipVerification, r.VerificationIDs
	return req
}

// step returns the request that registers a user who exists.
func (x *Extra) step() *RegisterRequest {
	return &RegisterRequest{
		GenerateAuthenticationToken:  x.GenerateAuthenticationToken,
		Registration:                 *x.Registration,
		SkipRegistrationVerification: x.SkipRegistrationVerification,
		EventInfo:                    x.EventInfo,
	}
}

// checkUnregistered refuses what is for a registration alone.
func (x *Extra) checkUnregistered(check *provider.Check) {
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"generateAuthenticationToken", x.GenerateAuthenticationToken != nil},
		{"skipRegistrationVerification", x.SkipRegistrationVerification != nil},
	} {
		if f.set {
			check.Invalid("", f.name, "must not be set without Extra.Registration")
		}
	}
}

// FinishUser registers a user who exists for the application of Extra.Registration, and looks at nothing
// else in the request. It is for a user that was found without the registration, such as one of an older
// import. It may be repeated: a user who is registered for the application already is left as it is, which
// is a success, with whatever roles the registration has. Without Extra.Registration nothing is sent.
//
// If something was sent, the error has OutcomeCreated and the user. The
// AuthenticationToken that the server may have made is in no reply that this method
// returns: Users.Register returns it.
func (c *Client) FinishUser(ctx context.Context, req userapi.CreateUserRequest, u *userapi.User) error {
	check := c.core.check()
	to := target{}
	if u == nil || u.Provider != Name {
		check.Invalid("", "User", "must be a user of FusionAuth")
	} else {
		to.userID = check.UUID("", "User.ID", u.ID)
	}
	x, _ := provider.Extension[Extra](&check, req.Extensions)
	var step *RegisterRequest
	var body []byte
	if x.Registration != nil {
		step = x.step()
		step.check(&check)
		body = step.encode(&check)
	}
	if _, err := check.Done(opRegister); err != nil || step == nil {
		return err
	}
	call := registerCall(body, to, &step.Registration)
	call.Repeatable = true
	_, err := c.core.register(ctx, call)
	if e, ok := err.(*userapi.Error); ok {
		if isRegistered(e) {
			return nil
		}
		e.Outcome, e.User = userapi.OutcomeCreated, u
	}
	return provider.Portable(err, &req, u.Unmapped)
}

// isRegistered reports whether an error says that the user is registered for the application already.
func isRegistered(e *userapi.Error) bool {
	var vendor *APIError
	return errors.As(e, &vendor) && e.StatusCode == http.StatusBadRequest && hasWord(vendor.FieldErrors[pathRegistration], wordDuplicate)
}
