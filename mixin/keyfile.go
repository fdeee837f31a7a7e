package mixin

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/enlist-go/enlist/internal/durable"
	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// A KeyFileState is the state of a key file's user. The file has it as text, except
// "sent": then the file says "prepared", and a file with the ending .sent is beside it.
// From "complete" on each state includes those before it.
type KeyFileState string

// The states, in their order.
const (
	// KeyFilePrepared: the key is stored, and no create with it was sent that may have
	// made a user. The next create uses it.
	KeyFilePrepared KeyFileState = "prepared"
	// KeyFileSent: a create with the key was sent, or was about to be, and its outcome
	// is not known here. No other create is sent until a person decides.
	KeyFileSent KeyFileState = "sent"
	// KeyFileComplete: the user exists, and the file is its keystore.
	KeyFileComplete KeyFileState = "complete"
	// KeyFileTIPSet: Setup has set the user's PIN, its TIP key.
	KeyFileTIPSet KeyFileState = "tip_set"
	// KeyFileVerified: Mixin has confirmed the TIP key.
	KeyFileVerified KeyFileState = "verified"
	// KeyFileRegistered: the user is registered with Mixin's Safe, and ready for use.
	KeyFileRegistered KeyFileState = "registered"
)

var keyFileStates = [...]KeyFileState{
	KeyFilePrepared, KeyFileSent, KeyFileComplete, KeyFileTIPSet, KeyFileVerified, KeyFileRegistered,
}

// atLeast reports whether s is the state t or a later one.
func (s KeyFileState) atLeast(t KeyFileState) bool {
	return slices.Index(keyFileStates[:], s) >= slices.Index(keyFileStates[:], t)
}

// A KeyFile is the content of a SessionKeyDir's file, as Load returns it. Printed,
// logged or encoded it shows the path, the state and the user's id.
type KeyFile struct {
	// Path is absolute if the system can tell.
	Path  string
	State KeyFileState
	// Intent is the state that Setup was about to reach when it last wrote the file, ""
	// for none. Only Mixin knows whether it was reached.
	Intent KeyFileState
	// UserID is "" until it is known. In the state "sent" it is known if the reply to the
	// create broke off after it.
	UserID string
	// Keystore is the user's, with PrivateKey in every state. Its ids are set from
	// the state "complete" on, SpendPrivateKey from "tip_set" on.
	Keystore Keystore
	// SessionSecret is the public half of the key, as Mixin got it.
	SessionSecret string
	// RequestID is that of a create whose outcome is unknown, for Mixin's support.
	RequestID string
	// ChangedAt is when the file was last written, by the clock of this machine.
	ChangedAt time.Time
}

func (f KeyFile) summary() provider.Summary {
	return provider.Summarize("mixin.KeyFile", "path", f.Path, "state", f.State, "user_id", f.UserID)
}

// Format shows the path, the state and the user's id.
func (f KeyFile) Format(s fmt.State, verb rune) { f.summary().Format(s, verb) }

// LogValue is like Format.
func (f KeyFile) LogValue() slog.Value { return f.summary().LogValue() }

// MarshalJSON is like Format.
func (f KeyFile) MarshalJSON() ([]byte, error) { return f.summary().MarshalJSON() }

// A KeyFileError names the key file that an error is about; errors.As finds it. It has
// no secrets in it.
type KeyFileError struct {
	// Path is the file's, or that of the directory if the error is about that.
	Path string
	// State is the file's, "" if it could not be read.
	State KeyFileState
	// Err says what is wrong.
	Err error
}

// Error returns the path, the state and what is wrong.
func (e *KeyFileError) Error() string {
	text := "mixin: key file " + e.Path
	if e.State != "" {
		text += " (" + string(e.State) + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *KeyFileError) Unwrap() error { return e.Err }

const (
	// keyFileFormat marks a file as ours, and the version of its members.
	keyFileFormat = "enlist-mixin-key-1"
	// maxKeyFile is the largest size of a file that is read.
	maxKeyFile = 64 << 10
	// maxMember is the largest member of a reply that is kept: with it the file fits
	// into markSize.
	maxMember = 1 << 10
)

// errNoKeyFile says that a file holds something else, which it does not quote.
var errNoKeyFile = errors.New("expected a key file of this package, whole and unchanged")

// A keyRecord is a key file in memory. Its secrets are of a type that is not shown.
type keyRecord struct {
	State, Intent                      KeyFileState
	ChangedAt                          time.Time
	SessionSecret, RequestID           string
	UserID, SessionID, ServerPublicKey string
	PinToken                           userapi.Secret
	// Key is the seed of the session key, SpendKey that of the key that becomes the
	// user's TIP and spend key; both in hex. They are made together, so that no two runs
	// of Setup hold two spend keys for one user.
	Key, SpendKey userapi.Secret
}

// newKeyRecord makes the keys of a user that is to be created.
func newKeyRecord() (*keyRecord, error) {
	key, err := GenerateSessionKey()
	if err != nil {
		return nil, err
	}
	spend, err := GenerateSessionKey() // of the same kind
	if err != nil {
		return nil, err
	}
	secret, err := SessionSecret(key)
	return &keyRecord{
		State: KeyFilePrepared, SessionSecret: secret,
		Key:      userapi.Secret(hex.EncodeToString(key.Seed())),
		SpendKey: userapi.Secret(hex.EncodeToString(spend.Seed())),
	}, err
}

// seedKey returns the key of a seed in hex, nil for anything else.
func seedKey(seed userapi.Secret) ed25519.PrivateKey {
	raw, err := hex.DecodeString(seed.Reveal())
	if err != nil || len(raw) != ed25519.SeedSize {
		return nil
	}
	return ed25519.NewKeyFromSeed(raw)
}

func (r *keyRecord) sessionKey() ed25519.PrivateKey { return seedKey(r.Key) }
func (r *keyRecord) spendKey() ed25519.PrivateKey   { return seedKey(r.SpendKey) }

// keystore returns what the record knows of the user's keystore.
func (r *keyRecord) keystore() Keystore {
	ks := Keystore{
		UserID: r.UserID, SessionID: r.SessionID, PrivateKey: r.sessionKey(),
		PinToken: r.PinToken, ServerPublicKey: r.ServerPublicKey,
	}
	if r.State.atLeast(KeyFileTIPSet) {
		ks.SpendPrivateKey = r.SpendKey
	}
	return ks
}

// take keeps what a reply says of the user.
func (r *keyRecord) take(resp *CreateUserResponse) {
	r.UserID = cmp.Or(resp.UserID, r.UserID)
	r.SessionID = cmp.Or(resp.SessionID, r.SessionID)
	r.ServerPublicKey = cmp.Or(provider.Value(resp.ServerPublicKey), r.ServerPublicKey)
	r.PinToken = cmp.Or(resp.PinToken, resp.PinTokenBase64, r.PinToken)
}

// members returns the place in the record of each member of the file. Those of a keystore have
// the names that Mixin's clients read.
func (r *keyRecord) members() map[string]*string {
	// Until it is the user's, no client may take it for that: Mixin would refuse what it signs.
	spendKey := "next_spend_private_key"
	if r.State.atLeast(KeyFileTIPSet) {
		spendKey = "spend_private_key"
	}
	return map[string]*string{
		"state":               (*string)(&r.State),
		"intent":              (*string)(&r.Intent),
		"session_secret":      &r.SessionSecret,
		"request_id":          &r.RequestID,
		"client_id":           &r.UserID,
		"session_id":          &r.SessionID,
		"pin_token":           (*string)(&r.PinToken),
		"server_public_key":   &r.ServerPublicKey,
		"session_private_key": (*string)(&r.Key),
		spendKey:              (*string)(&r.SpendKey),
	}
}

// encode writes the record as the text of its file: a keystore in both of its forms. A key
// of the server's that cannot be read stays as it came.
func (r *keyRecord) encode() ([]byte, error) {
	texts := map[string]string{
		"format":      keyFileFormat,
		"changed_at":  r.ChangedAt.UTC().Format(time.RFC3339Nano),
		"app_id":      r.UserID,
		"private_key": base64.RawURLEncoding.EncodeToString(r.sessionKey()),
	}
	for name, value := range r.members() {
		texts[name] = *value
	}
	var check provider.Check
	ks := r.keystore()
	client, app := clientForm(&check, ks), appForm(&check, ks)
	if len(check.Faults()) == 0 {
		texts["pin_token"], texts["server_public_key"] = client.PinToken, app.ServerPublicKey
	}
	maps.DeleteFunc(texts, func(_, value string) bool { return value == "" || len(value) > maxMember })
	text, err := json.MarshalIndent(texts, "", "  ")
	return append(text, '\n'), err
}

// decodeKeyRecord reads the text of a key file. What it returns has both keys.
func decodeKeyRecord(text []byte) (*keyRecord, error) {
	var texts map[string]string
	if json.Unmarshal(text, &texts) != nil || texts["format"] != keyFileFormat {
		return nil, errNoKeyFile
	}
	r := &keyRecord{State: KeyFileState(texts["state"])}
	for name, value := range r.members() {
		*value = texts[name]
	}
	r.ChangedAt, _ = time.Parse(time.RFC3339Nano, texts["changed_at"])
	secret, err := SessionSecret(r.sessionKey())
	if err != nil || secret != r.SessionSecret || r.spendKey() == nil || !slices.Contains(keyFileStates[:], r.State) ||
		r.State.atLeast(KeyFileComplete) && (r.UserID == "" || r.SessionID == "") {
		return nil, errNoKeyFile
	}
	return r, nil
}

// readKeyRecord reads a key file.
func readKeyRecord(path string) (*keyRecord, error) {
	f, err := durable.OpenRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = errNoKeyFile
	}
	if err != nil {
		return nil, err
	}
	return decodeKeyRecord(text)
}

// isMissing reports whether an error says that the file does not exist.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
