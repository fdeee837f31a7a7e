package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// A fake is one of the vendors' fakes. Its start serves on a listener and returns
// what a program needs to know of it.
type fake struct {
	name  string
	start func(l net.Listener, url string) (about any, stop func(), err error)
}

var fakes = [...]fake{
	{"mixin", startMixin},
	{"quickblox", startQuickBlox},
	{"fusionauth", startFusionAuth},
	{"usercom", startUserCom},
}

func startMixin(l net.Listener, url string) (any, func(), error) {
	s, err := mixintest.Start(mixintest.WithHTTP(userapitest.ServerOptions{Listener: l}))
	if err != nil {
		return nil, nil, err
	}
	return struct {
		URL      string          `json:"url"`
		Keystore json.RawMessage `json:"keystore"`
	}{url, s.KeystoreJSON()}, s.Close, nil
}

func startQuickBlox(l net.Listener, url string) (any, func(), error) {
	s, err := quickbloxtest.Start(quickbloxtest.WithHTTP(userapitest.ServerOptions{Listener: l}))
	if err != nil {
		return nil, nil, err
	}
	return struct {
		URL           string `json:"url"`
		ApplicationID int64  `json:"application_id"`
		AuthKey       string `json:"auth_key"`
		AuthSecret    string `json:"auth_secret"`
		APIKey        string `json:"api_key"`
	}{url, s.ApplicationID(), s.AuthKey(), s.AuthSecret().Reveal(), s.APIKey().Reveal()}, s.Close, nil
}

func startFusionAuth(l net.Listener, url string) (any, func(), error) {
	s, err := fusionauthtest.Start(fusionauthtest.WithHTTP(userapitest.ServerOptions{Listener: l}))
	if err != nil {
		return nil, nil, err
	}
	return struct {
		URL      string `json:"url"`
		APIKey   string `json:"api_key"`
		TenantID string `json:"tenant_id"`
	}{url, s.APIKey().Reveal(), s.TenantIDs()[0]}, s.Close, nil
}

func startUserCom(l net.Listener, url string) (any, func(), error) {
	s, err := usercomtest.Start(usercomtest.WithHTTP(userapitest.ServerOptions{Listener: l}))
	if err != nil {
		return nil, nil, err
	}
	return struct {
		URL    string `json:"url"`
		APIKey string `json:"api_key"`
	}{url, s.Config().APIKey.Reveal()}, s.Close, nil
}

// checkLoopback refuses to serve to other machines: the fakes' credentials are
// known to everybody.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return errors.New(`must be a host and port, such as 127.0.0.1:7001, or ""`)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("must be on loopback, such as 127.0.0.1:7001: fakes serve this machine alone")
	}
	return nil
}

// listen takes an address, for HTTPS if there is an authority.
func listen(addr string, secure *authority) (l net.Listener, url string, err error) {
	if l, err = net.Listen("tcp", addr); err != nil {
		return nil, "", err
	}
	// What localhost means is this machine's to say.
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = l.Close()
		return nil, "", fmt.Errorf("%s is not on loopback here", addr)
	}
	if secure == nil {
		return l, "http://" + l.Addr().String(), nil
	}
	return tls.NewListener(l, secure.server), "https://" + l.Addr().String(), nil
}
