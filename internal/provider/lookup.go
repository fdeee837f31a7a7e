package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// errNotAbsent: somebody answered 404, but it was not the vendor's API.
var errNotAbsent = errors.New("the status is 404 and the body is not the vendor's: it does not say that the user does not exist")

// repeatable classifies the replies to look-ups and deletes. What is unavailable is
// asked again. A 404 that is not the vendor's own, such as a gateway's, says nothing
// about the user.
func (v *Vendor) repeatable(classify func(*transport.Reply) transport.Classification) func(*transport.Reply) transport.Classification {
	return func(r *transport.Reply) transport.Classification {
		c := classify(r)
		switch {
		case c.OK:
		case c.Kind == userapi.KindNotFound && (r.ReadErr != nil || !v.Absent(r)):
			c = transport.Classification{Kind: userapi.KindProtocol, Outcome: userapi.OutcomeUnknown, Err: errors.Join(errNotAbsent, c.Err)}
		case c.Kind == userapi.KindUnavailable:
			c.Retry = transport.RetryBackoff
		}
		return c
	}
}

// HasMembers reports whether a body is a JSON object with all of these members.
func HasMembers(body []byte, names ...string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool { _, has := members[name]; return !has })
}

// IsBlank reports whether a body is empty but for white space.
func IsBlank(body []byte) bool { return len(bytes.TrimSpace(body)) == 0 }

// AsLookupError gives the error of a look-up or a delete its outcome: Rejected where the vendor
// said that the user does not exist, and Unknown for everything else that was sent.
func AsLookupError(e *userapi.Error) *userapi.Error {
	switch {
	case e.Kind == userapi.KindNotFound:
		e.Outcome = userapi.OutcomeRejected
	case e.Kind != userapi.KindInvalid || e.StatusCode != 0:
		e.Outcome = userapi.OutcomeUnknown
	}
	return e
}

var (
	errNotEmpty = errors.New("the reply has the status of a success and is neither empty nor JSON")
	// ErrErrorInSuccess is the fault of a success with an error in it.
	ErrErrorInSuccess = errors.New("the reply has the status of a success and an error in it")
	// ErrNoID is the fault of a success without a user's id.
	ErrNoID = errors.New("the reply has no user with an id")
)

// Success checks the reply of a success. err says that it is not JSON; errorMembers may
// have errors.
func Success(err error, hasID bool, errorMembers ...wire.Values) error {
	filled := func(values wire.Values) bool { return slices.ContainsFunc(values, HasContent) }
	switch {
	case err != nil:
		return err
	case slices.ContainsFunc(errorMembers, filled):
		return ErrErrorInSuccess
	case !hasID:
		return ErrNoID
	}
	return nil
}

// Broken returns an error of Success where it says that the reply is not JSON.
func Broken(err error) error {
	if errors.Is(err, ErrErrorInSuccess) || errors.Is(err, ErrNoID) {
		return nil
	}
	return err
}

// checkEmpty checks a success without content. It may be JSON without an error, but not
// a page.
func checkEmpty(r *transport.Reply) error {
	if IsBlank(r.Body) {
		return nil
	}
	if !json.Valid(r.Body) {
		return errNotEmpty
	}
	var in struct {
		Errors        wire.Values `json:"errors"`
		Error         wire.Values `json:"error"`
		FieldErrors   wire.Values `json:"fieldErrors"`
		GeneralErrors wire.Values `json:"generalErrors"`
	}
	_ = wire.Decode(r.Body, &in, wire.Path{}) // stays empty where the body is not an object
	return Success(nil, true, in.Errors, in.Error, in.FieldErrors, in.GeneralErrors)
}

// HasContent reports whether a member holds an error: null, {}, [] and "" are none.
func HasContent(raw json.RawMessage) bool {
	var b bytes.Buffer
	if len(raw) == 0 {
		return false
	}
	if json.Compact(&b, raw) != nil {
		return true
	}
	return !slices.Contains([]string{"null", "{}", "[]", `""`}, b.String())
}
