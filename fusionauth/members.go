package fusionauth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

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
	// Secret, in base64, is required for TwoFactorAuthenticator. Replies do not have
	// it.
	Secret userapi.Secret `json:"secret,omitempty"`
}

// Authenticator says how one-time codes are made. The server makes them by
// HmacSHA1, of 6 digits, every 30 seconds, whatever is asked for.
type Authenticator struct {
	Algorithm  AuthenticatorAlgorithm `json:"algorithm,omitempty"`
	CodeLength Number                 `json:"codeLength,omitempty"`
	TimeStep   Number                 `json:"timeStep,omitempty"`
}

// Registration is a user's registration for an application. The server sets CleanSpeakID, the instants,
// Tokens, UsernameStatus and Verified, and ignores them where they are sent but for an import. Source:
// FusionAuth, "User Registration APIs".
type Registration struct {
	PreferredLanguages []string `json:"preferredLanguages,omitempty"`
	// Tokens are an identity provider's tokens by its name. Not stored since 1.28.
	Tokens        map[string]userapi.Secret `json:"tokens,omitempty"`
	ApplicationID *string                   `json:"applicationId,omitempty"`
	// AuthenticationToken logs the user in at the application in place of the password.
	AuthenticationToken userapi.Secret `json:"authenticationToken,omitempty"`
	CleanSpeakID        *string        `json:"cleanSpeakId,omitempty"`
	Data                Data           `json:"data,omitempty"`
	ID                  *string        `json:"id,omitempty"`
	InsertInstant       Instant        `json:"insertInstant,omitzero"`
	LastLoginInstant    Instant        `json:"lastLoginInstant,omitzero"`
	LastUpdateInstant   Instant        `json:"lastUpdateInstant,omitzero"`
	// Roles are names of roles, not their ids.
	Roles    []string `json:"roles,omitempty"`
	Timezone *string  `json:"timezone,omitempty"`
	// Username is for display.
	Username        *string        `json:"username,omitempty"`
	UsernameStatus  UsernameStatus `json:"usernameStatus,omitempty"`
	Verified        *bool          `json:"verified,omitempty"`
	VerifiedInstant Instant        `json:"verifiedInstant,omitzero"`
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

// The leaf types never fail to decode: what one cannot read it keeps.
type (
	// Instant is a point in time, sent as milliseconds since 1970 in UTC, as in
	// Instant{Time: t}. The zero value means none.
	Instant = lenient.Instant
	// Date is a day of the calendar, written yyyy-MM-dd. "" means none.
	Date = lenient.Date
	// Number is a whole number in decimal form. "" means none.
	Number = lenient.Number
)

// Format shows only the type, as that of CreateUserRequest.
func (t TwoFactor) Format(f fmt.State, verb rune) { provider.TypeOnly(t).Format(f, verb) }

// LogValue is like Format.
func (t TwoFactor) LogValue() slog.Value { return provider.TypeOnly(t).LogValue() }

// Format shows only the type, as that of CreateUserRequest.
func (m TwoFactorMethod) Format(f fmt.State, verb rune) { provider.TypeOnly(m).Format(f, verb) }

// LogValue is like Format.
func (m TwoFactorMethod) LogValue() slog.Value { return provider.TypeOnly(m).LogValue() }

// Format shows only the type, as that of CreateUserRequest.
func (r Registration) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r Registration) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }
