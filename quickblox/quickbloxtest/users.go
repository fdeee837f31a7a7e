package quickbloxtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A User is a user that the server holds. What is unset is "" or 0.
type User struct {
	ID                                 int64
	Login, Email, FullName, Phone      string
	Website, FacebookID, CustomData    string
	ExternalUserID, BlobID             int64
	Tags                               []string
	AgeOver16, AllowStatisticsAnalysis bool
	AllowSalesActivities               bool
	ParentsContacts                    string
	CreatedAt, UpdatedAt               time.Time
	// HasPassword is true for every user that was created over HTTP.
	HasPassword bool
}

// A user is a user with the members and in the order that QuickBlox writes.
type user struct {
	ID                      int64   `json:"id"`
	FullName                *string `json:"full_name"`
	Email                   *string `json:"email"`
	Login                   *string `json:"login"`
	Phone                   *string `json:"phone"`
	Website                 *string `json:"website"`
	CreatedAt               string  `json:"created_at"`
	UpdatedAt               string  `json:"updated_at"`
	LastRequestAt           *string `json:"last_request_at"`
	ExternalUserID          *int64  `json:"external_user_id"`
	FacebookID              *string `json:"facebook_id"`
	BlobID                  *int64  `json:"blob_id"`
	CustomData              *string `json:"custom_data"`
	AgeOver16               bool    `json:"age_over16"`
	AllowStatisticsAnalysis bool    `json:"allow_statistics_analysis"`
	AllowSalesActivities    bool    `json:"allow_sales_activities"`
	ParentsContacts         string  `json:"parents_contacts"`
	UserTags                *string `json:"user_tags"`

	created, updated time.Time
	password         *[sha256.Size]byte // its hash
}

// userAnswer is {"user": …}.
type userAnswer struct {
	User user `json:"user"`
}

func (u *user) answer() userAnswer { return userAnswer{*u} }

func (u *user) hasPassword(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return u.password != nil && subtle.ConstantTimeCompare(sum[:], u.password[:]) == 1
}

func (u *user) snapshot() User {
	snap := User{
		ID: u.ID, Login: value(u.Login), Email: value(u.Email), FullName: value(u.FullName),
		Phone: value(u.Phone), Website: value(u.Website), FacebookID: value(u.FacebookID),
		CustomData: value(u.CustomData), ExternalUserID: value(u.ExternalUserID), BlobID: value(u.BlobID),
		AgeOver16: u.AgeOver16, AllowStatisticsAnalysis: u.AllowStatisticsAnalysis,
		AllowSalesActivities: u.AllowSalesActivities, ParentsContacts: u.ParentsContacts,
		CreatedAt: u.created, UpdatedAt: u.updated, HasPassword: u.password != nil,
	}
	if tags := value(u.UserTags); tags != "" {
		snap.Tags = strings.Split(tags, ",")
	}
	return snap
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// unique is the key under which a unique value is taken.
func unique(member, value string) string {
	if member == "email" {
		value = strings.ToLower(value)
	}
	return member + " " + value
}

// claims returns the keys that a user takes, by member.
func (u *user) claims() map[string]string {
	claims := map[string]string{}
	for member, v := range map[string]*string{"login": u.Login, "email": u.Email, "facebook_id": u.FacebookID} {
		if v != nil {
			claims[member] = unique(member, *v)
		}
	}
	if u.ExternalUserID != nil {
		claims["external_user_id"] = unique("external_user_id", strconv.FormatInt(*u.ExternalUserID, 10))
	}
	return claims
}

// find returns the user who has a unique value, nil for none.
func (s *Server) find(member, value string) *user {
	return s.users[s.taken[unique(member, trimmed(value))]]
}

// put stores a user, a new one or one that was changed.
func (s *Server) put(u *user) {
	s.remove(u.ID)
	s.users[u.ID] = u
	for _, key := range u.claims() {
		s.taken[key] = u.ID
	}
}

func (s *Server) remove(id int64) {
	if old := s.users[id]; old != nil {
		for _, key := range old.claims() {
			delete(s.taken, key)
		}
		delete(s.users, id)
	}
}

// trimmed cuts trailing white space, as QuickBlox does with every text but the
// password.
func trimmed(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }

// faults are messages by member, in QuickBlox's order.
type faults struct {
	FullName       []string `json:"full_name,omitempty"`
	Email          []string `json:"email,omitempty"`
	Login          []string `json:"login,omitempty"`
	Password       []string `json:"password,omitempty"`
	FacebookID     []string `json:"facebook_id,omitempty"`
	ExternalUserID []string `json:"external_user_id,omitempty"`
	Phone          []string `json:"phone,omitempty"`
	Blob           []string `json:"blob,omitempty"`
	Base           []string `json:"base,omitempty"`
}

func (f *faults) any() bool {
	return slices.ContainsFunc([][]string{
		f.FullName, f.Email, f.Login, f.Password, f.FacebookID, f.ExternalUserID, f.Phone, f.Blob, f.Base,
	}, func(messages []string) bool { return len(messages) > 0 })
}

const (
	minPassword = 8
	maxFullName = 200

	textTaken     = "has already been taken"
	textTooShort  = "is too short (minimum is 8 characters)"
	textTooLong   = "is too long (maximum is 200 characters)"
	textEmail     = "should look like an email address"
	textHex       = "should be hexadecimal or decimal number"
	textFourBytes = "must be less than 4 bytes"
	textNumber    = "is not a number"
	textRequired  = "Login or email required"
)

var (
	emailForm   = regexp.MustCompile(`^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$`)
	hexForm     = regexp.MustCompile(`^(0[xX])?[0-9a-fA-F]+$`)
	phoneForm   = regexp.MustCompile(`^[+(]*[0-9][0-9 ().-]*$`)
	integerForm = regexp.MustCompile(`^[+-]?[0-9]+$`)
)

// assign sets the members that were sent and finds everything that is wrong with
// the user they make.
func (c *call) assign(u *user, p *parameters) (f faults) {
	member := func(name string) (string, bool) { return p.get("user[" + name + "]") }
	text := func(name string, to **string) {
		if v, ok := member(name); ok {
			v = trimmed(v)
			*to = &v
		}
	}
	// A blank value of a unique member is none, else two of them would clash.
	key := func(name string, to **string) {
		if text(name, to); *to != nil && **to == "" {
			*to = nil
		}
	}
	flag := func(name string, to *bool) {
		if v, ok := member(name); ok {
			*to = v == "true" || v == "1"
		}
	}
	key("login", &u.Login)
	key("email", &u.Email)
	key("facebook_id", &u.FacebookID)
	text("full_name", &u.FullName)
	text("phone", &u.Phone)
	text("website", &u.Website)
	text("custom_data", &u.CustomData)
	text("tag_list", &u.UserTags)
	flag("age_over16", &u.AgeOver16)
	flag("allow_statistics_analysis", &u.AllowStatisticsAnalysis)
	flag("allow_sales_activities", &u.AllowSalesActivities)
	if v, ok := member("parents_contacts"); ok {
		u.ParentsContacts = trimmed(v)
	}
	var tags []string
	for _, one := range p.list {
		if one.name == "user[tag_list][]" {
			tags = append(tags, one.value)
		}
	}
	if tags != nil {
		u.UserTags = new(strings.Join(tags, ","))
	}

	if v, ok := member("external_user_id"); ok {
		u.ExternalUserID = nil
		id, err := strconv.ParseInt(trimmed(v), 10, 64)
		switch {
		case trimmed(v) == "":
		case !integerForm.MatchString(trimmed(v)):
			f.ExternalUserID = append(f.ExternalUserID, textNumber)
		case err != nil || id < math.MinInt32 || id > math.MaxInt32:
			f.ExternalUserID = append(f.ExternalUserID, textFourBytes)
		default:
			u.ExternalUserID = &id
		}
	}
	if v, ok := member("blob_id"); ok {
		u.BlobID = nil
		id, err := strconv.ParseInt(trimmed(v), 10, 64)
		switch {
		case trimmed(v) == "":
		case err != nil || c.settings.blobs != nil && !slices.Contains(c.settings.blobs, id):
			f.Blob = append(f.Blob, "does not exist")
		default:
			u.BlobID = &id
		}
	}
	if v, ok := member("password"); ok || u.password == nil {
		if utf8.RuneCountInString(v) < minPassword {
			f.Password = append(f.Password, textTooShort)
		} else {
			u.password = new(sha256.Sum256([]byte(v)))
		}
	}

	if u.Login == nil && u.Email == nil {
		f.Base = append(f.Base, textRequired)
	}
	if utf8.RuneCountInString(value(u.FullName)) > maxFullName {
		f.FullName = append(f.FullName, textTooLong)
	}
	if u.Email != nil && !emailForm.MatchString(*u.Email) {
		f.Email = append(f.Email, textEmail)
	}
	if u.FacebookID != nil && !hexForm.MatchString(*u.FacebookID) {
		f.FacebookID = append(f.FacebookID, textHex)
	}
	if phone := value(u.Phone); phone != "" && !phoneForm.MatchString(phone) {
		f.Phone = append(f.Phone, textNumber)
	}
	for name, claim := range u.claims() {
		if owner, taken := c.taken[claim]; !taken || owner == u.ID {
			continue
		}
		switch name {
		case "login":
			f.Login = append(f.Login, textTaken)
		case "email":
			f.Email = append(f.Email, textTaken)
		case "facebook_id":
			f.FacebookID = append(f.FacebookID, textTaken)
		case "external_user_id":
			f.ExternalUserID = append(f.ExternalUserID, textTaken)
		}
	}
	return f
}

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

// found answers with a user, or says that there is none.
func found(u *user) (status int, body any) {
	if u == nil {
		return http.StatusNotFound, notice{Message: "Couldn't find user"}
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

func (c *call) readByID() (status int, body any)         { return c.read(c.byID()) }
func (c *call) readByLogin() (status int, body any)      { return c.readByQuery("login") }
func (c *call) readByEmail() (status int, body any)      { return c.readByQuery("email") }
func (c *call) readByFacebookID() (status int, body any) { return c.readByQuery("facebook_id") }
func (c *call) readByExternalID() (status int, body any) { return c.read(c.byExternalID()) }

func (c *call) readByQuery(member string) (status int, body any) {
	wanted := c.request.URL.Query().Get(member)
	if wanted == "" { // QuickBlox's older SDKs send a body with a GET
		p := c.parameters()
		wanted = p.value(member)
	}
	return c.read(c.find(member, wanted))
}

// number is the name of the file in the path, without .json; false if that is no
// number.
func (c *call) number() (int64, bool) {
	text, ok := strings.CutSuffix(c.request.PathValue("file"), ".json")
	n, err := strconv.ParseInt(text, 10, 64)
	return n, ok && err == nil
}

func (c *call) byID() *user {
	if id, ok := c.number(); ok {
		return c.users[id]
	}
	return nil
}

func (c *call) byExternalID() *user {
	if id, ok := c.number(); ok {
		return c.find("external_user_id", strconv.FormatInt(id, 10))
	}
	return nil
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

const (
	defaultPerPage = 10
	maxPerPage     = 100
)

// page is a part of a list.
type page struct {
	CurrentPage  int          `json:"current_page"`
	PerPage      int          `json:"per_page"`
	TotalEntries int          `json:"total_entries"`
	Items        []userAnswer `json:"items"`
}

func (c *call) listUsers() (status int, body any) {
	if status, body = c.needUser(); status != 0 {
		return status, body
	}
	query := c.request.URL.Query()
	matching := c.sorted()
	for _, filter := range query["filter[]"] {
		match, ok := readFilter(filter)
		if !ok {
			return http.StatusUnprocessableEntity, baseError("Invalid filter")
		}
		matching = slices.DeleteFunc(matching, func(u *user) bool { return !match(u) })
	}
	list := page{
		CurrentPage:  max(atoi(query, "page", 1), 1),
		PerPage:      min(max(atoi(query, "per_page", defaultPerPage), 1), maxPerPage),
		TotalEntries: len(matching),
		Items:        []userAnswer{},
	}
	for i, u := range matching {
		if i/list.PerPage == list.CurrentPage-1 {
			list.Items = append(list.Items, u.answer())
		}
	}
	return http.StatusOK, list
}

func atoi(query url.Values, name string, otherwise int) int {
	n, err := strconv.Atoi(query.Get(name))
	if err != nil {
		return otherwise
	}
	return n
}

// readFilter reads a filter of the form "type member eq value".
func readFilter(text string) (match func(*user) bool, ok bool) {
	parts := strings.SplitN(text, " ", 4)
	if len(parts) < 4 || parts[2] != "eq" {
		return nil, false
	}
	want := parts[3]
	switch parts[1] {
	case "id":
		return func(u *user) bool { return strconv.FormatInt(u.ID, 10) == want }, true
	case "external_user_id":
		return func(u *user) bool {
			return u.ExternalUserID != nil && strconv.FormatInt(*u.ExternalUserID, 10) == want
		}, true
	case "login":
		return func(u *user) bool { return u.Login != nil && *u.Login == want }, true
	case "email":
		return func(u *user) bool { return u.Email != nil && strings.EqualFold(*u.Email, want) }, true
	case "full_name":
		return func(u *user) bool { return u.FullName != nil && *u.FullName == want }, true
	case "phone":
		return func(u *user) bool { return u.Phone != nil && *u.Phone == want }, true
	case "facebook_id":
		return func(u *user) bool { return u.FacebookID != nil && *u.FacebookID == want }, true
	}
	return nil, false
}
