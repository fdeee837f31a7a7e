package provider

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// MaxErrorBody is how much of an error's body an APIError keeps.
const MaxErrorBody = 64 << 10

// maxName is the longest name of a field, in bytes, that is looked at.
const maxName = 200

// maxDepth is how deep messages are searched in an error's body.
const maxDepth = 8

// Cap shortens an error's body to MaxErrorBody, in memory of its own.
func Cap(body []byte) []byte {
	return slices.Clone(body[:min(len(body), MaxErrorBody)])
}

// An ErrorBody is what the error bodies of all vendors may hold.
type ErrorBody struct {
	Fields  map[string][]string
	General []string
	Code    string
	Message string
}

// FieldNames returns the names in Fields in order.
func (b *ErrorBody) FieldNames() []string { return slices.Sorted(maps.Keys(b.Fields)) }

// Messages returns every message, General first, then by field.
func (b *ErrorBody) Messages() []string {
	all := slices.Clone(b.General)
	for _, name := range b.FieldNames() {
		all = append(all, b.Fields[name]...)
	}
	if b.Message != "" {
		all = append(all, b.Message)
	}
	return all
}

// Explain adds what the body says to an error. codes says what its messages mean, and neutral
// which neutral field one of the vendor's comes from.
func (b *ErrorBody) Explain(e *userapi.Error, mask Mask, codes *Codes, neutral func(name string) string) {
	e.Code = mask.Code(b.Code)
	for _, name := range b.FieldNames() {
		for _, message := range b.Fields[name] {
			codes.Add(e, mask, neutral(name), mask.Code(name), "", message)
		}
	}
	general := ErrorBody{General: b.General, Message: b.Message}
	e.Message = mask.Text(strings.Join(general.Messages(), "; "))
}

// maxMembers bounds the members and elements of an error's body that are read, beside those at its
// top. A body of a megabyte may have a hundred thousand. No vendor's has a hundred.
const maxMembers = 1000

// A Budget bounds how much of an error's body is read. The zero value is a full one.
type Budget struct{ spent int }

// Each is wire.Each until the budget is spent. An element of an array has the name "". The
// text must be valid JSON.
func (b *Budget) Each(data []byte, visit func(name string, value json.RawMessage)) bool {
	return wire.Each(data, func(quoted, value []byte) bool {
		if b.spent >= maxMembers {
			return false
		}
		b.spent++
		name := ""
		if len(quoted) <= 6*maxName+2 { // each byte may be written as \u0000
			name = wire.Unquote(quoted)
		}
		visit(name, value)
		return true
	})
}

// DecodeErrorBody reads {"errors": …} with an object, an array or a text in it, {"error": …},
// {"detail": …}, and {"code": …, "message": …}. It never fails; ok is false where the body is not a
// JSON object. plain says that members which are none of these are fields too, as Django writes
// them. Of a body with thousands of members it reads the first.
func DecodeErrorBody(body []byte, plain bool) (b ErrorBody, ok bool) {
	if !json.Valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return b, false
	}
	members := map[string]json.RawMessage{} // those of these names
	wire.Each(body, func(quoted, value []byte) bool {
		switch string(quoted) {
		case `"errors"`, `"error"`, `"message"`, `"detail"`, `"code"`:
			members[string(quoted[1:len(quoted)-1])] = value
		}
		return true
	})
	b.Fields = map[string][]string{}
	var budget Budget
	if HasContent(members["errors"]) {
		b.add(&budget, "", members["errors"], maxDepth)
	}
	if HasContent(members["error"]) {
		b.addError(members["error"])
	}
	b.Message = cmp.Or(b.Message, leaf(members["message"]), leaf(members["detail"]))
	b.Code = cmp.Or(leaf(members["code"]), b.Code)
	if plain && !HasContent(members["errors"]) {
		budget.Each(body, func(name string, raw json.RawMessage) {
			if _, known := members[name]; !known {
				b.add(&budget, name, raw, maxDepth)
			}
		})
	}
	for _, name := range [...]string{"", "base", "non_field_errors"} {
		b.General = append(b.General, b.Fields[name]...)
		delete(b.Fields, name)
	}
	return b, true
}

// addError reads the value of "error": a text, or an object with a code and a text.
func (b *ErrorBody) addError(raw json.RawMessage) {
	var one struct{ Code, Message, Description lenient.Text }
	if json.Unmarshal(raw, &one) != nil {
		b.Message = leaf(raw)
		return
	}
	b.Code, b.Message = string(one.Code), string(cmp.Or(one.Message, one.Description))
}

// add reads messages below a field; "" means none.
func (b *ErrorBody) add(budget *Budget, field string, raw json.RawMessage, depth int) {
	if depth == 0 {
		return
	}
	var message json.RawMessage
	wire.Each(raw, func(quoted, value []byte) bool {
		if string(quoted) == `"message"` {
			message = value
		}
		return true
	})
	if s := leaf(message); s != "" {
		b.Fields[field] = append(b.Fields[field], s)
		return
	}
	inside := budget.Each(raw, func(name string, inner json.RawMessage) {
		switch {
		case name == "", len(field)+len(name) > maxName: // no vendor's field has such a name
			name = field
		case field != "":
			name = field + "." + name
		}
		b.add(budget, name, inner, depth-1)
	})
	if s := leaf(raw); !inside && s != "" {
		b.Fields[field] = append(b.Fields[field], s)
	}
}

// leaf returns a text, or a number or boolean as text; "" for anything else.
func leaf(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' {
		return ""
	}
	var t lenient.Text
	_ = t.UnmarshalJSON(raw)
	return strings.TrimSpace(string(t))
}

// mustBeUTF8 is what is expected of every text.
const mustBeUTF8 = "must be valid UTF-8"

// Encode writes a request's body, secrets redacted, or says why it cannot be written.
func Encode(v any) ([]byte, []userapi.FieldError) {
	body, member, err := wire.Encode(v)
	return body, encodingFaults(member, err)
}

func encodingFaults(member string, err error) []userapi.FieldError {
	if err == nil {
		return nil
	}
	fault := userapi.FieldError{Code: userapi.CodeInvalid, Message: "the request must be encodable as JSON"}
	var value *json.UnsupportedValueError
	switch {
	case errors.Is(err, wire.ErrNotUTF8):
		fault.VendorField, fault.Message = Mask{}.Code(member), mustBeUTF8
	case errors.As(err, &value):
		fault.Message = "the request must hold only finite numbers and no cycles"
	}
	return []userapi.FieldError{fault}
}

// Encode writes the body that is sent, secrets revealed, and notes why it cannot be written. That a
// text is not UTF-8 is noted once: NewCheck may have named its neutral field.
func (c *Check) Encode(v any) []byte {
	body, member, err := wire.EncodeRevealed(v)
	known := slices.ContainsFunc(c.faults, func(f userapi.FieldError) bool { return f.Message == mustBeUTF8 })
	if !known || !errors.Is(err, wire.ErrNotUTF8) {
		c.Add(encodingFaults(member, err)...)
	}
	return body
}
