package provision

import (
	"github.com/enlist-go/enlist/userapi"
)

// A PlanItem is what CreateUser would do at one target.
type PlanItem struct {
	// Target is the target's name.
	Target string `json:"target"`
	// After are the targets that must have a user first.
	After []string `json:"after,omitempty"`
	// Plan is what would be sent. It is zero where Err or Waits says why, and of a
	// creator that is no userapi.Planner.
	Plan userapi.Plan `json:"plan,omitzero"`
	// Waits are the targets whose users' ids must be known before it can be told what
	// Target.Map makes of the request.
	Waits []string `json:"waits,omitempty"`
	// Err is a *userapi.Error with every fault of the request that can be seen locally.
	Err error `json:"error,omitempty"`
}

// Plan tells what CreateUser would send to each target, in their order: a dry run that
// sends nothing and looks into no ledger. All faults of all targets are told at once.
// The bodies hold no secrets, but the person's data.
func (p *Provisioner) Plan(req userapi.CreateUserRequest) []PlanItem {
	items := make([]PlanItem, len(p.targets))
	planned := make([]bool, len(p.targets))
	users := map[string]*userapi.User{}
	var plan func(t *target)
	plan = func(t *target) {
		if planned[t.index] {
			return
		}
		planned[t.index] = true
		item := PlanItem{Target: t.Name, After: t.After}
		for _, b := range t.before {
			plan(b)
			if t.Map != nil && users[b.Name] == nil {
				item.Waits = append(item.Waits, b.Name)
			}
		}
		if len(item.Waits) == 0 {
			item.Plan, item.Err = t.plan(t.request(req, users))
		}
		if id := item.Plan.UserID; id != "" && item.Err == nil {
			users[t.Name] = &userapi.User{Provider: item.Plan.Provider, ID: id}
		}
		items[t.index] = item
	}
	for _, t := range p.targets {
		plan(t)
	}
	return items
}

// plan tells what the target's creator would send.
func (t *target) plan(req userapi.CreateUserRequest) (userapi.Plan, error) {
	planner, ok := userapi.Ability[userapi.Planner](t.Creator)
	if !ok {
		if failure := t.preflight(req); failure != nil {
			return userapi.Plan{}, failure
		}
		return userapi.Plan{}, nil
	}
	plan, err := planner.PlanUser(req)
	if err != nil {
		return userapi.Plan{}, asError(err)
	}
	return plan, nil
}
