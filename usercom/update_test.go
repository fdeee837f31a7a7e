package usercom_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
)

const adaURL = usersURL + "310455021/"

func TestUpdateSends(t *testing.T) {
	t.Parallel()
	req := usercom.UpdateUserRequest{
		Email: new("ada.nowak@example.org"), UserID: new("crm-000781"), CompanyID: new("acme-7"), Gender: usercom.GenderFemale,
		Score: new(int64(0)), Unsubscribed: new(false), Tags: []string{"new & old"},
	}
	const rest = `"gender":3,"score":0,"unsubscribed":false,`
	for name, test := range map[string]struct {
		change func(*usercom.Config)
		body   string
	}{
		"V1":   {nil, `{"email":"ada.nowak@example.org","user_id":"crm-000781",` + rest + `"company_id":"acme-7","tags":["new \u0026 old"]}`},
		"form": {func(cfg *usercom.Config) { cfg.Encoding = usercom.Form }, `{"email":"ada.nowak@example.org","user_id":"crm-000781",` + rest + `"company_id":"acme-7","tags":["new \u0026 old"]}`},
		"V2":   {func(cfg *usercom.Config) { cfg.Version = usercom.V2 }, `{"email":"ada.nowak@example.org",` + rest + `"tags":["new \u0026 old"],"custom_id":"crm-000781","company_custom_id":"acme-7"}`},
	} {
		var attempts []string
		c, mock := newClient(t, func(cfg *usercom.Config) {
			if test.change != nil {
				test.change(cfg)
			}
			cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { attempts = append(attempts, a.Operation+" "+a.Route) }
		})
		mock.RegisterResponder(http.MethodPut, adaURL, func(r *http.Request) (*http.Response, error) {
			sent, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.Equal(t, test.body, string(sent), name)
			assert.Equal(t, []string{"application/json"}, r.Header["Content-Type"])
			assert.True(t, r.Header.Get("Authorization") == "Token "+testKey)
			return httpmock.NewStringResponse(200, ada), nil
		})
		resp, err := c.Users.Update(t.Context(), 310455021, req)
		require.NoError(t, err)
		assert.Equal(t, int64(310455021), resp.ID)
		assert.Equal(t, 200, resp.StatusCode())
		assert.Equal(t, []string{"update user /users/{id}/"}, attempts)
	}
}

func TestUpdateIsProven(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply
		kind    userapi.Kind
		outcome userapi.Outcome
	}{
		"empty":           {reply{200, ``, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"no id":           {reply{200, `{"email":"ada@example.org"}`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"another user":    {reply{200, `{"id":7}`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"another address": {reply{200, `{"id":310455021,"email":"bob@example.org"}`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"another user_id": {reply{200, `{"id":310455021,"user_id":"crm-7"}`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"an error":        {reply{200, `{"id":310455021,"errors":{"email":["x"]}}`, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"a page":          {reply{200, fixtureHTML, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"refused":         {reply{400, `{"errors":{"email":["Enter a valid email address."]}}`, nil}, userapi.KindInvalid, userapi.OutcomeRejected},
		"taken":           {reply{400, `{"errors":{"user_id":["This field must be unique."]}}`, nil}, userapi.KindConflict, userapi.OutcomeRejected},
		"no such user":    {reply{404, `{"detail":"Not found."}`, nil}, userapi.KindNotFound, userapi.OutcomeRejected},
		"404 in HTML":     {reply{404, fixtureHTML, nil}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"gateway":         {reply{502, ``, nil}, userapi.KindUnavailable, userapi.OutcomeUnknown},
		"redirect":        {reply{302, ``, http.Header{"Location": {"/api/public/users/"}}}, userapi.KindProtocol, userapi.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			answerAll(mock, test.reply)
			resp, err := c.Users.Update(t.Context(), 310455021, usercom.UpdateUserRequest{Email: new("ada@example.org"), UserID: new("crm-000781")})
			assert.Nil(t, resp)
			e := asError(t, err)
			assert.Equal(t, []any{test.kind, test.outcome, "update user", "310455021"}, []any{e.Kind, e.Outcome, e.Op, e.UserID})
			assert.Equal(t, 1, mock.GetTotalCallCount(), "it is not repeated")
			assert.NotContains(t, printed(t, e), "ada@example.org")
		})
	}
}

func TestUpdateRefusesLocally(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	long := strings.Repeat("ł", 65)
	for name, test := range map[string]struct {
		id     int64
		req    usercom.UpdateUserRequest
		fields []string
	}{
		"nothing to change": {7, usercom.UpdateUserRequest{}, []string{""}},
		"no id, no change":  {0, usercom.UpdateUserRequest{Tags: []string{}}, []string{"id", ""}},
		"everything":        {-1, usercom.UpdateUserRequest{FirstName: &long, LastName: &long, PhoneNumber: &long, City: &long, Gender: "boy", Status: "boss"}, []string{"id", "first_name", "last_name", "phone_number", "city", "gender", "status"}},
		"not UTF-8":         {7, usercom.UpdateUserRequest{City: new("\xff")}, []string{"city"}},
	} {
		_, err := c.Users.Update(t.Context(), test.id, test.req)
		e := asError(t, err)
		assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent}, []any{e.Kind, e.Outcome}, name)
		assert.Equal(t, test.fields, vendorFields(e), name)
	}
	assert.Empty(t, srv.Requests())
}

// TestReplyIsNoUpdate: a complete reply is refused as an update, because its members would become
// custom attributes.
func TestReplyIsNoUpdate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"create_v1_201.json", "create_v2_201.json", "user_v1_full.json", "sample_response.json"} {
		var req usercom.UpdateUserRequest
		err := json.Unmarshal([]byte(fixture(t, name)), &req)
		e := asError(t, err)
		assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent, "update user"}, []any{e.Kind, e.Outcome, e.Op}, name)
		assert.Subset(t, vendorFields(e), []string{"id", "name", "created_at"}, name)
		assert.NotContains(t, vendorFields(e), "city")
		assert.Equal(t, usercom.UpdateUserRequest{}, req)
	}
	for text, fields := range map[string][]string{
		`{"tags":[{"id":9001,"name":"newsletter"}]}`: {"tags"},
		`{"name":"Ada","city":"Gdynia"}`:             {"name"},
		`{"Email":"ada@example.org","key":"x"}`:      {"Email", "key"},
		`{"nickname":"x","seats":12}`:                {"nickname", "seats"},
	} {
		var req usercom.UpdateUserRequest
		assert.Equal(t, fields, vendorFields(json.Unmarshal([]byte(text), &req)), text)
	}
	var req usercom.UpdateUserRequest
	require.NoError(t, json.Unmarshal([]byte(fixture(t, "create_request_v1.json")), &req))
	assert.Equal(t, usercom.UpdateUserRequest(full()), req)
	require.NoError(t, json.Unmarshal([]byte(`{"custom_id":781,"company_custom_id":"acme-7","gender":"female","tags":["a"],"city":null}`), &req))
	assert.Equal(t, usercom.UpdateUserRequest{UserID: new("781"), CompanyID: new("acme-7"), Gender: usercom.GenderFemale, Tags: []string{"a"}}, req)
	require.Error(t, json.Unmarshal([]byte(`[]`), &req))
	require.Error(t, json.Unmarshal([]byte(`{"email":1}`), &req))
}

func TestUpdateKeepsTheRest(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	u, err := c.Users.Create(t.Context(), full())
	require.NoError(t, err)
	other, err := c.Users.Create(t.Context(), usercom.CreateUserRequest{UserID: new("crm-2")})
	require.NoError(t, err)
	resp, err := c.Users.Update(t.Context(), u.ID, usercom.UpdateUserRequest{City: new("Sopot"), Tags: []string{"moved"}})
	require.NoError(t, err)
	assert.Equal(t, "Sopot", *resp.City)
	stored := srv.Users()[0]
	assert.Equal(t, []string{"Ada", "Nowak", "Sopot", "Poland"}, []string{stored.FirstName, stored.LastName, stored.City, stored.Country})
	assert.Equal(t, []string{"moved"}, stored.Tags)
	assert.Empty(t, stored.Attributes)

	_, err = c.Users.Update(t.Context(), other.ID, usercom.UpdateUserRequest{UserID: new("crm-000781")})
	require.ErrorIs(t, err, userapi.ErrConflict)
	assert.Equal(t, "ExternalID", asError(t, err).FieldErrors[0].Field)
}

// TestUpdateIsSentOnce: an update that may have been done is not sent again. One that was not done
// is.
func TestUpdateIsSentOnce(t *testing.T) {
	t.Parallel()
	for when, city := range map[userapitest.Moment]string{userapitest.BeforeCommit: "Gdynia", userapitest.AfterCommit: "Sopot"} {
		srv, c := newFake(t, nil)
		u, err := c.Users.Create(t.Context(), full())
		require.NoError(t, err)
		srv.Inject(userapitest.Fault{On: userapitest.Attributes, Status: http.StatusTooManyRequests})
		srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: when, Do: userapitest.Hangup})
		_, err = c.Users.Update(t.Context(), u.ID, usercom.UpdateUserRequest{City: new("Sopot")})
		assert.Equal(t, userapi.OutcomeUnknown, asError(t, err).Outcome)
		assert.Equal(t, city, srv.Users()[0].City)
		assert.Len(t, srv.Requests(), 3)
	}
}
