package userapi

import "context"

// A BatchCreator creates many users with fewer requests than one a user.
//
// CreateUsers does for each request what CreateUser does, and returns one result for
// each, in the order of the requests. A fault of one user does not affect the others. A
// request is sent again only for users that it provably did not create. If that cannot
// be proven, the user's error has OutcomeUnknown: a Resolver resolves it.
//
// CreateUsers does not change reqs. Implementations are safe for concurrent use.
type BatchCreator interface {
	CreateUsers(ctx context.Context, reqs []CreateUserRequest) []BatchResult
}

// A BatchChooser is a BatchCreator that cannot put every user into a shared request.
// BatchesUser reports whether CreateUsers would create the user together with others,
// and not by a request of its own. It sends nothing, and is safe for concurrent use. A
// BatchCreator that is not a BatchChooser creates all users together.
type BatchChooser interface {
	BatchesUser(req CreateUserRequest) bool
}

// A BatchResult is the result of one request of a BatchCreator. Either User or Err is
// set. Err follows the contract of Creator: it is a *Error.
type BatchResult struct {
	User *User
	Err  error
}
