package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapiotel"
)

// A site is a running program.
type site struct {
	url      string
	spans    bytes.Buffer // to be read once it has stopped
	identity *fusionauthtest.Server
	chat     *quickbloxtest.Server
	line     line // to the chat
	stop     func() error
}

// A line is a connection that breaks: once it is cut it loses one reply, and is then down until it is mended.
type line struct {
	transport http.Transport
	cut, down atomic.Bool
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.down.Load() {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: io.ErrClosedPipe}
	}
	resp, err := l.transport.RoundTrip(r)
	if err == nil && l.cut.Swap(false) {
		l.down.Store(true)
		_ = resp.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return resp, err
}

// serve runs the program with fakes that the test can break.
func serve(t *testing.T) *site {
	t.Helper()
	s := &site{identity: fusionauthtest.NewServer(t), chat: quickbloxtest.NewServer(t)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, listener, filepath.Join(t.TempDir(), "signups.db"), &s.spans, func(traces userapiotel.Option) (*vendors, error) {
			chat := s.chat.Config()
			chat.HTTP.HTTPClient = &http.Client{Transport: &s.line}
			v, err := connect(s.identity.Config(), chat, traces, func() {})
			if err == nil {
				v.every = 500 * time.Millisecond
			}
			return v, err
		})
	}()
	var once atomic.Bool
	s.stop = func() error {
		if once.Swap(true) {
			return nil
		}
		cancel()
		return <-ended
	}
	t.Cleanup(func() { assert.NoError(t, s.stop()) })
	return s
}

// get returns the text of a page, and where it was found.
func (s *site) get(t *testing.T, path string) (text, at string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	require.NoError(t, err)
	return s.do(t, req, http.StatusOK)
}

func (s *site) do(t *testing.T, req *http.Request, status int) (text, at string) {
	t.Helper()
	resp, err := new(http.Client).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, status, resp.StatusCode, string(body))
	assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
	return html.UnescapeString(string(body)), resp.Request.URL.Path
}

// post sends the form, from a page of an origin.
func (s *site) post(t *testing.T, origin string, form url.Values, status int) (text, at string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/signup", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", origin)
	return s.do(t, req, status)
}

var hidden = regexp.MustCompile(`name="key" value="([A-Z2-7]{26})"`)

// open begins a sign-up, and returns what stands in its form.
func (s *site) open(t *testing.T, name, email, password string) url.Values {
	t.Helper()
	text, at := s.get(t, "/")
	key := hidden.FindStringSubmatch(text)
	require.NotNil(t, key, text)
	again, _ := s.get(t, at)
	require.Equal(t, key, hidden.FindStringSubmatch(again), "a reload is the same sign-up")
	return url.Values{"key": {key[1]}, "name": {name}, "email": {email}, "password": {password}}
}

// TestSignUp: from the form to the account, also with the form sent twice, and no person in the traces.
func TestSignUp(t *testing.T) {
	t.Parallel()
	s := serve(t)
	form := s.open(t, "Ada Lovelace", "ada@example.com", "a-Password-1")
	text, at := s.post(t, s.url, form, http.StatusOK)
	assert.Contains(t, text, "Welcome")
	assert.Equal(t, "/signup/"+form.Get("key"), at)
	text, _ = s.post(t, s.url, form, http.StatusOK)
	assert.Contains(t, text, "Welcome")
	assert.Equal(t, []int{1, 1}, []int{s.identity.UserCount(), s.chat.UserCount()})

	require.NoError(t, s.stop())
	spans := s.spans.String()
	for _, want := range []string{"provision CreateUser", "POST /users.json", "ledger store"} {
		assert.Contains(t, spans, want)
	}
	for _, planted := range []string{"ada@", "Lovelace", "Password", form.Get("key")} {
		assert.NotContains(t, spans, planted)
	}
}

// TestListenerFails: the program ends with the error.
func TestListenerFails(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	err = run(t.Context(), listener, filepath.Join(t.TempDir(), "signups.db"), io.Discard, startFakes)
	require.ErrorIs(t, err, net.ErrClosed)
}

// noLedger stores nothing.
type noLedger struct{ provision.Ledger }

func (noLedger) Store(context.Context, ...provision.Record) error {
	return errors.New("the disk is full")
}

// TestLedgerFails: a sign-up that was not recorded is said not to be taken, and nothing is sent.
func TestLedgerFails(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "signups.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.ExecContext(t.Context(), "CREATE TABLE people (signup TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL)")
	require.NoError(t, err)
	ledger := noLedger{new(provision.Memory)}
	chat := quickbloxtest.NewServer(t)
	c, err := quickblox.New(chat.Config())
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	p, err := provision.New(ledger, []provision.Target{{Name: "chat", Creator: c}}, provision.RequestKeys(requestKey))
	require.NoError(t, err)
	form := url.Values{"key": {rand.Text()}, "name": {"Ada"}, "email": {"ada@example.com"}, "password": {"a-Password-1"}}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/signup", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	(&app{db: db, ledger: ledger, p: p}).handler().ServeHTTP(w, req)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Contains(t, w.Body.String(), "We cannot take sign-ups just now.")
	assert.Zero(t, chat.UserCount())
}

// TestTaken: the field says so, and the corrected form, of the same sign-up, is taken.
func TestTaken(t *testing.T) {
	t.Parallel()
	s := serve(t)
	identity, err := fusionauth.New(s.identity.Config())
	require.NoError(t, err)
	t.Cleanup(identity.CloseIdleConnections)
	_, err = identity.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "ada@example.com", Password: "a-Password-1"})
	require.NoError(t, err)
	form := s.open(t, "Another <b>Ada</b>", "ada@example.com", "a-Password-2")
	text, _ := s.post(t, s.url, form, http.StatusUnprocessableEntity)
	assert.Contains(t, text, "Somebody has an account with this already.")
	assert.Contains(t, text, form.Get("key"))
	assert.NotContains(t, text, "a-Password-2")
	assert.Zero(t, s.chat.UserCount(), "nobody chats whose address is taken")
	form.Set("email", "grace@example.com")
	text, _ = s.post(t, s.url, form, http.StatusOK)
	assert.Contains(t, text, "Welcome")
	assert.Equal(t, []int{2, 1}, []int{s.identity.UserCount(), s.chat.UserCount()})
}

// TestOutage: the reply of the chat is lost, and the page says what is known, until all is.
func TestOutage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	form := s.open(t, "Ada", "ada@example.com", "a-Password-1")
	s.line.cut.Store(true)
	text, at := s.post(t, s.url, form, http.StatusOK)
	assert.Contains(t, text, "We do not know yet")
	text, _ = s.post(t, s.url, form, http.StatusOK)
	assert.Contains(t, text, "We do not know yet", "a reload changes nothing")
	s.line.down.Store(false)
	require.Eventually(t, func() bool {
		text, _ := s.get(t, at)
		return strings.Contains(text, "Welcome")
	}, time.Minute, 100*time.Millisecond)
	assert.Equal(t, []int{1, 1}, []int{s.identity.UserCount(), s.chat.UserCount()})
}

// TestRefused: forms that are not this site's, or not whole.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := serve(t)
	form := s.open(t, "Ada", "ada@example.com", "a-Password-1")
	s.post(t, "https://evil.example", form, http.StatusForbidden)
	form.Set("password", "")
	text, _ := s.post(t, s.url, form, http.StatusUnprocessableEntity)
	assert.Contains(t, text, "Please fill this in.")
	form.Set("key", "17")
	s.post(t, s.url, form, http.StatusBadRequest)
	assert.Zero(t, s.identity.UserCount())
}
