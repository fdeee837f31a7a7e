package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/progress"
	"github.com/enlist-go/enlist/internal/fakes"
)

const twoTargets = "  identity: {vendor: fusionauth}\n  chat: {vendor: quickblox, after: [identity]}\n"

// kills is how often an import is killed in BenchmarkImport.
const kills = 20

// BenchmarkImport imports b.N people at two vendors, one after the other, into SQLite, by the command
// in a process of its own that is killed 20 times. It fails where anybody is lost or doubled. Then
// it imports the same again.
func BenchmarkImport(b *testing.B) {
	f := fakesOf(b, fakes.Options{})
	dir := job(b, f, twoTargets, b.N)
	b.ResetTimer()
	for i := range kills {
		cmd := command(b, dir, "import", "people.csv", "--vendors", "vendors.json", "--progress", "none")
		require.NoError(b, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for f.Stats()["quickblox"].Users < (i+1)*b.N/(kills+1) {
			select {
			case err := <-ended:
				b.Fatalf("it ended by itself: %v", err)
			case <-time.After(time.Millisecond):
			}
		}
		require.NoError(b, cmd.Process.Kill())
		<-ended
	}
	last := measure(b, dir, "import", "people.csv", "--vendors", "vendors.json", "--progress", "none")
	stats := f.Stats()
	for _, vendor := range []string{"fusionauth", "quickblox"} {
		if s := stats[vendor]; s.Users != b.N || s.Creates != b.N || s.Duplicates != 0 {
			b.Errorf("%s has %d users of %d rows, by %d creates", vendor, s.Users, b.N, s.Creates)
		}
	}
	b.StopTimer()
	again := measure(b, dir, "import", "people.csv", "--vendors", "vendors.json", "--progress", "none")
	status := measure(b, dir, "status", strconv.Itoa(b.N-1))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(max(last.megabytes, again.megabytes), "MB")
	b.ReportMetric(float64(b.N)/again.took.Seconds(), "again-rows/s")
	b.ReportMetric(float64(status.took.Milliseconds()), "open-ms")
}

// BenchmarkCheck checks b.N rows at two vendors.
func BenchmarkCheck(b *testing.B) {
	dir := job(b, fakesOf(b, fakes.Options{}), twoTargets, b.N)
	b.ResetTimer()
	ran := measure(b, dir, "check", "people.csv")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(ran.megabytes, "MB")
}

// BenchmarkLimit imports b.N people at a vendor that takes 100 requests a second, and is thought to
// take so many, or more. What is reported is of the time after the first 10 s.
func BenchmarkLimit(b *testing.B) {
	for _, perSecond := range []int{100, 130, 400} {
		b.Run(fmt.Sprint("per_second=", perSecond), func(b *testing.B) {
			f := fakesOf(b, fakes.Options{Rate: 100, Latency: 20 * time.Millisecond})
			dir := job(b, f, fmt.Sprintf("  identity: {vendor: fusionauth, per_second: %d}\n", perSecond), b.N)
			cmd := command(b, dir, "import", "people.csv", "--vendors", "vendors.json", "--progress", "json")
			told, err := cmd.StderrPipe()
			require.NoError(b, err)
			b.ResetTimer()
			require.NoError(b, cmd.Start())
			var first, last progress.Now
			for lines := bufio.NewScanner(told); lines.Scan(); {
				var now progress.Now
				if json.Unmarshal(lines.Bytes(), &now) != nil {
					continue // words for people
				}
				if last = now; first.Elapsed < 10*time.Second {
					first = now
				}
			}
			require.NoError(b, cmd.Wait())
			from, to := first.Targets[0], last.Targets[0]
			users, refused := float64(to.Rows-from.Rows), float64(to.RateLimited-from.RateLimited)
			b.ReportMetric(users/(last.Elapsed-first.Elapsed).Seconds(), "users/s")
			b.ReportMetric(100*refused/(users+refused), "%429")
		})
	}
}

func fakesOf(b *testing.B, o fakes.Options) *fakes.Fakes {
	b.Helper()
	o.Addresses = map[string]string{"mixin": "", "usercom": ""}
	f, err := fakes.Start(o)
	require.NoError(b, err)
	b.Cleanup(f.Close)
	return f
}

// job writes what an import of n people needs.
func job(b *testing.B, f *fakes.Fakes, targets string, n int) (dir string) {
	b.Helper()
	dir = b.TempDir()
	var people strings.Builder
	people.WriteString("key,username,email,password,full_name\n")
	for i := range n {
		fmt.Fprintf(&people, "%d,user%d,user%d@example.org,Secret-of-%d,User Number %d\n", i, i, i, i, i)
	}
	for name, text := range map[string]string{
		"vendors.json": string(f.Announcement()), "people.csv": people.String(),
		"enlist.yaml": "job: spring\ntargets:\n" + targets,
	} {
		require.NoError(b, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// command is the command in a process of its own.
func command(b *testing.B, dir string, args ...string) *exec.Cmd {
	b.Helper()
	text, err := json.Marshal(args)
	require.NoError(b, err)
	self, err := os.Executable()
	require.NoError(b, err)
	cmd := exec.CommandContext(b.Context(), self, "-test.run=^TestProcess$")
	cmd.Env = append(os.Environ(), processVariable+"="+string(text))
	cmd.Dir = dir
	return cmd
}

type measured struct {
	took      time.Duration
	megabytes float64 // of memory, at most
}

// measure runs the command to its end.
func measure(b *testing.B, dir string, args ...string) measured {
	b.Helper()
	return measureCommand(b, command(b, dir, args...))
}

func measureCommand(b *testing.B, cmd *exec.Cmd) (m measured) {
	b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	require.NoError(b, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			require.NoError(b, err, out.String())
			m.took = time.Since(begun)
			return m
		case <-time.After(10 * time.Millisecond):
			m.megabytes = max(m.megabytes, mostMegabytes(cmd.Process.Pid))
		}
	}
}

// mostMegabytes is how much memory a process has had at most, by Linux; 0 where that is not known.
func mostMegabytes(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
	_, text, _ = bytes.Cut(text, []byte("VmHWM:"))
	var kilobytes float64
	_, _ = fmt.Sscanf(string(text), "%g", &kilobytes)
	return kilobytes / 1024
}
