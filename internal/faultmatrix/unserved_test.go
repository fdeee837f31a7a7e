package faultmatrix_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestWhatAFakeDoesNotServe: no client takes the answer for the absence of a user, and the log names the route.
func TestWhatAFakeDoesNotServe(t *testing.T) {
	t.Parallel()
	for _, v := range vendors.All() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			fake, err := v.Start(userapitest.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			c, err := v.New(userapi.HTTPOptions{BaseURL: fake.URL()})
			require.NoError(t, err)
			user, err := c.CreateUser(t.Context(), v.Request(1))
			require.NoError(t, err)
			assert.Empty(t, log.String())
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fake.URL()+"/nothing/of/the/kind", http.NoBody)
			require.NoError(t, err)
			transport := &http.Transport{}
			resp, err := transport.RoundTrip(req)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			transport.CloseIdleConnections()
			fake.Close()
			assert.Equal(t, http.StatusNotFound, resp.StatusCode)
			assert.Contains(t, log.String(), "method=GET path=/nothing/of/the/kind\n")

			if !vendors.Can[userapi.Deleter](v) {
				return // it reads no absence
			}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
				w.WriteHeader(resp.StatusCode)
				_, _ = w.Write(body)
			}))
			t.Cleanup(srv.Close)
			c, err = v.New(userapi.HTTPOptions{BaseURL: srv.URL, Retry: userapi.RetryPolicy{BaseWait: time.Millisecond}})
			require.NoError(t, err)
			d, _ := userapi.Ability[userapi.Deleter](c)
			err = d.DeleteUser(t.Context(), user.ID)
			require.Error(t, err)
			require.NotErrorIs(t, err, userapi.ErrNotFound)
			if r, ok := userapi.Ability[userapi.Resolver](c); ok {
				_, err := r.ResolveUser(t.Context(), v.Request(1), time.Now())
				require.Error(t, err)
				assert.NotErrorIs(t, err, userapi.ErrNotFound)
			}
		})
	}
}
