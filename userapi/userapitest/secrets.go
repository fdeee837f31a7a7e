package userapitest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/userapi"
)

var secretChecks = []check{
	{"secrets/logs_and_dumps", logsAndDumps},
	{"secrets/hostile_echo", hostileEcho},
}

// planted returns the texts that must not be seen: the harness's credentials and the request's
// password, in every form in which they could be printed.
func (b *bench) planted(req userapi.CreateUserRequest) []string {
	var all []string
	for _, s := range append([]string{req.Password.Reveal()}, b.h.Secrets...) {
		if s == "" {
			continue
		}
		quoted, _ := json.Marshal(s)
		all = append(all, s, url.QueryEscape(s), hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s))),
			base64.StdEncoding.EncodeToString([]byte(s)), string(quoted[1:len(quoted)-1]), fmt.Sprint([]byte(s)))
	}
	return all
}

// personal returns the values of a request that errors and logs must not show.
func personal(req userapi.CreateUserRequest) []string {
	var all []string
	for _, s := range []string{req.IdempotencyKey, req.ExternalID, req.Email, req.Username, req.Phone, req.FullName, req.GivenName, req.FamilyName} {
		if len(s) > 3 {
			all = append(all, s)
		}
	}
	return all
}

// dump returns every printed form of values.
func dump(values ...any) string {
	var b strings.Builder
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		if text, err := json.Marshal(v); err == nil {
			b.Write(text)
		}
		log := slog.New(slog.NewTextHandler(&b, nil))
		log.Info("dump", "value", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("dump", "value", v)
	}
	return b.String()
}

// seen fails the test if an error shows a secret or a value of the request in any printable part.
func (b *bench) seen(t *testing.T, req userapi.CreateUserRequest, err error) {
	t.Helper()
	var e *userapi.Error
	values := []any{err}
	if asError(err, &e) {
		values = append(values, *e, e.FieldErrors, e.Message, e.Code, e.RequestID)
		for _, cause := range chain(e.Err) {
			values = append(values, cause)
		}
		if e.User != nil {
			b.search(t, "the error's user", dump(e.User, *e.User), b.planted(req))
		}
	}
	b.search(t, "an error", dump(values...), append(b.planted(req), personal(req)...))
}

// chain returns an error and everything that it wraps.
func chain(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	switch x := err.(type) {
	case interface{ Unwrap() error }:
		all = append(all, chain(x.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, cause := range x.Unwrap() {
			all = append(all, chain(cause)...)
		}
	}
	return all
}

func asError(err error, to **userapi.Error) bool {
	e, ok := err.(*userapi.Error) // the error that CreateUser returned
	*to = e
	return ok && e != nil
}

// search looks for values in a text and never prints them.
func (b *bench) search(t *testing.T, where, text string, values []string) {
	t.Helper()
	for i, v := range values {
		if strings.Contains(text, v) {
			t.Errorf("%s shows a secret or a value of the request (number %d of %d)", where, i+1, len(values))
			return
		}
	}
}

// logsAndDumps creates a user and fails to create one. Then it searches the log, the metrics, the
// creator and the request, in every printed form.
func logsAndDumps(t *testing.T, h *Harness) {
	var log bytes.Buffer
	var attempts []userapi.Attempt
	b := open(t, h, func(o *userapi.HTTPOptions) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug - 10}))
		o.OnAttempt = func(_ context.Context, a userapi.Attempt) { attempts = append(attempts, a) }
	})
	req := h.Full(1)
	u := b.mustCreate(t, req)
	b.Inject(Fault{On: Create, When: BeforeCommit, Status: 400, Body: []byte(`{"message":"no"}`), Times: -1})
	_ = b.fails(t.Context(), t, h.Full(2))
	if len(attempts) < 2 {
		t.Errorf("OnAttempt was called %d times, want one for each attempt", len(attempts))
	}
	secrets := append(b.planted(req), b.planted(h.Full(2))...)
	b.search(t, "the log", log.String(), append(secrets, append(personal(req), personal(h.Full(2))...)...))
	b.search(t, "an attempt", dump(attempts), append(secrets, personal(req)...))
	b.search(t, "the creator", dump(b.Creator), secrets)
	b.search(t, "the request", dump(req, req.Extensions), b.planted(req))
	b.search(t, "the user", dump(u, *u), secrets)
	if native, ok := userapi.As[any](u); ok {
		b.search(t, "the native user", dump(native), secrets)
	}
}

// hostileEcho: a vendor echoes everything, in every place where a client might look. The error does
// not repeat it.
func hostileEcho(t *testing.T, h *Harness) {
	echoes(t, h, Create, func(b *bench, req userapi.CreateUserRequest) { _ = b.fails(t.Context(), t, req) })
}

// echoes lets a vendor echo what it was sent, in its replies to an operation. call must search an
// error for it.
func echoes(t *testing.T, h *Harness, on Operation, call func(b *bench, req userapi.CreateUserRequest)) {
	t.Helper()
	req := h.Full(2)
	values := slices.DeleteFunc(append(append([]string{req.Password.Reveal()}, h.Secrets...), personal(req)...), func(v string) bool { return v == "" })
	body := map[string]any{}
	var messages []any
	for _, v := range values {
		messages = append(messages, "it is "+v+" here", strings.ToUpper(v))
		body[v] = []any{v}
	}
	errs := map[string]any{"base": messages, "email": messages, "user.email": []any{map[string]any{"code": "[x]" + values[0], "message": values[0]}}}
	for _, v := range values {
		errs[v] = messages
	}
	body["errors"], body["fieldErrors"], body["detail"] = errs, errs, messages
	body["message"], body["code"] = messages, values[0]
	body["error"] = map[string]any{"code": 10002, "description": values[0], "extra": values[0]}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for _, name := range []string{"X-Request-Id", "Cf-Ray"} {
		header.Set(name, url.QueryEscape(values[0]))
	}
	for _, status := range []int{400, 401, 409, 422, 500, 200} {
		b := open(t, h, nil).warm(t)
		b.Inject(Fault{On: on, When: BeforeCommit, Status: status, Header: header, Body: text, Times: -1})
		call(b, req)
	}
}
