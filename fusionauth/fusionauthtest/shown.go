package fusionauthtest

import (
	"bytes"
	"maps"
	"slices"
)

// copied are the members of a request that replies show unchanged.
var copied = [...]string{
	"birthDate", "data", "expiry", "firstName", "fullName", "imageUrl", "lastName", "legacyIdentifier",
	"middleName", "mobilePhone", "timezone",
}

// A verification is an unfinished verification.
type verification struct {
	ID          string `json:"id"`
	OneTimeCode string `json:"oneTimeCode"`
	Type        string `json:"type"`
	Value       string `json:"value"`
}

// of reports whether the verification is for an identity.
func (v verification) of(identity object) bool {
	return v.Type == identity["type"] && v.Value == identity["value"]
}

// usual returns the members that replies show for every user.
func (u *user) usual() object {
	now := u.created.UnixMilli()
	o := object{
		"active": true, "connectorId": fusionAuthConnector, "data": object{}, "id": u.id, "insertInstant": now,
		"lastUpdateInstant": now, "memberships": []any{}, "passwordChangeRequired": false,
		"preferredLanguages": readLocales(nil), "tenantId": u.tenantID, "twoFactor": object{}, "usernameStatus": "ACTIVE",
		"verified": u.skipped && u.email != "",
	}
	if u.hasPassword {
		o["passwordLastUpdateInstant"] = now
	}
	var identities []object
	for _, has := range [...]struct{ name, value string }{
		{"email", u.email}, {"phoneNumber", u.phoneNumber}, {"username", u.username},
	} {
		if has.value == "" {
			continue
		}
		o[has.name] = has.value
		identity := object{
			"insertInstant": now, "lastUpdateInstant": now, "primary": true, "type": has.name,
			"value": has.value, "verified": false, "verifiedReason": "Pending",
		}
		switch {
		case has.name == "username":
			identity["displayValue"] = has.value
			identity["moderationStatus"] = o["usernameStatus"]
			identity["verifiedReason"] = "Unverifiable"
		case u.skipped:
			identity["verifiedReason"] = "Skipped"
		}
		identities = append(identities, identity)
	}
	o["identities"] = identities
	return o
}

// show builds the form in replies, without secrets.
func (u *user) show(in, request object) object {
	u.skipped = request["skipVerification"] == true
	o := u.usual()
	if sendsSetPassword(request) { // which sets a random password
		o["passwordLastUpdateInstant"] = u.created.UnixMilli()
	}
	for _, name := range copied {
		if in[name] != nil {
			o[name] = in[name]
		}
	}
	o["preferredLanguages"] = readLocales(in["preferredLanguages"])
	if status, ok := in["usernameStatus"].(string); ok {
		o["usernameStatus"] = status
	}
	if in["passwordChangeRequired"] == true {
		o["passwordChangeRequired"], o["passwordChangeReason"] = true, "Administrative"
	}
	if methods := shownMethods(in); methods != nil {
		o["twoFactor"] = object{"methods": methods}
	}
	if list := u.shownMemberships(in); list != nil {
		o["memberships"] = list
	}
	identities, _ := o["identities"].([]object)
	for _, identity := range identities {
		kind, _ := identity["type"].(string)
		value, _ := identity["value"].(string)
		switch {
		case kind == "username":
			identity["moderationStatus"] = o["usernameStatus"]
		case !u.skipped:
			u.verifications = append(u.verifications, verification{randomText(24), randomText(6), kind, value})
		}
	}
	return o
}

// pack stores the members of the reply that differ from the usual ones.
func (u *user) pack(shown object) {
	more, usual := object{}, u.usual()
	for name, value := range shown {
		if !bytes.Equal(encode(value), encode(usual[name])) {
			more[name] = value
		}
	}
	u.more = nil
	if len(more) > 0 {
		u.more = pack(more)
	}
}

// shown returns the user as replies show it.
func (u *user) shown() object {
	o := u.usual()
	if u.more == nil {
		return o
	}
	maps.Copy(o, u.more.object())
	return o
}

// keep copies what an update does not change: identities with the same value, and their
// verifications.
func (u *user) keep(shown object, old *user, password bool, now int64) {
	oldShown := clone(old.shown())
	shown["lastUpdateInstant"] = now
	if password {
		delete(shown, "passwordLastUpdateInstant")
		if at, has := oldShown["passwordLastUpdateInstant"]; has {
			shown["passwordLastUpdateInstant"] = at
		}
	}
	was, _ := oldShown["identities"].([]any)
	is, _ := shown["identities"].([]object)
	for i, identity := range is {
		for _, item := range was {
			before, _ := item.(object)
			if before["type"] != identity["type"] || before["value"] != identity["value"] {
				continue
			}
			is[i] = before
			u.verifications = slices.DeleteFunc(u.verifications, func(v verification) bool { return v.of(before) })
			if k := slices.IndexFunc(old.verifications, func(v verification) bool { return v.of(before) }); k >= 0 {
				u.verifications = append(u.verifications, old.verifications[k])
			}
		}
	}
	if u.email == old.email {
		shown["verified"] = oldShown["verified"]
	}
}

// shownMethods returns the methods of a second step, each with its members and without its secret.
func shownMethods(in object) []object {
	twoFactor, _ := in["twoFactor"].(object)
	list, _ := twoFactor["methods"].([]any)
	var methods []object
	for _, item := range list {
		m, _ := item.(object)
		shown := object{"id": randomText(4), "lastUsed": false, "method": m["method"]}
		switch m["method"] {
		case "authenticator":
			shown["authenticator"] = object{"algorithm": "HmacSHA1", "codeLength": 6, "timeStep": 30}
		case "email":
			shown["email"] = m["email"]
		case "sms":
			shown["mobilePhone"] = m["mobilePhone"]
		}
		if m["name"] != nil {
			shown["name"] = m["name"]
		}
		methods = append(methods, shown)
	}
	return methods
}

// shownMemberships returns the memberships that have a group.
func (u *user) shownMemberships(in object) []object {
	list, _ := in["memberships"].([]any)
	var shown []object
	for _, item := range list {
		m, _ := item.(object)
		if m["groupId"] == nil {
			continue
		}
		id := m["id"]
		if id == nil {
			id = newUUID()
		}
		o := object{"groupId": m["groupId"], "id": id, "insertInstant": u.created.UnixMilli(), "userId": u.id}
		if m["data"] != nil {
			o["data"] = m["data"]
		}
		shown = append(shown, o)
	}
	return shown
}

// reply returns the reply that shows a user.
func (s *Server) reply(u *user) object {
	shown := u.shown()
	shown["active"] = u.active
	shown["registrations"] = u.shownRegistrations()
	o := object{"user": shown}
	for _, v := range u.verifications {
		if v.Type == "email" {
			o["emailVerificationId"], o["emailVerificationOneTimeCode"] = v.ID, v.OneTimeCode
		}
	}
	if s.settings.before159 {
		delete(shown, "identities")
	} else if len(u.verifications) > 0 {
		o["verificationIds"] = u.verifications
	}
	return o
}
