package quickbloxtest_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestStats: a duplicate is a create with a unique value that a user has, whatever else is wrong with it.
func TestStats(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	create := func(members string) {
		c.send("POST", "/users.json", asJSON, `{"user":{"password":"12345678",`+members+`}}`)
	}
	create(`"login":"ada","email":"Ada@example.com","external_user_id":7,"facebook_id":"1f"`)
	create(`"login":"bob"`)
	assert.Equal(t, userapitest.Stats{Users: 2, Creates: 2}, s.Stats())
	create(`"login":"ada "`)
	create(`"email":"ada@EXAMPLE.com"`)
	create(`"login":"cy","external_user_id":"7"`)
	create(`"login":"cy","facebook_id":"1f"`)
	create(`"login":"ada","email":"nonsense","external_user_id":7`)
	assert.Equal(t, userapitest.Stats{Users: 2, Creates: 7, Duplicates: 5}, s.Stats())
	create(`"email":"nonsense"`)
	c.send("POST", "/users.json", asJSON, `{`)
	c.with("Authorization", "ApiKey x").send("POST", "/users.json", asJSON, `{"user":{"login":"ada","password":"12345678"}}`)
	s.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Status: 503})
	create(`"login":"ada"`)
	c.send("DELETE", "/users/external/7.json", "", "")
	create(`"login":"ada"`)
	assert.Equal(t, userapitest.Stats{Users: 2, Creates: 9, Duplicates: 5}, s.Stats())
}

func TestRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767225600, 0)
	s := quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(userapitest.ServerOptions{Rate: 1, Now: func() time.Time { return now }}))
	c := newCaller(t, s)
	for _, want := range []int{404, 429} {
		status, header, body := c.send("GET", "/users/1.json", "", "")
		assert.Equal(t, want, status)
		assert.Equal(t, "application/json; charset=utf-8", header.Get("Content-Type"))
		assert.Empty(t, header.Values("Retry-After"))
		if want == 429 {
			assert.Equal(t, `{"errors":["Too many requests"]}`, body)
			assert.Equal(t, "429 Too Many Requests", header.Get("Status"))
		}
	}
	assert.Equal(t, userapitest.Stats{RateLimited: 1}, s.Stats())
}

// TestSessionsOfADeletedUser: they are over with the user.
func TestSessionsOfADeletedUser(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	c.send("POST", "/users.json", asJSON, `{"user":{"login":"ada","password":"12345678"}}`)
	token := c.token("1", "user[login]", "ada", "user[password]", "12345678")
	user := c.with("QB-Token", token)
	status, _, _ := user.send("GET", "/session.json", "", "")
	assert.Equal(t, 200, status)
	c.send("DELETE", "/users/"+strconv.FormatInt(s.Users()[0].ID, 10)+".json", "", "")
	user.expect(401, `{"errors":{"base":["Required session does not exist"]}}`, "GET", "/session.json", "", "")
}
