package quickblox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

const opUpdate = "update user"

// UpdateUserRequest is the body of PUT /users/{id}.json. Marshalling it shows the
// passwords redacted: it is for reading.
type UpdateUserRequest struct {
	User UserUpdate `json:"user"`
}

// UserUpdate is what changes of a user. Members that are nil or "" are not sent, and
// stay as they are; a pointer to "" clears a text. Source: QuickBlox, "Update User".
type UserUpdate struct {
	// Login, Email, ExternalUserID and FacebookID are unique in the application. The
	// members are otherwise as those of NewUser.
	Login          *string `json:"login,omitempty"`
	Email          *string `json:"email,omitempty"`
	BlobID         *int64  `json:"blob_id,omitempty"`
	ExternalUserID *int64  `json:"external_user_id,omitempty"`
	FacebookID     *string `json:"facebook_id,omitempty"`
	TwitterID      *string `json:"twitter_id,omitempty"`
	FullName       *string `json:"full_name,omitempty"`
	Phone          *string `json:"phone,omitempty"`
	Website        *string `json:"website,omitempty"`
	CustomData     *string `json:"custom_data,omitempty"`
	// TagList replaces all tags.
	TagList *string `json:"tag_list,omitempty"`

	// These are deprecated by QuickBlox.
	AllowSalesActivities    *bool   `json:"allow_sales_activities,omitempty"`
	AllowStatisticsAnalysis *bool   `json:"allow_statistics_analysis,omitempty"`
	AgeOver16               *bool   `json:"age_over16,omitempty"`
	ParentsContacts         *string `json:"parents_contacts,omitempty"`

	// Password is the new password. A user's session needs OldPassword with it.
	Password    userapi.Secret `json:"password,omitempty"`
	OldPassword userapi.Secret `json:"old_password,omitempty"`
}

// UpdateUserResponse is the reply to an update, which QuickBlox writes as it does the
// reply to a create.
type UpdateUserResponse = CreateUserResponse

// Format shows only the type, as that of CreateUserRequest.
func (r UpdateUserRequest) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r UpdateUserRequest) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// Format shows only the type, as that of CreateUserRequest.
func (u UserUpdate) Format(f fmt.State, verb rune) { provider.TypeOnly(u).Format(f, verb) }

// LogValue is like Format.
func (u UserUpdate) LogValue() slog.Value { return provider.TypeOnly(u).LogValue() }

func (u *UserUpdate) check(c *provider.Check) {
	if *u == (UserUpdate{}) {
		c.Required("", "user", "must hold at least one change")
	}
	checkExternalID(c, u.ExternalUserID)
	c.Secret("Password", "password", u.Password)
	c.Secret("", "old_password", u.OldPassword)
	if u.OldPassword != "" && u.Password == "" {
		c.Invalid("", "old_password", "needs the new password")
	}
}

// Update changes a user, by PUT /users/{id}.json, which takes an API key, the user's own session
// or that of the account's owner. A success is a reply of status 2xx with the user of this id that
// shows no other login, e-mail address or external id than was sent.
//
// The Outcome of an error is about the change: after OutcomeRejected it was not made,
// and after OutcomeUnknown it may have been. A taken login, e-mail address or id
// matches userapi.ErrConflict. An error that matches userapi.ErrNotFound means that
// QuickBlox shows no such user for these credentials, as it does for Get. Temporary
// failures are retried. A change of the password is retried only if it provably was not
// made, because the old password is valid only once. Sources: QuickBlox, "Update User",
// and "Key Concepts", user permissions.
func (s *UsersService) Update(ctx context.Context, id int64, req UpdateUserRequest) (*UpdateUserResponse, error) {
	check := provider.NativeCheck(Name)
	user := strconv.FormatInt(id, 10)
	check.NumberID("", byID.member, user)
	req.User.check(&check)
	call := &provider.Call{UserID: user, Call: transport.Call{
		Operation: opUpdate, Route: byID.route,
		Method: http.MethodPut, Path: byID.path(user),
		ContentType: "application/json", Body: check.Encode(&req),
		Repeatable: req.User.Password == "",
	}}
	sent := append(req.User.identity(), sentKey{byID, user})
	resp, err := provider.Read(ctx, s.vendor, call.Checked(&check), new(reply), func(r *reply, _ *transport.Result) error {
		return acceptKeys(sent, &r.User)
	})
	if e, ok := err.(*userapi.Error); ok && e.Kind == userapi.KindNotFound && s.vendor.WhyMissProvesNothing != nil {
		e.Outcome = userapi.OutcomeUnknown
	}
	return (*UpdateUserResponse)(resp), err
}

// identity returns the keys that change.
func (u *UserUpdate) identity() []sentKey {
	return keysOf(u.ExternalUserID, u.Login, u.Email, u.FacebookID)
}

var errNotAbsent = errors.New("quickblox: the status is 404 and the body is not QuickBlox's: it does not say that the user does not exist")

// ownAbsence classifies the replies to a step that may not be repeated. A 404 that is
// not QuickBlox's own says nothing about the user.
func ownAbsence(classify func(*transport.Reply) transport.Classification) func(*transport.Reply) transport.Classification {
	return func(r *transport.Reply) transport.Classification {
		c := classify(r)
		if c.Kind == userapi.KindNotFound && (r.ReadErr != nil || !saysAbsent(r)) {
			c.Kind, c.Outcome, c.Err = userapi.KindProtocol, userapi.OutcomeUnknown, errors.Join(errNotAbsent, c.Err)
		}
		return c
	}
}
