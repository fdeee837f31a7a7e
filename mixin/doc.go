// Package mixin creates users at Mixin Network, by POST /users.
//
// [Client] is a userapi.Creator, Planner and Resolver; its Users, PIN and Safe fields have
// the vendor's own calls with every field. The facts below are from Mixin's documentation,
// "Create Network Users", "Read User", "Error Codes" and "Generate JWT Token", unless
// another source is named.
//
// # Credentials
//
// Only an application may create users. A client signs with one of these:
//
//   - the session key of the application's [Keystore]. [ParseKeystore] reads it in the forms of
//     Mixin, of fox-one/mixin-sdk-go and of baizhiheizi/mixin_bot, and [ParsePrivateKey] a key alone:
//     hex, base64, PEM, PEM whose line breaks were lost or became \n, and the base64 of DER.
//   - a [TokenSigner] that holds the key elsewhere.
//
// Ed25519 keys sign with EdDSA. RSA keys, the form of 2018, sign with RS512; Mixin no longer issues
// them and is reported to refuse them.
//
// Each attempt has its own token. It is bound to the method, to the path and query as sent,
// and to the body: a proxy that rewrites one of these breaks it. Its jti, a random UUID, is
// also sent as X-Request-Id.
//
// # Session keys
//
// A user signs in with the private half of a session key. Mixin gets the public half,
// session_secret. Store the key before the user is created: a user costs 0.5 USD and is lost with
// its key. The key is one of these:
//
//   - Extra.SessionKey, for a single request
//   - one of Config.SessionKeys, which is asked after the request was found valid and before
//     anything is sent
//   - one of a [KeyDir], a Config.SessionKeys that makes the keys. It stores each in a file, named by
//     a hash of the request's IdempotencyKey, with a [KeyFileState] that is on disk before the next
//     step is taken.
//
// While a key file is prepared the next create uses its key; once a create was sent no other is. A
// create that was refused or not sent puts the file back to prepared. After an unknown
// outcome further creates are Conflicts that were not sent and name the file, until a person
// has looked at the bill and calls SessionKeyDir.Discard, or SessionKeyDir.UserCreated with
// ids that are known from elsewhere. Errors about a file have a [*KeyFileError] in their
// chain and the path in Error.Message.
//
// A store of your own implements [SessionKeys] or, to keep the users too, [SessionKeyStore].
//
// # Making a user usable
//
// [Setup] creates a user with a [KeyDir], sets its TIP key, has it verified and registers
// the user with Safe. Call it until it succeeds, a minute apart: it continues where the last
// call ended, and creates one user with one TIP key.
//
//	dir := mixin.KeyDir("/var/lib/signup/keys")
//	wallet, err := mixin.Setup(ctx, config, dir, userapi.CreateUserRequest{
//		IdempotencyKey: "signup-4711", FullName: "Ada",
//	})
//
// The same by hand, with a client that acts as the user:
//
//	creds, err := response.Credentials(sessionKey)
//	user, err := mixin.New(mixin.Config{Keystore: creds.Keystore()})
//	me, err := user.Users.Me(ctx)                                 // what is done already
//	_, err = user.PIN.Update(ctx, mixin.PIN{}, mixin.TIPPIN(tip)) // tip is stored before
//	_, err = user.PIN.Verify(ctx, mixin.TIPPIN(tip))
//	_, err = user.Safe.Register(ctx, tip, mixin.TIPPIN(tip))
//
// tip is an Ed25519 key that is the user's PIN and, registered with Safe, spends what the
// user owns. It can never be changed: store it before it is sent. Whether a step with an
// unknown outcome was done shows in has_pin, tip_key_base64 and has_safe of Users.Me. Mixin
// takes a moment to know a new TIP key everywhere, and until then may refuse it as a wrong
// PIN. Sources: Mixin's docs, "Migrate to TIP" and "Registration"; Mixin's bot-api-go-client v3.
//
// # PINs
//
// A [PIN] is a TIP key, or six digits as in 2018. [ParsePIN] reads either from a text, such as
// Keystore.PIN.
//
//   - It is sent encrypted. That takes the session's private key itself: a signer that keeps its key
//     cannot.
//   - Five wrong PINs lock it for a day. So a TIP key is first compared with tip_key_base64 of the
//     user's profile, and another one is not sent.
//   - 32 bytes of a TIP key are a seed to Mixin's clients, and may be a scalar to
//     fox-one/mixin-sdk-go. The profile decides. [NewScalarKey] and [ParseTIPKey] are for spend keys.
//   - An encrypted PIN has the time and an iterator that must grow within a session. So a client
//     sends its calls with a PIN one after the other, and never sends an encrypted PIN twice. A
//     refusal corrects the clock of the next call.
//   - Where another client's clock was ahead, Mixin refuses each PIN with code 20119 until its
//     iterators are passed. Config.PINIterator and PINService.StartAt go ahead of them.
//
// # Users that exist
//
//	Users.Get, Fetch      one user, or many; the application too
//	Users.Me, Safe.Me     the user that the client signs as
//	Users.Update          its name and image
//	Users.RotateSession   another key for its session
//	Users.Upgrade         an Ed25519 key, that of UpgradeKey, for an RSA session of 2018
//
// The last two return what a new client needs. Store the new key before: after an unknown outcome
// either key may be the session's, and Users.Me tells which.
//
// # The bill
//
// Client.Billing reads what the application has paid in and used. With Config.RequireCredit each
// create reads it first, and is not sent where the credit does not cover one more user. A user costs
// Config.UserPrice or, without it, the documented [DefaultUserPrice].
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
// [Extra] holds the session key. A plan shows session_secret redacted, asks for no key and
// reads no bill. No reply to a create contradicts the request: nothing in it identifies the
// user that was asked for.
//
// # Unknown outcomes
//
// Mixin cannot be asked what became of a create: a user has no unique field that the caller
// chooses, every read wants the id, and no call lists an application's users. ResolveUser
// answers from what Config.SessionKeys has kept, and sends nothing. A [KeyDir] knows whether
// a create was sent, and the user of one that ended: that helps after a crash, and does not
// find the user of a lost reply. The client is not a Repeater, and not a Deleter: Mixin has
// no call that deletes a user.
//
// A person can compare the cost of users in Client.Billing before and after; free users do not
// show there. A user whose ids are lost cannot be reached, even with its session key.
//
// # Errors
//
// Mixin answers errors with HTTP status 202 and {"error": {"code": …}}. The code decides,
// under any status; a reply without one is judged by its status.
//
//	400, 10002                     Invalid
//	401                            Unauthorized
//	403, 20117 (no balance)        Forbidden
//	404                            NotFound
//	429                            RateLimited
//	10006, 10104, 10105, 10404,
//	20111, 20116, 20118, 20119,
//	20123                          Invalid; of a look-up 10404 is NotFound
//	any other, as 500 or 10001     Unavailable, and the outcome is unknown
//
// Error.Code is the code as text. FieldErrors are read from the error's extra, whose form is
// not documented. Error.RequestID and User.RequestID are the reply's X-Request-Id or, without
// one, the id that was sent; another id in the reply is one of User.Warnings. In a look-up
// a 404 without a code of Mixin's does not say that the user does not exist.
//
// # Retries
//
// A create is sent again after a failure to connect, after 429, and once after a 401 whose
// X-Server-Time is more than 30 seconds off the clock here: the client then dates its tokens
// by the server's clock. All attempts carry the same session key. A look-up is tried again
// after every passing failure.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, and errors.As finds *[APIError] in an
// error that a reply caused.
package mixin
