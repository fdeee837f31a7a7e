package faultmatrix_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A fault is a row of the matrix. It befalls one create, unless it says otherwise.
type fault struct {
	name string
	// cannot says why a vendor cannot have it.
	cannot map[string]string
	// front and framer put one before the fake.
	front, framer bool
	// warm: a user has been created before, so that a session stands and a connection
	// is open. seeded: the request's keys were taken an hour ago.
	warm, seeded bool
	// adopt: Ensure gets AdoptMatching.
	adopt bool
	serve func(o *userapitest.ServerOptions)
	edit  func(r *rig, o *userapi.HTTPOptions)
	arm   func(r *rig)
	// disarm ends a fault that would go on.
	disarm func(r *rig)
	// ctx is the call's context.
	ctx func(ctx context.Context, r *rig) (context.Context, context.CancelFunc)
}

// stall is how long a client waits for an answer that does not come.
const stall = 200 * time.Millisecond

const (
	noKeys    = "has no unique key"
	noSession = "has no sessions"
	noSkew    = "does not look at the clock of a create"
)

func shortTimeout(_ *rig, o *userapi.HTTPOptions) { o.Timeout = stall }

func inject(f userapitest.Fault) func(*rig) { return func(r *rig) { r.fake.Inject(f) } }

// also arms several.
func also(all ...func(*rig)) func(*rig) {
	return func(r *rig) {
		for _, arm := range all {
			arm(r)
		}
	}
}

func jsonHeader(more ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

// answer has the vendor answer with one of its own replies.
func answer(name string, when userapitest.Moment, times int, header ...string) func(*rig) {
	return func(r *rig) {
		own := r.vendor.replies[name]
		r.fake.Inject(userapitest.Fault{
			When: when, Status: own.status, Header: jsonHeader(header...), Body: []byte(own.body), Times: times,
		})
	}
}

// status has the vendor, or what stands before it, answer with a status.
func status(code int, html bool, when userapitest.Moment) func(*rig) {
	return func(r *rig) {
		f := userapitest.Fault{When: when, Status: code, Header: jsonHeader(), Body: []byte(r.vendor.replies["5xx"].body)}
		if other, has := r.vendor.replies["504 of a proxy"]; has && code == http.StatusGatewayTimeout {
			f.Body = []byte(other.body)
		}
		if html {
			f.Header, f.Body = http.Header{"Content-Type": {"text/html"}}, []byte(htmlPage)
		}
		r.fake.Inject(f)
	}
}

func lookups(f userapitest.Fault) func(*rig) {
	f.On = userapitest.Lookup
	return inject(f)
}

func clock(offset time.Duration) func(*rig) { return func(r *rig) { r.offset.Store(int64(offset)) } }

func redirect(code int, elsewhere bool) fault {
	name := http.StatusText(code) + " to the same host"
	if elsewhere {
		name = http.StatusText(code) + " to another host"
	}
	return fault{name: name, arm: func(r *rig) {
		to := r.fake.URL() + "/elsewhere"
		if elsewhere {
			to = r.elsewhere.URL + "/"
		}
		r.fake.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Status: code, Header: http.Header{"Location": {to}}})
	}}
}

// atFront is a fault of the connection itself.
func atFront(name string, do action) fault {
	return fault{name: name, front: true, arm: func(r *rig) { r.front.arm(1, do) }}
}

func onStream(name string, do frameAction) fault {
	return fault{name: name, framer: true, arm: func(r *rig) { r.framer.arm(do) }}
}

func without(vendors []*vendor, why string, but ...string) map[string]string {
	cannot := map[string]string{}
	for _, v := range vendors {
		cannot[v.name] = why
	}
	for _, name := range but {
		delete(cannot, name)
	}
	return cannot
}

// unseen hides from net/http's transport who asks, as a caller's RoundTripper may: no
// trace event is fired.
type unseen struct{ base http.RoundTripper }

func (u unseen) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	stop := context.AfterFunc(r.Context(), cancel)
	defer stop()
	resp, err := u.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, errors.New("unseen: " + err.Error()) // nor what kind of error it is
	}
	resp.Body = http.MaxBytesReader(nil, buffered(resp), 1<<20)
	return resp, nil
}

func hide(_ *rig, o *userapi.HTTPOptions) { o.HTTPClient.Transport = unseen{o.HTTPClient.Transport} }

// networkFaults happen before anything reaches the vendor.
func networkFaults() []fault {
	dial := func(do func(ctx context.Context, network, addr string) (net.Conn, error)) (func(*rig), func(*rig)) {
		return func(r *rig) { r.dial.Store(&do) }, func(r *rig) { r.dial.Store(nil) }
	}
	refused, answered := dial(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, closedAddr)
	})
	unresolved, resolved := dial(func(ctx context.Context, network, _ string) (net.Conn, error) {
		failing := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server is reached")
		}}
		return (&net.Dialer{Resolver: failing}).DialContext(ctx, network, "vendor.invalid:443")
	})
	return []fault{
		{name: "refused", arm: refused, disarm: answered},
		{name: "no DNS", arm: unresolved, disarm: resolved},
		{name: "bad certificate", serve: func(o *userapitest.ServerOptions) { o.TLS = true }, arm: func(r *rig) {
			r.distrust()
		}, disarm: func(r *rig) { r.trust() }},
		{name: "canceled before", ctx: func(ctx context.Context, _ *rig) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}},
	}
}

// connectionFaults break the connection, on real sockets.
func connectionFaults() []fault {
	const (
		before = userapitest.BeforeCommit
		after  = userapitest.AfterCommit
	)
	fault1 := func(do userapitest.Action, when userapitest.Moment) func(*rig) {
		return inject(userapitest.Fault{Do: do, When: when})
	}
	cancelWhen := func(reached func(r *rig) bool) func(context.Context, *rig) (context.Context, context.CancelFunc) {
		return func(ctx context.Context, r *rig) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			go func() {
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				for ctx.Err() == nil && !reached(r) {
					<-tick.C
				}
				cancel()
			}()
			return ctx, cancel
		}
	}
	deadline := func(ctx context.Context, _ *rig) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, stall)
	}
	received := func(r *rig) bool { return r.posts() > r.postsBefore }
	committed := func(r *rig) bool { return r.fake.UserCount() > r.usersBefore }
	idle := fault{name: "kept connection closed while idle", front: true, warm: true, arm: func(r *rig) { r.front.cut() }}
	race := atFront("kept connection closed under the request", closeUnread)
	race.warm = true
	slow := atFront("slow headers, too slow", slowly(false))
	slow.edit = shortTimeout
	down := fault{name: "reset before processing, for good", front: true,
		arm: func(r *rig) { r.front.arm(-1, resetUnprocessed) }, disarm: func(r *rig) { r.front.arm(0, nil) }}
	return []fault{
		atFront("reset before the request was read", resetUnread),
		atFront("reset before processing", resetUnprocessed),
		atFront("reset after processing", resetProcessed),
		down,
		{name: "reset before it was read, by HTTP server", arm: fault1(userapitest.Reset, userapitest.BeforeRead)},
		{name: "hung up before processing", arm: fault1(userapitest.Hangup, before)},
		{name: "hung up after processing", arm: fault1(userapitest.Hangup, after)},
		idle, race,
		atFront("slow headers", slowly(true)), slow,
		atFront("no HTTP", says("SSH-2.0-OpenSSH_9.9\r\n", false)),
		atFront("no HTTP, after processing", says("SSH-2.0-OpenSSH_9.9\r\n", true)),
		atFront("cut off in the status line", cutInHead),
		{name: "time-out before processing", arm: fault1(userapitest.Stall, before), edit: shortTimeout},
		{name: "time-out after processing", arm: fault1(userapitest.Stall, after), edit: shortTimeout},
		{name: "deadline before processing", arm: fault1(userapitest.Stall, before), ctx: deadline},
		{name: "deadline after processing", arm: fault1(userapitest.Stall, after), ctx: deadline},
		{name: "canceled before processing", arm: fault1(userapitest.Stall, before), ctx: cancelWhen(received)},
		{name: "canceled after processing", arm: fault1(userapitest.Stall, after), ctx: cancelWhen(committed)},
		{name: "unseen: reset before processing", arm: fault1(userapitest.Reset, before), edit: hide},
		{name: "unseen: reset after processing", arm: fault1(userapitest.Reset, after), edit: hide},
		{name: "unseen: time-out after processing", arm: fault1(userapitest.Stall, after), edit: func(r *rig, o *userapi.HTTPOptions) {
			hide(r, o)
			shortTimeout(r, o)
		}},
	}
}

// http2Faults are those that HTTP/2 has of its own.
func http2Faults() []fault {
	timedOut := func(name string, processed bool) fault {
		f := onStream(name, neverAnswer(processed))
		f.edit = shortTimeout
		return f
	}
	hidden := onStream("HTTP/2, unseen: PROTOCOL_ERROR", rst(http2.ErrCodeProtocol, false))
	hidden.edit = hide
	return []fault{
		onStream("HTTP/2: GOAWAY before processing", goAway(http2.ErrCodeNo, false)),
		onStream("HTTP/2: GOAWAY after processing", goAway(http2.ErrCodeNo, true)),
		onStream("HTTP/2: GOAWAY ENHANCE_YOUR_CALM", goAway(http2.ErrCodeEnhanceYourCalm, false)),
		onStream("HTTP/2: GOAWAY with the answer", goAwayGently),
		onStream("HTTP/2: REFUSED_STREAM", rst(http2.ErrCodeRefusedStream, false)),
		onStream("HTTP/2: PROTOCOL_ERROR", rst(http2.ErrCodeProtocol, false)),
		onStream("HTTP/2: INTERNAL_ERROR after processing", rst(http2.ErrCodeInternal, true)),
		onStream("HTTP/2: CANCEL after processing", rst(http2.ErrCodeCancel, true)),
		onStream("HTTP/2: closed before processing", hangUp(false)),
		onStream("HTTP/2: closed after processing", hangUp(true)),
		timedOut("HTTP/2: time-out before processing", false),
		timedOut("HTTP/2: time-out after processing", true),
		hidden,
	}
}

// replyFaults are answers that are no success, or look like one.
func replyFaults(all []*vendor) []fault {
	const (
		before = userapitest.BeforeCommit
		after  = userapitest.AfterCommit
	)
	says := func(code int, header http.Header, body string, when userapitest.Moment) func(*rig) {
		return inject(userapitest.Fault{When: when, Status: code, Header: header, Body: []byte(body)})
	}
	html := http.Header{"Content-Type": {"text/html"}}
	faults := []fault{
		{name: "success cut off", arm: inject(userapitest.Fault{Do: userapitest.Truncate, When: after})},
		{name: "success cut off at once", arm: inject(userapitest.Fault{Do: userapitest.Truncate, When: after, Status: 201, Body: []byte("{}")})},
		{name: "success without id", arm: answer("no id", before, 1)},
		{name: "success without id, after processing", arm: answer("no id", after, 1)},
		{name: "201, empty", arm: says(201, jsonHeader(), "", before)},
		{name: "201, empty, after processing", arm: says(201, jsonHeader(), "", after)},
		{name: "200, HTML", arm: says(200, html, htmlPage, before)},
		{name: "200, HTML, after processing", arm: says(200, html, htmlPage, after)},
		{name: "204", arm: says(204, nil, "", before)},
		{name: "204, after processing", arm: says(204, nil, "", after)},
		{name: "body over the limit", edit: func(_ *rig, o *userapi.HTTPOptions) { o.MaxResponseBytes = 4 << 10 },
			arm: says(201, jsonHeader(), `{"padding":"`+strings.Repeat("x", 8<<10)+`"}`, after)},
		redirect(301, false), redirect(301, true), redirect(302, false), redirect(302, true),
		redirect(307, false), redirect(307, true), redirect(308, false), redirect(308, true),
		{name: "400", arm: answer("400", before, 1)},
		{name: "401", arm: answer("401", before, 1)},
		{name: "403", arm: answer("403", before, 1)},
		{name: "404", arm: answer("404", before, 1)},
		{name: "409", arm: answer("409", before, 1)},
		{name: "422", arm: answer("422", before, 1)},
		{name: "429 and seconds", arm: answer("429", before, 1, "Retry-After", "1")},
		{name: "429 and a date", arm: func(r *rig) {
			answer("429", before, 1, "Retry-After", r.now().Add(time.Second).UTC().Format(http.TimeFormat))(r)
		}},
		{name: "429 and an absurd wait", arm: answer("429", before, 1, "Retry-After", "99999999999999999999")},
		{name: "429 and a negative wait", arm: answer("429", before, 1, "Retry-After", "-5")},
		{name: "429, for good", front: true, arm: func(r *rig) {
			r.front.arm(-1, func(x *exchange) bool {
				_ = x.request()
				_, err := x.conn.Write([]byte("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"))
				return err == nil
			})
		}, disarm: func(r *rig) { r.front.arm(0, nil) }},
		{name: "503 before processing, for good", front: true,
			arm: func(r *rig) { r.front.arm(-1, unavailable) }, disarm: func(r *rig) { r.front.arm(0, nil) }},
		{name: "webhook failed (504)", cannot: without(all, "has no such webhooks", "fusionauth"), arm: answer("webhook", before, 1)},
		{name: "[retryableConflict]", cannot: without(all, "has no such code", "fusionauth"), arm: answer("retryable conflict", before, 1)},
	}
	for _, code := range []int{408, 500, 502, 503, 504} {
		for _, page := range []bool{false, true} {
			name := http.StatusText(code)
			if page {
				name += ", HTML"
			}
			faults = append(faults,
				fault{name: name + ", before processing", arm: status(code, page, before)},
				fault{name: name + ", after processing", arm: status(code, page, after)})
		}
	}
	return faults
}

// vendorFaults are about keys, sessions, clocks and look-ups.
func vendorFaults(all []*vendor) []fault {
	lost := inject(userapitest.Fault{Do: userapitest.Reset, When: userapitest.AfterCommit})
	unique := without(nil, "")
	unique["mixin"], unique["usercom-mail"] = noKeys, "does not hold an e-mail address to be unique"
	attributes := without(all, "has no second step", "usercom", "usercom-mail")
	return []fault{
		{name: "duplicate", cannot: unique, seeded: true},
		{name: "duplicate, to be adopted", cannot: unique, seeded: true, adopt: true},
		{name: "duplicate, and the reply is lost", cannot: unique, seeded: true,
			arm: inject(userapitest.Fault{Do: userapitest.Reset, When: userapitest.AfterCommit})},
		{name: "expired session", cannot: without(all, noSession, "quickblox-app"), warm: true, arm: clock(3 * time.Hour)},
		{name: "expired session, and the reply is lost", cannot: without(all, noSession, "quickblox-app"), warm: true, arm: also(clock(3*time.Hour), lost)},
		{name: "session refused twice", cannot: without(all, noSession, "quickblox-app"), arm: inject(userapitest.Fault{
			On: userapitest.Session, When: userapitest.BeforeCommit, Status: 503, Times: 2,
		})},
		{name: "session refused three times", cannot: without(all, noSession, "quickblox-app"), arm: inject(userapitest.Fault{
			On: userapitest.Session, When: userapitest.BeforeCommit, Status: 503, Times: 3,
		})},
		{name: "clock 10 minutes ahead", cannot: without(all, noSkew, "mixin"), arm: clock(10 * time.Minute)},
		{name: "clock 10 minutes behind", cannot: without(all, noSkew, "mixin"), arm: clock(-10 * time.Minute)},
		{name: "clock 2 hours ahead", cannot: without(all, noSkew, "quickblox-app"), arm: clock(2 * time.Hour)},
		{name: "clock 10 minutes ahead, and the reply is lost", arm: also(clock(10*time.Minute), lost)},
		{name: "clock 10 minutes behind, and the reply is lost", arm: also(clock(-10*time.Minute), lost)},
		{name: "lost, then a look-up misses", arm: also(lost, lookups(userapitest.Fault{When: userapitest.BeforeCommit, Status: 404}))},
		{name: "lost, then look-ups fail twice", arm: also(lost, lookups(userapitest.Fault{When: userapitest.BeforeCommit, Status: 503, Times: 2}))},
		{name: "lost, then look-ups are reset twice", arm: also(lost, lookups(userapitest.Fault{Do: userapitest.Reset, Times: 2}))},
		{name: "lost, then look-ups fail for good", arm: also(lost, lookups(userapitest.Fault{When: userapitest.BeforeCommit, Status: 503, Times: -1}))},
		{name: "lost, then look-ups are forbidden", arm: also(lost, lookups(userapitest.Fault{When: userapitest.BeforeCommit, Status: 403, Times: -1}))},
		{name: "lost, then look-ups get a page of 404", arm: also(lost, lookups(userapitest.Fault{
			When: userapitest.BeforeCommit, Status: 404, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(htmlPage), Times: -1,
		}))},
		{name: "lost, then look-ups get an empty success", arm: also(lost, lookups(userapitest.Fault{When: userapitest.BeforeCommit, Status: 200, Times: -1}))},
		{name: "second step fails", cannot: attributes, arm: inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 500, Times: 3})},
		{name: "second step fails for good", cannot: attributes, arm: inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 500, Times: -1})},
	}
}
