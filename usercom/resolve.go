package usercom

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// errNoCallFinds: whoever has such a user_id cannot be asked for.
var errNoCallFinds = errors.New("usercom: V2 has no call that finds a user by an ExternalID like the request's")

// ResolveUser looks for the user that a create of req made, as userapi.Resolver
// describes it: by ExternalID or, without one, by Email. The package's documentation
// says what is compared and what is proven. It does not set attributes; FinishUser
// does.
func (c *Client) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	m, err := c.mapRequest(&req)
	if err != nil {
		return nil, err
	}
	r := provider.Resolution{Provider: Name, CreatedAt: "created_at", Client: c.core.http}
	keyed := given(&req.ExternalID)
	switch {
	case keyed && c.Users.canFind(req.ExternalID) && c.Users.canFind(strings.TrimSpace(req.ExternalID)):
		r.Look = func(ctx context.Context) ([]*provider.Candidate, *userapi.Error) { return c.lookByUserID(ctx, &req) }
	case given(&req.Email):
		r.Look = func(ctx context.Context) ([]*provider.Candidate, *userapi.Error) { return c.lookByEmail(ctx, &req) }
		r.NonUniqueKeys = true
		if keyed {
			r.WhyMissProvesNothing = errNoCallFinds
		}
	default:
		return nil, &userapi.Error{
			Provider: Name, Op: provider.OpResolve, Subject: userapi.SubjectUser, Code: provider.CodeAmbiguous,
			Message: "nothing to look for the user by: an ExternalID that a look-up can carry, or an Email, is needed",
		}
	}
	user, err := r.Resolve(ctx, since)
	if err != nil {
		if e, ok := err.(*userapi.Error); ok {
			provider.MaskRequest(e, &req)
		}
		return nil, err
	}
	user.Unmapped = m.unmapped
	return user, nil
}

// lookByUserID looks for the user with the request's ExternalID and, where that has
// white space around it, which the framework may have removed, also for the one
// without.
func (c *Client) lookByUserID(ctx context.Context, req *userapi.CreateUserRequest) ([]*provider.Candidate, *userapi.Error) {
	var found []*provider.Candidate
	for _, userID := range slices.Compact([]string{req.ExternalID, strings.TrimSpace(req.ExternalID)}) {
		switch resp, reply, failure := c.Users.getByUserID(ctx, userID); {
		case failure == nil:
			found = append(found, c.candidate(resp, reply, userapi.ProofKey, req))
		case failure.Kind != userapi.KindNotFound:
			return nil, failure
		}
	}
	return found, nil
}

// lookByEmail looks for every user with the request's Email. Whether the case of
// letters counts is not documented, nor whether User.com keeps it: the address is
// looked for as it stands, with the domain in lower case, and all in lower case.
func (c *Client) lookByEmail(ctx context.Context, req *userapi.CreateUserRequest) ([]*provider.Candidate, *userapi.Error) {
	email := strings.TrimSpace(req.Email)
	at := strings.LastIndexByte(email, '@') + 1
	var found []*provider.Candidate
	seen := map[int64]bool{}
	for _, form := range slices.Compact([]string{email, email[:at] + strings.ToLower(email[at:]), strings.ToLower(email)}) {
		users, reply, failure := c.Users.findByEmail(ctx, form)
		if failure != nil {
			return nil, failure
		}
		for _, u := range users {
			if !seen[u.ID] {
				seen[u.ID] = true
				found = append(found, c.candidate(u, reply, userapi.ProofMatch, req))
			}
		}
	}
	return found, nil
}

// candidate compares a user that was found with the request.
func (c *Client) candidate(resp *GetUserResponse, reply *transport.Reply, proof userapi.Proof, req *userapi.CreateUserRequest) *provider.Candidate {
	user := resp.neutral()
	user.Proof = proof
	found := provider.NewCandidate(user, reply)
	_, dated := resp.created()
	found.Undated = !dated
	if req.ExternalID != "" {
		found.Compare("ExternalID", c.core.version.userID(), likeUserID(req.ExternalID, user.ExternalID))
	}
	if req.Email != "" {
		found.Compare("Email", "email", provider.CompareText(strings.TrimSpace(req.Email), strings.TrimSpace(user.Email)))
	}
	if req.Phone != "" {
		found.Compare("Phone", "phone_number", likePhone(req.Phone, user.Phone))
	}
	return found
}

// likeUserID compares an ExternalID that was sent with the one that is shown. Not
// every reply shows one.
func likeUserID(sent, shown string) provider.Match {
	switch {
	case sent == shown:
		return provider.Same
	case shown == "", strings.TrimSpace(sent) == strings.TrimSpace(shown):
		return provider.Unsure
	default:
		return provider.Different
	}
}

// likePhone compares a phone number that was sent with the one that is shown. One
// with the same digits may be the same, written as User.com writes it.
func likePhone(sent, shown string) provider.Match {
	digits := func(text string) string {
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text)
	}
	switch {
	case strings.TrimSpace(sent) == strings.TrimSpace(shown):
		return provider.Same
	case digits(shown) != "" && digits(sent) == digits(shown):
		return provider.Unsure
	default:
		return provider.Different
	}
}

// DeleteUser deletes the user with the given id, which is userapi.User's ID, as
// userapi.Deleter describes it, and otherwise as UsersService.Delete does.
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != id {
		n = 0
	}
	return c.Users.Delete(ctx, n)
}
