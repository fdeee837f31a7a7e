package faultmatrix_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A front stands before a fake and speaks HTTP/1.1 by hand, for what no HTTP server
// does: it cuts connections at any byte.
type front struct {
	listener net.Listener
	backend
	posts atomic.Int32

	mu    sync.Mutex
	armed action
	times int // how many creates the action befalls; negative for all
	conns map[net.Conn]bool
	open  sync.WaitGroup
}

// A backend passes requests on to the fake.
type backend struct {
	url     string
	creates func(method, path string) bool
	pool    *http.Transport
}

func newBackend(f fake, v *vendor) backend {
	return backend{url: f.URL(), creates: v.creates, pool: &http.Transport{}}
}

// process carries a request out.
func (b *backend) process(method, uri string, header http.Header, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequest(method, b.url+uri, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header = header
	resp, err := b.pool.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, data, err
}

// An exchange is a create that has arrived at a front.
type exchange struct {
	conn net.Conn
	// request reads the request; until then only its first line has been looked at.
	request func() error
	// process has the fake carry it out, and returns the reply as it would be sent.
	process func() []byte
}

// An action befalls a create. The connection is closed after it unless it returns
// true.
type action func(x *exchange) (keep bool)

func newFront(b backend) (*front, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{listener: listener, backend: b, conns: map[net.Conn]bool{}}
	f.open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.track(conn, true)
			f.open.Go(func() {
				defer f.track(conn, false)
				defer conn.Close()
				f.serve(conn)
			})
		}
	})
	return f, nil
}

func (f *front) URL() string { return "http://" + f.listener.Addr().String() }

func (f *front) track(conn net.Conn, is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if is {
		f.conns[conn] = true
	} else {
		delete(f.conns, conn)
	}
}

// cut closes the connections, which are idle.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		_ = conn.Close()
	}
}

func (f *front) close() {
	_ = f.listener.Close()
	f.cut()
	f.open.Wait()
	f.pool.CloseIdleConnections()
}

// arm makes the action befall the next creates; a negative number all of them, and 0
// none.
func (f *front) arm(times int, do action) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times, f.armed = times, do
}

func (f *front) take() action {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.times == 0 {
		return nil
	}
	f.times--
	return f.armed
}

// firstLine waits for a request and returns its method and path without taking it
// off the connection.
func firstLine(in *bufio.Reader) (method, path string, ok bool) {
	for n := 1; ; n = in.Buffered() + 1 {
		if _, err := in.Peek(n); err != nil {
			return "", "", false
		}
		head, _ := in.Peek(in.Buffered())
		if i := bytes.IndexByte(head, '\n'); i >= 0 {
			method, rest, _ := strings.Cut(string(head[:i]), " ")
			path, _, _ := strings.Cut(rest, " ")
			path, _, _ = strings.Cut(path, "?")
			return method, path, true
		}
	}
}

func (f *front) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		method, path, ok := firstLine(in)
		if !ok {
			return
		}
		var (
			req  *http.Request
			body []byte
		)
		read := func() (err error) {
			if req != nil {
				return nil
			}
			if req, err = http.ReadRequest(in); err == nil {
				body, err = io.ReadAll(req.Body)
			}
			return err
		}
		process := func() []byte {
			if read() != nil {
				return nil
			}
			resp, data, err := f.process(req.Method, req.URL.RequestURI(), req.Header, body)
			if err != nil {
				return nil
			}
			resp.Body, resp.ContentLength, resp.TransferEncoding = io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
			var out bytes.Buffer
			_ = resp.Write(&out)
			return out.Bytes()
		}
		if f.creates(method, path) {
			f.posts.Add(1)
			if do := f.take(); do != nil {
				if !do(&exchange{conn: conn, request: read, process: process}) {
					return
				}
				continue
			}
		}
		reply := process()
		if reply == nil {
			return
		}
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// reset closes the connection with a TCP reset.
func (x *exchange) reset() {
	if tcp, ok := x.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = x.conn.Close()
}

// The actions.

func resetUnread(x *exchange) bool { x.reset(); return false }

func resetUnprocessed(x *exchange) bool {
	_ = x.request()
	x.reset()
	return false
}

func resetProcessed(x *exchange) bool {
	_ = x.process()
	x.reset()
	return false
}

func closeUnread(*exchange) bool { return false }

func unavailable(x *exchange) bool {
	_ = x.request()
	_, _ = io.WriteString(x.conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\ndown")
	return true
}

// says sends bytes that are not the vendor's reply.
func says(text string, processed bool) action {
	return func(x *exchange) bool {
		if processed {
			_ = x.process()
		} else {
			_ = x.request()
		}
		_, _ = io.WriteString(x.conn, text)
		return false
	}
}

// cutInHead processes and sends the beginning of the reply's first line.
func cutInHead(x *exchange) bool {
	reply := x.process()
	_, _ = x.conn.Write(reply[:min(len(reply), 12)])
	return false
}

// slowly sends the reply's header in bits; all of the reply if it is enough.
func slowly(enough bool) action {
	return func(x *exchange) bool {
		reply := x.process()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := range 40 {
			if i >= len(reply) || (enough && i == 5) {
				break
			}
			if _, err := x.conn.Write(reply[i : i+1]); err != nil {
				return false
			}
			<-tick.C
			if enough && i == 4 {
				_, _ = x.conn.Write(reply[5:])
				return true
			}
		}
		return false
	}
}
