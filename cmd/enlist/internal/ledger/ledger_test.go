package ledger_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

func open(t *testing.T, p ledger.Place) (*ledger.Ledger, []string) {
	t.Helper()
	var made []string
	l, err := ledger.Open(t.Context(), p, func(path string) { made = append(made, path) })
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l, made
}

func fails(t *testing.T, p ledger.Place) string {
	t.Helper()
	l, err := ledger.Open(t.Context(), p, func(string) {})
	if !assert.Error(t, err) {
		_ = l.Close()
		return ""
	}
	return err.Error()
}

// places are one of each kind that needs no server.
func places(t *testing.T) map[string]ledger.Place {
	return map[string]ledger.Place{
		"SQLite": {Dir: t.TempDir(), Job: "spring"},
		"file":   {At: "file:spring.ledger", Dir: t.TempDir(), Job: "spring"},
		"odd":    {At: "sqlite:" + filepath.Join(t.TempDir(), "a ?#%20 b.db"), Dir: "nowhere", Job: "spring"},
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for name, p := range places(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ledger.Read(t.Context(), p)
			require.ErrorIs(t, err, ledger.ErrNone)

			l, made := open(t, p)
			assert.Equal(t, []string{p.KeyFile()}, made)
			assert.Len(t, l.Key.Reveal(), 64)
			assert.NotEmpty(t, l.Alone)
			require.NoError(t, l.Store(t.Context(), provision.Record{Key: "spring/1", Target: "crm", State: provision.StateCreated}))
			assert.Contains(t, fails(t, p), "another enlist is at work on ")
			require.NoError(t, l.Close())

			again, made := open(t, p)
			assert.Empty(t, made, "the key is there")
			assert.True(t, l.Key == again.Key)
			assert.Equal(t, l.Alone, again.Alone)
			records, err := again.Load(t.Context(), "spring/1")
			require.NoError(t, err)
			assert.Len(t, records, 1)
			require.NoError(t, again.Close())

			entries, err := os.ReadDir(filepath.Dir(p.KeyFile()))
			require.NoError(t, err)
			for _, e := range entries {
				info, err := e.Info()
				require.NoError(t, err)
				if runtime.GOOS != "windows" {
					assert.Equal(t, os.FileMode(0o600), info.Mode(), e.Name())
				}
			}
		})
	}
}

// TestReadBeside: SQLite is read while another process imports.
func TestReadBeside(t *testing.T) {
	t.Parallel()
	p := ledger.Place{Dir: t.TempDir(), Job: "spring"}
	l, _ := open(t, p)
	require.NoError(t, l.Store(t.Context(), provision.Record{Key: "spring/1", Target: "crm", State: provision.StateQueued}))
	r, err := ledger.Read(t.Context(), p)
	require.NoError(t, err)
	defer r.Close()
	assert.Empty(t, r.Key)
	records, err := r.Load(t.Context(), "spring/1")
	require.NoError(t, err)
	assert.Len(t, records, 1)
}

// TestReadOnly: a ledger is read where nothing can be written.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := ledger.Place{Dir: dir, Job: "spring"}
	l, _ := open(t, p)
	require.NoError(t, l.Store(t.Context(), provision.Record{Key: "spring/1", Target: "crm", State: provision.StateQueued}))
	require.NoError(t, l.Close())
	require.NoError(t, os.Chmod(filepath.Join(dir, "spring.db"), 0o400))
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	r, err := ledger.Read(t.Context(), p)
	require.NoError(t, err)
	defer r.Close()
	records, err := r.Load(t.Context(), "spring/1")
	require.NoError(t, err)
	assert.Len(t, records, 1)
	counts, err := r.Counts(t.Context())
	require.NoError(t, err)
	assert.Len(t, counts, 1)
}

// TestCounts: only records of the job count, and a ledger in a file lists what is open.
func TestCounts(t *testing.T) {
	t.Parallel()
	for name, p := range places(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := open(t, p)
			for _, r := range []provision.Record{
				{Key: "sprinG/9", Target: "crm", State: provision.StateQueued},
				{Key: "spring/1", Target: "crm", State: provision.StateCreated},
				{Key: "spring/2", Target: "crm", State: provision.StateCreated},
				{Key: "spring/2", Target: "chat", State: provision.StateUnknown, Kind: userapi.KindTimeout},
				{Key: "spring/3", Target: "crm", State: provision.StateCreated, Unfinished: true, UserID: "3"},
				{Key: "spring/4", Target: "crm", State: provision.StateRejected, Kind: userapi.KindNotFound, Lost: true, Decided: true},
				{Key: "spring/sha256:f", Target: "crm", State: provision.StateRejected, Kind: userapi.KindInvalid},
				{Key: "spring/sha256:ff", Target: "crm", State: provision.StateQueued},
				{Key: "spring0/1", Target: "crm", State: provision.StateQueued},
				{Key: "spring2/1", Target: "crm", State: provision.StateQueued},
			} {
				require.NoError(t, l.Store(t.Context(), r))
			}
			want := []ledger.Count{
				{Record: provision.Record{Target: "chat", State: provision.StateUnknown, Kind: userapi.KindTimeout}, Rows: 1},
				{Record: provision.Record{Target: "crm", State: provision.StateCreated}, Rows: 2},
				{Record: provision.Record{Target: "crm", State: provision.StateCreated, Unfinished: true}, Rows: 1},
				{Record: provision.Record{Target: "crm", State: provision.StateQueued}, Rows: 1},
				{Record: provision.Record{Target: "crm", State: provision.StateRejected, Kind: userapi.KindInvalid}, Rows: 1},
				{Record: provision.Record{Target: "crm", State: provision.StateRejected, Kind: userapi.KindNotFound, Lost: true, Decided: true}, Rows: 1},
			}
			if !l.CountsAll() {
				want = []ledger.Count{want[0], want[2], want[3], want[5]}
			}
			counts, err := l.Counts(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, counts)
			var keys []string
			require.NoError(t, l.EachOpen(t.Context(), func(key string, records []provision.Record) error {
				keys = append(keys, key)
				assert.NotEmpty(t, records)
				return nil
			}))
			assert.Equal(t, []string{"spring/2", "spring/3", "spring/4", "spring/sha256:ff"}, keys)
		})
	}
}

// TestFirstRunsAgree: of several that make the key at once each has the same.
func TestFirstRunsAgree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var running sync.WaitGroup
	keys, made := make([]userapi.Secret, 16), make([]int, 16)
	for i := range keys {
		running.Go(func() {
			var err error
			keys[i], err = ledger.RequestKey(ledger.Place{Dir: dir, Job: "spring"}, true, func(string) { made[i]++ })
			assert.NoError(t, err)
		})
	}
	running.Wait()
	total := 0
	for i, key := range keys {
		assert.True(t, key == keys[0])
		total += made[i]
	}
	assert.Equal(t, 1, total)
}

// TestUnreachable: what is wrong with a place is told, without a password.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	assert.Contains(t, fails(t, ledger.Place{At: "mysql://x", Dir: dir, Job: "spring"}), "sqlite:PATH, file:PATH or postgres://HOST/DATABASE is expected")
	assert.Contains(t, fails(t, ledger.Place{At: "sqlite:no/where.db", Dir: dir, Job: "spring"}), "the ledger cannot be locked")
	text := fails(t, ledger.Place{At: "postgres://me@127.0.0.1:1/enlist?connect_timeout=1", Dir: dir, Job: "spring"})
	assert.Contains(t, text, "the ledger cannot be opened")
	assert.Contains(t, fails(t, ledger.Place{At: "postgres://me:pLanTed@127.0.0.1:1/enlist", Dir: dir, Job: "spring"}), "must not have a password")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text.db"), []byte(strings.Repeat("no database ", 100)), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text.key"), []byte(strings.Repeat("k", 64)), 0o600))
	assert.Contains(t, fails(t, ledger.Place{At: "sqlite:text.db", Dir: dir, Job: "spring"}), "cannot be opened")
}

// TestMachineName: processes that hold the same lock of this machine have one name. Those with another
// lock have another name, also where the directory is a copy.
func TestMachineName(t *testing.T) {
	t.Parallel()
	a, b := t.TempDir(), t.TempDir()
	name := func(dir string) string {
		name, err := ledger.MachineName(filepath.Join(dir, "spring.lock"))
		require.NoError(t, err)
		assert.Regexp(t, "^enlist-[0-9a-f]{32}$", name)
		return name
	}
	first := name(a)
	assert.Equal(t, first, name(a))
	id, err := os.ReadFile(filepath.Join(a, "spring.lock.id"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(b, "spring.lock.id"), id, 0o600))
	assert.NotEqual(t, first, name(b))
	require.NoError(t, os.Remove(filepath.Join(a, "spring.lock.id")))
	assert.NotEqual(t, first, name(a))
}

// TestOfFakes: a ledger of users at fakes is not taken for one of users at vendors.
func TestOfFakes(t *testing.T) {
	t.Parallel()
	p := ledger.Place{Dir: t.TempDir(), Job: "spring"}
	fake := p
	fake.For = ledger.ForFakes
	_, err := ledger.Open(t.Context(), p, nil)
	require.ErrorIs(t, err, ledger.ErrNone)
	for range 2 {
		l, _ := open(t, fake)
		require.NoError(t, l.Close())
		assert.Contains(t, fails(t, p), "is a ledger of users at fakes")
	}
	for _, name := range []string{"spring.db", "spring.key"} {
		require.NoError(t, os.Remove(filepath.Join(p.Dir, name)))
	}
	for range 2 {
		l, _ := open(t, p)
		require.NoError(t, l.Close())
		assert.Contains(t, fails(t, fake), "is a ledger of users at vendors")
	}
	l, err := ledger.Open(t.Context(), p, nil)
	require.NoError(t, err)
	require.NoError(t, l.Close())
}
