package provision

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A step is what a run does about one target.
type step int

const (
	stepReport    step = iota // nothing: the record says what is known, and a code why nothing is done
	stepRefuse                // nothing: the request cannot be sent
	stepWait                  // nothing yet: another run has the target
	stepPrepare               // find out what the target is to be sent
	stepAskClient             // ask the client's own record of what it sent
	stepKeep                  // the client's own record has the user
	stepForget                // the client's own record says that nothing was sent, and nothing is to be
	stepGiveUp                // nobody can be asked: a person decides
	stepCreate                // create the user
	stepResolve               // ask for the user of a lost create, and repeat that only where it cannot make a second one
	stepFinish                // carry out the second step of a create
)

// facts are what a step depends on beside the record.
type facts struct {
	now   time.Time
	owner string // of this run
	// fresh says that the record is a claim of this run's, by which nothing was sent before.
	fresh bool
	// resuming: what other runs hold, and what is closed, is skipped. retries: what was
	// refused is tried again.
	resuming, retries bool
	// over: the caller's context is done.
	over bool
	// closed: the key is undone, even if the record is not.
	closed bool
	// kept: the request is another one, which is not for this target.
	kept bool
	// asks: the creator can look a user up.
	asks bool

	// The rest is known once the step was stepPrepare.
	prepared bool
	waits    bool // a target before this one has no user
	unfit    bool // the request cannot be sent
	same     bool // the request is the one that was sent before

	// client is known once the step was stepAskClient.
	client clientRecord
}

// A clientRecord is what a client's own record says of a create.
type clientRecord int

const (
	clientNotAsked clientRecord = iota
	clientAsks                  // it has none, and asks the vendor
	clientSilent                // it does not know, and cannot ask the vendor
	clientNotSent               // nothing was sent
	clientHasUser
)

// next returns what a run does about a target, and for stepReport the code of the
// reason. Only next decides this.
func next(rec Record, f facts) (do step, code string) {
	refused := rec.State == StateRejected || rec.State == StateNotSent
	switch {
	case rec.Revision == 0, rec.State == StateUndone, rec.State == StateDeleting, rec.State.HasUser() && rec.Closed,
		f.closed && (refused || rec.State == StateQueued):
		return stepReport, codeUndone
	case f.kept:
		return stepReport, codeRequestChanged
	case rec.State.HasUser() && !rec.Unfinished, f.resuming && !f.retries && !rec.Open():
		return stepReport, ""
	case rec.heldByAnother(f.owner, f.now) && (f.resuming || f.over):
		return stepReport, codeInProgress
	case rec.heldByAnother(f.owner, f.now):
		return stepWait, ""
	case !f.prepared:
		return stepPrepare, ""
	case f.waits:
		return stepReport, codeWaits
	case f.unfit && (refused || rec.State == StateQueued):
		return stepRefuse, ""
	case f.unfit:
		return stepReport, codeRemapped
	}

	// A create that may have made the user is asked for first. If a later create was
	// refused, the lost one before it counts only if the vendor can be asked, and only
	// if it was the same request.
	lost := rec.lost() && !f.fresh
	switch {
	case lost && refused:
		lost = f.asks && f.same
	case lost && !f.same:
		return stepReport, codeRemapped
	}
	switch {
	case lost && f.asks && f.client == clientNotAsked:
		return stepAskClient, ""
	case lost && f.client == clientAsks:
		return stepResolve, ""
	case lost && refused: // nothing is left to ask
	case lost && f.client == clientHasUser:
		return stepKeep, ""
	case lost && f.client == clientNotSent && rec.Closed:
		return stepForget, ""
	case lost && f.client != clientNotSent:
		return stepGiveUp, ""
	}
	switch {
	case f.over && !f.fresh:
		return stepReport, codeRecorded
	case rec.State.HasUser():
		return stepFinish, ""
	}
	return stepCreate, ""
}

// heldByAnother reports whether another run than the owner's is working on a record.
func (r Record) heldByAnother(owner string, now time.Time) bool {
	return r.Owner != owner && r.isHeld(owner, now)
}

// isHeld reports whether a run is working on a record. alone is the prefix of this
// process's owners, options.alone.
func (r Record) isHeld(alone string, now time.Time) bool {
	return r.State == StateInFlight && now.Before(r.Until) && !isDead(r.Owner, alone)
}

// isDead reports whether a run has ended, because another one is alone under its name.
func isDead(run, other string) bool {
	name, _, alone := strings.Cut(other, "/")
	return alone && strings.HasPrefix(run, name+"/") && !strings.HasPrefix(run, other[:strings.LastIndexByte(other, '/')+1])
}

// lost reports whether a create may have been sent and its result is not known, or its
// user was absent at a look-up and may still be made.
func (r Record) lost() bool {
	return r.State == StateInFlight || r.State == StateUnknown ||
		r.Lost && (r.State == StateRejected || r.State == StateNotSent)
}

// A requestChange says where a request goes that is not the one of its key's records.
type requestChange int

const (
	sameRequest     requestChange = iota
	requestReplaces               // there is no user: it takes the place of the one before
	requestMends                  // it goes to the targets that refused the one before
	requestRefused                // something is open of the one before
)

// changeOf returns where another request for a key goes. What was undone stays undone.
func changeOf(records map[string]Record, keepsRequest bool) requestChange {
	change := requestReplaces
	for _, r := range records {
		switch {
		case r.Closed:
			return sameRequest
		case keepsRequest, r.lost(), r.State == StateDeleting, r.Unfinished:
			change = requestRefused
		case r.State.HasUser() && change == requestReplaces:
			change = requestMends
		}
	}
	return change
}

// isMendable reports whether a target refused the request. The user then does not exist.
func isMendable(r Record) bool {
	return (r.State == StateRejected || r.State == StateNotSent) && !r.Lost
}

// retaken returns a record once another request is its key's. If the target takes that
// request, nothing was sent yet, and a vendor's answer to the earlier one does not
// count any more.
func retaken(rec Record, fingerprint string, goesOn bool) Record {
	rec.Request = fingerprint
	if goesOn && (rec.State == StateRejected || rec.State == StateNotSent) {
		rec.State, rec.Kind, rec.UserID, rec.Decided, rec.Started = StateQueued, userapi.KindUnknown, "", false, time.Time{}
	}
	return rec
}

// stateOf and dispositionOf convert one into the other.
var stateOf = map[Disposition]State{
	DispositionUnknown: StateUnknown, DispositionNotSent: StateNotSent, DispositionRejected: StateRejected,
	DispositionCreated: StateCreated, DispositionRecovered: StateRecovered, DispositionExisting: StateExisting,
}

var dispositionOf = map[State]Disposition{
	"":          DispositionUndone, // of a target that the key has not
	StateQueued: DispositionNotSent, StateInFlight: DispositionUnknown, StateUnknown: DispositionUnknown,
	StateNotSent: DispositionNotSent, StateRejected: DispositionRejected,
	StateCreated: DispositionCreated, StateRecovered: DispositionRecovered, StateExisting: DispositionExisting,
	StateDeleting: DispositionUnknown, StateUndone: DispositionUndone,
}

var outcomeOf = map[Disposition]userapi.Outcome{
	DispositionUnknown: userapi.OutcomeUnknown, DispositionNotSent: userapi.OutcomeNotSent, DispositionRejected: userapi.OutcomeRejected,
	DispositionCreated: userapi.OutcomeCreated, DispositionRecovered: userapi.OutcomeCreated, DispositionExisting: userapi.OutcomeCreated,
	DispositionUndone: userapi.OutcomeRejected,
}

// resultOf returns the result for a target's record. All results from the ledger are
// made here. code says why a run did nothing more; "" if nothing is left to do. cause
// is an error behind that, or nil.
func resultOf(rec Record, code string, cause error) Result {
	res := Result{Target: rec.Target, Disposition: dispositionOf[rec.State], IdempotencyKey: rec.Key, Started: rec.Started, Recorded: true}
	if rec.State.HasUser() {
		res.User = rec.user()
	}
	e := rec.err(cmp.Or(code, codeRecorded))
	switch {
	case code == "" && (rec.State == StateUndone || rec.State.HasUser() && !rec.Unfinished):
		return res
	case code == "":
	case code == codeUndone:
		e.Kind = userapi.KindInvalid
		e.FieldErrors = []userapi.FieldError{{
			Field: "IdempotencyKey", Code: userapi.CodeTaken, Message: "names a sign-up that was undone; a new one needs another key",
		}}
		if res.Disposition == DispositionUndone {
			e.Provider, e.UserID, e.Outcome = "", "", userapi.OutcomeNotSent
		}
	case code == codeRequestChanged:
		e.Kind = userapi.KindInvalid
		e.FieldErrors = []userapi.FieldError{{Field: "IdempotencyKey", Code: userapi.CodeDifferent, Message: anotherRequest}}
	case cause != nil && asError(cause).Kind != userapi.KindUnknown:
		e.Kind = asError(cause).Kind
	case code != codeRecorded:
		e.Kind = userapi.KindUnavailable
	}
	e.Err = cause
	res.Err = e
	return res
}

// err returns an error of what the ledger has, with a code.
func (r Record) err(code string) *userapi.Error {
	e := &userapi.Error{
		Provider: r.Provider, Op: opSignUp, Subject: userapi.SubjectUser, Kind: r.Kind, Code: code,
		Outcome: outcomeOf[dispositionOf[r.State]], UserID: r.UserID,
	}
	if r.State.HasUser() {
		e.User = r.user()
	}
	return e
}

// user returns the user that a record describes.
func (r Record) user() *userapi.User {
	return &userapi.User{Provider: r.Provider, ID: r.UserID, Proof: r.Proof}
}

// recordOf returns the record of a target after a result. All records of results are
// made here.
func recordOf(prev Record, res Result) Record {
	r := prev
	r.Until = time.Time{}
	r.State = stateOf[res.Disposition]
	if r.Closed && (r.State == StateNotSent || r.State == StateRejected) {
		r.State = StateUndone
	}
	r.Kind, r.Unfinished = userapi.KindUnknown, false
	r.Lost = r.Lost || losesCreate(res)
	if e := asError(res.Err); e != nil {
		r.Kind = e.Kind
		if e.Provider != "" {
			r.Provider = e.Provider
		}
		if r.State == StateUnknown {
			r.UserID = e.UserID
		}
		last := len(res.Steps) - 1
		r.Unfinished = res.User != nil && !r.Closed && (last < 0 || res.Steps[last].Action == ActionFinish && res.Steps[last].Err != nil)
	}
	if u := res.User; u != nil {
		r.UserID, r.Proof = u.ID, u.Proof
		if u.Provider != "" {
			r.Provider = u.Provider
		}
	}
	return r
}

// losesCreate reports whether a create may have been sent whose outcome is unknown.
func losesCreate(res Result) bool {
	return slices.ContainsFunc(res.Steps, func(s Step) bool {
		return (s.Action == ActionCreate || s.Action == ActionRepeat) && s.Err != nil && s.Err.Outcome == userapi.OutcomeUnknown
	})
}

// deletable says why the user of a record must not, or cannot, be deleted; "" where it may
// be. isTarget says that the Provisioner has the target, deletes that its vendor can delete.
func deletable(rec Record, isTarget, deletes bool) (code string) {
	proven := rec.State == StateCreated && rec.Proof != userapi.ProofEarlier || rec.State == StateRecovered &&
		(rec.Proof == userapi.ProofReply || rec.Proof == userapi.ProofID || rec.Proof == userapi.ProofKey)
	switch {
	case !rec.State.HasUser():
		return codeUnsettled
	case rec.State == StateExisting:
		return codeExisting
	case !proven || rec.Decided:
		return codeNotProven
	case !isTarget:
		return codeNoTarget
	case !deletes:
		return codeNoDeleter
	}
	return ""
}

// undoing returns a record as an Undo leaves it before anything is deleted: closed, so that
// nothing more is created, and where that may be with its user to be deleted.
func undoing(rec Record, deletes bool) Record {
	switch {
	case rec.State == StateQueued, rec.State == StateNotSent, rec.State == StateRejected:
		rec.State, rec.Kind, rec.UserID = StateUndone, userapi.KindUnknown, ""
	case deletes:
		rec.State, rec.Kind = StateDeleting, userapi.KindUnknown
	case rec.Closed:
		return rec
	}
	rec.Closed, rec.Unfinished = true, false
	return rec
}

// decided returns a record after a person's decision, or the code of the reason why a
// person cannot decide. held: a run is working on it.
func decided(rec Record, d Decision, isTarget, held bool) (_ Record, code string) {
	refused := rec.State == StateQueued || rec.State == StateNotSent || rec.State == StateRejected
	switch {
	case held:
		return rec, codeInProgress
	case d.absent && rec.State == StateDeleting:
		rec.State = StateUndone
	case d.absent && refused && !isTarget:
		rec.State, rec.Kind, rec.UserID = StateUndone, userapi.KindUnknown, ""
	case rec.State != StateInFlight && rec.State != StateUnknown:
		return rec, codeKnown
	case d.absent && rec.Closed:
		rec.State, rec.Kind, rec.UserID = StateUndone, userapi.KindUnknown, ""
	case d.absent:
		rec.State, rec.Kind, rec.UserID = StateRejected, userapi.KindNotFound, ""
	default:
		rec.State, rec.Kind, rec.UserID, rec.Proof = StateRecovered, userapi.KindUnknown, d.userID, userapi.ProofNone
	}
	rec.Decided, rec.Lost, rec.Until = true, false, time.Time{}
	return rec, ""
}

// The codes of what a Provisioner finds of a target without asking the vendor.
const (
	codeInProgress     = "in_progress"     // another run is working on it
	codeWaits          = "waits"           // a target before it has no user
	codePaused         = "paused"          // the vendor failed too often
	codeRemapped       = "remapped"        // Target.Map gives another request than the one that was sent
	codeUndone         = "undone"          // the sign-up was undone
	codeRecorded       = "recorded"        // it is the ledger's word
	codeOtherTarget    = "other_target"    // the request is invalid for another target
	codeRequestChanged = "request_changed" // the key was used with another request
	codeNotStored      = "record"          // the outcome could not be stored
	codeUnsettled      = "unsettled"       // nobody knows whether there is a user
	codeKnown          = "known"           // the ledger knows what a person would decide
	codeExisting       = "existing"        // the user was there before
	codeNotProven      = "not_proven"      // the user is not proven to be the sign-up's
	codeNoTarget       = "no_target"       // the Provisioner does not have the target
	codeNoDeleter      = "no_deleter"      // the vendor has no way to delete
)
