package crashtest_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A user is one that a vendor has.
type user struct {
	id, key string
	// owner is the caller's id of the person, at the crm the idp's; attribute what the
	// second step sets; session the public half of the session key, and sessionID its id:
	// each where the vendor has such.
	owner, attribute, session, sessionID string
}

// A past user is one that a vendor has or had.
type past struct {
	user

	seen time.Time // when it was there for sure
	gone time.Time // likewise when it no longer was; zero while it is there
}

// A vendor is a fake with its history, which outlives the processes that are killed.
type vendor struct {
	*vendors.Vendor
	fake *vendors.Fake

	requests, faults atomic.Int64
	busy             atomic.Int64 // requests that are being carried out
	live             atomic.Bool  // what happens counts
	late             atomic.Int64 // creates of what had been undone
	closed           func(key string) bool
	ids              map[string]string // the sign-ups' keys by the ids that their users are looked for by
	downUntil        time.Time         // its holder's is the run's mu
	on               func(v *vendor, when moment, op userapitest.Operation)

	mu        sync.Mutex
	past      map[string]*past // by id
	strangers map[string]bool  // ids of those who were there before
	evidence  map[string]*evidence
	unproven  []string // creates that were sent while another was open
}

// evidence is what a client can know of its creates of one sign-up: when one arrived, when
// one was refused, for which the status is enough, and by look-up when the whole answer was
// that there is nobody. It is noted before the client is answered.
type evidence struct {
	creates, refused []time.Time
	absent           map[string][]time.Time
}

// looks is how many looks must find nobody before a user is believed to be absent.
const looks = 3

// open returns of how many creates that had arrived by a time it was not known by then
// that they made no user: to know it of one takes a refusal, or looks of its own. Nothing
// depends on the order in which creates and looks arrive.
func (e *evidence) open(by time.Time) int {
	count := func(all []time.Time) (n int) {
		for _, at := range all {
			if !at.After(by) {
				n++
			}
		}
		return n
	}
	left := count(e.creates) - count(e.refused)
	var misses []int
	for _, all := range e.absent {
		misses = append(misses, count(all))
	}
	if len(misses) > 0 {
		left -= slices.Min(misses) / looks
	}
	return left
}

func (e *evidence) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d creates, %d refused", len(e.creates), len(e.refused))
	for line, all := range e.absent {
		fmt.Fprintf(&text, ", %d times nobody by %s", len(all), line)
	}
	return text.String()
}

// keyOf finds the key of the sign-up that a request is about, "" for none.
func (v *vendor) keyOf(r request) string {
	if key := keyIn(r.begin); key != "" {
		return key
	}
	for word := range strings.FieldsFuncSeq(r.line(), func(c rune) bool { return strings.ContainsRune(" /.", c) }) {
		if key := v.ids[word]; key != "" {
			return key
		}
	}
	return ""
}

// note takes the evidence of a request that arrives, or is about to be answered.
func (v *vendor) note(r request, when moment, status int, whole bool) {
	key := v.keyOf(r)
	if key == "" || v.Looks == 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	e, now, line := v.evidence[key], time.Now(), r.line()
	if e == nil {
		e = &evidence{absent: map[string][]time.Time{}}
		v.evidence[key] = e
	}
	switch {
	case when == arrived && r.op == userapitest.Create:
		e.creates = append(e.creates, now)
		if e.open(now) > 1 {
			v.unproven = append(v.unproven, fmt.Sprintf("%s at %s: %v", key, v.Name, e))
		}
	case when == answered && r.op == userapitest.Create && status >= 400 && status < 500:
		e.refused = append(e.refused, now)
	case when == arrived && r.op == userapitest.Lookup:
		if _, asked := e.absent[line]; !asked {
			e.absent[line] = nil // it has to miss, too
		}
	case when == answered && r.op == userapitest.Lookup && whole && status == v.Replies["absent"].Status:
		e.absent[line] = append(e.absent[line], now)
	}
}

func (v *vendor) arrived(r request) (late time.Duration) {
	if !v.live.Load() {
		return 0
	}
	v.requests.Add(1)
	v.busy.Add(1)
	op, key := r.op, keyIn(r.begin)
	if op == userapitest.Create && v.closed(key) {
		v.late.Add(1)
	}
	v.note(r, arrived, 0, false)
	v.on(v, arrived, op)
	// Of what is undone a create that is late would be one too many: Patience is for that,
	// and bounds it. Who cannot be asked is not asked early.
	if op != userapitest.Create || key == "" || numbered(key).undone() || v.Looks == 0 || v.requests.Load()%7 > 0 {
		return 0
	}
	return lateness
}

// lateness is longer than it takes to find a user absent whose caller has left, and
// shorter than a caller waits who has not.
const lateness = 220 * time.Millisecond

func (v *vendor) answered(r request, status int, whole bool) {
	if !v.live.Load() {
		return
	}
	defer v.busy.Add(-1)
	if r.op == userapitest.Create || r.op == userapitest.Delete {
		v.look(r.op)
	}
	v.note(r, answered, status, whole)
	v.on(v, answered, r.op)
}

// look notes who has come or gone.
func (v *vendor) look(op userapitest.Operation) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	there := map[string]bool{}
	for _, u := range v.users() {
		there[u.id] = true
		if v.past[u.id] == nil && !v.strangers[u.id] {
			v.past[u.id] = &past{user: u, seen: now}
		}
	}
	if op == userapitest.Create {
		return
	}
	for id, p := range v.past {
		if !there[id] && p.gone.IsZero() {
			p.gone = now
		}
	}
}

// history returns who is and was there.
func (v *vendor) history() map[string]past {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := map[string]past{}
	for id, p := range v.past {
		all[id] = *p
	}
	return all
}

// has returns the ids of a sign-up's users.
func (v *vendor) has(key string) (ids []string) {
	for _, u := range v.users() {
		if u.key == key && !v.strangers[u.id] {
			ids = append(ids, u.id)
		}
	}
	return ids
}

// listen returns a listener for a vendor's fake.
func (v *vendor) listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return tap{Listener: l, arrived: v.arrived, answered: v.answered}
}

// startVendors starts the fakes, and at the chat strangers who have been there for an
// hour and have names that sign-ups want. The job gets what the clients need.
func startVendors(t *testing.T, count int, on func(*vendor, moment, userapitest.Operation), closed func(key string) bool) ([]*vendor, *job) {
	t.Helper()
	j := &job{URLs: map[string]string{}}
	var all []*vendor
	ids := map[string]string{}
	var early atomic.Bool
	now := func() time.Time {
		if early.Load() {
			return time.Now().Add(-time.Hour)
		}
		return time.Now()
	}
	for _, of := range targetVendors {
		v := &vendor{Vendor: of, on: on, closed: closed, ids: ids, past: map[string]*past{}, strangers: map[string]bool{}, evidence: map[string]*evidence{}}
		var err error
		v.fake, err = of.Start(userapitest.ServerOptions{Listener: v.listen(t), Now: now})
		require.NoError(t, err)
		t.Cleanup(v.fake.Close)
		j.URLs[v.Name] = v.fake.URL()
		c, err := of.New(userapi.HTTPOptions{BaseURL: v.fake.URL()})
		require.NoError(t, err)
		switch v.Name {
		case idp:
			for n := range signUp(count) {
				plan, err := c.(userapi.Planner).PlanUser(n.request())
				require.NoError(t, err)
				ids[plan.UserID] = n.key()
			}
		case chat:
			early.Store(true)
			for n := range signUp(count) {
				ids[n.chatID()] = n.key()
				if n.barred() {
					u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: n.request().Username, Password: "a stranger's"})
					require.NoError(t, err)
					v.strangers[u.ID] = true
				}
			}
			early.Store(false)
		case wallet:
			j.Keystore = v.fake.Server.(*mixintest.Server).KeystoreJSON()
		}
		all = append(all, v)
	}
	for _, v := range all {
		v.live.Store(true)
	}
	return all, j
}

// users returns the users that the vendor has.
func (v *vendor) users() (all []user) {
	for _, u := range v.fake.Users() {
		was := user{id: u.ID, owner: u.Keys["ExternalID"], attribute: string(u.Attributes[attribute])}
		for _, text := range u.Keys {
			was.key = cmp.Or(keyIn(text), was.key)
		}
		if m, ok := u.Native.(mixintest.User); ok {
			was.session, was.sessionID = m.SessionSecret, m.SessionID
		}
		all = append(all, was)
	}
	return all
}
