package quickblox_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
)

// Every known form of a refusal by QuickBlox, and by gateways in front of it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	field := func(neutral, vendor, code, message string) userapi.FieldError {
		return userapi.FieldError{Field: neutral, VendorField: vendor, Code: code, Message: message}
	}
	taken := field("Username", "login", "taken", "has already been taken")
	const html = "<html><body><h1>502 Bad Gateway</h1></body></html>"
	for _, tc := range []struct {
		name    string
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
		message string
		fields  []userapi.FieldError
	}{
		{"no data", 400, string(fixture(t, "create_400.json")), userapi.KindInvalid, userapi.OutcomeRejected, "No data was provided", nil},
		{"every field", 422, string(fixture(t, "create_422.json")), userapi.KindConflict, userapi.OutcomeRejected, "", []userapi.FieldError{
			field("Email", "email", "invalid", "should look like an email address"),
			field("ExternalID", "external_user_id", "too_long", "must be less than 4 bytes"),
			field("", "facebook_id", "invalid", "should be hexadecimal or decimal number"),
			field("FullName", "full_name", "invalid", "is invalid"),
			field("FullName", "full_name", "too_long", "is too long (maximum is 200 characters)"),
			taken,
			field("Password", "password", "too_short", "is too short (minimum is 8 characters)"),
			field("Phone", "phone", "invalid", "is not a number"),
		}},

		{"token is required", 401, `{"errors":["Token is required"]}`, userapi.KindUnauthorized, userapi.OutcomeRejected, "Token is required", nil},
		{"unauthorized", 401, `{"errors":["Unauthorized"]}`, userapi.KindUnauthorized, userapi.OutcomeRejected, "Unauthorized", nil},
		{"session expired", 401, `{"errors":{"base":["Required session does not exist"]}}`, userapi.KindUnauthorized, userapi.OutcomeRejected, "Required session does not exist", nil},
		{"401 empty", 401, ``, userapi.KindUnauthorized, userapi.OutcomeRejected, "", nil},
		{"402", 402, ``, userapi.KindForbidden, userapi.OutcomeRejected, "", nil},
		{"need user", 422, `{"errors":{"base":["Forbidden. Need user."]}}`, userapi.KindForbidden, userapi.OutcomeRejected, "Forbidden. Need user.", nil},
		{"need user, 403", 403, `{"errors":{"base":["Forbidden. Need user."]}}`, userapi.KindForbidden, userapi.OutcomeRejected, "Forbidden. Need user.", nil},
		{"need user, 400", 400, `{"errors":["Forbidden. Need user."]}`, userapi.KindForbidden, userapi.OutcomeRejected, "Forbidden. Need user.", nil},
		{"403 without body", 403, ``, userapi.KindForbidden, userapi.OutcomeRejected, "", nil},
		{"not found", 404, `{"code":null,"message":"Couldn't find user"}`, userapi.KindNotFound, userapi.OutcomeRejected, "Couldn't find user", nil},
		{"not found, one blank", 404, ` `, userapi.KindNotFound, userapi.OutcomeRejected, "", nil},
		{"not found, base", 404, `{"errors":{"base":["User not found"]}}`, userapi.KindNotFound, userapi.OutcomeRejected, "User not found", nil},
		{"405", 405, ``, userapi.KindProtocol, userapi.OutcomeRejected, "", nil},
		{"409", 409, ``, userapi.KindConflict, userapi.OutcomeRejected, "", nil},
		{"413", 413, html, userapi.KindProtocol, userapi.OutcomeRejected, "", nil},

		{"taken", 422, `{"errors":{"login":["has already been taken"]}}`, userapi.KindConflict, userapi.OutcomeRejected, "", []userapi.FieldError{taken}},
		{"taken, full stop", 422, `{"errors":{"login":["has already been taken."]}}`, userapi.KindConflict, userapi.OutcomeRejected, "",
			[]userapi.FieldError{field("Username", "login", "taken", "has already been taken.")}},
		{"taken, 400", 400, `{"errors":{"email":["has already been taken"]}}`, userapi.KindConflict, userapi.OutcomeRejected, "",
			[]userapi.FieldError{field("Email", "email", "taken", "has already been taken")}},
		{"taken among others", 422, `{"errors":{"password":["is too short (minimum is 8 characters)"],"external_user_id":["has already been taken"],"base":["Login or email required"]}}`,
			userapi.KindConflict, userapi.OutcomeRejected, "Login or email required", []userapi.FieldError{
				field("ExternalID", "external_user_id", "taken", "has already been taken"),
				field("Password", "password", "too_short", "is too short (minimum is 8 characters)"),
			}},
		{"taken facebook id", 422, `{"errors":{"facebook_id":["has already been taken"]}}`, userapi.KindConflict, userapi.OutcomeRejected, "",
			[]userapi.FieldError{field("", "facebook_id", "taken", "has already been taken")}},
		{"base beside fields", 422, `{"errors":{"password":["is too short (minimum is 8 characters)","should contain alphanumeric and punctuation characters only"],"base":["Login or email required"]}}`,
			userapi.KindInvalid, userapi.OutcomeRejected, "Login or email required", []userapi.FieldError{
				field("Password", "password", "too_short", "is too short (minimum is 8 characters)"),
				field("Password", "password", "invalid", "should contain alphanumeric and punctuation characters only"),
			}},
		{"a field's bare text", 422, `{"errors":{"tag_list":"can't be blank","custom_data":"is required"}}`, userapi.KindInvalid, userapi.OutcomeRejected, "", []userapi.FieldError{
			field("Attributes", "custom_data", "required", "is required"),
			field("Tags", "tag_list", "required", "can't be blank"),
		}},
		{"errors as text", 422, `{"errors":"Login or email required"}`, userapi.KindInvalid, userapi.OutcomeRejected, "Login or email required", nil},
		{"errors as array", 422, `{"errors":["Bad Authentication data"]}`, userapi.KindInvalid, userapi.OutcomeRejected, "Bad Authentication data", nil},
		{"array of taken", 422, `{"errors":["Login has already been taken"]}`, userapi.KindConflict, userapi.OutcomeRejected, "Login has already been taken", nil},
		{"no application", 422, `{"errors":{"base":["No application found"]}}`, userapi.KindUnauthorized, userapi.OutcomeRejected, "No application found", nil},
		{"a name with that text", 422, `{"errors":{"login":["No application found is too long"]}}`, userapi.KindInvalid, userapi.OutcomeRejected, "", []userapi.FieldError{{Field: "Username", VendorField: "login", Code: "too_long", Message: "No application found is too long"}}},
		{"unexpected signature", 422, `{"errors":{"base":["Unexpected signature"]}}`, userapi.KindInvalid, userapi.OutcomeRejected, "Unexpected signature", nil},
		{"blob", 422, `{"errors":{"blob":["does not exist"]}}`, userapi.KindInvalid, userapi.OutcomeRejected, "", []userapi.FieldError{field("", "blob", "invalid", "does not exist")}},
		{"several in base", 422, `{"errors":{"base":["one","two"]}}`, userapi.KindInvalid, userapi.OutcomeRejected, "one; two", nil},
		{"leaked, tags", 422, `{"errors":{"base":["You cannot call create unless the parent is saved"]}}`, userapi.KindConflict, userapi.OutcomeRejected,
			"You cannot call create unless the parent is saved", nil},
		{"leaked, as message", 422, `{"code":null,"message":"You cannot call create unless the parent is saved"}`, userapi.KindConflict, userapi.OutcomeRejected,
			"You cannot call create unless the parent is saved", nil},
		{"leaked, record", 422, `{"errors":["Failed to save the record"]}`, userapi.KindConflict, userapi.OutcomeRejected, "Failed to save the record", nil},
		{"422 HTML", 422, html, userapi.KindInvalid, userapi.OutcomeRejected, "", nil},
		{"422 empty", 422, ``, userapi.KindInvalid, userapi.OutcomeRejected, "", nil},
		{"errors null", 422, `{"errors":null}`, userapi.KindInvalid, userapi.OutcomeRejected, "", nil},
		{"errors number", 422, `{"errors":5}`, userapi.KindInvalid, userapi.OutcomeRejected, "5", nil},
		{"a field's null", 422, `{"errors":{"login":null}}`, userapi.KindInvalid, userapi.OutcomeRejected, "", nil},

		{"429 empty", 429, ``, userapi.KindRateLimited, userapi.OutcomeRejected, "", nil},
		{"429 text", 429, `Retry later`, userapi.KindRateLimited, userapi.OutcomeRejected, "", nil},
		{"408", 408, ``, userapi.KindUnavailable, userapi.OutcomeUnknown, "", nil},
		{"499", 499, ``, userapi.KindUnavailable, userapi.OutcomeUnknown, "", nil},
		{"500", 500, `{"code":null,"message":"Internal Server Error"}`, userapi.KindUnavailable, userapi.OutcomeUnknown, "Internal Server Error", nil},
		{"500 that says taken", 500, `{"errors":{"login":["has already been taken"]}}`, userapi.KindUnavailable, userapi.OutcomeUnknown, "", []userapi.FieldError{taken}},
		{"502 HTML", 502, html, userapi.KindUnavailable, userapi.OutcomeUnknown, "", nil},
		{"503", 503, ``, userapi.KindUnavailable, userapi.OutcomeUnknown, "", nil},
		{"504", 504, html, userapi.KindUnavailable, userapi.OutcomeUnknown, "", nil},
		{"301", 301, ``, userapi.KindProtocol, userapi.OutcomeRejected, "", nil},
		{"302", 302, ``, userapi.KindProtocol, userapi.OutcomeUnknown, "", nil},
		{"304", 304, ``, userapi.KindProtocol, userapi.OutcomeUnknown, "", nil},
		{"307", 307, ``, userapi.KindProtocol, userapi.OutcomeRejected, "", nil},
		{"308", 308, ``, userapi.KindProtocol, userapi.OutcomeRejected, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			replying(mock, tc.status, []byte(tc.body))
			u, err := c.CreateUser(context.Background(), john)
			assert.Nil(t, u)
			e := wantError(t, err)
			assert.Equal(t, tc.kind, e.Kind)
			assert.Equal(t, tc.outcome, e.Outcome)
			assert.Equal(t, tc.status, e.StatusCode)
			assert.Equal(t, tc.message, e.Message)
			assert.Equal(t, tc.fields, e.FieldErrors)
			assert.Empty(t, e.Code)
			assert.Equal(t, "quickblox", e.Provider)
			assert.Equal(t, "create user", e.Op)
			assert.Equal(t, "f1d7a0f4-7f35-4b1a-9a3f-4e6f9d9f6c21", e.RequestID)
			assert.Equal(t, 1, mock.GetTotalCallCount(), "an API key is not renewed, nor a create repeated")

			var vendor *quickblox.APIError
			require.ErrorAs(t, err, &vendor)
			assert.Equal(t, tc.status, vendor.StatusCode)
			assert.Equal(t, tc.body, string(vendor.Body))
			assert.NotEmpty(t, vendor.Header.Get("X-Request-Id"))
		})
	}
}

// The vendor's code is kept, and its text without the request's values.
func TestVendorTextIsMasked(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	replying(mock, 422, []byte(`{"code":"E17","message":"user johndoe is odd","errors":{"login":["JohnDoe has already been taken"],"johndoe":["is odd"]}}`))
	_, err := c.CreateUser(context.Background(), john)
	e := wantError(t, err)
	assert.Equal(t, "E17", e.Code)
	assert.Equal(t, "user […] is odd", e.Message)
	assert.Equal(t, []userapi.FieldError{
		{Code: "invalid", Message: "is odd"},
		{Field: "Username", VendorField: "login", Code: "taken", Message: "[…] has already been taken"},
	}, e.FieldErrors)

	replying(mock, 422, []byte(`{"code":"quickblox","message":"`+strings.Repeat("x", 1000)+`"}`))
	_, err = c.CreateUser(context.Background(), john)
	e = wantError(t, err)
	assert.Empty(t, e.Code, "the code is the password")
	assert.Len(t, e.Message, 503)
}

func TestLargeErrorBody(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	replying(mock, http.StatusBadGateway, []byte(strings.Repeat("x", 3<<20)))
	_, err := c.CreateUser(context.Background(), john)
	require.ErrorIs(t, err, userapi.ErrUnavailable)
	var vendor *quickblox.APIError
	require.ErrorAs(t, err, &vendor)
	assert.Len(t, vendor.Body, 64<<10)
}
