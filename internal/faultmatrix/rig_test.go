package faultmatrix_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// closedAddr is a port of loopback that nothing listens on, nor can without
// privileges: one that was just closed may be another rig's by now.
const closedAddr = "127.0.0.1:1"

// A rig is a fake, what stands before it, and a client of it, for one cell.
type rig struct {
	vendor *vendors.Vendor
	fault  *fault
	fake   *vendors.Fake
	front  *front
	framer *framer
	// creator is under test; patient is the same where that one is impatient.
	creator, patient userapi.Creator
	pool             *http.Transport

	started   time.Time    // what the fake's clock shows, which stands still
	offset    atomic.Int64 // of that clock
	dial      atomic.Pointer[func(ctx context.Context, network, addr string) (net.Conn, error)]
	elsewhere *httptest.Server
	strays    atomic.Int32 // requests that reached another host

	mu       sync.Mutex
	log      bytes.Buffer
	attempts []userapi.Attempt

	postsBefore, usersBefore int
	shown                    string // the id of the user that a contradicting reply shows
}

// now does not move: how long a look-up takes is how little its reply says of the vendor's clock, and a claim
// must not depend on it.
func (r *rig) now() time.Time { return r.started.Add(time.Duration(r.offset.Load())) }

// forever is longer than a test lasts: nothing in a cell ends by the time that passes.
const forever = time.Hour

// Write takes the client's log.
func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func newRig(v *vendors.Vendor, f *fault) (*rig, error) {
	r := &rig{vendor: v, fault: f, started: time.Now()}
	r.elsewhere = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { r.strays.Add(1) }))
	options := userapitest.ServerOptions{Now: r.now}
	if f.serve != nil {
		f.serve(&options)
	}
	var err error
	start := v.Start
	if f.silent {
		start = v.StartSilent
	}
	if r.fake, err = start(options); err != nil {
		return nil, err
	}
	switch {
	case f.front:
		r.front, err = newFront(newBackend(r.fake, v))
	case f.framer:
		r.framer, err = newFramer(newBackend(r.fake, v))
	}
	if err != nil {
		return nil, err
	}
	if err := r.connect(true); err != nil {
		return nil, err
	}
	if f.seeded || f.other != nil {
		req := v.Request(1)
		if f.other != nil {
			req = f.other(v)
		}
		if f.seeded {
			r.offset.Store(-int64(time.Hour))
		}
		if _, err := r.creator.CreateUser(context.Background(), req); err != nil {
			return nil, fmt.Errorf("seeding: %w", err)
		}
		r.offset.Store(0)
		if err := r.connect(true); err != nil { // without a session from the past
			return nil, err
		}
	}
	if f.warm {
		if _, err := r.patient.CreateUser(context.Background(), v.Request(1000)); err != nil {
			return nil, fmt.Errorf("warming: %w", err)
		}
	}
	r.usersBefore, r.postsBefore = r.fake.UserCount(), r.posts()
	return r, nil
}

func (r *rig) url() string {
	switch {
	case r.front != nil:
		return r.front.URL()
	case r.framer != nil:
		return r.framer.URL()
	default:
		return r.fake.URL()
	}
}

// connect makes the client, which trusts the server's certificate or not.
func (r *rig) connect(trusting bool) error {
	if r.pool != nil {
		r.pool.CloseIdleConnections()
	}
	r.pool = &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if do := r.dial.Load(); do != nil {
				return (*do)(ctx, network, addr)
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.roots(trusting)},
	}
	opts := userapi.HTTPOptions{
		BaseURL:    r.url(),
		HTTPClient: &http.Client{Transport: r.pool},
		Timeout:    forever,
		Retry:      userapi.RetryPolicy{BaseWait: time.Millisecond, MaxWait: 4 * time.Millisecond, Jitter: -1, MaxRetryAfter: 5 * time.Second},
		Logger:     slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug - 10})),
		OnAttempt: func(_ context.Context, a userapi.Attempt) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.attempts = append(r.attempts, a)
		},
	}
	if r.fault.edit != nil {
		r.fault.edit(r, &opts)
	}
	var err error
	if r.patient, err = r.vendor.New(opts); err != nil {
		return err
	}
	r.creator = r.patient
	if r.fault.impatient {
		r.creator = &impatient{Creator: r.patient, rig: r}
	}
	return err
}

// An impatient creator has no more time for its first create when the fault has struck.
type impatient struct {
	userapi.Creator
	rig  *rig
	used atomic.Bool
}

func (c *impatient) Unwrap() userapi.Creator { return c.Creator }

func (c *impatient) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	if c.used.Swap(true) {
		return c.Creator.CreateUser(ctx, req)
	}
	struck := &reached{ctx, make(chan struct{}), context.DeadlineExceeded}
	returned := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for !c.rig.struck() {
			select {
			case <-tick.C:
			case <-returned:
				return
			}
		}
		close(struck.done)
	})
	defer watching.Wait()
	defer close(returned)
	return c.Creator.CreateUser(struck, req)
}

// struck reports whether the create has reached the fault.
func (r *rig) struck() bool {
	if slices.Contains(processed, r.fault.name) {
		return r.fake.UserCount() > r.usersBefore
	}
	return r.posts() > r.postsBefore
}

func (r *rig) roots(trusting bool) *x509.CertPool {
	switch client := r.fake.Client; {
	case r.framer != nil:
		return r.framer.roots
	case trusting && client != nil:
		return client.Transport.(*http.Transport).TLSClientConfig.RootCAs
	default:
		return x509.NewCertPool() // trusts nobody
	}
}

func (r *rig) trust()    { _ = r.connect(true) }
func (r *rig) distrust() { _ = r.connect(false) }

// posts counts the creates that the server has seen arrive.
func (r *rig) posts() int {
	switch {
	case r.front != nil:
		return int(r.front.posts.Load())
	case r.framer != nil:
		return int(r.framer.posts.Load())
	}
	n := 0
	for _, req := range r.fake.Requests() {
		if r.vendor.IsCreate(req.Method, req.URI) {
			n++
		}
	}
	return n
}

func (r *rig) close() {
	r.pool.CloseIdleConnections()
	if r.front != nil {
		r.front.close()
	}
	if r.framer != nil {
		r.framer.close()
	}
	r.fake.Close()
	r.elsewhere.Close()
}

// buffered reads a response's body while its context lasts.
func buffered(resp *http.Response) io.ReadCloser {
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return io.NopCloser(io.MultiReader(bytes.NewReader(data), failing{err}))
	}
	return io.NopCloser(bytes.NewReader(data))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
