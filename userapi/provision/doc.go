// Package provision creates users and finds out the result of each create. No vendor lets
// you safely repeat a create. After a lost reply [Ensure] asks the vendor whether the user
// exists. It creates again only if that cannot make a second user, and it reports how it
// knows:
//
//	res, err := provision.Ensure(ctx, client, req)
//
// A [Provisioner] does this for one sign-up at several vendors. Its [Ledger] outlives the
// process:
//
//	ledger, err := fileledger.Open("/var/lib/shop/signups")
//	p, err := provision.New(ledger, []provision.Target{
//		{Name: "identity", Creator: fusionauthClient},
//		{Name: "chat", Creator: quickbloxClient},
//		{Name: "crm", Creator: usercomClient, After: []string{"identity"}, Map: withIdentity},
//	}, provision.RequestKeys(key))
//	results, err := p.CreateUser(ctx, req) // again with the same key: does what is left
//
// # What Ensure does
//
// Ensure gives the request an IdempotencyKey if it has none, and creates the user. The
// outcome decides what follows:
//
//	the create                  Ensure                               the result
//	succeeded                   is done                              DispositionCreated
//	was not sent                is done                              DispositionNotSent
//	was rejected                is done                              DispositionRejected
//	failed, but the user        reads the user if the reply was      DispositionCreated
//	exists                      cut off, does the second step
//	has an unknown outcome      asks the vendor:
//	                            it finds the user, and does the      DispositionRecovered
//	                            second step
//	                            the user is absent, and the create   as for a create
//	                            can be repeated: repeats it
//	                            the user is absent, and the create   DispositionRejected, after
//	                            cannot be repeated                   Patience
//	                            the vendor cannot tell               DispositionUnknown
//	is a conflict               is done                              DispositionRejected
//
// Details:
//
//   - The vendor is asked by a [userapi.Resolver], a create is repeated by a
//     [userapi.Repeater], and the second step is done by a [userapi.Finisher]. A creator has
//     these abilities itself, or behind its Unwrap method ([userapi.Ability]). Without a
//     Resolver an unknown outcome stays unknown, also if the Resolver can only answer from
//     its own record.
//   - [MaxCreates] bounds how often a create is repeated.
//   - Two conflicts count as an unknown outcome. One follows an unknown outcome of the same
//     call. The other names the request's own IdempotencyKey: an earlier run made a user with
//     it or, at Mixin, sent a create.
//   - If the last create cannot be repeated, the user must stay absent for [Patience] after
//     that create ended: a server may still be working on a create whose caller has left. A
//     create that can be repeated needs no wait, because the vendor refuses the later of the
//     two.
//   - If the caller's context ends while an outcome is unknown, Ensure continues for at most
//     [Grace], to ask and to do the second step. It creates nothing in that time.
//   - Asking takes as long as the client's time-out and retry policy allow. [Budget] bounds
//     the whole call.
//
// # Whose account it is
//
// Ensure never returns somebody's existing account as if it were new:
//
//   - A conflict is always an error, even if the existing user looks like the requested one.
//   - A user is Recovered only if it was created after this call began, by the vendor's
//     clock, and if every identity key that was sent equals the user's: the external id, user
//     name, e-mail address and log-in phone number. If the vendor does not show a key or the
//     age, or has several such users, the outcome is unknown, with Candidates.
//   - At FusionAuth the age does not matter for a user under an id that was derived from the
//     request's IdempotencyKey: nothing else has that id. A user that is older than the create
//     has ProofEarlier, and Undo does not delete it. A key that is a UUID is the id itself: do
//     not use one that is another user's.
//   - With [AdoptMatching] an older user with the same keys is returned too, as
//     DispositionExisting. The user is not changed: there is no second step. Without the option
//     DispositionExisting is never returned.
//   - [userapi.User.Proof] says how strong the proof is. ProofMatch, such as an equal e-mail
//     address and login, does not prove that the account is the same person's, or that its
//     password is the one that was sent. Before you treat such a user as signed up, let the
//     person sign in or confirm the address.
//
// # Several vendors
//
// The methods of a Provisioner:
//
//	CreateUser     creates the sign-up's users, or does what an earlier run left
//	Continue       the same for a program with many sign-ups: it never waits for another run
//	Retry          Continue that also tries again what a vendor refused
//	Resume         continues every open sign-up, after a restart or from time to time
//	Queue          stores a sign-up for Resume; with package sqlledger in your own transaction
//	Undo           deletes what is proven to be the sign-up's, and closes the key
//	Decide         records what a person found out about an unknown outcome
//	Plan           returns the requests, and sends nothing
//	PausedUntil    returns until when a target is paused
//
// Under the request's IdempotencyKey a Provisioner records for each target the intent to
// create before it sends anything, and the outcome afterwards. After an interruption the next
// call with the same key continues:
//
//   - What is done is not repeated.
//   - What was not sent is created.
//   - An intent without an outcome is resolved, as Ensure does after a lost reply.
//   - A target that cannot be asked, such as Mixin, stays DispositionUnknown until a person
//     decides. The exception: the client's own record shows that nothing was sent, or which
//     user was created ([userapi.Error.FromRecord]).
//
// Targets run at the same time, unless Target.After orders them. There is a result for each
// target, and a failure does not cancel another target's create. Target.Map takes what a target
// needs from an earlier target's user, such as an id. A target that keeps failing is paused
// ([Pause]). Resume needs the requests again: the ledger does not have them.
//
// A key belongs to one request. The ledger recognises a request by its fingerprints, which
// show nothing of it ([RequestKeys]). If another request comes with the same key:
//
//	no target has a user, and nothing is open      it replaces the first request
//	some targets have users, and nothing is open   it goes to the targets that refused the first
//	otherwise                                      it is refused, and each result shows the ledger
//
// The password may differ: a program that gives the request back to Resume need not have it. A
// user that is yet to be created gets the password of the newer request.
//
// # Ledgers
//
//	[Memory]     ends with the process
//	fileledger   a file, which one process at a time may have open; every commit is on disk
//	             before the Provisioner acts on it
//	sqlledger    PostgreSQL and SQLite, for several processes; a target that one process is
//	             creating is left to it for a [Lease]
//	[Group]      lets many concurrent sign-ups share the cost of a commit to an sqlledger
//
// A ledger has keys, names of targets, states, the users' ids at the vendors, and fingerprints.
// It has no personal data, unless a key is personal data: do not use an e-mail address as a
// key.
//
// Runs replace each other's records by compare-and-set; the Lease only avoids double work. If a
// run outlives its lease, or two machines' clocks differ by more than the lease, both may
// create. The vendor then refuses the later create, if it can be asked and repeated (see
// [userapi.Repeater]).
//
// The time at which a create began is by the clock of the machine that sent it. A later run
// compares it with the age of the user that it finds. If clocks differ by more than two seconds,
// or were set back in between, that run may be unable to say whose user it is. If they differ by
// a minute, it may report the user as somebody else's.
//
// # Evidence
//
// [Result] has each step, with its outcome, what was found and what was compared. Printed, logged
// and as JSON it shows names of fields, ids and codes, and never a value of the request.
package provision
