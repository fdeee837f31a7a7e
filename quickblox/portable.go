package quickblox

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

var (
	_ userapi.Creator     = (*Client)(nil)
	_ userapi.Preflighter = (*Client)(nil)
	_ userapi.Planner     = (*Client)(nil)
	_ userapi.Resolver    = (*Client)(nil)
	_ userapi.Repeater    = (*Client)(nil)
	_ userapi.Deleter     = (*Client)(nil)
	_ userapi.Extension   = Extra{}
)

// Extra is what only QuickBlox knows of a new user, for
// userapi.CreateUserRequest.Extensions. Its members are those of [NewUser]; nil
// and "" are not sent.
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

var extraShown = provider.Shown{Type: "quickblox.Extra"}

// Format shows the type alone.
func (x Extra) Format(f fmt.State, verb rune) { extraShown.Format(f, verb) }

// LogValue is like Format.
func (x Extra) LogValue() slog.Value { return extraShown.LogValue() }

// MarshalJSON is like Format.
func (x Extra) MarshalJSON() ([]byte, error) { return extraShown.MarshalJSON() }

// CreateUser creates a user as userapi.Creator describes it, with the mapping that
// the package's documentation lists.
func (c *Client) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	_, body, unmapped, err := mapRequest(&req)
	if err != nil {
		return nil, err
	}
	resp, failure := c.Users.create(ctx, body)
	if failure != nil {
		provider.MaskRequest(failure, &req)
		if failure.User != nil {
			failure.User.Unmapped = unmapped
		}
		return nil, failure
	}
	user := resp.neutral()
	user.Unmapped = unmapped
	return user, nil
}

// PreflightUser checks a request without sending anything.
func (c *Client) PreflightUser(req userapi.CreateUserRequest) error {
	_, _, _, err := mapRequest(&req)
	return err
}

// mapRequest turns a neutral request into the user to create, and that into the body
// that is sent.
func mapRequest(req *userapi.CreateUserRequest) (u *NewUser, body []byte, unmapped []string, err error) {
	check := provider.NewCheck(Name, req)
	u = &NewUser{
		Login:    provider.Set(&req.Username),
		Email:    provider.Set(&req.Email),
		Phone:    provider.Set(&req.Phone),
		Password: req.Password,
		FullName: provider.FullName(req),
	}
	if req.ExternalID != "" {
		id, err := strconv.ParseInt(req.ExternalID, 10, 64)
		if err == nil && id >= 1 && id <= math.MaxInt32 && strconv.FormatInt(id, 10) == req.ExternalID {
			u.ExternalUserID = &id
		} else {
			check.Unmapped("ExternalID", true)
		}
	}
	check.Unmapped("Timezone", req.Timezone != "")
	check.Unmapped("Language", req.Language != "")
	if len(req.Tags) > 0 {
		for _, tag := range req.Tags {
			if strings.Contains(tag, ",") {
				check.Invalid("Tags", "tag_list", "must hold no comma: QuickBlox separates tags by it")
				break
			}
		}
		tags := strings.Join(req.Tags, ",")
		u.TagList = &tags
	}
	if len(req.Attributes) > 0 {
		data := string(check.Attributes(req.Attributes))
		u.CustomData = &data
	}
	if x := provider.Extension[Extra](&check, req.Extensions); x != nil {
		x.apply(u, &check)
	}
	u.check(&check)
	body = u.encode(&check)
	unmapped, err = check.Done(provider.OpCreate)
	return u, body, unmapped, err
}

func (x *Extra) apply(u *NewUser, check *provider.Check) {
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

// neutral returns the user in the form that is common to all vendors.
func (r *CreateUserResponse) neutral() *userapi.User {
	u := &userapi.User{
		Provider:  Name,
		ID:        strconv.FormatInt(r.User.ID, 10),
		Username:  provider.Value(r.User.Login),
		Email:     provider.Value(r.User.Email),
		Phone:     provider.Value(r.User.Phone),
		FullName:  provider.Value(r.User.FullName),
		CreatedAt: r.User.CreatedAt.Time,
		Proof:     userapi.ProofReply,
		RequestID: r.RequestID(),
		Raw:       r.Raw(),
	}
	if id := r.User.ExternalUserID; id != nil {
		u.ExternalID = string(*id)
	}
	u.SetNative(r)
	return u
}
