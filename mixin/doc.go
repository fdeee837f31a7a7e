// Package mixin creates users at Mixin Network, by POST /users.
//
// [Client] is a userapi.Creator, Planner and Resolver. Its Users, PIN and Safe fields have
// the vendor's own calls with every field. The facts below are from Mixin's documentation,
// "Create Network Users", "Read User", "Error Codes" and "Generate JWT Token", unless
// another source is named.
//
// # Credentials
//
// Only an application may create users. A client signs with one of these:
//
//   - the session key of the application's [Keystore]. [ParseKeystore] reads the forms of
//     Mixin, of fox-one/mixin-sdk-go and of baizhiheizi/mixin_bot.
//   - a [TokenSigner] that has the key elsewhere.
//
// [ParsePrivateKey] reads a key alone: hex, base64, PEM, PEM whose line breaks were lost or
// became \n, and the base64 of DER. Ed25519 keys sign with EdDSA. RSA keys, the form of 2018,
// sign with RS512. Mixin no longer issues RSA keys, and is reported to refuse them.
//
// Each attempt has its own token, for its method, its path and query as sent, and its body. A
// proxy that rewrites one of these makes the token invalid. The token's jti, a random UUID,
// is also sent as X-Request-Id.
//
// # Session keys
//
// A user signs in with the private half of a session key. Mixin gets the public half,
// session_secret. Store the key before the user is created: a user costs 0.5 USD, and is lost
// without its key. The key comes from one of these:
//
//   - Extra.SessionKey, for a single request
//   - Config.SessionKeys. It is asked after the request was found valid, and before anything
//     is sent.
//   - [KeyDir], a Config.SessionKeys that makes the keys. It stores each in a file, named by a
//     hash of the request's IdempotencyKey. The file has a [KeyFileState], which is on disk
//     before the next step begins.
//
// How a KeyDir uses a file:
//
//   - Prepared: the next create uses its key.
//   - A create was sent: no other create uses the key.
//   - A create was refused or not sent: the file is prepared again.
//   - A create has an unknown outcome: every further create is a Conflict that is not sent and
//     names the file. A person must look at the bill, then call SessionKeyDir.Discard, or
//     SessionKeyDir.UserCreated with ids that are known from elsewhere.
//
// An error about a file has a [*KeyFileError] in its chain and the path in Error.Message. A
// store of your own implements [SessionKeys] or, to keep the users too, [SessionKeyStore].
//
// # Making a user usable
//
// [Setup] creates a user with a [KeyDir], sets its TIP key, verifies it, and registers the
// user with Safe. Call it until it succeeds, a minute apart. Each call continues where the
// last one ended. It creates one user with one TIP key.
//
//	dir := mixin.KeyDir("/var/lib/signup/keys")
//	wallet, err := mixin.Setup(ctx, config, dir, userapi.CreateUserRequest{
//		IdempotencyKey: "signup-4711", FullName: "Ada",
//	})
//
// The same steps one by one, with a client that acts as the user:
//
//	creds, err := response.Credentials(sessionKey)
//	user, err := mixin.New(mixin.Config{Keystore: creds.Keystore()})
//	me, err := user.Users.Me(ctx)                                 // what is done already
//	_, err = user.PIN.Update(ctx, mixin.PIN{}, mixin.TIPPIN(tip)) // tip is stored before
//	_, err = user.PIN.Verify(ctx, mixin.TIPPIN(tip))
//	_, err = user.Safe.Register(ctx, tip, mixin.TIPPIN(tip))
//
// tip is an Ed25519 key. It is the user's PIN and, registered with Safe, spends what the user
// owns.
//
//   - It can never be changed: store it before it is sent.
//   - After an unknown outcome, has_pin, tip_key_base64 and has_safe of Users.Me show which
//     steps were done.
//   - Mixin takes a moment to know a new TIP key everywhere. Until then it may refuse the key
//     as a wrong PIN.
//
// Sources: Mixin's docs, "Migrate to TIP" and "Registration"; Mixin's bot-api-go-client v3.
//
// # PINs
//
// A [PIN] is a TIP key or, as in 2018, six digits. [ParsePIN] reads either from a text, such
// as Keystore.PIN.
//
//   - A PIN is sent encrypted. That needs the session's private key itself, and not only a
//     signer.
//   - Five wrong PINs lock it for a day. So a TIP key is first compared with tip_key_base64 of
//     the user's profile. If it differs it is not sent.
//   - 32 bytes of a TIP key are a seed in Mixin's clients, and may be a scalar in
//     fox-one/mixin-sdk-go. The profile decides. [NewScalarKey] and [ParseTIPKey] are for spend
//     keys.
//   - An encrypted PIN has the time, and an iterator that must grow within a session. So a
//     client sends its calls with a PIN one after the other, and never sends an encrypted PIN
//     twice. After a refusal the client corrects the clock for the next call.
//   - If another client's clock was ahead, Mixin refuses each PIN with code 20119 until its
//     iterators are passed. Config.PINIterator and PINService.StartAt start beyond them.
//
// # Users that exist
//
//	Users.Get, Fetch      one user, or many; the application too
//	Users.Me, Safe.Me     the user that the client signs as
//	Users.Update          its name and image
//	Users.RotateSession   another key for its session
//	Users.Upgrade         an Ed25519 key, that of UpgradeKey, for an RSA session of 2018
//
// The last two return what a new client needs. Store the new key before. After an unknown
// outcome either key may be the session's; Users.Me shows which.
//
// # The bill
//
// Client.Billing reads what the application has paid in and used. With Config.RequireCredit
// each create reads it first, and is not sent if the credit does not cover one more user. A
// user costs Config.UserPrice or, without it, the documented [DefaultUserPrice].
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
// [Extra] has the session key. A plan shows session_secret redacted, asks for no key and
// reads no bill. The reply to a create is not compared with the request: no member of the
// request identifies the user.
//
// # Unknown outcomes
//
// Mixin cannot say whether a create made a user. A user has no unique field that the caller
// chooses, every read needs the id, and no call lists an application's users.
//
//   - ResolveUser answers from what Config.SessionKeys has stored, and sends nothing. A [KeyDir]
//     knows whether a create was sent, and the user if its reply came. That helps after a
//     crash. It does not find the user of a lost reply.
//   - The client is not a Repeater, because a second create makes a second user.
//   - It is not a Deleter, because Mixin has no call that deletes a user.
//   - A person can compare the cost of users in Client.Billing before and after. Free users do
//     not show there.
//   - A user whose ids are lost cannot be reached, even with its session key.
//
// # Errors
//
// Mixin sends errors with HTTP status 202 and {"error": {"code": …}}. The code decides, under
// any status. Without a code the status decides.
//
//	400, 10002                     Invalid
//	401                            Unauthorized
//	403, 20117 (no balance)        Forbidden
//	404                            NotFound
//	429                            RateLimited
//	10006, 10104, 10105, 10404,
//	20111, 20116, 20118, 20119,
//	20123                          Invalid; for a look-up 10404 is NotFound
//	any other, as 500 or 10001     Unavailable, and the outcome is unknown
//
// Error.Code is the code as text. FieldErrors are read from the error's extra, whose form is
// not documented. Error.RequestID and User.RequestID are the reply's X-Request-Id or, without
// one, the id that was sent. Another id in the reply is one of User.Warnings. A look-up's 404
// without one of Mixin's codes does not prove that the user is absent.
//
// # Retries
//
//	create    after a failure to connect, after 429, and once after a 401 whose X-Server-Time
//	          differs from this machine's clock by more than 30 seconds
//	look-up   after every temporary failure
//
// After such a 401 the client dates its tokens by the server's clock. All attempts of a create
// have the same session key.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user. errors.As finds *[APIError] in an error
// that a reply caused.
package mixin
