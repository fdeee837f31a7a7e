package crashtest_test

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// The vendors' keys.
const (
	chatKey = planted + "-chat-key-0123456789"
	idpKey  = planted + "-idp-key-0123456789"
	crmKey  = planted + "0123456789" + planted + "0123456789" + planted + "0123456789abcdefghijklm"
)

// A user is one that a vendor has.
type user struct {
	id, key string
	// owner is the idp's id of the person, attribute what the second step sets, session
	// the public half of the session key, and sessionID its id: each where the vendor has
	// such.
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
	target string
	url    string
	users  func() []user
	inject func(userapitest.Fault)
	// refusal and outage are bodies of the vendor's own, for a 429 and a 5xx.
	refusal, outage string
	refused         int // the status of the former

	requests, faults atomic.Int64
	busy             atomic.Int64 // requests that are being carried out
	live             atomic.Bool  // what happens counts
	late             atomic.Int64 // creates of what had been undone
	closed           func(key string) bool
	downUntil        time.Time // its holder's is the run's mu
	on               func(v *vendor, when moment, op userapitest.Operation)

	mu        sync.Mutex
	past      map[string]*past // by id
	strangers map[string]bool  // ids of those who were there before
}

func (v *vendor) arrived(op userapitest.Operation, begin []byte) (late time.Duration) {
	if !v.live.Load() {
		return 0
	}
	v.requests.Add(1)
	v.busy.Add(1)
	key := keyIn(string(begin))
	if op == userapitest.Create && v.closed(key) {
		v.late.Add(1)
	}
	v.on(v, arrived, op)
	// Of what is undone a create that is late would be one too many: Patience is for that,
	// and bounds it. The wallet cannot be asked anyway.
	if op != userapitest.Create || key == "" || numbered(key).undone() || v.target == wallet || v.requests.Load()%7 > 0 {
		return 0
	}
	return lateness
}

// lateness is longer than it takes to find a user absent whose caller has left, and
// shorter than a caller waits who has not.
const lateness = 220 * time.Millisecond

func (v *vendor) answered(op userapitest.Operation) {
	if !v.live.Load() {
		return
	}
	defer v.busy.Add(-1)
	if op == userapitest.Create || op == userapitest.Delete {
		v.look(op)
	}
	v.on(v, answered, op)
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

// startVendors starts the four fakes. The job gets what their clients need.
func startVendors(t *testing.T, count int, on func(*vendor, moment, userapitest.Operation), closed func(key string) bool) ([]*vendor, *job) {
	t.Helper()
	j := &job{URLs: map[string]string{}}
	start := func(target, refusal, outage string, begin func(v *vendor, o userapitest.ServerOptions) string) *vendor {
		v := &vendor{target: target, refusal: refusal, outage: outage, refused: http.StatusTooManyRequests, on: on, closed: closed, past: map[string]*past{}, strangers: map[string]bool{}}
		v.url = begin(v, userapitest.ServerOptions{Listener: v.listen(t)})
		j.URLs[target] = v.url
		return v
	}
	all := []*vendor{
		start(chat, `{"errors":["Too many requests"]}`, `{"errors":["try again later"]}`, func(v *vendor, o userapitest.ServerOptions) string { return startChat(t, v, o, count) }),
		start(crm, `{"detail":"Request was throttled. Expected available in 1 second."}`, `{"detail":"A server error occurred."}`, func(v *vendor, o userapitest.ServerOptions) string {
			s := usercomtest.NewServer(t, usercomtest.WithHTTP(o), usercomtest.WithAPIKey(crmKey))
			v.inject = s.Inject
			v.users = func() (all []user) {
				for _, u := range s.Users() {
					all = append(all, user{id: strconv.FormatInt(u.ID, 10), key: keyIn(u.Email), owner: u.UserID, attribute: string(u.Attributes[attribute])})
				}
				return all
			}
			return s.URL()
		}),
		start(idp, `{"fieldErrors":{},"generalErrors":[{"code":"[RateLimitedException]","message":"It failed."}]}`,
			`{"fieldErrors":{},"generalErrors":[{"code":"[Exception]","message":"It failed."}]}`, func(v *vendor, o userapitest.ServerOptions) string {
				s := fusionauthtest.NewServer(t, fusionauthtest.WithHTTP(o), fusionauthtest.WithAPIKey(idpKey))
				v.inject = s.Inject
				v.users = func() (all []user) {
					for _, u := range s.Users() {
						all = append(all, user{id: u.ID, key: keyIn(u.Email)})
					}
					return all
				}
				return s.URL()
			}),
		start(wallet, `{"error":{"status":202,"code":429,"description":"Too many requests."}}`,
			`{"error":{"status":500,"code":500,"description":"Internal Server Error."}}`, func(v *vendor, o userapitest.ServerOptions) string {
				s := mixintest.NewServer(t, mixintest.WithHTTP(o))
				v.refused = http.StatusAccepted // as Mixin does
				v.inject = s.Inject
				v.users = func() (all []user) {
					for _, u := range s.Users() {
						all = append(all, user{id: u.UserID, key: keyIn(u.FullName), session: u.SessionSecret, sessionID: u.SessionID})
					}
					return all
				}
				j.Keystore = s.KeystoreJSON()
				return s.URL()
			}),
	}
	for _, v := range all {
		v.live.Store(true)
	}
	return all, j
}

// startChat starts the chat's fake, with strangers who have been there for an hour and
// have names that sign-ups want.
func startChat(t *testing.T, v *vendor, o userapitest.ServerOptions, count int) string {
	t.Helper()
	var early atomic.Bool
	o.Now = func() time.Time {
		if early.Load() {
			return time.Now().Add(-time.Hour)
		}
		return time.Now()
	}
	s := quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(o), quickbloxtest.WithAPIKey(chatKey))
	v.inject = s.Inject
	v.users = func() (all []user) {
		for _, u := range s.Users() {
			all = append(all, user{id: strconv.FormatInt(u.ID, 10), key: keyIn(u.Login)})
		}
		return all
	}
	early.Store(true)
	c, err := quickblox.New(s.Config())
	require.NoError(t, err)
	for n := range signUp(count) {
		if n.barred() {
			u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: n.request().Username, Password: "a stranger's"})
			require.NoError(t, err)
			v.strangers[u.ID] = true
		}
	}
	early.Store(false)
	return s.URL()
}
