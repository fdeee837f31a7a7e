package provision

import (
	"log/slog"
	"reflect"
	"slices"

	"github.com/enlist-go/enlist/userapi"
)

// A PlanItem is what CreateUser would do at one target. Encoded as JSON it shows the
// person's data, as its Plan does. Printed or logged by itself it does not.
type PlanItem struct {
	// Target is the target's name.
	Target string `json:"target"`
	// After are the targets that must have a user first.
	After []string `json:"after,omitempty"`
	// Plan is what would be sent. It is zero with an Err, for a creator that is not a
	// userapi.Planner, and if the user's own id depends on a target in Waits.
	Plan userapi.Plan `json:"plan,omitzero"`
	// Waits are earlier targets whose vendors choose the user's id. Target.Map, and so
	// the Plan, has their names in braces instead of the ids, such as {chat}.
	Waits []string `json:"waits,omitempty"`
	// Err is a *userapi.Error with every fault of the request that is detected locally.
	// For a target that waits, it covers only the fields that Target.Map did not
	// change.
	Err error `json:"error,omitempty"`
}

// LogValue returns the target, the requests without their bodies, and the error.
func (i PlanItem) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("target", i.Target), slog.Any("plan", i.Plan)}
	if len(i.Waits) > 0 {
		attrs = append(attrs, slog.Any("waits", i.Waits))
	}
	if i.Err != nil {
		attrs = append(attrs, slog.Any("error", i.Err))
	}
	return slog.GroupValue(attrs...)
}

// Plan returns what CreateUser would send to each target, in their order. It is a dry
// run: it sends nothing and does not read the ledger. It reports all faults of all
// targets at once. The bodies have the person's data, with secrets redacted.
func (p *Provisioner) Plan(req userapi.CreateUserRequest) []PlanItem {
	return p.plan(req, (*target).plan)
}

// plan plans every target; targets come before those that wait for them.
func (p *Provisioner) plan(req userapi.CreateUserRequest, planOf func(*target, userapi.CreateUserRequest) (userapi.Plan, *userapi.Error)) []PlanItem {
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
		known := map[string]*userapi.User{}
		for _, b := range t.before {
			plan(b)
			known[b.Name] = users[b.Name]
			if t.Map != nil && known[b.Name] == nil {
				item.Waits = append(item.Waits, b.Name)
				known[b.Name] = &userapi.User{Provider: items[b.index].Plan.Provider, ID: "{" + b.Name + "}"}
			}
		}
		own := t.request(req, known)
		failure := refusalIn(own)
		if failure == nil {
			item.Plan, failure = planOf(t, own)
			if len(item.Waits) > 0 {
				failure = ofUntouched(failure, req, own)
			}
		}
		if len(item.Waits) > 0 {
			if item.Plan.UserID != "" {
				item.Plan = userapi.Plan{}
			}
		}
		if failure != nil {
			item.Err = failure
		} else if id := item.Plan.UserID; id != "" {
			users[t.Name] = &userapi.User{Provider: item.Plan.Provider, ID: id}
		}
		items[t.index] = item
	}
	for _, t := range p.targets {
		plan(t)
	}
	return items
}

// plan returns what the target's creator would send.
func (t *target) plan(req userapi.CreateUserRequest) (userapi.Plan, *userapi.Error) {
	planner, ok := userapi.Ability[userapi.Planner](t.Creator)
	if !ok {
		return userapi.Plan{}, t.preflight(req)
	}
	plan, err := planner.PlanUser(req)
	if err != nil {
		return userapi.Plan{}, asError(err)
	}
	return plan, nil
}

// faults is plan without the plan, which costs what the request's encoding does, where no
// other target's request has the user's id.
func (t *target) faults(req userapi.CreateUserRequest) (userapi.Plan, *userapi.Error) {
	if _, ok := userapi.Ability[userapi.Preflighter](t.Creator); ok && !t.named {
		return userapi.Plan{}, t.preflight(req)
	}
	return t.plan(req)
}

// ofUntouched returns an error of those fields alone which Map left as they were: it
// was given no real ids.
func ofUntouched(e *userapi.Error, req, mapped userapi.CreateUserRequest) *userapi.Error {
	if e == nil {
		return nil
	}
	before, after := reflect.ValueOf(req), reflect.ValueOf(mapped)
	left := *e
	left.FieldErrors = slices.DeleteFunc(slices.Clone(e.FieldErrors), func(f userapi.FieldError) bool {
		field := before.FieldByName(f.Field)
		return !field.IsValid() || !reflect.DeepEqual(field.Interface(), after.FieldByName(f.Field).Interface())
	})
	if len(left.FieldErrors) == 0 {
		return nil
	}
	return &left
}
