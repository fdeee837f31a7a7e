package fusionauth

import (
	"encoding/json"

	"github.com/enlist-go/enlist/userapi/lenient"
)

// The enumerations are open: a reply may hold a value that has no constant here.
// Sources: FusionAuth, "Users API", and the domain classes of its Java client.

// A UsernameStatus says what moderation made of a user name.
type UsernameStatus string

// The statuses. Active is the server's default.
const (
	UsernameActive   UsernameStatus = "ACTIVE"
	UsernamePending  UsernameStatus = "PENDING"
	UsernameRejected UsernameStatus = "REJECTED"
)

// A BreachedPasswordStatus says whether a password is known from a breach.
type BreachedPasswordStatus string

// The statuses.
const (
	BreachedPasswordNone            BreachedPasswordStatus = "None"
	BreachedPasswordExactMatch      BreachedPasswordStatus = "ExactMatch"
	BreachedPasswordSubAddressMatch BreachedPasswordStatus = "SubAddressMatch"
	BreachedPasswordOnly            BreachedPasswordStatus = "PasswordOnly"
	BreachedPasswordCommon          BreachedPasswordStatus = "CommonPassword"
)

// A ChangePasswordReason says why a password must be changed.
type ChangePasswordReason string

// The reasons. Administrative is the server's default.
const (
	ChangePasswordAdministrative ChangePasswordReason = "Administrative"
	ChangePasswordBreached       ChangePasswordReason = "Breached"
	ChangePasswordExpired        ChangePasswordReason = "Expired"
	ChangePasswordValidation     ChangePasswordReason = "Validation"
)

// A TwoFactorOption is the kind of a TwoFactorMethod.
type TwoFactorOption string

// The kinds.
const (
	TwoFactorAuthenticator TwoFactorOption = "authenticator"
	TwoFactorEmail         TwoFactorOption = "email"
	TwoFactorSMS           TwoFactorOption = "sms"
)

// An AuthenticatorAlgorithm is the hash function of an Authenticator.
type AuthenticatorAlgorithm string

// The algorithms.
const (
	HmacSHA1   AuthenticatorAlgorithm = "HmacSHA1"
	HmacSHA256 AuthenticatorAlgorithm = "HmacSHA256"
	HmacSHA512 AuthenticatorAlgorithm = "HmacSHA512"
)

// A SendSetPasswordIdentityType says by which way a new user is sent a message to
// set a password. The server ignores it where that way is not configured.
type SendSetPasswordIdentityType string

// The ways. DoNotSend is the server's default.
const (
	SendSetPasswordDoNotSend SendSetPasswordIdentityType = "doNotSend"
	SendSetPasswordByEmail   SendSetPasswordIdentityType = "email"
	SendSetPasswordByPhone   SendSetPasswordIdentityType = "phone"
)

// An EncryptionScheme names the way in which the server hashes a password. Plugins
// add further names.
type EncryptionScheme string

// The schemes that FusionAuth brings.
const (
	SaltedMD5                 EncryptionScheme = "salted-md5"
	SaltedSHA256              EncryptionScheme = "salted-sha256"
	SaltedHmacSHA256          EncryptionScheme = "salted-hmac-sha256"
	SaltedPBKDF2HmacSHA256    EncryptionScheme = "salted-pbkdf2-hmac-sha256"
	SaltedPBKDF2HmacSHA256512 EncryptionScheme = "salted-pbkdf2-hmac-sha256-512"
	SaltedPBKDF2HmacSHA512512 EncryptionScheme = "salted-pbkdf2-hmac-sha512-512"
	Bcrypt                    EncryptionScheme = "bcrypt"
	PhpassMD5                 EncryptionScheme = "phpass-md5"
	PhpassSHA512              EncryptionScheme = "phpass-sha512"
)

// A DeviceType is the kind of device that an EventInfo names.
type DeviceType string

// The types.
const (
	DeviceBrowser DeviceType = "BROWSER"
	DeviceDesktop DeviceType = "DESKTOP"
	DeviceLaptop  DeviceType = "LAPTOP"
	DeviceMobile  DeviceType = "MOBILE"
	DeviceOther   DeviceType = "OTHER"
	DeviceServer  DeviceType = "SERVER"
	DeviceTablet  DeviceType = "TABLET"
	DeviceTV      DeviceType = "TV"
	DeviceUnknown DeviceType = "UNKNOWN"
)

// An IdentityType is the kind of a name that a user logs in with.
type IdentityType string

// The types.
const (
	IdentityEmail       IdentityType = "email"
	IdentityPhoneNumber IdentityType = "phoneNumber"
	IdentityUsername    IdentityType = "username"
)

// UnmarshalJSON reads the name, or {"name": …} as FusionAuth's API description has it.
func (t *IdentityType) UnmarshalJSON(data []byte) error {
	var named struct{ Name lenient.Text }
	if json.Unmarshal(data, &named) != nil || named.Name == "" {
		_ = named.Name.UnmarshalJSON(data)
	}
	*t = IdentityType(named.Name)
	return nil
}

// A VerifiedReason says why an identity counts as verified or not.
type VerifiedReason string

// The reasons.
const (
	VerifiedSkipped        VerifiedReason = "Skipped"
	VerifiedTrusted        VerifiedReason = "Trusted"
	VerifiedUnverifiable   VerifiedReason = "Unverifiable"
	VerifiedImplicit       VerifiedReason = "Implicit"
	VerifiedPending        VerifiedReason = "Pending"
	VerifiedCompleted      VerifiedReason = "Completed"
	VerifiedDisabled       VerifiedReason = "Disabled"
	VerifiedAdministrative VerifiedReason = "Administrative"
	VerifiedImport         VerifiedReason = "Import"
)
