package fusionauthtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// object is a JSON object. Package json writes its members in alphabetical order, as FusionAuth
// does.
type object = map[string]any

// encode writes compact JSON without Go's HTML escapes.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // v consists of decoded values
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// packed is an object as JSON, which takes less memory.
type packed []byte

func pack(o object) packed { return bytes.Clone(encode(o)) }

// object returns a copy of the object.
func (p packed) object() object {
	var o object
	if err := decodeNumbers(p, &o); err != nil {
		panic(err) // encoded by this package
	}
	return o
}

// MarshalJSON returns the JSON.
func (p packed) MarshalJSON() ([]byte, error) { return p, nil }

func jsonReply(status int, v any) fakehttp.Reply {
	return fakehttp.Reply{
		Status: status,
		Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}},
		Body:   encode(v),
	}
}

// A failure collects the errors of a request.
type failure struct {
	fields   object
	generals []object
	// refusesUnknown makes an unknown member an error.
	refusesUnknown bool
}

// field adds an error of a field. The code ends with the field's path, except for invalidJSON.
func (f *failure) field(path, word, message string) {
	if f.fields == nil {
		f.fields = object{}
	}
	code := "[" + word + "]"
	if word != "invalidJSON" {
		code += path
	}
	list, _ := f.fields[path].([]object)
	f.fields[path] = append(list, object{"code": code, "message": message})
}

func (f *failure) general(word, message string) {
	f.generals = append(f.generals, object{"code": "[" + word + "]", "message": message})
}

const invalidJSON = "Invalid JSON in the request body. The property was [%s]. The error was [%s]. The detailed exception was [%s\n]."

// wrongType adds the error of a member with a value of the wrong type.
func (f *failure) wrongType(path string) {
	f.field(path, "invalidJSON", fmt.Sprintf(invalidJSON, path, "Possible conversion error", "Cannot deserialize value"))
}

// unknownMember adds the error of an unknown member.
func (f *failure) unknownMember(path string) {
	f.general("invalidJSON", fmt.Sprintf(invalidJSON, path, "Unrecognized property", "Unrecognized field"))
}

func (f *failure) any() bool { return len(f.fields) > 0 || len(f.generals) > 0 }

func (f *failure) reply() fakehttp.Reply {
	body := object{"fieldErrors": f.fields, "generalErrors": f.generals}
	if f.fields == nil {
		body["fieldErrors"] = object{}
	}
	if f.generals == nil {
		body["generalErrors"] = []object{}
	}
	return jsonReply(http.StatusBadRequest, body)
}
