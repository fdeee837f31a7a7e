package usercom

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// An APIError is an error as User.com sent it. Its fields hold the vendor's own
// text, which may repeat what was sent; its printed forms do not show them.
// Source: User.com, "HTTP response codes", for the statuses; what its API answers,
// and the framework that it is built on, for the bodies.
type APIError struct {
	StatusCode int `json:"status_code"`
	// Detail is the text of {"detail": …}, or of "error" or "message" in its place.
	Detail string `json:"detail"`
	// Code is "" unless the body has one.
	Code string `json:"code"`
	// Codes holds the framework's codes that are known, such as "unique", by field, "" for none. It
	// is nil where the body has texts alone, as User.com's mostly do.
	Codes map[string][]string `json:"codes"`
	// Errors holds the messages by field, of {"errors": {field: […]}} and of {field: […]}.
	Errors map[string][]string `json:"errors"`
	// NonFieldErrors holds the messages of no field.
	NonFieldErrors []string `json:"non_field_errors"`
	// Header and Body are the reply's; the body, which may be a page of HTML, is cut at 64 KiB.
	Header http.Header `json:"-"`
	Body   []byte      `json:"-"`
}

func (e APIError) summary() provider.Summary {
	return provider.Summarize("usercom.APIError", "status", e.StatusCode, "errors", len(e.Errors))
}

// Error returns a text with the status.
func (e *APIError) Error() string { return fmt.Sprintf("usercom: status %d", e.StatusCode) }

// Format shows the status and how many fields have errors.
func (e APIError) Format(f fmt.State, verb rune) { e.summary().Format(f, verb) }

// LogValue is like Format.
func (e APIError) LogValue() slog.Value { return e.summary().LogValue() }

// MarshalJSON is like Format.
func (e APIError) MarshalJSON() ([]byte, error) { return e.summary().MarshalJSON() }

// decodeError reads any body of an error. It never fails and never hides the status.
func decodeError(status int, header http.Header, body []byte) *APIError {
	e := &APIError{StatusCode: status, Header: header, Body: provider.Cap(body)}
	decoded, ok := provider.DecodeErrorBody(body, true)
	if !ok {
		// The framework also answers with a bare list of messages.
		wrapped := bytes.Join([][]byte{[]byte(`{"errors":`), body, []byte(`}`)}, nil)
		decoded, _ = provider.DecodeErrorBody(wrapped, false)
	}
	e.Detail, e.Code = decoded.Message, decoded.Code
	e.Errors, e.NonFieldErrors = decoded.Fields, decoded.General
	e.Codes = decodeCodes(body)
	return e
}

// unique are the members that may be taken, "" for several together.
var unique = []string{"user_id", "custom_id", "email", ""}

// taken reports whether the error says of one of them that it is taken: in English, or in any
// language by a code.
func (e *APIError) taken() bool {
	for _, name := range unique {
		messages := e.Errors[name]
		if name == "" {
			messages = e.NonFieldErrors
		}
		if slices.ContainsFunc(messages, func(m string) bool { return codes.Of("", m) == userapi.CodeTaken }) || e.hasTakenCode(name) {
			return true
		}
	}
	return codes.Words[e.Code] == userapi.CodeTaken && (len(e.Errors) == 0 || slices.ContainsFunc(unique, func(name string) bool { return e.Errors[name] != nil }))
}

func (e *APIError) hasTakenCode(name string) bool {
	return slices.ContainsFunc(e.Codes[name], func(word string) bool { return codes.Words[word] == userapi.CodeTaken })
}

func classify(r *transport.Reply) transport.Classification {
	v := provider.Classify(r.Status)
	if v.OK {
		return v
	}
	e := decodeError(r.Status, r.Header, r.Body)
	v.Err = e
	if v.Kind == userapi.KindInvalid && e.taken() {
		v.Kind = userapi.KindConflict
	}
	return v
}

// classifyStep is classify for what is done with a user that exists, of which nothing is unique.
func classifyStep(r *transport.Reply) transport.Classification {
	c := classify(r)
	if c.Kind == userapi.KindConflict && r.Status != http.StatusConflict {
		c.Kind = userapi.KindInvalid
	}
	return c
}

// The neutral fields that members come from.
var neutralField = map[string]string{
	"email":         "Email",
	"user_id":       "ExternalID",
	"custom_id":     "ExternalID",
	"phone_number":  "Phone",
	firstNameMember: "GivenName",
	lastNameMember:  "FamilyName",
	"timezone":      "Timezone",
	"tags":          "Tags",
}

func explain(e *userapi.Error, cause error, call *provider.Call, mask provider.Mask) {
	vendor, ok := cause.(*APIError)
	if !ok {
		return
	}
	body := provider.ErrorBody{Fields: vendor.Errors, General: vendor.NonFieldErrors, Code: vendor.Code, Message: vendor.Detail}
	body.Explain(e, mask, &codes, func(name string) string {
		switch call.Operation {
		case opAttributes:
			return "Attributes"
		case opList:
			return ""
		}
		member, _, _ := strings.Cut(name, ".")                  // tags.0
		if call.Field == fullName && member == lastNameMember { // it was split
			return fullName
		}
		return call.NeutralField(member, neutralField)
	})
	for i := range e.FieldErrors {
		f := &e.FieldErrors[i]
		if words := vendor.Codes[f.VendorField]; len(words) > 0 && f.Code == userapi.CodeInvalid {
			f.Code, f.VendorCode = codes.Of(words[0], ""), words[0]
		}
	}
}

// codes are the framework's codes and its fixed texts, and what they mean. Source: Django REST
// framework, fields and validators.
var codes = provider.Codes{Words: map[string]string{
	"unique":          userapi.CodeTaken,
	"unique_together": userapi.CodeTaken,
	"max_length":      userapi.CodeTooLong,
	"required":        userapi.CodeRequired,
	"null":            userapi.CodeRequired,
	"blank":           userapi.CodeRequired,
}, Texts: []provider.TextCode{
	{Part: "must be unique", Code: userapi.CodeTaken},
	{Part: "already exists", Code: userapi.CodeTaken},
	{Part: "must make a unique set", Code: userapi.CodeTaken}, // of several values together
	{Part: "no more than", Code: userapi.CodeTooLong},
	{Part: "field is required", Code: userapi.CodeRequired},
	{Part: "may not be", Code: userapi.CodeRequired},
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
