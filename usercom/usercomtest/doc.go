// Package usercomtest is a fake of User.com for tests: a server on loopback that
// keeps users and answers as User.com does.
//
// It checks the token, the version that the Accept header asks for, the label and
// the form of the body, and the fields: gender and status must be integers, texts
// have their longest, a user_id must be unique. A member that User.com does not
// know is accepted and forgotten, as User.com does it, so that a wrong name shows in
// [Server.Users]. A path without its trailing slash is a page of HTML with status
// 404, and so is one with an escaped slash in its user id. A custom attribute comes
// into being when it is first set.
//
// Beside what package usercom calls, it has update_or_create, look-ups by id, user
// id, e-mail, phone number and key, updates, and deletes. For faults, updates count
// as userapitest.Attributes, and update_or_create as userapitest.Create.
package usercomtest
