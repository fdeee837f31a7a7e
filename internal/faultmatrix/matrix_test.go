package faultmatrix_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
)

// workers is how many cells are measured at once: most of them wait.
const workers = 48

// A row is a fault at every vendor.
type row struct {
	fault fault
	alone sync.Mutex
	cells map[string][]claim // by vendor: CreateUser's and Ensure's; none where it cannot be
}

func faults(all []*vendors.Vendor) []fault {
	var list []fault
	for _, group := range [...][]fault{networkFaults(), connectionFaults(all), http2Faults(), replyFaults(all), contradictions(all), vendorFaults(all)} {
		list = append(list, group...)
	}
	return list
}

// TestMatrix drives every vendor through every fault, compares what CreateUser and
// Ensure say with what the server holds, and prints both.
func TestMatrix(t *testing.T) {
	t.Parallel()
	all := vendors.All()
	var rows []*row
	for _, f := range faults(all) {
		rows = append(rows, &row{fault: f, cells: map[string][]claim{}})
	}
	run(rows, all)

	var sum totals
	for _, r := range rows {
		for _, v := range all {
			for _, c := range r.cells[v.Name] {
				_, _, sometimes := mayBeUnknown(c.mode, v, r.fault.name)
				sum.add(c, sometimes)
				for _, wrong := range c.wrong {
					t.Errorf("%s at %s: %s", r.fault.name, v.Name, wrong)
				}
				if c.mode == byCreate && (slices.Contains(processed, r.fault.name) && c.users != 1 || slices.Contains(unprocessed, r.fault.name) && c.users != 0) {
					t.Errorf("%s at %s: the fault is not what its name says: %d users", r.fault.name, v.Name, c.users)
				}
				switch why, listed, sometimes := mayBeUnknown(c.mode, v, r.fault.name); {
				case c.unknown && !listed:
					t.Errorf("%s at %s: %s says unknown, and the table does not list it: %v", r.fault.name, v.Name, c.mode, c.failed)
				case !c.unknown && listed && !sometimes:
					t.Errorf("%s at %s: %s says %s, and the table lists it as unknown: %s", r.fault.name, v.Name, c.mode, c.text, why)
				}
			}
		}
	}
	names := map[string]bool{}
	for _, r := range rows {
		assert.False(t, names[r.fault.name], "two faults are called %q", r.fault.name)
		names[r.fault.name] = true
	}
	for _, u := range unknowns {
		for _, name := range u.faults {
			assert.True(t, names[name], "the table of unknowns lists %q, and no fault has that name", name)
		}
	}

	checkGolden(t, golden(rows, all))
	t.Log("\n" + render(rows, all) + "\n" + cannot(rows, all) + "\n" + sum.String())
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, line := range strings.Split(sum.stable(), "\n") {
		assert.True(t, strings.Contains(string(readme), line), "the README does not say: %s", line)
	}
}

// run measures every cell.
func run(rows []*row, all []*vendors.Vendor) {
	type job struct {
		row    *row
		vendor *vendors.Vendor
	}
	jobs := make(chan job)
	var mu sync.Mutex
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			for j := range jobs {
				if j.row.fault.serial {
					j.row.alone.Lock()
				}
				claims := []claim{measure(j.vendor, &j.row.fault, byCreate), measure(j.vendor, &j.row.fault, byEnsure)}
				if j.row.fault.serial {
					j.row.alone.Unlock()
				}
				mu.Lock()
				j.row.cells[j.vendor.Name] = claims
				mu.Unlock()
			}
		})
	}
	for _, r := range rows {
		for _, v := range all {
			if r.fault.cannot[v.Name] == "" {
				jobs <- job{r, v}
			}
		}
	}
	close(jobs)
	done.Wait()
}

// totals count claims.
type totals struct {
	cells, calls, posts, doubled, lost, wrong int
	// unknown counts by mode; races the cells among them that are not always.
	unknown map[mode]int
	races   int
}

func (s *totals) add(c claim, sometimes bool) {
	if s.unknown == nil {
		s.unknown = map[mode]int{}
	}
	s.calls++
	s.posts += c.posts
	if c.mode == byCreate {
		s.cells++
	}
	switch {
	case c.unknown && sometimes:
		s.races++
	case c.unknown:
		s.unknown[c.mode]++
	}
	for _, wrong := range c.wrong {
		switch {
		case strings.Contains(wrong, "DOUBLED"):
			s.doubled++
		case strings.Contains(wrong, "LOST"):
			s.lost++
		default:
			s.wrong++
		}
	}
}

// stable are the totals that are the same in every run.
func (s *totals) stable() string {
	return fmt.Sprintf("%d cells: %d doubled, %d lost, %d false claims\nunknown: CreateUser in %d cells, Ensure in %d",
		s.cells, s.doubled, s.lost, s.wrong, s.unknown[byCreate], s.unknown[byEnsure])
}

func (s *totals) String() string {
	return fmt.Sprintf("%s\n%d calls, %d POSTs; %d unknown in races", s.stable(), s.calls, s.posts, s.races)
}

// render prints the matrix: for each vendor what CreateUser and what Ensure said, each
// with the creates that arrived and the users that they made.
func render(rows []*row, all []*vendors.Vendor) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprint(w, "CreateUser, Ensure: claim POSTs/users")
	for _, v := range all {
		fmt.Fprint(w, "\t"+v.Name+"\t")
	}
	fmt.Fprintln(w)
	for _, r := range rows {
		fmt.Fprint(w, r.fault.name)
		for _, v := range all {
			cells := r.cells[v.Name]
			if len(cells) == 0 {
				fmt.Fprint(w, "\t-\t")
				continue
			}
			for _, c := range cells {
				mark := ""
				if len(c.wrong) > 0 {
					mark = "!"
				}
				fmt.Fprintf(w, "\t%s%s %d/%d", mark, c.said(), c.posts, c.users)
			}
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	return b.String()
}

// said is the claim, with the error's kind.
func (c *claim) said() string {
	if c.kind == "" {
		return c.text
	}
	return c.text + ":" + c.kind
}

// expected is what every cell says and does; a race is left out. It is written
// again with -update, to be read before it is kept.
const expected = "testdata/matrix.txt"

var update = flag.Bool("update", false, "write "+expected)

func golden(rows []*row, all []*vendors.Vendor) string {
	var b strings.Builder
	for _, r := range rows {
		for _, v := range all {
			for _, c := range r.cells[v.Name] {
				if _, _, sometimes := mayBeUnknown(c.mode, v, r.fault.name); !sometimes {
					fmt.Fprintf(&b, "%s; %s; %s: %s %d/%d\n", r.fault.name, v.Name, c.mode, c.said(), c.posts, c.users)
				}
			}
		}
	}
	return b.String()
}

// checkGolden compares each cell with what is expected of it.
func checkGolden(t *testing.T, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(expected, []byte(got), 0o600))
	}
	text, err := os.ReadFile(expected)
	require.NoError(t, err)
	want := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		want[line] = true
	}
	for _, line := range strings.Split(got, "\n") {
		if !want[line] {
			t.Errorf("not as expected: %s", line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("expected, and not so: %s", line)
	}
}

// cannot lists the cells that cannot be.
func cannot(rows []*row, all []*vendors.Vendor) string {
	var b strings.Builder
	for _, r := range rows {
		for _, v := range all {
			if why := r.fault.cannot[v.Name]; why != "" {
				fmt.Fprintf(&b, "cannot be: %s at %s, which %s\n", r.fault.name, v.Name, why)
			}
		}
	}
	return b.String()
}
