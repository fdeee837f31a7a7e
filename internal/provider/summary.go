package provider

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
)

// Summary is what a value with secrets or personal data shows when it is printed,
// logged or encoded.
type Summary struct {
	Type  string
	Attrs []slog.Attr
}

// Summarize returns the summary of a value of a type: names and values in turn.
func Summarize(typ string, namesAndValues ...any) Summary {
	return Summary{Type: typ, Attrs: slog.Group("", namesAndValues...).Value.Group()}
}

// TypeOnly shows the type of a value and nothing else.
func TypeOnly(v any) Summary { return Summary{Type: fmt.Sprintf("%T", v)} }

// String lists the attributes.
func (s Summary) String() string {
	var b strings.Builder
	b.WriteString(s.Type + "{")
	for i, a := range s.Attrs {
		if i > 0 {
			b.WriteString(", ")
		}
		value := fmt.Sprint(a.Value.Any())
		if strings.ContainsFunc(value, unicode.IsControl) { // it could forge a line of a log
			value = strconv.Quote(value)
		}
		b.WriteString(a.Key + ": " + value)
	}
	b.WriteString("}")
	return b.String()
}

// Format writes String for every verb.
func (s Summary) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns the attributes as a group.
func (s Summary) LogValue() slog.Value { return slog.GroupValue(s.Attrs...) }

// MarshalJSON encodes the attributes as an object.
func (s Summary) MarshalJSON() ([]byte, error) {
	members := make(map[string]any, len(s.Attrs))
	for _, a := range s.Attrs {
		members[a.Key] = a.Value.Any()
	}
	return json.Marshal(members)
}
