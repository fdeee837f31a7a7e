package usercomtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// timeLayout is how User.com writes times.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// reply is a user as V1 answers, in the order of its members.
type reply struct {
	ID              int64       `json:"id"`
	Key             string      `json:"key"`
	Name            *string     `json:"name"`
	Email           *string     `json:"email"`
	Gender          string      `json:"gender"`
	Status          string      `json:"status"`
	PhoneNumber     *string     `json:"phone_number"`
	FirstSeen       *string     `json:"first_seen"`
	LastSeen        *string     `json:"last_seen"`
	PageViews       int         `json:"page_views"`
	LastIP          *string     `json:"last_ip"`
	Timezone        *string     `json:"timezone"`
	City            *string     `json:"city"`
	Region          *string     `json:"region"`
	Country         *string     `json:"country"`
	Unsubscribed    bool        `json:"unsubscribed"`
	BrowserLanguage *string     `json:"browser_language"`
	Score           int64       `json:"score"`
	Browser         *string     `json:"browser"`
	OSType          *string     `json:"os_type"`
	Resolution      *string     `json:"resolution"`
	CreatedAt       string      `json:"created_at"`
	UpdatedAt       string      `json:"updated_at"`
	Companies       []company   `json:"companies"`
	Attributes      []attribute `json:"attributes"`
	GravatarURL     *string     `json:"gravatar_url"`
	Lists           []list      `json:"lists"`
	Tags            []tag       `json:"tags"`
	Notifications   bool        `json:"notifications"`
	FacebookURL     *string     `json:"facebook_url"`
	LinkedInURL     *string     `json:"linkedin_url"`
	TwitterURL      *string     `json:"twitter_url"`
	GoogleURL       *string     `json:"google_url"`
	LastContacted   *string     `json:"last_contacted"`
	UserID          *string     `json:"user_id"`
}

// replyV2 is a user as V2 answers; the custom attributes follow.
type replyV2 struct {
	ID                  int64     `json:"id"`
	UserKey             string    `json:"user_key"`
	CustomID            *string   `json:"custom_id"`
	Name                *string   `json:"name"`
	Email               *string   `json:"email"`
	Gender              string    `json:"gender"`
	Status              string    `json:"status"`
	PhoneNumber         *string   `json:"phone_number"`
	Timezone            *string   `json:"timezone"`
	City                *string   `json:"city"`
	Region              *string   `json:"region"`
	Country             *string   `json:"country"`
	Unsubscribed        bool      `json:"unsubscribed"`
	BrowserLanguage     *string   `json:"browser_language"`
	Score               int64     `json:"score"`
	CreatedAt           string    `json:"created_at"`
	UpdatedAt           string    `json:"updated_at"`
	Companies           []company `json:"companies"`
	Lists               []list    `json:"lists"`
	Tags                []tag     `json:"tags"`
	Notifications       bool      `json:"notifications"`
	WebPushSubscription bool      `json:"web_push_subscription"`
	FacebookURL         *string   `json:"facebook_url"`
	GoogleURL           *string   `json:"google_url"`
	GravatarURL         *string   `json:"gravatar_url"`
	LinkedInURL         *string   `json:"linkedin_url"`
	TwitterURL          *string   `json:"twitter_url"`
	AssignedTo          *int64    `json:"assigned_to"`
}

type company struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	MemberSince string `json:"member_since"`
}

type tag struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type list struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

type attribute struct {
	ID          int64           `json:"id"`
	Name        string          `json:"name"`
	NameStd     string          `json:"name_std"`
	Value       json.RawMessage `json:"value"`
	Description string          `json:"description"`
}

// shown writes a user as the version answers.
func (s *store) shown(u User, v2 bool) json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	companies, tags, lists, attributes := []company{}, []tag{}, []list{}, []attribute{}
	created, updated := u.CreatedAt.Format(timeLayout), u.UpdatedAt.Format(timeLayout)
	if u.CompanyID != "" {
		companies = append(companies, company{s.companies.of(u.CompanyID, 52), u.CompanyID, created})
	}
	for _, name := range u.Tags {
		tags = append(tags, tag{s.tags.of(name, 9001), name})
	}
	for _, id := range u.Lists {
		lists = append(lists, list{ID: id, Name: fmt.Sprintf("List %d", id)})
	}
	names := slices.Sorted(maps.Keys(u.Attributes))
	if !v2 {
		for _, name := range names {
			attributes = append(attributes, attribute{s.attributes.of(name, 501), name, name, u.Attributes[name], ""})
		}
		return encode(reply{
			ID: u.ID, Key: u.Key, UserID: orNull(u.UserID),
			Name: orNull(u.name()), Email: orNull(u.Email), PhoneNumber: orNull(u.PhoneNumber),
			Gender: u.Gender, Status: u.Status, Score: u.Score,
			Notifications: u.Notifications, Unsubscribed: u.Unsubscribed,
			Timezone: orNull(u.Timezone), City: orNull(u.City), Region: orNull(u.Region), Country: orNull(u.Country),
			FacebookURL: orNull(u.FacebookURL), GoogleURL: orNull(u.GoogleURL), GravatarURL: orNull(u.GravatarURL),
			LinkedInURL: orNull(u.LinkedInURL), TwitterURL: orNull(u.TwitterURL),
			CreatedAt: created, UpdatedAt: updated,
			Companies: companies, Tags: tags, Attributes: attributes, Lists: lists,
		})
	}
	body := encode(replyV2{
		ID: u.ID, UserKey: u.Key, CustomID: orNull(u.UserID),
		Name: orNull(u.name()), Email: orNull(u.Email), PhoneNumber: orNull(u.PhoneNumber),
		Gender: u.Gender, Status: u.Status, Score: u.Score,
		Notifications: u.Notifications, Unsubscribed: u.Unsubscribed,
		Timezone: orNull(u.Timezone), City: orNull(u.City), Region: orNull(u.Region), Country: orNull(u.Country),
		FacebookURL: orNull(u.FacebookURL), GoogleURL: orNull(u.GoogleURL), GravatarURL: orNull(u.GravatarURL),
		LinkedInURL: orNull(u.LinkedInURL), TwitterURL: orNull(u.TwitterURL),
		CreatedAt: created, UpdatedAt: updated,
		Companies: companies, Tags: tags, Lists: lists, AssignedTo: orNull(u.AssignedTo),
	})
	if len(names) == 0 {
		return body
	}
	more := encode(u.Attributes)
	return slices.Concat(bytes.TrimSuffix(body, []byte("}")), []byte(","), more[1:])
}

// orNull returns nil for what is not set.
func orNull[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}
