package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/internal/fakes"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

// announced is what the program prints.
type announced struct {
	Mixin *struct {
		URL      string          `json:"url"`
		Keystore json.RawMessage `json:"keystore"`
	} `json:"mixin"`
	QuickBlox *struct {
		URL           string `json:"url"`
		ApplicationID int64  `json:"application_id"`
		AuthKey       string `json:"auth_key"`
		AuthSecret    string `json:"auth_secret"`
		APIKey        string `json:"api_key"`
	} `json:"quickblox"`
	FusionAuth *struct {
		URL      string `json:"url"`
		APIKey   string `json:"api_key"`
		TenantID string `json:"tenant_id"`
	} `json:"fusionauth"`
	UserCom *struct {
		URL    string `json:"url"`
		APIKey string `json:"api_key"`
	} `json:"usercom"`
	CAFile string `json:"ca_file"`
}

// start runs the program until stop is called, which returns the exit code.
func start(t *testing.T, args ...string) (about announced, line string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		code <- run(ctx, args, w, &stderr)
		_ = w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	require.NoError(t, err, stderr.String())
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&about))
	stopped := false
	stop = func() int {
		stopped = true
		cancel()
		return <-code
	}
	t.Cleanup(func() {
		if !stopped {
			stop()
		}
	})
	return about, line, stop
}

// createEverywhere creates a user at each fake.
func createEverywhere(t *testing.T, about announced) {
	t.Helper()
	at := func(address string) userapi.HTTPOptions { return userapi.HTTPOptions{BaseURL: address} }
	keystore, err := mixin.ParseKeystore(about.Mixin.Keystore)
	require.NoError(t, err)
	mx, err := mixin.New(mixin.Config{Keystore: keystore, HTTP: at(about.Mixin.URL)})
	require.NoError(t, err)
	qbKey, err := quickblox.New(quickblox.Config{APIKey: userapi.Secret(about.QuickBlox.APIKey), HTTP: at(about.QuickBlox.URL)})
	require.NoError(t, err)
	qb, err := quickblox.New(quickblox.Config{Session: &quickblox.SessionConfig{
		ApplicationID: about.QuickBlox.ApplicationID, AuthKey: about.QuickBlox.AuthKey,
		AuthSecret: userapi.Secret(about.QuickBlox.AuthSecret),
	}, HTTP: at(about.QuickBlox.URL)})
	require.NoError(t, err)
	fa, err := fusionauth.New(fusionauth.Config{
		APIKey: userapi.Secret(about.FusionAuth.APIKey), TenantID: about.FusionAuth.TenantID, HTTP: at(about.FusionAuth.URL),
	})
	require.NoError(t, err)
	uc, err := usercom.New(usercom.Config{APIKey: userapi.Secret(about.UserCom.APIKey), HTTP: at(about.UserCom.URL)})
	require.NoError(t, err)

	for i, c := range []userapi.Creator{mx, qbKey, qb, fa, uc} {
		// Anybody's key will do for a user of a fake.
		extension := mixin.Extra{SessionKey: keystore.PrivateKey}
		name := "user-" + string(rune('a'+i))
		user, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{
			Username: name, FullName: "Peter Smith", Password: "!Peter009", Extensions: []userapi.Extension{extension},
		})
		require.NoError(t, err)
		assert.NotEmpty(t, user.ID)
	}
}

func TestServesAllFour(t *testing.T) {
	t.Parallel()
	about, line, stop := start(t)
	assert.Equal(t, 1, strings.Count(line, "\n"))
	assert.NotContains(t, line, "ca_file")
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, about.Mixin.URL)
	createEverywhere(t, about)
	assert.Equal(t, 0, stop())
	u, err := url.Parse(about.UserCom.URL)
	require.NoError(t, err)
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	assert.Error(t, err, "nobody serves any more")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	about, _, stop := start(t, "-tls")
	assert.Regexp(t, `^https://127\.0\.0\.1:\d+$`, about.Mixin.URL)
	assert.FileExists(t, about.CAFile)
	assert.Equal(t, 0, stop())
	assert.NoFileExists(t, about.CAFile)
}

func TestSomeAreLeftOut(t *testing.T) {
	t.Parallel()
	about, line, stop := start(t, "-mixin", "", "-quickblox", "", "-fusionauth", "localhost:0", "-usercom", "127.0.0.1:0")
	assert.NotNil(t, about.FusionAuth)
	assert.NotContains(t, line, "mixin")
	assert.Equal(t, 0, stop())
}

func TestStopsAfterAWhile(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	assert.Equal(t, 0, run(t.Context(), []string{"-for", "1ms"}, &stdout, &stderr))
	assert.True(t, json.Valid(stdout.Bytes()))
	assert.Empty(t, stderr.String())
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"everywhere": {[]string{"-mixin", "0.0.0.0:7001"}, "-mixin: must be on loopback"},
		"negative":   {[]string{"-for", "-1s"}, "-for must not be negative"},
		"argument":   {[]string{"tls"}, "expected flags only"},
		"unknown":    {[]string{"-acme", "127.0.0.1:0"}, "not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			assert.Equal(t, 2, run(t.Context(), c.args, &stdout, &stderr))
			assert.Empty(t, stdout.String())
			assert.Contains(t, stderr.String(), c.want)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	assert.Equal(t, 0, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	assert.Equal(t, usage, stdout.String())
	for _, name := range fakes.Names() {
		assert.Contains(t, usage, "-"+name+" address")
	}
}

// lost is standard output that is gone.
type lost struct{}

func (lost) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	assert.Equal(t, 1, run(t.Context(), nil, lost{}, &stderr))
	assert.Contains(t, stderr.String(), "cannot tell where the fakes are")
}
