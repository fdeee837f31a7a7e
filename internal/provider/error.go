package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// The operations' names.
const (
	OpNew     = "new client"
	OpCreate  = "create user"
	OpImport  = "import users"
	OpLookup  = "look up user"
	OpResolve = "resolve user"
	OpDelete  = "delete user"
)

// subjectOf says what the errors of an operation speak of. A vendor's own operation is a step.
func subjectOf(op string) userapi.Subject {
	switch op {
	case OpCreate, OpImport:
		return userapi.SubjectCreate
	case OpLookup, OpResolve, OpDelete:
		return userapi.SubjectUser
	case OpNew, opCheckID:
		return userapi.SubjectNone
	default:
		return userapi.SubjectStep
	}
}

// NewError makes the error of a call that failed. The vendor's codes are Explain's to add.
func NewError(name, op string, res *transport.Result, mask Mask) *userapi.Error {
	e := &userapi.Error{
		Provider: name, Op: op, Subject: subjectOf(op), Kind: res.Kind, Outcome: res.Outcome,
		RequestID:  mask.Code(res.RequestID),
		RetryAfter: res.RetryAfter,
		Attempts:   res.Attempts,
		Err:        res.Err,
	}
	if res.Reply != nil {
		e.StatusCode = res.Reply.Status
	}
	if res.NotPrepared && e.Kind == userapi.KindUnknown {
		prepareFailed(e)
	}
	return e
}

// NotPrepared makes the error of a call that was not sent because something could not be had.
func NotPrepared(ctx context.Context, name, op string, cause error) *userapi.Error {
	v := transport.Classification{Outcome: userapi.OutcomeNotSent, Err: cause}
	if err := ctx.Err(); err != nil {
		v.Kind = contextKind(err, userapi.KindCanceled)
		if !errors.Is(cause, err) {
			v.Err = fmt.Errorf("%w: %w", err, cause)
		}
	}
	return NewError(name, op, &transport.Result{Classification: v, NotPrepared: true}, Mask{})
}

// prepareFailed gives an error its cause's kind, such as that of a session that was refused.
func prepareFailed(e *userapi.Error) {
	var inner *userapi.Error
	if !errors.As(e.Err, &inner) {
		e.Kind = contextKind(e.Err, userapi.KindUnavailable)
		return
	}
	e.Kind, e.StatusCode, e.Code, e.Message = inner.Kind, inner.StatusCode, inner.Code, inner.Message
	// The same session's error may reach several callers.
	e.FieldErrors, e.RequestID, e.RetryAfter = slices.Clone(inner.FieldErrors), inner.RequestID, inner.RetryAfter
	e.UserID = inner.UserID
	if inner.Op != e.Op { // else the text names it already
		e.Err = stepError{e.Err, inner}
	}
}

// contextKind returns the kind of an error of a context, and otherwise for any other error.
func contextKind(err error, otherwise userapi.Kind) userapi.Kind {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return userapi.KindTimeout
	case errors.Is(err, context.Canceled):
		return userapi.KindCanceled
	}
	return otherwise
}

// A stepError is the error of a step before the call, such as fetching a session.
type stepError struct {
	error
	step *userapi.Error
}

func (s stepError) Unwrap() error { return s.error }

// Class says which step failed, and why.
func (s stepError) Class() string {
	var cause interface{ Class() string }
	if errors.As(s.step.Err, &cause) {
		return s.step.Op + ": " + cause.Class()
	}
	return s.step.Op + " failed"
}

// InvalidConfig makes the error of a client's New from every fault of its Config.
func InvalidConfig(name string, faults []userapi.FieldError) error {
	if len(faults) == 0 {
		return nil
	}
	return Invalid(name, OpNew, faults)
}

// Invalid makes the error of a request that was not sent because it is at fault.
func Invalid(name, op string, faults []userapi.FieldError) *userapi.Error {
	return &userapi.Error{
		Provider: name, Op: op, Subject: subjectOf(op), Kind: userapi.KindInvalid,
		Outcome: userapi.OutcomeNotSent, FieldErrors: faults,
	}
}
