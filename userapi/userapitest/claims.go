package userapitest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/userapi"
)

// A Reply describes the vendor's reply to a create. The suite edits the server's replies, and
// checks what a creator believes of them. It does the same with a Resolver that asks the vendor. So
// the reply that finds the user of Full must also have the members of ID and Contradict, at any
// depth.
type Reply struct {
	// ID is the path of the member with the user's id, such as {"user", "id"}.
	ID []string
	// CreatedAt is the path of the member with the creation time, in the reply to Minimal. nil
	// means that there is none.
	CreatedAt []string
	// Errors are the paths of members in which the vendor reports errors, such as {"errors"}.
	Errors [][]string
	// ErrorDecides means that a reply with an error and a user is a refusal. Otherwise it is a
	// broken success.
	ErrorDecides bool
	// Contradict are edits of the reply to Full, each of which shows another user. The error's
	// UserID is then "" or, for a userapi.Planner, the id in its plan. nil means that no edit of a
	// reply can contradict the request.
	Contradict []Edit
	// Agree are edits of the reply to Full that do not contradict the request. Examples are another
	// case of a case-insensitive text, and a null member.
	Agree []Edit
}

// claimChecks are about replies to a create with unbelievable claims, and about replies that look
// like that but are valid.
func claimChecks(h *Harness) []check {
	r := h.Reply
	if r == nil {
		return nil
	}
	var checks []check
	for _, e := range r.Contradict {
		checks = append(checks, check{"claims/contradicts_" + e.Name, func(t *testing.T, h *Harness) { contradicted(t, h, e) }})
	}
	for _, e := range r.Agree {
		checks = append(checks, check{"claims/agrees_" + e.Name, func(t *testing.T, h *Harness) { agreed(t, h, e) }})
	}
	for _, id := range hostileIDs {
		if h.ID.MatchString(textOf(id.value)) {
			continue // valid as an id of this vendor
		}
		checks = append(checks, check{"claims/id_" + id.name, func(t *testing.T, h *Harness) { notAnID(t, h, id) }})
	}
	for _, d := range doubles {
		if d.object && len(r.ID) == 1 {
			continue // the id is not in an object of its own
		}
		checks = append(checks, check{"claims/doubled_" + d.name, func(t *testing.T, h *Harness) { doubled(t, h, d) }})
	}
	checks = append(checks, check{"claims/other_spelling", otherSpelling})
	if r.CreatedAt != nil {
		checks = append(checks, check{"claims/created_at_out_of_range", outOfRange})
	}
	for _, path := range r.Errors {
		name := path[len(path)-1]
		checks = append(checks,
			check{"claims/empty_" + name, func(t *testing.T, h *Harness) { emptyError(t, h, path) }},
			check{"claims/filled_" + name, func(t *testing.T, h *Harness) { filledError(t, h, path) }})
	}
	return checks
}

// contradicted: a reply that shows another user is not a success.
func contradicted(t *testing.T, h *Harness, edit Edit) {
	b, c := openChanger(t, h)
	c.apply(t, edit)
	e := b.fails(t.Context(), t, h.Full(2))
	want(t, e, userapi.KindProtocol, userapi.OutcomeUnknown)
	if e.User != nil && e.User.Proof != userapi.ProofNone {
		t.Errorf("the error holds somebody else's user, with the proof %v", e.User.Proof)
	}
	if shown := textOf(valueAt(t, c.after, h.Reply.ID)); !slices.Contains(e.Candidates, shown) {
		t.Errorf("the candidates are %q, want the id of the user that was shown, %q", e.Candidates, shown)
	}
	if asked := b.askedID(t, h.Full(2)); e.UserID != "" && e.UserID != asked {
		t.Errorf("the error's user id is %q, want %q, which was asked for, or none", e.UserID, asked)
	}
	b.sent(t, 1)
}

// askedID returns the id that a create asks for, from its plan. It is "" if the vendor chooses the
// id.
func (b *bench) askedID(t *testing.T, req userapi.CreateUserRequest) string {
	t.Helper()
	p, ok := userapi.Ability[userapi.Planner](b.Creator)
	if !ok {
		return ""
	}
	plan, err := p.PlanUser(req)
	if err != nil {
		t.Fatalf("PlanUser failed: %v", err)
	}
	return plan.UserID
}

// agreed: a reply that differs only in what does not count, or shows less, is believed.
func agreed(t *testing.T, h *Harness, edit Edit) {
	b, c := openChanger(t, h)
	c.apply(t, edit)
	u := b.mustCreate(t, h.Full(2))
	if want := textOf(valueAt(t, c.before, h.Reply.ID)); !strings.EqualFold(u.ID, want) { // the edit may change its case
		t.Errorf("the user's id is %q, want %q", u.ID, want)
	}
}

// A hostileID is a value in the place of an id. "" stands for the request's password.
type hostileID struct{ name, value string }

// in returns the value as JSON, for the reply to a request.
func (id hostileID) in(req userapi.CreateUserRequest) string {
	switch {
	case id.value != "":
		return id.value
	case req.Password == "":
		return quote("planted-in-the-place-of-an-id")
	}
	return quote(req.Password.Reveal())
}

var hostileIDs = []hostileID{
	{"path", `"../../x"`},
	{"line_break", `"a\r\nb"`},
	{"password", ""},
	{"long", `"` + strings.Repeat("A", 300) + `"`},
	{"zero", `0`},
	{"negative", `-5`},
	{"fraction", `1.5`},
	{"beyond_64_bits", `99999999999999999999`},
	{"empty", `""`},
	{"null", `null`},
	{"true", `true`},
	{"object", `{"id":7}`},
}

// notAnID: an invalid id is neither returned nor shown.
func notAnID(t *testing.T, h *Harness, id hostileID) {
	b, c := openChanger(t, h)
	req := h.Full(2)
	value := id.in(req)
	c.edit(t, h.Reply.ID, set(last(h.Reply.ID), value))
	e := b.fails(t.Context(), t, req)
	want(t, e, userapi.KindProtocol, userapi.OutcomeUnknown)
	showsNoID(t, e, textOf(value))
}

// showsNoID checks that an error has no user with text as its id, and does not show text.
func showsNoID(t *testing.T, e *userapi.Error, text string) {
	t.Helper()
	if e.User != nil || e.UserID == text && text != "" || slices.Contains(e.Candidates, text) {
		t.Error("the error has a user with an id that is not one")
	}
	const telling = 4 // an error can have a shorter text by chance
	if len(text) >= telling && (strings.Contains(dump(printable(e)...), text) || strings.Contains(e.Message, text)) {
		t.Error("the error shows the id that is not one")
	}
}

// printable returns everything of an error that can be printed.
func printable(e *userapi.Error) []any {
	values := []any{e, e.FieldErrors, e.Candidates, e.UserID}
	for _, cause := range chain(e.Err) {
		values = append(values, cause)
	}
	return values
}

func last(path []string) string { return path[len(path)-1] }

// A double repeats a member: the id, or the object with the id.
type double struct {
	name string
	// object repeats the whole object.
	object bool
	// second returns the name of the repeated member; both names are JSON.
	second func(name string) string
	// first puts the repeated member in front.
	first bool
}

func sameName(name string) string { return name }

// escaped writes a name's first letter as an escape.
func escaped(name string) string { return fmt.Sprintf(`"\u%04x%s`, name[1], name[2:]) }

var doubles = []double{
	{"id", false, sameName, false},
	{"id_in_front", false, sameName, true},
	{"id_escaped", false, escaped, false},
	{"id_escaped_in_front", false, escaped, true},
	{"object", true, sameName, false},
	{"object_in_front", true, sameName, true},
	{"object_escaped", true, escaped, false},
	{"object_escaped_in_front", true, escaped, true},
}

// doubled: if a member appears twice, neither is believed.
func doubled(t *testing.T, h *Harness, d double) {
	path := h.Reply.ID
	if d.object {
		path = path[:len(path)-1]
	}
	b, c := openChanger(t, h)
	c.edit(t, path, func(members []member, at int) []member {
		if at < 0 {
			t.Fatalf("the reply to a create has no member %q", path)
		}
		second := member{d.second(members[at].name), otherUser(t, members[at].value, d.object, h.Reply.ID)}
		if d.first {
			return slices.Insert(members, 0, second)
		}
		return append(members, second)
	})
	e := b.fails(t.Context(), t, h.Full(2))
	want(t, e, userapi.KindProtocol, userapi.OutcomeUnknown)
	other := another(valueAt(t, c.before, h.Reply.ID))
	if e.User != nil || e.UserID == textOf(other) {
		t.Error("the error believes an id that stands twice")
	}
}

// otherUser returns another user's id or, for an object, the object with that id.
func otherUser(t *testing.T, value string, object bool, path []string) string {
	if !object {
		return another(value)
	}
	return edited(t, value, path[len(path)-1:], set(last(path), another(valueAt(t, value, path[len(path)-1:]))))
}

// otherSpelling: a name that differs in case, or in a letter with the same case folding, is another
// member.
func otherSpelling(t *testing.T, h *Harness) {
	n := 1
	for depth := range h.Reply.ID {
		path := h.Reply.ID[:depth+1]
		if len(path) < len(h.Reply.ID)-1 {
			continue
		}
		for _, name := range spellings(last(path)) {
			n++
			b, c := openChanger(t, h)
			c.edit(t, path, func(members []member, at int) []member {
				if at < 0 {
					t.Fatalf("the reply to a create has no member %q", path)
				}
				other := member{quote(name), otherUser(t, members[at].value, len(path) < len(h.Reply.ID), h.Reply.ID)}
				return append(slices.Insert(members, 0, other), other)
			})
			u := b.mustCreate(t, h.Full(n))
			if want := textOf(valueAt(t, c.before, h.Reply.ID)); u.ID != want {
				t.Errorf("with a member %q the user's id is %q, want %q", name, u.ID, want)
			}
		}
	}
}

// spellings returns names that encoding/json accepts for a name, although they differ.
func spellings(name string) []string {
	var others []string
	for _, other := range []string{strings.ToUpper(name), strings.ReplaceAll(name, "s", "ſ"), strings.ReplaceAll(name, "k", "\u212a")} {
		if other != name {
			others = append(others, other)
		}
	}
	return others
}

// outOfRange: a time that JSON cannot hold does no harm to a user.
func outOfRange(t *testing.T, h *Harness) {
	b, c := openChanger(t, h)
	for i, value := range []string{
		`"2026-01-01T00:00:00+24:00"`, `"99999-01-01T00:00:00Z"`, `"soon"`,
		`253402300800000`, `9223372036854775807`, `-9223372036854775808`, `1e300`,
	} {
		c.edit(t, h.Reply.CreatedAt, set(last(h.Reply.CreatedAt), value))
		u := b.mustCreate(t, h.Minimal(2+i))
		if !u.CreatedAt.IsZero() {
			t.Errorf("created at %s: CreatedAt is not zero", value)
		}
		if _, err := json.Marshal(u); err != nil {
			t.Errorf("created at %s: the user cannot be encoded: %v", value, err)
		}
	}
}

// emptyError: an empty member for errors is not an error.
func emptyError(t *testing.T, h *Harness, path []string) {
	b, c := openChanger(t, h)
	for i, value := range []string{`{}`, `[]`, `""`, `null`} {
		c.edit(t, path, set(last(path), value))
		u, err := b.CreateUser(t.Context(), h.Minimal(2+i))
		switch {
		case err != nil:
			t.Errorf("%s: %v", value, err)
		case u == nil:
			t.Errorf("%s: CreateUser returned neither a user nor an error", value)
		case u.ID != textOf(valueAt(t, c.before, h.Reply.ID)):
			t.Errorf("%s: the user has another id", value)
		}
	}
}

// filledError: an error beside a created user is an error. If there are two members for errors, one
// error is enough.
func filledError(t *testing.T, h *Harness, path []string) {
	b, c := openChanger(t, h)
	name, no := quote(last(path)), `["no"]`
	for i, filled := range [][]member{
		{{name, `{"stranger":["no"]}`}},
		{{name, no}},
		{{name, `"no"`}},
		{{name, no}, {name, `null`}},
		{{name, `null`}, {name, no}},
		{{escaped(name), no}, {name, `{}`}},
	} {
		c.edit(t, path, func(members []member, at int) []member {
			if at >= 0 {
				members = slices.Delete(members, at, at+1)
			}
			return append(members, filled...)
		})
		req := h.Minimal(2 + i)
		u, err := b.CreateUser(t.Context(), req)
		e := b.failed(t, req, u, err)
		if h.Reply.ErrorDecides {
			continue
		}
		want(t, e, userapi.KindProtocol, userapi.OutcomeCreated)
		if e.User != nil && e.User.ID != textOf(valueAt(t, c.before, h.Reply.ID)) {
			t.Errorf("%v: the error's user has another id", filled)
		}
	}
}
