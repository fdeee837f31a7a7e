package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// vendors say where the vendors are, and with which credentials.
type vendors struct {
	fusionauth fusionauth.Config
	quickblox  quickblox.Config
	usercom    usercom.Config
	mixin      mixin.Config
	tls        *tls.Config // nil trusts what the system does

	// close and users, which counts those that a vendor holds, are set with fakes of
	// this program's own.
	close func()
	users map[string]func() int
}

// announced is what fakevendors prints, as far as a client needs it.
type announced struct {
	Mixin struct {
		URL      string          `json:"url"`
		Keystore json.RawMessage `json:"keystore"`
	} `json:"mixin"`
	QuickBlox struct {
		URL    string         `json:"url"`
		APIKey userapi.Secret `json:"api_key"`
	} `json:"quickblox"`
	FusionAuth struct {
		URL      string         `json:"url"`
		APIKey   userapi.Secret `json:"api_key"`
		TenantID string         `json:"tenant_id"`
	} `json:"fusionauth"`
	UserCom struct {
		URL    string         `json:"url"`
		APIKey userapi.Secret `json:"api_key"`
	} `json:"usercom"`
	CAFile string `json:"ca_file"`
}

// readVendors reads what fakevendors has printed. Errors name no value: there are
// credentials among them.
func readVendors(path string, stdin io.Reader) (*vendors, error) {
	text, err := readFile(path, stdin)
	if err != nil {
		return nil, fmt.Errorf("-vendors: %w", err)
	}
	var a announced
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, errors.New("-vendors: expected the JSON object that fakevendors prints")
	}
	for name, url := range map[string]string{
		mixin.Name: a.Mixin.URL, quickblox.Name: a.QuickBlox.URL, fusionauth.Name: a.FusionAuth.URL, usercom.Name: a.UserCom.URL,
	} {
		if url == "" {
			return nil, fmt.Errorf("-vendors: has no address of %s, and all four vendors are needed", name)
		}
	}
	keystore, err := mixin.ParseKeystore(a.Mixin.Keystore)
	if err != nil {
		return nil, fmt.Errorf("-vendors: %w", err)
	}
	v := &vendors{
		mixin:      mixin.Config{Keystore: keystore, HTTP: at(a.Mixin.URL)},
		quickblox:  quickblox.Config{APIKey: a.QuickBlox.APIKey, HTTP: at(a.QuickBlox.URL)},
		fusionauth: fusionauth.Config{APIKey: a.FusionAuth.APIKey, TenantID: a.FusionAuth.TenantID, HTTP: at(a.FusionAuth.URL)},
		usercom:    usercom.Config{APIKey: a.UserCom.APIKey, HTTP: at(a.UserCom.URL)},
	}
	if a.CAFile != "" {
		if v.tls, err = trusting(a.CAFile); err != nil {
			return nil, fmt.Errorf("-vendors: ca_file: %w", err)
		}
	}
	return v, nil
}

func at(url string) userapi.HTTPOptions { return userapi.HTTPOptions{BaseURL: url} }

func readFile(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(path) //nolint:gosec // the caller names the file
}

// trusting trusts the certificates in a file, and nothing else.
func trusting(path string) (*tls.Config, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("holds no certificate")
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

// startFakes starts the four fakes on this machine.
func startFakes() (v *vendors, err error) {
	v = &vendors{users: map[string]func() int{}}
	var started []interface{ Close() }
	v.close = func() {
		for _, s := range started {
			s.Close()
		}
	}
	defer func() {
		if err != nil {
			v.close()
		}
	}()
	fa, err := fusionauthtest.Start()
	if err != nil {
		return nil, err
	}
	started = append(started, fa)
	qb, err := quickbloxtest.Start()
	if err != nil {
		return nil, err
	}
	started = append(started, qb)
	uc, err := usercomtest.Start()
	if err != nil {
		return nil, err
	}
	started = append(started, uc)
	mx, err := mixintest.Start()
	if err != nil {
		return nil, err
	}
	started = append(started, mx)
	v.fusionauth, v.quickblox, v.usercom, v.mixin = fa.Config(), qb.Config(), uc.Config(), mx.Config()
	v.users[fusionauth.Name], v.users[quickblox.Name] = fa.UserCount, qb.UserCount
	v.users[usercom.Name], v.users[mixin.Name] = uc.UserCount, mx.UserCount
	return v, nil
}
