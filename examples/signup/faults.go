package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
)

// A fault is what breaks at a target.
type fault string

const (
	faultLost fault = "lost"
	faultDown fault = "down"
	faultKill fault = "kill"
)

// faulty breaks what passes through it. What it passes on keeps its context, and with
// it net/http's events, by which a client proves what was sent and what was not.
type faulty struct {
	http.RoundTripper

	fault fault
	done  atomic.Bool // what happens once has happened
}

var errDown = errors.New("down, by -fault")

// RoundTrip implements http.RoundTripper.
func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.fault == faultDown {
		if r.Body != nil {
			_ = r.Body.Close() // nothing was read of it
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errDown}
	}
	resp, err := f.RoundTripper.RoundTrip(r)
	// At each of the vendors a POST is a create, as this program calls them.
	if err != nil || r.Method != http.MethodPost || resp.StatusCode/100 != 2 || f.done.Swap(true) {
		return resp, err
	}
	if f.fault == faultKill {
		if self, err := os.FindProcess(os.Getpid()); err == nil && self.Kill() == nil {
			select {} // it is over
		}
	}
	_ = resp.Body.Close() // it is lost
	return nil, io.ErrUnexpectedEOF
}
