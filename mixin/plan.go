package mixin

import (
	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// PlanUser tells what CreateUser would send, as userapi.Planner describes it. Its
// session_secret is always userapi.Redacted, since Config.SessionKeys is not asked for a
// key. The bill that Config.RequireCredit would read is no part of the plan.
func (c *Client) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	native, unmapped, err := c.mapRequest(&req)
	if err != nil {
		return userapi.Plan{}, err
	}
	native.SessionSecret = userapi.Redacted
	body, faults := provider.Encode(native)
	if faults != nil {
		return userapi.Plan{}, provider.Invalid(Name, provider.OpCreate, faults)
	}
	call := createCall(body)
	return userapi.Plan{Provider: Name, Method: call.Method, Route: call.Path, Body: call.Body, Unmapped: unmapped}, nil
}
