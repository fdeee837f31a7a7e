package mixintest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// registerSafe registers the session's user with Safe. The spend key signs the user's id. The PIN
// is the TIP key's signature of the user's id and the spend key.
func (s *Server) registerSafe(r *fakehttp.Request, by session) (any, *apiError) {
	var body struct {
		PublicKey string `json:"public_key"`
		Signature string `json:"signature"`
	}
	if json.Unmarshal(r.Body, &body) != nil {
		return nil, errBadRequest
	}
	spend, err := hex.DecodeString(body.PublicKey)
	if err != nil || checkPublicKey(spend) != nil {
		return nil, invalidField("public_key", "not a public key of Ed25519 in hex")
	}
	id := sha3.Sum256([]byte(by.userID))
	signature, err := decodeBase64(body.Signature)
	if err != nil || !ed25519.Verify(spend, id[:], signature) {
		return nil, invalidField("signature", "not the key's, in base64, of the SHA3-256 of the user's id")
	}
	var pins pinBody
	_, text, refused := pins.read(r.Body)
	if refused != nil {
		return nil, refused
	}
	return s.proven(by, func(p *person) *apiError {
		switch {
		case p.pin.tip == nil:
			return errPIN.because("the user has no TIP key")
		case p.spendKey != "":
			return errForbidden.because("the user is registered")
		}
		if refused := s.checkTIP(&p.pin, by, text, registerMessage(by.userID, body.PublicKey)); refused != nil {
			return refused
		}
		if p.registrations > 0 {
			p.registrations--
			return errPIN.because("the TIP key is too new: WithTIPDelay")
		}
		p.spendKey = body.PublicKey
		return nil
	})
}

// registerMessage returns the message that a TIP key signs to register a spend key in hex.
func registerMessage(userID, spendKey string) []byte {
	sum := sha256.Sum256([]byte("SEQUENCER:REGISTER:" + userID + spendKey))
	return sum[:]
}
