package userapitest

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

var createChecks = []check{
	{"create/minimal", func(t *testing.T, h *Harness) { created(t, h, h.Minimal(1)) }},
	{"create/full", func(t *testing.T, h *Harness) { created(t, h, h.Full(1)) }},
	{"create/request_unchanged", requestUnchanged},
	{"create/raw_reply", rawReply},
	{"create/native", native},
	{"create/duplicate", duplicate},
	{"create/invalid", invalid},
	{"create/strict", strict},
	{"create/redacted_password", redactedPassword},
	{"create/concurrent", concurrent},
}

func created(t *testing.T, h *Harness, req userapi.CreateUserRequest) {
	b := open(t, h, nil)
	before := time.Now()
	u := b.mustCreate(t, req)
	b.users(t, 1)
	if u.Provider == "" || u.ID == "" {
		t.Errorf("the user has provider %q and id %q, want both set", u.Provider, u.ID)
	}
	if h.ID != nil && !h.ID.MatchString(u.ID) {
		t.Errorf("the user's id is %q, which Harness.ID does not match", u.ID)
	}
	if u.Proof != userapi.ProofReply {
		t.Errorf("the user's proof is %v, want %v", u.Proof, userapi.ProofReply)
	}
	if !u.CreatedAt.IsZero() && (u.CreatedAt.Before(before.Add(-24*time.Hour)) || u.CreatedAt.After(before.Add(24*time.Hour))) {
		t.Errorf("the user was created at %v, now is %v", u.CreatedAt, before)
	}
	for _, field := range u.Unmapped {
		f, ok := reflect.TypeFor[userapi.CreateUserRequest]().FieldByName(field)
		switch {
		case !ok:
			t.Errorf("Unmapped names %q, which is not a field of CreateUserRequest", field)
		case field == "IdempotencyKey":
			t.Error("Unmapped names IdempotencyKey, which is not a field of the user")
		case reflect.ValueOf(req).FieldByIndex(f.Index).IsZero():
			t.Errorf("Unmapped names %s, which was not set", field)
		}
	}
	for _, f := range []struct{ name, sent, got string }{
		{"Email", req.Email, u.Email}, {"Username", req.Username, u.Username}, {"ExternalID", req.ExternalID, u.ExternalID},
	} {
		if f.sent != "" && !slices.Contains(u.Unmapped, f.name) && f.got == "" {
			t.Errorf("%s was sent, is not in Unmapped, and is empty in the user", f.name)
		}
	}
}

func requestUnchanged(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	req := h.Full(1)
	b.mustCreate(t, req)
	if same := reflect.DeepEqual(req, h.Full(1)); !same {
		t.Error("CreateUser changed the request")
	}
}

// stranger is a member that no vendor documents.
const stranger = `"enlist_stranger":{"a":[1,"b",null]}`

// An editor adds a member to every reply that is a JSON object.
type editor struct {
	http.RoundTripper
	mu   sync.Mutex
	last []byte
}

func (e *editor) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := e.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if len(body) > 2 && body[0] == '{' {
		body = append([]byte("{"+stranger+","), body[1:]...)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(body) > 0 {
		e.last = body
	}
	return resp, nil
}

func rawReply(t *testing.T, h *Harness) {
	e := &editor{}
	b := open(t, h, func(o *userapi.HTTPOptions) {
		e.RoundTripper = o.HTTPClient.Transport
		o.HTTPClient.Transport = e
	})
	u := b.mustCreate(t, h.Minimal(1))
	e.mu.Lock()
	defer e.mu.Unlock()
	if !bytes.Equal(u.Raw, e.last) {
		t.Errorf("Raw is not the reply byte for byte, an unknown member included: %d bytes, want %d", len(u.Raw), len(e.last))
	}
}

func native(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	u := b.mustCreate(t, h.Minimal(1))
	if _, ok := userapi.As[any](u); !ok {
		t.Error("As finds no native form of the user")
	}
	type foreign struct{}
	if _, ok := userapi.As[*foreign](u); ok {
		t.Error("As finds a type that the implementation does not know")
	}
}

func duplicate(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	b.mustCreate(t, h.Full(1))
	if h.Duplicate == nil {
		return
	}
	count := b.UserCount()
	u, err := b.CreateUser(t.Context(), h.Duplicate(1))
	if err == nil && u != nil {
		count = b.UserCount()
	}
	e := b.fails(t.Context(), t, h.Duplicate(1))
	want(t, e, userapi.KindConflict, userapi.OutcomeRejected)
	b.users(t, count)
	if len(e.FieldErrors) == 0 && e.User == nil {
		t.Error("the conflict names no field and no user")
	}
}

func invalid(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	req := h.Invalid(1)
	e := b.fails(t.Context(), t, req)
	want(t, e, userapi.KindInvalid, userapi.OutcomeNotSent, userapi.OutcomeRejected)
	b.users(t, 0)
	named := false
	for _, f := range e.FieldErrors {
		named = named || f.Field != "" || f.VendorField != ""
		if _, ok := reflect.TypeFor[userapi.CreateUserRequest]().FieldByName(f.Field); f.Field != "" && !ok {
			t.Errorf("FieldErrors names %q, which is not a field of CreateUserRequest", f.Field)
		}
	}
	if !named {
		t.Error("no field is named")
	}
	if e.Outcome != userapi.OutcomeNotSent {
		return
	}
	b.sent(t, 0)
	if p, ok := b.Creator.(userapi.Preflighter); ok && p.PreflightUser(req) == nil {
		t.Error("PreflightUser accepts what CreateUser refuses to send")
	}
}

// strict checks that Strict refuses unmapped fields.
func strict(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	unmapped := b.mustCreate(t, h.Full(1)).Unmapped
	req := h.Full(2)
	req.Strict = true
	if len(unmapped) == 0 {
		b.mustCreate(t, req)
		return
	}
	b.requests.Store(0)
	e := b.fails(t.Context(), t, req)
	want(t, e, userapi.KindInvalid, userapi.OutcomeNotSent)
	b.sent(t, 0)
	b.users(t, 1)
	for _, field := range unmapped {
		if !slices.ContainsFunc(e.FieldErrors, func(f userapi.FieldError) bool { return f.Field == field }) {
			t.Errorf("Strict does not name %s", field)
		}
	}
}

func redactedPassword(t *testing.T, h *Harness) {
	b := open(t, h, nil)
	req := h.Full(1)
	req.Password = userapi.Redacted
	e := b.fails(t.Context(), t, req)
	want(t, e, userapi.KindInvalid, userapi.OutcomeNotSent)
	b.sent(t, 0)
}

func concurrent(t *testing.T, h *Harness) {
	const callers = 32
	b := open(t, h, nil)
	ids := make([]string, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			u, err := b.CreateUser(t.Context(), h.Minimal(100+i))
			if err != nil || u == nil {
				t.Errorf("caller %d: %v", i, err)
				return
			}
			ids[i] = u.ID
		})
	}
	wg.Wait()
	b.users(t, callers)
	slices.Sort(ids)
	if unique := len(slices.Compact(ids)); unique != callers {
		t.Error(strconv.Itoa(unique) + " different ids for " + strconv.Itoa(callers) + " users")
	}
}
