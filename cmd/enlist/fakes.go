package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/internal/durable"
	"github.com/enlist-go/enlist/internal/fakes"
)

const fakesHelp = `Serves fakes of Mixin, QuickBlox, FusionAuth and User.com on loopback until it
is interrupted (SIGINT or SIGTERM). They keep their users in memory. They
enforce the vendors' rules: signatures, tokens, required and unique values.

When all fakes serve, it prints one JSON object on one line:

  {"mixin":      {"url", "keystore"},
   "quickblox":  {"url", "application_id", "auth_key", "auth_secret",
                  "api_key"},
   "fusionauth": {"url", "api_key", "tenant_id"},
   "usercom":    {"url", "api_key"},
   "ca_file":    the PEM file to trust, with --tls; it is removed at the end}

The credentials work only at these fakes. Give the line to other commands with
--vendors FILE. To trust the PEM file:
  Node.js            NODE_EXTRA_CA_CERTS
  Python's requests  REQUESTS_CA_BUNDLE
  curl               --cacert
  Go on Linux        SSL_CERT_FILE

--fault ` + fakes.FaultForm + ` makes a fake fail on purpose:
  OPERATION  create, session, lookup, attributes or delete
  MOMENT     before-read, before-commit or after-commit
  ACTION     reset, hangup, stall, truncate, or respond with a status, such as
             respond=503
  TIMES      how often; default 1; -1 for all further requests
For example, fusionauth:create:after-commit:reset:3 loses the replies to three
creates.

--report FILE is written at the end, also after SIGTERM. It has, for each
vendor, the numbers of users, of creates, of creates for users that existed
already, and of requests that --rate refused.

  {"quickblox": {"users", "creates", "duplicates", "rate_limited"}, ...}

Exit codes:
  0  ended by a signal or by --for
  1  could not serve, or could not write the report
  2  wrong flags
`

func newFakes(env *environment) *cobra.Command {
	options := fakes.Options{Addresses: map[string]string{}}
	addresses := map[string]*string{}
	var lasts time.Duration
	var faults []string
	var report string
	c := &cobra.Command{
		Use:     "fakes",
		Short:   "Serves fakes of the four vendors on this machine",
		Long:    fakesHelp,
		Example: "  enlist fakes > vendors.json &\n  until [ -s vendors.json ]; do sleep 0.1; done\n  enlist create --vendors vendors.json --email ada@example.com --to usercom",
		Args:    noArgs,
	}
	flags := c.Flags()
	for _, name := range fakes.Names() {
		addresses[name] = flags.String(name, "127.0.0.1:0", "the loopback `address` of this fake, such as 127.0.0.1:7001; port 0 is any free port; \"\" leaves the fake out")
	}
	flags.BoolVar(&options.TLS, "tls", false, "serve HTTPS, with a new certificate for 127.0.0.1, ::1 and localhost")
	flags.DurationVar(&lasts, "for", 0, "stop after this time, such as 10m; 0 is never")
	flags.DurationVar(&options.Latency, "latency", 0, "wait this long before every answer")
	flags.Float64Var(&options.Rate, "rate", 0, "the requests a second that each fake accepts; it answers others with 429. The burst is one second's worth. 0 is no limit")
	flags.StringVar(&report, "report", "", "write a report to this `file` at the end")
	flags.StringArrayVar(&faults, "fault", nil, "a `fault`, as described above; may be repeated")
	c.RunE = func(c *cobra.Command, _ []string) error {
		for name, address := range addresses {
			options.Addresses[name] = *address
		}
		if err := options.Check("--"); err != nil {
			return usageError("%w", err)
		}
		for _, text := range faults {
			fault, err := fakes.ParseFault(text)
			if err == nil && options.Addresses[fault.Vendor] == "" {
				err = fmt.Errorf("the fake of %s is left out", fault.Vendor)
			}
			if err != nil {
				return usageError("--fault %s: %w", text, err)
			}
			options.Faults = append(options.Faults, fault)
		}
		switch {
		case lasts < 0:
			return usageError("--for must not be negative")
		case options.Latency < 0:
			return usageError("--latency must not be negative")
		case !(options.Rate >= 0) || math.IsInf(options.Rate, 0):
			return usageError("--rate must be a number of requests a second, or 0")
		}
		if report != "" {
			if dir, err := os.Stat(filepath.Dir(report)); err != nil || !dir.IsDir() {
				return usageError("--report: the folder does not exist")
			}
			if at, err := os.Stat(report); err == nil && !at.Mode().IsRegular() {
				return usageError("--report: must be a regular file or a new one")
			}
		}
		return env.serveFakes(c.Context(), options, lasts, report)
	}
	return c
}

// serveFakes starts the fakes, prints where they are, and waits.
func (env *environment) serveFakes(ctx context.Context, options fakes.Options, lasts time.Duration, report string) error {
	f, err := fakes.Start(options)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := env.out.Write(f.Announcement()); err != nil {
		return fmt.Errorf("cannot print where the fakes are: %w", err)
	}
	if lasts > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lasts)
		defer cancel()
	}
	<-ctx.Done()
	f.Close()
	if report == "" {
		return nil
	}
	text, err := json.Marshal(f.Stats())
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if err := durable.Replace(report, text, func(string) {}); err != nil {
		return fmt.Errorf("the report cannot be written (%w). Its text:\n%s", err, text)
	}
	return nil
}
