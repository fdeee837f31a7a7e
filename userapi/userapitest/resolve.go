package userapitest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// The ages that a Resolver must distinguish. A user slightly older than the first attempt can still
// be its result. A much older user cannot.
const (
	someAge  = 30 * time.Second
	greatAge = 10 * time.Minute
)

// resolveChecks are the checks of a userapi.Resolver that asks the vendor.
func resolveChecks(h *Harness) []check {
	checks := []check{
		{"resolve/minimal", func(t *testing.T, h *Harness) { resolved(t, h, h.Minimal(2)) }},
		{"resolve/full", func(t *testing.T, h *Harness) { resolved(t, h, h.Full(2)) }},
		{"resolve/lost_create", resolveLost},
		{"resolve/absent_minimal", func(t *testing.T, h *Harness) { resolveAbsent(t, h, h.Minimal(2)) }},
		{"resolve/absent_full", func(t *testing.T, h *Harness) { resolveAbsent(t, h, h.Full(2)) }},
		{"resolve/somewhat_older", resolveSomewhatOlder},
		{"resolve/much_older", resolveMuchOlder},
		{"resolve/passing_failure", resolvePassingFailure},
		{"resolve/timeout", resolveTimeout},
		{"resolve/context_done", resolveContextDone},
		{"resolve/invalid", resolveInvalid},
		{"resolve/cut_off", resolveCutOff},
		{"resolve/hostile_echo", resolveHostileEcho},
	}
	if h.Reply != nil {
		checks = append(checks, check{"resolve/not_an_id", resolveNotAnID})
		for _, e := range h.Reply.Contradict {
			checks = append(checks, check{"resolve/contradicts_" + e.Name, func(t *testing.T, h *Harness) { resolveContradicted(t, h, e) }})
		}
	}
	if h.Stranger != nil {
		checks = append(checks, check{"resolve/somebody_else", resolveSomebodyElse})
	}
	if h.Ambiguous != nil {
		checks = append(checks, check{"resolve/ambiguous", resolveAmbiguous})
	}
	if h.Hidden != nil {
		checks = append(checks, check{"resolve/hidden", resolveHidden})
	}
	for _, f := range lookupFaults(h, Lookup) {
		checks = append(checks, check{"resolve/" + f.name, func(t *testing.T, h *Harness) { resolveFails(t, h, f) }})
	}
	return checks
}

// A lookupFault is a reply to a look-up or a delete that proves nothing about the user.
type lookupFault struct {
	name string
	Fault
	kind userapi.Kind
}

// gateway404 is the answer of a gateway to an unknown path.
const gateway404 = `{"message":"no Route matched with those values"}`

// refusal200 is a refusal with a success status.
const refusal200 = `{"errors":["no"]}`

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// lookupFaults are permanent faults.
func lookupFaults(h *Harness, on Operation) []lookupFault {
	faults := []lookupFault{
		{name: "404_html", kind: userapi.KindProtocol, Fault: Fault{Status: 404, Header: htmlHeader, Body: []byte(htmlPage)}},
		{name: "404_gateway", kind: userapi.KindProtocol, Fault: Fault{Status: 404, Header: jsonHeader, Body: []byte(gateway404)}},
		{name: "200_html", kind: userapi.KindProtocol, Fault: Fault{Status: 200, Header: htmlHeader, Body: []byte(htmlPage)}},
		{name: "200_errors", kind: userapi.KindProtocol, Fault: Fault{Status: 200, Header: jsonHeader, Body: []byte(refusal200)}},
		{name: "307", kind: userapi.KindProtocol, Fault: Fault{Status: 307, Header: http.Header{"Location": {"/elsewhere"}}}},
		{name: "400", kind: userapi.KindInvalid, Fault: Fault{Status: 400}},
		{name: "401", kind: userapi.KindUnauthorized, Fault: Fault{Status: 401}},
		{name: "403", kind: userapi.KindForbidden, Fault: Fault{Status: 403}},
		{name: "404_truncated", kind: userapi.KindProtocol, Fault: Fault{Do: Truncate, Status: 404, Body: []byte("        ")}},
		{name: "422", kind: userapi.KindInvalid, Fault: Fault{Status: 422}},
		{name: "429", kind: userapi.KindRateLimited, Fault: Fault{Status: 429}},
		{name: "500", kind: userapi.KindUnavailable, Fault: Fault{Status: 500}},
		{name: "502_html", kind: userapi.KindUnavailable, Fault: Fault{Status: 502, Header: htmlHeader, Body: []byte(htmlPage)}},
		{name: "reset", kind: userapi.KindUnavailable, Fault: Fault{Do: Reset}},
		{name: "truncated", kind: userapi.KindProtocol, Fault: Fault{Do: Truncate, Status: 200, Body: []byte("        ")}},
		{name: "hangup", kind: userapi.KindUnavailable, Fault: Fault{Do: Hangup}},
	}
	if !h.BlankAbsence {
		faults = append(faults, lookupFault{name: "404_blank", kind: userapi.KindProtocol, Fault: Fault{Status: 404}})
	}
	if on == Lookup { // an empty object can be a valid answer to a delete
		faults = append(faults, lookupFault{name: "200_empty_object", kind: userapi.KindProtocol, Fault: Fault{Status: 200, Header: jsonHeader, Body: []byte("{}")}})
	}
	for i := range faults {
		faults[i].On, faults[i].When, faults[i].Times = on, BeforeCommit, -1
	}
	return faults
}

// begin creates a user, and returns it with a time before its creation.
func (b *bench) begin(t *testing.T, req userapi.CreateUserRequest) (*userapi.User, time.Time) {
	t.Helper()
	begun := time.Now()
	u := b.mustCreate(t, req)
	b.requests.Store(0)
	return u, begun
}

// unresolved resolves a request and requires an error.
func (b *bench) unresolved(ctx context.Context, t *testing.T, req userapi.CreateUserRequest, since time.Time) *userapi.Error {
	t.Helper()
	u, err := ability[userapi.Resolver](t, b).ResolveUser(ctx, req, since)
	e := b.failed(t, req, u, err)
	if e.FromRecord {
		t.Error("the error is FromRecord, and Harness.Recorded is not set")
	}
	return e
}

// resolved: a created user is found, both with a time and with the zero time.
func resolved(t *testing.T, h *Harness, req userapi.CreateUserRequest) {
	b := open(t, h, nil).warm(t)
	made, begun := b.begin(t, req)
	for _, since := range []time.Time{begun, {}} {
		u, err := ability[userapi.Resolver](t, b).ResolveUser(t.Context(), req, since)
		if err != nil {
			t.Fatalf("ResolveUser failed: %v", err)
		}
		b.isFound(t, req, u)
		if u.ID != made.ID {
			t.Errorf("ResolveUser found %q, want %q", u.ID, made.ID)
		}
		if !slices.Equal(u.Unmapped, made.Unmapped) {
			t.Errorf("Unmapped is %q, of the create it was %q", u.Unmapped, made.Unmapped)
		}
	}
	b.users(t, 2)
}

// isFound checks every user that a Resolver finds.
func (b *bench) isFound(t *testing.T, req userapi.CreateUserRequest, u *userapi.User) {
	t.Helper()
	if u == nil {
		t.Fatal("ResolveUser returned neither a user nor an error")
	}
	if u.Provider == "" || u.ID == "" || len(u.Raw) == 0 {
		t.Error("the user has no Provider, no ID or no Raw")
	}
	if u.Proof != userapi.ProofID && u.Proof != userapi.ProofKey && u.Proof != userapi.ProofMatch {
		t.Errorf("the user's proof is %v, want that of a look-up", u.Proof)
	}
	if u.FromRecord {
		t.Error("the user is FromRecord, and Harness.Recorded is not set")
	}
	if len(u.Compared) == 0 {
		t.Error("Compared is empty")
	}
	for _, field := range u.Compared {
		if f, ok := reflect.TypeFor[userapi.CreateUserRequest]().FieldByName(field); ok && reflect.ValueOf(req).FieldByIndex(f.Index).IsZero() {
			t.Errorf("Compared names %s, which was not set", field)
		}
	}
	if _, ok := userapi.As[any](u); !ok {
		t.Error("As finds no native form of the user")
	}
	b.search(t, "the user that was found", dump(u, *u), b.planted(req))
}

// resolveLost: the user of a create is found after the reply was lost.
func resolveLost(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	begun := time.Now()
	b.loseReply(t, req)
	u, err := ability[userapi.Resolver](t, b).ResolveUser(t.Context(), req, begun)
	if err != nil {
		t.Fatalf("ResolveUser failed: %v", err)
	}
	b.isFound(t, req, u)
	b.users(t, 2)
}

// resolveAbsent: the vendor's own answer that the user does not exist is proof.
func resolveAbsent(t *testing.T, h *Harness, req userapi.CreateUserRequest) {
	b := open(t, h, nil).warm(t)
	for _, since := range []time.Time{time.Now(), {}} {
		e := b.unresolved(t.Context(), t, req, since)
		want(t, e, userapi.KindNotFound, userapi.OutcomeRejected)
		namesNobody(t, e)
	}
	b.users(t, 1)
}

// candidate checks that an error names only this user.
func candidate(t *testing.T, e *userapi.Error, id string) {
	t.Helper()
	if !slices.Equal(e.Candidates, []string{id}) {
		t.Errorf("the candidates are %q, want %q", e.Candidates, id)
	}
}

// resolveSomewhatOlder: a user slightly older than the first attempt is neither taken nor ruled
// out.
func resolveSomewhatOlder(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	u, begun := b.begin(t, req)
	e := b.unresolved(t.Context(), t, req, begun.Add(someAge))
	want(t, e, userapi.KindUnknown, userapi.OutcomeUnknown)
	candidate(t, e, u.ID)
}

// resolveMuchOlder: a user from before the first attempt is somebody else's.
func resolveMuchOlder(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	u, begun := b.begin(t, req)
	e := b.unresolved(t.Context(), t, req, begun.Add(greatAge))
	candidate(t, e, u.ID)
	if h.Duplicate == nil && e.Outcome == userapi.OutcomeUnknown {
		return // this user does not keep the request's own from appearing later
	}
	want(t, e, userapi.KindConflict, userapi.OutcomeRejected)
	if len(e.FieldErrors) == 0 {
		t.Error("the conflict names no field")
	}
}

// resolveSomebodyElse: a user with one key of the request and other values in the rest is somebody
// else's.
func resolveSomebodyElse(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	u, begun := b.begin(t, h.Stranger(2))
	for _, since := range []time.Time{begun, {}} {
		e := b.unresolved(t.Context(), t, h.Full(2), since)
		want(t, e, userapi.KindConflict, userapi.OutcomeRejected)
		candidate(t, e, u.ID)
		if len(e.FieldErrors) == 0 {
			t.Error("the conflict names no field")
		}
	}
}

// resolveAmbiguous: if two users match the request, neither is taken.
func resolveAmbiguous(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Ambiguous(2)
	one, begun := b.begin(t, req)
	two, _ := b.begin(t, req)
	for _, since := range []time.Time{begun, {}} {
		e := b.unresolved(t.Context(), t, req, since)
		want(t, e, userapi.KindUnknown, userapi.OutcomeUnknown)
		for _, id := range []string{one.ID, two.ID} {
			if !slices.Contains(e.Candidates, id) {
				t.Errorf("the candidates are %q, want %q among them", e.Candidates, id)
			}
		}
	}
}

// openHidden opens a creator that cannot see a user.
func openHidden(t *testing.T, h *Harness) (b *bench, req userapi.CreateUserRequest, id string) {
	hidden := *h
	hidden.New = func(t testing.TB, opts userapi.HTTPOptions) (c userapi.Creator, server Backend) {
		c, server, req, id = h.Hidden(t, opts)
		return c, server
	}
	b = open(t, &hidden, nil)
	if id == "" {
		t.Fatal("Harness.Hidden returned no id")
	}
	return b, req, id
}

// resolveHidden: if the credentials cannot see the user, the answer proves nothing.
func resolveHidden(t *testing.T, h *Harness) {
	b, req, _ := openHidden(t, h)
	for _, since := range []time.Time{time.Now().Add(-greatAge), {}} {
		e := b.unresolved(t.Context(), t, req, since)
		if e.Outcome != userapi.OutcomeUnknown || e.Kind == userapi.KindNotFound {
			t.Errorf("kind %v, outcome %v: a user that is not shown is taken for absent", e.Kind, e.Outcome)
		}
	}
}

// resolveFails: a failed look-up proves nothing about an existing user.
func resolveFails(t *testing.T, h *Harness, f lookupFault) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	_, begun := b.begin(t, req)
	b.Inject(f.Fault)
	want(t, b.unresolved(t.Context(), t, req, begun), f.kind, userapi.OutcomeUnknown)
}

// resolvePassingFailure: after a temporary failure the user is still found.
func resolvePassingFailure(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	made, begun := b.begin(t, req)
	b.Inject(Fault{On: Lookup, When: BeforeCommit, Status: 401})
	u, err := ability[userapi.Resolver](t, b).ResolveUser(t.Context(), req, begun)
	if err != nil {
		t.Fatalf("ResolveUser failed: %v", err)
	}
	if b.isFound(t, req, u); u.ID != made.ID {
		t.Errorf("ResolveUser found %q, want %q", u.ID, made.ID)
	}
}

func resolveTimeout(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	req := h.Full(2)
	_, begun := b.begin(t, req)
	b.Inject(Fault{On: Lookup, When: BeforeCommit, Do: Stall, Times: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	want(t, b.unresolved(ctx, t, req, begun), userapi.KindTimeout, userapi.OutcomeUnknown)
}

func resolveContextDone(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := b.unresolved(ctx, t, h.Full(2), time.Now())
	want(t, e, userapi.KindCanceled, userapi.OutcomeUnknown)
	if !errors.Is(e, context.Canceled) {
		t.Error("the error does not match context.Canceled")
	}
	b.sent(t, 0)
}

// resolveInvalid: a request that a create refuses was never sent.
func resolveInvalid(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	redacted := h.Full(2)
	redacted.Password = userapi.Redacted
	for _, req := range []userapi.CreateUserRequest{redacted, h.Invalid(2)} {
		if refused := b.fails(t.Context(), t, req); refused.Outcome != userapi.OutcomeNotSent {
			continue // the vendor refuses it
		}
		want(t, b.unresolved(t.Context(), t, req, time.Now()), userapi.KindInvalid, userapi.OutcomeNotSent)
		b.sent(t, 0)
	}
}

// resolveCutOff: an incomplete reply is not believed, even if it has a complete user.
func resolveCutOff(t *testing.T, h *Harness) {
	armed := false
	b := open(t, h, func(o *userapi.HTTPOptions) {
		through := o.HTTPClient.Transport
		o.HTTPClient.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := through.RoundTrip(r)
			if err == nil && armed {
				resp.Body, resp.ContentLength = breaking{resp.Body}, -1 // unknown length
				resp.Header.Del("Content-Length")
			}
			return resp, err
		})
	}).warm(t)
	req := h.Full(2)
	_, begun := b.begin(t, req)
	armed = true
	want(t, b.unresolved(t.Context(), t, req, begun), userapi.KindProtocol, userapi.OutcomeUnknown)
}

// A breaking body fails where it should end.
type breaking struct{ io.ReadCloser }

func (b breaking) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// openLookups opens a creator with the user of a request. It changes every further reply, in the
// object with the member at path.
func openLookups(t *testing.T, h *Harness, req userapi.CreateUserRequest, path []string, change edition) (*bench, time.Time) {
	t.Helper()
	b, c := openChanger(t, h)
	_, begun := b.begin(t, req)
	c.lasting = true
	c.change = func(reply string) string {
		text, found := editedWithin(t, reply, path, change)
		if !found {
			t.Errorf("the reply to a look-up has no user with a member %q", path)
		}
		return text
	}
	return b, begun
}

// resolveNotAnID: a user with an invalid id is not found, and the id is not shown.
func resolveNotAnID(t *testing.T, h *Harness) {
	req := h.Full(2)
	for _, id := range hostileIDs {
		value := id.in(req)
		text := textOf(value)
		if h.ID.MatchString(text) {
			continue // valid as an id of this vendor
		}
		b, begun := openLookups(t, h, req, h.Reply.ID, set(last(h.Reply.ID), value))
		e := b.unresolved(t.Context(), t, req, begun)
		want(t, e, userapi.KindProtocol, userapi.OutcomeUnknown)
		showsNoID(t, e, text)
	}
}

// resolveContradicted: a look-up's reply with another user does not find the request's. It proves
// only that a key is taken.
func resolveContradicted(t *testing.T, h *Harness, edit Edit) {
	req := h.Full(2)
	b, begun := openLookups(t, h, req, edit.Path, edit.change)
	for _, since := range []time.Time{begun, {}} {
		e := b.unresolved(t.Context(), t, req, since)
		if e.Kind == userapi.KindNotFound || e.Outcome != userapi.OutcomeUnknown && e.Kind != userapi.KindConflict {
			t.Errorf("kind %v, outcome %v: the reply says nothing of the request's user", e.Kind, e.Outcome)
		}
	}
}

// resolveHostileEcho: errors do not repeat what a look-up's reply echoes of the request.
func resolveHostileEcho(t *testing.T, h *Harness) {
	echoes(t, h, Lookup, func(b *bench, req userapi.CreateUserRequest) {
		_ = b.unresolved(t.Context(), t, req, time.Now())
	})
}
