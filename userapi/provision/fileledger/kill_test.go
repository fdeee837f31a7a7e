package fileledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// errandVariable makes TestErrand store in the ledger that its standard input names.
const errandVariable = "ENLIST_TEST_LEDGER"

// TestErrand does nothing but in a process that another test has started. There it
// stores until it is killed, and writes what was acknowledged.
func TestErrand(t *testing.T) {
	t.Parallel()
	if os.Getenv(errandVariable) == "" {
		return
	}
	path, err := io.ReadAll(os.Stdin)
	require.NoError(t, err)
	f, err := Open(string(path), CompactAbove(30_000))
	require.NoError(t, err)
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		_, err := fmt.Fprintf(os.Stdout, format, args...)
		assert.NoError(t, err)
	}
	say("open\n")
	for w := range 16 {
		go func() {
			key := fmt.Sprint("k", w%8) // two share one
			for {
				records, err := f.Load(t.Context(), key)
				if err != nil {
					say("failed: %v\n", err)
				}
				if len(records) == 0 {
					records = []provision.Record{small(key, "a"), small(key, "b")}
				}
				switch err := f.Store(t.Context(), records...); {
				case err == nil:
					say("%s %d\n", key, records[0].Revision+1)
				case !errors.Is(err, provision.ErrStale):
					say("failed: %v\n", err)
				}
			}
		}()
	}
	select {} // until it is killed
}

// startErrand starts a process that has a ledger open when this returns.
func startErrand(t testing.TB, path string) (cmd *exec.Cmd, out *bufio.Reader) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, self, "-test.run=^TestErrand$")
	cmd.Env = append(os.Environ(), errandVariable+"=1")
	cmd.Stdin = strings.NewReader(path)
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	out = bufio.NewReader(pipe)
	line, err := out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "open\n", line)
	return cmd, out
}

// TestKilled kills a process that stores and compacts, again and again: what it
// acknowledged is there, and both records of a Store are.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledgerName)
	acked := map[string]int64{}
	compacted := 0
	for range 30 {
		cmd, out := startErrand(t, path)
		for lines, kill := 0, rand.IntN(300); ; lines++ {
			if lines == kill {
				require.NoError(t, cmd.Process.Kill())
			}
			var key string
			var revision int64
			line, err := out.ReadString('\n')
			if errors.Is(err, io.EOF) {
				require.GreaterOrEqual(t, lines, kill, "it ended by itself")
				break // what is cut off here was acknowledged too, but is not known
			}
			require.NoError(t, err)
			_, err = fmt.Sscanf(line, "%s %d", &key, &revision)
			require.NoError(t, err, line)
			acked[key] = max(acked[key], revision)
		}
		require.Error(t, cmd.Wait())
		require.Equal(t, -1, cmd.ProcessState.ExitCode(), "by a signal")

		f, err := Open(path, CompactAbove(-1))
		require.NoError(t, err)
		for key, revision := range acked {
			records := loadAll(t, f, key)
			require.Len(t, records, 2)
			require.GreaterOrEqual(t, records[0].Revision, revision, key)
			require.Equal(t, records[0].Revision, records[1].Revision, "a part of a Store")
		}
		if f.log.whole > headSize {
			compacted++
		}
		require.NoError(t, f.Close())
	}
	assert.Len(t, acked, 8)
	assert.Positive(t, compacted)
}

// TestLockedByAnother process, until that is killed.
func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledgerName)
	cmd, out := startErrand(t, path)
	_, err := Open(path)
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, cmd.Process.Kill())
	_, err = io.Copy(io.Discard, out)
	require.NoError(t, err)
	require.Error(t, cmd.Wait())
	openReal(t, path)
}
