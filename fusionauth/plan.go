package fusionauth

import (
	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// randomID stands in a plan for an id that CreateUser would choose at random.
const randomID = "{userId}"

// PlanUser tells what CreateUser would send, as userapi.Planner describes it. Its
// UserID is the id that follows from Extra.UserID, ExternalID or IdempotencyKey. With
// none of them CreateUser chooses one at random: UserID is then "", and the route is
// /api/user/{userId}.
func (c *Client) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	m, failure := c.core.mapRequest(&req, false)
	if failure != nil {
		return userapi.Plan{}, failure
	}
	body, faults := provider.Encode(m.native.sent(userapi.Secret.String))
	if faults != nil {
		return userapi.Plan{}, withUserID(provider.Invalid(Name, provider.OpCreate, faults), m.to.userID)
	}
	to := m.to
	if to.userID == "" {
		to.userID = randomID
	}
	call := c.core.createCall(body, to)
	return userapi.Plan{Provider: Name, Method: call.Method, Route: call.Path, UserID: m.to.userID, Body: call.Body, Unmapped: m.unmapped}, nil
}
