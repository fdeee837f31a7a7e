package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A Call is one request to send, by as many attempts as its verdicts allow.
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
	// Repeatable says that sending it twice does no harm, as for a look-up or a
	// session: any failure of the way is then tried again.
	Repeatable bool
	// Sign adds the credentials to one attempt. It sees the request as it will be
	// sent. What it returns as an error ends the call before anything is sent.
	Sign func(r *http.Request, body []byte) error
	// Judge says what a reply means. It is asked once for each attempt that had
	// one, also when the body could not be read whole.
	Judge func(*Reply) Verdict
}

// A Reply is what came back for one attempt.
type Reply struct {
	Status int
	Header http.Header
	// Body is what could be read; ReadErr tells why that is not all of it.
	Body    []byte
	ReadErr error
	// Sent is when the attempt began, Read when its reply had been read.
	Sent, Read time.Time
}

// Again says whether a refused request may be sent again. Only what provably was
// not carried out may.
type Again int

// The ways to send again.
const (
	// No: it stands.
	No Again = iota
	// AfterWait: by the retry policy, after Retry-After or the policy's wait.
	AfterWait
	// AtOnce: once a call, without a wait, whatever the policy; for a credential
	// that was renewed.
	AtOnce
)

// A Verdict is the meaning of a reply.
type Verdict struct {
	// OK: the reply is a success by its status. The rest then means nothing.
	OK      bool
	Kind    userapi.Kind
	Outcome userapi.Outcome
	Again   Again
	// Err is the vendor's error, decoded.
	Err error
}

// A Result is what became of a call.
type Result struct {
	// Verdict is what the whole call shows: its outcome adds up the attempts'.
	Verdict
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
	// wait for the rate limit.
	NotPrepared bool
}

// state follows one call through resty. It is reached through the context.
type state struct {
	ctx    context.Context
	client *Client
	call   *Call

	attempts  int
	renewed   bool
	started   time.Time
	evidence  *evidence
	reply     *Reply
	verdict   Verdict
	after     time.Duration
	hasAfter  bool
	waiting   bool  // the wait before a further attempt has begun
	rejected  bool  // an earlier attempt was refused
	unsettled bool  // an earlier attempt may have been carried out
	hookErr   error // what prepare failed with
}

type stateKey struct{}

func stateOf(ctx context.Context) *state {
	s, _ := ctx.Value(stateKey{}).(*state)
	return s
}

// Do sends the call and returns what became of it.
func (c *Client) Do(ctx context.Context, call *Call) *Result {
	s := &state{client: c, call: call, ctx: ctx}
	if err := ctx.Err(); err != nil {
		return &Result{Verdict: Verdict{Kind: contextKind(err), Outcome: userapi.OutcomeNotSent, Err: contextError(ctx)}, NotPrepared: true}
	}
	req := c.rest.R().SetContext(context.WithValue(ctx, stateKey{}, s))
	if call.Body != nil {
		req.SetBody(call.Body)
		req.Header["Content-Type"] = []string{call.ContentType}
	}
	_, err := req.Execute(call.Method, call.Path)
	return s.result(err)
}

func (s *state) result(err error) *Result {
	res := &Result{
		Verdict:    s.verdict,
		Reply:      s.reply,
		RetryAfter: s.after,
		Attempts:   s.attempts,
		Started:    s.started,
	}
	if s.reply != nil {
		res.RequestID = s.reply.Header.Get(s.client.requestID)
	}
	switch {
	case s.hookErr != nil:
		s.settle()
		res.Verdict = Verdict{Kind: userapi.KindUnknown, Outcome: userapi.OutcomeNotSent, Err: s.hookErr}
		res.Reply, res.NotPrepared = nil, true
		switch ctxErr := s.ctx.Err(); {
		case errors.Is(s.hookErr, errRateWait):
			res.Kind = userapi.KindTimeout
		case ctxErr != nil:
			res.Kind, res.Err = contextKind(ctxErr), contextError(s.ctx)
		}
	case s.attempts == 0:
		res.Verdict = Verdict{Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, Err: withoutURL(err)}
		res.NotPrepared = true
	case !res.OK && s.waiting && s.ctx.Err() != nil:
		// The wait before the next attempt was cut short.
		res.Kind, res.Err = contextKind(s.ctx.Err()), contextError(s.ctx)
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

// contextError is what a done context ended with, and why.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// contextKind tells a deadline from a cancellation.
func contextKind(err error) userapi.Kind {
	if errors.Is(err, context.DeadlineExceeded) {
		return userapi.KindTimeout
	}
	return userapi.KindCanceled
}
