package mixin

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// UsersService has Mixin's own calls for users. Its methods return the same errors
// as the client's, *userapi.Error.
type UsersService struct{ core *core }

// CreateUserRequest is the body of POST /users. Nothing in it is secret. Sources:
// Mixin's docs, "Create User" (2018) and "Create Network Users" (today).
type CreateUserRequest struct {
	// FullName is the name to display. nil is not sent; a length that Mixin takes is
	// not documented.
	FullName *string `json:"full_name,omitempty"`
	// SessionSecret is required: the public half of the new user's session key, as
	// SessionSecret returns it.
	SessionSecret string `json:"session_secret"`
}

// check finds what Mixin would refuse for certain, and a private key in the place
// of a public one.
func (r *CreateUserRequest) check(c *provider.Check) {
	if !utf8.ValidString(provider.Value(r.FullName)) {
		c.Invalid("FullName", "full_name", "must be valid UTF-8")
	}
	switch {
	case r.SessionSecret == "":
		c.Required("", "session_secret", "must be set")
	case !isSessionSecret(r.SessionSecret):
		c.Invalid("", "session_secret", "must be an Ed25519 public key of 32 bytes, or the DER form of an RSA public key of at least 1024 bits, in base64")
	}
}

// decodeSecret decodes standard or URL base64, with padding or without.
func decodeSecret(text string) ([]byte, bool) {
	enc := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		enc = base64.RawURLEncoding
	}
	raw, err := enc.DecodeString(strings.TrimRight(text, "="))
	return raw, err == nil && !strings.ContainsAny(text, "\r\n") // which package base64 passes over
}

// isSessionSecret reports whether text stands for a public key in a form that any
// of Mixin's clients sends.
func isSessionSecret(text string) bool {
	raw, ok := decodeSecret(text)
	if !ok {
		return false
	}
	if len(raw) == ed25519.PublicKeySize {
		return true
	}
	pub, err := x509.ParsePKIXPublicKey(raw)
	key, isRSA := pub.(*rsa.PublicKey)
	return err == nil && isRSA && checkRSA(key) == nil
}

// CreateUserResponse is a user that was created: what stands under "data" in the
// reply to POST /users. Only UserID is always there; which of the other members
// come depends on Mixin's version. Sources: Mixin's docs, "Create User" (2018),
// "Create Network Users" and "Read Profile"; Mixin's bot-api-go-client.
type CreateUserResponse struct {
	// Type is "user".
	Type *string `json:"type,omitempty"`
	// UserID and SessionID are what the new user signs with, beside its session key.
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id,omitempty"`
	// PinToken is standard base64: for an Ed25519 session key the server's X25519
	// public key, for an RSA one the PIN key, encrypted. PinTokenBase64 is the same
	// in unpadded URL base64.
	PinToken       userapi.Secret `json:"pin_token,omitempty"`
	PinTokenBase64 userapi.Secret `json:"pin_token_base64,omitempty"`
	// ServerPublicKey is the server's public key in its Edwards form, in hex.
	ServerPublicKey *string `json:"server_public_key,omitempty"`

	// IdentityNumber is the Mixin id, which users that an application made have not.
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
	// Features is a list whose elements are not documented, App the application
	// that the user is, if it is one; both as they came.
	Features json.RawMessage `json:"features,omitempty"`
	AppID    *string         `json:"app_id,omitempty"`
	App      json.RawMessage `json:"app,omitempty"`

	// Meta gives the response the methods StatusCode, RequestID, Raw, which is the
	// reply byte for byte, and Warnings.
	*provider.Meta `json:"-"`

	// sessionSecret is the public half of the user's session key, as far as the call
	// that returned the response knows it.
	sessionSecret string
}

var responseShown = provider.Shown{Type: "mixin.CreateUserResponse"}

// Format shows the type alone. The PIN tokens' own Format is not asked where a verb
// does not fit what they stand in, as %s does not fit a pointer in a slice.
func (r CreateUserResponse) Format(f fmt.State, verb rune) { responseShown.Format(f, verb) }

// LogValue is like Format.
func (r CreateUserResponse) LogValue() slog.Value { return responseShown.LogValue() }

// Membership is a user's paid plan.
type Membership struct {
	Plan      *string `json:"plan,omitempty"`
	ExpiredAt *Time   `json:"expired_at,omitempty"`
}

// Audience says who may do something, such as send messages to a user. Mixin may
// add to it.
type Audience string

// The audiences that are known.
const (
	Everybody Audience = "EVERYBODY"
	Contacts  Audience = "CONTACTS"
	Nobody    Audience = "NOBODY"
)

// Text and the other leaf types of replies never fail to decode: what one cannot
// read it keeps.
type (
	// Text is a text that may come as a number: a string.
	Text = wire.Text
	// Number is a whole number that may come as a text: a string of digits,
	// whose method Int64 returns the value and whether there is one.
	Number = wire.Number
	// Decimal is a number that may come as a text: a string.
	Decimal = wire.Decimal
	// Time is a time with up to nine digits of a second's fraction: a
	// time.Time, whose method Text returns it as it came.
	Time = wire.Time
)

// plainResponse is a CreateUserResponse without its methods.
type plainResponse CreateUserResponse

// readResponse is a plainResponse to read into. Package json also takes a member
// that is spelled in another case, and the last of several: such an id goes into
// Other, so that UserID is the one under its exact name.
type readResponse struct {
	Other json.RawMessage `json:"USER_ID"`
	*plainResponse
}

// UnmarshalJSON decodes what stands under "data" in a reply, tolerating members of
// another type than documented: a number for a text and the like are converted, the
// others are left unset.
func (r *CreateUserResponse) UnmarshalJSON(data []byte) error {
	member, err := wire.Tolerate(json.Unmarshal(data, &readResponse{plainResponse: (*plainResponse)(r)}))
	if member != "" {
		r.decodeMembers(data)
	}
	return err
}

// decodeMembers reads an object again that has members of another type.
func (r *CreateUserResponse) decodeMembers(data []byte) {
	*r = CreateUserResponse{UserID: r.UserID, Meta: r.Meta, sessionSecret: r.sessionSecret}
	id := r.UserID
	wire.DecodeMembers(data, (*plainResponse)(r))
	r.UserID = id
}

// decode reads a whole reply. bad is not nil when it is not what success looks like.
func (r *CreateUserResponse) decode(data []byte) (bad, err error) {
	reply := struct {
		Other  json.RawMessage `json:"DATA"` // as in readResponse
		Data   readResponse    `json:"data"`
		Errors json.RawMessage `json:"errors"`
	}{Data: readResponse{plainResponse: (*plainResponse)(r)}}
	member, err := wire.Tolerate(json.Unmarshal(data, &reply))
	if err != nil {
		return err, err
	}
	if member != "" {
		var members map[string]json.RawMessage
		_ = json.Unmarshal(data, &members) // it is an object: it has a member
		r.decodeMembers(members["data"])
	}
	r.UserID, _ = uuid.Canonical(r.UserID)
	switch {
	case errorMember(data) != nil, wire.HasValue(reply.Errors):
		return errErrorInSuccess, nil
	case r.UserID == "":
		return errNoID, nil
	}
	return nil, nil
}

var (
	errNoID           = errors.New("mixin: the reply holds no user with an id")
	errErrorInSuccess = errors.New("mixin: the reply has the status of a success and an error in it")
)

// scanID reads data.user_id out of a reply that is broken; "" for none.
func scanID(data []byte) string {
	text, ok := wire.ScanID(data, "data", "user_id")
	if !ok {
		return ""
	}
	id, _ := uuid.Canonical(text)
	return id
}

// Create creates a user. A success is a reply of status 2xx without an error and
// with a user that has an id; everything else is an error.
func (s *UsersService) Create(ctx context.Context, req CreateUserRequest) (*CreateUserResponse, error) {
	check := provider.NativeCheck(Name)
	req.check(&check)
	if _, err := check.Done(provider.OpCreate); err != nil {
		return nil, err
	}
	if err := s.core.checkCredit(ctx); err != nil {
		return nil, err
	}
	resp, failure := s.create(ctx, &req)
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

// createCall returns the call that creates a user from a body.
func createCall(body []byte) transport.Call {
	return transport.Call{
		Operation: provider.OpCreate, Route: "/users",
		Method: http.MethodPost, Path: "/users",
		ContentType: "application/json", Body: body,
	}
}

// create sends a request that has been checked.
func (s *UsersService) create(ctx context.Context, req *CreateUserRequest) (*CreateUserResponse, *userapi.Error) {
	body, faults := provider.Encode(req)
	if faults != nil {
		return nil, provider.Invalid(Name, provider.OpCreate, faults)
	}
	attempt := &attempt{auth: s.core.auth, call: createCall(body)}
	attempt.call.Sign, attempt.call.Classify = attempt.sign, attempt.classify
	res := s.core.http.Do(ctx, &attempt.call)
	var warnings []string
	res.RequestID, warnings = attempt.requestID(res)
	if !res.OK {
		return nil, newError(provider.OpCreate, res, attempt.mask())
	}
	resp := &CreateUserResponse{Meta: provider.NewMeta(res, warnings...), sessionSecret: req.SessionSecret}
	bad, err := resp.decode(res.Reply.Body)
	if res.Reply.ReadErr != nil {
		bad = res.Reply.ReadErr
	}
	if bad == nil {
		return resp, nil
	}
	if err != nil {
		resp.UserID = scanID(res.Reply.Body)
	}
	if (err != nil || res.Reply.ReadErr != nil) && errorMember(res.Reply.Body) != nil {
		// An error decides over the data, and the rest of this one is lost.
		resp.UserID, bad = "", fmt.Errorf("%w: %w", errErrorInSuccess, bad)
	}
	if errors.Is(bad, errErrorInSuccess) {
		bad = fmt.Errorf("%w: %w", bad, decodeError(res.Reply.Status, res.Reply.Header, res.Reply.Body))
	}
	var user *userapi.User
	if resp.UserID != "" {
		user = resp.neutral()
	}
	return nil, provider.MalformedSuccess(Name, provider.OpCreate, res, attempt.mask(), bad, user)
}
