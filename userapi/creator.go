package userapi

import (
	"context"
	"encoding/json"
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

// A Planner tells what a create would send, without sending it. No client of this
// module is one yet.
type Planner interface {
	PlanUser(req CreateUserRequest) (Plan, error)
}

// Plan is what a create would send.
type Plan struct {
	// Method and Route are the HTTP method and the path, the latter with the
	// user's id where the client chooses it.
	Method, Route string
	// Body is the body with every secret redacted.
	Body json.RawMessage
	// Unmapped names the request's fields that the vendor cannot store.
	Unmapped []string
}

// A Resolver settles an OutcomeUnknown by asking the vendor. It returns the user
// that an earlier create of req made, or an error: KindNotFound with
// OutcomeRejected when the user's absence is proven, KindConflict with
// OutcomeRejected when the user found is somebody else's, and OutcomeUnknown when
// the vendor could not tell. since is the start of the first attempt; the zero
// time accepts a user of any age. No client of this module is one yet.
type Resolver interface {
	ResolveUser(ctx context.Context, req CreateUserRequest, since time.Time) (*User, error)
}

// A Finisher carries out the second step of a create at a vendor that needs one,
// such as setting custom attributes on a user that exists. It may be repeated.
type Finisher interface {
	FinishUser(ctx context.Context, req CreateUserRequest, u *User) error
}

// A Deleter deletes a user for good. A user that does not exist is an error that
// matches ErrNotFound. No client of this module is one yet.
type Deleter interface {
	DeleteUser(ctx context.Context, id string) error
}
