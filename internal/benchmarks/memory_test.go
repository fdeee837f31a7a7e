package benchmarks_test

import (
	"net/http"
	"testing"

	"github.com/go-resty/resty/v2"

	"github.com/enlist-go/enlist/userapi"
)

// ways are the three ways to create a user at a vendor, in memory.
func (v *bench) ways(tb testing.TB) map[string]func() error {
	ctx := tb.Context()
	plain := &http.Client{Transport: &canned{[]byte(v.Reply)}}
	rc := resty.NewWithClient(&http.Client{Transport: plain.Transport})
	c := v.client(tb, userapi.HTTPOptions{BaseURL: host, HTTPClient: &http.Client{Transport: &canned{[]byte(v.RealReply())}}})
	return map[string]func() error{
		"raw":   func() error { return v.plain.raw(ctx, plain, host) },
		"resty": func() error { return v.plain.resty(ctx, rc, host) },
		"enlist": func() error {
			_, err := c.CreateUser(ctx, v.Request)
			return err
		},
	}
}

// BenchmarkMemory creates users over a RoundTripper in memory: what is left is the
// work of the client itself, in time, bytes and allocations.
func BenchmarkMemory(b *testing.B) {
	for _, v := range benches(b) {
		ways := v.ways(b)
		for _, way := range []string{"raw", "resty", "enlist"} {
			b.Run(v.Name+"/"+way, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := ways[way](); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
