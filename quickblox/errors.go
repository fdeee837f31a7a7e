package quickblox

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// An APIError is an error as QuickBlox sent it. Its fields hold the vendor's own
// text, which may repeat what was sent; its printed forms do not show them.
// Source: QuickBlox, "Create User", responses 400 and 422, and "Errors".
type APIError struct {
	StatusCode int `json:"status_code"`
	// Code and Message are of the form {"code", "message"}; Code is "" for null.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Errors holds the messages of {"errors": {field: […]}} by field, and under
	// "base" those of no field, also when errors is an array or a text.
	Errors map[string][]string `json:"errors"`
	// Header and Body are the reply's; the body is cut at 64 KiB.
	Header http.Header `json:"-"`
	Body   []byte      `json:"-"`
}

// base is where QuickBlox puts messages of no field.
const base = "base"

// body returns the error in the form that is common to all vendors.
func (e *APIError) body() *provider.ErrorBody {
	fields := maps.Clone(e.Errors)
	delete(fields, base)
	return &provider.ErrorBody{Fields: fields, General: e.Errors[base], Code: e.Code, Message: e.Message}
}

func (e *APIError) messages() []string { return e.body().Messages() }

func (e *APIError) says(text string) bool {
	return slices.ContainsFunc(e.messages(), func(m string) bool { return strings.Contains(m, text) })
}

func (e APIError) summary() provider.Summary {
	return provider.Summarize("quickblox.APIError", "status", e.StatusCode, "errors", len(e.Errors))
}

// Error returns a text with the status.
func (e *APIError) Error() string { return fmt.Sprintf("quickblox: status %d", e.StatusCode) }

// Format shows the status and how many fields have errors.
func (e APIError) Format(f fmt.State, verb rune) { e.summary().Format(f, verb) }

// LogValue is like Format.
func (e APIError) LogValue() slog.Value { return e.summary().LogValue() }

// MarshalJSON is like Format.
func (e APIError) MarshalJSON() ([]byte, error) { return e.summary().MarshalJSON() }

// decodeError reads any body of an error. It never fails and never hides the status.
func decodeError(status int, header http.Header, body []byte) *APIError {
	e := &APIError{StatusCode: status, Header: header, Body: provider.Cap(body)}
	decoded, _ := provider.DecodeErrorBody(body, false)
	e.Code, e.Message, e.Errors = decoded.Code, decoded.Message, decoded.Fields
	if len(decoded.General) > 0 {
		e.Errors[base] = decoded.General
	}
	return e
}

// The vendor's fixed texts that decide.
const (
	textTaken    = "already been taken"
	textNeedUser = "Forbidden. Need user."
	// Source: QuickBlox's issue trackers, iOS SDK 1082.
	textNoApplication = "No application found"
)

// leaked are texts of QuickBlox's framework that hide a duplicate. Source:
// QuickBlox's issue trackers, Android SDK 559 and 581, iOS SDK 876.
var leaked = [...]string{"cannot call create unless the parent is saved", "Failed to save the record"}

func classify(r *transport.Reply) transport.Classification {
	v := provider.Classify(r.Status)
	if v.OK {
		return v
	}
	e := decodeError(r.Status, r.Header, r.Body)
	v.Err = e
	switch {
	case slices.Contains(e.messages(), textNeedUser): // the whole text: a name may hold a part of it
		v.Kind, v.Outcome, v.Retry = userapi.KindForbidden, userapi.OutcomeRejected, transport.RetryNever
	case r.Status != http.StatusBadRequest && r.Status != http.StatusUnprocessableEntity:
	case slices.Contains(e.Errors[base], textNoApplication):
		v.Kind = userapi.KindUnauthorized // the key or the token is of no application
	case e.says(textTaken), slices.ContainsFunc(leaked[:], e.says):
		v.Kind = userapi.KindConflict
	}
	return v
}

// prepare returns what has a call for users signed and classified.
func prepare(sign func(*http.Request, []byte) error, classify func(*transport.Reply) transport.Classification) func(*provider.Call) {
	step := ownAbsence(classify)
	return func(call *provider.Call) {
		call.Sign, call.Classify = sign, classify
		if call.Operation == opUpdate {
			call.Classify = step
		}
	}
}

// The neutral fields that members come from.
var neutralField = map[string]string{
	"login":            "Username",
	"email":            "Email",
	"password":         "Password",
	"full_name":        "FullName",
	"phone":            "Phone",
	"external_user_id": "ExternalID",
	"tag_list":         "Tags",
	"user_tags":        "Tags",
	"custom_data":      "Attributes",
}

func explain(e *userapi.Error, cause error, _ *provider.Call, mask provider.Mask) {
	if vendor, ok := cause.(*APIError); ok {
		vendor.body().Explain(e, mask, &codes, func(name string) string { return neutralField[name] })
	}
}

// codes are the vendor's fixed texts, and what they mean.
var codes = provider.Codes{Texts: []provider.TextCode{
	{Part: textTaken, Code: userapi.CodeTaken},
	{Part: "too short", Code: userapi.CodeTooShort},
	{Part: "too long", Code: userapi.CodeTooLong},
	{Part: "less than 4 bytes", Code: userapi.CodeTooLong},
	{Part: "required", Code: userapi.CodeRequired},
	{Part: "can't be blank", Code: userapi.CodeRequired},
}}

// Text and the other leaf types of replies never fail to decode: what one cannot read it keeps.
type (
	// Text is a text that may come as a number: a string.
	Text = lenient.Text
	// Number is a whole number that may come as a text: a string of digits,
	// whose method Int64 returns the value and whether there is one.
	Number = lenient.Number
	// Time is a time that may be written in several ways: a time.Time, whose
	// method Text returns it as it came.
	Time = lenient.Time
)
