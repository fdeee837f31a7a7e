package fusionauth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

const (
	html504 = `<html>
<head><title>504 Gateway Time-out</title></head>
<body>
<center><h1>504 Gateway Time-out</h1></center>
</body>
</html>`
	duplicateEmail = `{"fieldErrors":{"user.email":[{"code":"[duplicate]user.email","message":"A User with email = [test@example.com] already exists."}]},"generalErrors":[]}`
	emptyCreate    = `{"fieldErrors":{"user.email":[{"code":"[blank]user.email","message":"You must specify either the [user.email] or [user.username] property."}],"user.password":[{"code":"[blank]user.password","message":"You must specify the [user.password] property."}],"user.username":[{"code":"[blank]user.username","message":"You must specify either the [user.email] or [user.username] property."}],"userId":[{"code":"[duplicate]userId","message":"A User with Id [2bc3b58e-1f0d-4c4e-9a52-5b3f1d8e6a70] already exists."}]}}`
)

// The codes and texts are those of FusionAuth's documentation, issue tracker and
// clients' tests.
func TestReplyToError(t *testing.T) {
	t.Parallel()
	type field struct{ name, vendor, code string }
	for _, tt := range []struct {
		name    string
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
		again   transport.Retry
		code    string
		fields  []field
		idField string
	}{
		{
			name: "a duplicate", status: 400, body: duplicateEmail,
			kind: userapi.KindConflict, outcome: userapi.OutcomeRejected,
			fields: []field{{"Email", "user.email", "duplicate"}},
		},
		{
			name: "a duplicate among other faults", status: 400, body: emptyCreate,
			kind: userapi.KindConflict, outcome: userapi.OutcomeRejected,
			fields: []field{{"Email", "user.email", "blank"}, {"Password", "user.password", "blank"}, {"Username", "user.username", "blank"}, {"", "userId", "duplicate"}},
		},
		{
			name: "the id that ExternalID gave", status: 400, body: `{"fieldErrors":{"userId":[{"code":"[duplicate]userId"}]}}`, idField: "ExternalID",
			kind: userapi.KindConflict, outcome: userapi.OutcomeRejected,
			fields: []field{{"ExternalID", "userId", "duplicate"}},
		},
		{
			name: "the id that IdempotencyKey gave", status: 400, body: `{"fieldErrors":{"user.id":[{"code":"[duplicate]user.id"}]}}`, idField: "IdempotencyKey",
			kind: userapi.KindConflict, outcome: userapi.OutcomeRejected,
			fields: []field{{"IdempotencyKey", "user.id", "duplicate"}},
		},
		{
			name: "a user name", status: 400, body: `{"fieldErrors":{"user.username":[{"code":"[duplicate]user.username","message":"A User with username = [bob] already exists."}]}}`,
			kind: userapi.KindConflict, outcome: userapi.OutcomeRejected,
			fields: []field{{"Username", "user.username", "duplicate"}},
		},
		{
			name: "a phone number", status: 400, body: `{"fieldErrors":{"user.phoneNumber":[{"code":"[duplicate]user.phoneNumber"}]}}`,
			kind: userapi.KindConflict, outcome: userapi.OutcomeRejected,
			fields: []field{{"Phone", "user.phoneNumber", "duplicate"}},
		},
		{
			name: "a duplicate of something else", status: 400, body: `{"fieldErrors":{"user.memberships":[{"code":"[duplicate]user.memberships"}]}}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected,
			fields: []field{{"", "user.memberships", "duplicate"}},
		},
		{
			name: "two faults of a field, in order", status: 400,
			body: `{"fieldErrors":{"user.password":[{"code":"[tooShort]user.password"},{"code":"[requireNumber]user.password"}]},"generalErrors":[]}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected,
			fields: []field{{"Password", "user.password", "tooShort"}, {"Password", "user.password", "requireNumber"}},
		},
		{
			name: "every neutral field", status: 400,
			body: `{"fieldErrors":{"user.data.age":[{"code":"[invalid]user.data.age"}],"user.firstName":[{"code":"[blank]user.firstName"}],"user.fullName":[{"code":"[blank]user.fullName"}],"user.lastName":[{"code":"[blank]user.lastName"}],"user.mobilePhone":[{"code":"[invalid]user.mobilePhone"}],"user.preferredLanguages[3]":[{"code":"[invalid]user.preferredLanguages"}],"user.timezone":[{"code":"[invalidJSON]"}]}}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected,
			fields: []field{
				{"Attributes", "user.data.age", "invalid"}, {"GivenName", "user.firstName", "blank"}, {"FullName", "user.fullName", "blank"},
				{"FamilyName", "user.lastName", "blank"}, {"Phone", "user.mobilePhone", "invalid"},
				{"Language", "user.preferredLanguages[3]", "invalid"}, {"Timezone", "user.timezone", "invalidJSON"},
			},
		},
		{
			name: "no UUID in the path", status: 400, body: `{"fieldErrors":{"userId":[{"code":"[couldNotConvert]userId","message":"Invalid userId [index]."}]},"generalErrors":[]}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected,
			fields: []field{{"", "userId", "couldNotConvert"}},
		},
		{
			name: "no tenant", status: 400, body: `{"generalErrors":[{"code":"[TenantIdRequired]","message":"You must specify the X-FusionAuth-TenantId request header."}]}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected, code: "TenantIdRequired",
		},
		{
			name: "an unknown member", status: 400, body: `{"fieldErrors":{},"generalErrors":[{"code":"[invalidJSON]","message":"Invalid JSON in the request body. The property was [user.wat]. The error was [Unrecognized property]."}]}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected, code: "invalidJSON",
		},
		{
			name: "fieldErrors as FusionAuth's API description has it", status: 400, body: `{"fieldErrors":[{"code":"[duplicate]user.email","message":"m"},{"code":"[oops]"}],"generalErrors":[]}`,
			kind: userapi.KindConflict, outcome: userapi.OutcomeRejected, code: "oops",
			fields: []field{{"Email", "user.email", "duplicate"}},
		},
		{
			name: "members of other types", status: 400, body: `{"fieldErrors":{"user.email":{"code":"[blank]user.email"},"user.username":"no","x":null,"y":[null,{},7]},"generalErrors":"bad"}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected,
			fields: []field{{"Email", "user.email", "blank"}, {"Username", "user.username", "invalid"}, {"", "y", "invalid"}},
		},
		{
			name: "a generic errors", status: 422, body: `{"errors":{"email":["is taken"]}}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected,
			fields: []field{{"", "email", "invalid"}},
		},
		{
			name: "a generic error", status: 400, body: `{"error":{"code":"invalid_json","message":"no"}}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected, code: "invalid_json",
		},
		{name: "a list of generic errors", status: 400, body: `{"errors":["no","never"]}`, kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected},
		{name: "a code of its own shape", status: 400, body: `{"generalErrors":[{"code":"E-17"}]}`, kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected, code: "E-17"},
		{name: "400 with an empty body", status: 400, kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected},
		{name: "400 with a list", status: 400, body: `["no"]`, kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected},
		{name: "an empty 401", status: 401, kind: userapi.KindUnauthorized, outcome: userapi.OutcomeRejected},
		{name: "402", status: 402, kind: userapi.KindForbidden, outcome: userapi.OutcomeRejected},
		{name: "403 of the firewall", status: 403, body: html504, kind: userapi.KindForbidden, outcome: userapi.OutcomeRejected},
		{name: "an empty 404", status: 404, kind: userapi.KindNotFound, outcome: userapi.OutcomeRejected},
		{name: "405", status: 405, kind: userapi.KindProtocol, outcome: userapi.OutcomeRejected},
		{name: "408", status: 408, kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown},
		{
			name: "a conflict to be repeated", status: 409, body: `{"fieldErrors":{},"generalErrors":[{"code":"[retryableConflict]","message":"Try again."}]}`,
			kind: userapi.KindUnavailable, outcome: userapi.OutcomeRejected, again: transport.RetryBackoff, code: "retryableConflict",
		},
		{name: "a 409 that is not a duplicate", status: 409, body: `{"generalErrors":[{"code":"[conflict]"}]}`, kind: userapi.KindUnavailable, outcome: userapi.OutcomeRejected, code: "conflict"},
		{name: "a 409 that is a duplicate", status: 409, body: `{"generalErrors":[{"code":"[duplicate]"}]}`, kind: userapi.KindConflict, outcome: userapi.OutcomeRejected, code: "duplicate"},
		{
			name: "a 409 of a duplicate field", status: 409, body: `{"fieldErrors":{"user.email":[{"code":"[duplicate]user.email"}]}}`,
			kind: userapi.KindConflict, outcome: userapi.OutcomeRejected, fields: []field{{"Email", "user.email", "duplicate"}},
		},
		{
			name: "a 409 of a wrong field", status: 409, body: `{"fieldErrors":{"user.email":[{"code":"[notEmail]user.email"}]}}`,
			kind: userapi.KindInvalid, outcome: userapi.OutcomeRejected, fields: []field{{"Email", "user.email", "notEmail"}},
		},
		{name: "a conflict without a body", status: 409, kind: userapi.KindConflict, outcome: userapi.OutcomeRejected},
		{name: "that code under another status", status: 500, body: `{"generalErrors":[{"code":"[retryableConflict]"}]}`, kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown, code: "retryableConflict"},
		{name: "415", status: 415, kind: userapi.KindProtocol, outcome: userapi.OutcomeRejected},
		{name: "429", status: 429, kind: userapi.KindRateLimited, outcome: userapi.OutcomeRejected, again: transport.RetryBackoff},
		{name: "an empty 500", status: 500, kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown},
		{
			name: "500 with errors of both kinds", status: 500, body: `{"fieldErrors":{"user.email":[{"code":"[duplicate]user.email"}]},"generalErrors":[{"code":"[Exception]","message":"java.lang.NullPointerException"}]}`,
			kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown, code: "Exception",
			fields: []field{{"Email", "user.email", "duplicate"}},
		},
		{name: "502 of a proxy", status: 502, body: html504, kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown},
		{
			name: "the search engine", status: 503, body: `{"generalErrors":[{"code":"[SearchEngineRequestFailedException]","message":"down"}]}`,
			kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown, code: "SearchEngineRequestFailedException",
		},
		{
			name: "a webhook's failure", status: 504, body: `{"generalErrors":[{"code":"[WebhookTransactionException]","message":"One or more webhooks failed."}]}`,
			kind: userapi.KindUnavailable, outcome: userapi.OutcomeRejected, code: "WebhookTransactionException",
		},
		{
			name: "a webhook's failure, of a field", status: 504, body: `{"fieldErrors":{"user.email":[{"message":"refused"}]}}`,
			kind: userapi.KindUnavailable, outcome: userapi.OutcomeRejected, fields: []field{{"Email", "user.email", "invalid"}},
		},
		{name: "504 of a load balancer", status: 504, body: html504, kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown},
		{name: "504 without a body", status: 504, kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown},
		{name: "504 without an error in its body", status: 504, body: `{"fieldErrors":{},"generalErrors":[{}]}`, kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown},
		{name: "504 in another's form", status: 504, body: `{"error":"upstream timed out"}`, kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown},
		{name: "504 cut off", status: 504, body: `{"generalErrors":[{"code":"[Webhook`, kind: userapi.KindUnavailable, outcome: userapi.OutcomeUnknown},
		{name: "301", status: 301, kind: userapi.KindProtocol, outcome: userapi.OutcomeRejected},
		{name: "302", status: 302, kind: userapi.KindProtocol, outcome: userapi.OutcomeUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &transport.Reply{Status: tt.status, Header: http.Header{"A": {"b"}}, Body: []byte(tt.body)}
			v := classify(r)
			assert.False(t, v.OK)
			assert.Equal(t, tt.kind, v.Kind)
			assert.Equal(t, tt.outcome, v.Outcome)
			assert.Equal(t, tt.again, v.Retry)
			api, ok := v.Err.(*APIError)
			require.True(t, ok)
			assert.Equal(t, tt.status, api.StatusCode)
			assert.Equal(t, tt.body, string(api.Body))
			assert.Equal(t, "b", api.Header.Get("A"))

			to := target{userID: "2bc3b58e-1f0d-4c4e-9a52-5b3f1d8e6a70", idField: tt.idField}
			e := refused(r, nil, to)
			assert.Equal(t, tt.code, e.Code)
			var fields []field
			for _, f := range e.FieldErrors {
				fields = append(fields, field{f.Field, f.VendorField, cmp.Or(f.VendorCode, f.Code)})
			}
			assert.Equal(t, tt.fields, fields)
		})
	}
}

// refused is the error of a create that was answered with a reply.
func refused(r *transport.Reply, body []byte, to target) *userapi.Error {
	v := provider.Vendor{Name: Name, Explain: explain}
	return v.Refused(createCall(userPath, body, to), &transport.Result{Classification: classify(r), Reply: r})
}

// A form can show what is wrong by the same codes as with every other vendor.
func TestNeutralCodes(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"blank": userapi.CodeRequired, "empty": userapi.CodeRequired, "missing": userapi.CodeRequired,
		"duplicate": userapi.CodeTaken, "inUse": userapi.CodeTaken, "inactive": userapi.CodeTaken,
		"tooShort": userapi.CodeTooShort, "tooLong": userapi.CodeTooLong, "tooMany": userapi.CodeTooMany,
		"singleCase": userapi.CodeWeak, "onlyAlpha": userapi.CodeWeak, "requireNumber": userapi.CodeWeak,
		"previouslyUsed": userapi.CodeWeak, "containsEmail": userapi.CodeWeak, "breachedCommonPassword": userapi.CodeWeak,
		"blocked": userapi.CodeBlocked, "moderationRejected": userapi.CodeBlocked, "notConfigured": userapi.CodeUnsupported,
		"notEmail": userapi.CodeInvalid, "couldNotConvert": userapi.CodeInvalid, "newWord": userapi.CodeInvalid,
	} {
		r := &transport.Reply{Status: 400, Body: []byte(`{"fieldErrors":{"user.email":[{"code":"[` + word + `]user.email"}]}}`)}
		e := refused(r, nil, target{})
		assert.Equal(t, []userapi.FieldError{{Field: "Email", VendorField: "user.email", Code: want, VendorCode: word}}, e.FieldErrors)
	}
}

func TestMessagesAreMasked(t *testing.T) {
	t.Parallel()
	const id = "2bc3b58e-1f0d-4c4e-9a52-5b3f1d8e6a70"
	body := []byte(`{"user":{"email":"Test@example.com","username":"user","password":"duplicate"}}`)
	r := &transport.Reply{Status: 400, Body: []byte(`{"fieldErrors":{
		"user.email":[{"code":"[duplicate]user.email","message":"A User with email = [test@example.com] already exists."}],
		"userId":[{"code":"[duplicate]userId","message":"A User with Id [` + id + `] already exists."}],
		"test@example.com":[{"code":"[test@example.com]"}]},
		"generalErrors":[{"code":"[x]","message":"duplicate is a bad password for test@example.com"}]}`)}
	e := refused(r, body, target{userID: id})
	assert.Equal(t, []userapi.FieldError{
		{Code: "invalid"},
		{Field: "Email", VendorField: "user.email", Code: "taken", VendorCode: "duplicate", Message: "A […] with email = [[…]] already exists."},
		{VendorField: "userId", Code: "taken", VendorCode: "duplicate", Message: "A […] with Id [[…]] already exists."},
	}, e.FieldErrors)
	assert.Equal(t, "[…] is a bad password for […]", e.Message)
	for _, text := range []string{e.Error(), fmt.Sprintf("%+v", *e), fmt.Sprintf("%#v", e)} {
		assert.NotContains(t, strings.ToLower(text), "test@example.com")
	}
}

func TestAPIErrorShowsNoText(t *testing.T) {
	t.Parallel()
	e := decodeError(400, http.Header{"X": {"planted"}}, []byte(`{"fieldErrors":{"user.email":[{"code":"[planted]","message":"planted","data":{"a":"planted"}}]},"generalErrors":[{"message":"planted"}]}`))
	require.Len(t, e.GeneralErrors, 1)
	assert.Equal(t, Data{"a": "planted"}, e.FieldErrors["user.email"][0].Data)
	encoded, err := json.Marshal(e)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("failed", "err", e)
	shown := []string{e.Error(), string(encoded), log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, e), fmt.Sprintf(verb, *e))
	}
	for _, text := range shown {
		assert.NotContains(t, text, "planted")
		assert.Contains(t, text, "400")
	}
}

// Of a path that is far too long nothing is shown.
func TestLongPaths(t *testing.T) {
	t.Parallel()
	for _, path := range []string{strings.Repeat(".", 1<<20), strings.Repeat("[", 1<<20), "user.data" + strings.Repeat(".a", 1<<19)} {
		r := &transport.Reply{Status: 400, Body: []byte(`{"fieldErrors":{"` + path + `":[{"message":"no"}]}}`)}
		e := refused(r, nil, target{})
		require.Len(t, e.FieldErrors, 1)
		assert.Empty(t, e.FieldErrors[0].VendorField)
	}
	assert.Equal(t, "Attributes", neutralField("user.data."+strings.Repeat("a", 1000)))
	assert.Equal(t, "Attributes", neutralField("user.data[3].a"))
	assert.Empty(t, neutralField("user.datas"))
}

func TestFieldErrorsAreBounded(t *testing.T) {
	t.Parallel()
	many := strings.TrimSuffix(strings.Repeat(`{"message":"no"},`, 70), ",")
	r := &transport.Reply{Status: 400, Body: []byte(`{"fieldErrors":{"a":[` + many + `],"b":[` + many + `],"user.email":[{"code":"[duplicate]user.email"}]}}`)}
	v := classify(r)
	e := refused(r, nil, target{})
	assert.Len(t, e.FieldErrors, 100)
	assert.Equal(t, userapi.KindConflict, v.Kind, "every error counts for what a reply means")
	var api *APIError
	require.ErrorAs(t, e, &api)
	assert.Len(t, api.FieldErrors["b"], 70)
}

func TestParseCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][2]string{
		"[duplicate]user.email": {"duplicate", "user.email"},
		"[TenantIdRequired]":    {"TenantIdRequired", ""},
		"[a]b]c":                {"a", "b]c"},
		"":                      {"", ""},
		"plain":                 {"plain", ""},
		"[]x":                   {"[]x", ""},
		"[open":                 {"[open", ""},
	} {
		word, path := parseCode(code)
		assert.Equal(t, want, [2]string{word, path}, code)
		assert.Equal(t, word, ErrorDetail{Code: code}.Word())
	}
}

func FuzzDecodeError(f *testing.F) {
	for _, body := range []string{duplicateEmail, emptyCreate, html504, "", "null", "[]", `{"fieldErrors":[[[{}]]],"generalErrors":{"a":{}},"errors":[{"a":[{"b":1}]}]}`, "\xff"} {
		f.Add(400, []byte(body))
		f.Add(504, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := decodeError(status, nil, body)
		if e == nil || e.StatusCode != status {
			t.Fatal("the status is lost")
		}
		if len(e.Body) > provider.MaxErrorBody {
			t.Fatal("the body is not cut")
		}
		r := &transport.Reply{Status: status, Body: body}
		v := classify(r)
		if v.OK != (status >= 200 && status < 300) {
			t.Fatal("the status alone makes a success")
		}
		_ = refused(r, body, target{})
	})
}

// A body of 60,000 errors costs about as much as one of 1,000.
func TestErrorBodiesAreBounded(t *testing.T) { //nolint:paralleltest // AllocsPerRun panics beside parallel tests
	many := func(part string) string {
		var b strings.Builder
		for i := range 60_000 {
			b.WriteString("," + strings.ReplaceAll(part, "%", strconv.Itoa(i)))
		}
		return b.String()[1:]
	}
	for name, body := range map[string]string{
		"paths":          `{"fieldErrors":{` + many(`"user.f%":[{"code":"[blank]","message":"no"}]`) + `}}`,
		"of one path":    `{"fieldErrors":{"user.email":[` + many(`{"code":"[blank]","message":"no"}`) + `]}}`,
		"a list":         `{"fieldErrors":[` + many(`{"code":"[blank]user.f%"}`) + `]}`,
		"general":        `{"generalErrors":[` + many(`{"message":"no %"}`) + `]}`,
		"data":           `{"generalErrors":[{"message":"no","data":{` + many(`"%":%`) + `}}]}`,
		"data, in parts": `{"generalErrors":[` + many(`{"message":"no","data":{"%":%}}`) + `]}`,
		"generic":        `{"errors":{` + many(`"f%":["no"]`) + `}}`,
		"at the top":     `{` + many(`"f%":["no"]`) + `}`,
	} {
		r := &transport.Reply{Status: 400, Body: []byte(body)}
		var e *userapi.Error
		allocs := testing.AllocsPerRun(1, func() {
			e = refused(r, []byte(`{"user":{"email":"jane@example.com"}}`), target{})
		})
		assert.Less(t, allocs, 30_000.0, name)
		assert.LessOrEqual(t, len(e.FieldErrors), 100, name)
		assert.Equal(t, []any{400, userapi.KindInvalid}, []any{e.StatusCode, e.Kind}, name)
	}
}
