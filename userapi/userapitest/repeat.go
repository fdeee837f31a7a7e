package userapitest

import (
	"context"
	"testing"

	"github.com/enlist-go/enlist/userapi"
)

// repeatChecks are the checks of a userapi.Repeater.
func repeatChecks(h *Harness) []check {
	checks := []check{
		{"repeat/creates_one", repeatCreates},
		{"repeat/late_create", repeatCollides},
		{"repeat/unknown", repeatUnknown},
		{"repeat/invalid", repeatInvalid},
		{"repeat/context_done", repeatContextDone},
	}
	if h.Unrepeatable != nil {
		checks = append(checks, check{"repeat/unrepeatable", repeatRefuses})
	}
	return checks
}

// unrepeated repeats a create and requires an error.
func (b *bench) unrepeated(ctx context.Context, t *testing.T, req userapi.CreateUserRequest) *userapi.Error {
	t.Helper()
	u, err := ability[userapi.Repeater](t, b).RepeatUser(ctx, req)
	return b.failed(t, req, u, err)
}

// repeatCreates: a repeat creates the user. If the first create arrives later, there is no second
// user.
func repeatCreates(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	u, err := ability[userapi.Repeater](t, b).RepeatUser(t.Context(), req)
	if err != nil {
		t.Fatalf("RepeatUser failed: %v", err)
	}
	if u == nil {
		t.Fatal("RepeatUser returned neither a user nor an error")
	}
	if u.Provider == "" || u.ID == "" || u.Proof != userapi.ProofReply {
		t.Errorf("the user has provider %q, id %q and proof %v", u.Provider, u.ID, u.Proof)
	}
	b.users(t, 2)
	want(t, b.fails(t.Context(), t, req), userapi.KindConflict, userapi.OutcomeRejected)
	b.users(t, 2)
}

// repeatCollides: the create that seemed lost has arrived.
func repeatCollides(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	b.Inject(Fault{On: Create, When: AfterCommit, Do: Hangup})
	_ = b.fails(t.Context(), t, req)
	for range 2 {
		want(t, b.unrepeated(t.Context(), t, req), userapi.KindConflict, userapi.OutcomeRejected)
		b.users(t, 2)
	}
}

// repeatUnknown: a repeat is a create, and is not sent again without evidence.
func repeatUnknown(t *testing.T, h *Harness) {
	for _, when := range []Moment{BeforeCommit, AfterCommit} {
		b := open(t, h, nil).warm(t)
		b.Inject(Fault{On: Create, When: when, Do: Hangup, Times: -1})
		want(t, b.unrepeated(t.Context(), t, h.Full(2)), userapi.KindUnavailable, userapi.OutcomeUnknown)
		b.sent(t, 1)
		b.users(t, afterwards(when))
	}
}

func repeatInvalid(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	want(t, b.unrepeated(t.Context(), t, h.Invalid(2)), userapi.KindInvalid, userapi.OutcomeNotSent, userapi.OutcomeRejected)
	b.users(t, 1)
}

// repeatRefuses: a create that would make a second user is not repeated. That is checked before the
// context.
func repeatRefuses(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{t.Context(), done} {
		e := b.unrepeated(ctx, t, h.Unrepeatable(2))
		want(t, e, userapi.KindInvalid, userapi.OutcomeNotSent)
		if len(e.FieldErrors) == 0 {
			t.Error("the error names no field")
		}
	}
	b.sent(t, 0)
	b.users(t, 1)
}

func repeatContextDone(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, b.unrepeated(ctx, t, h.Full(2)), userapi.KindCanceled, userapi.OutcomeNotSent)
	b.sent(t, 0)
	b.users(t, 1)
}
