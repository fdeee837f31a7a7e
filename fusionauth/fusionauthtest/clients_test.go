package fusionauthtest_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const (
	appID   = "4eedf18a-9360-40f6-a36c-88269ed5ec55"
	userID2 = "3cd4c69f-201e-4d5f-8b63-6c403e2f7b81"
)

// These tests send the requests of the vendor's own clients.

// decoded checks the status and decodes a JSON object.
func decoded(t *testing.T, want, status int, body string) map[string]any {
	t.Helper()
	require.Equal(t, want, status, body)
	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &o))
	return o
}

// TestCreateOfTheJavaClient: the client sends every list, even empty ones, and user.identities is
// one of them.
func TestCreateOfTheJavaClient(t *testing.T) {
	t.Parallel()
	const create = `{"disableDomainBlock":false,"sendSetPasswordEmail":false,"skipVerification":false,"user":{"active":false,"data":{},` +
		`"email":"client_java@fusionauth.io","identities":[],"memberships":[],"password":"password","passwordChangeRequired":false,` +
		`"preferredLanguages":[],"registrations":[],"twoFactor":{"methods":[],"recoveryCodes":[]},"verified":false},"verificationIds":[]}`
	for _, opt := range []fusionauthtest.Option{fusionauthtest.WithAPIKey("key"), fusionauthtest.WithUnknownMembersRefused(), fusionauthtest.WithServerBefore159()} {
		c := newCaller(t, opt)
		status, body, _ := c.do("POST", "/api/user", create)
		decoded(t, 200, status, body)
	}
}

// TestCreatePatchSearchAndDeleteOfTheTypeScriptClient is the user test of that client.
func TestCreatePatchSearchAndDeleteOfTheTypeScriptClient(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	var ids []string
	for _, email := range []string{"nodejs@fusionauth.io", "node2@fusionauth.io"} {
		status, body, _ := c.do("POST", "/api/user", `{"user":{"email":"`+email+`","firstName":"Jäne","password":"password"},"skipVerification":true,"sendSetPasswordEmail":false}`)
		ids = append(ids, decoded(t, 200, status, body)["user"].(map[string]any)["id"].(string))
	}
	status, body, _ := c.do("PATCH", "/api/user/"+ids[0], `{"user":{"firstName":"Jan"}}`)
	user := decoded(t, 200, status, body)["user"].(map[string]any)
	assert.Equal(t, "Jan", user["firstName"])
	assert.Equal(t, "nodejs@fusionauth.io", user["email"])
	assert.True(t, c.server.Users()[0].HasPassword)

	for _, search := range []func() (int, string){
		func() (int, string) {
			status, body, _ := c.do("GET", "/api/user/search?"+url.Values{"ids": {ids[0], "no id", ids[1], userID2}}.Encode(), "")
			return status, body
		},
		func() (int, string) {
			status, body, _ := c.do("POST", "/api/user/search", `{"search":{"ids":["`+ids[0]+`","`+ids[1]+`"],"numberOfResults":1}}`)
			return status, body
		},
	} {
		status, body := search()
		found := decoded(t, 200, status, body)
		assert.EqualValues(t, 2, found["total"])
		assert.Len(t, found["users"], 2, "ids have no pages")
	}
	for _, id := range ids {
		status, body, _ := c.do("DELETE", "/api/user/"+id+"?hardDelete=true", "")
		assert.Equal(t, 200, status)
		assert.Empty(t, body)
	}
	status, body, _ = c.do("GET", "/api/user/search?ids="+ids[0], "")
	assert.EqualValues(t, 0, decoded(t, 200, status, body)["total"])
}

// TestRegisterOfTheNETClient is the registration test of that client.
func TestRegisterOfTheNETClient(t *testing.T) {
	t.Parallel()
	c := newCaller(t, fusionauthtest.WithApplications(fusionauthtest.Application{ID: appID, Roles: []string{"user"}}))
	status, body, _ := c.do("POST", "/api/user/registration", `{"registration":{"applicationId":"`+appID+`","username":"csharpclient"},"sendSetPasswordEmail":false,"skipVerification":true,`+
		`"user":{"email":"csharpclient@fusionauth.io","password":"password","username":"csharpclient"}}`)
	user := decoded(t, 200, status, body)["user"].(map[string]any)
	assert.Equal(t, "csharpclient", user["username"])
	id := user["id"].(string)
	at := "/api/user/registration/" + id + "/" + appID

	status, body, _ = c.do("GET", at, "")
	made := decoded(t, 200, status, body)["registration"].(map[string]any)
	assert.Equal(t, "csharpclient", made["username"])
	status, body, _ = c.do("PUT", "/api/user/registration/"+id, `{"registration":{"applicationId":"`+appID+`","cleanSpeakId":"9af3fc1d-9236-4793-93df-aeac5f67f23e","roles":["user"],"username":"sharp","usernameStatus":"ACTIVE"}}`)
	changed := decoded(t, 200, status, body)["registration"].(map[string]any)
	assert.Equal(t, "sharp", changed["username"])
	assert.Equal(t, made["id"], changed["id"])
	status, body, _ = c.do("PATCH", at, `{"registration":{"data":{"a":1}}}`)
	changed = decoded(t, 200, status, body)["registration"].(map[string]any)
	assert.Equal(t, []any{"user"}, changed["roles"])
	assert.Equal(t, "sharp", changed["username"])
	status, body, _ = c.do("PATCH", at, `{"registration":{"roles":["owner"]}}`)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{"registration.roles [invalid]registration.roles"}, codes(t, body))
	assert.Equal(t, []string{"user"}, c.server.Users()[0].Registrations[0].Roles)

	for _, gone := range []string{"/api/user/registration/" + id + "/" + appID, "/api/user/" + id + "?hardDelete=true"} {
		status, body, _ = c.do("DELETE", gone, "")
		assert.Equal(t, 200, status)
		assert.Empty(t, body)
	}
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		status, body, _ = c.do(method, "/api/user/registration/f64992f5-c705-47b2-bc88-4046ac8a82ee/"+appID, "{}")
		assert.Equal(t, 404, status)
		assert.Empty(t, body)
	}
}

// TestRegisterOfTheGoClient: the client always sends a user, so it cannot register an existing one.
func TestRegisterOfTheGoClient(t *testing.T) {
	t.Parallel()
	c := newCaller(t, fusionauthtest.WithApplications(fusionauthtest.Application{ID: appID}))
	status, _, _ := c.do("POST", "/api/user/"+userID, jane)
	require.Equal(t, 200, status)
	status, body, _ := c.do("POST", "/api/user/registration/"+userID, `{"eventInfo":{"location":{}},"disableDomainBlock":false,"generateAuthenticationToken":false,`+
		`"registration":{"applicationId":"`+appID+`","verified":false},"sendSetPasswordEmail":false,"skipRegistrationVerification":false,"skipVerification":false,`+
		`"user":{"passwordChangeRequired":false,"verified":false,"active":false,"twoFactor":{}}}`)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{"user.email [blank]user.email", "user.username [blank]user.username", "userId [duplicate]userId"}, codes(t, body))

	const bare = `{"registration":{"applicationId":"` + appID + `"}}`
	status, body, _ = c.do("POST", "/api/user/registration/"+userID, bare)
	assert.NotContains(t, decoded(t, 200, status, body), "user")
	status, body, _ = c.do("POST", "/api/user/registration/"+userID, bare)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{"registration [duplicate]registration"}, codes(t, body))
	status, body, _ = c.do("POST", "/api/user/registration/"+userID2, bare)
	assert.Equal(t, 404, status)
	assert.Empty(t, body)
}

func TestRegistrationsAreOfATenant(t *testing.T) {
	t.Parallel()
	c := newCaller(t, fusionauthtest.WithTenants(tenantA, tenantB), fusionauthtest.WithApplications(fusionauthtest.Application{ID: appID, TenantID: tenantB}))
	const combined = `{"registration":{"applicationId":"` + appID + `"},"user":{"email":"a@b","password":"password"}}`
	status, body, _ := c.do("POST", "/api/user/registration", combined)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{"[TenantIdRequired]"}, codes(t, body))
	status, body, _ = c.with("X-FusionAuth-TenantId", tenantA).do("POST", "/api/user/registration", combined)
	assert.Equal(t, 400, status)
	assert.Equal(t, []string{"registration.applicationId [invalid]registration.applicationId"}, codes(t, body))
	assert.Zero(t, c.server.UserCount())
	status, body, _ = c.with("X-FusionAuth-TenantId", tenantB).do("POST", "/api/user/registration", combined)
	decoded(t, 200, status, body)
	_, err := fusionauthtest.Start(fusionauthtest.WithApplications(fusionauthtest.Application{ID: appID, TenantID: tenantB}))
	require.Error(t, err)
}

// TestUpdates: a PUT replaces everything except the password. A PATCH merges in one of three forms.
func TestUpdates(t *testing.T) {
	t.Parallel()
	const before = `{"skipVerification":true,"user":{"data":{"a":{"b":1,"c":[1,2]},"d":"x"},"email":"a@b","firstName":"Ann","password":"correct horse","preferredLanguages":["en"],"username":"ann"}}`
	for name, tt := range map[string]struct {
		method, mediaType, body string
		status                  int
		want                    string // the expected members of the user
	}{
		"put":          {"PUT", "application/json", `{"user":{"email":"a@b","lastName":"Bee"}}`, 200, `{"data":{},"email":"a@b","lastName":"Bee","preferredLanguages":[]}`},
		"put, taken":   {"PUT", "application/json", `{"user":{"email":"other@b"}}`, 400, `user.email [duplicate]user.email`},
		"put, nothing": {"PUT", "application/json", `{}`, 400, `user.email [blank]user.email`},
		"patch": {
			"PATCH", "application/json", `{"user":{"data":{"a":{"c":[3]}},"firstName":null,"preferredLanguages":["de"]}}`, 200,
			`{"data":{"a":{"b":1,"c":[1,2,3]},"d":"x"},"email":"a@b","preferredLanguages":["en","de"],"username":"ann"}`,
		},
		"merge patch": {
			"PATCH", "application/merge-patch+json", `{"user":{"data":{"a":{"c":[3]},"d":null},"preferredLanguages":["de"]}}`, 200,
			`{"data":{"a":{"b":1,"c":[3]}},"email":"a@b","firstName":"Ann","preferredLanguages":["de"],"username":"ann"}`,
		},
		"JSON patch": {
			"PATCH", "application/json-patch+json", `[{"op":"test","path":"/user/firstName","value":"Ann"},{"op":"replace","path":"/user/firstName","value":"Bea"},` +
				`{"op":"add","path":"/user/data/a/c/-","value":3},{"op":"add","path":"/user/data/a/c/0","value":0},{"op":"remove","path":"/user/data/a/b"},` +
				`{"op":"move","from":"/user/data/d","path":"/user/data/e~1f"},{"op":"copy","from":"/user/firstName","path":"/user/lastName"}]`, 200,
			`{"data":{"a":{"c":[0,1,2,3]},"e/f":"x"},"email":"a@b","firstName":"Bea","lastName":"Bea","preferredLanguages":["en"],"username":"ann"}`,
		},
		"JSON patch, a test that fails":    {"PATCH", "application/json-patch+json", `[{"op":"test","path":"/user/firstName","value":"Bea"},{"op":"remove","path":"/user/firstName"}]`, 400, `[invalidJSON]`},
		"JSON patch, of what there is not": {"PATCH", "application/json-patch+json", `[{"op":"replace","path":"/user/lastName","value":"Bea"}]`, 400, `[invalidJSON]`},
		"patch, of another type":           {"PATCH", "application/json", `{"user":{"expiry":"tomorrow"}}`, 400, `user.expiry [invalidJSON]`},
		"patch, a short password":          {"PATCH", "application/json", `{"user":{"password":"short"}}`, 400, `user.password [tooShort]user.password`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now atomic.Int64
			c := newCaller(t, fusionauthtest.WithApplications(fusionauthtest.Application{ID: appID}),
				fusionauthtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return time.UnixMilli(now.Add(1000)) }}))
			status, _, _ := c.do("POST", "/api/user/"+userID, before)
			require.Equal(t, 200, status)
			status, _, _ = c.do("POST", "/api/user/registration/"+userID, `{"registration":{"applicationId":"`+appID+`"}}`)
			require.Equal(t, 200, status)
			status, body, _ := c.do("GET", "/api/user/"+userID, "")
			was := decoded(t, 200, status, body)["user"].(map[string]any)
			status, _, _ = c.do("POST", "/api/user/"+userID2, `{"user":{"email":"other@b"}}`)
			require.Equal(t, 200, status)
			status, body, _ = c.with("Content-Type", tt.mediaType).do(tt.method, "/api/user/"+userID, tt.body)
			require.Equal(t, tt.status, status, body)
			assert.True(t, c.server.Users()[0].HasPassword)
			if status != 200 {
				assert.Equal(t, tt.want, codes(t, body)[0])
				_, body, _ = c.do("GET", "/api/user/"+userID, "")
				assert.Equal(t, was, decoded(t, 200, 200, body)["user"], "it is as it was")
				return
			}
			is := decoded(t, 200, status, body)["user"].(map[string]any)
			for _, name := range []string{"id", "insertInstant", "tenantId", "passwordLastUpdateInstant", "verified", "active", "registrations"} {
				assert.Equal(t, was[name], is[name], name)
			}
			assert.Greater(t, is["lastUpdateInstant"], was["lastUpdateInstant"])
			assert.Len(t, c.server.Users()[0].Registrations, 1)
			got := map[string]any{}
			for _, name := range []string{"data", "email", "firstName", "lastName", "preferredLanguages", "username"} {
				if is[name] != nil {
					got[name] = is[name]
				}
			}
			text, err := json.Marshal(got)
			require.NoError(t, err)
			assert.JSONEq(t, tt.want, string(text))
		})
	}
}

func TestReactivate(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	for _, step := range [][2]string{{"POST", ""}, {"DELETE", ""}, {"PUT", "?reactivate=true"}} {
		status, body, _ := c.do(step[0], "/api/user/"+userID+step[1], jane)
		require.Equal(t, 200, status, body)
		assert.Equal(t, step[0] != "DELETE", c.server.Users()[0].Active)
	}
	for _, method := range []string{"PUT", "PATCH"} {
		status, body, _ := c.do(method, "/api/user/"+userID2, jane)
		assert.Equal(t, 404, status)
		assert.Empty(t, body, "an empty 404 means that the user does not exist")
	}
}

// TestWhatIsNotServed: a client does not take an unserved route for a missing user, which is an
// empty 404.
func TestWhatIsNotServed(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := newCaller(t, fusionauthtest.WithHTTP(userapitest.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	for _, route := range [][2]string{
		{"GET", "/api/tenant"}, {"PUT", "/api/user"}, {"POST", "/api/user/search"}, {"GET", "/api/user/search?queryString=x"}, {"POST", "/api/user/verify-email"},
		{"GET", "/api/user/recent-login"}, {"DELETE", "/api/user/bulk"}, {"PATCH", "/api/user/registration"}, {"GET", "/api/user/registration/" + userID},
	} {
		status, body, header := c.do(route[0], route[1], "{}")
		assert.Equal(t, 404, status)
		assert.Equal(t, "This is a fake, and it does not serve this request.\n", body)
		assert.Equal(t, "text/plain; charset=utf-8", header.Get("Content-Type"))
	}
	c.server.Close()
	assert.Contains(t, log.String(), "method=PUT path=/api/user\n")
	assert.Contains(t, log.String(), "method=GET path=/api/user/search\n")
}

func TestLocalesAreReadAsJavaReadsThem(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	_, body, _ := c.do("POST", "/api/user", `{"user":{"email":"a@b","preferredLanguages":["EN","es-mx","es_MX","zh_Hans_CN","zh-Hant","zh_CN_#hans","zh__#Hant","de_DE_POSIX_#Latn","th_TH_#u-nu-thai","zh_TW_#Hant_x-java","_US"]}}`)
	assert.Contains(t, body, `"preferredLanguages":["en","es_MX","zh_HANS_CN","zh_HANT","zh_CN_#Hans","zh__#Hant","de_DE_POSIX_#Latn","th_TH_#u-nu-thai","zh_TW_#Hant_x-java","_US"]`)
}
