package fusionauthtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const (
	userID  = "2bc3b58e-1f0d-4c4e-9a52-5b3f1d8e6a70"
	tenantA = "b3a1c2d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
	tenantB = "11111111-2222-1333-8444-555555555555"
)

// A caller sends requests without the client.
type caller struct {
	t      *testing.T
	server *fusionauthtest.Server
	header http.Header
}

func newCaller(t *testing.T, opts ...fusionauthtest.Option) *caller {
	t.Helper()
	s := fusionauthtest.NewServer(t, opts...)
	return &caller{t: t, server: s, header: http.Header{
		"Authorization": {s.APIKey().Reveal()}, "Content-Type": {"application/json"},
	}}
}

func (c *caller) with(name, value string) *caller {
	other := *c
	other.header = c.header.Clone()
	other.header.Set(name, value)
	return &other
}

func (c *caller) do(method, path, body string) (int, string, http.Header) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL()+path, strings.NewReader(body))
	if !assert.NoError(c.t, err) {
		return 0, "", nil
	}
	r.Header = c.header.Clone()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if !assert.NoError(c.t, err) {
		return 0, "", nil
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	assert.NoError(c.t, err)
	return resp.StatusCode, string(got), resp.Header
}

const jane = `{"user":{"email":" Jane@Example.com ","username":"Jane","phoneNumber":"303-555-1212","password":"correct horse"}}`

// TestVerified: an e-mail address counts as verified if the create skipped verification, even after
// an update that keeps the address.
func TestVerified(t *testing.T) {
	t.Parallel()
	for _, skip := range []bool{false, true} {
		c := newCaller(t)
		c.do("POST", "/api/user/"+userID, fmt.Sprintf(`{"skipVerification":%t,%s`, skip, jane[1:]))
		for _, change := range []string{`{}`, `{"user":{"fullName":"Jane"}}`} {
			c.do("PATCH", "/api/user/"+userID, change)
			_, body, _ := c.do("GET", "/api/user/"+userID, "")
			assert.Contains(t, body, fmt.Sprintf(`"usernameStatus":"ACTIVE","verified":%t}`, skip), change)
		}
	}
}

func TestCreateReply(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1594755001001)
	c := newCaller(t, fusionauthtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return at }}))
	status, body, header := c.do("POST", "/api/user/"+strings.ToUpper(userID), `{"skipVerification":true,"sendSetPasswordEmail":true,"user":{
		"email":"jane@example.com","password":"ignored","active":false,"encryptionScheme":"bcrypt","factor":4,"salt":"c2FsdA==","parentEmail":"p@example.com",
		"data":{"big":9007199254740993,"html":"<b>"},"memberships":[{"data":{"a":1}}]}}`)
	assert.Equal(t, 200, status)
	assert.Equal(t, "application/json; charset=UTF-8", header.Get("Content-Type"))
	assert.Equal(t, []string{"Tue, 14 Jul 2020 19:30:01 GMT"}, header["Date"], "by the server's clock, and once")
	assert.Equal(t, `{"user":{"active":true,"connectorId":"e3306678-a53a-4964-9040-1c96f36dda72","data":{"big":9007199254740993,"html":"<b>"},`+
		`"email":"jane@example.com","id":"`+userID+`",`+
		`"identities":[{"insertInstant":1594755001001,"lastUpdateInstant":1594755001001,"primary":true,"type":"email","value":"jane@example.com","verified":false,"verifiedReason":"Skipped"}],`+
		`"insertInstant":1594755001001,"lastUpdateInstant":1594755001001,"memberships":[],"passwordChangeRequired":false,"passwordLastUpdateInstant":1594755001001,`+
		`"preferredLanguages":[],"registrations":[],"tenantId":"d7d09513-a3f5-401c-9685-34ab6c552453","twoFactor":{},"usernameStatus":"ACTIVE","verified":true}}`, body)
	users := c.server.Users()
	require.Len(t, users, 1)
	assert.False(t, users[0].HasPassword)
	assert.True(t, users[0].Active)
	assert.True(t, at.Equal(users[0].CreatedAt))
}

func TestCreateReplyOfAPassword(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	status, body, _ := c.do("POST", "/api/user", jane)
	require.Equal(t, 200, status)
	var got struct {
		Token, EmailVerificationID string
		TokenExpirationInstant     int64
		VerificationIDs            []map[string]string
		User                       struct {
			ID, Email, Username, PhoneNumber string
			Identities                       []map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	assert.Len(t, strings.Split(got.Token, "."), 3)
	assert.Positive(t, got.TokenExpirationInstant)
	require.Len(t, got.VerificationIDs, 2)
	assert.Equal(t, got.EmailVerificationID, got.VerificationIDs[0]["id"])
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, got.User.ID)
	assert.Equal(t, "jane@example.com", got.User.Email)
	assert.Equal(t, "Jane", got.User.Username)
	assert.Equal(t, "+13035551212", got.User.PhoneNumber)
	assert.Len(t, got.User.Identities, 3)
	assert.NotContains(t, body, "correct horse")
	for _, r := range c.server.Requests() {
		assert.NotContains(t, string(r.Body)+fmt.Sprint(r.Header), "correct horse")
		assert.NotContains(t, fmt.Sprint(r.Header), c.server.APIKey().Reveal())
	}
}

func TestSecondSteps(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	status, body, _ := c.do("POST", "/api/user/"+userID, `{"user":{"username":"jane","password":"correct horse","usernameStatus":"PENDING","passwordChangeRequired":true,
		"twoFactor":{"methods":[{"method":"authenticator","secret":"c2VjcmV0","email":"x@example.com"},{"method":"sms","mobilePhone":"1","name":"mine"},{"method":"email","email":"x@example.com"}],"recoveryCodes":["planted"]},
		"memberships":[{"groupId":"`+tenantA+`","data":{"a":1}},{"groupId":"`+tenantB+`","id":"`+tenantA+`"}]}}`)
	require.Equal(t, 200, status)
	for _, secret := range []string{"c2VjcmV0", "planted"} {
		assert.False(t, strings.Contains(body, secret))
	}
	var got struct {
		User struct {
			TwoFactor            struct{ Methods []map[string]any }
			Memberships          []map[string]any
			PasswordChangeReason string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	methods := got.User.TwoFactor.Methods
	require.Len(t, methods, 3)
	assert.Equal(t, map[string]any{"algorithm": "HmacSHA1", "codeLength": 6.0, "timeStep": 30.0}, methods[0]["authenticator"])
	assert.NotContains(t, methods[0], "email")
	assert.Equal(t, "mine", methods[1]["name"])
	assert.Equal(t, "x@example.com", methods[2]["email"])
	require.Len(t, got.User.Memberships, 2)
	assert.Equal(t, tenantA, got.User.Memberships[1]["id"])
	assert.Equal(t, userID, got.User.Memberships[0]["userId"])
	assert.Equal(t, "Administrative", got.User.PasswordChangeReason)
}

// TestRefusals: each request gets the expected errors, in the form "path code". General errors have
// no path.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path, body string
		want             []string
	}{
		{"an empty body", "", ``, []string{"user.email [blank]user.email", "user.username [blank]user.username"}},
		{"an empty object", "", `{}`, []string{"user.email [blank]user.email", "user.username [blank]user.username"}},
		{"no JSON", "", `{"user":`, []string{"[invalidJSON]"}},
		{"two values", "", `{} {}`, []string{"[invalidJSON]"}},
		{"a list", "", `[]`, []string{"[invalidJSON]"}},
		{"other types", "", `{"skipVerification":"yes","user":{"active":1,"birthDate":"9181-63-65","email":5,"expiry":"2020-01-01","factor":1.5,"memberships":[{"groupId":"x"}],"preferredLanguages":"en","timezone":"wwwwww wwww","registrations":[{"tokens":[]}],"twoFactor":{"methods":[{"authenticator":{"codeLength":"x"}}]},"data":[]},"eventInfo":{"location":{"latitude":"north"}}}`, []string{
			"eventInfo.location.latitude [invalidJSON]", "skipVerification [invalidJSON]", "user.active [invalidJSON]", "user.birthDate [invalidJSON]",
			"user.data [invalidJSON]", "user.email [invalidJSON]", "user.expiry [invalidJSON]", "user.factor [invalidJSON]", "user.memberships.groupId [invalidJSON]",
			"user.preferredLanguages [invalidJSON]", "user.registrations.tokens [invalidJSON]", "user.timezone [invalidJSON]", "user.twoFactor.methods.authenticator.codeLength [invalidJSON]",
		}},
		{"objects of other types", "", `{"user":[],"eventInfo":7}`, []string{"eventInfo [invalidJSON]", "user [invalidJSON]"}},
		{"an unknown option", "", `{"user":{"usernameStatus":"LATER"}}`, []string{"user.usernameStatus [invalidOption]user.usernameStatus"}},
		{"an id that is none", "/index", jane, []string{"userId [couldNotConvert]userId"}},
		{"a short password", "", `{"user":{"email":"a@b","password":"1234567"}}`, []string{"user.password [tooShort]user.password"}},
		{"a long password", "", `{"user":{"email":"a@b","password":"` + strings.Repeat("x", 257) + `"}}`, []string{"user.password [tooLong]user.password"}},
		{"no e-mail address", "", `{"user":{"email":"jane","password":"correct horse"}}`, []string{"user.email [notEmail]user.email"}},
		{"no phone number", "", `{"user":{"phoneNumber":"123","email":"a@b","password":"correct horse"}}`, []string{"user.phoneNumber [invalidPhone]user.phoneNumber"}},
		{"languages", "", `{"user":{"email":"a@b","password":"correct horse","preferredLanguages":[` + strings.Repeat(`"en",`, 20) + `"de"]}}`, []string{"user.preferredLanguages [tooMany]user.preferredLanguages"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCaller(t)
			status, body, header := c.do("POST", "/api/user"+tt.path, tt.body)
			assert.Equal(t, 400, status)
			assert.Equal(t, "application/json; charset=UTF-8", header.Get("Content-Type"))
			assert.Equal(t, tt.want, codes(t, body))
			assert.Zero(t, c.server.UserCount())
		})
	}
}

// TestUnknownMembers: unknown members are ignored, except by the first versions.
func TestUnknownMembers(t *testing.T) {
	t.Parallel()
	for n, body := range []string{
		`{"wat":1,"user":{"email":"a@b","password":"correct horse"}}`, `{"user":{"email":"a@b","password":"correct horse","wat":{"a":[]}}}`,
		`{"user":{"email":"a@b","password":"correct horse","memberships":[{"groupId":"` + tenantA + `","user":{}}]}}`,
	} {
		c := newCaller(t)
		status, got, _ := c.do("POST", "/api/user", body)
		assert.Equal(t, 200, status, got)
		assert.NotContains(t, got, "wat")
		c = newCaller(t, fusionauthtest.WithUnknownMembersRefused())
		status, got, _ = c.do("POST", "/api/user", body)
		assert.Equal(t, 400, status, n)
		assert.Equal(t, []string{"[invalidJSON]"}, codes(t, got))
		assert.Zero(t, c.server.UserCount())
	}
}

// TestServerBefore159: an older server requires a password and ignores newer members.
func TestServerBefore159(t *testing.T) {
	t.Parallel()
	c := newCaller(t, fusionauthtest.WithServerBefore159(), fusionauthtest.WithUnknownMembersRefused())
	status, body, _ := c.do("POST", "/api/user", `{"user":{"email":"a@b","phoneNumber":"+13035551212"}}`)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{"user.password [blank]user.password"}, codes(t, body))
	status, body, _ = c.do("POST", "/api/user", `{"sendSetPasswordIdentityType":"email","user":{"phoneNumber":"+13035551212"}}`)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{"user.email [blank]user.email", "user.password [blank]user.password", "user.username [blank]user.username"}, codes(t, body))
	status, body, _ = c.do("POST", "/api/user", jane)
	assert.Equal(t, 200, status)
	for _, later := range []string{"phoneNumber", "identities", "verificationIds"} {
		assert.NotContains(t, body, later)
	}
	assert.Contains(t, body, `"passwordLastUpdateInstant"`)

	c = newCaller(t)
	status, body, _ = c.do("POST", "/api/user", `{"user":{"phoneNumber":"+13035551212"}}`)
	assert.Equal(t, 200, status)
	assert.NotContains(t, body, "passwordLastUpdateInstant", "there is none")
	assert.False(t, c.server.Users()[0].HasPassword)
}

// codes lists the errors of a body in their order.
func codes(t *testing.T, body string) []string {
	t.Helper()
	var e struct {
		FieldErrors   map[string][]struct{ Code, Message string }
		GeneralErrors []struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &e))
	require.NotNil(t, e.FieldErrors)
	require.NotNil(t, e.GeneralErrors)
	var all []string
	dec := json.NewDecoder(strings.NewReader(body))
	for {
		token, err := dec.Token()
		if err != nil {
			break
		}
		if name, ok := token.(string); ok {
			for _, d := range e.FieldErrors[name] {
				assert.NotEmpty(t, d.Message)
				all = append(all, name+" "+d.Code)
			}
		}
	}
	for _, d := range e.GeneralErrors {
		assert.NotEmpty(t, d.Message)
		all = append(all, d.Code)
	}
	return all
}

func TestErrorBytes(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	_, _, _ = c.do("POST", "/api/user/"+userID, jane)
	_, body, _ := c.do("POST", "/api/user", `{"user":{"email":"JANE@example.com","password":"correct horse"}}`)
	assert.Equal(t, `{"fieldErrors":{"user.email":[{"code":"[duplicate]user.email","message":"A User with email = [jane@example.com] already exists."}]},"generalErrors":[]}`, body)
	_, body, _ = c.do("POST", "/api/user/"+strings.ToUpper(userID), `{"user":{"email":"other@example.com","password":"correct horse"}}`)
	assert.Equal(t, `{"fieldErrors":{"userId":[{"code":"[duplicate]userId","message":"A User with Id [`+userID+`] already exists."}]},"generalErrors":[]}`, body)
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	status, _, _ := c.do("POST", "/api/user/"+userID, jane)
	require.Equal(t, 200, status)
	for body, want := range map[string][]string{
		`{"user":{"username":"JANE","password":"correct horse"}}`:            {"user.username [duplicate]user.username"},
		`{"user":{"phoneNumber":"+13035551212","password":"correct horse"}}`: {"user.phoneNumber [duplicate]user.phoneNumber"},
		`{"user":{"email":"jane@example.com","username":"jane"}}`: {
			"user.email [duplicate]user.email", "user.username [duplicate]user.username",
		},
	} {
		status, got, _ := c.do("POST", "/api/user", body)
		assert.Equal(t, 400, status)
		assert.Equal(t, want, codes(t, got))
	}
	status, got, _ := c.do("POST", "/api/user/"+userID, ``)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{
		"user.email [blank]user.email", "user.username [blank]user.username", "userId [duplicate]userId",
	}, codes(t, got))
	assert.Equal(t, 1, c.server.UserCount())
}

func TestAdmission(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	for _, key := range []string{"", "wrong", "Bearer " + c.server.APIKey().Reveal(), "ApiKey " + c.server.APIKey().Reveal()} {
		for _, call := range []string{"POST /api/user", "POST /api/user/" + userID, "GET /api/user/" + userID, "DELETE /api/user/" + userID} {
			method, path, _ := strings.Cut(call, " ")
			status, body, header := c.with("Authorization", key).do(method, path, jane)
			assert.Equal(t, 401, status)
			assert.Empty(t, body)
			assert.Empty(t, header.Get("Content-Type"))
		}
	}
	status, body, _ := c.with("Content-Type", "text/plain").do("POST", "/api/user", jane)
	assert.Equal(t, 400, status)
	assert.Len(t, codes(t, body), 2, "what is not labelled as JSON is not read")
	status, _, _ = c.do("POST", "/api/elsewhere", jane)
	assert.Equal(t, 404, status)
}

func TestTenants(t *testing.T) {
	t.Parallel()
	c := newCaller(t, fusionauthtest.WithTenants(strings.ToUpper(tenantA), tenantB))
	assert.Equal(t, []string{tenantA, tenantB}, c.server.TenantIDs())
	assert.Equal(t, tenantA, c.server.Config().TenantID)
	for _, call := range []string{"POST /api/user", "GET /api/user?email=jane@example.com"} {
		method, path, _ := strings.Cut(call, " ")
		status, body, _ := c.do(method, path, jane)
		assert.Equal(t, 400, status)
		assert.Equal(t, []string{"[TenantIdRequired]"}, codes(t, body))
	}
	status, body, _ := c.with("X-FusionAuth-TenantId", userID).do("POST", "/api/user", jane)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{"tenantId [invalid]tenantId"}, codes(t, body))

	inA, inB := c.with("X-FusionAuth-TenantId", strings.ToUpper(tenantA)), c.with("X-FusionAuth-TenantId", tenantB)
	status, _, _ = inA.do("POST", "/api/user/"+userID, jane)
	assert.Equal(t, 200, status)
	status, body, _ = inB.do("POST", "/api/user/"+userID, jane)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{"userId [duplicate]userId"}, codes(t, body), "ids are unique over all tenants, and only they")

	status, _, _ = c.do("GET", "/api/user/"+userID, "")
	assert.Equal(t, 200, status, "a call by id needs no tenant")
	status, body, _ = inB.do("GET", "/api/user/"+userID, "")
	assert.Equal(t, 404, status)
	assert.Empty(t, body)
	status, _, _ = inB.do("GET", "/api/user?email=jane@example.com", "")
	assert.Equal(t, 404, status)
}

func TestLookups(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	_, created, _ := c.do("POST", "/api/user/"+userID, jane)
	var want struct{ User json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(created), &want))
	for _, path := range []string{
		"/" + userID, "/" + strings.ToUpper(userID), "?email=JANE@example.com", "?username=jane", "?loginId=jane", "?loginId=jane@example.com",
		"?loginId=%2B13035551212&loginIdTypes=email&loginIdTypes=phoneNumber",
	} {
		status, body, _ := c.do("GET", "/api/user"+path, "")
		assert.Equal(t, 200, status, path)
		var got struct {
			User  json.RawMessage
			Token string
		}
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		assert.JSONEq(t, string(want.User), string(got.User))
		assert.True(t, got.Token == "", "a token is given once")
		assert.Contains(t, body, `"verificationIds"`)
	}
	for _, path := range []string{"", "/" + tenantA, "?email=", "?username=jane@example.com", "?email=jane", "?loginId=%2B13035551212", "?loginId=jane&loginIdTypes=email"} {
		status, body, _ := c.do("GET", "/api/user"+path, "")
		assert.Equal(t, 404, status, path)
		assert.Empty(t, body)
	}
}

func TestDeletes(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	_, _, _ = c.do("POST", "/api/user/"+userID, jane)
	status, body, _ := c.do("DELETE", "/api/user/"+userID, "")
	assert.Equal(t, 200, status)
	assert.Empty(t, body)
	assert.False(t, c.server.Users()[0].Active)
	_, body, _ = c.do("GET", "/api/user/"+userID, "")
	assert.Contains(t, body, `"active":false`)
	status, _, _ = c.do("POST", "/api/user", jane)
	assert.Equal(t, 400, status, "a user that is not active keeps its names")

	status, _, _ = c.do("DELETE", "/api/user/"+userID+"?hardDelete=true", "")
	assert.Equal(t, 200, status)
	assert.Zero(t, c.server.UserCount())
	status, body, header := c.do("DELETE", "/api/user/"+userID+"?hardDelete=true", "")
	assert.Equal(t, 404, status)
	assert.Empty(t, body)
	assert.Empty(t, header.Get("Content-Type"))
	assert.NotEmpty(t, header.Get("Date"))
	status, _, _ = c.do("DELETE", "/api/user?hardDelete=true", "")
	assert.Equal(t, 404, status)
	status, _, _ = c.do("POST", "/api/user", jane)
	assert.Equal(t, 200, status)
}

func TestFaultsHaveOperations(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	for _, op := range []userapitest.Operation{userapitest.Create, userapitest.Lookup, userapitest.Delete} {
		c.server.Inject(userapitest.Fault{On: op, When: userapitest.AfterCommit, Status: 418})
	}
	for _, tt := range []struct {
		method string
		second int
	}{
		{"POST", 400}, // the first one was done
		{"GET", 200},
		{"DELETE", 200},
	} {
		status, _, _ := c.do(tt.method, "/api/user/"+userID, jane)
		assert.Equal(t, 418, status)
		status, _, _ = c.do(tt.method, "/api/user/"+userID, jane)
		assert.Equal(t, tt.second, status)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			status, _, _ := c.do("POST", "/api/user", fmt.Sprintf(`{"user":{"username":"u%d","password":"correct horse"}}`, i))
			assert.Equal(t, 200, status)
			_, _, _ = c.do("GET", fmt.Sprintf("/api/user?username=u%d", i), "")
			_, _ = c.server.Users(), c.server.Requests()
		})
	}
	wg.Wait()
	assert.Equal(t, 16, c.server.UserCount())
}

func TestStartAndClose(t *testing.T) {
	t.Parallel()
	_, err := fusionauthtest.Start(fusionauthtest.WithTenants())
	require.Error(t, err)
	_, err = fusionauthtest.Start(fusionauthtest.WithTenants("default"))
	require.Error(t, err)
	_, err = fusionauthtest.Start(fusionauthtest.WithHTTP(userapitest.ServerOptions{Addr: "192.0.2.1:1"}))
	require.Error(t, err)
	s, err := fusionauthtest.Start(fusionauthtest.WithAPIKey("key"))
	require.NoError(t, err)
	assert.True(t, s.Config().APIKey.Reveal() == "key")
	s.Close()
	s.Close()
}
