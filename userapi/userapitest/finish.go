package userapitest

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/enlist-go/enlist/userapi"
)

// finishChecks are the checks of a userapi.Finisher. The second step of Full(n) must send
// something.
var finishChecks = []check{
	{"finish/twice", finishTwice},
	{"finish/after_failure", finishAfterFailure},
	{"finish/fails", finishFails},
	{"finish/ids", finishIDs},
	{"finish/foreign_user", finishForeign},
	{"finish/context_done", finishContextDone},
}

// finishTwice: a repeated second step sends the same.
func finishTwice(t *testing.T, h *Harness) {
	r := &recorder{}
	b := open(t, h, func(o *userapi.HTTPOptions) {
		r.RoundTripper = o.HTTPClient.Transport
		o.HTTPClient.Transport = r
	}).warm(t)
	req := h.Full(2)
	u := b.mustCreate(t, req)
	var steps [2][]recorded
	for i := range steps {
		r.sent = nil
		if err := ability[userapi.Finisher](t, b).FinishUser(t.Context(), req, u); err != nil {
			t.Fatalf("FinishUser failed: %v", err)
		}
		steps[i] = r.sent
	}
	if len(steps[0]) == 0 {
		t.Error("the second step of Full sends nothing")
	}
	if !slices.EqualFunc(steps[0], steps[1], func(a, b recorded) bool {
		return a.method == b.method && a.path == b.path && bytes.Equal(a.body, b.body)
	}) {
		t.Error("the second step sends something else when it is taken again")
	}
	b.users(t, 2)
}

// exists checks the error of a failed second step: the user exists.
func exists(t *testing.T, e *userapi.Error, kind userapi.Kind, id string) {
	t.Helper()
	want(t, e, kind, userapi.OutcomeCreated)
	if e.User != nil && id != "" && e.User.ID != id {
		t.Errorf("the error's user is %q, want %q", e.User.ID, id)
	}
}

// finishAfterFailure: FinishUser completes a create whose second step failed.
func finishAfterFailure(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	b.Inject(Fault{On: Attributes, When: BeforeCommit, Status: 403})
	req, f := h.Full(2), ability[userapi.Finisher](t, b)
	var e *userapi.Error
	if h.Unfinished == nil {
		e = b.fails(t.Context(), t, req)
	} else {
		u := b.mustCreate(t, h.Unfinished(2))
		e = b.failed(t, req, nil, f.FinishUser(t.Context(), req, u))
	}
	exists(t, e, userapi.KindForbidden, "")
	b.users(t, 2)
	if err := f.FinishUser(t.Context(), req, e.User); err != nil {
		t.Errorf("FinishUser failed: %v", err)
	}
	b.users(t, 2)
}

func finishFails(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	u := b.mustCreate(t, req)
	f := ability[userapi.Finisher](t, b)
	for _, fault := range []struct {
		Fault
		kind userapi.Kind
	}{
		{Fault{Status: http.StatusForbidden}, userapi.KindForbidden},
		{Fault{Status: http.StatusOK, Header: jsonHeader, Body: []byte(refusal200)}, userapi.KindProtocol},
		{Fault{Status: http.StatusInternalServerError, Times: -1}, userapi.KindUnavailable},
	} {
		fault.On, fault.When = Attributes, BeforeCommit
		b.Inject(fault.Fault)
		exists(t, b.failed(t, req, nil, f.FinishUser(t.Context(), req, u)), fault.kind, u.ID)
	}
	b.users(t, 2)
}

// finishIDs: the id is parsed strictly, so that no other user is changed.
func finishIDs(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	u := b.mustCreate(t, req)
	b.requests.Store(0)
	for _, id := range malformedIDs(t, h, u.ID) {
		err := ability[userapi.Finisher](t, b).FinishUser(t.Context(), req, &userapi.User{Provider: u.Provider, ID: id})
		b.refusesID(t, req, id, err)
	}
}

// malformedIDs returns invalid ids. A loose parser would read most of them as the given id.
func malformedIDs(t *testing.T, h *Harness, id string) []string {
	t.Helper()
	if h.ID == nil {
		t.Fatal("userapitest: the Harness of a Finisher or a Deleter must have ID")
	}
	return slices.DeleteFunc([]string{
		"", "0", "-7", "+7", " 7", "007", "7.0", "7e0", "0x7", "99999999999999999999", "../7", "\u0667",
		"0" + id, "00" + id, "+" + id, "-" + id, " " + id, id + " ", id + "\n", id + ".0", "../" + id, id + "/", id + "/..", id + "?x=1", id + "%20", id + "#",
	}, h.ID.MatchString)
}

// refusesID checks the error of a call with an invalid id.
func (b *bench) refusesID(t *testing.T, req userapi.CreateUserRequest, id string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("the id %q is taken", id)
	} else if e := b.failed(t, req, nil, err); e.Kind != userapi.KindInvalid || e.Outcome != userapi.OutcomeNotSent {
		t.Errorf("the id %q: kind %v, outcome %v, want %v and %v", id, e.Kind, e.Outcome, userapi.KindInvalid, userapi.OutcomeNotSent)
	}
	if sent := b.requests.Swap(0); sent != 0 {
		t.Errorf("the id %q: %d requests were sent", id, sent)
	}
}

// finishForeign: another vendor's user and a nil user are refused.
func finishForeign(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	u := b.mustCreate(t, req)
	b.requests.Store(0)
	for _, foreign := range []*userapi.User{nil, {}, {Provider: "enlist-stranger", ID: u.ID}, {ID: u.ID}} {
		err := ability[userapi.Finisher](t, b).FinishUser(t.Context(), req, foreign)
		want(t, b.failed(t, req, nil, err), userapi.KindInvalid, userapi.OutcomeNotSent)
	}
	b.sent(t, 0)
}

func finishContextDone(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	u := b.mustCreate(t, req)
	b.requests.Store(0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := ability[userapi.Finisher](t, b).FinishUser(ctx, req, u)
	exists(t, b.failed(t, req, nil, err), userapi.KindCanceled, u.ID)
	b.sent(t, 0)
}
