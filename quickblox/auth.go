package quickblox

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // QuickBlox's sessions are signed with HMAC-SHA1 by default
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// A Hash is the hash function of a session's HMAC signature.
type Hash int

// The hash functions. SHA1 is the zero value and QuickBlox's default; SHA256 is
// for servers that are configured for it.
const (
	SHA1 Hash = iota
	SHA256
)

func (h Hash) new() func() hash.Hash {
	if h == SHA256 {
		return sha256.New
	}
	return sha1.New
}

// A SessionConfig obtains sessions by POST /session.json: a user session when Login or Email is
// set, else an application session. Source: QuickBlox, "Create session".
type SessionConfig struct {
	// ApplicationID, AuthKey and AuthSecret are the application's credentials.
	ApplicationID int64
	AuthKey       string
	AuthSecret    userapi.Secret
	// Login or Email, but not both, with Password, name the session's user.
	Login, Email string
	Password     userapi.Secret
	// Hash signs the request; the zero value is SHA1.
	Hash Hash
}

func (s *SessionConfig) ofUser() bool { return s.Login != "" || s.Email != "" }

func (s *SessionConfig) check(c *provider.Check) {
	if s.ApplicationID <= 0 {
		c.Required("", "Config.Session.ApplicationID", "must be a positive number")
	}
	c.MustBeSet("", "Config.Session.AuthKey", s.AuthKey != "")
	c.MustBeSet("", "Config.Session.AuthSecret", s.AuthSecret != "")
	c.Secret("", "Config.Session.AuthSecret", s.AuthSecret)
	c.Secret("", "Config.Session.Password", s.Password)
	switch user := s.ofUser(); {
	case s.Login != "" && s.Email != "":
		c.Invalid("", "Config.Session", "at most one of Login and Email may be set")
	case user && s.Password == "":
		c.Required("", "Config.Session.Password", "must be set for a user session")
	case !user && s.Password != "":
		c.Invalid("", "Config.Session.Password", "needs Login or Email")
	}
	if s.Hash != SHA1 && s.Hash != SHA256 {
		c.Invalid("", "Config.Session.Hash", "must be SHA1 or SHA256")
	}
}

func (s SessionConfig) summary() provider.Summary {
	kind := "application"
	if s.ofUser() {
		kind = "user"
	}
	return provider.Summarize("quickblox.SessionConfig", "application_id", s.ApplicationID, "session", kind)
}

// Format shows the application's id and the kind of session.
func (s SessionConfig) Format(f fmt.State, verb rune) { s.summary().Format(f, verb) }

// LogValue is like Format.
func (s SessionConfig) LogValue() slog.Value { return s.summary().LogValue() }

// MarshalJSON is like Format.
func (s SessionConfig) MarshalJSON() ([]byte, error) { return s.summary().MarshalJSON() }

func (s *SessionConfig) params(at time.Time, nonce uint32) url.Values {
	p := url.Values{
		"application_id": {s.applicationID()},
		"auth_key":       {s.AuthKey},
		"nonce":          {strconv.FormatUint(uint64(nonce), 10)},
		"timestamp":      {strconv.FormatInt(at.Unix(), 10)},
	}
	switch {
	case s.Login != "":
		p.Set("user[login]", s.Login)
	case s.Email != "":
		p.Set("user[email]", s.Email)
	}
	if s.ofUser() {
		p.Set("user[password]", s.Password.Reveal())
	}
	return p
}

func (s *SessionConfig) applicationID() string { return strconv.FormatInt(s.ApplicationID, 10) }

// signature signs the parameters as they are, without escaping, in the order of
// their names. Source: QuickBlox, "Signature generation".
func signature(h Hash, secret string, params url.Values) string {
	var pairs []string
	for name := range params {
		pairs = append(pairs, name+"="+params.Get(name))
	}
	slices.Sort(pairs)
	mac := hmac.New(h.new(), []byte(secret))
	mac.Write([]byte(strings.Join(pairs, "&")))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *SessionConfig) sessionForm(at time.Time, nonce uint32) []byte {
	form := s.params(at, nonce)
	form.Set("signature", signature(s.Hash, s.AuthSecret.Reveal(), form))
	return []byte(form.Encode())
}

// newNonce returns 31 random bits: a (timestamp, nonce) pair is taken only once,
// and the range of 0 to 9999 that QuickBlox's own SDKs use collides.
func newNonce() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return binary.BigEndian.Uint32(b[:]) >> 1
}
