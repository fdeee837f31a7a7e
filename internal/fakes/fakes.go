// Package fakes serves fakes of the four vendors on this machine. It announces their addresses and
// credentials.
package fakes

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// Options are the settings of the fakes. The zero value serves all four by HTTP, on free ports.
type Options struct {
	// Addresses are loopback addresses (host:port) by vendor. "" leaves out the vendor's fake. A
	// missing vendor gets a free port of 127.0.0.1.
	Addresses map[string]string
	// TLS serves HTTPS. Start makes a certificate for 127.0.0.1, ::1 and localhost.
	TLS bool
	// Latency is the delay before every answer.
	Latency time.Duration
	// Rate is the number of requests a second that each fake accepts; 0 means no limit. The burst
	// is a second's worth. The fake answers further requests with the vendor's own 429.
	Rate float64
	// Faults apply in their order, each as often as it says.
	Faults []Fault
}

// Fakes are running fakes. Close stops them.
type Fakes struct {
	servers   map[string]server
	announced map[string]any
	closers   []func()
}

// A server is the common interface of the fakes.
type server interface {
	userapitest.Backend
	Stats() userapitest.Stats
	Close()
}

// all are the vendors.
var all = [...]struct {
	name  string
	start func(userapitest.ServerOptions) (server, func(url string) any, error)
}{
	{mixin.Name, startMixin},
	{quickblox.Name, startQuickBlox},
	{fusionauth.Name, startFusionAuth},
	{usercom.Name, startUserCom},
}

// Names returns the vendors' names in the order in which their fakes start.
func Names() []string {
	var names []string
	for _, v := range all {
		names = append(names, v.name)
	}
	return names
}

// Check refuses an address that other machines could reach, because the credentials are public. It
// also refuses options that leave out every fake. flags is the prefix of a vendor's name in errors.
func (o Options) Check(flags string) error {
	left := 0
	for _, name := range Names() {
		address, given := o.Addresses[name]
		switch {
		case !given:
		case address == "":
			left++
		default:
			if err := checkLoopback(address); err != nil {
				return fmt.Errorf("%s%s: %w", flags, name, err)
			}
		}
	}
	if left == len(all) {
		return errors.New("every fake is left out: nothing to serve")
	}
	return nil
}

func startMixin(o userapitest.ServerOptions) (server, func(string) any, error) {
	s, err := mixintest.Start(mixintest.WithHTTP(o))
	return s, func(url string) any {
		return struct {
			URL      string          `json:"url"`
			Keystore json.RawMessage `json:"keystore"`
		}{url, s.KeystoreJSON()}
	}, err
}

func startQuickBlox(o userapitest.ServerOptions) (server, func(string) any, error) {
	s, err := quickbloxtest.Start(quickbloxtest.WithHTTP(o))
	return s, func(url string) any {
		return struct {
			URL           string `json:"url"`
			ApplicationID int64  `json:"application_id"`
			AuthKey       string `json:"auth_key"`
			AuthSecret    string `json:"auth_secret"`
			APIKey        string `json:"api_key"`
		}{url, s.ApplicationID(), s.AuthKey(), s.AuthSecret().Reveal(), s.APIKey().Reveal()}
	}, err
}

func startFusionAuth(o userapitest.ServerOptions) (server, func(string) any, error) {
	s, err := fusionauthtest.Start(fusionauthtest.WithHTTP(o))
	return s, func(url string) any {
		return struct {
			URL      string `json:"url"`
			APIKey   string `json:"api_key"`
			TenantID string `json:"tenant_id"`
		}{url, s.APIKey().Reveal(), s.TenantIDs()[0]}
	}, err
}

func startUserCom(o userapitest.ServerOptions) (server, func(string) any, error) {
	s, err := usercomtest.Start(usercomtest.WithHTTP(o))
	return s, func(url string) any {
		return struct {
			URL    string `json:"url"`
			APIKey string `json:"api_key"`
		}{url, s.Config().APIKey.Reveal()}
	}, err
}

// Start starts the fakes. If one fails, none serves, and the error names its vendor.
func Start(o Options) (_ *Fakes, err error) {
	f := &Fakes{servers: map[string]server{}, announced: map[string]any{}}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	var secure *authority
	if o.TLS {
		if secure, err = newAuthority(time.Now()); err != nil {
			return nil, err
		}
		file, remove, err := secure.writeFile()
		if err != nil {
			return nil, err
		}
		f.closers = append(f.closers, remove)
		f.announced["ca_file"] = file
	}
	for _, v := range all {
		addr, given := o.Addresses[v.name]
		if !given {
			addr = "127.0.0.1:0"
		}
		if addr == "" {
			continue
		}
		listener, url, err := listen(addr, secure)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		s, about, err := v.start(userapitest.ServerOptions{
			Listener: listener, Latency: o.Latency, Rate: o.Rate, Unrecorded: true, // nobody reads the requests
		})
		if err != nil {
			_ = listener.Close()
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		f.closers = append(f.closers, s.Close)
		f.servers[v.name], f.announced[v.name] = s, about(url)
	}
	for _, fault := range o.Faults {
		s, ok := f.servers[fault.Vendor]
		if !ok {
			return nil, fmt.Errorf("a fault is for %s, whose fake is left out", fault.Vendor)
		}
		s.Inject(fault.Fault)
	}
	return f, nil
}

// Announcement is one line with a JSON object: each vendor's address and credentials.
func (f *Fakes) Announcement() []byte {
	text, err := json.Marshal(f.announced)
	if err != nil {
		panic(err) // cannot fail for texts and numbers
	}
	return append(text, '\n')
}

// Stats returns the counts of each fake by vendor. It also works after Close.
func (f *Fakes) Stats() map[string]userapitest.Stats {
	all := map[string]userapitest.Stats{}
	for name, s := range f.servers {
		all[name] = s.Stats()
	}
	return all
}

// Close stops the fakes and removes the certificate file. A second call does nothing.
func (f *Fakes) Close() {
	for i := len(f.closers) - 1; i >= 0; i-- {
		f.closers[i]()
	}
	f.closers = nil
}

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

// listen opens a listener, for HTTPS if secure is not nil.
func listen(addr string, secure *authority) (l net.Listener, url string, err error) {
	if l, err = net.Listen("tcp", addr); err != nil {
		return nil, "", err
	}
	// Each machine defines localhost itself.
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = l.Close()
		return nil, "", fmt.Errorf("%s is not on loopback here", addr)
	}
	if secure == nil {
		return l, "http://" + l.Addr().String(), nil
	}
	return tls.NewListener(l, secure.server), "https://" + l.Addr().String(), nil
}
