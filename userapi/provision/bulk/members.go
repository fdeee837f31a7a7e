package bulk

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/enlist-go/enlist/userapi"
)

// A vendor describes a vendor's Extension for a Mapping.
type vendor struct {
	name    string
	base    reflect.Value     // each row starts with a copy of this struct
	pointer bool              // the Extension is a pointer to the struct
	shared  userapi.Extension // base as an Extension; nil if no field is set
	members map[string]member
}

// A member is a field of the Extension, or of a struct inside it.
type member struct {
	path []int // field indexes
	kind reflect.Type
}

// vendorOf describes the Extension that a prototype shows.
func vendorOf(prototype userapi.Extension) (*vendor, error) {
	t := reflect.TypeOf(prototype)
	if t == nil {
		return nil, errors.New("bulk: Mapping.Extensions: one is nil")
	}
	v := &vendor{pointer: t.Kind() == reflect.Pointer, members: map[string]member{}}
	if v.pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("bulk: Mapping.Extensions: a %T is not a struct", prototype)
	}
	v.base = reflect.New(t).Elem()
	switch p := reflect.ValueOf(prototype); {
	case !v.pointer:
		v.base.Set(p)
	case !p.IsNil():
		v.base.Set(p.Elem())
	}
	v.name = v.extension(v.base).UserExtension()
	if v.name == "" || v.name == attributesName || strings.Contains(v.name, ".") || neutral[v.name] != nil {
		return nil, fmt.Errorf("bulk: Mapping.Extensions: the vendor's name of a %T cannot be used before its members", prototype)
	}
	if !v.base.IsZero() {
		v.shared = v.extension(v.base)
	}
	v.find(t, "", nil)
	return v, nil
}

// extension returns a struct as the Extension.
func (v *vendor) extension(s reflect.Value) userapi.Extension {
	if v.pointer {
		p := reflect.New(s.Type())
		p.Elem().Set(s)
		return p.Interface().(userapi.Extension)
	}
	return s.Interface().(userapi.Extension)
}

// maxPath bounds the depth of nested structs. Recursive types end there.
const maxPath = 3

// find adds the members of a struct.
func (v *vendor) find(t reflect.Type, prefix string, path []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Anonymous {
			continue
		}
		m := member{append(slices.Clone(path), i), f.Type}
		name := prefix + snake(f.Name)
		v.members[name] = m
		if inner, ok := structOf(f.Type); ok && len(m.path) < maxPath {
			v.find(inner, name+".", m.path)
		}
	}
}

// structOf returns the struct type if its members can be set one by one.
func structOf(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, isTime := timeIn(t)
	return t, t.Kind() == reflect.Struct && !isTime && !reflect.PointerTo(t).Implements(unmarshalerType)
}

// place returns the addressed member of a struct. It copies the structs that pointers lead to,
// because they belong to the prototype.
func (m member) place(s reflect.Value) reflect.Value {
	for _, i := range m.path {
		if s.Kind() == reflect.Pointer {
			p := reflect.New(s.Type().Elem())
			if !s.IsNil() {
				p.Elem().Set(s.Elem())
			}
			s.Set(p)
			s = p.Elem()
		}
		s = s.Field(i)
	}
	return s
}

// memberNames lists the members beside a name, for an error.
func (v *vendor) memberNames(name string) string {
	prefix := ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		prefix = name[:i+1]
	}
	names := slices.Collect(maps.Keys(v.members))
	names = slices.DeleteFunc(names, func(n string) bool {
		rest, ok := strings.CutPrefix(n, prefix)
		return !ok || strings.Contains(rest, ".")
	})
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// snake returns a Go name in snake case: birth_date for BirthDate, image_url for ImageURL,
// verification_ids for VerificationIDs.
func snake(name string) string {
	var b strings.Builder
	letters := []rune(name)
	at := func(i int) rune {
		if i < len(letters) {
			return letters[i]
		}
		return 0
	}
	for i, r := range letters {
		if i > 0 && unicode.IsUpper(r) {
			next := at(i + 1)
			plural := next == 's' && !unicode.IsLower(at(i+2))
			if !unicode.IsUpper(letters[i-1]) || unicode.IsLower(next) && !plural {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
