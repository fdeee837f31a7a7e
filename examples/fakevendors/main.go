// Fakevendors serves fakes of Mixin, QuickBlox, FusionAuth and User.com on this
// machine until it is interrupted, for programs in any language: point a vendor's
// own client library, curl or a test suite at them.
//
// As soon as all of them serve it prints one JSON object, with each fake's address
// and the credentials that it accepts. Run it with -h for the flags.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `Usage: fakevendors [flags]

Serves fakes of Mixin, QuickBlox, FusionAuth and User.com on loopback until it is
interrupted (SIGINT or SIGTERM). They keep their users in memory and enforce what
the vendors enforce: signatures, tokens, required members, unique ones.

  -mixin address        where to serve each fake: a host and port on loopback, such
  -quickblox address    as 127.0.0.1:7001. Port 0, the default, takes a free one;
  -fusionauth address   "" leaves the fake out.
  -usercom address
  -tls                  serve HTTPS, with a certificate for 127.0.0.1, ::1 and
                        localhost that is made at the start
  -for duration         stop after that time, such as 10m; 0, the default, is never

One JSON object is printed on one line once all fakes serve:

  {"mixin":      {"url", "keystore"},
   "quickblox":  {"url", "application_id", "auth_key", "auth_secret", "api_key"},
   "fusionauth": {"url", "api_key", "tenant_id"},
   "usercom":    {"url", "api_key"},
   "ca_file":    the PEM file to trust, with -tls; it is removed at the end}

The credentials are good at these fakes alone. Node.js trusts the file by
NODE_EXTRA_CA_CERTS, Python's requests by REQUESTS_CA_BUNDLE, curl by --cacert, Go
on Linux by SSL_CERT_FILE.

Exit codes: 0 stopped by a signal or by -for; 1 could not serve; 2 wrong flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	addr   map[string]*string // by vendor
	tls    bool
	lasts  time.Duration
	served []fake
}

// run serves until ctx is done, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "fakevendors: %v; see fakevendors -h\n", err)
		return 2
	}
	if err := serve(ctx, opts, stdout); err != nil {
		fmt.Fprintln(stderr, "fakevendors:", err)
		return 1
	}
	return 0
}

func parse(args []string) (*options, error) {
	opts := &options{addr: map[string]*string{}}
	fs := flag.NewFlagSet("fakevendors", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	for _, f := range fakes {
		opts.addr[f.name] = fs.String(f.name, "127.0.0.1:0", "")
	}
	fs.BoolVar(&opts.tls, "tls", false, "")
	fs.DurationVar(&opts.lasts, "for", 0, "")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("expected flags only, got the argument %q", fs.Arg(0))
	}
	if opts.lasts < 0 {
		return nil, errors.New("-for must not be negative")
	}
	for _, f := range fakes {
		addr := *opts.addr[f.name]
		if addr == "" {
			continue
		}
		if err := checkLoopback(addr); err != nil {
			return nil, fmt.Errorf("-%s: %w", f.name, err)
		}
		opts.served = append(opts.served, f)
	}
	if len(opts.served) == 0 {
		return nil, errors.New("every fake is left out: nothing to serve")
	}
	return opts, nil
}

// serve starts the fakes, tells where they are, and waits.
func serve(ctx context.Context, opts *options, stdout io.Writer) error {
	var secure *authority
	announced := map[string]any{}
	if opts.tls {
		var err error
		if secure, err = newAuthority(time.Now()); err != nil {
			return err
		}
		file, remove, err := secure.writeFile()
		if err != nil {
			return err
		}
		defer remove()
		announced["ca_file"] = file
	}
	for _, f := range opts.served {
		listener, url, err := listen(*opts.addr[f.name], secure)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		about, stop, err := f.start(listener, url)
		if err != nil {
			_ = listener.Close()
			return fmt.Errorf("%s: %w", f.name, err)
		}
		defer stop()
		announced[f.name] = about
	}
	if err := json.NewEncoder(stdout).Encode(announced); err != nil {
		return fmt.Errorf("cannot tell where the fakes are: %w", err)
	}
	if opts.lasts > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opts.lasts)
		defer cancel()
	}
	<-ctx.Done()
	return nil
}
