package benchmarks_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

const (
	// A request takes perRequest, and each user in it perUser.
	perRequest = 5 * time.Millisecond
	perUser    = 200 * time.Microsecond
)

// serveImports starts a server that answers as FusionAuth does, and takes its time.
func serveImports(b *testing.B, perRequest, perUser time.Duration) string {
	b.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		timer := time.NewTimer(perRequest + time.Duration(bytes.Count(body, []byte(`"username"`)))*perUser)
		defer timer.Stop()
		<-timer.C
		if !strings.HasSuffix(r.URL.Path, "/import") {
			id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
			var n int
			_, _ = fmt.Sscanf(id, "%08x", &n)
			_, _ = fmt.Fprintf(w, `{"user":{"id":%q,"email":"user%d@example.org","username":"user%d","insertInstant":%d}}`, id, n, n, time.Now().UnixMilli())
		}
	}))
	b.Cleanup(srv.Close)
	return srv.URL
}

func movers(from, n int) []userapi.CreateUserRequest {
	reqs := make([]userapi.CreateUserRequest, n)
	for i := range reqs {
		reqs[i] = userapi.CreateUserRequest{
			IdempotencyKey: fmt.Sprintf("%08x-0000-4000-8000-000000000000", from+i),
			Email:          fmt.Sprintf("user%d@example.org", from+i), Username: fmt.Sprintf("user%d", from+i),
			FullName: "Ada Nowakowska", Attributes: map[string]any{"plan": "gold", "seats": 12},
			Extensions: []userapi.Extension{&fusionauth.Extra{PasswordHash: fusionauth.PasswordHash{
				Hash: "rTaw3UXvWPuDIa1Hmy8HVfsvwhxjwBdodf483t01nSI=", Salt: "c2FsdC1vZi0xNi1ieXRlcw==", Scheme: fusionauth.SaltedSHA256, Factor: 24000,
			}}},
		}
	}
	return reqs
}

func importer(b *testing.B, url string) *fusionauth.Client {
	b.Helper()
	c, err := fusionauth.New(fusionauth.Config{APIKey: "key", HTTP: userapi.HTTPOptions{BaseURL: url, Timeout: -1}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.CloseIdleConnections)
	return c
}

func importAll(b *testing.B, c *fusionauth.Client, reqs []userapi.CreateUserRequest) {
	b.Helper()
	for _, r := range c.CreateUsers(b.Context(), reqs) {
		if r.Err != nil {
			b.Fatal(r.Err)
		}
	}
}

// BenchmarkImport creates users at a server that takes 5 ms a request and 0.2 ms a user:
// by imports, by creates one after the other, and by 64 of these at a time. The floor is the
// same import by net/http alone, from a body that is ready.
func BenchmarkImport(b *testing.B) {
	rate := func(b *testing.B, users int) { b.ReportMetric(float64(b.N*users)/b.Elapsed().Seconds(), "users/s") }
	for _, n := range []int{1, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("floor/%d", n), func(b *testing.B) {
			url := serveImports(b, perRequest, perUser) + "/api/user/import"
			body := bytes.Repeat([]byte(`{"active":true,"email":"user12345@example.org","encryptionScheme":"salted-sha256","factor":24000,"username":"user12345"},`), n)
			client := &http.Client{Transport: tuned()}
			b.Cleanup(client.CloseIdleConnections)
			for b.Loop() {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				resp, err := client.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
			}
			rate(b, n)
		})
		b.Run(fmt.Sprintf("import/%d", n), func(b *testing.B) {
			c, reqs := importer(b, serveImports(b, perRequest, perUser)), movers(0, n)
			for b.Loop() {
				importAll(b, c, reqs)
			}
			rate(b, n)
		})
	}
	for _, callers := range []int{1, callers} {
		b.Run(fmt.Sprintf("creates/%d at a time", callers), func(b *testing.B) {
			c, reqs := importer(b, serveImports(b, perRequest, perUser)), movers(0, 256)
			for i := range reqs {
				reqs[i].Extensions, reqs[i].Password = nil, "correct horse"
			}
			for b.Loop() {
				var wg sync.WaitGroup
				for caller := range callers {
					wg.Go(func() {
						for i := caller; i < len(reqs); i += callers {
							if _, err := c.CreateUser(b.Context(), reqs[i]); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
			}
			rate(b, len(reqs))
		})
	}
}

// BenchmarkImportMemory imports users in batches of 1,000. What the heap holds at its most
// does not grow with the number of users.
func BenchmarkImportMemory(b *testing.B) {
	for _, users := range []int{5_000, 50_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			c := importer(b, serveImports(b, 0, 0))
			var most uint64
			for b.Loop() {
				for from := 0; from < users; from += 1000 {
					importAll(b, c, movers(from, 1000))
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapInuse)
				}
			}
			b.ReportMetric(float64(most)/(1<<20), "MB-heap")
		})
	}
}
