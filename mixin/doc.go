// Package mixin creates users at Mixin Network, by POST /users.
//
// [Client] is a userapi.Creator, Planner and Resolver; its Users field has the vendor's own calls
// with every field of the vendor's. The facts below are from Mixin's documentation,
// "Create Network Users", "Read User", "Error Codes" and "Generate JWT Token", unless
// another source is named.
//
// # Credentials
//
// Only an application may create users. A client signs in its name, with the
// session key of the application's [Keystore], which [ParseKeystore] reads in any
// form that Mixin has handed out, or with a [TokenSigner] that holds the key
// elsewhere. Ed25519 keys sign with EdDSA. RSA keys sign with RS512: that is the
// form of 2018, which Mixin no longer issues and is reported to refuse.
//
// Each attempt has a token of its own. Its jti, a random UUID, is also sent as
// X-Request-Id, and its claim sig binds it to the method, to the path and query as
// they are sent, and to the body: behind a proxy that rewrites either of these,
// every request is refused. A path in HTTPOptions.BaseURL is signed with the rest.
//
// # Session keys
//
// A new user is reached with the private half of a session key that the caller
// makes; Mixin gets the public half, session_secret. It comes from Extra.SessionKey
// or, if that is nil, from Config.SessionKeys, which is asked after the request was
// found valid and before anything is sent. Store the key before the user is
// created: a user costs the application 0.5 USD, and is lost with its key.
// [GenerateSessionKey] makes one of the kind that Mixin takes today.
//
// [KeyDir] is a Config.SessionKeys that makes the keys and keeps each in a file, named
// by the request's IdempotencyKey, which it needs. What the file says is on disk before
// the next step is taken, so that a process may end anywhere:
//
//	prepared    the key is stored and was not sent: the next create uses it
//	sent        a create was sent, or was about to be: no other is, by anybody
//	complete    the user exists, and the file is its keystore
//
// "sent" is a second file beside the first, with the ending .sent. It has the space that
// the reply needs: a disk that fills up during the create loses nothing.
//
// A create that was not sent, or was refused, puts the file back to prepared. After an
// outcome that is unknown it stays sent: further creates are Conflicts that were not
// sent, and name the file, until a person has looked at the bill and called
// SessionKeyDir.Discard, or SessionKeyDir.UserCreated with the user's ids, if they are
// known from elsewhere. Errors that concern a file have a [*KeyFileError] in their
// chain, and its path in Error.Message.
//
// A store of one's own implements [SessionKeys] or, to keep what becomes of the users too,
// [SessionKeyStore].
//
// # Setup
//
// [Setup] does all that a user needs to be usable, with a [KeyDir]: it creates the user
// with a key of the directory, sets its TIP key, has that verified and registers the
// user with Safe, which the next section has step by step. The file goes on from
// complete through tip_set and verified to registered. Beside its state stands the one
// that was about to be reached, so that a call that follows one which was killed first
// asks Mixin whether it was. Call it until it succeeds, and leave a minute between: it
// creates one user, with one TIP key.
//
//	dir := mixin.KeyDir("/var/lib/signup/keys")
//	wallet, err := mixin.Setup(ctx, config, dir, userapi.CreateUserRequest{
//		IdempotencyKey: "signup-4711", FullName: "Ada",
//	})
//
// # Making the user usable
//
// CreateUserResponse.Credentials joins the reply with the session key and checks that
// it is the one that was sent; it returns the user's [Keystore], and its JSON in the
// forms that Mixin's clients read. A client with that keystore acts as the user:
//
//	creds, err := response.Credentials(sessionKey)
//	user, err := mixin.New(mixin.Config{Keystore: creds.Keystore()})
//	me, err := user.Users.Me(ctx)                                 // what is done already
//	_, err = user.PIN.Update(ctx, mixin.PIN{}, mixin.TIPPIN(tip)) // tip is stored before
//	_, err = user.PIN.Verify(ctx, mixin.TIPPIN(tip))
//	_, err = user.Safe.Register(ctx, tip, mixin.TIPPIN(tip))
//
// tip is an Ed25519 key that is the user's PIN and, registered with Safe, spends what it
// owns. It can never be changed: store it durably before it is sent. Errors of these
// steps speak of the step. One that is unknown may have been done: Users.Me tells, by
// has_pin, tip_key_base64 and has_safe, before it is taken again. No step creates a
// user. Mixin takes a moment to know a new TIP key everywhere, and may meanwhile refuse
// a registration as it refuses a wrong PIN. [UpgradeKey] is for RSA sessions of 2018
// that Mixin upgrades. Sources: Mixin's docs, "Migrate to TIP" and "Registration";
// Mixin's bot-api-go-client v3.
//
// # PINs
//
// A [PIN] is a TIP key, or six digits as in 2018. It is sent encrypted, with a key that
// the session shares with Mixin: with Ed25519 an agreement by X25519 of the session's
// key with pin_token, or with server_public_key, which is the same key in its Edwards
// form; where a keystore has both they must be one key. With RSA pin_token is the key
// itself, encrypted (OAEP with SHA-256, labelled with the session's id). It takes the
// private key itself: with a [TokenSigner], or a signer that keeps its key, calls with a
// PIN are Invalid.
//
// Every encrypted PIN has an iterator, which must grow from one to the next in a
// session, and the time. Here that is the server's as far as a refusal has told it, and
// the iterator is the time in nanoseconds or more. So that it arrives in order a client's
// calls with a PIN go one after the other; several clients for one session, or a
// [PINCipher] beside them, are to take turns. What was written is never sent again by
// the client, neither after 429 nor after a 401 whose X-Server-Time shows a clock that is
// off: the next call has the right time, so that a call of Users.Me, which is repeated,
// is a good first one. Where nothing was written, as when no connection could be made,
// further attempts follow by HTTPOptions.Retry, with the PIN encrypted anew.
//
// [IsPINError] finds refusals of a PIN, and how far they can be told apart.
//
// # Billing
//
// Client.Billing reads the application's bill: its credit, and what its users and
// resources have cost. With Config.RequireCredit a create is refused, before a session
// key is made and before anything of it is sent, when the credit does not cover that
// cost and the price of one more user. The price is Config.UserPrice or, without it, the
// one that GET /apps/property tells: that is for another application, by Mixin's Node
// SDK, and official applications alone are told it. A user costs 0.5 USD by Mixin's
// docs, "Create Network Users", which no call of the API tells.
//
// # Mapping
//
//	FullName                full_name; without it GivenName and FamilyName, joined
//	ExternalID              unmapped
//	Username, Email, Phone  unmapped
//	Password                unmapped: users of Mixin have none
//	Timezone, Language      unmapped
//	Tags, Attributes        unmapped
//	IdempotencyKey          not sent
//
// [Extra] holds the session key.
//
// Client.PlanUser shows what a create would send, with session_secret always redacted:
// no key is asked for, and no bill is read.
//
// # Look-ups
//
// UsersService has Get, for a user whose id is known, and Me, for the one that the
// client signs as; SafeService has a Me of its own, which tells more. The codes 404 and
// 10404 say that there is none; a 404 without a code of Mixin's does not.
//
// # Unknown outcomes
//
// Mixin cannot be asked what became of a create. A user has no field that the caller
// chooses and that is unique; every call of Mixin's that reads a user wants the id, which
// only the reply that was lost held; and no call lists the users that an application has
// made. The client is a userapi.Resolver that answers from what Config.SessionKeys has kept: a
// [KeyDir] knows whether a create was sent, and the user of one that ended. It helps after
// a crash. It does not find the user of a create whose reply was lost. The client is not a
// Repeater, and not a Deleter: Mixin has no call that deletes a user.
//
// What is left is the bill, for a person to read: a user costs 0.5 USD, so that the cost
// of users that Client.Billing returns, before and after, suggests whether one was made,
// if nothing else made any meanwhile. Users that are free do not show there. A user
// whose ids are lost cannot be reached, even with its session key: what a second create
// costs is the price of another. A [KeyDir] sends none by itself. Sources: Mixin's
// docs, "Create Network Users"; its Kotlin client, for the bill.
//
// # Errors
//
// Mixin answers errors with HTTP status 202 and {"error": {"code": …}}. The code
// decides, under any status; only a reply without one is judged by its status. 400
// and 10002 are Invalid, 401 Unauthorized, 403 Forbidden, 404 NotFound, 429
// RateLimited, 20117 (no balance to pay for the user with) Forbidden; 10006, 10104,
// 10105, 10404, 20111, 20116, 20118, 20119 and 20123 Invalid. Any other code, such
// as 500 or 10001, is Unavailable, and whether the user exists is unknown.
// userapi.Error.Code is the code as text. FieldErrors are read off the error's
// extra, whose form is not documented, at most 100; FieldError.Code is always
// userapi.CodeInvalid, and there is no VendorCode.
//
// Error.RequestID, as User.RequestID, is the X-Request-Id of the reply, or the one
// that was sent where the reply has none. A reply that carries another id than the
// request's is no failure, but stands in User.Warnings.
//
// # Retries
//
// A create is sent again after a failure to connect, after 429, and once after a
// 401 whose X-Server-Time shows that the clock here is more than 30 seconds off:
// the client then dates its tokens by the server's clock. Nothing else; Mixin does
// not say that it recognises a request that it has seen. Every attempt is signed
// anew, and all of a call's attempts carry the same session key. A look-up is tried
// again after any passing failure; of calls with a PIN "PINs" speaks.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, and errors.As finds
// *[APIError] in an error that a reply caused.
package mixin
