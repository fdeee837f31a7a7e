package transport_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/internal/transport"
)

func FuzzParseRetryAfter(f *testing.F) {
	for _, value := range []string{"", "0", "7", "-1", "1.5", "99999999999999999999", "NaN", "soon", "Sun, 22 Nov 2026 10:00:00 GMT", "Sunday, 22-Nov-26 10:00:00 GMT", " 5 "} {
		f.Add(value, "Sun, 22 Nov 2026 09:59:00 GMT")
	}
	now := time.Date(2026, 11, 22, 9, 59, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value, date string) {
		d, ok := transport.ParseRetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		assert.GreaterOrEqual(t, d, time.Duration(0))
		if !ok {
			assert.Zero(t, d)
		}
	})
}
