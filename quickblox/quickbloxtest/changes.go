package quickbloxtest

import (
	"net/http"
)

func (c *call) createUser() (status int, body any) {
	if status, body = c.authenticate(); status != 0 {
		return status, body
	}
	if c.isApplication() && c.settings.forbidApplicationSessions {
		return http.StatusUnprocessableEntity, errNeedUser
	}
	p := c.parameters()
	if !p.objects["user"] {
		return http.StatusBadRequest, notice{Message: "No data was provided"}
	}
	u := &user{created: c.now, updated: c.now, CreatedAt: stamp(c.now), UpdatedAt: stamp(c.now)}
	if f := c.assign(u, &p); f.any() {
		return http.StatusUnprocessableEntity, refusal{f}
	}
	c.lastUser++
	u.ID = c.lastUser
	c.put(u)
	return http.StatusCreated, u.answer()
}

// own reports whether the request may change or delete a user: with the user's own
// session or an API key.
func (c *call) own(u *user) bool { return c.session == nil || c.session.userID == u.ID }

func (c *call) updateUser() (status int, body any) {
	if status, body = c.needUser(); status != 0 {
		return status, body
	}
	u := c.byID()
	switch {
	case u == nil:
		return found(nil)
	case !c.own(u):
		return http.StatusForbidden, baseError("Forbidden")
	}
	p := c.parameters()
	if !p.objects["user"] {
		return http.StatusBadRequest, notice{Message: "No data was provided"}
	}
	if _, changes := p.get("user[password]"); changes && !u.hasPassword(p.value("user[old_password]")) {
		return http.StatusUnprocessableEntity, baseError("Old password is wrong")
	}
	changed := *u
	if f := c.assign(&changed, &p); f.any() {
		return http.StatusUnprocessableEntity, refusal{f}
	}
	changed.updated, changed.UpdatedAt = c.now, stamp(c.now)
	c.put(&changed)
	return http.StatusOK, changed.answer()
}

func (c *call) deleteByID() (status int, body any)         { return c.delete(c.byID()) }
func (c *call) deleteByExternalID() (status int, body any) { return c.delete(c.byExternalID()) }

func (c *call) delete(u *user) (status int, body any) {
	if status, body = c.needUser(); status != 0 {
		return status, body
	}
	switch {
	case u == nil:
		return found(nil)
	case !c.own(u):
		return http.StatusForbidden, baseError("Forbidden")
	}
	c.remove(u.ID)
	for token, s := range c.sessions {
		if s.userID == u.ID {
			delete(c.sessions, token)
		}
	}
	return http.StatusOK, nil
}
