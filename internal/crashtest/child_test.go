package crashtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

// childVariable makes TestChild carry out the job that stands on its standard input.
const childVariable = "ENLIST_TEST_CRASH"

// A job is what a child does: it provisions the first sign-ups, those that are not
// settled, until it is killed.
type job struct {
	URLs           map[string]string // by target
	Keystore       []byte
	Ledger, KeyDir string
	RequestKey     string
	Count          signUp
	AtOnce         int // so many sign-ups
	Seed           uint64
	Concurrent     bool // sign-ups begin while Resume is at work
	Last           bool // it is not killed, and ends when all is settled
	// TimeOut is the clients', Grace the provisioner's, which its other times go by.
	TimeOut, Grace time.Duration
	// Told is what the ledger told the child before, Decisions what to tell the ledger.
	Told      []told
	Decisions []decision
}

// A decision is what a person has found out about a user at the wallet, of which the
// wallet cannot be asked. Without ids there is none.
type decision struct{ Key, ID, Session string }

// A told is a record that the ledger has said it has.
type told struct {
	Key, Target, State, ID string
	Revision               int64
	// Weak: that it is the sign-up's user is not proven.
	Weak bool
}

// A claim is a result that the child was given.
type claim struct {
	Key, Target, Disposition, ID, Outcome string
	Recorded                              bool
	Error                                 string
	// Alone: no other call was at work on the sign-up. What else is said of a user that
	// is not there another call may have made untrue before it is heard.
	Alone bool
	// Begun and Ended are when the call was, by the one clock of the machine.
	Begun, Ended time.Time
}

// A line is what a child prints: one of these.
type line struct {
	Told  *told
	Claim *claim
	// Ready: it begins to provision.
	Ready bool
	// Idle: everything is settled that was given to it.
	Idle bool
	// Broken is something that must not be.
	Broken string
}

// TestChild does nothing but in a process that another test has started. That one kills
// it; it ends by itself when it has nobody left to be killed by.
func TestChild(t *testing.T) {
	t.Parallel()
	if os.Getenv(childVariable) == "" {
		return
	}
	in := bufio.NewReader(os.Stdin)
	text, err := in.ReadBytes('\n')
	require.NoError(t, err)
	var j job
	require.NoError(t, json.Unmarshal(text, &j))
	go func() {
		_, _ = io.Copy(io.Discard, in)
		os.Exit(3) // the parent is gone
	}()
	c := &child{job: j, random: rand.New(rand.NewPCG(j.Seed, 0))}
	require.NoError(t, c.work(t.Context()))
}

// A child does a job.
type child struct {
	job

	ledger  *fileledger.Ledger
	p       *provision.Provisioner
	resumed atomic.Bool // Resume has ended

	mu     sync.Mutex // of what follows, and of the standard output
	random *rand.Rand
}

// print writes a line in one piece, so that what was told is told.
func (c *child) print(l line) {
	text, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = os.Stdout.Write(append(text, '\n'))
}

func (c *child) intN(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}

func (c *child) creators() (map[string]userapi.Creator, error) {
	opts := func(target string) userapi.HTTPOptions {
		return userapi.HTTPOptions{
			BaseURL: c.URLs[target], Timeout: c.TimeOut,
			Retry: userapi.RetryPolicy{MaxAttempts: 2, BaseWait: time.Millisecond, MaxWait: 4 * time.Millisecond, Jitter: -1},
		}
	}
	all := map[string]userapi.Creator{}
	for _, v := range targetVendors {
		var err error
		if all[v.Name], err = v.New(opts(v.Name)); err != nil {
			return nil, err
		}
	}
	ks, err := mixin.ParseKeystore(c.Keystore)
	if err != nil {
		return nil, err
	}
	all[wallet], err = mixin.New(mixin.Config{Keystore: ks, SessionKeys: mixin.KeyDir(c.KeyDir), HTTP: opts(wallet)})
	return all, err
}

// work does the job.
func (c *child) work(ctx context.Context) (err error) {
	creators, err := c.creators()
	if err != nil {
		return err
	}
	if c.ledger, err = fileledger.Open(c.Ledger, fileledger.CompactAbove(16<<10)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.ledger.Close()) }()
	c.p, err = provision.New(c.ledger, targets(creators),
		provision.RequestKeys(userapi.Secret(c.RequestKey)), provision.Lease(10*c.Grace), provision.Grace(c.Grace),
		provision.Patience(c.Grace/3), provision.Pause(2, c.Grace/6), provision.OnRecord(func(r provision.Record) {
			c.print(line{Told: &told{Key: r.Key, Target: r.Target, State: string(r.State), ID: r.UserID, Revision: r.Revision, Weak: r.Proof == userapi.ProofMatch || r.Decided}})
		}))
	if err != nil {
		return err
	}
	if err := c.compare(ctx); err != nil {
		return err
	}
	if err := c.decide(ctx); err != nil {
		return err
	}
	c.print(line{Ready: true})
	var wg sync.WaitGroup
	defer wg.Wait()
	if c.Concurrent {
		wg.Go(func() { c.resume(ctx) })
	} else {
		c.resume(ctx)
	}
	for pass := 0; ; pass++ {
		left, err := c.pass(ctx)
		switch {
		case err != nil:
			return err
		case left > 0 && c.Last && pass == 20:
			return fmt.Errorf("%d sign-ups are not to be settled", left)
		case left > 0:
			continue
		case c.Last:
			c.resume(ctx)
			return nil
		}
		c.print(line{Idle: true})
		<-ctx.Done() // until it is killed
		return nil
	}
}

// compare looks whether the ledger still has what it has told an earlier child.
func (c *child) compare(ctx context.Context) error {
	for _, was := range c.Told {
		records, err := c.ledger.Load(ctx, was.Key)
		if err != nil {
			return err
		}
		if is, ok := recordOf(records, was.Target); !ok || !was.holds(is) {
			c.print(line{Broken: fmt.Sprintf("the ledger had %v, and has %s at revision %d", was, is.State, is.Revision)})
		}
	}
	return nil
}

// decide tells the key directory, and then the ledger, what a person has decided.
func (c *child) decide(ctx context.Context) error {
	dir := mixin.KeyDir(c.KeyDir)
	for _, d := range c.Decisions {
		records, err := c.ledger.Load(ctx, d.Key)
		if err != nil {
			return err
		}
		if is, _ := recordOf(records, wallet); is.State != provision.StateUnknown {
			continue // it was decided by a child that was killed then
		}
		decided := provision.UserAbsent()
		if d.ID != "" {
			decided = provision.UserExists(d.ID)
			err = dir.UserCreated(ctx, numbered(d.Key).request(), &mixin.CreateUserResponse{UserID: d.ID, SessionID: d.Session})
		} else if err = dir.Discard(d.Key); errors.Is(err, fs.ErrNotExist) {
			err = nil // no key was made
		}
		if err != nil {
			return err
		}
		begun := time.Now()
		res, err := c.p.Decide(ctx, d.Key, wallet, decided)
		c.claim([]provision.Result{res}, true, begun, time.Now())
		if err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether the ledger has what it told, or what came later.
func (was told) holds(is provision.Record) bool {
	return is.Revision > was.Revision || is.Revision == was.Revision && string(is.State) == was.State && is.UserID == was.ID
}

func recordOf(records []provision.Record, target string) (provision.Record, bool) {
	for _, r := range records {
		if r.Target == target {
			return r, true
		}
	}
	return provision.Record{}, false
}

// pass goes through the sign-ups once, several at a time, and returns how many were not
// settled.
func (c *child) pass(ctx context.Context) (left int, err error) {
	slots := make(chan struct{}, c.AtOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for n := range c.Count {
		records, err := c.ledger.Load(ctx, n.key())
		if err != nil {
			return 0, err
		}
		if n.settled(records) {
			continue
		}
		left++
		slots <- struct{}{}
		wg.Go(func() {
			c.provision(ctx, n)
			<-slots
		})
	}
	return left, nil
}

// provision does what is to be done with one sign-up.
func (c *child) provision(ctx context.Context, n signUp) {
	var wg sync.WaitGroup
	defer wg.Wait()
	if n.twice() {
		wg.Go(func() { c.create(ctx, n) })
	}
	if n.hasty() && c.intN(2) == 0 {
		wg.Go(func() { c.undo(ctx, n) })
	}
	c.create(ctx, n)
	switch {
	case n.undone():
		c.undo(ctx, n)
	case n.again():
		c.create(ctx, n)
	}
}

func (c *child) create(ctx context.Context, n signUp) {
	if c.intN(6) == 0 { // a caller who does not wait
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.intN(40))*time.Millisecond)
		defer cancel()
	}
	alone, begun := c.resumed.Load() && !n.contended(), time.Now()
	results, _ := c.p.CreateUser(ctx, n.request())
	c.claim(results, alone, begun, time.Now())
	if len(results) != len(targetVendors) {
		c.print(line{Broken: fmt.Sprintf("CreateUser of %s: %d results", n.key(), len(results))})
	}
}

func (c *child) undo(ctx context.Context, n signUp) {
	alone, begun := c.resumed.Load() && !n.contended(), time.Now()
	results, err := c.p.Undo(ctx, n.key())
	c.claim(results, alone, begun, time.Now())
	if len(results) != len(targetVendors) && !errors.Is(err, userapi.ErrNotFound) {
		c.print(line{Broken: fmt.Sprintf("Undo of %s: %d results", n.key(), len(results))})
	}
}

// resume goes on with what is open. The request is made of the key alone.
func (c *child) resume(ctx context.Context) {
	begun := time.Now()
	resumed, _ := c.p.Resume(ctx, func(_ context.Context, key string) (userapi.CreateUserRequest, error) {
		return numbered(key).request(), nil
	})
	ended := time.Now()
	c.resumed.Store(true)
	for _, r := range resumed {
		c.claim(news(r.Results), !c.Concurrent, begun, ended)
		if len(r.Results) == 0 && r.Err != nil {
			c.print(line{Broken: fmt.Sprintf("Resume of %s: %v", r.Key, r.Err)})
		}
	}
}

// news returns the results, or none of them if each only repeats the ledger: those
// that cannot be settled come each time.
func news(results []provision.Result) []provision.Result {
	for _, r := range results {
		if !r.Recorded {
			return results
		}
	}
	return nil
}

func (c *child) claim(results []provision.Result, alone bool, begun, ended time.Time) {
	for _, r := range results {
		l := claim{
			Key: r.IdempotencyKey, Target: r.Target, Disposition: r.Disposition.String(), Recorded: r.Recorded, Alone: alone, Begun: begun, Ended: ended,
		}
		if r.User != nil {
			l.ID = r.User.ID
		}
		var e *userapi.Error
		if errors.As(r.Err, &e) {
			shown, _ := json.Marshal(r)
			l.Outcome, l.Error = e.Outcome.String(), fmt.Sprintf("%v; %+v; %s", r, r.Err, shown)
		}
		c.print(line{Claim: &l})
	}
}
