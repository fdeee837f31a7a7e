package userapi

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

// Redacted is what a Secret shows in place of its text. Every client refuses a Secret
// with just this text: it comes from a secret that was encoded and read back.
const Redacted = "[REDACTED]"

// A Secret is a text that must not be seen: a password, a key, a token. Printed, logged
// or encoded it shows Redacted, or "" if it is empty. Reveal returns the text. JSON and
// text decode into a Secret as into a string. Package encoding/gob refuses to encode a
// Secret that is set, and to decode a string into one.
// These still show the text:
//
//   - converting the Secret to a string;
//   - printing a struct that keeps it in an unexported field, where package fmt cannot
//     call methods;
//   - a wrong verb, for which package fmt prints the operand itself: %w or %p of a
//     Secret, and %s of a struct with a pointer to a struct that holds one (go vet
//     reports this one);
//   - code that reads values by reflection and does not call their methods, such as
//     testify's assert.Equal when it shows a difference. In tests use
//     [userapitest.Equal];
//   - a Secret that is encoded as the key of a map, or as an XML comment;
//   - a Secret as an argument for database/sql: the text is stored.
//
// [userapitest.Equal]: https://pkg.go.dev/github.com/enlist-go/enlist/userapi/userapitest#Equal
type Secret string

// Reveal returns the secret text.
func (s Secret) Reveal() string { return string(s) }

// String returns Redacted, or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Redacted
}

// GoString is String, quoted.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// Format writes the redacted form for every verb.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = strconv.Quote(text)
	}
	_, _ = io.WriteString(f, text)
}

// LogValue returns the redacted form.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON encodes the redacted form.
func (s Secret) MarshalJSON() ([]byte, error) { return strconv.AppendQuote(nil, s.String()), nil }

// GobEncode fails: a program that reads a redacted secret in a gob would use it as the
// secret. gob leaves out an empty Secret in a struct, as it does every zero value.
func (s Secret) GobEncode() ([]byte, error) { return nil, errGob }

// GobDecode sets the secret to text, which a type with its own GobEncode wrote. Package
// gob needs it to read a struct that was written with an empty Secret.
func (s *Secret) GobDecode(text []byte) error {
	*s = Secret(text)
	return nil
}

var errGob = errors.New("userapi: encoding/gob cannot encode a Secret: encode what Reveal returns, if it may be stored")

// MarshalText encodes the redacted form.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
