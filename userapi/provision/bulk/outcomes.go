package bulk

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// The codes of results that need more than their Disposition. docs/outcomes.md has those of provision.
const (
	codePaused     = "paused"
	codeWaits      = "waits"
	codeInProgress = "in_progress"
	codeChanged    = "request_changed"
	codeUndone     = "undone"
	codeLedger     = "ledger"
	codeNotStored  = "record"
	codeNoPlace    = "no_place" // in a lane, in time
	codeKept       = "kept"     // this package's own
)

// opUndo is the Op of errors that provision.Provisioner.Undo finds without a call to a vendor.
const opUndo = "undo sign-up"

// deletes reports whether a result is of an Undo that asked the vendor.
func deletes(res provision.Result) bool {
	return slices.ContainsFunc(res.Steps, func(s provision.Step) bool { return s.Action == provision.ActionDelete })
}

// States of a target. Others are the texts of a provision.Disposition.
const (
	// StateOpen: the target was left for a later run.
	StateOpen = "open"
	// StateKept: the target has a user of the row as it was before a correction, and keeps it. The
	// user does not have the correction.
	StateKept = "kept"
	// StateUnfinished: the user exists, but a part of its create is not done.
	StateUnfinished = "unfinished"
	// StateDifferent: the key was used before with another request, such as an earlier row's.
	// Nothing of this row was sent.
	StateDifferent = "different"
	// StateFault, in Job.Results: the row cannot be made into a request.
	StateFault = "fault"
	// StateUnknownKey, of an Undo: the ledger does not have the key.
	StateUnknownKey = "no_record"
)

func errorOf(res provision.Result) (e *userapi.Error) {
	if errors.As(res.Err, &e) {
		return e
	}
	return &noError
}

// noError is what errorOf returns of a result without one. Nobody changes it.
var noError userapi.Error

func codeOf(res provision.Result) string { return errorOf(res).Code }

// stateOf returns the state of a target.
func stateOf(res provision.Result) string {
	switch code := codeOf(res); {
	case code == codePaused, code == codeWaits, code == codeInProgress, code == codeLedger && res.User == nil:
		return StateOpen
	case code == codeChanged:
		return StateDifferent
	case code == codeKept:
		return StateKept
	case res.Target == "":
		return StateUnknownKey
	case res.User != nil && res.Err != nil && code != codeNotStored && code != codeUndone && errorOf(res).Op != opUndo && !deletes(res):
		return StateUnfinished
	}
	return res.Disposition.String()
}

// A Class says what to do about a target or a row.
type Class int

// The classes of targets and rows.
const (
	// ClassDone: the user is finished. There is nothing to do.
	ClassDone Class = iota
	// ClassRefused: correct the row, or the cause at the vendor.
	ClassRefused
	// ClassUnknown: it is unknown whether the user exists. If another run does not find out, a
	// person decides.
	ClassUnknown
	// ClassOpen: the target is left for another run.
	ClassOpen
	classes
)

// classOf returns the class of a result.
func classOf(res provision.Result) Class {
	state := stateOf(res)
	switch {
	case res.Err == nil, state == StateKept:
		return ClassDone
	case state == StateOpen, state == StateUnfinished, codeOf(res) == codeNotStored, codeOf(res) == codeLedger:
		return ClassOpen
	case state == StateDifferent:
		return ClassRefused
	case res.Disposition == provision.DispositionUnknown:
		return ClassUnknown
	case slices.Contains(passing, errorOf(res).Kind), isAbsent(res):
		return ClassOpen
	}
	return ClassRefused
}

// classesOf returns the classes of a row's results.
func classesOf(results []provision.Result) (has [classes]bool) {
	waits := false
	for _, res := range results {
		if codeOf(res) == codeWaits {
			waits = true // the other target of the row needs an action
			continue
		}
		has[classOf(res)] = true
	}
	has[ClassOpen] = has[ClassOpen] || waits && !has[ClassRefused] && !has[ClassUnknown]
	has[ClassDone] = !has[ClassRefused] && !has[ClassOpen] && !has[ClassUnknown]
	return has
}

// isAbsent reports whether an earlier create was lost and made no user. Another try creates it.
func isAbsent(res provision.Result) bool {
	last := len(res.Steps) - 1
	return errorOf(res).Kind == userapi.KindNotFound && res.Disposition == provision.DispositionRejected &&
		last >= 0 && res.Steps[last].Action == provision.ActionResolve
}

// passing are the kinds of failures that have nothing to do with the row.
var passing = []userapi.Kind{userapi.KindUnavailable, userapi.KindRateLimited, userapi.KindTimeout, userapi.KindCanceled}

// isMended reports whether a row replaced one that a target had refused. Other targets keep their
// users of the earlier row, or wait.
func isMended(results []provision.Result) bool {
	changed := func(res provision.Result) bool { return codeOf(res) == codeChanged }
	return slices.ContainsFunc(results, changed) && slices.ContainsFunc(results, func(res provision.Result) bool { return !changed(res) })
}

// withKept returns the results of a corrected row. Targets that keep a user of the earlier row have
// codeKept.
func withKept(before, now []provision.Result) []provision.Result {
	for i := range now {
		if i < len(before) && codeOf(before[i]) == codeChanged && before[i].User != nil && now[i].Err == nil {
			kept := *errorOf(before[i])
			kept.Code = codeKept
			now[i].Err = &kept
		}
	}
	return now
}

// isReject reports whether a row needs a correction because a target refused it, or refused the
// second step of its user.
func isReject(res provision.Result) bool {
	return classOf(res) == ClassRefused || stateOf(res) == StateUnfinished && !slices.Contains(passing, errorOf(res).Kind)
}

// withUsers returns the results of another Undo of a row. If a delete was not sent, the state of the
// user is the one before.
func withUsers(before, now []provision.Result) []provision.Result {
	for i := range now {
		if i < len(before) && before[i].User != nil && deletes(before[i]) && now[i].Disposition == provision.DispositionUnknown &&
			deletes(now[i]) && now[i].Steps[len(now[i].Steps)-1].Err != nil && notCarriedOut[now[i].Steps[len(now[i].Steps)-1].Err.Outcome] {
			now[i] = before[i]
		}
	}
	return now
}

var notCarriedOut = map[userapi.Outcome]bool{userapi.OutcomeNotSent: true, userapi.OutcomeRejected: true}

// isHeld reports whether another run has a target.
func isHeld(res provision.Result) bool { return codeOf(res) == codeInProgress }

// isPassing reports whether a failure is temporary: the vendor was not available, or the lane had no
// place in time. It is not temporary if the ledger repeats an unknown outcome, because the vendor
// cannot be asked, or if a user could not be stored, because this run then has it until the lease
// is over.
func isPassing(res provision.Result) bool {
	notStored := res.User != nil && codeOf(res) == codeNotStored
	return res.Err != nil && !notStored && !res.Recorded && stateOf(res) != StateOpen && (slices.Contains(passing, errorOf(res).Kind) || isAbsent(res))
}

// mayPassUnchanged reports whether a refused row may be used as it is after another cause is corrected.
func mayPassUnchanged(res provision.Result) bool {
	e := errorOf(res)
	return e.Kind != userapi.KindInvalid && e.Kind != userapi.KindConflict && e.Kind != userapi.KindProtocol
}

// outcomes counts the results of the rows.
type outcomes struct {
	states  map[stateKey]int64
	refused map[RefusedCount]int64 // whose Rows is 0
	rows    [classes]int64
	// unauthorized is the number of requests in a row whose credentials a target has refused.
	unauthorized map[string]int
}

type stateKey struct{ target, state string }

func newOutcomes() outcomes {
	return outcomes{states: map[stateKey]int64{}, refused: map[RefusedCount]int64{}, unauthorized: map[string]int{}}
}

// maxRefusals is the largest number of kinds and codes that are counted separately.
const maxRefusals = 1000

// add counts a row, and reports whether it is done.
func (o *outcomes) add(results []provision.Result) (done bool) {
	for _, res := range results {
		o.states[stateKey{res.Target, stateOf(res)}]++
		if codeOf(res) != codeWaits && classOf(res) == ClassRefused {
			e := errorOf(res)
			key := RefusedCount{Target: res.Target, Kind: e.Kind, Code: codesOf(e)}
			if len(o.refused) >= maxRefusals && o.refused[key] == 0 {
				key.Code = "" // a vendor has a code for each row
			}
			o.refused[key]++
		}
	}
	has := classesOf(results)
	for c, is := range has {
		if is {
			o.rows[c]++
		}
	}
	return has[ClassDone]
}

// maxUnauthorized is the number of requests in a row whose credentials a vendor may refuse.
const maxUnauthorized = 20

// hopeless returns the error that ends the run after a row's results; nil if the run continues.
func (o *outcomes) hopeless(line int64, results []provision.Result) error {
	for _, res := range results {
		e := errorOf(res)
		switch {
		case (e.Code == codeLedger || e.Code == codeNotStored) && e.Kind != userapi.KindCanceled && e.Kind != userapi.KindConflict:
			return fmt.Errorf("bulk: line %d: the ledger failed: %w: %w", line, res.Err, cmp.Or(e.Err, errNoCause))
		case res.Recorded:
		case res.Err == nil, e.StatusCode != 0 && e.Kind != userapi.KindUnauthorized:
			o.unauthorized[res.Target] = 0
		case e.Kind == userapi.KindUnauthorized:
			if o.unauthorized[res.Target]++; o.unauthorized[res.Target] == maxUnauthorized {
				return fmt.Errorf("bulk: line %d: %s refused the credentials of %d requests in a row: %w", line, res.Target, maxUnauthorized, res.Err)
			}
		}
	}
	return nil
}

var errNoCause = errors.New("no reason was given")

// statesOf returns the counts of one target.
func (o *outcomes) statesOf(target string) map[string]int64 {
	own := map[string]int64{}
	for key, n := range o.states {
		if key.target == target {
			own[key.state] = n
		}
	}
	return own
}

// addTo adds the counts to a Report.
func (o *outcomes) addTo(r *Report, targets []string, lanes map[string]*lane) {
	r.RowsDone, r.RowsRefused, r.RowsOpen, r.RowsUnknown = o.rows[ClassDone], o.rows[ClassRefused], o.rows[ClassOpen], o.rows[ClassUnknown]
	for key, n := range o.states {
		r.States = append(r.States, StateCount{key.target, key.state, n})
	}
	slices.SortFunc(r.States, func(a, b StateCount) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.State, b.State))
	})
	for c, n := range maps.All(o.refused) {
		c.Rows = n
		r.Refused = append(r.Refused, c)
	}
	slices.SortFunc(r.Refused, func(a, b RefusedCount) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Code, b.Code))
	})
	for _, name := range targets {
		if n := lanes[name].requests.Load(); n > 0 {
			r.Requests = append(r.Requests, RequestCount{name, n, lanes[name].rateLimited.Load()})
		}
	}
}
