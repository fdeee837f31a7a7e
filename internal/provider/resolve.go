package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// The codes of errors of a resolution that are ours and no vendor's.
const (
	CodeAmbiguous       = "ambiguous"
	CodeAbsenceUnproven = "absence_unproven"
)

const (
	// looks is how many looks must miss, or fail, before the search ends.
	looks = 3
	// sureAge is how much older than the first attempt its user may look: clocks show whole seconds.
	sureAge = 2 * time.Second
	// AgeSlack is how far the clocks of a vendor's edge and of its application may be apart.
	AgeSlack = time.Minute
	// maxAhead is how far a vendor's clock may be from ours to be believed.
	maxAhead = 7 * 24 * time.Hour
)

// A Match says how a key of a request compares with a user's.
type Match int

// The results.
const (
	Different Match = iota
	Same
	// Unsure: the user's key is not shown, or differs in what the vendor may have changed.
	Unsure
)

// A Candidate is a user that a look found.
type Candidate struct {
	// User is the user, with the Proof that finding it is.
	User *userapi.User
	// AnyAge: the user is the request's, however old: its id stands for nothing else. The
	// proof of one that may be older than the create is userapi.ProofEarlier.
	AnyAge bool
	// Undated: the vendor does not say reliably when it created the user.
	Undated bool

	// aheadMin and aheadMax bound how far the vendor's clock is ahead of ours.
	aheadMin, aheadMax time.Duration
	read               time.Time
	different          []userapi.FieldError
	unsure             bool
}

// NewCandidate returns a user that was found in a reply. The reply's date tells how far
// the vendor's clock is ahead of ours. A date that is cached, or far off, is not used.
func NewCandidate(u *userapi.User, r *transport.Reply) *Candidate {
	c := &Candidate{User: u, read: r.Read}
	if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		// It was written between sending and reading, in whole seconds.
		c.aheadMin, c.aheadMax = date.Sub(r.Read), date.Add(time.Second).Sub(r.Sent)
		c.Undated = c.aheadMin.Abs() > maxAhead
	}
	if age := r.Header.Get("Age"); age != "" && age != "0" {
		c.Undated = true
	}
	return c
}

// Compare notes how a key that was sent compares with the user's.
func (c *Candidate) Compare(field, vendorField string, l Match) {
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
			Field: field, VendorField: vendorField, Code: userapi.CodeDifferent, Message: "differs from the request's",
		})
	}
}

// MarkUncertain notes that something about the user does not go with a new one.
func (c *Candidate) MarkUncertain() { c.unsure = true }

// age compares the time of the user's creation with the start of the first attempt.
func (c *Candidate) age(since time.Time) Match {
	if since.IsZero() || c.AnyAge {
		return Same
	}
	switch created := c.User.CreatedAt; {
	case created.Unix() <= 0, c.Undated, created.After(c.read.Add(c.aheadMax + AgeSlack)):
		return Unsure // the reply does not say, or cannot be believed
	case !created.Before(since.Add(c.aheadMax - sureAge)):
		return Same
	case created.Before(since.Add(c.aheadMin - AgeSlack)):
		return Different
	default:
		return Unsure
	}
}

// mayBeOlder reports whether the user may be older than the first attempt: it is by the
// vendor's clock, or its age is not known.
func (c *Candidate) mayBeOlder(since time.Time) bool {
	created := c.User.CreatedAt
	return !since.IsZero() && (created.Unix() <= 0 || c.Undated || created.Before(since.Add(c.aheadMax-sureAge)))
}

// A Resolution finds out the result of a create by asking the vendor.
type Resolution struct {
	*Vendor
	// Look returns every user that the request's keys find. An error means that it did
	// not find out.
	Look func(context.Context) ([]*Candidate, error)
	// NonUniqueKeys: somebody else's user may have the same keys as ours.
	NonUniqueKeys bool
	// WhyMissProvesNothing stands in for the vendor's, for this request.
	WhyMissProvesNothing error
	// CreatedAt is what the vendor calls the time of a user's creation.
	CreatedAt string
	// UserID is the id that the user has or would have, where it is known.
	UserID string
}

// Resolve looks, with growing waits, until it finds somebody or three looks have missed or failed.
func (r *Resolution) Resolve(ctx context.Context, since time.Time) (*userapi.User, error) {
	missed, failed := 0, 0
	var last *userapi.Error
	var others []*Candidate // the latest that a look found and that are not ours
	for n := 1; ; n++ {
		var after time.Duration
		found, err := r.Look(ctx)
		failure, _ := err.(*userapi.Error)
		switch {
		case failure != nil:
			failed++
			last, after = failure, failure.RetryAfter
			last.Op, last.Subject, last.Outcome = OpResolve, userapi.SubjectUser, userapi.OutcomeUnknown
			if last.UserID == "" {
				last.UserID = r.UserID
			}
		case len(found) > 0:
			user, err := r.pickMatch(found, since)
			if user != nil || err != nil {
				return user, err
			}
			fallthrough // others stand where ours is still to appear
		default:
			missed++
			last, others = nil, found
		}
		switch {
		case missed == looks && len(others) > 0:
			return nil, r.ambiguous(others)
		case missed == looks:
			return nil, r.absent()
		case failed == looks, failure != nil && ctx.Err() != nil:
			return nil, last
		}
		if err := r.HTTP.Pause(ctx, n, after); err != nil {
			if last == nil {
				last = r.unknown(contextKind(err, userapi.KindTimeout), err)
			}
			return nil, last
		}
	}
}

func (r *Resolution) unknown(kind userapi.Kind, err error) *userapi.Error {
	return &userapi.Error{Provider: r.Name, Op: OpResolve, Subject: userapi.SubjectUser, Kind: kind, UserID: r.UserID, Err: err}
}

func (r *Resolution) absent() *userapi.Error {
	if why := cmp.Or(r.WhyMissProvesNothing, r.Vendor.WhyMissProvesNothing); why != nil {
		e := r.unknown(userapi.KindUnknown, why)
		e.Code, e.Message = CodeAbsenceUnproven, why.Error()
		return e
	}
	e := r.unknown(userapi.KindNotFound, nil)
	e.Outcome = userapi.OutcomeRejected
	return e
}

// pickMatch picks the create's user out of those that were found; nil and nil for none of them.
func (r *Resolution) pickMatch(found []*Candidate, since time.Time) (*userapi.User, error) {
	var ours, unsure []*Candidate
	for _, c := range found {
		switch age := c.age(since); {
		case len(c.different) > 0:
		case c.unsure || age == Unsure:
			unsure = append(unsure, c)
		case age == Same:
			if c.AnyAge && c.mayBeOlder(since) {
				c.User.Proof = userapi.ProofEarlier
			}
			ours = append(ours, c)
		}
	}
	switch {
	case len(ours) == 1 && (len(unsure) == 0 || !r.NonUniqueKeys):
		return ours[0].User, nil
	case len(ours)+len(unsure) > 0:
		return nil, r.ambiguous(found)
	case r.NonUniqueKeys:
		return nil, nil
	default:
		return nil, r.taken(found[0], since)
	}
}

// ambiguous is the error of users of whom it is not known whether one is ours.
func (r *Resolution) ambiguous(found []*Candidate) *userapi.Error {
	e := r.unknown(userapi.KindUnknown, nil)
	e.Code = CodeAmbiguous
	for _, c := range found {
		e.Candidates = append(e.Candidates, c.User.ID)
	}
	return e
}

// taken is the error of a user who is somebody else's.
func (r *Resolution) taken(c *Candidate, since time.Time) *userapi.Error {
	e := r.unknown(userapi.KindConflict, nil)
	e.Outcome, e.FieldErrors = userapi.OutcomeRejected, c.different
	e.Candidates = []string{c.User.ID}
	if c.age(since) == Different {
		e.FieldErrors = append(e.FieldErrors, userapi.FieldError{
			VendorField: r.CreatedAt, Code: userapi.CodeOlder, Message: "is before the first attempt",
		})
	}
	return e
}

// CompareText compares texts whose case does not count. A difference beyond ASCII is Unsure.
func CompareText(sent, shown string) Match {
	switch {
	case sent == shown:
		return Same
	case !isASCII(sent) || !isASCII(shown):
		return Unsure
	case strings.EqualFold(sent, shown):
		return Same
	default:
		return Different
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// Contradicts returns ErrOtherUser for a key that was sent and that the reply to the
// create shows otherwise. What a reply does not show contradicts nothing, nor does a boolean, an
// object or an array in the place of the key.
func Contradicts(sent, shown string, compare func(sent, shown string) Match) error {
	unreadable := shown == "" || shown == "true" || shown == "false" ||
		(shown[0] == '{' || shown[0] == '[') && json.Valid([]byte(shown))
	if sent != "" && !unreadable && compare(sent, shown) == Different {
		return ErrOtherUser
	}
	return nil
}
