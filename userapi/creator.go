package userapi

import (
	"context"
	"time"
)

// A Creator creates users at one vendor. Implementations are safe for
// concurrent use.
//
// The interface never grows: a further ability is an interface of its own.
type Creator interface {
	// CreateUser creates the user that req describes. It returns a user, or an
	// error that is a *Error; never both. It does not change req.
	CreateUser(ctx context.Context, req CreateUserRequest) (*User, error)
}

// CreatorFunc lets an ordinary function be a Creator.
type CreatorFunc func(ctx context.Context, req CreateUserRequest) (*User, error)

// CreateUser calls f(ctx, req).
func (f CreatorFunc) CreateUser(ctx context.Context, req CreateUserRequest) (*User, error) {
	return f(ctx, req)
}

// A Preflighter validates a request without sending or creating anything. The
// error, if any, is a *Error of KindInvalid and OutcomeNotSent with every fault
// in its FieldErrors.
type Preflighter interface {
	PreflightUser(req CreateUserRequest) error
}

// A Planner tells what CreateUser would send for a request. It sends and creates
// nothing: it takes no session, asks no store for a key, and waits for no rate limit.
// The error, if any, is what a Preflighter returns for the request, and the Plan is
// then zero. It does not change req.
type Planner interface {
	PlanUser(req CreateUserRequest) (Plan, error)
}

// A Resolver settles an OutcomeUnknown by asking the vendor. It returns the user
// that an earlier create of req made, with the fields that were compared in
// User.Compared, or an error: KindNotFound with OutcomeRejected when the user's
// absence is proven, KindConflict with OutcomeRejected when the user found is
// somebody else's, and OutcomeUnknown when the vendor could not tell, with
// Candidates when it told of several users. A look-up that failed proves nothing.
//
// since is the start of the first attempt; the zero time accepts a user of any age.
// A user that is younger, and whose every identity key equals the request's, is
// taken for the one that the create made.
//
// With a context that is over nothing is sent. A client whose vendor cannot be asked
// answers from its own record of what it sent, also with such a context, and sets
// FromRecord in the User or the Error. Absence then means that no create of req is on
// record that may have made a user. CreateUser may be called after it only if a create
// was at most begun: the record keeps two callers from sending one each. A record that
// was lost looks the same, so that a create that is known to have been sent must not be
// repeated.
type Resolver interface {
	ResolveUser(ctx context.Context, req CreateUserRequest, since time.Time) (*User, error)
}

// A Repeater carries out a create a second time, for a caller to whom a Resolver
// has proven that the first made no user. Should the first one arrive late all the
// same, RepeatUser makes no second user beside it: it fails with KindConflict. A
// request for which the vendor has no such way is KindInvalid and OutcomeNotSent,
// and nothing is sent; this is found out before the context is looked at. With a
// context that is over nothing is sent either.
type Repeater interface {
	RepeatUser(ctx context.Context, req CreateUserRequest) (*User, error)
}

// A Finisher carries out the second step of a create at a vendor that needs one,
// such as setting custom attributes on a user that exists. It may be repeated.
type Finisher interface {
	FinishUser(ctx context.Context, req CreateUserRequest, u *User) error
}

// A Deleter deletes a user for good. A user that does not exist is an error that
// matches ErrNotFound. Doing it again does no harm, and passing failures are tried
// again. The Outcome of an error says what is known of the user: OutcomeUnknown, that
// it may or may not exist.
type Deleter interface {
	DeleteUser(ctx context.Context, id string) error
}

// A UserIDChecker says whether a text can be the id of a user at the vendor. It sends
// nothing. The error, if any, is a *Error of KindInvalid and OutcomeNotSent that says what
// an id looks like.
type UserIDChecker interface {
	CheckUserID(id string) error
}

// maxUnwrap ends the search behind wrappers that wrap each other.
const maxUnwrap = 100

// Ability finds an ability of a creator: T is an interface such as Resolver. Where
// the creator itself has it not it is looked for behind its Unwrap() Creator, and so
// on, at most 100 times.
//
// The ability then gets the request as the caller has it. So a wrapper that changes
// requests must have the abilities itself, or no Unwrap method: else a user would be
// created by one request and looked for by another.
func Ability[T any](c Creator) (ability T, ok bool) {
	for n := 0; c != nil && n < maxUnwrap; n++ {
		if ability, ok = c.(T); ok {
			return ability, true
		}
		wrapper, wraps := c.(interface{ Unwrap() Creator })
		if !wraps {
			break
		}
		c = wrapper.Unwrap()
	}
	return ability, false
}
