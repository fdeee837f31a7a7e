package fusionauthtest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestStats: a duplicate is a create, or a user of an import, with a taken id or login. The result
// does not matter.
func TestStats(t *testing.T) {
	t.Parallel()
	c := newCaller(t, fusionauthtest.WithTenants(tenantA, tenantB)).with("X-FusionAuth-TenantId", tenantA)
	b := c.with("X-FusionAuth-TenantId", tenantB)
	user := func(members string) string { return `{"user":{"password":"correct horse",` + members + `}}` }
	c.do("POST", "/api/user/"+userID, user(`"email":"ada@example.com","username":"ada","phoneNumber":"303-555-1212"`))
	b.do("POST", "/api/user", user(`"email":"ada@example.com","username":"ada"`))
	assert.Equal(t, userapitest.Stats{Users: 2, Creates: 2}, c.server.Stats(), "logins are a tenant's")
	b.do("POST", "/api/user/"+userID, user(`"email":"bob@example.com"`))
	c.do("POST", "/api/user", user(`"email":" Ada@example.com"`))
	c.do("POST", "/api/user", user(`"username":"ADA"`))
	c.do("POST", "/api/user", user(`"username":"bob","phoneNumber":"+1 303 555 1212"`))
	c.do("POST", "/api/user", `{"user":{"username":"ada","password":"short"}}`)
	c.do("POST", "/api/user/registration", `{"registration":{},`+user(`"username":"ada"`)[1:])
	assert.Equal(t, userapitest.Stats{Users: 2, Creates: 8, Duplicates: 6}, c.server.Stats())

	three := `{"users":[{"username":"bob","password":"x"},{"username":"ada","password":"x"},{"username":"bob","password":"x"}]}`
	c.do("POST", "/api/user/import", three)
	assert.Equal(t, userapitest.Stats{Users: 2, Creates: 11, Duplicates: 7}, c.server.Stats(), "bob was not there")
	c.do("POST", "/api/user/import", `{"users":[{"username":"bob","password":"x"},{"username":"cy","password":"x"}]}`)
	assert.Equal(t, userapitest.Stats{Users: 4, Creates: 13, Duplicates: 7}, c.server.Stats())

	c.do("POST", "/api/user", `{`)
	c.with("Authorization", "x").do("POST", "/api/user", user(`"username":"ada"`))
	c.do("POST", "/api/user/registration/"+userID, `{"registration":{"applicationId":"`+c.server.Applications()[0].ID+`"}}`)
	c.server.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Status: 503})
	c.do("POST", "/api/user", user(`"username":"ada"`))
	c.do("DELETE", "/api/user/"+userID+"?hardDelete=true", "")
	c.do("POST", "/api/user", user(`"username":"ada","email":"ada@example.com","phoneNumber":"303-555-1212"`))
	assert.Equal(t, userapitest.Stats{Users: 4, Creates: 14, Duplicates: 7}, c.server.Stats())
}

func TestRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767225600, 0)
	c := newCaller(t, fusionauthtest.WithHTTP(userapitest.ServerOptions{Rate: 1, Now: func() time.Time { return now }}))
	status, _, _ := c.do("GET", "/api/user/"+userID, "")
	assert.Equal(t, 404, status)
	status, body, header := c.do("POST", "/api/user/"+userID, jane)
	assert.Equal(t, 429, status)
	assert.Empty(t, body)
	assert.Equal(t, "Thu, 01 Jan 2026 00:00:00 GMT", header.Get("Date"))
	assert.Empty(t, header.Values("Retry-After"))
	assert.Equal(t, userapitest.Stats{RateLimited: 1}, c.server.Stats())
}

// TestFoundAfterChanges: a user is found by its present values, and its old values are free.
func TestFoundAfterChanges(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	c.do("POST", "/api/user/"+userID, jane)
	find := func(query string) int {
		status, _, _ := c.do("GET", "/api/user?"+query, "")
		return status
	}
	for _, query := range []string{
		"email=JANE@example.com", "username=jAnE", "loginId=jane", "loginId=jane@example.com",
		"loginId=%2B13035551212&loginIdTypes=phoneNumber",
	} {
		assert.Equal(t, 200, find(query), query)
	}
	assert.Equal(t, 404, find("loginId=%2B13035551212"), "not unless it is asked for")
	assert.Equal(t, 404, find("email="))
	c.do("PUT", "/api/user/"+userID, `{"user":{"email":"other@example.com"}}`)
	assert.Equal(t, 404, find("email=jane@example.com"))
	assert.Equal(t, 404, find("username=jane"))
	assert.Equal(t, 200, find("email=other@example.com"))
	status, _, _ := c.do("POST", "/api/user", jane)
	assert.Equal(t, 200, status)
	users := c.server.Users()
	assert.Len(t, users, 2)
	assert.Equal(t, userID, users[0].ID, "an update leaves a user its place")
}

// TestRegistrationIDs: an id is free again after its registration or its user is deleted.
func TestRegistrationIDs(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	app := c.server.Applications()[0].ID
	const other = "7d2d3a5c-0c34-4d3f-9b53-6f0f8e4a2b11"
	register := func(name string) int {
		status, _, _ := c.do("POST", "/api/user/registration",
			`{"registration":{"applicationId":"`+app+`","id":"`+other+`"},"user":{"username":"`+name+`"}}`)
		return status
	}
	remove := func(path string) {
		status, _, _ := c.do("DELETE", path, "")
		assert.Equal(t, 200, status)
	}
	assert.Equal(t, 200, register("ada"))
	assert.Equal(t, 400, register("bob"))
	id := c.server.Users()[0].ID
	remove("/api/user/registration/" + id + "/" + app)
	assert.Equal(t, 200, register("bob"))
	assert.Equal(t, 400, register("cy"))
	remove("/api/user/" + c.server.Users()[1].ID + "?hardDelete=true")
	assert.Equal(t, 200, register("cy"))
}
