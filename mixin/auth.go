package mixin

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// maxSkew is how far off our clock may be. Beyond it the clock counts as the reason why
// a token was refused.
const maxSkew = 30 * time.Second

// An authorizer signs requests in the name of one session.
type authorizer struct {
	signer            *signer
	userID, sessionID string
	// sessionSecret is the public half of the key that signs; "" if a TokenSigner has it.
	sessionSecret string
	scope         string
	lifetime      time.Duration
	// offset is the server's clock less ours, in nanoseconds, once a refusal has shown it.
	offset atomic.Int64
}

// An attempt is the latest request of a call. A call's attempts come one after the other.
type attempt struct {
	auth   *authorizer
	call   *provider.Call
	id     string        // its request id
	offset time.Duration // what its token's dates were moved by
}

// prepare has a call signed, classified and completed.
func (a *authorizer) prepare(call *provider.Call) {
	at := &attempt{auth: a, call: call}
	call.Sign, call.Classify, call.Finish = at.sign, at.classify, at.finish
}

// prepareUnsigned is prepare for a call that wants no token.
func (a *authorizer) prepareUnsigned(call *provider.Call) {
	at := &attempt{auth: a, call: call}
	call.Sign, call.Classify, call.Finish = at.number, at.classify, at.finish
}

// number gives one attempt its request id, and no token.
func (a *attempt) number(r *http.Request, _ []byte) error {
	a.id, a.offset = uuid.New().String(), time.Duration(a.auth.offset.Load())
	r.Header[requestIDHeader] = []string{a.id}
	return nil
}

// sign dates and signs one attempt. Source: Mixin's docs, app/guide/generate-jwt-token.
func (a *attempt) sign(r *http.Request, body []byte) error {
	offset := time.Duration(a.auth.offset.Load())
	now := time.Now().Add(offset)
	id := uuid.New().String()
	token, err := a.auth.signer.token(r.Context(), claims{
		ExpiresAt: now.Add(a.auth.lifetime).Unix(),
		IssuedAt:  now.Unix(),
		ID:        id,
		Scope:     a.auth.scope,
		SessionID: a.auth.sessionID,
		Sig:       requestSig(r.Method, r.URL.RequestURI(), body),
		UserID:    a.auth.userID,
	})
	if err != nil {
		return err
	}
	values := []string{id, "Bearer " + token}
	r.Header[requestIDHeader] = values[0:1:1]
	r.Header["Authorization"] = values[1:2:2]
	a.id, a.offset = id, offset
	return nil
}

// classify says what the reply to an attempt means.
func (a *attempt) classify(r *transport.Reply) transport.Classification {
	v := classify(r)
	code := 0
	if e, ok := v.Err.(*APIError); ok {
		code = e.Code
	}
	refused := v.Kind == userapi.KindUnauthorized
	switch {
	case a.call.Renew != nil: // an encrypted PIN is sent once, but its refusal tells the time too
		if refused || code == codePINRefused {
			a.skewed(r)
		}
		v.Retry = transport.RetryNever
	case refused && a.skewed(r): // the token was dated by a clock that is off: it is signed again
		v.Retry = transport.RetryNow
	case a.call.Lookup && code == codeUserNotFound:
		v.Kind, v.Outcome = userapi.KindNotFound, userapi.OutcomeRejected
	}
	return v
}

// skewed reports whether the reply shows that the attempt was dated by a clock that is off.
// What follows is then dated by the server's clock.
func (a *attempt) skewed(r *transport.Reply) bool {
	ns, err := strconv.ParseInt(r.Header.Get(serverTimeHeader), 10, 64)
	if err != nil || ns <= 0 {
		return false
	}
	// The server read its clock some time between our sending and reading.
	offset := time.Unix(0, ns).Sub(r.Sent.Add(r.Read.Sub(r.Sent) / 2))
	if (offset - a.offset).Abs() <= maxSkew {
		return false
	}
	a.auth.offset.Store(int64(offset))
	return true
}

// finish fills in the request id that was sent where the reply has none, and warns of another
// one.
func (a *attempt) finish(res *transport.Result) (warnings []string) {
	switch res.RequestID {
	case a.id:
	case "":
		res.RequestID = a.id
	default:
		warnings = []string{"the reply carries another request's id than the one that was sent, " + a.id}
	}
	return warnings
}
