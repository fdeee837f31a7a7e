package fusionauthtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// hashes returns testdata/hashes.json, which other tools have made.
func hashes(t *testing.T) (password string, list []fusionauth.PasswordHash) {
	t.Helper()
	data, err := os.ReadFile("testdata/hashes.json")
	require.NoError(t, err)
	var in struct {
		Password string
		Hashes   []struct {
			Scheme            fusionauth.EncryptionScheme
			Salt, Hash, Whole string
			Factor            int
		}
	}
	require.NoError(t, json.Unmarshal(data, &in))
	for _, h := range in.Hashes {
		hash := fusionauth.PasswordHash{Hash: userapi.Secret(h.Hash), Salt: userapi.Secret(h.Salt), Scheme: h.Scheme, Factor: h.Factor}
		if h.Whole != "" {
			split, err := fusionauth.ParseBcrypt(h.Whole)
			require.NoError(t, err)
			assert.True(t, split == hash, "ParseBcrypt splits the hash as it was split by hand")
		}
		list = append(list, hash)
	}
	return in.Password, list
}

// A password that was hashed elsewhere works for its user, and no other password does.
func TestImportedPasswords(t *testing.T) {
	t.Parallel()
	password, list := hashes(t)
	require.Len(t, list, 9)
	for _, h := range list {
		t.Run(string(h.Scheme), func(t *testing.T) {
			t.Parallel()
			c := newCaller(t)
			client, err := fusionauth.New(c.server.Config())
			require.NoError(t, err)
			t.Cleanup(client.CloseIdleConnections)
			u, err := client.CreateUser(t.Context(), userapi.CreateUserRequest{
				Username: "ada", Extensions: []userapi.Extension{fusionauth.Extra{PasswordHash: h}},
			})
			require.NoError(t, err)
			login := func(password string) int {
				body, err := json.Marshal(map[string]string{"loginId": "ADA", "password": password})
				require.NoError(t, err)
				status, reply, _ := c.do(http.MethodPost, "/api/login", string(body))
				if status == http.StatusOK {
					assert.Contains(t, reply, u.ID)
				}
				return status
			}
			assert.Equal(t, http.StatusOK, login(password))
			assert.Equal(t, http.StatusNotFound, login(password+" "))
			assert.Equal(t, http.StatusNotFound, login(h.Hash.Reveal()), "the hash is not the password")
			for _, r := range c.server.Requests() {
				assert.NotContains(t, string(r.Body), h.Hash.Reveal())
			}
		})
	}
}

// Java decodes base64 without padding, but refuses any other invalid base64.
func TestImportedSalts(t *testing.T) {
	t.Parallel()
	for salt, want := range map[string]int{"c2FsdC1vZi0xNi1ieXRlcw": 200, "c2FsdC1vZi0xNi1ieXRlcw=": 400, "c2FsdC1vZi0xNi1ieXRlcw==\\n": 400} {
		c := newCaller(t)
		status, _, _ := c.do(http.MethodPost, "/api/user/import", `{"users":[{"active":true,"username":"ada","password":"rTaw3UXvWPuDIa1Hmy8HVfsvwhxjwBdodf483t01nSI=","salt":"`+salt+`","encryptionScheme":"salted-sha256","factor":30}]}`)
		assert.Equal(t, want, status, salt)
		status, _, _ = c.do(http.MethodPost, "/api/login", `{"loginId":"ada","password":"correct horse:battery 9"}`)
		assert.Equal(t, want == 200, status == 200, salt)
	}
}

// An import of an older server ignores the members of FusionAuth 1.59, as a create does.
func TestImportAtAnOlderServer(t *testing.T) {
	t.Parallel()
	c := newCaller(t, fusionauthtest.WithServerBefore159())
	status, _, _ := c.do(http.MethodPost, "/api/user/import", `{"users":[{"username":"ada","password":"passw0rd!","phoneNumber":"+13035551212"}]}`)
	require.Equal(t, http.StatusOK, status)
	assert.Empty(t, c.server.Users()[0].PhoneNumber)
}

// A user with a password logs in with it.
func TestLogin(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	status, _, _ := c.do(http.MethodPost, "/api/user/"+userID, `{"user":{"email":"ada@example.org","password":"correct horse","encryptionScheme":"salted-md5"}}`)
	require.Equal(t, http.StatusOK, status)
	for body, want := range map[string]int{
		`{"loginId":"ada@example.org","password":"correct horse"}`: 200,
		`{"loginId":"ada@example.org","password":"correct mule"}`:  404,
		`{"loginId":"bob@example.org","password":"correct horse"}`: 404,
		`{"loginId":"ada@example.org"}`:                            404,
	} {
		status, _, _ := c.do(http.MethodPost, "/api/login", body)
		assert.Equal(t, want, status, body)
	}
}

// An import is one transaction. It names existing users if the request asks for that.
func TestImport(t *testing.T) {
	t.Parallel()
	user := func(name, more string) string {
		return fmt.Sprintf(`{"username":%q,"password":"correct horse","active":true%s}`, name, more)
	}
	for name, tt := range map[string]struct {
		users, validate string
		status          int
		reply           string
	}{
		"two":               {user("a", "") + "," + user("b", ""), "true", 200, ""},
		"one that is there": {user("a", "") + "," + user("Old", ""), "true", 400, `[duplicate]user.username`},
		"not validated":     {user("a", "") + "," + user("Old", ""), "false", 500, `[ImportRequestFailed]`},
		"one twice":         {user("a", "") + "," + user("A", ""), "true", 400, `[invalid]user.username`},
		"the id":            {user("a", `,"id":"`+userID+`"`), "true", 400, `[duplicate]user.id`},
		"nobody":            {"", "true", 400, `[missing]users`},
		"without a name":    {`{"password":"correct horse"}`, "true", 400, `[blank]user.email`},
		"without a salt":    {user("a", `,"encryptionScheme":"salted-md5"`), "true", 400, `[missing]user.salt`},
		"a bad salt":        {user("a", `,"encryptionScheme":"salted-md5","salt":" dGhp"`), "true", 400, `[invalid]user.salt`},
		"no application":    {user("a", `,"registrations":[{}]`), "true", 400, `[missing]user.registration.applicationId`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCaller(t)
			status, _, _ := c.do(http.MethodPost, "/api/user/"+userID, `{"user":{"username":"old","password":"correct horse"}}`)
			require.Equal(t, http.StatusOK, status)
			status, reply, _ := c.do(http.MethodPost, "/api/user/import", `{"users":[`+tt.users+`],"validateDbConstraints":`+tt.validate+`}`)
			assert.Equal(t, tt.status, status, reply)
			assert.Contains(t, reply, tt.reply)
			want := 1
			if status == http.StatusOK {
				assert.Empty(t, reply)
				want = 3
			}
			assert.Equal(t, want, c.server.UserCount())
		})
	}
}

// An import without a tenant creates each user in the user's own tenant.
func TestImportTenants(t *testing.T) {
	t.Parallel()
	c := newCaller(t, fusionauthtest.WithTenants(tenantA, tenantB))
	body := func(tenant string) string {
		return `{"users":[{"username":"a","password":"correct horse","tenantId":"` + tenant + `"}]}`
	}
	status, reply, _ := c.do(http.MethodPost, "/api/user/import", `{"users":[{"username":"a","password":"correct horse"}]}`)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, reply, "[TenantIdRequired]")
	for _, tenant := range []string{tenantA, tenantB} { // a name can exist in both
		status, reply, _ := c.do(http.MethodPost, "/api/user/import", body(tenant))
		assert.Equal(t, http.StatusOK, status, reply)
	}
	status, reply, _ = c.with("X-FusionAuth-TenantId", tenantB).do(http.MethodPost, "/api/user/import", body(tenantA))
	assert.Equal(t, http.StatusInternalServerError, status, "the header decides: %s", reply)
	assert.Equal(t, 2, c.server.UserCount())
	assert.Equal(t, []string{tenantA, tenantB}, []string{c.server.Users()[0].TenantID, c.server.Users()[1].TenantID})
}

// If the reply fails after the commit, the users exist.
func TestImportFault(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	c.server.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.AfterCommit, Status: 503})
	status, _, _ := c.do(http.MethodPost, "/api/user/import", `{"users":[{"username":"a","password":"correct horse"}]}`)
	assert.Equal(t, 503, status)
	assert.Equal(t, 1, c.server.UserCount())
}
