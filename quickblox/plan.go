package quickblox

import (
	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// PlanUser tells what CreateUser would send, as userapi.Planner describes it. A session
// that would be obtained for it is no part of the plan.
func (c *Client) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	u, _, unmapped, err := mapRequest(&req)
	if err != nil {
		return userapi.Plan{}, err
	}
	body, faults := provider.Encode(u.sent(userapi.Secret.String))
	if faults != nil {
		return userapi.Plan{}, provider.Invalid(Name, provider.OpCreate, faults)
	}
	call := c.core.createCall(body)
	return userapi.Plan{Provider: Name, Method: call.Method, Route: call.Path, Body: call.Body, Unmapped: unmapped}, nil
}
