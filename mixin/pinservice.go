package mixin

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// PINService has the calls that set and check the PIN of the user that the client signs as.
// Make the client from the user's keystore, with its private key in it.
//
// A request that was sent is not sent again, not even after a 401 for a clock that is off.
// Mixin takes an encrypted PIN once, and a failure does not say whether it took it. If nothing
// was written, as without a connection, HTTPOptions.Retry applies, and the PIN is encrypted anew.
// After a refusal the next call is dated by the server's clock. A client's calls with a PIN go
// one after the other, so that their iterators arrive in order. The wait ends with the context.
//
// An error's Outcome is that of the step, not of the user. After OutcomeRejected it was not
// done. After OutcomeUnknown it may have been: Users.Me shows it. IsPINError finds refusals of
// the PIN.
type PINService struct{ core *core }

// Update sets the user's PIN, by POST /pin/update. old is the zero PIN for a user without
// one. A TIP key is set for good: an old PIN that is a TIP key is an error of KindInvalid. A
// TIP key is sent as old_pin_base64 and pin_base64; digits as old_pin and pin, the names of
// 2018, in standard base64. The reply must hold the user. Sources: Mixin's docs, "Migrate to
// TIP" and "Update PIN"; Mixin's bot-api-go-client.
func (s *PINService) Update(ctx context.Context, old, pin PIN) (*GetUserResponse, error) {
	member, encoding := pin.form()
	oldMember := "old_" + member
	check := provider.NativeCheck(Name)
	if old.isSet() {
		old.check(&check, oldMember)
	}
	if old.tipKey != nil {
		check.Invalid("", oldMember, "must be digits, or none: a TIP key cannot be changed")
	}
	pin.check(&check, member)
	call := pinCall(opUpdatePIN, "/pin/update", old, pin)
	return s.core.sendPIN(ctx, call, new(reply), &check, func(c *PINCipher) any {
		body := map[string]string{oldMember: ""}
		if old.isSet() { // its iterator is the lower one
			body[oldMember] = encoding.EncodeToString(c.encrypt([]byte(old.digits())))
		}
		var proof []byte
		if pin.digits != nil {
			proof = []byte(pin.digits())
		} else {
			proof = tipSecret(pin.tipKey())
		}
		body[member] = encoding.EncodeToString(c.encrypt(proof))
		return body
	})
}

// Verify checks the user's PIN, by POST /pin/verify. Mixin counts a wrong one, and locks the
// PIN for a day after five. Where Mixin answers with an empty object, as documented, the
// response has no members. Sources: Mixin's docs, "Verify PIN" and "Migrate to TIP".
func (s *PINService) Verify(ctx context.Context, pin PIN) (*GetUserResponse, error) {
	member, encoding := pin.form()
	check := provider.NativeCheck(Name)
	pin.check(&check, member)
	call := pinCall(opVerifyPIN, "/pin/verify", pin)
	return s.core.sendPIN(ctx, call, &reply{mayBeEmpty: true}, &check, func(c *PINCipher) any {
		if pin.digits != nil {
			return map[string]any{member: encoding.EncodeToString(c.encrypt([]byte(pin.digits())))}
		}
		timestamp := c.now().UnixNano()
		return map[string]any{
			member:      encoding.EncodeToString(c.encrypt(tipVerification(pin.tipKey(), timestamp))),
			"timestamp": timestamp,
		}
	})
}

// tipCounter is that of a user's first TIP key, which is also its last.
const tipCounter = 1

// tipSecret is what sets a TIP key: its public half and a counter. Source: Mixin's docs,
// "Migrate to TIP".
func tipSecret(key ed25519.PrivateKey) []byte {
	secret := make([]byte, 0, ed25519.PublicKeySize+8)
	secret = append(secret, key[ed25519.SeedSize:]...)
	return binary.BigEndian.AppendUint64(secret, tipCounter)
}

// tipVerification is what proves a TIP key at a time in Unix nanoseconds. Source:
// Mixin's docs, "Migrate to TIP".
func tipVerification(key ed25519.PrivateKey, timestamp int64) []byte {
	return ed25519.Sign(key, fmt.Appendf(nil, "TIP:VERIFY:%032d", timestamp))
}

// pinCall returns a call that carries PINs. Their digits are masked in what Mixin says.
func pinCall(op, path string, pins ...PIN) *provider.Call {
	call := &provider.Call{Call: transport.Call{
		Operation: op, Route: path, Method: http.MethodPost, Path: path, ContentType: "application/json",
	}}
	for _, p := range pins {
		if p.digits != nil {
			call.Hidden = append(call.Hidden, p.digits())
		}
	}
	return call
}

// pinState is what a client's calls with a PIN share.
type pinState struct {
	// cipher opens the PIN token, once.
	cipher func() (*PINCipher, error)
	// turn is held from the encryption of a PIN until the reply.
	turn chan struct{}
}

// serverNow is the time of the server, once a refusal has shown it.
func (a *authorizer) serverNow() time.Time {
	return time.Now().Add(time.Duration(a.offset.Load()))
}

// sendPIN sends a call whose body holds an encrypted PIN, unless check has found a fault.
// body encrypts it again each time.
func (c *core) sendPIN(ctx context.Context, call *provider.Call, into *reply, check *provider.Check, body func(*PINCipher) any) (*GetUserResponse, error) {
	cipher, err := c.pin.cipher()
	var unusable *userapi.Error
	if errors.As(err, &unusable) {
		check.Add(unusable.FieldErrors...)
	}
	if _, err := check.Done(call.Operation); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, provider.NotPrepared(ctx, Name, call.Operation, err)
	}
	select {
	case c.pin.turn <- struct{}{}:
		defer func() { <-c.pin.turn }()
	case <-ctx.Done():
		return nil, provider.NotPrepared(ctx, Name, call.Operation, context.Cause(ctx))
	}
	last := cipher.last.Load()
	encrypt := func() []byte {
		call.Body, _ = json.Marshal(body(cipher)) // texts and a number
		return call.Body
	}
	encrypt()
	call.UserID, call.Renew = c.auth.userID, encrypt // Renew is called while nothing was written
	resp, err := provider.Read(ctx, c.Vendor, call, into, isUser(c.auth.userID))
	if errors.Is(err, userapi.ErrUnauthorized) {
		// Mixin has not opened the PIN. If our clock was ahead, so is its iterator: one with the
		// right time would be lower.
		cipher.last.Store(last)
	}
	return (*GetUserResponse)(resp), err
}
