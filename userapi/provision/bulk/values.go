package bulk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// What is expected of a value; "" if the value is right.
const (
	wantText   = "a text is expected"
	wantList   = "texts with commas between them, or a JSON list, are expected"
	wantBool   = "true or false, yes or no, or 1 or 0 is expected"
	wantTime   = "a time such as 2026-11-30T08:00:00Z, or a day such as 2026-11-30, is expected"
	wantJSON   = "a JSON list or object that fits is expected"
	wantSheet  = "a value is expected, not a spreadsheet error"
	wantDigits = "all digits are expected, but the spreadsheet has rounded the number: format the column as text, and export it again"
	wantUTF8   = "text in UTF-8 without NUL is expected"
	wantValue  = "a value is expected instead of " + userapi.Redacted
)

// tidy converts a value of any Source to the types of a Row, and trims texts. It returns nil for
// NULL and for an empty text.
func tidy(v any) (value any, expected string) {
	switch x := v.(type) {
	case nil, bool, json.Number, []any, map[string]any:
		return x, ""
	case string:
		text := strings.TrimSpace(x)
		switch {
		case text == "":
			return nil, ""
		case sheetError.MatchString(text):
			return nil, wantSheet
		case text == userapi.Redacted:
			return nil, wantValue
		}
		if _, wrong := checked(text); wrong != "" {
			return nil, wantUTF8
		}
		return text, ""
	}
	value, wrong := plain(v, false)
	if text, ok := value.(string); ok {
		return tidy(text)
	}
	if wrong != "" {
		return nil, wantText
	}
	return value, ""
}

// sheetError matches what a spreadsheet exports for a cell with an error. An example is a telephone
// number that it read as a formula.
var sheetError = regexp.MustCompile(`^#(NAME\?|REF!|N/A|VALUE!|DIV/0!|NULL!|NUM!|SPILL!|CALC!)$`)

// rounded matches a long number that a spreadsheet has rounded.
var rounded = regexp.MustCompile(`^[0-9]([.,][0-9]+)?E\+[0-9]+$`)

// textOf returns a value as a text. A number keeps its digits.
func textOf(v any) (text, expected string) {
	switch x := v.(type) {
	case string:
		return x, ""
	case json.Number:
		return x.String(), ""
	}
	return "", wantText
}

// digitsOf is textOf for values with many digits. It refuses a number that a spreadsheet has
// rounded.
func digitsOf(v any) (text, expected string) {
	text, expected = textOf(v)
	if expected == "" && rounded.MatchString(text) {
		return "", wantDigits
	}
	return text, expected
}

// secretOf returns a value unchanged: white space can be part of a password.
func secretOf(v any) (userapi.Secret, string) {
	text, expected := textOf(v)
	switch _, wrong := checked(text); {
	case wrong != "":
		return "", wantUTF8
	case text == userapi.Redacted:
		return "", wantValue
	}
	return userapi.Secret(text), expected
}

// listOf returns the elements of a list, or of a text with commas or semicolons.
func listOf(v any) (list []any, expected string) {
	switch x := v.(type) {
	case []any:
		return x, ""
	case string:
		switch {
		case strings.HasPrefix(x, "["):
			parsed, ok := parseJSON(x)
			if list, isList := parsed.([]any); ok && isList {
				return list, ""
			}
			return nil, wantList
		case strings.HasPrefix(x, "{"): // a PostgreSQL array
			return nil, wantList
		}
		for part := range strings.FieldsFuncSeq(x, func(r rune) bool { return r == ',' || r == ';' }) {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, ""
	case map[string]any:
		return nil, wantList
	}
	return []any{v}, ""
}

// parseJSON decodes a value as JSONLines does.
func parseJSON(text string) (any, bool) {
	if !json.Valid([]byte(text)) || halfPair([]byte(text)) {
		return nil, false
	}
	d := jsonDecoder{Decoder: json.NewDecoder(strings.NewReader(text))}
	d.UseNumber()
	v := d.value(0)
	return v, d.fault == ""
}

// encode writes a decoded value as JSON.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // a decoded value can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// boolOf parses true or false.
func boolOf(v any) (value bool, expected string) {
	if b, ok := v.(bool); ok {
		return b, ""
	}
	text, _ := textOf(v)
	switch strings.ToLower(text) {
	case "true", "t", "yes", "y", "1":
		return true, ""
	case "false", "f", "no", "n", "0":
		return false, ""
	}
	return false, wantBool
}

// timeForms has RFC 3339, PostgreSQL's format, and a day. A day starts at midnight UTC.
var timeForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07", time.DateOnly}

func timeOf(text string) (time.Time, bool) {
	for _, form := range timeForms {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

var (
	secretType      = reflect.TypeFor[userapi.Secret]()
	timeType        = reflect.TypeFor[time.Time]()
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
)

// timeIn returns the index of the time.Time in a type: the type itself, or an embedded field.
func timeIn(t reflect.Type) (index []int, ok bool) {
	if t == timeType {
		return []int{}, true
	}
	if t.Kind() == reflect.Struct {
		if f, ok := t.FieldByName("Time"); ok && f.Anonymous && f.Type == timeType {
			return f.Index, true
		}
	}
	return nil, false
}

// isSecret reports whether a member's value is a secret. Secrets are not trimmed.
func isSecret(t reflect.Type) bool {
	return t == secretType || (t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer) && isSecret(t.Elem())
}

// holdsSecret reports whether a type contains a secret at any level down to depth.
func holdsSecret(t reflect.Type, depth int) bool {
	switch {
	case isSecret(t):
		return true
	case depth == 0:
		return false
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsSecret(t.Elem(), depth-1)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && holdsSecret(f.Type, depth-1) {
				return true
			}
		}
	default:
	}
	return false
}

// assignable reports whether assign supports a type.
func assignable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Map, reflect.Struct, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Slice:
		return reflect.PointerTo(t).Implements(unmarshalerType) || t.Elem().Kind() != reflect.Uint8 && assignable(t.Elem())
	case reflect.Pointer:
		return assignable(t.Elem())
	default:
		return t.Kind() == reflect.Interface && t.NumMethod() == 0
	}
}

// assign sets a member of an Extension. If the value is wrong, assign returns what is expected.
func assign(dst reflect.Value, v any) (expected string) {
	t := dst.Type()
	if t == secretType {
		secret, expected := secretOf(v)
		dst.SetString(secret.Reveal())
		return expected
	}
	if index, ok := timeIn(t); ok {
		return assignTime(dst, index, v)
	}
	text, wrong := textOf(v)
	switch t.Kind() {
	case reflect.Pointer:
		p := reflect.New(t.Elem())
		dst.Set(p)
		return assign(p.Elem(), v)
	case reflect.String:
		dst.SetString(text)
		return wrong
	case reflect.Bool:
		b, expected := boolOf(v)
		dst.SetBool(b)
		return expected
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, t.Bits())
		dst.SetInt(n)
		return wantNumber(err, "a whole number of at most %d bits is expected", t.Bits())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, t.Bits())
		dst.SetUint(n)
		return wantNumber(err, "a whole number of at least 0 and at most %d bits is expected", t.Bits())
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(text, t.Bits())
		if err == nil && (n-n != 0 || strings.ContainsAny(text, "xX_")) {
			err = strconv.ErrSyntax
		}
		dst.SetFloat(n)
		return wantNumber(err, "a number is expected")
	case reflect.Slice:
		if !reflect.PointerTo(t).Implements(unmarshalerType) && t.Elem().Kind() != reflect.Struct {
			return assignList(dst, v)
		}
	default:
	}
	return assignJSON(dst, v)
}

func wantNumber(err error, format string, args ...any) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

func assignTime(dst reflect.Value, index []int, v any) string {
	text, expected := textOf(v)
	if expected != "" {
		return wantTime
	}
	if t, ok := timeOf(text); ok {
		dst.FieldByIndex(index).Set(reflect.ValueOf(t))
		return ""
	}
	// A type that counts milliseconds decodes a number itself. Its UnmarshalJSON may never fail.
	u, ok := dst.Addr().Interface().(json.Unmarshaler)
	if ok && keyNumber.MatchString(text) && u.UnmarshalJSON([]byte(text)) == nil && !dst.FieldByIndex(index).IsZero() {
		return ""
	}
	return wantTime
}

func assignList(dst reflect.Value, v any) string {
	list := []any{v}
	if _, isText := v.(string); !isText || dst.Type().Elem() != secretType { // a secret can have commas
		var expected string
		if list, expected = listOf(v); expected != "" {
			return expected
		}
	}
	all := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, element := range list {
		if expected := assign(all.Index(i), element); expected != "" {
			return "of each element: " + expected
		}
	}
	dst.Set(all)
	return ""
}

// assignJSON sets other types from JSON.
func assignJSON(dst reflect.Value, v any) string {
	if text, ok := v.(string); ok {
		if v, ok = parseJSON(text); !ok {
			return wantJSON
		}
	}
	d := json.NewDecoder(strings.NewReader(encode(v)))
	d.UseNumber()
	d.DisallowUnknownFields()
	fresh := reflect.New(dst.Type()) // the present value belongs to the prototype, which all rows share
	if d.Decode(fresh.Interface()) != nil {
		return wantJSON
	}
	dst.Set(fresh.Elem())
	return ""
}
