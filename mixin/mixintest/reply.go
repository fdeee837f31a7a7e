package mixintest

import (
	"encoding/json"
	"net/http"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// envelope is the body of a reply.
type envelope struct {
	Data  any       `json:"data,omitempty"`
	Error *apiError `json:"error,omitempty"`
}

// apiError is one of Mixin's errors.
type apiError struct {
	Status      int    `json:"status"`
	Code        int    `json:"code"`
	Description string `json:"description"`
	Extra       any    `json:"extra,omitempty"`
	// reason distinguishes faults with the same code, in reasonHeader.
	reason string
}

func (e *apiError) reply() fakehttp.Reply {
	reply := fakehttp.Reply{Status: e.Status, Body: encode(envelope{Error: e})}
	if e.reason != "" {
		reply.Header = http.Header{reasonHeader: {e.reason}}
	}
	return reply
}

// because adds a reason, which must not have data of the request.
func (e *apiError) because(reason string) *apiError {
	c := *e
	c.reason = reason
	return &c
}

// The texts are from Mixin's docs, "Error Codes". The codes of PINs are from its Android client. It
// also uses 429 for too many wrong PINs.
var (
	errBadRequest   = refusal(400, "The request body can't be pasred as valid data.")
	errUnauthorized = refusal(401, "Unauthorized, maybe invalid token.")
	errForbidden    = refusal(403, "Forbidden.")
	errNotFound     = refusal(404, "The endpoint is not found.")
	errTooMany      = refusal(429, "Too Many Requests.")
	errNoBalance    = refusal(20117, "Insufficient balance.")
	errPINFormat    = refusal(20118, "PIN format error.")
	errPIN          = refusal(20119, "PIN incorrect.")
)

func refusal(code int, description string) *apiError {
	return &apiError{Status: http.StatusAccepted, Code: code, Description: description}
}

// invalidField returns the error of an invalid member.
func invalidField(name, reason string) *apiError {
	e := refusal(10002, "The request data has invalid field.")
	e.Extra = struct {
		Field  string `json:"field"`
		Reason string `json:"reason"`
	}{name, reason}
	return e
}

// encode encodes this package's own types, which cannot fail.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return body
}

// profile is a user as others see it.
type profile struct {
	Type           string `json:"type"`
	UserID         string `json:"user_id"`
	IdentityNumber string `json:"identity_number"`
	Phone          string `json:"phone"`
	FullName       string `json:"full_name"`
	Biography      string `json:"biography"`
	AvatarURL      string `json:"avatar_url"`
	Relationship   string `json:"relationship"`
	MuteUntil      string `json:"mute_until"`
	CreatedAt      string `json:"created_at"`
	IsVerified     bool   `json:"is_verified"`
	IsScam         bool   `json:"is_scam"`
	App            *app   `json:"app,omitempty"`
}

// app has the members of an application's profile that a user's lacks.
type app struct {
	Type      string `json:"type"`
	AppID     string `json:"app_id"`
	AppNumber string `json:"app_number"`
	Name      string `json:"name"`
}

// account is a user as the user itself and its application see it.
type account struct {
	profile
	SessionID                     string   `json:"session_id"`
	PinToken                      string   `json:"pin_token"`
	PinTokenBase64                string   `json:"pin_token_base64"`
	ServerPublicKey               string   `json:"server_public_key,omitempty"`
	CodeID                        string   `json:"code_id"`
	CodeURL                       string   `json:"code_url"`
	DeviceStatus                  string   `json:"device_status"`
	HasPin                        bool     `json:"has_pin"`
	HasSafe                       bool     `json:"has_safe"`
	HasEmergencyContact           bool     `json:"has_emergency_contact"`
	ReceiveMessageSource          string   `json:"receive_message_source"`
	AcceptConversationSource      string   `json:"accept_conversation_source"`
	AcceptSearchSource            string   `json:"accept_search_source"`
	FiatCurrency                  string   `json:"fiat_currency"`
	TransferNotificationThreshold float64  `json:"transfer_notification_threshold"`
	TransferConfirmationThreshold float64  `json:"transfer_confirmation_threshold"`
	TipKeyBase64                  string   `json:"tip_key_base64"`
	TipCounter                    int      `json:"tip_counter"`
	SaltBase64                    string   `json:"salt_base64"`
	SpendPublicKey                string   `json:"spend_public_key,omitempty"`
	Features                      []string `json:"features"`
}
