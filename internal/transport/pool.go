package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	// idleConnsPerHost keeps the connections of that many concurrent callers.
	idleConnsPerHost = 128
	// idleConnTimeout is how long a connection is kept without use. A server that
	// closes it first can do so while a create is on its way, and whether that user
	// exists is then unknown. The shortest common times are the 5 s of Apache httpd,
	// Node.js and uvicorn; Tomcat has 20 s, AWS' load balancers 60 s, nginx 75 s. It
	// costs a client that rests for longer one new connection.
	idleConnTimeout     = 4 * time.Second
	dialTimeout         = 30 * time.Second
	tlsHandshakeTimeout = 10 * time.Second
)

// newPool returns a transport that serves many concurrent callers from warm
// connections: net/http's default keeps only two idle ones a host.
func newPool() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	var pool *http.Transport
	pool = &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return newConn(raw), nil
		},
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return handshake(ctx, raw, addr, pool.TLSClientConfig)
		},
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, reply *http.Response) error {
			if reply.StatusCode == http.StatusOK {
				return nil
			}
			// net/http would make an error of the status line's text.
			return &failure{class: classProxyRefused + " (status " + strconv.Itoa(reply.StatusCode) + ")"}
		},
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   idleConnsPerHost,
		IdleConnTimeout:       idleConnTimeout,
		TLSHandshakeTimeout:   tlsHandshakeTimeout,
		ExpectContinueTimeout: time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	return pool
}

// handshake does what net/http would do itself, with the configuration to which net/http
// has added the protocols. On a connection of HTTP/1 a conn is put above TLS, where it
// sees replies.
func handshake(ctx context.Context, raw net.Conn, addr string, cfg *tls.Config) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	cfg = cfg.Clone()
	cfg.ServerName = host
	secure := tls.Client(raw, cfg)
	bounded, cancel := context.WithTimeout(ctx, tlsHandshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(bounded); err != nil {
		_ = raw.Close()
		if bounded.Err() != nil && ctx.Err() == nil {
			return nil, newFailure("TLS: handshake timed out", os.ErrDeadlineExceeded)
		}
		return nil, err
	}
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		return secure, nil // net/http tells HTTP/2 by this type
	}
	return newConn(secure), nil
}

// A conn is a connection that ends where a server sends more than its reply: a body after
// a 204, or bytes after the body. net/http writes such bytes to the program's standard
// logger, or takes them for the reply to the next request. It reads ahead, so a conn hands
// a reply out in parts, and the rest only when net/http asks for it before it puts the
// connection back into its pool.
type conn struct {
	net.Conn
	// onIdle is the method putIdle, made once.
	onIdle func(error)

	mu sync.Mutex
	// ahead was read and not yet handed out; err came after it.
	ahead, space []byte
	err          error
	// took counts the requests that were given the connection, put those that gave it
	// back; both are equal while it is idle.
	took, put int
	idle      bool
	broken    bool

	// line is what came of the line of the header that is being read, length the
	// body's length by it, left what is missing of the body.
	line         []byte
	length, left int64
}

func newConn(below net.Conn) *conn {
	c := &conn{Conn: below}
	c.onIdle = c.putIdle
	return c
}

// taken and putIdle are net/http's word that the connection is given to a request, and
// that the reply to it has been read.
func (c *conn) taken() {
	c.mu.Lock()
	c.took++
	c.mu.Unlock()
}

func (c *conn) putIdle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		return
	}
	c.put++
	// The next request may have the connection already.
	c.idle = c.took == c.put
	if len(c.ahead) > 0 {
		c.broken = true
	}
	c.line, c.length, c.left = c.line[:0], 0, 0
}

// errSurplus is why a connection is not used again. What the server sent beyond its
// reply would be taken as the reply to the next request.
var errSurplus = errors.New("the server sent more than its reply")

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.idle = false
	broken := c.broken
	c.mu.Unlock()
	if broken {
		return 0, errSurplus
	}
	return c.Conn.Write(p)
}

func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if len(c.ahead) == 0 && c.err == nil && !c.broken {
		c.mu.Unlock()
		n, err := c.Conn.Read(p)
		c.mu.Lock()
		if n > 0 && c.idle {
			c.broken = true
		}
		if !c.broken {
			part := c.part(p[:n])
			if part == n {
				return n, err
			}
			c.space = append(c.space[:0], p[part:n]...)
			c.ahead, c.err = c.space, err
			return part, nil
		}
	}
	if c.broken {
		return 0, io.EOF
	}
	if len(c.ahead) == 0 {
		return 0, c.err
	}
	n := c.part(c.ahead[:min(len(p), len(c.ahead))])
	copy(p, c.ahead[:n])
	c.ahead = c.ahead[n:]
	return n, nil
}

// maxLine is how much is kept of a header line that comes in pieces.
const maxLine = 64

// part returns how many of the bytes belong to the part of the reply that they begin in.
// A part ends with the header, with a body whose length the header tells, or with an
// empty line, which ends a chunked body. More parts than there are do no harm.
func (c *conn) part(p []byte) int {
	if c.left > 0 {
		n := int(min(c.left, int64(len(p))))
		c.left -= int64(n)
		return n
	}
	for at := 0; ; {
		end := bytes.IndexByte(p[at:], '\n')
		if end < 0 {
			rest := p[at:]
			c.line = append(c.line, rest[:min(len(rest), maxLine-min(len(c.line), maxLine))]...)
			return len(p)
		}
		line := p[at : at+end]
		if len(c.line) > 0 {
			c.line = append(c.line, line[:min(len(line), maxLine)]...)
			line = c.line
		}
		at += end + 1
		empty := len(bytes.TrimSuffix(line, []byte{'\r'})) == 0
		if n, ok := contentLength(line); ok {
			c.length = n
		}
		c.line = c.line[:0]
		if empty {
			c.left, c.length = c.length, 0
			return at
		}
	}
}

var nameOfLength = []byte("Content-Length")

func contentLength(line []byte) (n int64, ok bool) {
	name, value, found := bytes.Cut(line, []byte{':'})
	if !found || len(name) != len(nameOfLength) || !bytes.EqualFold(name, nameOfLength) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
	return n, err == nil && n > 0
}
