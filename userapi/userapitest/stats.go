package userapitest

// Stats are what a vendor's fake has counted since its start. While requests are under way the fields
// may be of different moments.
type Stats struct {
	// Users is how many users exist now.
	Users int `json:"users"`
	// Creates is how many users requests asked to create. It counts a request that the fake has taken up: one
	// with the right credentials and a body that can be read, so also one that is refused for a field or as
	// taken. A request that ServerOptions.Rate refuses, and one that a fault keeps from being carried out, are
	// not counted. An import counts as many as it has users.
	Creates int `json:"creates"`
	// Duplicates is how many of Creates named a user who was there already, whatever came of them. Who that is
	// each fake's package says.
	Duplicates int `json:"duplicates"`
	// RateLimited is how many requests ServerOptions.Rate has refused, of every kind.
	RateLimited int `json:"rate_limited"`
}
