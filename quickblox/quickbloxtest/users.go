package quickbloxtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"strings"
	"time"
	"unicode"
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
	// LastRequestAt is when a session of the user's was last used; zero for never.
	LastRequestAt time.Time
	// PasswordResets counts the e-mails with a link to a new password.
	PasswordResets int
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

	created, updated, used time.Time
	resets                 int                // of the password
	password               *[sha256.Size]byte // its hash
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
		CreatedAt: u.created, UpdatedAt: u.updated, LastRequestAt: u.used, PasswordResets: u.resets, HasPassword: u.password != nil,
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

// unique is the form in which a unique value is compared.
func unique(member, value string) string {
	if member == "email" {
		return strings.ToLower(value)
	}
	return value
}

// claims returns the unique values that a user takes, by member.
func (u *user) claims() map[string]string {
	claims := map[string]string{}
	for member, v := range map[string]*string{"login": u.Login, "email": u.Email, "facebook_id": u.FacebookID} {
		if v != nil {
			claims[member] = unique(member, *v)
		}
	}
	if id := u.externalID(); id != "" {
		claims["external_user_id"] = id
	}
	return claims
}

// externalID is the external_user_id as a text, "" for none.
func (u *user) externalID() string {
	if u.ExternalUserID == nil {
		return ""
	}
	return strconv.FormatInt(*u.ExternalUserID, 10)
}

// find returns the user who has a unique value, nil for none.
func (s *Server) find(member, value string) *user {
	return s.users[s.taken[member][unique(member, trimmed(value))]]
}

// put stores a user, a new one or one that was changed.
func (s *Server) put(u *user) {
	s.remove(u.ID)
	s.users[u.ID] = u
	for member, value := range u.claims() {
		if s.taken[member] == nil {
			s.taken[member] = map[string]int64{}
		}
		s.taken[member][value] = u.ID
	}
}

func (s *Server) remove(id int64) {
	if old := s.users[id]; old != nil {
		for member, value := range old.claims() {
			delete(s.taken[member], value)
		}
		delete(s.users, id)
	}
}

// trimmed cuts trailing white space, as QuickBlox does with every text but the
// password.
func trimmed(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }
