package quickblox

import (
	"context"
	"fmt"
	"log/slog"
	"math"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// UsersService has QuickBlox's own calls for users. Its methods return the same
// errors as the client's, *userapi.Error.
type UsersService struct {
	vendor *provider.Vendor
	// seesAll: these credentials are an API key, which is shown every user whole.
	seesAll bool
	// sessions has the application's credentials; nil without Config.Session.
	sessions *sessions
}

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

	// These are deprecated by QuickBlox.
	AllowSalesActivities    *bool   `json:"allow_sales_activities,omitempty"`
	AllowStatisticsAnalysis *bool   `json:"allow_statistics_analysis,omitempty"`
	AgeOver16               *bool   `json:"age_over16,omitempty"`
	ParentsContacts         *string `json:"parents_contacts,omitempty"`

	// Password is required.
	Password userapi.Secret `json:"password,omitempty"`
}

// Format shows only the type. The password's own Format is not asked where a verb
// does not fit what the password stands in, as %s does not fit a pointer in a slice.
func (r CreateUserRequest) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r CreateUserRequest) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// Format shows only the type, as that of CreateUserRequest.
func (u NewUser) Format(f fmt.State, verb rune) { provider.TypeOnly(u).Format(f, verb) }

// LogValue is like Format.
func (u NewUser) LogValue() slog.Value { return provider.TypeOnly(u).LogValue() }

func (u *NewUser) check(c *provider.Check) {
	if !provider.Given(u.Login) && !provider.Given(u.Email) {
		c.Required("Username", "login", "a login or an e-mail address must be set")
	}
	c.MustBeSet("Password", "password", u.Password != "")
	checkExternalID(c, u.ExternalUserID)
}

func checkExternalID(c *provider.Check, id *int64) {
	if id != nil && (*id < 1 || *id > math.MaxInt32) {
		c.Invalid("ExternalID", "external_user_id", "must be from 1 to 2147483647")
	}
}

// Create creates a user. A success is a reply of status 2xx with a user that has an id
// and that shows no other login, e-mail address or external id than was sent.
// Everything else is an error. CreateToken and SignIn give the token that the user's
// app signs in with.
func (s *UsersService) Create(ctx context.Context, req CreateUserRequest) (*CreateUserResponse, error) {
	check := provider.NativeCheck(Name)
	req.User.check(&check)
	check.Secret("Password", "password", req.User.Password)
	body := check.Encode(&req)
	resp, err := provider.Create(ctx, s.vendor, createCall(body).Checked(&check), new(reply), req.User.accept)
	return (*CreateUserResponse)(resp), err
}

const createPath = "/users.json"

func createCall(body []byte) *provider.Call {
	return provider.NewCreate(createPath, createPath, "application/json", body)
}

// accept refuses a reply that shows another user than was sent.
func (u *NewUser) accept(r *reply, _ *transport.Result) error {
	return acceptKeys(u.identity(), &r.User)
}

// acceptKeys refuses a user that is shown with other keys than were sent. A Facebook id is not
// compared.
func acceptKeys(sent []sentKey, u *User) error {
	for _, k := range sent {
		if k.key != byFacebookID && k.contradicts(u) != nil {
			return provider.ErrOtherUser
		}
	}
	return nil
}
