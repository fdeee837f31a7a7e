package quickbloxtest

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"strconv"
	"strings"
)

// A parameter is a member of a body, its name flattened as in user[login].
type parameter struct{ name, value string }

// parameters are a body's members, in no order.
type parameters struct {
	list []parameter
	// objects holds the names of the members that have members.
	objects map[string]bool
}

// get returns a parameter's value.
func (p *parameters) get(name string) (value string, ok bool) {
	for _, one := range p.list {
		if one.name == name {
			return one.value, true
		}
	}
	return "", false
}

// value is like get. It returns "" for a missing parameter.
func (p *parameters) value(name string) string {
	v, _ := p.get(name)
	return v
}

// readParameters reads a body by its Content-Type. A broken body, and one that is neither
// JSON nor a form, has no parameters.
func readParameters(contentType string, body []byte) parameters {
	p := parameters{objects: map[string]bool{}}
	media, _, _ := mime.ParseMediaType(contentType)
	switch media {
	case "application/json":
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber() // a number is signed as it was written
		var members map[string]any
		if dec.Decode(&members) == nil {
			p.flatten("", members)
		}
	case "application/x-www-form-urlencoded":
		p.readForm(string(body))
	}
	return p
}

func (p *parameters) flatten(prefix string, members map[string]any) {
	for name, v := range members {
		if prefix != "" {
			name = prefix + "[" + name + "]"
		}
		p.add(name, v)
	}
}

func (p *parameters) add(name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		p.objects[name] = true
		p.flatten(name, v)
	case []any:
		for _, one := range v {
			p.add(name+"[]", one)
		}
	case string:
		p.list = append(p.list, parameter{name, v})
	case json.Number:
		p.list = append(p.list, parameter{name, v.String()})
	case bool:
		p.list = append(p.list, parameter{name, strconv.FormatBool(v)})
	}
}

func (p *parameters) readForm(text string) {
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if nameErr != nil || valueErr != nil || name == "" {
			continue
		}
		if object, _, nested := strings.Cut(name, "["); nested {
			p.objects[object] = true
		}
		p.list = append(p.list, parameter{name, value})
	}
}
