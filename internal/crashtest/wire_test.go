package crashtest_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A tap is a listener that tells when a request has reached a fake, and when the fake has
// carried it out and is about to answer.
type tap struct {
	net.Listener
	// arrived is called before the fake has read the request, and tells for how long the
	// fake does not get to it; answered before the reply, or the end of the connection,
	// goes out. Its status is 0 for none; whole says that all of the reply goes out.
	arrived  func(request) (late time.Duration)
	answered func(r request, status int, whole bool)
}

// A request is one that has begun to arrive.
type request struct {
	op    userapitest.Operation
	begin string // its first line, and what has come with it
}

func (l tap) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tapped{TCPConn: c.(*net.TCPConn), tap: l}, nil
}

// line returns the request's first line.
func (r request) line() string {
	line, _, _ := strings.Cut(r.begin, "\r\n")
	return line
}

// A tapped connection. Requests follow each other on it: HTTP/1.1, and no pipelining.
type tapped struct {
	*net.TCPConn

	tap  tap
	mu   sync.Mutex
	head []byte // of the request that arrives, up to its first line
	open bool   // a request is with the fake
	req  request
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 && c.begin(p[:n]) {
		if late := c.tap.arrived(c.req); late > 0 {
			<-time.After(late)
		}
	}
	return n, err
}

// begin reports whether a request has begun.
func (c *tapped) begin(p []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		return false
	}
	c.head = append(c.head, p...)
	line, _, found := bytes.Cut(c.head, []byte("\r\n"))
	if !found {
		return false
	}
	c.req, c.open, c.head = request{operation(line), string(c.head)}, true, nil
	return true
}

// end reports whether a request has ended.
func (c *tapped) end() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := c.open
	c.open = false
	return open
}

func (c *tapped) Write(p []byte) (int, error) {
	if c.end() {
		status, whole := statusOf(p)
		c.tap.answered(c.req, status, whole)
	}
	return c.TCPConn.Write(p)
}

func (c *tapped) Close() error {
	if c.end() {
		c.tap.answered(c.req, 0, false)
	}
	return c.TCPConn.Close()
}

// statusOf returns the status of a reply, 0 for what is none, and whether it is whole. A
// short one is written at once.
func statusOf(reply []byte) (status int, whole bool) {
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(reply)), nil)
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err == nil
}

// operation tells what a request is for by its first line.
func operation(line []byte) userapitest.Operation {
	switch method, path, _ := bytes.Cut(line, []byte(" ")); {
	case bytes.Equal(method, []byte("GET")):
		return userapitest.Lookup
	case bytes.Equal(method, []byte("DELETE")):
		return userapitest.Delete
	case bytes.Contains(path, []byte("/set_multiple_attributes/")):
		return userapitest.Attributes
	default:
		return userapitest.Create
	}
}
