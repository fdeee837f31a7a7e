package faultmatrix_test

import (
	"net/http"
	"slices"

	"github.com/enlist-go/enlist/internal/vendors"
)

// The faults after which nobody but the vendor knows: those that struck before the
// create was processed, and those after.
var (
	brokenBefore = []string{
		"reset before the request was read", "reset before processing", "reset before processing, for good",
		"reset before it was read, by HTTP server", "hung up before processing",
		"kept connection closed under the request", "unseen: reset before processing", "no HTTP",
		"HTTP/2: GOAWAY before processing", "HTTP/2: GOAWAY ENHANCE_YOUR_CALM", "HTTP/2: REFUSED_STREAM",
		"HTTP/2: PROTOCOL_ERROR", "HTTP/2: closed before processing", "HTTP/2, unseen: PROTOCOL_ERROR",
	}
	brokenAfter = []string{
		"reset after processing", "hung up after processing", "unseen: reset after processing",
		"no HTTP, after processing", "cut off in the status line",
		"HTTP/2: GOAWAY after processing", "HTTP/2: INTERNAL_ERROR after processing", "HTTP/2: CANCEL after processing",
		"HTTP/2: closed after processing",
		"clock 10 minutes ahead, and the reply is lost", "clock 10 minutes behind, and the reply is lost",
		"lost, then look-ups fail three times", "lost, then look-ups are reset twice", "lost, then look-ups miss once over",
		"lost, then look-ups miss twice over", "429, then reset after processing", "clock 10 minutes ahead, and the second reply is lost",
		"expired session, and the reply is lost",
	}
	lateBefore = []string{
		"time-out before processing", "deadline before processing", "canceled before processing", "HTTP/2: time-out before processing",
	}
	lateAfter = []string{
		"time-out after processing", "deadline after processing", "canceled after processing",
		"unseen: time-out after processing", "slow headers, too slow", "HTTP/2: time-out after processing",
	}
	emptyBefore = []string{"success without id", "201, empty", "200, HTML", "204", "Found to the same host", "Found to another host", "another's reply"}
	emptyAfter  = []string{
		"success cut off at once", "success without id, after processing", "201, empty, after processing",
		"200, HTML, after processing", "204, after processing", "body over the limit",
		"another's reply, after processing", "a reply with another id", "a reply with another user name",
		"a reply with another e-mail address", "a reply with another external id",
	}
	// shownAfter are what a vendor's reply shows of the user, and where that is missing.
	shownAfter  = []string{"success cut off", "a user, and a body over the limit"}
	hiddenAfter = []string{"success without id, after processing", "201, empty, after processing", "204, after processing"}

	gaveUpBefore = append(gaveUp(", before processing"), "503 before processing, for good", "500, repeating what was sent")
	gaveUpAfter  = gaveUp(", after processing")

	lookupsFail = []string{
		"lost, then look-ups fail for good", "lost, then look-ups are forbidden", "lost, then look-ups get a page of 404",
		"lost, then look-ups get a gateway's 404", "lost, then look-ups get an empty success",
	}
	lookupsMiss   = []string{"lost, then look-ups miss for good"}
	lostDuplicate = []string{
		"duplicate, and the reply is lost", "duplicate, updated silently, and the reply is lost",
		"another has the e-mail address, and the reply is lost", "another has the e-mail address, since just now, and the reply is lost",
		"another has the user name, and the reply is lost", "another has the user name, since just now, and the reply is lost",
		"another has the external id, and the reply is lost", "another has the external id, since just now, and the reply is lost",
	}
	late = []string{"arrives late, before the repeat", "arrives late, after the repeat"}
	race = []string{"kept connection closed while idle"}
)

func gaveUp(when string) (names []string) {
	for _, code := range []int{408, 500, 502, 503, 504} {
		names = append(names, http.StatusText(code)+when, http.StatusText(code)+", HTML"+when)
	}
	return names
}

var (
	unprocessed = slices.Concat(brokenBefore, lateBefore, emptyBefore, gaveUpBefore)
	processed   = slices.Concat(brokenAfter, lateAfter, emptyAfter, gaveUpAfter)
)

// unknowns lists every cell that may say unknown, and why. of nil means all of the vendors.
var unknowns = []struct {
	mode   mode
	of     func(*vendors.Vendor) bool
	faults []string
	why    string
	// sometimes: the cell is a race, and need not be unknown in every run.
	sometimes bool
}{
	{byCreate, nil, slices.Concat(brokenBefore, brokenAfter), "the connection broke after the request had been written, and nothing tells how far it got", false},
	{byCreate, nil, slices.Concat(lateBefore, lateAfter), "the caller stopped waiting for an answer to a request that had been written", false},
	{byCreate, showing, hiddenAfter, "the answer does not name the user that was sent, and does not refuse either", false},
	{byCreate, readsBack, shownAfter, "the answer is not whole, and holds nothing of the user", false},
	{byCreate, nil, slices.Concat(emptyBefore, without(emptyAfter, hiddenAfter)), "the answer does not name the user that was sent, and does not refuse either", false},
	{byCreate, nil, slices.Concat(gaveUpBefore, gaveUpAfter), "a server or a proxy gave up: before the create or after it", false},
	{byCreate, nil, slices.Concat(lookupsFail, lookupsMiss, lostDuplicate, late), "the connection broke after the request had been written", false},
	{byCreate, nil, race, "the request may have been written before the client noticed that the connection was closed", true},

	{byEnsure, mute, slices.Concat(unprocessed, processed, lookupsFail, lookupsMiss, lostDuplicate),
		"Mixin has nothing to look a user up by but the id that was lost; QuickBlox does not let an application session look users up", false},
	{byEnsure, keyless, unprocessed, "User.com's e-mail addresses are not unique: an absence is not worth a second create", false},
	{byEnsure, func(v *vendors.Vendor) bool { return !mute(v) }, lookupsFail, "the vendor does not answer look-ups: a failed one proves nothing", false},
	{byEnsure, (*vendors.Vendor).Repeats, lookupsMiss, "the keys are taken, and nobody is found who has them: the look-ups lag", false},
	{byEnsure, keyless, slices.Concat(lookupsMiss, []string{"lost, then look-ups miss once over", "lost, then look-ups miss twice over"}),
		"User.com's e-mail addresses are not unique: an absence is not worth a second create", false},
	{byEnsure, func(v *vendors.Vendor) bool { return !v.Repeats() }, race, "as above, where the request may have been written", true},
}

// mute vendors cannot be asked about a user, keyless ones hold nothing to be unique.
func mute(v *vendors.Vendor) bool { return v.Looks == 0 }

func keyless(v *vendors.Vendor) bool { return !mute(v) && len(v.Unique) == 0 }

// readsBack vendors' replies to a create do not show the user, who is read instead.
func readsBack(v *vendors.Vendor) bool { return v.ReadsBack }

func showing(v *vendors.Vendor) bool { return !v.ReadsBack }

func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

// mayBeUnknown finds a cell in the table.
func mayBeUnknown(m mode, v *vendors.Vendor, fault string) (why string, listed, sometimes bool) {
	for _, u := range unknowns {
		if u.mode == m && (u.of == nil || u.of(v)) && slices.Contains(u.faults, fault) {
			return u.why, true, u.sometimes
		}
	}
	return "", false, false
}
