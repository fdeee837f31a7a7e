package faultmatrix_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A framer stands before a fake and speaks HTTP/2 by hand.
type framer struct {
	listener net.Listener
	roots    *x509.CertPool
	backend
	posts atomic.Int32

	mu    sync.Mutex
	armed frameAction
	conns map[net.Conn]bool
	open  sync.WaitGroup
}

// A stream is a create that has arrived at a framer whole.
type stream struct {
	*http2.Framer
	id uint32
	// process has the fake carry it out; answer sends its reply then.
	process func() (answer func())
}

// A frameAction applies to one create. The connection is closed after it unless it
// returns true.
type frameAction func(s *stream) (keep bool)

func newFramer(b backend) (*framer, error) {
	borrowed := httptest.NewUnstartedServer(nil)
	borrowed.EnableHTTP2 = true
	borrowed.StartTLS()
	defer borrowed.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: borrowed.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		return nil, err
	}
	f := &framer{listener: listener, roots: x509.NewCertPool(), backend: b, conns: map[net.Conn]bool{}}
	f.roots.AddCert(borrowed.Certificate())
	f.open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns[conn] = true
			f.mu.Unlock()
			f.open.Go(func() {
				f.serve(conn)
				_ = conn.Close()
				f.mu.Lock()
				delete(f.conns, conn)
				f.mu.Unlock()
			})
		}
	})
	return f, nil
}

func (f *framer) URL() string { return "https://" + f.listener.Addr().String() }

func (f *framer) arm(do frameAction) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = do
}

func (f *framer) take() frameAction {
	f.mu.Lock()
	defer f.mu.Unlock()
	do := f.armed
	f.armed = nil
	return do
}

func (f *framer) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	for conn := range f.conns {
		_ = conn.Close()
	}
	f.mu.Unlock()
	f.open.Wait()
	f.pool.CloseIdleConnections()
}

func (f *framer) serve(conn net.Conn) {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	fr := http2.NewFramer(conn, conn)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if fr.WriteSettings() != nil {
		return
	}
	heads, bodies := map[uint32]*http2.MetaHeadersFrame{}, map[uint32][]byte{}
	for {
		frame, err := fr.ReadFrame()
		if err != nil {
			return
		}
		ended := uint32(0)
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = fr.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				_ = fr.WritePing(true, frame.Data)
			}
		case *http2.MetaHeadersFrame:
			heads[frame.StreamID] = frame
			if frame.StreamEnded() {
				ended = frame.StreamID
			}
		case *http2.DataFrame:
			bodies[frame.StreamID] = append(bodies[frame.StreamID], frame.Data()...)
			if frame.StreamEnded() {
				ended = frame.StreamID
			}
		}
		if ended != 0 && !f.handle(fr, ended, heads[ended], bodies[ended]) {
			return
		}
	}
}

// handle answers one request.
func (f *framer) handle(fr *http2.Framer, id uint32, head *http2.MetaHeadersFrame, body []byte) (keep bool) {
	method, uri, header := head.PseudoValue("method"), head.PseudoValue("path"), http.Header{}
	for _, field := range head.RegularFields() {
		header.Add(field.Name, field.Value)
	}
	s := &stream{Framer: fr, id: id, process: func() func() {
		resp, data, err := f.process(method, uri, header, body)
		if err != nil {
			return func() {}
		}
		return func() { writeReply(fr, id, resp, data) }
	}}
	path, _, _ := strings.Cut(uri, "?")
	if f.creates(method, path) {
		f.posts.Add(1)
		if do := f.take(); do != nil {
			return do(s)
		}
	}
	s.process()()
	return true
}

func writeReply(fr *http2.Framer, id uint32, resp *http.Response, data []byte) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: strconv.Itoa(resp.StatusCode)})
	for name, values := range resp.Header {
		for _, value := range values {
			_ = enc.WriteField(hpack.HeaderField{Name: strings.ToLower(name), Value: value})
		}
	}
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: len(data) == 0})
	if len(data) > 0 {
		_ = fr.WriteData(id, true, data)
	}
}

// The actions.

func rst(code http2.ErrCode, processed bool) frameAction {
	return func(s *stream) bool {
		if processed {
			s.process()
		}
		_ = s.WriteRSTStream(s.id, code)
		return true
	}
}

// goAway ends the connection: with this stream among those that were processed, or
// not.
func goAway(code http2.ErrCode, processed bool) frameAction {
	return func(s *stream) bool {
		last := uint32(0)
		if processed {
			s.process()
			last = s.id
		}
		_ = s.WriteGoAway(last, code, nil)
		return false
	}
}

// goAwayGently answers the stream yet.
func goAwayGently(s *stream) bool {
	_ = s.WriteGoAway(s.id, http2.ErrCodeNo, nil)
	s.process()()
	return false
}

func hangUp(processed bool) frameAction {
	return func(s *stream) bool {
		if processed {
			s.process()
		}
		return false
	}
}

// neverAnswer leaves the stream open.
func neverAnswer(processed bool) frameAction {
	return func(s *stream) bool {
		if processed {
			s.process()
		}
		return true
	}
}
