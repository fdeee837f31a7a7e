package fusionauth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// An APIError is an error as FusionAuth sent it. Its fields hold the vendor's own
// text, which may repeat what was sent; its printed forms do not show them.
// Source: FusionAuth, "API Errors".
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
	// Data is what FusionAuth adds for a few codes.
	Data Data `json:"data,omitempty"`
}

// Word returns the word of the code: "duplicate" for "[duplicate]user.email".
func (d ErrorDetail) Word() string {
	word, _ := parseCode(d.Code)
	return word
}

// parseCode splits "[word]path".
func parseCode(code string) (word, path string) {
	rest, ok := strings.CutPrefix(code, "[")
	if !ok {
		return code, ""
	}
	word, path, ok = strings.Cut(rest, "]")
	if !ok || word == "" {
		return code, ""
	}
	return word, path
}

func (e *APIError) paths() []string {
	paths := make([]string, 0, len(e.FieldErrors))
	for path := range e.FieldErrors {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	return paths
}

func (e APIError) shown() provider.Shown {
	return provider.Shown{Type: "fusionauth.APIError", Attrs: []slog.Attr{
		slog.Int("status", e.StatusCode),
		slog.Int("field_errors", len(e.FieldErrors)),
		slog.Int("general_errors", len(e.GeneralErrors)),
	}}
}

// Error tells the status.
func (e *APIError) Error() string { return fmt.Sprintf("fusionauth: status %d", e.StatusCode) }

// Format shows the status and how many errors there are.
func (e APIError) Format(f fmt.State, verb rune) { e.shown().Format(f, verb) }

// LogValue is like Format.
func (e APIError) LogValue() slog.Value { return e.shown().LogValue() }

// MarshalJSON is like Format.
func (e APIError) MarshalJSON() ([]byte, error) { return e.shown().MarshalJSON() }

// decodeError reads any body that comes with a status that is no success. It never
// fails and never hides the status.
func decodeError(status int, header http.Header, body []byte) *APIError {
	e := &APIError{StatusCode: status, Header: header, Body: provider.Cap(body)}
	generic, ok := provider.DecodeErrorBody(body, false)
	if !ok {
		return e
	}
	var own struct {
		FieldErrors   json.RawMessage `json:"fieldErrors"`
		GeneralErrors json.RawMessage `json:"generalErrors"`
	}
	_ = json.Unmarshal(body, &own) // an object, or DecodeErrorBody had refused it
	e.FieldErrors = map[string][]ErrorDetail{}
	e.addFields(own.FieldErrors)
	e.GeneralErrors = append(e.GeneralErrors, details(own.GeneralErrors)...)
	e.documented = len(e.FieldErrors) > 0 || len(e.GeneralErrors) > 0

	for _, name := range generic.FieldNames() {
		for _, message := range generic.Fields[name] {
			e.FieldErrors[name] = append(e.FieldErrors[name], ErrorDetail{Message: message})
		}
	}
	for _, message := range generic.General {
		e.GeneralErrors = append(e.GeneralErrors, ErrorDetail{Message: message})
	}
	if generic.Code != "" || generic.Message != "" {
		e.GeneralErrors = append(e.GeneralErrors, ErrorDetail{Code: generic.Code, Message: generic.Message})
	}
	return e
}

// addFields reads fieldErrors: an object of arrays, or the array that FusionAuth's
// API description has in its place.
func (e *APIError) addFields(raw json.RawMessage) {
	var byPath map[string]json.RawMessage
	if json.Unmarshal(raw, &byPath) == nil {
		for path, list := range byPath {
			if found := details(list); len(found) > 0 {
				e.FieldErrors[path] = found
			}
		}
		return
	}
	for _, d := range details(raw) {
		if _, path := parseCode(d.Code); path != "" {
			e.FieldErrors[path] = append(e.FieldErrors[path], d)
		} else {
			e.GeneralErrors = append(e.GeneralErrors, d)
		}
	}
}

// details reads an array of errors, or a lone one. Those with nothing in them are
// passed over.
func details(raw json.RawMessage) []ErrorDetail {
	if !provider.HasContent(raw) {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	var found []ErrorDetail
	for _, item := range list {
		var d ErrorDetail
		var members struct {
			Code, Message lenient.Text
			Data          Data
		}
		if json.Unmarshal(item, &members) == nil {
			d = ErrorDetail{Code: string(members.Code), Message: string(members.Message), Data: members.Data}
		} else {
			var text lenient.Text
			_ = text.UnmarshalJSON(item)
			d.Message = string(text)
		}
		if d.Code != "" || d.Message != "" {
			found = append(found, d)
		}
	}
	return found
}

// The words of the vendor's codes that decide.
const (
	wordDuplicate         = "duplicate"
	wordRetryableConflict = "retryableConflict"
)

// unique are the paths of what is unique in a tenant.
var unique = [...]string{"user.email", "user.username", "user.phoneNumber", "userId", "user.id"}

// isTaken reports whether something unique is another user's.
func (e *APIError) isTaken() bool {
	return slices.ContainsFunc(unique[:], func(path string) bool {
		return slices.ContainsFunc(e.FieldErrors[path], func(d ErrorDetail) bool { return d.Word() == wordDuplicate })
	})
}

// classify says what a reply means.
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
		case slices.ContainsFunc(e.GeneralErrors, func(d ErrorDetail) bool { return d.Word() == wordRetryableConflict }):
			v.Kind, v.Retry = userapi.KindUnavailable, transport.RetryBackoff
		case e.isTaken(), !e.documented, slices.ContainsFunc(e.GeneralErrors, func(d ErrorDetail) bool { return d.Word() == wordDuplicate }):
		case len(e.FieldErrors) > 0:
			v.Kind = userapi.KindInvalid
		default:
			v.Kind = userapi.KindUnavailable
		}
	case http.StatusGatewayTimeout:
		// A webhook that takes part in the transaction failed, and the user was
		// rolled back. A load balancer's time-out has no such body. Source:
		// FusionAuth's issue tracker, 1250 and 2287.
		if e.documented {
			v.Outcome = userapi.OutcomeRejected
		}
	}
	return v
}

// neutralFields names the field of userapi.CreateUserRequest that a member of
// FusionAuth's comes from.
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

// maxPath is how much of a path is looked at, in bytes: more than any of
// neutralFields has.
const maxPath = 100

// neutralField finds a path, or one above it, among neutralFields; "" if there is
// none.
func neutralField(path string) string {
	path = path[:min(len(path), maxPath)]
	for {
		if field, ok := neutralFields[path]; ok {
			return field
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return ""
		}
		path = path[:i]
	}
}

// words are the words of FusionAuth's codes. They are shown also where a value of
// the request happens to be the same word. Source: FusionAuth's localization
// messages and issue tracker.
var words = [...]string{
	"blank", "blocked", "breachedCommonPassword", "breachedExactMatch", "breachedPasswordOnly",
	"breachedSubAddressMatch", "containsEmail", "containsPhoneNumber", "containsUsername", "couldNotConvert",
	wordDuplicate, "empty", "Exception", "inUse", "inactive", "invalid", "invalidJSON", "invalidOption",
	"invalidPhone", "mismatch", "missing", "moderationRejected", "notConfigured", "notEmail", "onlyAlpha",
	"previouslyUsed", "RateLimitedException", "requireNumber", wordRetryableConflict,
	"SearchEngineRequestFailedException", "singleCase", "TenantIdRequired", "tooLong", "tooMany", "tooShort",
	"tooYoung", "type", "WebhookTransactionException",
}

// shownWord returns a code's word as it may be shown.
func shownWord(code string, mask provider.Mask) string {
	word, _ := parseCode(code)
	if slices.Contains(words[:], word) {
		return word
	}
	return mask.Code(word)
}

// explain adds what FusionAuth says to the error that the caller gets.
func explain(e *userapi.Error, cause error, call *provider.Call, mask provider.Mask) {
	vendor, ok := cause.(*APIError)
	if !ok {
		return
	}
	for _, path := range vendor.paths() {
		field, shown := neutralField(path), path
		isID := path == "userId" || path == "user.id"
		switch {
		case isID:
			field = call.Field
		case neutralFields[path] == "":
			shown = mask.Code(path)
		}
		for _, d := range vendor.FieldErrors[path] {
			if len(e.FieldErrors) == provider.MaxFields {
				break
			}
			e.FieldErrors = append(e.FieldErrors, userapi.FieldError{
				Field: field, VendorField: shown,
				Code: cmp.Or(shownWord(d.Code, mask), "invalid"), Message: mask.Text(d.Message),
			})
		}
	}
	var texts []string
	for _, d := range vendor.GeneralErrors {
		if e.Code == "" {
			e.Code = shownWord(d.Code, mask)
		}
		if d.Message != "" {
			texts = append(texts, d.Message)
		}
	}
	e.Message = mask.Text(strings.Join(texts, "; "))
}
