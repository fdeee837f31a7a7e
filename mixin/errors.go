package mixin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// An APIError is an error as Mixin sent it. Its fields hold the vendor's own text,
// which may repeat what was sent; its printed forms do not show them. Source:
// Mixin's docs, "Error Codes".
type APIError struct {
	// StatusCode is the reply's own: Mixin's errors come with 202.
	StatusCode int `json:"status_code"`
	// Status, Code, Description and Extra are the members of {"error": …}; 0, "" and
	// nil where there is no such object. Code says what went wrong. Extra is JSON of
	// any type.
	Status      int             `json:"status"`
	Code        int             `json:"code"`
	Description string          `json:"description"`
	Extra       json.RawMessage `json:"extra"`
	// Errors holds the messages of a body that is not Mixin's own, such as
	// {"errors": {field: […]}} of a server before it, by field; under "base" those of
	// no field.
	Errors map[string][]string `json:"errors"`
	// Header and Body are the reply's; the body is cut at 64 KiB.
	Header http.Header `json:"-"`
	Body   []byte      `json:"-"`
}

// base is where messages of no field stand.
const base = "base"

func (e APIError) summary() provider.Summary {
	return provider.Summary{Type: "mixin.APIError", Attrs: []slog.Attr{
		slog.Int("status", e.StatusCode), slog.Int("code", e.Code),
	}}
}

// Error tells the status and the code.
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

// errorMember returns the value of a body's member "error"; nil for none, and for one that
// is null or empty. The body may be broken anywhere before or behind it: a value that is cut
// off, or not JSON, is returned with what follows it. Every success comes this way, so
// nothing is allocated before a member is found.
func errorMember(body []byte) json.RawMessage {
	const space = " \t\r\n"
	if !bytes.HasPrefix(bytes.TrimLeft(body, space), []byte("{")) {
		return nil
	}
	depth := 0
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
			var whole json.RawMessage
			switch {
			case json.NewDecoder(bytes.NewReader(value)).Decode(&whole) != nil:
				return value
			case provider.HasContent(whole):
				return whole
			}
		}
	}
	return nil
}

// isError reports whether a JSON string is the name "error".
func isError(quoted []byte) bool {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var plain string
		if json.Unmarshal(quoted, &plain) != nil {
			return false
		}
		name = []byte(plain)
	}
	return string(name) == "error"
}

// decodeError reads any body that is no success. It never fails and never hides the
// status.
func decodeError(status int, header http.Header, body []byte) *APIError {
	e := &APIError{StatusCode: status, Header: header, Body: provider.Cap(body)}
	var own struct {
		Status, Code lenient.Number
		Description  lenient.Text
		Extra        json.RawMessage
	}
	if raw := errorMember(body); raw != nil && raw[0] == '{' {
		if json.Unmarshal(raw, &own) != nil { // it is cut off
			if code, ok := wire.ScanID(raw, "code"); ok {
				own.Code = lenient.Number(code)
			}
		}
		e.Status, e.Code = number(own.Status), number(own.Code)
		e.Description = string(own.Description)
		if provider.HasContent(own.Extra) {
			e.Extra = own.Extra
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

// number returns a number's value, 0 for one that is no int.
func number(n lenient.Number) int {
	v, ok := n.Int64()
	if !ok || int64(int(v)) != v {
		return 0
	}
	return int(v)
}

// Codes of Mixin's. Those from 400 to 429 mean what the HTTP statuses do.
const (
	codeInvalidField        = 10002
	codeInsufficientBalance = 20117
)

// refusals are the further codes that say that nothing was done. Sources: Mixin's
// docs, "Error Codes", today's and of 2018; Mixin's Android client.
var refusals = [...]int{
	10006, // the client must be updated
	10104, // an address is being generated
	10105, // locked by another transaction
	codeUserNotFound,
	20111, // no identity numbers left
	20116, // the group is full
	20118, // the PIN's format
	20119, // the PIN
	20123, // too many applications
}

// classifyCode says what a code of Mixin's means. Of one that is not known to be a
// refusal it is not known what was done before it was sent.
func classifyCode(code int) transport.Classification {
	switch code {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusNotFound, http.StatusTooManyRequests:
		return provider.Classify(code)
	case codeInvalidField:
		return transport.Classification{Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected}
	case codeInsufficientBalance:
		return transport.Classification{Kind: userapi.KindForbidden, Outcome: userapi.OutcomeRejected}
	}
	if slices.Contains(refusals[:], code) {
		return transport.Classification{Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected}
	}
	return transport.Classification{Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeUnknown}
}

// classify says what a reply means: by the code in its body, under any status, and
// only without one by the status.
func classify(r *transport.Reply) transport.Classification {
	v := provider.Classify(r.Status)
	if v.OK && errorMember(r.Body) == nil {
		return v
	}
	e := decodeError(r.Status, r.Header, r.Body)
	if e.Code != 0 {
		v = classifyCode(e.Code)
	}
	if !v.OK {
		v.Err = e
	}
	return v
}

// neutralField names the field of userapi.CreateUserRequest that a member of
// Mixin's comes from. The session secret comes from none.
var neutralField = map[string]string{
	"full_name":      "FullName",
	"session_secret": "",
}

// codes are empty: Mixin says of a field that it is invalid, in words that are not
// documented.
var codes provider.Codes

// explain adds what Mixin says to the error that the caller gets.
func explain(e *userapi.Error, cause error, _ *provider.Call, mask provider.Mask) {
	vendor, ok := cause.(*APIError)
	if !ok {
		return
	}
	if vendor.Code != 0 {
		e.Code = strconv.Itoa(vendor.Code)
	}
	add := func(name, message string) {
		codes.Add(e, mask, neutralField[name], mask.Code(name), "", message)
	}
	addExtra(&provider.Budget{}, vendor.Extra, add)
	body := provider.ErrorBody{Fields: vendor.Errors}
	for _, name := range body.FieldNames() {
		if name == base {
			continue
		}
		for _, message := range vendor.Errors[name] {
			add(name, message)
		}
	}
	e.Message = mask.Text(cmp.Or(vendor.Description, strings.Join(vendor.Errors[base], "; ")))
}

// addExtra finds the fields that an error's extra names: its type and members are
// not documented. {"field": …, "reason": …} has been seen; a list of such, members
// called as the request's, and a bare name are understood too.
func addExtra(budget *provider.Budget, extra json.RawMessage, add func(name, message string)) {
	extra = bytes.TrimSpace(extra)
	if len(extra) == 0 {
		return
	}
	switch extra[0] {
	case '[':
		budget.Each(extra, func(_ string, inner json.RawMessage) {
			if inner[0] != '[' {
				addExtra(budget, inner, add)
			}
		})
	case '{':
		var own struct {
			Field, Reason, Message, Description lenient.Text
			FullName                            json.RawMessage `json:"full_name"`
			SessionSecret                       json.RawMessage `json:"session_secret"`
		}
		if json.Unmarshal(extra, &own) != nil {
			return
		}
		if own.Field != "" {
			add(string(own.Field), string(cmp.Or(own.Reason, own.Message, own.Description)))
			return
		}
		for _, member := range [...]struct {
			name string
			raw  json.RawMessage
		}{{"full_name", own.FullName}, {"session_secret", own.SessionSecret}} {
			var message lenient.Text
			if member.raw != nil {
				_ = message.UnmarshalJSON(member.raw)
				add(member.name, string(message))
			}
		}
	case '"':
		var name string
		if json.Unmarshal(extra, &name) != nil {
			return
		}
		if _, known := neutralField[name]; known {
			add(name, "")
		}
	}
}
