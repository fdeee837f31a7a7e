package provision

import (
	"github.com/enlist-go/enlist/userapi"
)

// Refuse is what a Target.Map returns that cannot make a request: nothing is sent to the
// target, and its result has an error of KindInvalid with the fields. Their texts must hold
// no value of the person's.
func Refuse(fields ...userapi.FieldError) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{Extensions: []userapi.Extension{refusal{fields}}}
}

// A refusal is the extension of a request that is none.
type refusal struct{ fields []userapi.FieldError }

// UserExtension names no vendor.
func (refusal) UserExtension() string { return "provision" }

// refusalIn returns the error of a request that Refuse has made, nil for any other.
func refusalIn(req userapi.CreateUserRequest) *userapi.Error {
	if len(req.Extensions) == 1 {
		if r, ok := req.Extensions[0].(refusal); ok {
			e := refused(userapi.KindInvalid, userapi.FieldError{})
			e.FieldErrors = r.fields
			return e
		}
	}
	return nil
}
