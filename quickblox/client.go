package quickblox

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// Name is the provider's name in users and errors.
const Name = "quickblox"

const (
	defaultBaseURL = "https://api.quickblox.com"
	// apiVersion is what QuickBlox's mobile SDKs send.
	apiVersion      = "0.1.1"
	requestIDHeader = "X-Request-Id"
)

// Config has the settings of a Client. Exactly one of APIKey, SessionToken and Session must be set.
type Config struct {
	// APIKey is the key from the dashboard.
	APIKey userapi.Secret
	// SessionToken is a token that the caller obtained. It is not renewed.
	SessionToken userapi.Secret
	// Session lets the client obtain sessions. It is read once, by New.
	Session *SessionConfig
	// HTTP has the settings for HTTP. Its BaseURL is for enterprise hosts, such as
	// "https://api<name>.quickblox.com", without the path of a call.
	HTTP userapi.HTTPOptions
}

func (c Config) summary() provider.Summary {
	credential := "none"
	switch {
	case c.APIKey != "":
		credential = "api key"
	case c.SessionToken != "":
		credential = "session token"
	case c.Session != nil:
		credential = "session"
	}
	return provider.Summarize("quickblox.Config", "credential", credential)
}

// Format shows which credential is set, and nothing else.
func (c Config) Format(f fmt.State, verb rune) { c.summary().Format(f, verb) }

// LogValue is like Format.
func (c Config) LogValue() slog.Value { return c.summary().LogValue() }

// MarshalJSON is like Format.
func (c Config) MarshalJSON() ([]byte, error) { return c.summary().MarshalJSON() }

// A Client creates users in one QuickBlox application. It is safe for concurrent
// use; make it with New.
type Client struct {
	// Users has QuickBlox's own calls.
	Users *UsersService

	vendor *provider.Vendor
}

// New makes a client, or returns a *userapi.Error of KindInvalid that names every
// setting that is wrong. It sends nothing.
func New(cfg Config) (*Client, error) {
	faults := cfg.check()
	client, httpFaults := transport.New(transport.Config{
		Provider: Name,
		BaseURL:  defaultBaseURL,
		Options:  cfg.HTTP,
		Header: http.Header{
			"Accept":                     {"application/json"},
			"QuickBlox-REST-API-Version": {apiVersion},
			"QB-SDK":                     {"Go " + transport.Product()},
		},
		RequestIDHeader: requestIDHeader,
	})
	if err := provider.InvalidConfig(Name, append(faults, httpFaults...)); err != nil {
		return nil, err
	}
	users := &UsersService{seesAll: cfg.APIKey != ""}
	v := &provider.Vendor{Name: Name, HTTP: client, Absent: saysAbsent, Explain: explain, WhyMissProvesNothing: cfg.unproven()}
	switch {
	case cfg.APIKey != "":
		v.CredentialHeader = "Authorization"
		v.Prepare = prepare(provider.HeaderSigner("Authorization", "ApiKey "+cfg.APIKey.Reveal()), classify)
	case cfg.SessionToken != "":
		v.CredentialHeader = tokenHeader
		v.Prepare = prepare(provider.HeaderSigner(tokenHeader, cfg.SessionToken.Reveal()), classify)
	default:
		s := newSessions(*cfg.Session, client)
		v.CredentialHeader, v.Secrets = tokenHeader, s.secrets
		v.Prepare = prepare(s.sign, s.classify)
		users.sessions = s
	}
	users.vendor = v
	return &Client{Users: users, vendor: v}, nil
}

var (
	errApplicationSession = errors.New("an application session may not be allowed to see the user: finding nobody proves nothing")
	errUnknownSession     = errors.New("the session token may be an application session's, which may not be allowed to see the user: " +
		"to find nobody with it proves nothing")
)

// unproven says why a look-up that finds nobody proves nothing. Source: QuickBlox,
// "Authentication", which has look-ups made with an API key or a user session.
func (c Config) unproven() error {
	switch {
	case c.SessionToken != "":
		return errUnknownSession
	case c.Session != nil && !c.Session.ofUser():
		return errApplicationSession
	default:
		return nil
	}
}

func (c Config) check() []userapi.FieldError {
	var check provider.Check
	set := 0
	for _, is := range [...]bool{c.APIKey != "", c.SessionToken != "", c.Session != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		check.Required("", "Config", "exactly one of APIKey, SessionToken and Session must be set")
	}
	check.Credential("Config.APIKey", c.APIKey)
	check.Credential("Config.SessionToken", c.SessionToken)
	if c.Session != nil {
		c.Session.check(&check)
	}
	if endsInRoute(c.HTTP.BaseURL) {
		check.Invalid("", "Config.HTTP.BaseURL", "must leave out the path of a call, such as /users.json; the right form is "+defaultBaseURL)
	}
	return check.Faults()
}

// routes matches a path that ends as that of a call does: in a file, in the name of a resource,
// or in what stands below /users.
var routes = regexp.MustCompile(`(?i)(\.(json|xml)|/(users|session|login|account_settings)|/users/(\d+|by_\w+|external|password|(external|password)/[^/]*|[^/]+/tokens))/*$`)

// endsInRoute reports whether an address ends in the path of a call.
func endsInRoute(base string) bool {
	u, err := url.Parse(base)
	return err == nil && routes.MatchString(u.Path)
}

// CloseIdleConnections closes the connections that are kept for later use. A
// transport that came with the caller's http.Client is asked to do the same.
func (c *Client) CloseIdleConnections() { c.vendor.HTTP.CloseIdleConnections() }
