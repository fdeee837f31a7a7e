// Package provision makes the creation of a user certain. A create is a POST that
// no vendor makes idempotent: when its reply is lost, [Ensure] asks the vendor what
// became of it, creates again only where that cannot make a second user, and says
// how it knows.
//
//	res, err := provision.Ensure(ctx, client, req)
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
//     last create ended: the result is then DispositionRejected with a KindNotFound.
//     When the vendor cannot tell, the result is DispositionUnknown.
//   - A conflict: an error, and DispositionRejected (DispositionNotSent where the
//     client itself refused, as with a key directory of Mixin's). Two conflicts are our own and
//     are resolved as an unknown outcome is: one that follows an unknown outcome of
//     this call, and one with the id that the request's own IdempotencyKey chose,
//     which an earlier run with that key made.
//
// A creator has these abilities itself or behind its Unwrap method ([userapi.Ability]);
// one without a Resolver leaves an unknown outcome unknown.
//
// An absence is what the vendor showed when it was asked. A server that is still at
// work on a create whose caller has left can make the user after any such proof. While
// the create can be repeated that does no harm: the later of the two is refused. Of
// the last one, Patience is how long that is waited for.
//
// An unknown outcome is worth a few seconds more: when the caller's context ends
// while one is open, Ensure goes on for at most the time that [Grace] gives to ask
// and to finish. Nothing is created in that time. Asking takes as long as the client's
// time-out and retry policy let it: give the context a deadline to bound it.
//
// # Whose account it is
//
// Ensure never takes a user for the request's in silence:
//
//   - By default a conflict is an error, whatever user it is with.
//   - Recovered is only what was created after this call began, by the vendor's own
//     clock, and only if every identity key that was sent (the external id, user
//     name, e-mail address, log-in phone number) equals the user's. A key that the
//     vendor does not show, an age that cannot be told, or several such users make
//     the outcome unknown, with Candidates, and not recovered. The one user whose age
//     does not matter is one under an id that was derived from the request's
//     IdempotencyKey, at FusionAuth: nothing else has that id. (A key that is a UUID
//     is the id itself: give none that is another user's.)
//   - With [AdoptMatching] an older user with the same keys is returned too, but as
//     DispositionExisting, which is never returned without that option, and nothing
//     of it is changed: its second step is not carried out.
//   - [userapi.User.Proof] says how strong the finding is. ProofMatch, as when an
//     e-mail address and a log-in were equal, proves neither that the account is the
//     same person's nor that its password is the one that was sent: before you treat
//     such a user as signed up, let the person sign in or confirm the address.
//
// # Evidence
//
// [Result] tells each step, with its outcome, what was found and what was compared.
// Its printed, logged and JSON forms hold names of fields, ids and codes, and no
// value of the request.
package provision
