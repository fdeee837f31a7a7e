package usercom_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

const (
	testKey  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	usersURL = "https://acme.user.com/api/public/users/"
	// replyDate is a second after the creation of the users in testdata.
	replyDate = "Mon, 02 Mar 2026 08:15:31 GMT"
)

// newClient returns a client whose requests go to its own mock.
func newClient(t *testing.T, change func(*usercom.Config)) (*usercom.Client, *httpmock.MockTransport) {
	t.Helper()
	mock := httpmock.NewMockTransport()
	cfg := usercom.Config{
		App: "acme", APIKey: testKey,
		HTTP: userapi.HTTPOptions{HTTPClient: &http.Client{Transport: mock}, Retry: userapi.RetryPolicy{MaxAttempts: 1}},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := usercom.New(cfg)
	require.NoError(t, err)
	return c, mock
}

// A received is the request that the vendor got.
type received struct {
	header http.Header
	uri    string
	body   string
}

// answer makes the mock answer POST to a URL, and returns the recorded request.
func answer(mock *httpmock.MockTransport, url string, status int, body string) *received {
	got := &received{}
	mock.RegisterResponder(http.MethodPost, url, func(r *http.Request) (*http.Response, error) {
		got.header, got.uri = r.Header, r.URL.RequestURI()
		if r.Body != nil {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			got.body = string(data)
		}
		resp := httpmock.NewStringResponse(status, body)
		resp.Header.Set("Date", replyDate)
		resp.Header.Set("CF-Ray", "7a1b2c3d4e5f6071-WAW")
		resp.Header.Set("Content-Type", "application/json")
		return resp, nil
	})
	return got
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(data)
}

// full returns a request with every member.
func full() usercom.CreateUserRequest {
	return usercom.CreateUserRequest{
		Email: new("ada.nowak@example.org"), FirstName: new("Ada"), LastName: new("Nowak"), UserID: new("crm-000781"),
		Gender: usercom.GenderFemale, Status: usercom.StatusUser, Score: new(int64(0)),
		Unsubscribed: new(false), Notifications: new(true),
		City: new("Gdynia"), Country: new("Poland"), Region: new("Pomorskie"), Timezone: new("Europe/Warsaw"),
		PhoneNumber: new("+48500100200"), AssignedTo: new(int64(11)), CompanyID: new("acme-7"),
		FacebookURL: new("https://facebook.example/ada"), GoogleURL: new("https://google.example/ada"),
		GravatarURL: new("https://gravatar.example/ada.png"), LinkedInURL: new("https://linkedin.example/ada"),
		TwitterURL: new("https://twitter.example/ada"),
	}
}

func TestCreateSendsJSON(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, nil)
	got := answer(mock, usersURL, 201, fixture(t, "create_v1_201.json"))

	resp, err := c.Users.Create(t.Context(), full())

	require.NoError(t, err)
	assert.Equal(t, `{"email":"ada.nowak@example.org","user_id":"crm-000781","first_name":"Ada","last_name":"Nowak",`+
		`"phone_number":"+48500100200","gender":3,"status":2,"score":0,"notifications":true,"unsubscribed":false,"assigned_to":11,`+
		`"company_id":"acme-7","city":"Gdynia","region":"Pomorskie","country":"Poland","timezone":"Europe/Warsaw",`+
		`"facebook_url":"https://facebook.example/ada","google_url":"https://google.example/ada",`+
		`"gravatar_url":"https://gravatar.example/ada.png","linkedin_url":"https://linkedin.example/ada",`+
		`"twitter_url":"https://twitter.example/ada"}`, got.body)
	assert.JSONEq(t, fixture(t, "create_request_v1.json"), got.body)
	assert.Equal(t, "/api/public/users/", got.uri)
	assert.True(t, slices.Equal([]string{"Token " + testKey}, got.header["Authorization"]))
	assert.Equal(t, []string{"application/json"}, got.header["Accept"])
	assert.Equal(t, []string{"en"}, got.header["Accept-Language"])
	assert.Equal(t, []string{"application/json"}, got.header["Content-Type"])
	assert.Equal(t, int64(310455021), resp.ID)
	assert.Equal(t, 201, resp.StatusCode())
	assert.Equal(t, "7a1b2c3d4e5f6071-WAW", resp.RequestID())
	assert.Equal(t, fixture(t, "create_v1_201.json"), string(resp.Raw()))
}

func TestCreateSendsV2(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Version = usercom.V2 })
	got := answer(mock, usersURL, 201, fixture(t, "create_v2_201.json"))

	resp, err := c.Users.Create(t.Context(), usercom.CreateUserRequest{
		Email: new("ada.nowak@example.org"), FirstName: new("Ada"), LastName: new("Nowak"),
		UserID: new("crm-000781"), CompanyID: new("acme-7"),
		Gender: usercom.GenderFemale, Status: usercom.StatusUser, Tags: []string{"newsletter"},
	})

	require.NoError(t, err)
	assert.Equal(t, `{"email":"ada.nowak@example.org","first_name":"Ada","last_name":"Nowak","gender":3,"status":2,`+
		`"tags":["newsletter"],"custom_id":"crm-000781","company_custom_id":"acme-7"}`, got.body)
	assert.JSONEq(t, fixture(t, "create_request_v2.json"), got.body)
	assert.Equal(t, []string{"*/*; version=2"}, got.header["Accept"])
	assert.Equal(t, "q7rtlm2xvb0d", *resp.Key)
	assert.Equal(t, usercom.Text("crm-000781"), *resp.UserID)
	assert.True(t, *resp.Notifications)
	assert.False(t, *resp.WebPushSubscription)
	assert.Equal(t, map[string]json.RawMessage{"seats": []byte("12"), "is_partner": []byte("true")}, resp.Extra)
}

func TestCreateSendsForm(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Encoding = usercom.Form })
	got := answer(mock, usersURL, 201, strings.ReplaceAll(fixture(t, "create_v1_201.json"), "ada.nowak@", "ada.nowak+test@"))

	_, err := c.Users.Create(t.Context(), usercom.CreateUserRequest{
		Email: new("ada.nowak+test@example.org"), FirstName: new("Ada"), LastName: new("Nowak"),
		Gender: usercom.GenderFemale, Unsubscribed: new(false),
	})

	require.NoError(t, err)
	assert.Equal(t, fixture(t, "create_request_v1.form"), got.body)
	assert.Equal(t, []string{"application/x-www-form-urlencoded"}, got.header["Content-Type"])
}

func TestVendorSamplesDecode(t *testing.T) {
	t.Parallel()
	var req usercom.CreateUserRequest
	require.NoError(t, json.Unmarshal([]byte(fixture(t, "sample_request.json")), &req))
	assert.Equal(t, usercom.CreateUserRequest{Email: new("myemail@example.org"), FirstName: new("John"), LastName: new("Doe")}, req)

	var resp usercom.CreateUserResponse
	require.NoError(t, json.Unmarshal([]byte(fixture(t, "sample_response.json")), &resp))
	assert.Equal(t, int64(20901703), resp.ID)
	assert.Equal(t, "xSoYQG00fg9z", *resp.Key)
	assert.Equal(t, "John Doe", *resp.Name)
	assert.Equal(t, usercom.GenderUnknown, resp.Gender)
	assert.Equal(t, usercom.StatusVisitor, resp.Status)
	assert.Equal(t, "2017-06-13T12:22:38.748373Z", resp.CreatedAt.Text())
	assert.Equal(t, "Chat ID is deprecated and will be removed in future", *resp.ChatID)
	require.Len(t, resp.Companies, 1)
	assert.Equal(t, usercom.Number("14"), resp.Companies[0].ID)
	assert.Equal(t, "2018-06-14T08:49:56.515083Z", resp.Companies[0].MemberSince.Text())
	assert.Nil(t, resp.City)
	assert.Nil(t, resp.UserID)
	assert.Empty(t, resp.Extra)
}

func TestRequestReadsBothVersions(t *testing.T) {
	t.Parallel()
	want := full()
	for _, text := range []string{
		fixture(t, "create_request_v1.json"),
		`{"custom_id":"crm-000781","company_custom_id":"acme-7","gender":"female","status":"2",` + fixture(t, "create_request_v1.json")[1:],
	} {
		var got usercom.CreateUserRequest
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		assert.Equal(t, want, got)
	}
	var ids usercom.CreateUserRequest
	require.NoError(t, json.Unmarshal([]byte(`{"custom_id":781,"company_custom_id":7,"email":null}`), &ids))
	assert.Equal(t, usercom.CreateUserRequest{UserID: new("781"), CompanyID: new("7")}, ids)
	require.Error(t, json.Unmarshal([]byte(`{"email":1}`), &ids))
}

func TestReplyKeepsAttributes(t *testing.T) {
	t.Parallel()
	var u usercom.User
	require.NoError(t, json.Unmarshal([]byte(fixture(t, "user_v1_full.json")), &u))
	values := map[string]string{}
	for _, a := range u.Attributes {
		values[a.NameStd] = string(a.Value)
	}
	assert.Equal(t, "true", values["is_partner"])
	assert.Equal(t, "0.25", values["ratio"])
	assert.Equal(t, `"2026-12-01"`, values["renewal"])
	assert.JSONEq(t, `["chess","rowing"]`, values["interests"])
	assert.JSONEq(t, `{"a":[1,null]}`, values["blob"])
	assert.Equal(t, "null", values["empty"])
	assert.Equal(t, usercom.Number("-3"), *u.Score)
	assert.Equal(t, usercom.Number("77"), u.Lists[0].ID)
	assert.Equal(t, "newsletter", u.Tags[0].Name)
	assert.Equal(t, "192.0.2.44", *u.LastIP)
	assert.Empty(t, u.Extra)

	require.NoError(t, json.Unmarshal([]byte(`{"id":1,"attributes":[{"id":1,"value":12345678901234567890.10}]}`), &u))
	assert.Equal(t, "12345678901234567890.10", string(u.Attributes[0].Value))
	assert.Nil(t, u.Lists, "what an earlier reply held is gone")
}

func TestReplyTolerates(t *testing.T) {
	t.Parallel()
	var u usercom.User
	require.NoError(t, json.Unmarshal([]byte(`{"id":"310455021","ID":5,"tags":null,"lists":null,"companies":null,"attributes":null,
		"user_id":781,"phone_number":500100200,"score":"12","page_views":null,"gender":2,"status":"robot","email":7,
		"notifications":"yes","created_at":"2026-03-02 08:15:30 UTC","updated_at":5,"assigned_to":{"id":3},
		"user_key":"a","key":"b","future":{"x":[1.50]}}`), &u))
	assert.Equal(t, int64(310455021), u.ID)
	assert.Equal(t, usercom.Text("781"), *u.UserID)
	assert.Equal(t, usercom.Text("500100200"), *u.PhoneNumber)
	assert.Equal(t, usercom.Number("12"), *u.Score)
	assert.Equal(t, usercom.GenderMale, u.Gender)
	assert.Equal(t, usercom.Status("robot"), u.Status)
	assert.Equal(t, "2026-03-02 08:15:30 +0000 UTC", u.CreatedAt.Time.String())
	assert.Equal(t, "5", u.UpdatedAt.Text())
	assert.Equal(t, "b", *u.Key)
	assert.Equal(t, new("7"), u.Email)
	assert.Nil(t, u.Notifications)
	assert.Nil(t, u.Tags)
	kept := map[string]string{}
	for name, raw := range u.Extra {
		kept[name] = string(raw)
	}
	assert.Equal(t, map[string]string{
		"ID": "5", "notifications": `"yes"`, "future": `{"x":[1.50]}`,
	}, kept)
}

func TestWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		word usercom.Gender
		out  string
	}{
		`1`: {"unknown", "1"}, `"2"`: {"male", "2"}, `"female"`: {"female", "3"},
		`0`: {"0", "0"}, `4`: {"4", "4"}, `"other"`: {"other", `"other"`}, `null`: {"", "null"}, `[1]`: {"[1]", `"[1]"`},
	} {
		var g usercom.Gender
		require.NoError(t, json.Unmarshal([]byte(in), &g))
		assert.Equal(t, want.word, g)
		out, err := json.Marshal(g)
		require.NoError(t, err)
		assert.Equal(t, want.out, string(out))
	}
	var s usercom.Status
	require.NoError(t, json.Unmarshal([]byte(`2`), &s))
	assert.Equal(t, usercom.StatusUser, s)
	out, err := json.Marshal(usercom.StatusVisitor)
	require.NoError(t, err)
	assert.Equal(t, "1", string(out))
}

func TestCreateRefusesLocally(t *testing.T) {
	t.Parallel()
	long := func(n int) *string { s := make([]rune, n); return new(string(fill(s))) }
	for name, test := range map[string]struct {
		req    usercom.CreateUserRequest
		fields []string
	}{
		"nobody":    {usercom.CreateUserRequest{City: new("Gdynia"), Email: new(" ")}, []string{"email"}},
		"too long":  {usercom.CreateUserRequest{FirstName: long(41), LastName: long(41), PhoneNumber: long(65), City: long(65)}, []string{"first_name", "last_name", "phone_number", "city"}},
		"words":     {usercom.CreateUserRequest{Email: new("a@example.org"), Gender: "Male", Status: "boss"}, []string{"gender", "status"}},
		"not UTF-8": {usercom.CreateUserRequest{Email: new("a\xff@example.org")}, []string{"email"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			_, err := c.Users.Create(t.Context(), test.req)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			assert.False(t, userapi.MayHaveCreated(err))
			assert.Equal(t, test.fields, vendorFields(err))
			assert.Zero(t, mock.GetTotalCallCount())
		})
	}
	c, mock := newClient(t, nil)
	answer(mock, usersURL, 201, `{"id":1}`)
	_, err := c.Users.Create(t.Context(), usercom.CreateUserRequest{FirstName: long(40), LastName: long(40), PhoneNumber: long(64), City: long(64), Gender: "4"})
	require.NoError(t, err, "characters count, not bytes")
}

func fill(s []rune) []rune {
	for i := range s {
		s[i] = 'ł'
	}
	return s
}

func vendorFields(err error) []string {
	var e *userapi.Error
	if !errors.As(err, &e) {
		return nil
	}
	var names []string
	for _, f := range e.FieldErrors {
		names = append(names, f.VendorField)
	}
	return names
}

func TestSuccessIsProven(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		body    string
		id      string
		outcome userapi.Outcome
	}{
		"cut off":            {201, fixture(t, "create_201_truncated.txt"), "310455021", userapi.OutcomeCreated},
		"cut in the id":      {201, `{"id":31045`, "", userapi.OutcomeUnknown},
		"empty":              {201, ``, "", userapi.OutcomeUnknown},
		"204":                {204, ``, "", userapi.OutcomeUnknown},
		"null":               {200, `null`, "", userapi.OutcomeUnknown},
		"a page":             {200, `<!doctype html><html></html>`, "", userapi.OutcomeUnknown},
		"a list of users":    {200, fixture(t, "list_users_200.json"), "", userapi.OutcomeUnknown},
		"a bare list":        {200, `[{"id":310455021}]`, "", userapi.OutcomeUnknown},
		"update_or_create's": {200, `{"created":true}`, "", userapi.OutcomeUnknown},
		"id 0":               {201, `{"id":0,"email":"ada.nowak@example.org"}`, "", userapi.OutcomeUnknown},
		"another ID":         {201, `{"ID":7}`, "", userapi.OutcomeUnknown},
		"an id deeper":       {201, `{"user":{"id":7}}`, "", userapi.OutcomeUnknown},
		"errors and a user":  {201, `{"id":310455021,"errors":{"email":["Enter a valid email address."]}}`, "310455021", userapi.OutcomeCreated},
		"an error alone":     {200, `{"error":"Invalid data."}`, "", userapi.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			answer(mock, usersURL, test.status, test.body)
			req := userapi.CreateUserRequest{Email: "ada.nowak@example.org", Language: "pl", Attributes: map[string]any{"seats": 1}}
			user, err := c.CreateUser(t.Context(), req)
			assert.Nil(t, user)
			e := asError(t, err)
			assert.Equal(t, userapi.KindProtocol, e.Kind)
			assert.Equal(t, test.outcome, e.Outcome)
			assert.Equal(t, test.status, e.StatusCode)
			assert.Equal(t, test.id, e.UserID)
			if test.id == "" {
				assert.Nil(t, e.User)
			} else {
				assert.Equal(t, test.id, e.User.ID)
				assert.Equal(t, []string{"Language"}, e.User.Unmapped)
			}
			assert.Equal(t, 1, mock.GetTotalCallCount())
		})
	}
	for name, body := range map[string]string{
		"null errors": `{"id":7,"errors":null,"error":null}`, "id alone": `{"id":7}`, "id as text": `{"id":"7","email":null}`,
		"user_id as a number": `{"id":7,"user_id":42.0}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			answer(mock, usersURL, 200, body)
			user, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "ada.nowak@example.org", ExternalID: "42"})
			require.NoError(t, err)
			assert.Equal(t, "7", user.ID)
		})
	}
}

// brokenBody ends with an error after its text.
type brokenBody struct{ io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (brokenBody) Close() error { return nil }

func TestReplyNotReadWhole(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]userapi.HTTPOptions{"broken": {}, "too long": {MaxResponseBytes: 16}} {
		c, mock := newClient(t, func(cfg *usercom.Config) { cfg.HTTP.MaxResponseBytes = opts.MaxResponseBytes })
		mock.RegisterResponder(http.MethodPost, usersURL, func(*http.Request) (*http.Response, error) {
			body := brokenBody{strings.NewReader(`{"id":7,"email":"ada.nowak@example.org"}`)}
			return &http.Response{StatusCode: 201, ContentLength: -1, Body: body}, nil
		})
		_, err := c.Users.Create(t.Context(), usercom.CreateUserRequest{Email: new("ada.nowak@example.org")})
		var e *userapi.Error
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, userapi.KindProtocol, e.Kind, name)
		assert.Equal(t, userapi.OutcomeCreated, e.Outcome, name)
		assert.Equal(t, "7", e.User.ID, name)
	}
}

func TestOlderUserIsConflict(t *testing.T) {
	t.Parallel()
	for version, name := range map[usercom.Version]string{usercom.V1: "user_id", usercom.V2: "custom_id"} {
		c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Version = version })
		answer(mock, usersURL, 201, fixture(t, "sample_response.json"))

		user, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{
			Email: "myemail@example.org", ExternalID: "crm-000781", Language: "pl", Attributes: map[string]any{"seats": 1},
		})

		assert.Nil(t, user)
		require.ErrorIs(t, err, userapi.ErrConflict)
		assert.False(t, userapi.MayHaveCreated(err))
		e := asError(t, err)
		assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
		assert.Equal(t, "20901703", e.UserID)
		assert.Equal(t, "20901703", e.User.ID)
		assert.Equal(t, userapi.ProofKey, e.User.Proof)
		assert.Equal(t, []string{"Language"}, e.User.Unmapped)
		assert.Equal(t, "ExternalID", e.FieldErrors[0].Field)
		assert.Equal(t, name, e.FieldErrors[0].VendorField)
		assert.Equal(t, "taken", e.FieldErrors[0].Code)
		assert.Equal(t, 1, mock.GetTotalCallCount(), "no attribute of somebody else's user is set")

		_, err = c.Users.Create(t.Context(), usercom.CreateUserRequest{UserID: new("crm-000781")})
		require.ErrorIs(t, err, userapi.ErrConflict)

		_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "myemail@example.org"})
		require.NoError(t, err, "without a user id nothing can be taken")
		_, err = c.Users.Create(t.Context(), usercom.CreateUserRequest{Email: new("myemail@example.org")})
		require.NoError(t, err)
	}
}

func TestSetAttributes(t *testing.T) {
	t.Parallel()
	const base = usersURL + "310455021/"
	c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Encoding, cfg.Version = usercom.Form, usercom.V2 })
	got := answer(mock, base+"set_attribute/", 200, "")
	require.NoError(t, c.Users.SetAttribute(t.Context(), 310455021, "seats", 12))
	assert.Equal(t, `{"attribute":"seats","value":12}`, got.body)
	assert.Equal(t, []string{"application/json"}, got.header["Content-Type"])
	assert.Equal(t, []string{"*/*; version=2"}, got.header["Accept"])
	assert.True(t, slices.Equal([]string{"Token " + testKey}, got.header["Authorization"]))

	got = answer(mock, base+"set_multiple_attributes/", 200, "")
	require.NoError(t, c.Users.SetMultipleAttributes(t.Context(), 310455021, map[string]any{
		"seats": json.Number("12345678901234567890"), "is_partner": true, "interests": []string{"chess", "rowing"},
	}))
	assert.Equal(t, `{"interests":["chess","rowing"],"is_partner":true,"seats":12345678901234567890}`, got.body)
}

func TestSetAttributesReplies(t *testing.T) {
	t.Parallel()
	const url = usersURL + "310455021/set_multiple_attributes/"
	for name, test := range map[string]struct {
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
		fields  []userapi.FieldError
	}{
		"a page":      {200, "<html></html>", userapi.KindProtocol, userapi.OutcomeUnknown, nil},
		"an error":    {200, `{"errors":{"seats":["A valid integer is required."]}}`, userapi.KindProtocol, userapi.OutcomeUnknown, nil},
		"not found":   {404, `{"detail":"Not found."}`, userapi.KindNotFound, userapi.OutcomeRejected, nil},
		"gateway":     {502, `<html></html>`, userapi.KindUnavailable, userapi.OutcomeUnknown, nil},
		"wrong value": {400, `{"errors":{"email":["must be unique"]}}`, userapi.KindInvalid, userapi.OutcomeRejected, []userapi.FieldError{{Field: "Attributes", VendorField: "email", Code: "taken", Message: "must be unique"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			answer(mock, url, test.status, test.body)
			err := c.Users.SetMultipleAttributes(t.Context(), 310455021, map[string]any{"seats": 12})
			e := asError(t, err)
			assert.Equal(t, test.kind, e.Kind)
			assert.Equal(t, test.outcome, e.Outcome)
			assert.Equal(t, test.fields, e.FieldErrors)
			assert.Equal(t, "set attributes", e.Op)
			assert.Equal(t, "310455021", e.UserID)
		})
	}
	for name, body := range map[string]string{"blank": "\n", "an object": `{"status":"ok"}`, "null errors": `{"errors":null}`, "a list": `[]`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			answer(mock, url, 200, body)
			require.NoError(t, c.Users.SetMultipleAttributes(t.Context(), 310455021, map[string]any{"seats": 12}))
		})
	}
}

// If a reply to the second step shows another user, it belongs to another user's step. In V2 it can
// have custom attributes with the names of error members.
func TestSecondStepShowsTheUser(t *testing.T) {
	t.Parallel()
	v1, v2 := []usercom.Version{usercom.V1}, []usercom.Version{usercom.V2}
	both := []usercom.Version{usercom.V1, usercom.V2}
	for name, test := range map[string]struct {
		body     string
		versions []usercom.Version
		fails    bool
	}{
		"the user":                    {`{"id":310455021,"email":"ada.nowak@example.org"}`, both, false},
		"its id as text":              {`{"id":"310455021"}`, both, false},
		"no id":                       {`{"email":"ada.nowak@example.org"}`, both, false},
		"a null id":                   {`{"id":null}`, both, false},
		"an id that is none":          {`{"id":{"id":7}}`, both, false},
		"an id of zero":               {`{"id":0}`, both, false},
		"two ids":                     {`{"id":7,"id":8}`, both, false},
		"an attribute called id":      {`{"id":310455021,"attributes":[{"id":7}]}`, both, false},
		"another user":                {`{"id":7}`, both, true},
		"another user's id as text":   {`{"id":"7","email":"ada.nowak@example.org"}`, both, true},
		"another user, error in it":   {`{"id":7,"error":"high"}`, both, true},
		"error, an attribute":         {`{"id":310455021,"error":"high"}`, v2, false},
		"errors, an attribute":        {`{"id":310455021,"errors":{"code":["x"]}}`, v2, false},
		"error in V1":                 {`{"id":310455021,"error":"high"}`, v1, true},
		"errors in V1":                {`{"id":310455021,"errors":["x"]}`, v1, true},
		"error and no user":           {`{"error":"high"}`, both, true},
		"errors and no id":            {`{"id":null,"errors":["x"]}`, both, true},
		"error beside an unread id":   {`{"id":"x","error":"high"}`, both, true},
		"errors of nothing":           {`{"errors":{},"error":""}`, both, false},
		"the user, and it goes on":    {`{"id":310455021} {}`, both, true},
		"another user, and it breaks": {`{"id":7,"email":`, both, true},
	} {
		for _, version := range test.versions {
			t.Run(fmt.Sprintf("%s/V%d", name, version+1), func(t *testing.T) {
				t.Parallel()
				c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Version = version })
				answer(mock, usersURL, 201, `{"id":310455021}`)
				answer(mock, usersURL+"310455021/set_multiple_attributes/", 200, test.body)
				answer(mock, usersURL+"310455021/set_attribute/", 200, test.body)
				req := userapi.CreateUserRequest{Email: "ada.nowak@example.org", Attributes: map[string]any{"seats": 12}}
				u, err := c.CreateUser(t.Context(), req)
				finished := c.FinishUser(t.Context(), req, &userapi.User{Provider: usercom.Name, ID: "310455021"})
				set := c.Users.SetAttribute(t.Context(), 310455021, "seats", 12)
				if !test.fails {
					require.NoError(t, err)
					assert.Equal(t, "310455021", u.ID)
					require.NoError(t, finished)
					require.NoError(t, set)
					return
				}
				assert.Nil(t, u)
				for _, err := range []error{err, finished} {
					e := asError(t, err)
					assert.Equal(t, userapi.KindProtocol, e.Kind)
					assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
					assert.Equal(t, "set attributes", e.Op)
					assert.Equal(t, "310455021", e.UserID)
					require.NotNil(t, e.User)
					assert.Equal(t, "310455021", e.User.ID)
				}
				e := asError(t, set)
				assert.Equal(t, userapi.KindProtocol, e.Kind)
				assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
			})
		}
	}
}

func TestSetAttributesRefusesLocally(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, nil)
	for name, call := range map[string]func() error{
		"id and name": func() error { return c.Users.SetAttribute(t.Context(), 0, " ", 1) },
		"value":       func() error { return c.Users.SetAttribute(t.Context(), 1, "a", func() {}) },
		"secret":      func() error { return c.Users.SetAttribute(t.Context(), 1, "a", userapi.Secret("s3cret")) },
		"none":        func() error { return c.Users.SetMultipleAttributes(t.Context(), 1, nil) },
		"no name":     func() error { return c.Users.SetMultipleAttributes(t.Context(), 1, map[string]any{"": 1}) },
	} {
		err := call()
		require.ErrorIs(t, err, userapi.ErrInvalid, name)
		assert.False(t, strings.Contains(err.Error(), "s3cret"))
	}
	assert.Equal(t, []string{"id", "attribute"}, vendorFields(c.Users.SetAttribute(t.Context(), 0, " ", 1)))
	assert.Zero(t, mock.GetTotalCallCount())
}
