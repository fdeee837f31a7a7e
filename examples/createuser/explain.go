package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// explain tells of a failure on one line: what went wrong, whether the user exists,
// and what to do next.
func explain(r result) string {
	e := r.err
	text := r.name + ": " + errorText(e)
	if e.Code != "" && e.Code != strconv.Itoa(e.StatusCode) {
		text += ", code " + e.Code
	}
	for _, f := range e.FieldErrors {
		text += "; " + fieldText(f)
	}
	switch {
	case len(e.FieldErrors) > 0:
	case e.Message != "":
		text += "; " + e.Message
	case e.StatusCode == 0 && e.Err != nil:
		text += "; " + e.Err.Error()
	}
	if e.RequestID != "" {
		text += "; request " + e.RequestID
	}
	return oneLine(strings.TrimSuffix(text, ".") + ". " + existence(e) + " " + next(r))
}

func fieldText(f userapi.FieldError) string {
	name, what := f.Field, f.Message
	if name == "" {
		name = f.VendorField
	} else if f.VendorField != "" && !strings.EqualFold(f.VendorField, name) {
		name += " (" + f.VendorField + ")"
	}
	if what == "" {
		what = f.Code
	}
	return name + " " + what
}

// oneLine keeps what a vendor said on the line.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

func kindText(k userapi.Kind) string {
	switch k {
	case userapi.KindInvalid:
		return "invalid user"
	case userapi.KindConflict:
		return "conflict: already taken"
	case userapi.KindUnauthorized:
		return "unauthorized"
	case userapi.KindForbidden:
		return "forbidden"
	case userapi.KindNotFound:
		return "not found"
	case userapi.KindRateLimited:
		return "rate limited"
	case userapi.KindUnavailable:
		return "unavailable"
	case userapi.KindProtocol:
		return "unexpected reply"
	case userapi.KindCanceled:
		return "canceled"
	case userapi.KindTimeout:
		return "timed out"
	default:
		return "failed"
	}
}

// existence says whether the user exists.
func existence(e *userapi.Error) string {
	id := ""
	if e.UserID != "" {
		id = " with the id " + e.UserID
	} else if e.User != nil {
		id = " with the id " + e.User.ID
	}
	switch e.Outcome {
	case userapi.OutcomeNotSent:
		return "The create was not sent: no user was created."
	case userapi.OutcomeRejected:
		return "No user was created."
	case userapi.OutcomeCreated:
		return "The user EXISTS" + id + "."
	default:
		return "The user MAY EXIST" + id + "."
	}
}

// next says what to do about a failure.
func next(r result) string {
	e := r.err
	advice := "Next: "
	switch e.Outcome {
	case userapi.OutcomeCreated:
		advice += "do not create the user again; see at the vendor what is missing"
	case userapi.OutcomeNotSent, userapi.OutcomeRejected:
		advice += remedy(e)
	default:
		advice += "do not run this again before you know; " + r.find
	}
	if r.keys == nil || !r.keys.written.Load() {
		return advice + "."
	}
	if userapi.MayHaveCreated(e) {
		return advice + ". Keep the user's session key in " + r.keys.path + "."
	}
	return advice + ". The session key in " + r.keys.path + " is no user's: delete it first."
}

// remedy says how a create that made no user may succeed.
func remedy(e *userapi.Error) string {
	switch e.Kind {
	case userapi.KindInvalid:
		return "correct that and run this again"
	case userapi.KindConflict:
		if e.User != nil {
			return "the user " + e.User.ID + " has it; choose another value"
		}
		return "choose another value, or find the user that has it"
	case userapi.KindUnauthorized:
		return "check the credentials"
	case userapi.KindForbidden:
		return "have the vendor allow these credentials to create users"
	case userapi.KindRateLimited:
		if e.RetryAfter > 0 {
			return "run this again in " + e.RetryAfter.Round(time.Second).String()
		}
		return "run this again later"
	case userapi.KindNotFound, userapi.KindProtocol:
		return "check that the address is the vendor's"
	case userapi.KindCanceled:
		return "run this again when you want to"
	case userapi.KindTimeout:
		return "run this again, with a longer -timeout"
	default:
		return "check the network and the address, and run this again"
	}
}
