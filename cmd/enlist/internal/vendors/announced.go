package vendors

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

// An Announced has the address and the credentials of a vendor that another program serves, such as enlist
// fakes.
type Announced struct {
	vendor    string
	url       string
	variables map[string]string
	roots     *x509.CertPool // nil trusts what the system does
}

// New makes a client with the announced address and credentials. It ignores these settings: URL, Tenant, App,
// ApplicationID, Login and Email. The error is an *Error with the target's name.
func (a Announced) New(target string, s Settings, options userapi.HTTPOptions) (Client, error) {
	s = Settings{Vendor: a.vendor, URL: a.url, Version: s.Version, PhoneLogin: s.PhoneLogin, SessionKeys: s.SessionKeys}
	if a.roots != nil {
		client := http.Client{}
		if options.HTTPClient != nil {
			client = *options.HTTPClient
		}
		transport, ok := client.Transport.(*http.Transport)
		switch {
		case client.Transport == nil:
			transport = &http.Transport{}
		case !ok:
			return Client{}, &Error{target, []string{"ca_file: the HTTP client's Transport must be an *http.Transport"}}
		default:
			transport = transport.Clone()
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: a.roots, MinVersion: tls.VersionTLS12}
		client.Transport = transport
		options.HTTPClient = &client
	}
	c, err := New(s, Env{Getenv: func(name string) string { return a.variables[name] }}, options)
	var e *Error
	if errors.As(err, &e) {
		e.Target = target
		prefix := Prefix(a.vendor)
		for i, fault := range e.Faults {
			e.Faults[i] = strings.NewReplacer(
				prefix+"URL", "url in the file of --vendors", prefix+"TENANT_ID", "tenant_id in the file of --vendors",
				prefix+"KEYSTORE", "keystore in the file of --vendors",
			).Replace(fault)
		}
	}
	return c, err
}

// FromAnnouncement reads the JSON object that enlist fakes prints. It returns each vendor in it by name.
// Errors have no values.
func FromAnnouncement(text []byte) (map[string]Announced, error) {
	var a struct {
		Mixin *struct {
			URL      string          `json:"url"`
			Keystore json.RawMessage `json:"keystore"`
		} `json:"mixin"`
		QuickBlox *struct {
			URL    string         `json:"url"`
			APIKey userapi.Secret `json:"api_key"`
		} `json:"quickblox"`
		FusionAuth *struct {
			URL      string         `json:"url"`
			APIKey   userapi.Secret `json:"api_key"`
			TenantID string         `json:"tenant_id"`
		} `json:"fusionauth"`
		UserCom *struct {
			URL    string         `json:"url"`
			APIKey userapi.Secret `json:"api_key"`
		} `json:"usercom"`
		CAFile string `json:"ca_file"`
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, errors.New("expected the JSON object that enlist fakes prints")
	}
	var roots *x509.CertPool
	if a.CAFile != "" {
		certificates, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(certificates) {
			return nil, errors.New("ca_file: the file has no certificate")
		}
	}
	found := map[string]Announced{}
	add := func(name, url string, variables map[string]string) {
		found[name] = Announced{name, url, variables, roots}
	}
	if v := a.Mixin; v != nil {
		add(mixin.Name, v.URL, map[string]string{"MIXIN_KEYSTORE": string(v.Keystore)})
	}
	if v := a.QuickBlox; v != nil {
		add(quickblox.Name, v.URL, map[string]string{"QUICKBLOX_API_KEY": v.APIKey.Reveal()})
	}
	if v := a.FusionAuth; v != nil {
		add(fusionauth.Name, v.URL, map[string]string{"FUSIONAUTH_API_KEY": v.APIKey.Reveal(), "FUSIONAUTH_TENANT_ID": v.TenantID})
	}
	if v := a.UserCom; v != nil {
		add(usercom.Name, v.URL, map[string]string{"USERCOM_API_KEY": v.APIKey.Reveal()})
	}
	for name, v := range found {
		if v.url == "" {
			return nil, fmt.Errorf("the url of %s must be set", name)
		}
		for _, member := range []string{"api_key", "keystore"} {
			if value, has := v.variables[Prefix(name)+strings.ToUpper(member)]; has && value == "" {
				return nil, fmt.Errorf("the %s of %s must be set", member, name)
			}
		}
	}
	if len(found) == 0 {
		return nil, errors.New("has none of mixin, quickblox, fusionauth, usercom; expected the JSON object that enlist fakes prints")
	}
	return found, nil
}
