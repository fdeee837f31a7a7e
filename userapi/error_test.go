package userapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

var sentinels = map[userapi.Kind]error{
	userapi.KindInvalid:      userapi.ErrInvalid,
	userapi.KindConflict:     userapi.ErrConflict,
	userapi.KindUnauthorized: userapi.ErrUnauthorized,
	userapi.KindForbidden:    userapi.ErrForbidden,
	userapi.KindNotFound:     userapi.ErrNotFound,
	userapi.KindRateLimited:  userapi.ErrRateLimited,
	userapi.KindUnavailable:  userapi.ErrUnavailable,
	userapi.KindProtocol:     userapi.ErrProtocol,
	userapi.KindCanceled:     userapi.ErrCanceled,
	userapi.KindTimeout:      userapi.ErrTimeout,
}

// A vendorError is like a vendor's *APIError.
type vendorError struct{ text string }

func (v *vendorError) Error() string { return v.text }

func TestIsAnswersForExactlyTheKind(t *testing.T) {
	t.Parallel()
	causes := map[string]error{
		"none":             nil,
		"another verdict":  &userapi.Error{Kind: userapi.KindUnauthorized, Err: io.EOF},
		"wrapped verdict":  fmt.Errorf("session: %w", &userapi.Error{Kind: userapi.KindTimeout}),
		"a sentinel":       userapi.ErrForbidden,
		"joined":           errors.Join(io.EOF, &userapi.Error{Kind: userapi.KindConflict}),
		"a vendor's error": &vendorError{"x"},
	}
	for kind := userapi.KindUnknown; kind <= userapi.KindTimeout; kind++ {
		for name, cause := range causes {
			e := &userapi.Error{Kind: kind, Err: cause}
			for _, err := range []error{e, fmt.Errorf("wrapped: %w", e), errors.Join(io.ErrClosedPipe, e)} {
				for k, sentinel := range sentinels {
					assert.Equal(t, k == kind, errors.Is(err, sentinel), "%v with cause %s is %v", kind, name, k)
				}
			}
		}
	}
}

func TestUnwrapFindsWhatIsNoVerdict(t *testing.T) {
	t.Parallel()
	vendor := &vendorError{"x"}
	inner := &userapi.Error{Kind: userapi.KindUnauthorized, Err: errors.Join(io.EOF, vendor)}
	e := &userapi.Error{Kind: userapi.KindUnavailable, Err: fmt.Errorf("session: %w", inner)}
	require.ErrorIs(t, e, io.EOF)
	var found *vendorError
	require.ErrorAs(t, e, &found)
	assert.Same(t, vendor, found)
	var outer *userapi.Error
	require.ErrorAs(t, e, &outer)
	assert.Same(t, e, outer)
	var below *userapi.Error
	assert.NotErrorAs(t, errors.Unwrap(e), &below, "the verdict below is hidden")

	plain := &userapi.Error{Err: context.Canceled}
	assert.Equal(t, context.Canceled, errors.Unwrap(plain))
	require.NoError(t, errors.Unwrap(&userapi.Error{}))
	var none *userapi.Error
	require.NoError(t, none.Unwrap())
	assert.NotPanics(t, func() { _ = none.Error() })
	assert.NotErrorIs(t, none, userapi.ErrInvalid)
}

func TestMayHaveCreated(t *testing.T) {
	t.Parallel()
	of := func(o userapi.Outcome) error { return &userapi.Error{Outcome: o} }
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"nil":                     {nil, false},
		"unknown":                 {of(userapi.OutcomeUnknown), true},
		"created":                 {of(userapi.OutcomeCreated), true},
		"not sent":                {of(userapi.OutcomeNotSent), false},
		"rejected":                {of(userapi.OutcomeRejected), false},
		"no such outcome":         {of(99), true},
		"a foreign error":         {io.EOF, true},
		"a sentinel":              {userapi.ErrInvalid, true},
		"wrapped":                 {fmt.Errorf("x: %w", of(userapi.OutcomeRejected)), false},
		"wrapped unknown":         {fmt.Errorf("x: %w", of(userapi.OutcomeUnknown)), true},
		"the outer one decides":   {&userapi.Error{Outcome: userapi.OutcomeNotSent, Err: of(userapi.OutcomeUnknown)}, false},
		"joined, one unknown":     {errors.Join(of(userapi.OutcomeNotSent), of(userapi.OutcomeUnknown)), true},
		"joined, none":            {errors.Join(of(userapi.OutcomeNotSent), of(userapi.OutcomeRejected)), false},
		"joined with a foreigner": {errors.Join(io.EOF, of(userapi.OutcomeNotSent)), false},
		"two verbs":               {fmt.Errorf("%w and %w", io.EOF, of(userapi.OutcomeCreated)), true},
	} {
		assert.Equal(t, tt.want, userapi.MayHaveCreated(tt.err), name)
	}
}

// planted is a value that no printed form of an error may show.
const planted = "planted-s3cret"

func plantedError() *userapi.Error {
	return &userapi.Error{
		Provider: "quickblox", Op: "create user", Kind: userapi.KindConflict, Outcome: userapi.OutcomeRejected,
		StatusCode: 422, Code: "taken", Message: planted, RequestID: "req-1", RetryAfter: 3 * time.Second, Attempts: 2,
		FieldErrors: []userapi.FieldError{
			{Field: "Email", VendorField: "email", Code: "taken", Message: planted},
			{VendorField: "blob", Code: "invalid", Message: planted},
			{Field: "Username", Message: planted},
		},
		User: &userapi.User{Provider: "quickblox", ID: "17", Email: planted, Raw: json.RawMessage(planted)},
		Err:  &vendorError{planted},
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "quickblox: create user: already taken (status 422, code taken): "+
		"Email: taken; blob: invalid; Username, no user was created, retry after 3s, request req-1", plantedError().Error())
	assert.Equal(t, "x: create user: timed out, the user may or may not exist",
		(&userapi.Error{Provider: "x", Op: "create user", Kind: userapi.KindTimeout}).Error())
	assert.Equal(t, "x: create user: unexpected reply (status 201), but the user was created as 5",
		(&userapi.Error{Provider: "x", Op: "create user", Kind: userapi.KindProtocol, Outcome: userapi.OutcomeCreated, StatusCode: 201, User: &userapi.User{ID: "5"}}).Error())
	assert.Equal(t, "x: create user: invalid request: ExternalID (external_user_id): must be a number; Password: must be set, nothing was sent",
		(&userapi.Error{Provider: "x", Op: "create user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, FieldErrors: []userapi.FieldError{
			{Field: "ExternalID", VendorField: "external_user_id", Code: "invalid", Message: "must be a number"},
			{Field: "Password", VendorField: "password", Code: "required", Message: "must be set"},
		}}).Error())
	// The subject decides, and not the name of the operation.
	for _, tt := range []struct {
		subject userapi.Subject
		op      string
		kind    userapi.Kind
		outcome userapi.Outcome
		want    string
	}{
		{userapi.SubjectCreate, "create user", userapi.KindNotFound, userapi.OutcomeRejected, "not found, no user was created"},
		{userapi.SubjectCreate, "import", userapi.KindNotFound, userapi.OutcomeRejected, "not found, no user was created"},
		{userapi.SubjectUser, "look up user", userapi.KindNotFound, userapi.OutcomeRejected, "not found, the user does not exist"},
		{userapi.SubjectUser, "create or find", userapi.KindNotFound, userapi.OutcomeRejected, "not found, the user does not exist"},
		{userapi.SubjectUser, "resolve user", userapi.KindConflict, userapi.OutcomeRejected, "already taken, no user was created"},
		{userapi.SubjectUser, "delete user", userapi.KindForbidden, userapi.OutcomeUnknown, "forbidden, the user may or may not exist"},
		{userapi.SubjectStep, "set attributes", userapi.KindForbidden, userapi.OutcomeRejected, "forbidden, it was not done"},
		{userapi.SubjectStep, "undo rename", userapi.KindForbidden, userapi.OutcomeUnknown, "forbidden, it may have been done"},
		{userapi.SubjectStep, "create address", userapi.KindNotFound, userapi.OutcomeRejected, "not found, the user does not exist"},
		{userapi.SubjectStep, "set attributes", userapi.KindTimeout, userapi.OutcomeNotSent, "timed out, nothing was sent"},
		{userapi.SubjectNone, "create session", userapi.KindTimeout, userapi.OutcomeNotSent, "timed out, nothing was sent"},
		{userapi.SubjectNone, "create session", userapi.KindTimeout, userapi.OutcomeUnknown, "timed out"},
		{userapi.SubjectNone, "read billing", userapi.KindForbidden, userapi.OutcomeRejected, "forbidden"},
	} {
		e := &userapi.Error{Provider: "x", Op: tt.op, Subject: tt.subject, Kind: tt.kind, Outcome: tt.outcome}
		assert.Equal(t, "x: "+tt.op+": "+tt.want, e.Error())
	}
	// Without a vendor the messages are ours.
	assert.Equal(t, "decide on user: invalid request: Decision: must be made, the user may or may not exist",
		(&userapi.Error{Op: "decide on user", Subject: userapi.SubjectUser, Kind: userapi.KindInvalid, FieldErrors: []userapi.FieldError{
			{VendorField: "Decision", Code: userapi.CodeRequired, Message: "must be made"},
		}}).Error())
	// Our code and the vendor's are both shown.
	assert.Equal(t, "x: create user: invalid request (status 400): Password (user.password): weak (singleCase), no user was created",
		(&userapi.Error{Provider: "x", Op: "create user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected, StatusCode: 400,
			FieldErrors: []userapi.FieldError{{Field: "Password", VendorField: "user.password", Code: userapi.CodeWeak, VendorCode: "singleCase", Message: planted}}}).Error())
	// A vendor's texts about a refused session are not shown.
	assert.Equal(t, "x: create user: not authorized (status 401): login: taken, nothing was sent",
		(&userapi.Error{Provider: "x", Op: "create user", Kind: userapi.KindUnauthorized, Outcome: userapi.OutcomeNotSent, StatusCode: 401,
			FieldErrors: []userapi.FieldError{{VendorField: "login", Code: "taken", Message: planted}}}).Error())
}

// A classed is a cause that has a class and a secret text.
type classed string

func (classed) Error() string   { return planted }
func (c classed) Class() string { return string(c) }

func TestErrorShowsTheClassOfItsCause(t *testing.T) {
	t.Parallel()
	of := func(err error) *userapi.Error {
		return &userapi.Error{Provider: "quickblox", Op: "create user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent, Err: err}
	}
	long := strings.Repeat("x", 80)
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"the cause":       {classed("no such host"), ": no such host"},
		"wrapped":         {fmt.Errorf("dial: %w", classed("no such host")), ": no such host"},
		"below a verdict": {&userapi.Error{Kind: userapi.KindUnavailable, Err: classed("proxy refused")}, ": proxy refused"},
		"joined":          {errors.Join(io.EOF, classed("TLS: unknown authority")), ": TLS: unknown authority"},
		"80 bytes":        {classed(long), ": " + long},
		"81 bytes":        {classed(long + "x"), ""},
		"a line feed":     {classed("a\nb"), ""},
		"not ASCII":       {classed("é"), ""},
		"not UTF-8":       {classed("a\xff"), ""},
		"none":            {classed(""), ""},
		"no method":       {io.EOF, ""},
		"no cause":        {nil, ""},
	} {
		e := of(tt.err)
		assert.Equal(t, "quickblox: create user: unavailable"+tt.want+", nothing was sent", e.Error(), name)
		all := forms(e)
		assert.NotContains(t, all, planted, name)
		assert.Equal(t, tt.want != "", strings.Contains(all, `"class":"`+strings.TrimPrefix(tt.want, ": ")+`"`), name)
	}
	e := of(classed("x"))
	e.StatusCode = 201
	assert.Equal(t, "quickblox: create user: unavailable: x (status 201), nothing was sent", e.Error())
}

// forms returns every printed form of a value.
func forms(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	if text, err := json.Marshal(v); err == nil {
		b.Write(text)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
	return b.String()
}

func TestErrorShowsNoValues(t *testing.T) {
	t.Parallel()
	e := plantedError()
	for _, v := range []any{e, *e, fmt.Errorf("wrapped: %w", e), struct{ E *userapi.Error }{e}, struct{ E userapi.Error }{*e}, []error{e}} {
		text := forms(v)
		assert.NotContains(t, text, planted)
		assert.NotContains(t, text, fmt.Sprintf("%x", planted))
	}
	assert.Contains(t, forms(e), "already taken")
	text, err := json.Marshal(e)
	require.NoError(t, err)
	assert.JSONEq(t, `{"provider":"quickblox","op":"create user","kind":"conflict","outcome":"rejected","status_code":422,"code":"taken",
		"field_errors":[{"field":"Email","vendor_field":"email","code":"taken"},{"vendor_field":"blob","code":"invalid"},{"field":"Username"}],
		"request_id":"req-1","retry_after":"3s","attempts":2,"user_id":"17"}`, string(text))
	assert.Contains(t, forms(e), "outcome=rejected")
	assert.NotContains(t, forms(e), "subject", "of a create nothing needs saying")
	e.Subject, e.FieldErrors = userapi.SubjectStep, []userapi.FieldError{{Field: "Email", Code: "taken", VendorCode: "duplicate"}}
	text, err = json.Marshal(e)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"subject":"step"`)
	assert.Contains(t, string(text), `"code":"taken","vendor_code":"duplicate"`)
	assert.Contains(t, forms(e), "subject=step")
}

func TestNumbersAndNamesAreFrozen(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"unknown", "invalid", "conflict", "unauthorized", "forbidden", "not_found", "rate_limited", "unavailable", "protocol", "canceled", "timeout"} {
		roundTrip(t, userapi.Kind(i), name)
	}
	for i, name := range []string{"unknown", "not_sent", "rejected", "created"} {
		roundTrip(t, userapi.Outcome(i), name)
	}
	for i, name := range []string{"create", "user", "step", "none"} {
		roundTrip(t, userapi.Subject(i), name)
	}
	for i, name := range []string{"none", "reply", "id", "key", "match"} {
		roundTrip(t, userapi.Proof(i), name)
	}
	assert.Equal(t, "kind(99)", userapi.Kind(99).String())
	assert.Equal(t, "outcome(-1)", userapi.Outcome(-1).String())
	var k userapi.Kind
	require.Error(t, k.UnmarshalText([]byte("no such")))
	assert.Equal(t, userapi.OutcomeUnknown, *new(userapi.Outcome), "an implementer who forgets to decide claims nothing")
}

func roundTrip[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](t *testing.T, v T, name string) {
	t.Helper()
	assert.Equal(t, name, fmt.Sprint(v))
	text, err := json.Marshal(v)
	require.NoError(t, err)
	assert.Equal(t, `"`+name+`"`, string(text))
	var back T
	require.NoError(t, json.Unmarshal(text, P(&back)))
	assert.Equal(t, v, back)
}
