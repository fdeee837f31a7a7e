package mixintest

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// claims are the claims of a token.
type claims struct {
	jwt.RegisteredClaims
	UserID    string `json:"uid"`
	SessionID string `json:"sid"`
	Sig       string `json:"sig"`
	// Scope is missing in tokens of 2018.
	Scope *string `json:"scp"`
}

// scopeFull is the scope of a token that may do everything.
const scopeFull = "FULL"

// The algorithms of tokens.
const (
	algEdDSA = "EdDSA"
	algRS512 = "RS512"
)

var errKey = errors.New("the token's algorithm is not that of the session's key")

// authenticate returns the session of a request's token.
func (s *Server) authenticate(r *fakehttp.Request) (by session, ok bool) {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !isBearer {
		return session{}, false
	}
	now := s.http.Now()
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		found, ok := s.store.session(c.SessionID)
		if !ok || found.userID != c.UserID {
			return nil, jwt.ErrTokenInvalidClaims
		}
		by = found
		return by.verifier(t.Method.Alg())
	},
		jwt.WithValidMethods([]string{algEdDSA, algRS512}),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	switch {
	case err != nil:
	case c.IssuedAt == nil || c.IssuedAt.Sub(now).Abs() > s.leeway:
	case c.Sig != digest(r.Method, r.RequestURI, r.Body):
	case !isID(c.ID) || !s.store.use(by.sessionID, c.ID):
	default:
		by.limited = c.Scope != nil && *c.Scope != scopeFull
		return by, true
	}
	return session{}, false
}

// verifier returns the session's key if it matches the algorithm.
func (s session) verifier(alg string) (any, error) {
	switch key := s.key.(type) {
	case ed25519.PublicKey:
		if alg == algEdDSA {
			return key, nil
		}
	case *rsa.PublicKey:
		if alg == algRS512 {
			return key, nil
		}
	}
	return nil, errKey
}

// digest returns the required claim sig of a request.
func digest(method, uri string, body []byte) string {
	sum := sha256.Sum256(append([]byte(method+uri), body...))
	return hex.EncodeToString(sum[:])
}

// isID reports whether text is a UUID.
func isID(text string) bool {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	return err == nil && len(raw) == 16 && len(text) == 36
}
