package fusionauth

import (
	"fmt"
	"slices"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// encode writes what is sent. A Secret among the caller's own values is refused: it would be
// revealed. A redacted one is refused by its name, and here where it was made a text.
func (r *CreateUserRequest) encode(c *provider.Check) []byte {
	return encode(c, r, append(r.User.ownValues(), r.EventInfo.Data))
}

// encode writes a request with the caller's own values in it.
func encode(c *provider.Check, request any, own []Data) []byte {
	body := c.Encode(request)
	if slices.ContainsFunc(own, Data.holdsSecret) || len(c.Faults()) == 0 && provider.IsRedacted(body) {
		c.Invalid("", "", "the request must not have a redacted Secret in it: it would be stored as it is")
	}
	return body
}

func (u *NewUser) ownValues() []Data {
	own := []Data{u.Data}
	for i := range u.Memberships {
		own = append(own, u.Memberships[i].Data)
	}
	for i := range u.Registrations {
		own = append(own, u.Registrations[i].Data)
	}
	return own
}

func (d Data) holdsSecret() bool {
	if len(d) == 0 {
		return false
	}
	body, _ := provider.Encode(d)
	return provider.IsRedacted(body)
}

func (r *CreateUserRequest) check(c *provider.Check) {
	r.User.checkNew(c, r.VerificationIDs)
	checkID(c, "applicationId", r.ApplicationID)
	c.Secret("", "currentPassword", r.CurrentPassword)
}

// checkNew checks a user that is to be created. Whether it needs a password is the server's to say.
func (u *NewUser) checkNew(c *provider.Check, verificationIDs []userapi.Secret) {
	if !provider.Given(u.Email) && !provider.Given(u.Username) && !provider.Given(u.PhoneNumber) && len(verificationIDs) == 0 {
		c.Required("Email", "user.email", "an e-mail address, a user name or a phone number to log in with must be set")
	}
	for i, id := range verificationIDs {
		c.Secret("", fmt.Sprintf("verificationIds[%d]", i), id)
	}
	u.check(c)
}

func (u *NewUser) check(c *provider.Check) {
	checkID(c, "user.id", u.ID)
	checkID(c, "user.tenantId", u.TenantID)
	checkID(c, "user.cleanSpeakId", u.CleanSpeakID)
	checkID(c, "user.connectorId", u.ConnectorID)
	checkInstant(c, "user.expiry", u.Expiry)
	checkInstant(c, "user.insertInstant", u.InsertInstant)
	checkInstant(c, "user.lastUpdateInstant", u.LastUpdateInstant)
	checkInstant(c, "user.breachedPasswordLastCheckedInstant", u.BreachedPasswordLastCheckedInstant)
	checkInstant(c, "user.lastLoginInstant", u.LastLoginInstant)
	checkInstant(c, "user.passwordLastUpdateInstant", u.PasswordLastUpdateInstant)
	checkInstant(c, "user.verifiedInstant", u.VerifiedInstant)
	if _, ok := u.BirthDate.Time(); u.BirthDate != "" && !ok {
		c.Invalid("", "user.birthDate", "must be a day of the calendar, written yyyy-MM-dd")
	}
	checkZone(c, "user.timezone", u.Timezone)
	c.Secret("", "user.salt", u.Salt)
	u.TwoFactor.check(c)
	for i := range u.Memberships {
		m, path := &u.Memberships[i], fmt.Sprintf("user.memberships[%d].", i)
		checkID(c, path+"groupId", m.GroupID)
		checkID(c, path+"id", m.ID)
		checkID(c, path+"userId", m.UserID)
		checkInstant(c, path+"insertInstant", m.InsertInstant)
	}
	for i := range u.Identities {
		d, path := &u.Identities[i], fmt.Sprintf("user.identities[%d].", i)
		checkInstant(c, path+"insertInstant", d.InsertInstant)
		checkInstant(c, path+"lastLoginInstant", d.LastLoginInstant)
		checkInstant(c, path+"lastUpdateInstant", d.LastUpdateInstant)
		checkInstant(c, path+"verifiedInstant", d.VerifiedInstant)
	}
	for i := range u.Registrations {
		u.Registrations[i].check(c, fmt.Sprintf("user.registrations[%d].", i))
	}
}

func (t *TwoFactor) check(c *provider.Check) {
	for i := range t.Methods {
		m, path := &t.Methods[i], fmt.Sprintf("user.twoFactor.methods[%d].", i)
		checkNumber(c, path+"authenticator.codeLength", m.Authenticator.CodeLength)
		checkNumber(c, path+"authenticator.timeStep", m.Authenticator.TimeStep)
		c.Secret("", path+"secret", m.Secret)
	}
	for i, code := range t.RecoveryCodes {
		c.Secret("", fmt.Sprintf("user.twoFactor.recoveryCodes[%d]", i), code)
	}
}

func (r *Registration) check(c *provider.Check, path string) {
	checkID(c, path+"applicationId", r.ApplicationID)
	checkID(c, path+"cleanSpeakId", r.CleanSpeakID)
	checkID(c, path+"id", r.ID)
	checkInstant(c, path+"insertInstant", r.InsertInstant)
	checkInstant(c, path+"lastLoginInstant", r.LastLoginInstant)
	checkInstant(c, path+"lastUpdateInstant", r.LastUpdateInstant)
	checkInstant(c, path+"verifiedInstant", r.VerifiedInstant)
	checkZone(c, path+"timezone", r.Timezone)
	c.Secret("", path+"authenticationToken", r.AuthenticationToken)
	for _, token := range r.Tokens {
		c.Secret("", path+"tokens", token)
	}
}

func checkID(c *provider.Check, path string, id *string) {
	if id != nil {
		c.UUID("", path, *id)
	}
}

// checkInstant refuses what was decoded from something else than an instant.
func checkInstant(c *provider.Check, path string, at Instant) {
	if at.Text() != "" {
		c.Invalid("", path, "must be milliseconds since 1970")
	}
}

func checkNumber(c *provider.Check, path string, n Number) {
	if _, ok := n.Int64(); n != "" && !ok {
		c.Invalid("", path, "must be a whole number")
	}
}

// checkZone looks loosely: the server's Java knows more zones than Go.
func checkZone(c *provider.Check, path string, zone *string) {
	if zone != nil && (*zone == "" || !provider.IsWord(*zone)) {
		c.Invalid(neutralField(path), path, `must be the name of a time zone, such as "America/Denver"`)
	}
}
