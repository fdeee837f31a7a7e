package provider

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// A Check gathers the faults of a neutral request and the fields that a vendor cannot store.
type Check struct {
	provider string
	strict   bool
	faults   []userapi.FieldError
	unmapped []string
}

type text struct{ name, value string }

// texts returns the texts of a neutral request.
func texts(req *userapi.CreateUserRequest) [11]text {
	return [...]text{
		{"IdempotencyKey", req.IdempotencyKey}, {"ExternalID", req.ExternalID}, {"Username", req.Username},
		{"Email", req.Email}, {"Phone", req.Phone}, {"Password", req.Password.Reveal()},
		{"FullName", req.FullName}, {"GivenName", req.GivenName}, {"FamilyName", req.FamilyName},
		{"Timezone", req.Timezone}, {"Language", req.Language},
	}
}

// NewCheck begins a check of a neutral request: all texts are UTF-8, and no secret is redacted.
func NewCheck(provider string, req *userapi.CreateUserRequest) Check {
	c := Check{provider: provider, strict: req.Strict}
	for _, f := range texts(req) {
		if !utf8.ValidString(f.value) {
			c.Invalid(f.name, "", mustBeUTF8)
		}
	}
	if slices.ContainsFunc(req.Tags, func(tag string) bool { return !utf8.ValidString(tag) || tag == "" }) {
		c.Invalid("Tags", "", "must be texts of valid UTF-8, none empty")
	}
	c.Secret("Password", "", req.Password)
	return c
}

// NativeCheck begins a check of a vendor's own request.
func NativeCheck(provider string) Check { return Check{provider: provider} }

// Invalid notes a fault and what is expected instead. expected must hold no value of the request.
func (c *Check) Invalid(field, vendorField, expected string) {
	c.faults = append(c.faults, userapi.FieldError{Field: field, VendorField: vendorField, Code: userapi.CodeInvalid, Message: expected})
}

// Required notes a field that is missing.
func (c *Check) Required(field, vendorField, expected string) {
	c.faults = append(c.faults, userapi.FieldError{Field: field, VendorField: vendorField, Code: userapi.CodeRequired, Message: expected})
}

// MustBeSet notes a member that must be set and is not.
func (c *Check) MustBeSet(field, vendorField string, isSet bool) {
	if !isSet {
		c.Required(field, vendorField, "must be set")
	}
}

// Secret refuses the redaction text: it would be stored as everybody's password.
func (c *Check) Secret(field, vendorField string, s userapi.Secret) {
	if s == userapi.Redacted {
		c.Invalid(field, vendorField, "must be the secret itself, not its redacted form")
	}
}

// Credential checks a secret that goes into a header. "" is ignored.
func (c *Check) Credential(setting string, s userapi.Secret) {
	c.Secret("", setting, s)
	if !IsWord(s.Reveal()) {
		c.Invalid("", setting, "must be printable ASCII without blanks")
	}
}

// Key checks a text that a user is looked up by.
func (c *Check) Key(field, vendorField, value string) {
	switch {
	case strings.TrimSpace(value) == "":
		c.Required(field, vendorField, "must be set")
	case !utf8.ValidString(value):
		c.Invalid(field, vendorField, mustBeUTF8)
	}
}

// NumberID refuses an id that is not a positive number in plain decimal.
func (c *Check) NumberID(field, vendorField, id string) {
	switch n, err := strconv.ParseInt(id, 10, 64); {
	case err != nil || strconv.FormatInt(n, 10) != id:
		c.Invalid(field, vendorField, "must be a positive number in decimal, without sign or leading zeros")
	case n <= 0:
		c.Invalid(field, vendorField, "must be a positive number")
	}
}

// MustBeUUID is what is expected of an id that is a UUID.
const MustBeUUID = "must be a UUID of 36 characters, such as 06aed1e3-bd77-4a59-991a-5bb5ae6fbb09"

// UUID returns an id in lower case, and refuses one that is not a UUID.
func (c *Check) UUID(field, vendorField, id string) string {
	canonical, ok := uuid.Canonical(id)
	if !ok {
		c.Invalid(field, vendorField, MustBeUUID)
	}
	return canonical
}

// UUIDIfSet is UUID for an id that may be missing, which is "".
func (c *Check) UUIDIfSet(vendorField, id string) string {
	if id == "" {
		return ""
	}
	return c.UUID("", vendorField, id)
}

// Attributes encodes a request's attributes as a JSON object; nil with a fault.
func (c *Check) Attributes(attributes map[string]any) json.RawMessage {
	body, faults := Encode(attributes)
	switch {
	case faults != nil:
		c.Invalid("Attributes", "", strings.Replace(faults[0].Message, "the request ", "", 1))
	case IsRedacted(body):
		c.Invalid("Attributes", "", "must not have a Secret in it: it would be stored redacted")
	default:
		return body
	}
	return nil
}

// IsRedacted reports whether a Secret that is redacted stands in a JSON text.
func IsRedacted(body []byte) bool { return bytes.Contains(body, []byte(`"`+userapi.Redacted+`"`)) }

// Unmapped notes a field that the vendor cannot store, if it is set.
func (c *Check) Unmapped(field string, set bool) {
	switch {
	case !set:
	case c.strict:
		c.faults = append(c.faults, userapi.FieldError{Field: field, Code: userapi.CodeUnsupported, Message: "cannot be stored by " + c.provider})
	default:
		c.unmapped = append(c.unmapped, field)
	}
}

// Add takes over faults that were found elsewhere.
func (c *Check) Add(faults ...userapi.FieldError) { c.faults = append(c.faults, faults...) }

// Faults returns what was found so far.
func (c *Check) Faults() []userapi.FieldError { return slices.Clone(c.faults) }

// Done returns the fields that cannot be stored, or an error with every fault.
func (c *Check) Done(op string) (unmapped []string, err error) {
	if len(c.faults) > 0 {
		return nil, Invalid(c.provider, op, c.faults)
	}
	return c.unmapped, nil
}

// IsWord reports whether a text is printable ASCII without blanks.
func IsWord(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// CheckNumberID refuses what NumberID does.
func CheckNumberID(provider, vendorField, id string) error {
	check := NativeCheck(provider)
	check.NumberID("", vendorField, id)
	_, err := check.Done(opCheckID)
	return err
}

// CheckUUID refuses what UUID does.
func CheckUUID(provider, vendorField, id string) error {
	check := NativeCheck(provider)
	check.UUID("", vendorField, id)
	_, err := check.Done(opCheckID)
	return err
}

const opCheckID = "check user id"

// Extension finds the vendor's own extension, a value or a pointer, among a request's.
func Extension[T userapi.Extension](c *Check, extensions []userapi.Extension) (own T, ok bool) {
	invalid := func(expected string) { c.Invalid("Extensions", "", expected) }
	for _, ext := range extensions {
		found, isOwn := any(ext).(T)
		pointer, isPointer := any(ext).(*T)
		v := reflect.ValueOf(ext)
		switch isNil := v.Kind() == reflect.Pointer && v.IsNil(); {
		case ext == nil:
			invalid("must not hold nil")
		case isPointer && isNil:
			invalid("must not hold a nil pointer")
		case isNil: // some other vendor's; its method might not bear the call
		case (isOwn || isPointer) && ok:
			invalid("must hold at most one extension for " + c.provider)
		case isPointer:
			own, ok = *pointer, true
		case isOwn:
			own, ok = found, true
		case ext.UserExtension() == c.provider:
			invalid("must be of the type that package " + c.provider + " exports")
		}
	}
	return own, ok
}
