package provider

import (
	"reflect"
	"slices"
	"unicode/utf8"

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

// NewCheck begins a check with what holds at every vendor: every text is valid
// UTF-8, and no secret is one that was redacted.
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

// Secret refuses a secret that is the redaction text: it was printed or encoded
// somewhere and read back, and would be stored as everybody's password.
func (c *Check) Secret(field, vendorField string, s userapi.Secret) {
	if s == userapi.Redacted {
		c.Invalid(field, vendorField, "must be the secret itself, not its redacted form")
	}
}

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

// Done returns the fields that cannot be stored, or an error with every fault.
func (c *Check) Done(op string) (unmapped []string, err error) {
	if len(c.faults) > 0 {
		return nil, Invalid(c.provider, op, c.faults)
	}
	return c.unmapped, nil
}

// Extension finds the vendor's own extension among a request's, which may be a value or a
// pointer. Extensions of other vendors are passed over.
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
