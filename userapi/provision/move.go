package provision

import (
	"context"
	"errors"

	"github.com/enlist-go/enlist/userapi"
)

// A move is what Ensure does next.
type move int

const (
	moveDone     move = iota // there is the user
	moveComplete             // the user exists, and something of its create is unfinished
	moveConflict             // find out whose user it is that stands in the way
	moveAbsent               // the user does not exist, if that holds for long enough
	moveFail                 // the create's error is the last word
	moveUnknown              // nobody can tell
	moveLook                 // ask the vendor
	moveRecreate             // create again, by a creator that cannot repeat
	moveRepeat               // repeat the create
	moveProbe                // ask whether the create could be repeated, and send nothing
)

// afterCreate returns what follows a create that ended with failure, or nil.
// afterUnknown: the outcome of an earlier one is unknown.
func afterCreate(failure *userapi.Error, afterUnknown bool) move {
	switch {
	case failure == nil:
		return moveDone
	case failure.Outcome == userapi.OutcomeCreated:
		return moveComplete
	case failure.Outcome == userapi.OutcomeUnknown:
		return moveLook
	case failure.Kind == userapi.KindConflict:
		return moveConflict
	case afterUnknown: // the one before has made no user: this one would have collided
		return moveAbsent
	default:
		return moveFail
	}
}

// afterLook returns what follows a look-up of a user that a create may have made. miss
// is nil if the user was found, or if the vendor cannot be asked. repeats: the creator
// can repeat a create. recreates: it may create once more. last: it has no create left.
func afterLook(found bool, miss *userapi.Error, repeats, recreates, last bool) move {
	switch {
	case found:
		return moveDone
	case miss == nil:
		return moveUnknown
	case isTaken(miss):
		return moveConflict
	case !isAbsent(miss):
		return moveUnknown
	case repeats && last:
		return moveProbe
	case repeats:
		return moveRepeat
	case recreates && !last:
		return moveRecreate
	default:
		return moveAbsent
	}
}

// afterRepeat returns what follows a repeat, or a probe of one, after a look-up that
// missed. For a repeat that was sent, afterCreate decides.
func afterRepeat(failure *userapi.Error, probe bool) move {
	notSent := failure != nil && failure.Outcome == userapi.OutcomeNotSent
	switch {
	case notSent && failure.Kind == userapi.KindInvalid: // what cannot be repeated is not proven absent either
		return moveUnknown
	case notSent, probe && errors.Is(failure, context.Canceled):
		return moveAbsent
	case probe && failure != nil && failure.Outcome == userapi.OutcomeUnknown: // it was sent nevertheless
		return moveFail
	default:
		return moveLook
	}
}

// isAbsent reports whether a look-up proves that the user does not exist.
func isAbsent(e *userapi.Error) bool {
	return e != nil && e.Kind == userapi.KindNotFound && e.Outcome == userapi.OutcomeRejected
}

// isTaken reports whether a look-up proves that the user is somebody else's.
func isTaken(e *userapi.Error) bool {
	return e != nil && e.Kind == userapi.KindConflict && e.Outcome == userapi.OutcomeRejected
}
