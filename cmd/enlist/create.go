package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/usercom"
)

const createHelp = `Creates one user at every vendor that is configured, and says of each whether
the user now exists. A user that one of the vendors could not take is created at
none of them.

Run again with the same flags it creates nobody twice, and creates the user
where the first run did not:
  FusionAuth  The user's id follows from --external-id, or else from the key. An
              id, username, e-mail address or phone number to log in with that
              is taken is refused. A user who has all of those that were given
              is told as existing, and left as it is.
  QuickBlox   So it is with a login, e-mail address or external id.
  User.com    Only the external id is unique, so that the vendor is asked first.
              A user with the external id, and with the e-mail address and the
              phone number that were given, is told as existing, and its custom
              values and lists are written. Without an external id a user with
              the address, or else the number, is left alone, and its id told
              with exit code 3; --new creates another.
  Mixin       Each create is a new user who costs money. --session-keys keeps
              the user's keys, by the application and the key of the create, and
              knows what was created. A user with nothing but a name needs
              --key, or --new for one more.
--new asks nobody first and takes a key of its own: it is for one more user.

Exit codes: 0 all have users; 1 could not run, or the credentials or the address
are wrong; 2 wrong use, and nothing was sent; 3 a vendor refused the user, or
has one already; 4 something is left: run it again; 5 a user may exist, and a
person must find out. The highest that applies is the command's.
`

// createFlags are those of create.
type createFlags struct {
	userFlags
	vendorFlags
	format    formatFlag
	plan, new bool
}

func newCreate(env *environment) *cobra.Command {
	f := &createFlags{}
	c := &cobra.Command{
		Use:   "create",
		Short: "Creates one user at the vendors, once however often it is run",
		Long:  createHelp + variablesHelp,
		Example: `  enlist create --fakes --email ada@example.com --name "Ada Lovelace" \
    --password-file password.txt
  enlist create --to fusionauth,usercom --email ada@example.com --plan`,
		Args: noArgs,
	}
	f.userFlags.add(c.Flags())
	f.addCreate(c.Flags())
	f.format.add(c.Flags())
	c.Flags().BoolVar(&f.plan, "plan", false, "show what would be sent, secrets redacted, and send nothing")
	c.Flags().BoolVar(&f.new, "new", false, "create one more user, whoever is there")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c, env) }
	return c
}

// noArgs refuses arguments without showing them: one may be a password that lost its flag.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("expected flags only, got another argument; see %s --help", c.CommandPath())
	}
	return nil
}

func (f *createFlags) run(c *cobra.Command, env *environment) error {
	req, err := f.request(c.Context(), env, c.Flags())
	if f.new && req.IdempotencyKey != "" {
		err = errors.Join(err, errors.New("--new takes a key of its own: leave out --key, and idempotency_key in --in"))
	}
	if err = errors.Join(err, f.check()); err != nil {
		return &exitError{inputCode(err), fmt.Errorf("%w\nNothing was sent; see enlist create --help", err)}
	}
	clients, closeAll, err := f.connect(c.Context(), env, true)
	defer closeAll()
	if err != nil {
		return nothingSent(err)
	}
	job, err := f.job(clients, req)
	if err != nil {
		return nothingSent(err)
	}
	if f.plan {
		return ended(env.plan(job, f.format))
	}
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	return ended(env.report(job.create(ctx), f.format, f.fakes))
}

// nothingSent adds to an error that nothing was sent.
func nothingSent(err error) error {
	return &exitError{inputCode(err), fmt.Errorf("%w\nNothing was sent; no user was created", err)}
}

// inputCode is the exit code of an error of flags and of what they name: 2 unless it has its own.
func inputCode(err error) int {
	if known, ok := errors.AsType[*exitError](err); ok {
		return known.code
	}
	return exitUsage
}

// A created is one vendor's part of a create: what is asked for and, once it was tried, what became
// of it. Its Err is failure.
type created struct {
	vendors.Client
	provision.Result
	request userapi.CreateUserRequest
	// anew is whether one more user was asked for.
	anew bool
	// unmapped are the fields that the vendor cannot store.
	unmapped []string
	failure  *userapi.Error
	// keyFile is where the session key of Mixin's user stays, "" where it does not.
	keyFile string
	// untried is whether nothing was sent because another vendor cannot take the user.
	untried bool
}

// A createJob is what is to be done.
type createJob []*created

// job prepares a create at each client.
func (f *createFlags) job(clients []vendors.Client, req userapi.CreateUserRequest) (job createJob, err error) {
	var faults []error
	var called []string
	for _, c := range clients {
		called = append(called, c.Vendor)
		r := &created{Client: c, request: req, anew: f.new || f.fakes}
		where := c.Vendor + " " + c.At
		switch c.Vendor {
		case fusionauth.Name: // where an id is one user's, in whatever tenant
			where += " " + c.Owner
		case mixin.Name: // whose service has several addresses, and one directory may serve several applications
			where = c.Vendor + " " + strings.ToLower(c.Owner)
		}
		switch {
		case f.new, f.fakes && req.IdempotencyKey == "":
			r.request.IdempotencyKey = rand.Text()
		case req.IdempotencyKey == "":
			r.request.IdempotencyKey = defaultKey(req, where)
		case c.Vendor == mixin.Name: // where the key alone is what a directory knows a user by
			key := req.IdempotencyKey
			if canonical, isUUID := uuid.Canonical(key); isUUID {
				key = canonical
			}
			r.request.IdempotencyKey = keyOf(where, "key", key)
		}
		switch {
		case c.Vendor == mixin.Name && r.request.IdempotencyKey == "":
			faults = append(faults, errors.New("mixin: nothing tells this user from another one, who costs money: set --key, by which a second run knows it, or --new for one more"))
		case c.Vendor == usercom.Name && !r.anew && req.ExternalID+req.Email+req.Phone == "":
			faults = append(faults, errors.New("usercom: cannot be asked whether this user is there: set --email or --external-id, or --new for one more"))
		}
		if c.Vendor == mixin.Name && !f.fakes {
			r.keyFile = mixin.KeyDir(f.sessionKeys).Path(r.request.IdempotencyKey)
		}
		job = append(job, r)
	}
	return job, errors.Join(append(faults, checkCalled(req, called))...)
}

// create checks the user for every vendor and then, if each would take it, creates it at all of them
// at once.
func (job createJob) create(ctx context.Context) createJob {
	sound := true
	for _, r := range job {
		r.Target = r.Vendor
		strict := r.request
		strict.Strict = true
		preflighter, _ := userapi.Ability[userapi.Preflighter](r)
		if err := preflighter.PreflightUser(strict); err != nil { // which asks what cannot be stored
			for _, f := range asError(r.Vendor, err).FieldErrors {
				if f.Code == userapi.CodeUnsupported {
					r.unmapped = append(r.unmapped, f.Field)
				}
			}
		}
		if err := preflighter.PreflightUser(r.request); err != nil {
			r.failure, r.Disposition, sound = asError(r.Vendor, err), provision.DispositionNotSent, false
		}
	}
	var wg sync.WaitGroup
	for _, r := range job {
		if r.untried = !sound && r.failure == nil; sound {
			wg.Go(func() { r.ensure(ctx) })
		}
	}
	wg.Wait()
	return job
}

// ensure creates the user at one vendor.
func (r *created) ensure(ctx context.Context) {
	var opts []provision.EnsureOption
	found := false
	if !r.anew {
		opts = append(opts, provision.AdoptMatching())
		if c, ok := r.Creator.(*usercom.Client); ok {
			r.Result, found = lookFirst(ctx, c, r.request)
		}
	}
	if !found {
		r.Result, _ = provision.Ensure(ctx, r.Creator, r.request, opts...)
	}
	r.Target = r.Vendor
	if r.Err != nil {
		r.failure = asError(r.Vendor, r.Err)
	}
}

// id is the user's id, where one exists or may exist.
func (r *created) id() string {
	switch {
	case r.User != nil:
		return r.User.ID
	case r.failure == nil:
		return ""
	case r.failure.User != nil && r.failure.Outcome == userapi.OutcomeCreated:
		return r.failure.User.ID
	case r.failure.Code == codeFound, userapi.MayHaveCreated(r.failure):
		return r.failure.UserID
	}
	return ""
}
