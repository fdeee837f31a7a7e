package benchmarks_test

import (
	"net/http"
	"testing"

	"github.com/go-resty/resty/v2"

	"github.com/enlist-go/enlist/userapi"
)

// ways are the three ways to create a user at a vendor, over a RoundTripper.
func (v *vendor) ways(tb testing.TB, rt http.RoundTripper, url string) map[string]func() error {
	ctx := tb.Context()
	hc := &http.Client{Transport: rt}
	rc := resty.NewWithClient(&http.Client{Transport: rt})
	c := v.client(tb, userapi.HTTPOptions{BaseURL: url, HTTPClient: hc})
	return map[string]func() error{
		"raw":   func() error { return v.plain.raw(ctx, hc, url) },
		"resty": func() error { return v.plain.resty(ctx, rc, url) },
		"enlist": func() error {
			_, err := c.CreateUser(ctx, v.request)
			return err
		},
	}
}

// BenchmarkMemory creates users over a RoundTripper in memory: what is left is the
// work of the client itself, in time, bytes and allocations.
func BenchmarkMemory(b *testing.B) {
	for _, v := range vendors {
		ways := v.ways(b, &canned{[]byte(v.reply)}, host)
		for _, way := range []string{"raw", "resty", "enlist"} {
			b.Run(v.name+"/"+way, func(b *testing.B) {
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
