package quickbloxtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const textNoUser = "Couldn't find user"

// found answers with a user, or says that there is none.
func found(u *user) (status int, body any) {
	if u == nil {
		return http.StatusNotFound, notice{Message: textNoUser}
	}
	return http.StatusOK, u.answer()
}

// read answers a look-up.
func (c *call) read(u *user) (status int, body any) {
	if status, body = c.needUser(); status != 0 {
		return status, body
	}
	return found(u)
}

func (c *call) readByID() (status int, body any) {
	u, served := c.byID()
	if !served {
		return c.unserved()
	}
	return c.read(u)
}

func (c *call) readByLogin() (status int, body any)      { return c.readByQuery("login") }
func (c *call) readByEmail() (status int, body any)      { return c.readByQuery("email") }
func (c *call) readByFacebookID() (status int, body any) { return c.readByQuery("facebook_id") }
func (c *call) readByExternalID() (status int, body any) { return c.read(c.byExternalID()) }

func (c *call) readByQuery(member string) (status int, body any) {
	return c.read(c.find(member, c.asked(member)))
}

// asked returns a parameter of the query, "" for none. Several values, and those of an array, are
// joined by commas. QuickBlox's older SDKs send a body with a GET.
func (c *call) asked(name string) string { return strings.Join(c.askedAll(name), ",") }

func (c *call) askedAll(name string) []string {
	query := c.request.URL.Query()
	values := slices.Concat(query[name], query[name+"[]"])
	if values != nil {
		return values
	}
	for _, p := range c.parameters().list {
		if p.name == name || p.name == name+"[]" {
			values = append(values, p.value)
		}
	}
	return values
}

// number is the name of the file in the path, without .json, which may be left out; false if
// that is not a number.
func (c *call) number() (int64, bool) {
	text := strings.TrimSuffix(c.request.PathValue("file"), ".json")
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// byID returns the user whose id the path has, nil for none. It is not served where the path has
// another name, such as that of a look-up that this server does not know.
func (c *call) byID() (u *user, served bool) {
	id, ok := c.number()
	return c.users[id], ok
}

func (c *call) byExternalID() *user {
	if id, ok := c.number(); ok {
		return c.find("external_user_id", strconv.FormatInt(id, 10))
	}
	return nil
}
