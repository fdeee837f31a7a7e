package transport

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// AnswerOnce reads the first request of each connection, answers it, and closes the
// connection. It returns what waits until the listener and all connections are closed.
func AnswerOnce(listener net.Listener, answer func(net.Conn)) (wait func()) {
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				answer(conn)
			})
		}
	})
	return open.Wait
}

// CountConns counts the connections that a server accepts.
func CountConns(srv *http.Server) *atomic.Int32 {
	conns := new(atomic.Int32)
	srv.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	return conns
}
