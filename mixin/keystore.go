package mixin

import (
	"bytes"
	"cmp"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// A Keystore is what an application, or a user that it made, signs its requests with. The
// zero value is empty and cannot sign; ParseKeystore reads one from the JSON that Mixin's
// dashboard and tools hand out. It may be copied, and read by many goroutines at once.
//
// However it is printed, logged or encoded as JSON it shows the user's id, the session's id
// and the kind of key alone. Package fmt calls no methods, and so shows more, for an
// unexported field of a struct, and for the verbs %p and %w, which go vet refuses for it.
type Keystore struct {
	// UserID is the user's id: Mixin's client_id or app_id. It becomes the claim uid.
	UserID string
	// SessionID is the id of the session that PrivateKey belongs to, the claim sid.
	SessionID string
	// PrivateKey signs requests. ParseKeystore makes it an ed25519.PrivateKey or an
	// *rsa.PrivateKey; RSA is the 2018 form, which Mixin no longer issues.
	PrivateKey crypto.Signer

	// The rest is not needed to create users.

	// PinToken is base64, as given: with Ed25519 the server's X25519 public key, with RSA
	// the encrypted PIN key.
	PinToken userapi.Secret
	// ServerPublicKey is the same key, as given: in hex in its Edwards form or, as mixin_bot
	// writes it, the X25519 key in base64.
	ServerPublicKey string
	// SpendPrivateKey is the key that spends what the user owns, mostly in hex: a seed, 64
	// bytes, or a scalar. ParseTIPKey reads it.
	SpendPrivateKey userapi.Secret
	// PIN is the user's PIN, six digits or a TIP key. ParsePIN reads it.
	PIN userapi.Secret
}

// ParseKeystore reads a keystore from JSON, in each form that Mixin has handed out: client_id
// with private_key, as RSA in PEM (2018) or as Ed25519 (2020; Mixin's docs,
// app/getting-started/create-app); app_id with session_private_key (2023; Mixin's
// bot-api-go-client v3); that with pin_token_base64 (Mixin's Node SDK); and those with spend_key
// in the place of spend_private_key (fox-one/mixin-sdk-go; baizhiheizi/mixin_bot). Unknown
// members are ignored; "" and null count as absent.
//
// The key may be the 32-byte seed or the 64-byte private key of Ed25519 in hex or any base64;
// an RSA or Ed25519 key in PEM (PKCS #1 or PKCS #8); or the base64 of the PEM, or of the DER in
// it, as Java writes it. White space and quotes around it, line breaks in it, and those of PEM
// that were lost or became \n do no harm.
//
// The error lists every fault, one a line, by the name of the JSON member and what was
// expected there. It never holds a value. The Keystore is then empty.
func ParseKeystore(text []byte) (Keystore, error) {
	var members map[string]json.RawMessage
	// Some editors put a byte order mark in front of the file.
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if err := json.Unmarshal(text, &members); err != nil || members == nil { // err quotes the text
		return Keystore{}, errors.New("mixin: invalid keystore: expected one JSON object")
	}
	r := memberReader{members: members}
	ks := Keystore{
		UserID:          member(&r, "an id", parseText, strings.EqualFold, "client_id", "app_id", "user_id"),
		SessionID:       member(&r, "an id", parseText, strings.EqualFold, "session_id"),
		PrivateKey:      member(&r, "a private key", parseSessionKey, equalKeys, "session_private_key", "private_key"),
		PinToken:        userapi.Secret(cmp.Or(r.text("pin_token"), r.text("pin_token_base64"))),
		ServerPublicKey: r.text("server_public_key"),
		SpendPrivateKey: userapi.Secret(member(&r, "", parseText, equalTexts, "spend_private_key", "spend_key")),
		PIN:             userapi.Secret(r.text("pin")),
	}
	if len(r.faults) > 0 {
		return Keystore{}, fmt.Errorf("mixin: invalid keystore: %w", errors.Join(r.faults...))
	}
	return ks, nil
}

// memberReader reads members of a JSON object and collects what is wrong with them.
type memberReader struct {
	members map[string]json.RawMessage
	faults  []error
}

func (r *memberReader) fault(member, what string) {
	r.faults = append(r.faults, errors.New(member+": "+what))
}

// text returns the named member, or "" when it is absent or at fault.
func (r *memberReader) text(name string) string {
	var s string
	raw, ok := r.members[name]
	switch {
	case !ok:
	case json.Unmarshal(raw, &s) != nil:
		r.fault(name, "expected a string")
	case s == userapi.Redacted:
		r.fault(name, errRedacted.Error())
	default:
		return s
	}
	return ""
}

// member returns what the members of any of these names hold. Under several it must be the same:
// nothing says which one is right. Without what, which says what is missing, there may be none.
func member[T any](r *memberReader, what string, parse func(string) (T, error), equal func(a, b T) bool, names ...string) (found T) {
	foundAs, faults := "", len(r.faults)
	for _, name := range names {
		text := strings.TrimSpace(r.text(name))
		if text == "" {
			continue
		}
		value, err := parse(text)
		switch {
		case err != nil:
			r.fault(name, err.Error())
		case foundAs == "":
			found, foundAs = value, name
		case !equal(found, value):
			r.fault(name, "expected the same as "+foundAs)
		}
	}
	if foundAs == "" && len(r.faults) == faults && what != "" {
		r.fault(strings.Join(names, " or "), "missing, expected "+what)
	}
	return found
}

func parseText(text string) (string, error) { return text, nil }

func parseSessionKey(text string) (crypto.Signer, error) {
	key, _, err := parsePrivateKey(text)
	return key, err
}

// equalTexts reports whether two texts are the same, or hold one key in two encodings.
func equalTexts(a, b string) bool {
	if a == b {
		return true
	}
	keyA, _, errA := parsePrivateKey(a)
	keyB, _, errB := parsePrivateKey(b)
	return errA == nil && errB == nil && equalKeys(keyA, keyB)
}

func (k Keystore) summary() provider.Summary {
	return provider.Summarize("mixin.Keystore", "user_id", k.UserID, "session_id", k.SessionID, "key", keyKind(k.PrivateKey))
}

// Format shows the ids and the kind of key.
func (k Keystore) Format(f fmt.State, verb rune) { k.summary().Format(f, verb) }

// LogValue is like Format.
func (k Keystore) LogValue() slog.Value { return k.summary().LogValue() }

// MarshalJSON is like Format. The result is not a keystore.
func (k Keystore) MarshalJSON() ([]byte, error) { return k.summary().MarshalJSON() }
