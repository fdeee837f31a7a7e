package faultmatrix_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestMain fails when a goroutine is left after all rigs were closed.
func TestMain(m *testing.M) {
	// The tests wait, and keep no processor busy: they need not take turns.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	code := m.Run()
	if left := leftGoroutines(); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines are left:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leak is when what has not ended never will.
const leak = time.Minute

// leftGoroutines gives goroutines time to end and returns the stacks of those that do
// not.
func leftGoroutines() string {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(leak); ; <-tick.C {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		var left []string
		for _, s := range stacks[1:] { // but this one
			if strings.Contains(s, "net/http") || strings.Contains(s, "enlist") {
				left = append(left, s)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}

// counted counts the connections of a client.
type counted struct {
	mu                 sync.Mutex
	dialed, open, most int
}

func (c *counted) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialed++
	c.open++
	c.most = max(c.most, c.open)
	return &countedConn{Conn: conn, of: c}, nil
}

func (c *counted) now() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// settle waits until no more than some are open: one that a call is done with is closed
// behind it.
func (c *counted) settle(t *testing.T, open int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(leak); c.now() > open; <-tick.C {
		require.True(t, time.Now().Before(deadline), "connections are left open")
	}
}

type countedConn struct {
	net.Conn
	of   *counted
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() {
		c.of.mu.Lock()
		defer c.of.mu.Unlock()
		c.of.open--
	})
	return c.Conn.Close()
}

// TestNoConnectionIsLeft drives one client through all that a server can answer or
// break: it needs one connection, and lets go of it.
func TestNoConnectionIsLeft(t *testing.T) {
	t.Parallel()
	for _, v := range vendors.All() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			c := &counted{}
			r, err := newRig(v, &fault{})
			require.NoError(t, err)
			defer r.close()
			dial := c.dial
			r.dial.Store(&dial)
			for n := range 50 {
				_, err := r.creator.CreateUser(context.Background(), v.Request(10+n))
				require.NoError(t, err)
			}
			c.mu.Lock()
			assert.Equal(t, 1, c.dialed, "one call after the other needs one connection")
			c.mu.Unlock()
			tooLong := strings.Repeat("x", 3<<20)
			n := 100
			for _, do := range []userapitest.Action{userapitest.Respond, userapitest.Reset, userapitest.Hangup, userapitest.Stall, userapitest.Truncate} {
				for _, when := range []userapitest.Moment{userapitest.BeforeRead, userapitest.BeforeCommit, userapitest.AfterCommit} {
					for _, status := range []int{201, 302, 404, 500} {
						if status != 201 && (do == userapitest.Reset || do == userapitest.Hangup || do == userapitest.Stall) {
							continue // they have no status
						}
						r.fake.Inject(userapitest.Fault{Do: do, When: when, Status: status, Body: []byte(tooLong)})
						n++
						r.postsBefore = r.posts()
						creator := r.creator
						if do == userapitest.Stall {
							creator = &impatient{Creator: creator, rig: r}
						}
						_, _ = provision.Ensure(context.Background(), creator, v.Request(n))
						c.settle(t, 1)
					}
				}
			}
			r.creator.(interface{ CloseIdleConnections() }).CloseIdleConnections()
			c.settle(t, 0)
			c.mu.Lock()
			defer c.mu.Unlock()
			assert.Positive(t, c.most)
			assert.LessOrEqual(t, c.most, 3, "one call has more connections open at once than one, and those being closed")
		})
	}
}
