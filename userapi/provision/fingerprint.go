package provision

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// fingerprints knows requests again without keeping anything of them.
type fingerprints []userapi.Secret

// scheme stands before a fingerprint and changes with the canonical form.
const scheme = "1."

// of returns the fingerprint of a request.
func (keys fingerprints) of(req userapi.CreateUserRequest) (string, error) {
	form, err := canonical(req)
	if err != nil {
		return "", err
	}
	return fingerprint(keys[0], form), nil
}

// match reports whether a fingerprint, by whichever key, is the request's.
func (keys fingerprints) match(seen string, req userapi.CreateUserRequest) (bool, error) {
	form, err := canonical(req)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(keys, func(key userapi.Secret) bool {
		return hmac.Equal([]byte(seen), []byte(fingerprint(key, form)))
	}), nil
}

func fingerprint(key userapi.Secret, form []byte) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write(form)
	return scheme + hex.EncodeToString(h.Sum(nil))
}

// canonical returns a form of the request that is the same for equal requests and for
// no others: each set field by its name, each text with its length. It leaves out the
// IdempotencyKey, which the record is filed under, and everything secret, which a
// caller that gives the request back need not have kept: the password, every Secret
// and private key of an extension.
func canonical(req userapi.CreateUserRequest) ([]byte, error) {
	req.IdempotencyKey = ""
	extensions := slices.Clone(req.Extensions)
	req.Extensions = nil
	e := &encoder{}
	e.value(reflect.ValueOf(req), "")
	slices.SortStableFunc(extensions, func(a, b userapi.Extension) int { return strings.Compare(providerOf(a), providerOf(b)) })
	for _, x := range extensions {
		e.text("extension")
		e.text(providerOf(x))
		e.value(reflect.ValueOf(x), "Extensions")
	}
	if e.field != "" {
		return nil, &userapi.Error{Op: opSignUp, Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, FieldErrors: []userapi.FieldError{
			{Field: e.field, Code: "invalid", Message: "must be encodable as JSON and not contain itself"},
		}}
	}
	return e.b.Bytes(), nil
}

// providerOf returns the vendor of an extension, "" for a nil one, which vendors
// refuse.
func providerOf(x userapi.Extension) string {
	if v := reflect.ValueOf(x); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return ""
	}
	return x.UserExtension()
}

// maxDepth ends values that contain themselves.
const maxDepth = 100

// An encoder writes values so that no two different ones look alike.
type encoder struct {
	b     bytes.Buffer
	depth int
	field string // the request's field that could not be encoded
}

func (e *encoder) text(s string) {
	e.b.Write(binary.AppendUvarint(nil, uint64(len(s))))
	e.b.WriteString(s)
}

var (
	secretType = reflect.TypeFor[userapi.Secret]()
	signerType = reflect.TypeFor[crypto.Signer]()
)

// value writes v; field is the request's field that it is of.
func (e *encoder) value(v reflect.Value, field string) {
	if e.depth++; e.depth > maxDepth {
		e.fail(field, errors.New("too deep"))
	}
	defer func() { e.depth-- }()
	if e.field != "" || !v.IsValid() || noData(v) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		e.value(v.Elem(), field)
	case reflect.Struct:
		e.fields(v, field)
	case reflect.String:
		e.text(v.String())
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			e.text(string(v.Bytes()))
			return
		}
		e.text("list")
		e.b.Write(binary.AppendUvarint(nil, uint64(v.Len()))) //nolint:gosec // a length is not negative
		for i := range v.Len() {
			e.value(v.Index(i), field)
		}
	case reflect.Map:
		e.members(v, field)
	case reflect.Interface:
		// As it is sent: 1 and 1.0 are the same number there, and a value that was read
		// back from JSON is what it was.
		e.json(v.Interface(), field)
	default:
		e.json(v.Interface(), field)
	}
}

// fields writes the set fields of a struct.
func (e *encoder) fields(v reflect.Value, field string) {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok { // a time, an address
		text, err := m.MarshalText()
		if err != nil {
			e.fail(field, err)
		}
		e.text(string(text))
		return
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || v.Field(i).IsZero() || noData(v.Field(i)) {
			continue
		}
		e.text(f.Name)
		name := field
		if name == "" {
			name = f.Name
		}
		e.value(v.Field(i), name)
	}
	e.text("")
}

// noData reports whether a value is left out: one that is secret, one that is no data,
// and a list or map without an element, which is sent as little as none.
func noData(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return true
	case reflect.Interface: // a function there cannot be sent, and is a fault
		return v.Elem().IsValid() && secret(v.Elem().Type())
	case reflect.Slice, reflect.Map:
		if v.Len() == 0 {
			return true
		}
	default:
	}
	return secret(v.Type())
}

func secret(t reflect.Type) bool { return t == secretType || t.Implements(signerType) }

// members writes a map by its keys' texts.
func (e *encoder) members(v reflect.Value, field string) {
	members := map[string]reflect.Value{}
	for _, key := range v.MapKeys() {
		text, err := json.Marshal(key.Interface())
		if err != nil {
			e.fail(field, err)
		}
		members[string(text)] = v.MapIndex(key)
	}
	e.text("map")
	e.b.Write(binary.AppendUvarint(nil, uint64(len(members))))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		e.text(name)
		e.value(members[name], field)
	}
}

func (e *encoder) json(value any, field string) {
	text, err := json.Marshal(value)
	if err != nil {
		e.fail(field, err)
	}
	e.text(string(text))
}

// fail notes the first field that cannot be encoded. The error may hold its value.
func (e *encoder) fail(field string, _ error) {
	if e.field == "" {
		e.field = field
	}
}
