package mixin

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"

	"github.com/enlist-go/enlist/internal/provider"
)

// UpgradeKey returns the Ed25519 session key that takes the place of an RSA one of 2018
// when Mixin upgrades its user: its seed is the first half of the SHA-512 of the old
// key's PKCS #1 form. It sends nothing: the upgrade itself is Mixin's POST
// /legacy/users. A key that is broken is an error of KindInvalid. Source: Mixin's
// bot-api-go-client v3, legacy_user.go.
func UpgradeKey(legacy *rsa.PrivateKey) (ed25519.PrivateKey, error) {
	if _, err := publicKey(legacy); err != nil {
		check := provider.NativeCheck(Name)
		check.Invalid("", "private_key", fault(err))
		_, err = check.Done("upgrade key")
		return nil, err
	}
	digest := sha512.Sum512(x509.MarshalPKCS1PrivateKey(exportable(legacy).(*rsa.PrivateKey)))
	return ed25519.NewKeyFromSeed(digest[:ed25519.SeedSize]), nil
}
