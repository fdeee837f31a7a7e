package fusionauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
)

const (
	baseURL  = "https://auth.example.com"
	apiKey   = "7DUrSyBPtX9QzSecret"
	password = "correct horse battery"
	userID   = "2bc3b58e-1f0d-4c4e-9a52-5b3f1d8e6a70"
	tenantA  = "b3a1c2d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
	tenantB  = "11111111-2222-1333-8444-555555555555"
)

var anyUserPath = regexp.MustCompile(`^https://auth\.example\.com/api/user`)

// newClient returns a client whose requests go to its own mock.
func newClient(t *testing.T, change ...func(*fusionauth.Config)) (*fusionauth.Client, *httpmock.MockTransport) {
	t.Helper()
	mock := httpmock.NewMockTransport()
	cfg := fusionauth.Config{
		APIKey: apiKey,
		HTTP:   userapi.HTTPOptions{BaseURL: baseURL, HTTPClient: &http.Client{Transport: mock}},
	}
	for _, c := range change {
		c(&cfg)
	}
	c, err := fusionauth.New(cfg)
	require.NoError(t, err)
	return c, mock
}

// A sent is the last request that a mock received.
type sent struct {
	path   string
	header http.Header
	body   []byte
}

// reply makes the mock answer every create with a status and a body. "{id}" in the body stands for
// the id in the path.
func reply(mock *httpmock.MockTransport, status int, body string) *sent {
	got := &sent{}
	mock.RegisterRegexpResponder(http.MethodPost, anyUserPath, func(r *http.Request) (*http.Response, error) {
		got.path, got.header = r.URL.Path, r.Header.Clone()
		got.body, _ = io.ReadAll(r.Body)
		id := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/api/user"), "/")
		return httpmock.NewStringResponse(status, strings.ReplaceAll(body, "{id}", id)), nil
	})
	return got
}

func minimal() fusionauth.CreateUserRequest {
	return fusionauth.CreateUserRequest{
		UserID: userID,
		User:   fusionauth.NewUser{Email: new("jane@example.com"), Password: password},
	}
}

func asError(t *testing.T, err error) *userapi.Error {
	t.Helper()
	var e *userapi.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestCreateSendsOnlyWhatIsSet(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := reply(mock, 200, `{"user":{"id":"{id}"}}`)
	_, err := c.Users.Create(t.Context(), minimal())
	require.NoError(t, err)
	assert.Equal(t, "/api/user/"+userID, got.path)
	assert.Equal(t, `{"user":{"email":"jane@example.com","password":"correct horse battery"}}`, string(got.body))
	assert.Equal(t, []string{apiKey}, got.header["Authorization"])
	assert.Equal(t, []string{"application/json"}, got.header["Content-Type"])
	assert.Equal(t, []string{"application/json"}, got.header["Accept"])
	assert.Contains(t, got.header.Get("User-Agent"), "enlist-go/")
	assert.NotContains(t, got.header, http.CanonicalHeaderKey("X-FusionAuth-TenantId"))
	assert.NotContains(t, got.header, "Idempotency-Key")
}

func TestCreateTellsFalseAndZeroFromUnset(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := reply(mock, 200, `{"user":{"id":"{id}"}}`)
	_, err := c.Users.Create(t.Context(), fusionauth.CreateUserRequest{
		UserID: userID, SendSetPasswordEmail: new(false), SkipVerification: new(false),
		SendSetPasswordIdentityType: fusionauth.SendSetPasswordDoNotSend,
		User: fusionauth.NewUser{
			Username: new("jane"), Password: password, FirstName: new(""), Factor: new(0),
			Active: new(false), Expiry: fusionauth.Instant{Time: time.UnixMilli(0)},
			Data:        fusionauth.Data{},
			TwoFactor:   fusionauth.TwoFactor{Methods: []fusionauth.TwoFactorMethod{}},
			Memberships: []fusionauth.NewMembership{{GroupID: new(tenantA)}},
		},
		EventInfo: fusionauth.EventInfo{Location: fusionauth.Location{Latitude: new(0.0)}},
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"sendSetPasswordEmail": false, "sendSetPasswordIdentityType": "doNotSend", "skipVerification": false,
		"user": {"username": "jane", "password": "correct horse battery", "firstName": "", "factor": 0, "active": false,
			"expiry": 0, "memberships": [{"groupId": "b3a1c2d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d"}]},
		"eventInfo": {"location": {"latitude": 0}}
	}`, string(got.body))
}

func TestCreateKeepsEveryDigitOfData(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := reply(mock, 200, `{"user":{"id":"{id}","data":{"big":9007199254740993,"long":0.12345678901234567890,"none":null}}}`)
	req := minimal()
	require.NoError(t, json.Unmarshal([]byte(`{"big":9007199254740993,"list":[1.10,{"deep":12345678901234567890}]}`), &req.User.Data))
	resp, err := c.Users.Create(t.Context(), req)
	require.NoError(t, err)
	assert.Contains(t, string(got.body), `"data":{"big":9007199254740993,"list":[1.10,{"deep":12345678901234567890}]}`)
	assert.Equal(t, fusionauth.Data{
		"big": json.Number("9007199254740993"), "long": json.Number("0.12345678901234567890"), "none": nil,
	}, resp.User.Data)
}

func TestTenantOfRequestPrevails(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.TenantID = strings.ToUpper(tenantA) })
	got := reply(mock, 200, `{"user":{"id":"{id}"}}`)
	req := minimal()
	_, err := c.Users.Create(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, tenantA, got.header.Get("X-FusionAuth-TenantId"))

	req.TenantID = tenantB
	_, err = c.Users.Create(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, tenantB, got.header.Get("X-FusionAuth-TenantId"))
}

func TestUserIDOfNativeRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, userID string
		own          *string
		path         string
	}{
		{"given", userID, nil, "/api/user/" + userID},
		{"in upper case", strings.ToUpper(userID), nil, "/api/user/" + userID},
		{"not of version 4", tenantB, nil, "/api/user/" + tenantB},
		{"in the body", "", new(strings.ToUpper(userID)), "/api/user/" + userID},
		{"in both", userID, new(strings.ToUpper(userID)), "/api/user/" + userID},
		{"left to the server", fusionauth.ServerAssigned, nil, "/api/user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			id := userID
			if tt.userID != fusionauth.ServerAssigned {
				id = lastSegment(tt.path)
			}
			got := reply(mock, 200, `{"user":{"id":"`+id+`"}}`)
			req := minimal()
			req.UserID, req.User.ID = tt.userID, tt.own
			resp, err := c.Users.Create(t.Context(), req)
			require.NoError(t, err)
			assert.Equal(t, tt.path, got.path)
			assert.Equal(t, id, resp.User.ID)
		})
	}
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func TestUserIDIsRandomWhenNoneIsGiven(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := reply(mock, 200, `{"user":{"id":"{id}"}}`)
	seen := map[string]bool{}
	for range 10 {
		req := minimal()
		req.UserID = ""
		resp, err := c.Users.Create(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, "/api/user/"+resp.User.ID, got.path)
		assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, resp.User.ID)
		assert.False(t, seen[resp.User.ID])
		seen[resp.User.ID] = true
	}
}

func TestNativeRequestReportsEveryFault(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	var req fusionauth.CreateUserRequest
	require.NoError(t, json.Unmarshal([]byte(`{
		"applicationId": "app", "currentPassword": "[REDACTED]", "verificationIds": [],
		"user": {
			"birthDate": "2023-02-29", "expiry": "tomorrow", "insertInstant": "2020-01-01T00:00:00Z",
			"id": "x", "tenantId": "{b3a1c2d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d}", "timezone": "no zone", "salt": "[REDACTED]",
			"memberships": [{"groupId": "admins"}], "identities": [{"type": "email", "insertInstant": "yesterday"}],
			"twoFactor": {"methods": [{"authenticator": {"codeLength": "six"}, "secret": "[REDACTED]"}], "recoveryCodes": ["[REDACTED]"]},
			"registrations": [{"applicationId": "a", "timezone": "", "authenticationToken": "[REDACTED]", "tokens": {"idp": "[REDACTED]"}}]
		}
	}`), &req))
	req.UserID, req.TenantID = "../../api/application", "tenant"
	_, err := c.Users.Create(t.Context(), req)
	e := asError(t, err)
	assert.Equal(t, userapi.KindInvalid, e.Kind)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	assert.Empty(t, e.UserID)
	var names []string
	for _, f := range e.FieldErrors {
		assert.NotEmpty(t, f.Message)
		names = append(names, f.VendorField)
	}
	assert.ElementsMatch(t, []string{
		"CreateUserRequest.TenantID", "CreateUserRequest.UserID", "user.id", "user.id", "user.email", "user.identities[0].insertInstant",
		"applicationId", "currentPassword", "user.tenantId", "user.expiry", "user.insertInstant", "user.birthDate",
		"user.timezone", "user.salt", "user.twoFactor.methods[0].authenticator.codeLength", "user.twoFactor.methods[0].secret",
		"user.twoFactor.recoveryCodes[0]", "user.memberships[0].groupId", "user.registrations[0].applicationId",
		"user.registrations[0].timezone", "user.registrations[0].authenticationToken", "user.registrations[0].tokens",
	}, names)
	assert.Zero(t, mock.GetTotalCallCount())
}

func TestRedactedPasswordIsRefused(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	req := minimal()
	req.User.Password = userapi.Redacted
	_, err := c.Users.Create(t.Context(), req)
	e := asError(t, err)
	assert.Equal(t, "user.password", e.FieldErrors[0].VendorField)
	assert.Zero(t, mock.GetTotalCallCount())
}

func TestNativeRequestThatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*fusionauth.CreateUserRequest){
		"a channel":            func(r *fusionauth.CreateUserRequest) { r.User.Data = fusionauth.Data{"a": make(chan int)} },
		"a secret in the data": func(r *fusionauth.CreateUserRequest) { r.User.Data = fusionauth.Data{"a": userapi.Secret("x")} },
		"a secret in a group's data": func(r *fusionauth.CreateUserRequest) {
			r.User.Memberships = []fusionauth.NewMembership{{}, {Data: fusionauth.Data{"a": userapi.Secret("x")}}}
		},
		"a secret in a registration's data": func(r *fusionauth.CreateUserRequest) {
			r.User.Registrations = []fusionauth.Registration{{}, {Data: fusionauth.Data{"a": []any{userapi.Secret("x")}}}}
		},
		"a secret in an event's data": func(r *fusionauth.CreateUserRequest) {
			r.EventInfo.Data = fusionauth.Data{"a": struct{ P *userapi.Secret }{new(userapi.Secret("x"))}}
		},
		"the text of a redacted secret": func(r *fusionauth.CreateUserRequest) { r.User.LastName = new(userapi.Secret("x").String()) },
		"invalid UTF-8":                 func(r *fusionauth.CreateUserRequest) { r.User.LastName = new("\xff") },
		"an infinite number": func(r *fusionauth.CreateUserRequest) {
			r.User.Memberships = []fusionauth.NewMembership{{Data: fusionauth.Data{"a": math.Inf(1)}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			req := minimal()
			change(&req)
			_, err := c.Users.Create(t.Context(), req)
			e := asError(t, err)
			assert.Equal(t, userapi.KindInvalid, e.Kind)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Equal(t, userID, e.UserID)
			assert.Zero(t, mock.GetTotalCallCount())
		})
	}
}

// TestAPasswordIsTheServersToAskFor: FusionAuth 1.59 and later accept a user without a password.
func TestAPasswordIsTheServersToAskFor(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*fusionauth.CreateUserRequest){
		func(*fusionauth.CreateUserRequest) {},
		func(r *fusionauth.CreateUserRequest) { r.SendSetPasswordEmail = new(false) },
		func(r *fusionauth.CreateUserRequest) { r.SendSetPasswordEmail = new(true) },
		func(r *fusionauth.CreateUserRequest) {
			r.SendSetPasswordIdentityType = fusionauth.SendSetPasswordByPhone
		},
		func(r *fusionauth.CreateUserRequest) { r.User.Email, r.User.PhoneNumber = nil, new("+13035551212") },
	} {
		c, server := newPair(t)
		req := fusionauth.CreateUserRequest{User: fusionauth.NewUser{Email: new("jane@example.com")}}
		change(&req)
		resp, err := c.Users.Create(t.Context(), req)
		require.NoError(t, err)
		assert.Empty(t, resp.Warnings())
		assert.False(t, server.Users()[0].HasPassword)
	}
	c, server := newPair(t, fusionauthtest.WithServerBefore159())
	_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "jane@example.com"})
	e := asError(t, err)
	assert.Equal(t, userapi.KindInvalid, e.Kind)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	assert.Equal(t, []string{"Password"}, fieldNames(e))
	assert.Equal(t, userapi.CodeRequired, e.FieldErrors[0].Code)
	assert.Zero(t, server.UserCount())
}

// TestWarnings: the user's Warnings name what the server ignored.
func TestWarnings(t *testing.T) {
	t.Parallel()
	phone := func(cfg *fusionauth.Config) { cfg.PhoneLogin = true }
	req := userapi.CreateUserRequest{Email: "jane@example.com", Phone: "+13035551212", Password: password, Strict: true}
	for body, want := range map[string]int{
		`{"user":{"id":"{id}"}}`:                                                              1,
		`{"user":{"id":"{id}","phoneNumber":" "}}`:                                            1,
		`{"user":{"id":"{id}","phoneNumber":"+13035551212"}}`:                                 0,
		`{"user":{"id":"{id}","identities":[{"type":"phoneNumber","value":"+13035551212"}]}}`: 0,
		`{"user":{"id":"{id}","identities":[{"type":"email","value":"jane@example.com"}]}}`:   1,
	} {
		c, mock := newClient(t, phone)
		reply(mock, 200, body)
		u, err := c.CreateUser(t.Context(), req)
		require.NoError(t, err)
		assert.Len(t, u.Warnings, want, body)
		native, _ := userapi.As[*fusionauth.CreateUserResponse](u)
		assert.Equal(t, u.Warnings, native.Warnings())
		for _, warning := range u.Warnings {
			assert.Contains(t, warning, "user.phoneNumber")
			assert.NotContains(t, warning, "303")
		}
	}
	c, server := newPair(t)
	resp, err := c.Users.Create(t.Context(), fusionauth.CreateUserRequest{User: fusionauth.NewUser{
		Email: new("jane@example.com"), Password: password, Registrations: []fusionauth.Registration{{ApplicationID: new(applicationID)}},
	}})
	require.NoError(t, err)
	require.Len(t, resp.Warnings(), 1)
	assert.Contains(t, resp.Warnings()[0], "Users.Register")
	assert.Empty(t, server.Users()[0].Registrations)
	assert.Contains(t, string(server.Requests()[0].Body), applicationID, "it is sent as it stands")
}

// The vendor's sample is sent unchanged, except for members that FusionAuth no longer accepts.
func TestVendorsSampleRequest(t *testing.T) {
	t.Parallel()
	sample, err := os.ReadFile("testdata/create_user_request.json")
	require.NoError(t, err)
	var want map[string]any
	require.NoError(t, json.Unmarshal(sample, &want))
	user := want["user"].(map[string]any)
	for _, m := range user["memberships"].([]any) {
		delete(m.(map[string]any), "user")
	}
	wantJSON, err := json.Marshal(want)
	require.NoError(t, err)

	req := sampleRequest(t)
	c, mock := newClient(t)
	got := reply(mock, 200, `{"user":{"id":"{id}"}}`)
	resp, err := c.Users.Create(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, user["id"], resp.User.ID)
	assert.True(t, jsonEqual(t, wantJSON, got.body), "what is sent differs from the sample")

	shown, err := json.Marshal(req)
	require.NoError(t, err)
	for _, secret := range []string{
		"currentPassword-1", "password-19", "salt-20", "secret-6", "secret-7", "recoveryCodes-8", "recoveryCodes-9",
		"authenticationToken-13", "authenticationToken-16", "Excepteur25c-10", "nulla_485-11", "consectetur4c6-12", "occaecat_0-15",
	} {
		assert.Equal(t, 1, strings.Count(string(got.body), `"`+secret+`"`), "a secret is to be sent once")
		assert.NotContains(t, string(shown), secret)
	}
	assert.Equal(t, 13, strings.Count(string(shown), userapi.Redacted))
}

// TestIdentitiesOfABody: a body with a user's identities is decoded and sent unchanged.
func TestIdentitiesOfABody(t *testing.T) {
	t.Parallel()
	const user = `"email":"jane@example.com","password":"correct horse battery"`
	for identities, want := range map[string]string{
		`[]`: `{"user":{` + user + `}}`,
		`[{"displayValue":"jane@example.com","insertInstant":1700000000000,"primary":true,"type":"email","value":"jane@example.com","verified":false}]`: "",
	} {
		body := `{"user":{` + user + `,"identities":` + identities + `}}`
		if want == "" {
			want = body
		}
		var req fusionauth.CreateUserRequest
		require.NoError(t, json.Unmarshal([]byte(body), &req))
		c, mock := newClient(t)
		got := reply(mock, 200, `{"user":{"id":"{id}"}}`)
		_, err := c.Users.Create(t.Context(), req)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(got.body))
	}
}

func sampleRequest(t *testing.T) fusionauth.CreateUserRequest {
	t.Helper()
	sample, err := os.ReadFile("testdata/create_user_request.json")
	require.NoError(t, err)
	var req fusionauth.CreateUserRequest
	require.NoError(t, json.Unmarshal(sample, &req))
	return req
}

// jsonEqual compares without printing, because the texts have secrets.
func jsonEqual(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	require.NoError(t, json.Unmarshal(a, &x))
	require.NoError(t, json.Unmarshal(b, &y))
	return assert.ObjectsAreEqual(x, y)
}

func TestVendorsSampleResponse(t *testing.T) {
	t.Parallel()
	sample, err := os.ReadFile("testdata/create_user_response.json")
	require.NoError(t, err)
	c, mock := newClient(t)
	reply(mock, 200, string(sample))
	req := minimal()
	req.UserID, req.User.Email = sampleID(t, sample), nil
	req.User.PhoneNumber = new("+13035551212") // not compared
	resp, err := c.Users.Create(t.Context(), req)
	require.NoError(t, err)

	assert.Equal(t, 200, resp.StatusCode())
	assert.True(t, string(sample) == string(resp.Raw()), "the raw reply is kept byte for byte")
	for _, secret := range []struct {
		got  userapi.Secret
		want string
	}{
		{resp.EmailVerificationID, "emailVerificationId-1"},
		{resp.EmailVerificationOneTimeCode, "emailVerificationOneTimeCode-2"},
		{resp.RegistrationVerificationIDs["Ut_4e4"], "Ut_4e4-6"},
		{resp.RegistrationVerificationOneTimeCodes["ind"], "ind-8"},
		{resp.Token, "token-9"},
		{resp.User.TwoFactor.Methods[1].Secret, "secret-15"},
	} {
		assert.True(t, secret.got.Reveal() == secret.want, "a secret of the reply is not where it belongs: %q", secret.want)
	}
	assert.Equal(t, int64(1594755001001), resp.TokenExpirationInstant.UnixMilli())
	u := resp.User
	assert.Equal(t, "email1@example.com", *u.Email)
	assert.Equal(t, []string{"en", "es_MX"}, u.PreferredLanguages)
	assert.Equal(t, fusionauth.Date("1976-05-30"), u.BirthDate)
	assert.Equal(t, fusionauth.Data{"esse66": map[string]any{}, "et_5e": map[string]any{}}, u.Data)
	assert.Equal(t, fusionauth.HmacSHA512, u.TwoFactor.Methods[1].Authenticator.Algorithm)
	assert.Equal(t, fusionauth.Number("6"), u.TwoFactor.Methods[1].Authenticator.CodeLength)
	assert.JSONEq(t, `{"value": "<Circular reference to #/components/schemas/User detected>"}`, string(u.Memberships[0].User))
	assert.Len(t, u.Memberships[1].Data, 3)
	assert.Equal(t, fusionauth.UsernameRejected, u.Registrations[0].UsernameStatus)
	assert.Equal(t, fusionauth.BreachedPasswordExactMatch, u.BreachedPasswordStatus)
	assert.Equal(t, fusionauth.ChangePasswordAdministrative, u.PasswordChangeReason)
	assert.Equal(t, fusionauth.Number("24000"), u.Factor)
	assert.Equal(t, fusionauth.UsernamePending, u.UsernameStatus)

	var alone fusionauth.CreateUserResponse
	require.NoError(t, json.Unmarshal(sample, &alone))
	assert.True(t, assert.ObjectsAreEqual(alone.User, resp.User), "the sample decodes by itself too")
	assert.Zero(t, alone.StatusCode())

	// Nothing of the sample is lost: the result shows it with redacted secrets.
	shown, err := json.Marshal(resp)
	require.NoError(t, err)
	var want, got any
	require.NoError(t, json.Unmarshal(sample, &want))
	require.NoError(t, json.Unmarshal(shown, &got))
	assert.Equal(t, redact(want, ""), got)
}

func sampleID(t *testing.T, sample []byte) string {
	t.Helper()
	var reply struct{ User struct{ ID string } }
	require.NoError(t, json.Unmarshal(sample, &reply))
	return reply.User.ID
}

// redact replaces the secret texts in a sample reply.
func redact(v any, name string) any {
	switch name {
	case "emailVerificationId", "emailVerificationOneTimeCode", "registrationVerificationIds",
		"registrationVerificationOneTimeCodes", "token", "tokens", "secret", "recoveryCodes", "authenticationToken",
		"password", "salt":
		if _, ok := v.(string); ok {
			return userapi.Redacted
		}
	default:
		name = ""
	}
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if name != "" {
				v[k] = redact(inner, name)
			} else {
				v[k] = redact(inner, k)
			}
		}
	case []any:
		for i, inner := range v {
			v[i] = redact(inner, name)
		}
	}
	return v
}

func TestReplyOfToday(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	reply(mock, 200, `{"user":{"id":"{id}","active":true,"somethingNew":{"a":[1]},"usernameStatus":"LATER","phoneNumber":"+13035551212",
		"identities":[{"type":"phoneNumber","value":"+13035551212","primary":true,"verified":false,"verifiedReason":"Pending","insertInstant":1594755000001},
			{"type":{"name":"username"},"value":"jane","displayValue":"Jane","moderationStatus":"ACTIVE"}],
		"registrations":[{"roles":["admin","user"]}]},
		"verificationIds":[{"id":"code-1","oneTimeCode":"code-2","type":"email","value":"jane@example.com"}]}`)
	resp, err := c.Users.Create(t.Context(), minimal())
	require.NoError(t, err)
	ids := resp.User.Identities
	require.Len(t, ids, 2)
	assert.Equal(t, fusionauth.IdentityPhoneNumber, ids[0].Type)
	assert.Equal(t, fusionauth.VerifiedPending, ids[0].VerifiedReason)
	assert.Equal(t, int64(1594755000001), ids[0].InsertInstant.UnixMilli())
	assert.Equal(t, fusionauth.IdentityUsername, ids[1].Type)
	assert.Equal(t, "Jane", *ids[1].DisplayValue)
	assert.Equal(t, fusionauth.UsernameStatus("LATER"), resp.User.UsernameStatus)
	assert.Equal(t, []string{"admin", "user"}, resp.User.Registrations[0].Roles)
	assert.True(t, resp.VerificationIDs[0].ID.Reveal() == "code-1" && resp.VerificationIDs[0].OneTimeCode.Reveal() == "code-2")
	assert.Contains(t, string(resp.Raw()), "somethingNew")
}

// Members of another type than documented do not turn a success into a failure.
func TestReplyTolerates(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"user":{"id":"{id}"}}`,
		`{"user":{"id":"{id}"},"token":null,"fieldErrors":null,"generalErrors":null,"errors":null}`,
		`{"user":{"id":"{id}"},"fieldErrors":{},"generalErrors":[]}`,
		`{"user":{"id":"{ID}","email":null,"insertInstant":"1594755000001","expiry":"never","birthDate":"9181-63-65","data":[1]}}`,
		`{"user":{"id":"{id}","active":"yes","username":7,"factor":"many","identities":{},"twoFactor":[],"timezone":{}},"tokenExpirationInstant":true}`,
	} {
		c, mock := newClient(t)
		reply(mock, 200, strings.ReplaceAll(body, "{ID}", strings.ToUpper(userID)))
		resp, err := c.Users.Create(t.Context(), minimal())
		require.NoError(t, err, body)
		assert.True(t, strings.EqualFold(userID, resp.User.ID))
	}
}

// A member of another type than documented is converted or left unset. A pointer to zero would
// claim something that the reply did not say. Other members are not affected.
func TestReplyClaimsNothingThatWasNotSaid(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	reply(mock, 200, `{
		"emailVerificationId": 17, "token": {}, "registrationVerificationIds": [], "tokenExpirationInstant": 1594755001001,
		"verificationIds": [{"id": 7, "type": "email", "value": {}}, 5, null],
		"user": {
			"id": "{id}", "active": "true", "verified": "perhaps", "parentEmail": 7, "fullName": {}, "lastName": true, "username": "jane",
			"preferredLanguages": "en", "insertInstant": 1594755001001, "timezone": [], "usernameStatus": 3, "data": {"big": 9007199254740993},
			"twoFactor": {"methods": [{"lastUsed": "no", "email": "jane@example.com", "secret": 5}, "x"], "recoveryCodes": {}},
			"identities": [{"primary": 1, "verified": "false", "value": 13, "type": {"name": "username"}}, {"value": "jane"}],
			"memberships": [{"groupId": {}, "id": "m"}], "registrations": [{"verified": [], "roles": "admin", "username": "j"}, []]
		}
	}`)
	resp, err := c.Users.Create(t.Context(), minimal())
	require.NoError(t, err)
	assert.True(t, resp.EmailVerificationID.Reveal() == "17" && resp.Token == "" && resp.RegistrationVerificationIDs == nil)
	assert.Equal(t, int64(1594755001001), resp.TokenExpirationInstant.UnixMilli())
	require.Len(t, resp.VerificationIDs, 1)
	v := resp.VerificationIDs[0]
	assert.True(t, v.ID.Reveal() == "7" && v.Type == fusionauth.IdentityEmail && v.Value == nil)

	u := resp.User
	assert.Equal(t, userID, u.ID)
	assert.Equal(t, new(true), u.Active)
	assert.Nil(t, u.Verified)
	assert.Equal(t, new("7"), u.ParentEmail)
	assert.Nil(t, u.FullName)
	assert.Equal(t, new("true"), u.LastName)
	assert.Equal(t, new("jane"), u.Username)
	assert.Nil(t, u.PreferredLanguages)
	assert.Nil(t, u.Timezone)
	assert.Equal(t, fusionauth.UsernameStatus("3"), u.UsernameStatus)
	assert.Equal(t, int64(1594755001001), u.InsertInstant.UnixMilli())
	assert.Equal(t, fusionauth.Data{"big": json.Number("9007199254740993")}, u.Data)
	require.Len(t, u.TwoFactor.Methods, 1)
	m := u.TwoFactor.Methods[0]
	assert.True(t, m.LastUsed == nil && *m.Email == "jane@example.com" && m.Secret.Reveal() == "5")
	assert.Nil(t, u.TwoFactor.RecoveryCodes)
	assert.Equal(t, []fusionauth.Identity{
		{Verified: new(false), Value: new("13"), Type: fusionauth.IdentityUsername}, {Value: new("jane")},
	}, u.Identities)
	assert.Equal(t, []fusionauth.Membership{{ID: new("m")}}, u.Memberships)
	assert.Equal(t, []fusionauth.Registration{{Username: new("j")}}, u.Registrations)
}

func TestSuccessIsProven(t *testing.T) {
	t.Parallel()
	const other = "99999999-9999-4999-8999-999999999999"
	for _, tt := range []struct {
		name    string
		status  int
		body    string
		outcome userapi.Outcome
	}{
		{"empty", 200, ``, userapi.OutcomeUnknown},
		{"null", 200, `null`, userapi.OutcomeUnknown},
		{"a list", 200, `[]`, userapi.OutcomeUnknown},
		{"no user", 200, `{}`, userapi.OutcomeUnknown},
		{"user is null", 200, `{"user":null}`, userapi.OutcomeUnknown},
		{"user without id", 200, `{"user":{"email":"jane@example.com"}}`, userapi.OutcomeUnknown},
		{"empty id", 200, `{"user":{"id":""}}`, userapi.OutcomeUnknown},
		{"HTML", 200, `<html></html>`, userapi.OutcomeUnknown},
		{"202", 202, ``, userapi.OutcomeUnknown},
		{"cut off before the id's end", 200, `{"user":{"id":"2bc3b58e-1f0d`, userapi.OutcomeUnknown},
		{"cut off after the id", 200, `{"user":{"id":"{id}","email":"jane@ex`, userapi.OutcomeCreated},
		{"the id behind other members", 200, `{"token":"x","user":{"data":{"id":"y"},"id":"{id}","em`, userapi.OutcomeCreated},
		{"an id elsewhere", 200, `{"user":{"data":{"id":"{id}"},"em`, userapi.OutcomeUnknown},
		{"trailing text", 200, `{"user":{"id":"{id}"}} x`, userapi.OutcomeCreated},
		{"field errors", 200, `{"user":{"id":"{id}"},"fieldErrors":{"user.email":[{"code":"[x]user.email"}]}}`, userapi.OutcomeCreated},
		{"general errors", 200, `{"user":{"id":"{id}"},"generalErrors":[{}]}`, userapi.OutcomeCreated},
		{"errors", 200, `{"user":{"id":"{id}"},"errors":"no"}`, userapi.OutcomeCreated},
		{"error", 200, `{"error":{"code":1},"user":{"id":"{id}"}}`, userapi.OutcomeCreated},
		{"errors alone", 200, `{"generalErrors":[{"code":"[Exception]"}]}`, userapi.OutcomeUnknown},
		{"another user", 200, `{"user":{"id":"` + other + `"}}`, userapi.OutcomeUnknown},
		{"a number for an id", 200, `{"user":{"id":7}}`, userapi.OutcomeUnknown},
		{"another user, cut off", 200, `{"user":{"id":"` + other + `","em`, userapi.OutcomeUnknown},
		{"another user, with errors", 200, `{"user":{"id":"` + other + `"},"errors":["no"]}`, userapi.OutcomeUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			reply(mock, tt.status, tt.body)
			resp, err := c.Users.Create(t.Context(), minimal())
			assert.Nil(t, resp)
			e := asError(t, err)
			assert.Equal(t, userapi.KindProtocol, e.Kind)
			assert.Equal(t, tt.outcome, e.Outcome)
			assert.Equal(t, tt.status, e.StatusCode)
			assert.Equal(t, userID, e.UserID)
			assert.Equal(t, 1, mock.GetTotalCallCount())
			if tt.outcome == userapi.OutcomeCreated {
				require.NotNil(t, e.User)
				assert.Equal(t, userID, e.User.ID)
			} else {
				assert.Nil(t, e.User)
			}
		})
	}
}

func TestServerAssignedTakesAnyID(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := reply(mock, 200, `{"user":{"id":"`+tenantB+`"}}`)
	req := minimal()
	req.UserID = fusionauth.ServerAssigned
	resp, err := c.Users.Create(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "/api/user", got.path)
	assert.Equal(t, tenantB, resp.User.ID)

	reply(mock, 500, "")
	_, err = c.Users.Create(t.Context(), req)
	assert.Empty(t, asError(t, err).UserID)
}

// The id is the member with exactly FusionAuth's name. Names in another case do not count.
func TestIDOfTheExactName(t *testing.T) {
	t.Parallel()
	const other = "99999999-9999-4999-8999-999999999999"
	for body, want := range map[string]string{
		`{"user":{"id":"A","ID":"B"}}`:                          userID,
		`{"user":{"ID":"B","id":"A"}}`:                          userID,
		`{"user":{"id":"A","\u0049d":"B","iD":{}}}`:             userID,
		`{"user":{"id":"A"},"User":{"id":"B"},"USER":{}}`:       userID,
		`{"USER":{"id":"B"},"user":{"id":"A"}}`:                 userID,
		`{"user":{"id":"A","ID":"B","active":"true"}}`:          userID,
		`{"user":{"id":"A","active":1},"USER":{"id":"B"}}`:      userID,
		`{"user":{"id":null,"ID":"B"}}`:                         "",
		`{"user":{"ID":"B"}}`:                                   "",
		`{"User":{"id":"B"}}`:                                   "",
		`{"user":{"ID":"B","active":"true"}}`:                   "",
		`{"user":{"active":"true"},"USER":{"id":"B","ID":"B"}}`: "",
	} {
		for _, asked := range []string{userID, fusionauth.ServerAssigned} {
			c, mock := newClient(t)
			reply(mock, 200, strings.NewReplacer(`"A"`, `"`+userID+`"`, `"B"`, `"`+other+`"`).Replace(body))
			req := minimal()
			req.UserID = asked
			resp, err := c.Users.Create(t.Context(), req)
			if want == "" {
				e := asError(t, err)
				assert.Equal(t, userapi.KindProtocol, e.Kind, body)
				assert.Equal(t, userapi.OutcomeUnknown, e.Outcome, body)
				assert.Nil(t, e.User, body)
				continue
			}
			require.NoError(t, err, body)
			assert.Equal(t, want, resp.User.ID, body)
		}
	}
}

func TestErrorsTellTheUserID(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Users.Create(canceled, minimal())
	e := asError(t, err)
	assert.Equal(t, userapi.KindCanceled, e.Kind)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	assert.Equal(t, userID, e.UserID)

	mock.RegisterRegexpResponder(http.MethodPost, anyUserPath, httpmock.NewErrorResponder(errors.New("broken")))
	_, err = c.Users.Create(t.Context(), minimal())
	e = asError(t, err)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Equal(t, userID, e.UserID)

	_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "jane@example.com", Password: password})
	e = asError(t, err)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Len(t, e.UserID, 36, "a random id is told too")
}
