package mixintest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestStats: a repeated key creates another user, and is not a duplicate.
func TestStats(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t, mixintest.WithCredit(2))
	for _, body := range []string{minimal, minimal, minimal, `{"session_secret":"x"}`, `{`} {
		ask(t, srv, app(srv), "POST", "/users", body)
	}
	stranger := app(srv)
	stranger.key = edKey(t)
	ask(t, srv, stranger, "POST", "/users", minimal)
	assert.Equal(t, userapitest.Stats{Users: 2, Creates: 4}, srv.Stats(), "two are paid for, one has no key")
}

// TestRate: a refusal has the same status as every error.
func TestRate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	srv := mixintest.NewServer(t, mixintest.WithHTTP(userapitest.ServerOptions{Rate: 1, Now: func() time.Time { return now }}))
	ask(t, srv, app(srv), "GET", "/me", "")
	status, header, body := app(srv).send(t, srv, app(srv).call("POST", "/users", minimal))
	assert.Equal(t, 202, status)
	assert.Equal(t, locked, body)
	assert.Equal(t, "application/json; charset=utf-8", header.Get("Content-Type"))
	assert.NotEmpty(t, header.Get("X-Request-Id"))
	assert.NotEmpty(t, header.Get("X-Server-Time"))
	assert.Empty(t, header.Values("Retry-After"))
	assert.Equal(t, userapitest.Stats{RateLimited: 1}, srv.Stats())
}
