package transport

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A Call is one request to send. Its Classify decides whether there is a further
// attempt.
type Call struct {
	// Operation is what is being done ("create user") and Route the path as a
	// template: both go into logs and metrics.
	Operation, Route string
	// Method and Path are sent. Path begins with a slash, is escaped, and may have
	// a query.
	Method, Path string
	// ContentType labels Body; both may be empty.
	ContentType string
	Body        []byte
	// Renew makes the body of a further attempt, or of one that waited for the limiter.
	// It is for bodies that a vendor accepts only once, as with a nonce. nil sends Body
	// again.
	Renew func() []byte
	// Repeatable: the call may be sent twice, such as a look-up or a request for a
	// session. Then it is retried after any failure of the connection.
	Repeatable bool
	// Sign adds the credentials to one attempt. It sees the request as it will be
	// sent. What it returns as an error ends the call before anything is sent.
	Sign func(r *http.Request, body []byte) error
	// Classify says what a reply means. It is asked once for each attempt that had
	// one, also when the body could not be read whole.
	Classify func(*Reply) Classification
}

// A Reply is what came back for one attempt.
type Reply struct {
	Status int
	Header http.Header
	// Body is what could be read. ReadErr says why that is not all of it.
	Body    []byte
	ReadErr error
	// Request is the attempt's request, as it was signed.
	Request *http.Request
	// Sent is when the attempt began, Read when its reply had been read.
	Sent, Read time.Time
}

// Retry says whether a refused request may be sent again: only if it provably was not
// carried out.
type Retry int

// The ways to send again.
const (
	// RetryNever: it stands.
	RetryNever Retry = iota
	// RetryBackoff: by the retry policy, after Retry-After or the policy's wait.
	RetryBackoff
	// RetryNow: once a call, without a wait, whatever the policy; for a credential
	// that was renewed.
	RetryNow
)

// A Classification is the meaning of a reply.
type Classification struct {
	// OK: the reply is a success by its status. The rest then means nothing.
	OK      bool
	Kind    userapi.Kind
	Outcome userapi.Outcome
	Retry   Retry
	// Err is the vendor's error, decoded.
	Err error
}

// A Result is how a call ended.
type Result struct {
	// Classification is what the whole call shows: its outcome adds up the attempts'.
	Classification
	// Reply is the last attempt's, nil when it had none.
	Reply *Reply
	// RequestID is the reply's id of the call.
	RequestID string
	// RetryAfter is what the last reply asks for.
	RetryAfter time.Duration
	// Attempts counts the requests that were begun.
	Attempts int
	// Started is when the first attempt began.
	Started time.Time
	// NotPrepared: the error arose before an attempt was begun, in Sign or in the
	// wait for the limiter.
	NotPrepared bool
	// Unsettled: an attempt before the last may have been carried out.
	Unsettled bool
}

// state follows one call through resty. It is the context of the call's requests,
// by which each hook finds it.
type state struct {
	context.Context // the caller's

	client *Client
	call   *Call

	attempts  int
	renewed   bool
	started   time.Time
	evidence  *evidence // the attempt's
	first     evidence  // the first attempt's, to save an allocation
	reply     *Reply
	firstRead Reply // the first attempt's, likewise
	res       Result
	verdict   Classification
	after     time.Duration
	hasAfter  bool
	waiting   bool  // the wait before a further attempt has begun
	rejected  bool  // an earlier attempt was refused
	unsettled bool  // an earlier attempt may have been carried out
	hookErr   error // what prepare failed with
	limited   bool  // that is a limiter's
	limiters  []userapi.Limiter
}

type stateKey struct{}

// Value finds the state itself, and what the caller's context holds.
func (s *state) Value(key any) any {
	if key == (stateKey{}) {
		return s
	}
	return s.Context.Value(key)
}

func stateOf(ctx context.Context) *state {
	s, _ := ctx.Value(stateKey{}).(*state)
	return s
}

// Do sends the call and returns how it ended.
func (c *Client) Do(ctx context.Context, call *Call) *Result {
	s := &state{Context: ctx, client: c, call: call, limiters: c.limiters}
	if l := userapi.LimiterOf(ctx); l != nil {
		s.limiters = append(slices.Clip(s.limiters), l)
	}
	if err := ctx.Err(); err != nil {
		return &Result{Classification: Classification{Kind: contextKind(err), Outcome: userapi.OutcomeNotSent, Err: contextError(ctx)}, NotPrepared: true}
	}
	req := c.rest.R().SetContext(s)
	if call.Body != nil {
		// The hook puts the body on each attempt's request; to resty it is empty, so
		// that resty neither copies it nor keeps it.
		req.SetBody(noBytes)
		req.Header["Content-Type"] = contentType(call.ContentType)
	}
	_, err := req.Execute(call.Method, call.Path)
	return s.result(err)
}

// A limitedError is the error of a limiter that let no request through.
type limitedError struct{ error }

func (limitedError) Is(target error) bool { return target == userapi.ErrLimited }

func (e limitedError) Unwrap() error { return e.error }

func (s *state) result(err error) *Result {
	res := &s.res
	*res = Result{
		Classification: s.verdict,
		Reply:          s.reply,
		RetryAfter:     s.after,
		Attempts:       s.attempts,
		Started:        s.started,
		Unsettled:      s.unsettled,
	}
	if s.reply != nil {
		res.RequestID = s.reply.Header.Get(s.client.requestID)
	}
	switch {
	case s.limited && s.attempts > 0:
		// The call ends with its last refusal.
	case s.hookErr != nil:
		s.foldAttempt()
		res.Classification = Classification{Kind: userapi.KindUnknown, Outcome: userapi.OutcomeNotSent, Err: s.hookErr}
		res.Reply, res.NotPrepared = nil, true
		switch ctxErr := s.Context.Err(); {
		case s.limited && errors.Is(s.hookErr, context.DeadlineExceeded):
			res.Kind, res.Err = userapi.KindTimeout, newFailure("the limiter allows no request before the deadline", limitedError{s.hookErr})
		case s.limited:
			res.Kind, res.Err = userapi.KindUnavailable, newFailure("the limiter failed", limitedError{s.hookErr})
		case ctxErr != nil:
			res.Kind, res.Err = contextKind(ctxErr), contextError(s.Context)
		}
	case s.attempts == 0:
		res.Classification = Classification{Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, Err: newFailure("the request cannot be built", err)}
		res.NotPrepared = true
	case !res.OK && s.waiting && s.Context.Err() != nil:
		// The wait before the next attempt was cut short.
		res.Kind, res.Err = contextKind(s.Context.Err()), contextError(s.Context)
	}
	if !res.OK {
		switch {
		case s.unsettled && !s.call.Repeatable:
			res.Outcome = userapi.OutcomeUnknown
		case s.rejected && res.Outcome == userapi.OutcomeNotSent:
			res.Outcome = userapi.OutcomeRejected
		}
	}
	return res
}

// noBytes is never read from: net/http sees that it is empty.
var noBytes = bytes.NewReader(nil)

// jsonType is the most common content type, shared by all requests.
var jsonType = []string{"application/json"}

func contentType(t string) []string {
	if t == jsonType[0] {
		return jsonType
	}
	return []string{t}
}

// contextKind distinguishes a deadline from a cancellation.
func contextKind(err error) userapi.Kind {
	if errors.Is(err, context.DeadlineExceeded) {
		return userapi.KindTimeout
	}
	return userapi.KindCanceled
}
