package userapitest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/cookiejar"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

var isolationChecks = []check{
	{"client/caller_s_http_client_unchanged", clientUnchanged},
	{"client/user_agent", userAgentSent},
	{"client/two_clients", twoClients},
	{"client/no_goroutine_left", noGoroutineLeft},
}

func clientUnchanged(t *testing.T, h *Harness) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var hc *http.Client
	var transport http.RoundTripper
	b := open(t, h, func(o *userapi.HTTPOptions) {
		hc = o.HTTPClient
		hc.Timeout, hc.Jar = time.Hour, jar
		transport = hc.Transport
	})
	b.mustCreate(t, h.Minimal(1))
	if hc.Timeout != time.Hour || hc.Jar == nil || hc.Transport != transport || hc.CheckRedirect != nil {
		t.Error("the caller's http.Client was changed")
	}
}

// A listener records the User-Agent of every request.
type listener struct {
	http.RoundTripper
	mu     sync.Mutex
	agents []string
}

func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	l.agents = append(l.agents, r.UserAgent())
	l.mu.Unlock()
	return l.RoundTripper.RoundTrip(r)
}

// listen opens a creator with the given User-Agent.
func listen(t *testing.T, h *Harness, name string) (*bench, *listener) {
	l := &listener{}
	return open(t, h, func(o *userapi.HTTPOptions) {
		l.RoundTripper = o.HTTPClient.Transport
		o.HTTPClient.Transport = l
		o.UserAgent = name
	}), l
}

func userAgentSent(t *testing.T, h *Harness) {
	b, l := listen(t, h, "caller/1.0")
	b.mustCreate(t, h.Minimal(1))
	for _, agent := range l.agents {
		if !strings.HasPrefix(agent, "caller/1.0") || strings.Contains(agent, "Go-http-client") {
			t.Errorf("User-Agent %q, want the caller's first", agent)
		}
	}
}

// twoClients: the settings of one client do not affect another.
func twoClients(t *testing.T, h *Harness) {
	a, atA := listen(t, h, "caller-a/1")
	b, atB := listen(t, h, "caller-b/1")
	a.Inject(Fault{On: Create, When: BeforeCommit, Status: 500})
	_ = a.fails(t.Context(), t, h.Minimal(1))
	b.mustCreate(t, h.Minimal(1))
	a.mustCreate(t, h.Minimal(1))
	a.users(t, 1)
	b.users(t, 1)
	for agents, other := range map[*listener]string{atA: "caller-b", atB: "caller-a"} {
		if strings.Contains(strings.Join(agents.agents, " "), other) {
			t.Error("a client sent what the other was configured with")
		}
	}
}

// noGoroutineLeft labels every goroutine that a creator starts, and waits until they end.
func noGoroutineLeft(t *testing.T, h *Harness) {
	const label = "userapitest"
	name := t.Name()
	var b *bench
	pprof.Do(context.Background(), pprof.Labels(label, name), func(context.Context) {
		var armed atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b = open(t, h, func(o *userapi.HTTPOptions) {
			o.HTTPClient.Transport = onceWritten(o.HTTPClient.Transport, func() {
				if armed.Load() {
					cancel()
				}
			})
		})
		b.mustCreate(t, h.Minimal(1))
		b.Inject(Fault{On: Create, When: AfterCommit, Do: Reset})
		_, _ = b.CreateUser(t.Context(), h.Minimal(2))
		b.mustCreate(t, h.Minimal(3))
		// This is the last request. It is abandoned as soon as it is written, so the server could
		// apply the fault to a later request.
		b.Inject(Fault{On: Create, When: BeforeCommit, Do: Stall})
		armed.Store(true)
		_, _ = b.CreateUser(ctx, h.Minimal(4))
	})
	if c, ok := b.Creator.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
	b.pool.CloseIdleConnections()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for looks := 1; ; looks++ {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			t.Fatal(err)
		}
		left := labelled(profile.String(), label, name)
		if left == "" {
			return
		}
		if looks == 2000 { // ten seconds, or more on a busy machine
			t.Fatalf("goroutines are left:\n%s", left)
		}
		<-poll.C
	}
}

// labelled returns the entries of a goroutine profile with a label, except the harness's own
// servers.
func labelled(profile, label, value string) string {
	var left []string
	for _, entry := range strings.Split(profile, "\n\n") {
		if strings.Contains(entry, `"`+label+`":"`+value+`"`) && !strings.Contains(entry, "net/http.(*Server)") && !strings.Contains(entry, "net/http.(*conn)") &&
			!strings.Contains(entry, "httptest.") {
			left = append(left, entry)
		}
	}
	return strings.Join(left, "\n\n")
}
