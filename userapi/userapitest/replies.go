package userapitest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

const htmlPage = "<!DOCTYPE html><html><body><h1>Something else</h1></body></html>"

var htmlHeader = http.Header{"Content-Type": {"text/html; charset=utf-8"}}

// replyChecks are about replies that are not a success, or only look like one.
func replyChecks() []check {
	type reply struct {
		name    string
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
	}
	const (
		rejected = userapi.OutcomeRejected
		unknown  = userapi.OutcomeUnknown
	)
	var checks []check
	for _, r := range []reply{
		{"400", 400, "", userapi.KindInvalid, rejected},
		{"401", 401, "", userapi.KindUnauthorized, rejected},
		{"402", 402, "", userapi.KindForbidden, rejected},
		{"403_html", 403, htmlPage, userapi.KindForbidden, rejected},
		{"404_html", 404, htmlPage, userapi.KindNotFound, rejected},
		{"405", 405, "", userapi.KindProtocol, rejected},
		{"408", 408, "", userapi.KindUnavailable, unknown},
		{"422", 422, "{}", userapi.KindInvalid, rejected},
		{"500", 500, "", userapi.KindUnavailable, unknown},
		{"500_json", 500, `{"a":1}`, userapi.KindUnavailable, unknown},
		{"502_html", 502, htmlPage, userapi.KindUnavailable, unknown},
		{"503", 503, "", userapi.KindUnavailable, unknown},
		{"504_html", 504, htmlPage, userapi.KindUnavailable, unknown},
		{"200_html", 200, htmlPage, userapi.KindProtocol, unknown},
		{"200_null", 200, "null", userapi.KindProtocol, unknown},
		{"200_empty_object", 200, "{}", userapi.KindProtocol, unknown},
		{"200_array", 200, "[]", userapi.KindProtocol, unknown},
		{"201_empty", 201, "", userapi.KindProtocol, unknown},
		{"204", 204, "", userapi.KindProtocol, unknown},
	} {
		checks = append(checks, check{"reply/" + r.name, func(t *testing.T, h *Harness) {
			b := open(t, h, nil).warm(t)
			var header http.Header
			if r.body == htmlPage {
				header = htmlHeader
			}
			b.Inject(Fault{On: Create, When: BeforeCommit, Status: r.status, Header: header, Body: []byte(r.body), Times: -1})
			e := b.fails(t.Context(), t, h.Minimal(2))
			want(t, e, r.kind, r.outcome)
			if e.StatusCode != r.status {
				t.Errorf("status %d, want %d", e.StatusCode, r.status)
			}
			b.users(t, 1)
			if r.status != 401 { // the creator may renew a session, once
				b.sent(t, 1)
			}
		}})
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		checks = append(checks, check{"redirect/" + strconv.Itoa(status), func(t *testing.T, h *Harness) { redirect(t, h, status) }})
	}
	for name, value := range map[string]string{
		"seconds": "7", "date": "", "absurd": "99999999999999999999", "negative": "-5", "garbage": "soon",
	} {
		checks = append(checks, check{"rate_limited/" + name, func(t *testing.T, h *Harness) { rateLimited(t, h, value) }})
	}
	return append(checks, check{"rate_limited/again", rateLimitedAgain}, check{"reply/over_the_limit", overTheLimit})
}

func redirect(t *testing.T, h *Harness, status int) {
	var followed atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(elsewhere.Close)
	b := open(t, h, nil).warm(t)
	b.Inject(Fault{On: Create, When: BeforeCommit, Status: status, Header: http.Header{"Location": {elsewhere.URL + "/users"}}, Times: -1})
	e := b.fails(t.Context(), t, h.Minimal(2))
	outcome := userapi.OutcomeRejected
	if status == 302 || status == 303 {
		outcome = userapi.OutcomeUnknown
	}
	want(t, e, userapi.KindProtocol, outcome)
	b.sent(t, 1)
	b.users(t, 1)
	if n := followed.Load(); n != 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
}

func rateLimited(t *testing.T, h *Harness, value string) {
	date := value == ""
	if date {
		value = time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	}
	b := open(t, h, func(o *userapi.HTTPOptions) { o.Retry.MaxAttempts = 2 }).warm(t)
	b.Inject(Fault{On: Create, When: BeforeCommit, Status: 429, Header: http.Header{"Retry-After": {value}}, Times: -1})
	e := b.fails(t.Context(), t, h.Minimal(2))
	want(t, e, userapi.KindRateLimited, userapi.OutcomeRejected)
	b.users(t, 1)
	switch {
	case date:
		if e.RetryAfter < 50*time.Minute || e.RetryAfter > time.Hour {
			t.Errorf("RetryAfter %v, want about an hour", e.RetryAfter)
		}
		b.sent(t, 1)
	case value == "7":
		if e.RetryAfter != 7*time.Second {
			t.Errorf("RetryAfter %v, want 7s", e.RetryAfter)
		}
		b.sent(t, 1)
	case value[0] == '9':
		if e.RetryAfter < 24*time.Hour {
			t.Errorf("RetryAfter %v, want a very long time", e.RetryAfter)
		}
		b.sent(t, 1)
	default: // no value
		if e.RetryAfter != 0 {
			t.Errorf("RetryAfter %v, want 0", e.RetryAfter)
		}
		b.sent(t, 2)
	}
}

// rateLimitedAgain: every creator sends a create again after a 429. It is the only such refusal.
func rateLimitedAgain(t *testing.T, h *Harness) {
	b := open(t, h, nil).warm(t)
	b.Inject(Fault{On: Create, When: BeforeCommit, Status: 429})
	b.mustCreate(t, h.Minimal(2))
	b.sent(t, 2)
	b.users(t, 2)
}

func overTheLimit(t *testing.T, h *Harness) {
	b := open(t, h, func(o *userapi.HTTPOptions) { o.MaxResponseBytes = 8192 }).warm(t)
	page := make([]byte, 20000)
	for i := range page {
		page[i] = ' '
	}
	b.Inject(Fault{On: Create, When: AfterCommit, Status: 200, Body: page, Times: -1})
	e := b.fails(t.Context(), t, h.Minimal(2))
	want(t, e, userapi.KindProtocol, userapi.OutcomeUnknown)
	b.sent(t, 1)
	b.users(t, 2)
}
