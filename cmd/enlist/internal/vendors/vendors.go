// Package vendors makes clients of the four vendors from settings, which a config may have, and from
// credentials, which are in variables or in files of their own.
package vendors

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// Settings say which vendor a target is, and where. They have no secrets. Vendor must be set. Each other field
// is for some vendors only, and has the default of the vendor's Config.
type Settings struct {
	// Vendor is one of Names.
	Vendor string `yaml:"vendor" json:"vendor"`
	// URL is the address of the API. FusionAuth has no default.
	URL string `yaml:"url" json:"url,omitempty"`
	// Tenant is FusionAuth's tenant.
	Tenant string `yaml:"tenant" json:"tenant,omitempty"`
	// PhoneLogin lets users of FusionAuth log in with their phone number.
	PhoneLogin bool `yaml:"phone_login" json:"phone_login,omitempty"`
	// App is User.com's application.
	App string `yaml:"app" json:"app,omitempty"`
	// Version is that of User.com's API, "v1" or "v2"; "" is v1.
	Version string `yaml:"version" json:"version,omitempty"`
	// ApplicationID is QuickBlox's application, and Login or Email its user. They are for credentials that
	// obtain sessions.
	ApplicationID int64  `yaml:"application_id" json:"application_id,omitempty"`
	Login         string `yaml:"login" json:"login,omitempty"`
	Email         string `yaml:"email" json:"email,omitempty"`
	// SessionKeys is the directory for the keys of Mixin's new users: see mixin.KeyDir. Creates at Mixin
	// need it.
	SessionKeys string `yaml:"session_keys" json:"session_keys,omitempty"`
}

// A Client is a vendor's client. userapi.Ability finds its abilities.
type Client struct {
	userapi.Creator
	// Vendor is the vendor's name.
	Vendor string
	// At says for people where the client sends to: a host, or the vendor's application.
	At string
	// Owner says who has the users: the id of Mixin's application, or of FusionAuth's tenant if one is set;
	// else "".
	Owner string
}

// Unwrap returns the vendor's own client, such as a *mixin.Client.
func (c Client) Unwrap() userapi.Creator { return c.Creator }

// Close ends the connections that are kept for later use. It may be called twice.
func (c Client) Close() {
	if idle, ok := c.Creator.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// An Error lists every fault of the settings and the credentials of one target. It has the names of variables
// and members, and no values.
type Error struct {
	// Target is the target's name, or the vendor's.
	Target string
	Faults []string
}

// Error returns all faults on one line.
func (e *Error) Error() string { return e.Target + ": " + strings.Join(e.Faults, "; ") }

// A vendor describes a vendor's settings and variables.
type vendor struct {
	name string
	// credentials and settings are the variables, without their prefix.
	credentials, settings []string
	// needs lists the variables that must be set, without their prefix.
	needs []string
	// variable maps a member of the vendor's Config to its variable, and member to its member of Settings.
	variable, member map[string]string
	// host is the host of the vendor's API.
	host string
	make func(Settings, *lookup, userapi.HTTPOptions) (userapi.Creator, error)
}

var all = [...]*vendor{&mixinVendor, &quickbloxVendor, &fusionauthVendor, &usercomVendor}

// Names returns the names of the vendors, as Settings has them.
func Names() []string {
	var names []string
	for _, v := range all {
		names = append(names, v.name)
	}
	return names
}

func named(name string) (*vendor, error) {
	if i := slices.IndexFunc(all[:], func(v *vendor) bool { return v.name == name }); i >= 0 {
		return all[i], nil
	}
	if name == "" {
		return nil, errors.New("vendor must be set: " + strings.Join(Names(), ", "))
	}
	return nil, fmt.Errorf("unknown vendor %q; expected %s", name, strings.Join(Names(), ", "))
}

// New makes a client, and sends nothing. It ignores the BaseURL of http. The error is an *Error with every
// fault: missing variables, files that cannot be read, and what the vendor's New refuses.
func New(s Settings, env Env, http userapi.HTTPOptions) (Client, error) {
	v, err := named(s.Vendor)
	if err != nil {
		return Client{}, &Error{env.Target, []string{err.Error()}}
	}
	l := env.lookup(v)
	if target := l.own("URL"); target != "" {
		s.URL = target
	} else if s.URL == "" {
		s.URL = l.vendors("URL")
	}
	http.BaseURL = s.URL
	c, err := v.make(s, l, http)
	if err != nil {
		l.refused(err)
	}
	if len(l.faults) > 0 {
		return Client{}, &Error{l.name(), l.faults}
	}
	at := v.host
	if s.URL != "" {
		at = hostOf(s.URL)
	} else if at == "" {
		at = "application " + l.setting("APP", s.App)
	}
	return Client{c, v.name, at, l.owner}, nil
}

// refused collects the faults that a vendor's New finds, with the names of the variables and members.
func (l *lookup) refused(err error) {
	var e *userapi.Error
	if !errors.As(err, &e) || len(e.FieldErrors) == 0 {
		l.fault("%v", err)
		return
	}
	for _, f := range e.FieldErrors {
		name := f.VendorField
		if suffixes := l.vendor.variable[name]; suffixes != "" {
			name = l.variables(suffixes)
			if member := l.vendor.member[f.VendorField]; member != "" && l.env.Target != "" {
				name = member + " in the settings, or " + name + ","
			}
		}
		l.fault("%s %s", name, strings.NewReplacer(
			"or HTTP.BaseURL", "or "+l.variables("URL"), ", unless AllowInsecure is set", "",
		).Replace(f.Message))
	}
}

// hostOf returns the host of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address of yours"
	}
	return u.Host
}
