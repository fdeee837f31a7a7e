package provision

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// opUndo is the Op of what Undo finds without asking a vendor.
const opUndo = "undo sign-up"

// Undo deletes the users that runs with the key have created, and closes the key: a
// later CreateUser with it creates nothing. It deletes the newest first, and each user
// before those that it came after.
//
// It deletes only users that are proven to belong to the sign-up:
//
//   - a user that the vendor returned in reply to the create;
//   - a user that was found under an id of ours or the caller's (StateRecovered with
//     ProofID or ProofKey).
//
// It never deletes:
//
//   - a user that existed before (StateExisting, or ProofEarlier if the create updated
//     it);
//   - a user that was found only by matching keys (ProofMatch);
//   - a user that a person decided on;
//   - a user that may or may not exist.
//
// Use one IdempotencyKey for all sign-ups of one person. With two keys and the same
// ExternalID, an interrupted run under one key may find the user that a run under the
// other key created, and Undo may delete it: the vendor cannot distinguish the two.
//
// A user whose create was repeated is deleted only after Patience: otherwise the lost
// create could arrive late and make another user.
//
// Undo continues when the caller's context ends. It returns a result for every target,
// in their order, then for what else the ledger has under the key:
//
//   - DispositionUndone: the user was deleted, or was not created and will not be.
//   - DispositionExisting: the user existed before, and was not deleted.
//   - Any other, with an error: the user was not deleted, such as at a vendor that
//     cannot delete; or its deletion failed (call Undo again); or the user may exist
//     (resolve it with CreateUser, Resume or Decide, then call Undo again).
//
// The error joins those of the results. It matches ErrNotFound if the ledger does not
// have the key. There are no results then, and also if the ledger failed before
// anything was done.
func (p *Provisioner) Undo(ctx context.Context, key string) (results []Result, err error) {
	ctx, ended := p.options.beginRun(context.WithoutCancel(ctx), "Undo")
	defer func() { ended(results) }()
	key, records, failure := find(ctx, p.ledger, key)
	var begun map[string]bool
	if failure == nil {
		records, begun, failure = p.closeKey(ctx, key)
	}
	if failure != nil {
		failure.Op = opUndo
		return nil, failure
	}
	byTarget := map[string]Result{}
	var panicked error
	deleting := slices.DeleteFunc(slices.Clone(records), func(r Record) bool { return r.State != StateDeleting })
	for len(deleting) > 0 {
		i := p.newest(deleting)
		rec := deleting[i]
		deleting = slices.Delete(deleting, i, i+1)
		func() {
			defer func() {
				if v := recover(); v != nil && panicked == nil {
					panicked = panicOf(p.byName[rec.Target], v)
				}
			}()
			byTarget[rec.Target] = p.delete(ctx, rec, begun[rec.Target])
		}()
	}
	if panicked != nil {
		panic(panicked)
	}
	for _, rec := range records {
		if rec.State != StateDeleting {
			byTarget[rec.Target] = p.resultIfKept(rec)
		}
	}

	for _, t := range p.targets {
		res, found := byTarget[t.Name]
		if !found { // no run had it
			res = Result{Target: t.Name, Disposition: DispositionUndone, IdempotencyKey: key, Recorded: true}
		}
		results = append(results, res)
	}
	for _, rec := range records {
		if p.byName[rec.Target] == nil {
			results = append(results, byTarget[rec.Target])
		}
	}
	return results, joined(results)
}

// closeKey records, before anything is deleted, what is going to be, and that nothing more
// is created. It returns all records of the key, and the targets at which no delete was
// sent before.
func (p *Provisioner) closeKey(ctx context.Context, key string) (records []Record, begun map[string]bool, failure *userapi.Error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	for poll := firstPoll; ; poll = min(2*poll, lastPoll) {
		records, failure := load(ctx, p.ledger, key)
		if failure != nil {
			return nil, nil, failure
		}
		if len(records) == 0 {
			return nil, nil, refused(userapi.KindNotFound, userapi.FieldError{Field: "IdempotencyKey", Code: userapi.CodeNotFound, Message: "is not in the ledger"})
		}
		var next []Record
		begun := map[string]bool{}
		for _, r := range records {
			known := p.asClientKnows(ctx, r)
			undone := undoing(known, p.deletable(known) == "")
			if undone == r {
				continue
			}
			begun[r.Target] = undone.State == StateDeleting
			next = append(next, undone)
		}
		if len(next) == 0 {
			return records, nil, nil
		}
		_, err := p.store(ctx, p.ledger, next...)
		switch {
		case err == nil:
			records, failure = load(ctx, p.ledger, key)
			return records, begun, failure
		case !errors.Is(err, ErrStale), !sleep(ctx, poll):
			return nil, nil, ledgerError(err, userapi.OutcomeUnknown)
		}
	}
}

// asClientKnows returns a record of which nothing was sent, as the client's own record has
// it: a user that was created under the key, but not by a Provisioner, is not undone.
func (p *Provisioner) asClientKnows(ctx context.Context, rec Record) Record {
	t := p.byName[rec.Target]
	if t == nil || rec.State != StateQueued && rec.State != StateNotSent && rec.State != StateRejected {
		return rec
	}
	resolver, ok := userapi.Ability[userapi.Resolver](t.Creator)
	if !ok {
		return rec
	}
	user, known := askClient(ctx, resolver, rec, userapi.CreateUserRequest{IdempotencyKey: rec.Key})
	if known != clientHasUser {
		return rec
	}
	return recordOf(rec, Result{Disposition: DispositionRecovered, User: user})
}

// deletable says why the user of a record must not, or cannot, be deleted; "" where it is
// to be.
func (p *Provisioner) deletable(r Record) (code string) {
	t := p.byName[r.Target]
	deletes := false
	if t != nil {
		_, deletes = userapi.Ability[userapi.Deleter](t.Creator)
	}
	return deletable(r, t != nil, deletes)
}

// newest finds the record to delete first: the newest among those that no other target
// comes after.
func (p *Provisioner) newest(records []Record) int {
	best := -1
	for i, r := range records {
		needed := slices.ContainsFunc(records, func(other Record) bool {
			t := p.byName[other.Target]
			return t != nil && slices.ContainsFunc(t.before, func(b *target) bool { return b.Name == r.Target })
		})
		if !needed && (best < 0 || r.Started.After(records[best].Started)) {
			best = i
		}
	}
	return best
}

// delete deletes the user of a record; begun, where no delete of it was sent before.
func (p *Provisioner) delete(ctx context.Context, rec Record, begun bool) Result {
	res := Result{Target: rec.Target, IdempotencyKey: rec.Key, Started: rec.Started}
	var deleter userapi.Deleter
	if t := p.byName[rec.Target]; t != nil {
		deleter, _ = userapi.Ability[userapi.Deleter](t.Creator)
	}
	if deleter == nil { // it had been one when an earlier Undo began
		res.Err = undoError(rec, codeNoDeleter)
		return res
	}
	limited, cancel := context.WithTimeout(ctx, p.options.lease)
	defer cancel()
	if rec.Lost {
		// A lost create that arrives now is refused as long as the user is there. Once
		// that is deleted it would make another.
		sleep(limited, time.Until(rec.Changed.Add(p.options.patience)))
	}
	started := time.Now()
	failure := asError(deleter.DeleteUser(limited, rec.UserID))
	if isAbsent(failure) {
		failure = nil // it is gone
	}
	res.Steps = []Step{{Action: ActionDelete, Started: started, Duration: time.Since(started), UserID: rec.UserID, Proof: rec.Proof, Err: failure}}
	if failure != nil {
		res.Err = failure
		if begun && (failure.Outcome == userapi.OutcomeNotSent || failure.Outcome == userapi.OutcomeRejected) {
			failure = revised(failure, userapi.OutcomeCreated)
			failure.Op, failure.User, failure.UserID = opUndo, rec.user(), rec.UserID
			res.Err = failure
			res.Disposition, res.User = DispositionRecovered, rec.user()
			if rec.Proof == userapi.ProofReply {
				res.Disposition = DispositionCreated
			}
		} else if failure.Outcome != userapi.OutcomeUnknown {
			res.Err = revised(failure, userapi.OutcomeUnknown) // nothing is known of the delete before
		}
		return res
	}
	res.Disposition = DispositionUndone
	rec.State, rec.Unfinished = StateUndone, false
	stored, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	if _, failure = p.storeWithRetry(stored, rec); failure != nil {
		if errors.Is(failure, ErrStale) {
			res.Disposition = DispositionUnknown // a user came late, under the same id perhaps
		}
		return notStored(res, failure)
	}
	return res
}

// resultIfKept is the result of a record whose user, if there is one, is not deleted.
func (p *Provisioner) resultIfKept(rec Record) Result {
	res := resultOf(rec, "", nil)
	switch {
	case rec.State == StateUndone, rec.State == StateExisting:
		res.Err = nil
	case rec.isHeld(p.options.alone, time.Now()):
		res.Err = undoError(rec, codeInProgress)
	default:
		res.Err = undoError(rec, p.deletable(rec))
	}
	return res
}

func undoError(rec Record, code string) *userapi.Error {
	e := rec.err(code)
	e.Op, e.Kind = opUndo, userapi.KindUnknown
	return e
}
