// Package wire reads the replies of vendors. It distinguishes names exactly, tolerates
// members of another type than documented, and does not believe a member that stands
// twice.
package wire

import (
	stdjson "encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"reflect"
	"slices"

	// It becomes the standard library's encoding/json/v2 with Go 1.27.
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Path names the members of a reply that identify its user.
type Path struct {
	// Object is the member of the reply that holds the user; "" for the reply itself.
	Object string
	// Names are the members of the user that are believed: its id, and what it is known by.
	Names []string
}

// believes reports whether a member counts only where it stands once. depth is how many
// objects it stands in, and within the name of the innermost.
func (p Path) believes(depth int, within, name string) bool {
	switch {
	case p.Object == "":
		return depth == 1 && slices.Contains(p.Names, name)
	case depth == 1:
		return name == p.Object
	}
	return depth == 2 && within == p.Object && slices.Contains(p.Names, name)
}

// Values are all values of a member, as they are written: one for each time that it stands
// in its object. It is for members that say that something is wrong.
type Values []stdjson.RawMessage

// UnmarshalJSON adds a value.
func (v *Values) UnmarshalJSON(data []byte) error {
	*v = append(*v, slices.Clone(data))
	return nil
}

// Decode reads a JSON object into the zero struct that v points to. Names are
// distinguished exactly, and members that are not known are ignored. A member of
// another type is converted where a text stands for a number or a boolean, or one of
// these for a text; else it is left unset, as are the elements of an array that are of
// another type. A member that path believes counts only where it stands once; of others
// the last counts, and of Values all.
//
// An error means that the text is not JSON or is cut off. v then has what stood before.
func Decode(data []byte, v any, path Path) error {
	_, err := decode(data, v, path)
	return err
}

// DecodeRest is Decode, and returns the reply's own members that v has no field for or
// that are of another type, each as it is written; nil for none.
func DecodeRest(data []byte, v any, path Path) (rest map[string]stdjson.RawMessage, err error) {
	odd, err := decode(data, v, path)
	fields := fieldsOf(reflect.TypeOf(v).Elem())
	return members(data, func(name string) bool {
		_, known := fields[name]
		return !known || odd[name]
	}), err
}

// decode is Decode. odd has the reply's own members that are of another type than their
// fields.
func decode(data []byte, v any, path Path) (odd map[string]bool, err error) {
	if json.Unmarshal(data, v, jsontext.AllowInvalidUTF8(true)) == nil {
		return nil, nil // it is as documented
	}
	into := reflect.ValueOf(v).Elem()
	into.SetZero()
	d := newDecoder(data)
	d.path, d.odd = path, map[string]bool{}
	_, err = d.value(into, "")
	if err == nil {
		err = d.end()
	}
	switch {
	case err == nil:
		return d.odd, nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return d.odd, errCutOff
	}
	return d.odd, errNotJSON
}

// The errors of Decode. Those of the package beneath quote the text.
var (
	errCutOff  = errors.New("the reply is cut off")
	errNotJSON = errors.New("the reply is not JSON")
)

// FieldNames returns the names in JSON of the fields of the struct that v points to.
func FieldNames(v any) iter.Seq[string] { return maps.Keys(fieldsOf(reflect.TypeOf(v).Elem())) }
