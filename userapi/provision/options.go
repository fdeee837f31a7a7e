package provision

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

type options struct {
	adopt      bool
	maxCreates int
	grace      time.Duration
	patience   time.Duration
	budget     time.Duration
	resuming   time.Time // Ensure's own

	// A Provisioner's own.
	requestKeys []userapi.Secret
	lease       time.Duration
	failures    int
	pause       time.Duration
	parallel    int
	onRecord    func(Record)
	onRun       func(context.Context, string) (context.Context, func([]Result))
	alone       string // what owners begin with: the name, and what this Provisioner alone has
}

// defaults are documented at the options.
func defaults() options {
	return options{
		maxCreates: 3, grace: 15 * time.Second, patience: 5 * time.Second,
		lease: 2 * time.Minute, failures: 5, pause: 30 * time.Second, parallel: 8,
	}
}

// within bounds a call by the budget, which the grace does not prolong.
func (o options) within(ctx context.Context) (_ context.Context, cancel context.CancelFunc, grace time.Duration) {
	if o.budget == 0 {
		return ctx, func() {}, o.grace
	}
	ctx, cancel = context.WithTimeoutCause(ctx, o.budget, errBudget)
	return ctx, cancel, 0
}

var errBudget = fmt.Errorf("provision: the Budget is spent: %w", context.DeadlineExceeded)

// An EnsureOption changes what Ensure does.
type EnsureOption interface{ ensure(o *options) }

// An Option changes what a Provisioner does.
type Option interface{ provision(o *options) }

// A CommonOption is for both.
type CommonOption interface {
	EnsureOption
	Option
}

type commonOption func(*options)

func (f commonOption) ensure(o *options)    { f(o) }
func (f commonOption) provision(o *options) { f(o) }

type ensureOption func(*options)

func (f ensureOption) ensure(o *options) { f(o) }

type option func(*options)

func (f option) provision(o *options) { f(o) }

// AdoptMatching returns an existing user whose identity keys all equal the request's as
// DispositionExisting, instead of a conflict. The package's documentation says what
// that proves. At User.com a create with a taken user_id may have changed that user
// before the conflict was seen.
func AdoptMatching() CommonOption { return commonOption(func(o *options) { o.adopt = true }) }

// MaxCreates is how many creates Ensure sends at most, including the first. It does not
// count the client's own retries of creates that provably did not happen. The default
// is 3. With 1, or less, nothing is repeated.
func MaxCreates(n int) CommonOption {
	return commonOption(func(o *options) { o.maxCreates = max(n, 1) })
}

// Grace is how long Ensure may continue after the caller's context has ended, to
// resolve an unknown outcome and to do the second step. The default is 15 s. With 0 or
// less Ensure ends with the context.
func Grace(d time.Duration) CommonOption {
	return commonOption(func(o *options) { o.grace = max(d, 0) })
}

// Patience is how long a user must stay absent, after the last create ended without an
// answer, before Ensure reports that it does not exist: the vendor may still be working
// on a create whose caller has left. The default is 5 s. Give more if a vendor takes
// longer, such as FusionAuth with transactional webhooks. If the Grace ends first the
// outcome stays unknown. Ensure does not wait while the create can be repeated, because
// the vendor refuses the later of the two.
func Patience(d time.Duration) CommonOption {
	return commonOption(func(o *options) { o.patience = max(d, 0) })
}

// Budget bounds a whole call of Ensure or CreateUser, for a page that has to answer in
// time. The call returns within d, or when the caller's context ends if that is sooner.
// Grace does not prolong it. The default is no bound, and so is 0 or less.
//
//   - What is unknown by then stays unknown. A later Resume, which has no budget,
//     resolves it; after Ensure use Resuming.
//   - Give twice the time that the vendor needs for a create. A create that had half of
//     the budget and no answer counts as a failure for Pause.
//   - The result is always recorded: a ledger that does not answer may delay the call
//     by another half a minute.
func Budget(d time.Duration) CommonOption {
	return commonOption(func(o *options) { o.budget = max(d, 0) })
}

// Resuming is for an earlier call with the same request and key, whose outcome is not
// known. started is when it began, by this machine's clock. Ensure then asks first, and
// creates only where it would repeat a create. The zero time changes nothing.
func Resuming(started time.Time) EnsureOption {
	return ensureOption(func(o *options) { o.resuming = started })
}

// RequestKeys are the keys of the fingerprints, each of 16 bytes or more. By a
// fingerprint a Provisioner finds out whether an IdempotencyKey is used again with
// another request. A fingerprint is an HMAC-SHA-256 of the request without its
// passwords. It shows nothing of the request to a reader of the ledger who does not
// have the keys.
//
// Fingerprints are made with newest. older are keys of fingerprints that the ledger may
// still have. Every process on one ledger must have the same keys. New requires this
// option for every ledger except Memory.
func RequestKeys(newest userapi.Secret, older ...userapi.Secret) Option {
	return option(func(o *options) { o.requestKeys = append([]userapi.Secret{newest}, slices.Clone(older)...) })
}

// Lease is how long a run holds a target that it is creating, the Grace included. After
// that another run takes the target over. The default is 2 min. It must be positive,
// and at least twice the Grace and twice the Patience.
//
// After a crash, on a ledger that several processes share, such a target waits until
// its lease ends. The clocks of those processes may differ by up to the Lease. With a
// larger difference one may disturb another: this costs calls, and makes no second user
// if the vendor can be asked.
func Lease(d time.Duration) Option { return option(func(o *options) { o.lease = d }) }

// Pause makes a Provisioner pause a target for the time d after so many consecutive
// failures of creates or look-ups, because the vendor was unavailable or too slow. Then
// one sign-up tries the target, and the others follow when it got an answer. During a
// pause nothing is sent to the target, and other targets continue. The default is 30 s
// after 5 failures. With 0 failures a target is never paused.
func Pause(failures int, d time.Duration) Option {
	return option(func(o *options) { o.failures, o.pause = max(failures, 0), max(d, 0) })
}

// Parallel is how many sign-ups a Provisioner's Resume works on at once. The default
// is 8, and less than 1 counts as 1.
func Parallel(n int) Option { return option(func(o *options) { o.parallel = max(n, 1) }) }

// Alone is for a caller that holds an exclusive lock, such as one on a file, and that
// uses name only with this lock. A target that another run under the name has in flight
// then belongs to a process that ended, perhaps by a crash. It is taken over at once,
// before its Lease ends.
//
// The name is 1 to 64 letters, digits, dots, hyphens and underscores of ASCII. Make one
// Provisioner each time that the lock is taken; those of Provisioner.Wrap count as the
// same one. The caller takes and releases the lock.
func Alone(name string) Option {
	return option(func(o *options) { o.alone = name + "/" + rand.Text() + "/" })
}

// ownerName is the form of options.alone.
var ownerName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}/[A-Z0-9]+/$`)

// OnRecord calls f with each record that the Provisioner has stored, for progress and
// metrics. f also gets what Queue stored in a transaction that may be rolled back. f
// must be safe for concurrent use. Records have no personal data.
func OnRecord(f func(Record)) Option { return option(func(o *options) { o.onRecord = f }) }

// OnRun has a Provisioner call f when it begins to work on a key, for traces and metrics. call names the method
// that does so: CreateUser, Continue, Retry, Resume or Undo; Resume, and Resumes, do for each key that
// they go on with. f returns ctx, or one derived from it, such as with a span: it is what the ledger and the creators are
// given in that run. ended is called once, when the run ends, with what it returns; nil is not called.
// The results are nil after a panic. f is called by several goroutines at once.
func OnRun(f func(ctx context.Context, call string) (run context.Context, ended func([]Result))) Option {
	return option(func(o *options) { o.onRun = f })
}

// beginRun tells the option OnRun.
func (o options) beginRun(ctx context.Context, call string) (context.Context, func([]Result)) {
	if o.onRun != nil {
		run, ended := o.onRun(ctx, call)
		if ended != nil {
			return run, ended
		}
		ctx = run
	}
	return ctx, func([]Result) {}
}
