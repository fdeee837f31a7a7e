//go:build unix

package benchmarks_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// serverVariable makes this program the vendors of BenchmarkSignUp: their work must not be
// counted.
const serverVariable = "ENLIST_TEST_VENDORS"

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		serveVendors()
		return
	}
	os.Exit(m.Run())
}

// isOfSignUp reports whether a sign-up of the benchmark has a user at a vendor.
func isOfSignUp(name string) bool {
	return name == "fusionauth" || name == "quickblox" || name == "usercom"
}

// serveVendors tells the addresses of the vendors' servers, and ends with its input.
func serveVendors() {
	var urls []string
	var all []vendors.Bench
	for _, v := range vendors.All() {
		all = append(all, v.Benches...)
	}
	for _, v := range all {
		if !isOfSignUp(v.Name) {
			continue
		}
		reply := v.RealReply()
		srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, reply)
		}))
		defer srv.Close()
		urls = append(urls, srv.URL)
	}
	_, _ = fmt.Fprintln(os.Stdout, strings.Join(urls, " "))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startVendors returns a client for each vendor of a sign-up, whose server is in another
// process.
func startVendors(b *testing.B) (clients []userapi.Creator, requests []userapi.CreateUserRequest) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	server := exec.Command(self)
	server.Env = append(os.Environ(), serverVariable+"=1")
	in, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = server.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	// It has the certificate of every server of httptest's.
	trusting := httptest.NewTLSServer(http.NotFoundHandler())
	b.Cleanup(trusting.Close)
	urls := strings.Fields(line)
	for _, v := range benches(b) {
		if isOfSignUp(v.Name) {
			clients = append(clients, v.client(b, userapi.HTTPOptions{BaseURL: urls[len(clients)], HTTPClient: trusting.Client()}))
			requests = append(requests, v.Request)
		}
	}
	return clients, requests
}

// renewed is after how many sign-ups the ledger in memory is a new one: what it holds costs
// the garbage collector more with each, as no ledger does outside a test.
const renewed = 100

// BenchmarkSignUp compares a sign-up at three vendors, two of which wait for the first, with
// the same creates without a Provisioner, one after another and as the sign-up has them. cpu-µs/op is the time that the processors spend on
// it, the kernel's included, and without that of the vendors.
func BenchmarkSignUp(b *testing.B) {
	clients, requests := startVendors(b)
	var targets []provision.Target
	for i, c := range clients {
		t := provision.Target{Name: fmt.Sprint("target-", i), Creator: c}
		if i > 0 {
			t.After = []string{targets[0].Name}
			t.Map = func(userapi.CreateUserRequest, map[string]*userapi.User) userapi.CreateUserRequest {
				return requests[i]
			}
		}
		targets = append(targets, t)
	}
	var p *provision.Provisioner
	signUps := 0
	create := func(ctx context.Context, i int, key string) error {
		req := requests[i]
		req.IdempotencyKey = key
		_, err := clients[i].CreateUser(ctx, req)
		return err
	}
	for _, way := range []struct {
		name string
		do   func(ctx context.Context, key string) error
	}{
		{"creates", func(ctx context.Context, key string) error {
			for i := range clients {
				if err := create(ctx, i, key); err != nil {
					return err
				}
			}
			return nil
		}},
		{"creates, two at once", func(ctx context.Context, key string) error {
			if err := create(ctx, 0, key); err != nil {
				return err
			}
			var wg sync.WaitGroup
			var errs [3]error
			for i := 1; i < len(clients); i++ {
				wg.Go(func() { errs[i] = create(ctx, i, key) })
			}
			wg.Wait()
			return errors.Join(errs[:]...)
		}},
		{"sign-up", func(ctx context.Context, key string) error {
			if signUps%renewed == 0 {
				var err error
				if p, err = provision.New(new(provision.Memory), targets, provision.RequestKeys("sixteen bytes ok")); err != nil {
					return err
				}
			}
			signUps++
			req := requests[0]
			req.IdempotencyKey = key
			_, err := p.CreateUser(ctx, req)
			return err
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			begun := cpu(b)
			for i := range b.N {
				if err := way.do(b.Context(), fmt.Sprint("sign-up-", i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b)-begun).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpu returns the time that this process has had the processors.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
