package usercom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

const testKey = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// A vendorReply is one of User.com's error replies.
type vendorReply struct {
	Name    string            `json:"name"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
	RawBody string            `json:"raw_body"`
}

func (r vendorReply) body() []byte {
	if r.Body != nil {
		return r.Body
	}
	return []byte(r.RawBody)
}

func (r vendorReply) header() http.Header {
	h := http.Header{}
	for name, value := range r.Headers {
		h.Set(name, value)
	}
	return h
}

func vendorErrors(t testing.TB) []vendorReply {
	t.Helper()
	data, err := os.ReadFile("testdata/errors.json")
	require.NoError(t, err)
	var replies []vendorReply
	require.NoError(t, json.Unmarshal(data, &replies))
	return replies
}

// A wanted is the expected error for a vendor's reply.
type wanted struct {
	kind    userapi.Kind
	outcome userapi.Outcome
	fields  []userapi.FieldError
	message string
	code    string
	after   time.Duration
}

const (
	rejected = userapi.OutcomeRejected
	unknown  = userapi.OutcomeUnknown
)

func fieldError(field, vendorField, code, message string) userapi.FieldError {
	return userapi.FieldError{Field: field, VendorField: vendorField, Code: code, Message: message}
}

// coded adds the vendor's own code to a field's error.
func coded(f userapi.FieldError, word string) userapi.FieldError {
	f.VendorCode = word
	return f
}

var wantedErrors = map[string]wanted{
	"400_wrapped_field": {kind: userapi.KindInvalid, outcome: rejected, fields: []userapi.FieldError{
		fieldError("", "gender", "invalid", `"robot" is not a valid choice.`),
	}},
	"400_wrapped_many": {kind: userapi.KindInvalid, outcome: rejected, fields: []userapi.FieldError{
		fieldError("Email", "email", "invalid", "Enter a valid email address."),
		fieldError("GivenName", "first_name", "too_long", "Ensure this field has no more than 40 characters."),
	}},
	"400_wrapped_non_field": {kind: userapi.KindInvalid, outcome: rejected, message: "Invalid data."},
	"400_wrapped_string":    {kind: userapi.KindInvalid, outcome: rejected, message: "Invalid data."},
	"400_wrapped_list":      {kind: userapi.KindInvalid, outcome: rejected, message: "Invalid data."},
	"400_list":              {kind: userapi.KindInvalid, outcome: rejected, message: "Invalid data."},
	"400_error_text":        {kind: userapi.KindInvalid, outcome: rejected, message: "Invalid data."},
	"400_message":           {kind: userapi.KindInvalid, outcome: rejected, message: "Invalid data.", code: "invalid"},
	"400_plain_drf": {kind: userapi.KindInvalid, outcome: rejected, fields: []userapi.FieldError{
		fieldError("Email", "email", "invalid", "Enter a valid email address."),
		fieldError("", "status", "invalid", `"9" is not a valid choice.`),
	}},
	"400_non_field": {kind: userapi.KindInvalid, outcome: rejected, message: "Invalid data. Expected a dictionary, but got list."},
	"400_nested": {kind: userapi.KindInvalid, outcome: rejected, fields: []userapi.FieldError{
		fieldError("Tags", "tags.0", "invalid", "Not a valid string."),
	}},
	"400_required": {kind: userapi.KindInvalid, outcome: rejected, fields: []userapi.FieldError{
		fieldError("Email", "email", "required", "This field may not be null."),
		fieldError("FamilyName", "last_name", "required", "This field is required."),
		fieldError("", "score", "invalid", "A valid integer is required."),
		fieldError("ExternalID", "user_id", "required", "This field may not be blank."),
	}},
	"400_localised": {kind: userapi.KindInvalid, outcome: rejected, fields: []userapi.FieldError{
		fieldError("ExternalID", "user_id", "invalid", "Ta wartość musi być unikalna."),
	}},
	"400_localised_many": {kind: userapi.KindInvalid, outcome: rejected, fields: []userapi.FieldError{
		fieldError("Email", "email", "invalid", "Podaj poprawny e-mail."),
		fieldError("GivenName", "first_name", "invalid", "Upewnij się, że pole ma nie więcej niż 40 znaków."),
	}},
	"400_localised_code": {kind: userapi.KindConflict, outcome: rejected, fields: []userapi.FieldError{
		coded(fieldError("GivenName", "first_name", "too_long", "Upewnij się, że pole ma nie więcej niż 40 znaków."), "max_length"),
		coded(fieldError("ExternalID", "user_id", "taken", "Ta wartość musi być unikalna."), "unique"),
	}},
	"400_localised_code_plain": {kind: userapi.KindConflict, outcome: rejected, fields: []userapi.FieldError{
		coded(fieldError("ExternalID", "custom_id", "taken", "Ta wartość musi być unikalna."), "unique"),
	}},
	"400_codes_alone": {kind: userapi.KindConflict, outcome: rejected, fields: []userapi.FieldError{
		fieldError("Email", "email", "invalid", "invalid"),
		coded(fieldError("ExternalID", "user_id", "taken", "unique"), "unique"),
	}},
	"400_localised_code_listed": {kind: userapi.KindConflict, outcome: rejected, message: "Ta wartość musi być unikalna."},
	"400_localised_code_together": {kind: userapi.KindConflict, outcome: rejected,
		message: "Pola application, user_id muszą tworzyć unikalny zestaw."},
	"400_localised_code_of_all": {kind: userapi.KindConflict, outcome: rejected, message: "Ta wartość musi być unikalna.", code: "unique"},
	"400_localised_code_elsewhere": {kind: userapi.KindInvalid, outcome: rejected, code: "unique", fields: []userapi.FieldError{
		coded(fieldError("", "twitter_url", "taken", "Ta wartość musi być unikalna."), "unique"),
	}},
	"400_localised_code_of_another": {kind: userapi.KindInvalid, outcome: rejected, code: "unique", fields: []userapi.FieldError{
		fieldError("", "twitter_url", "invalid", "Ta wartość musi być unikalna."),
	}},
	"409_localised": {kind: userapi.KindConflict, outcome: rejected, message: "Ta wartość musi być unikalna."},
	"400_duplicate_user_id": {kind: userapi.KindConflict, outcome: rejected, fields: []userapi.FieldError{
		fieldError("ExternalID", "user_id", "taken", "This field must be unique."),
	}},
	"400_duplicate_custom_id": {kind: userapi.KindConflict, outcome: rejected, fields: []userapi.FieldError{
		fieldError("ExternalID", "custom_id", "taken", "This field must be unique."),
		fieldError("Email", "email", "invalid", "Enter a valid email address."),
	}},
	"400_duplicate_email_plain": {kind: userapi.KindConflict, outcome: rejected, fields: []userapi.FieldError{
		fieldError("Email", "email", "taken", "user with this email already exists."),
	}},
	"400_duplicate_together": {kind: userapi.KindConflict, outcome: rejected,
		message: "The fields application, user_id must make a unique set."},
	"400_unique_elsewhere": {kind: userapi.KindInvalid, outcome: rejected, fields: []userapi.FieldError{
		fieldError("", "twitter_url", "taken", "This field must be unique."),
	}},
	"400_parse": {kind: userapi.KindInvalid, outcome: rejected,
		message: "JSON parse error - Expecting value: line 1 column 1 (char 0)"},
	"401_invalid_token": {kind: userapi.KindUnauthorized, outcome: rejected, message: "Invalid token."},
	"401_missing":       {kind: userapi.KindUnauthorized, outcome: rejected, message: "Authentication credentials were not provided."},
	"401_token_spaces":  {kind: userapi.KindUnauthorized, outcome: rejected, message: "Invalid token header. Token string should not contain spaces."},
	"403":               {kind: userapi.KindForbidden, outcome: rejected, message: "You do not have permission to perform this action."},
	"403_html":          {kind: userapi.KindForbidden, outcome: rejected},
	"403_unique": {kind: userapi.KindForbidden, outcome: rejected, fields: []userapi.FieldError{
		fieldError("ExternalID", "user_id", "taken", "This field must be unique."),
	}},
	"404_json":       {kind: userapi.KindNotFound, outcome: rejected, message: "Not found."},
	"404_other_text": {kind: userapi.KindNotFound, outcome: rejected, message: "No ClientUser matches the given query."},
	"404_html":       {kind: userapi.KindNotFound, outcome: rejected},
	"405":            {kind: userapi.KindProtocol, outcome: rejected, message: `Method "DELETE" not allowed.`},
	"406_version":    {kind: userapi.KindProtocol, outcome: rejected, message: `Invalid version in "Accept" header.`},
	"415":            {kind: userapi.KindProtocol, outcome: rejected, message: `Unsupported media type "text/plain" in request.`},
	"429": {kind: userapi.KindRateLimited, outcome: rejected, after: 7 * time.Second,
		message: "Request was throttled. Expected available in 7 seconds."},
	"429_one_second": {kind: userapi.KindRateLimited, outcome: rejected, after: time.Second,
		message: "Request was throttled. Expected available in 1 second."},
	"429_no_wait": {kind: userapi.KindRateLimited, outcome: rejected, message: "Request was throttled."},
	"301":         {kind: userapi.KindProtocol, outcome: rejected},
	"302":         {kind: userapi.KindProtocol, outcome: unknown},
	"500_html":    {kind: userapi.KindUnavailable, outcome: unknown},
	"500_empty":   {kind: userapi.KindUnavailable, outcome: unknown},
	"502_html":    {kind: userapi.KindUnavailable, outcome: unknown},
	"504_html":    {kind: userapi.KindUnavailable, outcome: unknown},
}

func TestCreateErrors(t *testing.T) {
	t.Parallel()
	replies := vendorErrors(t)
	require.Len(t, replies, len(wantedErrors))
	for _, r := range replies {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			want, known := wantedErrors[r.Name]
			require.True(t, known)
			mock := httpmock.NewMockTransport()
			mock.RegisterResponder(http.MethodPost, "https://acme.user.com/api/public/users/",
				httpmock.ResponderFromResponse(&http.Response{
					StatusCode: r.Status, Header: r.header(), ContentLength: int64(len(r.body())),
					Body: io.NopCloser(bytes.NewReader(r.body())),
				}))
			c, err := New(Config{App: "acme", APIKey: testKey, HTTP: userapi.HTTPOptions{
				HTTPClient: &http.Client{Transport: mock}, Retry: userapi.RetryPolicy{MaxAttempts: 1},
			}})
			require.NoError(t, err)

			resp, err := c.Users.Create(t.Context(), CreateUserRequest{Email: new("ada.nowak@example.org")})

			assert.Nil(t, resp)
			var e *userapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, want.kind, e.Kind)
			assert.Equal(t, want.outcome, e.Outcome)
			assert.Equal(t, want.outcome == unknown, userapi.MayHaveCreated(err))
			assert.Equal(t, want.fields, e.FieldErrors)
			assert.Equal(t, want.message, e.Message)
			assert.Equal(t, want.code, e.Code)
			assert.Equal(t, want.after, e.RetryAfter)
			assert.Equal(t, r.Status, e.StatusCode)
			assert.Equal(t, "7a1b2c3d4e5f6071-WAW", e.RequestID)
			assert.Equal(t, Name, e.Provider)
			assert.Equal(t, "create user", e.Op)
			assert.Equal(t, 1, e.Attempts)
			assert.Nil(t, e.User)
			assert.Equal(t, 1, mock.GetTotalCallCount())

			var vendor *APIError
			require.ErrorAs(t, err, &vendor)
			assert.Equal(t, r.Status, vendor.StatusCode)
			assert.Equal(t, string(r.body()), string(vendor.Body))
			assert.Equal(t, "7a1b2c3d4e5f6071-WAW", vendor.Header.Get("CF-Ray"))
		})
	}
}

func TestAPIErrorHidesText(t *testing.T) {
	t.Parallel()
	e := decodeError(400, http.Header{"X": {"secret-header"}}, []byte(`{"errors":{"email":["secret-text"]},"detail":"secret-detail"}`))
	assert.Equal(t, []string{"secret-text"}, e.Errors["email"])
	assert.Equal(t, "secret-detail", e.Detail)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "err", e, "value", *e)
	encoded, err := json.Marshal(e)
	require.NoError(t, err)
	for _, text := range []string{
		e.Error(), fmt.Sprintf("%v %+v %#v %s %q %x", e, e, e, e, e, e), fmt.Sprintf("%v %+v %#v", *e, *e, *e),
		string(encoded), log.String(),
	} {
		assert.NotContains(t, text, "secret")
	}
	assert.Equal(t, "usercom: status 400", e.Error())
}

func FuzzDecodeError(f *testing.F) {
	for _, r := range vendorErrors(f) {
		f.Add(r.Status, r.body())
	}
	f.Add(200, []byte(`{"errors":{"a":{"b":{"c":[["d"]]}}}}`))
	f.Add(-1, []byte("\xff\x00"))
	f.Add(400, []byte(`null`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		before := bytes.Clone(body)
		e := decodeError(status, nil, body)
		if e == nil || e.StatusCode != status {
			t.Fatal("the status is lost")
		}
		if !bytes.Equal(before, body) || !bytes.HasPrefix(body, e.Body) || len(e.Body) > provider.MaxErrorBody {
			t.Fatal("the body is not kept as it is")
		}
		if e.Error() == "" {
			t.Fatal("the error cannot be shown")
		}
	})
}
