package vendors

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"strings"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

// Offline makes a client that checks and plans. It needs no credentials, and cannot send anything. The error
// is an *Error.
func Offline(s Settings) (Client, error) {
	const key, uuid = "offline", "00000000-0000-4000-8000-000000000000"
	getenv := func(name string) string {
		switch name {
		case "FUSIONAUTH_API_KEY", "USERCOM_API_KEY", "QUICKBLOX_API_KEY":
			return key
		case "FUSIONAUTH_URL":
			return "https://" + fusionauth.Name + ".invalid"
		case "USERCOM_APP":
			return key
		}
		return ""
	}
	options := userapi.HTTPOptions{HTTPClient: &http.Client{Transport: noNetwork{}}}
	switch s.Vendor {
	case quickblox.Name:
		s.ApplicationID, s.Login, s.Email = 0, "", ""
	case mixin.Name:
		private, err := mixin.GenerateSessionKey()
		if err != nil {
			return Client{}, &Error{mixin.Name, []string{err.Error()}}
		}
		options.BaseURL = s.URL
		c, err := mixin.New(mixin.Config{
			Keystore: mixin.Keystore{UserID: uuid, SessionID: uuid, PrivateKey: private}, SessionKeys: noKeys{}, HTTP: options,
		})
		if err != nil {
			l := Env{Getenv: getenv}.lookup(&mixinVendor)
			l.refused(err)
			return Client{}, &Error{mixin.Name, l.faults}
		}
		return Client{c, mixin.Name, mixinVendor.host, uuid}, nil
	case fusionauth.Name, usercom.Name:
	}
	return New(s, Env{Getenv: getenv}, options)
}

// AddressFault says what is wrong with the URL of settings, as "must be …"; "" if it is valid or not set. The
// text has no part of the address.
func AddressFault(s Settings) string {
	if s.URL == "" {
		return ""
	}
	// Every vendor's client takes the same addresses, and User.com's needs the least beside it.
	_, err := usercom.New(usercom.Config{App: "offline", APIKey: "offline", HTTP: userapi.HTTPOptions{BaseURL: s.URL}})
	var e *userapi.Error
	if errors.As(err, &e) {
		for _, f := range e.FieldErrors {
			message, _, _ := strings.Cut(f.Message, ", unless ") // what a program may set
			return message
		}
	}
	return ""
}

var errOffline = errors.New("this client sends nothing")

// noNetwork refuses every request.
type noNetwork struct{}

func (noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, errOffline
}

// noKeys takes the place of keys that are never used.
type noKeys struct{}

func (noKeys) SessionKey(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
	return nil, errOffline
}
