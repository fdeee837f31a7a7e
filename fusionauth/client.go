package fusionauth

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// Name is the provider's name in users and errors.
const Name = "fusionauth"

// Config makes a Client. APIKey and HTTP.BaseURL must be set.
type Config struct {
	// APIKey is the key from FusionAuth's settings. It needs the right to POST to
	// /api/user, to GET from it for look-ups and to DELETE from it for deletes.
	APIKey userapi.Secret
	// TenantID is the UUID of the tenant that users are created in, unless a request
	// names another. "" is for servers with one tenant and for keys that are bound to
	// one.
	TenantID string
	// PhoneLogin stores the neutral request's Phone as user.phoneNumber, which is
	// unique and which the user can log in with, and not as user.mobilePhone, which
	// is a mere attribute. It needs FusionAuth 1.59 or later: older servers refuse
	// the member.
	PhoneLogin bool
	// HTTP says how to talk. Its BaseURL, such as "https://auth.example.com", has no
	// default. A reply waits for the server's transactional webhooks: where there
	// are any, its Timeout must leave them time.
	HTTP userapi.HTTPOptions
}

func (c Config) shown() provider.Shown {
	credential := "none"
	if c.APIKey != "" {
		credential = "api key"
	}
	return provider.Shown{Type: "fusionauth.Config", Attrs: []slog.Attr{slog.String("credential", credential)}}
}

// Format shows whether a credential is set, and nothing else.
func (c Config) Format(f fmt.State, verb rune) { c.shown().Format(f, verb) }

// LogValue is like Format.
func (c Config) LogValue() slog.Value { return c.shown().LogValue() }

// MarshalJSON is like Format.
func (c Config) MarshalJSON() ([]byte, error) { return c.shown().MarshalJSON() }

// A Client creates users at one FusionAuth server. It is safe for concurrent use;
// make it with New.
type Client struct {
	// Users has FusionAuth's own calls.
	Users *UsersService

	core *core
}

// core is what the client's services share. The key stands in the closure of auth
// alone.
type core struct {
	http       *transport.Client
	auth       authorizer
	tenantID   string
	phoneLogin bool
}

// New makes a client, or returns a *userapi.Error of KindInvalid that names every
// setting that is wrong. It sends nothing.
func New(cfg Config) (*Client, error) {
	tenantID, faults := cfg.check()
	client, httpFaults := transport.New(transport.Config{
		Provider: Name,
		Options:  cfg.HTTP,
		Header:   http.Header{"Accept": {"application/json"}},
	})
	if err := provider.InvalidConfig(Name, append(faults, httpFaults...)); err != nil {
		return nil, err
	}
	apiKey := cfg.APIKey.Reveal()
	c := &core{
		http:       client,
		auth:       func() string { return apiKey },
		tenantID:   tenantID,
		phoneLogin: cfg.PhoneLogin,
	}
	return &Client{Users: &UsersService{core: c}, core: c}, nil
}

func (c Config) check() (tenantID string, faults []userapi.FieldError) {
	var check provider.Check
	if c.APIKey == "" {
		check.Required("", "Config.APIKey", "must be set")
	}
	check.Credential("Config.APIKey", c.APIKey)
	if c.TenantID != "" {
		var ok bool
		if tenantID, ok = uuid.Canonical(c.TenantID); !ok {
			check.Invalid("", "Config.TenantID", mustBeUUID)
		}
	}
	return tenantID, check.Faults()
}

// CloseIdleConnections closes the connections that are kept for later use. A
// transport that came with the caller's http.Client is asked to do the same.
func (c *Client) CloseIdleConnections() { c.core.http.CloseIdleConnections() }

// Format shows the type alone.
func (c Client) Format(f fmt.State, verb rune) { clientShown.Format(f, verb) }

// LogValue is like Format.
func (c Client) LogValue() slog.Value { return clientShown.LogValue() }

// MarshalJSON is like Format.
func (c Client) MarshalJSON() ([]byte, error) { return clientShown.MarshalJSON() }

var clientShown = provider.Shown{Type: "fusionauth.Client"}
