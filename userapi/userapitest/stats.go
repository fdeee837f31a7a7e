package userapitest

// Stats are the counts of a vendor's fake since its start. While requests are under way the fields
// can be from different moments.
type Stats struct {
	// Users is the present number of users.
	Users int `json:"users"`
	// Creates is the number of users that requests asked to create. It counts requests with the
	// right credentials and a readable body, even refused ones. It does not count a request that
	// ServerOptions.Rate refuses, or that a fault stops before it is done. An import counts once
	// for each of its users.
	Creates int `json:"creates"`
	// Duplicates is the number of Creates for an existing user, whatever their result. Each fake's
	// package documents when a user counts as the same.
	Duplicates int `json:"duplicates"`
	// RateLimited is the number of requests that ServerOptions.Rate has refused.
	RateLimited int `json:"rate_limited"`
}
