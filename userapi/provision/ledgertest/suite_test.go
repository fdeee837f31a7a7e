package ledgertest_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/ledgertest"
)

// A defect is one mistake that a ledger can make, each around one that works.
type defect struct {
	store  func(ctx context.Context, m *provision.Memory, records []provision.Record) error
	load   func(ctx context.Context, m *provision.Memory, key string) ([]provision.Record, error)
	open   func(ctx context.Context, m *provision.Memory, after string, limit int) ([]string, error)
	around func(provision.Ledger) provision.Ledger
	reopen func(provision.Ledger) provision.Ledger
}

// A ledger is a Memory with a defect.
type ledger struct {
	*provision.Memory

	d defect
}

func (l ledger) Store(ctx context.Context, records ...provision.Record) error {
	if l.d.store != nil {
		return l.d.store(ctx, l.Memory, records)
	}
	return l.Memory.Store(ctx, records...)
}

func (l ledger) Load(ctx context.Context, key string) ([]provision.Record, error) {
	if l.d.load != nil {
		return l.d.load(ctx, l.Memory, key)
	}
	return l.Memory.Load(ctx, key)
}

func (l ledger) ListOpen(ctx context.Context, after string, limit int) ([]string, error) {
	if l.d.open != nil {
		return l.d.open(ctx, l.Memory, after, limit)
	}
	return l.Memory.ListOpen(ctx, after, limit)
}

func harness(d defect) ledgertest.Harness {
	return ledgertest.Harness{
		New: func(testing.TB) provision.Ledger {
			l := provision.Ledger(ledger{new(provision.Memory), d})
			if d.around != nil {
				l = d.around(l)
			}
			return l
		},
		// Memory lives as long as the test: it stands for what a restart finds.
		Reopen: func(_ testing.TB, l provision.Ledger) provision.Ledger {
			if d.reopen != nil {
				return d.reopen(l)
			}
			return l
		},
	}
}

// defectVariable names the defect that TestDefect runs the suite with.
const defectVariable = "ENLIST_TEST_DEFECT"

// TestDefect runs the suite: on a ledger without defect, or, started again by
// TestSuiteCatchesDefects, on one with.
func TestDefect(t *testing.T) {
	t.Parallel()
	which := os.Getenv(defectVariable)
	if which == "" {
		which = "none"
	}
	d, ok := defects[which]
	require.True(t, ok, "no such defect")
	ledgertest.Run(t, harness(d))
}

// TestSuiteCatchesDefects runs the suite on each defective ledger, in a process of its
// own, and checks which subtests fail.
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
			// A race that is not listed shows now and then.
			assert.Equal(t, fails, slices.DeleteFunc(failed(out), func(name string) bool {
				return strings.HasPrefix(name, "race/") && !slices.Contains(fails, name)
			}))
		})
	}
}

// TestEveryCheckCatchesADefect finds checks that no defect has failed.
func TestEveryCheckCatchesADefect(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestDefect$", "-test.v")
	cmd.Env = append(os.Environ(), defectVariable+"=none")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	caught := map[string]bool{}
	for _, fails := range expectedFailures(t) {
		for _, name := range fails {
			caught[name] = true
		}
	}
	checks := 0
	for _, m := range passLine.FindAllSubmatch(out, -1) {
		checks++
		assert.True(t, caught[string(m[1])], "no defect fails %s", m[1])
	}
	assert.NotZero(t, checks)
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

var (
	failLine = regexp.MustCompile(`(?m)^\s*--- FAIL: TestDefect/(\S+)`)
	passLine = regexp.MustCompile(`(?m)^\s*--- PASS: TestDefect/(\S+)`)
)

// failed returns the names of the subtests that a verbose run reports as failed.
func failed(out []byte) []string {
	var names []string
	for _, m := range failLine.FindAllSubmatch(out, -1) {
		names = append(names, string(m[1]))
	}
	slices.Sort(names)
	return names
}

// storing returns a defect in what a Store is given.
func storing(change func(*provision.Record)) func(context.Context, *provision.Memory, []provision.Record) error {
	return func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		records = slices.Clone(records)
		for i := range records {
			change(&records[i])
		}
		return m.Store(ctx, records...)
	}
}

// loading returns a defect in what a Load returns.
func loading(change func(*provision.Record)) func(context.Context, *provision.Memory, string) ([]provision.Record, error) {
	return func(ctx context.Context, m *provision.Memory, key string) ([]provision.Record, error) {
		records, err := m.Load(ctx, key)
		for i := range records {
			change(&records[i])
		}
		return records, err
	}
}

// failing returns a defect in what becomes of a Store that failed.
func failing(change func(ctx context.Context, m *provision.Memory, records []provision.Record, err error) error) func(context.Context, *provision.Memory, []provision.Record) error {
	return func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		err := m.Store(ctx, records...)
		if err != nil {
			return change(ctx, m, records, err)
		}
		return nil
	}
}

// paging returns a defect in which keys an Open returns, of all that there are.
func paging(change func(ctx context.Context, m *provision.Memory, keys []string, after string, limit int) []string) func(context.Context, *provision.Memory, string, int) ([]string, error) {
	return func(ctx context.Context, m *provision.Memory, after string, limit int) ([]string, error) {
		keys, err := m.ListOpen(ctx, "", 1<<30)
		return change(ctx, m, keys, after, limit), err
	}
}

// again stores records with the revisions that are held, so that the last one wins.
func again(ctx context.Context, m *provision.Memory, records []provision.Record) error {
	records = slices.Clone(records)
	for {
		for i := range records {
			records[i].Revision = revision(ctx, m, records[i])
		}
		if err := m.Store(ctx, records...); !errors.Is(err, provision.ErrStale) {
			return err
		}
	}
}

// revision returns that of the record that is held under the name of r.
func revision(ctx context.Context, m *provision.Memory, r provision.Record) int64 {
	held, err := m.Load(ctx, r.Key)
	if err != nil {
		return 0
	}
	for _, h := range held {
		if h.Target == r.Target {
			return h.Revision
		}
	}
	return 0
}
