//go:build unix

package sqltest

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	dsnVariable = "ENLIST_POSTGRES_DSN"
	binVariable = "ENLIST_POSTGRES_BIN"
	// keeperVariable makes this program the keeper of a server.
	keeperVariable = "ENLIST_TEST_POSTGRES_KEEPER"
	// startWithin is how long PostgreSQL may take to start.
	startWithin = time.Minute
)

// A server is a PostgreSQL server that runs for these tests alone. Its keeper is a
// process of its own, which ends the server when this one has ended, however that was.
type server struct {
	mu      sync.Mutex
	dsn     string
	in      io.WriteCloser
	out     *bufio.Reader
	process *exec.Cmd
}

var shared struct {
	once sync.Once
	*server
	err error
}

func TestMain(m *testing.M) {
	if os.Getenv(keeperVariable) != "" {
		keep()
		return
	}
	code := m.Run()
	if shared.server != nil {
		shared.end()
	}
	os.Exit(code)
}

// postgresDSN returns the server that tests share: the one that is named, or one that is
// started for them.
func postgresDSN(t testing.TB) string {
	t.Helper()
	if dsn := os.Getenv(dsnVariable); dsn != "" {
		return dsn
	}
	shared.once.Do(func() { shared.server, shared.err = startServer() })
	require.NoError(t, shared.err)
	return shared.dsn
}

// startServer starts a keeper, and a server by it.
func startServer() (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{process: exec.Command(self)}
	s.process.Env = append(os.Environ(), keeperVariable+"=1")
	// What ends the tests' process group, such as the terminal's interrupt, is not for it.
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.in, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	if s.dsn, err = s.ask("make"); err != nil {
		s.end()
		return nil, err
	}
	if _, err = s.ask("start"); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// ask gives the keeper an order and returns its answer.
func (s *server) ask(order string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintln(s.in, order); err != nil {
		return "", fmt.Errorf("%s PostgreSQL: %w", order, err)
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s PostgreSQL: %w", order, err)
	}
	answer, err := strconv.Unquote(strings.TrimSpace(line))
	if err != nil {
		return "", fmt.Errorf("%s PostgreSQL: %w", order, err)
	}
	if text, failed := strings.CutPrefix(answer, "error: "); failed {
		return "", fmt.Errorf("%s PostgreSQL: %s", order, text)
	}
	return answer, nil
}

// end ends the server and waits for it.
func (s *server) end() {
	_ = s.in.Close()
	_, _ = io.Copy(io.Discard, s.out)
	_ = s.process.Wait()
}

// keep is the keeper: it does as it is told, until the other end is closed.
func keep() {
	// Nor must an answer end it that nobody reads any more.
	signal.Ignore(syscall.SIGPIPE)
	k := &keeper{}
	defer k.end()
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		var err error
		answer := "done"
		switch orders.Text() {
		case "make":
			answer, err = k.make()
		case "start":
			err = k.start()
		case "kill":
			err = k.kill()
		default:
			err = errors.New("no such order")
		}
		if err != nil {
			answer = "error: " + err.Error()
		}
		_, _ = fmt.Fprintln(os.Stdout, strconv.Quote(answer))
	}
}

type keeper struct {
	bin, dir string
	as       *syscall.Credential
	postgres *exec.Cmd
	ended    chan struct{} // closed when postgres has
}

func (k *keeper) data() string { return filepath.Join(k.dir, "data") }
func (k *keeper) dsn() string {
	// All is said that would else be taken from the environment.
	return "host=" + k.dir + " port=5432 user=enlist dbname=postgres sslmode=disable"
}

// make makes a database cluster, and returns what to connect by.
func (k *keeper) make() (string, error) {
	var err error
	if k.bin, err = findPostgres(); err != nil {
		return "", err
	}
	// A socket's path is short: about 100 bytes, of which it takes 20 itself.
	parent := os.TempDir()
	if len(parent) > 60 {
		parent = "/tmp"
	}
	if k.dir, err = os.MkdirTemp(parent, "enlist"); err != nil {
		return "", err
	}
	if os.Getuid() == 0 {
		// PostgreSQL refuses to run as root.
		if k.as, err = somebody(); err != nil {
			return "", err
		}
		if err := os.Chown(k.dir, int(k.as.Uid), int(k.as.Gid)); err != nil {
			return "", err
		}
	}
	// By a language's order, if there is one, so that it shows that the ledger's is not.
	var tried []error
	for _, locale := range [][]string{
		{"--locale-provider=icu", "--icu-locale=en-US", "--locale=C"}, {"--locale=en_US.UTF-8"}, {"--locale=C.UTF-8"}, {"--locale=C"},
	} {
		args := append([]string{"--pgdata", k.data(), "--username=enlist", "--auth=trust", "--encoding=UTF8", "--no-sync"}, locale...)
		out, err := k.command("initdb", args...).CombinedOutput()
		if err == nil {
			return k.dsn(), nil
		}
		tried = append(tried, fmt.Errorf("initdb: %w: %s", err, out))
		_ = os.RemoveAll(k.data())
	}
	return "", errors.Join(tried...)
}

// command is one of PostgreSQL's programs, in a process group of its own.
func (k *keeper) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(k.bin, name), args...)
	cmd.Dir = k.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: k.as, Setpgid: true}
	// Nothing of the caller's own set-up is to be taken for this server's.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") })
	return cmd
}

// start starts the server and waits until it answers. One that was killed may at first
// be in the way of the next one.
func (k *keeper) start() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for {
		err := k.try(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

func (k *keeper) try(ctx context.Context) error {
	log, err := os.Create(filepath.Join(k.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	k.postgres = k.command("postgres", "-D", k.data(), "-c", "listen_addresses=", "-c", "unix_socket_directories="+k.dir,
		"-c", "port=5432", "-c", "fsync=on", "-c", "max_connections=200", "-c", "shared_buffers=32MB")
	k.postgres.Stdout, k.postgres.Stderr = log, log
	if err := k.postgres.Start(); err != nil {
		k.postgres = nil
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.ended = make(chan struct{})
	go func() {
		_ = k.postgres.Wait()
		cancel()
		close(k.ended)
	}()
	if err := reach(ctx, k.dsn()); err != nil {
		_ = k.postgres.Process.Kill()
		<-k.ended
		k.postgres = nil
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w; it said: %s", err, said)
	}
	return nil
}

// kill ends the server as a power cut would, but for what the system has not yet written
// to the disk: all its processes, in the middle of what they do.
func (k *keeper) kill() error {
	db, err := sql.Open("pgx", k.dsn())
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// It is stopped first, so that it has no more children than those listed.
	if err := k.postgres.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, "SELECT pid FROM pg_stat_activity")
	if err != nil {
		return err
	}
	defer rows.Close()
	var pids []int
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			return err
		}
		pids = append(pids, pid)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	err = k.postgres.Process.Kill()
	<-k.ended
	k.postgres = nil
	return err
}

func (k *keeper) end() {
	if k.postgres != nil {
		// An immediate shutdown, by which it frees its shared memory.
		_ = k.postgres.Process.Signal(syscall.SIGQUIT)
		over := time.AfterFunc(10*time.Second, func() { _ = k.postgres.Process.Kill() })
		<-k.ended
		over.Stop()
	}
	if k.dir != "" {
		_ = os.RemoveAll(k.dir)
	}
}

// findPostgres returns the folder of PostgreSQL's programs.
func findPostgres() (string, error) {
	dirs := []string{os.Getenv(binVariable)}
	for _, name := range []string{"initdb", "postgres"} {
		if path, err := exec.LookPath(name); err == nil {
			// Of a link, what it leads to: the programs stand together there.
			if path, err = filepath.EvalSymlinks(path); err == nil {
				dirs = append(dirs, filepath.Dir(path))
			}
		}
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin"} {
		found, _ := filepath.Glob(pattern)
		slices.Reverse(found) // a newer one first
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		if dir != "" && executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("found no initdb and postgres: install PostgreSQL (apt-get install postgresql, dnf install postgresql-server, "+
		"brew install postgresql), or set %s to the folder of its programs, or %s to a server", binVariable, dsnVariable)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// somebody is who runs the server in place of root.
func somebody() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		who, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(who.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(who.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody: run the tests as another user")
}
