// Package userapi is the contract of enlist: one interface that creates a user
// at any vendor, with one request type, one user type and one error type.
//
// # Create a user
//
// A [Creator] has one method, CreateUser. It returns a user that the vendor confirmed,
// or an error. It never returns both. The packages mixin, quickblox, fusionauth and
// usercom each have a Client that is a Creator.
//
// A typed [Extension] carries what only one vendor has, such as quickblox.Extra. [As]
// returns the vendor's own form of a user:
//
//	native, ok := userapi.As[*quickblox.CreateUserResponse](user)
//
// [User.Unmapped] lists the fields of the request that the vendor cannot store. With
// [CreateUserRequest.Strict] such a field is an error instead. One exception: if a
// vendor stores only a full name, given and family name are not listed, and the other
// way round.
//
// # Errors and outcomes
//
// No vendor lets you safely repeat a create. So an error answers two questions:
//
//   - What went wrong? See [Error.Kind].
//   - Does the user exist now? See [Error.Outcome].
//
// The outcomes:
//
//   - [OutcomeNotSent]: no byte of the create left this process. You can repeat it.
//   - [OutcomeRejected]: the vendor refused the create. It made no user.
//   - [OutcomeCreated]: the user exists although the call failed. Error.User is the user.
//   - [OutcomeUnknown]: the user may exist. This is the zero value: an implementer who
//     forgets to set the outcome claims nothing.
//
// A reply that shows somebody else's user has OutcomeUnknown. Error.Candidates has that
// user's id.
//
// How to read an error:
//
//   - [MayHaveCreated] reports whether the user may exist. Ask it before you create the
//     user again.
//   - errors.Is with a sentinel, such as [ErrConflict] or [ErrRateLimited], matches the
//     kind.
//   - errors.As with *[Error] gives the details, and with the vendor's *APIError the
//     vendor's own error.
//   - [Error.FieldErrors] names the fields at fault as [CreateUserRequest] does.
//     FieldError.Code uses the same few words at every vendor: [CodeRequired],
//     [CodeTaken], [CodeTooShort] and so on.
//   - [Error.Subject] says what the Outcome is about: the create, the existence of a
//     user, a step with a user, or none of these.
//
// The package userapi/provision resolves an unknown outcome by asking the vendor. Where
// a vendor cannot be asked, its client may answer from its own record. It then sets
// [Error.FromRecord] or [User.FromRecord].
//
// # Contexts and concurrency
//
//   - If the context is done before the create is sent, the outcome is OutcomeNotSent.
//   - A wait for a retry or for the rate limit never outlasts the context's deadline.
//   - Creators are safe for concurrent use.
//   - Two clients share no state, except a [Limiter] that both were given.
//   - A call never changes the request.
//
// # Secrets
//
// Passwords and keys are of type [Secret]. It shows [Redacted] when it is printed,
// logged or encoded. [Secret.Reveal] returns the text. Errors show codes and names of
// fields, never values.
//
// # Implement a Creator
//
// An implementation must:
//
//   - return a user only for a reply that was read whole, has the user's id and no
//     error, and shows the id, user name, e-mail address and external id that were sent;
//   - return a *[Error] whose Outcome has evidence. NotSent needs proof that nothing was
//     written. Rejected needs the vendor's refusal. Without evidence it is
//     OutcomeUnknown;
//   - set Error.Subject where the call is not a create: SubjectUser in a Resolver and a
//     Deleter, SubjectStep in a Finisher;
//   - give each FieldError one of the Codes, and put the vendor's own into VendorCode;
//   - send a create again only if the one before provably did not happen;
//   - list what it could not store in Unmapped, and honour Strict;
//   - report an invalid request, with every fault in it, before it sends anything;
//   - keep secrets out of errors, logs and formatted values;
//   - leave the request and the caller's http.Client unchanged.
//
// The suite in the package userapitest checks all of this against a server that the
// implementer provides.
//
// Further abilities are interfaces with one method each: [Preflighter], [Planner],
// [Resolver], [Repeater], [Finisher], [Deleter], [BatchCreator] and [UserIDChecker].
// [Ability] finds them, also behind wrappers that have a method Unwrap() Creator.
package userapi
