// Package quickbloxtest is a fake of QuickBlox over real HTTP, for tests, and for
// programs that run without an account.
//
// It enforces what QuickBlox enforces: credentials, the signature and the time of
// a session request, sessions that end two hours after their last use, required
// members, limits and uniqueness. Its statuses, headers and bodies are those of
// QuickBlox's documentation, "Create User", "Create session" and "Errors", and of
// replies that were published. It keeps its users in memory and serves on loopback
// only.
//
// [NewServer] is for tests, [Start] for programs. [Server.Config] makes a client
// that talks to it with the API key; [Server.SessionConfig] is for one that
// obtains sessions. [Server.Inject] makes faults happen to operations:
//
//	Create      POST /users.json
//	Session     POST, GET and DELETE /session.json, POST and DELETE /login.json,
//	            POST /users/{id}/tokens
//	Lookup      GET /users.json, with filters and an order, /users/{id}.json,
//	            /users/by_login.json, /users/by_email.json,
//	            /users/by_facebook_id.json, /users/external/{id}.json,
//	            /users/by_full_name.json and /users/by_tags.json
//	Attributes  PUT /users/{id}.json, GET /users/password/reset.json
//	Delete      DELETE /users/{id}.json and /users/external/{id}.json
//
// Any other request gets a 404 in plain text, which does not look like QuickBlox's
// answer for a user that does not exist. The Logger of [userapitest.ServerOptions]
// names it.
//
// A request above the Rate of [userapitest.ServerOptions] gets status 429, without a
// Retry-After. [Server.Stats] has the counts.
//
// QuickBlox does not document its answers for these. The fake has the likely status and
// a text of its own:
//
//   - too many requests;
//   - a nonce that was used before;
//   - a wrong API key, a wrong old password;
//   - a list's filter or order that it does not know;
//   - somebody else's session.
//
// QuickBlox does not document these rules either. They are the fake's own:
//
//   - The account's owner and an API key may set a password without the old one.
//   - A token lasts as long as a session.
//   - A full name is found by any part of it, and a user by any one of several tags.
//   - A list by full name that finds nobody is empty.
//
// [userapitest.ServerOptions]: https://pkg.go.dev/github.com/enlist-go/enlist/userapi/userapitest#ServerOptions
package quickbloxtest
