//go:build unix

package sqltest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// BenchmarkRun measures bulk.Run on SQLite at two vendors, one after the other, with 32 creates at
// once at each, beside a loop that creates the same users without a ledger. The vendors take
// 50 ms for each answer, or none at all: then the processors bound both. An operation is a row.
func BenchmarkRun(b *testing.B) {
	for _, latency := range []time.Duration{50 * time.Millisecond, 0} {
		for _, way := range []string{"loop", "Run", "Run again"} {
			b.Run(fmt.Sprintf("vendors=%v/%s", latency, strings.ReplaceAll(way, " ", "-")), func(b *testing.B) {
				identity, chat := vendorsOf(b, latency)
				if way == "loop" {
					loop(b, identity, chat)
				} else {
					run(b, identity, chat, way == "Run again")
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

const atOnce = 32

func vendorsOf(b *testing.B, latency time.Duration) (identity, chat userapi.Creator) {
	b.Helper()
	o := userapitest.ServerOptions{Latency: latency, Unrecorded: true}
	first := fusionauthtest.NewServer(b, fusionauthtest.WithHTTP(o))
	second := quickbloxtest.NewServer(b, quickbloxtest.WithHTTP(o))
	f, err := fusionauth.New(first.Config())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(f.CloseIdleConnections)
	q, err := quickblox.New(second.Config())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(q.CloseIdleConnections)
	return f, q
}

// loop is what one writes without a ledger: two stages, with so many creates at once in each.
func loop(b *testing.B, identity, chat userapi.Creator) {
	b.Helper()
	rows, made := make(chan userapi.CreateUserRequest, atOnce), make(chan userapi.CreateUserRequest, atOnce)
	stage := func(c userapi.Creator, from, to chan userapi.CreateUserRequest) {
		var all sync.WaitGroup
		for range atOnce {
			all.Go(func() {
				for req := range from {
					if _, err := c.CreateUser(b.Context(), req); err != nil {
						b.Error(err)
					}
					if to != nil {
						to <- req
					}
				}
			})
		}
		all.Wait()
		if to != nil {
			close(to)
		}
	}
	b.ResetTimer()
	go func() {
		for i := range b.N {
			name := strconv.Itoa(i)
			rows <- userapi.CreateUserRequest{IdempotencyKey: "spring/" + name, Username: "user" + name, Password: "Secret-of-the-row"}
		}
		close(rows)
	}()
	go stage(identity, rows, made)
	stage(chat, made, nil)
}

func run(b *testing.B, identity, chat userapi.Creator, again bool) {
	b.Helper()
	ledger, db := newSQLite(b, "WAL").ledger(b)
	db.SetMaxIdleConns(8)
	p, err := provision.New(provision.Group(ledger), []provision.Target{
		{Name: "identity", Creator: identity}, {Name: "chat", Creator: chat, After: []string{"identity"}},
	}, provision.RequestKeys("sixteen bytes ok"))
	if err != nil {
		b.Fatal(err)
	}
	do := func() {
		var input strings.Builder
		input.WriteString("key,username,password\n")
		for i := range b.N {
			fmt.Fprintf(&input, "%d,user%d,Secret-of-the-row\n", i, i)
		}
		job := bulk.Job{Name: "spring", Lanes: map[string]bulk.Lane{"identity": {Concurrency: atOnce}, "chat": {Concurrency: atOnce}}}
		report, err := bulk.Run(context.WithoutCancel(b.Context()), p, job, bulk.CSV(strings.NewReader(input.String()), bulk.CSVOptions{}))
		if err != nil || report.RowsDone != int64(b.N) {
			b.Fatal(err, report)
		}
	}
	if again {
		do()
	}
	b.ResetTimer()
	do()
}
