package vendors

import (
	"context"
	"crypto"
	"errors"
	"net/http"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

// Offline makes a client that needs no credentials and can send nothing: it checks and plans. The
// error is an *Error.
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

var errOffline = errors.New("this client sends nothing")

// noNetwork refuses every request.
type noNetwork struct{}

func (noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, errOffline
}

// noKeys stands for the keys of users that are not created.
type noKeys struct{}

func (noKeys) SessionKey(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
	return nil, errOffline
}
