package usercom

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

var (
	_ userapi.Creator     = (*Client)(nil)
	_ userapi.Preflighter = (*Client)(nil)
	_ userapi.Planner     = (*Client)(nil)
	_ userapi.Finisher    = (*Client)(nil)
	_ userapi.Resolver    = (*Client)(nil)
	_ userapi.Repeater    = (*Client)(nil)
	_ userapi.Deleter     = (*Client)(nil)
	_ userapi.Extension   = Extra{}
)

// Extra is what only User.com knows of a new user, for
// userapi.CreateUserRequest.Extensions. Its members are those of
// [CreateUserRequest]; nil and "" are not sent.
type Extra struct {
	Gender        Gender
	Status        Status
	Score         *int64
	Notifications *bool
	Unsubscribed  *bool
	AssignedTo    *int64
	CompanyID     string

	City    string
	Region  string
	Country string

	FacebookURL string
	GoogleURL   string
	GravatarURL string
	LinkedInURL string
	TwitterURL  string
}

// UserExtension returns Name.
func (Extra) UserExtension() string { return Name }

var extraShown = provider.Shown{Type: "usercom.Extra"}

// Format shows the type alone.
func (x Extra) Format(f fmt.State, verb rune) { extraShown.Format(f, verb) }

// LogValue is like Format.
func (x Extra) LogValue() slog.Value { return extraShown.LogValue() }

// MarshalJSON is like Format.
func (x Extra) MarshalJSON() ([]byte, error) { return extraShown.MarshalJSON() }

// CreateUser creates a user as userapi.Creator describes it, with the mapping that
// the package's documentation lists, and then sets its attributes. If only the
// latter fails the error has OutcomeCreated and the user, for FinishUser.
func (c *Client) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	m, err := c.mapRequest(&req)
	if err != nil {
		return nil, err
	}
	resp, failure := c.Users.create(ctx, m.body, given(&req.ExternalID))
	if failure != nil {
		return nil, m.refused(failure, &req)
	}
	user := resp.neutral()
	user.Unmapped = m.unmapped
	if failure := c.finish(ctx, resp.ID, m.attributes, user); failure != nil {
		provider.MaskRequest(failure, &req)
		return nil, failure
	}
	return user, nil
}

// PreflightUser checks a request without sending anything.
func (c *Client) PreflightUser(req userapi.CreateUserRequest) error {
	_, err := c.mapRequest(&req)
	return err
}

// FinishUser sets the request's attributes on a user that CreateUser made, and
// looks at nothing else in the request. It may be repeated; without attributes
// nothing is sent. An error of what was sent has OutcomeCreated and the user.
func (c *Client) FinishUser(ctx context.Context, req userapi.CreateUserRequest, u *userapi.User) error {
	check := provider.NativeCheck(Name)
	var id int64
	if u != nil {
		id, _ = strconv.ParseInt(u.ID, 10, 64)
	}
	if u == nil || u.Provider != Name || id <= 0 {
		check.Invalid("", "User", "must be a user of User.com's, with its id")
	}
	attributes := checkAttributes(&check, req.Attributes)
	if _, err := check.Done(opAttributes); err != nil {
		return err
	}
	if failure := c.finish(ctx, id, attributes, u); failure != nil {
		provider.MaskRequest(failure, &req)
		return failure
	}
	return nil
}

// finish carries out the second step of a create.
func (c *Client) finish(ctx context.Context, id int64, attributes []byte, u *userapi.User) *userapi.Error {
	if attributes == nil {
		return nil
	}
	e := c.Users.setAttributes(ctx, id, setMultiple, attributes)
	if e != nil {
		e.Outcome, e.User = userapi.OutcomeCreated, u
	}
	return e
}

// A mapped request is what a neutral one becomes.
type mapped struct {
	body       []byte // of the create, as JSON
	attributes []byte // of the second step, nil for none
	unmapped   []string
	firstName  string // the neutral field that first_name comes from
}

// refused adapts the error of a create to the neutral request that it was made from.
func (m *mapped) refused(e *userapi.Error, req *userapi.CreateUserRequest) *userapi.Error {
	provider.MaskRequest(e, req)
	for i, f := range e.FieldErrors {
		if f.VendorField == "first_name" {
			e.FieldErrors[i].Field = m.firstName
		}
	}
	if e.User != nil {
		e.User.Unmapped = m.unmapped
	}
	return e
}

// mapRequest turns a neutral request into the vendor's.
func (c *Client) mapRequest(req *userapi.CreateUserRequest) (mapped, error) {
	check := provider.NewCheck(Name, req)
	r := &CreateUserRequest{
		UserID:      provider.Set(&req.ExternalID),
		Email:       provider.Set(&req.Email),
		PhoneNumber: provider.Set(&req.Phone),
		FirstName:   provider.Set(&req.GivenName),
		LastName:    provider.Set(&req.FamilyName),
		Timezone:    provider.Set(&req.Timezone),
		Tags:        req.Tags,
	}
	m := mapped{firstName: "GivenName"}
	if req.FullName != "" && r.FirstName == nil && r.LastName == nil {
		r.FirstName, m.firstName = &req.FullName, "FullName"
	}
	check.Unmapped("Username", req.Username != "")
	check.Unmapped("Password", req.Password != "")
	check.Unmapped("Language", req.Language != "")
	if x := provider.Extension[Extra](&check, req.Extensions); x != nil {
		x.apply(r)
	}
	r.check(&check, m.firstName)
	m.attributes = checkAttributes(&check, req.Attributes)
	m.body = r.encode(c.core.version, &check)
	var err error
	m.unmapped, err = check.Done(provider.OpCreate)
	return m, err
}

func (x *Extra) apply(r *CreateUserRequest) {
	r.Gender, r.Status = x.Gender, x.Status
	r.Score, r.AssignedTo = x.Score, x.AssignedTo
	r.Notifications, r.Unsubscribed = x.Notifications, x.Unsubscribed
	r.CompanyID = provider.Set(&x.CompanyID)
	r.City = provider.Set(&x.City)
	r.Region = provider.Set(&x.Region)
	r.Country = provider.Set(&x.Country)
	r.FacebookURL = provider.Set(&x.FacebookURL)
	r.GoogleURL = provider.Set(&x.GoogleURL)
	r.GravatarURL = provider.Set(&x.GravatarURL)
	r.LinkedInURL = provider.Set(&x.LinkedInURL)
	r.TwitterURL = provider.Set(&x.TwitterURL)
}

// neutral returns the user in the form that is common to all vendors.
func (r *CreateUserResponse) neutral() *userapi.User {
	u := &userapi.User{
		Provider:  Name,
		ID:        strconv.FormatInt(r.ID, 10),
		Email:     provider.Value(r.Email),
		FullName:  provider.Value(r.Name),
		CreatedAt: r.CreatedAt.Time,
		Proof:     userapi.ProofReply,
		RequestID: r.RequestID(),
		Raw:       r.Raw(),
	}
	if r.UserID != nil {
		u.ExternalID = string(*r.UserID)
	}
	if r.PhoneNumber != nil {
		u.Phone = string(*r.PhoneNumber)
	}
	u.SetNative(r)
	return u
}
