// Package mixintest is a fake of Mixin for tests: a server on loopback that stores users and
// answers as Mixin does.
//
// It checks every token: the algorithm must match the session's key, the signature must be valid,
// and the dates must be near the server's clock. The claim sig must match the method, path, query
// and body of the request, and a token works only once. Only the application can create users. A
// user's session_secret must be a public key. Errors have HTTP status 202. Every reply to a call
// below has X-Request-Id and X-Server-Time.
//
// A new user signs in with its session key and the ids from the reply.
//
// # Calls
//
//	POST /users                       userapitest.Create; by the application
//	GET  /me, /safe/me, /users/{id}   userapitest.Lookup
//	POST /users/fetch                 userapitest.Lookup; those of a list of ids that exist
//	GET  /search/{number}             userapitest.Lookup; by identity number
//	GET  /safe/apps/{id}/billing      userapitest.Lookup; of the application by itself
//	GET  /apps/property               userapitest.Lookup; with WithOfficialApp alone
//	POST /me                          userapitest.Attributes; full_name and avatar_base64
//	POST /session/secret              userapitest.Attributes; another Ed25519 session key
//	POST /legacy/users                userapitest.Attributes; without a token, with a PIN
//	POST /pin/update, /pin/verify     userapitest.Attributes; by a user
//	POST /safe/users                  userapitest.Attributes; by a user
//
// The names on the right are the operations of faults. The application has a profile and an
// identity number, and is not one of Users. Users have no identity number. At Mixin, applications
// have PINs too. Here only users have them, and the application gets the code 403. Config and
// KeystoreJSON have the application's first key, even after a rotation.
//
// Any other route gets HTTP status 404 and a plain text, so it does not look like a missing user.
// The Logger of userapitest.ServerOptions names the route. Faults do not apply to it.
//
// A request above the Rate of userapitest.ServerOptions gets the code 429, without a Retry-After.
// Server.Stats has the counts.
//
// # Sessions
//
// POST /session/secret and POST /legacy/users replace a session's key and keep the session's id.
// The old key then no longer works. An Ed25519 key can replace an RSA key, but not the other way
// round. For an upgrade the user proves itself with its PIN of digits, encrypted for the RSA
// session. Mixin does not document whether the session's id stays: that is a choice of this
// package.
//
// # PINs
//
// The server keeps its half of each user's PIN key and decrypts every PIN. It accepts the present
// names (pin_base64, old_pin_base64) and those of 2018 (pin, old_pin), in either alphabet of
// base64. A PIN is six digits, or a TIP key: its public half and the counter 1. A user can set a
// PIN, change digits, and replace digits by a TIP key. A TIP key cannot be changed. POST
// /pin/verify takes the digits, or a signature of its timestamp by the TIP key. POST /safe/users
// takes the TIP key's signature of the spend key. The spend key signs the user's id, once.
//
//	20118  the decrypted text is not a PIN: not six digits, not 32 bytes and a counter of
//	       1, not a public key, not a signature
//	20119  the PIN is wrong or missing, or none is set; or its encryption is wrong: another
//	       key, another time, or an iterator that is not greater than the session's last one
//	429    the PIN is locked
//	403    a change of a TIP key; a second registration
//	10002  a missing or malformed member, or a wrong signature by the spend key
//
// Only a wrong PIN counts: wrong digits, or a wrong signature. Five of them lock the user's PIN for
// 24 hours, by the server's clock. A right PIN before the fifth resets the count. Every decrypted
// PIN with a right date uses up its iterator, even if the request fails or its reply is lost.
//
// Sources: Mixin's docs, "Verify PIN", for the count, "Migrate to TIP", and "Registration"; its
// Android client, for the codes and the lock. Not documented, and so a choice of this package: the
// codes for a missing old PIN, for a second TIP key and for a second registration, and the
// tolerance of times (WithLeeway).
//
// As at Mixin, a code can stand for several faults. The header X-Fake-Reason shows people which
// one. Mixin does not send it, so a program must not read it.
//
// # Billing
//
// A user costs WithPrice; the default is "0.5". The application's credit does not change, and its
// cost.users grows with each user. If the credit does not cover a user's price, the user is refused
// with the code 20117. Mixin shows the price only to official applications.
package mixintest
