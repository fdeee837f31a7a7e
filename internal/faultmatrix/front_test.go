package faultmatrix_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/enlist-go/enlist/internal/vendors"
)

// A front stands before a fake and speaks HTTP/1.1 by hand, for what no HTTP server
// does: it cuts connections at any byte.
type front struct {
	listener net.Listener
	backend
	posts atomic.Int32

	mu     sync.Mutex
	armed  []action // what happens to the creates to come, in turn
	always action   // what applies to those after
	held   func()   // a create that is still to be processed
	conns  map[net.Conn]bool
	open   sync.WaitGroup
}

// A backend passes requests on to the fake.
type backend struct {
	url     string
	creates func(method, path string) bool
	pool    *http.Transport
}

func newBackend(f *vendors.Fake, v *vendors.Vendor) backend {
	return backend{url: f.URL(), creates: v.IsCreate, pool: &http.Transport{}}
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
	// sent is what was received, credentials and all.
	sent func() string
}

// An action applies to a create. The connection is closed after it unless it returns
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

// arm applies actions to the next creates, one each.
func (f *front) arm(do ...action) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.always = do, nil
}

// armAlways applies an action to all of them.
func (f *front) armAlways(do action) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.always = nil, do
}

func (f *front) take() action {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.armed) == 0 {
		return f.always
	}
	do := f.armed[0]
	f.armed = f.armed[1:]
	return do
}

// release processes the create that was held.
func (f *front) release() {
	f.mu.Lock()
	held := f.held
	f.held = nil
	f.mu.Unlock()
	if held != nil {
		held()
	}
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
				if !do(&exchange{conn: conn, request: read, process: process, sent: func() string {
					return fmt.Sprint(req.Header, string(body))
				}}) {
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

var unavailable = answers("503 Service Unavailable", "", "down")

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

// inBits sends the reply byte by byte.
func inBits(x *exchange) bool {
	for _, b := range x.process() {
		if _, err := x.conn.Write([]byte{b}); err != nil {
			return false
		}
	}
	return true
}

// leaves waits until the client has closed the connection.
func (x *exchange) leaves() { _, _ = x.conn.Read(make([]byte, 1)) }

// tooSlow sends the beginning of the reply's header and no more.
func tooSlow(x *exchange) bool {
	reply := x.process()
	_, _ = x.conn.Write(reply[:min(len(reply), 30)])
	x.leaves()
	return false
}

// never answers, and reports when the create has reached the fault.
func never(processed bool, reached func()) action {
	return func(x *exchange) bool {
		if processed {
			_ = x.process()
		} else {
			_ = x.request()
		}
		reached()
		x.leaves()
		return false
	}
}

// pass processes and answers.
func pass(x *exchange) bool {
	_, err := x.conn.Write(x.process())
	return err == nil
}

// answers sends a reply without processing.
func answers(status, header, body string) action {
	return func(x *exchange) bool {
		_ = x.request()
		_, err := fmt.Fprintf(x.conn, "HTTP/1.1 %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
		return err == nil
	}
}

var tooMany = answers("429 Too Many Requests", "", "")

// changed processes, and sends the reply with another body.
func changed(change func(body string) string) action {
	return func(x *exchange) bool {
		head, body, _ := strings.Cut(string(x.process()), "\r\n\r\n")
		var lines []string
		for _, line := range strings.Split(head, "\r\n") {
			if !strings.HasPrefix(line, "Content-Length:") {
				lines = append(lines, line)
			}
		}
		body = change(body)
		_, err := fmt.Fprintf(x.conn, "%s\r\nContent-Length: %d\r\n\r\n%s", strings.Join(lines, "\r\n"), len(body), body)
		return err == nil
	}
}

// echoes refuses, and repeats everything that was sent wherever a client may look.
func echoes(status string, code int) action {
	return func(x *exchange) bool {
		_ = x.request()
		text := x.sent()
		list := []string{text, strings.ToUpper(text)}
		body, err := json.Marshal(map[string]any{
			"message": text, "detail": text, "code": text, "errors": map[string]any{"base": list, "email": list, text: list},
			"error":       map[string]any{"status": 202, "code": code, "description": text, "extra": map[string]any{"field": text, "reason": text}},
			"fieldErrors": map[string]any{text: []any{map[string]any{"code": "[" + text + "]" + text, "message": text}}},
		})
		if err != nil {
			return false
		}
		return answers(status, "", string(body))(x)
	}
}

// holds drops the connection, and keeps the create to be processed later.
func (f *front) holds(x *exchange) bool {
	_ = x.request()
	f.mu.Lock()
	f.held = func() { _ = x.process() }
	f.mu.Unlock()
	x.reset()
	return false
}

// afterHeld lets the held create go first, beforeHeld this one.
func (f *front) afterHeld(x *exchange) bool { f.release(); return pass(x) }

func (f *front) beforeHeld(x *exchange) bool {
	reply := x.process()
	f.release()
	_, err := x.conn.Write(reply)
	return err == nil
}
