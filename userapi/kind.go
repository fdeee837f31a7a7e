package userapi

import (
	"fmt"
	"slices"
	"strconv"
)

// A Kind says what went wrong. You can store its numbers: they never change.
type Kind int

// The numbers are fixed.
const (
	// KindUnknown: it failed, and nothing more is known.
	KindUnknown Kind = 0
	// KindInvalid: the request is wrong; FieldErrors says where.
	KindInvalid Kind = 1
	// KindConflict: a name, address or id is taken.
	KindConflict Kind = 2
	// KindUnauthorized: the vendor did not accept the client's credentials.
	KindUnauthorized Kind = 3
	// KindForbidden: the credentials are valid but do not allow this.
	KindForbidden Kind = 4
	// KindNotFound: the user, another thing that was named, or the endpoint does not
	// exist.
	KindNotFound Kind = 5
	// KindRateLimited: too many requests; RetryAfter may say how long to wait.
	KindRateLimited Kind = 6
	// KindUnavailable: the vendor or the way to it failed.
	KindUnavailable Kind = 7
	// KindProtocol: the reply is not what the vendor documents.
	KindProtocol Kind = 8
	// KindCanceled: the context was canceled.
	KindCanceled Kind = 9
	// KindTimeout: the context's deadline or the time-out of an attempt passed.
	KindTimeout Kind = 10
)

var kindNames = [...]string{
	"unknown", "invalid", "conflict", "unauthorized", "forbidden", "not_found",
	"rate_limited", "unavailable", "protocol", "canceled", "timeout",
}

// String returns the lower-case name, such as "rate_limited".
func (k Kind) String() string { return enumName("kind", kindNames[:], int(k)) }

// MarshalText returns the lower-case name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) error { return enumValue("kind", kindNames[:], text, k) }

// The sentinels match, by errors.Is, an *Error of exactly their kind.
var (
	ErrInvalid      error = kindError(KindInvalid)
	ErrConflict     error = kindError(KindConflict)
	ErrUnauthorized error = kindError(KindUnauthorized)
	ErrForbidden    error = kindError(KindForbidden)
	ErrNotFound     error = kindError(KindNotFound)
	ErrRateLimited  error = kindError(KindRateLimited)
	ErrUnavailable  error = kindError(KindUnavailable)
	ErrProtocol     error = kindError(KindProtocol)
	ErrCanceled     error = kindError(KindCanceled)
	ErrTimeout      error = kindError(KindTimeout)
)

type kindError Kind

func (k kindError) Error() string { return "userapi: " + kindText(Kind(k)) }

func kindText(k Kind) string {
	switch k {
	case KindInvalid:
		return "invalid request"
	case KindConflict:
		return "already taken"
	case KindUnauthorized:
		return "not authorized"
	case KindForbidden:
		return "forbidden"
	case KindNotFound:
		return "not found"
	case KindRateLimited:
		return "rate limited"
	case KindUnavailable:
		return "unavailable"
	case KindProtocol:
		return "unexpected reply"
	case KindCanceled:
		return "canceled"
	case KindTimeout:
		return "timed out"
	default:
		return "failed"
	}
}

// An Outcome says whether a failed create made a user. You can store its numbers: they
// never change.
type Outcome int

// The numbers are fixed.
const (
	// OutcomeUnknown: the create may or may not have happened.
	OutcomeUnknown Outcome = 0
	// OutcomeNotSent: the create was not sent. It made no user.
	OutcomeNotSent Outcome = 1
	// OutcomeRejected: the vendor refused the create. It made no user.
	OutcomeRejected Outcome = 2
	// OutcomeCreated: the user exists although the call failed.
	OutcomeCreated Outcome = 3
)

var outcomeNames = [...]string{"unknown", "not_sent", "rejected", "created"}

// String returns the lower-case name, such as "not_sent".
func (o Outcome) String() string { return enumName("outcome", outcomeNames[:], int(o)) }

// MarshalText returns the lower-case name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Outcome) UnmarshalText(text []byte) error {
	return enumValue("outcome", outcomeNames[:], text, o)
}

// A Subject is what an error's Outcome is about. You can store its numbers: they never
// change.
type Subject int

// The numbers are fixed.
const (
	// SubjectCreate: the create of a user.
	SubjectCreate Subject = 0
	// SubjectUser: the existence of a user, as a look-up, a delete or an Ensure finds it.
	// With KindNotFound and OutcomeRejected the user does not exist.
	SubjectUser Subject = 1
	// SubjectStep: a step with a user that exists, such as a Finisher's. Outcome says
	// whether the step was done, not whether the user exists.
	SubjectStep Subject = 2
	// SubjectNone: something else, such as a session or the settings of a client.
	// OutcomeNotSent means that nothing was sent. Any other Outcome has no meaning.
	SubjectNone Subject = 3
)

var subjectNames = [...]string{"create", "user", "step", "none"}

// String returns the lower-case name, such as "user".
func (s Subject) String() string { return enumName("subject", subjectNames[:], int(s)) }

// MarshalText returns the lower-case name.
func (s Subject) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Subject) UnmarshalText(text []byte) error {
	return enumValue("subject", subjectNames[:], text, s)
}

func enumName(what string, names []string, n int) string {
	if n < 0 || n >= len(names) {
		return what + "(" + strconv.Itoa(n) + ")"
	}
	return names[n]
}

func enumValue[T ~int](what string, names []string, text []byte, to *T) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("userapi: no such %s, expected one of %v", what, names)
	}
	*to = T(i)
	return nil
}
