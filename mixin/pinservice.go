package mixin

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
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
// How requests are sent:
//
//   - A request that was sent is not sent again, even after a 401 for a wrong clock:
//     Mixin accepts an encrypted PIN once, and a failure does not say whether it was
//     accepted.
//   - If nothing was written, such as without a connection, HTTPOptions.Retry applies,
//     and the PIN is encrypted again.
//   - After a refusal the next call is dated by the server's clock.
//   - A client sends its calls with a PIN one after the other, so that their iterators
//     arrive in order. The wait ends with the context.
//
// Five wrong PINs lock the user's PIN for a day. So a call that proves a PIN first
// compares it with tip_key_base64 of the user's profile, by GET /me and, if that lacks
// it, GET /safe/me. It reads the profile only if no reply and no Update of this client
// has shown the key.
//
//   - A PIN of another key, and digits for a user with a TIP key, are errors of
//     KindInvalid, and are not sent.
//   - If Mixin does not show the key, the PIN is sent, unless its text leaves open
//     which key it is.
//   - A profile that cannot be read is an error.
//
// An error's Outcome is that of the step, not of the user. After OutcomeRejected the
// step was not done. After OutcomeUnknown it may have been: Users.Me shows it.
// IsPINError finds refusals of the PIN.
type PINService struct{ core *core }

// Update sets the user's PIN, by POST /pin/update. old is the zero PIN for a user without
// one. A TIP key is set permanently: an old PIN that is a TIP key is an error of KindInvalid. A
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
	if old.tipKeys != nil {
		check.Invalid("", oldMember, "must be digits, or none: a TIP key cannot be changed")
	}
	pin.check(&check, member)
	call := pinCall(opUpdatePIN, "/pin/update", old, pin)
	resp, err := s.core.sendPIN(ctx, call, new(reply), &check, proof{oldMember, old}, func(c *PINCipher, _ crypto.Signer) any {
		body := map[string]string{oldMember: ""}
		if old.isSet() { // its iterator is the lower one
			body[oldMember] = encoding.EncodeToString(c.encrypt([]byte(old.digits())))
		}
		var next []byte
		if pin.digits != nil {
			next = []byte(pin.digits())
		} else {
			next = tipSecret(pin.tipKeys()[0])
		}
		body[member] = encoding.EncodeToString(c.encrypt(next))
		return body
	})
	if err == nil && pin.tipKeys != nil {
		s.core.pin.known.Store(new(publicBytes(pin.tipKeys()[0])))
	}
	return resp, err
}

// StartAt sets the least iterator of the client's next encrypted PIN to n, as
// PINCipher.StartAt describes. Config.PINIterator does so from the start. The error is
// that of a call with a PIN for which the keystore has no key.
func (s *PINService) StartAt(n uint64) error {
	cipher, err := s.core.pin.cipher()
	if err == nil {
		cipher.StartAt(n)
	}
	return err
}

// Verify checks the user's PIN, by POST /pin/verify. Mixin counts a wrong one, and locks the
// PIN for a day after five. Where Mixin answers with an empty object, as documented, the
// response has no members. Sources: Mixin's docs, "Verify PIN" and "Migrate to TIP".
func (s *PINService) Verify(ctx context.Context, pin PIN) (*GetUserResponse, error) {
	member, encoding := pin.form()
	check := provider.NativeCheck(Name)
	pin.check(&check, member)
	call := pinCall(opVerifyPIN, "/pin/verify", pin)
	return s.core.sendPIN(ctx, call, &reply{mayBeEmpty: true}, &check, proof{member, pin}, func(c *PINCipher, key crypto.Signer) any {
		if pin.digits != nil {
			return map[string]any{member: encoding.EncodeToString(c.encrypt([]byte(pin.digits())))}
		}
		timestamp := c.now().UnixNano()
		return map[string]any{
			member:      encoding.EncodeToString(c.encrypt(tipVerification(key, timestamp))),
			"timestamp": timestamp,
		}
	})
}

// tipCounter is that of a user's first TIP key, which is also its last.
const tipCounter = 1

// tipSecret is what sets a TIP key: its public half and a counter. Source: Mixin's docs,
// "Migrate to TIP".
func tipSecret(key crypto.Signer) []byte {
	secret := make([]byte, 0, ed25519.PublicKeySize+8)
	secret = append(secret, publicBytes(key)...)
	return binary.BigEndian.AppendUint64(secret, tipCounter)
}

// tipVerification is what proves a TIP key at a time in Unix nanoseconds. Source:
// Mixin's docs, "Migrate to TIP".
func tipVerification(key crypto.Signer, timestamp int64) []byte {
	return signTIP(key, fmt.Appendf(nil, "TIP:VERIFY:%032d", timestamp))
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
	// key returns the session's private key, nil for one that is elsewhere.
	key func() crypto.Signer
	// turn is held from the encryption of a PIN until the reply.
	turn chan struct{}
	// known is the user's TIP key, once it was seen: it never changes.
	known atomic.Pointer[[]byte]
}

// noteTIP keeps the TIP key that the user's profile shows.
func (c *core) noteTIP(profile *GetUserResponse) {
	raw, ok := decodeText(provider.Value(profile.TipKeyBase64))
	if ok && len(raw) >= ed25519.PublicKeySize {
		c.pin.known.Store(&raw)
	}
}

// A proof is a PIN that a call proves, and the member that it is sent in. A wrong one counts.
type proof struct {
	member string
	pin    PIN
}

// tipKey returns the key that a proof is made with; nil for digits, and where nothing is proven. It
// compares the PIN with what the user's profile shows.
func (c *core) tipKey(ctx context.Context, op string, p proof) (crypto.Signer, error) {
	if !p.pin.isSet() {
		return nil, nil //nolint:nilnil // no key is needed
	}
	if c.pin.known.Load() == nil {
		_, err := (&UsersService{c}).profile(ctx) // which notes the key
		if err != nil && !errors.Is(err, userapi.ErrNotFound) && !errors.Is(err, userapi.ErrForbidden) {
			return nil, provider.NotPrepared(ctx, Name, op, err)
		}
	}
	key, fault := p.pin.keyOf(c.pin.known.Load())
	if fault == "" {
		return key, nil
	}
	check := provider.NativeCheck(Name)
	check.Invalid("", p.member, fault)
	_, err := check.Done(op)
	return nil, err
}

// serverNow is the time of the server, once a refusal has shown it.
func (a *authorizer) serverNow() time.Time {
	return time.Now().Add(time.Duration(a.offset.Load()))
}

// sendPIN sends a call whose body holds an encrypted PIN, unless check has found a fault, or the
// PIN that it proves is another than the user's. body encrypts it again each time, and gets the TIP
// key that proves.
func (c *core) sendPIN(ctx context.Context, call *provider.Call, into *reply, check *provider.Check, p proof, body func(*PINCipher, crypto.Signer) any) (*GetUserResponse, error) {
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
	key, err := c.tipKey(ctx, call.Operation, p)
	if err != nil {
		return nil, err
	}
	last := cipher.last.Load()
	encrypt := func() []byte {
		call.Body, _ = json.Marshal(body(cipher, key)) // texts and a number
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
