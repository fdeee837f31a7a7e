//go:build unix

package pgserver

import (
	"bufio"
	"context"
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
	"time"
)

const (
	dsnVariable = "ENLIST_POSTGRES_DSN"
	binVariable = "ENLIST_POSTGRES_BIN"
	// keeperVariable makes this program the keeper of a server.
	keeperVariable = "ENLIST_TEST_POSTGRES_KEEPER"
	// startWithin is how long PostgreSQL may take to start.
	startWithin = time.Minute
)

// A Server is a PostgreSQL server that runs for the tests of one process. Its keeper is a
// process of its own, which ends the server when that one has ended, however that was. It is
// safe for concurrent use.
type Server struct {
	mu      sync.Mutex
	dsn     string
	in      io.WriteCloser
	out     *bufio.Reader
	process *exec.Cmd
}

var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Main is for TestMain: it runs the tests, or is the keeper of a server of other tests. It ends
// the process.
func Main(m interface{ Run() int }) {
	if os.Getenv(keeperVariable) != "" {
		keep()
		return
	}
	code := m.Run()
	if shared.server != nil {
		shared.server.End()
	}
	os.Exit(code)
}

// DSN says how to connect to the server that the tests of a process share: the one that
// $ENLIST_POSTGRES_DSN names, or one that is started for them.
func DSN() (string, error) {
	if dsn := os.Getenv(dsnVariable); dsn != "" {
		return dsn, nil
	}
	shared.once.Do(func() { shared.server, shared.err = Start() })
	if shared.err != nil {
		return "", shared.err
	}
	return shared.server.dsn, nil
}

// Start starts a keeper, and a server by it. The program's TestMain must call Main.
func Start() (*Server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &Server{process: exec.CommandContext(context.Background(), self)} //nolint:gosec // it is this program
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
		s.End()
		return nil, err
	}
	if err = s.Again(); err != nil {
		s.End()
		return nil, err
	}
	return s, nil
}

// DSN says how to connect.
func (s *Server) DSN() string { return s.dsn }

// Kill ends the server as a power cut would, but for what the system has not yet written to the
// disk: all its processes, in the middle of what they do.
func (s *Server) Kill() error {
	_, err := s.ask("kill")
	return err
}

// Stop ends the server at once, as pg_ctl stop -m immediate does.
func (s *Server) Stop() error {
	_, err := s.ask("stop")
	return err
}

// Again starts the server that was ended.
func (s *Server) Again() error {
	_, err := s.ask("start")
	return err
}

// ask gives the keeper an order and returns its answer.
func (s *Server) ask(order string) (string, error) {
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

// End ends the server permanently and waits for it.
func (s *Server) End() {
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
		case "stop":
			k.stop()
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
	cmd := exec.CommandContext(context.Background(), filepath.Join(k.bin, name), args...) //nolint:gosec // a program of PostgreSQL
	cmd.Dir = k.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: k.as, Setpgid: true}
	// Nothing of the caller's own set-up is to be taken as this server's.
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
	if err := k.reach(ctx); err != nil {
		_ = k.postgres.Process.Kill()
		<-k.ended
		k.postgres = nil
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w; it said: %s", err, said)
	}
	return nil
}

// reach waits until the server says that it answers.
func (k *keeper) reach(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		// The first line is the process, and the eighth what pg_ctl waits for.
		text, err := os.ReadFile(filepath.Join(k.data(), "postmaster.pid"))
		lines := strings.Split(string(text), "\n")
		if err == nil && len(lines) > 7 && lines[0] == strconv.Itoa(k.postgres.Process.Pid) && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the server does not answer")
		}
	}
}

// kill kills all processes of the server.
func (k *keeper) kill() error {
	// It is stopped first, so that it has no more children than those listed.
	if err := k.postgres.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	out, err := exec.CommandContext(context.Background(), "ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return fmt.Errorf("ps: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		var pid, parent int
		if n, _ := fmt.Sscan(line, &pid, &parent); n == 2 && parent == k.postgres.Process.Pid {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	err = k.postgres.Process.Kill()
	<-k.ended
	k.postgres = nil
	return err
}

// stop is an immediate shutdown, by which the server frees its shared memory.
func (k *keeper) stop() {
	if k.postgres == nil {
		return
	}
	_ = k.postgres.Process.Signal(syscall.SIGQUIT)
	over := time.AfterFunc(10*time.Second, func() { _ = k.postgres.Process.Kill() })
	<-k.ended
	over.Stop()
	k.postgres = nil
}

func (k *keeper) end() {
	k.stop()
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
	if out, err := exec.CommandContext(context.Background(), "pg_config", "--bindir").Output(); err == nil {
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
	info, err := os.Stat(path) //nolint:gosec // it is where the person who runs the tests says
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
