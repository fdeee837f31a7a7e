package quickbloxtest

import (
	"crypto/sha256"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

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
	// A blank value of a unique member counts as unset: two blank values are not a conflict.
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
	for _, name := range c.takenOf(u) {
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

// takenOf returns the members whose unique values another user has.
func (s *Server) takenOf(u *user) (members []string) {
	for member, value := range u.claims() {
		if owner, taken := s.taken[member][value]; taken && owner != u.ID {
			members = append(members, member)
		}
	}
	return members
}
