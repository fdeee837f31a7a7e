package mixin

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/base64"
	"encoding/hex"

	"github.com/enlist-go/enlist/internal/provider"
)

// SafeService has the calls of Mixin Safe, which keeps what a user owns. They act upon
// the user that the client signs as.
type SafeService struct{ core *core }

// Me is like UsersService.Me, by GET /safe/me, whose reply is documented with has_safe and
// tip_key_base64. Source: Mixin's docs, GET /safe/me.
func (s *SafeService) Me(ctx context.Context) (*GetUserResponse, error) {
	return (&UsersService{s.core}).self(ctx, "/safe/me")
}

// Register registers the user with Safe, by POST /safe/users: the key that spends what the
// user owns, proven by a signature of its id, and its TIP key, proven by the encrypted
// signature of both. Mixin's own clients use one key for both. spend is an ed25519.PrivateKey or a
// key of NewScalarKey. Sending, outcomes and refusals are as PINService describes them. Right after PINService.Update Mixin may still answer as to
// a wrong PIN: Register does not wait, and may be called again after a refusal. PINs of digits
// cannot register. The caller may wipe the keys afterwards. Sources: Mixin's docs,
// "Registration"; Mixin's bot-api-go-client v3, for what is signed.
func (s *SafeService) Register(ctx context.Context, spend crypto.Signer, tip PIN) (*GetUserResponse, error) {
	check := provider.NativeCheck(Name)
	if own, ok := exportable(spend).(ed25519.PrivateKey); ok {
		spend = own
	}
	if err := checkTIPKey(spend); err != nil {
		check.Invalid("", "public_key", "spend key: "+fault(err))
	}
	if tip.tipKeys == nil {
		check.Required("", "pin_base64", "must be a TIP key")
	} else {
		tip.check(&check, "pin_base64")
	}
	call := pinCall(opRegister, "/safe/users")
	return s.core.sendPIN(ctx, call, new(reply), &check, proof{"pin_base64", tip}, func(c *PINCipher, key crypto.Signer) any {
		userID, public := s.core.auth.userID, hex.EncodeToString(publicBytes(spend))
		return struct {
			PublicKey string `json:"public_key"`
			Signature string `json:"signature"`
			PIN       string `json:"pin_base64"`
		}{
			public,
			base64.RawURLEncoding.EncodeToString(spendSignature(spend, userID)),
			base64.RawURLEncoding.EncodeToString(c.encrypt(tipRegistration(key, userID, public))),
		}
	})
}

// spendSignature proves the key that is registered with Safe. What is signed is the
// SHA3-256 of the user's id, as Mixin's bot-api-go-client v3 has it; Mixin's docs,
// "Registration", say otherwise.
func spendSignature(spend crypto.Signer, userID string) []byte {
	digest := sha3.Sum256([]byte(userID))
	return signTIP(spend, digest[:])
}

// tipRegistration proves the TIP key for a registration with Safe. Source: Mixin's
// bot-api-go-client v3.
func tipRegistration(key crypto.Signer, userID, publicKey string) []byte {
	digest := sha256.Sum256([]byte("SEQUENCER:REGISTER:" + userID + publicKey))
	return signTIP(key, digest[:])
}
