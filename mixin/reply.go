package mixin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// CreateUserResponse is a user that was created: "data" in the reply to POST /users. Only
// UserID is always set; which other members come depends on Mixin's version. Sources: Mixin's
// docs, "Create User" (2018), "Create Network Users" and "Read Profile"; Mixin's
// bot-api-go-client.
type CreateUserResponse struct {
	// Type is "user".
	Type *string `json:"type,omitempty"`
	// UserID and SessionID are what the new user signs with, beside its session key.
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id,omitempty"`
	// PinToken is standard base64: for an Ed25519 session key the server's X25519 public
	// key, for an RSA one the encrypted PIN key. PinTokenBase64 is unpadded URL base64.
	PinToken       userapi.Secret `json:"pin_token,omitempty"`
	PinTokenBase64 userapi.Secret `json:"pin_token_base64,omitempty"`
	// ServerPublicKey is the server's public key in its Edwards form, in hex.
	ServerPublicKey *string `json:"server_public_key,omitempty"`

	// IdentityNumber is the Mixin id. Users of an application have none.
	IdentityNumber *Text   `json:"identity_number,omitempty"`
	FullName       *string `json:"full_name,omitempty"`
	Biography      *string `json:"biography,omitempty"`
	AvatarURL      *string `json:"avatar_url,omitempty"`
	Phone          *string `json:"phone,omitempty"`
	// Relationship is the caller's to the user, such as "ME".
	Relationship *string `json:"relationship,omitempty"`
	// MuteUntil is the year 1, the zero time, for never.
	MuteUntil *Time `json:"mute_until,omitempty"`
	CreatedAt Time  `json:"created_at,omitzero"`

	IsVerified    *bool `json:"is_verified,omitempty"`
	IsScam        *bool `json:"is_scam,omitempty"`
	IsDeactivated *bool `json:"is_deactivated,omitempty"`

	CodeID  *string `json:"code_id,omitempty"`
	CodeURL *string `json:"code_url,omitempty"`
	// InvitationCode came in 2018.
	InvitationCode *string `json:"invitation_code,omitempty"`

	HasPin              *bool `json:"has_pin,omitempty"`
	HasSafe             *bool `json:"has_safe,omitempty"`
	HasEmergencyContact *bool `json:"has_emergency_contact,omitempty"`

	ReceiveMessageSource     Audience `json:"receive_message_source,omitempty"`
	AcceptConversationSource Audience `json:"accept_conversation_source,omitempty"`
	AcceptSearchSource       Audience `json:"accept_search_source,omitempty"`

	// FiatCurrency is the currency that the thresholds are in, such as "USD".
	FiatCurrency                  *string  `json:"fiat_currency,omitempty"`
	TransferNotificationThreshold *Decimal `json:"transfer_notification_threshold,omitempty"`
	TransferConfirmationThreshold *Decimal `json:"transfer_confirmation_threshold,omitempty"`

	DeviceStatus *string `json:"device_status,omitempty"`
	// TipKeyBase64 is "" until the user's TIP key is set, TipCounter 0.
	TipKeyBase64   *string     `json:"tip_key_base64,omitempty"`
	TipCounter     *Number     `json:"tip_counter,omitempty"`
	SaltBase64     *string     `json:"salt_base64,omitempty"`
	SpendPublicKey *string     `json:"spend_public_key,omitempty"`
	Membership     *Membership `json:"membership,omitempty"`
	// Features is a list of undocumented elements, App the application that the user is, if
	// it is one; both as they came.
	Features json.RawMessage `json:"features,omitempty"`
	AppID    *string         `json:"app_id,omitempty"`
	App      json.RawMessage `json:"app,omitempty"`

	meta provider.Meta
	// sessionSecret is the public half of the user's session key, if the call knows it.
	sessionSecret string
	// mayBeEmpty: a reply without a user is a success too.
	mayBeEmpty bool
}

// StatusCode returns the reply's HTTP status; 0 for a value that no call returned.
func (r *CreateUserResponse) StatusCode() int { return r.meta.StatusCode() }

// RequestID returns the reply's X-Request-Id or, where it has none, the one that was sent.
func (r *CreateUserResponse) RequestID() string { return r.meta.RequestID() }

// Raw returns the reply byte for byte.
func (r *CreateUserResponse) Raw() json.RawMessage { return r.meta.Raw() }

// Warnings returns oddities of the reply that are not failures, such as another request's id.
func (r *CreateUserResponse) Warnings() []string { return r.meta.Warnings() }

// Format shows only the type. The PIN tokens' own Format is not asked where a verb does not fit
// what a token stands in, as %s does not fit a pointer in a slice.
func (r CreateUserResponse) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r CreateUserResponse) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// Membership is a user's paid plan.
type Membership struct {
	Plan      *string `json:"plan,omitempty"`
	ExpiredAt *Time   `json:"expired_at,omitempty"`
}

// Audience says who may do something, such as send messages to a user. Mixin may add to it.
type Audience string

// The audiences that are known.
const (
	Everybody Audience = "EVERYBODY"
	Contacts  Audience = "CONTACTS"
	Nobody    Audience = "NOBODY"
)

// Text and the other leaf types of replies never fail to decode: they keep what they cannot read.
type (
	// Text is a text that may come as a number: a string.
	Text = lenient.Text
	// Number is a whole number that may come as a text: a string of digits. Its method
	// Int64 returns the value.
	Number = lenient.Number
	// Decimal is a number that may come as a text: a string.
	Decimal = lenient.Decimal
	// Time is a time.Time. Its method Text returns it as it came.
	Time = lenient.Time
)

// members is CreateUserResponse without its methods.
type members CreateUserResponse

// believed are the members that count only where they stand once.
var believed = []string{"user_id", "session_id", "pin_token", "pin_token_base64", "server_public_key"}

// UnmarshalJSON decodes "data" of a reply. Of members with another type than documented some
// are converted, such as a number to a text, and the others are left unset.
func (r *CreateUserResponse) UnmarshalJSON(data []byte) error {
	var in members
	err := wire.Decode(data, &in, wire.Path{Names: believed})
	in.meta, in.sessionSecret = r.meta, r.sessionSecret
	*r = CreateUserResponse(in)
	return err
}

// decodeData reads "data" of a reply. The members that are believed count only where they stand
// once. The error says why the reply is not what a success looks like. Of one that is not JSON
// nothing is returned.
func decodeData[T any](body []byte, believed []string) (data T, bad error) {
	var in struct {
		Data   T           `json:"data"`
		Errors wire.Values `json:"errors"`
	}
	if err := wire.Decode(body, &in, wire.Path{Object: "data", Names: believed}); err != nil {
		return data, err
	}
	return in.Data, provider.Success(nil, true, wire.Values{errorMember(body)}, in.Errors)
}

// explained adds to the fault of a success with an error in it what that error is.
func explained(bad error, from *transport.Reply) error {
	if errors.Is(bad, provider.ErrErrorInSuccess) {
		return fmt.Errorf("%w: %w", bad, decodeError(from.Status, from.Header, from.Body))
	}
	return bad
}

// A dataReply is a reply that holds a T and no user.
type dataReply[T any] struct {
	data     T
	believed []string
	meta     provider.Meta
}

// Receive reads the data, for provider.Reply.
func (r *dataReply[T]) Receive(from *transport.Reply, m provider.Meta) (bad error) {
	r.meta = m
	r.data, bad = decodeData[T](from.Body, r.believed)
	return explained(bad, from)
}

// Neutral returns nil.
func (r *dataReply[T]) Neutral() *userapi.User { return nil }

// A reply is a CreateUserResponse that is being received.
type reply CreateUserResponse

// Receive reads the user, for provider.Reply.
func (r *reply) Receive(from *transport.Reply, m provider.Meta) error {
	r.meta = m
	bad := r.decode(from.Body)
	broken := cmp.Or(from.ReadErr, provider.Broken(bad))
	switch {
	case broken == nil:
	case errorMember(from.Body) != nil:
		// The error decides. What follows it is lost.
		r.UserID, bad = "", fmt.Errorf("%w: %w", provider.ErrErrorInSuccess, broken)
	default:
		id, _ := wire.ScanID(from.Body, "data", "user_id")
		r.UserID, _ = uuid.Canonical(id)
	}
	return explained(bad, from)
}

// decode reads a whole reply. Of a broken one it reads nothing.
func (r *reply) decode(body []byte) error {
	data, bad := decodeData[members](body, believed)
	mayBeEmpty := r.mayBeEmpty
	data.meta, data.sessionSecret = r.meta, r.sessionSecret
	*r = reply(data)
	r.UserID, _ = uuid.Canonical(r.UserID)
	r.SessionID, _ = uuid.Canonical(r.SessionID)
	if bad == nil && r.UserID == "" && !(mayBeEmpty && isEmptyReply(body)) {
		return provider.ErrNoID
	}
	return bad
}

// isEmptyReply reports whether a JSON object has nothing but an empty "data" and "error", each
// at most once.
func isEmptyReply(body []byte) bool {
	empty, seen := true, map[string]bool{}
	wire.Each(body, func(quoted, value []byte) bool {
		name := wire.Unquote(quoted)
		empty = (name == "data" || name == "error") && !seen[name] && value[0] != '[' && !provider.HasContent(value)
		seen[name] = true
		return empty
	})
	return empty && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
}

// Neutral returns the user in the form that is common to all vendors.
func (r *reply) Neutral() *userapi.User {
	if r.UserID == "" {
		return nil
	}
	u := r.meta.NewUser(Name, r.UserID, (*CreateUserResponse)(r))
	u.Phone = provider.Value(r.Phone)
	u.FullName = provider.Value(r.FullName)
	u.CreatedAt = r.CreatedAt.Time
	u.Warnings = r.meta.Warnings()
	return u
}
