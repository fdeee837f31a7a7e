// Package usercomtest is a fake of User.com for tests: a server on loopback that
// keeps users and answers as User.com does.
//
// It checks the token, the version in the Accept header, and the type and form of the
// body. It checks the fields: gender and status must be integers, texts have a maximum
// length, a user_id must be unique.
//
//   - A member that User.com does not know is accepted and dropped, as by User.com. So
//     a wrong name shows in [Server.Users].
//   - A path without its trailing slash gets a page of HTML with status 404. So does
//     one with an escaped slash in its user id.
//   - A custom attribute is made when it is first set. An update in V1 makes one of
//     each member that it does not know, such as of a reply that is sent back.
//
// It serves creates, update_or_create, updates, look-ups by id, user id, e-mail, phone
// number and key, attributes, lists, and deletes. [Server.AddVisitor] does what
// User.com's script does in a browser. For faults, updates and lists count as
// userapitest.Attributes, and update_or_create as userapitest.Create.
//
// Any other request gets the page of HTML, which does not look like the answer for a user
// that does not exist. The Logger of [userapitest.ServerOptions] names it. Errors are in
// English; see [WithPolish].
//
// A request above the Rate of [userapitest.ServerOptions] gets what User.com's
// framework answers: status 429, with a Retry-After in whole seconds. [Server.Stats]
// has the counts.
//
// [userapitest.ServerOptions]: https://pkg.go.dev/github.com/enlist-go/enlist/userapi/userapitest#ServerOptions
package usercomtest
