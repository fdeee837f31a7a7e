package usercom

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// CreateUserResponse is the reply to POST /users/.
type CreateUserResponse struct {
	User

	meta    provider.Meta
	version Version
}

func (c *core) newReply() *reply { return &reply{version: c.version} }

// StatusCode returns the reply's HTTP status; 0 for a value that no call returned.
func (r *CreateUserResponse) StatusCode() int { return r.meta.StatusCode() }

// RequestID returns the reply's Cf-Ray, "" for none.
func (r *CreateUserResponse) RequestID() string { return r.meta.RequestID() }

// Raw returns the reply byte for byte.
func (r *CreateUserResponse) Raw() json.RawMessage { return r.meta.Raw() }

// Warnings returns oddities of the reply that are not failures.
func (r *CreateUserResponse) Warnings() []string { return r.meta.Warnings() }

// UnmarshalJSON decodes a reply as a User is decoded.
func (r *CreateUserResponse) UnmarshalJSON(data []byte) error { return r.User.UnmarshalJSON(data) }

// User is a user at User.com, with V1's names of its members. Only ID is always there: the rest is
// null or missing when unset. Sources: User.com, "Create user", response, and "User model".
type User struct {
	ID int64 `json:"id"`
	// Key is the user's key in the browser: user_key in V2.
	Key *string `json:"key,omitempty"`
	// UserID is your own id of the user: custom_id in V2.
	UserID *Text `json:"user_id,omitempty"`
	// Name is the first and the last name or, without either, the e-mail address.
	Name        *string `json:"name,omitempty"`
	Email       *string `json:"email,omitempty"`
	PhoneNumber *Text   `json:"phone_number,omitempty"`
	Gender      Gender  `json:"gender,omitempty"`
	Status      Status  `json:"status,omitempty"`
	Score       *Number `json:"score,omitempty"`

	Notifications *bool `json:"notifications,omitempty"`
	Unsubscribed  *bool `json:"unsubscribed,omitempty"`
	// WebPushSubscription is V2's.
	WebPushSubscription *bool `json:"web_push_subscription,omitempty"`
	// AssignedTo is the id of the colleague who looks after the user.
	AssignedTo *Number `json:"assigned_to,omitempty"`

	City        *string `json:"city,omitempty"`
	Region      *string `json:"region,omitempty"`
	Country     *string `json:"country,omitempty"`
	Timezone    *string `json:"timezone,omitempty"`
	FacebookURL *string `json:"facebook_url,omitempty"`
	GoogleURL   *string `json:"google_url,omitempty"`
	GravatarURL *string `json:"gravatar_url,omitempty"`
	LinkedInURL *string `json:"linkedin_url,omitempty"`
	TwitterURL  *string `json:"twitter_url,omitempty"`

	CreatedAt     Time `json:"created_at,omitzero"`
	UpdatedAt     Time `json:"updated_at,omitzero"`
	FirstSeen     Time `json:"first_seen,omitzero"`
	LastSeen      Time `json:"last_seen,omitzero"`
	LastContacted Time `json:"last_contacted,omitzero"`

	PageViews       *Number `json:"page_views,omitempty"`
	LastIP          *string `json:"last_ip,omitempty"`
	Browser         *string `json:"browser,omitempty"`
	BrowserLanguage *string `json:"browser_language,omitempty"`
	OSType          *string `json:"os_type,omitempty"`
	Resolution      *string `json:"resolution,omitempty"`
	// ChatID is a sentence that says that it is deprecated.
	ChatID *string `json:"chat_id,omitempty"`

	Companies []Company `json:"companies,omitempty"`
	Tags      []Tag     `json:"tags,omitempty"`
	Lists     []List    `json:"lists,omitempty"`
	// Attributes are the custom attributes in V1. V2 has them among the user's own
	// members: see Extra.
	Attributes []Attribute `json:"attributes,omitempty"`

	// Extra holds what is not above, and what is but has another type, by the
	// vendor's names. V2's custom attributes are in it.
	Extra map[string]json.RawMessage `json:"-"`
}

// A Company is one that the user is an employee of.
type Company struct {
	ID          Number `json:"id"`
	Name        string `json:"name"`
	MemberSince Time   `json:"member_since,omitzero"`
}

// A Tag is a label on the user.
type Tag struct {
	ID   Number `json:"id"`
	Name string `json:"name"`
}

// A List is one that the user is on.
type List struct {
	ID          Number `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// An Attribute is a custom attribute with the user's value.
type Attribute struct {
	ID Number `json:"id"`
	// Name is what people see, NameStd what the API calls it.
	Name    string `json:"name"`
	NameStd string `json:"name_std"`
	// Value is a text, number, boolean, list, object or null, as it came.
	Value       json.RawMessage `json:"value,omitempty"`
	Description string          `json:"description,omitempty"`
	// ValueType is the number of the type, where the reply says it.
	ValueType *Number `json:"value_type,omitempty"`
}

// UnmarshalJSON decodes a user, with the names of either version. A member of
// another type than documented is left unset, and kept in Extra.
func (u *User) UnmarshalJSON(data []byte) error { return provider.Broken(u.decode(data, V1)) }

// path leads to what a reply claims of a user.
var path = wire.Path{Names: []string{"id", "user_id", "custom_id", "email"}}

// decode reads a reply of a version, or says why it is not a success. Of a broken one it reads the
// id. In V2 a member called error or errors beside an id is a custom attribute, and so is one with
// V1's name beside V2's.
func (u *User) decode(data []byte, v Version) error {
	type members User
	var in struct {
		members
		UserKey  *string     `json:"user_key"`
		CustomID *Text       `json:"custom_id"`
		Errors   wire.Values `json:"errors"`
		Error    wire.Values `json:"error"`
	}
	rest, err := wire.DecodeRest(data, &in, path)
	*u = User(in.members)
	u.Extra = rest
	u.keep("errors", in.Errors...)
	u.keep("error", in.Error...)
	if v == V2 && provider.Value(in.CustomID) != "" && u.UserID != nil {
		attribute, _ := json.Marshal(*u.UserID)
		u.keep("user_id", attribute)
		u.UserID = nil
	}
	if v == V2 && provider.Value(in.UserKey) != "" && u.Key != nil {
		attribute, _ := json.Marshal(*u.Key)
		u.keep("key", attribute)
		u.Key = nil
	}
	u.Key = cmp.Or(u.Key, in.UserKey)
	if provider.Value(u.UserID) == "" {
		u.UserID = in.CustomID
	}
	if err != nil {
		text, _ := wire.ScanID(data, "id")
		u.ID, _ = wire.Int(text)
	}
	if v == V2 && u.ID > 0 {
		return err
	}
	return provider.Success(err, u.ID > 0, in.Errors, in.Error)
}

// keep puts the last value of a member into Extra.
func (u *User) keep(name string, values ...json.RawMessage) {
	if len(values) == 0 {
		return
	}
	if u.Extra == nil {
		u.Extra = map[string]json.RawMessage{}
	}
	u.Extra[name] = values[len(values)-1]
}

// A reply is a CreateUserResponse that is being received.
type reply CreateUserResponse

// Receive reads the user, for provider.Reply.
func (r *reply) Receive(from *transport.Reply, m provider.Meta) error {
	r.meta = m
	return r.decode(from.Body, r.version)
}

// isOf refuses a reply that shows another user than the one with an id.
func (r *reply) isOf(id string) error {
	if r.ID > 0 && strconv.FormatInt(r.ID, 10) != id {
		return provider.ErrOtherUser
	}
	return nil
}

// Neutral returns the user in the form that is common to all vendors.
func (r *reply) Neutral() *userapi.User {
	if r.ID <= 0 {
		return nil
	}
	u := r.meta.NewUser(Name, strconv.FormatInt(r.ID, 10), (*CreateUserResponse)(r))
	u.Email = provider.Value(r.Email)
	u.Phone = string(provider.Value(r.PhoneNumber))
	u.FullName = provider.Value(r.Name)
	u.ExternalID = string(provider.Value(r.UserID))
	u.CreatedAt = r.CreatedAt.Time
	return u
}

var errOlder = errors.New("usercom: the reply has a user that existed before the call")

// age says whether the reply's request may have made the user: Same if so, Different if
// it was there before. It goes by the reply's Date, or by our clock if there is none
// that counts. A user that is old by the Date alone, or by our clock in a cached reply,
// is Unsure.
func (u *User) age(r *transport.Reply) provider.Match {
	at, dated := u.created()
	date, err := http.ParseTime(r.Header.Get("Date"))
	age := r.Header.Get("Age")
	cached := err == nil && age != "" && age != "0"
	oldHere := at.Before(r.Sent.Add(-provider.AgeSlack))
	old := oldHere
	if err == nil && !cached {
		old = at.Before(date.Add(-r.Read.Sub(r.Sent) - provider.AgeSlack))
	}
	switch {
	case !dated || !old:
		return provider.Same
	case cached || !oldHere:
		return provider.Unsure
	}
	return provider.Different
}

// created returns when the user was created. A time without a zone is not dated, nor is one that
// stands for none, such as the year 1 or the beginning of 1970.
func (u *User) created() (at time.Time, dated bool) {
	_, err := time.Parse(time.RFC3339, u.CreatedAt.Text())
	at = u.CreatedAt.Time
	return at, err == nil && at.Unix() > 0
}
