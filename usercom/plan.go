package usercom

import "github.com/enlist-go/enlist/userapi"

// PlanUser tells what CreateUser would send, as userapi.Planner describes it. Nothing
// in it is secret. With [Form] the Body of the create is the form's members as one JSON
// object; a list in it is sent as one pair for each of its texts. Attributes are set by
// a second request, in Next.
func (c *Client) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	m, err := c.mapRequest(&req)
	if err != nil {
		return userapi.Plan{}, err
	}
	call := c.core.createCall(createPath, m.body)
	plan := userapi.Plan{Provider: Name, Method: call.Method, Route: call.Route, Body: m.body, Unmapped: m.unmapped}
	if m.attributes != nil {
		second := c.core.attributesCall("", setMultiple, m.attributes)
		plan.Next = []userapi.Step{{Method: second.Method, Route: second.Route, Body: second.Body}}
	}
	return plan, nil
}
