package wire

import (
	"bytes"
	"encoding/json"
)

// ScanID reads the member at the given path out of a JSON text that may break off
// anywhere behind it. It returns the id, a text or a number, only when a further
// token follows, so that a number cut in two is not taken for a shorter one.
func ScanID(data []byte, path ...string) (id string, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	for _, name := range path {
		if !enter(dec, name) {
			return "", false
		}
	}
	token, err := dec.Token()
	if err != nil {
		return "", false
	}
	switch v := token.(type) {
	case string:
		id = v
	case json.Number:
		id = v.String()
	default:
		return "", false
	}
	rest := bytes.TrimLeft(data[dec.InputOffset():], " \t\r\n")
	return id, id != "" && len(rest) > 0 && (rest[0] == ',' || rest[0] == '}')
}

// enter moves the decoder into the object that comes next, to just behind the
// given member's name.
func enter(dec *json.Decoder, name string) bool {
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return false
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		if token == name {
			return true
		}
		var skip json.RawMessage
		if dec.Decode(&skip) != nil {
			return false
		}
	}
	return false
}
