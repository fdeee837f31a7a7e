package usercomtest_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

func TestLists(t *testing.T) {
	t.Parallel()
	c := newCaller(t, usercomtest.WithLists(77, 78))
	id := c.create(ada)
	path := "/users/" + strconv.FormatInt(id, 10) + "/"
	c.expect(http.MethodPost, path+"add_to_list/", `{"list":77}`, 200, `{"id":77}`)
	c.expect(http.MethodPost, path+"add_to_list/", `{"list":77}`, 200, `{"id":77}`)
	c.expect(http.MethodPost, "/users-by-id/crm-1/add_to_list/", `{"list":"78"}`, 200, `{"id":78}`)
	c.expect(http.MethodPost, path+"add_to_list/", `{"list":79}`, 400, `{"errors":{"list":["Invalid pk \"79\" - object does not exist."]}}`)
	c.expect(http.MethodPost, path+"add_to_list/", `{"list":"news"}`, 400, `{"errors":{"list":["A valid integer is required."]}}`)
	c.expect(http.MethodPost, path+"add_to_list/", `{}`, 400, `{"errors":{"list":["This field is required."]}}`)
	c.expect(http.MethodPost, "/users/1/add_to_list/", `{"list":77}`, 404, `{"detail":"Not found."}`)
	assert.Equal(t, []int64{77, 78}, c.srv.Users()[0].Lists)
	for _, accept := range []string{"application/json", "*/*; version=2"} {
		_, got := c.with("Accept", accept).do(http.MethodGet, path, "")
		assert.Contains(t, got, `"lists":[{"id":77,"name":"List 77","description":""},{"id":78,"name":"List 78","description":""}]`)
	}
}

func TestVisitors(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	visitor := c.srv.AddVisitor("q7RtLm2XvB0d")
	_, got := c.do(http.MethodGet, "/users/search/?key=q7RtLm2XvB0d", "")
	var u struct {
		ID                      int64
		Key, Status             string
		Name, Email, CustomerID *string
	}
	require.NoError(t, json.Unmarshal([]byte(got), &u))
	assert.Equal(t, visitor.ID, u.ID)
	assert.Equal(t, []string{"q7RtLm2XvB0d", "visitor"}, []string{u.Key, u.Status})
	assert.Nil(t, u.Name)
	assert.Nil(t, u.Email)
	c.expect(http.MethodGet, "/users/search/?key=nobody", "", 404, `{"detail":"Not found."}`)
}

// TestUpdatePollutes: V1 makes custom attributes of what it does not know, as of a reply that is sent back.
func TestUpdatePollutes(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	path := "/users/" + strconv.FormatInt(c.create(ada), 10) + "/"
	_, shown := c.do(http.MethodGet, path, "")
	resp, body := c.do(http.MethodPut, path, `{"name":"Ada","tags":[{"id":9001,"name":"newsletter"}],"city":"Gdynia"}`)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	u := c.srv.Users()[0]
	assert.Equal(t, map[string]json.RawMessage{"name": []byte(`"Ada"`), "tags": []byte(`[{"id":9001,"name":"newsletter"}]`)}, u.Attributes)
	assert.Equal(t, "Gdynia", u.City)
	assert.Equal(t, []string{"newsletter"}, u.Tags)
	c.with("Accept", "*/*; version=2").do(http.MethodPut, path, `{"nickname":"x","city":"Sopot"}`)
	assert.NotContains(t, c.srv.Users()[0].Attributes, "nickname")
	assert.Contains(t, shown, `"attributes":[]`)
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	const body = `{"email":"x","gender":"male","first_name":"0123456789012345678901234567890123456789x","user_id":null,"tags":5,"score":"a"}`
	const english = `{"errors":{"email":["Enter a valid email address."],"first_name":["Ensure this field has no more than 40 characters."],` +
		`"gender":["\"male\" is not a valid choice."],"score":["A valid integer is required."],"tags":["Expected a list of items."],"user_id":["This field may not be null."]}}`
	const polish = `{"errors":{"email":["Podaj poprawny e-mail."],"first_name":["Upewnij się, że to pole ma nie więcej niż 40 znaków."],` +
		`"gender":["\"male\" nie jest poprawnym wyborem."],"score":["Wymagana jest poprawna liczba całkowita."],"tags":["Oczekiwano listy elementów."],"user_id":["To pole nie może mieć wartości null."]}}`
	for name, test := range map[string]struct {
		opts      []usercomtest.Option
		asked     string
		want, not string
	}{
		"English":                   {nil, "pl", english, "Not found."},
		"Polish":                    {[]usercomtest.Option{usercomtest.WithPolish()}, "", polish, "Nie znaleziono."},
		"Polish, asked for English": {[]usercomtest.Option{usercomtest.WithPolish()}, "en", english, "Not found."},
		"Polish, asked for British": {[]usercomtest.Option{usercomtest.WithPolish()}, "en-GB, pl", english, "Not found."},
		"Polish alone":              {[]usercomtest.Option{usercomtest.WithPolishOnly()}, "en", polish, "Nie znaleziono."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCaller(t, test.opts...).with("Accept-Language", test.asked)
			c.expect(http.MethodPost, "/users/", body, 400, test.want)
			c.expect(http.MethodGet, "/users/1/", "", 404, `{"detail":"`+test.not+`"}`)
			c.create(ada)
		})
	}
}

// TestUnserved: what has a pattern of the server's and is not served is a page too, with what every reply has.
func TestUnserved(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := newCaller(t, usercomtest.WithHTTP(userapitest.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	id := strconv.FormatInt(c.create(ada), 10)
	for _, path := range []string{"/users/search/?plan__contains=s3cret", "/users-by-id/search/", "/users/" + id, "/users/x/"} {
		log.Reset()
		resp, body := c.do(http.MethodGet, path, "")
		assert.Equal(t, http.StatusNotFound, resp.StatusCode, path)
		assert.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
		assert.Equal(t, "SAMEORIGIN", resp.Header.Get("X-Frame-Options"))
		assert.Contains(t, body, "<!DOCTYPE html>")
		path, _, _ = strings.Cut(path, "?")
		assert.Contains(t, log.String(), "method=GET path=/api/public"+path+"\n")
	}
	log.Reset()
	resp, _ := c.do(http.MethodPost, "/users/merge/", "{}")
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	assert.Contains(t, log.String(), "path=/api/public/users/merge/")
}
