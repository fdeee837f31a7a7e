package mixin

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
)

// SessionSecret returns what stands for a key in CreateUserRequest.SessionSecret:
// its public half (Mixin's docs, api/users/network-user). For Ed25519 it is the
// bare 32 bytes in unpadded URL base64, as Mixin's own clients send it; for RSA,
// the 2018 form, it is the DER SubjectPublicKeyInfo in standard base64. The error
// says what was expected of the key, and never holds a part of it.
func SessionSecret(key crypto.Signer) (string, error) {
	pub, err := publicKey(key)
	if err != nil {
		return "", fmt.Errorf("mixin: session key: %w", err)
	}
	switch pub := pub.(type) {
	case ed25519.PublicKey:
		return base64.RawURLEncoding.EncodeToString(pub), nil
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			return "", fmt.Errorf("mixin: session key: %w", err)
		}
		return base64.StdEncoding.EncodeToString(der), nil
	}
	return "", fmt.Errorf("mixin: session key: unexpected %T", pub)
}
