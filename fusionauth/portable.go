package fusionauth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

var (
	_ userapi.Creator       = (*Client)(nil)
	_ userapi.BatchCreator  = (*Client)(nil)
	_ userapi.BatchChooser  = (*Client)(nil)
	_ userapi.Preflighter   = (*Client)(nil)
	_ userapi.Planner       = (*Client)(nil)
	_ userapi.Finisher      = (*Client)(nil)
	_ userapi.Resolver      = (*Client)(nil)
	_ userapi.Repeater      = (*Client)(nil)
	_ userapi.Deleter       = (*Client)(nil)
	_ userapi.UserIDChecker = (*Client)(nil)
	_ userapi.Extension     = Extra{}
)

// Extra is what only FusionAuth has for a new user, for
// userapi.CreateUserRequest.Extensions. Its members are those of [CreateUserRequest]
// and [NewUser]; nil, "" and zero are not sent.
type Extra struct {
	// UserID is the new user's id, a UUID. It prevails over the request's ExternalID
	// and IdempotencyKey.
	UserID string
	// TenantID is the tenant to create the user in; "" means the client's.
	TenantID      string
	ApplicationID string

	MiddleName  string
	BirthDate   Date
	ImageURL    string
	ParentEmail string
	// MobilePhone and PhoneNumber are for the one that the request's Phone is not
	// stored as; see Config.PhoneLogin.
	MobilePhone string
	PhoneNumber string
	Expiry      Instant
	// PreferredLanguages and the request's Language exclude each other.
	PreferredLanguages []string
	UsernameStatus     UsernameStatus
	Memberships        []NewMembership
	TwoFactor          TwoFactor

	// PasswordHash, if it is set, has the user imported with this hash in place of a
	// password. Then the members that an import does not have must not be set:
	// ApplicationID, DisableDomainBlock, EncryptionScheme, Factor, SendSetPasswordEmail,
	// SendSetPasswordIdentityType, VerificationIDs and EventInfo. SkipVerification marks the
	// user as verified. See Client.CreateUsers.
	PasswordHash PasswordHash

	EncryptionScheme            EncryptionScheme
	Factor                      *int
	PasswordChangeRequired      *bool
	SendSetPasswordEmail        *bool
	SendSetPasswordIdentityType SendSetPasswordIdentityType
	SkipVerification            *bool
	DisableDomainBlock          *bool
	VerificationIDs             []userapi.Secret
	EventInfo                   EventInfo

	// Registration registers the new user for an application, in the same transaction: the request
	// goes to /api/user/registration/{userId}. Its ApplicationID is required. ApplicationID above must be
	// "" or the same.
	Registration *Registration
	// GenerateAuthenticationToken and SkipRegistrationVerification are for Registration alone.
	GenerateAuthenticationToken  *bool
	SkipRegistrationVerification *bool
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
// package's documentation lists. With Extra.Registration the user's registration is
// made with it, or neither is; userapi.As then finds a *RegisterResponse.
func (c *Client) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	m, err := c.core.mapRequest(&req, false)
	if err != nil {
		return nil, err
	}
	if m.to.userID == "" {
		if err := m.chooseID(); err != nil {
			return nil, err
		}
	}
	return c.create(ctx, &req, m)
}

func (c *Client) create(ctx context.Context, req *userapi.CreateUserRequest, m mapped) (*userapi.User, error) {
	if m.hashed {
		n := newcomer{req: req, mapped: m, result: new(userapi.BatchResult)}
		c.core.importUser(ctx, &n)
		return n.result.User, n.result.Err
	}
	call := createCall(m.path, m.body, m.to)
	if m.register != nil {
		reply := &registerReply{received: c.core.newReceived(m.to)}
		return provider.CreateUser(ctx, c.core.Vendor, req, m.unmapped, call, reply, m.register.accept(m.to))
	}
	return provider.CreateUser(ctx, c.core.Vendor, req, m.unmapped, call, c.core.newReply(m.to), m.native.User.accept(m.to))
}

// PreflightUser checks a request. It sends nothing.
func (c *Client) PreflightUser(req userapi.CreateUserRequest) error {
	_, err := c.core.mapRequest(&req, false)
	return err
}

// randomID stands in a plan for an id that CreateUser would choose at random.
const randomID = "{userId}"

// PlanUser returns what CreateUser would send, as userapi.Planner describes. Its UserID
// is the id that follows from Extra.UserID, ExternalID or IdempotencyKey. With none of
// them CreateUser chooses one at random: UserID is then "", and the route ends in
// {userId}.
func (c *Client) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	m, err := c.core.mapRequest(&req, false)
	if err != nil {
		return userapi.Plan{}, err
	}
	body, faults := provider.Encode(m.request())
	if faults != nil { // an attribute that encodes itself may fail now and then
		return userapi.Plan{}, withUserID(provider.Invalid(Name, provider.OpCreate, faults), m.to.userID)
	}
	call := createCall(m.path, body, target{userID: cmp.Or(m.to.userID, randomID)})
	if m.hashed {
		call = importCall(provider.OpCreate, importBody(body), "")
	}
	call.UserID = m.to.userID
	plan := provider.Plan(c.core.Vendor, call, call.Path, m.unmapped)
	plan.Unique = c.core.uniqueOf(&m, &req)
	return plan, nil
}

// uniqueOf lists what no two users may share: ids in the whole server, the rest in a tenant.
func (c *core) uniqueOf(m *mapped, req *userapi.CreateUserRequest) (unique []userapi.UniqueValue) {
	if m.to.userID != "" && m.to.idField != fieldIdempotencyKey {
		unique = append(unique, userapi.UniqueValue{Field: cmp.Or(m.to.idField, "userId"), Value: m.to.userID})
	}
	for _, k := range c.keysOf(&m.native.User, req) {
		unique = append(unique, userapi.UniqueValue{Field: cmp.Or(k.field, k.vendorField), Value: m.to.tenantID + "|" + strings.ToLower(k.sent)})
	}
	return unique
}

type mapped struct {
	native *CreateUserRequest
	// register is sent in place of native; nil where no registration is asked for.
	register *RegisterRequest
	path     string
	body     []byte
	to       target
	unmapped []string
	// hashed: the user is imported with a PasswordHash. native and body are the user's.
	hashed bool
}

// chooseID gives the user a random id.
func (m *mapped) chooseID() error {
	m.to.userID = uuid.New().String()
	if !m.hashed {
		return nil
	}
	m.native.User.ID = &m.to.userID
	check := provider.NativeCheck(Name)
	m.body = check.Encode(m.request()) // an attribute that encodes itself may fail now and then
	_, err := check.Done(provider.OpCreate)
	return withUserID(err, m.to.userID)
}

func (m *mapped) request() any {
	switch {
	case m.hashed:
		return imported(&m.native.User)
	case m.register != nil:
		return m.register
	}
	return m.native
}

// mapRequest turns a neutral request into the vendor's. needsID refuses one that gives no id.
func (c *core) mapRequest(req *userapi.CreateUserRequest, needsID bool) (mapped, error) {
	check := provider.NewCheck(Name, req)
	check.Add(c.tenantFault...)
	r := &CreateUserRequest{}
	x, ok := provider.Extension[Extra](&check, req.Extensions)
	if ok {
		r = x.native()
	}
	u := &r.User
	u.Username = provider.Set(&req.Username)
	u.Email = provider.Set(&req.Email)
	u.Password = req.Password
	u.FullName = provider.Set(&req.FullName)
	u.FirstName = provider.Set(&req.GivenName)
	u.LastName = provider.Set(&req.FamilyName)
	u.Timezone = provider.Set(&req.Timezone)
	if req.Phone != "" {
		phone, path := &u.MobilePhone, "user.mobilePhone"
		if c.phoneLogin {
			phone, path = &u.PhoneNumber, "user.phoneNumber"
		}
		if *phone != nil {
			check.Invalid("Phone", path, "must not be set together with Extra's member of that name")
		}
		*phone = &req.Phone
	}
	if req.Language != "" {
		if len(x.PreferredLanguages) > 0 {
			check.Invalid("Language", "user.preferredLanguages", "must not be set together with Extra.PreferredLanguages")
		}
		u.PreferredLanguages = []string{locale(&check, req.Language)}
	}
	if len(req.Attributes) > 0 && check.Attributes(req.Attributes) != nil { // else encode would report them again
		u.Data = req.Attributes
	}
	check.Unmapped("Tags", len(req.Tags) > 0)

	to := c.target(&x, req, &check)
	if needsID && x.UserID == "" && req.ExternalID == "" && req.IdempotencyKey == "" {
		for _, field := range [...]string{fieldIdempotencyKey, fieldExternalID} {
			check.Required(field, "userId", "one of IdempotencyKey and ExternalID must be set, so that a repeat has the id of the first")
		}
	}
	check.Unmapped("ExternalID", req.ExternalID != "" && to.externalID == "")
	m := mapped{native: r, path: userPath, to: to, hashed: !x.PasswordHash.IsZero()}
	if x.Registration == nil {
		x.checkUnregistered(&check)
	}
	switch {
	case m.hashed:
		u.checkNew(&check, nil)
		x.importHash(u, req, &check)
		u.ID = provider.Set(&m.to.userID)
		m.body = encode(&check, m.request(), u.ownValues())
	case x.Registration != nil:
		m.path, m.register = registrationPath, x.register(r, &check)
		m.register.check(&check)
		m.body = m.register.encode(&check)
	default:
		r.check(&check)
		m.body = r.encode(&check)
	}
	var err error
	m.unmapped, err = check.Done(provider.OpCreate)
	return m, withUserID(err, to.userID)
}

// target finds the user's id and the tenant. An id that depends on a wrong value is left empty.
func (c *core) target(x *Extra, req *userapi.CreateUserRequest, check *provider.Check) target {
	tenant, own := check.UUIDIfSet("Extra.TenantID", x.TenantID), check.UUIDIfSet("Extra.UserID", x.UserID)
	to := target{tenantID: cmp.Or(tenant, c.tenantID)}
	if (tenant != "") == (x.TenantID != "") && (own != "") == (x.UserID != "") { // each is a UUID or not set
		to.choose(own, req)
	}
	return to
}

func (x Extra) native() *CreateUserRequest {
	return &CreateUserRequest{
		ApplicationID:               provider.Set(&x.ApplicationID),
		DisableDomainBlock:          x.DisableDomainBlock,
		SendSetPasswordEmail:        x.SendSetPasswordEmail,
		SendSetPasswordIdentityType: x.SendSetPasswordIdentityType,
		SkipVerification:            x.SkipVerification,
		VerificationIDs:             x.VerificationIDs,
		EventInfo:                   x.EventInfo,
		User: NewUser{
			PreferredLanguages:     x.PreferredLanguages,
			BirthDate:              x.BirthDate,
			Expiry:                 x.Expiry,
			ImageURL:               provider.Set(&x.ImageURL),
			MiddleName:             provider.Set(&x.MiddleName),
			MobilePhone:            provider.Set(&x.MobilePhone),
			ParentEmail:            provider.Set(&x.ParentEmail),
			PhoneNumber:            provider.Set(&x.PhoneNumber),
			TwoFactor:              x.TwoFactor,
			Memberships:            x.Memberships,
			EncryptionScheme:       x.EncryptionScheme,
			Factor:                 x.Factor,
			PasswordChangeRequired: x.PasswordChangeRequired,
			UsernameStatus:         x.UsernameStatus,
		},
	}
}
