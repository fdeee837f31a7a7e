package usercomtest_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// TestStats: a duplicate is a create whose user_id or e-mail address a user has, whatever came of it.
func TestStats(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]usercomtest.Option{nil, {usercomtest.WithSilentUpdate()}} {
		c := newCaller(t, opts...)
		id := c.create(`{"user_id":"7","email":"a@example.com"}`)
		c.create(`{"user_id":"8"}`)
		assert.Equal(t, userapitest.Stats{Users: 2, Creates: 2}, c.srv.Stats())
		c.do("POST", "/users/", `{"user_id":"7"}`)
		c.do("POST", "/users/", `{"user_id":" 7 ","email":"a@example.com"}`)
		c.do("POST", "/users/", `{"user_id":"7","gender":"male"}`) // refused for its gender
		assert.Equal(t, userapitest.Stats{Users: 2, Creates: 5, Duplicates: 3}, c.srv.Stats())
		c.create(`{"email":"a@example.com"}`)
		c.do("POST", "/users/update_or_create/", `{"user_id":"8"}`)
		c.do("POST", "/users/update_or_create/", `{"user_id":"9"}`)
		assert.Equal(t, userapitest.Stats{Users: 4, Creates: 8, Duplicates: 5}, c.srv.Stats())
		c.do("POST", "/users/", `{`)
		c.with("Authorization", "Token x").do("POST", "/users/", `{"user_id":"7"}`)
		c.srv.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Status: 503})
		c.do("POST", "/users/", `{"user_id":"7"}`)
		c.do("DELETE", fmt.Sprintf("/users/%d/", id), "")
		assert.Equal(t, userapitest.Stats{Users: 3, Creates: 8, Duplicates: 5}, c.srv.Stats())
		c.create(`{"user_id":"7"}`)
		assert.Equal(t, userapitest.Stats{Users: 4, Creates: 9, Duplicates: 5}, c.srv.Stats())
	}
}

// TestRate: the answer is that of the framework, in the application's language, and says when to come again.
func TestRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767225600, 0)
	limited := func(rate float64) usercomtest.Option {
		return usercomtest.WithHTTP(userapitest.ServerOptions{Rate: rate, Now: func() time.Time { return now }})
	}
	for _, tt := range []struct {
		opts        []usercomtest.Option
		after, text string
	}{
		{[]usercomtest.Option{limited(1)}, "1", "Request was throttled. Expected available in 1 second."},
		{[]usercomtest.Option{limited(0.4)}, "3", "Request was throttled. Expected available in 3 seconds."},
		{[]usercomtest.Option{limited(1), usercomtest.WithPolish()}, "1", "Żądanie zostało zdławione. Expected available in 1 second."},
	} {
		c := newCaller(t, tt.opts...)
		c.create(`{"user_id":"7"}`)
		header := c.expect("POST", "/users/", `{"user_id":"7"}`, 429, `{"detail":"`+tt.text+`"}`)
		assert.Equal(t, tt.after, header.Get("Retry-After"))
		assert.Equal(t, "application/json", header.Get("Content-Type"))
		assert.Equal(t, "cloudflare", header.Get("Server"))
		assert.Equal(t, userapitest.Stats{Users: 1, Creates: 1, RateLimited: 1}, c.srv.Stats())
	}
}

// TestSearchAfterChanges: users are found by what they have now, in the order of their ids.
func TestSearchAfterChanges(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	var ids [3]int64
	for i := range ids {
		ids[i] = c.create(fmt.Sprintf(`{"user_id":"%d","email":"a@example.com","phone_number":"+1"}`, i))
	}
	found := func(query string) (found []int64) {
		_, body := c.do("GET", "/users/search/?many=true&"+query, "")
		var users []struct{ ID int64 }
		require.NoError(t, json.Unmarshal([]byte(body), &users))
		for _, u := range users {
			found = append(found, u.ID)
		}
		return found
	}
	for _, query := range []string{"email=a@example.com", "phone_number=%2B1"} {
		assert.Equal(t, ids[:], found(query))
	}
	c.do("PUT", fmt.Sprintf("/users/%d/", ids[0]), `{"email":"b@example.com","user_id":"x"}`)
	assert.Equal(t, ids[1:], found("email=a@example.com"))
	assert.Equal(t, ids[:1], found("email=b@example.com"))
	c.do("PUT", fmt.Sprintf("/users/%d/", ids[0]), `{"email":"a@example.com"}`)
	assert.Equal(t, ids[:], found("email=a@example.com"), "in order again")
	c.do("DELETE", fmt.Sprintf("/users/%d/", ids[1]), "")
	assert.Equal(t, []int64{ids[0], ids[2]}, found("email=a@example.com"))
	assert.Equal(t, []int64{ids[0], ids[2]}, found("phone_number=%2B1"))
	assert.Empty(t, found("email="))
	for userID, status := range map[string]int{"x": 200, "0": 404, "1": 404, "2": 200} {
		resp, _ := c.do("GET", "/users-by-id/"+userID+"/", "")
		assert.Equal(t, status, resp.StatusCode, userID)
	}
}
