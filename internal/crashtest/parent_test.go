package crashtest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A moment is something upon which a child may be killed.
type moment string

const (
	started  moment = "started"  // the process was
	ready    moment = "ready"    // it begins to provision: the others count from here on
	arrived  moment = "arrived"  // a request is at a vendor
	answered moment = "answered" // a vendor has carried one out, and nobody knows yet
	stored   moment = "stored"   // the ledger has a record
	claimed  moment = "claimed"  // a caller was given a result
)

// A plan is when a child is killed: some time after the count-th moment of a kind.
type plan struct {
	when   moment
	target string // at this one alone; "" for any
	op     userapitest.Operation
	anyOp  bool
	count  int
	after  time.Duration
}

// A run is all that the parent keeps.
type run struct {
	job     *job
	vendors []*vendor
	count   int

	mu     sync.Mutex
	random *rand.Rand
	faulty bool // vendors fail
	child  *process

	kills, inWork int
	claims        []claim
	told          map[[2]string]told // the last of each record
	justTold      []told             // by the last child but one
	closed        map[string]bool    // by key: undone, as a child before the last one was told
	broken        []string
	output        bytes.Buffer // of all children
}

// A process is a child.
type process struct {
	cmd    *exec.Cmd
	plan   plan
	told   []told
	ready  bool
	idle   bool
	killed bool
	ended  chan struct{} // all that it printed was read
}

// crash runs children and kills them, and lets the last one come to its end.
func crash(t *testing.T, kills, count int) *run {
	t.Helper()
	s := draw(t)
	r := &run{count: count, random: rand.New(rand.NewPCG(s, 1)), faulty: true, told: map[[2]string]told{}, closed: map[string]bool{}}
	r.vendors, r.job = startVendors(t, count, r.happens, r.isClosed)
	dir := t.TempDir()
	r.job.Ledger, r.job.KeyDir = filepath.Join(dir, "ledger"), filepath.Join(dir, "keys")
	r.job.RequestKey = planted + "-request-key-0123456789"
	r.job.AtOnce = 8
	r.job.TimeOut, r.job.Grace = 300*time.Millisecond, 300*time.Millisecond
	for n := range kills {
		r.job.Count = signUp(min(count, r.job.AtOnce+count*(n+1)/kills))
		r.round(t)
		if t.Failed() {
			t.FailNow()
		}
		r.tear(t)
	}
	r.last(t)
	return r
}

// round starts a child and kills it.
func (r *run) round(t *testing.T) {
	t.Helper()
	p := r.start(t, r.plan())
	hung, err := r.wait(p)
	if hung {
		t.Errorf("a child hangs: %+v\n%s", p.plan, strings.Join(r.unsettled(t), "\n"))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !p.killed {
		t.Errorf("a child has ended by itself: %v\n%s", err, tail(r.output.String()))
		return
	}
	r.kills++
	if !p.idle {
		r.inWork++
	}
}

// wait waits for the end of a child, and brings it about where it does not come.
func (r *run) wait(p *process) (hung bool, err error) {
	timer := time.AfterFunc(limit, func() { r.kill(p) })
	<-p.ended
	hung = !timer.Stop()
	return hung, p.cmd.Wait()
}

// unsettled lists the records of sign-ups that were given out and are not settled.
func (r *run) unsettled(t *testing.T) (all []string) {
	t.Helper()
	ledger, err := fileledger.Open(r.job.Ledger)
	require.NoError(t, err)
	defer ledger.Close()
	for n := range r.job.Count {
		records, err := ledger.Load(t.Context(), n.key())
		require.NoError(t, err)
		if n.settled(records) {
			continue
		}
		all = append(all, n.key()+" is not settled:")
		for _, rec := range records {
			all = append(all, fmt.Sprintf("\t%s %s %s %s, user %q by %s, unfinished %t", rec.Target, rec.State, rec.Kind, rec.Changed.Format(time.TimeOnly), rec.UserID, rec.Proof, rec.Unfinished))
		}
	}
	return all
}

// last has a child settle the rest, at vendors that do not fail.
func (r *run) last(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	r.faulty = false
	r.mu.Unlock()
	r.job.Count, r.job.Last = signUp(r.count), true
	if _, err := r.wait(r.start(t, plan{})); err != nil {
		t.Errorf("the last child: %v\n%s", err, strings.Join(r.unsettled(t), "\n"))
	}
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

// plan draws when the next child is killed.
func (r *run) plan() plan {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.random.IntN
	p := plan{anyOp: true}
	switch kind := n(100); {
	case kind < 5:
		p.when, p.count, p.after = started, 1, time.Duration(n(60))*time.Millisecond
	case kind < 25:
		p.when, p.count, p.after = ready, 1, time.Duration(n(40_000))*time.Microsecond
	case kind < 45:
		p.when, p.count = stored, 1+n(25)
	case kind < 55:
		p.when, p.count = claimed, 1+n(8)
	default:
		p.when, p.count = arrived, 1+n(14)
		if n(2) == 0 {
			p.when = answered
		}
		if n(3) > 0 {
			p.target, p.count = targetVendors[n(len(targetVendors))].Name, 1+n(5)
		}
		if n(3) == 0 {
			p.anyOp, p.op, p.count = false, userapitest.Create, 1+n(3)
		}
	}
	return p
}

// start starts a child, and reads what it prints.
func (r *run) start(t *testing.T, plan plan) *process {
	t.Helper()
	r.mu.Lock()
	j := *r.job
	j.Seed, j.Concurrent = r.random.Uint64(), r.random.IntN(2) == 0
	if r.child != nil {
		for _, was := range r.justTold {
			if was.State == string(provision.StateUndone) || was.State == string(provision.StateDeleting) {
				r.closed[was.Key] = true
			}
		}
		r.justTold = r.child.told
		j.Told = r.child.told
		j.Decisions = r.decide(r.child.told)
	}
	r.mu.Unlock()
	input, err := json.Marshal(j)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.CommandContext(t.Context(), self, "-test.run=^TestChild$"), plan: plan, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), childVariable+"=1")
	// It ends with the parent, when this pipe does.
	stdin, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	r.mu.Lock()
	r.child = p
	r.mu.Unlock()
	var reading sync.WaitGroup
	reading.Go(func() { r.read(t, p, stdout) })
	reading.Go(func() {
		text, _ := io.ReadAll(stderr)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.output.Write(text)
		if bytes.Contains(text, []byte("DATA RACE")) || bytes.Contains(text, []byte("panic: ")) || bytes.Contains(text, []byte("fatal error: ")) {
			r.broken = append(r.broken, tail(string(text)))
		}
	})
	go func() {
		reading.Wait()
		close(p.ended)
	}()
	_, _ = stdin.Write(append(input, '\n')) // it may have been killed
	r.moment(p, started, "", userapitest.Create)
	return p
}

// decide is the person who looks at the wallet's bill for users that are unknown: not for
// those of the child that has just been killed, whose creates may be under way still.
// Some are left as they are. The caller holds mu.
func (r *run) decide(recent []told) (all []decision) {
	if r.vendor(wallet).busy.Load() > 0 {
		return nil
	}
	early := map[string]bool{}
	for _, was := range recent {
		early[was.Key] = true
	}
	users := map[string]user{}
	for _, u := range r.vendor(wallet).users() {
		users[u.key] = u
	}
	for name, was := range r.told {
		if key, target := name[0], name[1]; target == wallet && was.State == string(provision.StateUnknown) && !early[key] && numbered(key).decided() {
			all = append(all, decision{key, users[key].id, users[key].sessionID})
		}
	}
	return all
}

// read reads what a child prints.
func (r *run) read(t *testing.T, p *process, stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	for {
		text, err := lines.ReadBytes('\n')
		r.mu.Lock()
		r.output.Write(text)
		r.mu.Unlock()
		if err != nil {
			return // what was cut off was told to nobody
		}
		var l line
		switch {
		case json.Unmarshal(text, &l) == nil:
			r.take(t, p, l)
		case bytes.HasPrefix(text, []byte("--- FAIL")): // and then it was killed
			r.mu.Lock()
			r.broken = append(r.broken, "a child has failed: see the end of the output")
			r.mu.Unlock()
		}
	}
}

// take keeps what a child has printed.
func (r *run) take(t *testing.T, p *process, l line) {
	t.Helper()
	switch {
	case l.Told != nil:
		r.mu.Lock()
		p.told = append(p.told, *l.Told)
		name := [2]string{l.Told.Key, l.Told.Target}
		was := r.told[name]
		if was.Revision < l.Told.Revision {
			r.told[name] = *l.Told
		}
		if was.Weak && l.Told.State == string(provision.StateDeleting) {
			r.broken = append(r.broken, fmt.Sprintf("FALSE: Undo deletes what is not proven: %+v", was))
		}
		r.mu.Unlock()
		r.moment(p, stored, l.Told.Target, userapitest.Create)
	case l.Claim != nil:
		wrong := r.now(*l.Claim)
		r.mu.Lock()
		r.claims = append(r.claims, *l.Claim)
		if wrong != "" {
			r.broken = append(r.broken, wrong)
		}
		r.mu.Unlock()
		r.moment(p, claimed, l.Claim.Target, userapitest.Create)
	case l.Ready:
		r.moment(p, ready, "", userapitest.Create)
	case l.Broken != "":
		r.mu.Lock()
		r.broken = append(r.broken, l.Broken)
		r.mu.Unlock()
	case l.Idle:
		r.mu.Lock()
		p.idle = !p.killed
		r.mu.Unlock()
		r.kill(p)
	}
}

// happens is called at each moment of a request's: here a vendor may begin to fail, and
// the child may be killed.
func (r *run) happens(v *vendor, when moment, op userapitest.Operation) {
	r.mu.Lock()
	p := r.child
	var fault *userapitest.Fault
	if when == arrived && r.faulty {
		if r.random.IntN(outageRarity) == 0 {
			v.downUntil = time.Now().Add(outage)
		}
		switch {
		case time.Now().Before(v.downUntil):
			fault = new(v.down(op))
		case r.random.IntN(rarity[op]) == 0:
			fault = new(v.fault(r.random, op))
		}
	}
	r.mu.Unlock()
	if fault != nil {
		v.faults.Add(1)
		v.fake.Inject(*fault)
	}
	if p != nil {
		r.moment(p, when, v.Name, op)
	}
}

// isClosed reports whether nothing may be created of a sign-up any more.
func (r *run) isClosed(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed[key]
}

// moment kills a child if this is what was planned.
func (r *run) moment(p *process, when moment, target string, op userapitest.Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.ready = p.ready || when == ready
	if !p.ready && when != started || p.plan.when != when || p.plan.target != "" && p.plan.target != target || !p.plan.anyOp && p.plan.op != op {
		return
	}
	if p.plan.count--; p.plan.count != 0 {
		return
	}
	if p.plan.after == 0 {
		r.killNow(p)
		return
	}
	timer := time.AfterFunc(p.plan.after, func() { r.kill(p) })
	go func() {
		<-p.ended
		timer.Stop()
	}()
}

func (r *run) kill(p *process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.killNow(p)
}

// killNow kills a child, as by kill -9. The caller holds mu.
func (r *run) killNow(p *process) {
	if !p.killed {
		p.killed = p.cmd.Process.Kill() == nil
	}
}

// tear leaves behind the ledger, now and then, what a crash of the machine may leave of
// a write that was promised to nobody: its length, or some of it.
func (r *run) tear(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.random.IntN(4) > 0 {
		return
	}
	f, err := os.OpenFile(r.job.Ledger, os.O_RDWR, 0)
	if os.IsNotExist(err) {
		return
	}
	require.NoError(t, err)
	torn := make([]byte, 1+r.random.IntN(600))
	if size, err := f.Seek(0, io.SeekEnd); err == nil && r.random.IntN(2) == 0 {
		_, _ = f.ReadAt(torn, max(0, size-int64(len(torn))-100))
	}
	_, err = f.Write(torn)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func (r *run) faults() int {
	n := int64(0)
	for _, v := range r.vendors {
		n += v.faults.Load()
	}
	return int(n)
}

func (r *run) vendor(target string) *vendor {
	return r.vendors[slices.IndexFunc(r.vendors, func(v *vendor) bool { return v.Name == target })]
}
