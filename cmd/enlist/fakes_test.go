package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
)

// announced is what fakes prints.
type announced struct {
	line   string
	URLs   map[string]string
	CAFile string
}

// startFakes runs fakes until stop is called, which returns the exit code.
func startFakes(t *testing.T, args ...string) (a announced, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		code <- run(ctx, environment{args: append([]string{"fakes"}, args...), in: strings.NewReader(""), out: w, err: &stderr, getenv: func(string) string { return "" }})
		_ = w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	require.NoError(t, err, stderr.String())
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(line), &members))
	a = announced{line: line, URLs: map[string]string{}}
	for name, text := range members {
		if name == "ca_file" {
			require.NoError(t, json.Unmarshal(text, &a.CAFile))
			continue
		}
		var about struct{ URL string }
		require.NoError(t, json.Unmarshal(text, &about))
		a.URLs[name] = about.URL
	}
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
	return a, stop
}

// TestServesAllFour: other commands take what is announced.
func TestServesAllFour(t *testing.T) {
	t.Parallel()
	a, stop := startFakes(t)
	assert.Equal(t, 1, strings.Count(a.line, "\n"))
	assert.NotContains(t, a.line, "ca_file")
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, a.URLs["mixin"])
	variables := map[string]string{"ENLIST_PASSWORD": plantedPassword, "FUSIONAUTH_URL": "https://fusionauth.invalid"}
	args := append([]string{"create", "--session-keys", filepath.Join(t.TempDir(), "keys"), "--vendors"}, append([]string{writeFile(t, a.line)}, someone...)...)
	for range 2 {
		r := runIn(t.Context(), variables, "", args...)
		assert.Equal(t, exitDone, r.code, r.stderr)
	}
	r := runIn(t.Context(), variables, a.line, "get", "usercom", "310455021", "--vendors", "-")
	assert.Equal(t, exitDone, r.code, r.stderr)
	has(t, r.stdout, "ada@example.com")
	assert.Equal(t, exitDone, stop())
	u, err := url.Parse(a.URLs["usercom"])
	require.NoError(t, err)
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	assert.Error(t, err, "nobody serves any more")
}

func TestTLSIsTrustedByTheFile(t *testing.T) {
	t.Parallel()
	a, stop := startFakes(t, "--tls")
	assert.Regexp(t, `^https://127\.0\.0\.1:\d+$`, a.URLs["mixin"])
	for i, host := range []string{"127.0.0.1", "localhost"} {
		line := strings.ReplaceAll(a.line, "https://127.0.0.1:", "https://"+host+":")
		r := runIn(t.Context(), nil, "", "create", "--to", "usercom", "--vendors", writeFile(t, line), "--external-id", host)
		assert.Equal(t, exitDone, r.code, r.stderr, i)
	}

	// Without the file nobody trusts them.
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	_, err := (&http.Client{Transport: transport}).Get(a.URLs["quickblox"])
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)

	assert.Equal(t, exitDone, stop())
	assert.NoDirExists(t, filepath.Dir(a.CAFile))
}

func TestSomeAreLeftOut(t *testing.T) {
	t.Parallel()
	a, stop := startFakes(t, "--mixin", "", "--quickblox", "", "--fusionauth", "localhost:0", "--usercom", "127.0.0.1:0")
	assert.Len(t, a.URLs, 2)
	assert.Contains(t, a.URLs, "fusionauth")
	assert.Equal(t, exitDone, stop())
}

func TestAddressIsTaken(t *testing.T) {
	t.Parallel()
	a, _ := startFakes(t, "--mixin", "", "--quickblox", "", "--fusionauth", "")
	u, err := url.Parse(a.URLs["usercom"])
	require.NoError(t, err)
	r := runIn(t.Context(), nil, "", "fakes", "--usercom", u.Host)
	assert.Equal(t, exitFailed, r.code)
	assert.Empty(t, r.stdout)
	has(t, flat(r.stderr), "enlist: usercom: ")
}

func TestStopsAfterAWhile(t *testing.T) {
	t.Parallel()
	r := runIn(t.Context(), nil, "", "fakes", "--for", "1ms")
	assert.Equal(t, exitDone, r.code)
	assert.True(t, json.Valid([]byte(r.stdout)))
	assert.Empty(t, r.stderr)
}

// TestFaultsOnPurpose: the fakes fail as they are told to.
func TestFaultsOnPurpose(t *testing.T) {
	t.Parallel()
	a, _ := startFakes(t, "--fault", "usercom:create:before-commit:respond=403", "--fault", "quickblox:create:after-commit:hangup:1", "--latency", "1ms")
	vendorsFile := writeFile(t, a.line)
	args := []string{"create", "--vendors", vendorsFile, "--to", "quickblox,usercom", "--email", "ada@example.com"}
	r := runIn(t.Context(), map[string]string{"ENLIST_PASSWORD": plantedPassword}, "", args...)
	assert.Equal(t, exitRefused, r.code)
	has(t, flat(r.stderr), "usercom: forbidden (status 403)")
	has(t, r.stdout, "quickblox: the reply to the create was lost, and the user was found")
}

// TestReport: at the end a file says what was asked for, and what was refused.
func TestReport(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report.json")
	a, stop := startFakes(t, "--report", report)
	vendorsFile := writeFile(t, a.line)
	variables := map[string]string{"ENLIST_PASSWORD": plantedPassword}
	for range 2 { // the second one is taken
		runIn(t.Context(), variables, "", "create", "--vendors", vendorsFile, "--to", "quickblox", "--email", "ada@example.com", "--new")
	}
	assert.NoFileExists(t, report)
	assert.Equal(t, exitDone, stop())
	text, err := os.ReadFile(report)
	require.NoError(t, err)
	var stats map[string]map[string]int
	require.NoError(t, json.Unmarshal(text, &stats))
	assert.Len(t, stats, 4)
	assert.Equal(t, map[string]int{"users": 1, "creates": 2, "duplicates": 1, "rate_limited": 0}, stats["quickblox"])
	assert.Equal(t, map[string]int{"users": 0, "creates": 0, "duplicates": 0, "rate_limited": 0}, stats["mixin"])
	if runtime.GOOS != "windows" { // which has no such modes
		info, err := os.Stat(report)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

// TestLatency: no answer comes before it. Of those that are left out the variables do not count.
func TestLatency(t *testing.T) {
	t.Parallel()
	a, _ := startFakes(t, "--latency", "40ms", "--mixin", "", "--fusionauth", "", "--quickblox", "")
	variables := map[string]string{"FUSIONAUTH_URL": "https://fusionauth.invalid", "FUSIONAUTH_API_KEY": plantedKey}
	began := time.Now()
	r := runIn(t.Context(), variables, "", "create", "--vendors", writeFile(t, a.line), "--external-id", "1")
	assert.GreaterOrEqual(t, time.Since(began), 80*time.Millisecond, "a look and a create")
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.NotContains(t, r.stdout, "fusionauth")
}

// TestRate: each fake refuses what is too much for it, and the report counts it.
func TestRate(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report.json")
	a, stop := startFakes(t, "--report", report, "--rate", "0.001")
	r := runIn(t.Context(), nil, "", "create", "--vendors", writeFile(t, a.line), "--to", "usercom", "--email", "ada@example.com")
	assert.Equal(t, exitOpen, r.code, "the look took all that there was")
	has(t, flat(r.stderr), "usercom: rate limited (status 429)")
	has(t, flat(r.stderr), "No user was created. Next: run this again in ")
	assert.Equal(t, exitDone, stop())
	text, err := os.ReadFile(report)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"usercom":{"users":0,"creates":0,"duplicates":0,"rate_limited":1}`)
}

// TestReportThatIsLost: it is told on standard error.
func TestReportThatIsLost(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "folder")
	require.NoError(t, os.Mkdir(dir, 0o700))
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var stderr bytes.Buffer
	go func() {
		_, _ = bufio.NewReader(r).ReadString('\n')
		assert.NoError(t, os.Remove(dir))
		cancel()
	}()
	code := run(ctx, environment{args: []string{"fakes", "--report", filepath.Join(dir, "report")}, in: strings.NewReader(""), out: w, err: &stderr, getenv: os.Getenv})
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, stderr.String(), "the report cannot be written")
	assert.Contains(t, stderr.String(), `"usercom":{"users":0`)
}

func TestWrongFakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"everywhere":    {[]string{"--mixin", "0.0.0.0:7001"}, "--mixin: must be on loopback"},
		"negative":      {[]string{"--for", "-1s"}, "--for must not be negative"},
		"latency":       {[]string{"--latency", "-1s"}, "--latency must not be negative"},
		"rate":          {[]string{"--rate", "-1"}, "--rate must be a number"},
		"no rate":       {[]string{"--rate", "NaN"}, "--rate must be a number"},
		"report":        {[]string{"--report", filepath.Join(t.TempDir(), "none", "report")}, "--report: the folder does not exist"},
		"report folder": {[]string{"--report", t.TempDir()}, "--report: must be a regular file"},
		"argument":      {[]string{"tls"}, "expected flags only"},
		"unknown":       {[]string{"--acme", "127.0.0.1:0"}, "unknown flag: --acme"},
		"fault":         {[]string{"--fault", "mixin:create:after-commit:explode"}, `unknown action "explode"; expected respond, reset, hangup, stall, truncate`},
		"fault of none": {[]string{"--mixin", "", "--fault", "mixin:create:after-commit:reset"}, "the fake of mixin is left out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runIn(t.Context(), nil, "", append([]string{"fakes"}, c.args...)...)
			assert.Equal(t, exitUsage, r.code)
			assert.Empty(t, r.stdout)
			has(t, flat(r.stderr), c.want)
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	assert.Equal(t, exitFailed, run(t.Context(), environment{
		args: []string{"fakes"}, in: strings.NewReader(""), out: full{}, err: &stderr, getenv: os.Getenv,
	}))
	assert.Contains(t, stderr.String(), "cannot print where the fakes are")
}

// TestFakesHelp: it names each vendor's flag.
func TestFakesHelp(t *testing.T) {
	t.Parallel()
	r := runIn(t.Context(), nil, "", "fakes", "--help")
	for _, name := range vendors.Names() {
		has(t, r.stdout, "--"+name+" address")
	}
}
