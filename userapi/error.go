package userapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// An Error is what every failing call of a client returns. Printed, logged or encoded
// it shows codes and names of fields, never values. The zero Error is a failed create
// with an unknown outcome.
type Error struct {
	// Provider is the vendor's name, and Op the operation, such as "create user".
	// Without a Provider the error is a Provisioner's own. The text of such an error,
	// and of one that was found before anything was sent, shows the messages in
	// FieldErrors.
	Provider, Op string
	Kind         Kind
	// Subject says what Outcome is about. The zero value is for a create.
	Subject Subject
	// Outcome says, for a create, whether the user exists now.
	Outcome Outcome
	// StatusCode is the HTTP status of the last reply; 0 when there was none.
	StatusCode int
	// Code is the vendor's own code, if any. A look-up can also have one of ours:
	// "ambiguous" (Candidates has the users) or "absence_unproven". Message is the
	// vendor's text, with the request's values and the client's credentials masked. It
	// is not part of Error's text.
	Code, Message string
	FieldErrors   []FieldError
	// RequestID is the id by which the vendor's support finds the call.
	RequestID string
	// RetryAfter is how long the vendor asks to wait; 0 if it does not say.
	RetryAfter time.Duration
	// Attempts is how many times the request was tried.
	Attempts int
	// User is set with OutcomeCreated, and with a conflict that shows the other user.
	User *User
	// UserID is the id that the user has or would have, if it is known.
	UserID string
	// Candidates are the ids of the users that an ambiguous look-up found, or that a
	// reply showed in contradiction to the request.
	Candidates []string
	// FromRecord is set by a Resolver that did not ask the vendor, but read the
	// client's own record of its creates.
	FromRecord bool
	// Err is the vendor's *APIError, or the error of the transport or the context. If
	// it is or wraps an error with a method Class() string, then the text, the JSON and
	// the log form show that class, such as "no such host". A class must be one of a
	// fixed set of texts, and never come from a server or a caller. A class that is not
	// printable ASCII, or is longer than 80 bytes, is not shown.
	Err error
}

// A FieldError is one fault of a request.
type FieldError struct {
	// Field is the name of a field of CreateUserRequest, such as "Email"; "" if there
	// is no such field.
	Field string `json:"field,omitempty"`
	// VendorField is the vendor's name of the field, such as "user.email".
	VendorField string `json:"vendor_field,omitempty"`
	// Code says what is wrong, in the same words at every vendor: one of the constants
	// that begin with Code, such as CodeTaken.
	Code string `json:"code,omitempty"`
	// VendorCode is the vendor's own code for the fault, such as "duplicate", masked
	// like Message; "" if the vendor has none.
	VendorCode string `json:"vendor_code,omitempty"`
	// Message says what is wrong, with the request's own values masked.
	Message string `json:"message,omitempty"`
}

// The values of FieldError.Code, the same at every vendor.
const (
	// CodeRequired: the field must be set.
	CodeRequired = "required"
	// CodeInvalid: the value is not allowed, and no other code says why.
	CodeInvalid = "invalid"
	// CodeTaken: another user, or another sign-up, has the value.
	CodeTaken = "taken"
	// CodeTooShort: the value has too few characters.
	CodeTooShort = "too_short"
	// CodeTooLong: the value has too many characters, or is too large a number.
	CodeTooLong = "too_long"
	// CodeTooMany: the list has too many entries.
	CodeTooMany = "too_many"
	// CodeWeak: the password breaks the vendor's rules for passwords, or is known from a
	// breach.
	CodeWeak = "weak"
	// CodeBlocked: the vendor is set up to refuse this value, such as an e-mail domain.
	CodeBlocked = "blocked"
	// CodeUnsupported: the vendor cannot store the field, or is not set up to store it.
	CodeUnsupported = "unsupported"
	// CodeNotFound: the thing that the value names does not exist.
	CodeNotFound = "not_found"
	// CodeDifferent: the user or the sign-up that was found has another value.
	CodeDifferent = "different"
	// CodeOlder: the user that was found existed before the create.
	CodeOlder = "older"
)

// String returns the field's name and the codes, the vendor's in brackets.
func (f FieldError) String() string {
	what := f.Code
	if f.VendorCode != "" && f.VendorCode != f.Code {
		what = strings.TrimSpace(what + " (" + f.VendorCode + ")")
	}
	return f.text(what)
}

func (f FieldError) text(what string) string {
	name := f.Field
	switch {
	case name == "":
		name = f.VendorField
	case f.VendorField != "" && !strings.EqualFold(f.VendorField, name):
		name += " (" + f.VendorField + ")"
	}
	if what == "" {
		return name
	}
	if name == "" {
		return what
	}
	return name + ": " + what
}

// local reports whether the fault was found here, before any vendor spoke: the
// messages in FieldErrors are then ours and hold no values.
func (e *Error) local() bool {
	return e.StatusCode == 0 && (e.Outcome == OutcomeNotSent || e.Provider == "")
}

// maxClass is the longest class of a cause that is shown, in bytes.
const maxClass = 80

// class returns the class of the cause; "" for none that may be shown.
func (e *Error) class() string {
	var classed interface{ Class() string }
	if e.Err == nil || !errors.As(e.Err, &classed) {
		return ""
	}
	class := classed.Class()
	if len(class) > maxClass || strings.ContainsFunc(class, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return class
}

// Error describes the failure in one line. It never shows a value of the request or
// text of the vendor.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	for _, part := range [...]string{e.Provider, e.Op} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(kindText(e.Kind))
	if class := e.class(); class != "" {
		b.WriteString(": " + class)
	}
	if e.StatusCode != 0 {
		b.WriteString(" (status " + strconv.Itoa(e.StatusCode))
		if e.Code != "" && e.Code != strconv.Itoa(e.StatusCode) {
			b.WriteString(", code " + e.Code)
		}
		b.WriteString(")")
	} else if e.Code != "" {
		b.WriteString(" (code " + e.Code + ")")
	}
	for i, f := range e.FieldErrors {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		if what := f.Message; what != "" && e.local() {
			b.WriteString(f.text(what))
		} else {
			b.WriteString(f.String())
		}
	}
	if text := e.outcomeText(); text != "" {
		b.WriteString(", " + text)
	}
	if e.RetryAfter > 0 {
		b.WriteString(", retry after " + e.RetryAfter.String())
	}
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	return b.String()
}

func (e *Error) outcomeText() string {
	switch e.Outcome {
	case OutcomeNotSent:
		return "nothing was sent"
	case OutcomeRejected:
		switch {
		case e.Subject == SubjectNone:
			return ""
		case e.Kind == KindNotFound && e.Subject != SubjectCreate:
			return "the user does not exist"
		case e.Subject == SubjectStep:
			return "it was not done"
		}
		return "no user was created"
	case OutcomeCreated:
		if e.User != nil {
			return "but the user was created as " + e.User.ID
		}
		return "but the user was created"
	default:
		switch e.Subject {
		case SubjectNone:
			return ""
		case SubjectStep:
			return "it may have been done"
		default:
			return "the user may or may not exist"
		}
	}
}

// Is reports whether target is the sentinel of the error's kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(kindError)
	return ok && e != nil && Kind(k) == e.Kind
}

// Unwrap returns Err. Another *Error or a sentinel in Err's chain is hidden, so that
// errors.Is matches this error's kind alone. Everything else in the chain is still
// found.
func (e *Error) Unwrap() error {
	if e == nil || e.Err == nil {
		return nil
	}
	if holdsVerdict(e.Err) {
		return cause{e.Err}
	}
	return e.Err
}

// cause passes matches through to err except those of verdicts.
type cause struct{ err error }

func (c cause) Error() string { return c.err.Error() }

func (c cause) Is(target error) bool {
	if _, ok := target.(kindError); ok {
		return false
	}
	return errors.Is(c.err, target)
}

func (c cause) As(target any) bool {
	switch target.(type) {
	case **Error, *kindError:
		return false
	}
	return errors.As(c.err, target)
}

func holdsVerdict(err error) bool {
	var e *Error
	var k kindError
	return errors.As(err, &e) || errors.As(err, &k)
}

// Format writes Error's text for every verb.
func (e Error) Format(f fmt.State, verb rune) {
	text := e.Error()
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	_, _ = io.WriteString(f, text)
}

// summary is what is shown of an error in logs and JSON: an allow-list.
type summary struct {
	Provider    string         `json:"provider,omitempty"`
	Op          string         `json:"op,omitempty"`
	Kind        Kind           `json:"kind"`
	Class       string         `json:"class,omitempty"`
	Subject     Subject        `json:"subject,omitempty"`
	Outcome     Outcome        `json:"outcome"`
	StatusCode  int            `json:"status_code,omitempty"`
	Code        string         `json:"code,omitempty"`
	FieldErrors []summaryField `json:"field_errors,omitempty"`
	RequestID   string         `json:"request_id,omitempty"`
	RetryAfter  string         `json:"retry_after,omitempty"`
	Attempts    int            `json:"attempts,omitempty"`
	UserID      string         `json:"user_id,omitempty"`
	Candidates  []string       `json:"candidates,omitempty"`
}

type summaryField struct {
	Field       string `json:"field,omitempty"`
	VendorField string `json:"vendor_field,omitempty"`
	Code        string `json:"code,omitempty"`
	VendorCode  string `json:"vendor_code,omitempty"`
}

func (e *Error) userID() string {
	if e.UserID == "" && e.User != nil {
		return e.User.ID
	}
	return e.UserID
}

// MarshalJSON encodes what may be logged. It leaves out messages, Err, and all of the
// user except its id.
func (e Error) MarshalJSON() ([]byte, error) {
	s := summary{
		Provider: e.Provider, Op: e.Op, Kind: e.Kind, Class: e.class(), Subject: e.Subject, Outcome: e.Outcome,
		StatusCode: e.StatusCode, Code: e.Code, RequestID: e.RequestID,
		Attempts: e.Attempts, UserID: e.userID(), Candidates: e.Candidates,
	}
	for _, f := range e.FieldErrors {
		s.FieldErrors = append(s.FieldErrors, summaryField{f.Field, f.VendorField, f.Code, f.VendorCode})
	}
	if e.RetryAfter > 0 {
		s.RetryAfter = e.RetryAfter.String()
	}
	return json.Marshal(s)
}

// LogValue returns what may be logged, as a group.
func (e Error) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("provider", e.Provider),
		slog.String("op", e.Op),
		slog.String("kind", e.Kind.String()),
	}
	if class := e.class(); class != "" {
		attrs = append(attrs, slog.String("class", class))
	}
	if e.Subject != SubjectCreate {
		attrs = append(attrs, slog.String("subject", e.Subject.String()))
	}
	attrs = append(attrs, slog.String("outcome", e.Outcome.String()))
	if e.StatusCode != 0 {
		attrs = append(attrs, slog.Int("status", e.StatusCode))
	}
	if e.Code != "" {
		attrs = append(attrs, slog.String("code", e.Code))
	}
	if len(e.FieldErrors) > 0 {
		fields := make([]string, len(e.FieldErrors))
		for i, f := range e.FieldErrors {
			fields[i] = f.String()
		}
		attrs = append(attrs, slog.Any("fields", fields))
	}
	if e.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", e.RequestID))
	}
	if e.Attempts != 0 {
		attrs = append(attrs, slog.Int("attempts", e.Attempts))
	}
	if id := e.userID(); id != "" {
		attrs = append(attrs, slog.String("user_id", id))
	}
	return slog.GroupValue(attrs...)
}

// MayHaveCreated reports whether the user may exist after a create that returned err.
// It is true for OutcomeUnknown, for OutcomeCreated, and for an error without an *Error
// in its chain. It is false for nil. Of several joined errors one is enough.
func MayHaveCreated(err error) bool {
	if err == nil {
		return false
	}
	found, may := mayHaveCreated(err)
	return may || !found
}

func mayHaveCreated(err error) (found, may bool) {
	if e, ok := err.(*Error); ok && e != nil {
		return true, e.Outcome != OutcomeNotSent && e.Outcome != OutcomeRejected
	}
	switch x := err.(type) {
	case interface{ Unwrap() error }:
		if inner := x.Unwrap(); inner != nil {
			return mayHaveCreated(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range x.Unwrap() {
			if inner == nil {
				continue
			}
			f, m := mayHaveCreated(inner)
			found, may = found || f, may || m
		}
	}
	return found, may
}
