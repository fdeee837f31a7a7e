package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/enlist-go/enlist/userapi"
)

// framer is an HTTP/2 server by hand: it answers each stream of POST with frames
// of the test's choice.
func framer(t *testing.T, answer func(f *http2.Framer, stream uint32)) (client *http.Client, url string, posts *atomic.Int32) {
	t.Helper()
	borrowed := httptest.NewUnstartedServer(nil)
	borrowed.EnableHTTP2 = true
	borrowed.StartTLS()
	t.Cleanup(borrowed.Close)

	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: borrowed.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	require.NoError(t, err)
	posts = new(atomic.Int32)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { serveFrames(conn, answer, posts) })
		}
	})
	pool := trusting(borrowed).Transport.(*http.Transport)
	t.Cleanup(func() {
		pool.CloseIdleConnections()
		_ = listener.Close()
		open.Wait()
	})
	return &http.Client{Transport: pool}, "https://" + listener.Addr().String(), posts
}

func serveFrames(conn net.Conn, answer func(*http2.Framer, uint32), posts *atomic.Int32) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	f := http2.NewFramer(conn, conn)
	if f.WriteSettings() != nil {
		return
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			posts.Add(1)
		case *http2.DataFrame:
			if frame.StreamEnded() {
				answer(f, frame.StreamID)
			}
		}
	}
}

// writeHeaders writes a block of header fields, behind which there may be more.
func writeHeaders(f *http2.Framer, id uint32, more bool, fields ...hpack.HeaderField) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, field := range fields {
		_ = enc.WriteField(field)
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: !more})
}

// TestHTTP2DoesNotReplay: net/http would send such a POST again, hundreds of times. Behind a
// request that was answered, on the same connection, REFUSED_STREAM and a GOAWAY below the
// stream prove that nothing was carried out. But net/http, which asks for the body again
// after them, does so after PROTOCOL_ERROR too, and passes no frame on.
func TestHTTP2DoesNotReplay(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*http2.Framer, uint32){
		"RST_STREAM PROTOCOL_ERROR": func(f *http2.Framer, id uint32) { _ = f.WriteRSTStream(id, http2.ErrCodeProtocol) },
		"RST_STREAM REFUSED_STREAM": func(f *http2.Framer, id uint32) { _ = f.WriteRSTStream(id, http2.ErrCodeRefusedStream) },
		"RST_STREAM INTERNAL_ERROR": func(f *http2.Framer, id uint32) { _ = f.WriteRSTStream(id, http2.ErrCodeInternal) },
		"GOAWAY":                    func(f *http2.Framer, id uint32) { _ = f.WriteGoAway(max(id, 2)-2, http2.ErrCodeNo, nil) },
		"GOAWAY for a fault":        func(f *http2.Framer, id uint32) { _ = f.WriteGoAway(max(id, 2)-2, http2.ErrCodeProtocol, nil) },
	} {
		for _, answered := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after an answer: %v", name, answered), func(t *testing.T) {
				t.Parallel()
				hc, url, posts := framer(t, func(f *http2.Framer, id uint32) {
					if answered && id == 1 {
						writeHeaders(f, id, false, hpack.HeaderField{Name: ":status", Value: "201"})
						return
					}
					answer(f, id)
				})
				c := newClient(t, url, userapi.HTTPOptions{HTTPClient: hc, Retry: quick})
				if answered {
					require.True(t, c.Do(t.Context(), create()).OK)
				}
				before := posts.Load()
				res := c.Do(t.Context(), create())
				assert.False(t, res.OK)
				assert.Equal(t, before+1, posts.Load())
				assert.Equal(t, 1, res.Attempts)
				assert.Equal(t, userapi.OutcomeUnknown, res.Outcome)
				assert.Equal(t, userapi.KindUnavailable, res.Kind)
			})
		}
	}
}

// Nothing is sent twice where a RoundTripper of the caller's hides what happens below it.
func TestHTTP2DoesNotReplayUnseen(t *testing.T) {
	t.Parallel()
	hc, url, posts := framer(t, func(f *http2.Framer, id uint32) { _ = f.WriteRSTStream(id, http2.ErrCodeProtocol) })
	below := hc.Transport
	hc.Transport = roundTripFunc(func(r *http.Request) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return below.RoundTrip(r.WithContext(ctx))
	})
	res := newClient(t, url, userapi.HTTPOptions{HTTPClient: hc, Retry: quick}).Do(t.Context(), create())
	assert.EqualValues(t, 1, posts.Load())
	assert.Equal(t, userapi.OutcomeUnknown, res.Outcome)
}

// TestHTTP1RaceIsReplayed: a kept connection that the server closed is replaced by
// net/http when nothing was written to it, which needs the body a second time.
func TestHTTP1RaceIsReplayed(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		assert.NotEmpty(t, body)
		posts.Add(1)
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(srv.Close)
	c := newClient(t, srv.URL, userapi.HTTPOptions{Retry: quick})
	for range 50 {
		before := posts.Load()
		res := c.Do(t.Context(), create())
		if !res.OK {
			assert.NotEqual(t, userapi.OutcomeRejected, res.Outcome)
		}
		if res.OK {
			assert.Equal(t, before+1, posts.Load())
		}
		srv.CloseClientConnections()
	}
}
