package wire

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A decoder reads a text token by token, whatever the types of its values.
type decoder struct {
	*jsontext.Decoder
	size  int64 // of the text
	path  Path
	depth int
	// odd has the reply's own members that are of another type than their fields.
	odd map[string]bool
}

func newDecoder(data []byte) decoder {
	from := bytes.NewBuffer(data) // is read where it is: of another Reader the text would be copied
	return decoder{size: int64(len(data)), Decoder: jsontext.NewDecoder(from, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))}
}

// errMore: the text goes on behind its value.
var errMore = errors.New("there is text after the JSON value")

// end reports whether the text ends here.
func (d *decoder) end() error {
	_, err := d.ReadToken()
	switch {
	case err == nil:
		return errMore
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

// object reads an object and calls member with each name. It stops where member fails.
func (d *decoder) object(member func(name string) error) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	d.depth++
	defer func() { d.depth-- }()
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// value reads the next value into a Go value, and reports whether it took it. within is
// the name of the member that it is.
func (d *decoder) value(into reflect.Value, within string) (took bool, err error) {
	kind := d.PeekKind()
	if u, ok := into.Addr().Interface().(stdjson.Unmarshaler); ok {
		return true, d.raw(u.UnmarshalJSON)
	}
	switch into.Kind() {
	case reflect.Pointer:
		if kind == 'n' {
			break
		}
		to := reflect.New(into.Type().Elem())
		if to.Elem().Kind() == reflect.Struct && kind == '{' {
			into.Set(to) // a part of it counts too
		}
		if took, err = d.value(to.Elem(), within); took {
			into.Set(to)
		}
		return took, err
	case reflect.Struct:
		if kind == '{' {
			return true, d.structure(into, within)
		}
	case reflect.Map:
		if kind == '{' && into.Type().Key().Kind() == reflect.String {
			return true, d.mapping(into)
		}
	case reflect.Slice:
		if kind == '[' {
			return true, d.list(into)
		}
	default:
		err = d.raw(func(raw []byte) error {
			took = setScalar(into, raw)
			return nil
		})
		return took, err
	}
	return false, d.SkipValue()
}

// raw reads the next value as it is written.
func (d *decoder) raw(take func([]byte) error) error {
	isNumber := d.PeekKind() == '0'
	raw, err := d.ReadValue()
	switch {
	case err != nil:
		return err
	case isNumber && d.InputOffset() == d.size:
		return io.ErrUnexpectedEOF // it may be cut in two
	}
	return take(raw)
}

// structure reads an object into a struct.
func (d *decoder) structure(into reflect.Value, within string) error {
	fields := fieldsOf(into.Type())
	seen := map[string]bool{}
	return d.object(func(name string) error {
		index, known := fields[name]
		twice := seen[name]
		seen[name] = true
		if !known {
			return d.SkipValue()
		}
		field := into.FieldByIndex(index)
		if _, all := field.Addr().Interface().(*Values); !all {
			field.SetZero()
		}
		if twice && d.path.believes(d.depth, within, name) {
			return d.SkipValue()
		}
		isNull := d.PeekKind() == 'n'
		took, err := d.value(field, name)
		if d.depth == 1 {
			d.odd[name] = !took && !isNull
		}
		return err
	})
}

// mapping reads an object into a map, and leaves out what is of another type.
func (d *decoder) mapping(into reflect.Value) error {
	m := reflect.MakeMap(into.Type())
	into.Set(m)
	return d.object(func(name string) error {
		item := reflect.New(m.Type().Elem()).Elem()
		took, err := d.value(item, "")
		if took && err == nil {
			m.SetMapIndex(reflect.ValueOf(name).Convert(m.Type().Key()), item)
		}
		return err
	})
}

// list reads an array into a slice, and leaves out what is of another type.
func (d *decoder) list(into reflect.Value) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	into.Set(reflect.MakeSlice(into.Type(), 0, 0))
	for kind := d.PeekKind(); kind != ']' && kind != 0; kind = d.PeekKind() {
		item := reflect.New(into.Type().Elem()).Elem()
		took, err := d.value(item, "")
		if err != nil {
			return err
		}
		if took {
			into.Set(reflect.Append(into, item))
		}
	}
	_, err := d.ReadToken()
	return err
}

// setScalar reads a text, a number or a boolean, and reports whether it could.
func setScalar(into reflect.Value, raw []byte) bool {
	content := string(raw)
	switch raw[0] {
	case '{', '[', 'n':
		return false
	case '"':
		unquoted, err := jsontext.AppendUnquote(nil, raw)
		if content = string(unquoted); err != nil && unquoted == nil {
			return false
		}
	}
	switch into.Kind() {
	case reflect.String:
		into.SetString(strings.ToValidUTF8(content, "\uFFFD"))
		return true
	case reflect.Bool:
		into.SetBool(content == "true")
		return content == "true" || content == "false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, ok := Int(content)
		if ok = ok && !into.OverflowInt(n); ok {
			into.SetInt(n)
		}
		return ok
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(content, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
		into.SetFloat(f)
		return true
	}
	return false
}

// Int reads a whole number in plain decimal, 5.0 too; 0 and false for anything else.
func Int(text string) (int64, bool) {
	whole, fraction, cut := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != whole || cut && fraction == "" || strings.Trim(fraction, "0") != "" {
		return 0, false
	}
	return n, true
}

var fieldCache sync.Map // of reflect.Type to map[string][]int

// fieldsOf returns the indices of a struct's fields by their names in JSON.
func fieldsOf(t reflect.Type) map[string][]int {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.(map[string][]int)
	}
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" || !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if before, ok := fields[name]; !ok || len(f.Index) < len(before) {
			fields[name] = f.Index
		}
	}
	fieldCache.Store(t, fields)
	return fields
}
