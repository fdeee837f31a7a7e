package provider

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/userapi"
)

// Set returns s if it points to a text that is set, and nil if that is "".
func Set(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

// Value returns what p points to, "" for nil.
func Value[T ~string](p *T) T {
	if p == nil {
		return ""
	}
	return *p
}

// Given reports whether p points to a text that is not blank.
func Given(p *string) bool { return p != nil && strings.TrimSpace(*p) != "" }

// FullName returns the request's full name, or its parts joined; nil for none.
func FullName(req *userapi.CreateUserRequest) *string {
	if req.FullName != "" {
		return &req.FullName
	}
	return Set(new(strings.TrimSpace(req.GivenName + " " + req.FamilyName)))
}

// Attributes encodes a request's attributes as a JSON object; nil with a fault.
func (c *Check) Attributes(attributes map[string]any) json.RawMessage {
	body, faults := Encode(attributes)
	switch {
	case faults != nil:
		c.Invalid("Attributes", "", strings.Replace(faults[0].Message, "the request ", "", 1))
	case IsRedacted(body):
		c.Invalid("Attributes", "", "must hold no Secret: it would be stored redacted")
	default:
		return body
	}
	return nil
}

// IsRedacted reports whether a Secret that is redacted stands in a JSON text.
func IsRedacted(body []byte) bool { return bytes.Contains(body, []byte(`"`+userapi.Redacted+`"`)) }

// NativeCheck begins a check of a vendor's own request.
func NativeCheck(provider string) Check { return Check{provider: provider} }

// IsWord reports whether a text is printable ASCII without blanks.
func IsWord(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Credential checks a setting that goes into a header: printable, without blanks.
// An empty one is passed over.
func (c *Check) Credential(setting string, s userapi.Secret) {
	c.Secret("", setting, s)
	if !IsWord(s.Reveal()) {
		c.Invalid("", setting, "must be printable ASCII without blanks")
	}
}

// Key checks a text that a user is looked for by.
func (c *Check) Key(field, vendorField, value string) {
	switch {
	case strings.TrimSpace(value) == "":
		c.Required(field, vendorField, "must be set")
	case !utf8.ValidString(value):
		c.Invalid(field, vendorField, mustBeUTF8)
	}
}

// Faults returns what was found so far.
func (c *Check) Faults() []userapi.FieldError { return slices.Clone(c.faults) }
