package mixin

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// The operations' names.
const (
	opRotate  = "rotate session key"
	opUpgrade = "upgrade user"
)

var (
	errNoPINToken = errors.New("the reply has no pin_token that is a public key")
	errNoUpgrade  = errors.New("the reply has no session_id: nobody can sign in without it")
)

// RotateSession gives the session that the client signs with another key, by POST /session/secret: an
// Ed25519 key, such as GenerateSessionKey makes. Store it durably before. The session keeps its id and
// has another key for its PINs. The credentials are for a new client; this one is refused from then on.
//
// After OutcomeRejected the old key is the session's. After OutcomeUnknown either may be: a client with
// the other one is refused by Users.Me as Unauthorized. The call is sent again only when it was
// provably not carried out. Sources: Mixin's docs of 2020, "RSA To Ed25519 Migration", which Mixin has
// taken down since; its Android client. They show it for users with an RSA key. Whether Mixin takes it
// today, and for an Ed25519 key, is not documented.
func (s *UsersService) RotateSession(ctx context.Context, key crypto.Signer) (*Credentials, error) {
	check := provider.NativeCheck(Name)
	secret, err := SessionSecret(key)
	switch {
	case err != nil:
		check.Invalid("", "session_secret", fault(err))
	case isRSA(key):
		check.Invalid("", "session_secret", "must be an Ed25519 key: Mixin does not go back to RSA")
	}
	body, _ := json.Marshal(map[string]string{"session_secret": secret}) // a text
	call := postCall(opRotate, "/session/secret", body).Checked(&check)
	call.UserID = s.core.auth.userID
	type data struct {
		PinToken userapi.Secret `json:"pin_token"`
	}
	var rotated data
	accept := func(r *dataReply[json.RawMessage], _ *transport.Result) error {
		object := r.data
		var list []json.RawMessage // the sample in the docs is a list that is cut off
		if json.Unmarshal(object, &list) == nil && len(list) == 1 {
			object = list[0]
		}
		err := wire.Decode(object, &rotated, wire.Path{Names: []string{"pin_token"}})
		if _, bad := montgomeryToken(rotated.PinToken.Reveal()); err != nil || bad != nil {
			return errNoPINToken
		}
		return nil
	}
	if _, err := provider.Read(ctx, s.core.Vendor, call, new(dataReply[json.RawMessage]), accept); err != nil {
		return nil, err
	}
	resp := &CreateUserResponse{UserID: s.core.auth.userID, SessionID: s.core.auth.sessionID, PinToken: rotated.PinToken}
	return resp.Credentials(key)
}

// Upgrade replaces the RSA session key of 2018 that the client's keystore has by the Ed25519 key that
// UpgradeKey makes of it, by POST /legacy/users. The keystore has the private key itself, the session's
// id and its PinToken. pin is the user's six digits, which prove the user: the call has no token, since
// Mixin is reported to refuse RSA. The response has the ids and the server's key; its Credentials, with
// the key of UpgradeKey, are for a new client.
//
//	key, err := mixin.UpgradeKey(rsaKey)
//	resp, err := legacy.Users.Upgrade(ctx, mixin.DigitsPIN(digits))
//	creds, err := resp.Credentials(key)
//
// Mixin counts a wrong PIN. The call is not sent again once it was written, as those of PINService. The
// new key follows from the old one, so that nothing is lost with the reply: after OutcomeUnknown a
// client with the new key and the old ids may already sign in. Whether the session keeps its id is not
// documented. Source: Mixin's bot-api-go-client v3, legacy_user.go.
func (s *UsersService) Upgrade(ctx context.Context, pin PIN) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	legacy, isRSA := s.core.pin.key().(*rsa.PrivateKey)
	if !isRSA {
		check.Required("", "Config.Keystore.PrivateKey", "must be the RSA private key itself, of the session to upgrade")
	}
	if pin.tipKeys != nil {
		check.Invalid("", "pin", "must be six digits: a TIP key came after RSA")
	} else {
		pin.check(&check, "pin")
	}
	cipher, err := s.core.pin.cipher()
	var unusable *userapi.Error
	if isRSA && errors.As(err, &unusable) {
		check.Add(unusable.FieldErrors...)
	}
	if _, err := check.Done(opUpgrade); err != nil {
		return nil, err
	}
	key, err := UpgradeKey(legacy)
	if err != nil {
		return nil, err
	}
	secret, _ := SessionSecret(key) // of a key that was just made
	call, encrypt := s.core.upgradeCall(cipher, legacy, secret, pin)
	call.UserID, call.Renew = s.core.auth.userID, encrypt
	type data struct {
		AppID           string `json:"app_id"`
		UserID          string `json:"user_id"` // before July 2025
		SessionID       string `json:"session_id"`
		ServerPublicKey string `json:"server_public_key"`
	}
	resp := &GetUserResponse{sessionSecret: secret}
	accept := func(r *dataReply[data], _ *transport.Result) error {
		for _, id := range [...]string{r.data.AppID, r.data.UserID} {
			own, ok := uuid.Canonical(id)
			switch {
			case id == "":
			case !ok:
				return provider.ErrNoID
			case own != s.core.auth.userID:
				return provider.ErrOtherUser
			default:
				resp.UserID = own
			}
		}
		if resp.UserID == "" {
			return provider.ErrNoID
		}
		var ok bool
		if resp.SessionID, ok = uuid.Canonical(r.data.SessionID); !ok {
			return errNoUpgrade
		}
		if r.data.ServerPublicKey != "" {
			resp.ServerPublicKey = &r.data.ServerPublicKey
		}
		return nil
	}
	unsigned := *s.core.Vendor
	unsigned.Prepare = s.core.auth.prepareUnsigned
	into := &dataReply[data]{believed: []string{"app_id", "user_id", "session_id", "server_public_key"}}
	r, err := provider.Read(ctx, &unsigned, call, into, accept)
	if err != nil {
		return nil, err
	}
	resp.meta = r.meta
	return resp, nil
}

// upgradeCall returns the call that upgrades a user, with what encrypts its PIN again. Mixin's own client
// sends the iterator 0.
func (c *core) upgradeCall(cipher *PINCipher, legacy *rsa.PrivateKey, secret string, pin PIN) (*provider.Call, func() []byte) {
	der, _ := x509.MarshalPKIXPublicKey(&legacy.PublicKey) // never fails for a key that was checked
	call := pinCall(opUpgrade, "/legacy/users", pin)
	encrypt := func() []byte {
		sealed := cipher.seal([]byte(pin.digits()), cipher.now(), 0)
		call.Body, _ = json.Marshal(map[string]string{
			"session_secret_legacy": base64.RawURLEncoding.EncodeToString(der),
			"session_secret":        secret,
			"session_id":            c.auth.sessionID,
			"pin":                   base64.RawURLEncoding.EncodeToString(sealed),
		})
		return call.Body
	}
	encrypt()
	return call, encrypt
}
