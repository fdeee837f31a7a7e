package userapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/userapi"
)

// A member is one member of a JSON object; both parts are JSON texts.
type member struct{ name, value string }

// membersOf splits an object into its members.
func membersOf(t *testing.T, object string) []member {
	t.Helper()
	in := json.NewDecoder(bytes.NewReader([]byte(object)))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		t.Fatal("the reply to a create has no object where Harness.Reply says that there is one")
	}
	var members []member
	for in.More() {
		name, err := in.Token()
		var value json.RawMessage
		if err == nil {
			err = in.Decode(&value)
		}
		if err != nil {
			t.Fatalf("the reply to a create cannot be read: %v", err)
		}
		members = append(members, member{quote(name.(string)), string(value)})
	}
	return members
}

// objectOf joins members to an object.
func objectOf(members []member) string {
	var b bytes.Buffer
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m.name + ":" + m.value)
	}
	return "{" + b.String() + "}"
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// An edition changes the object that contains a member. at is the member's index, or -1 if it is
// missing.
type edition func(members []member, at int) []member

// edited returns a reply in which the object with the member at path is changed.
func edited(t *testing.T, reply string, path []string, change edition) string {
	t.Helper()
	members := membersOf(t, reply)
	at := slices.IndexFunc(members, func(m member) bool { return m.name == quote(path[0]) })
	if len(path) == 1 {
		return objectOf(change(members, at))
	}
	if at < 0 {
		t.Fatalf("the reply to a create has no member %q", path[0])
	}
	members[at].value = edited(t, members[at].value, path[1:], change)
	return objectOf(members)
}

// editedWithin edits the first object that has a path, at any depth. found is false if there is
// none.
func editedWithin(t *testing.T, text string, path []string, change edition) (result string, found bool) {
	t.Helper()
	switch {
	case has(text, path):
		return edited(t, text, path, change), true
	case strings.HasPrefix(text, "{"):
		members := membersOf(t, text)
		for i := range members {
			if members[i].value, found = editedWithin(t, members[i].value, path, change); found {
				return objectOf(members), true
			}
		}
	case strings.HasPrefix(text, "["):
		var elements []json.RawMessage
		if err := json.Unmarshal([]byte(text), &elements); err != nil {
			t.Fatalf("the reply to a look-up cannot be read: %v", err)
		}
		for i := range elements {
			var one string
			if one, found = editedWithin(t, string(elements[i]), path, change); found {
				elements[i] = json.RawMessage(one)
				whole, _ := json.Marshal(elements)
				return string(whole), true
			}
		}
	}
	return text, false
}

// has reports whether a text is an object with a member at a path.
func has(text string, path []string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil {
		return false
	}
	value, is := members[path[0]]
	return is && (len(path) == 1 || has(string(value), path[1:]))
}

// valueAt returns the JSON text of a required member.
func valueAt(t *testing.T, reply string, path []string) (value string) {
	t.Helper()
	edited(t, reply, path, func(members []member, at int) []member {
		if at < 0 {
			t.Fatalf("the reply to a create has no member %q", path)
		}
		value = members[at].value
		return members
	})
	return value
}

// set sets a member to a JSON value.
func set(name, value string) edition {
	return func(members []member, at int) []member {
		if at < 0 {
			return append(members, member{quote(name), value})
		}
		members[at].value = value
		return members
	}
}

// textOf returns the id in a JSON text or number.
func textOf(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	return value
}

// another returns a different value of the same type, a number or a text.
func another(value string) string {
	text := []byte(value)
	for i := len(text) - 1; i >= 0; i-- {
		switch c := text[i]; {
		case c == '9', c == 'f', c == 'z':
			text[i]--
			return string(text)
		case c >= '0' && c < '9', c >= 'a' && c < 'z':
			text[i]++
			return string(text)
		}
	}
	return value
}

// A changer changes one reply after it is armed, or all further ones.
type changer struct {
	http.RoundTripper
	change  func(reply string) string
	lasting bool
	// before is the reply from the server, and after the reply to the creator.
	before, after string
}

func (c *changer) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err != nil || c.change == nil {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	c.before = string(body)
	c.after = c.change(c.before)
	if !c.lasting {
		c.change = nil
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader([]byte(c.after))), int64(len(c.after))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// openChanger opens a creator that has a session and whose replies can be changed.
func openChanger(t *testing.T, h *Harness) (*bench, *changer) {
	t.Helper()
	c := &changer{}
	return open(t, h, func(o *userapi.HTTPOptions) {
		c.RoundTripper = o.HTTPClient.Transport
		o.HTTPClient.Transport = c
	}).warm(t), c
}

// edit arms a changer with an edition of the object that has the member at path.
func (c *changer) edit(t *testing.T, path []string, change edition) {
	c.change = func(reply string) string { return edited(t, reply, path, change) }
}

// An Edit changes one member of the vendor's reply to a create.
type Edit struct {
	// Name is the name of the subtest.
	Name string
	// Path is the path of the member, such as {"user", "email"}. The reply must have the member.
	Path []string
	// To returns the member's new value for the vendor's value; both are JSON. "" removes the
	// member.
	To func(shown string) string
}

// apply arms a changer with an Edit.
func (c *changer) apply(t *testing.T, e Edit) {
	c.edit(t, e.Path, func(members []member, at int) []member {
		if at < 0 {
			t.Fatalf("the reply to a create has no member %q", e.Path)
		}
		return e.change(members, at)
	})
}

// change is the edition of an Edit.
func (e Edit) change(members []member, at int) []member {
	if members[at].value = e.To(members[at].value); members[at].value == "" {
		return slices.Delete(members, at, at+1)
	}
	return members
}

// JSON returns a To that replaces the vendor's value by the given one. It panics if the value
// cannot be encoded as JSON.
func JSON(value any) func(shown string) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("userapitest: the value of an Edit cannot be encoded: %v", err))
	}
	return func(string) string { return string(text) }
}
