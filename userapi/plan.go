package userapi

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// A Plan is what a create would send. The zero Plan sends nothing: it comes with the
// error for a request that cannot be sent. Printed or logged a Plan shows its methods,
// routes and Unmapped alone; encoded as JSON it shows everything that is in it.
type Plan struct {
	// Provider is the vendor's name.
	Provider string `json:"provider,omitempty"`
	// Method and Route are the HTTP method and the path below the address of the API. The
	// path has the user's id where the client chooses it, and a name in braces, such as
	// {id}, where the id is not known yet.
	Method string `json:"method"`
	Route  string `json:"route"`
	// UserID is the id that the user will have, where that follows from the request; ""
	// where the vendor chooses it, or the client would choose one at random.
	UserID string `json:"user_id,omitempty"`
	// Body is the body, byte for byte but for its secrets, each of which is Redacted.
	// Of one that is sent as a form these are the form's members, as a JSON object.
	// Personal data stays in it: a plan is for those who may see the request.
	Body json.RawMessage `json:"body,omitempty"`
	// Unmapped names the request's fields that the vendor cannot store, as User.Unmapped
	// does after the create.
	Unmapped []string `json:"unmapped,omitempty"`
	// Unique are the values that no other user of the vendor may have, such as an e-mail
	// address; none where users need not differ. Two requests with an equal one make one user.
	Unique []UniqueValue `json:"unique,omitempty"`
	// Next are the requests that follow once the user exists, in order, such as the one
	// of a Finisher.
	Next []Step `json:"next,omitempty"`
}

// A UniqueValue is something that no two users of a vendor may share. It is printed and
// logged without its Value, and encoded as JSON with it.
type UniqueValue struct {
	// Field is the field of CreateUserRequest that the value comes from, or the vendor's
	// name of it where none does.
	Field string `json:"field"`
	// Value is the value as the vendor compares it: "ada@example.org" for
	// "Ada@Example.org". It is for comparing: it may hold more, such as a tenant.
	Value string `json:"value"`
}

// String returns the field.
func (u UniqueValue) String() string { return u.Field }

// Format writes String for every verb.
func (u UniqueValue) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

// LogValue returns String.
func (u UniqueValue) LogValue() slog.Value { return slog.StringValue(u.String()) }

// A Step is one request of a Plan. It is printed and logged without its body, and encoded
// as JSON with it.
type Step struct {
	// Method, Route and Body are like the Plan's own.
	Method string          `json:"method"`
	Route  string          `json:"route"`
	Body   json.RawMessage `json:"body,omitempty"`
}

// String returns the method and the route.
func (s Step) String() string { return s.Method + " " + s.Route }

// Format writes String for every verb.
func (s Step) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns String.
func (s Step) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Steps returns all requests of the plan in order, its own first; none for a plan that
// sends nothing.
func (p Plan) Steps() []Step {
	if p.Method == "" && p.Route == "" {
		return nil
	}
	return append([]Step{{Method: p.Method, Route: p.Route, Body: p.Body}}, p.Next...)
}

// requests returns the method and the route of each request.
func (p Plan) requests() []string {
	var texts []string
	for _, step := range p.Steps() {
		texts = append(texts, step.String())
	}
	return texts
}

// String returns the methods, the routes and Unmapped in one line.
func (p Plan) String() string {
	text := "nothing to send"
	if requests := p.requests(); len(requests) > 0 {
		text = strings.Join(requests, ", then ")
	}
	if len(p.Unmapped) > 0 {
		text += "; unmapped: " + strings.Join(p.Unmapped, " ")
	}
	return text
}

// Format writes String for every verb: bodies, which hold personal data, stay out of
// logs.
func (p Plan) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue returns the methods with the routes, and Unmapped, as a group.
func (p Plan) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Any("requests", p.requests())}
	if len(p.Unmapped) > 0 {
		attrs = append(attrs, slog.Any("unmapped", p.Unmapped))
	}
	return slog.GroupValue(attrs...)
}
