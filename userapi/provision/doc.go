// Package provision creates users and settles what became of each create. No vendor
// lets you safely repeat one: when its reply is lost, [Ensure] asks the vendor what
// became of it, creates again only where that cannot make a second user, and says how it
// knows.
//
//	res, err := provision.Ensure(ctx, client, req)
//
// A [Provisioner] does that for one sign-up at several vendors, on a [Ledger] that
// survives the end of the process:
//
//	ledger, err := fileledger.Open("/var/lib/shop/signups")
//	p, err := provision.New(ledger, []provision.Target{
//		{Name: "identity", Creator: fusionauthClient},
//		{Name: "chat", Creator: quickbloxClient},
//		{Name: "crm", Creator: usercomClient, After: []string{"identity"}, Map: withIdentity},
//	}, provision.RequestKeys(key))
//	results, err := p.CreateUser(ctx, req) // again with the same key: what is left
//
// # What Ensure does
//
// It gives the request an IdempotencyKey when it has none, and creates. What then
// happens depends on the outcome:
//
//   - Not sent, or rejected: that is the result.
//   - Created, although the call failed: the user is read again where the reply was
//     cut off, and its second step is finished ([userapi.Finisher]).
//   - Unknown: the vendor is asked ([userapi.Resolver]). A user that is found is
//     DispositionRecovered, and its second step is finished. When its absence is
//     proven the create is repeated, at most as often as [MaxCreates] allows, where
//     the vendor has a way that cannot make a second user ([userapi.Repeater]). When
//     nothing is left to repeat, the absence must have held for [Patience] since the
//     last create ended: the result is then DispositionRejected, and the error says
//     what failed, which is the create. When the vendor cannot tell, the result is
//     DispositionUnknown.
//   - A conflict: an error, and DispositionRejected. Two conflicts are our own and are
//     resolved as an unknown outcome is: one that follows an unknown outcome of this
//     call, and one that names the request's own IdempotencyKey, with which an earlier
//     run made a user or, at Mixin, sent a create.
//
// A creator has these abilities itself or behind its Unwrap method ([userapi.Ability]);
// one without a Resolver, or with one that cannot ask its vendor and answers from its own
// record, leaves an unknown outcome unknown.
//
// An absence is what the vendor showed when it was asked. A server that is still at
// work on a create whose caller has left can make the user after any such proof. While
// the create can be repeated that does no harm: the later of the two is refused. Of
// the last one, Patience is how long that is waited for.
//
// An unknown outcome is worth a few seconds more: when the caller's context ends
// while one is open, Ensure goes on for at most the time that [Grace] gives to ask
// and to finish. Nothing is created in that time. Asking takes as long as the client's
// time-out and retry policy let it. [Budget] bounds the whole call, for a page that has to
// answer.
//
// # Whose account it is
//
// Ensure never gives you somebody's existing account as if it were new:
//
//   - By default a conflict is an error, whatever user it is with.
//   - Recovered is only what was created after this call began, by the vendor's own
//     clock, and only if every identity key that was sent (the external id, user
//     name, e-mail address, log-in phone number) equals the user's. A key that the
//     vendor does not show, an age that cannot be told, or several such users make
//     the outcome unknown, with Candidates, and not recovered. The one user whose age
//     does not matter is one under an id that was derived from the request's
//     IdempotencyKey, at FusionAuth: nothing else has that id. One that is older than
//     the create has the proof ProofEarlier, and Undo leaves it. (A key that is a UUID
//     is the id itself: give none that is another user's.)
//   - With [AdoptMatching] an older user with the same keys is returned too, but as
//     DispositionExisting, which is never returned without that option, and nothing
//     of it is changed: its second step is not carried out.
//   - [userapi.User.Proof] says how strong the finding is. ProofMatch, as when an
//     e-mail address and a log-in were equal, proves neither that the account is the
//     same person's nor that its password is the one that was sent: before you treat
//     such a user as signed up, let the person sign in or confirm the address.
//
// # Several vendors
//
// [Provisioner.CreateUser] records for each target, under the request's IdempotencyKey,
// the intent to create before the first byte leaves, and the outcome after. An
// interrupted run is resumed by the next call with the same key: what is done is not done
// again, what was not sent is created, and an intent without an outcome is asked for
// first, as Ensure asks after a lost reply. A target that cannot be asked, as Mixin
// cannot, stays DispositionUnknown until a person decides ([Provisioner.Decide]), unless
// the client's own record says that nothing was sent, or which user came of it
// ([userapi.Error.FromRecord]). [Provisioner.Resume] resumes all that is open, after a
// restart or now and then. It needs the requests again: the ledger has none.
//
// Targets run at the same time unless Target.After orders them, each as if it were
// alone: there is a result for each, and no failure cancels another's create. What a
// target needs of an earlier one, such as the identity provider's id, Target.Map takes
// from that one's user. A target that keeps failing is left alone for a while ([Pause]).
//
// A key is of one request, which is known by fingerprints that hold nothing of it
// ([RequestKeys]). Another one takes its place while no target has a user and nothing is
// open. Where some have users, and nothing is open, it goes to the targets that refused the
// one before. Else it is refused, and each result says what the ledger knows. The
// password may differ, since a program that gives
// the request back to Resume need not have it. A user that is yet to be created then gets
// the password of that request.
//
// [Provisioner.Undo] deletes what was created and proven to be the sign-up's, and closes
// the key. [Provisioner.Plan] shows the requests and sends nothing. [Provisioner.Continue]
// and [Provisioner.PausedUntil] are for programs that see to many sign-ups at once.
// [Provisioner.Queue] stores a sign-up for Resume, with package sqlledger in a transaction of
// the caller's own.
//
// # Ledgers
//
// [Memory] ends with the process. Package fileledger keeps a file that one process at a
// time may have open, and every commit is on disk before it is acted on. Package sqlledger is
// for PostgreSQL and SQLite, and for several processes: a target that one of them is creating
// is left to it for a [Lease]. [Group] has many sign-ups at once share what each of their
// commits would cost there. A ledger holds keys, names of targets, states, the users'
// ids at the vendors, and fingerprints: no personal data, unless the key is some. Do not
// take an e-mail address for one.
//
// Runs take each other's place by compare-and-set, and the Lease only keeps them from
// doing work twice. Should one outlive its lease, or the clocks of two machines differ by
// more than that, both may create: then the vendor refuses the later create, wherever it
// can be asked and repeated (see [userapi.Repeater]). When a create began is told by the
// clock of the machine that sent it, and a later run compares that with the age of the
// user it finds: with clocks more than two seconds apart, or set back in between, it may
// find itself unable to tell whose user that is, and with a minute take it for another's.
//
// # Evidence
//
// [Result] has each step, with its outcome, what was found and what was compared.
// Its printed, logged and JSON forms hold names of fields, ids and codes, and no
// value of the request.
package provision
