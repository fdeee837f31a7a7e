package provider

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/enlist-go/enlist/userapi"
)

const (
	masked = "[…]"
	// maxMessage and maxCode bound what is kept of a vendor's texts and codes, in bytes.
	maxMessage = 500
	maxCode    = 96
	// maxRead bounds what is looked at of such a text.
	maxRead = 4 << 10
	// MaxFields bounds how many faults of one error are kept.
	MaxFields = 100
	// A value shorter than shortValue is masked only as a whole word: "a" must not shred a sentence.
	shortValue = 4
)

// A Mask takes a request's values and a client's credentials out of what a vendor says.
type Mask struct {
	values []string
	all    bool // nothing is shown
}

// NewMask masks every text and number in a JSON or form body, and further values: as URLs, HTML and
// JSON write them too and, from shortValue bytes on, in hex and in base64.
func NewMask(body []byte, contentType string, more ...string) Mask {
	seen := map[string]bool{}
	add := func(value string) {
		for _, form := range formsOf(value) {
			seen[strings.ToLower(form)] = true
		}
	}
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		form, _ := url.ParseQuery(string(body)) // we have encoded it
		for _, values := range form {
			more = append(more, values...)
		}
	} else {
		addJSON(body, add)
	}
	for _, v := range more {
		add(v)
	}
	return Mask{values: slices.SortedFunc(maps.Keys(seen), func(a, b string) int { return len(b) - len(a) })}
}

// formsOf returns a value as it may be written.
func formsOf(value string) []string {
	v := strings.TrimSpace(value)
	if v == "" {
		return nil
	}
	quoted := strconv.Quote(v)
	forms := []string{v, url.QueryEscape(v), url.PathEscape(v), html.EscapeString(v), quoted[1 : len(quoted)-1]}
	if text, err := json.Marshal(v); err == nil {
		forms = append(forms, string(text[1:len(text)-1]))
	}
	if len(v) < shortValue {
		return forms
	}
	for _, raw := range slices.Compact([]string{v, value}) {
		std := base64.RawStdEncoding.EncodeToString([]byte(raw)) // what pads it is not secret
		forms = append(forms, hex.EncodeToString([]byte(raw)), std, url.QueryEscape(std), base64.RawURLEncoding.EncodeToString([]byte(raw)))
	}
	return forms
}

// addJSON calls add with each text and number in a JSON text, also in JSON inside a text.
func addJSON(data []byte, add func(string)) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		case json.Number:
			add(v.String())
		case string:
			add(v)
			if strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[") {
				addJSON([]byte(v), add)
			}
		}
	}
	walk(v)
}

// Text masks and shortens a vendor's text, and makes it printable.
func (m Mask) Text(s string) string {
	if m.all {
		return ""
	}
	cut := len(s) > maxRead
	if cut {
		s = s[:maxRead]
	}
	s = m.apply(strings.ToValidUTF8(s, "\uFFFD"))
	if cut && len(m.values) > 0 {
		// The end may be the beginning of a value.
		s = shorten(s, max(len(s)-len(m.values[0]), 0))
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return shorten(s, maxMessage)
}

// Code masks a vendor's code, name or id, and returns "" for what is not shaped like one.
func (m Mask) Code(s string) string {
	strange := func(r rune) bool {
		return r > '~' || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-[]:/", r)
	}
	if m.all || len(s) > maxCode || strings.ContainsFunc(s, strange) || m.apply(s) != s {
		return ""
	}
	return s
}

func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

func (m Mask) apply(s string) string {
	lower := strings.ToLower(s)
	for _, v := range m.values {
		if len(v) <= len(lower) && strings.Contains(lower, v) {
			s = maskValue(s, v)
			lower = strings.ToLower(s)
		}
	}
	return s
}

// maskValue replaces a value, given in lower case, that stands somewhere in any case.
func maskValue(s, value string) string {
	lower := strings.ToLower(s)
	if len(lower) != len(s) {
		return masked // some rune changes its length with its case, and the text might be cut wrongly
	}
	var b strings.Builder
	from := 0
	for at := 0; ; {
		i := strings.Index(lower[at:], value)
		if i < 0 {
			break
		}
		i += at
		end := i + len(value)
		if len(value) < shortValue && !standsAlone(lower, i, end) {
			at = i + 1
			continue
		}
		b.WriteString(s[from:i])
		b.WriteString(masked)
		from, at = end, end
	}
	b.WriteString(s[from:])
	return b.String()
}

// standsAlone reports whether neither neighbour of s[from:to] is a letter or a digit.
func standsAlone(s string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	after, _ := utf8.DecodeRuneInString(s[to:])
	return !isAlphanumeric(before) && !isAlphanumeric(after)
}

func isAlphanumeric(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// maskRequest masks the neutral request's values too: not all of them stand in the body.
func maskRequest(e *userapi.Error, req *userapi.CreateUserRequest) {
	values := slices.Clone(req.Tags)
	for _, text := range texts(req) {
		values = append(values, text.value)
	}
	m := NewMask(nil, "", values...)
	e.Message, e.Code, e.RequestID = m.Text(e.Message), m.Code(e.Code), m.Code(e.RequestID)
	for i := range e.FieldErrors {
		f := &e.FieldErrors[i]
		f.Message, f.VendorCode = m.Text(f.Message), m.Code(f.VendorCode)
		if f.Field == "" { // else it is of a fixed list, such as "email"
			f.VendorField = m.Code(f.VendorField)
		}
	}
}
