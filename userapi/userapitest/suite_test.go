package userapitest_test

import (
	"context"
	"errors"
	"flag"
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

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A defect is a mistake that a creator can make. It is in the options of the working client, around
// that client or, with neither set, in the reference.
type defect struct {
	options func(*userapi.HTTPOptions)
	around  func(userapi.Creator, userapi.HTTPOptions) userapi.Creator
	// only is a regular expression for the groups of subtests that can find the defect; "" runs
	// all.
	only string
	// recorded means that the creator resolves from its own record.
	recorded bool
}

// failing returns a defect in an error.
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

// succeeding returns a defect in a user.
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

// A planner is a creator whose plans come from a function.
type planner struct {
	userapi.Creator
	plan func(userapi.CreateUserRequest) (userapi.Plan, error)
}

func (p planner) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) { return p.plan(req) }

// planning returns a defect in a plan.
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

// Defects without a function are in the reference, which selects them by name. defects_test.go has
// further ones.
var defects = map[string]defect{
	"none": {},

	"takes somebody else's user for the new one":   {only: "claims"},
	"keeps quiet of whom it was shown":             {only: "claims"},
	"hands out somebody else's user with an error": {only: "claims"},
	"takes a stranger's id for the user's":         {only: "claims"},
	"counts the case of letters":                   {only: "claims"},
	"takes what is not shown for another's":        {only: "claims"},
	"takes anything for an id":                     {only: "claims|resolve"},
	"takes the last of two members":                {only: "claims"},
	"takes another spelling for the member":        {only: "claims"},
	"keeps a time that cannot be encoded":          {only: "claims"},
	"takes an empty member for an error":           {only: "claims"},
	"overlooks an error beside a user":             {only: "claims"},
	"shows what the server sent":                   {only: "wrapped"},

	"believes any 404":                                      {only: "resolve|delete"},
	"believes a 404 without a body":                         {only: "resolve|delete"},
	"believes a 404 that is JSON":                           {only: "resolve|delete"},
	"takes a failed look-up for absence":                    {only: "resolve|delete"},
	"takes a page for an answer":                            {only: "resolve|delete"},
	"takes a 200 with an error for done":                    {only: "finish|delete"},
	"takes an answer without users for absence":             {only: "resolve"},
	"takes what is hidden for absent":                       {only: "resolve|delete"},
	"takes its own time-out for absence":                    {only: "resolve|delete"},
	"takes a broken connection for absence":                 {only: "resolve|delete"},
	"never proves absence":                                  {only: "resolve"},
	"resolves what was never sent":                          {only: "resolve"},
	"takes a page for a user that is not there":             {only: "resolve"},
	"never tries a delete again":                            {only: "delete"},
	"believes a reply that is cut off":                      {only: "resolve|delete"},
	"quotes the reply to a look-up":                         {only: "resolve|delete"},
	"looks once":                                            {only: "resolve"},
	"has no proof of whom it finds":                         {only: "resolve"},
	"says not what it compared":                             {only: "resolve"},
	"compares what was not sent":                            {only: "resolve"},
	"loses the raw reply of a look-up":                      {only: "resolve"},
	"looks at one key alone":                                {only: "resolve"},
	"does not look at the age":                              {only: "resolve"},
	"believes a user that is somewhat older":                {only: "resolve"},
	"takes one of several":                                  {only: "resolve"},
	"takes somebody else for absent":                        {only: "resolve"},
	"repeats what would make a second user":                 {only: "repeat"},
	"takes a collision for the repeat's user":               {only: "repeat"},
	"repeats without checking":                              {only: "repeat"},
	"repeats by looking":                                    {only: "repeat"},
	"repeats a repeat":                                      {only: "repeat"},
	"repeats without a context":                             {only: "repeat"},
	"reads ids loosely":                                     {only: "finish|delete"},
	"finishes another vendor's user":                        {only: "finish"},
	"finishes otherwise the second time":                    {only: "finish"},
	"takes a second step that failed for a create that did": {only: "finish"},
	"finds nothing wrong with a user that is gone":          {only: "delete"},
}

// harness returns the reference's harness with a defect.
func harness(which string) userapitest.Harness {
	d := defects[which]
	client := func(t testing.TB, key string, opts userapi.HTTPOptions) (userapi.Creator, *server) {
		srv := newServer(t)
		opts.BaseURL = srv.URL()
		if d.options != nil {
			d.options(&opts)
		}
		var c userapi.Creator = newReference(key, opts, which)
		if d.around != nil {
			c = d.around(c, opts)
		}
		return c, srv
	}
	full := func(n int) userapi.CreateUserRequest {
		return userapi.CreateUserRequest{
			Username: name("username", n), Email: name("Address", n) + "@example.com", ExternalID: name("outer", n), Password: "qz-planted-8!",
			FullName: "Fulla Nameson", Timezone: "Europe/Warsaw", Tags: []string{"one", "two"}, IdempotencyKey: name("key", n),
			Attributes: map[string]any{"plan": "gold"},
		}
	}
	return userapitest.Harness{
		New: func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
			return client(t, plantedKey, opts)
		},
		Minimal: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: name("minimal", n), Password: "qz-planted-7!"}
		},
		Full: full,
		Duplicate: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: name("username", n), Password: "qz-planted-9!"}
		},
		Invalid: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{FullName: "Nobody Nameson", Password: "qz-planted-7!"}
		},
		Secrets:  []string{plantedKey, scopedKey},
		ID:       goodID,
		Recorded: d.recorded,
		Reply: &userapitest.Reply{
			ID: []string{"user", "id"}, CreatedAt: []string{"user", "created_at"}, Errors: [][]string{{"errors"}},
			Contradict: []userapitest.Edit{
				{Name: "login", Path: []string{"user", "login"}, To: userapitest.JSON("bob")},
				{Name: "email", Path: []string{"user", "email"}, To: userapitest.JSON("bob@example.com")},
				{Name: "ref", Path: []string{"user", "ref"}, To: userapitest.JSON("bob-1")},
			},
			Agree: []userapitest.Edit{
				{Name: "case", Path: []string{"user", "email"}, To: strings.ToUpper},
				{Name: "blanks", Path: []string{"user", "login"}, To: func(shown string) string { return `"  ` + shown[1:] }},
				{Name: "missing", Path: []string{"user", "login"}, To: func(string) string { return "" }},
				{Name: "null", Path: []string{"user", "ref"}, To: userapitest.JSON(nil)},
				{Name: "beyond_ascii", Path: []string{"user", "email"}, To: userapitest.JSON("address@bücher.example")},
			},
		},
		Stranger: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{ExternalID: name("outer", n), Email: name("else", n) + "@example.com", Password: "qz-planted-9!"}
		},
		Ambiguous: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Email: name("twice", n) + "@example.com", Password: "qz-planted-9!"}
		},
		Unrepeatable: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Email: name("nokey", n) + "@example.com", Password: "qz-planted-9!"}
		},
		Hidden: func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend, userapi.CreateUserRequest, string) {
			c, srv := client(t, scopedKey, opts)
			req := full(1)
			u, err := c.CreateUser(t.Context(), req)
			require.NoError(t, err)
			return c, srv, req, u.ID
		},
	}
}

func name(prefix string, n int) string {
	return prefix + strings.Repeat("x", n/26) + string(rune('a'+n%26))
}

// defectVariable names the defect for TestDefect.
const defectVariable = "ENLIST_TEST_DEFECT"

// TestDefect runs the suite on a creator without a defect. TestSuiteCatchesDefects starts it again
// with a defect.
func TestDefect(t *testing.T) {
	t.Parallel()
	which := os.Getenv(defectVariable)
	if which == "" {
		which = "none"
	}
	require.Contains(t, defects, which)
	userapitest.Run(t, harness(which))
}

// processes is the number of concurrent processes: most of them wait.
const processes = 4

// TestSuiteCatchesDefects runs the suite on each defective creator, in its own process, and checks
// which subtests fail.
func TestSuiteCatchesDefects(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	expected := expectedFailures(t)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(defects)), slices.Collect(maps.Keys(expected)))
	type run struct {
		out []byte
		err error
	}
	slots := make(chan struct{}, processes)
	for which, fails := range expected {
		ended := make(chan run, 1)
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			out, err := runDefect(t.Context(), self, which)
			ended <- run{out, err}
		}()
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			r := <-ended
			if len(fails) == 0 {
				require.NoError(t, r.err, string(r.out))
				return
			}
			var exit *exec.ExitError
			require.ErrorAs(t, r.err, &exit)
			assert.Equal(t, 1, exit.ExitCode(), "the suite fails, it does not crash")
			assert.Equal(t, fails, failed(r.out))
		})
	}
}

// runDefect runs the suite in its own process.
func runDefect(ctx context.Context, self, which string) (out []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	run := "-test.run=^TestDefect$"
	if only := defects[which].only; only != "" {
		run += "/^(" + only + ")$"
	}
	cmd := exec.CommandContext(ctx, self, run, "-test.v", "-test.parallel=8") // most of them wait
	cmd.Env = append(os.Environ(), defectVariable+"="+which)
	return cmd.CombinedOutput()
}

// expectedFailures returns the subtests that must fail for each defect. No others may fail.
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

// failed returns the names of the failed subtests in a verbose run.
func failed(out []byte) []string {
	var names []string
	for _, m := range failLine.FindAllSubmatch(out, -1) {
		names = append(names, string(m[1]))
	}
	slices.Sort(names)
	return names
}

func TestMain(m *testing.M) {
	// The tests wait and use little processor time, so more of them can run in parallel.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	m.Run()
}
