// Package vendors makes a client of any of the four vendors out of settings, which a file may
// hold, and credentials, which come from variables and files of their own.
package vendors

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// Settings say which vendor a target is, and where. Nothing in them is secret. Vendor must be
// set; the others are for some vendors alone, and have the defaults of the vendor's Config.
type Settings struct {
	// Vendor is one of Names.
	Vendor string `yaml:"vendor" json:"vendor"`
	// URL is the address of the API. Only FusionAuth has none by default.
	URL string `yaml:"url" json:"url,omitempty"`
	// Tenant is FusionAuth's tenant.
	Tenant string `yaml:"tenant" json:"tenant,omitempty"`
	// PhoneLogin stores the phone number as one that FusionAuth's user can log in with.
	PhoneLogin bool `yaml:"phone_login" json:"phone_login,omitempty"`
	// App is User.com's application.
	App string `yaml:"app" json:"app,omitempty"`
	// Version is that of User.com's API, "v1" or "v2"; "" is v1.
	Version string `yaml:"version" json:"version,omitempty"`
	// ApplicationID is QuickBlox's application, and Login or Email its user, for credentials that
	// obtain sessions.
	ApplicationID int64  `yaml:"application_id" json:"application_id,omitempty"`
	Login         string `yaml:"login" json:"login,omitempty"`
	Email         string `yaml:"email" json:"email,omitempty"`
	// SessionKeys is the directory in which the keys of Mixin's new users are stored: see
	// mixin.KeyDir. Without it no user can be created at Mixin.
	SessionKeys string `yaml:"session_keys" json:"session_keys,omitempty"`
}

// A Client is a vendor's client. Its abilities are found by userapi.Ability: CloseIdleConnections is
// called by Close.
type Client struct {
	userapi.Creator
	// Vendor is the vendor's name.
	Vendor string
	// At tells people where the client sends to: a host, or the vendor's application.
	At string
	// Owner is whose the users are, wherever they are asked for: the id of Mixin's application, or of
	// FusionAuth's tenant, if one is set; "" at the others.
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

// An Error lists everything that is wrong with the settings and the credentials of one target. It
// shows the names of variables and members, and no value.
type Error struct {
	// Target is the target's name, or the vendor's.
	Target string
	Faults []string
}

// Error returns all faults on one line.
func (e *Error) Error() string { return e.Target + ": " + strings.Join(e.Faults, "; ") }

// A vendor is what this package knows of one.
type vendor struct {
	name string
	// credentials and settings are the variables, without their prefix.
	credentials, settings []string
	// needs says in words what must be set, of variables without their prefix.
	needs []string
	// variable finds the variable behind a member of the vendor's Config, member the one of Settings.
	variable, member map[string]string
	// host is the vendor's own.
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
	return nil, fmt.Errorf("there is no vendor %q; there are %s", name, strings.Join(Names(), ", "))
}

// New makes a client. The error is an *Error with everything that is wrong: each variable that is
// missing, each file that cannot be read, and what the vendor's New refuses. Nothing is sent.
// The BaseURL of http is not looked at.
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

// refused notes what a vendor's New finds wrong, by the names of the variables and members.
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

// hostOf shows no more of an address than where it is.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address of yours"
	}
	return u.Host
}
