package usercom

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

var (
	_ userapi.Creator       = (*Client)(nil)
	_ userapi.Preflighter   = (*Client)(nil)
	_ userapi.Planner       = (*Client)(nil)
	_ userapi.Finisher      = (*Client)(nil)
	_ userapi.Resolver      = (*Client)(nil)
	_ userapi.Repeater      = (*Client)(nil)
	_ userapi.Deleter       = (*Client)(nil)
	_ userapi.UserIDChecker = (*Client)(nil)
	_ userapi.Extension     = Extra{}
)

// Extra is what only User.com has for a new user, for
// userapi.CreateUserRequest.Extensions. Its members but the last two are those of
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

	// Key is the key that User.com gave the user's browser, in the cookie __ca__chat. The visitor
	// with it then becomes the user, with the history that it has. The package's documentation says
	// how, and what the limits are. A key opens the chat of its browser to those who have it.
	Key string
	// Lists are the ids of lists that the user is put on, by AddToList, after the create and its
	// attributes. Each must be positive and there once.
	Lists []int64
}

// UserExtension returns Name.
func (Extra) UserExtension() string { return Name }

// Format shows only the type.
func (x Extra) Format(f fmt.State, verb rune) { provider.TypeOnly(x).Format(f, verb) }

// LogValue is like Format.
func (x Extra) LogValue() slog.Value { return provider.TypeOnly(x).LogValue() }

// MarshalJSON is like Format.
func (x Extra) MarshalJSON() ([]byte, error) { return provider.TypeOnly(x).MarshalJSON() }

// CreateUser creates a user as userapi.Creator describes, with the mapping that the
// package's documentation lists, then sets its attributes and puts it on its lists. If
// only one of the latter fails the error has OutcomeCreated and the user, for
// FinishUser.
func (c *Client) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	m, err := c.mapRequest(&req)
	if err != nil {
		return nil, err
	}
	user, err := c.create(ctx, m, &req)
	if err == nil {
		err = c.finish(ctx, m, &req, user)
	}
	if err != nil {
		return nil, err
	}
	return user, nil
}

// create makes the visitor with the request's key the user or, if there is none, a new
// one.
func (c *Client) create(ctx context.Context, m mapped, req *userapi.CreateUserRequest) (*userapi.User, error) {
	if m.key != "" {
		if user, err := c.createVisitor(ctx, m, req); user != nil || err != nil {
			return user, err
		}
	}
	user, err := provider.CreateUser(ctx, c.core.Vendor, req, m.unmapped, m.call, c.core.newReply(), c.core.accept(m.native))
	if err == nil && m.key != "" {
		user.Warnings = append(user.Warnings, noVisitor)
	}
	return user, err
}

// PreflightUser checks a request. It sends nothing.
func (c *Client) PreflightUser(req userapi.CreateUserRequest) error {
	_, err := c.mapRequest(&req)
	return err
}

// FinishUser sets the request's attributes on a user that CreateUser made, and puts it
// on the lists of its [Extra]. It looks at nothing else in the request. It may be
// repeated; without either nothing is sent. If something was sent, the error has
// OutcomeCreated and the user.
func (c *Client) FinishUser(ctx context.Context, req userapi.CreateUserRequest, u *userapi.User) error {
	check := provider.NativeCheck(Name)
	if u == nil || u.Provider != Name {
		check.Invalid("", "User", "must be a user of User.com")
	} else {
		check.NumberID("", "User.ID", u.ID)
	}
	m := mapped{attributes: checkAttributes(&check, req.Attributes)}
	if x, ok := provider.Extension[Extra](&check, req.Extensions); ok {
		m.lists = x.Lists
		checkLists(&check, "lists", m.lists...)
	}
	if _, err := check.Done(opFinish); err != nil {
		return err
	}
	m.unmapped = u.Unmapped
	return c.finish(ctx, m, &req, u)
}

// finish takes the second steps in order, until one fails.
func (c *Client) finish(ctx context.Context, m mapped, req *userapi.CreateUserRequest, u *userapi.User) error {
	for _, call := range m.steps(u.ID) {
		err := c.core.step(ctx, call)
		if e, ok := err.(*userapi.Error); ok {
			e.Outcome, e.User = userapi.OutcomeCreated, u
			return provider.Portable(err, req, m.unmapped)
		}
	}
	return nil
}

// PlanUser returns what CreateUser would send, as userapi.Planner describes. Nothing in
// it is secret. With [Form] the Body of the create is the form's members as one JSON
// object; a list in it is sent as one pair for each of its texts. Attributes are set by
// a second request and each list takes one more: they are in Next. With a Key of
// [Extra] the plan is the update of the visitor, who is looked up first; the create
// that takes its place if there is none has the same members.
func (c *Client) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	m, err := c.mapRequest(&req)
	if err != nil {
		return userapi.Plan{}, err
	}
	plan := provider.Plan(c.core.Vendor, m.call, createPath, m.unmapped)
	if m.key != "" {
		plan = provider.Plan(c.core.Vendor, updateCall(provider.OpCreate, "", nil), "/users/{id}/", m.unmapped)
	}
	plan.Body = m.object
	if id := strings.TrimSpace(req.ExternalID); id != "" {
		plan.Unique = []userapi.UniqueValue{{Field: "ExternalID", Value: id}}
	}
	for _, call := range m.steps("") {
		plan.Next = append(plan.Next, userapi.Step{Method: call.Method, Route: call.Route, Body: call.Body})
	}
	return plan, nil
}

type mapped struct {
	native     *CreateUserRequest
	object     []byte // native as JSON
	call       *provider.Call
	key        string // of a visitor, "" for none
	attributes []byte // of the second step, nil for none
	lists      []int64
	unmapped   []string
}

// steps are the requests that follow once the user exists.
func (m *mapped) steps(user string) (calls []*provider.Call) {
	if m.attributes != nil {
		calls = append(calls, attributesCall(user, setMultiple, m.attributes))
	}
	for _, list := range m.lists {
		calls = append(calls, listCall(user, list))
	}
	return calls
}

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
	m, firstName := mapped{native: r}, "GivenName"
	if req.FullName != "" && r.FirstName == nil && r.LastName == nil {
		firstName = fullName
		r.setFullName(req.FullName)
	}
	check.Unmapped("Username", req.Username != "")
	check.Unmapped("Password", req.Password != "")
	check.Unmapped("Language", req.Language != "")
	if x, ok := provider.Extension[Extra](&check, req.Extensions); ok {
		x.apply(r)
		m.key, m.lists = x.Key, x.Lists
		if m.key != "" {
			check.Key("", c.core.version.key(), m.key)
		}
		checkLists(&check, "lists", m.lists...)
	}
	r.check(&check, firstName)
	m.attributes = checkAttributes(&check, req.Attributes)
	m.object = r.encode(c.core.version, &check)
	var err error
	if m.unmapped, err = check.Done(provider.OpCreate); err != nil {
		return mapped{}, err
	}
	m.call = c.core.createCall(createPath, m.object)
	m.call.VendorField, m.call.Field = firstNameMember, firstName
	return m, nil
}

func (x Extra) apply(r *CreateUserRequest) {
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
