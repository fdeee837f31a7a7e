// Package usercomtest is a fake of User.com for tests: a server on loopback that
// keeps users and answers as User.com does.
//
// It checks the token, the version that the Accept header asks for, the label and
// the form of the body, and the fields: gender and status must be integers, texts
// have their longest, a user_id must be unique. A member that User.com does not
// know is accepted and forgotten, as User.com does it, so that a wrong name shows in
// [Server.Users]. A path without its trailing slash is a page of HTML with status
// 404, and so is one with an escaped slash in its user id. A custom attribute comes
// into being when it is first set. An update in V1 makes one of each member that it
// does not know, as of a reply that is sent back.
//
// It has creates, update_or_create, updates, look-ups by id, user id, e-mail, phone
// number and key, attributes, lists, and deletes. [Server.AddVisitor] stands for
// User.com's script in a browser. For faults, updates and lists count as
// userapitest.Attributes, and update_or_create as userapitest.Create.
//
// What it does not serve gets the page of HTML, which no client takes for a user's
// absence, and is named on the log of [userapitest.ServerOptions]. Errors are in English;
// see [WithPolish].
//
// Over the rate of [userapitest.ServerOptions] it answers as its framework does: status 429, with a Retry-After in
// whole seconds. [Server.Stats] counts.
//
// [userapitest.ServerOptions]: https://pkg.go.dev/github.com/enlist-go/enlist/userapi/userapitest#ServerOptions
package usercomtest
