package wire

import (
	"encoding/json"
	"reflect"
	"strings"
)

// DecodeMembers decodes a JSON object into the struct that v points to, member by
// member: one of another type than v's is converted where a text stands for a
// number or a boolean, or one of these for a text, and otherwise left out. It is
// for replies of which [Tolerate] said that they have such a member: package json
// would leave a pointer to a zero in its place, which claims what was not said.
func DecodeMembers(data []byte, v any) {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return
	}
	for name, raw := range members {
		fits := func(raw json.RawMessage) bool {
			one, err := json.Marshal(map[string]json.RawMessage{name: raw})
			return err == nil && json.Unmarshal(one, reflect.New(reflect.TypeOf(v).Elem()).Interface()) == nil
		}
		if fits(raw) {
			continue
		}
		delete(members, name)
		if strings.HasPrefix(string(raw), "{") || strings.HasPrefix(string(raw), "[") {
			continue
		}
		content := json.RawMessage(text(raw))
		quoted, err := json.Marshal(string(content))
		switch {
		case raw[0] == '"' && fits(content):
			members[name] = content
		case raw[0] != '"' && err == nil && fits(quoted):
			members[name] = quoted
		}
	}
	fitting, err := json.Marshal(members)
	if err == nil {
		_ = json.Unmarshal(fitting, v)
	}
}
