package provider

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// The codes of errors of a resolution that are ours and no vendor's.
const (
	CodeAmbiguous       = "ambiguous"
	CodeAbsenceUnproven = "absence_unproven"
	codeDifferent       = "different"
	codeOlder           = "older"
)

const (
	// looks is how many looks must miss before a user's absence is believed, and how
	// many must fail before nothing is known.
	looks = 3
	// sureAge is how much older than the first attempt a user that it created may
	// look, for clocks that show whole seconds.
	sureAge = 2 * time.Second
	// ageSlack is how much older a user may look without being somebody else's for
	// certain: the clocks of a vendor's edge and of its application are two.
	ageSlack = time.Minute
)

// A Likeness says how a key of a request compares with a user's.
type Likeness int

// The likenesses.
const (
	Different Likeness = iota
	Same
	// Unsure: the user's key is not shown, or differs in what the vendor may have
	// changed.
	Unsure
)

// A Candidate is a user that a look found.
type Candidate struct {
	// User is the user, with the Proof that finding it is.
	User *userapi.User
	// AnyAge: whatever its age, the user was created by this request. It was found
	// under an id that stands for nothing else.
	AnyAge bool
	// Undated: the vendor does not say when it created the user in a way that can be
	// relied on, such as a time without a zone.
	Undated bool

	ahead     time.Duration // of the vendor's clock
	different []userapi.FieldError
	unsure    bool
}

// NewCandidate returns a candidate that was found in a reply, whose date tells how
// far the vendor's clock is ahead of ours.
func NewCandidate(u *userapi.User, r *transport.Reply) *Candidate {
	c := &Candidate{User: u}
	if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		c.ahead = date.Sub(r.Read)
	}
	return c
}

// Compare notes how a key that was sent compares with the user's.
func (c *Candidate) Compare(field, vendorField string, l Likeness) {
	switch l {
	case Same:
		if field == "" {
			field = vendorField
		}
		c.User.Compared = append(c.User.Compared, field)
	case Unsure:
		c.unsure = true
	default:
		c.different = append(c.different, userapi.FieldError{
			Field: field, VendorField: vendorField, Code: codeDifferent, Message: "differs from the request's",
		})
	}
}

// age compares the time of the user's creation with the start of the first attempt.
func (c *Candidate) age(since time.Time) Likeness {
	if since.IsZero() || c.AnyAge {
		return Same
	}
	created := c.User.CreatedAt
	since = since.Add(c.ahead)
	switch {
	case created.IsZero(), c.Undated:
		return Unsure
	case !created.Before(since.Add(-sureAge)):
		return Same
	case created.Before(since.Add(-ageSlack)):
		return Different
	default:
		return Unsure
	}
}

// A Resolution settles what became of a create by asking the vendor.
type Resolution struct {
	// Provider is the vendor's name.
	Provider string
	// Client waits between looks, by its retry policy.
	Client *transport.Client
	// Look asks the vendor for every user that one of the request's keys finds. An
	// error means that it could not tell, and no user that there is none.
	Look func(context.Context) ([]*Candidate, *userapi.Error)
	// Many: the keys are not unique, so that a user that is not ours does not stand in
	// the way of one that is.
	Many bool
	// Unproven: a miss proves nothing with these credentials, for this reason.
	Unproven error
	// CreatedAt is what the vendor calls the time of a user's creation.
	CreatedAt string
	// UserID is the id that the user has or would have, where it is known.
	UserID string
}

// Resolve looks until a look finds somebody, three have missed, or three have failed.
// The waits between grow.
func (r *Resolution) Resolve(ctx context.Context, since time.Time) (*userapi.User, error) {
	missed, failed := 0, 0
	var last *userapi.Error
	for n := 1; ; n++ {
		found, failure := r.Look(ctx)
		switch {
		case failure != nil:
			failed++
			last = failure
			last.Op, last.Outcome = OpResolve, userapi.OutcomeUnknown
			if last.UserID == "" {
				last.UserID = r.UserID
			}
		case len(found) > 0:
			return r.settle(found, since)
		default:
			missed++
			last = nil
		}
		switch {
		case missed == looks:
			return nil, r.absent()
		case failed == looks, failure != nil && ctx.Err() != nil:
			return nil, last
		}
		var after time.Duration
		if failure != nil {
			after = failure.RetryAfter
		}
		if err := r.Client.Pause(ctx, n, after); err != nil {
			if last == nil {
				last = r.unknown(userapi.KindTimeout, err)
				if errors.Is(err, context.Canceled) {
					last.Kind = userapi.KindCanceled
				}
			}
			return nil, last
		}
	}
}

func (r *Resolution) unknown(kind userapi.Kind, err error) *userapi.Error {
	return &userapi.Error{Provider: r.Provider, Op: OpResolve, Kind: kind, UserID: r.UserID, Err: err}
}

func (r *Resolution) absent() *userapi.Error {
	if r.Unproven != nil {
		e := r.unknown(userapi.KindUnknown, r.Unproven)
		e.Code, e.Message = CodeAbsenceUnproven, r.Unproven.Error()
		return e
	}
	e := r.unknown(userapi.KindNotFound, nil)
	e.Outcome = userapi.OutcomeRejected
	return e
}

// settle picks the user that the create made out of those that were found.
func (r *Resolution) settle(found []*Candidate, since time.Time) (*userapi.User, error) {
	var ours, unsure []*Candidate
	for _, c := range found {
		switch age := c.age(since); {
		case len(c.different) > 0 || age == Different:
		case c.unsure || age == Unsure:
			unsure = append(unsure, c)
		default:
			ours = append(ours, c)
		}
	}
	if len(ours) == 1 && (len(unsure) == 0 || !r.Many) {
		return ours[0].User, nil
	}
	if len(ours)+len(unsure) == 0 && !r.Many {
		return nil, r.taken(found[0], since)
	}
	e := r.unknown(userapi.KindUnknown, nil)
	e.Code = CodeAmbiguous
	for _, c := range found {
		e.Candidates = append(e.Candidates, c.User.ID)
	}
	return nil, e
}

// taken is the error of a user who is somebody else's.
func (r *Resolution) taken(c *Candidate, since time.Time) *userapi.Error {
	e := r.unknown(userapi.KindConflict, nil)
	e.Outcome, e.FieldErrors = userapi.OutcomeRejected, c.different
	e.Candidates = []string{c.User.ID}
	if c.age(since) == Different {
		e.FieldErrors = append(e.FieldErrors, userapi.FieldError{
			VendorField: r.CreatedAt, Code: codeOlder, Message: "lies before the first attempt",
		})
	}
	return e
}
