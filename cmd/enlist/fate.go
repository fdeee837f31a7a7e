package main

import (
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A fate says what to do about a record. It corresponds to bulk.Class.
type fate int

const (
	fateDone     fate = iota // nothing
	fateRefused              // correct the row, or the cause at the vendor
	fateOpen                 // run the import again
	fateDeleting             // run the undo again
	fateUnknown              // run the import again; if it stays unknown, a person decides
)

func fateOf(r provision.Record) fate {
	switch r.State {
	case provision.StateUnknown:
		return fateUnknown
	case provision.StateDeleting:
		return fateDeleting
	case provision.StateUndone:
		return fateDone
	case provision.StateQueued, provision.StateInFlight:
		return fateOpen
	case provision.StateRejected, provision.StateNotSent:
		switch r.Kind {
		case userapi.KindUnavailable, userapi.KindRateLimited, userapi.KindTimeout, userapi.KindCanceled:
			return fateOpen
		case userapi.KindNotFound:
			if r.Lost || r.Decided { // the lost create made no user
				return fateOpen
			}
		default:
		}
		return fateRefused
	default:
	}
	if r.Unfinished {
		return fateOpen
	}
	return fateDone
}

func stateName(r provision.Record) string {
	switch {
	case r.Unfinished:
		return bulk.StateUnfinished
	case r.State == provision.StateInFlight:
		return "in_flight"
	}
	return string(r.State)
}

// nextOf says whether the user exists, and what to do.
func nextOf(r provision.Record) string {
	switch fateOf(r) {
	case fateDone:
		if r.State == provision.StateUndone {
			return "no user: the row was undone"
		}
		return ""
	case fateUnknown:
		return "the user may exist: run the import again, which asks the vendor if it can; else look at the vendor, and use enlist decide"
	case fateDeleting:
		return "the user may exist: an undo is deleting it, or was killed; run enlist undo again"
	case fateRefused:
		if isDenied(r.Kind) {
			return "no user: the target refuses the credentials, or they lack a permission; correct them, and run the import again"
		}
		return "no user: the row was refused; correct the row or the cause, and run the import again"
	case fateOpen:
	}
	switch {
	case r.State.HasUser():
		return "the user exists, but a second step is not done: run the import again; if the vendor always refuses the step, finish the user there"
	case r.State == provision.StateInFlight && time.Now().Before(r.Until):
		return "an import is working on the row, or was killed: run the import again"
	case r.State == provision.StateInFlight:
		return "the user may exist: an import was killed; run the import again"
	}
	return "no user yet: run the import again"
}

// ofQueue replaces advice for imports by advice for rows in a queue.
var ofQueue = strings.NewReplacer(
	"run the import again, which asks the vendor if it can", "load the row again: its worker asks the vendor if it can",
	"an import is working on the row, or was killed: run the import again", "a worker has the row, or was killed: there is nothing to do",
	"the user may exist: an import was killed; run the import again", "the user may exist: a worker was killed; another one takes the row over",
	"run the import again", "if the row is not in the queue, load it again",
)

// isDenied reports whether a vendor refused the credentials, and not the row.
func isDenied(kind userapi.Kind) bool {
	return kind == userapi.KindUnauthorized || kind == userapi.KindForbidden
}
