package mixin

import (
	"cmp"
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// Name is the provider's name in users and errors.
const Name = "mixin"

const (
	defaultBaseURL   = "https://api.mixin.one"
	requestIDHeader  = "X-Request-Id"
	serverTimeHeader = "X-Server-Time"

	defaultScope         = "FULL" // what each of Mixin's own clients sends
	defaultTokenLifetime = 5 * time.Minute
	minTokenLifetime     = 10 * time.Second
	maxTokenLifetime     = 90 * 24 * time.Hour // that of Mixin's own samples
)

// Config has the settings of a Client.
type Config struct {
	// Keystore is the application's. UserID, SessionID and, without TokenSigner,
	// PrivateKey must be set. The rest is not needed to create users.
	Keystore Keystore
	// SessionKeys has the session keys of the users to create, such as a KeyDir. It may be
	// a SessionKeyStore. Without it each request must bring its key, in Extra.
	SessionKeys SessionKeys
	// TokenSigner signs in place of Keystore.PrivateKey.
	TokenSigner TokenSigner
	// RequireCredit makes every create read the application's bill first. The credit must
	// cover what was used and one more user. If it does not, the create is not sent, and the
	// error is of KindForbidden with the code "insufficient_credit". A bill that cannot be
	// read is an error of its own Kind. Other creates at the same time, and what
	// is left of a free tier, are not counted.
	RequireCredit bool
	// UserPrice is the price of a user in US dollars, a decimal such as "0.5", for Billing
	// and RequireCredit; "" for DefaultUserPrice.
	UserPrice Decimal
	// PINIterator is the least iterator of the client's encrypted PINs, for a user whose
	// session another program has used with a clock that was ahead: see PINCipher.StartAt.
	// 0 leaves it to the clock.
	PINIterator uint64
	// DeviceID is sent as Mixin-Device-Id when it is set; a UUID. Mixin's
	// documentation asked for it until July 2018.
	DeviceID string
	// TokenLifetime is how long the token of one request is valid, in whole seconds:
	// from 10 seconds to 90 days. 0 means 5 minutes.
	TokenLifetime time.Duration
	// Scope is the token's scope; "" means "FULL".
	Scope string
	// HTTP has the settings for HTTP. A path in its BaseURL is part of what is signed:
	// a proxy that adds or strips one breaks the signature.
	HTTP userapi.HTTPOptions
}

// SessionKeys makes, or looks up, the session key of a user that is about to be created.
// Its private half signs in as the user and cannot be recovered from Mixin. Implementations
// must be safe for concurrent use.
type SessionKeys interface {
	// SessionKey returns the Ed25519 key for req. It stores the key durably before it
	// returns: the create is sent next, and nobody can sign in as a user whose key is lost.
	// It is called once for each call, after the request was found valid. For a repeated
	// call it may return the same key again.
	//
	// An error ends the call before anything is sent. req must not be changed.
	SessionKey(ctx context.Context, req userapi.CreateUserRequest) (crypto.Signer, error)
}

func (c Config) summary() provider.Summary {
	kind := keyKind(c.Keystore.PrivateKey)
	if c.Keystore.PrivateKey == nil && c.TokenSigner != nil {
		kind = "token signer"
	}
	return provider.Summarize("mixin.Config", "credential", kind)
}

// Format shows what signs requests, and nothing else.
func (c Config) Format(f fmt.State, verb rune) { c.summary().Format(f, verb) }

// LogValue is like Format.
func (c Config) LogValue() slog.Value { return c.summary().LogValue() }

// MarshalJSON is like Format.
func (c Config) MarshalJSON() ([]byte, error) { return c.summary().MarshalJSON() }

// A Client creates users in the name of one Mixin application. It is safe for
// concurrent use; make it with New.
type Client struct {
	// Users has Mixin's own calls for users. PIN and Safe make the user usable that the
	// client acts as.
	Users *UsersService
	PIN   *PINService
	Safe  *SafeService

	core *core
}

// core is what the client's services share. Keys stand in closures, which no printing shows.
type core struct {
	*provider.Vendor
	auth *authorizer
	// keys returns Config.SessionKeys; nil without one.
	keys          func() SessionKeyStore
	pin           pinState
	requireCredit bool
	userPrice     Decimal
}

// New makes a client, or returns a *userapi.Error of KindInvalid that names every
// setting that is wrong. It sends nothing.
func New(cfg Config) (*Client, error) {
	var check provider.Check
	auth := newAuthorizer(cfg, &check)
	header := http.Header{"Accept": {"application/json"}}
	if cfg.DeviceID != "" {
		header["Mixin-Device-Id"] = []string{check.UUID("", "Config.DeviceID", cfg.DeviceID)}
	}
	client, httpFaults := transport.New(transport.Config{
		Provider: Name, BaseURL: defaultBaseURL, Options: cfg.HTTP, Header: header, RequestIDHeader: requestIDHeader,
	})
	v := &provider.Vendor{
		Name: Name, HTTP: client, CredentialHeader: "Authorization",
		Prepare: auth.prepare, Absent: saysAbsent, Explain: explain,
	}
	c := &core{Vendor: v, auth: auth, requireCredit: cfg.RequireCredit, userPrice: cmp.Or(cfg.UserPrice, DefaultUserPrice)}
	if !isPrice(c.userPrice) {
		check.Invalid("", "Config.UserPrice", "must be a decimal that is not negative, such as 0.5")
	}
	if cfg.PINIterator > maxIterator {
		check.Invalid("", "Config.PINIterator", "must be at most 9223372036854775807: it is in nanoseconds since 1970")
	}
	switch {
	case cfg.SessionKeys == nil:
	case isNil(cfg.SessionKeys):
		check.Invalid("", "Config.SessionKeys", "must not be a nil pointer")
	default:
		store, ok := cfg.SessionKeys.(SessionKeyStore)
		if !ok {
			store = keysAlone{cfg.SessionKeys}
		}
		c.keys = func() SessionKeyStore { return store }
	}
	if err := provider.InvalidConfig(Name, append(check.Faults(), httpFaults...)); err != nil {
		return nil, err
	}
	c.preparePIN(cfg.Keystore, cfg.PINIterator)
	return &Client{Users: &UsersService{c}, PIN: &PINService{c}, Safe: &SafeService{c}, core: c}, nil
}

// preparePIN keeps what the calls with a PIN need. The first of them opens the PIN token. A
// client that only creates users has no use for the token, which may not even open.
func (c *core) preparePIN(ks Keystore, start uint64) {
	ks.PrivateKey = exportable(ks.PrivateKey)
	ks.SpendPrivateKey, ks.PIN = "", ""
	c.pin.turn = make(chan struct{}, 1)
	c.pin.key = func() crypto.Signer { return ks.PrivateKey }
	c.pin.cipher = sync.OnceValues(func() (*PINCipher, error) {
		cipher, err := openPINCipher(opEncrypt, "Config.Keystore.", ks, c.auth.serverNow)
		cipher.StartAt(start)
		return cipher, err
	})
}

// newAuthorizer checks the settings that make tokens. Without a fault its result can sign.
func newAuthorizer(cfg Config, check *provider.Check) *authorizer {
	ks := cfg.Keystore
	a := &authorizer{
		userID:    requiredUUID(check, "Config.Keystore.UserID", ks.UserID, "must be set"),
		sessionID: requiredUUID(check, "Config.Keystore.SessionID", ks.SessionID, "must be set"),
		scope:     cmp.Or(cfg.Scope, defaultScope),
		lifetime:  cmp.Or(cfg.TokenLifetime, defaultTokenLifetime),
	}
	var err error
	switch {
	case (ks.PrivateKey == nil) == (cfg.TokenSigner == nil):
		check.Required("", "Config", "exactly one of Keystore.PrivateKey and TokenSigner must be set")
	case ks.PrivateKey != nil:
		if a.signer, err = newKeySigner(ks.PrivateKey); err != nil {
			check.Invalid("", "Config.Keystore.PrivateKey", fault(err))
			break
		}
		a.sessionSecret, _ = SessionSecret(ks.PrivateKey) // it has passed the same checks
	default:
		if a.signer, err = newRemoteSigner(cfg.TokenSigner); err != nil {
			check.Invalid("", "Config.TokenSigner", fault(err))
		}
	}
	// None of these is sent. A redacted one shows that the keystore was printed and read back.
	check.Secret("", "Config.Keystore.PinToken", ks.PinToken)
	check.Secret("", "Config.Keystore.SpendPrivateKey", ks.SpendPrivateKey)
	check.Secret("", "Config.Keystore.PIN", ks.PIN)
	if a.lifetime < minTokenLifetime || a.lifetime > maxTokenLifetime {
		check.Invalid("", "Config.TokenLifetime", "must be from 10 seconds to 90 days, or 0 for 5 minutes")
	}
	if !utf8.ValidString(a.scope) || strings.ContainsFunc(a.scope, unicode.IsControl) {
		check.Invalid("", "Config.Scope", "must be valid UTF-8 without control characters")
	}
	return a
}

// fault returns what an error of this package's key functions expects, without the words
// before that.
func fault(err error) string {
	text := err.Error()
	return text[max(strings.Index(text, "expected "), 0):]
}

// requiredUUID returns a UUID in the form that Mixin writes.
func requiredUUID(check *provider.Check, name, id, whenMissing string) string {
	if id == "" {
		check.Required("", name, whenMissing)
	}
	return check.UUIDIfSet(name, id)
}

// CloseIdleConnections closes the connections that are kept for later use. A
// transport that came with the caller's http.Client is asked to do the same.
func (c *Client) CloseIdleConnections() { c.core.HTTP.CloseIdleConnections() }
