package quickbloxtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
)

func TestLookupsAndChanges(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c := newCaller(t, s)
	_, _, created := c.send(http.MethodPost, "/users.json", asJSON, `{"user":{"login":"jo hn","email":"j+d@x.org","password":"quickblox","external_user_id":17,"facebook_id":"8a"}}`)
	for _, path := range []string{
		"/users/96752798.json", "/users/by_login.json?login=jo%20hn", "/users/by_login.json?login=jo+hn+", "/users/by_email.json?email=J%2BD%40x.org",
		"/users/external/17.json", "/users/by_facebook_id.json?facebook_id=8a", "/users/96752798",
	} {
		c.expect(http.StatusOK, created, http.MethodGet, path, "", "")
	}
	c.expect(http.StatusOK, created, http.MethodGet, "/users/by_login.json", asJSON, `{"login":"jo hn"}`)
	const none = `{"code":null,"message":"Couldn't find user"}`
	for _, path := range []string{
		"/users/1.json", "/users/external/x.json", "/users/by_login.json?login=JO%20HN", "/users/by_login.json", "/users/external/18.json",
		"/users/by_email.json?email=a@b.c", "/users/by_facebook_id.json?facebook_id=1",
	} {
		c.expect(http.StatusNotFound, none, http.MethodGet, path, "", "")
	}

	item := `{"user":` + strings.TrimPrefix(created, `{"user":`)
	c.expect(http.StatusOK, `{"current_page":1,"per_page":10,"total_entries":1,"items":[`+item+`]}`, http.MethodGet, "/users.json", "", "")
	c.expect(http.StatusOK, `{"current_page":1,"per_page":5,"total_entries":1,"items":[`+item+`]}`, http.MethodGet,
		"/users.json?filter[]=string%20login%20eq%20jo%20hn&page=1&per_page=5", "", "")
	c.expect(http.StatusOK, `{"current_page":2,"per_page":10,"total_entries":1,"items":[]}`, http.MethodGet, "/users.json?page=2", "", "")
	for _, filter := range []string{"string+email+eq+J%2Bd@x.org", "number+external_user_id+eq+17", "number+id+eq+96752798", "string+facebook_id+eq+8a"} {
		c.expect(http.StatusOK, `{"current_page":1,"per_page":10,"total_entries":1,"items":[`+item+`]}`, http.MethodGet, "/users.json?filter[]="+filter, "", "")
	}
	for _, filter := range []string{"string+full_name+eq+x", "string+phone+eq+x"} {
		c.expect(http.StatusOK, `{"current_page":1,"per_page":10,"total_entries":0,"items":[]}`, http.MethodGet, "/users.json?filter[]="+filter, "", "")
	}
	c.expect(http.StatusUnprocessableEntity, `{"errors":{"base":["Invalid filter"]}}`, http.MethodGet, "/users.json?filter[]=x", "", "")
	c.expect(http.StatusUnprocessableEntity, `{"errors":{"base":["Invalid filter"]}}`, http.MethodGet, "/users.json?filter[]=string+shoe+eq+x", "", "")

	// A change frees what it gives up, and takes what it takes.
	status, _, changed := c.send(http.MethodPut, "/users/96752798.json", asForm, "user[login]=jane&user[full_name]=Jane")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, changed, `"full_name":"Jane","email":"j+d@x.org","login":"jane"`)
	c.expect(http.StatusNotFound, none, http.MethodGet, "/users/by_login.json?login=jo%20hn", "", "")
	c.expect(http.StatusOK, changed, http.MethodGet, "/users/by_login.json?login=jane", "", "")
	c.expect(http.StatusUnprocessableEntity, `{"errors":{"base":["Old password is wrong"]}}`, http.MethodPut, "/users/96752798.json", asForm, "user[password]=quickblox2&user[old_password]=wrong")
	status, _, _ = c.send(http.MethodPut, "/users/96752798.json", asForm, "user[password]=quickblox2&user[old_password]=quickblox")
	assert.Equal(t, http.StatusOK, status)
	c.token("1", "user[login]", "jane", "user[password]", "quickblox2")
	c.expect(http.StatusUnprocessableEntity, `{"errors":{"email":["should look like an email address"]}}`, http.MethodPut, "/users/96752798.json", asForm, "user[email]=x")
	c.expect(http.StatusBadRequest, `{"code":null,"message":"No data was provided"}`, http.MethodPut, "/users/96752798.json", asForm, "")
	c.expect(http.StatusNotFound, none, http.MethodPut, "/users/1.json", asForm, "user[login]=x")

	c.expect(http.StatusOK, "", http.MethodDelete, "/users/external/17.json", "", "")
	c.expect(http.StatusNotFound, none, http.MethodDelete, "/users/external/17.json", "", "")
	c.expect(http.StatusNotFound, none, http.MethodDelete, "/users/96752798.json", "", "")
	assert.Zero(t, s.UserCount())
}
