package mixintest

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// rotate replaces a session's key and shows the server's half of its PIN key. An Ed25519 key can
// replace an RSA key, but not the other way round. Source: Mixin's docs of 2020, "RSA To Ed25519
// Migration"; its Android client.
func (s *Server) rotate(r *fakehttp.Request, by session) (any, *apiError) {
	var body struct {
		SessionSecret string `json:"session_secret"`
	}
	switch {
	case by.limited:
		return nil, errForbidden
	case json.Unmarshal(r.Body, &body) != nil:
		return nil, errBadRequest
	}
	key, err := parseSessionSecret(body.SessionSecret)
	if err != nil {
		return nil, invalidField("session_secret", err.Error())
	}
	if _, isEd25519 := key.(ed25519.PublicKey); !isEd25519 {
		return nil, invalidField("session_secret", "not an Ed25519 public key")
	}
	a, refused := s.store.rekey(by, key)
	if refused != nil {
		return nil, refused
	}
	return struct {
		PinToken string `json:"pin_token"`
	}{a.PinToken}, nil
}

// upgrade replaces the RSA key of a user's session. The user proves itself with its PIN instead of
// a token. The session's id stays. It does not check the iterator: Mixin's own client sends 0.
// Source: Mixin's bot-api-go-client v3, legacy_user.go.
func (s *Server) upgrade(r *fakehttp.Request) (any, *apiError) {
	var body struct {
		Legacy    string `json:"session_secret_legacy"`
		Secret    string `json:"session_secret"`
		SessionID string `json:"session_id"`
		PIN       string `json:"pin"`
	}
	if json.Unmarshal(r.Body, &body) != nil {
		return nil, errBadRequest
	}
	by, ok := s.store.session(body.SessionID)
	own, isRSA := by.key.(*rsa.PublicKey)
	der, err := decodeBase64(body.Legacy)
	switch {
	case !ok || !isRSA:
		return nil, errUnauthorized.because("no session with an RSA key has this id")
	case err != nil || !isKey(own, der):
		return nil, errUnauthorized.because("session_secret_legacy is not the session's key")
	case by.application:
		return nil, errForbidden.because("the application has no PIN here")
	}
	next, err := parseSessionSecret(body.Secret)
	key, isEd25519 := next.(ed25519.PublicKey)
	if err != nil || !isEd25519 {
		return nil, invalidField("session_secret", "not an Ed25519 public key")
	}
	a, refused := s.store.change(by.userID, func(p *person) *apiError {
		if refused := p.pin.checkLock(s.http.Now()); refused != nil {
			return refused
		}
		if refused := s.checkLegacyPIN(&p.pin, by, body.PIN); refused != nil {
			return refused
		}
		return s.store.rekeyed(p, by, key)
	})
	if refused != nil {
		return nil, refused
	}
	return struct {
		AppID           string `json:"app_id"`
		SessionID       string `json:"session_id"`
		ServerPublicKey string `json:"server_public_key"`
	}{a.UserID, by.sessionID, a.ServerPublicKey}, nil
}

// checkLegacyPIN compares a PIN of digits and accepts any iterator.
func (s *Server) checkLegacyPIN(p *pin, by session, text string) *apiError {
	in, reason := unseal(by.pinKey(), text)
	switch {
	case reason != "":
		return errPIN.because(reason)
	case s.far(time.Unix(int64(in.unix), 0)): //nolint:gosec // an overflow is far off too
		return errPIN.because("the time in the encrypted PIN is not the server's")
	case p.digits == nil:
		return errPIN.because("no PIN of digits is set")
	}
	return p.compare(in.pin, s.http.Now())
}
