package provider

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// A Vendor describes one client to the exchange. Its functions are safe for concurrent
// use.
type Vendor struct {
	Name string
	HTTP *transport.Client
	// Prepare sets a call's Sign and Classify.
	Prepare func(*Call)
	// Absent reports whether a 404 is the vendor's own: then the user does not exist.
	Absent func(*transport.Reply) bool
	// Explain adds the vendor's codes, fields and text to an error.
	Explain func(e *userapi.Error, cause error, call *Call, mask Mask)
	// CredentialHeader carries the credential, which is masked in what the vendor says.
	CredentialHeader string
	// Secrets are further values to mask; nil for none.
	Secrets func() []string
	// WhyMissProvesNothing says why a look-up that finds nobody proves nothing with
	// these credentials. nil: finding nobody proves that the user does not exist.
	WhyMissProvesNothing error
}

// A Call is a call of a vendor's API.
type Call struct {
	transport.Call
	// Lookup: the outcome of an error is about a user that was looked for or deleted.
	Lookup bool
	// UserID is the id of the user that the call is for; "" where it is not known.
	UserID string
	// OwnID: UserID was sent in the path, and is masked too.
	OwnID bool
	// Many: the call is about many users. Its errors show none of the vendor's texts, since a
	// mask of so many values costs too much.
	Many bool
	// Hidden are values that no error may show, beside those in the body.
	Hidden []string
	// Field is the neutral field of VendorField in this call, in place of the vendor's table.
	VendorField, Field string
	// Tenant is what the vendor scopes the call to, which is masked too; "" for nothing.
	Tenant string
	// Finish, if set, completes a result first. It returns oddities that are not failures.
	Finish func(*transport.Result) (warnings []string)
	faults []userapi.FieldError
}

// HeaderSigner returns what signs a request by setting a header.
func HeaderSigner(name, value string) func(*http.Request, []byte) error {
	values := []string{value} // shared by all requests, none of which changes it
	return func(r *http.Request, _ []byte) error {
		r.Header[name] = values
		return nil
	}
}

// Checked makes a call fail before anything is sent, if a check has found faults.
func (c *Call) Checked(check *Check) *Call {
	c.faults = check.faults
	return c
}

// NewCreate returns the call that creates a user from a body.
func NewCreate(route, path, contentType string, body []byte) *Call {
	return &Call{Call: transport.Call{
		Operation: OpCreate, Route: route, Method: http.MethodPost, Path: path, ContentType: contentType, Body: body,
	}}
}

// NewLookup returns a call that reads or deletes the user that a value finds. No error shows it.
func NewLookup(op, method, route, path, value string) *Call {
	return &Call{
		Call:   transport.Call{Operation: op, Route: route, Method: method, Path: path, Repeatable: true},
		Lookup: true, Hidden: []string{value},
	}
}

// A Reply is what a call's success is decoded into. It is used once.
type Reply interface {
	// Receive reads a reply; m has what is not in its body. It returns an error for
	// what is not a success, and keeps what could be read, such as the user's id. The
	// caller reports a body that was cut off.
	Receive(from *transport.Reply, m Meta) (bad error)
	// Neutral returns the user; nil without an id.
	Neutral() *userapi.User
}

// ErrOtherUser says that a reply shows another user than was sent or asked for.
var ErrOtherUser = errors.New("the reply has another user than the one that was sent or asked for")

// Create sends a call that creates a user. What accept returns fails the call: an ErrOtherUser as
// somebody else's user, a *userapi.Error as it is. Errors are *userapi.Error, as those of Read.
func Create[R Reply](ctx context.Context, v *Vendor, call *Call, into R, accept func(R, *transport.Result) error) (R, error) {
	var none R
	res, err := v.do(ctx, call)
	if err != nil {
		return none, err
	}
	bad := v.receive(call, res, into)
	other := false
	// A broken reply is looked at too: what it shows of a user may be somebody else's.
	if accept != nil && (bad == nil || into.Neutral() != nil) {
		err := accept(into, res)
		own, isOwn := err.(*userapi.Error)
		if isOwn && bad == nil {
			own.RequestID = v.mask(call, res).Code(own.RequestID)
			return none, own
		}
		other = isOwn || errors.Is(err, ErrOtherUser)
		bad = cmp.Or(bad, err)
	}
	if bad == nil {
		return into, nil
	}
	user := into.Neutral()
	if !other {
		return none, v.malformed(call, res, bad, user)
	}
	e := v.malformed(call, res, bad, nil)
	e.Candidates = []string{user.ID}
	return none, e
}

// Read sends a call that may be repeated. What accept, which may be nil, returns fails the call.
func Read[R Reply](ctx context.Context, v *Vendor, call *Call, into R, accept func(R, *transport.Result) error) (R, error) {
	var none R
	res, err := v.do(ctx, call)
	if err != nil {
		return none, err
	}
	bad := v.receive(call, res, into)
	if bad == nil && accept != nil {
		bad = accept(into, res)
	}
	if bad != nil {
		return none, v.malformed(call, res, bad, nil)
	}
	return into, nil
}

// Do is Read for a call whose success has no content, such as a delete.
func Do(ctx context.Context, v *Vendor, call *Call) error {
	_, err := Read(ctx, v, call, new(Empty), nil)
	return err
}

// receive decodes the reply of a success. A cut-off body wins over what was decoded.
func (v *Vendor) receive(call *Call, res *transport.Result, into Reply) error {
	var warnings []string
	if call.Finish != nil {
		warnings = call.Finish(res)
	}
	bad := into.Receive(res.Reply, newMeta(res, v.requestID(call, res), warnings))
	if cut := res.Reply.ReadErr; cut != nil && !errors.Is(bad, cut) {
		return cut
	}
	return bad
}

// malformed is the error of a success that is not believed. user is what could be read, or nil.
func (v *Vendor) malformed(call *Call, res *transport.Result, cause error, user *userapi.User) *userapi.Error {
	e := NewError(v.Name, call.Operation, res, v.mask(call, res))
	e.Kind, e.Outcome, e.Err = contextKind(cause, userapi.KindProtocol), userapi.OutcomeUnknown, cause
	if user != nil {
		e.Outcome, e.User, e.UserID = userapi.OutcomeCreated, user, user.ID
	}
	return call.complete(e)
}

// do sends a call and returns its success.
func (v *Vendor) do(ctx context.Context, call *Call) (*transport.Result, error) {
	if len(call.faults) > 0 {
		return nil, Invalid(v.Name, call.Operation, call.faults)
	}
	v.Prepare(call)
	if call.Repeatable {
		call.Classify = v.repeatable(call.Classify)
	}
	res := v.HTTP.Do(ctx, &call.Call)
	if res.OK {
		return res, nil
	}
	if call.Finish != nil {
		call.Finish(res)
	}
	return nil, v.Refused(call, res)
}

// Refused is the error of a call without a success.
func (v *Vendor) Refused(call *Call, res *transport.Result) *userapi.Error {
	mask := v.mask(call, res)
	e := NewError(v.Name, call.Operation, res, mask)
	if res.Err != nil {
		v.Explain(e, res.Err, call, mask)
	}
	if call.Lookup && res.NotPrepared && e.Kind == userapi.KindNotFound {
		e.Kind = userapi.KindProtocol // a session was not found, which says nothing about the user
	}
	e = call.complete(e)
	// After a delete of ours that may have been carried out the user is gone.
	deleted := call.Method == http.MethodDelete && res.Unsettled
	if call.Lookup && v.WhyMissProvesNothing != nil && !deleted && e.Outcome == userapi.OutcomeRejected {
		e.Outcome = userapi.OutcomeUnknown
	}
	return e
}

// NeutralField returns the neutral field that one of the vendor's comes from.
func (c *Call) NeutralField(vendorField string, table map[string]string) string {
	if vendorField == c.VendorField {
		return c.Field
	}
	return table[vendorField]
}

// complete adds the call's user to an error.
func (c *Call) complete(e *userapi.Error) *userapi.Error {
	if e.UserID == "" {
		e.UserID = c.UserID
	}
	if c.Lookup {
		e = AsLookupError(e)
	}
	return e
}

// requestID returns the id of a success's call, masked unless it looks random and is not a
// part of what was sent: a mask costs more than a create has to.
func (v *Vendor) requestID(call *Call, res *transport.Result) string {
	id := res.RequestID
	if id == "" {
		return ""
	}
	if looksRandom(id) && !bytes.Contains(call.Body, []byte(id)) && !strings.Contains(res.Reply.Request.Header.Get(v.CredentialHeader), id) {
		return id
	}
	return v.mask(call, res).Code(id)
}

// looksRandom reports whether an id is hex digits that spell no text, such as a UUID; with the name
// of a place behind them they are a Cf-Ray.
func looksRandom(id string) bool {
	if at := len(id) - len("-WAW"); at > 0 && id[at] == '-' && strings.Trim(id[at+1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		id = id[:at]
	}
	if len(id) > 40 || strings.Trim(id, "0123456789abcdef-") != "" {
		return false
	}
	for run := range strings.SplitSeq(id, "-") {
		var text [20]byte
		n, _ := hex.Decode(text[:], []byte(run))
		if n >= shortValue && utf8.Valid(text[:n]) && !bytes.ContainsFunc(text[:n], unicode.IsControl) {
			return false
		}
	}
	return true
}

// mask hides what a call sent, credentials included.
func (v *Vendor) mask(call *Call, res *transport.Result) Mask {
	if call.Many {
		return Mask{all: true}
	}
	hidden := append(slices.Clone(call.Hidden), call.Tenant)
	if call.OwnID {
		hidden = append(hidden, call.UserID)
	}
	if v.Secrets != nil {
		hidden = append(hidden, v.Secrets()...)
	}
	if res.Reply != nil && res.Reply.Request != nil {
		value := res.Reply.Request.Header.Get(v.CredentialHeader)
		hidden = append(hidden, value[strings.LastIndexByte(value, ' ')+1:]) // without its scheme
	}
	return NewMask(call.Body, call.ContentType, hidden...)
}

// Empty is the reply of a success that has nothing to say.
type Empty struct{ Meta }

// Receive accepts a reply without content, for Reply.
func (e *Empty) Receive(from *transport.Reply, m Meta) error {
	e.Meta = m
	return checkEmpty(from)
}

// Neutral returns nil, for Reply.
func (*Empty) Neutral() *userapi.User { return nil }
