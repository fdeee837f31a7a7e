package main

import (
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// vendors are clients of fakes.
type vendors struct {
	identity, chat, crm userapi.Creator
	// line is the one to chat.
	line  *line
	users func() int
	close func()
}

func open() (*vendors, error) {
	fa, err := fusionauthtest.Start()
	if err != nil {
		return nil, err
	}
	qb, err := quickbloxtest.Start()
	if err != nil {
		fa.Close()
		return nil, err
	}
	uc, err := usercomtest.Start()
	if err != nil {
		fa.Close()
		qb.Close()
		return nil, err
	}
	v := &vendors{
		line:  &line{RoundTripper: &http.Transport{}},
		users: func() int { return fa.UserCount() + qb.UserCount() + uc.UserCount() },
		close: func() { fa.Close(); qb.Close(); uc.Close() },
	}
	config := qb.Config()
	config.HTTP.HTTPClient = &http.Client{Transport: v.line}
	config.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 1, BaseWait: time.Millisecond} // for nobody to wait here
	if v.chat, err = quickblox.New(config); err != nil {
		return nil, err
	}
	if v.identity, err = fusionauth.New(fa.Config()); err != nil {
		return nil, err
	}
	v.crm, err = usercom.New(uc.Config())
	return v, err
}

// A line is a connection that breaks: once it is cut it loses one reply, and is then down.
type line struct {
	http.RoundTripper
	cut, down atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.down.Load() {
		if r.Body != nil {
			_ = r.Body.Close() // nothing was read of it
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: io.ErrClosedPipe}
	}
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil && l.cut.Swap(false) {
		l.down.Store(true)
		_ = resp.Body.Close() // it is lost
		return nil, io.ErrUnexpectedEOF
	}
	return resp, err
}
