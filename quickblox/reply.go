package quickblox

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// CreateUserResponse is the reply to POST /users.json, and to every look-up of one user.
type CreateUserResponse struct {
	User User `json:"user"`

	meta provider.Meta
}

// StatusCode returns the reply's HTTP status; 0 for a value that no call returned.
func (r *CreateUserResponse) StatusCode() int { return r.meta.StatusCode() }

// RequestID returns the reply's X-Request-Id, "" for none.
func (r *CreateUserResponse) RequestID() string { return r.meta.RequestID() }

// Raw returns the reply byte for byte.
func (r *CreateUserResponse) Raw() json.RawMessage { return r.meta.Raw() }

// Warnings returns oddities of the reply that are not failures.
func (r *CreateUserResponse) Warnings() []string { return r.meta.Warnings() }

// UnmarshalJSON decodes a reply, and tolerates members of another type than documented:
// it converts a number to a text, or a text to a number, and leaves other members
// unset.
func (r *CreateUserResponse) UnmarshalJSON(data []byte) error {
	return provider.Broken((*reply)(r).decode(data))
}

// A reply is a CreateUserResponse that is being received.
type reply CreateUserResponse

// Receive reads the user, for provider.Reply.
func (r *reply) Receive(from *transport.Reply, m provider.Meta) error {
	r.meta = m
	return r.decode(from.Body)
}

// path leads to what a reply claims of a user.
var path = wire.Path{Object: "user", Names: []string{"id", "login", "email", "external_user_id", "facebook_id"}}

// decode reads a reply, or says why it is not a success. Of a broken one it reads user.id.
func (r *reply) decode(data []byte) error {
	var in struct {
		User   User        `json:"user"`
		Errors wire.Values `json:"errors"`
		Error  wire.Values `json:"error"`
	}
	err := wire.Decode(data, &in, path)
	r.User = in.User
	r.User.LastRequestAt = readSeconds(r.User.LastRequestAt)
	if err != nil {
		text, _ := wire.ScanID(data, "user", "id")
		r.User.ID, _ = wire.Int(text)
	}
	return provider.Success(err, r.User.ID > 0, in.Errors, in.Error)
}

// Neutral returns the user in the form that is common to all vendors.
func (r *reply) Neutral() *userapi.User {
	if r.User.ID <= 0 {
		return nil
	}
	u := r.meta.NewUser(Name, strconv.FormatInt(r.User.ID, 10), (*CreateUserResponse)(r))
	u.Username = provider.Value(r.User.Login)
	u.Email = provider.Value(r.User.Email)
	u.Phone = provider.Value(r.User.Phone)
	u.FullName = provider.Value(r.User.FullName)
	u.ExternalID = string(provider.Value(r.User.ExternalUserID))
	u.CreatedAt = r.User.CreatedAt.Time
	return u
}

// User is a user at QuickBlox. Only ID is always there: the rest is null when
// unset, and settings of the application may hide personal data. Sources:
// QuickBlox, "Create User", response 201, and "User model".
type User struct {
	ID       int64   `json:"id"`
	FullName *string `json:"full_name,omitempty"`
	Email    *string `json:"email,omitempty"`
	Login    *string `json:"login,omitempty"`
	Phone    *string `json:"phone,omitempty"`
	Website  *string `json:"website,omitempty"`

	CreatedAt Time `json:"created_at,omitzero"`
	UpdatedAt Time `json:"updated_at,omitzero"`
	// LastRequestAt may come as a number too, of seconds since 1970: "User model" calls it
	// a timestamp.
	LastRequestAt Time `json:"last_request_at,omitzero"`

	ExternalUserID *Number `json:"external_user_id,omitempty"`
	FacebookID     *Text   `json:"facebook_id,omitempty"`
	BlobID         *Number `json:"blob_id,omitempty"`
	CustomData     *string `json:"custom_data,omitempty"`
	// UserTags is what tag_list is called in replies.
	UserTags Tags `json:"user_tags,omitempty"`

	AgeOver16               *bool   `json:"age_over16,omitempty"`
	AllowStatisticsAnalysis *bool   `json:"allow_statistics_analysis,omitempty"`
	AllowSalesActivities    *bool   `json:"allow_sales_activities,omitempty"`
	ParentsContacts         *string `json:"parents_contacts,omitempty"`

	// OwnerID, TwitterID and TwitterDigitsID came until 2018.
	OwnerID         *Number `json:"owner_id,omitempty"`
	TwitterID       *Text   `json:"twitter_id,omitempty"`
	TwitterDigitsID *Text   `json:"twitter_digits_id,omitempty"`
}

// readSeconds reads a time that is written as seconds or milliseconds since 1970, and returns
// any other as it is.
func readSeconds(t Time) Time {
	n, ok := wire.Int(t.Text())
	const inMillis = 100_000_000_000 // as seconds, the year 5138
	switch {
	case !ok || n <= 0:
		return t
	case n >= inMillis:
		n /= 1000
	}
	if read := lenient.ParseTime(time.Unix(n, 0).UTC().Format(time.RFC3339)); !read.IsZero() {
		return read
	}
	return t
}

// Tags is a list of tags, which QuickBlox writes as a text separated by commas, or as an array.
type Tags []string

// UnmarshalJSON reads either form, or null.
func (t *Tags) UnmarshalJSON(data []byte) error {
	*t = nil
	var list []Text
	if len(data) > 0 && data[0] == '[' && json.Unmarshal(data, &list) == nil {
		for _, tag := range list {
			*t = append(*t, string(tag))
		}
		return nil
	}
	var text Text
	_ = text.UnmarshalJSON(data)
	if text != "" {
		*t = strings.Split(string(text), ",")
	}
	return nil
}

// MarshalJSON writes the text form.
func (t Tags) MarshalJSON() ([]byte, error) { return json.Marshal(strings.Join(t, ",")) }
