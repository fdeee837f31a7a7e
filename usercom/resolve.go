package usercom

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// errNoCallFinds: a user with such a user_id cannot be asked for.
var errNoCallFinds = errors.New("usercom: V2 has no call that finds a user by an ExternalID like the request's")

// ResolveUser looks for the user that a create of req made, as userapi.Resolver
// describes: by ExternalID or, without one, by Email. The package's documentation says
// what is compared and what is proven. With a Key of [Extra] the visitor with it is
// looked at first. It does not set attributes; FinishUser does.
func (c *Client) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	m, err := c.mapRequest(&req)
	if err != nil {
		return nil, err
	}
	r := provider.Resolution{Vendor: c.core.Vendor, CreatedAt: "created_at"}
	keyed := provider.Given(&req.ExternalID)
	switch {
	case keyed && c.Users.canFind(req.ExternalID) && c.Users.canFind(strings.TrimSpace(req.ExternalID)):
		r.Look = func(ctx context.Context) ([]*provider.Candidate, error) { return c.lookByUserID(ctx, &req) }
	case provider.Given(&req.Email):
		r.Look = func(ctx context.Context) ([]*provider.Candidate, error) { return c.lookByEmail(ctx, &req) }
		r.NonUniqueKeys = true
		if keyed {
			r.WhyMissProvesNothing = errNoCallFinds
		}
	default:
		return nil, &userapi.Error{
			Provider: Name, Op: provider.OpResolve, Subject: userapi.SubjectUser, Code: provider.CodeAmbiguous,
			Message: "the user cannot be looked up: set an Email, or an ExternalID that fits into a path",
		}
	}
	if look := r.Look; m.key != "" {
		r.Look = func(ctx context.Context) ([]*provider.Candidate, error) {
			if found, err := c.lookByKey(ctx, &req, m.key, since); found != nil || err != nil {
				return found, err
			}
			found, err := look(ctx)
			markVisitor(found, m.key)
			return found, err
		}
	}
	return r.ResolveUser(ctx, &req, since, m.unmapped)
}

// lookByUserID looks for the request's ExternalID, and for it without the white space around it,
// which the framework may have removed.
func (c *Client) lookByUserID(ctx context.Context, req *userapi.CreateUserRequest) ([]*provider.Candidate, error) {
	var found []*provider.Candidate
	for _, userID := range slices.Compact([]string{req.ExternalID, strings.TrimSpace(req.ExternalID)}) {
		resp, candidate, err := provider.Find(ctx, c.core.Vendor, byUserID(userID), userapi.ProofKey, c.core.newReply(), hasUserID(userID))
		if err != nil {
			return nil, err
		}
		if candidate != nil {
			c.compare(candidate, &resp.User, req)
			found = append(found, candidate)
		}
	}
	return found, nil
}

// lookByEmail looks for every user with the request's Email: as it stands, with the domain in lower
// case, and all in lower case. Whether the case of letters counts is not documented.
func (c *Client) lookByEmail(ctx context.Context, req *userapi.CreateUserRequest) ([]*provider.Candidate, error) {
	email := strings.TrimSpace(req.Email)
	at := strings.LastIndexByte(email, '@') + 1
	var found []*provider.Candidate
	seen := map[int64]bool{}
	for _, form := range slices.Compact([]string{email, email[:at] + strings.ToLower(email[at:]), strings.ToLower(email)}) {
		users, in, err := c.core.findByEmail(ctx, form, func(*User) error { return nil })
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			if seen[u.ID] {
				continue
			}
			seen[u.ID] = true
			candidate := provider.NewCandidate((*reply)(u).Neutral(), in)
			candidate.User.Proof = userapi.ProofMatch
			c.compare(candidate, &u.User, req)
			found = append(found, candidate)
		}
	}
	return found, nil
}

func (c *Client) compare(found *provider.Candidate, u *User, req *userapi.CreateUserRequest) {
	_, dated := u.created()
	found.Undated = !dated
	if req.ExternalID != "" {
		found.Compare("ExternalID", c.core.version.userID(), likeUserID(req.ExternalID, found.User.ExternalID))
	}
	if req.Email != "" {
		found.Compare("Email", "email", provider.CompareText(strings.TrimSpace(req.Email), strings.TrimSpace(found.User.Email)))
	}
	if req.Phone != "" {
		found.Compare("Phone", "phone_number", provider.ComparePhone(req.Phone, found.User.Phone))
	}
}

// likeUserID compares an ExternalID that was sent with the one that is shown, if any.
func likeUserID(sent, shown string) provider.Match {
	switch {
	case sent == shown:
		return provider.Same
	case shown == "", sameUserID(strings.TrimSpace(sent), strings.TrimSpace(shown)) != provider.Different:
		return provider.Unsure
	default:
		return provider.Different
	}
}

// DeleteUser deletes the user with the given id, which is userapi.User's ID, as
// userapi.Deleter describes, and otherwise as UsersService.Delete does.
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	return c.core.delete(ctx, id)
}

// CheckUserID checks that a text has the form of a user's id, as userapi.UserIDChecker
// describes: a positive number in decimal.
func (c *Client) CheckUserID(id string) error { return provider.CheckNumberID(Name, "id", id) }
