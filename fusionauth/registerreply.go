package fusionauth

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// RegisterResponse is the reply to POST /api/user/registration/{userId}. Source: FusionAuth, "User
// Registration APIs", responses of "Create a User and Registration" and "Create a User Registration".
type RegisterResponse struct {
	// RefreshToken is given where the application's settings say so. RefreshTokenID names it, and is
	// not secret. Since 1.17 and 1.37.
	RefreshToken   userapi.Secret `json:"refreshToken,omitempty"`
	RefreshTokenID *string        `json:"refreshTokenId,omitempty"`
	// Registration is the one that was made. Its AuthenticationToken logs the user in at the
	// application in place of the password.
	Registration Registration `json:"registration"`
	// RegistrationVerificationID, with the code where there is one, verifies the registration for
	// anyone who has it.
	RegistrationVerificationID          userapi.Secret `json:"registrationVerificationId,omitempty"`
	RegistrationVerificationOneTimeCode userapi.Secret `json:"registrationVerificationOneTimeCode,omitempty"`
	// Token is an access token for the user.
	Token                  userapi.Secret `json:"token,omitempty"`
	TokenExpirationInstant Instant        `json:"tokenExpirationInstant,omitzero"`
	// User is the user that was created. The reply to the registration of a user who
	// exists need not have it.
	User User `json:"user,omitzero"`
	// VerificationIDs are the verifications of identities that are under way. Since 1.62.
	VerificationIDs []Verification `json:"verificationIds,omitempty"`

	received `json:"-"`
	// existing: the user existed, and the reply need not have it.
	existing bool
}

// Format shows only the type, as that of CreateUserRequest.
func (r RegisterResponse) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r RegisterResponse) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// UnmarshalJSON decodes a reply as CreateUserResponse does.
func (r *RegisterResponse) UnmarshalJSON(data []byte) error {
	return provider.Broken((*registerReply)(r).decode(data))
}

// A registerReply is a RegisterResponse that is being received.
type registerReply RegisterResponse

// Receive reads the user and the registration, for provider.Reply.
func (r *registerReply) Receive(from *transport.Reply, m provider.Meta) error {
	r.meta = m
	return r.decode(from.Body)
}

type registerMembers RegisterResponse

// decode reads a reply, or says why it is not a success. Of a broken one it reads user.id.
func (r *registerReply) decode(data []byte) error {
	var in struct {
		registerMembers
		errorMembers
	}
	err := wire.Decode(data, &in, path)
	in.received, in.existing = r.received, r.existing
	*r = registerReply(in.registerMembers)
	r.User.readID(data, err)
	return in.success(err, r.existing || r.User.ID != "")
}

// Neutral returns the user in the form that is common to all vendors.
func (r *registerReply) Neutral() *userapi.User { return r.neutral(&r.User, (*RegisterResponse)(r)) }

var errNotRegistered = errors.New("the reply shows no registration for the application")

// isOf refuses a reply without a registration for an application.
func (r *registerReply) isOf(applicationID string) error {
	if !strings.EqualFold(strings.TrimSpace(provider.Value(r.Registration.ApplicationID)), applicationID) {
		return errNotRegistered
	}
	return nil
}
