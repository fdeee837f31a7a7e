package fusionauthtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

const (
	// fusionAuthConnector is the id of the connector for FusionAuth's own users.
	fusionAuthConnector = "e3306678-a53a-4964-9040-1c96f36dda72"
	minPassword         = 8
	maxPassword         = 256
	maxLanguages        = 20
	tokenLife           = time.Hour
)

// A user is a stored user.
type user struct {
	id, tenantID                 string
	email, username, phoneNumber string
	hasPassword, active          bool
	created                      time.Time
	credential                   credential
	// skipped means that verification was skipped.
	skipped bool
	// more are the members of replies that differ from the usual ones.
	more packed
	// verifications are the unfinished ones; emailVerificationID is the id of the first.
	verifications []verification
	registrations []*registration
	number        int64 // order of creation; 0 before it is stored
}

// e164 converts a phone number to E.164, with the United States as the default country.
func e164(s string) (string, bool) {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	switch {
	case strings.HasPrefix(strings.TrimSpace(s), "+"):
	case len(digits) == 10:
		digits = "1" + digits
	}
	return "+" + digits, len(digits) >= 8 && len(digits) <= 15
}

func (s *Server) create(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	if tenantID == "" {
		return tenantRequired()
	}
	id, request, invalid := s.readRequest(r, createRequest)
	if invalid != nil {
		return invalid.reply()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	var f failure
	u := s.newUser(request, id, tenantID, &f)
	if f.any() {
		return f.reply()
	}
	s.put(u)
	reply := s.reply(u)
	if u.hasPassword {
		u.logIn(reply)
	}
	return jsonReply(http.StatusOK, reply)
}

// readRequest reads the path's user id, which can be missing, and the body.
func (s *Server) readRequest(r *fakehttp.Request, has members) (id string, request object, invalid *failure) {
	request, invalid = s.parse(r, has)
	return strings.ToLower(r.PathValue("userId")), request, invalid
}

// others are FusionAuth's other paths below /api/user. The fake serves those that have their own
// handler.
var others = [...]string{
	"action", "bulk", "change-password", "comment", "consent", "family", "forgot-password", "import", "recent-login", "refresh-token",
	"registration", "search", "two-factor", "verify-email", "verify-registration",
}

// misplaced answers a path whose last part is not a user id. is is false if it is one.
func (s *Server) misplaced(r *fakehttp.Request) (reply fakehttp.Reply, is bool) {
	id := r.PathValue("userId")
	switch {
	case id == "" || isUUID(id):
		return reply, false
	case slices.Contains(others[:], id):
		return s.http.Unserved(r.Request), true
	}
	var f failure
	f.field("userId", "couldNotConvert", fmt.Sprintf("Invalid userId [%s]. This must be a valid UUID String (e.g. 25a872da-bb44-4af8-a43d-e7bcb5351ebc).", id))
	return f.reply(), true
}

// logIn adds an access token to a reply.
func (u *user) logIn(reply object) {
	reply["token"] = token(u)
	reply["tokenExpirationInstant"] = u.created.Add(tokenLife).UnixMilli()
}

// newUser makes a user of a request, or reports every fault of it.
func (s *Server) newUser(request object, id, tenantID string, f *failure) *user {
	u := &user{id: id, tenantID: tenantID, active: true, created: time.UnixMilli(s.http.Now().UnixMilli()).UTC()}
	s.describe(request, u, nil, f)
	s.countCreate(u)
	return u
}

// describe fills a user from a request, or reports every fault of it. old is the user that it
// replaces; nil for a new one.
func (s *Server) describe(request object, u, old *user, f *failure) {
	in, _ := request["user"].(object)
	member := func(name string) string { v, _ := in[name].(string); return strings.TrimSpace(v) }
	u.email, u.username = strings.ToLower(member("email")), member("username")
	if number := member("phoneNumber"); number != "" {
		var ok bool
		if u.phoneNumber, ok = e164(number); !ok {
			f.field("user.phoneNumber", "invalidPhone", fmt.Sprintf("The phone number [%s] is not valid.", number))
		}
	}
	if u.email == "" && u.username == "" && u.phoneNumber == "" {
		f.field("user.email", "blank", "You must specify either the [user.email] or [user.username] property. If you are emailing the user you must specify the [user.email].")
		f.field("user.username", "blank", "You must specify either the [user.email] or [user.username] property.")
	}
	if u.email != "" && !strings.Contains(u.email, "@") {
		f.field("user.email", "notEmail", fmt.Sprintf("The email [%s] is not valid.", u.email))
	}
	if languages, _ := in["preferredLanguages"].([]any); len(languages) > maxLanguages {
		f.field("user.preferredLanguages", "tooMany", "You have specified too many [user.preferredLanguages].")
	}
	switch {
	case old != nil && in["password"] == nil:
		u.hasPassword, u.credential = old.hasPassword, old.credential
	case old != nil || !sendsSetPassword(request):
		u.hasPassword, u.credential = s.checkPassword(in, f), newCredential(in).plain()
	}
	s.checkUnique(u, old, f)
	if u.id == "" {
		u.id = newUUID()
	}
	shown := u.show(in, request)
	if old != nil {
		u.keep(shown, old, in["password"] == nil, s.http.Now().UnixMilli())
	}
	u.pack(shown)
}

func sendsSetPassword(request object) bool {
	by, _ := request["sendSetPasswordIdentityType"].(string)
	return request["sendSetPasswordEmail"] == true || by != "" && by != "doNotSend"
}

// checkPassword reports whether there is a password, and adds its faults.
func (s *Server) checkPassword(in object, f *failure) (given bool) {
	password, _ := in["password"].(string)
	switch n := len([]rune(password)); {
	case n == 0 && !s.settings.before159:
		return false
	case n == 0:
		f.field("user.password", "blank", "You must specify the [user.password] property.")
	case n < minPassword:
		f.field("user.password", "tooShort", fmt.Sprintf("The [user.password] property must be at least [%d] characters in length.", minPassword))
	case n > maxPassword:
		f.field("user.password", "tooLong", fmt.Sprintf("The [user.password] property must be at most [%d] characters in length.", maxPassword))
	}
	return true
}

// checkUnique compares a user with all others.
func (s *Server) checkUnique(u, old *user, f *failure) {
	for _, v := range u.unique() {
		switch other := s.taken[v.slot][v.key]; {
		case other == nil || other == old:
		case v.slot == byID:
			f.field("userId", "duplicate", fmt.Sprintf("A User with Id [%s] already exists.", u.id))
		default:
			f.field("user."+v.name, "duplicate", fmt.Sprintf("A User with %s = [%s] already exists.", v.name, v.value))
		}
	}
}

var notFound = fakehttp.Reply{Status: http.StatusNotFound}

func (s *Server) retrieve(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.find(r.PathValue("userId"), tenantID)
	if u == nil {
		return notFound
	}
	return jsonReply(http.StatusOK, s.reply(u))
}

// search finds a user by its login.
func (s *Server) search(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	if tenantID == "" {
		return tenantRequired()
	}
	query := r.URL.Query()
	types := query["loginIdTypes"]
	if types == nil {
		types = []string{"email", "username"}
	}
	value := query.Get("loginId")
	for _, name := range [...]string{"username", "email"} {
		if query.Has(name) {
			types, value = []string{name}, query.Get(name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range types {
		if u := s.holder(name, tenantID, value); u != nil {
			return jsonReply(http.StatusOK, s.reply(u))
		}
	}
	return notFound
}

func (s *Server) remove(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.find(r.PathValue("userId"), tenantID)
	if u == nil {
		return notFound
	}
	if r.URL.Query().Get("hardDelete") == "true" {
		s.drop(u)
	} else {
		u.active = false
	}
	return fakehttp.Reply{Status: http.StatusOK}
}

// token returns a text that looks like the access token of a create. Its signature is invalid.
func token(u *user) string {
	part := func(v any) string { return base64.RawURLEncoding.EncodeToString(encode(v)) }
	return strings.Join([]string{
		part(object{"alg": "HS256", "typ": "JWT"}),
		part(object{"exp": u.created.Add(tokenLife).Unix(), "iat": u.created.Unix(), "sub": u.id, "tid": u.tenantID}),
		randomText(43),
	}, ".")
}

const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i, c := range b {
		b[i] = alphabet[int(c)%len(alphabet)]
	}
	return string(b)
}

// newUUID returns a random version 4 UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
