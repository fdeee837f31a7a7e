package usercom

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// CreateUserResponse is the reply to POST /users/.
type CreateUserResponse struct {
	User

	meta provider.Meta
}

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

// User is a user at User.com, with V1's names of its members. Only ID is always
// there: the rest is null or missing when unset. Sources: User.com, "Create user",
// response, and "User model".
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
	// ValueType is the number of the type, where it is told.
	ValueType *Number `json:"value_type,omitempty"`
}

// UnmarshalJSON decodes a user, with the names of either version. A member of
// another type than documented is left unset, and kept in Extra.
func (u *User) UnmarshalJSON(data []byte) error {
	_, err := u.decode(data)
	return err
}

// renamed are V2's names by V1's.
var renamed = map[string]string{"key": "user_key", "user_id": "custom_id"}

// decode reads a reply. bad is not nil when it is not what success looks like.
func (u *User) decode(data []byte) (bad, err error) {
	*u = User{}
	hasError, plain, err := u.decodePlain(data)
	if err != nil {
		return err, err
	}
	if !plain {
		if hasError, err = u.decodeMembers(data); err != nil {
			return err, err
		}
	}
	if u.ID <= 0 {
		u.ID = scanID(data)
	}
	switch {
	case hasError:
		return provider.ErrErrorInSuccess, nil
	case u.ID <= 0:
		return provider.ErrNoID, nil
	}
	return nil, nil
}

// decodePlain decodes a reply in which every member is one that is known, and of
// its type. For any other plain is false.
func (u *User) decodePlain(data []byte) (hasError, plain bool, err error) {
	type members User
	reply := struct {
		*members
		UserKey  *string         `json:"user_key"`
		CustomID *Text           `json:"custom_id"`
		Errors   json.RawMessage `json:"errors"`
		Error    json.RawMessage `json:"error"`
	}{members: (*members)(u)}
	if member, err := wire.Tolerate(json.Unmarshal(data, &reply)); err != nil || member != "" {
		return false, false, err
	}
	// Names are told apart by case, which package json does not do: an attribute
	// called "ID" is not the user's id.
	plain, known := true, names()
	wire.Names(data, func(name []byte) bool {
		plain = known[string(name)]
		return plain
	})
	if u.Key == nil {
		u.Key = reply.UserKey
	}
	if u.UserID == nil || *u.UserID == "" {
		u.UserID = reply.CustomID
	}
	return provider.HasContent(reply.Errors) || provider.HasContent(reply.Error), plain, nil
}

// names are the names of the members that replies are documented to have.
var names = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{"user_key": true, "custom_id": true, "errors": true, "error": true}
	for name := range membersOf(&User{}) {
		known[name] = true
	}
	return known
})

// decodeMembers decodes a reply member by member.
func (u *User) decodeMembers(data []byte) (hasError bool, err error) {
	*u = User{}
	var members map[string]json.RawMessage
	if _, err := wire.Tolerate(json.Unmarshal(data, &members)); err != nil {
		return false, err
	}
	for v1, v2 := range renamed {
		if raw, has := members[v2]; has && !wire.HasValue(members[v1]) {
			members[v1] = raw
			delete(members, v2)
		}
	}
	known := membersOf(u)
	for name, raw := range members {
		if into, is := known[name]; is {
			if json.Unmarshal(raw, into) == nil {
				continue
			}
			reflect.ValueOf(into).Elem().SetZero()
		}
		if u.Extra == nil {
			u.Extra = map[string]json.RawMessage{}
		}
		u.Extra[name] = raw
	}
	return provider.HasContent(members["errors"]) || provider.HasContent(members["error"]), nil
}

// membersOf returns pointers to the members of the struct that p points to, by the
// vendor's names.
func membersOf(p any) map[string]any {
	v := reflect.ValueOf(p).Elem()
	members := make(map[string]any, v.NumField())
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name != "-" {
			members[name] = v.Field(i).Addr().Interface()
		}
	}
	return members
}

// A reply is a CreateUserResponse that is being received.
type reply CreateUserResponse

// Receive is for provider.Reply, as all that follows.
func (r *reply) Receive(m provider.Meta) { r.meta = m }

// Decode reads the user.
func (r *reply) Decode(from *transport.Reply) error {
	bad, _ := r.decode(from.Body)
	return bad
}

// Salvage reads id out of a reply that is broken.
func (r *reply) Salvage(from *transport.Reply) { r.ID = scanID(from.Body) }

// Neutral returns the user in the form that is common to all vendors.
func (r *reply) Neutral() *userapi.User {
	if r.ID <= 0 {
		return nil
	}
	u := &userapi.User{
		Provider:  Name,
		ID:        strconv.FormatInt(r.ID, 10),
		Email:     provider.Value(r.Email),
		FullName:  provider.Value(r.Name),
		CreatedAt: r.CreatedAt.Time,
		Proof:     userapi.ProofReply,
		RequestID: r.meta.RequestID(),
		Raw:       r.meta.Raw(),
	}
	if r.UserID != nil {
		u.ExternalID = string(*r.UserID)
	}
	if r.PhoneNumber != nil {
		u.Phone = string(*r.PhoneNumber)
	}
	u.SetNative((*CreateUserResponse)(r))
	return u
}

// scanID reads id out of a reply that is broken, or where it is a text; 0 for none.
func scanID(data []byte) int64 {
	text, ok := wire.ScanID(data, "id")
	id, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || id <= 0 {
		return 0
	}
	return id
}

var errOlder = errors.New("usercom: the reply holds a user that was there before the call")

// ageSlack is how much older than the call a user that it created may look: the
// clocks of User.com's edge and of its application are two.
const ageSlack = time.Minute

// older reports whether the user was there before the reply's request was sent.
func (u *User) older(r *transport.Reply) bool {
	sent := r.Sent
	if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		sent = date.Add(-r.Read.Sub(r.Sent))
	}
	at, dated := u.created()
	return dated && at.Before(sent.Add(-ageSlack))
}

// created returns when the user was created. dated is false where the reply does not
// say, or names no zone: such a time could be of any.
func (u *User) created() (at time.Time, dated bool) {
	at, err := time.Parse(time.RFC3339, u.CreatedAt.Text())
	return at, err == nil
}
