package usercom

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
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
	// FirstName and LastName have at most 40 characters each. Replies have both in
	// one name.
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
	// CompanyID is your own id of a company, which the user joins:
	// company_custom_id in V2.
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

// UnmarshalJSON reads the names of either version, and ids also where they are
// numbers.
func (r *CreateUserRequest) UnmarshalJSON(data []byte) error {
	type plain CreateUserRequest
	var p plain
	ids := struct {
		*plain
		UserID          *wire.Text `json:"user_id"`
		CustomID        *wire.Text `json:"custom_id"`
		CompanyID       *wire.Text `json:"company_id"`
		CompanyCustomID *wire.Text `json:"company_custom_id"`
	}{plain: &p}
	if err := json.Unmarshal(data, &ids); err != nil {
		return err
	}
	*r = CreateUserRequest(p)
	r.UserID = firstOf(ids.UserID, ids.CustomID)
	r.CompanyID = firstOf(ids.CompanyID, ids.CompanyCustomID)
	return nil
}

func firstOf(texts ...*wire.Text) *string {
	for _, t := range texts {
		if t != nil {
			return new(string(*t))
		}
	}
	return nil
}

// encode is the one place where what is sent is written: as a JSON object, of which
// createCall makes a form where that is asked for. What cannot be written is noted in
// the check.
func (r *CreateUserRequest) encode(version Version, c *provider.Check) []byte {
	if version != V2 {
		return c.Encode(r)
	}
	// The members of the outer struct hide those of the same name.
	return c.Encode(struct {
		*CreateUserRequest
		UserID          *string `json:"user_id,omitempty"`
		CompanyID       *string `json:"company_id,omitempty"`
		CustomID        *string `json:"custom_id,omitempty"`
		CompanyCustomID *string `json:"company_custom_id,omitempty"`
	}{CreateUserRequest: r, CustomID: r.UserID, CompanyCustomID: r.CompanyID})
}

// The longest texts that User.com takes, in characters. Source: User.com, "Create
// user", for the names; what its API refuses, for the others.
const (
	maxName  = 40
	maxCity  = 64
	maxPhone = 64
)

// check finds what User.com would refuse for certain, and a user that nothing
// identifies. firstName is the neutral field that FirstName comes from.
func (r *CreateUserRequest) check(c *provider.Check, firstName string) {
	if !given(r.Email) && !given(r.UserID) && !given(r.PhoneNumber) && !given(r.FirstName) && !given(r.LastName) {
		c.Required("Email", "email", "an e-mail address, a user id, a phone number or a name must be set")
	}
	for _, f := range [...]struct {
		field, vendorField string
		value              *string
		limit              int
	}{
		{firstName, "first_name", r.FirstName, maxName},
		{"FamilyName", "last_name", r.LastName, maxName},
		{"Phone", "phone_number", r.PhoneNumber, maxPhone},
		{"", "city", r.City, maxCity},
	} {
		if utf8.RuneCountInString(provider.Value(f.value)) > f.limit {
			c.Invalid(f.field, f.vendorField, "must have at most "+strconv.Itoa(f.limit)+" characters")
		}
	}
	if !canSend(genders, string(r.Gender)) {
		c.Invalid("", "gender", "must be one of "+strings.Join(genders, ", "))
	}
	if !canSend(statuses, string(r.Status)) {
		c.Invalid("", "status", "must be one of "+strings.Join(statuses, ", "))
	}
}

func given(s *string) bool { return s != nil && strings.TrimSpace(*s) != "" }

// CreateUserResponse is the reply to POST /users/.
type CreateUserResponse struct {
	User

	// Meta gives the response the methods StatusCode, RequestID, Raw, which is the
	// reply byte for byte, and Warnings.
	*provider.Meta `json:"-"`
}

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
		return errErrorInSuccess, nil
	case u.ID <= 0:
		return errNoID, nil
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
	return wire.HasValue(reply.Errors) || wire.HasValue(reply.Error), plain, nil
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
	return wire.HasValue(members["errors"]) || wire.HasValue(members["error"]), nil
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

var (
	errNoID           = errors.New("usercom: the reply holds no user with an id")
	errErrorInSuccess = errors.New("usercom: the reply has the status of a success and an error in it")
	errOlder          = errors.New("usercom: the reply holds a user that was there before the call")
)

// scanID reads id out of a reply that is broken, or where it is a text; 0 for none.
func scanID(data []byte) int64 {
	text, ok := wire.ScanID(data, "id")
	id, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || id <= 0 {
		return 0
	}
	return id
}

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

// Create creates a user. A success is a reply of status 2xx with a user that has
// an id and, where a UserID was sent, is not older than the call; everything else
// is an error.
func (s *UsersService) Create(ctx context.Context, req CreateUserRequest) (*CreateUserResponse, error) {
	check := provider.NativeCheck(Name)
	req.check(&check, "GivenName")
	body := req.encode(s.core.version, &check)
	if _, err := check.Done(provider.OpCreate); err != nil {
		return nil, err
	}
	resp, failure := s.create(ctx, body, given(req.UserID))
	if failure != nil {
		return nil, failure
	}
	return resp, nil
}

// create sends a request that has been checked. keyed says that it has a user_id.
func (s *UsersService) create(ctx context.Context, body []byte, keyed bool) (*CreateUserResponse, *userapi.Error) {
	call := s.core.createCall(createPath, body)
	res := s.core.http.Do(ctx, call)
	mask := func() provider.Mask { return s.core.mask(call) }
	if !res.OK {
		return nil, newError(provider.OpCreate, res, mask())
	}
	resp := &CreateUserResponse{Meta: provider.NewMeta(res)}
	bad, err := resp.decode(res.Reply.Body)
	if res.Reply.ReadErr != nil {
		bad = res.Reply.ReadErr
	}
	if err != nil {
		resp.ID = scanID(res.Reply.Body)
	}
	switch {
	case bad != nil && resp.ID <= 0:
		return nil, provider.MalformedSuccess(Name, provider.OpCreate, res, mask(), bad, nil)
	case bad != nil:
		return nil, provider.MalformedSuccess(Name, provider.OpCreate, res, mask(), bad, resp.neutral())
	case keyed && resp.older(res.Reply):
		return nil, s.core.taken(res, mask(), resp.neutral(), errOlder)
	}
	return resp, nil
}

// createPath is where users are created.
const createPath = "/users/"

// createCall returns the call that creates a user from what encode wrote.
func (c *core) createCall(path string, object []byte) *transport.Call {
	body := object
	if c.encoding == Form {
		body = formOf(object)
	}
	return &transport.Call{
		Operation: provider.OpCreate, Route: path,
		Method: http.MethodPost, Path: path,
		ContentType: c.encoding.contentType(), Body: body,
		Sign: c.token.sign, Classify: classify,
	}
}

// taken is the error of a create that User.com answered with the user that has had
// the user_id before.
func (c *core) taken(res *transport.Result, mask provider.Mask, user *userapi.User, cause error) *userapi.Error {
	e := provider.NewError(Name, provider.OpCreate, res, mask)
	e.Kind, e.Outcome, e.Err = userapi.KindConflict, userapi.OutcomeRejected, cause
	e.FieldErrors = []userapi.FieldError{{
		Field: "ExternalID", VendorField: c.version.userID(), Code: "taken",
		Message: "belongs to a user that was there before the call",
	}}
	user.Proof = userapi.ProofKey
	e.User, e.UserID = user, user.ID
	return e
}

// mask takes what a call sent out of what the vendor says.
func (c *core) mask(call *transport.Call) provider.Mask {
	return provider.NewMask(call.Body, call.ContentType, c.token())
}
