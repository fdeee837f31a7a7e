package userapitest

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/userapi"
)

// batchChecks are the checks of a userapi.BatchCreator.
var batchChecks = []check{
	{"batch/all", batchAll},
	{"batch/nobody", batchNobody},
	{"batch/invalid", batchInvalid},
	{"batch/duplicate", batchDuplicate},
	{"batch/twice", batchTwice},
	{"batch/context_done", batchContextDone},
	{"batch/lost_reply", func(t *testing.T, h *Harness) { batchLost(t, h, Fault{When: AfterCommit, Do: Hangup}) }},
	{"batch/lost_request", func(t *testing.T, h *Harness) { batchLost(t, h, Fault{When: BeforeCommit, Do: Hangup}) }},
	{"batch/truncated", func(t *testing.T, h *Harness) { batchLost(t, h, Fault{When: AfterCommit, Do: Truncate}) }},
	{"batch/500", func(t *testing.T, h *Harness) { batchLost(t, h, Fault{When: BeforeCommit, Status: 500}) }},
	{"batch/502_after_commit", func(t *testing.T, h *Harness) {
		batchLost(t, h, Fault{When: AfterCommit, Status: 502, Body: []byte(htmlPage)})
	}},
	{"batch/hostile_echo", batchHostileEcho},
}

// createAll creates users and checks every result. It counts the users that are reported as
// created, and those that may exist.
func (b *bench) createAll(ctx context.Context, t *testing.T, reqs ...userapi.CreateUserRequest) (results []userapi.BatchResult, created, unknown int) {
	t.Helper()
	results = ability[userapi.BatchCreator](t, b).CreateUsers(ctx, reqs)
	if len(results) != len(reqs) {
		t.Fatalf("%d results for %d requests", len(results), len(reqs))
	}
	for i, r := range results {
		switch {
		case r.Err == nil && (r.User == nil || r.User.ID == ""):
			t.Fatalf("result %d has neither a user with an id nor an error", i)
		case r.Err == nil:
			created++
			b.search(t, "the user", dump(r.User, *r.User), b.planted(reqs[i]))
		default:
			e := b.failed(t, reqs[i], r.User, r.Err)
			if e.Outcome == userapi.OutcomeCreated {
				created++
			}
			if e.Outcome == userapi.OutcomeUnknown {
				unknown++
			}
		}
	}
	return results, created, unknown
}

// someone returns requests for different users.
func (h *Harness) someone() []userapi.CreateUserRequest {
	return []userapi.CreateUserRequest{h.Full(2), h.Minimal(3), h.Full(4), h.Minimal(5), h.Full(6)}
}

// batchAll: each request has one result, in the order of the requests.
func batchAll(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	reqs, same := h.someone(), h.someone()
	results, created, _ := b.createAll(t.Context(), t, reqs...)
	if created != len(reqs) {
		t.Fatalf("%d of %d users were created", created, len(reqs))
	}
	b.users(t, len(reqs))
	if !reflect.DeepEqual(reqs, same) {
		t.Error("the requests were changed")
	}
	ids := map[string]bool{}
	for i, r := range results {
		ids[r.User.ID] = true
		other := func(sent, shown string) bool { return sent != "" && shown != "" && !strings.EqualFold(sent, shown) }
		if other(b.askedID(t, reqs[i]), r.User.ID) || other(reqs[i].Email, r.User.Email) || other(reqs[i].Username, r.User.Username) {
			t.Errorf("result %d is of another request", i)
		}
		if r.User.Proof != userapi.ProofReply {
			t.Errorf("the user's proof is %v, want %v", r.User.Proof, userapi.ProofReply)
		}
	}
	if len(ids) != len(reqs) {
		t.Errorf("%d users have %d ids", len(reqs), len(ids))
	}
}

func batchNobody(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	b.createAll(t.Context(), t)
	b.sent(t, 0)
}

// batchInvalid: a fault of one request affects only that user.
func batchInvalid(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	results, created, unknown := b.createAll(t.Context(), t, h.Full(2), h.Invalid(3), h.Full(4))
	if created != 2 || unknown != 0 || results[1].Err == nil {
		t.Fatalf("%d of two valid users were created, %d are unknown", created, unknown)
	}
	want(t, b.checkError(t, h.Invalid(3), results[1].Err), userapi.KindInvalid, userapi.OutcomeNotSent, userapi.OutcomeRejected)
	b.users(t, 2)
}

// batchDuplicate: an existing user does not keep other users from being created.
func batchDuplicate(t *testing.T, h *Harness) {
	if h.Duplicate == nil {
		return
	}
	b := open(t, h, nil)
	b.mustCreate(t, h.Full(3))
	results, created, unknown := b.createAll(t.Context(), t, h.Full(2), h.Duplicate(3), h.Full(4))
	if created != 2 || unknown != 0 || results[1].Err == nil {
		t.Fatalf("%d of two new users were created, %d are unknown", created, unknown)
	}
	want(t, b.checkError(t, h.Duplicate(3), results[1].Err), userapi.KindConflict, userapi.OutcomeRejected)
	b.users(t, 3)
}

// batchTwice: of two users that exclude each other, one is created.
func batchTwice(t *testing.T, h *Harness) {
	if h.Duplicate == nil {
		return
	}
	b := open(t, h, nil)
	_, created, unknown := b.createAll(t.Context(), t, h.Full(2), h.Duplicate(2), h.Full(4))
	if created != 2 || unknown != 0 {
		t.Fatalf("%d users were created, %d are unknown, want 2 and 0", created, unknown)
	}
	b.users(t, 2)
}

func batchContextDone(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results, _, _ := b.createAll(ctx, t, h.someone()...)
	for i, r := range results {
		if !errors.Is(r.Err, userapi.ErrCanceled) || userapi.MayHaveCreated(r.Err) {
			t.Errorf("result %d is not that of a call that was canceled before it was sent", i)
		}
	}
	b.sent(t, 0)
	b.users(t, 1)
}

// batchLost: after a request with an unknown outcome, no result contradicts the server. No missing
// user is reported as created, and no existing one as missing.
func batchLost(t *testing.T, h *Harness, f Fault) {
	b := open(t, h, nil).warm(t)
	f.On = Create
	b.Inject(f)
	_, created, unknown := b.createAll(t.Context(), t, h.someone()...)
	if n := b.UserCount() - 1; n < created || n > created+unknown {
		t.Errorf("the server holds %d users, of whom %d are said to be created and %d may be", n, created, unknown)
	}
}

// batchHostileEcho: errors do not repeat what a reply echoes of several requests.
func batchHostileEcho(t *testing.T, h *Harness) {
	echoes(t, h, Create, func(b *bench, req userapi.CreateUserRequest) {
		_, _, _ = b.createAll(t.Context(), t, req, h.Full(3))
	})
}
