package provider

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/transport"
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
func Value(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// FullName returns the request's full name, or its parts joined; nil for none.
func FullName(req *userapi.CreateUserRequest) *string {
	if req.FullName != "" {
		return &req.FullName
	}
	if joined := strings.TrimSpace(req.GivenName + " " + req.FamilyName); joined != "" {
		return &joined
	}
	return nil
}

// Attributes encodes a request's attributes as a JSON object.
func (c *Check) Attributes(attributes map[string]any) json.RawMessage {
	body, faults := Encode(attributes)
	switch {
	case faults != nil:
		c.Invalid("Attributes", "", strings.Replace(faults[0].Message, "the request ", "", 1))
	case bytes.Contains(body, []byte(`"`+userapi.Redacted+`"`)):
		c.Invalid("Attributes", "", "must hold no Secret: it would be stored redacted")
	}
	return body
}

// NativeCheck begins a check of a vendor's own request.
func NativeCheck(provider string) Check { return Check{provider: provider} }

// Credential checks a setting that goes into a header: printable, without blanks.
// An empty one is passed over.
func (c *Check) Credential(setting string, s userapi.Secret) {
	c.Secret("", setting, s)
	if strings.ContainsFunc(s.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.Invalid("", setting, "must be printable ASCII without blanks")
	}
}

// Faults returns what was found so far.
func (c *Check) Faults() []userapi.FieldError { return slices.Clone(c.faults) }

// Meta is what a native reply tells beside its members. It stands behind a pointer
// so that printing the reply does not show the raw bytes.
type Meta struct {
	status    int
	requestID string
	raw       []byte
	warnings  []string
}

// NewMeta takes a reply's data, and oddities that are no failures.
func NewMeta(res *transport.Result, warnings ...string) *Meta {
	return &Meta{status: res.Reply.Status, requestID: Mask{}.Code(res.RequestID), raw: res.Reply.Body, warnings: warnings}
}

// StatusCode returns the reply's HTTP status; 0 for a value that no call returned.
func (m *Meta) StatusCode() int {
	if m == nil {
		return 0
	}
	return m.status
}

// RequestID returns the id by which the vendor's support finds the call, if any.
func (m *Meta) RequestID() string {
	if m == nil {
		return ""
	}
	return m.requestID
}

// Warnings tells of oddities that are no failures, such as a reply that carries
// another request's id.
func (m *Meta) Warnings() []string {
	if m == nil {
		return nil
	}
	return m.warnings
}

// Raw returns the reply byte for byte. It may hold one-time tokens.
func (m *Meta) Raw() json.RawMessage {
	if m == nil {
		return nil
	}
	return m.raw
}
