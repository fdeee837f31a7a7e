//go:build unix

package mixin_test

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestKeyDirTakesTheSpaceFirst: space is reserved before the create is sent. Storing the reply
// needs no new file and no new disk block.
func TestKeyDirTakesTheSpaceFirst(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault *userapitest.Fault
		ends  string // with this name
	}{
		"created": {nil, ".json"},
		"cut off": {&userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Truncate}, ".sent"},
		"lost":    {&userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup}, ".sent"},
		"refused": {&userapitest.Fault{When: userapitest.BeforeCommit, Status: 202, Body: []byte(`{"error":{"code":403}}`)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c, dir, path := withDir(t)
			if tt.fault != nil {
				srv.Inject(*tt.fault)
			}
			base := strings.TrimSuffix(dir.Path(signup.IdempotencyKey), ".json")
			var sent []string
			var mark os.FileInfo
			dir.SetStep(func(step string) {
				if step == "claim: durable" { // it is sent next
					sent = names(t, path)
					var err error
					mark, err = os.Lstat(base + ".sent")
					assert.NoError(t, err)
					stat, ok := mark.Sys().(*syscall.Stat_t)
					assert.True(t, ok)
					assert.GreaterOrEqual(t, stat.Blocks*512, int64(8<<10), "not a hole")
				}
				if sent != nil {
					assert.Subset(t, sent, names(t, path), "a file is made at %q", step)
				}
			})
			_, _ = c.CreateUser(t.Context(), signup)
			require.NotNil(t, mark)
			assert.Subset(t, sent, names(t, path))
			if tt.ends == "" {
				assert.NoFileExists(t, base+".sent")
				return
			}
			ends, err := os.Lstat(base + tt.ends)
			require.NoError(t, err)
			assert.True(t, os.SameFile(mark, ends), "another file")
			assert.Less(t, ends.Size(), mark.Size()/2, "there is room for a longer reply")
		})
	}
}

// TestKeyDirCannotWrite: whatever cannot be written, no false claim is made, and the next call
// continues. A directory with an open file can be moved only on Unix.
func TestKeyDirCannotWrite(t *testing.T) {
	t.Parallel()
	refusal := userapitest.Fault{When: userapitest.BeforeCommit, Status: 202, Body: []byte(`{"error":{"code":403}}`)}
	lost := userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup}
	all, file, temp := "", "*.json", ".*.tmp" // what is moved at a step
	for name, tt := range map[string]struct {
		step, moved string
		fault       *userapitest.Fault
		kind        error
		outcome     userapi.Outcome
		state       mixin.KeyFileState // "" for no file
	}{
		"the key":            {"prepare: written", temp, nil, userapi.ErrUnavailable, userapi.OutcomeNotSent, ""},
		"that it is sent":    {"claim: marked", file, nil, userapi.ErrUnavailable, userapi.OutcomeNotSent, mixin.KeyFilePrepared},
		"the user":           {"complete: begin", all, nil, userapi.ErrUnavailable, userapi.OutcomeCreated, mixin.KeyFileSent},
		"the file's place":   {"complete: written", all, nil, userapi.ErrUnavailable, userapi.OutcomeCreated, mixin.KeyFileComplete},
		"that it is refused": {"fail: begin", all, &refusal, userapi.ErrForbidden, userapi.OutcomeRejected, mixin.KeyFileSent},
		"that it is unknown": {"fail: begin", all, &lost, userapi.ErrUnavailable, userapi.OutcomeUnknown, mixin.KeyFileSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c, dir, path := withDir(t)
			if tt.fault != nil {
				srv.Inject(*tt.fault)
			}
			aside, moved := path+".aside", path
			dir.SetStep(func(at string) {
				if at != tt.step {
					return
				}
				if tt.moved != all {
					found, err := filepath.Glob(filepath.Join(path, tt.moved))
					assert.NoError(t, err)
					assert.Len(t, found, 1)
					moved = found[0]
				}
				assert.NoError(t, os.Rename(moved, aside))
			})
			_, err := c.CreateUser(t.Context(), signup)
			dir.SetStep(nil)
			require.ErrorIs(t, err, tt.kind)
			require.ErrorIs(t, err, fs.ErrNotExist)
			e := asError(t, err)
			assert.Equal(t, tt.outcome, e.Outcome)
			assert.Contains(t, e.Message, dir.Path(signup.IdempotencyKey))
			var broken *mixin.KeyFileError
			require.ErrorAs(t, err, &broken)
			if tt.state == "" {
				_, err := dir.Load(signup.IdempotencyKey)
				require.ErrorIs(t, err, fs.ErrNotExist)
			} else {
				require.NoError(t, os.Rename(aside, moved))
				assert.Equal(t, tt.state, load(t, dir, signup).State)
			}
			if tt.outcome == userapi.OutcomeCreated {
				native, ok := userapi.As[*mixin.CreateUserResponse](e.User)
				require.True(t, ok)
				require.NoError(t, dir.UserCreated(t.Context(), signup, native))
				f := load(t, dir, signup)
				assert.Equal(t, mixin.KeyFileComplete, f.State)
				signsIn(t, srv, f.Keystore, e.User.ID)
				assert.Len(t, names(t, path), 1)
			}
			before := srv.UserCount()
			_, err = c.CreateUser(t.Context(), signup)
			if tt.state == mixin.KeyFileSent || tt.state == mixin.KeyFileComplete {
				require.ErrorIs(t, err, userapi.ErrConflict)
				assert.Equal(t, before, srv.UserCount())
				return
			}
			require.NoError(t, err)
			assert.Len(t, names(t, path), 1)
		})
	}
}

// TestKeyDirAmongOthersThings: anything but a regular file is refused, and the error names it.
// Nobody waits for it.
func TestKeyDirAmongOthersThings(t *testing.T) {
	t.Parallel()
	things := map[string]func(t *testing.T, path string){
		"named pipe": func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) },
		"directory":  func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
		"device":     func(t *testing.T, path string) { require.NoError(t, os.Symlink(os.DevNull, path)) },
		"socket": func(t *testing.T, path string) {
			short, err := os.MkdirTemp("", "") //nolint:usetesting // the path of a socket must be short
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, os.RemoveAll(short)) })
			l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(short, "s")})
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, l.Close()) })
			require.NoError(t, os.Rename(filepath.Join(short, "s"), path))
		},
	}
	for what, make := range things {
		for _, ext := range []string{".json", ".sent"} {
			t.Run(what+" "+ext, func(t *testing.T) {
				t.Parallel()
				srv, c, dir, path := withDir(t)
				require.NoError(t, os.Mkdir(path, 0o700))
				thing := strings.TrimSuffix(dir.Path(signup.IdempotencyKey), ".json") + ext
				if ext == ".sent" { // beside a valid file
					_, err := dir.SessionKey(t.Context(), signup)
					require.NoError(t, err)
					require.NoError(t, dir.UserFailed(t.Context(), signup, &userapi.Error{Outcome: userapi.OutcomeRejected}))
				}
				make(t, thing)
				_, setup := mixin.Setup(t.Context(), srv.Config(), dir, signup)
				_, create := c.CreateUser(t.Context(), signup)
				for _, err := range []error{create, setup} {
					require.ErrorIs(t, err, userapi.ErrInvalid)
					assert.False(t, userapi.MayHaveCreated(err))
					assert.Contains(t, err.Error(), "the file must be a regular one")
					assert.Contains(t, err.Error(), thing)
				}
				_, load := dir.Load(signup.IdempotencyKey)
				_, resolve := c.ResolveUser(t.Context(), signup, time.Time{})
				assert.True(t, userapi.MayHaveCreated(resolve))
				for _, err := range []error{create, load, resolve} {
					var file *mixin.KeyFileError
					require.ErrorAs(t, err, &file)
					assert.Equal(t, thing, file.Path)
				}
				assert.Empty(t, srv.Requests())
			})
		}
	}
}

// TestKeyDirOfAnotherUser: the directory is refused, whatever its mode, because its owner could put
// keys there.
func TestKeyDirOfAnotherUser(t *testing.T) {
	t.Parallel()
	path := "/" // another user's, unless this is root
	if os.Geteuid() == 0 {
		path = t.TempDir()
		require.NoError(t, os.Chmod(path, 0o700))
		require.NoError(t, os.Chown(path, 4711, -1))
	}
	srv := mixintest.NewServer(t)
	dir := mixin.KeyDir(path)
	c := dirClient(t, srv, dir)
	_, create := c.CreateUser(t.Context(), signup)
	require.ErrorIs(t, create, userapi.ErrInvalid)
	assert.False(t, userapi.MayHaveCreated(create))
	assert.Contains(t, create.Error(), "must belong to the user that runs this process: "+path)
	_, setup := mixin.Setup(t.Context(), srv.Config(), dir, signup)
	require.ErrorIs(t, setup, userapi.ErrInvalid)
	_, load := dir.Load(signup.IdempotencyKey)
	_, resolve := c.ResolveUser(t.Context(), signup, time.Time{})
	assert.True(t, userapi.MayHaveCreated(resolve))
	for _, err := range []error{create, setup, load, resolve} {
		var file *mixin.KeyFileError
		require.ErrorAs(t, err, &file)
		assert.Equal(t, path, file.Path)
	}
	assert.Empty(t, srv.Requests())
}
