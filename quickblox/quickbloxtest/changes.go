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
	f := c.assign(u, &p)
	c.http.CountCreate(len(c.takenOf(u)) > 0)
	if f.any() {
		return http.StatusUnprocessableEntity, refusal{f}
	}
	c.lastUser++
	u.ID = c.lastUser
	c.put(u)
	return http.StatusCreated, u.answer()
}

// mayChange reports whether the request may change or delete a user: with an API key, the
// user's own session, or that of the account's owner.
func (c *call) mayChange(u *user) bool {
	return c.session == nil || c.session.userID == u.ID || c.isOwner()
}

// isOwner reports whether the request came with a session of the account's owner.
func (c *call) isOwner() bool {
	return c.session != nil && c.settings.owner != "" && c.users[c.session.userID] == c.find("login", c.settings.owner)
}

// change finds the user in the path, for a request that may change it; the status is 0 then.
func (c *call) change(u *user, served bool) (status int, body any) {
	if !served {
		return c.unserved()
	}
	if status, body = c.needUser(); status != 0 {
		return status, body
	}
	switch {
	case u == nil:
		return found(nil)
	case !c.mayChange(u):
		return http.StatusForbidden, baseError("Forbidden")
	}
	return 0, nil
}

func (c *call) updateUser() (status int, body any) {
	u, served := c.byID()
	if status, body = c.change(u, served); status != 0 {
		return status, body
	}
	p := c.parameters()
	if !p.objects["user"] {
		return http.StatusBadRequest, notice{Message: "No data was provided"}
	}
	_, changes := p.get("user[password]")
	old, sent := p.get("user[old_password]")
	own := c.session != nil && !c.isOwner()
	if changes && (sent || own) && !u.hasPassword(old) {
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
func (c *call) deleteByExternalID() (status int, body any) { return c.delete(c.byExternalID(), true) }

func (c *call) delete(u *user, served bool) (status int, body any) {
	if status, body = c.change(u, served); status != 0 {
		return status, body
	}
	c.remove(u.ID)
	return http.StatusOK, nil
}

// resetPassword notes the e-mail that QuickBlox would send.
func (c *call) resetPassword() (status int, body any) {
	if status, body = c.authenticate(); status != 0 {
		return status, body
	}
	u := c.find("email", c.asked("email"))
	if u == nil {
		return found(nil)
	}
	u.resets++
	return http.StatusOK, nil
}
