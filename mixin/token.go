package mixin

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/golang-jwt/jwt/v5"
)

// A TokenSigner signs requests with the application's session key, which is held elsewhere,
// such as in a KMS or an HSM. Implementations must be safe for concurrent use.
type TokenSigner interface {
	// SignToken returns the raw signature over signingInput, the encoded header and claims
	// of a JWT (RFC 7515, section 5.1). It must sign exactly these bytes: with EdDSA
	// unhashed, 64 bytes long; with RS512 by RSASSA-PKCS1-v1_5 over their SHA-512.
	//
	// An error ends the call before anything is sent to Mixin. ctx is that of the call.
	//
	// A TokenSigner for an RSA key also has a method Algorithm() string that returns
	// "RS512". Without it, or with "EdDSA" or "", the key is an Ed25519 key. It is called
	// once, when the client is made.
	SignToken(ctx context.Context, signingInput []byte) ([]byte, error)
}

// claims are those of a request (Mixin's docs, app/guide/generate-jwt-token), in the order
// of Mixin's own samples.
type claims struct {
	jwt.Claims `json:"-"` // nil: its methods are for reading a token

	ExpiresAt int64  `json:"exp"` // Unix seconds
	IssuedAt  int64  `json:"iat"` // Unix seconds
	ID        string `json:"jti"` // a UUID of its own for each attempt
	Scope     string `json:"scp,omitempty"`
	SessionID string `json:"sid"`
	Sig       string `json:"sig"` // what requestSig returns
	UserID    string `json:"uid"`
}

// requestSig returns the claim that binds a token to one request: the SHA-256, in
// lower-case hex, of the method, the path with its query and the body, as sent.
func requestSig(method, uri string, body []byte) string {
	h := sha256.New()
	_, _ = io.WriteString(h, method) // a hash never fails
	_, _ = io.WriteString(h, uri)
	_, _ = h.Write(body)
	return hex.EncodeToString(h.Sum(make([]byte, 0, sha256.Size)))
}

// A signer makes tokens. It is safe for concurrent use if its key is. The key is
// kept in a closure, where no formatting of a struct can reach it.
type signer struct {
	method jwt.SigningMethod
	header map[string]any // shared by all tokens, never written
	sign   func(ctx context.Context, signingInput []byte) ([]byte, error)
	// checkSize says whether a signature can have n bytes.
	checkSize func(n int) bool
}

// newKeySigner returns a signer for an Ed25519 or RSA key. The algorithm follows from the
// key, so that the two cannot disagree.
func newKeySigner(key crypto.Signer) (*signer, error) {
	pub, err := publicKey(key)
	if err != nil {
		return nil, fmt.Errorf("mixin: private key: %w", err)
	}
	if own, ok := exportable(key).(ed25519.PrivateKey); ok {
		key = own // the caller may wipe the key's bytes
	}
	if pub, ok := pub.(*rsa.PublicKey); ok {
		size := pub.Size()
		return newSigner(jwt.SigningMethodRS512, func(n int) bool { return n == size },
			func(_ context.Context, signingInput []byte) ([]byte, error) {
				digest := sha512.Sum512(signingInput)
				return key.Sign(rand.Reader, digest[:], crypto.SHA512)
			}), nil
	}
	return newSigner(jwt.SigningMethodEdDSA, isEdDSASize,
		func(_ context.Context, signingInput []byte) ([]byte, error) {
			return key.Sign(rand.Reader, signingInput, crypto.Hash(0))
		}), nil
}

// newRemoteSigner returns a signer for a key that is held elsewhere.
func newRemoteSigner(ts TokenSigner) (*signer, error) {
	if isNil(ts) {
		return nil, errors.New("mixin: token signer: expected one, got none")
	}
	alg := jwt.SigningMethodEdDSA.Alg()
	if a, ok := ts.(interface{ Algorithm() string }); ok {
		alg = cmp.Or(a.Algorithm(), alg)
	}
	switch alg {
	case jwt.SigningMethodEdDSA.Alg():
		return newSigner(jwt.SigningMethodEdDSA, isEdDSASize, ts.SignToken), nil
	case jwt.SigningMethodRS512.Alg():
		// The size of the key is not known here, only how small it can be.
		return newSigner(jwt.SigningMethodRS512, func(n int) bool { return n >= minRSABits/8 }, ts.SignToken), nil
	}
	return nil, errors.New(`mixin: token signer: expected Algorithm to return "EdDSA" or "RS512"`)
}

func isEdDSASize(n int) bool { return n == ed25519.SignatureSize }

func newSigner(method jwt.SigningMethod, checkSize func(int) bool, sign func(context.Context, []byte) ([]byte, error)) *signer {
	return &signer{method, map[string]any{"alg": method.Alg(), "typ": "JWT"}, sign, checkSize}
}

// token returns the signed token, in compact form.
func (s *signer) token(ctx context.Context, c claims) (string, error) {
	t := jwt.Token{Method: s.method, Header: s.header, Claims: c}
	var input string
	var sig []byte
	err := ctx.Err()
	if err == nil {
		input, err = t.SigningString()
	}
	if err == nil {
		sig, err = s.sign(ctx, []byte(input))
	}
	if err != nil {
		return "", fmt.Errorf("mixin: sign token: %w", err)
	}
	// Mixin answers such a token with a 401 that does not say why.
	if !s.checkSize(len(sig)) {
		return "", fmt.Errorf("mixin: sign token: %d bytes are not a %s signature", len(sig), s.method.Alg())
	}
	return input + "." + t.EncodeSegment(sig), nil
}
