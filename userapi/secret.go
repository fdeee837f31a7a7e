package userapi

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

// Redacted is what a Secret shows in place of its text. A Secret that holds just
// this text is refused by every client: it is what is left of a secret that was
// encoded and read back.
const Redacted = "[REDACTED]"

// A Secret is a text that must not be seen: a password, a key, a token. However
// it is printed, logged or encoded it shows Redacted, or nothing when it is
// empty; Reveal returns the text. Decoding JSON or text into a Secret works as
// for a string. Package encoding/gob refuses to encode one that is set, and to decode a
// string into one.
//
// These show the text nevertheless:
//
//   - converting the Secret to a string;
//   - printing a struct that keeps it in an unexported field, where package fmt cannot
//     call methods;
//   - the misuse of a verb, which fmt answers by printing what it was given as it is:
//     %w or %p of a Secret, and %s of a struct with a pointer to a struct that holds one
//     (go vet reports this one);
//   - what reads memory by reflection and calls no methods, as testify's assert.Equal does
//     to show a difference. In tests compare with [userapitest.Equal];
//   - encoding it as the key of a map, or as an XML comment;
//   - giving it to database/sql as an argument, which stores the text.
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

// GobEncode refuses: a redacted secret in a gob would be taken for the secret by the
// program that reads it. An empty Secret in a struct is left out, as gob does with all
// that is zero.
func (s Secret) GobEncode() ([]byte, error) { return nil, errGob }

// GobDecode takes the bytes that a type of the sender's with a GobEncode of its own wrote
// as the secret. It makes structs readable that were written with an empty Secret.
func (s *Secret) GobDecode(text []byte) error {
	*s = Secret(text)
	return nil
}

var errGob = errors.New("userapi: a Secret is not encoded by encoding/gob; encode what Reveal returns, where it may be stored")

// MarshalText encodes the redacted form.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
