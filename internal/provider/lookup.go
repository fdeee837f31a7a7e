package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// errNotAbsent: somebody answered 404, but it was not the vendor's API.
var errNotAbsent = errors.New("the status is 404 and the body is not the vendor's: it does not say that the user does not exist")

// Repeatable makes of a vendor's classify that of a look-up or a delete: whatever makes
// the vendor unavailable is tried again, and a 404 whose body does not say that the
// user is absent came from elsewhere, such as a gateway, and says nothing of the user.
func Repeatable(classify func(*transport.Reply) transport.Classification, saysAbsent func(Absence) bool) func(*transport.Reply) transport.Classification {
	return func(r *transport.Reply) transport.Classification {
		v := classify(r)
		switch {
		case v.OK:
		case r.Status == http.StatusNotFound && (r.ReadErr != nil || !saysAbsent(absence(r.Body))):
			v = transport.Classification{Kind: userapi.KindProtocol, Outcome: userapi.OutcomeUnknown, Err: errors.Join(errNotAbsent, v.Err)}
		case v.Kind == userapi.KindUnavailable:
			v.Retry = transport.RetryBackoff
		}
		return v
	}
}

// Absence is the body of a 404.
type Absence struct {
	// Blank: there is none, but for white space.
	Blank   bool
	members map[string]json.RawMessage
}

func absence(body []byte) Absence {
	a := Absence{Blank: len(bytes.TrimSpace(body)) == 0}
	if json.Unmarshal(body, &a.members) != nil {
		a.members = nil
	}
	return a
}

// Has reports whether the body is a JSON object with all of these members.
func (a Absence) Has(names ...string) bool {
	for _, name := range names {
		if _, has := a.members[name]; !has {
			return false
		}
	}
	return true
}

// AsLookupError gives the error of a look-up or a delete the outcome that it shows: that
// the user does not exist when the vendor said so, and nothing otherwise. What was
// refused here was not sent.
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
	errNotEmpty       = errors.New("the reply has the status of a success and is neither empty nor a JSON object")
	errErrorInSuccess = errors.New("the reply has the status of a success and an error in it")
)

// CheckEmpty looks at the reply of a success that has no content, as to a delete. JSON
// without an error in it is let pass; a page is somebody else's answer.
func CheckEmpty(r *transport.Reply) error {
	if r.ReadErr != nil || len(bytes.TrimSpace(r.Body)) == 0 {
		return r.ReadErr
	}
	var reply struct {
		Errors json.RawMessage `json:"errors"`
		Error  json.RawMessage `json:"error"`
	}
	if _, err := wire.Tolerate(json.Unmarshal(r.Body, &reply)); err != nil {
		return errNotEmpty
	}
	if wire.HasValue(reply.Errors) || wire.HasValue(reply.Error) {
		return errErrorInSuccess
	}
	return nil
}
