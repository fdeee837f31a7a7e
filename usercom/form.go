package usercom

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
)

// formOf writes the members of a JSON object as a form, a list as one pair for each of its texts.
func formOf(object []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.UseNumber()
	var members map[string]any
	_ = dec.Decode(&members) // never fails: we encoded it
	form := url.Values{}
	for name, value := range members {
		switch v := value.(type) {
		case string:
			form.Set(name, v)
		case json.Number:
			form.Set(name, v.String())
		case bool:
			form.Set(name, strconv.FormatBool(v))
		case []any:
			for _, item := range v {
				if text, ok := item.(string); ok {
					form.Add(name, text)
				}
			}
		}
	}
	return []byte(form.Encode())
}
