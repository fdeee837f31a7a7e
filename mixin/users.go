package mixin

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
)

// UsersService has Mixin's own calls for users. Their errors are *userapi.Error.
type UsersService struct{ core *core }

// CreateUserRequest is the body of POST /users. Nothing in it is secret. Sources:
// Mixin's docs, "Create User" (2018) and "Create Network Users" (today).
type CreateUserRequest struct {
	// FullName is the name to display. nil is not sent. Its longest length is not documented.
	FullName *string `json:"full_name,omitempty"`
	// SessionSecret is required: the public half of the new user's session key, as
	// SessionSecret returns it.
	SessionSecret string `json:"session_secret"`
}

// check finds what Mixin would refuse, and a private key in the place of a public one.
func (r *CreateUserRequest) check(c *provider.Check) {
	if !utf8.ValidString(provider.Value(r.FullName)) {
		c.Invalid("FullName", "full_name", "must be valid UTF-8")
	}
	switch {
	case r.SessionSecret == "":
		c.Required("", "session_secret", "must be set")
	case !isSessionSecret(r.SessionSecret):
		c.Invalid("", "session_secret", "must be an Ed25519 public key of 32 bytes, or the DER form of an RSA public key of at least 1024 bits, in base64")
	}
}

// decodeSecret decodes base64 without line breaks.
func decodeSecret(text string) ([]byte, bool) {
	raw, ok := decodeBase64(text)
	return raw, ok && !strings.ContainsAny(text, "\r\n")
}

// isSessionSecret reports whether text is a public key in a form that a client of Mixin's sends.
func isSessionSecret(text string) bool {
	raw, ok := decodeSecret(text)
	if !ok || len(raw) == ed25519.PublicKeySize {
		return ok
	}
	pub, err := x509.ParsePKIXPublicKey(raw)
	key, isRSA := pub.(*rsa.PublicKey)
	return err == nil && isRSA && checkRSA(key) == nil
}

// Create creates a user. A success is a reply of status 2xx without an error and with a
// user that has an id. Everything else is an error.
func (s *UsersService) Create(ctx context.Context, req CreateUserRequest) (*CreateUserResponse, error) {
	check := provider.NativeCheck(Name)
	req.check(&check)
	if _, err := check.Done(provider.OpCreate); err != nil {
		return nil, err
	}
	if err := s.core.checkCredit(ctx); err != nil {
		return nil, err
	}
	resp, err := s.create(ctx, &req)
	return (*CreateUserResponse)(resp), err
}

// createCall returns the call that creates a user from a body.
func createCall(body []byte) *provider.Call {
	return provider.NewCreate("/users", "/users", "application/json", body)
}

// create sends a request that has been checked. The reply need not show what was sent.
func (s *UsersService) create(ctx context.Context, req *CreateUserRequest) (*reply, error) {
	body, _ := provider.Encode(req) // texts that were checked
	return provider.Create(ctx, s.core.Vendor, createCall(body), &reply{sessionSecret: req.SessionSecret}, nil)
}
