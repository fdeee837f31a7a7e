package provision

import (
	"cmp"
	"context"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A Decision is what a person found out about a user for which the vendor cannot be
// asked. The zero value is refused.
type Decision struct {
	exists, absent bool
	userID         string
}

// UserExists decides that the user exists, under the given id.
func UserExists(id string) Decision { return Decision{exists: true, userID: id} }

// UserAbsent decides that the user does not exist: the next run may create it.
func UserAbsent() Decision { return Decision{absent: true} }

// Decide records a person's decision about a target whose outcome is unknown and that
// no run is working on:
//
//   - UserExists makes it DispositionRecovered. The next run does the second step. Undo
//     does not delete the user. An id that does not have the vendor's form is an
//     ErrInvalid ([userapi.UserIDChecker]).
//   - UserAbsent makes it DispositionRejected with KindNotFound. The next run creates
//     the user. At Mixin, discard the key file too: see [mixin.KeyDir].
//   - UserAbsent for a user whose deletion by Undo is open means that the user is gone.
//     For a target that was removed, and at which nothing was created, it means that
//     nothing will be.
//
// What the ledger already knows cannot be decided otherwise: that is an ErrInvalid.
//
// [mixin.KeyDir]: https://pkg.go.dev/github.com/enlist-go/enlist/mixin#KeyDir
func (p *Provisioner) Decide(ctx context.Context, key, target string, d Decision) (Result, error) {
	rec, failure := p.decide(ctx, key, target, d)
	res := Result{Target: target, IdempotencyKey: key}
	if rec.Revision != 0 {
		res = resultOf(rec, "", nil)
		if rec.State.HasUser() {
			res.Err = nil
		}
	}
	if failure == nil {
		return res, nil
	}
	failure.Op, failure.Subject, failure.Outcome = opDecide, userapi.SubjectUser, userapi.OutcomeUnknown
	res.Err = failure
	return res, failure
}

// decide returns the record as it is stored. With an error, which says what the ledger
// knows, it returns the record as it was.
func (p *Provisioner) decide(ctx context.Context, key, target string, d Decision) (Record, *userapi.Error) {
	if d.exists == d.absent || d.exists && (d.userID == "" || !takes(d.userID)) {
		return Record{}, refused(userapi.KindInvalid, userapi.FieldError{
			VendorField: "Decision", Code: userapi.CodeRequired, Message: "must be UserExists with an id of at most 1 KiB of UTF-8, or UserAbsent",
		})
	}
	t := p.byName[target]
	if d.exists && t != nil {
		if vendor, ok := userapi.Ability[userapi.UserIDChecker](t.Creator); ok {
			if failure := asError(vendor.CheckUserID(d.userID)); failure != nil {
				return Record{}, failure
			}
		}
	}
	_, records, failure := find(ctx, p.ledger, key)
	if failure != nil {
		return Record{}, failure
	}
	rec, found := recordOfTarget(records, target)
	if !found {
		return Record{}, refused(userapi.KindNotFound, userapi.FieldError{
			VendorField: "Target", Code: userapi.CodeNotFound, Message: "the ledger has no record of it under that key",
		})
	}
	rec, code := decided(rec, d, t != nil, rec.isHeld(p.options.alone, time.Now()))
	switch code {
	case codeInProgress:
		return Record{}, &userapi.Error{Kind: userapi.KindConflict, Code: code}
	case codeKnown:
		failure := refused(userapi.KindInvalid, userapi.FieldError{
			VendorField: "Decision", Code: userapi.CodeDifferent, Message: "the ledger knows: " + string(rec.State),
		})
		failure.Code = code
		return rec, failure
	}
	if rec.State.HasUser() && t != nil {
		_, finishes := userapi.Ability[userapi.Finisher](t.Creator)
		rec.Unfinished = finishes && !rec.Closed
		rec.Provider = cmp.Or(rec.Provider, t.vendor())
	}
	stored, err := p.store(ctx, p.ledger, rec)
	if err != nil {
		return Record{}, conflictIfStale(ledgerError(err, userapi.OutcomeUnknown))
	}
	return stored[0], nil
}

// vendor returns the name of the target's vendor, if a request that it refuses shows
// it.
func (t *target) vendor() string {
	if e := t.preflight(userapi.CreateUserRequest{}); e != nil {
		return e.Provider
	}
	return ""
}

// opDecide is the Op of what Decide refuses.
const opDecide = "decide on user"
