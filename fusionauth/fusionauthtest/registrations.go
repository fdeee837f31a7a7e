package fusionauthtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// An Application is one that users register for.
type Application struct {
	// ID is a UUID. TenantID is the application's tenant; "" means the first tenant.
	ID, TenantID string
	// Roles are the names of the roles that its users can have.
	Roles []string
	// VerifyRegistrations requires verification of a registration, unless its request skips it.
	VerifyRegistrations bool
	// RefreshTokens adds a refresh token to the reply to a registration.
	RefreshTokens bool
}

// WithApplications replaces the default application, which has the roles "admin" and "user".
func WithApplications(applications ...Application) Option {
	return func(s *settings) { s.applications = slices.Clone(applications) }
}

// A Registration is a user's registration for an application.
type Registration struct {
	ID, ApplicationID string
	Roles             []string
	Username          string
	// AuthenticationToken means that the user can log in to the application with a token.
	AuthenticationToken, Verified bool
}

// A registration is a stored registration.
type registration struct {
	id, applicationID string
	verified          bool
	// shown is the registration in replies.
	shown packed
	// verificationID verifies the registration; "" if it is verified.
	verificationID string
}

func (u *user) shownRegistrations() []object {
	shown := []object{}
	for _, r := range u.registrations {
		shown = append(shown, r.withoutToken())
	}
	return shown
}

// withoutToken returns the registration as look-ups show it.
func (r *registration) withoutToken() object {
	shown := r.shown.object()
	delete(shown, "authenticationToken")
	return shown
}

func (r *registration) public() Registration {
	shown := r.shown.object()
	out := Registration{ID: r.id, ApplicationID: r.applicationID, Verified: r.verified, AuthenticationToken: shown["authenticationToken"] != nil}
	out.Username, _ = shown["username"].(string)
	out.Roles = texts(shown["roles"])
	return out
}

// texts returns the texts of a list.
func texts(v any) (list []string) {
	items, _ := v.([]any)
	for _, item := range items {
		if text, ok := item.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// registrationFor returns the user's registration for an application; nil if there is none.
func (u *user) registrationFor(applicationID string) *registration {
	i := slices.IndexFunc(u.registrations, func(r *registration) bool { return strings.EqualFold(r.applicationID, applicationID) })
	if i < 0 {
		return nil
	}
	return u.registrations[i]
}

// registerOperation returns the operation of a registration: Create if the body has a user,
// otherwise Attributes.
func registerOperation(body []byte) userapitest.Operation {
	var request struct{ User json.RawMessage }
	if json.Unmarshal(body, &request) == nil && (request.User == nil || string(request.User) == "null") {
		return userapitest.Attributes
	}
	return userapitest.Create
}

// register creates a user and its registration, or the registration of an existing user.
func (s *Server) register(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	id, request, invalid := s.readRequest(r, registerRequest)
	if invalid != nil {
		return invalid.reply()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var f failure
	var u *user
	combined := request["user"] != nil
	if combined {
		if tenantID == "" {
			return tenantRequired()
		}
		u = s.newUser(request, id, tenantID, &f)
	} else if u = s.find(id, tenantID); u == nil {
		return notFound
	}
	made := s.newRegistration(u, request, nil, &f)
	if f.any() {
		return f.reply() // nothing was created
	}
	u.registrations = append(u.registrations, made)
	s.put(u)

	reply := object{}
	if combined {
		reply = s.reply(u)
		delete(reply, "emailVerificationId")
		delete(reply, "emailVerificationOneTimeCode")
	}
	reply["registration"] = made.shown
	if made.verificationID != "" {
		reply["registrationVerificationId"] = made.verificationID
	}
	if u.hasPassword {
		u.logIn(reply)
		if s.application(made.applicationID, u.tenantID).RefreshTokens {
			reply["refreshToken"], reply["refreshTokenId"] = randomText(54), newUUID()
		}
	}
	return jsonReply(http.StatusOK, reply)
}

// application returns the application with an id in a tenant; nil if there is none.
func (s *Server) application(id, tenantID string) *Application {
	i := slices.IndexFunc(s.settings.applications, func(a Application) bool {
		return strings.EqualFold(a.ID, id) && a.TenantID == tenantID
	})
	if i < 0 {
		return nil
	}
	return &s.settings.applications[i]
}

// newRegistration makes a registration of a request, or reports every fault of it. old is the
// registration that it replaces; nil for a new one.
func (s *Server) newRegistration(u *user, request object, old *registration, f *failure) *registration {
	in, given := request["registration"].(object)
	if !given {
		f.field("registration", "blank", "You must specify the [registration] property.")
		return nil
	}
	applicationID, _ := in["applicationId"].(string)
	application := s.application(applicationID, u.tenantID)
	switch {
	case applicationID == "":
		f.field("registration.applicationId", "blank", "You must specify the [registration.applicationId] property.")
	case application == nil:
		f.field("registration.applicationId", "invalid", fmt.Sprintf("The [registration.applicationId] property is not valid. No application exists with Id [%s].", applicationID))
	case old == nil && u.registrationFor(applicationID) != nil:
		f.field("registration", "duplicate", fmt.Sprintf("The User is already registered for the application with Id [%s].", applicationID))
	default:
		for _, role := range texts(in["roles"]) {
			if !slices.Contains(application.Roles, role) {
				f.field("registration.roles", "invalid", fmt.Sprintf("The role [%s] does not exist in the Application indicated by the [registration.applicationId] property.", role))
			}
		}
	}
	if languages, _ := in["preferredLanguages"].([]any); len(languages) > maxLanguages {
		f.field("registration.preferredLanguages", "tooMany", "You have specified too many [registration.preferredLanguages].")
	}
	id, _ := in["id"].(string)
	if id = strings.ToLower(id); id != "" && old == nil && s.registrations[id] {
		f.field("registration.id", "duplicate", fmt.Sprintf("A Registration with Id [%s] already exists.", id))
	}
	if f.any() {
		return nil
	}
	if id == "" {
		id = newUUID()
	}
	r := &registration{id: id, applicationID: application.ID}
	r.verified = !application.VerifyRegistrations || request["skipRegistrationVerification"] == true
	if !r.verified {
		r.verificationID = randomText(43)
	}
	r.show(in, s.http.Now().UnixMilli(), request["generateAuthenticationToken"] == true)
	return r
}

// show builds the form in replies. It does not store an identity provider's tokens.
func (r *registration) show(in object, now int64, generateToken bool) {
	o := object{
		"applicationId": r.applicationID, "data": object{}, "id": r.id, "insertInstant": now, "lastUpdateInstant": now,
		"preferredLanguages": readLocales(in["preferredLanguages"]), "roles": []any{}, "tokens": object{}, "usernameStatus": "ACTIVE", "verified": r.verified,
	}
	for _, name := range [...]string{"authenticationToken", "data", "roles", "timezone", "username", "usernameStatus"} {
		if in[name] != nil {
			o[name] = in[name]
		}
	}
	if r.verified {
		o["verifiedInstant"] = now
	}
	if generateToken {
		o["authenticationToken"] = randomText(43)
	}
	r.shown = pack(o)
}

// registered returns the user and the registration of the path; nil if there is none.
func (s *Server) registered(r *fakehttp.Request, tenantID string) (*user, *registration) {
	u := s.find(r.PathValue("userId"), tenantID)
	if u == nil {
		return nil, nil
	}
	return u, u.registrationFor(r.PathValue("applicationId"))
}

func (s *Server) retrieveRegistration(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, has := s.registered(r, tenantID)
	if has == nil {
		return notFound
	}
	return jsonReply(http.StatusOK, object{"registration": has.withoutToken()})
}

func (s *Server) removeRegistration(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, has := s.registered(r, tenantID)
	if has == nil {
		return notFound
	}
	delete(s.registrations, has.id)
	u.registrations = slices.DeleteFunc(u.registrations, func(other *registration) bool { return other == has })
	return fakehttp.Reply{Status: http.StatusOK}
}
