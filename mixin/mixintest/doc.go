// Package mixintest is a fake of Mixin for tests: a server on loopback that keeps
// users and answers as Mixin does.
//
// It checks every token for real: its algorithm against the session's key, its
// signature, its dates against the server's clock, that its claim sig fits the
// method, path, query and body that came in, and that it was not used before. Only
// the application may create users; the session_secret of each must be a public
// key. Errors come with HTTP status 202. Every reply carries X-Request-Id and
// X-Server-Time.
//
// A user that was created signs in as itself, with its session key and the ids that
// the reply holds. Beside POST /users the server has GET /me and GET /users/{id},
// which count as userapitest.Lookup for faults, as does every path that does not
// exist.
package mixintest
