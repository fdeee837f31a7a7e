package usercom

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// UsersService has User.com's own calls for users. Its methods return the same
// errors as the client's, *userapi.Error.
type UsersService struct{ core *core }

// CreateUserRequest is the body of POST /users/, with V1's names of its members.
// Members that are nil or "" are not sent; one of Email, UserID, PhoneNumber,
// FirstName and LastName is required. Source: User.com, "Create user".
type CreateUserRequest struct {
	// Email is not unique.
	Email *string `json:"email,omitempty"`
	// UserID is the user's unique id elsewhere: custom_id in V2.
	UserID *string `json:"user_id,omitempty"`
	// FirstName and LastName have at most 40 characters each. Replies have both in one name.
	FirstName *string `json:"first_name,omitempty"`
	LastName  *string `json:"last_name,omitempty"`
	// PhoneNumber is any text of at most 64 characters.
	PhoneNumber *string `json:"phone_number,omitempty"`
	Gender      Gender  `json:"gender,omitempty"`
	Status      Status  `json:"status,omitempty"`
	Score       *int64  `json:"score,omitempty"`
	// Notifications is true if not sent, Unsubscribed false.
	Notifications *bool `json:"notifications,omitempty"`
	Unsubscribed  *bool `json:"unsubscribed,omitempty"`
	// AssignedTo is the id of the colleague who looks after the user.
	AssignedTo *int64 `json:"assigned_to,omitempty"`
	// CompanyID is your own id of a company, which the user joins: company_custom_id in V2.
	CompanyID *string `json:"company_id,omitempty"`
	// City has at most 64 characters.
	City    *string `json:"city,omitempty"`
	Region  *string `json:"region,omitempty"`
	Country *string `json:"country,omitempty"`
	// Timezone is a name such as "Europe/Warsaw".
	Timezone    *string `json:"timezone,omitempty"`
	FacebookURL *string `json:"facebook_url,omitempty"`
	GoogleURL   *string `json:"google_url,omitempty"`
	GravatarURL *string `json:"gravatar_url,omitempty"`
	LinkedInURL *string `json:"linkedin_url,omitempty"`
	TwitterURL  *string `json:"twitter_url,omitempty"`
	// Tags are names; User.com makes those that it does not know.
	Tags []string `json:"tags,omitempty"`
}

// UnmarshalJSON reads the names of either version, and ids also where they are numbers.
func (r *CreateUserRequest) UnmarshalJSON(data []byte) error {
	type plain CreateUserRequest
	var p plain
	ids := struct {
		*plain
		UserID          *Text `json:"user_id"`
		CustomID        *Text `json:"custom_id"`
		CompanyID       *Text `json:"company_id"`
		CompanyCustomID *Text `json:"company_custom_id"`
	}{plain: &p}
	if err := json.Unmarshal(data, &ids); err != nil {
		return err
	}
	*r = CreateUserRequest(p)
	r.UserID = (*string)(cmp.Or(ids.UserID, ids.CustomID))
	r.CompanyID = (*string)(cmp.Or(ids.CompanyID, ids.CompanyCustomID))
	return nil
}

// encode writes the body as a JSON object, of which createCall may make a form.
func (r *CreateUserRequest) encode(version Version, c *provider.Check) []byte {
	if version != V2 {
		return c.Encode(r)
	}
	// The members of the outer struct hide those of the same name.
	type plain CreateUserRequest // without UnmarshalJSON, which would be the outer struct's too
	return c.Encode(struct {
		plain
		UserID          *string `json:"user_id,omitempty"`
		CompanyID       *string `json:"company_id,omitempty"`
		CustomID        *string `json:"custom_id,omitempty"`
		CompanyCustomID *string `json:"company_custom_id,omitempty"`
	}{plain: plain(*r), CustomID: r.UserID, CompanyCustomID: r.CompanyID})
}

// The longest texts that User.com takes, in characters. Source: User.com, "Create
// user", for the names; what its API refuses, for the others.
const (
	maxName  = 40
	maxCity  = 64
	maxPhone = 64
)

// check finds what User.com would refuse. firstName is the neutral field that FirstName comes from.
func (r *CreateUserRequest) check(c *provider.Check, firstName string) {
	if !provider.Given(r.Email) && !provider.Given(r.UserID) && !provider.Given(r.PhoneNumber) && !provider.Given(r.FirstName) && !provider.Given(r.LastName) {
		c.Required("Email", "email", "an e-mail address, a user id, a phone number or a name must be set")
	}
	r.checkValues(c, firstName)
}

// checkValues is check for a user that exists, and needs nothing more to be told from others.
func (r *CreateUserRequest) checkValues(c *provider.Check, firstName string) {
	for _, f := range [...]struct {
		field, vendorField string
		value              *string
		limit              int
	}{
		{firstName, firstNameMember, r.FirstName, maxName},
		{"FamilyName", lastNameMember, r.LastName, maxName},
		{"Phone", "phone_number", r.PhoneNumber, maxPhone},
		{"", "city", r.City, maxCity},
	} {
		if utf8.RuneCountInString(provider.Value(f.value)) > f.limit {
			expected := atMost(f.limit)
			if f.field == fullName {
				expected = mustFitNames
			}
			c.Invalid(f.field, f.vendorField, expected)
		}
	}
	if !canSend(genders, string(r.Gender)) {
		c.Invalid("", "gender", "must be one of "+strings.Join(genders, ", "))
	}
	if !canSend(statuses, string(r.Status)) {
		c.Invalid("", "status", "must be one of "+strings.Join(statuses, ", "))
	}
}

// Create creates a user. A success is a reply of status 2xx with a user that has an id,
// that shows no other e-mail address or user id than was sent and, where a UserID was
// sent, is not older than the call. Everything else is an error.
func (s *UsersService) Create(ctx context.Context, req CreateUserRequest) (*CreateUserResponse, error) {
	check := provider.NativeCheck(Name)
	req.check(&check, "GivenName")
	body := req.encode(s.core.version, &check)
	resp, err := provider.Create(ctx, s.core.Vendor, s.core.createCall(createPath, body).Checked(&check), s.core.newReply(), s.core.accept(&req))
	return (*CreateUserResponse)(resp), err
}

const createPath = "/users/"

// createCall returns the call that creates a user from what encode wrote.
func (c *core) createCall(path string, object []byte) *provider.Call {
	body := object
	if c.encoding == Form {
		body = formOf(object)
	}
	return provider.NewCreate(path, path, c.encoding.contentType(), body)
}

// accept returns what refuses a reply with another user, or with one that had its user_id before.
func (c *core) accept(req *CreateUserRequest) func(*reply, *transport.Result) error {
	return func(r *reply, res *transport.Result) error {
		user := r.Neutral()
		if err := contradicts(req, user); err != nil || !provider.Given(req.UserID) {
			return err
		}
		switch r.age(res.Reply) {
		case provider.Different:
			return c.taken(res, user, errOlder)
		case provider.Unsure: // a look-up can tell
			return provider.ErrOtherUser
		case provider.Same:
		}
		return nil
	}
}

// contradicts returns provider.ErrOtherUser for a user that is shown otherwise than it was sent.
func contradicts(req *CreateUserRequest, shown *userapi.User) error {
	return cmp.Or(
		provider.Contradicts(strings.TrimSpace(provider.Value(req.Email)), strings.TrimSpace(shown.Email), provider.CompareText),
		provider.Contradicts(strings.TrimSpace(provider.Value(req.UserID)), strings.TrimSpace(shown.ExternalID), sameUserID),
	)
}

// sameUserID compares user_ids. Whether the case of letters counts is not documented. A
// number may be shown with a fraction of zero.
func sameUserID(sent, shown string) provider.Match {
	match := provider.CompareText(sent, shown)
	n, isNumber := wire.Int(shown)
	if sent != shown && (match == provider.Same || isNumber && sent == strconv.FormatInt(n, 10)) {
		return provider.Unsure
	}
	return match
}

// taken is the error of a create that User.com answered with the user that had the user_id before.
func (c *core) taken(res *transport.Result, user *userapi.User, cause error) *userapi.Error {
	e := provider.NewError(Name, provider.OpCreate, res, provider.Mask{})
	e.Kind, e.Outcome, e.Err = userapi.KindConflict, userapi.OutcomeRejected, cause
	e.FieldErrors = []userapi.FieldError{{
		Field: "ExternalID", VendorField: c.version.userID(), Code: userapi.CodeTaken,
		Message: "belongs to a user that existed before the call",
	}}
	user.Proof = userapi.ProofKey
	e.User, e.UserID = user, user.ID
	return e
}
