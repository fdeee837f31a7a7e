package userapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/enlist-go/enlist/userapi"
)

// planChecks are the checks of a userapi.Planner.
var planChecks = []check{
	{"plan/minimal", func(t *testing.T, h *Harness) { planned(t, h, h.Minimal) }},
	{"plan/full", func(t *testing.T, h *Harness) { planned(t, h, h.Full) }},
	{"plan/request_unchanged", planChangesNothing},
	{"plan/invalid", planRefuses},
	{"plan/unique", planUnique},
}

// A recorder records requests.
type recorder struct {
	http.RoundTripper
	mu   sync.Mutex
	sent []recorded
}

type recorded struct {
	method, path, contentType string
	body                      []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	one := recorded{method: req.Method, path: req.URL.Path, contentType: req.Header.Get("Content-Type")}
	if req.Body != nil {
		var err error
		if one.body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(one.body))
	}
	r.mu.Lock()
	r.sent = append(r.sent, one)
	r.mu.Unlock()
	return r.RoundTripper.RoundTrip(req)
}

// planned compares the plan of a create with the create.
func planned(t *testing.T, h *Harness, request func(n int) userapi.CreateUserRequest) {
	r := &recorder{}
	b := open(t, h, func(o *userapi.HTTPOptions) {
		r.RoundTripper = o.HTTPClient.Transport
		o.HTTPClient.Transport = r
	})
	p := ability[userapi.Planner](t, b)
	req := request(2)
	plan, err := p.PlanUser(req)
	if err != nil {
		t.Fatalf("PlanUser failed: %v", err)
	}
	b.sent(t, 0)
	b.users(t, 0)
	b.search(t, "the plan", dump(plan, &plan)+bodies(plan), b.planted(req))
	b.search(t, "the printed plan", fmt.Sprintf("%v %+v %#v %s %q", plan, plan, plan, &plan, []any{plan}), personal(req))

	b.warm(t) // so that no session request is recorded
	r.sent = nil
	u := b.mustCreate(t, req)
	if !slices.Equal(plan.Unmapped, u.Unmapped) {
		t.Errorf("the plan has %q unmapped, the user %q", plan.Unmapped, u.Unmapped)
	}
	if plan.Provider != u.Provider {
		t.Errorf("the plan's vendor is %q, the user's %q", plan.Provider, u.Provider)
	}
	if plan.UserID != "" && plan.UserID != u.ID {
		t.Errorf("the planned id is %q, the user's %q", plan.UserID, u.ID)
	}
	sent := r.sent
	// Every planned request was sent, in that order. Other requests are not in the plan.
	for i, step := range plan.Steps() {
		at := slices.IndexFunc(sent, func(s recorded) bool { return s.is(step) })
		if at < 0 {
			t.Errorf("request %d of the plan, %v, was not sent, or not in this order", i+1, step)
			return
		}
		if !sent[at].has(step.Body) {
			t.Errorf("the body of request %d of the plan, %v, is not the one that was sent", i+1, step)
		}
		sent = sent[at+1:]
	}
}

// planUnique: plans for different users share no unique value. If the vendor refuses one of two
// requests as a duplicate, their plans share one.
func planUnique(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	unique := func(req userapi.CreateUserRequest) map[string]bool {
		plan, err := ability[userapi.Planner](t, b).PlanUser(req)
		if err != nil {
			t.Fatalf("PlanUser failed: %v", err)
		}
		values := map[string]bool{}
		for _, u := range plan.Unique {
			if u.Field == "" || u.Value == "" {
				t.Error("a unique value has no field or no value")
			}
			values[u.Field+" "+u.Value] = true
		}
		return values
	}
	shares := func(a, b map[string]bool) bool {
		for v := range a {
			if b[v] {
				return true
			}
		}
		return false
	}
	if shares(unique(h.Full(2)), unique(h.Full(3))) || shares(unique(h.Minimal(2)), unique(h.Minimal(3))) {
		t.Error("requests for different users share a unique value")
	}
	switch {
	case h.Duplicate == nil && len(unique(h.Full(2))) > 0:
		t.Error("the plan has a unique value, and Harness.Duplicate is nil")
	case h.Duplicate != nil && !shares(unique(h.Full(2)), unique(h.Duplicate(2))) && !shares(unique(h.Duplicate(2)), unique(h.Duplicate(2))):
		t.Error("the plans of two requests that collide share no unique value")
	}
}

// bodies returns the bodies of a plan, even if they are not JSON.
func bodies(plan userapi.Plan) string {
	var text strings.Builder
	for _, step := range plan.Steps() {
		text.Write(step.Body)
		text.WriteByte('\n')
	}
	return text.String()
}

// is reports whether a request is the planned one. Its path must end in the route, where a name in
// braces matches anything.
func (r recorded) is(step userapi.Step) bool {
	path, route := strings.Split(r.path, "/"), strings.Split(step.Route, "/")
	if r.method != step.Method || !strings.HasPrefix(step.Route, "/") || len(route) > len(path) {
		return false
	}
	for i, segment := range path[len(path)-len(route)+1:] {
		if named := route[i+1]; named != segment && !strings.HasPrefix(named, "{") {
			return false
		}
	}
	return true
}

// has reports whether a request has the planned body, byte for byte except for redacted values. It
// does not compare forms; the implementer's own tests must.
func (r recorded) has(body json.RawMessage) bool {
	if len(body) == 0 || len(r.body) == 0 {
		return len(body) == len(r.body)
	}
	if !json.Valid(body) {
		return false
	}
	if !strings.HasPrefix(r.contentType, "application/json") {
		return true
	}
	const anyText = `"(?:[^"\\]|\\.)*"`
	text := regexp.QuoteMeta(string(body))
	text = strings.ReplaceAll(text, regexp.QuoteMeta(`"`+userapi.Redacted+`"`), anyText)
	return regexp.MustCompile("^" + text + "$").Match(r.body)
}

func planChangesNothing(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	p := ability[userapi.Planner](t, b)
	req := h.Full(1)
	if _, err := p.PlanUser(req); err != nil {
		t.Fatalf("PlanUser failed: %v", err)
	}
	if same := reflect.DeepEqual(req, h.Full(1)); !same {
		t.Error("PlanUser changed the request")
	}
}

// planRefuses: a request that a create refuses has no plan, for the same reasons.
func planRefuses(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	p := ability[userapi.Planner](t, b)
	redacted := h.Full(1)
	redacted.Password, redacted.Strict = userapi.Redacted, true // two faults, if the vendor cannot store all fields
	for _, req := range []userapi.CreateUserRequest{redacted, h.Invalid(1)} {
		refused := b.fails(t.Context(), t, req)
		if refused.Outcome != userapi.OutcomeNotSent {
			continue // the vendor refuses it
		}
		plan, err := p.PlanUser(req)
		if err == nil {
			t.Error("PlanUser plans what CreateUser refuses to send")
			continue
		}
		e := b.checkError(t, req, err)
		want(t, e, userapi.KindInvalid, userapi.OutcomeNotSent)
		if !reflect.DeepEqual(e.FieldErrors, refused.FieldErrors) {
			t.Error("PlanUser names other faults than CreateUser")
		}
		if !reflect.DeepEqual(plan, userapi.Plan{}) {
			t.Error("PlanUser returned a plan and an error together")
		}
		b.sent(t, 0)
	}
}
