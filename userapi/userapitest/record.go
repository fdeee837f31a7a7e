package userapitest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// codeUnproven is the code of a look-up that cannot prove that the user does not exist.
const codeUnproven = "absence_unproven"

// recordChecks are the checks of a userapi.Resolver that answers from its own record.
var recordChecks = []check{
	{"record/minimal", func(t *testing.T, h *Harness) { recordMade(t, h, h.Minimal) }},
	{"record/full", func(t *testing.T, h *Harness) { recordMade(t, h, h.Full) }},
	{"record/absent_minimal", func(t *testing.T, h *Harness) { recordAbsent(t, h, h.Minimal(2)) }},
	{"record/absent_full", func(t *testing.T, h *Harness) { recordAbsent(t, h, h.Full(2)) }},
	{"record/lost_create", recordLost},
	{"record/context_done", recordContextDone},
	{"record/invalid", recordInvalid},
}

// recall resolves a request from the record. It sends nothing, and the answer has FromRecord set.
func (b *bench) recall(ctx context.Context, t *testing.T, req userapi.CreateUserRequest, since time.Time) (*userapi.User, *userapi.Error) {
	t.Helper()
	b.requests.Store(0)
	u, err := ability[userapi.Resolver](t, b).ResolveUser(ctx, req, since)
	b.sent(t, 0)
	if err != nil {
		e := b.failed(t, req, u, err)
		if !e.FromRecord {
			t.Error("the error is not FromRecord")
		}
		return nil, e
	}
	if u == nil {
		t.Fatal("ResolveUser returned neither a user nor an error")
	}
	if !u.FromRecord {
		t.Error("the user is not FromRecord")
	}
	b.search(t, "the user on record", dump(u, *u), b.planted(req))
	return u, nil
}

// recallMade resolves a request whose user was created. The answer is that user, or leaves the
// outcome open.
func (b *bench) recallMade(ctx context.Context, t *testing.T, req userapi.CreateUserRequest, since time.Time, made *userapi.User) {
	t.Helper()
	u, e := b.recall(ctx, t, req, since)
	if e != nil {
		claimsNothing(t, e)
		return
	}
	if u.Provider != made.Provider || u.ID != made.ID {
		t.Errorf("the user on record is %v, want %v", u, made)
	}
	if u.Proof != made.Proof {
		t.Errorf("the proof is %v, of the create it was %v", u.Proof, made.Proof)
	}
	if !slices.Equal(u.Unmapped, made.Unmapped) {
		t.Errorf("Unmapped is %q, of the create it was %q", u.Unmapped, made.Unmapped)
	}
}

// recallAbsent resolves a request that was never sent. The answer is that the user does not exist,
// or that this is not proven.
func (b *bench) recallAbsent(ctx context.Context, t *testing.T, req userapi.CreateUserRequest, since time.Time) {
	t.Helper()
	u, e := b.recall(ctx, t, req, since)
	switch {
	case u != nil:
		t.Errorf("ResolveUser found %v on record, and no such user was created", u)
	case e.Kind == userapi.KindNotFound:
		want(t, e, userapi.KindNotFound, userapi.OutcomeRejected)
		namesNobody(t, e)
	default:
		claimsNothing(t, e)
		if ctx.Err() == nil && e.Code != codeUnproven {
			t.Errorf("the code is %q, want %q", e.Code, codeUnproven)
		}
	}
}

// recallLost resolves a request whose reply was lost. The answer leaves the outcome open.
func (b *bench) recallLost(ctx context.Context, t *testing.T, req userapi.CreateUserRequest, since time.Time) {
	t.Helper()
	u, e := b.recall(ctx, t, req, since)
	if u != nil {
		t.Errorf("ResolveUser found %v on record, and no reply ever named the user", u)
		return
	}
	claimsNothing(t, e)
}

// claimsNothing checks that an error leaves open whether the user exists.
func claimsNothing(t *testing.T, e *userapi.Error) {
	t.Helper()
	if e.Kind == userapi.KindNotFound || e.Outcome != userapi.OutcomeUnknown {
		t.Errorf("kind %v, outcome %v: the error claims what is not on record", e.Kind, e.Outcome)
	}
	namesNobody(t, e)
}

// namesNobody checks that an error has no user.
func namesNobody(t *testing.T, e *userapi.Error) {
	t.Helper()
	if e.User != nil || len(e.Candidates) > 0 {
		t.Error("the error has a user")
	}
}

// recordMade: the record has the created user, or nothing.
func recordMade(t *testing.T, h *Harness, request func(n int) userapi.CreateUserRequest) {
	b := open(t, h, nil).warm(t)
	req := request(2)
	made, begun := b.begin(t, req)
	b.mustCreate(t, request(3))
	for _, since := range []time.Time{begun, {}} {
		b.recallMade(t.Context(), t, req, since, made)
	}
	b.users(t, 3)
}

// recordAbsent: for a request that was not sent, the record does not return another user.
func recordAbsent(t *testing.T, h *Harness, req userapi.CreateUserRequest) {
	b := open(t, h, nil).warm(t)
	b.mustCreate(t, h.Full(1))
	for _, since := range []time.Time{time.Now(), {}} {
		b.recallAbsent(t.Context(), t, req, since)
	}
	b.users(t, 2)
}

// loseReply creates a user and loses the reply.
func (b *bench) loseReply(t *testing.T, req userapi.CreateUserRequest) {
	t.Helper()
	b.Inject(Fault{On: Create, When: AfterCommit, Do: Hangup})
	_ = b.fails(t.Context(), t, req)
}

// recordLost: the record keeps a create whose reply was lost.
func recordLost(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	begun := time.Now()
	b.loseReply(t, req)
	for _, since := range []time.Time{begun, {}} {
		b.recallLost(t.Context(), t, req, since)
	}
	b.users(t, 2)
}

// recordContextDone: a canceled context does not change the answer.
func recordContextDone(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req, lost := h.Full(2), h.Full(3)
	made, begun := b.begin(t, req)
	b.loseReply(t, lost)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.recallMade(ctx, t, req, begun, made)
	b.recallLost(ctx, t, lost, begun)
	b.recallAbsent(ctx, t, h.Full(4), begun)
}

// recordInvalid: a request that a create refuses has no answer.
func recordInvalid(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	redacted := h.Full(2)
	redacted.Password = userapi.Redacted
	for _, req := range []userapi.CreateUserRequest{redacted, h.Invalid(2)} {
		if refused := b.fails(t.Context(), t, req); refused.Outcome != userapi.OutcomeNotSent {
			continue // the vendor refuses it
		}
		u, e := b.recall(t.Context(), t, req, time.Now())
		if u != nil {
			t.Errorf("ResolveUser found %v on record for a request that is invalid", u)
			continue
		}
		want(t, e, userapi.KindInvalid, userapi.OutcomeNotSent)
		namesNobody(t, e)
	}
}
