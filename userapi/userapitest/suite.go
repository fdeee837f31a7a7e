package userapitest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A Harness provides an implementation of userapi.Creator to Run.
type Harness struct {
	// New makes a new creator and its new server. Both end with the test. It must pass opts to the
	// creator, with BaseURL added, and must use the suite's HTTPClient unchanged.
	New func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, Backend)

	// Minimal and Full return a request with as few and as many fields as the vendor allows.
	// Different n give different users. A Resolver that asks the vendor must be able to find both
	// users. A Repeater must be able to repeat Full. For a Finisher the second step of Full must
	// send something.
	Minimal, Full func(n int) userapi.CreateUserRequest
	// Duplicate returns a request that collides with the user of Full(n), or with itself if it is
	// sent twice. nil means that the vendor has no unique key.
	Duplicate func(n int) userapi.CreateUserRequest
	// Invalid returns a request that the creator or the vendor refuses with a named field.
	Invalid func(n int) userapi.CreateUserRequest

	// Secrets are the credentials that New configures. They must never be shown.
	Secrets []string

	// ID matches every valid id of the vendor's users. It must be anchored at both ends, such as
	// ^[1-9][0-9]{0,17}$. It is required for a Finisher, for a Deleter, and with Reply.
	ID *regexp.Regexp
	// Reply describes the vendor's reply to a create, for the checks of what a creator believes.
	// nil leaves out these checks.
	Reply *Reply

	// The fields below are for creators with further abilities. Each is for a feature
	// that not every vendor has. If it is nil or false, the checks that need it are
	// left out.

	// ReadsBack: the vendor's reply to a create does not show the user, so the creator
	// reads the user. The suite then does not count GETs among the requests that a
	// create may send.
	ReadsBack bool
	// Recorded: the creator's Resolver answers from its own record of what it sent, and
	// does not ask the vendor. The suite then runs the subtests record/… instead of
	// resolve/….
	Recorded bool
	// BlankAbsence: the vendor's own answer for a user that does not exist may be a 404
	// without a body. Otherwise such a 404 must not count as that answer.
	BlankAbsence bool
	// Stranger returns the request of another person. Their user has one identity key in common
	// with the user of Full(n), so a Resolver finds it. It differs in another key. nil means that
	// the vendor's users have only one identity key.
	Stranger func(n int) userapi.CreateUserRequest
	// Ambiguous returns a request that makes a second user if it is sent twice. A Resolver must be
	// able to find its users. nil means that there is no such request.
	Ambiguous func(n int) userapi.CreateUserRequest
	// Hidden is New with credentials that cannot see every user. The server has the user of req,
	// with the id id, and the creator cannot see it. nil means that the vendor shows every user to
	// all credentials.
	Hidden func(t testing.TB, opts userapi.HTTPOptions) (c userapi.Creator, b Backend, req userapi.CreateUserRequest, id string)
	// Unfinished returns a request that creates the user of Full(n) without its second step. It is
	// for a CreateUser that does both in one request. nil means that CreateUser sends a separate
	// request for the second step.
	Unfinished func(n int) userapi.CreateUserRequest
	// Unrepeatable returns a valid request that a Repeater refuses, because a second
	// create would make a second user. nil means that there is no such request.
	Unrepeatable func(n int) userapi.CreateUserRequest
}

// Run checks an implementation against the contract of package userapi. Every check is a parallel
// subtest with its own server.
//
// Run also checks the further abilities that userapi.Ability finds on the creator. Each
// has its own subtests:
//
//   - Planner: plan/…
//   - Resolver: resolve/… or record/…
//   - Repeater: repeat/…
//   - Finisher: finish/…
//   - BatchCreator: batch/…
//   - Deleter: delete/…
//
// Most of them need only Minimal and Full. Harness documents which need more.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.New == nil || h.Minimal == nil || h.Full == nil || h.Invalid == nil {
		t.Fatal("userapitest: Harness must have New, Minimal, Full and Invalid")
	}
	if h.Reply != nil && (h.ID == nil || len(h.Reply.ID) == 0) {
		t.Fatal("userapitest: a Harness with Reply must have ID and Reply.ID")
	}
	groups := [][]check{createChecks, replyChecks(), claimChecks(&h), faultChecks(), contextChecks, isolationChecks, secretChecks, wrappedChecks()}
	groups = append(groups, abilityChecks(open(t, &h, nil))...)
	for _, group := range groups {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, &h)
			})
		}
	}
}

// abilityChecks returns the checks for the abilities of a creator under test.
func abilityChecks(b *bench) [][]check {
	var groups [][]check
	if _, ok := userapi.Ability[userapi.Planner](b.Creator); ok {
		groups = append(groups, planChecks)
	}
	if _, ok := userapi.Ability[userapi.Resolver](b.Creator); ok {
		if b.h.Recorded {
			groups = append(groups, recordChecks)
		} else {
			groups = append(groups, resolveChecks(b.h))
		}
	}
	if _, ok := userapi.Ability[userapi.Repeater](b.Creator); ok {
		groups = append(groups, repeatChecks(b.h))
	}
	if _, ok := userapi.Ability[userapi.Finisher](b.Creator); ok {
		groups = append(groups, finishChecks)
	}
	if _, ok := userapi.Ability[userapi.BatchCreator](b.Creator); ok {
		groups = append(groups, batchChecks)
	}
	if _, ok := userapi.Ability[userapi.Deleter](b.Creator); ok {
		groups = append(groups, deleteChecks(b.h))
	}
	return groups
}

// ability returns an ability of the creator under test. Run has checked that it exists.
func ability[T any](t *testing.T, b *bench) T {
	t.Helper()
	a, ok := userapi.Ability[T](b.Creator)
	if !ok {
		t.Fatalf("Harness.New made one creator with the ability %v and one without", reflect.TypeFor[T]())
	}
	return a
}

// A check is one subtest.
type check struct {
	name string
	run  func(t *testing.T, h *Harness)
}

// A bench is a creator under test, its server and the requests sent to it.
type bench struct {
	userapi.Creator
	Backend

	h        *Harness
	requests *atomic.Int32
	pool     *http.Transport
}

// A counter counts requests on their way.
type counter struct {
	http.RoundTripper
	n         *atomic.Int32
	readsBack bool
}

func (c counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if !c.readsBack || r.Method != http.MethodGet {
		c.n.Add(1)
	}
	return c.RoundTripper.RoundTrip(r)
}

// open makes a creator with short waits and counts its requests. edit changes the options; nil
// changes nothing.
func open(t *testing.T, h *Harness, edit func(*userapi.HTTPOptions)) *bench {
	t.Helper()
	pool := &http.Transport{DialContext: (&net.Dialer{}).DialContext, MaxIdleConnsPerHost: 64}
	b := &bench{h: h, requests: new(atomic.Int32), pool: pool}
	opts := userapi.HTTPOptions{
		HTTPClient: &http.Client{Transport: counter{pool, b.requests, h.ReadsBack}},
		Timeout:    10 * time.Second,
		Retry:      userapi.RetryPolicy{BaseWait: time.Millisecond, MaxWait: 2 * time.Millisecond, Jitter: -1, MaxRetryAfter: -1},
	}
	if edit != nil {
		edit(&opts)
	}
	t.Cleanup(pool.CloseIdleConnections)
	b.Creator, b.Backend = h.New(t, opts)
	if b.Creator == nil || b.Backend == nil {
		t.Fatal("Harness.New returned nil")
	}
	return b
}

// warm creates a user, so that there is a session and an open connection. It then resets the
// counts.
func (b *bench) warm(t *testing.T) *bench {
	t.Helper()
	b.mustCreate(t, b.h.Minimal(1))
	b.requests.Store(0)
	return b
}

func (b *bench) mustCreate(t *testing.T, req userapi.CreateUserRequest) *userapi.User {
	t.Helper()
	u, err := b.CreateUser(t.Context(), req)
	if err != nil {
		t.Fatalf("CreateUser failed: %v", err)
	}
	if u == nil {
		t.Fatal("CreateUser returned neither a user nor an error")
	}
	return u
}

// fails creates a user, requires an error, and checks it.
func (b *bench) fails(ctx context.Context, t *testing.T, req userapi.CreateUserRequest) *userapi.Error {
	t.Helper()
	u, err := b.CreateUser(ctx, req)
	return b.failed(t, req, u, err)
}

// failed checks the error of an ability, and that it returned no user.
func (b *bench) failed(t *testing.T, req userapi.CreateUserRequest, u *userapi.User, err error) *userapi.Error {
	t.Helper()
	if err == nil {
		t.Fatal("the call reported success")
	}
	if u != nil {
		t.Error("the call returned a user and an error together")
	}
	return b.checkError(t, req, err)
}

// checkError checks what is true of every error of a request.
func (b *bench) checkError(t *testing.T, req userapi.CreateUserRequest, err error) *userapi.Error {
	t.Helper()
	var e *userapi.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is a %T, want a *userapi.Error", err)
	}
	if e.Provider == "" || e.Op == "" {
		t.Error("the error does not say whose it is and what was tried: Provider or Op is empty")
	}
	checkKind(t, err, e)
	if got, want := userapi.MayHaveCreated(err), e.Outcome == userapi.OutcomeUnknown || e.Outcome == userapi.OutcomeCreated; got != want {
		t.Errorf("MayHaveCreated = %v with outcome %v", got, e.Outcome)
	}
	if e.Outcome == userapi.OutcomeCreated && (e.User == nil || e.User.ID == "") {
		t.Error("the outcome is created and Error.User is not set")
	}
	b.seen(t, req, err)
	return e
}

// checkKind checks that errors.Is matches only the error's kind.
func checkKind(t *testing.T, err error, e *userapi.Error) {
	t.Helper()
	for kind, sentinel := range map[userapi.Kind]error{
		userapi.KindInvalid:      userapi.ErrInvalid,
		userapi.KindConflict:     userapi.ErrConflict,
		userapi.KindUnauthorized: userapi.ErrUnauthorized,
		userapi.KindForbidden:    userapi.ErrForbidden,
		userapi.KindNotFound:     userapi.ErrNotFound,
		userapi.KindRateLimited:  userapi.ErrRateLimited,
		userapi.KindUnavailable:  userapi.ErrUnavailable,
		userapi.KindProtocol:     userapi.ErrProtocol,
		userapi.KindCanceled:     userapi.ErrCanceled,
		userapi.KindTimeout:      userapi.ErrTimeout,
	} {
		if errors.Is(err, sentinel) != (e.Kind == kind) {
			t.Errorf("errors.Is(err, %v) = %v with kind %v", sentinel, !(e.Kind == kind), e.Kind)
		}
	}
}

// want checks an error's kind and outcome.
func want(t *testing.T, e *userapi.Error, kind userapi.Kind, outcomes ...userapi.Outcome) {
	t.Helper()
	if e.Kind != kind {
		t.Errorf("kind %v, want %v", e.Kind, kind)
	}
	for _, o := range outcomes {
		if e.Outcome == o {
			return
		}
	}
	t.Errorf("outcome %v, want one of %v", e.Outcome, outcomes)
}

// users checks the number of users on the server.
func (b *bench) users(t *testing.T, want int) {
	t.Helper()
	if got := b.UserCount(); got != want {
		t.Errorf("the server holds %d users, want %d", got, want)
	}
}

// sent checks the number of requests.
func (b *bench) sent(t *testing.T, want int32) {
	t.Helper()
	if got := b.requests.Load(); got != want {
		t.Errorf("%d requests were sent, want %d", got, want)
	}
}
