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

// defaults are told by the options' own comments.
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

// AdoptMatching makes a user that is there already, and whose every identity key
// equals the request's, a result of DispositionExisting instead of a conflict. The
// package's documentation says what that proves. At User.com a create with a taken
// user_id may have changed that user before the conflict was seen.
func AdoptMatching() CommonOption { return commonOption(func(o *options) { o.adopt = true }) }

// MaxCreates is how many creates Ensure sends at most, the first one included; what
// the client itself sends again because it was provably not carried out does not
// count. The default is 3; 1 never repeats, and less counts as 1.
func MaxCreates(n int) CommonOption {
	return commonOption(func(o *options) { o.maxCreates = max(n, 1) })
}

// Grace is how long Ensure may go on after the caller's context has ended, to settle
// an unknown outcome and to finish the user that it finds. The default is 15 s; 0 or
// less allows no more than the caller's context.
func Grace(d time.Duration) CommonOption {
	return commonOption(func(o *options) { o.grace = max(d, 0) })
}

// Patience is for how long, since the last create ended without an answer, its user
// must stay absent before Ensure says that there is none: the vendor may still be at
// work on a create whose caller has left. The default is 5 s; give more where a
// vendor takes longer, as FusionAuth does for its transactional webhooks. Where the
// grace is shorter than what is left of it the outcome stays unknown. It is waited for
// only at the end: while a create can be repeated it is, since the two would collide.
func Patience(d time.Duration) CommonOption {
	return commonOption(func(o *options) { o.patience = max(d, 0) })
}

// Budget bounds a whole call of Ensure or CreateUser, for a page that has to answer: it
// returns within d or, if that is sooner, when the caller's context ends, and Grace does
// not prolong it. What is unknown by then stays so, and a later Resume, which has no
// budget, settles it; after Ensure, Resuming does. Give twice what the vendor takes for a
// create: one that had half of the budget, and no answer, counts as failed for Pause. What
// came of one is recorded all the same: a ledger that does not answer may hold the call up for
// another half a minute. The default, and 0 or less, is no bound.
func Budget(d time.Duration) CommonOption {
	return commonOption(func(o *options) { o.budget = max(d, 0) })
}

// Resuming tells Ensure that an earlier call with the same request and key began at
// the given time, by this machine's clock, and that its outcome is not known: it asks
// first, and creates only where Ensure would repeat a create. The zero time changes
// nothing.
func Resuming(started time.Time) EnsureOption {
	return ensureOption(func(o *options) { o.resuming = started })
}

// RequestKeys are the keys, of 16 bytes or more, of the fingerprints by which a
// Provisioner knows whether a key is used again with another request. Fingerprints are
// made with the first; the others are older ones that the ledger may still hold. A
// fingerprint is an HMAC-SHA-256 of the request without its passwords: whoever has the
// ledger and not the keys learns nothing of it. Every process on one ledger must have
// the same keys. New requires this option for every ledger but Memory.
func RequestKeys(newest userapi.Secret, older ...userapi.Secret) Option {
	return option(func(o *options) { o.requestKeys = append([]userapi.Secret{newest}, slices.Clone(older)...) })
}

// Lease is for how long a run of a Provisioner's holds a target that it is creating,
// and so how long that may take, the grace included: another run takes it over only
// then. The default is 2 min; New refuses one that is not positive, or below twice the
// Grace or the Patience. After a crash, a ledger that several processes share
// leaves such a target alone until its lease is over. It is also how far the clocks of
// those processes may be apart before one disturbs another, which costs calls and
// makes no second user where the vendor can be asked.
func Lease(d time.Duration) Option { return option(func(o *options) { o.lease = d }) }

// Pause has a Provisioner leave a target alone for the time d once so many creates or
// look-ups in a row failed there because the vendor was unavailable or too slow; then
// one sign-up tries it, and the others follow when that got an answer. Meanwhile
// nothing is sent to it, and the other targets go on. The default is 30 s after 5
// failures; 0 failures never pause.
func Pause(failures int, d time.Duration) Option {
	return option(func(o *options) { o.failures, o.pause = max(failures, 0), max(d, 0) })
}

// Parallel is how many sign-ups a Provisioner's Resume works on at once. The default
// is 8, and less than 1 counts as 1.
func Parallel(n int) Option { return option(func(o *options) { o.parallel = max(n, 1) }) }

// Alone says that the caller holds a lock which nobody holds beside it, such as one on a file,
// and that whoever gives this name holds that lock: what another run under the name has in
// flight is then of a process that ended, perhaps by a crash, and is taken over at once, not
// only when its Lease is over. The name is 1 to 64 letters, digits, dots, hyphens and
// underscores of ASCII. Make one Provisioner for each time that the lock is taken; those of
// Provisioner.Wrap count as the same. The lock is the caller's to take and to release.
func Alone(name string) Option {
	return option(func(o *options) { o.alone = name + "/" + rand.Text() + "/" })
}

// ownerName is the form of options.alone.
var ownerName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}/[A-Z0-9]+/$`)

// OnRecord has a Provisioner call f with each record that it has stored, for progress
// and metrics; also with what Queue stored in a transaction that may be rolled back. f is
// called by several goroutines at once, and what it is given holds no personal data.
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
