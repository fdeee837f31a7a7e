// Fakevendors serves fakes of Mixin, QuickBlox, FusionAuth and User.com on this
// machine until it is interrupted, for programs in any language: point a vendor's
// own client library, curl or a test suite at them.
//
// As soon as all of them serve it prints one JSON object, with each fake's address
// and the credentials that it accepts. Run it with -h for the flags; enlist fakes has more. A Go
// program starts a fake by itself: see quickbloxtest and its siblings.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/enlist-go/enlist/internal/fakes"
)

const usage = `Usage: fakevendors [flags]

Serves fakes of Mixin, QuickBlox, FusionAuth and User.com on loopback until
SIGINT or SIGTERM. They keep their users in memory and enforce what the vendors
enforce: signatures, tokens, required members, unique ones.

  -mixin address        where to serve each fake: a host and port on loopback,
  -quickblox address    such as 127.0.0.1:7001. Port 0, the default, takes a
  -fusionauth address   free one; "" leaves the fake out.
  -usercom address
  -tls                  serve HTTPS, with a certificate for 127.0.0.1, ::1 and
                        localhost that is made at the start
  -for duration         stop after that time, such as 10m; 0, the default, does
                        not stop

When all fakes serve, one JSON object is printed on one line:

  {"mixin":      {"url", "keystore"},
   "quickblox":  {"url", "application_id", "auth_key", "auth_secret",
                  "api_key"},
   "fusionauth": {"url", "api_key", "tenant_id"},
   "usercom":    {"url", "api_key"},
   "ca_file":    the PEM file to trust, with -tls; it is removed at the end}

The credentials work at these fakes only. Node.js trusts the file by
NODE_EXTRA_CA_CERTS, Python's requests by REQUESTS_CA_BUNDLE, curl by --cacert,
Go on Linux by SSL_CERT_FILE.

Exit codes: 0 stopped by a signal or by -for; 1 could not serve; 2 wrong flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run serves until ctx is done, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, lasts, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "fakevendors: %v; see fakevendors -h\n", err)
		return 2
	}
	if lasts > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lasts)
		defer cancel()
	}
	if err := serve(ctx, opts, stdout); err != nil {
		fmt.Fprintln(stderr, "fakevendors:", err)
		return 1
	}
	return 0
}

func parse(args []string) (opts fakes.Options, lasts time.Duration, err error) {
	fs := flag.NewFlagSet("fakevendors", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	addresses := map[string]*string{}
	for _, name := range fakes.Names() {
		addresses[name] = fs.String(name, "127.0.0.1:0", "")
	}
	fs.BoolVar(&opts.TLS, "tls", false, "")
	fs.DurationVar(&lasts, "for", 0, "")
	err = fs.Parse(args)
	switch {
	case err != nil:
		return opts, lasts, err
	case fs.NArg() > 0:
		return opts, lasts, fmt.Errorf("expected flags only, got the argument %q", fs.Arg(0))
	case lasts < 0:
		return opts, lasts, errors.New("-for must not be negative")
	}
	opts.Addresses = map[string]string{}
	for name, address := range addresses {
		opts.Addresses[name] = *address
	}
	return opts, lasts, opts.Check("-")
}

// serve starts the fakes, tells where they are, and waits.
func serve(ctx context.Context, opts fakes.Options, stdout io.Writer) error {
	f, err := fakes.Start(opts)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := stdout.Write(f.Announcement()); err != nil {
		return fmt.Errorf("cannot tell where the fakes are: %w", err)
	}
	<-ctx.Done()
	return nil
}
