package fakehttp_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// start serves one path that counts how often it was carried out.
func start(t *testing.T, opts userapitest.ServerOptions) (srv *fakehttp.Server, committed *atomic.Int32) {
	t.Helper()
	committed = new(atomic.Int32)
	srv = fakehttp.New(fakehttp.Config{
		ServerOptions: opts,
		SecretHeaders: []string{"authorization"}, SecretFields: []string{"password"},
		Header: http.Header{"X-Fake": {"1"}},
		TooMany: func(r *fakehttp.Request, wait time.Duration) fakehttp.Reply {
			return fakehttp.Reply{Status: http.StatusTooManyRequests, Body: []byte(r.Method + " " + wait.String())}
		},
	})
	srv.Handle(userapitest.Create, "POST /users", func(r *fakehttp.Request) fakehttp.Reply {
		committed.Add(1)
		return fakehttp.Reply{Status: http.StatusCreated, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"id":12345678}`)}
	})
	require.NoError(t, srv.Start())
	t.Cleanup(srv.Close)
	return srv, committed
}

func post(t *testing.T, url, body string) (status int, got string, err error) {
	t.Helper()
	return postIn(t.Context(), t, url, body)
}

func postIn(ctx context.Context, t *testing.T, url, body string) (status int, got string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "planted")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

func TestRecordsAreRedacted(t *testing.T) {
	t.Parallel()
	srv, _ := start(t, userapitest.ServerOptions{})
	status, got, err := post(t, srv.URL()+"/users?password=planted&a=b", `{"user":{"password":"planted","a":[{"Password":"planted"}],"n":12345678901234567890}}`)
	require.NoError(t, err)
	assert.Equal(t, 201, status)
	assert.JSONEq(t, `{"id":12345678}`, got)
	status, _, err = post(t, srv.URL()+"/elsewhere", "planted, and no JSON")
	require.NoError(t, err)
	assert.Equal(t, 404, status)
	records := srv.Requests()
	require.Len(t, records, 2)
	assert.Equal(t, "/users?password="+url.QueryEscape("[REDACTED]")+"&a=b", records[0].URI)
	assert.JSONEq(t, `{"user":{"password":"[REDACTED]","a":[{"Password":"[REDACTED]"}],"n":12345678901234567890}}`, string(records[0].Body))
	for _, r := range records {
		assert.Equal(t, "[REDACTED]", r.Header.Get("Authorization"))
		assert.False(t, strings.Contains(string(r.Body), "planted"))
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault     userapitest.Fault
		status    int
		body      string
		fails     bool
		committed int32
	}{
		"respond":               {userapitest.Fault{When: userapitest.BeforeCommit, Status: 503, Body: []byte("down")}, 503, "down", false, 0},
		"respond after":         {userapitest.Fault{When: userapitest.AfterCommit, Status: 503}, 503, "", false, 1},
		"reset":                 {userapitest.Fault{Do: userapitest.Reset}, 0, "", true, 0},
		"reset after":           {userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset}, 0, "", true, 1},
		"hangup":                {userapitest.Fault{When: userapitest.BeforeCommit, Do: userapitest.Hangup}, 0, "", true, 0},
		"stall":                 {userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Stall}, 0, "", true, 1},
		"truncate the vendor's": {userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Truncate}, 201, `{"id":1`, true, 1},
		"truncate":              {userapitest.Fault{When: userapitest.BeforeCommit, Do: userapitest.Truncate, Status: 201, Body: []byte("abcd")}, 201, "ab", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, committed := start(t, userapitest.ServerOptions{})
			srv.Inject(tt.fault)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			if tt.fault.Do == userapitest.Stall {
				go func() {
					tick := time.NewTicker(time.Millisecond)
					defer tick.Stop()
					for committed.Load() == 0 && ctx.Err() == nil {
						<-tick.C
					}
					leave()
				}()
			}
			status, body, err := postIn(ctx, t, srv.URL()+"/users", `{}`)
			assert.Equal(t, tt.fails, err != nil)
			assert.Equal(t, tt.status, status)
			assert.Equal(t, tt.body, body)
			assert.Equal(t, tt.committed, committed.Load())
			status, _, err = post(t, srv.URL()+"/users", `{}`)
			require.NoError(t, err, "a fault applies to one request")
			assert.Equal(t, 201, status)
			assert.Len(t, srv.Requests(), 2)
		})
	}
}

// TestWhatIsNotServed: the fake answers with its own text, or with the vendor's page if it has one. The log names
// the path.
func TestWhatIsNotServed(t *testing.T) {
	t.Parallel()
	for _, own := range []fakehttp.Reply{{}, {Status: http.StatusNotFound, Body: []byte("<html>")}} {
		var log bytes.Buffer
		srv := fakehttp.New(fakehttp.Config{
			ServerOptions: userapitest.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}, NotFound: own,
		})
		srv.Handle(userapitest.Create, "POST /users", func(*fakehttp.Request) fakehttp.Reply { return fakehttp.Reply{} })
		require.NoError(t, srv.Start())
		status, body, err := post(t, srv.URL()+"/users/7/roles?password=planted", `{}`)
		srv.Close()
		require.NoError(t, err)
		assert.Equal(t, 404, status)
		want := "This is a fake, and it does not serve this request.\n"
		if own.Status != 0 {
			want = string(own.Body)
		}
		assert.Equal(t, want, body)
		assert.Contains(t, log.String(), "method=POST path=/users/7/roles")
		assert.NotContains(t, log.String(), "planted")
		assert.Len(t, srv.Requests(), 1)
	}
}

// logged is a test whose log is read.
type logged struct {
	testing.TB
	log bytes.Buffer
}

func (l *logged) Output() io.Writer { return &l.log }

// TestLogTo: the log is the test's, unless the options name one.
func TestLogTo(t *testing.T) {
	t.Parallel()
	var own bytes.Buffer
	for _, o := range []userapitest.ServerOptions{{}, {Logger: slog.New(slog.NewTextHandler(&own, nil))}} {
		named, to := o.Logger != nil, &logged{TB: t}
		fakehttp.LogTo(to, &o)
		o.Logger.Warn("said")
		assert.Equal(t, named, to.log.Len() == 0)
		assert.Equal(t, named, own.Len() != 0)
	}
}

// TestHandleBy: the operation that a fault is for is that of the body.
func TestHandleBy(t *testing.T) {
	t.Parallel()
	srv := fakehttp.New(fakehttp.Config{})
	operation := func(body []byte) userapitest.Operation {
		if string(body) == `{"delete":1}` {
			return userapitest.Delete
		}
		return userapitest.Create
	}
	srv.HandleBy(operation, "POST /users", func(r *fakehttp.Request) fakehttp.Reply { return fakehttp.Reply{Body: r.Body} })
	require.NoError(t, srv.Start())
	t.Cleanup(srv.Close)
	srv.Inject(userapitest.Fault{On: userapitest.Delete, Status: 503, Times: -1})
	for body, want := range map[string]int{`{"delete":1}`: 503, `{"user":1}`: 200} {
		status, got, err := post(t, srv.URL()+"/users", body)
		require.NoError(t, err)
		assert.Equal(t, want, status)
		if want == 200 {
			assert.Equal(t, body, got, "it is read once, and handed on")
		}
	}
	assert.ElementsMatch(t, []userapitest.Operation{userapitest.Delete, userapitest.Create},
		[]userapitest.Operation{srv.Requests()[0].Operation, srv.Requests()[1].Operation})
}

func TestFaultsAreUsedUpInOrder(t *testing.T) {
	t.Parallel()
	srv, _ := start(t, userapitest.ServerOptions{})
	srv.Inject(userapitest.Fault{On: userapitest.Delete, Status: 500})
	srv.Inject(userapitest.Fault{Status: 501, Times: 2})
	srv.Inject(userapitest.Fault{Status: 502, Times: -1})
	for _, want := range []int{501, 501, 502, 502, 502} {
		status, _, err := post(t, srv.URL()+"/users", `{}`)
		require.NoError(t, err)
		assert.Equal(t, want, status)
	}
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "10.0.0.1:0", "example.com:0", "nonsense"} {
		srv := fakehttp.New(fakehttp.Config{ServerOptions: userapitest.ServerOptions{Addr: addr}})
		require.Error(t, srv.Start(), addr)
	}
}

func TestCloseReleasesAStall(t *testing.T) {
	t.Parallel()
	srv := fakehttp.New(fakehttp.Config{})
	committed := make(chan struct{})
	srv.Handle(userapitest.Create, "POST /users", func(*fakehttp.Request) fakehttp.Reply {
		close(committed)
		return fakehttp.Reply{Status: http.StatusCreated}
	})
	require.NoError(t, srv.Start())
	t.Cleanup(srv.Close)
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Stall})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL()+"/users", http.NoBody)
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req) // without a time-out
		if err == nil {
			_ = resp.Body.Close()
		}
		failed <- err
	}()
	<-committed
	srv.Close()
	require.Error(t, <-failed)
	srv.Close()
}
