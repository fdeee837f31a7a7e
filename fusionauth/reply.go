package fusionauth

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// CreateUserResponse is the reply to POST /api/user/{userId}. Source: FusionAuth,
// "Users API", "Create a User", response.
type CreateUserResponse struct {
	// EmailVerificationID and EmailVerificationOneTimeCode verify the e-mail address
	// for anyone who has them. VerificationIDs supersedes them since 1.59.
	EmailVerificationID          userapi.Secret `json:"emailVerificationId,omitempty"`
	EmailVerificationOneTimeCode userapi.Secret `json:"emailVerificationOneTimeCode,omitempty"`
	// RegistrationVerificationIDs and RegistrationVerificationOneTimeCodes are by application.
	RegistrationVerificationIDs          map[string]userapi.Secret `json:"registrationVerificationIds,omitempty"`
	RegistrationVerificationOneTimeCodes map[string]userapi.Secret `json:"registrationVerificationOneTimeCodes,omitempty"`
	// Token is an access token for the user, absent when a message to set a password was sent.
	Token                  userapi.Secret `json:"token,omitempty"`
	TokenExpirationInstant Instant        `json:"tokenExpirationInstant,omitzero"`
	User                   User           `json:"user"`
	// VerificationIDs are the verifications that are under way.
	VerificationIDs []Verification `json:"verificationIds,omitempty"`

	received `json:"-"`
}

// received is what is known of a reply beside its members.
type received struct {
	meta       provider.Meta
	phoneLogin bool   // as in the client's Config
	externalID string // of the neutral request, where the id was made of it
}

func (c *core) newReply(to target) *reply { return &reply{received: c.newReceived(to)} }

func (c *core) newReceived(to target) received {
	return received{phoneLogin: c.phoneLogin, externalID: to.externalID}
}

// StatusCode returns the reply's HTTP status; 0 for a value that no call returned.
func (r *received) StatusCode() int { return r.meta.StatusCode() }

// RequestID returns "": FusionAuth's replies have no id of the request.
func (r *received) RequestID() string { return r.meta.RequestID() }

// Raw returns the reply byte for byte. It may hold one-time tokens.
func (r *received) Raw() json.RawMessage { return r.meta.Raw() }

// Warnings returns oddities of the reply that are not failures.
func (r *received) Warnings() []string { return r.meta.Warnings() }

// Verification is a verification of an identity that is under way. Its id alone, or
// with the code, verifies the identity.
type Verification struct {
	ID          userapi.Secret `json:"id,omitempty"`
	OneTimeCode userapi.Secret `json:"oneTimeCode,omitempty"`
	Type        IdentityType   `json:"type,omitempty"`
	Value       *string        `json:"value,omitempty"`
}

// User is a user at FusionAuth. Only ID is always there: FusionAuth leaves out what is
// null, and says nothing about whether it leaves out what is false or empty. Source:
// FusionAuth, "Users API", response of "Create a User".
type User struct {
	PreferredLanguages []string `json:"preferredLanguages,omitempty"`
	Active             *bool    `json:"active,omitempty"`
	BirthDate          Date     `json:"birthDate,omitempty"`
	CleanSpeakID       *string  `json:"cleanSpeakId,omitempty"`
	Data               Data     `json:"data,omitempty"`
	Email              *string  `json:"email,omitempty"`
	Expiry             Instant  `json:"expiry,omitzero"`
	FirstName          *string  `json:"firstName,omitempty"`
	FullName           *string  `json:"fullName,omitempty"`
	// Identities are what the user logs in with. Since 1.59.
	Identities        []Identity `json:"identities,omitempty"`
	ImageURL          *string    `json:"imageUrl,omitempty"`
	InsertInstant     Instant    `json:"insertInstant,omitzero"`
	LastName          *string    `json:"lastName,omitempty"`
	LastUpdateInstant Instant    `json:"lastUpdateInstant,omitzero"`
	MiddleName        *string    `json:"middleName,omitempty"`
	MobilePhone       *string    `json:"mobilePhone,omitempty"`
	ParentEmail       *string    `json:"parentEmail,omitempty"`
	// PhoneNumber comes since 1.59.
	PhoneNumber   *string        `json:"phoneNumber,omitempty"`
	TenantID      *string        `json:"tenantId,omitempty"`
	Timezone      *string        `json:"timezone,omitempty"`
	TwoFactor     TwoFactor      `json:"twoFactor,omitzero"`
	Memberships   []Membership   `json:"memberships,omitempty"`
	Registrations []Registration `json:"registrations,omitempty"`

	BreachedPasswordLastCheckedInstant Instant                `json:"breachedPasswordLastCheckedInstant,omitzero"`
	BreachedPasswordStatus             BreachedPasswordStatus `json:"breachedPasswordStatus,omitempty"`
	ConnectorID                        *string                `json:"connectorId,omitempty"`
	// EncryptionScheme, Factor, Password and Salt are in FusionAuth's description of
	// the reply; the server takes them out.
	EncryptionScheme          EncryptionScheme     `json:"encryptionScheme,omitempty"`
	Factor                    Number               `json:"factor,omitempty"`
	ID                        string               `json:"id"`
	LastLoginInstant          Instant              `json:"lastLoginInstant,omitzero"`
	LegacyIdentifier          *string              `json:"legacyIdentifier,omitempty"`
	Password                  userapi.Secret       `json:"password,omitempty"`
	PasswordChangeReason      ChangePasswordReason `json:"passwordChangeReason,omitempty"`
	PasswordChangeRequired    *bool                `json:"passwordChangeRequired,omitempty"`
	PasswordLastUpdateInstant Instant              `json:"passwordLastUpdateInstant,omitzero"`
	Salt                      userapi.Secret       `json:"salt,omitempty"`
	UniqueUsername            *string              `json:"uniqueUsername,omitempty"`
	Username                  *string              `json:"username,omitempty"`
	UsernameStatus            UsernameStatus       `json:"usernameStatus,omitempty"`
	// Verified and VerifiedInstant are superseded by Identities since 1.59.
	Verified        *bool   `json:"verified,omitempty"`
	VerifiedInstant Instant `json:"verifiedInstant,omitzero"`
}

// Membership is a user's membership in a group.
type Membership struct {
	Data          Data    `json:"data,omitempty"`
	GroupID       *string `json:"groupId,omitempty"`
	ID            *string `json:"id,omitempty"`
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// User stood in FusionAuth's API description from 1.36 to 1.59, as the user that
	// it is a part of.
	User   json.RawMessage `json:"user,omitempty"`
	UserID *string         `json:"userId,omitempty"`
}

// Identity is one name that a user logs in with.
type Identity struct {
	// DisplayValue is a user name as it was written.
	DisplayValue      *string        `json:"displayValue,omitempty"`
	InsertInstant     Instant        `json:"insertInstant,omitzero"`
	LastLoginInstant  Instant        `json:"lastLoginInstant,omitzero"`
	LastUpdateInstant Instant        `json:"lastUpdateInstant,omitzero"`
	ModerationStatus  UsernameStatus `json:"moderationStatus,omitempty"`
	Primary           *bool          `json:"primary,omitempty"`
	Type              IdentityType   `json:"type,omitempty"`
	Value             *string        `json:"value,omitempty"`
	Verified          *bool          `json:"verified,omitempty"`
	VerifiedInstant   Instant        `json:"verifiedInstant,omitzero"`
	VerifiedReason    VerifiedReason `json:"verifiedReason,omitempty"`
}

// Format shows only the type, as that of CreateUserRequest.
func (r CreateUserResponse) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r CreateUserResponse) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// Format shows only the type, as that of CreateUserRequest.
func (v Verification) Format(f fmt.State, verb rune) { provider.TypeOnly(v).Format(f, verb) }

// LogValue is like Format.
func (v Verification) LogValue() slog.Value { return provider.TypeOnly(v).LogValue() }

// Format shows only the type, as that of CreateUserRequest.
func (u User) Format(f fmt.State, verb rune) { provider.TypeOnly(u).Format(f, verb) }

// LogValue is like Format.
func (u User) LogValue() slog.Value { return provider.TypeOnly(u).LogValue() }

// UnmarshalJSON decodes a reply, and tolerates members of another type than documented:
// it converts a number to a text, or a text to a number, and leaves other members
// unset.
func (r *CreateUserResponse) UnmarshalJSON(data []byte) error {
	return provider.Broken((*reply)(r).decode(data))
}

// A reply is a CreateUserResponse that is being received.
type reply CreateUserResponse

// Receive reads the user, for provider.Reply.
func (r *reply) Receive(from *transport.Reply, m provider.Meta) error {
	r.meta = m
	return r.decode(from.Body)
}

// path leads to what a reply claims of a user.
var path = wire.Path{Object: "user", Names: []string{"id", "email", "username", "phoneNumber", "tenantId"}}

type members CreateUserResponse

// decode reads a reply, or says why it is not a success. Of a broken one it reads user.id.
func (r *reply) decode(data []byte) error {
	var in struct {
		members
		errorMembers
	}
	err := wire.Decode(data, &in, path)
	in.received = r.received
	*r = reply(in.members)
	r.User.readID(data, err)
	return in.success(err, r.User.ID != "")
}

// readID makes the user's id canonical, and "" where it is not a UUID. broken says that
// the reply is not JSON: its id is searched for.
func (u *User) readID(data []byte, broken error) {
	if broken != nil {
		u.ID, _ = wire.ScanID(data, "user", "id")
	}
	u.ID, _ = uuid.Canonical(strings.TrimSpace(u.ID))
}

// errorMembers are the members of a reply that hold an error.
type errorMembers struct {
	FieldErrors   wire.Values `json:"fieldErrors"`
	GeneralErrors wire.Values `json:"generalErrors"`
	Errors        wire.Values `json:"errors"`
	Error         wire.Values `json:"error"`
}

func (m *errorMembers) success(err error, hasID bool) error {
	return provider.Success(err, hasID, m.FieldErrors, m.GeneralErrors, m.Errors, m.Error)
}

// Neutral returns the user in the form that is common to all vendors.
func (r *reply) Neutral() *userapi.User { return r.neutral(&r.User, (*CreateUserResponse)(r)) }

// neutral returns a user of the reply, which native is; nil without an id.
func (r *received) neutral(own *User, native any) *userapi.User {
	if own.ID == "" {
		return nil
	}
	u := r.meta.NewUser(Name, own.ID, native)
	u.Username = provider.Value(own.Username)
	u.Email = provider.Value(own.Email)
	u.Phone = provider.Value(own.MobilePhone)
	if r.phoneLogin {
		u.Phone = provider.Value(own.PhoneNumber)
	}
	u.FullName = provider.Value(own.FullName)
	if u.FullName == "" {
		u.FullName = strings.TrimSpace(provider.Value(own.FirstName) + " " + provider.Value(own.LastName))
	}
	u.ExternalID = r.externalID
	u.CreatedAt = own.InsertInstant.Time
	u.Warnings = r.meta.Warnings()
	return u
}
