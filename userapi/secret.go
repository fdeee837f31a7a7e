package userapi

import (
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
// for a string.
//
// Three things defeat it: converting it to a string; keeping it in an unexported
// field of a struct that is then printed, where package fmt cannot call methods;
// and the misuse of a verb, which fmt answers by printing what it was given as it
// is: %w or %p of a Secret, and %s of a struct with a pointer to a struct that
// holds one. The last of these go vet reports. As the key of a map it is encoded
// as the text it is.
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

// MarshalText encodes the redacted form.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
