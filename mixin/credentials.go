package mixin

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
)

const opCredentials = "make credentials"

// Credentials are what a new user signs in with: its ids and the server's key from the
// reply, joined with its session key. CreateUserResponse.Credentials makes them.
// Printed, logged or encoded they show the ids and the kind of key alone; JSON returns
// the keystore. They may be copied, and read by many goroutines at once. The zero value
// is empty.
type Credentials struct {
	// A closure: formatting the struct cannot show the key.
	keystore func() Keystore
}

// Credentials joins the response with the session key of the user. It refuses a key that is
// not the one that was sent. The responses of Users.Create and Users.Me, and the one that
// userapi.As finds in a user, know which one that is; others do not. An error is of
// KindInvalid and names the members that are at fault. The user exists all the same, with the
// id Error.UserID. The caller may wipe the bytes of an Ed25519 key afterwards.
func (r *CreateUserResponse) Credentials(key crypto.Signer) (*Credentials, error) {
	check := provider.NativeCheck(Name)
	secret, err := SessionSecret(key)
	switch {
	case err != nil:
		check.Invalid("", "session_secret", fault(err))
	case r.sessionSecret != "" && !samePublicKey(r.sessionSecret, secret):
		check.Invalid("", "session_secret", "must be the session key whose public half was sent for this user: this is another one")
	}
	const missing = "missing in the reply: nobody can sign in without it"
	ks := Keystore{
		UserID:          requiredUUID(&check, "user_id", r.UserID, missing),
		SessionID:       requiredUUID(&check, "session_id", r.SessionID, missing),
		PrivateKey:      key,
		PinToken:        cmp.Or(r.PinToken, r.PinTokenBase64),
		ServerPublicKey: provider.Value(r.ServerPublicKey),
	}
	check.Secret("", "pin_token", ks.PinToken)
	if faults := check.Faults(); len(faults) > 0 {
		e := provider.Invalid(Name, opCredentials, faults)
		e.UserID = r.UserID
		return nil, e
	}
	if own := exportable(key); own != nil {
		ks.PrivateKey = own
	}
	return &Credentials{keystore: func() Keystore { return ks }}, nil
}

// samePublicKey compares two session secrets, each in its own alphabet of base64.
func samePublicKey(a, b string) bool {
	rawA, okA := decodeSecret(a)
	rawB, okB := decodeSecret(b)
	return okA && okB && bytes.Equal(rawA, rawB)
}

// Keystore returns a keystore for the Config of a client that acts as the user.
func (c *Credentials) Keystore() Keystore {
	if c == nil || c.keystore == nil {
		return Keystore{}
	}
	ks := c.keystore()
	if own := exportable(ks.PrivateKey); own != nil {
		ks.PrivateKey = own // the caller may wipe this one too
	}
	return ks
}

// Exportable reports whether JSON returns the private key. It does not if the key is a signer
// that keeps it, such as of a KMS: the keystore then needs that signer as
// Keystore.PrivateKey, and no PIN can be encrypted with it.
func (c *Credentials) Exportable() bool { return exportable(c.Keystore().PrivateKey) != nil }

// A KeystoreForm is a form of a keystore's JSON.
type KeystoreForm int

const (
	// ClientForm has the members client_id, session_id, pin_token and private_key: with
	// Ed25519, the form of 2020 (Mixin's docs, app/getting-started/create-app), the 64-byte
	// key in unpadded URL base64; with RSA, the form of 2018, PKCS #1 in PEM.
	ClientForm KeystoreForm = iota
	// AppForm has the members app_id, session_id, server_public_key and
	// session_private_key, the latter two in hex. It is for Ed25519 alone. Source: Mixin's
	// bot-api-go-client v3.
	AppForm
)

// String names the form.
func (f KeystoreForm) String() string {
	switch f {
	case ClientForm:
		return "client form"
	case AppForm:
		return "app form"
	}
	return "unknown form"
}

// JSON returns the keystore as JSON, which ParseKeystore reads. It holds the private key:
// write it to a file that only you can read. The server's key is written in the way of the
// form. server_public_key may then differ in the sign of a coordinate, which does not change
// the PIN's key. What is not known is left out. So is a private key that is not Exportable:
// ParseKeystore refuses such a keystore. AppForm with an RSA key, an unknown form and a
// server's key that cannot be read are errors of KindInvalid.
func (c *Credentials) JSON(form KeystoreForm) ([]byte, error) {
	ks := c.Keystore()
	check := provider.NativeCheck(Name)
	var v any
	switch {
	case ks.PrivateKey == nil:
		check.Required("", "Credentials", "must be made by CreateUserResponse.Credentials")
	case form == ClientForm:
		v = clientForm(&check, ks)
	case form == AppForm:
		v = appForm(&check, ks)
	default:
		check.Invalid("", "form", "must be ClientForm or AppForm")
	}
	if _, err := check.Done(opCredentials); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// jsonKeystore is a keystore's JSON in both forms, with secrets as plain texts.
type jsonKeystore struct {
	ClientID          string `json:"client_id,omitempty"`
	AppID             string `json:"app_id,omitempty"`
	SessionID         string `json:"session_id"`
	PinToken          string `json:"pin_token,omitempty"`
	ServerPublicKey   string `json:"server_public_key,omitempty"`
	PrivateKey        string `json:"private_key,omitempty"`
	SessionPrivateKey string `json:"session_private_key,omitempty"`
}

func clientForm(check *provider.Check, ks Keystore) jsonKeystore {
	out := jsonKeystore{ClientID: ks.UserID, SessionID: ks.SessionID}
	switch key := ks.PrivateKey.(type) {
	case ed25519.PrivateKey:
		out.PrivateKey = base64.RawURLEncoding.EncodeToString(key)
	case *rsa.PrivateKey:
		out.PrivateKey = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	}
	if !isRSA(ks.PrivateKey) {
		out.PinToken = base64.RawURLEncoding.EncodeToString(knownServerKey(check, ks))
		return out
	}
	raw, ok := decodeText(compact(ks.PinToken.Reveal()))
	if !ok {
		check.Invalid("", "pin_token", "must be base64")
	}
	out.PinToken = base64.StdEncoding.EncodeToString(raw)
	return out
}

func appForm(check *provider.Check, ks Keystore) jsonKeystore {
	out := jsonKeystore{AppID: ks.UserID, SessionID: ks.SessionID}
	if isRSA(ks.PrivateKey) {
		check.Invalid("", "form", "must be ClientForm: AppForm has no place for an RSA key")
		return out
	}
	if key, ok := ks.PrivateKey.(ed25519.PrivateKey); ok {
		out.SessionPrivateKey = hex.EncodeToString(key.Seed())
	}
	server := knownServerKey(check, ks)
	switch {
	case server == nil:
	case isHexKey(compact(ks.ServerPublicKey)):
		out.ServerPublicKey = strings.ToLower(compact(ks.ServerPublicKey))
	default:
		edwards, err := edwardsOf(server)
		if err != nil {
			check.Invalid("", "pin_token", err.Error())
		}
		out.ServerPublicKey = hex.EncodeToString(edwards)
	}
	return out
}

// knownServerKey returns the server's X25519 key, nil where the reply had none.
func knownServerKey(check *provider.Check, ks Keystore) []byte {
	if ks.PinToken == "" && ks.ServerPublicKey == "" {
		return nil
	}
	return serverKey(check, "Keystore.", ks)
}

func isRSA(key crypto.Signer) bool {
	_, ok := key.Public().(*rsa.PublicKey)
	return ok
}

func (c Credentials) summary() provider.Summary {
	ks := c.Keystore()
	return provider.Summarize("mixin.Credentials", "user_id", ks.UserID, "session_id", ks.SessionID,
		"key", keyKind(ks.PrivateKey), "exportable", exportable(ks.PrivateKey) != nil)
}

// Format shows the ids, the kind of key and whether it is exportable.
func (c Credentials) Format(f fmt.State, verb rune) { c.summary().Format(f, verb) }

// LogValue is like Format.
func (c Credentials) LogValue() slog.Value { return c.summary().LogValue() }

// MarshalJSON is like Format. The result is for reading: JSON returns the keystore.
func (c Credentials) MarshalJSON() ([]byte, error) { return c.summary().MarshalJSON() }
