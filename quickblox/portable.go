package quickblox

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

var (
	_ userapi.Creator       = (*Client)(nil)
	_ userapi.Preflighter   = (*Client)(nil)
	_ userapi.Planner       = (*Client)(nil)
	_ userapi.Resolver      = (*Client)(nil)
	_ userapi.Repeater      = (*Client)(nil)
	_ userapi.Deleter       = (*Client)(nil)
	_ userapi.UserIDChecker = (*Client)(nil)
	_ userapi.Extension     = Extra{}
)

// Extra is what only QuickBlox has for a new user, for
// userapi.CreateUserRequest.Extensions. Its members are those of [NewUser]; nil and ""
// are not sent.
type Extra struct {
	BlobID     *int64
	FacebookID string
	TwitterID  string
	Website    string
	// CustomData is free text. It and the request's Attributes exclude each other.
	CustomData string

	AllowSalesActivities    *bool
	AllowStatisticsAnalysis *bool
	AgeOver16               *bool
	ParentsContacts         string
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
// package's documentation lists. UsersService.CreateToken and SignIn give the token
// that the user's app signs in with.
func (c *Client) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	r, body, unmapped, err := mapRequest(&req)
	if err != nil {
		return nil, err
	}
	return provider.CreateUser(ctx, c.vendor, &req, unmapped, createCall(body), new(reply), r.User.accept)
}

// PreflightUser checks a request. It sends nothing.
func (c *Client) PreflightUser(req userapi.CreateUserRequest) error {
	_, _, _, err := mapRequest(&req)
	return err
}

// mapRequest turns a neutral request into the vendor's, and that into the body that is sent.
func mapRequest(req *userapi.CreateUserRequest) (r *CreateUserRequest, body []byte, unmapped []string, err error) {
	check := provider.NewCheck(Name, req)
	r = &CreateUserRequest{NewUser{
		Login:    provider.Set(&req.Username),
		Email:    provider.Set(&req.Email),
		Phone:    provider.Set(&req.Phone),
		Password: req.Password,
		FullName: provider.FullName(req),
	}}
	u := &r.User
	id, err := strconv.ParseInt(req.ExternalID, 10, 32)
	if err == nil && id > 0 && strconv.FormatInt(id, 10) == req.ExternalID {
		u.ExternalUserID = &id
	}
	check.Unmapped("ExternalID", req.ExternalID != "" && u.ExternalUserID == nil)
	check.Unmapped("Timezone", req.Timezone != "")
	check.Unmapped("Language", req.Language != "")
	if len(req.Tags) > 0 {
		if slices.ContainsFunc(req.Tags, func(tag string) bool { return strings.Contains(tag, ",") }) {
			check.Invalid("Tags", "tag_list", "must not contain a comma: QuickBlox separates tags by it")
		}
		u.TagList = new(strings.Join(req.Tags, ","))
	}
	if len(req.Attributes) > 0 {
		u.CustomData = new(string(check.Attributes(req.Attributes)))
	}
	if x, ok := provider.Extension[Extra](&check, req.Extensions); ok {
		x.apply(u, &check)
	}
	u.check(&check)
	body = check.Encode(r)
	unmapped, err = check.Done(provider.OpCreate)
	return r, body, unmapped, err
}

func (x Extra) apply(u *NewUser, check *provider.Check) {
	u.BlobID = x.BlobID
	u.FacebookID = provider.Set(&x.FacebookID)
	u.TwitterID = provider.Set(&x.TwitterID)
	u.Website = provider.Set(&x.Website)
	if x.CustomData != "" {
		if u.CustomData != nil {
			check.Invalid("Attributes", "custom_data", "must not be set together with Extra.CustomData")
		}
		u.CustomData = &x.CustomData
	}
	u.AllowSalesActivities = x.AllowSalesActivities
	u.AllowStatisticsAnalysis = x.AllowStatisticsAnalysis
	u.AgeOver16 = x.AgeOver16
	u.ParentsContacts = provider.Set(&x.ParentsContacts)
}

// PlanUser returns what CreateUser would send, as userapi.Planner describes. A session
// that would be obtained for it is not part of the plan.
func (c *Client) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	r, _, unmapped, err := mapRequest(&req)
	if err != nil {
		return userapi.Plan{}, err
	}
	body, _ := provider.Encode(r) // mapRequest has encoded the same
	plan := provider.Plan(c.vendor, createCall(body), createPath, unmapped)
	for _, k := range r.User.identity() {
		plan.Unique = append(plan.Unique, userapi.UniqueValue{Field: cmp.Or(neutralField[k.member], k.member), Value: strings.ToLower(k.value)})
	}
	return plan, nil
}
