// Webapp is a sign-up form: it creates each person at an identity provider and at a chat, and the page says what
// became of it, also where a vendor's reply was lost. main.go has the parts, form.go the pages, and
// vendors.go the vendors, which are fakes on this machine.
//
//	go -C examples/webapp run .
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/trace"
	_ "modernc.org/sqlite" // the driver

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
	"github.com/enlist-go/enlist/userapi/userapiotel"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: webapp [flags]")
		flag.PrintDefaults()
	}
	addr := flag.String("addr", "127.0.0.1:8080", "host and port to serve on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The fakes forget their users, and so does the example. In earnest the database stays.
	dir, err := os.MkdirTemp("", "webapp-")
	if err == nil {
		var listener net.Listener
		if listener, err = net.Listen("tcp", *addr); err == nil {
			fmt.Fprintf(os.Stderr, "webapp: http://%s\n", listener.Addr())
			err = run(ctx, listener, filepath.Join(dir, "signups.db"), os.Stdout, startFakes)
		}
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "webapp:", err)
		os.Exit(1)
	}
}

// requestKey fingerprints requests in the ledger. In earnest it is a secret, and stays the same as long as the ledger.
const requestKey = "an example's key is not secret"

// run serves until ctx ends or the listener fails, and then ends what is under way.
func run(ctx context.Context, listener net.Listener, file string, spans io.Writer, start startVendors) error {
	defer listener.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(spans), stdouttrace.WithPrettyPrint())
	if err != nil {
		return err
	}
	tracers := trace.NewTracerProvider(trace.WithBatcher(exporter))
	defer func() { _ = tracers.Shutdown(context.WithoutCancel(ctx)) }()
	traces := userapiotel.WithTracerProvider(tracers)

	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_pragma=synchronous(full)")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err = db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS people (signup TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL)"); err != nil {
		return err
	}
	table, err := sqlledger.Open(ctx, db, sqlledger.SQLite, sqlledger.CreateTable())
	if err != nil {
		return err
	}
	ledger := userapiotel.Ledger(table, traces)

	vendors, err := start(traces)
	if err != nil {
		return err
	}
	defer vendors.close()
	p, err := provision.New(ledger, []provision.Target{
		{Name: "identity", Creator: vendors.identity},
		{Name: "chat", Creator: vendors.chat, After: []string{"identity"}}, // nobody chats whose address is taken
	},
		provision.RequestKeys(requestKey),
		provision.Budget(3*time.Second), // a page has to answer; Resume has all the time it needs
		userapiotel.Runs(traces))
	if err != nil {
		return err
	}

	a := &app{db: db, ledger: ledger, p: p}
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	var background sync.WaitGroup
	background.Go(func() { a.resume(ctx, vendors.every) })
	background.Go(func() {
		<-ctx.Done()
		over, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second) // more than the Budget
		defer stop()
		_ = server.Shutdown(over)
	})
	err = server.Serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	cancel()
	background.Wait()
	return err
}

// resume goes on, now and then, with what a run left open: vendors failed, or the process was killed.
func (a *app) resume(ctx context.Context, every time.Duration) {
	for ctx.Err() == nil {
		for _, err := range a.p.Resumes(ctx, a.load) { // what came of each is in its trace, and on its page
			if err != nil && ctx.Err() == nil {
				log.Print("resume: ", err)
			}
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
		}
	}
}

// load gives a request back, which the ledger does not have. Nobody keeps the password: a user that is yet to be created gets
// one that nobody knows, and the person a link to set their own.
func (a *app) load(ctx context.Context, key string) (userapi.CreateUserRequest, error) {
	req := userapi.CreateUserRequest{IdempotencyKey: key, Password: userapi.Secret(rand.Text())}
	err := a.db.QueryRowContext(ctx, "SELECT name, email FROM people WHERE signup = ?", key).Scan(&req.FullName, &req.Email)
	return req, err
}

// keep writes down who signs up, before anything is sent.
func (a *app) keep(ctx context.Context, req userapi.CreateUserRequest) error {
	_, err := a.db.ExecContext(ctx, "INSERT OR REPLACE INTO people (signup, name, email) VALUES (?, ?, ?)", req.IdempotencyKey, req.FullName, req.Email)
	return err
}
