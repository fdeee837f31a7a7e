package fusionauth

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// Name is the provider's name in users and errors.
const Name = "fusionauth"

// Config has the settings of a Client. APIKey and HTTP.BaseURL must be set.
type Config struct {
	// APIKey is the key from FusionAuth's settings. It needs the right to POST to
	// /api/user, to GET from it for look-ups and to DELETE from it for deletes, and to POST to
	// /api/user/registration for registrations.
	APIKey userapi.Secret
	// TenantID is the UUID of the tenant that users are created in, unless a request names another.
	// "" is for servers with one tenant and for keys that are bound to one.
	TenantID string
	// PhoneLogin stores the neutral request's Phone as user.phoneNumber, which is
	// unique and which the user can log in with, and not as user.mobilePhone, which is
	// a mere attribute. It needs FusionAuth 1.59 or later. An older server ignores the
	// member: the user's Warnings say so.
	PhoneLogin bool
	// HTTP has the settings for HTTP. Its BaseURL, such as "https://auth.example.com",
	// has no default. A reply waits for the server's transactional webhooks: where
	// there are any, its Timeout must leave them time.
	HTTP userapi.HTTPOptions
}

func (c Config) summary() provider.Summary {
	credential := "none"
	if c.APIKey != "" {
		credential = "api key"
	}
	return provider.Summarize("fusionauth.Config", "credential", credential)
}

// Format shows whether a credential is set, and nothing else.
func (c Config) Format(f fmt.State, verb rune) { c.summary().Format(f, verb) }

// LogValue is like Format.
func (c Config) LogValue() slog.Value { return c.summary().LogValue() }

// MarshalJSON is like Format.
func (c Config) MarshalJSON() ([]byte, error) { return c.summary().MarshalJSON() }

// A Client creates users at one FusionAuth server. It is safe for concurrent use; make it with New.
type Client struct {
	// Users has FusionAuth's own calls.
	Users *UsersService

	core *core
}

type core struct {
	*provider.Vendor
	tenantID   string
	phoneLogin bool
	// imports holds a place for the import that is under way.
	imports chan struct{}
	// tenantFault is what is wrong with the id that WithTenant was given.
	tenantFault []userapi.FieldError
}

const tenantHeader = "X-FusionAuth-TenantId"

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
	// The key stands as it is, without a scheme. Source: FusionAuth, "API Authentication".
	sign := provider.HeaderSigner("Authorization", cfg.APIKey.Reveal())
	return newClient(&core{tenantID: tenantID, phoneLogin: cfg.PhoneLogin, imports: make(chan struct{}, 1), Vendor: &provider.Vendor{
		Name: Name, HTTP: client, CredentialHeader: "Authorization", Absent: saysAbsent, Explain: explain,
		Prepare: func(call *provider.Call) {
			if call.Classify == nil {
				call.Classify = classify
			}
			call.Sign = sign
			if call.Tenant != "" {
				call.Sign = func(r *http.Request, body []byte) error {
					r.Header.Set(tenantHeader, call.Tenant)
					return sign(r, body)
				}
			}
		},
	}}), nil
}

func newClient(c *core) *Client { return &Client{Users: &UsersService{core: c}, core: c} }

// WithTenant returns a client of another tenant on the same connections and with the same
// API key. id is the tenant's UUID, or "" for none; with any other text every call fails
// with userapi.KindInvalid and sends nothing. It is for calls by e-mail address, user name
// or phone number, and for creates: a call by a user's id needs no tenant.
func (c *Client) WithTenant(id string) *Client {
	other := *c.core
	var check provider.Check
	other.tenantID = check.UUIDIfSet("WithTenant", id)
	other.tenantFault = check.Faults()
	return newClient(&other)
}

func (c *core) check() provider.Check {
	check := provider.NativeCheck(Name)
	check.Add(c.tenantFault...)
	return check
}

func (c Config) check() (tenantID string, faults []userapi.FieldError) {
	var check provider.Check
	check.MustBeSet("", "Config.APIKey", c.APIKey != "")
	check.Credential("Config.APIKey", c.APIKey)
	tenantID = check.UUIDIfSet("Config.TenantID", c.TenantID)
	return tenantID, check.Faults()
}

// CloseIdleConnections closes the connections that are kept for later use. A
// transport that came with the caller's http.Client is asked to do the same.
func (c *Client) CloseIdleConnections() { c.core.HTTP.CloseIdleConnections() }
