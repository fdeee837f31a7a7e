package fusionauthtest

import "slices"

// copied are the members of a request that a reply shows as they were sent.
var copied = [...]string{
	"birthDate", "data", "expiry", "firstName", "fullName", "imageUrl", "lastName", "legacyIdentifier",
	"middleName", "mobilePhone", "timezone",
}

// show builds what replies show. What is secret does not get in.
func (u *user) show(in, request object) {
	now := u.created.UnixMilli()
	o := object{
		"active": true, "connectorId": fusionAuthConnector, "data": object{}, "id": u.id, "insertInstant": now,
		"lastUpdateInstant": now, "memberships": []any{}, "passwordChangeRequired": in["passwordChangeRequired"] == true,
		"tenantId": u.tenantID, "twoFactor": object{}, "usernameStatus": "ACTIVE",
		"verified": request["skipVerification"] == true && u.email != "",
	}
	if u.hasPassword || sendsSetPassword(request) { // which gives it a random one
		o["passwordLastUpdateInstant"] = now
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
		o["passwordChangeReason"] = "Administrative"
	}
	if methods := shownMethods(in); methods != nil {
		o["twoFactor"] = object{"methods": methods}
	}
	if list := u.shownMemberships(in); list != nil {
		o["memberships"] = list
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
		case request["skipVerification"] == true:
			identity["verifiedReason"] = "Skipped"
		default:
			u.verifications = append(u.verifications, object{
				"id": randomText(24), "oneTimeCode": randomText(6), "type": has.name, "value": has.value,
			})
		}
		identities = append(identities, identity)
	}
	o["identities"] = identities
	u.shown = o
}

// keep takes over what an update does not change: the identities that are still the same, and their verifications.
func (u *user) keep(old *user, password bool, now int64) {
	u.shown["lastUpdateInstant"] = now
	if password {
		delete(u.shown, "passwordLastUpdateInstant")
		if at, has := old.shown["passwordLastUpdateInstant"]; has {
			u.shown["passwordLastUpdateInstant"] = at
		}
	}
	same := func(of object) func(object) bool {
		return func(other object) bool { return other["type"] == of["type"] && other["value"] == of["value"] }
	}
	was, _ := old.shown["identities"].([]object)
	is, _ := u.shown["identities"].([]object)
	for i, identity := range is {
		j := slices.IndexFunc(was, same(identity))
		if j < 0 {
			continue
		}
		is[i] = was[j]
		u.verifications = slices.DeleteFunc(u.verifications, same(identity))
		if k := slices.IndexFunc(old.verifications, same(identity)); k >= 0 {
			u.verifications = append(u.verifications, old.verifications[k])
		}
	}
	if u.email == old.email {
		u.shown["verified"] = old.shown["verified"]
	}
}

// shownMethods returns the methods of a second step, each with the members that
// belong to it and without its secret.
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

// shownMemberships returns the memberships; those of no group are dropped.
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

// reply is the reply that shows a user.
func (s *Server) reply(u *user) object {
	shown := object{}
	for name, value := range u.shown {
		shown[name] = value
	}
	shown["active"] = u.active
	shown["registrations"] = u.shownRegistrations()
	o := object{"user": shown}
	for _, v := range u.verifications {
		if v["type"] == "email" {
			o["emailVerificationId"], o["emailVerificationOneTimeCode"] = v["id"], v["oneTimeCode"]
		}
	}
	if s.settings.before159 {
		delete(shown, "identities")
	} else if len(u.verifications) > 0 {
		o["verificationIds"] = u.verifications
	}
	return o
}
