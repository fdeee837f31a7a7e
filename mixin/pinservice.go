package mixin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// The operations' names.
const (
	opUpdatePIN = "update PIN"
	opVerifyPIN = "verify PIN"
	opRegister  = "register with Safe"
)

// PINService has the calls that set and check a user's PIN. They act upon the user that
// the client signs as: make the client from the new user's keystore, with its private
// key in it.
//
// What is sent is never sent again: an encrypted PIN may be used once, and whether
// Mixin used it a failure does not tell. Only an attempt of which nothing was written,
// as when no connection could be made, is followed by another by HTTPOptions.Retry,
// with the PIN encrypted anew. Not even after a 401 for a clock that is off, as Create
// does it: but the next call is dated by the server's clock, and so is one that follows
// Users.Me. A client's calls with a PIN go one after the other, so that their iterators
// arrive in order; the wait for the turn ends with the context.
//
// An error's Outcome speaks of the step, not of the user: OutcomeRejected means that
// it was not done, OutcomeUnknown that it may have been, which Users.Me tells; the user
// is not created anew in either case. IsPINError finds refusals of the PIN.
type PINService struct{ core *core }

// Update sets the user's PIN, by POST /pin/update. old is the zero PIN for a user that
// has none yet. A TIP key is set for good: Mixin has no call that changes it, so that
// an old PIN that is a TIP key is an error of KindInvalid. A TIP key is sent with
// today's names, old_pin_base64 and pin_base64; digits with those of 2018, old_pin and
// pin, in standard base64. The reply must hold the user. Sources: Mixin's docs,
// "Migrate to TIP" and "Update PIN"; Mixin's bot-api-go-client.
func (s *PINService) Update(ctx context.Context, old, pin PIN) (*GetUserResponse, error) {
	oldMember, member := "old_pin_base64", "pin_base64"
	if pin.digits != nil {
		oldMember, member = "old_pin", "pin"
	}
	check := provider.NativeCheck(Name)
	old.check(&check, oldMember)
	pin.check(&check, member)
	switch {
	case !pin.isSet():
		check.Required("", member, "must be a TIP key or six digits")
	case old.tipKey != nil:
		check.Invalid("", oldMember, "must be digits, or none: a TIP key cannot be changed")
	}
	return s.core.sendPIN(ctx, pinCall{op: opUpdatePIN, path: "/pin/update", digits: digitsOf(old, pin)}, &check, func(c *PINCipher) any {
		var oldText string
		if pin.digits != nil {
			if old.isSet() {
				oldText = base64.StdEncoding.EncodeToString(c.encrypt([]byte(old.digits())))
			}
			return struct {
				OldPIN string `json:"old_pin"`
				PIN    string `json:"pin"`
			}{oldText, base64.StdEncoding.EncodeToString(c.encrypt([]byte(pin.digits())))}
		}
		if old.isSet() {
			oldText = base64.RawURLEncoding.EncodeToString(c.encrypt([]byte(old.digits())))
		}
		return struct {
			OldPIN string `json:"old_pin_base64"`
			PIN    string `json:"pin_base64"`
		}{oldText, base64.RawURLEncoding.EncodeToString(c.encrypt(tipSecret(pin.tipKey())))}
	})
}

// Verify checks the user's PIN, by POST /pin/verify. Mixin counts a wrong one, and
// locks the PIN for a day after five. The response has no members where Mixin answers
// with an empty object, as it is documented to. Sources: Mixin's docs, "Verify PIN" and
// "Migrate to TIP".
func (s *PINService) Verify(ctx context.Context, pin PIN) (*GetUserResponse, error) {
	member := "pin_base64"
	if pin.digits != nil {
		member = "pin"
	}
	check := provider.NativeCheck(Name)
	pin.check(&check, member)
	if !pin.isSet() {
		check.Required("", member, "must be a TIP key or six digits")
	}
	return s.core.sendPIN(ctx, pinCall{op: opVerifyPIN, path: "/pin/verify", emptyIsFine: true, digits: digitsOf(pin)}, &check, func(c *PINCipher) any {
		if pin.digits != nil {
			return struct {
				PIN string `json:"pin"`
			}{base64.StdEncoding.EncodeToString(c.encrypt([]byte(pin.digits())))}
		}
		timestamp := c.now().UnixNano()
		return struct {
			PIN       string `json:"pin_base64"`
			Timestamp int64  `json:"timestamp"`
		}{base64.RawURLEncoding.EncodeToString(c.encrypt(tipVerification(pin.tipKey(), timestamp))), timestamp}
	})
}

// pinCall is a call that carries an encrypted PIN.
type pinCall struct {
	op, path string
	// emptyIsFine: a reply without a user is a success too.
	emptyIsFine bool
	// digits are those of the PINs, which are masked in what Mixin says.
	digits []string
}

// pinState is what a client's calls with a PIN share.
type pinState struct {
	// cipher opens the PIN token, once.
	cipher func() (*PINCipher, error)
	// turn is held from the encryption of a PIN until the reply.
	turn chan struct{}
}

// serverNow is the time of the server, as far as a refusal has told it.
func (a *authorizer) serverNow() time.Time {
	return time.Now().Add(time.Duration(a.offset.Load()))
}

// sendPIN sends a call whose body holds an encrypted PIN, unless check has found a
// fault. body encrypts it, anew each time.
func (c *core) sendPIN(ctx context.Context, call pinCall, check *provider.Check, body func(*PINCipher) any) (*GetUserResponse, error) {
	cipher, err := c.pin.cipher()
	var unusable *userapi.Error
	if errors.As(err, &unusable) {
		check.Add(unusable.FieldErrors...)
	}
	if _, err := check.Done(call.op); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, provider.NotPrepared(ctx, Name, call.op, err)
	}
	select {
	case c.pin.turn <- struct{}{}:
		defer func() { <-c.pin.turn }()
	case <-ctx.Done():
		return nil, provider.NotPrepared(ctx, Name, call.op, context.Cause(ctx))
	}
	last := cipher.last()
	encrypt := func() []byte {
		text, _ := json.Marshal(body(cipher)) // texts and a number
		return text
	}
	// Before anything is written a further attempt is safe: it takes a new body. After
	// that there is none.
	sent := &provider.Call{
		Call: transport.Call{
			Operation: call.op, Route: call.path, Method: http.MethodPost, Path: call.path,
			ContentType: "application/json", Body: encrypt(),
		},
		UserID: c.auth.userID, Hidden: call.digits,
	}
	sent.Renew = func() []byte {
		sent.Body = encrypt() // which is what the mask looks at
		return sent.Body
	}
	into := &pinReply{emptyIsFine: call.emptyIsFine}
	_, err = provider.Read(ctx, c.Vendor, sent, into, func(r *pinReply, res *transport.Result) error {
		return isUser(c.auth.userID)(&r.reply, res)
	})
	if errors.Is(err, userapi.ErrUnauthorized) {
		// Nobody has opened the PIN. Were the clock ahead its iterator would be too, and
		// with the right time no other could follow it.
		cipher.rewind(last)
	}
	if err != nil {
		return nil, err
	}
	return (*GetUserResponse)(&into.reply), nil
}

// A pinReply is the reply to a call with a PIN.
type pinReply struct {
	reply
	emptyIsFine bool
}

// Receive reads the user, where there has to be one.
func (r *pinReply) Receive(from *transport.Reply, m provider.Meta) error {
	bad := r.reply.Receive(from, m)
	if errors.Is(bad, provider.ErrNoID) && r.emptyIsFine && isEmptyReply(from.Body) {
		return nil
	}
	return bad
}

// digitsOf returns the digits of those PINs that have some.
func digitsOf(pins ...PIN) (digits []string) {
	for _, p := range pins {
		if p.digits != nil {
			digits = append(digits, p.digits())
		}
	}
	return digits
}

// isEmptyReply reports whether a JSON object has nothing but an empty "data" or no
// error.
func isEmptyReply(body []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members == nil {
		return false
	}
	for name, value := range members {
		if name != "data" && (name != "error" || provider.HasContent(value)) {
			return false
		}
	}
	switch strings.Join(strings.Fields(string(members["data"])), "") {
	case "", "null", "{}", `""`:
		return true
	}
	return false
}

// classifyOnce is classify for what may be sent once. A refused token still tells the time.
func (a *attempt) classifyOnce(r *transport.Reply) transport.Classification {
	v := classify(r)
	var e *APIError
	if v.Kind == userapi.KindUnauthorized || errors.As(v.Err, &e) && e.Code == codePINRefused {
		a.skewed(r) // a PIN is dated too
	}
	v.Retry = transport.RetryNever
	return v
}
