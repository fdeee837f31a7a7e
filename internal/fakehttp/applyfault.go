package fakehttp

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"strconv"

	"github.com/enlist-go/enlist/userapi/userapitest"
)

// applyFault makes a fault happen to a request. vendor is the reply that would have
// been sent, nil when the request was not carried out.
func (s *Server) applyFault(f userapitest.Fault, vendor *Reply, w http.ResponseWriter, r *http.Request) {
	reply := Reply{Status: f.Status, Header: f.Header, Body: f.Body}
	if f.Do == userapitest.Truncate && f.Status == 0 && vendor != nil {
		reply = *vendor
	}
	switch f.Do {
	case userapitest.Respond:
		s.write(w, reply)
	case userapitest.Reset:
		drop(w, true)
	case userapitest.Hangup:
		drop(w, false)
	case userapitest.Stall:
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
		drop(w, false)
	case userapitest.Truncate:
		s.truncate(w, reply)
	}
}

func (s *Server) truncate(w http.ResponseWriter, reply Reply) {
	length := len(reply.Body)
	header := reply.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Length", strconv.Itoa(max(length, 2)))
	reply.Header, reply.Body = header, reply.Body[:length/2]
	s.write(w, reply)
	_ = http.NewResponseController(w).Flush()
	drop(w, false)
}

// drop ends the connection, with a TCP reset or without. HTTP/2 has one way only.
func drop(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if reset {
		under := conn
		if t, ok := conn.(*tls.Conn); ok {
			under = t.NetConn()
		}
		// A listener of the test's own may have wrapped it.
		if tcp, ok := under.(interface{ SetLinger(sec int) error }); ok {
			_ = tcp.SetLinger(0)
			conn = under // without TLS's goodbye
		}
	}
	_ = conn.Close()
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
