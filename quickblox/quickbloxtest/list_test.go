package quickbloxtest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// newCrowd returns a server with five users, each created an hour after the one before.
func newCrowd(t *testing.T) caller {
	t.Helper()
	var hours atomic.Int64
	start := time.Date(2019, 8, 27, 20, 0, 0, 0, time.UTC)
	now := func() time.Time { return start.Add(time.Duration(hours.Load()) * time.Hour) }
	c := newCaller(t, quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(userapitest.ServerOptions{Now: now})))
	for _, user := range []string{
		`"login":"ann","full_name":"Ann Miller","external_user_id":10,"facebook_id":"90","tag_list":"web,ios","phone":"+1 22"`,
		`"login":"bob","full_name":"Bob Miller","external_user_id":9,"facebook_id":"100","tag_list":"android","email":"bob@x.org"`,
		`"login":"cyd","full_name":"Miller, Cyd","external_user_id":100,"tag_list":"web","website":"https://c.example"`,
		`"login":"dan","full_name":"Dan Smith"`,
		`"login":"eve","email":"eve@x.org"`,
	} {
		status, _, body := c.send(http.MethodPost, "/users.json", asJSON, `{"user":{`+user+`,"password":"quickblox"}}`)
		require.Equal(t, http.StatusCreated, status, body)
		hours.Add(1)
	}
	return c
}

// logins are the users on a page, in order.
func (c caller) logins(path string) string {
	c.t.Helper()
	status, _, body := c.send(http.MethodGet, path, "", "")
	if status != http.StatusOK {
		return body
	}
	var page struct {
		Items []struct{ User struct{ Login string } }
	}
	require.NoError(c.t, json.Unmarshal([]byte(body), &page))
	var all []string
	for _, item := range page.Items {
		all = append(all, item.User.Login)
	}
	return strings.Join(all, " ")
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	const refused = `{"errors":{"base":["Invalid filter"]}}`
	for filter, want := range map[string]string{
		"number id gt 96752800":                                            "dan eve",
		"number id ge 96752801":                                            "dan eve",
		"number id lt 96752799":                                            "ann",
		"number id le 96752799":                                            "ann bob",
		"number id ne 96752799":                                            "ann cyd dan eve",
		"number id in 96752802,96752798, 5":                                "ann eve",
		"number id between 96752799,96752801":                              "bob cyd dan",
		"number external_user_id gt 9":                                     "ann cyd", // as a number; who has none is not greater
		"number external_user_id ne 9":                                     "ann cyd",
		"string external_user_id eq 9":                                     "bob",
		"number facebook_id lt 100":                                        "ann",
		"date created_at gt 2019-08-27T22:00:00Z":                          "dan eve",
		"string created_at le 2019-08-27T21:00:00Z":                        "ann bob", // the vendor's JavaScript SDK calls it a string
		"date created_at between 2019-08-27T21:00:00Z, 2019-08-27":         "",
		"date created_at between 2019-08-27, 2019-08-27T21:00:00Z":         "ann bob",
		"number updated_at ge 1566943200":                                  "cyd dan eve",
		"date created_at in 2019-08-27T20:00:00Z,2019-08-27T23:00:00Z":     "ann dan",
		"date last_request_at gt 2000-01-01":                               "",
		"string login in eve,bob,nobody":                                   "bob eve",
		"string full_name eq Miller, Cyd":                                  "cyd",
		"string full_name ne Dan Smith":                                    "ann bob cyd",
		"string email in BOB@x.org":                                        "bob",
		"string phone eq +1 22":                                            "ann",
		"string login gt bob":                                              refused,
		"string phone between 1,2":                                         refused,
		"string website eq https://c.example":                              refused,
		"string shoe eq 5":                                                 refused,
		"string login like b":                                              refused,
		"object login eq bob":                                              refused,
		"number id eq":                                                     refused,
		"number id eq x":                                                   refused,
		"number id between 1":                                              refused,
		"number id between 1,2,3":                                          refused,
		"date created_at gt yesterday":                                     refused,
		"number id gt 96752798&filter[]=number id lt 96752801":             "bob cyd",
		"string login in ann,bob&filter[]=string full_name eq Bob Miller":  "bob",
		"string login in ann,bob&filter[]=string full_name eq Bob Miller ": "bob",
	} {
		query := strings.ReplaceAll(url.PathEscape("filter[]="+filter), "&filter%5B%5D", "&filter[]")
		assert.Equal(t, want, c.logins("/users.json?"+strings.ReplaceAll(query, "+", "%2B")), filter)
	}
}

func TestListOrder(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	const refused = `{"errors":{"base":["Invalid order"]}}`
	for order, want := range map[string]string{
		"asc number id":                        "ann bob cyd dan eve",
		"desc date created_at":                 "eve dan cyd bob ann",
		"desc string created_at":               "eve dan cyd bob ann",
		"asc number external_user_id":          "dan eve bob ann cyd",
		"desc number external_user_id":         "cyd ann bob dan eve",
		"asc string full_name":                 "eve ann bob dan cyd",
		"desc string website":                  "cyd ann bob dan eve",
		"asc string email":                     "ann cyd dan bob eve",
		"asc string login&per_page=2&page=2":   "cyd dan",
		"asc string login&per_page=2&page=3":   "eve",
		"asc string login&per_page=2&page=4":   "",
		"desc number id&filter[]=number id lt": `{"errors":{"base":["Invalid filter"]}}`,
		"id":                                   refused,
		"up number id":                         refused,
		"asc object id":                        refused,
		"asc string shoe":                      refused,
	} {
		assert.Equal(t, want, c.logins("/users.json?order="+strings.ReplaceAll(order, " ", "+")), order)
	}
}

// The lists by full name and by tags answer with pages of users.
func TestListsByNameAndTags(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	for path, want := range map[string]string{
		"by_full_name.json?full_name=Bob%20Miller":              "bob",
		"by_full_name.json?full_name=miller":                    "ann bob cyd",
		"by_full_name.json?full_name=miller&page=2&per_page=2":  "cyd",
		"by_full_name.json?full_name=nobody":                    "",
		"by_full_name.json?full_name=Bo":                        `{"errors":{"full_name":["is too short (minimum is 3 characters)"]}}`,
		"by_full_name.json":                                     `{"errors":{"full_name":["is too short (minimum is 3 characters)"]}}`,
		"by_tags.json?tags=web":                                 "ann cyd",
		"by_tags.json?tags=android,IOS":                         "ann bob",
		"by_tags.json?tags=android,web&per_page=1&page=2":       "bob",
		"by_tags.json?tags=we":                                  `{"code":null,"message":"Couldn't find user"}`,
		"by_tags.json?tags=":                                    `{"errors":{"base":["tags are required"]}}`,
		"by_tags.json":                                          `{"errors":{"base":["tags are required"]}}`,
		"by_tags.json?tags[]=android%2Cios":                     "ann bob", // as the vendor's JavaScript SDK writes an array
		"by_tags.json?tags[]=android&tags[]=ios":                "ann bob",
		"by_tags.json?tags=android%2Cios%2C%20web&per_page=100": "ann bob cyd",
	} {
		assert.Equal(t, want, c.logins("/users/"+path), path)
	}
	for path, asked := range map[string]string{ // as its older versions do
		"/users.json":              `{"filter":["string login in bob,cyd"],"order":"desc number id","page":2,"per_page":1}`,
		"/users/by_tags.json":      `{"tags":"android"}`,
		"/users/by_full_name.json": `{"full_name":"Bob"}`,
	} {
		_, _, body := c.send(http.MethodGet, path, asJSON, asked)
		assert.Contains(t, body, `"login":"bob"`, path)
		assert.Equal(t, 1, strings.Count(body, `"login"`), path)
	}
	_, _, body := c.send(http.MethodGet, "/users/by_tags.json?tags=web&per_page=1", "", "")
	assert.Regexp(t, `^\{"current_page":1,"per_page":1,"total_entries":2,"items":\[\{"user":\{"id":96752798,.*\}\}\]\}$`, body)

	at := time.Date(2019, 8, 28, 1, 0, 0, 0, time.UTC)
	_, _, body = c.send(http.MethodPost, "/session.json", asForm, sessionForm(c.server, at, "1").Encode())
	_, token, _ := strings.Cut(body, `"token":"`)
	require.Greater(t, len(token), 40)
	application := c.with("QB-Token", token[:40])
	for _, path := range []string{"/users/by_full_name.json?full_name=miller", "/users/by_tags.json?tags=web"} {
		application.expect(422, needUser, http.MethodGet, path, "", "")
	}
}
