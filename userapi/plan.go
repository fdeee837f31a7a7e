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
	// Personal data stays in it: a plan is for whoever may see the request.
	Body json.RawMessage `json:"body,omitempty"`
	// Unmapped names the request's fields that the vendor cannot store, as User.Unmapped
	// does after the create.
	Unmapped []string `json:"unmapped,omitempty"`
	// Next are the requests that follow once the user exists, in order, such as the one
	// of a Finisher. They have a Method, a Route and a Body.
	Next []Plan `json:"next,omitempty"`
}

// steps returns the method and the route of each request.
func (p Plan) steps() []string {
	if p.Method == "" && p.Route == "" {
		return nil
	}
	steps := []string{p.Method + " " + p.Route}
	for _, next := range p.Next {
		steps = append(steps, next.steps()...)
	}
	return steps
}

// String returns the methods, the routes and Unmapped in one line.
func (p Plan) String() string {
	text := "nothing to send"
	if steps := p.steps(); len(steps) > 0 {
		text = strings.Join(steps, ", then ")
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
	attrs := []slog.Attr{slog.Any("requests", p.steps())}
	if len(p.Unmapped) > 0 {
		attrs = append(attrs, slog.Any("unmapped", p.Unmapped))
	}
	return slog.GroupValue(attrs...)
}
