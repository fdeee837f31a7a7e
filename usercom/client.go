package usercom

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// Name is the provider's name in users and errors.
const Name = "usercom"

const (
	domain = ".user.com"
	// apiPath is where the API stands on a host.
	apiPath = "/api/public"
	// requestIDHeader is Cloudflare's, which stands before User.com.
	requestIDHeader = "Cf-Ray"
)

// A Version is a version of User.com's API.
type Version int

// The versions. V1 is the zero value. Source: User.com, "Get started".
const (
	V1 Version = iota
	V2
)

// accept is the header that chooses the version.
func (v Version) accept() string {
	if v == V2 {
		return "*/*; version=2"
	}
	return "application/json"
}

func (v Version) userID() string {
	if v == V2 {
		return "custom_id"
	}
	return "user_id"
}

func (v Version) key() string {
	if v == V2 {
		return "user_key"
	}
	return "key"
}

func (v Version) companyID() string {
	if v == V2 {
		return "company_custom_id"
	}
	return "company_id"
}

// An Encoding is how the body of a create is written. Attributes are always set
// with JSON, which alone keeps the types of their values.
type Encoding int

// The encodings. JSON is the zero value; Form is application/x-www-form-urlencoded,
// with one pair for each tag.
const (
	JSON Encoding = iota
	Form
)

func (e Encoding) contentType() string {
	if e == Form {
		return "application/x-www-form-urlencoded"
	}
	return "application/json"
}

// Config has the settings of a Client. APIKey must be set, and App or HTTP.BaseURL.
type Config struct {
	// App is the application: its subdomain ("acme"), its host ("acme.user.com"), or a URL.
	App string
	// APIKey is the application's key. White space around it is ignored.
	APIKey userapi.Secret
	// Version is the API's version; the zero value is V1.
	Version Version
	// Encoding is how creates are written; the zero value is JSON.
	Encoding Encoding
	// HTTP has the settings for HTTP; its BaseURL stands in for the address that App
	// gives. To either, /api/public is added unless it ends so already. An address of
	// one of the API's calls, such as one that ends in /api/public/users/, is refused.
	HTTP userapi.HTTPOptions
}

func (c Config) summary() provider.Summary {
	credential := "none"
	if c.APIKey != "" {
		credential = "api key"
	}
	return provider.Summarize("usercom.Config", "credential", credential, "version", int(c.Version)+1)
}

// Format shows whether a key is set and the version, and nothing else.
func (c Config) Format(f fmt.State, verb rune) { c.summary().Format(f, verb) }

// LogValue is like Format.
func (c Config) LogValue() slog.Value { return c.summary().LogValue() }

// MarshalJSON is like Format.
func (c Config) MarshalJSON() ([]byte, error) { return c.summary().MarshalJSON() }

// A Client creates users in one User.com application. It is safe for concurrent
// use; make it with New.
type Client struct {
	// Users has User.com's own calls.
	Users *UsersService

	core *core
}

type core struct {
	*provider.Vendor
	version  Version
	encoding Encoding
}

// New makes a client, or returns a *userapi.Error of KindInvalid that names every
// setting that is wrong. It sends nothing.
func New(cfg Config) (*Client, error) {
	cfg.APIKey = userapi.Secret(strings.TrimSpace(cfg.APIKey.Reveal()))
	base, faults := cfg.check()
	opts := cfg.HTTP
	opts.BaseURL = base
	client, httpFaults := transport.New(transport.Config{
		Provider: Name,
		Options:  opts,
		// The texts of its errors are known in English.
		Header:          http.Header{"Accept": {cfg.Version.accept()}, "Accept-Language": {"en"}},
		RequestIDHeader: requestIDHeader,
	})
	for i, f := range httpFaults {
		if f.VendorField == "Config.HTTP.BaseURL" && cfg.HTTP.BaseURL == "" {
			httpFaults[i].VendorField = "Config.App"
		}
	}
	if err := provider.InvalidConfig(Name, append(faults, httpFaults...)); err != nil {
		return nil, err
	}
	sign := provider.HeaderSigner("Authorization", "Token "+cfg.APIKey.Reveal())
	c := &core{version: cfg.Version, encoding: cfg.Encoding, Vendor: &provider.Vendor{
		Name: Name, HTTP: client, CredentialHeader: "Authorization", Absent: saysAbsent, Explain: explain,
		Prepare: func(call *provider.Call) {
			if call.Classify == nil {
				call.Classify = classify
			}
			call.Sign = sign
		},
	}}
	return &Client{Users: &UsersService{core: c}, core: c}, nil
}

// check returns the API's address and what is wrong with the settings.
func (c Config) check() (base string, faults []userapi.FieldError) {
	var check provider.Check
	app := appURL(c.App)
	switch {
	case c.App == "" && c.HTTP.BaseURL == "":
		check.Required("", "Config.App", "must be set, or HTTP.BaseURL")
	case c.App != "" && app == "":
		check.Invalid("", "Config.App", "must be the application's subdomain, its host, or a URL that begins with https://")
	case namesCall(app):
		check.Invalid("", "Config.App", mustNotNameCall)
	}
	if namesCall(c.HTTP.BaseURL) {
		check.Invalid("", "Config.HTTP.BaseURL", mustNotNameCall)
	}
	check.MustBeSet("", "Config.APIKey", c.APIKey != "")
	check.Credential("Config.APIKey", c.APIKey)
	if c.Version != V1 && c.Version != V2 {
		check.Invalid("", "Config.Version", "must be V1 or V2")
	}
	if c.Encoding != JSON && c.Encoding != Form {
		check.Invalid("", "Config.Encoding", "must be JSON or Form")
	}
	// The last address keeps the transport from reporting the fault again.
	return withAPIPath(cmp.Or(c.HTTP.BaseURL, app, appURL("app"))), check.Faults()
}

// CloseIdleConnections closes the connections that are kept for later use. A
// transport that came with the caller's http.Client is asked to do the same.
func (c *Client) CloseIdleConnections() { c.core.HTTP.CloseIdleConnections() }
