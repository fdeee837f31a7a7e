// Package quickbloxtest is a fake of QuickBlox over real HTTP, for tests and for
// programs that want to be tried without an account.
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
// Any other request is answered with a 404 in plain text, which no client reads as
// QuickBlox's way to say that a user does not exist. The log of [userapitest.ServerOptions]
// names it.
//
// Over the rate of [userapitest.ServerOptions] it answers with status 429, and without a Retry-After.
// [Server.Stats] counts.
//
// QuickBlox does not say what it answers to too many requests, to a nonce that was used before, to a
// wrong API key, to a wrong old password, to a list's filter or order that it does
// not know and to somebody else's session: there the fake has the likely status and
// a text of its own. Nor does it say these, where the fake has a rule of its own:
// the account's owner and an API key may set a password without the old one, a token
// lasts as long as a session, a full name is found by any part of it and a user by any
// one of several tags, and a list by full name that finds nobody is empty.
//
// [userapitest.ServerOptions]: https://pkg.go.dev/github.com/enlist-go/enlist/userapi/userapitest#ServerOptions
package quickbloxtest
