package provider

import (
	"context"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// CreateUser sends the call that a neutral request was mapped to. accept is as for Create.
func CreateUser[R Reply](
	ctx context.Context, v *Vendor, req *userapi.CreateUserRequest, unmapped []string,
	call *Call, into R, accept func(R, *transport.Result) error,
) (*userapi.User, error) {
	into, err := Create(ctx, v, call, into, accept)
	if err != nil {
		return nil, Portable(err, req, unmapped)
	}
	user := into.Neutral()
	user.Unmapped = unmapped
	return user, nil
}

// Portable adapts the error of a call to the neutral request that it was made from.
func Portable(err error, req *userapi.CreateUserRequest, unmapped []string) error {
	if e, ok := err.(*userapi.Error); ok && e != nil {
		maskRequest(e, req)
		if e.User != nil {
			e.User.Unmapped = unmapped
		}
	}
	return err
}

// Plan returns what a call would send. path is the path as it is shown.
func Plan(v *Vendor, call *Call, path string, unmapped []string) userapi.Plan {
	return userapi.Plan{Provider: v.Name, Method: call.Method, Route: path, UserID: call.UserID, Body: call.Body, Unmapped: unmapped}
}

// ResolveUser finds out the result of the create of a neutral request.
func (r *Resolution) ResolveUser(ctx context.Context, req *userapi.CreateUserRequest, since time.Time, unmapped []string) (*userapi.User, error) {
	user, err := r.Resolve(ctx, since)
	if err != nil {
		return nil, Portable(err, req, unmapped)
	}
	user.Unmapped = unmapped
	return user, nil
}

// Find reads one user for a Resolution, with its candidate. Both are zero if there is
// none.
func Find[R Reply](ctx context.Context, v *Vendor, call *Call, proof userapi.Proof, into R, accept func(R, *transport.Result) error) (R, *Candidate, error) {
	var none R
	var reply *transport.Reply
	into, err := Read(ctx, v, call, into, func(r R, res *transport.Result) error {
		reply = res.Reply
		return accept(r, res)
	})
	if e, ok := err.(*userapi.Error); ok && e.Kind == userapi.KindNotFound {
		return none, nil, nil
	}
	if err != nil {
		return none, nil, err
	}
	user := into.Neutral()
	user.Proof = proof
	return into, NewCandidate(user, reply), nil
}

// Set returns s if it points to a text that is set, and nil if that is "".
func Set(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

// Value returns what p points to, "" for nil.
func Value[T ~string](p *T) T {
	if p == nil {
		return ""
	}
	return *p
}

// Given reports whether p points to a text that is not blank.
func Given(p *string) bool { return p != nil && strings.TrimSpace(*p) != "" }

// FullName returns the request's full name, or its parts joined; nil for none.
func FullName(req *userapi.CreateUserRequest) *string {
	if req.FullName != "" {
		return &req.FullName
	}
	return Set(new(strings.TrimSpace(req.GivenName + " " + req.FamilyName)))
}
