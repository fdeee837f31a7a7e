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
var errNoKey = errors.New("fusionauth: the request holds nothing to look for: no id, e-mail address, user name or phone number to log in with")

// ResolveUser finds out what became of a create, as userapi.Resolver describes it and
// the package's documentation says in detail. It needs an API key with the right to
// GET /api/user.
func (c *Client) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	m, failure := c.core.mapRequest(&req, false)
	if failure != nil {
		return nil, failure
	}
	s := search{core: c.core, to: m.to, keys: c.core.keysOf(&m.native.User, &req), anyAge: since.IsZero()}
	if s.to.userID == "" && len(s.keys) == 0 {
		return nil, &userapi.Error{
			Provider: Name, Op: provider.OpResolve, Subject: userapi.SubjectUser,
			Code: provider.CodeAbsenceUnproven, Message: errNoKey.Error(), Err: errNoKey,
		}
	}
	resolution := provider.Resolution{Provider: Name, CreatedAt: "user.insertInstant", Client: c.core.http, Look: s.look, UserID: s.to.userID}
	user, err := resolution.Resolve(ctx, since)
	if err != nil {
		if errors.As(err, &failure) {
			provider.MaskRequest(failure, &req)
		}
		return nil, err
	}
	user.Unmapped = m.unmapped
	return user, nil
}

// RepeatUser creates once more a user that ResolveUser has proven absent. It is for
// requests that give the user's id, by Extra.UserID, ExternalID or IdempotencyKey:
// FusionAuth refuses a second user of that id, with a KindConflict that names userId,
// should the first create have arrived late. Any other request is KindInvalid.
func (c *Client) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	m, failure := c.core.mapRequest(&req, true)
	if failure != nil {
		return nil, failure
	}
	return c.create(ctx, &req, m)
}

// DeleteUser deletes a user for good, as Users.Delete does.
func (c *Client) DeleteUser(ctx context.Context, id string) error { return c.Users.Delete(ctx, id) }

// A search looks for the user of one request.
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
	at                 address
	has                func(*User) *string
	like               func(sent, has string) provider.Match
}

func (k *key) compare(u *User) provider.Match {
	return k.like(k.sent, strings.TrimSpace(provider.Value(k.has(u))))
}

// keysOf returns the keys that are set, the strongest first.
func (c *core) keysOf(u *NewUser, req *userapi.CreateUserRequest) (keys []key) {
	add := func(sent *string, k key, at func(string) address) {
		// FusionAuth trims them, and takes what is blank for unset.
		if k.sent = strings.TrimSpace(provider.Value(sent)); k.sent != "" {
			k.at = at(k.sent)
			keys = append(keys, k)
		}
	}
	add(u.Email, key{
		field: "Email", vendorField: "user.email", like: provider.CompareText, has: func(u *User) *string { return u.Email },
	}, func(email string) address { return byEmail(strings.ToLower(email)) })
	add(u.Username, key{
		field: "Username", vendorField: "user.username", like: provider.CompareText, has: func(u *User) *string { return u.Username },
	}, byUsername)
	phone := key{vendorField: "user.phoneNumber", like: likePhone, has: func(u *User) *string { return u.PhoneNumber }}
	if c.phoneLogin && req.Phone != "" { // else it is Extra.PhoneNumber
		phone.field = "Phone"
	}
	add(u.PhoneNumber, phone, func(number string) address { return byLoginID(number, IdentityPhoneNumber) })
	return keys
}

// look asks for every user that one of the request's keys finds. An id decides alone,
// but where users of any age count: there the user may have been made without it.
func (s *search) look(ctx context.Context) ([]*provider.Candidate, *userapi.Error) {
	if s.to.userID != "" {
		_, c, failure := s.find(ctx, byID(s.to.userID), userapi.ProofID)
		switch {
		case failure != nil:
			return nil, failure
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
		u, c, failure := s.find(ctx, k.at, userapi.ProofMatch)
		if failure != nil {
			return nil, failure
		}
		if c != nil && !slices.ContainsFunc(users, func(other *User) bool { return other.ID == u.ID }) {
			users, found = append(users, u), append(found, c)
		}
	}
	return found, nil
}

// find reads one user and compares it with the request; both are nil where there is
// none.
func (s *search) find(ctx context.Context, at address, proof userapi.Proof) (*User, *provider.Candidate, *userapi.Error) {
	resp, reply, failure := s.core.lookUp(ctx, at, s.to.tenantID)
	switch {
	case failure != nil && failure.Kind == userapi.KindNotFound:
		return nil, nil, nil
	case failure != nil:
		return nil, nil, failure
	}
	user := s.core.neutral(resp, s.to)
	user.Proof = proof
	c := provider.NewCandidate(user, reply)
	switch {
	case proof == userapi.ProofID:
		c.Compare(s.to.idField, "userId", provider.Same)
	case s.to.userID != "" && s.to.idField != fieldIdempotencyKey:
		// The request says who its user is, and this is another one.
		c.Compare(s.to.idField, "userId", provider.Different)
	}
	if resp.User.Active != nil && !*resp.User.Active {
		c.MarkUncertain() // a new user is active
	}
	for i := range s.keys {
		k := &s.keys[i]
		c.Compare(k.field, k.vendorField, k.compare(&resp.User))
	}
	return &resp.User, c, nil
}

// minNational is how many digits of a number must be given for them to be one
// without its country.
const minNational = 7

// likePhone compares a phone number with the E.164 form in which FusionAuth stores
// it. A number without "+" is completed by the server, with the country of the
// tenant's: what is sent may then be the end of what is stored.
func likePhone(sent, has string) provider.Match {
	sent = strings.ReplaceAll(sent, "(0)", "")
	digits, plain := digitsOf(sent)
	stored, _ := digitsOf(has)
	national := strings.TrimLeft(digits, "0")
	switch {
	case stored == "":
		return provider.Different
	case digits == stored:
		return provider.Same
	case !plain:
		return provider.Unsure
	case strings.HasPrefix(sent, "+"):
		return provider.Different
	case len(national) >= minNational && strings.HasSuffix(stored, national):
		return provider.Same
	case strings.HasSuffix(stored, national), strings.HasSuffix(digits, stored):
		return provider.Unsure
	}
	return provider.Different
}

// digitsOf returns a number's digits. It is not plain where something stands beside
// them that may be read as digits, such as an extension or letters.
func digitsOf(number string) (digits string, plain bool) {
	plain = true
	digits = strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case !strings.ContainsRune("+-./() ", r):
			plain = false
		}
		return -1
	}, number)
	return digits, plain
}
