// Package quickblox creates users at QuickBlox, by POST /users.json. After a lost reply
// it finds out whether the create made a user.
//
// [Client] is a userapi.Creator, Planner, Resolver, Repeater and Deleter. Its Users field
// has the vendor's own calls with every field: create, update, look-ups, lists, delete,
// and the tokens that users' apps sign in with. The facts below are from QuickBlox's
// documentation, "Create User" and "Authentication", unless another source is named.
//
// # Credentials
//
// Set exactly one of these:
//
//	Config.APIKey         a key from the dashboard, for servers
//	Config.SessionToken   a token that the caller obtained; it is not renewed
//	Config.Session        the client starts sessions: a user's with a login or e-mail address, else the application's
//
// What each may do ("Key Concepts"):
//
//	an API key                       everything
//	the account owner's session      everything but tokens
//	a user's session                 create and look up; update and delete the user itself
//	an application's session         create, if the application's owner allows it
//
// The client starts a session when it first needs one. Concurrent calls share it. It is
// renewed a minute before it expires, and once after a 401. A session of another
// application than the configured one is refused.
//
// Config.HTTP.BaseURL is the address of an enterprise host, such as
// "https://api<name>.quickblox.com". An address that ends in the path of a call, such as
// /users.json, is refused.
//
// # Mapping
//
//	ExternalID              external_user_id; unmapped unless a decimal from 1 to 2147483647
//	Username, Email         login, email; one of them is required
//	Phone                   phone
//	Password                password, required
//	FullName                full_name; without it GivenName and FamilyName, joined
//	Tags                    tag_list; a comma in a tag is invalid
//	Attributes              custom_data, as JSON text
//	Timezone, Language      unmapped
//	IdempotencyKey          not sent
//
// [Extra] has the other fields. QuickBlox cuts trailing white space of every text except
// the password. A plan shows the password redacted, and starts no session.
//
// # Success
//
// A success is a reply with status 2xx, a user with a positive id, and no error. The reply
// must not show another login, e-mail address or external id than was sent. Ignored are:
//
//   - the case of ASCII letters,
//   - trailing white space,
//   - members that the reply does not show.
//
// If the reply shows another user, the error has KindProtocol and OutcomeUnknown, and
// Candidates has that user's id.
//
// # Tokens
//
// A back end creates a user and gives the user's app a token, which opens a session of
// that user. There are two calls for it. Both are QuickBlox's own:
//
//	Users.CreateToken   by the user's id, with an API key ("Create Token with API key")
//	Users.SignIn        by login or e-mail address and password, with Config.Session ("Create session")
//
// [Token] has the token as a userapi.Secret, and the time at which the session ends. If
// the call fails the user still exists: ask for the token again.
//
// # Updates
//
// Users.Update changes only the members that are set. A user's session must send the old
// password with a new one. The Outcome of an error is about the change.
//
// # Errors
//
//	a taken login, e-mail, external id or Facebook id   Conflict, also beside other faults
//	"You cannot call create unless the parent is saved", "Failed to save the record"   Conflict
//	"No application found"                              Unauthorized
//	"Forbidden. Need user."                             Forbidden, under any status
//
// # Retries
//
//	create                            after a failure to connect, after 429, and with a SessionConfig
//	                                  once after a 401, with a new session
//	look-up, delete, token, session   after every temporary failure
//	update                            after every temporary failure; with a password only if it
//	                                  provably was not made
//
// # Look-ups
//
//	Users.Get                                        by id
//	Users.GetByExternalID, GetByLogin, GetByEmail,
//	GetByFacebookID                                  by a key that is unique in the application
//	Users.List, ListByTags, ListByFullName,
//	ListByPhone                                      iterators, which read page after page
//
// Users.Delete and Client.DeleteUser delete a user permanently.
//
//   - QuickBlox's own 404 is KindNotFound.
//   - A 404 with a page in it comes from a proxy: KindProtocol and OutcomeUnknown.
//   - QuickBlox documents look-ups with an API key or a user's session. An application's
//     session may be refused, or may not see the user. A Config.SessionToken may be such a
//     session. With these two, KindNotFound has OutcomeUnknown.
//
// # Resolving an unknown outcome
//
// If a create's error matches userapi.MayHaveCreated:
//
//  1. Call ResolveUser with a time from before the create.
//  2. If its error matches userapi.ErrNotFound, call RepeatUser.
//
// provision.Ensure does both. So does the example of [Client.ResolveUser].
//
// ResolveUser asks by external_user_id, login, email and facebook_id, if they were sent,
// until one finds a user: QuickBlox has been seen to miss a user by one key and find it by
// another (QuickBlox's issue trackers, iOS SDK 788). It compares the user with every key
// that was sent. User.Compared names the equal ones.
//
//	trailing white space, the case of an e-mail address       equal
//	a login or Facebook id in another case                    the outcome stays unknown
//	a key that is not shown, and that found the user          equal
//	another key that is not shown, with an API key            different
//	another key that is not shown, with a session             the outcome stays unknown: the
//	                                                          application may hide personal data
//	another value                                             Conflict, with the id in Candidates
//	a user older than since, by the server's clock            Conflict, with the id in Candidates
//
// The zero since accepts a user of any age. Proof is ProofKey if external_user_id is equal,
// otherwise ProofMatch: it cannot be told from another create with the same keys at the same
// time. Neither proves the password.
//
// A user is absent if three look-ups found nobody by any key. With an application's session
// or a Config.SessionToken this proves nothing: the outcome stays unknown, with the code
// "absence_unproven". RepeatUser is CreateUser: QuickBlox accepts each login and each e-mail
// address only once.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, also after a look-up. errors.As finds
// *[APIError] in an error that a reply caused.
package quickblox
