package provision

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/enlist-go/enlist/userapi"
)

// fingerprints recognise requests without showing them. A fingerprint depends on the sign-up's key.
// The fingerprint of what was sent also depends on the target's name. So equal requests in two
// places have different fingerprints.
type fingerprints []userapi.Secret

// scheme is the prefix of a fingerprint. It changes with the canonical form.
const scheme = "1."

// of returns the fingerprint of a request.
func (keys fingerprints) of(req userapi.CreateUserRequest, place ...string) (string, error) {
	form, err := canonical(req, place)
	if err != nil {
		return "", err
	}
	return fingerprint(keys[0], form), nil
}

// match reports whether a fingerprint, under any of the keys, is the request's. newest is the
// request's fingerprint as of returns it.
func (keys fingerprints) match(seen, newest string, req userapi.CreateUserRequest, place ...string) bool {
	switch {
	case hmac.Equal([]byte(seen), []byte(newest)):
		return true
	case seen == "" || len(keys) == 1:
		return false
	}
	form, err := canonical(req, place)
	return err == nil && slices.ContainsFunc(keys[1:], func(key userapi.Secret) bool {
		return hmac.Equal([]byte(seen), []byte(fingerprint(key, form)))
	})
}

func fingerprint(key userapi.Secret, form []byte) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write(form)
	return scheme + hex.EncodeToString(h.Sum(nil))
}

// canonical returns the canonical form of a request: each set field by its name, each text with its
// length. Two requests are equal if and only if their forms are. It omits secrets, because a caller
// may not keep them for a later call. Secrets are the password, and every Secret and private key of
// an extension.
func canonical(req userapi.CreateUserRequest, place []string) ([]byte, error) {
	if len(place) > 0 && place[0] == canonicalKey(req.IdempotencyKey) {
		req.IdempotencyKey = place[0]
	}
	extensions := slices.Clone(req.Extensions)
	req.Extensions = nil
	e := &encoder{}
	e.b.Grow(512) // more than most requests need
	for _, name := range place {
		e.text(isText, name)
	}
	e.fields(reflect.ValueOf(req), "")
	slices.SortStableFunc(extensions, func(a, b userapi.Extension) int { return strings.Compare(providerOf(a), providerOf(b)) })
	for _, x := range extensions {
		if isNoVendors(x) {
			continue
		}
		e.text(isText, providerOf(x))
		e.value(reflect.ValueOf(x), "Extensions")
	}
	if e.field != "" {
		return nil, refused(userapi.KindInvalid, userapi.FieldError{Field: e.field, Code: userapi.CodeInvalid, Message: "must be encodable as JSON, with names in UTF-8, and not contain itself"})
	}
	return e.b.Bytes(), nil
}

// providerOf returns the vendor of an extension. It is "" for nil, which vendors refuse.
func providerOf(x userapi.Extension) string {
	if v := reflect.ValueOf(x); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return ""
	}
	return x.UserExtension()
}

// isNoVendors reports whether an extension belongs to the program and to no vendor.
func isNoVendors(x userapi.Extension) bool {
	v := reflect.ValueOf(x)
	return v.IsValid() && (v.Kind() != reflect.Pointer || !v.IsNil()) && x.UserExtension() == ""
}

// maxDepth ends recursive values.
const maxDepth = 100

// An encoder writes values so that different values have different encodings.
type encoder struct {
	b     bytes.Buffer
	depth int
	field string // the request's field that could not be encoded
}

// The first byte of a value is its type.
const (
	isNothing = 'n'
	isText    = 's'
	isNumber  = 'd'
	isBool    = 'b'
	isList    = 'l'
	isMap     = 'm'
	isStruct  = 'f'
	isEnd     = 'e'
)

func (e *encoder) text(what byte, s string) {
	e.count(what, len(s))
	e.b.WriteString(s)
}

func (e *encoder) count(what byte, n int) {
	e.b.WriteByte(what)
	e.b.Write(binary.AppendUvarint(e.b.AvailableBuffer(), uint64(n))) //nolint:gosec // a length is not negative
}

var (
	secretType = reflect.TypeFor[userapi.Secret]()
	signerType = reflect.TypeFor[crypto.Signer]()
	timeType   = reflect.TypeFor[time.Time]()
)

// value writes v. field is the request's field that v is part of.
func (e *encoder) value(v reflect.Value, field string) {
	if e.depth++; e.depth > maxDepth {
		e.fail(field)
	}
	defer func() { e.depth-- }()
	if e.field != "" || !v.IsValid() || noData(v) {
		e.b.WriteByte(isNothing)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		e.value(v.Elem(), field)
	case reflect.Struct:
		e.structure(v, field)
	case reflect.String:
		e.text(isText, v.String())
	case reflect.Slice, reflect.Array:
		if _, encodes := v.Interface().(json.Marshaler); encodes {
			e.json(v.Interface(), field)
			return
		}
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			e.text(isText, string(v.Bytes()))
			return
		}
		e.count(isList, v.Len())
		for i := range v.Len() {
			e.value(v.Index(i), field)
		}
	case reflect.Map:
		e.members(v, field)
	default:
		e.json(v.Interface(), field)
	}
}

// structure writes a struct. A time, and a struct without exported fields that has its own text or
// JSON form, is written by its methods. Any other struct is written field by field, because its
// methods may redact.
func (e *encoder) structure(v reflect.Value, field string) {
	isTime := v.Type() == timeType
	for i := range v.NumField() {
		f := v.Type().Field(i)
		isTime = isTime || f.Anonymous && f.Type == timeType
	}
	if !isTime && (v.NumField() == 0 || slices.ContainsFunc(reflect.VisibleFields(v.Type()), reflect.StructField.IsExported)) {
		e.fields(v, field)
		return
	}
	p := reflect.New(v.Type()) // the methods may have pointer receivers
	p.Elem().Set(v)
	switch x := p.Interface().(type) {
	case json.Marshaler:
		e.json(x, field)
	case encoding.TextMarshaler:
		e.json(x, field)
	default:
		e.fail(field)
	}
}

// A structField describes a field of a struct.
type structField struct {
	index    int
	name     string
	embedded bool // its fields are written as the outer struct's
}

var structFields sync.Map // by the struct's reflect.Type: []structField

// fieldsOf returns the fields to write.
func fieldsOf(t reflect.Type) []structField {
	if known, ok := structFields.Load(t); ok {
		return known.([]structField)
	}
	var fields []structField
	for i := range t.NumField() {
		f := t.Field(i)
		embedded := f.Anonymous && f.Type.Kind() == reflect.Struct
		if f.IsExported() || embedded {
			fields = append(fields, structField{i, f.Name, embedded && f.Type != timeType})
		}
	}
	structFields.Store(t, fields)
	return fields
}

// fields writes the set fields of a struct.
func (e *encoder) fields(v reflect.Value, field string) {
	e.b.WriteByte(isStruct)
	for _, f := range fieldsOf(v.Type()) {
		value := v.Field(f.index)
		if value.IsZero() || noData(value) {
			continue
		}
		e.text(isText, f.name)
		name := cmp.Or(field, f.name)
		if f.embedded {
			e.fields(value, name)
		} else {
			e.value(value, name)
		}
	}
	e.b.WriteByte(isEnd)
}

// noData reports whether a value is omitted: a secret, a value without data, or an empty list or
// map, which is not sent either.
func noData(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return true
	case reflect.Interface: // a function in an interface cannot be sent, and is a fault
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

// members writes a map, sorted by the texts of its keys.
func (e *encoder) members(v reflect.Value, field string) {
	members := map[string]reflect.Value{}
	for _, key := range v.MapKeys() {
		text, err := json.Marshal(key.Interface())
		if err != nil || key.Kind() == reflect.String && !utf8.ValidString(key.String()) {
			e.fail(field)
		}
		members[string(text)] = v.MapIndex(key)
	}
	e.count(isMap, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		e.text(isText, name)
		e.value(members[name], field)
	}
}

// json writes a value in its JSON form, so equal JSON has equal encodings. A struct equals the map
// with the same JSON, and 1 equals 1.0.
func (e *encoder) json(value any, field string) {
	text, err := json.Marshal(value)
	if err != nil {
		e.fail(field)
		return
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		e.fail(field)
		return
	}
	e.plain(plain)
}

// plain writes a decoded value.
func (e *encoder) plain(v any) {
	switch x := v.(type) {
	case map[string]any:
		e.count(isMap, len(x))
		for _, name := range slices.Sorted(maps.Keys(x)) {
			e.text(isText, name)
			e.plain(x[name])
		}
	case []any:
		e.count(isList, len(x))
		for _, element := range x {
			e.plain(element)
		}
	case string:
		e.text(isText, x)
	case json.Number:
		e.text(isNumber, number(x))
	case bool:
		e.text(isBool, strconv.FormatBool(x))
	default:
		e.b.WriteByte(isNothing)
	}
}

// maxDigits bounds the digits and exponents of normalised numbers: 1e999999999 would be a number of
// that many digits.
const maxDigits = 1000

// number returns a number as an exact fraction.
func number(n json.Number) string {
	_, exponent, _ := strings.Cut(strings.ToLower(n.String()), "e")
	size, err := strconv.Atoi(cmp.Or(exponent, "0"))
	if err != nil || max(size, -size) > maxDigits || len(n) > maxDigits {
		return n.String()
	}
	exact, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return n.String()
	}
	return exact.RatString()
}

// fail records the first field that cannot be encoded.
func (e *encoder) fail(field string) {
	e.field = cmp.Or(e.field, field)
}
