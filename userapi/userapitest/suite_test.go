package userapitest_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const plantedKey = "planted-api-key-0123456789"

// A defect is one mistake that a creator can make: in the options it hands to the
// client that works, or around that client.
type defect struct {
	options func(*userapi.HTTPOptions)
	around  func(userapi.Creator, userapi.HTTPOptions) userapi.Creator
}

// failing returns a defect in what becomes of an error.
func failing(change func(ctx context.Context, req userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error)) func(userapi.Creator, userapi.HTTPOptions) userapi.Creator {
	return func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
		return userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			u, err := c.CreateUser(ctx, req)
			var e *userapi.Error
			if errors.As(err, &e) {
				return change(ctx, req, e)
			}
			return u, err
		})
	}
}

// succeeding returns a defect in what becomes of a user.
func succeeding(change func(req userapi.CreateUserRequest, u *userapi.User)) func(userapi.Creator, userapi.HTTPOptions) userapi.Creator {
	return func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
		return userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			u, err := c.CreateUser(ctx, req)
			if err == nil {
				change(req, u)
			}
			return u, err
		})
	}
}

// A planner is a creator whose plans are made by a function.
type planner struct {
	userapi.Creator
	plan func(userapi.CreateUserRequest) (userapi.Plan, error)
}

func (p planner) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) { return p.plan(req) }

// planning returns a defect in what becomes of a plan.
func planning(change func(c userapi.Creator, req userapi.CreateUserRequest, plan *userapi.Plan)) func(userapi.Creator, userapi.HTTPOptions) userapi.Creator {
	return func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
		return planner{c, func(req userapi.CreateUserRequest) (userapi.Plan, error) {
			plan, err := c.(userapi.Planner).PlanUser(req)
			if err == nil {
				change(c, req, &plan)
			}
			return plan, err
		}}
	}
}

// through returns a defect in the RoundTripper.
func through(trip func(next http.RoundTripper, r *http.Request) (*http.Response, error)) func(*userapi.HTTPOptions) {
	return func(o *userapi.HTTPOptions) {
		copied := *o.HTTPClient
		next := copied.Transport
		copied.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { return trip(next, r) })
		o.HTTPClient = &copied
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var defects = map[string]defect{
	"none": {},
}

// harness returns QuickBlox's, with a defect.
func harness(d defect) userapitest.Harness {
	return userapitest.Harness{
		New: func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
			srv := quickbloxtest.NewServer(t, quickbloxtest.WithAPIKey(plantedKey))
			opts.BaseURL = srv.URL()
			if d.options != nil {
				d.options(&opts)
			}
			client, err := quickblox.New(quickblox.Config{APIKey: plantedKey, HTTP: opts})
			if err != nil {
				t.Fatal(err)
			}
			if d.around != nil {
				return d.around(client, opts), srv
			}
			return client, srv
		},
		Minimal: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: name("minimal", n), Password: "qz-planted-7!"}
		},
		Full: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				Username: name("username", n), Email: name("address", n) + "@example.com", Password: "qz-planted-8!",
				FullName: "Fulla Nameson", Timezone: "Europe/Warsaw", Tags: []string{"one", "two"}, IdempotencyKey: name("key", n),
			}
		},
		Duplicate: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: name("username", n), Password: "qz-planted-9!"}
		},
		Invalid: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: name("invalid", n), Password: "qz7!"}
		},
		Secrets: []string{plantedKey},
	}
}

func name(prefix string, n int) string {
	return prefix + strings.Repeat("x", n/26) + string(rune('a'+n%26))
}

// defectVariable names the defect that TestDefect runs the suite with.
const defectVariable = "ENLIST_TEST_DEFECT"

// TestDefect runs the suite: on a creator without defect, or, started again by
// TestSuiteCatchesDefects, on one with.
func TestDefect(t *testing.T) {
	t.Parallel()
	which := os.Getenv(defectVariable)
	if which == "" {
		which = "none"
	}
	d, ok := defects[which]
	require.True(t, ok, "no such defect")
	userapitest.Run(t, harness(d))
}

// TestSuiteCatchesDefects runs the suite on each defective creator, in a process
// of its own, and checks which subtests fail.
func TestSuiteCatchesDefects(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	expected := expectedFailures(t)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(defects)), slices.Collect(maps.Keys(expected)))
	for which, fails := range expected {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, self, "-test.run=^TestDefect$", "-test.v")
			cmd.Env = append(os.Environ(), defectVariable+"="+which)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if len(fails) == 0 {
				require.NoError(t, err, string(out))
				return
			}
			require.ErrorAs(t, err, &exit)
			assert.Equal(t, 1, exit.ExitCode(), "the suite fails, it does not crash")
			assert.Equal(t, fails, failed(out))
		})
	}
}

// expectedFailures reads which subtests must fail for each defect, and no others.
func expectedFailures(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/defects.txt")
	require.NoError(t, err)
	expected := map[string][]string{}
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		lines := strings.Split(block, "\n")
		fails := lines[1:]
		slices.Sort(fails)
		expected[lines[0]] = fails
	}
	return expected
}

var failLine = regexp.MustCompile(`(?m)^\s*--- FAIL: TestDefect/(\S+)`)

// failed returns the names of the subtests that a verbose run reports as failed.
func failed(out []byte) []string {
	var names []string
	for _, m := range failLine.FindAllSubmatch(out, -1) {
		names = append(names, string(m[1]))
	}
	slices.Sort(names)
	return names
}
