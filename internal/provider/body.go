package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// MaxErrorBody is how much of an error's body an APIError keeps.
const MaxErrorBody = 64 << 10

// maxName is the longest name of a field, in bytes, that is looked at.
const maxName = 200

// maxDepth is how deep messages are looked for in an error's body.
const maxDepth = 8

// Cap shortens an error's body to MaxErrorBody, in memory of its own.
func Cap(body []byte) []byte {
	return slices.Clone(body[:min(len(body), MaxErrorBody)])
}

// An ErrorBody is what the error bodies of the vendors have in common: messages
// by field, messages of no field, a code and a text.
type ErrorBody struct {
	Fields  map[string][]string
	General []string
	Code    string
	Message string
}

// FieldNames returns the names in Fields in order.
func (b *ErrorBody) FieldNames() []string {
	names := make([]string, 0, len(b.Fields))
	for name := range b.Fields {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

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

// DecodeErrorBody reads {"errors": …} with an object, an array or a text in it,
// {"error": …}, {"detail": …}, and {"code": …, "message": …}. It never fails; ok
// is false where the body is no JSON object. plain says that members which are
// none of these are fields too, as Django writes them.
func DecodeErrorBody(body []byte, plain bool) (b ErrorBody, ok bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members == nil {
		return b, false
	}
	b.Fields = map[string][]string{}
	if raw, has := members["errors"]; has && HasContent(raw) {
		b.add("", raw, maxDepth)
	}
	if raw, has := members["error"]; has && HasContent(raw) {
		b.addError(raw)
	}
	for _, name := range [...]string{"message", "detail"} {
		if s := leaf(members[name]); s != "" && b.Message == "" {
			b.Message = s
		}
	}
	if s := leaf(members["code"]); s != "" {
		b.Code = s
	}
	if plain && !HasContent(members["errors"]) {
		for name, raw := range members {
			switch name {
			case "errors", "error", "message", "detail", "code":
			default:
				b.add(name, raw, maxDepth)
			}
		}
	}
	for _, name := range [...]string{"base", "non_field_errors"} {
		b.General = append(b.General, b.Fields[name]...)
		delete(b.Fields, name)
	}
	return b, true
}

// addError reads the value of "error": a text, or an object with a code and a text.
func (b *ErrorBody) addError(raw json.RawMessage) {
	var one struct{ Code, Message, Description lenient.Text }
	if json.Unmarshal(raw, &one) == nil {
		b.Code = string(one.Code)
		b.Message = string(one.Message)
		if b.Message == "" {
			b.Message = string(one.Description)
		}
		return
	}
	if s := leaf(raw); s != "" {
		b.Message = s
	}
}

// add reads messages below a field; "" is none.
func (b *ErrorBody) add(field string, raw json.RawMessage, depth int) {
	if depth == 0 {
		return
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		for _, inner := range list {
			b.add(field, inner, depth-1)
		}
		return
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) == nil {
		if s := leaf(members["message"]); s != "" {
			b.append(field, s)
			return
		}
		for name, inner := range members {
			if len(field)+len(name) > maxName {
				name = "" // no vendor's field has such a name
			}
			if field != "" && name != "" {
				name = field + "." + name
			}
			b.add(name, inner, depth-1)
		}
		return
	}
	b.append(field, leaf(raw))
}

func (b *ErrorBody) append(field, message string) {
	switch {
	case message == "":
	case field == "":
		b.General = append(b.General, message)
	default:
		b.Fields[field] = append(b.Fields[field], message)
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

// Encode writes a request's body. What cannot be encoded, and a text that is not
// valid UTF-8, which package json would replace in silence, is a fault.
func Encode(v any) ([]byte, []userapi.FieldError) {
	body, err := json.Marshal(v)
	if err != nil {
		var value *json.UnsupportedValueError
		expected := "must be encodable as JSON"
		if errors.As(err, &value) {
			expected = "must hold only finite numbers and no cycles"
		}
		return nil, []userapi.FieldError{{Code: "invalid", Message: "the request " + expected}}
	}
	if at := replacement(body); at >= 0 || !utf8.Valid(body) {
		return nil, []userapi.FieldError{{VendorField: memberBefore(body, at), Code: "invalid", Message: mustBeUTF8}}
	}
	return body, nil
}

// mustBeUTF8 is what is expected of every text.
const mustBeUTF8 = "must be valid UTF-8"

// Encode encodes what is to be sent, and notes why it cannot be. A text that is not
// UTF-8 is noted only where no other is yet: the neutral fields are checked first,
// and by their own names.
func (c *Check) Encode(v any) []byte {
	body, faults := Encode(v)
	known := slices.ContainsFunc(c.faults, func(f userapi.FieldError) bool { return f.Message == mustBeUTF8 })
	if len(faults) > 0 && !(known && faults[0].Message == mustBeUTF8) {
		c.Add(faults...)
	}
	return body
}

// memberBefore returns the name of the last member that begins before a place in a
// JSON text; "" for none.
func memberBefore(body []byte, at int) string {
	end := bytes.LastIndex(body[:max(at, 0)], []byte(`":`))
	if end < 0 {
		return ""
	}
	return Mask{}.Code(string(body[bytes.LastIndexByte(body[:end], '"')+1 : end]))
}

// replacement returns where package json put \ufffd in the place of invalid bytes, -1
// for nowhere; a U+FFFD that was there before is written as itself.
func replacement(body []byte) int {
	const escape = `\ufffd`
	for from := 0; ; {
		i := bytes.Index(body[from:], []byte(escape))
		if i < 0 {
			return -1
		}
		i += from
		slashes := 0
		for i-slashes > 0 && body[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
		from = i + 1
	}
}
