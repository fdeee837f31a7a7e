package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// codeOf returns the code of a result's error, "" without one.
func codeOf(r provision.Result) string {
	if e, ok := errors.AsType[*userapi.Error](r.Err); ok {
		return e.Code
	}
	return ""
}

// explain says why a target is as it is, and what to do about it; "" for nothing. begun
// is whether the ledger has the sign-up.
func explain(r row, begun bool) (note, next string) {
	res := r.result
	e, failed := errors.AsType[*userapi.Error](res.Err)
	switch {
	case !failed && res.Disposition == provision.DispositionUndone && r.id != "":
		return "deleted", ""
	case !failed && res.Disposition == provision.DispositionUndone:
		return "none was created", ""
	case !failed && res.Recorded:
		return "was there already", ""
	case !failed && res.Disposition == provision.DispositionRecovered:
		return "the reply was lost, and the user found", ""
	case !failed:
		return "", ""
	}
	switch e.Code {
	case "waits", "other_target": // which tell of other targets alone
		return fieldText(e), ""
	case "in_progress":
		return "another run is at work on it", again
	case "undone":
		return "the sign-up was undone", "take another -key for a new sign-up"
	case "no_deleter":
		return "the vendor has no way to delete", ""
	case "not_proven":
		return "not proven to be this sign-up's", "look at the user; if it is this person's, delete it yourself"
	case "unsettled":
		if r.vendor == mixin.Name {
			return noAsking, decide(r) + "; then undo again"
		}
		return "it may exist", "run without -undo, which asks the vendor, and then undo again"
	}
	note = e.Kind.String()
	if e.StatusCode != 0 {
		note += " (status " + strconv.Itoa(e.StatusCode) + ")"
	}
	if text := fieldText(e); text != "" {
		note += ": " + text
	}
	switch {
	case e.Outcome == userapi.OutcomeUnknown && r.vendor == mixin.Name:
		return noAsking, decide(r)
	case e.Kind == userapi.KindInvalid && !begun:
		next = "correct the flags: nothing was sent, and nothing recorded"
	case e.Kind == userapi.KindConflict, e.Kind == userapi.KindInvalid:
		next = "undo this sign-up, and begin another with what is right and another -key"
	default:
		next = again
	}
	return note, next
}

const noAsking = "it may exist, and the vendor cannot be asked"

// decide tells how a person settles what the vendor cannot be asked about.
func decide(r row) string {
	return "look at what Mixin has billed, then run with -decide " + r.target + "=absent, or with the user's id in its place"
}

const again = "run again with the same flags"

// fieldText names the faults of an error's fields, without values: messages are shown
// where no vendor has spoken.
func fieldText(e *userapi.Error) string {
	var all []string
	for _, f := range e.FieldErrors {
		text := f.String()
		if e.StatusCode == 0 && f.Message != "" {
			text = strings.TrimSpace(f.Field + " " + f.Message)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
