package fusionauth

import (
	"fmt"
	"log/slog"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// ServerAssigned as CreateUserRequest.UserID lets the server choose the id: the request
// goes to /api/user. After an unknown outcome the user can then not be read by its id.
const ServerAssigned = "server-assigned"

// CreateUserRequest is a request to POST /api/user/{userId}. Members that are nil, "" or zero are
// not sent. Marshalling it shows every secret redacted: it is for reading. Ids in it must be UUIDs,
// of any version. Source: FusionAuth, "Users API", "Create a User".
//
// A server that is older than the version that a member is marked with ignores the
// member; the first versions refused the request. Where the reply shows that a member
// was ignored, its Warnings say so.
type CreateUserRequest struct {
	// UserID is the new user's id, a UUID. "" means that of User.ID, or else a
	// random one that the client chooses; ServerAssigned leaves it to the server.
	UserID string `json:"-"`
	// TenantID is the tenant to create the user in; "" means the client's.
	TenantID string `json:"-"`

	// ApplicationID chooses the templates of messages. Since 1.30.
	ApplicationID *string `json:"applicationId,omitempty"`
	// CurrentPassword is for updates; a create has no use for it.
	CurrentPassword userapi.Secret `json:"currentPassword,omitempty"`
	// DisableDomainBlock admits e-mail domains that the tenant blocks. Since 1.30.
	DisableDomainBlock *bool `json:"disableDomainBlock,omitempty"`
	// SendSetPasswordEmail has the server ignore the password and mail the user a
	// link to set one. Deprecated by FusionAuth since 1.59.
	SendSetPasswordEmail *bool `json:"sendSetPasswordEmail,omitempty"`
	// SendSetPasswordIdentityType does the same by e-mail or telephone. Since 1.59.
	SendSetPasswordIdentityType SendSetPasswordIdentityType `json:"sendSetPasswordIdentityType,omitempty"`
	// SkipVerification marks the new identities as not in need of verification.
	SkipVerification *bool   `json:"skipVerification,omitempty"`
	User             NewUser `json:"user"`
	// VerificationIDs are verifications of identities that were completed before the
	// user is created. They prevail over User's e-mail and phone number, which must
	// match if set. Since 1.62.
	VerificationIDs []userapi.Secret `json:"verificationIds,omitempty"`
	// EventInfo describes the caller, for events and webhooks.
	EventInfo EventInfo `json:"eventInfo,omitzero"`
}

// NewUser describes a user to create. One of Email, Username and PhoneNumber is required.
type NewUser struct {
	// PreferredLanguages are locales such as "en" or "es_MX", at most 20.
	PreferredLanguages []string `json:"preferredLanguages,omitempty"`
	// Active is ignored: a new user is active.
	Active    *bool `json:"active,omitempty"`
	BirthDate Date  `json:"birthDate,omitempty"`
	// CleanSpeakID is ignored on create.
	CleanSpeakID *string `json:"cleanSpeakId,omitempty"`
	// Data holds values of the caller's own. FusionAuth wants each key to keep one
	// type over all users.
	Data Data `json:"data,omitempty"`
	// Email is unique in the tenant; the server trims it and puts it in lower case.
	Email *string `json:"email,omitempty"`
	// Expiry is when the account ends.
	Expiry    Instant `json:"expiry,omitzero"`
	FirstName *string `json:"firstName,omitempty"`
	FullName  *string `json:"fullName,omitempty"`
	// Identities are set by the server, and ignored on create. Since 1.59.
	Identities []Identity `json:"identities,omitempty"`
	ImageURL   *string    `json:"imageUrl,omitempty"`
	// InsertInstant is ignored on create.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	LastName      *string `json:"lastName,omitempty"`
	// LastUpdateInstant is ignored on create.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
	MiddleName        *string `json:"middleName,omitempty"`
	// MobilePhone is an attribute, not something to log in with.
	MobilePhone *string `json:"mobilePhone,omitempty"`
	// ParentEmail needs the tenant's family settings. Replies may leave it out.
	ParentEmail *string `json:"parentEmail,omitempty"`
	// PhoneNumber is unique in the tenant and stored in E.164 form. Since 1.59.
	PhoneNumber *string `json:"phoneNumber,omitempty"`
	// TenantID is ignored on create: CreateUserRequest.TenantID decides.
	TenantID *string `json:"tenantId,omitempty"`
	// Timezone is an IANA name such as "America/Denver", or an offset such as "UTC-7".
	Timezone    *string         `json:"timezone,omitempty"`
	Memberships []NewMembership `json:"memberships,omitempty"`
	// BreachedPasswordLastCheckedInstant, BreachedPasswordStatus and ConnectorID are
	// ignored on create.
	BreachedPasswordLastCheckedInstant Instant                `json:"breachedPasswordLastCheckedInstant,omitzero"`
	BreachedPasswordStatus             BreachedPasswordStatus `json:"breachedPasswordStatus,omitempty"`
	ConnectorID                        *string                `json:"connectorId,omitempty"`
	// EncryptionScheme and Factor say how the server hashes the password; the
	// tenant's setting when not set.
	EncryptionScheme EncryptionScheme `json:"encryptionScheme,omitempty"`
	Factor           *int             `json:"factor,omitempty"`
	// ID must equal CreateUserRequest.UserID where both are set.
	ID *string `json:"id,omitempty"`
	// LastLoginInstant is ignored on create.
	LastLoginInstant Instant `json:"lastLoginInstant,omitzero"`
	// LegacyIdentifier stands in FusionAuth's API description since 1.67, without an explanation.
	LegacyIdentifier *string `json:"legacyIdentifier,omitempty"`
	// PasswordChangeReason and PasswordLastUpdateInstant are for imports, and ignored on create.
	PasswordChangeReason      ChangePasswordReason `json:"passwordChangeReason,omitempty"`
	PasswordChangeRequired    *bool                `json:"passwordChangeRequired,omitempty"`
	PasswordLastUpdateInstant Instant              `json:"passwordLastUpdateInstant,omitzero"`
	// UniqueUsername is ignored on create.
	UniqueUsername *string `json:"uniqueUsername,omitempty"`
	// Username is unique in the tenant without regard to case.
	Username       *string        `json:"username,omitempty"`
	UsernameStatus UsernameStatus `json:"usernameStatus,omitempty"`
	// Verified and VerifiedInstant are ignored on create: see SkipVerification.
	Verified        *bool   `json:"verified,omitempty"`
	VerifiedInstant Instant `json:"verifiedInstant,omitzero"`

	TwoFactor TwoFactor `json:"twoFactor,omitzero"`
	// Registrations are for imports. A create is documented to ignore them, and is sent
	// with them nevertheless: the reply's Warnings say which call makes a registration,
	// UsersService.Register.
	Registrations []Registration `json:"registrations,omitempty"`
	// Password is in plain text. Servers before 1.59 refuse a user without one, unless a message to set
	// one is asked for. Source: FusionAuth's issue tracker, 3147 and 3156.
	Password userapi.Secret `json:"password,omitempty"`
	// Salt is for imports, and ignored on create.
	Salt userapi.Secret `json:"salt,omitempty"`
}

// NewMembership puts a new user into a group. The server drops one without GroupID and reports nothing.
type NewMembership struct {
	Data    Data    `json:"data,omitempty"`
	GroupID *string `json:"groupId,omitempty"`
	ID      *string `json:"id,omitempty"`
	// InsertInstant and UserID are ignored on create.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	UserID        *string `json:"userId,omitempty"`
}

// EventInfo describes who makes a request, for events and webhooks.
type EventInfo struct {
	Data              Data    `json:"data,omitempty"`
	DeviceDescription *string `json:"deviceDescription,omitempty"`
	DeviceName        *string `json:"deviceName,omitempty"`
	// DeviceType is one of the DeviceType constants, or any other text.
	DeviceType DeviceType `json:"deviceType,omitempty"`
	IPAddress  *string    `json:"ipAddress,omitempty"`
	Location   Location   `json:"location,omitzero"`
	OS         *string    `json:"os,omitempty"`
	UserAgent  *string    `json:"userAgent,omitempty"`
}

// Location is where a request comes from.
type Location struct {
	City    *string `json:"city,omitempty"`
	Country *string `json:"country,omitempty"`
	// Latitude and Longitude are degrees.
	Latitude  *float64 `json:"latitude,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`
	Region    *string  `json:"region,omitempty"`
	Zipcode   *string  `json:"zipcode,omitempty"`
	// DisplayString is made by the server of the others.
	DisplayString *string `json:"displayString,omitempty"`
}

// Format shows only the type. A secret's own Format is not asked where a verb does
// not fit what the secret stands in, as %s does not fit a pointer in a slice.
func (r CreateUserRequest) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r CreateUserRequest) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// Format shows only the type, as that of CreateUserRequest.
func (u NewUser) Format(f fmt.State, verb rune) { provider.TypeOnly(u).Format(f, verb) }

// LogValue is like Format.
func (u NewUser) LogValue() slog.Value { return provider.TypeOnly(u).LogValue() }
