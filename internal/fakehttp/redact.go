package fakehttp

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// A redactor takes secrets out of what is recorded.
type redactor struct{ headerNames, fieldNames map[string]bool }

func newRedactor(headers, fields []string) redactor {
	set := func(names []string) map[string]bool {
		m := make(map[string]bool, len(names))
		for _, n := range names {
			m[strings.ToLower(n)] = true
		}
		return m
	}
	return redactor{set(headers), set(fields)}
}

func (r redactor) secretField(name string) bool {
	name = strings.ToLower(name)
	if i := strings.LastIndexByte(name, '['); i >= 0 { // user[password]
		name = strings.TrimSuffix(name[i+1:], "]")
	}
	return r.fieldNames[name]
}

func (r redactor) headers(h http.Header) http.Header {
	h = h.Clone()
	for name := range h {
		if r.headerNames[strings.ToLower(name)] {
			h[name] = []string{userapi.Redacted}
		}
	}
	return h
}

func (r redactor) uri(u *url.URL) string {
	if u.RawQuery == "" {
		return u.RequestURI()
	}
	redacted := *u
	redacted.RawQuery = r.form(u.RawQuery)
	return redacted.RequestURI()
}

func (r redactor) form(text string) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err != nil || r.secretField(plain) {
			pairs[i] = name + "=" + url.QueryEscape(userapi.Redacted)
		}
	}
	return strings.Join(pairs, "&")
}

// body redacts a JSON or form body; a body that is neither is left out, since
// nothing tells where its secrets stand.
func (r redactor) body(contentType string, body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		return []byte(r.form(string(body)))
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return []byte(userapi.Redacted)
	}
	out, err := json.Marshal(r.value(v))
	if err != nil {
		return []byte(userapi.Redacted)
	}
	return out
}

func (r redactor) value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if r.secretField(name) {
				v[name] = userapi.Redacted
			} else {
				v[name] = r.value(inner)
			}
		}
	case []any:
		for i, inner := range v {
			v[i] = r.value(inner)
		}
	}
	return v
}
