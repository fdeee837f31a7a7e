package userapi

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// A Plan is what a create would send. The zero Plan sends nothing; it comes with the
// error for an invalid request. Printed or logged, a Plan shows only its methods,
// routes and Unmapped. Encoded as JSON it shows everything.
type Plan struct {
	// Provider is the vendor's name.
	Provider string `json:"provider,omitempty"`
	// Method and Route are the HTTP method and the path below the API's base address.
	// The path has the user's id if the client chooses it, and a name in braces, such
	// as {id}, if the id is not known yet.
	Method string `json:"method"`
	Route  string `json:"route"`
	// UserID is the id that the user will have, if it follows from the request; "" if
	// the vendor chooses it, or the client would choose it at random.
	UserID string `json:"user_id,omitempty"`
	// Body is the body, byte for byte, except that each secret is Redacted. A form is
	// shown as a JSON object of its members. The body has personal data in it.
	Body json.RawMessage `json:"body,omitempty"`
	// Unmapped names the request's fields that the vendor cannot store, as User.Unmapped
	// does after the create.
	Unmapped []string `json:"unmapped,omitempty"`
	// Unique are the values that no other user of the vendor may have, such as an
	// e-mail address. It is empty if users may be alike. Two requests with an equal
	// value make one user.
	Unique []UniqueValue `json:"unique,omitempty"`
	// Next are the requests that follow after the create, in order, such as a
	// Finisher's.
	Next []Step `json:"next,omitempty"`
}

// A UniqueValue is a value that two users of a vendor cannot share. Printed or logged
// it shows only its Field. Encoded as JSON it shows everything.
type UniqueValue struct {
	// Field is the field of CreateUserRequest that the value comes from. If there is
	// none, it is the vendor's name of the field.
	Field string `json:"field"`
	// Value is the value in the form in which the vendor compares it: "ada@example.org"
	// for "Ada@Example.org". Use it for comparing only: it may have more in it, such as
	// a tenant.
	Value string `json:"value"`
}

// String returns the field.
func (u UniqueValue) String() string { return u.Field }

// Format writes String for every verb.
func (u UniqueValue) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

// LogValue returns String.
func (u UniqueValue) LogValue() slog.Value { return slog.StringValue(u.String()) }

// A Step is one request of a Plan. Printed or logged it shows its method and route.
// Encoded as JSON it shows everything.
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

// Steps returns all requests of the plan in order, starting with the create. It returns
// none for the zero Plan.
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

// Format writes String for every verb. It never writes a body.
func (p Plan) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue returns the methods with the routes, and Unmapped, as a group.
func (p Plan) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Any("requests", p.requests())}
	if len(p.Unmapped) > 0 {
		attrs = append(attrs, slog.Any("unmapped", p.Unmapped))
	}
	return slog.GroupValue(attrs...)
}
