package fusionauthtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// importRequest is the body of an import.
var importRequest = members{
	"encryptionScheme":      text,
	"eventInfo":             eventInfo,
	"factor":                integer,
	"users":                 listOf{userMembers},
	"validateDbConstraints": boolean,
}

// importFailed returns the answer of a database that refuses the users. It does not say which.
func importFailed() fakehttp.Reply {
	return jsonReply(http.StatusInternalServerError, object{"fieldErrors": object{}, "generalErrors": []object{{
		"code":    "[ImportRequestFailed]",
		"message": "An error occurred during the import request. This is most likely due to a unique key constraint which would indicate one or more of the users in the import request already exist in FusionAuth. Re-attempt the request with additional validation by using the [validateDbConstraints] property. If you have already enabled the additional validation and you still receive this error, please open a bug report.",
	}}})
}

// importUsers creates all users of a request, or none.
func (s *Server) importUsers(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	request, invalid := s.parse(r, importRequest)
	if invalid != nil {
		return invalid.reply()
	}
	list, _ := request["users"].([]any)
	var f failure
	if len(list) == 0 {
		f.field("users", "missing", "You must specify at least one user to import.")
		return f.reply()
	}
	if s.settings.importing != nil {
		s.settings.importing(len(list))
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.UnixMilli(s.http.Now().UnixMilli()).UTC()
	added := make([]*user, 0, len(list))
	for _, item := range list {
		in, _ := item.(object)
		u := s.importedUser(in, tenantID, now, &f)
		s.countCreate(u)
		added = append(added, u)
	}
	if f.any() {
		return f.reply()
	}
	if !s.checkImport(added, &f) {
		if request["validateDbConstraints"] == true {
			return f.reply()
		}
		return importFailed()
	}
	for _, u := range added {
		s.put(u)
	}
	return fakehttp.Reply{Status: http.StatusOK}
}

// importedUser makes a user of an import, or reports every fault of it. An import checks less than
// a create does.
func (s *Server) importedUser(in object, tenantID string, now time.Time, f *failure) *user {
	member := func(name string) string { v, _ := in[name].(string); return strings.TrimSpace(v) }
	u := &user{
		id: strings.ToLower(member("id")), tenantID: tenantID, active: in["active"] == true,
		email: strings.ToLower(member("email")), username: member("username"), created: now,
		credential: newCredential(in),
	}
	if u.tenantID == "" {
		u.tenantID = strings.ToLower(member("tenantId"))
	}
	if !slices.Contains(s.settings.tenants, u.tenantID) {
		f.general("TenantIdRequired", "You must specify the X-FusionAuth-TenantId request header to indicate the tenant to use for this request.")
	}
	if u.id == "" {
		u.id = newUUID()
	}
	if number := member("phoneNumber"); number != "" {
		var ok bool
		if u.phoneNumber, ok = e164(number); !ok {
			f.field("user.phoneNumber", "invalidPhone", fmt.Sprintf("The phone number [%s] is not valid.", number))
		}
	}
	if u.email == "" && u.username == "" && u.phoneNumber == "" {
		f.field("user.email", "blank", "You must specify either the [user.email] or [user.username] property.")
	}
	switch salt, has := in["salt"].(string); {
	case u.credential.password == "":
		f.field("user.password", "blank", "You must specify the [user.password] property.")
	case u.credential.scheme == "":
	case !has:
		f.field("user.salt", "missing", "You must specify the [user.salt] property when [user.encryptionScheme] is specified.")
	case !u.credential.saltIsReadable():
		f.field("user.salt", "invalid", fmt.Sprintf("The [user.salt] is expected to be a Base64 encoded string. Invalid salt(s) [%s].", salt))
	}
	u.hasPassword = u.credential.password != ""
	u.pack(u.show(in, object{"skipVerification": in["verified"]}))
	u.verifications = nil // an import sends no messages
	registrations, _ := in["registrations"].([]any)
	for _, item := range registrations {
		registration, _ := item.(object)
		if registration["applicationId"] == nil {
			f.field("user.registration.applicationId", "missing", "You must specify the [user.registration.applicationId] property for each user registration.")
			continue
		}
		if r := s.newRegistration(u, object{"registration": registration, "skipRegistrationVerification": registration["verified"]}, nil, f); r != nil {
			u.registrations = append(u.registrations, r)
		}
	}
	return u
}

// checkImport compares the users of an import with each other and with all others. It reports
// existing ones.
func (s *Server) checkImport(added []*user, f *failure) bool {
	twice, taken := map[string][]string{}, map[string][]string{}
	type key struct {
		slot
		key string
	}
	seen := map[key]bool{}
	for _, u := range added {
		for _, v := range u.unique() {
			if seen[key{v.slot, v.key}] {
				twice[v.name] = append(twice[v.name], v.value)
			}
			if s.taken[v.slot][v.key] != nil {
				taken[v.name] = append(taken[v.name], v.value)
			}
			seen[key{v.slot, v.key}] = true
		}
	}
	for name, values := range twice {
		f.field("user."+name, "invalid", fmt.Sprintf("Duplicate user %s(s) were supplied: [%s].", name, strings.Join(values, ", ")))
	}
	for name, values := range taken {
		f.field("user."+name, "duplicate", fmt.Sprintf("One or more users already exist with the user %s(s): [%s].", name, strings.Join(values, ", ")))
	}
	return !f.any()
}
