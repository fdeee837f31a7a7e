package mixin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// An APIError is an error as Mixin sent it. Its fields hold the vendor's own text, which may
// repeat what was sent; its printed forms do not. Source: Mixin's docs, "Error Codes".
type APIError struct {
	// StatusCode is the reply's own: Mixin's errors come with 202.
	StatusCode int `json:"status_code"`
	// Status, Code, Description and Extra are the members of {"error": …}, zero without
	// one. Code says what went wrong. Extra is JSON of any type.
	Status      int             `json:"status"`
	Code        int             `json:"code"`
	Description string          `json:"description"`
	Extra       json.RawMessage `json:"extra"`
	// Errors holds, by field, the messages of a body that is not Mixin's own, such as
	// {"errors": {field: […]}} of a server before it; those of no field under "base".
	Errors map[string][]string `json:"errors"`
	// Header and Body are the reply's; the body is cut at 64 KiB.
	Header http.Header `json:"-"`
	Body   []byte      `json:"-"`
}

// base is the name that messages of no field have.
const base = "base"

func (e APIError) summary() provider.Summary {
	return provider.Summarize("mixin.APIError", "status", e.StatusCode, "code", e.Code)
}

// Error returns the status and the code.
func (e *APIError) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("mixin: status %d", e.StatusCode)
	}
	return fmt.Sprintf("mixin: code %d (status %d)", e.Code, e.StatusCode)
}

// Format shows the status and the code.
func (e APIError) Format(f fmt.State, verb rune) { e.summary().Format(f, verb) }

// LogValue is like Format.
func (e APIError) LogValue() slog.Value { return e.summary().LogValue() }

// MarshalJSON is like Format.
func (e APIError) MarshalJSON() ([]byte, error) { return e.summary().MarshalJSON() }

// maxErrors bounds the members "error" of a body that are read. Mixin writes one.
const maxErrors = 100

// errorMember returns the value of a body's member "error"; nil where it is missing, null or
// empty. Of two none is believed: what is returned has a code that cannot be read. The body may
// be broken. A value that is cut off, or not JSON, is returned with all that follows it. Nothing
// is allocated before a member is found: every success comes this way.
func errorMember(body []byte) json.RawMessage {
	const space = " \t\r\n"
	if !bytes.HasPrefix(bytes.TrimLeft(body, space), []byte("{")) {
		return nil
	}
	depth, count, found := 0, 0, json.RawMessage(nil)
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			from := i
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
			if depth != 1 || i >= len(body) || !isError(body[from:i+1]) {
				continue
			}
			value, ok := bytes.CutPrefix(bytes.TrimLeft(body[i+1:], space), []byte(":"))
			value = bytes.TrimLeft(value, space)
			if !ok || bytes.HasPrefix([]byte("null"), value[:min(len(value), 4)]) { // or cut to nothing
				continue
			}
			count++
			var whole json.RawMessage
			switch isCut := json.NewDecoder(bytes.NewReader(value)).Decode(&whole) != nil; {
			case count > maxErrors, found != nil && (isCut || provider.HasContent(whole)):
				return json.RawMessage(`{"code":"one of two"}`)
			case isCut:
				return value
			case provider.HasContent(whole):
				found = whole
			}
		}
	}
	return found
}

// isError reports whether a JSON string is the name "error".
func isError(quoted []byte) bool {
	return string(quoted) == `"error"` || bytes.IndexByte(quoted, '\\') >= 0 && wire.Unquote(quoted) == "error"
}

// decodeError reads any body of a failure. It never fails and never hides the status.
func decodeError(status int, header http.Header, body []byte) *APIError {
	e := &APIError{StatusCode: status, Header: header, Body: provider.Cap(body)}
	if raw := errorMember(body); raw != nil && raw[0] == '{' {
		own := texts(raw, "code", "status", "description")
		e.Code = number(own["code"])
		if json.Valid(raw) { // of one that is cut off the code alone counts
			e.Status, e.Description = number(own["status"]), own["description"]
			if extra := wire.Once(raw, "extra")["extra"]; provider.HasContent(extra) {
				e.Extra = extra
			}
		}
	}
	if e.Code != 0 {
		return e
	}
	if other, ok := provider.DecodeErrorBody(body, false); ok {
		e.Description = cmp.Or(e.Description, other.Message)
		e.Errors = other.Fields
		if len(other.General) > 0 {
			e.Errors[base] = other.General
		}
	}
	return e
}

// texts returns those members of an object that stand once, as texts.
func texts(object []byte, names ...string) map[string]string {
	found := map[string]string{}
	for name, raw := range wire.Once(object, names...) {
		var text lenient.Text
		_ = text.UnmarshalJSON(raw) // never fails
		found[name] = string(text)
	}
	return found
}

// number returns a whole number's value, 0 for anything else.
func number(text string) int {
	n, _ := wire.Int(text)
	return int(n)
}

// codeUserNotFound is Mixin's code for a user that does not exist, beside 404.
const codeUserNotFound = 10404

// refusals are the codes that say that nothing was done. Those from 400 to 429 are not among
// them: they mean what the HTTP statuses mean. Sources: Mixin's docs, "Error Codes", today's and
// of 2018; Mixin's Android client.
var refusals = map[int]userapi.Kind{
	10002:            userapi.KindInvalid, // a field
	10006:            userapi.KindInvalid, // the client must be updated
	10104:            userapi.KindInvalid, // an address is being generated
	10105:            userapi.KindInvalid, // locked by another transaction
	codeUserNotFound: userapi.KindInvalid,
	20111:            userapi.KindInvalid,   // no identity numbers left
	20116:            userapi.KindInvalid,   // the group is full
	20117:            userapi.KindForbidden, // no balance to pay for the user with
	codePINForm:      userapi.KindInvalid,
	codePINRefused:   userapi.KindInvalid,
	20123:            userapi.KindInvalid, // too many applications
}

// classifyCode says what a code of Mixin's means. After a code that is not a known refusal,
// anything may have been done.
func classifyCode(code int) transport.Classification {
	switch code {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusNotFound, http.StatusTooManyRequests:
		return provider.Classify(code)
	}
	if kind, ok := refusals[code]; ok {
		return transport.Classification{Kind: kind, Outcome: userapi.OutcomeRejected}
	}
	return transport.Classification{Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeUnknown}
}

// hasOddCode reports whether an error has a code that cannot be read, or more than one.
func hasOddCode(body []byte) bool {
	raw := errorMember(body)
	code := string(wire.Once(raw, "code")["code"])
	return code != "0" && code != "null" && bytes.Contains(bytes.ToLower(raw), []byte(`"code"`))
}

// classify says what a reply means. The code in its body decides, under any status. Without
// a code the status decides.
func classify(r *transport.Reply) transport.Classification {
	v := provider.Classify(r.Status)
	if v.OK && errorMember(r.Body) == nil {
		return v
	}
	e := decodeError(r.Status, r.Header, r.Body)
	switch {
	case e.Code != 0:
		v = classifyCode(e.Code)
	case (v.OK || v.Outcome == userapi.OutcomeRejected) && hasOddCode(r.Body): // what it says is not known
		v = transport.Classification{Kind: userapi.KindProtocol, Outcome: userapi.OutcomeUnknown}
	}
	if !v.OK {
		v.Err = e
	}
	return v
}

// neutralField names the field of userapi.CreateUserRequest that a member comes from.
var neutralField = map[string]string{
	"full_name":      "FullName",
	"session_secret": "",
}

// explain adds what Mixin says to the error that the caller gets.
func explain(e *userapi.Error, cause error, _ *provider.Call, mask provider.Mask) {
	vendor, ok := cause.(*APIError)
	if !ok {
		return
	}
	body := provider.ErrorBody{Fields: map[string][]string{}, General: vendor.Errors[base]}
	maps.Copy(body.Fields, vendor.Errors)
	delete(body.Fields, base)
	if vendor.Description != "" {
		body.General = []string{vendor.Description}
	}
	addExtra(&provider.Budget{}, vendor.Extra, body.Fields)
	body.Explain(e, mask, new(provider.Codes), func(name string) string { return neutralField[name] })
	if vendor.Code != 0 {
		e.Code = strconv.Itoa(vendor.Code)
	}
}

// addExtra adds the fields that an error's extra names. Its form is not documented: {"field": …,
// "reason": …} has been seen. A list of these, members called as the request's, and a bare name are
// understood too.
func addExtra(budget *provider.Budget, extra json.RawMessage, fields map[string][]string) {
	add := func(name, message string) { fields[name] = append(fields[name], message) }
	switch {
	case len(extra) == 0:
	case extra[0] == '[':
		budget.Each(extra, func(_ string, inner json.RawMessage) {
			if inner[0] != '[' {
				addExtra(budget, inner, fields)
			}
		})
	case extra[0] == '{':
		own := texts(extra, "field", "reason", "message", "description", "full_name", "session_secret")
		if own["field"] != "" {
			add(own["field"], cmp.Or(own["reason"], own["message"], own["description"]))
			return
		}
		for name := range neutralField {
			if message, ok := own[name]; ok {
				add(name, message)
			}
		}
	default:
		name := wire.Unquote(extra)
		if _, known := neutralField[name]; known {
			add(name, "")
		}
	}
}
