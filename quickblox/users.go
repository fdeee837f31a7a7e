package quickblox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// UsersService has QuickBlox's own calls for users. Its methods return the same
// errors as the client's, *userapi.Error.
type UsersService struct{ core *core }

// CreateUserRequest is the body of POST /users.json. Marshalling it shows the
// password redacted: it is for reading.
type CreateUserRequest struct {
	User NewUser `json:"user"`
}

// NewUser describes a user to create. Members that are nil or "" are not sent.
// Source: QuickBlox, "Create User", body parameters.
type NewUser struct {
	// Login or Email is required. Each is unique in the application.
	Login *string `json:"login,omitempty"`
	Email *string `json:"email,omitempty"`
	// Password is required.
	Password userapi.Secret `json:"password,omitempty"`
	// BlobID is the id of an uploaded file, such as a picture of the user.
	BlobID *int64 `json:"blob_id,omitempty"`
	// ExternalUserID is the user's unique id elsewhere, from 1 to 2147483647.
	ExternalUserID *int64 `json:"external_user_id,omitempty"`
	// FacebookID is unique; a decimal or hexadecimal number as text.
	FacebookID *string `json:"facebook_id,omitempty"`
	// TwitterID is deprecated.
	TwitterID *string `json:"twitter_id,omitempty"`
	// FullName has at most 200 characters.
	FullName *string `json:"full_name,omitempty"`
	Phone    *string `json:"phone,omitempty"`
	Website  *string `json:"website,omitempty"`
	// CustomData is any text.
	CustomData *string `json:"custom_data,omitempty"`
	// TagList is a list of tags, separated by commas.
	TagList *string `json:"tag_list,omitempty"`

	// The rest is deprecated by QuickBlox.
	AllowSalesActivities    *bool   `json:"allow_sales_activities,omitempty"`
	AllowStatisticsAnalysis *bool   `json:"allow_statistics_analysis,omitempty"`
	AgeOver16               *bool   `json:"age_over16,omitempty"`
	ParentsContacts         *string `json:"parents_contacts,omitempty"`
}

var (
	requestShown = provider.Shown{Type: "quickblox.CreateUserRequest"}
	newUserShown = provider.Shown{Type: "quickblox.NewUser"}
)

// Format shows the type alone. The password's own Format is not asked where a verb
// does not fit what the password stands in, as %s does not fit a pointer in a slice.
func (r CreateUserRequest) Format(f fmt.State, verb rune) { requestShown.Format(f, verb) }

// LogValue is like Format.
func (r CreateUserRequest) LogValue() slog.Value { return requestShown.LogValue() }

// Format shows the type alone, as that of CreateUserRequest.
func (u NewUser) Format(f fmt.State, verb rune) { newUserShown.Format(f, verb) }

// LogValue is like Format.
func (u NewUser) LogValue() slog.Value { return newUserShown.LogValue() }

// The types of what is sent: those above with the password shown.
type (
	sentRequest struct {
		User sentUser `json:"user"`
	}
	sentUser struct {
		*NewUser
		Password string `json:"password,omitempty"`
	}
)

// sent is the one place that says what is sent, with the password as show has it.
func (u *NewUser) sent(show func(userapi.Secret) string) sentRequest {
	return sentRequest{sentUser{u, show(u.Password)}}
}

// encode writes what is sent. What cannot be written is noted in the check.
func (u *NewUser) encode(c *provider.Check) []byte { return c.Encode(u.sent(userapi.Secret.Reveal)) }

// check finds what QuickBlox would refuse for certain.
func (u *NewUser) check(c *provider.Check) {
	if !given(u.Login) && !given(u.Email) {
		c.Required("Username", "login", "a login or an e-mail address must be set")
	}
	if u.Password == "" {
		c.Required("Password", "password", "must be set")
	}
	if id := u.ExternalUserID; id != nil && (*id < 1 || *id > math.MaxInt32) {
		c.Invalid("ExternalID", "external_user_id", "must be from 1 to 2147483647")
	}
}

func given(s *string) bool { return s != nil && strings.TrimSpace(*s) != "" }

// CreateUserResponse is the reply to POST /users.json, and to every look-up of one
// user.
type CreateUserResponse struct {
	User User `json:"user"`

	// Meta gives the response the methods StatusCode, RequestID, Raw, which is the
	// reply byte for byte, and Warnings.
	*provider.Meta `json:"-"`
}

// UnmarshalJSON decodes a reply, tolerating members of another type than
// documented: a number for a text and the like are converted, the others are left
// unset.
func (r *CreateUserResponse) UnmarshalJSON(data []byte) error {
	_, err := r.decode(data)
	return err
}

// decode reads a reply. bad is not nil when it is not what success looks like.
func (r *CreateUserResponse) decode(data []byte) (bad, err error) {
	var reply struct {
		User   *User
		Errors json.RawMessage `json:"errors"`
		Error  json.RawMessage `json:"error"`
	}
	reply.User = &r.User
	member, err := wire.Tolerate(json.Unmarshal(data, &reply))
	if err != nil {
		return err, err
	}
	if member != "" {
		var loose struct{ User json.RawMessage }
		_, _ = wire.Tolerate(json.Unmarshal(data, &loose))
		r.User = User{}
		wire.DecodeMembers(loose.User, &r.User)
	}
	if r.User.ID <= 0 || wire.HasVariant(data, "user") || wire.HasVariant(data, "id") {
		// Package json takes "ID" for "id" too, and the last of them.
		r.User.ID = scanID(data)
	}
	switch {
	case wire.HasValue(reply.Errors), wire.HasValue(reply.Error):
		return errErrorInSuccess, nil
	case r.User.ID <= 0:
		return errNoID, nil
	}
	return nil, nil
}

var (
	errNoID           = errors.New("quickblox: the reply holds no user with an id")
	errErrorInSuccess = errors.New("quickblox: the reply has the status of a success and an error in it")
)

// scanID reads user.id out of a reply that is broken, or where it is a text; 0 for
// none.
func scanID(data []byte) int64 {
	text, ok := wire.ScanID(data, "user", "id")
	id, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || id <= 0 {
		return 0
	}
	return id
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

	CreatedAt     Time `json:"created_at,omitzero"`
	UpdatedAt     Time `json:"updated_at,omitzero"`
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

// Tags is a list of tags, which QuickBlox writes as a text separated by commas, or
// as an array.
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

// Create creates a user. A success is a reply of status 2xx with a user that has
// an id; everything else is an error.
func (s *UsersService) Create(ctx context.Context, req CreateUserRequest) (*CreateUserResponse, error) {
	check := provider.NativeCheck(Name)
	req.User.check(&check)
	check.Secret("Password", "password", req.User.Password)
	body := req.User.encode(&check)
	if _, err := check.Done(provider.OpCreate); err != nil {
		return nil, err
	}
	resp, failure := s.create(ctx, body)
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

// createCall returns the call that creates a user from a body.
func (c *core) createCall(body []byte) *transport.Call {
	return &transport.Call{
		Operation: provider.OpCreate, Route: "/users.json",
		Method: http.MethodPost, Path: "/users.json",
		ContentType: "application/json", Body: body,
		Sign: c.sign, Classify: c.classify,
	}
}

// create sends a request that has been checked.
func (s *UsersService) create(ctx context.Context, body []byte) (*CreateUserResponse, *userapi.Error) {
	call := s.core.createCall(body)
	res := s.core.http.Do(ctx, call)
	if !res.OK {
		return nil, newError(provider.OpCreate, res, s.core.mask(call, res))
	}
	resp, bad := readReply(res)
	if bad == nil {
		return resp, nil
	}
	var user *userapi.User
	if resp.User.ID > 0 {
		user = resp.neutral()
	}
	return nil, provider.MalformedSuccess(Name, provider.OpCreate, res, s.core.mask(call, res), bad, user)
}

// readReply reads the reply of a success. bad is not nil when there is no user in
// it; the reply then holds what could be read all the same.
func readReply(res *transport.Result) (resp *CreateUserResponse, bad error) {
	resp = &CreateUserResponse{Meta: provider.NewMeta(res)}
	bad, err := resp.decode(res.Reply.Body)
	if res.Reply.ReadErr != nil {
		bad = res.Reply.ReadErr
	}
	if err != nil {
		resp.User.ID = scanID(res.Reply.Body)
	}
	return resp, bad
}

// mask returns a mask for what a call sent, its credentials and further values.
func (c *core) mask(call *transport.Call, res *transport.Result, more ...string) provider.Mask {
	more = append(more, c.auth.secrets()...)
	if res.Reply != nil {
		// The session that was used may be forgotten by now.
		more = append(more, res.Reply.Request.Header.Get(tokenHeader))
	}
	return provider.NewMask(call.Body, call.ContentType, more...)
}
