// Package mixin creates users at Mixin Network, by POST /users.
//
// [Client] is a userapi.Creator; its Users field has the vendor's own calls with
// every field of the vendor's. The facts below are from Mixin's documentation,
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
// created: a user costs the application 0.5 USD, and is lost with its key. A new
// key is best an Ed25519 key. To sign in as the user, put the key into a Keystore
// with the UserID and the SessionID of the [CreateUserResponse].
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
// # Look-ups
//
// UsersService has Get, for a user whose id is known. The codes 404 and 10404 say that
// there is none; a 404 without a code of Mixin's does not.
//
// # Unknown outcomes
//
// An outcome that is unknown cannot be settled by asking, so that the client is no
// userapi.Resolver, nor a Repeater. A user has no field that the caller chooses and that
// is unique; every call of Mixin's that reads a user wants the id, which only the reply
// that was lost held; and no call lists the users that an application has made. Nor is
// it a Deleter: Mixin has no call that deletes a user.
//
// What is left is the bill, for a person to read: a user costs 0.5 USD, so that
// cost.users in the reply to GET /safe/apps/{app_id}/billing, taken before and after,
// suggests whether one was made, if nothing else made any meanwhile. Users that are
// free do not show there. A user whose ids are lost cannot be reached, even with its
// session key: what a second create costs is the price of another. Sources: Mixin's
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
// "invalid".
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
// again after any passing failure.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, and errors.As finds
// *[APIError] in an error that a reply caused.
package mixin
