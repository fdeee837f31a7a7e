package faultmatrix_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A fault is a row of the matrix. It applies to one create, unless it says otherwise.
type fault struct {
	name string
	// cannot says why a vendor cannot have it.
	cannot map[string]string
	// front and framer put one before the fake.
	front, framer bool
	// warm: a user has been created before, so that a session stands and a connection
	// is open. seeded: the request's keys were taken an hour ago.
	warm, seeded bool
	// other is a user whose request was carried out before, by somebody else: just now
	// or, with seeded, an hour ago.
	other func(v *vendors.Vendor) userapi.CreateUserRequest
	// silent: User.com silently updates the user of a taken user_id.
	silent bool
	// impatient: the create times out as soon as it has reached the fault.
	impatient bool
	// serial: the fault keeps a count, so that its cells come one after the other.
	serial bool
	// adopt: Ensure gets AdoptMatching.
	adopt bool
	// contradicts: the reply shows another user than the one that was sent.
	contradicts bool
	serve       func(o *userapitest.ServerOptions)
	edit        func(r *rig, o *userapi.HTTPOptions)
	arm         func(r *rig)
	// disarm ends a fault that would go on.
	disarm func(r *rig)
	// ctx is the call's context.
	ctx func(ctx context.Context, r *rig) (context.Context, context.CancelFunc)
}

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
		own := r.vendor.Replies[name]
		r.fake.Inject(userapitest.Fault{
			When: when, Status: own.Status, Header: jsonHeader(header...), Body: []byte(own.Body), Times: times,
		})
	}
}

// status has the vendor, or what stands before it, answer with a status.
func status(code int, html bool, when userapitest.Moment) func(*rig) {
	return func(r *rig) {
		f := userapitest.Fault{When: when, Status: code, Header: jsonHeader(), Body: []byte(r.vendor.Replies["5xx"].Body)}
		if other, has := r.vendor.Replies["504 of a proxy"]; has && code == http.StatusGatewayTimeout {
			f.Body = []byte(other.Body)
		}
		if html {
			f.Header, f.Body = http.Header{"Content-Type": {"text/html"}}, []byte(vendors.Page)
		}
		r.fake.Inject(f)
	}
}

func lookups(f userapitest.Fault) func(*rig) {
	f.On = userapitest.Lookup
	return inject(f)
}

// reached is a context that ends when the create has reached the fault: canceled, or
// by its deadline.
type reached struct {
	context.Context
	done chan struct{}
	err  error
}

func (c *reached) Done() <-chan struct{} { return c.done }

func (c *reached) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// ends makes a fault whose call ends, for a reason, while the create is unanswered.
func ends(name string, err error, processed bool) fault {
	return fault{name: name, front: true, ctx: func(ctx context.Context, r *rig) (context.Context, context.CancelFunc) {
		c := &reached{ctx, make(chan struct{}), err}
		r.front.arm(never(processed, func() { close(c.done) }))
		return c, func() {}
	}}
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
	return fault{name: name, front: true, arm: func(r *rig) { r.front.arm(do) }}
}

func onStream(name string, do frameAction) fault {
	return fault{name: name, framer: true, arm: func(r *rig) { r.framer.arm(do) }}
}

// only says why all vendors but some cannot have a fault.
func only(all []*vendors.Vendor, can func(*vendors.Vendor) bool, why string) map[string]string {
	cannot := map[string]string{}
	for _, v := range all {
		if !can(v) {
			cannot[v.Name] = why
		}
	}
	return cannot
}

func replies(name string) func(*vendors.Vendor) bool {
	return func(v *vendors.Vendor) bool { return v.Replies[name].Status != 0 }
}

// unseen hides from net/http's transport who asks, as a caller's RoundTripper may: no
// trace event is fired.
type unseen struct{ base http.RoundTripper }

func (u unseen) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(context.Background())
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
	refuse := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, closedAddr)
	}
	refused, answered := dial(refuse)
	var tries atomic.Int32
	twice, _ := dial(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if tries.Add(1)%3 != 0 {
			return refuse(ctx, network, addr)
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	})
	limited := fault{name: "429, then refused", front: true, disarm: answered, arm: func(r *rig) {
		r.front.arm(func(x *exchange) bool {
			refused(r)
			// Told so, the client does not use the connection again.
			answers("429 Too Many Requests", "Connection: close\r\n", "")(x)
			return false
		})
	}}
	unresolved, resolved := dial(func(ctx context.Context, network, _ string) (net.Conn, error) {
		failing := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server is reached")
		}}
		return (&net.Dialer{Resolver: failing}).DialContext(ctx, network, "vendor.invalid:443")
	})
	return []fault{
		{name: "refused", arm: refused, disarm: answered},
		{name: "refused twice", arm: twice, disarm: answered, serial: true},
		limited,
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
func connectionFaults(all []*vendors.Vendor) []fault {
	const (
		before = userapitest.BeforeCommit
		after  = userapitest.AfterCommit
	)
	fault1 := func(do userapitest.Action, when userapitest.Moment) func(*rig) {
		return inject(userapitest.Fault{Do: do, When: when})
	}
	idle := fault{name: "kept connection closed while idle", front: true, warm: true, arm: func(r *rig) { r.front.cut() }}
	race := atFront("kept connection closed under the request", closeUnread)
	race.warm = true
	slow := atFront("slow headers, too slow", tooSlow)
	slow.impatient, slow.warm = true, true
	down := fault{name: "reset before processing, for good", front: true,
		arm: func(r *rig) { r.front.armAlways(resetUnprocessed) }, disarm: func(r *rig) { r.front.arm() }}
	late := func(name string, second func(r *rig) action) fault {
		return fault{name: name, front: true, cannot: neverRepeats(all),
			arm: func(r *rig) { r.front.arm(r.front.holds, second(r)) }, disarm: func(r *rig) { r.front.arm() }}
	}
	return []fault{
		atFront("reset before the request was read", resetUnread),
		atFront("reset before processing", resetUnprocessed),
		atFront("reset after processing", resetProcessed),
		down,
		{name: "reset before it was read, by HTTP server", arm: fault1(userapitest.Reset, userapitest.BeforeRead)},
		{name: "hung up before processing", arm: fault1(userapitest.Hangup, before)},
		{name: "hung up after processing", arm: fault1(userapitest.Hangup, after)},
		idle, race,
		atFront("slow headers", inBits), slow,
		atFront("no HTTP", says("SSH-2.0-OpenSSH_9.9\r\n", false)),
		atFront("no HTTP, after processing", says("SSH-2.0-OpenSSH_9.9\r\n", true)),
		atFront("cut off in the status line", cutInHead),
		{name: "time-out before processing", warm: true, impatient: true, arm: fault1(userapitest.Stall, before)},
		{name: "time-out after processing", warm: true, impatient: true, arm: fault1(userapitest.Stall, after)},
		ends("deadline before processing", context.DeadlineExceeded, false),
		ends("deadline after processing", context.DeadlineExceeded, true),
		ends("canceled before processing", context.Canceled, false),
		ends("canceled after processing", context.Canceled, true),
		{name: "429, then reset after processing", front: true, arm: func(r *rig) { r.front.arm(tooMany, resetProcessed) }},
		late("arrives late, before the repeat", func(r *rig) action { return r.front.afterHeld }),
		late("arrives late, after the repeat", func(r *rig) action { return r.front.beforeHeld }),
		{name: "unseen: reset before processing", arm: fault1(userapitest.Reset, before), edit: hide},
		{name: "unseen: reset after processing", arm: fault1(userapitest.Reset, after), edit: hide},
		{name: "unseen: time-out after processing", warm: true, impatient: true, arm: fault1(userapitest.Stall, after), edit: hide},
	}
}

// http2Faults are those that HTTP/2 has of its own.
func http2Faults() []fault {
	timedOut := func(name string, processed bool) fault {
		f := onStream(name, neverAnswer(processed))
		f.impatient, f.warm = true, true
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

// replyFaults are answers that are not a success, or look like one.
func replyFaults(all []*vendors.Vendor) []fault {
	const (
		before = userapitest.BeforeCommit
		after  = userapitest.AfterCommit
	)
	says := func(code int, header http.Header, body string, when userapitest.Moment) func(*rig) {
		return inject(userapitest.Fault{When: when, Status: code, Header: header, Body: []byte(body)})
	}
	html := http.Header{"Content-Type": {"text/html"}}
	limit := func(_ *rig, o *userapi.HTTPOptions) { o.MaxResponseBytes = 4 << 10 }
	faults := []fault{
		{name: "success cut off", arm: inject(userapitest.Fault{Do: userapitest.Truncate, When: after})},
		{name: "success cut off at once", arm: inject(userapitest.Fault{Do: userapitest.Truncate, When: after, Status: 201, Body: []byte("{}")})},
		{name: "success without id", arm: answer("no id", before, 1)},
		{name: "success without id, after processing", arm: answer("no id", after, 1)},
		{name: "201, empty", arm: says(201, jsonHeader(), "", before)},
		{name: "201, empty, after processing", arm: says(201, jsonHeader(), "", after)},
		{name: "200, HTML", arm: says(200, html, vendors.Page, before)},
		{name: "200, HTML, after processing", arm: says(200, html, vendors.Page, after)},
		{name: "204", arm: says(204, nil, "", before)},
		{name: "204, after processing", arm: says(204, nil, "", after)},
		{name: "body over the limit", edit: limit, arm: says(201, jsonHeader(), `{"padding":"`+strings.Repeat("x", 8<<10)+`"}`, after)},
		{name: "a user, and a body over the limit", front: true, edit: limit, arm: func(r *rig) {
			r.front.arm(changed(func(body string) string { return body + strings.Repeat(" ", 8<<10) }))
		}},
		{name: "a user, and an error", cannot: map[string]string{"mixin": "does not send: there an error decides"}, front: true, arm: func(r *rig) {
			r.front.arm(changed(func(body string) string { return strings.Replace(body, "{", `{"errors":{"base":["no"]},`, 1) }))
		}},
		{name: "400, repeating what was sent", front: true, arm: func(r *rig) { r.front.arm(echoes("400 Bad Request", 10002)) }},
		{name: "500, repeating what was sent", front: true, arm: func(r *rig) { r.front.arm(echoes("500 Internal Server Error", 500)) }},
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
		{name: "429, for good", front: true, arm: func(r *rig) { r.front.armAlways(tooMany) }, disarm: func(r *rig) { r.front.arm() }},
		{name: "503 before processing, for good", front: true, arm: func(r *rig) { r.front.armAlways(unavailable) }, disarm: func(r *rig) { r.front.arm() }},
		{name: "webhook failed (504)", cannot: only(all, replies("webhook"), "has no such webhooks"), arm: answer("webhook", before, 1)},
		{name: "[retryableConflict]", cannot: only(all, replies("retryable conflict"), "has no such code"), arm: answer("retryable conflict", before, 1)},
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
func vendorFaults(all []*vendors.Vendor) []fault {
	lost := inject(userapitest.Fault{Do: userapitest.Reset, When: userapitest.AfterCommit})
	// secondLost lets the first create be refused, and loses the reply to the second.
	secondLost := func(r *rig) { r.front.arm(pass, resetProcessed) }
	unique := only(all, func(v *vendors.Vendor) bool { return len(v.Unique) > 0 }, "has no unique key")
	attributes := only(all, (*vendors.Vendor).TakesTwoSteps, "has no second step in a create")
	silent := only(all, func(v *vendors.Vendor) bool { return v.StartSilent != nil }, "refuses a taken id")
	session := only(all, func(v *vendors.Vendor) bool { return v.Sessions }, "has no sessions")
	skew := only(all, func(v *vendors.Vendor) bool { return v.Clock }, "does not look at the clock of a create")
	asked := only(all, (*vendors.Vendor).Asks, "has nothing to look up by")
	answered := only(all, func(v *vendors.Vendor) bool { return v.Looks > 0 }, "does not answer look-ups")
	lookup := func(name string, f userapitest.Fault) fault {
		return fault{name: "lost, then look-ups " + name, cannot: asked, arm: also(lost, lookups(f))}
	}
	// missed makes look-ups miss for so many resolutions; a negative number for all.
	missed := func(name string, resolutions int) fault {
		f := fault{name: "lost, then look-ups miss " + name, cannot: asked, arm: also(lost, func(r *rig) {
			own, times := r.vendor.Replies["absent"], -1
			if resolutions > 0 {
				times = resolutions * r.vendor.Looks
			}
			lookups(userapitest.Fault{When: userapitest.BeforeCommit, Status: own.Status, Header: jsonHeader(), Body: []byte(own.Body), Times: times})(r)
		})}
		if resolutions > 0 {
			f.cannot = answered
		}
		return f
	}
	faults := []fault{
		{name: "duplicate", cannot: unique, seeded: true},
		{name: "duplicate, to be adopted", cannot: unique, seeded: true, adopt: true},
		{name: "duplicate, and the reply is lost", cannot: unique, seeded: true, arm: lost},
		{name: "duplicate, updated silently", cannot: silent, seeded: true, silent: true},
		{name: "duplicate, updated silently, to be adopted", cannot: silent, seeded: true, silent: true, adopt: true},
		{name: "duplicate, updated silently, and the reply is lost", cannot: silent, seeded: true, silent: true, arm: lost},
		{name: "expired session", cannot: session, warm: true, arm: clock(3 * time.Hour)},
		{name: "expired session, and the reply is lost", cannot: session, front: true, warm: true, arm: also(clock(3*time.Hour), secondLost)},
		{name: "session refused twice", cannot: session, arm: inject(userapitest.Fault{
			On: userapitest.Session, When: userapitest.BeforeCommit, Status: 503, Times: 2,
		})},
		{name: "session refused three times", cannot: session, arm: inject(userapitest.Fault{
			On: userapitest.Session, When: userapitest.BeforeCommit, Status: 503, Times: 3,
		})},
		{name: "clock 10 minutes ahead", cannot: skew, arm: clock(10 * time.Minute)},
		{name: "clock 10 minutes behind", cannot: skew, arm: clock(-10 * time.Minute)},
		{name: "clock 10 minutes ahead, and the second reply is lost", cannot: skew, front: true, arm: also(clock(10*time.Minute), secondLost)},
		{name: "clock 2 hours ahead", cannot: session, arm: clock(2 * time.Hour)},
		{name: "clock 10 minutes ahead, and the reply is lost", cannot: asked, arm: also(clock(10*time.Minute), lost)},
		{name: "clock 10 minutes behind, and the reply is lost", cannot: asked, arm: also(clock(-10*time.Minute), lost)},
		missed("once over", 1), missed("twice over", 2), missed("for good", -1),
		lookup("fail three times", userapitest.Fault{When: userapitest.BeforeCommit, Status: 503, Times: 3}),
		lookup("are reset twice", userapitest.Fault{Do: userapitest.Reset, Times: 2}),
		lookup("fail for good", userapitest.Fault{When: userapitest.BeforeCommit, Status: 503, Times: -1}),
		lookup("are forbidden", userapitest.Fault{When: userapitest.BeforeCommit, Status: 403, Times: -1}),
		lookup("get a page of 404", userapitest.Fault{
			When: userapitest.BeforeCommit, Status: 404, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(vendors.Page), Times: -1,
		}),
		lookup("get a gateway's 404", userapitest.Fault{
			When: userapitest.BeforeCommit, Status: 404, Header: jsonHeader(), Body: []byte(`{"message":"no Route matched with those values"}`), Times: -1,
		}),
		lookup("get an empty success", userapitest.Fault{When: userapitest.BeforeCommit, Status: 200, Times: -1}),
		{name: "second step fails twice", cannot: attributes, arm: inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 500, Times: 2})},
		{name: "second step fails three times", cannot: attributes, arm: inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 500, Times: 3})},
		{name: "second step fails for good", cannot: attributes, arm: inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 500, Times: -1})},
	}
	return append(faults, othersFaults(all, lost)...)
}

// neverRepeats lists the vendors at which no create is repeated.
func neverRepeats(all []*vendors.Vendor) map[string]string {
	return only(all, (*vendors.Vendor).Repeats, "never gets a create again")
}

// othersFaults are requests one of whose unique keys somebody else has.
func othersFaults(all []*vendors.Vendor, lost func(*rig)) (faults []fault) {
	for _, key := range []struct {
		name, field string
		take        func(from, to *userapi.CreateUserRequest)
	}{
		{"e-mail address", "Email", func(from, to *userapi.CreateUserRequest) { to.Email = from.Email }},
		{"user name", "Username", func(from, to *userapi.CreateUserRequest) { to.Username = from.Username }},
		{"external id", "ExternalID", func(from, to *userapi.CreateUserRequest) { to.ExternalID = from.ExternalID }},
	} {
		cannot := only(all, func(v *vendors.Vendor) bool { return slices.Contains(v.Unique, key.field) }, "does not hold it to be unique, or does not tell")
		other := func(v *vendors.Vendor) userapi.CreateUserRequest {
			req, ours := v.Request(4), v.Request(1)
			key.take(&ours, &req)
			return req
		}
		for _, old := range []bool{true, false} {
			name := "another has the " + key.name
			if !old {
				name += ", since just now"
			}
			faults = append(faults,
				fault{name: name, cannot: cannot, seeded: old, other: other},
				fault{name: name + ", not to be adopted", cannot: cannot, seeded: old, other: other, adopt: true},
				fault{name: name + ", and the reply is lost", cannot: cannot, seeded: old, other: other, arm: lost})
		}
	}
	return faults
}
