package wire

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Each calls visit with each member of a JSON object, or with each element of an array,
// which has no name, until visit returns false. Names are quoted; names and values are parts
// of the text, not copies. Each returns false, and visits nothing, where the text is neither
// an object nor an array.
func Each(data []byte, visit func(quoted, value []byte) bool) bool {
	d := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	open, err := d.ReadToken()
	if err != nil || open.Kind() != '{' && open.Kind() != '[' {
		return false
	}
	object := open.Kind() == '{'
	for kind := d.PeekKind(); kind != '}' && kind != ']' && kind != 0; kind = d.PeekKind() {
		var quoted jsontext.Value
		if object {
			quoted, _ = d.ReadValue() // what fails it fails the next read too
		}
		value, err := d.ReadValue()
		if err != nil || !visit(quoted, value) {
			break
		}
	}
	return true
}

// Unquote returns the content of a JSON string; "" for anything else.
func Unquote(quoted []byte) string {
	content, _ := jsontext.AppendUnquote(nil, quoted)
	return string(content)
}
