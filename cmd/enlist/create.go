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

const createHelp = `Creates one user at each configured vendor, and says for each whether the user
now exists. If the user is invalid for one vendor, it is sent to none.

Run the command again with the same flags at any time: it creates the user only
where the first run did not. How it recognizes the user:

  FusionAuth  By id, username, e-mail address, and phone number to log in with.
              The id is made from --external-id, or else from the key. A user
              that has all the values that you gave is reported as existing,
              and is not changed. If a user has only some of them, the create
              is refused.
  QuickBlox   The same, by login, e-mail address and external id.
  User.com    By external id; nothing else is unique there. A user that has it,
              and the e-mail address and phone number that you gave, is reported
              as existing, and its custom values and lists are written.
              Without --external-id, a user that has the e-mail address, or else
              the phone number, is not changed. Its id is printed, with exit
              code 3. --new creates another user.
  Mixin       Not at all: each create makes a new user, and costs money.
              --session-keys stores the keys of the new users, and knows which
              users were created. A user with only a name needs --key or --new.

--new skips the search for an existing user, and uses a new key: each run
creates one more user.

Exit codes; if several apply, the highest:
  0  the user exists at every vendor
  1  it could not run, or the credentials or the address are wrong
  2  wrong use; nothing was sent
  3  a vendor refused the user, or already has one
  4  something is left: run the same command again
  5  the user may exist: look at the vendor before you run it again
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
		Short: "Creates one user at each vendor; safe to run again",
		Long:  createHelp + variablesHelp,
		Example: `  enlist create --fakes --email ada@example.com --name "Ada Lovelace" \
    --password-file password.txt
  enlist create --to fusionauth,usercom --email ada@example.com --plan`,
		Args: noArgs,
	}
	f.userFlags.add(c.Flags())
	f.addCreate(c.Flags())
	f.format.add(c.Flags())
	c.Flags().BoolVar(&f.plan, "plan", false, "show what would be sent, with secrets redacted, and send nothing")
	c.Flags().BoolVar(&f.new, "new", false, "create one more user, also if this user exists already")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c, env) }
	return c
}

// noArgs refuses arguments. It does not show them: one may be a password.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("expected flags only, got another argument; see %s --help", c.CommandPath())
	}
	return nil
}

func (f *createFlags) run(c *cobra.Command, env *environment) error {
	req, err := f.request(c.Context(), env, c.Flags())
	if f.new && req.IdempotencyKey != "" {
		err = errors.Join(err, errors.New("--new makes its own key: leave out --key, and idempotency_key in --in"))
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

// A created is one vendor's part of a create: the request and, after the create, its result. failure is
// its Err.
type created struct {
	vendors.Client
	provision.Result
	request userapi.CreateUserRequest
	// oneMore is set if an existing user is not to be looked for.
	oneMore bool
	// unmapped are the fields that the vendor cannot store.
	unmapped []string
	failure  *userapi.Error
	// keyFile is the file with the session key of Mixin's user, if it is kept.
	keyFile string
	// untried is set if nothing was sent because another vendor cannot take the user.
	untried bool
}

// A createJob has the creates of one run, one for each vendor.
type createJob []*created

// job prepares a create at each client.
func (f *createFlags) job(clients []vendors.Client, req userapi.CreateUserRequest) (job createJob, err error) {
	var faults []error
	var called []string
	for _, c := range clients {
		called = append(called, c.Vendor)
		r := &created{Client: c, request: req, oneMore: f.new || f.fakes}
		where := c.Vendor + " " + c.At
		switch c.Vendor {
		case fusionauth.Name: // the id is unique over all tenants
			where += " " + c.Owner
		case mixin.Name: // it has several addresses, and one directory may serve several applications
			where = c.Vendor + " " + strings.ToLower(c.Owner)
		}
		switch {
		case f.new, f.fakes && req.IdempotencyKey == "":
			r.request.IdempotencyKey = rand.Text()
		case req.IdempotencyKey == "":
			r.request.IdempotencyKey = defaultKey(req, where)
		case c.Vendor == mixin.Name: // the directory of keys identifies a user by this key alone
			key := req.IdempotencyKey
			if canonical, isUUID := uuid.Canonical(key); isUUID {
				key = canonical
			}
			r.request.IdempotencyKey = keyOf(where, "key", key)
		}
		switch {
		case c.Vendor == mixin.Name && r.request.IdempotencyKey == "":
			faults = append(faults, errors.New("mixin: a name alone does not identify this user, and a second one costs money: set --key, so that a second run recognizes the create, or --new for one more user"))
		case c.Vendor == usercom.Name && !r.oneMore && req.ExternalID+req.Email+req.Phone == "":
			faults = append(faults, errors.New("usercom: cannot be asked whether this user exists: set --email or --external-id, or --new for one more user"))
		}
		if c.Vendor == mixin.Name && !f.fakes {
			r.keyFile = mixin.KeyDir(f.sessionKeys).Path(r.request.IdempotencyKey)
		}
		job = append(job, r)
	}
	return job, errors.Join(append(faults, checkCalled(req, called))...)
}

// create checks the user for every vendor. If each accepts it, create creates it at all of them at once.
func (job createJob) create(ctx context.Context) createJob {
	sound := true
	for _, r := range job {
		r.Target = r.Vendor
		strict := r.request
		strict.Strict = true
		preflighter, _ := userapi.Ability[userapi.Preflighter](r)
		if err := preflighter.PreflightUser(strict); err != nil { // Strict finds the fields that cannot be stored
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
	if !r.oneMore {
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

// id returns the id of a user that exists or may exist.
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
