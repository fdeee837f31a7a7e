package userapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Error is what every failing call of a client returns. Its text, and every
// other printed form of it, shows codes and names of fields, never values.
type Error struct {
	// Provider is the vendor's name, Op what was tried, such as "create user".
	Provider, Op string
	Kind         Kind
	// Outcome says whether the create that failed left a user behind.
	Outcome Outcome
	// StatusCode is the HTTP status of the last reply; 0 when there was none.
	StatusCode int
	// Code is the vendor's own code, if any; of a look-up also "ambiguous" (Candidates
	// has the users) or "absence_unproven", which are ours. Message is the vendor's text with the
	// request's own values and the client's credentials masked; it is not part of
	// Error's text.
	Code, Message string
	FieldErrors   []FieldError
	// RequestID is the id by which the vendor's support finds the call.
	RequestID string
	// RetryAfter is how long the vendor asks to wait; 0 when it does not say.
	RetryAfter time.Duration
	// Attempts is how many times the request was tried.
	Attempts int
	// User is set with OutcomeCreated, and where a conflict shows whose user it is.
	User *User
	// UserID is the id that the user has or would have, where it is known.
	UserID string
	// Candidates are the ids that an ambiguous look-up found.
	Candidates []string
	// FromRecord is set by a Resolver that did not ask the vendor: what it says comes
	// from the client's own record of the creates that it sent.
	FromRecord bool
	// Err is the vendor's *APIError, or the error of the transport or the context.
	Err error
}

// A FieldError is one fault of a request.
type FieldError struct {
	// Field is the name of a field of CreateUserRequest, such as "Email"; "" where
	// none corresponds.
	Field string `json:"field,omitempty"`
	// VendorField is the vendor's own name of the field, such as "user.email".
	VendorField string `json:"vendor_field,omitempty"`
	// Code is the vendor's code, or one of ours: "required", "invalid" and
	// "unsupported", for vendors that have texts only "taken", "too_short" and
	// "too_long", and of the user that a look-up found "different" and "older".
	Code string `json:"code,omitempty"`
	// Message says what is wrong, with the request's own values masked.
	Message string `json:"message,omitempty"`
}

// String returns the field's name and the code.
func (f FieldError) String() string { return f.text(f.Code) }

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
	return e.StatusCode == 0 && (e.Outcome == OutcomeNotSent || e.Provider == "" && hasPrefix(e.Op, ownVerbs))
}

// ownVerbs begin the operations of provision.Provisioner, whose errors without a vendor
// are its own.
var ownVerbs = []string{"sign up", "undo", "decide"}

func hasPrefix(op string, verbs []string) bool {
	return slices.ContainsFunc(verbs, func(verb string) bool { return strings.HasPrefix(op, verb) })
}

// Error describes the failure in one line, without any value of the request or
// text of the vendor's.
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
	b.WriteString(", " + e.outcomeText())
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
		case e.Kind == KindNotFound && !strings.HasPrefix(e.Op, "create"):
			return "the user does not exist" // of a look-up
		case e.isStep():
			return "it was not done"
		}
		return "no user was created"
	case OutcomeCreated:
		if e.User != nil {
			return "but the user was created as " + e.User.ID
		}
		return "but the user was created"
	default:
		if e.isStep() {
			return "it may have been done"
		}
		return "the user may or may not exist"
	}
}

// isStep reports whether the operation is one with a user that exists, such as "set
// attributes". Of the others the outcome says whether the user does.
func (e *Error) isStep() bool {
	return e.Op != "" && !hasPrefix(e.Op, userVerbs) && !hasPrefix(e.Op, ownVerbs)
}

var userVerbs = []string{"create", "ensure", "resolve", "recall", "look up", "delete", "repeat"}

// Is reports whether target is the sentinel of the error's kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(kindError)
	return ok && e != nil && Kind(k) == e.Kind
}

// Unwrap returns Err. Where the chain below holds a verdict of its own, another
// *Error or a sentinel, that verdict is hidden, so that errors.Is answers for
// exactly this error's kind; anything else below is still found.
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
}

func (e *Error) userID() string {
	if e.UserID == "" && e.User != nil {
		return e.User.ID
	}
	return e.UserID
}

// MarshalJSON encodes what may be logged: no message, no user but its id, and
// not Err.
func (e Error) MarshalJSON() ([]byte, error) {
	s := summary{
		Provider: e.Provider, Op: e.Op, Kind: e.Kind, Outcome: e.Outcome,
		StatusCode: e.StatusCode, Code: e.Code, RequestID: e.RequestID,
		Attempts: e.Attempts, UserID: e.userID(), Candidates: e.Candidates,
	}
	for _, f := range e.FieldErrors {
		s.FieldErrors = append(s.FieldErrors, summaryField{f.Field, f.VendorField, f.Code})
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
		slog.String("outcome", e.Outcome.String()),
	}
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

// MayHaveCreated reports whether a create that returned err may have left a user
// behind: true for OutcomeUnknown and OutcomeCreated, and for an error that holds
// no *Error at all; false for nil. Of several joined errors one is enough.
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
