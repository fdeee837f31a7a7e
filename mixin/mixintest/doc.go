// Package mixintest is a fake of Mixin for tests: a server on loopback that keeps
// users and answers as Mixin does.
//
// It checks every token for real: its algorithm against the session's key, its
// signature, its dates against the server's clock, that its claim sig fits the
// method, path, query and body that came in, and that it was not used before. Only
// the application may create users; the session_secret of each must be a public
// key. Errors come with HTTP status 202. Every reply of a call below carries X-Request-Id
// and X-Server-Time.
//
// A user that was created signs in as itself, with its session key and the ids that
// the reply holds.
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
// The names on the right are the operations of faults. The application has a profile
// and an identity number, and is not one of Users; users have no identity number.
// Mixin's applications have PINs too; here only users have them, and the application
// gets the code 403. Config and KeystoreJSON have the application's first key, also
// after it was rotated.
//
// Any other route gets HTTP status 404 and a plain text, which does not look like the
// answer for a user that does not exist. The Logger of userapitest.ServerOptions names
// it. Faults do not apply to it.
//
// A request above the Rate of userapitest.ServerOptions gets the code 429, without a
// Retry-After. Server.Stats has the counts.
//
// # Sessions
//
// POST /session/secret and POST /legacy/users give a session another key, under the
// same id. The old key does not sign any more. An RSA key is replaced by an Ed25519
// one, and never the other way. What proves an upgrade is the user's PIN of digits,
// encrypted for the RSA session. It is not documented whether the session's id stays:
// that is a choice of this package.
//
// # PINs
//
// The server keeps its half of each user's PIN key and decrypts every PIN, under the
// names of today (pin_base64, old_pin_base64) and of 2018 (pin, old_pin), in either
// alphabet of base64. A PIN is six digits, or a TIP key: its public half and the
// counter 1. A user sets one, changes digits, and replaces digits by a TIP key; a TIP
// key stays for ever. POST /pin/verify takes the digits, or the TIP key's signature of
// its timestamp; POST /safe/users takes that of the spend key, which itself signs the
// user's id, once.
//
//	20118  what was decrypted is no PIN: not six digits, not 32 bytes and a counter of
//	       1, not a public key, not a signature
//	20119  the PIN is wrong, or missing, or none is set; or it was not encrypted as it
//	       must be: with another key, at another time, or with an iterator that is not
//	       greater than the session's last one
//	429    the PIN is locked
//	403    another PIN in the place of a TIP key; a second registration
//	10002  a member that is missing or malformed, and the signature of the spend key
//
// Only a wrong PIN counts: wrong digits, or a wrong signature. Five of them lock the
// user's PIN for 24 hours, by the server's clock. A right PIN before the fifth resets
// the count. Every PIN that was decrypted and dated well uses up its iterator, whatever
// the result of the request, also if its reply was lost.
//
// Sources: Mixin's docs, "Verify PIN", for what counts, "Migrate to TIP", and
// "Registration"; its Android client, for the codes and the lock. Not documented, and
// so a choice of this package: the codes for a missing old PIN, for a second TIP key
// and for a second registration, and how far times may be off (WithLeeway).
//
// As at Mixin, the codes do not say exactly what was wrong. The header X-Fake-Reason
// does, for people. Mixin does not send it, so a program must not read it.
//
// # Billing
//
// A user costs WithPrice; the default is "0.5". The application's credit does not
// change, and its cost.users grows with each user. A user whose price the credit does
// not cover is refused with the code 20117. Mixin shows the price only to official
// applications.
package mixintest
