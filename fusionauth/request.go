package fusionauth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// ServerAssigned as CreateUserRequest.UserID leaves the id to the server: the request goes to
// /api/user. A create whose outcome is unknown can then not be settled by reading the user back.
const ServerAssigned = "server-assigned"

// CreateUserRequest is a request to POST /api/user/{userId}. Members that are nil, "" or zero are
// not sent. Marshalling it shows every secret redacted: it is for reading. Ids in it must be UUIDs,
// of any version. Source: FusionAuth, "Users API", "Create a User".
//
// FusionAuth refuses the whole request for a member that it does not know: members
// that are marked with a version must not be set for an older server.
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
	ImageURL  *string `json:"imageUrl,omitempty"`
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

	TwoFactor     TwoFactor      `json:"twoFactor,omitzero"`
	Registrations []Registration `json:"registrations,omitempty"`
	// Password, in plain text, is required unless a message to set one is asked for.
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

// TwoFactor is a user's ways of a second step at login.
type TwoFactor struct {
	Methods []TwoFactorMethod `json:"methods,omitempty"`
	// RecoveryCodes is for imports; a create ignores it, and replies do not hold it.
	RecoveryCodes []userapi.Secret `json:"recoveryCodes,omitempty"`
}

// IsZero reports whether nothing is set.
func (t TwoFactor) IsZero() bool { return len(t.Methods) == 0 && len(t.RecoveryCodes) == 0 }

// TwoFactorMethod is one way of a second step. Of its members the server keeps
// those that belong to Method.
type TwoFactorMethod struct {
	Authenticator Authenticator `json:"authenticator,omitzero"`
	// Email goes with TwoFactorEmail.
	Email *string `json:"email,omitempty"`
	// ID is a short text that the server sets, not a UUID.
	ID *string `json:"id,omitempty"`
	// LastUsed is set by the server.
	LastUsed *bool           `json:"lastUsed,omitempty"`
	Method   TwoFactorOption `json:"method,omitempty"`
	// MobilePhone goes with TwoFactorSMS.
	MobilePhone *string `json:"mobilePhone,omitempty"`
	// Name is of the user's choosing. Since 1.67.
	Name *string `json:"name,omitempty"`
	// Secret, in base64, is required for TwoFactorAuthenticator. Replies do not hold it.
	Secret userapi.Secret `json:"secret,omitempty"`
}

// Authenticator says how one-time codes are made. The server makes them by
// HmacSHA1, of 6 digits, every 30 seconds, whatever is asked for.
type Authenticator struct {
	Algorithm  AuthenticatorAlgorithm `json:"algorithm,omitempty"`
	CodeLength Number                 `json:"codeLength,omitempty"`
	TimeStep   Number                 `json:"timeStep,omitempty"`
}

// Registration is a user's registration for an application. FusionAuth documents
// it in replies and imports; whether a create heeds it is not documented, and its
// call for both at once is another one.
type Registration struct {
	PreferredLanguages []string `json:"preferredLanguages,omitempty"`
	// Tokens are an identity provider's tokens by its name. Not stored since 1.28.
	Tokens              map[string]userapi.Secret `json:"tokens,omitempty"`
	ApplicationID       *string                   `json:"applicationId,omitempty"`
	AuthenticationToken userapi.Secret            `json:"authenticationToken,omitempty"`
	CleanSpeakID        *string                   `json:"cleanSpeakId,omitempty"`
	Data                Data                      `json:"data,omitempty"`
	ID                  *string                   `json:"id,omitempty"`
	InsertInstant       Instant                   `json:"insertInstant,omitzero"`
	LastLoginInstant    Instant                   `json:"lastLoginInstant,omitzero"`
	LastUpdateInstant   Instant                   `json:"lastUpdateInstant,omitzero"`
	// Roles are names of roles.
	Roles    []string `json:"roles,omitempty"`
	Timezone *string  `json:"timezone,omitempty"`
	// Username is for display.
	Username        *string        `json:"username,omitempty"`
	UsernameStatus  UsernameStatus `json:"usernameStatus,omitempty"`
	Verified        *bool          `json:"verified,omitempty"`
	VerifiedInstant Instant        `json:"verifiedInstant,omitzero"`
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

// Data is an object of the caller's own values. Decoding keeps every digit of its
// numbers, as json.Number.
type Data map[string]any

// UnmarshalJSON decodes an object. Anything else leaves Data nil.
func (d *Data) UnmarshalJSON(data []byte) error {
	*d = nil
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var m map[string]any
	if dec.Decode(&m) == nil {
		*d = m
	}
	return nil
}

// Format shows the type alone. A secret's own Format is not asked where a verb does
// not fit what the secret stands in, as %s does not fit a pointer in a slice.
func (r CreateUserRequest) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r CreateUserRequest) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// Format shows the type alone, as that of CreateUserRequest.
func (u NewUser) Format(f fmt.State, verb rune) { provider.TypeOnly(u).Format(f, verb) }

// LogValue is like Format.
func (u NewUser) LogValue() slog.Value { return provider.TypeOnly(u).LogValue() }

// Format shows the type alone, as that of CreateUserRequest.
func (t TwoFactor) Format(f fmt.State, verb rune) { provider.TypeOnly(t).Format(f, verb) }

// LogValue is like Format.
func (t TwoFactor) LogValue() slog.Value { return provider.TypeOnly(t).LogValue() }

// Format shows the type alone, as that of CreateUserRequest.
func (m TwoFactorMethod) Format(f fmt.State, verb rune) { provider.TypeOnly(m).Format(f, verb) }

// LogValue is like Format.
func (m TwoFactorMethod) LogValue() slog.Value { return provider.TypeOnly(m).LogValue() }

// Format shows the type alone, as that of CreateUserRequest.
func (r Registration) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r Registration) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// encode writes what is sent. A Secret among the caller's own values is refused: it would be
// revealed. A redacted one is refused by its name, and here where it was made a text.
func (r *CreateUserRequest) encode(c *provider.Check) []byte {
	body := c.Encode(r)
	own := []Data{r.User.Data, r.EventInfo.Data}
	for i := range r.User.Memberships {
		own = append(own, r.User.Memberships[i].Data)
	}
	for i := range r.User.Registrations {
		own = append(own, r.User.Registrations[i].Data)
	}
	if slices.ContainsFunc(own, Data.holdsSecret) || len(c.Faults()) == 0 && provider.IsRedacted(body) {
		c.Invalid("", "", "the request must hold no redacted Secret: it would be stored as it is")
	}
	return body
}

func (d Data) holdsSecret() bool {
	if len(d) == 0 {
		return false
	}
	body, _ := provider.Encode(d)
	return provider.IsRedacted(body)
}

func (r *CreateUserRequest) check(c *provider.Check) {
	u := &r.User
	if !provider.Given(u.Email) && !provider.Given(u.Username) && !provider.Given(u.PhoneNumber) && len(r.VerificationIDs) == 0 {
		c.Required("Email", "user.email", "an e-mail address, a user name or a phone number to log in with must be set")
	}
	if u.Password == "" && !r.sendsSetPassword() {
		c.Required("Password", "user.password", "must be set, unless a message to set one is asked for")
	}
	checkID(c, "applicationId", r.ApplicationID)
	c.Secret("", "currentPassword", r.CurrentPassword)
	for i, id := range r.VerificationIDs {
		c.Secret("", fmt.Sprintf("verificationIds[%d]", i), id)
	}
	u.check(c)
}

func (u *NewUser) check(c *provider.Check) {
	checkID(c, "user.id", u.ID)
	checkID(c, "user.tenantId", u.TenantID)
	checkID(c, "user.cleanSpeakId", u.CleanSpeakID)
	checkID(c, "user.connectorId", u.ConnectorID)
	checkInstant(c, "user.expiry", u.Expiry)
	checkInstant(c, "user.insertInstant", u.InsertInstant)
	checkInstant(c, "user.lastUpdateInstant", u.LastUpdateInstant)
	checkInstant(c, "user.breachedPasswordLastCheckedInstant", u.BreachedPasswordLastCheckedInstant)
	checkInstant(c, "user.lastLoginInstant", u.LastLoginInstant)
	checkInstant(c, "user.passwordLastUpdateInstant", u.PasswordLastUpdateInstant)
	checkInstant(c, "user.verifiedInstant", u.VerifiedInstant)
	if _, ok := u.BirthDate.Time(); u.BirthDate != "" && !ok {
		c.Invalid("", "user.birthDate", "must be a day of the calendar, written yyyy-MM-dd")
	}
	checkZone(c, "user.timezone", u.Timezone)
	c.Secret("", "user.salt", u.Salt)
	u.TwoFactor.check(c)
	for i := range u.Memberships {
		m, path := &u.Memberships[i], fmt.Sprintf("user.memberships[%d].", i)
		checkID(c, path+"groupId", m.GroupID)
		checkID(c, path+"id", m.ID)
		checkID(c, path+"userId", m.UserID)
		checkInstant(c, path+"insertInstant", m.InsertInstant)
	}
	for i := range u.Registrations {
		u.Registrations[i].check(c, fmt.Sprintf("user.registrations[%d].", i))
	}
}

func (t *TwoFactor) check(c *provider.Check) {
	for i := range t.Methods {
		m, path := &t.Methods[i], fmt.Sprintf("user.twoFactor.methods[%d].", i)
		checkNumber(c, path+"authenticator.codeLength", m.Authenticator.CodeLength)
		checkNumber(c, path+"authenticator.timeStep", m.Authenticator.TimeStep)
		c.Secret("", path+"secret", m.Secret)
	}
	for i, code := range t.RecoveryCodes {
		c.Secret("", fmt.Sprintf("user.twoFactor.recoveryCodes[%d]", i), code)
	}
}

func (r *Registration) check(c *provider.Check, path string) {
	checkID(c, path+"applicationId", r.ApplicationID)
	checkID(c, path+"cleanSpeakId", r.CleanSpeakID)
	checkID(c, path+"id", r.ID)
	checkInstant(c, path+"insertInstant", r.InsertInstant)
	checkInstant(c, path+"lastLoginInstant", r.LastLoginInstant)
	checkInstant(c, path+"lastUpdateInstant", r.LastUpdateInstant)
	checkInstant(c, path+"verifiedInstant", r.VerifiedInstant)
	checkZone(c, path+"timezone", r.Timezone)
	c.Secret("", path+"authenticationToken", r.AuthenticationToken)
	for _, token := range r.Tokens {
		c.Secret("", path+"tokens", token)
	}
}

// sendsSetPassword reports whether the user is to set a password, in place of the request's.
func (r *CreateUserRequest) sendsSetPassword() bool {
	return r.SendSetPasswordEmail != nil && *r.SendSetPasswordEmail ||
		r.SendSetPasswordIdentityType != "" && r.SendSetPasswordIdentityType != SendSetPasswordDoNotSend
}

func checkID(c *provider.Check, path string, id *string) {
	if id != nil {
		c.UUID("", path, *id)
	}
}

// checkInstant refuses what was decoded from something else than an instant.
func checkInstant(c *provider.Check, path string, at Instant) {
	if at.Text() != "" {
		c.Invalid("", path, "must be milliseconds since 1970")
	}
}

func checkNumber(c *provider.Check, path string, n Number) {
	if _, ok := n.Int64(); n != "" && !ok {
		c.Invalid("", path, "must be a whole number")
	}
}

// checkZone looks loosely: the server's Java knows more zones than Go.
func checkZone(c *provider.Check, path string, zone *string) {
	if zone != nil && (*zone == "" || !provider.IsWord(*zone)) {
		c.Invalid(neutralField(path), path, `must be the name of a time zone, such as "America/Denver"`)
	}
}

// The leaf types never fail to decode: what one cannot read it keeps.
type (
	// Instant is a point in time, sent as milliseconds since 1970 in UTC, as in
	// Instant{Time: t}. The zero value is none.
	Instant = lenient.Instant
	// Date is a day of the calendar, written yyyy-MM-dd. "" is none.
	Date = lenient.Date
	// Number is a whole number in decimal form. "" is none.
	Number = lenient.Number
)
