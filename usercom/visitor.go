package usercom

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// noVisitor is the warning of a user who was created though the request has a key.
const noVisitor = "usercom: no visitor has the request's key, so the user was created beside the browser's history"

var (
	errIdentified = errors.New("usercom: the visitor with the key is a user already")
	errKeyless    = errors.New("usercom: the look-up by key returned a visitor without a key: nothing was written")
)

// createVisitor makes the visitor with the request's key the request's user, by an update. It returns
// neither a user nor an error where no visitor has the key. A look that failed has sent nothing that
// creates.
func (c *Client) createVisitor(ctx context.Context, m mapped, req *userapi.CreateUserRequest) (*userapi.User, error) {
	user, err := c.core.makeUser(ctx, m, req.Strict)
	if err != nil {
		return nil, provider.Portable(err, req, m.unmapped)
	}
	return user, nil
}

func (c *core) makeUser(ctx context.Context, m mapped, strict bool) (*userapi.User, error) {
	visitor, err := c.getByKey(ctx, m.key)
	if e, ok := err.(*userapi.Error); ok {
		switch {
		case e.Kind != userapi.KindNotFound:
			return nil, provider.NotPrepared(ctx, Name, provider.OpCreate, e)
		case strict:
			return nil, provider.Invalid(Name, provider.OpCreate, []userapi.FieldError{{
				Field: "Extensions", VendorField: c.version.key(), Code: userapi.CodeNotFound, Message: "no visitor has this key",
			}})
		}
		return nil, nil
	}
	shown := visitor.Neutral()
	if provider.Value(visitor.Key) == "" {
		return nil, &userapi.Error{
			Provider: Name, Op: provider.OpCreate, Kind: userapi.KindProtocol, Outcome: userapi.OutcomeNotSent, Err: errKeyless,
		}
	}
	if e := c.identified(m.native, shown); e != nil {
		return nil, e
	}
	call := updateCall(provider.OpCreate, shown.ID, m.object)
	call.VendorField, call.Field, call.Hidden = m.call.VendorField, m.call.Field, []string{m.key}
	updated, err := c.update(ctx, call, m.native)
	if err != nil {
		return nil, err
	}
	user := updated.Neutral()
	user.Proof, user.Unmapped = userapi.ProofEarlier, m.unmapped
	return user, nil
}

// identified is the error of a visitor who is a user already: one with a user_id, with
// another e-mail address than the request's, or with a phone number that the request's
// would take the place of. It is nil for one who is not. An update would give
// somebody's user to somebody else.
func (c *core) identified(sent *CreateUserRequest, shown *userapi.User) error {
	var faults []userapi.FieldError
	fault := func(field, vendorField, code, message string) {
		faults = append(faults, userapi.FieldError{Field: field, VendorField: vendorField, Code: code, Message: message})
	}
	ours := true
	if userID := strings.TrimSpace(shown.ExternalID); userID != "" {
		if ours = userID == strings.TrimSpace(provider.Value(sent.UserID)); ours {
			fault("ExternalID", c.version.userID(), userapi.CodeTaken, "belongs to the visitor with the key, who is a user already")
		} else {
			fault("ExternalID", c.version.userID(), userapi.CodeDifferent, "differs from that of the visitor with the key")
		}
	}
	email := strings.TrimSpace(shown.Email)
	if email != "" && provider.CompareText(strings.TrimSpace(provider.Value(sent.Email)), email) != provider.Same {
		ours = false
		fault("Email", "email", userapi.CodeDifferent, "differs from that of the visitor with the key")
	}
	phone := provider.Value(sent.PhoneNumber)
	if has := strings.TrimSpace(shown.Phone); phone != "" && has != "" && provider.ComparePhone(phone, has) != provider.Same {
		ours = false
		fault("Phone", "phone_number", userapi.CodeDifferent, "differs from that of the visitor with the key")
	}
	if faults == nil {
		return nil
	}
	e := &userapi.Error{
		Provider: Name, Op: provider.OpCreate, Kind: userapi.KindConflict, Outcome: userapi.OutcomeRejected,
		FieldErrors: faults, UserID: shown.ID, Err: errIdentified,
	}
	if ours {
		shown.Proof = userapi.ProofKey
		e.User = shown
	} else {
		e.Candidates = []string{shown.ID}
	}
	return e
}

// lookByKey finds the visitor with the request's key, if an update has made it the request's user: it
// has the user_id and the e-mail address that were sent. The latter alone it may have had before, so
// that it must have been updated since.
func (c *Client) lookByKey(ctx context.Context, req *userapi.CreateUserRequest, key string, since time.Time) ([]*provider.Candidate, error) {
	var from *transport.Reply
	resp, found, err := provider.Find(ctx, c.core.Vendor, byKey(key), userapi.ProofEarlier, c.core.newReply(), func(r *reply, res *transport.Result) error {
		from = res.Reply
		return hasKey(key)(r, res)
	})
	if err != nil || found == nil {
		return nil, err
	}
	shown := found.User
	if req.ExternalID != "" && (shown.ExternalID == "" || likeUserID(req.ExternalID, shown.ExternalID) == provider.Different) ||
		req.Email != "" && (shown.Email == "" || provider.CompareText(strings.TrimSpace(req.Email), strings.TrimSpace(shown.Email)) == provider.Different) {
		return nil, nil
	}
	found.AnyAge = true
	c.compare(found, &resp.User, req)
	if req.ExternalID == "" && !since.IsZero() {
		since = since.Add(ahead(from))
		switch updated := resp.UpdatedAt.Time; {
		case updated.Unix() <= 0:
			found.MarkUncertain()
		case updated.Before(since.Add(-provider.AgeSlack)):
			return nil, nil
		case updated.Before(since): // perhaps by the visitor, who left the address a moment before
			found.MarkUncertain()
		}
	}
	return []*provider.Candidate{found}, nil
}

// markVisitor marks the user who has the request's key all the same, though the look-up by it missed
// him: he was there before the create, and his ExternalID is the create's.
func markVisitor(found []*provider.Candidate, key string) {
	for _, f := range found {
		shown, _ := userapi.As[*CreateUserResponse](f.User)
		if f.User.Proof == userapi.ProofKey && shown != nil && provider.Value(shown.Key) == key {
			f.User.Proof, f.AnyAge = userapi.ProofEarlier, true
		}
	}
}

// ahead is how far the vendor's clock is ahead of ours, by a reply's Date.
func ahead(r *transport.Reply) time.Duration {
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return date.Sub(r.Read)
}
