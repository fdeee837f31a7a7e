package userapi

import "context"

// A BatchCreator creates many users with fewer requests than one a user.
//
// CreateUsers does for each request what CreateUser does, and returns one result for each,
// in the order of the requests. One user's fault is that user's alone: the others are
// created. A request is sent again only for users that it provably did not create. A user of
// whom this cannot be found out has an error of OutcomeUnknown, which a Resolver settles.
//
// CreateUsers does not change reqs. Implementations are safe for concurrent use.
type BatchCreator interface {
	CreateUsers(ctx context.Context, reqs []CreateUserRequest) []BatchResult
}

// A BatchChooser is a BatchCreator that creates some users by one request with others, and
// some by a request of their own. BatchesUser reports which. It sends nothing, and is safe for
// concurrent use. A BatchCreator that is none creates all users together.
type BatchChooser interface {
	BatchesUser(req CreateUserRequest) bool
}

// A BatchResult says what became of one request of a BatchCreator. Either User or Err is
// set. Err follows the contract of Creator: it is a *Error.
type BatchResult struct {
	User *User
	Err  error
}
