package benchmarks_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

const (
	// callers create users at the same time.
	callers = 64
	// think is how long the server takes for each request.
	think = 2 * time.Millisecond
)

// serve starts a TLS server that answers with a vendor's reply after its think
// time, makes it trusted by this process, and counts its connections.
func serve(b *testing.B, reply string, http2 bool) (url string, conns *atomic.Int64) {
	b.Helper()
	conns = new(atomic.Int64)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		timer := time.NewTimer(think)
		defer timer.Stop()
		<-timer.C
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, reply)
	}))
	srv.EnableHTTP2 = http2
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // spare connections are given up in their handshake
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.StartTLS()
	b.Cleanup(srv.Close)
	trust(b, srv)
	return srv.URL, conns
}

// trust makes httptest's certificate one of the system's, for clients whose pool is
// the default one. The system's are read once a process, at the first connection.
func trust(b *testing.B, srv *httptest.Server) {
	b.Helper()
	file := filepath.Join(b.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		b.Fatal(err)
	}
	b.Setenv("SSL_CERT_FILE", file)
}

// tuned is a net/http pool for as many callers; untuned is what a program gets that
// makes an http.Client without thinking of it.
func tuned() *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: 2 * callers, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
}

func untuned() *http.Transport { return &http.Transport{ForceAttemptHTTP2: true} }

// BenchmarkLoopback creates users at a server on this machine, 64 at a time, over
// TLS. The metrics to compare are creates/s, and new-conns, the connections that
// were opened once the pool was warm.
func BenchmarkLoopback(b *testing.B) {
	for _, proto := range []string{"http1", "http2"} {
		for _, v := range benches(b) {
			for _, way := range []string{"untuned", "raw", "enlist"} {
				b.Run(proto+"/"+v.Name+"/"+way, func(b *testing.B) {
					reply := v.Reply
					if way == "enlist" {
						reply = v.RealReply()
					}
					url, conns := serve(b, reply, proto == "http2")
					run(b, v.over(b, way, url), conns)
				})
			}
		}
	}
}

// over returns the function that creates one user.
func (v *bench) over(b *testing.B, way, url string) func() error {
	if way == "enlist" {
		c := v.client(b, userapi.HTTPOptions{BaseURL: url})
		b.Cleanup(c.(interface{ CloseIdleConnections() }).CloseIdleConnections)
		return func() error {
			req := v.Request
			if v.next != nil {
				req = v.next()
			}
			_, err := c.CreateUser(b.Context(), req)
			return err
		}
	}
	pool := tuned()
	if way == "untuned" {
		pool = untuned()
	}
	b.Cleanup(pool.CloseIdleConnections)
	hc := &http.Client{Transport: pool}
	return func() error {
		plain := v.plain
		plain.sign = v.sign
		if v.nextPlain != nil {
			plain.request = v.nextPlain()
		}
		return plain.raw(b.Context(), hc, url)
	}
}

// run warms the pool up and then measures: cold, net/http dials for a caller and
// also gives it the next connection that comes free, whichever is first.
func run(b *testing.B, create func() error, conns *atomic.Int64) {
	var warmUp sync.WaitGroup
	for range callers {
		warmUp.Go(func() {
			for range 4 {
				if err := create(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	warmUp.Wait()
	warm := conns.Load()
	b.SetParallelism((callers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := create(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(conns.Load()-warm), "new-conns")
	b.ReportMetric(float64(warm), "warm-conns")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
}
