package userapitest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// deleteChecks are the checks of a userapi.Deleter.
func deleteChecks(h *Harness) []check {
	checks := []check{
		{"delete/user", deleted},
		{"delete/passing_failure", deletePassingFailure},
		{"delete/lost_reply", deleteLostReply},
		{"delete/ids", deleteIDs},
		{"delete/timeout", deleteTimeout},
		{"delete/context_done", deleteContextDone},
		{"delete/hostile_echo", deleteHostileEcho},
	}
	if h.Hidden != nil {
		checks = append(checks, check{"delete/hidden", deleteHidden})
	}
	for _, f := range lookupFaults(h, Delete) {
		checks = append(checks, check{"delete/" + f.name, func(t *testing.T, h *Harness) { deleteFails(t, h, f) }})
	}
	return checks
}

// undeleted deletes a user and requires an error.
func (b *bench) undeleted(ctx context.Context, t *testing.T, id string) *userapi.Error {
	t.Helper()
	return b.failed(t, userapi.CreateUserRequest{}, nil, ability[userapi.Deleter](t, b).DeleteUser(ctx, id))
}

// deleted: a delete removes one user, and a second delete does not find it.
func deleted(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	u := b.mustCreate(t, h.Full(2))
	if err := ability[userapi.Deleter](t, b).DeleteUser(t.Context(), u.ID); err != nil {
		t.Fatalf("DeleteUser failed: %v", err)
	}
	b.users(t, 1)
	want(t, b.undeleted(t.Context(), t, u.ID), userapi.KindNotFound, userapi.OutcomeRejected)
	b.users(t, 1)
	b.mustCreate(t, h.Full(2)) // its keys are free
	b.users(t, 2)
}

// deletePassingFailure: a delete is retried.
func deletePassingFailure(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	u := b.mustCreate(t, h.Full(2))
	b.Inject(Fault{On: Delete, When: BeforeCommit, Status: 503})
	if err := ability[userapi.Deleter](t, b).DeleteUser(t.Context(), u.ID); err != nil {
		t.Errorf("DeleteUser failed: %v", err)
	}
	b.users(t, 1)
}

// deleteLostReply: a delete is retried after a lost reply. The only error that it may return is
// that the user does not exist.
func deleteLostReply(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	u := b.mustCreate(t, h.Full(2))
	b.Inject(Fault{On: Delete, When: AfterCommit, Do: Hangup})
	if err := ability[userapi.Deleter](t, b).DeleteUser(t.Context(), u.ID); err != nil && !errors.Is(err, userapi.ErrNotFound) {
		t.Errorf("DeleteUser failed: %v", err)
	}
	b.users(t, 1)
}

// deleteIDs: the id is parsed strictly, so that no other user is deleted.
func deleteIDs(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	u := b.mustCreate(t, h.Full(2))
	b.requests.Store(0)
	for _, id := range malformedIDs(t, h, u.ID) {
		b.refusesID(t, userapi.CreateUserRequest{}, id, ability[userapi.Deleter](t, b).DeleteUser(t.Context(), id))
	}
	b.users(t, 2)
}

// deleteHidden: a user that the credentials cannot see is not deleted, and not reported as missing.
func deleteHidden(t *testing.T, h *Harness) {
	b, _, id := openHidden(t, h)
	count := b.UserCount()
	if e := b.undeleted(t.Context(), t, id); e.Outcome != userapi.OutcomeUnknown {
		t.Errorf("outcome %v, want %v", e.Outcome, userapi.OutcomeUnknown)
	}
	b.users(t, count)
}

// deleteFails: after a failed delete the user may still exist.
func deleteFails(t *testing.T, h *Harness, f lookupFault) {
	b := open(t, h, nil).warm(t)
	u := b.mustCreate(t, h.Full(2))
	b.Inject(f.Fault)
	want(t, b.undeleted(t.Context(), t, u.ID), f.kind, userapi.OutcomeUnknown)
	b.users(t, 2)
}

func deleteTimeout(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	u := b.mustCreate(t, h.Full(2))
	b.Inject(Fault{On: Delete, When: AfterCommit, Do: Stall, Times: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	want(t, b.undeleted(ctx, t, u.ID), userapi.KindTimeout, userapi.OutcomeUnknown)
}

func deleteContextDone(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	u := b.mustCreate(t, h.Full(2))
	b.requests.Store(0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, b.undeleted(ctx, t, u.ID), userapi.KindCanceled, userapi.OutcomeUnknown)
	b.sent(t, 0)
	b.users(t, 2)
}

// deleteHostileEcho: errors do not repeat credentials that a delete's reply echoes.
func deleteHostileEcho(t *testing.T, h *Harness) {
	echoes(t, h, Delete, func(b *bench, req userapi.CreateUserRequest) {
		u := b.mustCreate(t, req)
		_ = b.undeleted(t.Context(), t, u.ID)
	})
}
