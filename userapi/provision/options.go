package provision

import "time"

const (
	defaultMaxCreates = 3
	defaultGrace      = 15 * time.Second
	defaultPatience   = 5 * time.Second
)

type options struct {
	adopt      bool
	maxCreates int
	grace      time.Duration
	patience   time.Duration
}

// An Option changes what Ensure does.
type Option func(*options)

// AdoptMatching makes a user that is there already, and whose every identity key
// equals the request's, a result of DispositionExisting instead of a conflict. The
// package's documentation says what that proves. At User.com a create with a taken
// user_id may have changed that user before the conflict was seen.
func AdoptMatching() Option { return func(o *options) { o.adopt = true } }

// MaxCreates is how many creates Ensure sends at most, the first one included; what
// the client itself sends again because it was provably not carried out does not
// count. The default is 3; 1 never repeats, and less counts as 1.
func MaxCreates(n int) Option { return func(o *options) { o.maxCreates = max(n, 1) } }

// Grace is how long Ensure may go on after the caller's context has ended, to settle
// an unknown outcome and to finish the user that it finds. The default is 15 s; 0 or
// less allows no more than the caller's context.
func Grace(d time.Duration) Option { return func(o *options) { o.grace = max(d, 0) } }

// Patience is for how long, since the last create ended without an answer, its user
// must stay absent before Ensure says that there is none: the vendor may still be at
// work on a create whose caller has left. The default is 5 s; give more where a
// vendor takes longer, as FusionAuth does for its transactional webhooks. Where the
// grace is shorter than what is left of it the outcome stays unknown. It is waited for
// only at the end: while a create can be repeated it is, since the two would collide.
func Patience(d time.Duration) Option { return func(o *options) { o.patience = max(d, 0) } }
