package usercom

import (
	"context"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/wire"
)

// SetAttribute sets one custom attribute of the user with the given id, by POST
// /users/{id}/set_attribute/. name is the attribute's name_std; value is anything that
// can be encoded as JSON. You can repeat it. Temporary failures are retried. The
// Outcome of its error is about the attribute: OutcomeUnknown means that it may have
// been set. Source: User.com, "Set attribute".
func (s *UsersService) SetAttribute(ctx context.Context, id int64, name string, value any) error {
	check := provider.NativeCheck(Name)
	user := checkID(&check, id)
	if strings.TrimSpace(name) == "" {
		check.Required("Attributes", "attribute", "must be the attribute's name")
	}
	body := check.Attributes(map[string]any{"attribute": name, "value": value})
	return s.core.step(ctx, attributesCall(user, "set_attribute", body).Checked(&check))
}

// SetMultipleAttributes sets custom attributes by their name_std, by POST
// /users/{id}/set_multiple_attributes/, and otherwise works like SetAttribute. Source:
// User.com, "Set multiple attributes".
func (s *UsersService) SetMultipleAttributes(ctx context.Context, id int64, attributes map[string]any) error {
	check := provider.NativeCheck(Name)
	user := checkID(&check, id)
	if len(attributes) == 0 {
		check.Required("Attributes", "", "must hold at least one attribute")
	}
	checkNames(&check, attributes)
	body := check.Attributes(attributes)
	return s.core.step(ctx, attributesCall(user, setMultiple, body).Checked(&check))
}

func checkID(c *provider.Check, id int64) (text string) {
	text = strconv.FormatInt(id, 10)
	c.NumberID("", "id", text)
	return text
}

func attributesCall(user, action string, body []byte) *provider.Call {
	return stepCall(opAttributes, user, action, body)
}

func checkNames(c *provider.Check, attributes map[string]any) {
	for name := range attributes {
		if strings.TrimSpace(name) == "" {
			c.Invalid("Attributes", "", "must have a name each")
			return
		}
	}
}

// standard are the members of users. An attribute of such a name would be a second value of it.
var standard = func() map[string]bool {
	names := map[string]bool{"company_custom_id": true, "user_key": true, "custom_id": true}
	for _, p := range [...]any{&CreateUserRequest{}, &User{}} {
		for name := range wire.FieldNames(p) {
			names[name] = true
		}
	}
	return names
}()

func checkAttributes(c *provider.Check, attributes map[string]any) []byte {
	if len(attributes) == 0 {
		return nil
	}
	checkNames(c, attributes)
	for name := range attributes {
		if standard[strings.ToLower(strings.TrimSpace(name))] {
			c.Invalid("Attributes", "", "must not have the name of a standard field of User.com")
			break
		}
	}
	return c.Attributes(attributes)
}
