package mixin

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/enlist-go/enlist/internal/durable"
	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// A KeyFileState says how far the user of a key file has come. It stands in the file
// as text, but for "sent": then the file says "prepared", and one with the ending .sent
// stands beside it. Each state but the first two includes those before it.
type KeyFileState string

// The states, in their order.
const (
	// KeyFilePrepared: the key is stored, and no create with it was sent that may have
	// made a user. The next create uses it.
	KeyFilePrepared KeyFileState = "prepared"
	// KeyFileSent: a create with the key was sent, or was about to be, and it is not
	// known here that it succeeded or was refused. No other is sent until a person
	// has decided.
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

// atLeast reports whether s is the state t or one behind it.
func (s KeyFileState) atLeast(t KeyFileState) bool {
	return slices.Index(keyFileStates[:], s) >= slices.Index(keyFileStates[:], t)
}

// A KeyFile is what a file of a SessionKeyDir holds, as Load returns it. However it is
// printed, logged or encoded it shows where the file is, its state and the user's id.
type KeyFile struct {
	// Path is the file's, absolute where the system tells.
	Path  string
	State KeyFileState
	// Intent is the state that Setup was about to reach when it last wrote the file;
	// "" for none. Whether it was reached is then known to Mixin alone.
	Intent KeyFileState
	// UserID is the user's id. It is "" until it is known; in the state "sent" it is
	// known when the reply to the create broke off behind it.
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
	return provider.Summary{Type: "mixin.KeyFile", Attrs: []slog.Attr{
		slog.String("path", f.Path), slog.String("state", string(f.State)), slog.String("user_id", f.UserID),
	}}
}

// Format shows the path, the state and the user's id.
func (f KeyFile) Format(s fmt.State, verb rune) { f.summary().Format(s, verb) }

// LogValue is like Format.
func (f KeyFile) LogValue() slog.Value { return f.summary().LogValue() }

// MarshalJSON is like Format.
func (f KeyFile) MarshalJSON() ([]byte, error) { return f.summary().MarshalJSON() }

// A KeyFileError names the key file that an error is about; errors.As finds it. It
// holds no secret.
type KeyFileError struct {
	// Path is the file's, or that of the directory if the error is about that.
	Path string
	// State is the file's, as far as it is known; "" if it could not be read.
	State KeyFileState
	// Err says what is wrong.
	Err error
}

// Error tells the path, the state and what is wrong.
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

// keyFileFormat marks a file as ours, and the version of its members.
const keyFileFormat = "enlist-mixin-key-1"

const (
	// maxKeyFile is the size beyond which a file is none of ours.
	maxKeyFile = 64 << 10
	// maxMember is the size beyond which a member of a reply is none of Mixin's: with
	// it the file fits into markSize.
	maxMember = 1 << 10
)

// errNoKeyFile is of a file that holds something else: its own text is not quoted.
var errNoKeyFile = errors.New("expected a key file of this package, whole and unchanged")

// A keyRecord is a key file in memory. Its secrets are of the type that does not show.
type keyRecord struct {
	State, Intent                      KeyFileState
	ChangedAt                          time.Time
	SessionSecret, RequestID           string
	UserID, SessionID, ServerPublicKey string
	PinToken                           userapi.Secret
	// Key is the seed of the session key, SpendKey that of the key that becomes the
	// user's TIP and spend key; both in hex. The latter is made with the former: so
	// no two runs of Setup can ever hold two of them for one user.
	Key, SpendKey userapi.Secret
}

// newKeyRecord makes the keys of a user that is to be created.
func newKeyRecord() (*keyRecord, error) {
	key, err := GenerateSessionKey()
	if err != nil {
		return nil, err
	}
	_, spend, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("mixin: spend key: %w", err)
	}
	secret, err := SessionSecret(key)
	if err != nil {
		return nil, err
	}
	return &keyRecord{
		State: KeyFilePrepared, SessionSecret: secret,
		Key:      userapi.Secret(hex.EncodeToString(key.Seed())),
		SpendKey: userapi.Secret(hex.EncodeToString(spend.Seed())),
	}, nil
}

// seedKey returns the key of a seed that decode or newKeyRecord has seen to.
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

// take notes what a reply tells of the user.
func (r *keyRecord) take(resp *CreateUserResponse) {
	set := func(to *string, value string) {
		if value != "" {
			*to = value
		}
	}
	set(&r.UserID, resp.UserID)
	set(&r.SessionID, resp.SessionID)
	set(&r.ServerPublicKey, provider.Value(resp.ServerPublicKey))
	switch {
	case resp.PinToken != "":
		r.PinToken = resp.PinToken
	case resp.PinTokenBase64 != "":
		r.PinToken = resp.PinTokenBase64
	}
}

// The members of a key file. Those of keystores are called as Mixin's clients call
// them, each of which takes what it knows.
const (
	memberFormat        = "format"
	memberState         = "state"
	memberIntent        = "intent"
	memberChangedAt     = "changed_at"
	memberSessionSecret = "session_secret"
	memberRequestID     = "request_id"
	memberClientID      = "client_id"
	memberAppID         = "app_id"
	memberSessionID     = "session_id"
	memberPinToken      = "pin_token"
	memberServerKey     = "server_public_key"
	memberPrivateKey    = "private_key"
	memberSessionKey    = "session_private_key"
	memberSpendKey      = "spend_private_key"
	// memberNextSpendKey holds the spend key until it is the user's: a client that
	// took it for that before would sign what Mixin refuses.
	memberNextSpendKey = "next_spend_private_key"
)

// encode writes the record as the text of its file.
func (r *keyRecord) encode() ([]byte, error) {
	members := map[string]string{
		memberFormat:        keyFileFormat,
		memberState:         string(r.State),
		memberIntent:        string(r.Intent),
		memberChangedAt:     r.ChangedAt.UTC().Format(time.RFC3339Nano),
		memberSessionSecret: r.SessionSecret,
		memberRequestID:     r.RequestID,
		memberClientID:      r.UserID,
		memberAppID:         r.UserID,
		memberSessionID:     r.SessionID,
		memberPinToken:      r.PinToken.Reveal(),
		memberServerKey:     r.ServerPublicKey,
		memberPrivateKey:    base64.RawURLEncoding.EncodeToString(r.sessionKey()),
		memberSessionKey:    r.Key.Reveal(),
	}
	r.completeServerKey(members)
	if r.State.atLeast(KeyFileTIPSet) {
		members[memberSpendKey] = r.SpendKey.Reveal()
	} else {
		members[memberNextSpendKey] = r.SpendKey.Reveal()
	}
	for name, value := range members {
		if value == "" || len(value) > maxMember {
			delete(members, name)
		}
	}
	text, err := json.MarshalIndent(members, "", "  ")
	return append(text, '\n'), err
}

// completeServerKey writes the server's key in both of its forms, of which each client
// knows one. What cannot be read as a key stays as it came.
func (r *keyRecord) completeServerKey(members map[string]string) {
	var check provider.Check
	ks := r.keystore()
	client, app := clientForm(&check, ks), appForm(&check, ks)
	if len(check.Faults()) == 0 {
		members[memberPinToken], members[memberServerKey] = client.PinToken, app.ServerPublicKey
	}
}

// decodeKeyRecord reads the text of a key file. What it returns has both keys.
func decodeKeyRecord(text []byte) (*keyRecord, error) {
	var members map[string]string
	if json.Unmarshal(text, &members) != nil || members[memberFormat] != keyFileFormat {
		return nil, errNoKeyFile
	}
	r := &keyRecord{
		State: KeyFileState(members[memberState]), Intent: KeyFileState(members[memberIntent]),
		SessionSecret: members[memberSessionSecret], RequestID: members[memberRequestID],
		UserID: members[memberClientID], SessionID: members[memberSessionID],
		ServerPublicKey: members[memberServerKey], PinToken: userapi.Secret(members[memberPinToken]),
		Key: userapi.Secret(members[memberSessionKey]), SpendKey: userapi.Secret(members[memberNextSpendKey]),
	}
	if r.State.atLeast(KeyFileTIPSet) {
		r.SpendKey = userapi.Secret(members[memberSpendKey])
	}
	r.ChangedAt, _ = time.Parse(time.RFC3339Nano, members[memberChangedAt])
	key, spend := r.sessionKey(), r.spendKey()
	switch {
	case !slices.Contains(keyFileStates[:], r.State), key == nil, spend == nil:
		return nil, errNoKeyFile
	case r.State.atLeast(KeyFileComplete) && (r.UserID == "" || r.SessionID == ""):
		return nil, errNoKeyFile
	}
	if secret, err := SessionSecret(key); err != nil || secret != r.SessionSecret {
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
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeyFile {
		return nil, errNoKeyFile
	}
	return decodeKeyRecord(text)
}

// isMissing reports whether an error says that there is no such file.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
