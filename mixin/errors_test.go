package mixin

import (
	"bytes"
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
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

func TestDecodeError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		want   APIError
	}{
		"unauthorized": {
			202, `{"error":{"status":202,"code":401,"description":"Unauthorized, maybe invalid token."}}`,
			APIError{Status: 202, Code: 401, Description: "Unauthorized, maybe invalid token."},
		},
		"with extra": {
			202, `{"error":{"status":202,"code":10002,"description":"The request data has invalid field.","extra":{"field":"session_secret","reason":"invalid"}}}`,
			APIError{Status: 202, Code: 10002, Description: "The request data has invalid field.", Extra: json.RawMessage(`{"field":"session_secret","reason":"invalid"}`)},
		},
		"extra of another type": {
			202, `{"error":{"status":202,"code":10002,"description":"x","extra":[1, "a"]}}`,
			APIError{Status: 202, Code: 10002, Description: "x", Extra: json.RawMessage(`[1, "a"]`)},
		},
		"extra null": {
			202, `{"error":{"status":202,"code":403,"description":"Forbidden","extra":null}}`,
			APIError{Status: 202, Code: 403, Description: "Forbidden"},
		},
		"numbers as texts": {
			202, `{"error":{"status":"202","code":"10002","description":7}}`,
			APIError{Status: 202, Code: 10002, Description: "7"},
		},
		"server error": {
			500, `{"error":{"status":500,"code":500,"description":"Internal Server Error"}}`,
			APIError{Status: 500, Code: 500, Description: "Internal Server Error"},
		},
		"beside data": {
			200, `{"data":{"user_id":"x"},"error":{"status":202,"code":429,"description":"Too Many Requests."}}`,
			APIError{Status: 202, Code: 429, Description: "Too Many Requests."},
		},
		"without a code":  {503, `{"error":{"description":"maintenance"}}`, APIError{Description: "maintenance", Errors: map[string][]string{}}},
		"code no number":  {503, `{"error":{"code":"E1","status":{}}}`, APIError{Errors: map[string][]string{}}},
		"code too big":    {503, `{"error":{"code":1e30}}`, APIError{Errors: map[string][]string{}}},
		"error is a text": {403, `{"error":"blocked"}`, APIError{Description: "blocked", Errors: map[string][]string{}}},
		"error is a list": {403, `{"error":["blocked"]}`, APIError{Errors: map[string][]string{}}},
		"error is null":   {403, `{"error":null}`, APIError{Errors: map[string][]string{}}},
		"generic errors": {
			422, `{"errors":{"full_name":["is odd"],"base":["no"]},"message":"m"}`,
			APIError{Description: "m", Errors: map[string][]string{"full_name": {"is odd"}, "base": {"no"}}},
		},
		"empty":   {502, ``, APIError{}},
		"HTML":    {502, `<html><body>502 Bad Gateway</body></html>`, APIError{}},
		"list":    {500, `[]`, APIError{}},
		"null":    {500, `null`, APIError{}},
		"text":    {429, `Too Many Requests`, APIError{}},
		"cut off": {202, `{"error":{"status":202,"code":100`, APIError{}},
		"cut off behind the code": {
			202, `{"error":{"status":202,"code":10002,"descr`, APIError{Code: 10002},
		},
		"in HTML":  {502, `<p>{"error":{"code":20117}}</p>`, APIError{}},
		"no UTF-8": {500, "\xff\xfe", APIError{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"X-Request-Id": {"1"}}
			got := decodeError(tt.status, header, []byte(tt.body))
			want := tt.want
			want.StatusCode, want.Header, want.Body = tt.status, header, []byte(tt.body)
			if tt.body == "" {
				want.Body = got.Body
			}
			assert.True(t, assert.ObjectsAreEqual(&want, got), "fields: %d %d %q %s %v", got.Status, got.Code, got.Description, got.Extra, got.Errors)
			assert.Contains(t, got.Error(), fmt.Sprint(tt.status))
		})
	}
}

// TestClassify fixes the kind, outcome and retry of every code and form.
func TestClassify(t *testing.T) {
	t.Parallel()
	own := func(code int) string {
		return fmt.Sprintf(`{"error":{"status":202,"code":%d,"description":"d"}}`, code)
	}
	type verdict struct {
		kind    userapi.Kind
		outcome userapi.Outcome
		again   transport.Retry
	}
	const rejected, unknown = userapi.OutcomeRejected, userapi.OutcomeUnknown
	for code, want := range map[int]verdict{
		400:   {userapi.KindInvalid, rejected, transport.RetryNever},
		401:   {userapi.KindUnauthorized, rejected, transport.RetryNever},
		403:   {userapi.KindForbidden, rejected, transport.RetryNever},
		404:   {userapi.KindNotFound, rejected, transport.RetryNever},
		429:   {userapi.KindRateLimited, rejected, transport.RetryBackoff},
		10002: {userapi.KindInvalid, rejected, transport.RetryNever},
		10006: {userapi.KindInvalid, rejected, transport.RetryNever},
		10104: {userapi.KindInvalid, rejected, transport.RetryNever},
		10105: {userapi.KindInvalid, rejected, transport.RetryNever},
		10404: {userapi.KindInvalid, rejected, transport.RetryNever},
		20111: {userapi.KindInvalid, rejected, transport.RetryNever},
		20116: {userapi.KindInvalid, rejected, transport.RetryNever},
		20117: {userapi.KindForbidden, rejected, transport.RetryNever},
		20118: {userapi.KindInvalid, rejected, transport.RetryNever},
		20119: {userapi.KindInvalid, rejected, transport.RetryNever},
		20123: {userapi.KindInvalid, rejected, transport.RetryNever},
		500:   {userapi.KindUnavailable, unknown, transport.RetryNever},
		7000:  {userapi.KindUnavailable, unknown, transport.RetryNever},
		7001:  {userapi.KindUnavailable, unknown, transport.RetryNever},
		10001: {userapi.KindUnavailable, unknown, transport.RetryNever},
		30100: {userapi.KindUnavailable, unknown, transport.RetryNever},
		30101: {userapi.KindUnavailable, unknown, transport.RetryNever},
		30103: {userapi.KindUnavailable, unknown, transport.RetryNever},
		-1:    {userapi.KindUnavailable, unknown, transport.RetryNever},
		402:   {userapi.KindUnavailable, unknown, transport.RetryNever},
		409:   {userapi.KindUnavailable, unknown, transport.RetryNever},
		99999: {userapi.KindUnavailable, unknown, transport.RetryNever},
	} {
		for _, status := range []int{200, 202, 401, 404, 429, 500, 503} {
			t.Run(fmt.Sprintf("%d under %d", code, status), func(t *testing.T) {
				t.Parallel()
				v := classify(&transport.Reply{Status: status, Body: []byte(own(code))})
				assert.False(t, v.OK)
				assert.Equal(t, want, verdict{v.Kind, v.Outcome, v.Retry})
				var e *APIError
				require.ErrorAs(t, v.Err, &e)
				assert.Equal(t, code, e.Code)
				assert.Equal(t, status, e.StatusCode)
			})
		}
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		want   verdict
	}{
		"HTML 502":         {502, `<html>`, verdict{userapi.KindUnavailable, unknown, transport.RetryNever}},
		"HTML 403":         {403, `<html>`, verdict{userapi.KindForbidden, rejected, transport.RetryNever}},
		"text 429":         {429, `Too Many Requests`, verdict{userapi.KindRateLimited, rejected, transport.RetryBackoff}},
		"empty 401":        {401, ``, verdict{userapi.KindUnauthorized, rejected, transport.RetryNever}},
		"data under 500":   {500, `{"data":{"user_id":"x"}}`, verdict{userapi.KindUnavailable, unknown, transport.RetryNever}},
		"no code, 404":     {404, `{"error":{}}`, verdict{userapi.KindNotFound, rejected, transport.RetryNever}},
		"redirect":         {307, ``, verdict{userapi.KindProtocol, rejected, transport.RetryNever}},
		"code 0 under 503": {503, own(0), verdict{userapi.KindUnavailable, unknown, transport.RetryNever}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := classify(&transport.Reply{Status: tt.status, Body: []byte(tt.body)})
			assert.False(t, v.OK)
			assert.Equal(t, tt.want, verdict{v.Kind, v.Outcome, v.Retry})
		})
	}
	for _, body := range []string{`{"data":{}}`, `{"error":null,"data":{}}`, ``, `<html>`, own(0), `{"error":"x"}`} {
		for _, status := range []int{200, 201, 202, 204} {
			v := classify(&transport.Reply{Status: status, Body: []byte(body)})
			assert.True(t, v.OK, "%d %s", status, body)
		}
	}
}

func TestFieldErrors(t *testing.T) {
	t.Parallel()
	secret := userapi.FieldError{VendorField: "session_secret", Code: "invalid", Message: "is bad"}
	name := userapi.FieldError{Field: "FullName", VendorField: "full_name", Code: "invalid", Message: "is bad"}
	for extra, want := range map[string][]userapi.FieldError{
		`{"field":"session_secret","reason":"is bad"}`:                          {secret},
		`{"field":"full_name","reason":"is bad"}`:                               {name},
		`{"field":"full_name","message":"is bad"}`:                              {name},
		`{"field":"full_name","description":"is bad"}`:                          {name},
		`{"session_secret":"is bad","full_name":"is bad"}`:                      {name, secret},
		`[{"field":"full_name","reason":"is bad"},{"session_secret":"is bad"}]`: {name, secret},
		`"session_secret"`:                 {{VendorField: "session_secret", Code: "invalid"}},
		`"full_name"`:                      {{Field: "FullName", VendorField: "full_name", Code: "invalid"}},
		`{"field":"pin","reason":7}`:       {{VendorField: "pin", Code: "invalid", Message: "7"}},
		`{"field":"a b<c>","reason":"no"}`: {{Code: "invalid", Message: "no"}},
		`{"field":"full_name","reason":"\u0000Bot User is bad"}`: {{Field: "FullName", VendorField: "full_name", Code: "invalid", Message: " […] is bad"}},
		`{"field":"full_name","field":"pin"}`:                    nil,
		`{"full_name":"is bad","full_name":"no"}`:                nil,
		`{"FIELD":"full_name","Reason":"is bad"}`:                nil,
		`{"field":"full_name","Reason":"x","reason":"is bad"}`:   {name},
		`"something else"`: nil,
		`{"other":1}`:      nil,
		`[[[["x"]]]]`:      nil,
		`[1,null,true]`:    nil,
		`12`:               nil,
		`true`:             nil,
		`null`:             nil,
	} {
		t.Run(extra, func(t *testing.T) {
			t.Parallel()
			body := `{"error":{"status":202,"code":10002,"description":"Bot User has an invalid field","extra":` + extra + `}}`
			reply := &transport.Reply{Status: 202, Body: []byte(body)}
			e := refused(reply, []byte(`{"full_name":"Bot User"}`))
			assert.Equal(t, want, e.FieldErrors)
			assert.Equal(t, "10002", e.Code)
			assert.Equal(t, "[…] has an invalid field", e.Message)
			assert.Equal(t, 202, e.StatusCode)
			require.ErrorIs(t, e, userapi.ErrInvalid)
			assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
		})
	}
}

// refused returns the error of a create with this reply.
func refused(r *transport.Reply, body []byte) *userapi.Error {
	v := provider.Vendor{Name: Name, Explain: explain}
	return v.Refused(createCall(body), &transport.Result{Classification: classify(r), Reply: r})
}

func TestGenericErrorsAreFields(t *testing.T) {
	t.Parallel()
	reply := &transport.Reply{Status: 422, Body: []byte(`{"errors":{"full_name":["a","b"],"base":["c","d"]}}`)}
	e := refused(reply, nil)
	assert.Equal(t, []userapi.FieldError{
		{Field: "FullName", VendorField: "full_name", Code: "invalid", Message: "a"},
		{Field: "FullName", VendorField: "full_name", Code: "invalid", Message: "b"},
	}, e.FieldErrors)
	assert.Equal(t, "c; d", e.Message)
	assert.Empty(t, e.Code)
}

func TestFieldErrorsAreBounded(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"error":{"code":10002,"extra":[` + strings.Repeat(`{"field":"a"},`, 500) + `{"field":"b"}]}}`,
		`{"errors":{"a":[` + strings.Repeat(`"x",`, 500) + `"y"]}}`,
	} {
		reply := &transport.Reply{Status: 422, Body: []byte(body)}
		e := refused(reply, nil)
		assert.Len(t, e.FieldErrors, 100)
	}
}

// TestAPIErrorShowsNoText: the vendor's text can repeat what was sent.
func TestAPIErrorShowsNoText(t *testing.T) {
	t.Parallel()
	e := decodeError(202, http.Header{"Echo": {"s3cret-planted"}},
		[]byte(`{"error":{"status":202,"code":10002,"description":"s3cret-planted","extra":"s3cret-planted"}}`))
	requireNoLeak(t, e, []string{"s3cret-planted"})
	requireNoLeak(t, *e, []string{"s3cret-planted"})
	assert.Equal(t, "mixin: code 10002 (status 202)", e.Error())
	assert.Equal(t, "mixin.APIError{status: 202, code: 10002}", fmt.Sprintf("%+v", *e))
	text, err := json.Marshal(e)
	require.NoError(t, err)
	assert.JSONEq(t, `{"status":202,"code":10002}`, string(text))
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "e", *e)
	assert.Contains(t, b.String(), "e.status=202 e.code=10002")
	assert.Equal(t, "mixin: status 502", decodeError(502, nil, nil).Error())
}

func FuzzDecodeError(f *testing.F) {
	for _, body := range []string{
		``, `null`, `[]`, `"x"`, `<html>`, `{}`, `{"error":null}`, `{"error":{}}`, `{"error":"x"}`, `{"error":[{}]}`,
		`{"error":{"status":202,"code":401,"description":"Unauthorized, maybe invalid token."}}`,
		`{"error":{"status":202,"code":10002,"description":"d","extra":{"field":"session_secret","reason":"r"}}}`,
		`{"error":{"code":"429","extra":[{"field":"full_name"},[1],"full_name"]}}`,
		`{"errors":{"full_name":["a",{"message":"b"}]},"message":"m"}`,
		`{"data":{"user_id":"u"},"error":{"code":500}}`, `{"error":{"code":1e400}}`, `{"error":{"code":-9223372036854775808}}`,
	} {
		f.Add(202, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := decodeError(status, nil, body)
		require.Equal(t, status, e.StatusCode)
		require.LessOrEqual(t, len(e.Body), provider.MaxErrorBody)
		require.Equal(t, e, decodeError(status, nil, body))
		reply := &transport.Reply{Status: status, Body: body}
		v := classify(reply)
		if v.OK {
			require.True(t, status >= 200 && status < 300)
			return
		}
		got := refused(reply, body)
		require.Equal(t, status, got.StatusCode)
		require.NotContains(t, got.Error(), "\n")
		require.NotEqual(t, userapi.OutcomeNotSent, got.Outcome)
	})
}

func FuzzDecodeResponse(f *testing.F) {
	f.Add(readTestdata(f, "create_user_response.json"))
	f.Add(readTestdata(f, "create_user_response_today.json"))
	for _, body := range []string{
		``, `null`, `{}`, `{"data":null}`, `{"data":{}}`, `{"data":{"user_id":7}}`, `{"data":{"user_id":""}}`, `{"data":[]}`,
		`{"data":{"user_id":"06aed1e3-bd77-4a59-991a-5bb5ae6fbb09","created_at":7,"mute_until":{},"features":7,"membership":"x","tip_counter":"a","app":[]}}`,
		`{"data":{"user_id":"06aed1e3-bd77-4a59-991a-5bb5ae6fbb09"},"error":{"code":1}}`, `{"data":{"user_id":"06aed1e3-bd77-4a59-991a-5bb5ae6fbb09","session_id":"s`,
		`{"error":{"code":20117},"data":{"user_id":"06aed1e3-bd77-4a59-991a-5bb5ae6fbb09"},"x`,
		`{"data":{"user_id":"06aed1e3-bd77-4a59-991a-5bb5ae6fbb09","phone":7,"USER_ID":5},"\u0065rror":nul`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in reply
		bad := in.decode(body)
		r := CreateUserResponse(in)
		if bad == nil {
			_, ok := uuid.Canonical(r.UserID)
			require.True(t, ok)
			require.Nil(t, errorMember(body))
			require.True(t, json.Valid(body))
			text, err := json.Marshal(&r)
			require.NoError(t, err)
			for _, secret := range []userapi.Secret{r.PinToken, r.PinTokenBase64} {
				if s := secret.Reveal(); len(s) > 40 {
					require.False(t, strings.Contains(string(text), s), "a secret shows")
				}
			}
		}
	})
}

// TestErrorMembersAreBounded: a reply with thousands of empty errors costs no more than one with a
// few, and decides nothing.
func TestErrorMembersAreBounded(t *testing.T) { //nolint:paralleltest // AllocsPerRun panics beside parallel tests
	const user = `{"data":{"user_id":"06aed1e3-bd77-4a59-991a-5bb5ae6fbb09"}`
	few := &transport.Reply{Status: 200, Body: []byte(user + strings.Repeat(`,"error":{}`, 20) + `}`)}
	assert.True(t, classify(few).OK)
	many := &transport.Reply{Status: 200, Body: []byte(user + strings.Repeat(`,"error":{}`, 60_000) + `}`)}
	var v transport.Classification
	assert.Less(t, testing.AllocsPerRun(1, func() { v = classify(many) }), 100_000.0)
	assert.Equal(t, []any{false, userapi.KindProtocol, userapi.OutcomeUnknown}, []any{v.OK, v.Kind, v.Outcome})
}

// An extra of 60,000 fields costs about as much as one of 1,000.
func TestExtrasAreBounded(t *testing.T) { //nolint:paralleltest // AllocsPerRun panics beside parallel tests
	many := func(part string) string {
		var b strings.Builder
		for i := range 60_000 {
			b.WriteString("," + strings.ReplaceAll(part, "%", strconv.Itoa(i)))
		}
		return b.String()[1:]
	}
	for name, extra := range map[string]string{
		"objects": `[` + many(`{"field":"f%","reason":"bad"}`) + `]`,
		"names":   `[` + many(`"full_name"`) + `]`,
		"members": `{` + many(`"f%":"bad"`) + `}`,
		"lists":   `[` + many(`[%]`) + `]`,
	} {
		r := &transport.Reply{Status: 202, Body: []byte(`{"error":{"status":202,"code":10002,"extra":` + extra + `}}`)}
		var e *userapi.Error
		allocs := testing.AllocsPerRun(1, func() {
			e = refused(r, nil)
		})
		assert.Less(t, allocs, 20_000.0, name)
		assert.LessOrEqual(t, len(e.FieldErrors), 100, name)
		assert.Equal(t, "10002", e.Code, name)
	}
}
