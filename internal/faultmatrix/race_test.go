package faultmatrix_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const (
	callers       = 32
	createsOfEach = 8
	stallsInAll   = 3
)

// randomFault draws a fault that is over after one request. Stalls are left to the
// caller: each takes a time-out.
func randomFault(random *rand.Rand) userapitest.Fault {
	f := userapitest.Fault{
		On:   []userapitest.Operation{userapitest.Create, userapitest.Create, userapitest.Create, userapitest.Lookup, userapitest.Attributes}[random.IntN(5)],
		When: userapitest.Moment(random.IntN(3)),
		Do:   []userapitest.Action{userapitest.Respond, userapitest.Reset, userapitest.Hangup, userapitest.Truncate}[random.IntN(4)],
	}
	if f.Do == userapitest.Respond {
		// A refusal after the create would be a lie that no vendor tells.
		f.Status = []int{200, 201, 204, 302, 408, 500, 502, 503, 504}[random.IntN(9)]
		if f.When != userapitest.AfterCommit && random.IntN(3) == 0 {
			f.Status = []int{301, 307, 400, 401, 403, 409, 422, 429}[random.IntN(8)]
		}
		if f.On == userapitest.Lookup && f.Status/100 == 4 {
			f.Status = http.StatusServiceUnavailable
		}
	}
	if f.Do == userapitest.Truncate && f.When != userapitest.AfterCommit {
		f.Status, f.Body = 201, []byte("{}")
	}
	return f
}

// TestManyCallers shares each client among 32 goroutines while faults strike at
// random, and then holds every claim against what the server made.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	for _, v := range vendors.All() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			t.Logf("seed %d", seed)
			r, err := newRig(v, &fault{edit: func(_ *rig, o *userapi.HTTPOptions) { o.Timeout = 10 * time.Second }}) // ends the stalls
			require.NoError(t, err)
			defer r.close()
			var calls sync.WaitGroup
			claims := make(chan string, callers*createsOfEach)
			for caller := range callers {
				random := rand.New(rand.NewPCG(seed, uint64(caller)))
				calls.Go(func() {
					for i := range createsOfEach {
						r.fake.Inject(randomFault(random))
						n := 10 + caller*createsOfEach + i
						if i == 0 && caller == 0 { // one, for all callers share the session
							r.fake.Inject(userapitest.Fault{On: userapitest.Session, Do: userapitest.Reset})
						}
						if i == 0 && caller < stallsInAll {
							r.fake.Inject(userapitest.Fault{Do: userapitest.Stall, When: userapitest.AfterCommit})
						}
						claims <- oneOfMany(t, r, v.Request(n), random.IntN(2) == 0)
					}
				})
			}
			calls.Wait()
			close(claims)
			count := map[string]int{}
			for claim := range claims {
				count[claim]++
			}
			t.Log(v.Name, count, r.fake.UserCount(), "users")
			settled := count["ok"] + count["created"] + count["recovered"] + count["rejected"]
			assert.Greater(t, settled, callers*createsOfEach/3, "most is to be told, in spite of a fault a call")
		})
	}
}

// oneOfMany creates a user and compares the claim with the truth, which no later call
// changes: the keys of every request are its own.
func oneOfMany(t *testing.T, r *rig, req userapi.CreateUserRequest, ensure bool) (claim string) {
	var user *userapi.User
	var err error
	if ensure {
		var res provision.Result
		res, err = provision.Ensure(context.Background(), r.creator, req)
		user, claim = res.User, res.Disposition.String()
	} else {
		user, err = r.creator.CreateUser(context.Background(), req)
		claim = "ok"
	}
	var e *userapi.Error
	if errors.As(err, &e) {
		if !ensure {
			claim = e.Outcome.String()
		}
		if user == nil {
			user = e.User
		}
	}
	made := made(r.fake, req)
	what := fmt.Sprintf("%s, ensured: %v", claim, ensure)
	switch claim {
	case "ok", "created", "recovered":
		if assert.Len(t, made, 1, what) && assert.NotNil(t, user, what) {
			assert.Equal(t, made[0], user.ID, what)
		}
	case "rejected", "not_sent":
		assert.Empty(t, made, what)
	case "unknown":
		assert.LessOrEqual(t, len(made), 1, what)
	default:
		assert.Fail(t, "no such claim", what)
	}
	return claim
}
