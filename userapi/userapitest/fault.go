package userapitest

import (
	"log/slog"
	"net"
	"net/http"
	"time"
)

// An Operation is the purpose of a request to a vendor's fake.
type Operation int

// The operations.
const (
	// Create creates the user. It is the zero value.
	Create Operation = iota
	// Session obtains or ends a session.
	Session
	// Lookup reads a user.
	Lookup
	// Attributes sets values of an existing user.
	Attributes
	// Delete deletes a user.
	Delete
)

var operationNames = [...]string{"create", "session", "lookup", "attributes", "delete"}

// String returns the lower-case name.
func (o Operation) String() string { return name(operationNames[:], int(o)) }

// A Moment is a point in the handling of a request.
type Moment int

// The moments.
const (
	// BeforeRead: the request's body has not been read. It is the zero value.
	BeforeRead Moment = iota
	// BeforeCommit: the request has been read, and nothing has been done.
	BeforeCommit
	// AfterCommit: the request has been done, and the reply has not been sent.
	AfterCommit
)

var momentNames = [...]string{"before_read", "before_commit", "after_commit"}

// String returns the lower-case name.
func (m Moment) String() string { return name(momentNames[:], int(m)) }

// An Action is what a fault does.
type Action int

// The actions.
const (
	// Respond answers with the fault's Status, Header and Body. It is the zero value.
	Respond Action = iota
	// Reset ends the connection with a TCP reset (HTTP/2: RST_STREAM).
	Reset
	// Hangup closes the connection without an answer (HTTP/2: RST_STREAM).
	Hangup
	// Stall sends nothing until the client disconnects or the server is closed.
	Stall
	// Truncate starts a reply and breaks the connection in the middle of its body. The body is the
	// fault's own. If Status is 0 and the moment is AfterCommit, it is the vendor's.
	Truncate
)

var actionNames = [...]string{"respond", "reset", "hangup", "stall", "truncate"}

// String returns the lower-case name.
func (a Action) String() string { return name(actionNames[:], int(a)) }

func name(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return "?"
	}
	return names[i]
}

// A Fault makes a request to a vendor's fake fail. Faults for the same operation apply in the order
// of their injection.
type Fault struct {
	// On is the operation whose requests fail.
	On Operation
	// When is the moment of the fault in the handling of the request.
	When Moment
	// Do is the action of the fault.
	Do Action

	// Status, Header and Body are the answer of Respond and Truncate. Respond with Status 0 answers
	// 200.
	Status int
	Header http.Header
	Body   []byte

	// Times is the number of requests that fail. 0 means one; a negative number means all further
	// ones.
	Times int
}

// A Request is a request that a vendor's fake received, with every secret redacted.
type Request struct {
	Operation Operation
	Method    string
	// URI is the path and the query.
	URI    string
	Header http.Header
	Body   []byte
	At     time.Time
}

// ServerOptions are the settings of a vendor's fake. The zero value serves HTTP/1.1 without TLS, on
// a free port of 127.0.0.1.
type ServerOptions struct {
	// Addr is a host and port on loopback, such as "127.0.0.1:7001".
	Addr string
	// TLS serves HTTPS with the fake's own certificate. HTTP2 implies TLS.
	TLS, HTTP2 bool
	// Listener, if not nil, replaces Addr. It can be in memory.
	Listener net.Listener
	// Now is the fake's clock; nil means time.Now.
	Now func() time.Time
	// Latency is the delay before every answer.
	Latency time.Duration
	// Rate is how many requests per second the fake accepts; 0 means no limit. It is a token bucket
	// of one second's requests, and of at least one, on the clock of Now. Requests of every path
	// count. A request above the rate gets the vendor's answer for too many requests. It is not
	// done, and no fault applies to it. With a negative number, NaN or an infinity the fake's Start
	// fails.
	Rate float64
	// Unrecorded turns off the recording of requests, for numbers of requests that would fill the
	// memory. The fake's Requests is then empty.
	Unrecorded bool
	// Logger logs the method and path of each request for an unserved route; nil logs nothing.
	Logger *slog.Logger
}

// A Backend is the server of a Creator under test. It knows which users exist.
type Backend interface {
	URL() string
	UserCount() int
	Inject(Fault)
}
