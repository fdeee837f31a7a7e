package bulk

import (
	"strings"
)

const (
	keyField       = "key"
	passwordField  = "password"
	attributesName = "attributes"
)

// neutral are the fields of the request that a column or template can set, by their names. A
// setter returns what is expected of a value that does not fit.
var neutral = map[string]func(b *builder, v any) (expected string){
	keyField:      (*builder).setKey,
	passwordField: (*builder).setPassword,
	"tags":        (*builder).setTags,
	"external_id": func(b *builder, v any) (expected string) { b.req.ExternalID, expected = digitsOf(v); return },
	"phone":       func(b *builder, v any) (expected string) { b.req.Phone, expected = digitsOf(v); return },
	"username":    func(b *builder, v any) (expected string) { b.req.Username, expected = digitsOf(v); return },
	"email":       func(b *builder, v any) (expected string) { b.req.Email, expected = textOf(v); return },
	"full_name":   func(b *builder, v any) (expected string) { b.req.FullName, expected = textOf(v); return },
	"given_name":  func(b *builder, v any) (expected string) { b.req.GivenName, expected = textOf(v); return },
	"family_name": func(b *builder, v any) (expected string) { b.req.FamilyName, expected = textOf(v); return },
	"timezone":    func(b *builder, v any) (expected string) { b.req.Timezone, expected = textOf(v); return },
	"language":    func(b *builder, v any) (expected string) { b.req.Language, expected = textOf(v); return },
}

func (b *builder) setKey(v any) string {
	value, expected := digitsOf(v)
	if expected == "" {
		b.key, b.req.IdempotencyKey = value, keyOf(b.m.job, value)
	}
	return expected
}

func (b *builder) setPassword(v any) (expected string) {
	b.req.Password, expected = secretOf(v)
	return expected
}

func (b *builder) setTags(v any) string {
	list, expected := listOf(v)
	b.req.Tags = nil
	for _, element := range list {
		tag, wrong := textOf(element)
		if wrong != "" {
			return wantList
		}
		b.req.Tags = append(b.req.Tags, tag)
	}
	return expected
}

// A field is what a column or template sets.
type field struct {
	name   string
	secret bool // its value is taken to the byte
	hidden bool // there is a secret in its value
	set    func(b *builder, v any) (expected string)
	clear  func(b *builder)
}

// field finds the field of a name.
func (m *Mapper) field(name string) (field, bool) {
	if m.onlyKey && name != keyField {
		return field{}, false
	}
	if set := neutral[name]; set != nil {
		return field{name, name == passwordField, name == passwordField, set, func(b *builder) { _ = set(b, "") }}, true
	}
	first, rest, _ := strings.Cut(name, ".")
	if first == attributesName && rest != "" {
		return field{name, false, false, func(b *builder, v any) string {
			if b.req.Attributes == nil {
				b.req.Attributes = map[string]any{}
			}
			b.req.Attributes[rest] = v
			return ""
		}, func(b *builder) { delete(b.req.Attributes, rest) }}, true
	}
	v := m.vendors[first]
	if v == nil {
		return field{}, false
	}
	at, ok := v.members[rest]
	if !ok || !assignable(at.kind) {
		return field{}, false
	}
	return field{name, isSecret(at.kind), holdsSecret(at.kind, 2*maxPath), func(b *builder, value any) string {
		return assign(at.place(b.extra(v)), value)
	}, func(b *builder) { at.place(b.extra(v)).SetZero() }}, true
}
