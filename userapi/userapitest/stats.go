package userapitest

// Stats are a vendor's fake's counts since its start. While requests are under way the
// fields may be of different moments.
type Stats struct {
	// Users is how many users exist now.
	Users int `json:"users"`
	// Creates is how many users requests asked to create. It counts requests with the
	// right credentials and a readable body, also those that are refused for a field or
	// as taken. It does not count a request that ServerOptions.Rate refuses, or that a
	// fault stops before it is carried out. An import counts once for each of its
	// users.
	Creates int `json:"creates"`
	// Duplicates is how many of Creates named a user who existed already, whatever
	// their result. Each fake's package documents when a user counts as the same.
	Duplicates int `json:"duplicates"`
	// RateLimited is how many requests of any kind ServerOptions.Rate has refused.
	RateLimited int `json:"rate_limited"`
}
