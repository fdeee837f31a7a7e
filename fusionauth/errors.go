package fusionauth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// An APIError is an error as FusionAuth sent it. Its fields hold the vendor's own text, which may
// repeat what was sent; its printed forms do not show them. Source: FusionAuth, "API Errors".
type APIError struct {
	StatusCode int `json:"status_code"`
	// FieldErrors is by the path of the member at fault, such as "user.email".
	FieldErrors map[string][]ErrorDetail `json:"fieldErrors"`
	// GeneralErrors also holds what came as a generic {"error": …} or {"errors": …}.
	GeneralErrors []ErrorDetail `json:"generalErrors"`
	// Header and Body are the reply's; the body is cut at 64 KiB.
	Header http.Header `json:"-"`
	Body   []byte      `json:"-"`

	// documented: the body has FusionAuth's own form, with an error in it.
	documented bool
}

// An ErrorDetail is one of FusionAuth's errors.
type ErrorDetail struct {
	// Code is a word in brackets, followed by the path for a field's error:
	// "[duplicate]user.email".
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Data is what FusionAuth adds for a few codes; none where it is far too large.
	Data Data `json:"data,omitempty"`
}

// Word returns the word of the code: "duplicate" for "[duplicate]user.email".
func (d ErrorDetail) Word() string {
	word, _ := parseCode(d.Code)
	return word
}

// parseCode splits "[word]path".
func parseCode(code string) (word, path string) {
	rest, bracketed := strings.CutPrefix(code, "[")
	word, path, closed := strings.Cut(rest, "]")
	if !bracketed || !closed || word == "" {
		return code, ""
	}
	return word, path
}

func (e APIError) summary() provider.Summary {
	return provider.Summarize("fusionauth.APIError",
		"status", e.StatusCode, "field_errors", len(e.FieldErrors), "general_errors", len(e.GeneralErrors))
}

// Error returns a text with the status.
func (e *APIError) Error() string { return fmt.Sprintf("fusionauth: status %d", e.StatusCode) }

// Format shows the status and how many errors there are.
func (e APIError) Format(f fmt.State, verb rune) { e.summary().Format(f, verb) }

// LogValue is like Format.
func (e APIError) LogValue() slog.Value { return e.summary().LogValue() }

// MarshalJSON is like Format.
func (e APIError) MarshalJSON() ([]byte, error) { return e.summary().MarshalJSON() }

// decodeError reads any body of an error. It never fails and never hides the status.
func decodeError(status int, header http.Header, body []byte) *APIError {
	e := &APIError{StatusCode: status, Header: header, Body: provider.Cap(body)}
	generic, ok := provider.DecodeErrorBody(body, false)
	if !ok {
		return e
	}
	own := wire.Once(body, "fieldErrors", "generalErrors")
	maps.DeleteFunc(own, func(_ string, raw json.RawMessage) bool { return raw[0] != '{' && raw[0] != '[' })
	e.FieldErrors = map[string][]ErrorDetail{}
	var d details
	if bytes.HasPrefix(own["fieldErrors"], []byte("{")) {
		d.budget.Each(own["fieldErrors"], func(path string, list json.RawMessage) {
			d.read(list, func(one ErrorDetail) { e.FieldErrors[path] = append(e.FieldErrors[path], one) })
		})
	} else { // the array that FusionAuth's API description has in its place
		d.read(own["fieldErrors"], func(one ErrorDetail) {
			_, path := parseCode(one.Code)
			e.add(path, one)
		})
	}
	d.read(own["generalErrors"], func(one ErrorDetail) { e.add("", one) })
	e.documented = len(e.FieldErrors) > 0 || len(e.GeneralErrors) > 0

	generic.Fields[""] = generic.General
	for path, messages := range generic.Fields {
		for _, message := range messages {
			e.add(path, ErrorDetail{Message: message})
		}
	}
	if generic.Code != "" || generic.Message != "" {
		e.add("", ErrorDetail{Code: generic.Code, Message: generic.Message})
	}
	return e
}

// add adds an error of a path; "" means none.
func (e *APIError) add(path string, one ErrorDetail) {
	if path == "" {
		e.GeneralErrors = append(e.GeneralErrors, one)
	} else {
		e.FieldErrors[path] = append(e.FieldErrors[path], one)
	}
}

// details reads errors, as many as a body may have that is not hostile.
type details struct {
	budget provider.Budget
	data   int // bytes of Data that were read
}

// read calls add with each error in an array, or with a lone one, if there is anything in it.
func (d *details) read(raw json.RawMessage, add func(ErrorDetail)) {
	visit := func(_ string, item json.RawMessage) {
		if one := d.one(item); one.Code != "" || one.Message != "" {
			add(one)
		}
	}
	switch {
	case bytes.HasPrefix(raw, []byte("[")):
		d.budget.Each(raw, visit)
	case provider.HasContent(raw):
		visit("", raw)
	}
}

func (d *details) one(item json.RawMessage) ErrorDetail {
	var members struct {
		Code, Message lenient.Text
		Data          json.RawMessage
	}
	if json.Unmarshal(item, &members) != nil {
		_ = members.Message.UnmarshalJSON(item) // a bare text
	}
	one := ErrorDetail{Code: string(members.Code), Message: string(members.Message)}
	if d.data += len(members.Data); len(members.Data) > 0 && d.data <= maxData {
		_ = json.Unmarshal(members.Data, &one.Data)
	}
	return one
}

// maxData is how much of what FusionAuth adds to errors is read, in bytes.
const maxData = 16 << 10

// The words of the vendor's codes that decide.
const (
	wordDuplicate         = "duplicate"
	wordRetryableConflict = "retryableConflict"
	wordTenantRequired    = "TenantIdRequired"
)

// pathTenant is the path of the error of a tenant that there is not.
const pathTenant = "tenantId"

// isOfTenant: the call names no tenant, or a wrong one.
func (e *APIError) isOfTenant() bool {
	return len(e.FieldErrors[pathTenant]) > 0 || hasWord(e.GeneralErrors, wordTenantRequired)
}

// pathRegistration is the path of the error of a user who is registered already. Source: FusionAuth's
// issue tracker, and programs that read its code [duplicate]registration.
const pathRegistration = "registration"

// unique are the paths of what is unique: in a tenant, or a user's registration for an application.
var unique = [...]string{"user.email", "user.username", "user.phoneNumber", "userId", "user.id", pathRegistration, "registration.id"}

func (e *APIError) isTaken() bool {
	return slices.ContainsFunc(unique[:], func(path string) bool { return slices.ContainsFunc(e.FieldErrors[path], ErrorDetail.isTaken) })
}

// isTaken: an import says so in a text. Source: FusionAuth's issue tracker, 1908.
func (d ErrorDetail) isTaken() bool {
	return d.Word() == wordDuplicate || strings.HasPrefix(d.Message, "Duplicate user ")
}

func hasWord(errors []ErrorDetail, word string) bool {
	return slices.ContainsFunc(errors, func(d ErrorDetail) bool { return d.Word() == word })
}

func classify(r *transport.Reply) transport.Classification {
	v := provider.Classify(r.Status)
	if v.OK {
		return v
	}
	e := decodeError(r.Status, r.Header, r.Body)
	v.Err = e
	switch r.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		if e.isTaken() {
			v.Kind = userapi.KindConflict
		}
	case http.StatusConflict:
		// A 409 that is a duplicate is not documented, but for the passing one. Source:
		// FusionAuth, "API Errors", and the retry settings of its own clients.
		switch {
		case hasWord(e.GeneralErrors, wordRetryableConflict):
			v.Kind, v.Retry = userapi.KindUnavailable, transport.RetryBackoff
		case e.isTaken(), !e.documented, hasWord(e.GeneralErrors, wordDuplicate):
		case len(e.FieldErrors) > 0:
			v.Kind = userapi.KindInvalid
		default:
			v.Kind = userapi.KindUnavailable
		}
	case http.StatusGatewayTimeout:
		// A webhook that takes part in the transaction failed, and the user was rolled back. A load
		// balancer's time-out has no such body. Source: FusionAuth's issue tracker, 1250 and 2287.
		if e.documented {
			v.Outcome = userapi.OutcomeRejected
		}
	}
	return v
}

// The neutral fields that members come from.
var neutralFields = map[string]string{
	"user.email":              "Email",
	"user.username":           "Username",
	"user.mobilePhone":        "Phone",
	"user.phoneNumber":        "Phone",
	"user.password":           "Password",
	"user.timezone":           "Timezone",
	"user.preferredLanguages": "Language",
	"user.fullName":           "FullName",
	"user.firstName":          "GivenName",
	"user.lastName":           "FamilyName",
	"user.data":               "Attributes",
}

// maxPath is how much of a path is looked at, in bytes.
const maxPath = 100

// neutralField finds a path, or one above it, among neutralFields.
func neutralField(path string) string {
	for path = path[:min(len(path), maxPath)]; path != ""; path = path[:max(strings.LastIndexAny(path, ".["), 0)] {
		if field, ok := neutralFields[path]; ok {
			return field
		}
	}
	return ""
}

// codes are the words of FusionAuth's codes, and what they mean of a field. Source:
// FusionAuth's localization messages and issue tracker.
var codes = provider.Codes{Words: map[string]string{
	"blank": userapi.CodeRequired, "empty": userapi.CodeRequired, "missing": userapi.CodeRequired,
	wordDuplicate: userapi.CodeTaken, "inUse": userapi.CodeTaken, "inactive": userapi.CodeTaken, // of a locked user
	"tooShort": userapi.CodeTooShort, "tooLong": userapi.CodeTooLong, "tooMany": userapi.CodeTooMany,
	"breachedCommonPassword": userapi.CodeWeak, "breachedExactMatch": userapi.CodeWeak,
	"breachedPasswordOnly": userapi.CodeWeak, "breachedSubAddressMatch": userapi.CodeWeak,
	"containsEmail": userapi.CodeWeak, "containsPhoneNumber": userapi.CodeWeak, "containsUsername": userapi.CodeWeak,
	"onlyAlpha": userapi.CodeWeak, "requireNumber": userapi.CodeWeak, "singleCase": userapi.CodeWeak,
	"previouslyUsed": userapi.CodeWeak,
	"blocked":        userapi.CodeBlocked, "moderationRejected": userapi.CodeBlocked, "tooYoung": userapi.CodeBlocked,
	"notConfigured":   userapi.CodeUnsupported,
	"couldNotConvert": userapi.CodeInvalid, "invalid": userapi.CodeInvalid, "invalidJSON": userapi.CodeInvalid,
	"invalidOption": userapi.CodeInvalid, "invalidPhone": userapi.CodeInvalid, "mismatch": userapi.CodeInvalid,
	"notEmail": userapi.CodeInvalid, "type": userapi.CodeInvalid,
	// Of no field:
	"Exception": userapi.CodeInvalid, "ImportRequestFailed": userapi.CodeInvalid, "RateLimitedException": userapi.CodeInvalid,
	wordRetryableConflict: userapi.CodeInvalid, "SearchEngineRequestFailedException": userapi.CodeInvalid,
	wordTenantRequired: userapi.CodeRequired, "WebhookTransactionException": userapi.CodeInvalid,
}}

func explain(e *userapi.Error, cause error, call *provider.Call, mask provider.Mask) {
	vendor, ok := cause.(*APIError)
	if !ok {
		return
	}
	for _, path := range slices.Sorted(maps.Keys(vendor.FieldErrors)) {
		field, shown := neutralField(path), path
		isID := path == "userId" || path == "user.id"
		switch {
		case isID:
			field = call.Field
		case neutralFields[path] == "" && path != pathTenant:
			shown = mask.Code(path)
		}
		for _, d := range vendor.FieldErrors[path] {
			codes.Add(e, mask, field, shown, d.Word(), d.Message)
			if n := len(e.FieldErrors); d.isTaken() && n > 0 {
				e.FieldErrors[n-1].Code = userapi.CodeTaken
			}
		}
	}
	var texts []string
	for _, d := range vendor.GeneralErrors {
		if e.Code == "" {
			e.Code = codes.Masked(d.Word(), mask)
		}
		if d.Message != "" {
			texts = append(texts, d.Message)
		}
	}
	e.Message = mask.Text(strings.Join(texts, "; "))
}
