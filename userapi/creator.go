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

// A Preflighter validates a request. It sends and creates nothing. The error, if any,
// is a *Error of KindInvalid and OutcomeNotSent with every fault in its FieldErrors.
type Preflighter interface {
	PreflightUser(req CreateUserRequest) error
}

// A Planner returns what CreateUser would send for a request. It sends and creates
// nothing. It does not start a session, ask a store for a key, or wait for a rate
// limit. The error, if any, is the one that a Preflighter returns for the request. The
// Plan is then zero. It does not change req.
type Planner interface {
	PlanUser(req CreateUserRequest) (Plan, error)
}

// A Resolver resolves an OutcomeUnknown: it asks the vendor for the user that an
// earlier create of req made. It returns that user, with the compared fields in
// User.Compared, or one of these errors:
//
//   - KindNotFound with OutcomeRejected: the user does not exist.
//   - KindConflict with OutcomeRejected: the user that was found is somebody else's.
//   - OutcomeUnknown: the look-up failed, or its answer proves nothing. If it found
//     several users, Candidates has their ids.
//
// since is the start of the first attempt. The zero time accepts a user of any age. A
// user that was created after since, and whose identity keys all equal the request's,
// counts as the one that the create made.
//
// If the context is done, nothing is sent.
//
// A client whose vendor cannot be asked answers from its own record of what it sent,
// also if the context is done. It sets FromRecord in the User or the Error.
// KindNotFound then means that no create of req on record can have made a user. A
// record that was lost gives the same answer, so do not repeat a create that you know
// was sent. If it was at most begun you can call CreateUser: the record stops two
// callers from sending one each.
type Resolver interface {
	ResolveUser(ctx context.Context, req CreateUserRequest, since time.Time) (*User, error)
}

// A Repeater sends a create a second time. Call it after a Resolver has shown that the
// first create made no user. If the first create arrives late, RepeatUser does not make
// a second user: it fails with KindConflict. A request that the vendor cannot repeat in
// this way is KindInvalid and OutcomeNotSent, whether or not the context is done. If
// the context is done, nothing is sent.
type Repeater interface {
	RepeatUser(ctx context.Context, req CreateUserRequest) (*User, error)
}

// A Finisher does the second step of a create at a vendor that needs one, such as
// setting custom attributes on a user that exists. You can repeat it.
type Finisher interface {
	FinishUser(ctx context.Context, req CreateUserRequest, u *User) error
}

// A Deleter deletes a user permanently. If the user does not exist, the error matches
// ErrNotFound. You can repeat a delete; the client itself retries after a temporary
// failure. The Outcome of an error is about the user: OutcomeUnknown means that it may
// still exist.
type Deleter interface {
	DeleteUser(ctx context.Context, id string) error
}

// A UserIDChecker checks that a text has the form of a user's id at the vendor. It
// sends nothing. The error, if any, is a *Error of KindInvalid and OutcomeNotSent that
// says what an id looks like.
type UserIDChecker interface {
	CheckUserID(id string) error
}

// maxUnwrap ends the search behind wrappers that wrap each other.
const maxUnwrap = 100

// Ability finds an ability of a creator: T is an interface such as Resolver. If the
// creator does not have it, Ability looks behind its method Unwrap() Creator, and so
// on, at most 100 times.
//
// The ability then gets the caller's request. So a wrapper that changes requests must
// implement the abilities itself, or have no Unwrap method. Otherwise a user is created
// by one request and looked up by another.
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
