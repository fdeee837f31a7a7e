package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/usercom"
)

// explain describes a failed create on one line: what went wrong, whether the user exists, and what to do
// next.
func (r *created) explain() string {
	e := r.failure
	text := r.Vendor + ": " + r.causeText()
	if e.RequestID != "" {
		text += "; request " + e.RequestID
	}
	return oneLine(strings.TrimSuffix(text, ".") + ". " + r.existence() + " Next: " + r.next() + ".")
}

// causeText says what went wrong.
func (r *created) causeText() string {
	e := r.failure
	if e.Code == codeFound {
		text := fieldText(e.FieldErrors[0])
		if others := len(e.Candidates) - 1; others > 0 {
			text += ", and of " + strconv.Itoa(others) + " more"
		}
		return text
	}
	text := kindText(e.Kind)
	if e.StatusCode != 0 {
		text += " (status " + strconv.Itoa(e.StatusCode) + ")"
	}
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
	return text
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
	if name == "Config.SessionKeys" {
		name = "--session-keys:"
	}
	return name + " " + what
}

// oneLine puts a text of several lines, such as a vendor's, on one line.
func oneLine(text string) string {
	text = strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "; ")
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
	case userapi.KindRateLimited:
		return "rate limited"
	case userapi.KindNotFound:
		return "not found"
	case userapi.KindProtocol:
		return "unexpected reply"
	case userapi.KindTimeout:
		return "timed out"
	case userapi.KindUnknown:
		return "failed"
	default:
		return k.String()
	}
}

// unasked returns the error of a failed look-up of the user that caused a conflict; nil otherwise. The
// conflict itself is r.failure.
func (r *created) unasked() *userapi.Error {
	if len(r.Steps) == 0 {
		return nil
	}
	last := r.Steps[len(r.Steps)-1]
	if last.Action != provision.ActionAdopt || last.Err == nil || len(last.Err.Candidates) > 0 ||
		last.Err.Kind == userapi.KindNotFound || last.Err.Kind == userapi.KindConflict {
		return nil
	}
	return last.Err
}

// mayNotLook reports whether these credentials may not look the user up, now or in another run.
func (r *created) mayNotLook() bool {
	if len(r.Steps) == 0 {
		return false
	}
	last := r.Steps[len(r.Steps)-1]
	return (last.Action == provision.ActionResolve || last.Action == provision.ActionAdopt) &&
		last.Err != nil && last.Err.Kind == userapi.KindForbidden
}

// inDoubt reports whether the user may exist.
func (r *created) inDoubt() bool {
	return r.failure != nil && (userapi.MayHaveCreated(r.failure) || r.unasked() != nil)
}

// existence says whether the user exists.
func (r *created) existence() string {
	e := r.failure
	id := r.id()
	if id != "" {
		id = " with the id " + id
	}
	switch {
	case e.Code == codeFound:
		return "That user exists" + id + ". No user was created, and nothing was changed."
	case r.unasked() != nil && r.mayNotLook():
		return "It may be this user: these credentials may not look it up."
	case r.unasked() != nil:
		return "It may be this user: the look-up failed (" + kindText(r.unasked().Kind) + ")."
	case e.Outcome == userapi.OutcomeNotSent:
		return "The create was not sent: no user was created."
	case e.Outcome == userapi.OutcomeRejected:
		return "No user was created."
	case e.Outcome == userapi.OutcomeCreated:
		return "The user EXISTS" + id + "."
	default:
		return "The user MAY EXIST" + id + "."
	}
}

// finds says how a person finds a user whose create has an unknown outcome.
var finds = map[string]string{
	"fusionauth": "look the user up by id, e-mail address or username, with another API key or in FusionAuth itself",
	"quickblox":  "look the user up by login, e-mail or external id, with an API key or in QuickBlox's dashboard",
	"usercom":    "look the user up by user_id, e-mail or phone number",
	"mixin":      "look at the bill: Mixin cannot look up a user without its id. If the bill shows that no user was created, run this again with --new --to mixin",
}

// next says what to do about a failure.
func (r *created) next() string {
	e := r.failure
	switch {
	case e.Code == codeFound:
		return "if that is this user, there is nothing to do; to create another user with the same " + fieldName(e.FieldErrors[0].Field) + " run this again with --new --to " + r.Vendor
	case e.Outcome == userapi.OutcomeCreated && r.code() == exitOpen:
		return "run this again with the same flags, which finishes the user and creates no second one"
	case e.Outcome == userapi.OutcomeCreated && e.Kind == userapi.KindInvalid && r.findsAgain():
		return "correct the attributes and run this again, which finishes the user and creates no second one"
	case e.Outcome == userapi.OutcomeCreated:
		return "do not create the user again; look at the vendor to see what is missing"
	case r.inDoubt() && r.code() == exitOpen:
		return "run this again with the same flags, which looks for the user and creates no second one"
	case r.unasked() != nil:
		return finds[r.Vendor] + "; if it is another user, choose another value"
	case userapi.MayHaveCreated(e) && r.mayNotLook():
		return finds[r.Vendor] + ": these credentials may not"
	case userapi.MayHaveCreated(e):
		return "do not run this again before you know whether the user exists; " + finds[r.Vendor]
	}
	return r.remedy()
}

// fieldName returns the name of a field for use in a sentence.
func fieldName(field string) string {
	if field == "Phone" {
		return "phone number"
	}
	return "e-mail address"
}

// remedy says what to do after a create that made no user.
func (r *created) remedy() string {
	e := r.failure
	if file := (*mixin.KeyFileError)(nil); e.Kind != userapi.KindConflict && errors.As(e, &file) {
		return "make the directory writable, and run this again"
	}
	switch e.Kind {
	case userapi.KindInvalid:
		return "correct that and run this again"
	case userapi.KindConflict:
		if r.Vendor == mixin.Name {
			return "look at that file: it says whether its create was sent"
		}
		if e.User != nil {
			return "the user " + e.User.ID + " has it; choose another value"
		}
		if r.Vendor == usercom.Name && e.UserID != "" {
			return "the user " + e.UserID + " has it; choose another value"
		}
		return "choose another value, or find the user that has it"
	case userapi.KindUnauthorized:
		return "check the credentials"
	case userapi.KindForbidden:
		return "give these credentials the permission for that at the vendor"
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
		return "run this again, with a longer --timeout"
	default:
		return "check the network and the address, and run this again"
	}
}

// code returns the exit code of one vendor's result.
func (r *created) code() int {
	switch e := r.failure; {
	case r.untried:
		return exitDone // the result of the other vendor has the code
	case e == nil:
		return exitDone
	case e.Outcome == userapi.OutcomeCreated, r.inDoubt():
		if r.repeats() {
			return exitOpen
		}
		return exitUnknown
	case e.Kind == userapi.KindInvalid, e.Kind == userapi.KindConflict, e.Kind == userapi.KindForbidden:
		return exitRefused
	case e.Kind == userapi.KindUnauthorized, e.Kind == userapi.KindNotFound, e.Kind == userapi.KindProtocol:
		return exitFailed
	default:
		return exitOpen
	}
}

// repeats reports whether a second run can complete the first one without making a second user.
func (r *created) repeats() bool {
	switch {
	case r.oneMore, r.Vendor == mixin.Name, r.mayNotLook():
		return false
	case r.failure.Outcome == userapi.OutcomeCreated:
		return r.failure.Kind != userapi.KindInvalid && r.findsAgain()
	}
	return true
}

// findsAgain reports whether a second run recognizes the user of the first.
func (r *created) findsAgain() bool {
	return !r.oneMore && (r.Vendor != usercom.Name || r.request.ExternalID != "")
}

// state returns the state of one vendor's create, in a word.
func (r *created) state() string {
	switch {
	case r.untried:
		return "not_tried"
	case r.failure == nil:
		return r.Disposition.String()
	case r.failure.Code == codeFound:
		return codeFound
	case r.User != nil, r.failure.Outcome == userapi.OutcomeCreated:
		return "unfinished"
	case r.unasked() != nil:
		return provision.DispositionUnknown.String()
	}
	return r.Disposition.String()
}

// hasSteps reports whether User.com needs more requests than the create.
func (r *created) hasSteps() bool {
	return len(r.request.Attributes) > 0 || slices.ContainsFunc(r.request.Extensions, func(x userapi.Extension) bool {
		own, ok := x.(usercom.Extra)
		return ok && len(own.Lists) > 0
	})
}

// note says how an existing user was recognized; "" for a user that was created.
func (r *created) note() string {
	if r.failure != nil || r.untried {
		return ""
	}
	if r.Disposition == provision.DispositionExisting {
		text := "existed already, with all the identifying values; not created again"
		if len(r.Steps) > 0 && r.Steps[len(r.Steps)-1].Action == provision.ActionFinish && r.hasSteps() {
			text += "; its custom values and lists were written"
		}
		return text
	}
	if r.Disposition != provision.DispositionRecovered {
		return ""
	}
	if len(r.Steps) > 0 && r.Steps[0].Err != nil && r.Steps[0].Err.Kind == userapi.KindConflict {
		return "existed already, from a create with the same key"
	}
	return "the reply to the create was lost, and the user was found"
}
