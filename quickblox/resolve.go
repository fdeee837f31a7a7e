package quickblox

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// ResolveUser finds out whether an earlier create of req made a user, as
// userapi.Resolver describes. The package's documentation lists what is compared and
// what that proves. You can repeat it.
func (c *Client) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	r, _, unmapped, err := mapRequest(&req)
	if err != nil {
		return nil, err
	}
	sent := r.User.identity()
	resolution := provider.Resolution{
		Vendor: c.vendor, CreatedAt: "created_at",
		Look: func(ctx context.Context) ([]*provider.Candidate, error) { return c.Users.look(ctx, sent) },
	}
	return resolution.ResolveUser(ctx, &req, since, unmapped)
}

// RepeatUser creates the user of req again. It is CreateUser: every request has a login
// or an e-mail address, and QuickBlox accepts each only once in an application ("Create
// User"). The later of the two creates is a Conflict.
func (c *Client) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	return c.CreateUser(ctx, req)
}

// DeleteUser deletes a user permanently, as UsersService.Delete does. The id is User.ID's text.
func (c *Client) DeleteUser(ctx context.Context, id string) error { return c.Users.delete(ctx, id) }

// CheckUserID checks that a text has the form of a user's id, as userapi.UserIDChecker
// describes: a positive number in decimal.
func (c *Client) CheckUserID(id string) error { return provider.CheckNumberID(Name, byID.member, id) }

// A sentKey is a key of a new user, as QuickBlox stores it.
type sentKey struct {
	key
	value string
}

// identity returns the keys that a new user has, the strongest first.
func (u *NewUser) identity() []sentKey {
	return keysOf(u.ExternalUserID, u.Login, u.Email, u.FacebookID)
}

// keysOf returns the keys that are set, the strongest first.
func keysOf(externalID *int64, login, email, facebookID *string) []sentKey {
	external := ""
	if externalID != nil {
		external = strconv.FormatInt(*externalID, 10)
	}
	sent := make([]sentKey, 0, 4)
	for _, k := range [...]sentKey{
		{byExternalID, external}, {byLogin, provider.Value(login)}, {byEmail, provider.Value(email)}, {byFacebookID, provider.Value(facebookID)},
	} {
		if k.value = trimmed(k.value); k.value != "" {
			sent = append(sent, k)
		}
	}
	return sent
}

// contradicts refuses a user that is shown with another key.
func (k sentKey) contradicts(u *User) error {
	compare := provider.CompareText
	if k.isNumber() {
		compare = compareNumber
	}
	return provider.Contradicts(trimmed(k.value), u.keyValue(k.key), compare)
}

// compareNumber compares a positive number that was sent with a text. What is none says nothing.
func compareNumber(sent, shown string) provider.Match {
	want, _ := strconv.ParseInt(sent, 10, 64)
	switch n, ok := wire.Int(strings.TrimSpace(shown)); {
	case !ok || n < 1:
		return provider.Unsure
	case n == want:
		return provider.Same
	}
	return provider.Different
}

// trimmed cuts trailing white space, as QuickBlox does with every text but the password.
func trimmed(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }

// keyValue returns a key of a user as a reply shows it, "" where it does not.
func (u *User) keyValue(k key) string {
	var text string
	switch k {
	case byID:
		text = strconv.FormatInt(u.ID, 10)
	case byExternalID:
		text = string(provider.Value(u.ExternalUserID))
	case byLogin:
		text = provider.Value(u.Login)
	case byEmail:
		text = provider.Value(u.Email)
	case byFacebookID:
		text = string(provider.Value(u.FacebookID))
	}
	return trimmed(text)
}

// look asks by one key after the other until one finds somebody, also after a miss or a failure:
// a user has been seen to be missed by one key and found by another.
func (s *UsersService) look(ctx context.Context, sent []sentKey) ([]*provider.Candidate, error) {
	values := make([]string, len(sent))
	for i, k := range sent {
		values[i] = k.value
	}
	var failed error
	for i, k := range sent {
		call := k.call(provider.OpLookup, http.MethodGet, k.value)
		call.Hidden = values
		resp, c, err := provider.Find(ctx, s.vendor, call, userapi.ProofMatch, new(reply), k.found)
		if c != nil {
			s.compare(c, &resp.User, sent, i)
			return []*provider.Candidate{c}, nil
		}
		failed = cmp.Or(failed, err)
	}
	return nil, failed
}

// compare compares the user whom a key found with all that were sent.
func (s *UsersService) compare(c *provider.Candidate, u *User, sent []sentKey, by int) {
	_, err := time.Parse(time.RFC3339Nano, u.CreatedAt.Text())
	c.Undated = err != nil
	for i, k := range sent {
		match := k.compare(u.keyValue(k.key), i == by, s.seesAll)
		c.Compare(neutralField[k.member], k.member, match)
		if k.key == byExternalID && match == provider.Same {
			c.User.Proof = userapi.ProofKey
		}
	}
}

// compare compares the key with what is shown of it. found says that it found the user, and
// seesAll that nothing is hidden from us.
func (k *sentKey) compare(shown string, found, seesAll bool) provider.Match {
	switch {
	case shown == k.value, shown == "" && found:
		return provider.Same
	case shown == "" && !seesAll:
		return provider.Unsure // settings of the application may hide personal data
	case shown == "":
		return provider.Different
	}
	match := provider.CompareText(k.value, shown)
	if match == provider.Same && k.key != byEmail {
		return provider.Unsure // whether QuickBlox tells the two apart is not documented
	}
	return match
}
