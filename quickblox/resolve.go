package quickblox

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// ResolveUser finds out whether an earlier create of req made a user, as
// userapi.Resolver describes it. What is compared and what that proves is in the
// package's documentation. Doing it again does no harm.
func (c *Client) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	u, _, unmapped, err := mapRequest(&req)
	if err != nil {
		return nil, err
	}
	sent := u.identity()
	r := provider.Resolution{
		Provider: Name, CreatedAt: "created_at", Client: c.core.http, WhyMissProvesNothing: c.core.unproven,
		Look: func(ctx context.Context) ([]*provider.Candidate, *userapi.Error) { return c.Users.look(ctx, sent) },
	}
	user, err := r.Resolve(ctx, since)
	if err != nil {
		if failure, ok := err.(*userapi.Error); ok {
			provider.MaskRequest(failure, &req)
		}
		return nil, err
	}
	user.Unmapped = unmapped
	return user, nil
}

// RepeatUser creates the user of req once more. It is CreateUser: every request has a
// login or an e-mail address, QuickBlox takes each only once in an application
// ("Create User"), and so refuses whichever of the two creates comes second with a
// Conflict.
func (c *Client) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	return c.CreateUser(ctx, req)
}

// DeleteUser deletes a user for good, as UsersService.Delete does. The id is
// User.ID's text.
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != id {
		check := provider.NativeCheck(Name)
		check.Invalid("", byID.member, "must be a positive number in decimal, without sign or leading zeros")
		_, err = check.Done(provider.OpDelete)
		return err
	}
	return c.Users.Delete(ctx, n)
}

// A sentKey is a key of a new user, as QuickBlox stores it.
type sentKey struct {
	key
	value string
}

// identity returns the keys that a new user has, the strongest first: the one that is
// the caller's own, then those that are required, then that of another service.
func (u *NewUser) identity() []sentKey {
	var sent []sentKey
	if u.ExternalUserID != nil {
		sent = append(sent, sentKey{byExternalID, strconv.FormatInt(*u.ExternalUserID, 10)})
	}
	for _, text := range [...]struct {
		key   key
		value *string
	}{{byLogin, u.Login}, {byEmail, u.Email}, {byFacebookID, u.FacebookID}} {
		if value := trimmed(provider.Value(text.value)); value != "" {
			sent = append(sent, sentKey{text.key, value})
		}
	}
	return sent
}

// trimmed cuts trailing white space, as QuickBlox does with every text but the
// password.
func trimmed(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }

// shown returns a key of a user as a reply shows it, "" where it does not.
func (u *User) shown(k key) string {
	var text string
	switch k {
	case byExternalID:
		if u.ExternalUserID != nil {
			text = string(*u.ExternalUserID)
		}
	case byLogin:
		text = provider.Value(u.Login)
	case byEmail:
		text = provider.Value(u.Email)
	case byFacebookID:
		if u.FacebookID != nil {
			text = string(*u.FacebookID)
		}
	}
	return trimmed(text)
}

// look goes through the keys until one finds somebody. The others are asked even
// after a miss or a failure: a user has been seen to be missed by one key and found
// by another. It misses when every key does.
func (s *UsersService) look(ctx context.Context, sent []sentKey) ([]*provider.Candidate, *userapi.Error) {
	values := make([]string, len(sent))
	for i, k := range sent {
		values[i] = k.value
	}
	var failed *userapi.Error
	for i, k := range sent {
		resp, reply, failure := s.lookup(ctx, k.key, k.value, values...)
		switch {
		case failure == nil:
			return []*provider.Candidate{s.candidate(resp, reply, sent, i)}, nil
		case failure.Kind != userapi.KindNotFound && failed == nil:
			failed = failure
		}
	}
	return nil, failed
}

// candidate compares the user whom a key found with all that were sent.
func (s *UsersService) candidate(resp *GetUserResponse, reply *transport.Reply, sent []sentKey, by int) *provider.Candidate {
	user := resp.neutral()
	user.Proof = userapi.ProofMatch
	c := provider.NewCandidate(user, reply)
	_, err := time.Parse(time.RFC3339Nano, resp.User.CreatedAt.Text())
	c.Undated = err != nil
	for i, k := range sent {
		likeness := k.compare(resp.User.shown(k.key), i == by, s.core.seesAll)
		c.Compare(neutralField[k.member], k.member, likeness)
		if k.key == byExternalID && likeness == provider.Same {
			user.Proof = userapi.ProofKey
		}
	}
	return c
}

// compare compares the key with what a reply shows of it. found says that the user
// was found by this key, and seesAll that nothing is hidden from us.
func (k *sentKey) compare(shown string, found, seesAll bool) provider.Match {
	switch {
	case shown == k.value, shown == "" && found:
		return provider.Same
	case shown == "" && !seesAll:
		return provider.Unsure // settings of the application may hide personal data
	case shown == "":
		return provider.Different
	}
	likeness := provider.CompareText(k.value, shown)
	if likeness == provider.Same && k.key != byEmail {
		return provider.Unsure // whether QuickBlox tells the two apart is not documented
	}
	return likeness
}
