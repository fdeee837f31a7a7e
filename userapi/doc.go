// Package userapi is the contract of enlist: one interface that creates a user
// at any vendor, one request, one user and one error.
//
// # Creating a user
//
// A [Creator] has one method, CreateUser. It either returns a user that the
// vendor confirmed, or an error; never both, and never neither. The packages
// mixin, quickblox, fusionauth and usercom each have a Client that is a Creator.
//
// What only one vendor knows goes into a typed [Extension] on the request
// (quickblox.Extra and its siblings) and comes back through [As]:
//
//	native, ok := userapi.As[*quickblox.CreateUserResponse](user)
//
// Fields of the neutral request that a vendor cannot store are listed in
// [User.Unmapped], or refused when [CreateUserRequest.Strict] is set. One exception: if
// a vendor stores only a full name, given and family name are not listed, and the other
// way round.
//
// # Errors and outcomes
//
// No vendor lets you safely repeat a create, so an error must answer two questions:
// what went wrong, and does the user exist now? [Error] answers the first with its Kind
// and the second with its Outcome:
//
//   - [OutcomeNotSent]: no byte of the create left this process. Repeating it is safe.
//   - [OutcomeRejected]: the vendor refused it. No user was created by it.
//   - [OutcomeCreated]: the user exists although the call failed; Error.User is it.
//   - [OutcomeUnknown]: the request may have been carried out. It is the zero
//     value, so that an implementer who forgets to decide claims nothing.
//
// A reply that shows somebody else's user is not a success: it is OutcomeUnknown, with
// that user's id in Error.Candidates.
//
// Not every error is a create's: [Error.Subject] says whether the Outcome speaks of the
// create, of a user's existence, of a step with a user, or of no user.
//
// [Error.FieldErrors] name the fields at fault by the words of the neutral request and, in
// FieldError.Code, what is wrong by the same few words at every vendor: [CodeRequired],
// [CodeTaken], [CodeTooShort] and so on.
//
// The package userapi/provision settles an unknown outcome by asking the vendor. A
// client whose vendor cannot be asked may answer from its own record; [Error.FromRecord]
// and [User.FromRecord] then say so.
//
// Match the kind with errors.Is and a sentinel ([ErrConflict], [ErrRateLimited]
// and so on), read the details with errors.As into *[Error], and get the
// vendor's own error with errors.As into its *APIError. Before creating a user
// again after an error, ask [MayHaveCreated].
//
// # Context, concurrency, time
//
// Every method honours its context: a context that is done before anything was
// sent gives OutcomeNotSent. No wait, whether before a retry or for the rate
// limit, outlasts the context's deadline. Creators are safe for use by many
// goroutines at once, and two clients share no state but a [Limiter] that both were given.
// A request is never changed by the call it is passed to.
//
// # Secrets
//
// Passwords and keys are of type [Secret], which shows itself as
// [Redacted] however it is printed, logged or encoded; [Secret.Reveal] is
// the one way to its text. Errors show codes and names of fields, never values.
//
// # Implementing a Creator
//
// An implementer must:
//
//   - return a user only for a reply that was read whole, names the user's id, has no
//     error in it, and shows no other id, user name, e-mail address or external id than
//     was sent;
//   - return a *[Error] whose Outcome is backed by evidence, and OutcomeUnknown
//     where there is none: NotSent needs proof that nothing was written,
//     Rejected needs the vendor's refusal;
//   - set Error.Subject in errors of other calls than creates: SubjectUser in a Resolver
//     and a Deleter, SubjectStep in a Finisher;
//   - give each FieldError one of the Codes, and the vendor's own as VendorCode;
//   - never send a create again unless the one before provably did not happen;
//   - list what it could not store in Unmapped, and honour Strict;
//   - report an invalid request, with every fault in it, before anything is sent;
//   - keep secrets out of errors, logs and formatted values;
//   - leave the request and the caller's http.Client as they were.
//
// The suite in the package userapitest checks each of these, and more, against
// a server that the implementer brings. Further abilities are one-method interfaces:
// [Preflighter], [Planner], [Resolver], [Repeater], [Finisher], [Deleter] and
// [UserIDChecker]. A wrapper has a method Unwrap() Creator through which [Ability] finds
// them.
package userapi
