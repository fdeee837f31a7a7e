package fusionauth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// errNoKey: such a request names its user by the ids of completed verifications alone.
var errNoKey = errors.New("fusionauth: the request has nothing to look the user up by: no id, e-mail address, user name or phone number to log in with")

// createdAt is the member with the time of the user's creation.
const createdAt = "user.insertInstant"

// ResolveUser finds out the result of a create, as userapi.Resolver and the package's
// documentation describe. It needs an API key with the right to GET /api/user.
func (c *Client) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	m, err := c.core.mapRequest(&req, false)
	if err != nil {
		return nil, err
	}
	s := search{core: c.core, to: m.to, keys: c.core.keysOf(&m.native.User, &req), anyAge: since.IsZero()}
	if s.to.userID == "" && len(s.keys) == 0 {
		return nil, &userapi.Error{
			Provider: Name, Op: provider.OpResolve, Subject: userapi.SubjectUser,
			Code: provider.CodeAbsenceUnproven, Message: errNoKey.Error(), Err: errNoKey,
		}
	}
	r := provider.Resolution{Vendor: c.core.Vendor, CreatedAt: createdAt, Look: s.look, UserID: s.to.userID}
	return r.ResolveUser(ctx, &req, since, m.unmapped)
}

// RepeatUser creates again a user that ResolveUser has proven absent. The request must
// give the user's id, by Extra.UserID, ExternalID or IdempotencyKey; any other request
// is KindInvalid. If the first create arrived late, FusionAuth refuses the second with
// a KindConflict that names userId (for an import user.id).
func (c *Client) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	m, err := c.core.mapRequest(&req, true)
	if err != nil {
		return nil, err
	}
	return c.create(ctx, &req, m)
}

// DeleteUser deletes a user permanently, as Users.Delete does.
func (c *Client) DeleteUser(ctx context.Context, id string) error { return c.Users.Delete(ctx, id) }

// CheckUserID checks that a text has the form of a user's id, as userapi.UserIDChecker
// describes: a UUID.
func (c *Client) CheckUserID(id string) error { return provider.CheckUUID(Name, "userId", id) }

type search struct {
	core   *core
	to     target
	keys   []key
	anyAge bool
}

// A key is something that a request gives its user and that is unique in a tenant.
type key struct {
	field, vendorField string
	sent               string
	has                func(*User) *string
	like               func(sent, has string) provider.Match
	call               func(value, tenantID string) *provider.Call
}

func (k *key) compare(u *User) provider.Match { return k.like(k.sent, trimmed(k.has(u))) }

// keysOf returns the keys that are set, trimmed as FusionAuth does, the strongest first.
func (c *core) keysOf(u *NewUser, req *userapi.CreateUserRequest) []key {
	phone := "" // it is Extra.PhoneNumber
	if c.phoneLogin && req.Phone != "" {
		phone = "Phone"
	}
	keys := []key{
		{
			"Email", "user.email", trimmed(u.Email), func(u *User) *string { return u.Email }, provider.CompareText,
			func(email, tenantID string) *provider.Call { return byEmail(strings.ToLower(email), tenantID) },
		},
		{"Username", "user.username", trimmed(u.Username), func(u *User) *string { return u.Username }, provider.CompareText, byUsername},
		{
			phone, "user.phoneNumber", trimmed(u.PhoneNumber), func(u *User) *string { return u.PhoneNumber }, provider.ComparePhone,
			func(number, tenantID string) *provider.Call { return byLoginID(number, tenantID, IdentityPhoneNumber) },
		},
	}
	return slices.DeleteFunc(keys, func(k key) bool { return k.sent == "" })
}

// look asks for every user that one of the request's keys finds. An id decides alone, unless users
// of any age count: the user may have been made without it.
func (s *search) look(ctx context.Context) ([]*provider.Candidate, error) {
	if s.to.userID != "" {
		_, c, err := s.find(ctx, byID(s.to.userID), userapi.ProofID)
		switch {
		case err != nil:
			return nil, err
		case c != nil:
			c.AnyAge = s.to.idField == fieldIdempotencyKey
			return []*provider.Candidate{c}, nil
		case !s.anyAge:
			return nil, nil
		}
	}
	var users []*User
	var found []*provider.Candidate
	for i := range s.keys {
		k := &s.keys[i]
		if slices.ContainsFunc(users, func(u *User) bool { return k.compare(u) == provider.Same }) {
			continue // it is unique, and its user is found
		}
		u, c, err := s.find(ctx, k.call(k.sent, s.to.tenantID), userapi.ProofMatch)
		if err != nil {
			return nil, err
		}
		if c != nil && !slices.ContainsFunc(users, func(other *User) bool { return other.ID == u.ID }) {
			users, found = append(users, u), append(found, c)
		}
	}
	return found, nil
}

// find reads one user and compares it with the request; both are nil if there is none.
func (s *search) find(ctx context.Context, call *provider.Call, proof userapi.Proof) (*User, *provider.Candidate, error) {
	resp, c, err := provider.Find(ctx, s.core.Vendor, call, proof, s.core.newReply(s.to), found(call))
	if c == nil {
		return nil, nil, err
	}
	s.compare(&resp.User, c)
	return &resp.User, c, nil
}

// compare compares a user that was found with the request.
func (s *search) compare(u *User, c *provider.Candidate) {
	switch {
	case c.User.Proof == userapi.ProofID:
		c.Compare(s.to.idField, "userId", provider.Same)
	case s.to.userID != "" && s.to.idField != fieldIdempotencyKey:
		// The request says who its user is, and this is another one.
		c.Compare(s.to.idField, "userId", provider.Different)
	}
	if tenant := provider.Value(u.TenantID); s.to.tenantID != "" && tenant != "" && !strings.EqualFold(tenant, s.to.tenantID) {
		c.Compare("", "user.tenantId", provider.Different) // a look-up by id sees every tenant
	}
	if u.Active != nil && !*u.Active {
		c.MarkUncertain() // a new user is active
	}
	for i := range s.keys {
		k := &s.keys[i]
		if k.vendorField == "user.phoneNumber" && u.Identities == nil && !u.hasPhoneNumber() {
			c.User.Warnings = append(c.User.Warnings, noPhoneNumber) // both come since 1.59
			continue
		}
		c.Compare(k.field, k.vendorField, k.compare(u))
	}
}
